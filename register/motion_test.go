package register

import (
	"math"
	"math/rand/v2"
	"testing"

	"phasl/voxel"
)

// A scan describes a simulated series.
type scan struct {
	volumes   int
	tissue    contrast // of a control volume
	perfusion float64  // signal that grey matter loses in a label volume
	noise     float64
	field     float64
	m0        bool // volume 0 is a calibration scan
	still     bool // no motion
	size      voxel.Vec
	dim       [3]int
	drift     float64 // largest displacement [mm] and rotation [degree]
}

// series simulates s: control and label in turn, a random walk of the head.
func (s scan) series(seed uint64) (*voxel.Series, []int, []voxel.Affine) {
	if s.dim[0] == 0 {
		s.dim, s.size = [3]int{56, 64, 28}, voxel.Vec{3.5, 3.5, 5}
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	centre := voxel.Vec{0, -18, 12}
	g := box(s.dim, s.size, uniform(rng, 0.15), voxel.Vec{2, -16, 18})
	out := &voxel.Series{Grid: g}
	var group []int
	var truth []voxel.Affine
	var p Pose
	for v := range s.volumes {
		if v > 0 && !s.still {
			a, b := uniform(rng, 1.2), uniform(rng, 1.2*math.Pi/180)
			for k := range 3 {
				p.Translation[k] = min(max(p.Translation[k]+a[k], -s.drift), s.drift)
				p.Rotation[k] = min(max(p.Rotation[k]+b[k], -s.drift*math.Pi/180), s.drift*math.Pi/180)
			}
		}
		t := p.About(centre)
		c, kind := s.tissue, v%2
		lose := 0.0
		if kind == 1 {
			lose = s.perfusion
		}
		if s.m0 && v == 0 {
			c, kind, lose = m0Contrast, 2, 0
		}
		img := c.perfused(lose).render(g, t.Inverse())
		spoil(img, s.noise, s.field, seed*100+uint64(v))
		out.Vols = append(out.Vols, img.Data)
		group = append(group, kind)
		truth = append(truth, t)
	}
	return out, group, truth
}

func motionError(r MotionResult, truth []voxel.Affine, mask *voxel.Mask, ref int) (mean, worst float64, zig voxel.Vec) {
	for v := range truth {
		if v == ref {
			continue
		}
		got := r.Transforms[v].Mul(r.Transforms[ref].Inverse())
		want := truth[v].Mul(truth[ref].Inverse())
		e, _ := meanError(got, want, mask)
		mean += e / float64(len(truth)-1)
		worst = max(worst, e)
		if v == 0 {
			lastM0 = e
		}
		a, b := poseOf(got, r.Centre), poseOf(want, r.Centre)
		for k := range 3 {
			zig[k] += (a.Translation[k] - b.Translation[k]) * float64(1-2*(v%2)) / float64(len(truth)) * 2
		}
	}
	return
}

func TestMotionRecovery(t *testing.T) {
	suppressed := contrast{csf: 60, grey: 200, white: 110, bone: 10, scalp: 150}
	XP = knob("XP", 0) > 0
	XV = knob("XV", 1.8)
	XM = knob("XM", 0) > 0
	for _, tt := range []struct {
		name string
		s    scan
	}{
		{"plain", scan{volumes: 9, tissue: m0Contrast, perfusion: 15, noise: 12, field: 0.2, drift: 4}},
		{"suppressed", scan{volumes: 9, tissue: suppressed, perfusion: 15, noise: 8, field: 0.2, drift: 4}},
		{"m0", scan{volumes: 9, tissue: suppressed, perfusion: 15, noise: 8, field: 0.2, drift: 4, m0: true}},
		{"still", scan{volumes: 8, tissue: suppressed, perfusion: 15, noise: 4, field: 0.2, still: true}},
	} {
		for _, grouped := range []bool{true, false} {
			var sum, most float64
			n := knob("N", 2)
			var zig voxel.Vec
			for seed := range uint64(n) {
				s, g, truth := tt.s.series(seed)
				if !grouped {
					g = nil
				}
				r, err := Motion(s, MotionOptions{Group: g, FWHM: knob("FW", 0)})
				if err != nil {
					t.Fatal(err)
				}
				e, w, z := motionError(r, truth, brainMask(s.Grid), 1)
				sum += e / n
				most = max(most, w)
				zig = z
			}
			if tt.s.m0 {
				t.Log(lastM0)
			}
			t.Logf("%s %v: mean %.3f worst %.3f zig %.3f", tt.name, grouped, sum, most, zig)
		}
	}
}

var lastM0 float64
