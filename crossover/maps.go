package crossover

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"phasl/internal/par"
	"phasl/lmm"
)

// Maps are the plan's contrasts at every voxel (or parcel). What could not be
// estimated is NaN.
type Maps struct {
	Contrasts []string // names as of [Effect], claims of the plan's and treatment at baseline
	Labels    []string // in words

	// By contrast and voxel.
	Estimate, SE, T, DF, P [][]float32

	NObs    []int32 // scans with a value, by voxel
	Formula string
	Rows    []Scan   // of a response, in order: those of Trial.Used
	Notes   []string // what was left out of the model
}

// mapChunk bounds how many voxels, and mapPatterns how many sets of missing
// scans, are in memory at once.
const (
	mapChunk    = 16384
	mapPatterns = 512
)

// FitMaps fits the plan's model to n voxels. response(dst, v) writes the value
// of voxel v in each scan of [Trial.Used], NaN where it is missing; it is
// called from several goroutines at once, twice for each voxel: first to find
// which voxels have the same scans, so that the design is decomposed once for
// each set of scans. Where the plan asks for logarithms they are taken here.
//
// There are no maps, and an error says why, if all the scans together cannot
// estimate the interaction or a phase effect that the formula holds, or leave
// fewer than 8 residual degrees of freedom.
//
// Degrees of freedom are as the plan says. Voxels with too few scans for the
// model, or without variance, are NaN. Beside the results it holds one chunk
// of voxels in memory. Results do not depend on workers (0: one for each CPU).
func (tr *Trial) FitMaps(p *Plan, n int, response func(dst []float64, voxel int), workers int) (*Maps, error) {
	scans := tr.Used()
	f := newFrame(p, tr, scans, nil)
	rows := make([]int, len(scans))
	for i := range rows {
		rows[i] = i
	}
	m := f.newModel(rows)
	if m.failed != "" {
		return nil, errors.New("crossover: no model for the maps: " + m.failed)
	}
	if err := m.tooThin(); err != nil {
		return nil, err
	}
	out := &Maps{Formula: m.formula, Rows: scans, Notes: m.notes, NObs: make([]int32, n)}
	var weights []lmm.Contrast
	for _, c := range m.contrasts {
		if c.weights != nil && (isClaim(p, c.name) || c.cells != nil) {
			out.Contrasts = append(out.Contrasts, c.name)
			out.Labels = append(out.Labels, c.label)
			weights = append(weights, lmm.Contrast{Name: c.name, Weights: c.weights})
		}
	}
	for _, dst := range []*[][]float32{&out.Estimate, &out.SE, &out.T, &out.DF, &out.P} {
		for range out.Contrasts {
			*dst = append(*dst, make([]float32, n))
		}
	}
	mf := &mapFit{m: m, scans: len(scans), response: response, log: p.Model.Log, out: out,
		opt: lmm.BatchOptions{Inference: f.inference(), Contrasts: weights, Unbounded: !p.Model.Bounded, Workers: workers}}
	mf.findPatterns(n)
	for lo := 0; lo < n; {
		hi := mf.chunk(lo)
		if err := mf.fit(mf.order[lo:hi]); err != nil {
			return nil, err
		}
		lo = hi
	}
	return out, nil
}

// mapResidualDF is the fewest residual degrees of freedom that all scans
// together must leave to a map. With fewer, the standard errors of single
// voxels are of no use, and the fit of every voxel is slow.
const mapResidualDF = 8

// tooThin tells why the scans, were they all there at a voxel, do not bear a
// map; nil if they do.
func (m *model) tooThin() error {
	if claims, why := m.inestimable(); len(claims) > 0 {
		return fmt.Errorf("%s cannot be estimated: %s", claims[0], why)
	}
	if n, p := len(m.rows), len(m.design.Names); n-p < mapResidualDF {
		return fmt.Errorf("%d scans and %d fixed effects leave %d residual degrees of freedom, and a map needs %d", n, p, n-p, mapResidualDF)
	}
	return nil
}

// A mapFit is the state of [Trial.FitMaps].
type mapFit struct {
	m        *model
	scans    int
	response func(dst []float64, voxel int)
	log      bool
	opt      lmm.BatchOptions
	out      *Maps

	keys  []byte // bits of the scans that each voxel has, width bytes each
	width int
	order []int // voxels, those with the same scans together
}

// read writes the response of a voxel for the rows of the model.
func (f *mapFit) read(all, dst []float64, voxel int) {
	clear(all)
	f.response(all, voxel)
	for k, i := range f.m.rows {
		v := all[i]
		if f.log {
			if v <= 0 {
				v = math.NaN()
			}
			v = math.Log(v)
		}
		if math.IsInf(v, 0) {
			v = math.NaN()
		}
		dst[k] = v
	}
}

// findPatterns sorts voxels by the scans they have. Those that have all come
// first, in order.
func (f *mapFit) findPatterns(n int) {
	rows := len(f.m.rows)
	f.width = (rows + 7) / 8
	f.keys = make([]byte, n*f.width)
	f.order = make([]int, n)
	par.Ranges(f.opt.Workers, n, 1024, func(lo, hi int) {
		all, y := make([]float64, f.scans), make([]float64, rows)
		for v := lo; v < hi; v++ {
			f.order[v] = v
			f.read(all, y, v)
			for k, x := range y {
				if !math.IsNaN(x) {
					f.keys[v*f.width+k/8] |= 0x80 >> (k % 8)
					f.out.NObs[v]++
				}
			}
		}
	})
	slices.SortFunc(f.order, func(a, b int) int {
		if c := slices.Compare(f.key(b), f.key(a)); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
}

func (f *mapFit) key(v int) []byte { return f.keys[v*f.width : (v+1)*f.width] }

// chunk returns the end of the chunk that begins at lo.
func (f *mapFit) chunk(lo int) int {
	patterns := 1
	for i := lo + 1; i < len(f.order); i++ {
		if i-lo >= mapChunk {
			return i
		}
		if !slices.Equal(f.key(f.order[i]), f.key(f.order[i-1])) {
			if patterns++; patterns > mapPatterns {
				return i
			}
		}
	}
	return len(f.order)
}

// fit fits one chunk. Every chunk has a batch of its own, which takes what it
// learnt of the patterns with it.
func (f *mapFit) fit(voxels []int) error {
	formula, err := lmm.ParseFormula(f.m.formula)
	if err != nil {
		return err
	}
	b, err := lmm.NewBatch(formula, f.m.table)
	if err != nil {
		return err
	}
	scratch := make(chan []float64, par.Workers(f.opt.Workers))
	r := b.Fit(len(voxels), func(dst []float64, j int) {
		var all []float64
		select {
		case all = <-scratch:
		default:
			all = make([]float64, f.scans)
		}
		f.read(all, dst, voxels[j])
		select {
		case scratch <- all:
		default:
		}
	}, f.opt)
	k := len(f.opt.Contrasts)
	for j, v := range voxels {
		for c := range k {
			at := j*k + c
			f.out.Estimate[c][v] = float32(r.Value[at])
			f.out.SE[c][v] = float32(r.SE[at])
			f.out.T[c][v] = float32(r.T[at])
			f.out.DF[c][v] = float32(r.DF[at])
			f.out.P[c][v] = float32(r.P[at])
		}
	}
	return nil
}
