package nullmap

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"phasl/internal/keyed"
	"phasl/internal/par"
	"phasl/voxel"
)

// Names of the tests that [Calibrate] tries beside the methods.
const (
	Naive     = "naive"      // t test of r that takes places for independent
	Effective = "modified-t" // ModifiedT
	Least     = "gls"        // Family.GLS
)

// CalibrationTests lists what Calibrate can try, in the order of its table.
func CalibrationTests() []string {
	return []string{Naive, Effective, Least, string(Spin), string(Moran), string(MoranPair), string(BrainSMASH), string(Variogram), string(GP)}
}

// CalibrationOptions say how much [Calibrate] simulates.
type CalibrationOptions struct {
	Tests []string // nil: all
	// Maps is the number of maps simulated for each field; 0: 1,000. Each is
	// nulled once and meets Partners independent maps (0: 10). Pairs that share a
	// map are not independent: standard errors are those of the means of maps.
	Maps, Partners int
	// Thorough multiplies Maps, and divides Partners, for the tests that cost
	// least (all but brainsmash and variogram); 0: 1.
	Thorough   int
	Surrogates int       // for each map; 0: 199, with which p ≤ 0.05 is exact
	Rho        []float64 // correlations for power; nil: 0.3 and 0.5
	Seed       uint64
	Workers    int
	// Progress, which may be nil, is told what is under way and the share done.
	Progress func(what string, done float64)
	// Stop, which may be nil, is asked now and then; its error ends the work.
	Stop func() error
}

// A Share is a share of simulated pairs and its Monte Carlo standard error.
type Share struct {
	Share float64 `json:"share"`
	SE    float64 `json:"se"`
}

// A Calibrated says how often one test found p ≤ 0.05.
type Calibrated struct {
	Test     string  `json:"test"`
	N        int     `json:"n"` // places
	Alpha    float64 `json:"alpha"`
	Symmetry float64 `json:"symmetry"`
	Maps     int     `json:"maps"`
	Pairs    int     `json:"pairs"`
	False    Share   `json:"false_positive"` // of independent maps
	Power    []Share `json:"power"`          // at each Rho
	Seconds  float64 `json:"seconds"`
}

// Calibrate simulates pairs of maps on a layout, for each field in turn, and
// counts how often each test calls them related at p ≤ 0.05: independent pairs
// x, y for false positives, and x, ρx + √(1 − ρ²)y for power. The null is made of
// x, gp's of both maps (see [Split]). Results depend on the seed, not on the number
// of workers (but for Seconds).
func Calibrate(layout Layout, fields []PowerLaw, o CalibrationOptions) ([]Calibrated, error) {
	if o.Tests == nil {
		o.Tests = CalibrationTests()
	}
	for _, t := range o.Tests {
		if !slices.Contains(CalibrationTests(), t) {
			return nil, fmt.Errorf("nullmap: %q is no test", t)
		}
	}
	if o.Rho == nil {
		o.Rho = []float64{0.3, 0.5}
	}
	o.Maps, o.Partners, o.Surrogates, o.Thorough = or(o.Maps, 1000), or(o.Partners, 10), or(o.Surrogates, 199), or(o.Thorough, 1)
	tell := func(what string, done float64) {
		if o.Progress != nil {
			o.Progress(what, done)
		}
	}
	steps := float64(len(fields) * len(o.Tests))
	n := len(layout.Coords)
	tell("covariances of the family", 0)
	trial := &trial{layout: layout, o: o, d: Euclidean(layout.Coords)}
	if slices.Contains(o.Tests, string(GP)) || slices.Contains(o.Tests, Least) {
		trial.family = NewFamily(layout.Coords, nil, o.Workers)
	}
	if slices.Contains(o.Tests, string(Moran)) || slices.Contains(o.Tests, string(MoranPair)) {
		trial.moran = newMoranBasis(trial.d)
	}
	for i := range n {
		if layout.Cortex == nil || layout.Cortex[i] {
			trial.cortex = append(trial.cortex, i)
		}
	}
	var out []Calibrated
	for fi, field := range fields {
		root := rootOf(field.Covariance(layout.Coords))
		for ti, test := range o.Tests {
			c := Calibrated{Test: test, N: n, Alpha: field.Alpha, Symmetry: field.Symmetry, Maps: o.Maps}
			partners := o.Partners
			if test != string(BrainSMASH) && test != string(Variogram) {
				c.Maps *= o.Thorough
				partners = max(1, partners/o.Thorough)
			}
			c.Pairs = c.Maps * partners
			start := time.Now()
			what := fmt.Sprintf("%s, %d places, slope %g, symmetry %g", test, n, field.Alpha, field.Symmetry)
			step := fi*len(o.Tests) + ti
			found := make([][]float64, c.Maps) // share of each map's partners, for each truth
			const block = 64
			for lo := 0; lo < c.Maps; lo += block {
				if o.Stop != nil {
					if err := o.Stop(); err != nil {
						return nil, err
					}
				}
				tell(what, (float64(step)+float64(lo)/float64(c.Maps))/steps)
				par.Do(o.Workers, min(block, c.Maps-lo), func(k int) {
					found[lo+k] = trial.one(test, root, lo+k, partners)
				})
			}
			c.Seconds = time.Since(start).Seconds()
			rates := make([]Share, 1+len(o.Rho))
			v := make([]float64, c.Maps)
			for q := range rates {
				for k := range found {
					v[k] = found[k][q]
				}
				mean, sd := stat.MeanStdDev(v, nil)
				rates[q] = Share{mean, sd / math.Sqrt(float64(c.Maps))}
			}
			c.False, c.Power = rates[0], rates[1:]
			out = append(out, c)
		}
	}
	tell("done", 1)
	return out, nil
}

func or(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

// A trial holds what all maps of a layout share.
type trial struct {
	layout Layout
	o      CalibrationOptions
	d      *Distances
	family *Family
	cortex []int
	moran  *moranBasis
}

// one draws map k and its partners and returns the share of partners found
// related, for independent ones and for each rho. Maps are the same for every
// test.
func (t *trial) one(test string, root []float64, k, partners int) []float64 {
	x := drawRoot(root, keyed.Stream(t.o.Seed, forMaps, k))
	judge := t.judge(test, x, k)
	out := make([]float64, 1+len(t.o.Rho))
	for p := range partners {
		y := drawRoot(root, keyed.Stream(t.o.Seed, forPartners, k*partners+p))
		ps := judge(y)
		for q := range out {
			if ps(t.rho(q)) <= 0.05 {
				out[q] += 1 / float64(partners)
			}
		}
	}
	return out
}

// rho is the correlation of truth q: 0, then those for power.
func (t *trial) rho(q int) float64 {
	if q == 0 {
		return 0
	}
	return t.o.Rho[q-1]
}

// judge returns what takes a map y independent of x and gives the p of x with
// ρx + √(1 − ρ²)y.
func (t *trial) judge(test string, x []float64, k int) func(y []float64) func(rho float64) float64 {
	seed := t.o.Seed ^ uint64(k+1)*0x9e3779b97f4a7c15
	direct := func(p func(y []float64) float64) func(y []float64) func(rho float64) float64 {
		return func(y []float64) func(rho float64) float64 {
			return func(rho float64) float64 { return p(blend(x, y, rho)) }
		}
	}
	switch test {
	case Naive:
		return direct(func(y []float64) float64 {
			r, df := stat.Correlation(x, y, nil), float64(len(x)-2)
			return 2 * upperT(math.Abs(r)*math.Sqrt(df/(1-r*r)), df)
		})
	case Effective:
		return direct(func(y []float64) float64 { return ModifiedT(x, y, t.d).P })
	case Least, string(GP):
		// Coefficients are linear in the map: those of the blend need no more
		// projections.
		xc := centred(x)
		px := t.family.project(xc)
		if test == Least {
			return func(y []float64) func(rho float64) float64 {
				py := t.family.project(centred(y))
				return func(rho float64) float64 { return t.family.gls(px, blends(px, py, rho)).P }
			}
		}
		one, other := Split(t.o.Surrogates)
		ofX := t.family.fit(xc, px).coefficients(one, seed)
		length := math.Sqrt(dot(xc, xc))
		return func(y []float64) func(rho float64) float64 {
			py := t.family.project(centred(y))
			return func(rho float64) float64 {
				z, pz := centred(blend(x, y, rho)), blends(px, py, rho)
				null := make([]float64, t.o.Surrogates)
				ofX.correlate(null[:one], pz, math.Sqrt(dot(z, z)))
				ofZ := t.family.fit(z, pz).coefficients(other, ^seed)
				ofZ.correlate(null[one:], px, length)
				return PValue(stat.Correlation(x, z, nil), null)
			}
		}
	}
	m := Map{Values: x, Coords: t.layout.Coords, Distances: t.d}
	at := func(y []float64) []float64 { return y }
	if test == string(Spin) {
		m = Map{Values: take(x, t.cortex), Coords: take(t.layout.Coords, t.cortex), Sphere: take(t.layout.Sphere, t.cortex)}
		at = func(y []float64) []float64 { return take(y, t.cortex) }
	}
	n, l := New(m, Options{Method: Method(test), Seed: seed, Workers: 1, moran: t.moran})
	if l.Err() != nil {
		return direct(func([]float64) float64 { return math.NaN() })
	}
	surrogates := make([][]float64, t.o.Surrogates)
	for s := range surrogates {
		surrogates[s] = make([]float64, n.N)
		n.Draw(surrogates[s], s)
		unit(surrogates[s])
	}
	null := make([]float64, len(surrogates))
	return direct(func(y []float64) float64 {
		y = slices.Clone(at(y))
		unit(y)
		for s := range surrogates {
			null[s] = dot(surrogates[s], y)
		}
		return PValue(stat.Correlation(m.Values, y, nil), null)
	})
}

// blend returns rho·x + √(1 − rho²)·y.
func blend(x, y []float64, rho float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = rho*x[i] + math.Sqrt(1-rho*rho)*y[i]
	}
	return out
}

// blends is blend of each row.
func blends(x, y [][]float64, rho float64) [][]float64 {
	out := make([][]float64, len(x))
	for c := range x {
		out[c] = blend(x[c], y[c], rho)
	}
	return out
}

// unit takes out the mean and scales to length 1.
func unit(x []float64) {
	z := centred(x)
	s := math.Sqrt(dot(z, z))
	for i := range x {
		x[i] = z[i] / s
	}
}

// LayoutOf returns a layout of given places. Spin then takes directions from the
// middle of each side.
func LayoutOf(coords []voxel.Vec, cortex []bool) Layout {
	return Layout{Coords: coords, Cortex: cortex}
}
