package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"phasl/nullmap"
	"phasl/receptor"
	"phasl/voxel"
)

// A fakePanel simulates people's effect maps and densities on places drawn by
// formula, and analyses them as the pipeline does: with surrogates, so few that
// it is quick.
type fakePanel struct {
	places, receptors, people int
	method                    receptor.Method
	covariate                 bool
	seed                      uint64
}

// smooth returns values with the autocorrelation of a few broad waves.
func smooth(at []voxel.Vec, rng *rand.Rand) []float64 {
	out := make([]float64, len(at))
	for range 10 {
		c, a := at[rng.IntN(len(at))], rng.NormFloat64()
		for i, p := range at {
			d := voxel.Distance(p, c) / 34
			out[i] += a * math.Exp(-d*d/2)
		}
	}
	for i := range out {
		out[i] += 0.15 * rng.NormFloat64()
	}
	return receptor.Standardise(out)
}

var fakeTargets = []string{"MOR", "5-HT2A", "GABA-A α5", "NMDA", "D2", "KOR", "CB1", "mGluR5", "SERT", "DAT", "5-HT1A", "M1", "H3", "VAChT"}

func (f fakePanel) make(t testing.TB) *Receptors {
	t.Helper()
	at := nullmap.NewLayout(f.places).Coords
	rng := rand.New(rand.NewPCG(f.seed, 77))
	q := &Receptors{Atlas: "AAL3.nii.gz", Measure: "absolute", Method: f.method}
	places := receptor.Places{Coords: at}
	for i := range at {
		side := "L"
		if at[i][0] > 0 {
			side = "R"
		}
		q.Parcels = append(q.Parcels, fmt.Sprintf("Region_%02d_%s", i+1, side))
		q.Label = append(q.Label, 2001+10*i)
	}
	places.Names = q.Parcels
	for j := range f.receptors {
		d := receptor.Density{Source: receptor.Source{File: fmt.Sprintf("map%02d.nii.gz", j), Target: fakeTargets[j%len(fakeTargets)], Tracer: fmt.Sprintf("[11C]tracer%d", j), N: 10 + j, Licence: "CC BY 4.0", Space: "MNI152",
			Paper: fmt.Sprintf("Author%d et al. 2020, doi:10.1000/density.%d", j, j)}, Values: smooth(at, rng)}
		if j == 2 {
			for i := range d.Values { // likeness to another
				d.Values[i] = 0.3*d.Values[i] + q.Panel[1].Values[i]
			}
			d.Values[4], d.Excluded = nan, []int{4}
		}
		if j == 3 {
			d.N, d.Licence, d.Paper = 0, "", ""
		}
		q.Panel = append(q.Panel, d)
	}
	o := receptor.Options{Method: f.method, Surrogates: 199, Seed: 11, Families: &receptor.Families{}}
	if f.covariate {
		o.Covariates = []receptor.Map{{File: "grey.nii.gz", Values: smooth(at, rng)}}
		q.Adjust = []string{"grey matter"}
	}
	mor := q.Panel[0].Values
	for k, name := range []string{"phase_average", "interaction:naltrexone"} {
		e := ReceptorEffect{Name: name, Label: []string{"ketamine effect, average over treatments", "ketamine effect under naltrexone − under placebo"}[k], Unit: "mL/100 g/min", Values: make([]float64, len(at))}
		var people []receptor.Map
		shared := smooth(at, rng)
		for p := range f.people {
			m := receptor.Map{File: fmt.Sprintf("sub-%02d", p+1), Values: smooth(at, rng)}
			for i := range m.Values {
				m.Values[i] = 4*float64(1-k)*mor[i] + 0.8*shared[i] + 2*m.Values[i]
				e.Values[i] += m.Values[i] / float64(f.people)
			}
			people = append(people, m)
		}
		effect := receptor.Map{File: name, Values: e.Values}
		var l, lp, lr, lc = error(nil), error(nil), error(nil), error(nil)
		if a, d := receptor.Align(effect, q.Panel, places, o); d.Err() == nil {
			e.Alignments = a
		} else {
			l = d.Err()
		}
		if p, d := receptor.PeopleTest(people, q.Panel, places, o); d.Err() == nil {
			e.People = p
		} else {
			lp = d.Err()
		}
		if r, d := receptor.Regress(effect, q.Panel, places, 40, o); d.Err() == nil {
			e.Regression = r
		} else {
			lr = d.Err()
		}
		if f.receptors > 1 {
			pairs := [][2]int{{0, 1}}
			if f.receptors > 2 {
				pairs = append(pairs, [2]int{0, 2})
			}
			c, d := receptor.CompareReceptors(effect, q.Panel, pairs, places, o)
			e.Pairs, lc = c, d.Err()
		}
		for _, err := range []error{l, lp, lr, lc} {
			if err != nil {
				t.Fatal(err)
			}
		}
		q.Effects = append(q.Effects, e)
	}
	first, second := make([]float64, len(at)), make([]float64, len(at))
	for i := range at {
		first[i], second[i] = q.Effects[0].Values[i]+0.5*q.Effects[1].Values[i], q.Effects[0].Values[i]-0.5*q.Effects[1].Values[i]
	}
	c, d := receptor.CompareMaps(receptor.Map{File: "phase:naltrexone", Values: first}, receptor.Map{File: "phase:placebo", Values: second}, q.Panel, places, o)
	if d.Err() != nil {
		t.Fatal(d)
	}
	q.Shifts = []ReceptorShift{{Treatment: "naltrexone", Reference: "placebo", Label: "naltrexone against placebo", Receptors: c}}
	return q
}

// withLabels paints an atlas of the places nearest to each voxel of a brain.
func (q *Receptors) withLabels(mm float64) *Receptors {
	g := gridMM(voxel.Vec{mm, mm, mm})
	at := nullmap.NewLayout(len(q.Parcels)).Coords
	q.Labels = voxel.NewImage(g)
	for n := range q.Labels.Data {
		w := g.World(g.Coord(n))
		if c := tissueAt(w); c != 1 && c != 2 {
			continue
		}
		best, near := 0, math.Inf(1)
		for i, p := range at {
			if d := voxel.Distance(p, w); d < near {
				best, near = i, d
			}
		}
		q.Labels.Data[n] = float32(q.Label[best])
	}
	return q
}
