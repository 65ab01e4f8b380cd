package tissue

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"phasl/internal/sharedtest"
	"phasl/nifti"
	"phasl/voxel"
)

func readShared(t testing.TB, parts ...string) *voxel.Image {
	t.Helper()
	img, _, err := nifti.ReadImage(sharedtest.Path(t, parts...))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// correlation of two images over a mask.
func correlation(a, b *voxel.Image, m *voxel.Mask) float64 {
	var n, x, y, xx, yy, xy float64
	for i, in := range m.In {
		if in {
			p, q := float64(a.Data[i]), float64(b.Data[i])
			n, x, y, xx, yy, xy = n+1, x+p, y+q, xx+p*p, yy+q*q, xy+p*q
		}
	}
	return (xy - x*y/n) / math.Sqrt((xx-x*x/n)*(yy-y*y/n))
}

// A phantom is a head drawn from ellipsoids: a brain of 1.6 L with a folded
// band of grey matter, ventricles, CSF around it, skull, scalp and a neck, in
// about the volumes of a person.
type phantom struct {
	t1      *voxel.Image    // without noise and bias
	truth   [3]*voxel.Image // CSF, GM, WM fractions
	brain   *voxel.Mask
	brainML float64
}

// Intensities of the phantom, as in an MPRAGE.
var phantomT1 = [...]float64{csf: 30, gm: 60, wm: 100}

const (
	phantomSkull = 8.
	phantomScalp = 140.
	phantomNeck  = 55.
)

// kind returns what lies at p: csf, gm or wm in the brain, 3 skull, 4 scalp, 5
// neck, −1 air.
func kind(p voxel.Vec) int {
	x, y, z := p[0]/68, p[1]/85, p[2]/65
	r := math.Sqrt(x*x + y*y + z*z)
	if r < 1 {
		if v := math.Hypot(math.Hypot((math.Abs(p[0])-10)/7, p[1]/30), p[2]/10); v < 1 {
			return csf
		}
		fold := math.Sin(9*math.Atan2(y, x)) * math.Sin(11*math.Acos(z/max(r, 1e-9)))
		switch edge := 0.95 + 0.02*fold; {
		case r > edge:
			return csf
		case r > edge-0.2+0.08*fold:
			return gm
		}
		return wm
	}
	n := math.Hypot(p[0]/50, (p[1]+10)/60)
	switch {
	case r < 1.1:
		return 3
	case r < 1.2:
		return 4
	case p[2] < -50 && n < 0.9:
		return 5
	case p[2] < -50 && n < 1:
		return 4
	}
	return -1
}

// drawHead returns the phantom on g, each voxel the mean over n³ points.
func drawHead(g voxel.Grid, n int) *phantom {
	h := &phantom{t1: voxel.NewImage(g), brain: voxel.NewMask(g)}
	for c := range 3 {
		h.truth[c] = voxel.NewImage(g)
	}
	for v := range h.t1.Data {
		i, j, k := g.Coord(v)
		s, in := 0.0, 0
		for a := range n * n * n {
			q := voxel.Vec{float64(i), float64(j), float64(k)}
			for x, m := range [3]int{a % n, a / n % n, a / n / n} {
				q[x] += (float64(m)+0.5)/float64(n) - 0.5
			}
			switch c := kind(g.Affine.Map(q)); {
			case c >= 0 && c < 3:
				h.truth[c].Data[v] += 1 / float32(n*n*n)
				s += phantomT1[c]
				in++
			case c == 3:
				s += phantomSkull
			case c == 4:
				s += phantomScalp
			case c == 5:
				s += phantomNeck
			}
		}
		h.t1.Data[v] = float32(s / float64(n*n*n))
		h.brain.In[v] = 2*in > n*n*n
	}
	h.brainML = volumeML(h.brain)
	return h
}

// fineHead is the phantom at 2.5 mm, eight points to a voxel, drawn once. Tests
// must not change it.
var fineHead = sync.OnceValue(func() *phantom { return drawHead(headGrid(2.5), 2) })

// headGrid covers the phantom with voxels of mm millimetres, the neck included.
func headGrid(mm float64) voxel.Grid {
	lo := voxel.Vec{-95, -115, -140}
	g := voxel.Grid{Affine: voxel.Translation(lo).Mul(voxel.Scaling(voxel.Vec{mm, mm, mm}))}
	for a, hi := range [3]float64{95, 115, 90} {
		g.Dim[a] = int((hi-lo[a])/mm) + 1
	}
	return g
}

// spoil multiplies by a smooth field that spans a factor of about exp(2·depth)
// and adds Rician noise of the given SD.
func spoil(img *voxel.Image, depth, sd float64, seed uint64) *voxel.Image {
	r := rand.New(rand.NewPCG(seed, 1))
	out := img.Clone()
	for n, v := range img.Data {
		p := img.World(img.Coord(n))
		b := math.Exp(depth * (0.6*p[1]/85 - 0.5*math.Cos(p[0]/40) + 0.3*p[2]/65*p[0]/68))
		re, im := float64(v)*b+sd*r.NormFloat64(), sd*r.NormFloat64()
		out.Data[n] = float32(math.Hypot(re, im))
	}
	return out
}
