package nullmap

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"gonum.org/v1/gonum/mat"

	"phasl/diag"
	"phasl/internal/keyed"
	"phasl/internal/par"
	"phasl/voxel"
)

const (
	subsetSeeds = 84 // places from all over
	subsetNear  = 2  // neighbours of each, for the short distances
)

// largeProcess is the Gaussian process for more places than are decomposed
// whole. Its covariance comes from the posterior given about 250 of them: random
// ones, each with its two nearest neighbours. The posterior knows that it has
// seen no more, so that the null becomes wider, not wrong; and where maps are
// smooth enough for autocorrelation to matter, 250 places hold nearly all there
// is to know of it.
func (m Map) largeProcess(l *diag.List, o Options) (engine, []Parameter) {
	at := m.subset(o.Seed, or(o.seeds, subsetSeeds))
	sub := m.restrict(at)
	var f *Family
	if m.Distances != nil {
		f = NewFamily(nil, sub.Distances, o.Workers)
	} else {
		f = NewFamily(sub.Coords, nil, o.Workers)
	}
	post := f.Fit(sub.Values)
	ps := append(post.Summary().parameters(f.Mirror), Parameter{"fitted on", float64(len(at)), "places"})
	if m.Mask != nil && m.Distances == nil {
		t := newTorus(m.Mask.Grid, m.Coords, f.Mirror)
		if t.size() > torusMost {
			l.Errorf(m.File, "voxels", "use larger voxels", "a grid of %d × %d × %d voxels is needed, too large for memory", t.dim[0], t.dim[1], t.dim[2])
			return nil, nil
		}
		kernels := len(f.cells)
		if f.Mirror {
			kernels /= len(symmetry)
		}
		g := &gridProcess{Posterior: post, torus: t, spectra: make([]*spectrum, kernels), once: make([]sync.Once, kernels)}
		for _, p := range m.Coords {
			g.across = append(g.across, p[0])
		}
		return g, append(ps, Parameter{"torus", float64(t.size()), "voxels"})
	}
	if len(m.Values) > denseMost {
		l.Errorf(m.File, "places", "give an image with a mask, or use brainsmash", "%d places are too many for gp without a voxel grid", len(m.Values))
		return nil, nil
	}
	d, err := newDenseProcess(m, post, o.Workers)
	if err != nil {
		l.Errorf(m.File, "distances", "use straight distances, or brainsmash", "%s", err)
		return nil, nil
	}
	return d, ps
}

// subset returns about 250 places.
func (m Map) subset(seed uint64, seeds int) []int {
	n := len(m.Values)
	r := keyed.Stream(seed, forSubset, 0)
	perm := make([]int32, n)
	shuffle(perm, r)
	var b *bins
	if m.Distances == nil {
		b = newBins(m.Coords)
	}
	taken := make([]bool, n)
	var at []int
	add := func(i int) {
		if !taken[i] {
			taken[i] = true
			at = append(at, i)
		}
	}
	var buf []neighbour
	for _, i := range perm[:min(n, seeds)] {
		add(int(i))
		if b != nil {
			buf = b.nearest(buf, int(i), subsetNear)
		} else {
			buf = nearestOf(buf, m.Distances.Row(int(i)), int(i), subsetNear)
		}
		for _, q := range buf {
			add(int(q.i))
		}
	}
	return at
}

// denseProcess draws with Cholesky factors of the covariances that are most
// probable.
type denseProcess struct {
	*Posterior
	n      int
	factor map[int]*mat.TriDense // by cell
	share  []float64             // running sum of the kept cells' probability
	cells  []int
	pool   sync.Pool
}

const (
	keptCells = 6    // covariances at most
	keptMass  = 0.01 // least probability of one
)

func newDenseProcess(m Map, post *Posterior, workers int) (*denseProcess, error) {
	n := len(m.Values)
	d := &denseProcess{Posterior: post, n: n, factor: map[int]*mat.TriDense{}}
	mass := make([]float64, len(post.family.cells))
	for i, w := range post.prob {
		mass[i/len(nuggets)] += w
	}
	for len(d.cells) < keptCells {
		top := 0
		for c, w := range mass {
			if w > mass[top] {
				top = c
			}
		}
		if len(d.cells) > 0 && mass[top] < keptMass {
			break
		}
		d.cells = append(d.cells, top)
		d.share = append(d.share, mass[top])
		mass[top] = 0
	}
	factors := make([]*mat.TriDense, len(d.cells))
	par.Do(min(par.Workers(workers), 2), len(d.cells), func(k int) {
		factors[k] = m.factor(&post.family.cells[d.cells[k]])
	})
	var s float64
	for k, f := range factors {
		if f == nil {
			return nil, fmt.Errorf("they fit no covariance of %d places", n)
		}
		d.factor[d.cells[k]] = f
		s += d.share[k]
		d.share[k] = s
	}
	d.pool.New = func() any { b := make([]float64, n); return &b }
	return d, nil
}

// factor returns the Cholesky factor of the covariance over all places, with as
// much nugget as it needs to be definite, up to 1 %; nil if that is not enough.
func (m Map) factor(c *cell) *mat.TriDense {
	n := len(m.Values)
	a := mat.NewSymDense(n, nil)
	sd := make([]float64, n)
	at := func(i, j int) (h, mirrored float64) {
		if m.Distances != nil {
			return m.Distances.D[i*n+j], 0
		}
		return voxel.Distance(m.Coords[i], m.Coords[j]), voxel.Distance(m.Coords[i], mirror(m.Coords[j]))
	}
	for i := range n {
		sd[i] = 1
		if c.eta > 0 {
			_, h := at(i, i)
			sd[i] = math.Sqrt(1 + c.eta*c.At(h))
		}
		for j := range i + 1 {
			h, mirrored := at(i, j)
			v := c.At(h)
			if c.eta > 0 {
				v = (v + c.eta*c.At(mirrored)) / (sd[i] * sd[j])
			}
			a.SetSym(j, i, v/c.unit)
		}
	}
	for jitter := 1e-8; jitter <= 0.011; jitter *= 10 {
		for i := range n {
			a.SetSym(i, i, (1+jitter)/c.unit)
		}
		var ch mat.Cholesky
		if ch.Factorize(a) {
			var lower mat.TriDense
			ch.LTo(&lower)
			return &lower
		}
	}
	return nil
}

func (d *denseProcess) draw(dst []float64, r *rand.Rand) {
	u := r.Float64() * d.share[len(d.share)-1]
	k := 0
	for k < len(d.share)-1 && d.share[k] < u {
		k++
	}
	ci := d.cells[k]
	m := len(nuggets)
	prob := d.prob[ci*m : (ci+1)*m]
	var sum float64
	for _, p := range prob {
		sum += p
	}
	v, ni := r.Float64()*sum, 0
	for ni < m-1 && v >= prob[ni] {
		v -= prob[ni]
		ni++
	}
	phi := nuggets[ni]
	field, white := math.Sqrt(1-phi), math.Sqrt(phi)
	z := *d.pool.Get().(*[]float64)
	defer d.pool.Put(&z)
	for i := range z {
		z[i] = r.NormFloat64()
	}
	l := d.factor[ci]
	raw := l.RawTriangular()
	for i := range dst {
		dst[i] = field*dot(raw.Data[i*raw.Stride:i*raw.Stride+i+1], z) + white*r.NormFloat64()
	}
}
