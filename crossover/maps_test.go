package crossover

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"phasl/diag"
)

// mapResponses draws voxels; the first third is complete, the second lacks the
// scans of a few people as at the edge of a mask, the rest lacks scans at
// random, one has none.
func mapResponses(tr *Trial, n int) [][]float64 {
	out := make([][]float64, n)
	for v := range out {
		for _, x := range usual.draw(tr, "v", uint64(v)) {
			out[v] = append(out[v], x.CBF)
		}
		rng := rand.New(rand.NewPCG(uint64(v), 3))
		switch {
		case v == n-1:
			for i := range out[v] {
				out[v][i] = math.NaN()
			}
		case v < n/3:
		case v < 2*n/3:
			for i := range 4 * (1 + v%3) {
				out[v][i] = math.NaN()
			}
		default:
			for i := range out[v] {
				if rng.Float64() < 0.15 {
					out[v][i] = math.NaN()
				}
			}
		}
	}
	return out
}

// TestFitMapsEqualsAnalyse fits every voxel as a region of its own.
func TestFitMapsEqualsAnalyse(t *testing.T) {
	tr := testTrial(12)
	ys := mapResponses(tr, 60)
	p := bare()
	p.Model.Covariates = []string{"age"}
	read := func(dst []float64, v int) { copy(dst, ys[v]) }
	m, err := tr.FitMaps(p, len(ys), read, 2)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := tr.FitMaps(p, len(ys), read, 1)
	for v, y := range ys {
		var values []Value
		n := 0
		for i, s := range tr.Scans {
			if !math.IsNaN(y[i]) {
				n++
			}
			values = append(values, Value{Subject: s.Subject, Session: s.Session, Run: s.Run, Region: "v", CBF: y[i], Units: "mL/100g/min"})
		}
		if int(m.NObs[v]) != n {
			t.Errorf("voxel %d: %d observations, want %d", v, m.NObs[v], n)
		}
		r, _ := Analyse(p, tr, values, 1)
		for c, name := range m.Contrasts {
			if math.Float32bits(m.P[c][v]) != math.Float32bits(again.P[c][v]) {
				t.Fatalf("voxel %d: results depend on workers", v)
			}
			if r.Models[0].Failed != "" {
				if !math.IsNaN(float64(m.Estimate[c][v])) {
					t.Errorf("voxel %d: %v, want NaN", v, m.Estimate[c][v])
				}
				continue
			}
			e := effectNamed(t, &r.Models[0], name)
			// float32 has 6e-8; the batched fit adds up to 1e-7 in df and p.
			near(t, name+" estimate", float64(m.Estimate[c][v]), float64(e.Estimate), 1e-6)
			near(t, name+" SE", float64(m.SE[c][v]), float64(e.SE), 1e-6)
			near(t, name+" t", float64(m.T[c][v]), float64(e.T), 1e-6)
			near(t, name+" df", float64(m.DF[c][v]), float64(e.DF), 1e-6)
			near(t, name+" p", float64(m.P[c][v]), float64(e.P), 1e-5)
		}
	}
	if want := []string{"phase:placebo", "phase:naltrexone", "phase_average", "interaction:naltrexone", "treatment_baseline:naltrexone"}; !slices.Equal(m.Contrasts, want) {
		t.Errorf("contrasts %v, want %v", m.Contrasts, want)
	}
}

// BenchmarkFitMaps is a whole brain of voxels and the default trial, a
// quarter of them at the edges of masks, where each has scans of its own: the
// measurement of docs/methods/crossover.md at a tenth of its size.
func BenchmarkFitMaps(b *testing.B) {
	tr := testTrial(26)
	const n = 20_000
	few := mapResponses(tr, 300)
	read := func(dst []float64, v int) {
		copy(dst, few[v%100])
		if v%4 == 3 {
			rng := rand.New(rand.NewPCG(uint64(v), 5))
			for i := 0; i < len(dst); i += 2 {
				if rng.Float64() < 0.1 {
					dst[i], dst[i+1] = math.NaN(), math.NaN()
				}
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tr.FitMaps(bare(), n, read, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/voxel")
}

// A design that cannot answer the question gives no maps, and says why; the
// regions warn of it by the name of the empty cell.
func TestThinDesign(t *testing.T) {
	read := func(dst []float64, v int) {
		for i := range dst {
			dst[i] = 50 + float64(i%7)
		}
	}
	tr := testTrial(12)
	tr.Scans = slices.DeleteFunc(tr.Scans, func(s Scan) bool { return s.Treatment == "naltrexone" && s.Phase == "infusion" })
	if _, err := tr.FitMaps(bare(), 3, read, 1); err == nil || !strings.Contains(err.Error(), "the interaction") || !strings.Contains(err.Error(), "infusion under naltrexone") {
		t.Errorf("empty cell: %v", err)
	}
	p := bare()
	p.Regions.Primary = []string{"ACC"}
	r, _ := Analyse(p, tr, usual.draw(tr, "ACC", 1), 1)
	if !slices.ContainsFunc(r.Problems, func(q *diag.Problem) bool {
		return q.Severity == diag.Warning && q.Field == "ACC" && strings.HasPrefix(q.Found, "The interaction (") &&
			strings.Contains(q.Found, "no scan in the model is of infusion under naltrexone")
	}) {
		t.Errorf("problems %v", r.Problems)
	}
	if all := strings.Join(r.Deviations, " "); !strings.Contains(all, "treatment naltrexone × phase infusion") {
		t.Errorf("deviations %q", all)
	}
	if _, err := testTrial(3).FitMaps(bare(), 3, read, 1); err == nil || !strings.Contains(err.Error(), "residual degrees of freedom") {
		t.Errorf("3 people: %v", err)
	}
	if _, err := testTrial(4).FitMaps(bare(), 3, read, 1); err != nil {
		t.Errorf("4 people: %v", err)
	}
}
