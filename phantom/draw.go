package phantom

import (
	"fmt"
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// A Drawing is a brain on a grid.
type Drawing struct {
	voxel.Grid
	Fraction [numTissues]*voxel.Image // share of each voxel [1], by Tissue; they add up to 1
	Label    []uint16                 // index of the commonest region, 0 where less than half is grey matter
}

// fineVoxel is the voxel size [mm] up to which Draw looks inside only those
// voxels whose neighbours differ: sulci are about as wide as such voxels, so
// that little can hide within one.
const fineVoxel = 1.25

// Draw returns the share of each tissue in each voxel of g, from n×n×n points
// spread evenly within it (n = 0: 2), and its label. Voxels of at most 1.25 mm
// whose centre and six neighbours hold the same tissue count as filled by it.
// workers is the number of goroutines, 0 for one per CPU; the result does not
// depend on it.
//
// Draw panics if n is negative or greater than 15.
func (b *Brain) Draw(g voxel.Grid, n, workers int) *Drawing {
	if n == 0 {
		n = 2
	}
	if n < 0 || n > 15 {
		panic(fmt.Sprintf("phantom: Draw: %d points a side is not in 1 to 15", n))
	}
	var centre []point
	if s := g.Spacing(); n == 1 || max(s[0], s[1], s[2]) <= fineVoxel {
		centre = b.points(g, workers)
	}
	return b.draw(g, n, centre, workers)
}

// points returns what the voxel centres of g hold.
func (b *Brain) points(g voxel.Grid, workers int) []point {
	out := make([]point, g.Len())
	at := b.on(g.Affine)
	par.Do(workers, g.Dim[2], func(k int) {
		v := g.Index(0, 0, k)
		for j := range g.Dim[1] {
			for i := range g.Dim[0] {
				t, r := at(float64(i), float64(j), float64(k))
				out[v] = point{t, uint16(r)}
				v++
			}
		}
	})
	return out
}

// draw is Draw with the voxel centres of a fine grid, or nil for a coarse one.
func (b *Brain) draw(g voxel.Grid, n int, centre []point, workers int) *Drawing {
	d := &Drawing{Grid: g, Label: make([]uint16, g.Len())}
	for t := range d.Fraction {
		d.Fraction[t] = voxel.NewImage(g)
	}
	plane := g.Dim[0] * g.Dim[1]
	par.Do(workers, g.Dim[2], func(k int) {
		in := newInspector(b, g.Affine, n)
		for v := k * plane; v < (k+1)*plane; v++ {
			i, j, _ := g.Coord(v)
			if centre != nil && (n == 1 || uniform(centre, g, i, j, k)) {
				d.Fraction[centre[v].tissue].Data[v] = 1
				d.Label[v] = centre[v].region
				continue
			}
			in.look(i, j, k)
			for t, c := range in.count {
				d.Fraction[t].Data[v] = float32(c) / float32(n*n*n)
			}
			if 2*in.count[Grey] >= n*n*n {
				d.Label[v] = uint16(in.commonest())
			}
		}
	})
	return d
}

// A point is what [Brain.At] says of one.
type point struct {
	tissue Tissue
	region uint16
}

// uniform reports whether voxel (i, j, k) and its face neighbours hold one
// tissue.
func uniform(centre []point, g voxel.Grid, i, j, k int) bool {
	t := centre[g.Index(i, j, k)].tissue
	for _, o := range [6][3]int{{-1, 0, 0}, {1, 0, 0}, {0, -1, 0}, {0, 1, 0}, {0, 0, -1}, {0, 0, 1}} {
		if x, y, z := i+o[0], j+o[1], k+o[2]; g.Inside(x, y, z) && centre[g.Index(x, y, z)].tissue != t {
			return false
		}
	}
	return true
}

// An inspector counts what n×n×n points of a voxel hold.
type inspector struct {
	at     func(x, y, z float64) (Tissue, int)
	offset []float64
	count  [numTissues]int
	tally  []int // by region
	seen   []int // regions whose tally is not 0
}

func newInspector(b *Brain, a voxel.Affine, n int) *inspector {
	return &inspector{at: b.on(a), offset: subOffsets(n), tally: make([]int, 2*len(areas)+1)}
}

func (in *inspector) look(i, j, k int) {
	in.count = [numTissues]int{}
	for _, r := range in.seen {
		in.tally[r] = 0
	}
	in.seen = in.seen[:0]
	for _, oz := range in.offset {
		for _, oy := range in.offset {
			for _, ox := range in.offset {
				t, r := in.at(float64(i)+ox, float64(j)+oy, float64(k)+oz)
				in.count[t]++
				if r > 0 {
					if in.tally[r] == 0 {
						in.seen = append(in.seen, r)
					}
					in.tally[r]++
				}
			}
		}
	}
}

// commonest returns the region of most points, of equals the least; 0 if none.
func (in *inspector) commonest() int {
	best := 0
	for _, r := range in.seen {
		if best == 0 || in.tally[r] > in.tally[best] || in.tally[r] == in.tally[best] && r < best {
			best = r
		}
	}
	return best
}

// subOffsets returns the n places along an axis, in voxels from the centre,
// that divide a voxel into n equal parts and lie in their middles.
func subOffsets(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = (float64(i)+0.5)/float64(n) - 0.5
	}
	return out
}

// Labels returns the label of each voxel as an image.
func (d *Drawing) Labels() *voxel.Image {
	img := voxel.NewImage(d.Grid)
	for i, l := range d.Label {
		img.Data[i] = float32(l)
	}
	return img
}

// BrainMask returns the voxels at least half filled by grey or white matter
// or by CSF: the inside of the skull.
func (d *Drawing) BrainMask() *voxel.Mask {
	m := voxel.NewMask(d.Grid)
	for i := range m.In {
		m.In[i] = d.Fraction[Grey].Data[i]+d.Fraction[White].Data[i]+d.Fraction[CSF].Data[i] >= 0.5
	}
	return m
}

// T1wOptions say what spoils a T1-weighted image. The zero value: nothing.
type T1wOptions struct {
	Blur float64 // FWHM of the point spread [mm]
	Bias float64 // receive field varies by about ± this share across the head [1]
	SNR  float64 // signal of white matter over the standard deviation of the noise; 0: no noise
	Seed uint64  // of the noise
}

// t1wSignal is the contrast of an inversion-prepared gradient echo, in the
// order of Tissue: white brightest within the brain, CSF nearly black, scalp
// fat brighter still.
var t1wSignal = [numTissues]float64{Air: 0, Scalp: 1150, Muscle: 480, Skull: 90, CSF: 210, Grey: 640, White: 920}

// T1w returns a T1-weighted image of the drawing in arbitrary units (white
// matter 920). Noise is Rician, as in a magnitude image.
func (d *Drawing) T1w(opt T1wOptions, workers int) *voxel.Image {
	img := voxel.NewImage(d.Grid)
	plane := d.Dim[0] * d.Dim[1]
	par.Do(workers, d.Dim[2], func(k int) {
		for v := k * plane; v < (k+1)*plane; v++ {
			var s float64
			for t := range t1wSignal {
				s += float64(d.Fraction[t].Data[v]) * t1wSignal[t]
			}
			img.Data[v] = float32(s)
		}
	})
	if opt.Blur > 0 {
		img = voxel.Smooth(img, opt.Blur, workers)
	}
	sigma := 0.0
	if opt.SNR > 0 {
		sigma = t1wSignal[White] / opt.SNR
	}
	if opt.Bias == 0 && sigma == 0 {
		return img
	}
	par.Do(workers, d.Dim[2], func(k int) {
		r := stream(opt.Seed, "t1w noise", uint64(k))
		for v := k * plane; v < (k+1)*plane; v++ {
			s := float64(img.Data[v])
			if opt.Bias != 0 {
				i, j, _ := d.Coord(v)
				s *= receive(d.World(i, j, k), opt.Bias)
			}
			if sigma > 0 {
				s = math.Hypot(s+sigma*r.NormFloat64(), sigma*r.NormFloat64())
			}
			img.Data[v] = float32(s)
		}
	})
	return img
}

// receive is the sensitivity of the receive coil at scanner position p [mm]:
// smooth, near 1, varying by about ±bias over the head.
func receive(p voxel.Vec, bias float64) float64 {
	x, y, z := p[0]/90, (p[1]+18)/110, (p[2]-8)/90
	return math.Exp(bias * (0.55*x - 0.4*y + 0.35*z + 0.6*(x*x+y*y+z*z) - 0.35))
}

// Maps returns the true properties of tissue at the voxel centres of g, one
// tissue per voxel. Choose g fine (1 mm): partial volume arises when an
// acquisition averages over it. CBF is 0 outside grey and white matter.
func (b *Brain) Maps(g voxel.Grid, c Constants, p Physiology, workers int) *Maps {
	return b.maps(g, c, p, b.points(g, workers), workers)
}

func (b *Brain) maps(g voxel.Grid, c Constants, p Physiology, points []point, workers int) *Maps {
	c = c.orDefault()
	n := g.Len()
	m := &Maps{Grid: g, CBF: make([]float32, n), ATT: make([]float32, n), T1: make([]float32, n), M0: make([]float32, n),
		Tissue: make([]Tissue, n), Region: make([]uint16, n)}
	flow := p.table()
	plane := g.Dim[0] * g.Dim[1]
	par.Do(workers, g.Dim[2], func(k int) {
		for v := k * plane; v < (k+1)*plane; v++ {
			t, r := points[v].tissue, points[v].region
			m.Tissue[v], m.Region[v] = t, r
			m.T1[v], m.M0[v] = float32(c.t1(t)), float32(c.m0(t))
			if t == Grey || t == White {
				i, j, _ := g.Coord(v)
				q := g.World(i, j, k)
				if b.subject != nil {
					q = b.subject.Map(q)
				}
				m.CBF[v] = float32(flow[r])
				m.ATT[v] = float32(p.att(t, q[0], q[1], q[2]))
			}
		}
	})
	return m
}
