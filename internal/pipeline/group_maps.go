package pipeline

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"phasl/crossover"
	"phasl/diag"
	"phasl/internal/par"
	"phasl/nifti"
	"phasl/voxel"
)

// groupMaps are the plan's contrasts at every voxel of template space.
type groupMaps struct {
	grid      voxel.Grid
	measure   crossover.Measure
	units     string
	contrasts []string // names of contrasts
	labels    []string // in words
	formula   string
	scans     int

	estimate, se, t, p []*voxel.Image // by contrast
	nobs               *voxel.Image   // scans with a value
	mean               *voxel.Image   // of CBF over scans
	inputs             []string       // CBF maps, relative to the results
	notes              []string
}

// slabBytes bounds the CBF values held at once. Maps are read once for each
// slab of voxels that fits: one slab for a trial of 104 scans at 2 mm, a few at
// 1 mm. A variable for the test that slabs do not change the result.
var slabBytes = 192 << 20

// fitMaps fits the model at every voxel. Voxels where less than half of the
// scans have a value are left out.
func (g *group) fitMaps() error {
	if !g.plan.Maps.Voxelwise {
		return nil
	}
	used := g.trial.Used()
	scans := make([]*derived, len(used))
	n := 0
	for i, sc := range used {
		if d := g.of(sc); d != nil && d.cbf != "" {
			scans[i] = d
			n++
		}
	}
	if n == 0 {
		g.res.Deviations = append(g.res.Deviations, "No effect maps were made: there are no CBF maps in template space.")
		return nil
	}
	m := &groupMaps{measure: crossover.Absolute, scans: n}
	g.maps = m
	if !slices.Contains(g.plan.Measures, crossover.Absolute) {
		m.measure = crossover.Relative
	}
	if n < len(scans) {
		m.notes = append(m.notes, fmt.Sprintf("%s no CBF map in template space and %s missing at every voxel", counted(len(scans)-n, "scan has", "scans have"), isAre(len(scans)-n)))
	}
	divisor := m.divisors(g, scans)

	r := &mapReader{g: g, scans: scans}
	for _, d := range scans {
		if d == nil {
			continue
		}
		m.inputs = append(m.inputs, d.cbf)
		if m.units == "" {
			h, err := nifti.ReadHeader(g.src.at(d.cbf))
			if err != nil {
				return err
			}
			m.grid, m.units = h.Grid(), d.units
		}
	}
	if m.measure == crossover.Relative {
		m.units = "1"
	}
	r.ref = m.grid
	// First pass: where are values, and how high is CBF on average.
	sum, count := make([]float64, m.grid.Len()), make([]int32, m.grid.Len())
	err := r.each("look for values in", 0, 0.3, false, func(i int, img *voxel.Image) {
		for v, x := range img.Data {
			if x-x == 0 {
				sum[v] += float64(x)
				count[v]++
			}
		}
	})
	if err != nil {
		return err
	}
	if r.moved > 0 {
		m.notes = append(m.notes, counted(r.moved, "map was", "maps were")+" on another grid and brought onto that of the first")
	}
	m.mean, m.nobs = absent(m.grid), absent(m.grid)
	var at []int32
	for v, k := range count {
		if k > 0 {
			m.mean.Data[v] = float32(sum[v] / float64(k))
		}
		if 2*int(k) >= n {
			at = append(at, int32(v))
		}
	}
	per := max(1, slabBytes/(4*len(scans)))
	slabs := (len(at) + per - 1) / per
	for s := range slabs {
		lo, hi := s*per, min((s+1)*per, len(at))
		err := m.fitSlab(g, r, at[lo:hi], divisor, 0.3+0.7*float64(s)/float64(slabs), 0.7/float64(slabs))
		if why, ok := errors.AsType[noMapsError](err); ok { // the model asks more than the data hold
			g.maps = nil
			g.res.Deviations = append(g.res.Deviations, "No effect maps were made: "+why.Error()+".")
			return nil
		}
		if err != nil {
			return err
		}
	}
	return g.ctx.Err()
}

// divisors are what each scan's map is divided by: its global CBF for relative
// maps, else 1.
func (m *groupMaps) divisors(g *group, scans []*derived) []float64 {
	out := make([]float64, len(scans))
	for i, d := range scans {
		out[i] = 1
		if m.measure != crossover.Relative || d == nil {
			continue
		}
		out[i] = math.NaN()
		for _, v := range d.values {
			if v.Region == g.plan.Regions.Global && v.CBF > 0 {
				out[i] = v.CBF
			}
		}
	}
	return out
}

// A noMapsError says that the model could not be fitted to voxels.
type noMapsError struct{ error }

// fitSlab fits the voxels at.
func (m *groupMaps) fitSlab(g *group, r *mapReader, at []int32, divisor []float64, from, width float64) error {
	n := len(r.scans)
	data := make([]float32, len(at)*n)
	for i := range data {
		data[i] = float32(math.NaN())
	}
	err := r.each("take values from", from, 0.5*width, true, func(i int, img *voxel.Image) {
		for k, v := range at {
			data[k*n+i] = img.Data[v]
		}
	})
	if err != nil {
		return err
	}
	tell := m.fitProgress(g, len(at), from+0.5*width, 0.5*width)
	fit, err := g.trial.FitMaps(g.plan, len(at), func(dst []float64, voxel int) {
		for i, x := range data[voxel*n : (voxel+1)*n] {
			dst[i] = float64(x) / divisor[i]
		}
		tell()
	}, g.c.Workers)
	if err != nil {
		return noMapsError{err}
	}
	if m.contrasts == nil {
		m.notes = append(m.notes, fit.Notes...)
		m.contrasts, m.labels, m.formula = fit.Contrasts, fit.Labels, fit.Formula
		for range fit.Contrasts {
			for _, list := range []*[]*voxel.Image{&m.estimate, &m.se, &m.t, &m.p} {
				*list = append(*list, absent(m.grid))
			}
		}
	}
	for c := range fit.Contrasts {
		for k, v := range at {
			m.estimate[c].Data[v], m.se[c].Data[v] = fit.Estimate[c][k], fit.SE[c][k]
			m.t[c].Data[v], m.p[c].Data[v] = fit.T[c][k], fit.P[c][k]
		}
	}
	for k, v := range at {
		m.nobs.Data[v] = float32(fit.NObs[k])
	}
	return nil
}

// fitProgress returns what is to be called at every reading of one of n voxels:
// the fit reads each twice, and the first time, to sort them, is a tenth of the
// work. It may be called from several goroutines at once.
func (m *groupMaps) fitProgress(g *group, n int, from, width float64) func() {
	what := fmt.Sprintf("fit the model at %d voxels", n)
	g.step(stepMaps, what, from)
	const steps = 100
	var read atomic.Int64
	var mu sync.Mutex
	said := 0.0
	return func() {
		k := int(read.Add(1))
		if k%max(1, 2*n/steps) != 0 {
			return
		}
		share := 0.1 * float64(k) / float64(n)
		if k > n {
			share = 0.1 + 0.9*float64(k-n)/float64(n)
		}
		mu.Lock()
		defer mu.Unlock()
		if share > said {
			said = share
			g.step(stepMaps, what, from+width*min(1, share))
		}
	}
}

// absent is an image without values.
func absent(g voxel.Grid) *voxel.Image {
	m := voxel.NewImage(g)
	for i := range m.Data {
		m.Data[i] = float32(math.NaN())
	}
	return m
}

// A mapReader reads the CBF maps of the scans of an analysis, a few at a time.
type mapReader struct {
	g     *group
	scans []*derived // nil: no map
	ref   voxel.Grid // of the maps that are handed out
	moved int        // maps that were on another
}

// mapsAtOnce is how many maps are read side by side.
const mapsAtOnce = 4

// each calls fn for the map of every scan, in order, on the grid ref, and
// smoothed if the plan says so and smooth is set. Maps that cannot be read are
// all named.
func (r *mapReader) each(what string, from, width float64, smooth bool, fn func(i int, img *voxel.Image)) error {
	g := r.g
	r.moved = 0
	var l diag.List
	for lo := 0; lo < len(r.scans); lo += mapsAtOnce {
		if err := g.ctx.Err(); err != nil {
			return err
		}
		g.step(stepMaps, what+" the CBF maps", from+width*float64(lo)/float64(len(r.scans)))
		batch := r.scans[lo:min(lo+mapsAtOnce, len(r.scans))]
		imgs, errs := make([]*voxel.Image, len(batch)), make([]error, len(batch))
		off := make([]bool, len(batch))
		par.Do(g.c.Workers, len(batch), func(i int) {
			if batch[i] == nil {
				return
			}
			img, err := g.src.readMap(batch[i])
			if err != nil {
				errs[i] = err
				return
			}
			if off[i] = !img.Same(r.ref, 0.1); off[i] {
				img = onto(img, r.ref, 1)
			}
			if f := g.plan.Maps.FWHM; smooth && f > 0 {
				img = voxel.Smooth(img, f, 1)
			}
			imgs[i] = img
		})
		for i, img := range imgs {
			if bad, ok := errors.AsType[diag.List](errs[i]); ok {
				l.Add(bad...)
				continue
			} else if errs[i] != nil {
				return errs[i]
			}
			if off[i] {
				r.moved++
			}
			if img != nil {
				fn(lo+i, img)
			}
		}
	}
	return l.Err()
}
