package register

import (
	"math"
	"math/rand/v2"
	"testing"

	"phasl/voxel"
)

// A shift that every label shows is found and removed; one that chance and a
// drifting head explain is left alone.
func TestSystematic(t *testing.T) {
	centre := voxel.Vec{1, 2, 3}
	for _, tt := range []struct {
		shift float64 // [mm] of labels along z
		want  bool
	}{{0.5, true}, {0, false}} {
		rng := rand.New(rand.NewPCG(6, 6))
		m := &mover{}
		main, label := &team{number: 0}, &team{number: 1}
		for v := range 20 {
			p := Pose{Translation: uniform(rng, 0.1), Rotation: uniform(rng, 0.002)}
			p.Translation[2] += 0.1 * float64(v) // drift
			if v%2 == 1 {
				p.Translation[2] += tt.shift
				label.vols = append(label.vols, v)
			} else {
				main.vols = append(main.vols, v)
			}
			m.pose = append(m.pose, p.About(centre))
		}
		got, ok := m.systematic(main, label, centre)
		// Nine differences of three uniform numbers in ±0.1: 0.024 standard error.
		if ok != tt.want || math.Abs(got.Translation[2]-tt.shift) > 0.1 {
			t.Errorf("shift %g: found %v, %+v", tt.shift, ok, got)
		}
	}
}
