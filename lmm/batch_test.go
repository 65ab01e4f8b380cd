package lmm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// crossover returns a table of a 2×2 crossover with two scans a session, as
// the trial has, and a covariate that changes from scan to scan.
func crossover(subjects int) *Table {
	var sub, ses, treat, phase, seq, period []string
	var motion []float64
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range subjects {
		order := []string{"placebo", "naltrexone"}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for s := range 2 {
			for _, ph := range []string{"baseline", "infusion"} {
				sub = append(sub, fmt.Sprintf("sub-%03d", i))
				ses = append(ses, fmt.Sprintf("ses-%d", s+1))
				treat, phase = append(treat, order[s]), append(phase, ph)
				seq = append(seq, strings.ToUpper(order[0][:1]+order[1][:1]))
				period = append(period, fmt.Sprint(s+1))
				motion = append(motion, rng.ExpFloat64())
			}
		}
	}
	t := NewTable("crossover")
	t.AddFactor("subject", sub)
	t.AddFactor("session", ses)
	t.AddFactor("treatment", treat, "placebo", "naltrexone")
	t.AddFactor("phase", phase)
	t.AddFactor("sequence", seq)
	t.AddFactor("period", period)
	t.AddNumeric("motion", motion)
	return t
}

// simulate draws n responses for the crossover table: between-subject,
// between-session and residual standard deviations 6, 2 and 3, one in seven
// without subject or session variance, so that boundary fits occur.
func simulate(t *Table, n int, seed uint64) [][]float64 {
	out := make([][]float64, n)
	for j := range out {
		rng := rand.New(rand.NewPCG(seed, uint64(j)))
		su, ss := 6.0, 2.0
		if j%7 == 3 {
			ss = 0
		}
		if j%7 == 5 {
			su = 0
		}
		out[j] = make([]float64, t.Len())
		var u, s float64
		for i := range out[j] {
			if i%4 == 0 {
				u = su * rng.NormFloat64()
			}
			if i%2 == 0 {
				s = ss * rng.NormFloat64()
			}
			out[j][i] = 50 + u + s + 3*rng.NormFloat64() + 4*float64(i%2)
		}
	}
	return out
}

const trialFormula = "cbf ~ treatment*phase + period + sequence + (1|subject) + (1|subject:session)"

// dropSessions makes sessions missing, the same in all responses that share
// j modulo kinds.
func dropSessions(ys [][]float64, kinds int) {
	for j, y := range ys {
		rng := rand.New(rand.NewPCG(99, uint64(j%kinds)))
		for s := 0; s < len(y); s += 2 {
			if rng.Float64() < 0.1 {
				y[s], y[s+1] = math.NaN(), math.NaN()
			} else if rng.Float64() < 0.05 {
				y[s] = math.NaN()
			}
		}
	}
}

// TestBatchEqualsSingle compares every number of a batch with a fit of its
// own, by the general evaluator: another route to V⁻¹.
func TestBatchEqualsSingle(t *testing.T) {
	for _, tt := range []struct {
		name, formula string
		missing       bool
		method        Method
		ddf           DDF
		nested        bool
		unbounded     bool
	}{
		{"complete", trialFormula, false, REML, KenwardRoger, true, false},
		{"complete, unbounded", trialFormula, false, REML, KenwardRoger, true, true},
		{"missing, unbounded", trialFormula, true, REML, KenwardRoger, true, true},
		{"ML, unbounded", trialFormula, true, ML, Satterthwaite, true, true},
		{"crossed, unbounded", "cbf ~ treatment*phase + (1|subject) + (1|subject:session) + (1|subject:phase)", true, REML, Satterthwaite, false, true},
		{"missing", trialFormula, true, REML, KenwardRoger, true, false},
		{"missing, Satterthwaite", trialFormula, true, REML, Satterthwaite, true, false},
		{"ML", trialFormula, true, ML, Satterthwaite, true, false},
		{"one intercept", "cbf ~ treatment*phase + (1|subject)", true, REML, KenwardRoger, true, false},
		{"covariate", trialFormula + " + motion", true, REML, KenwardRoger, true, false},
		{"slope", "cbf ~ treatment*phase + (1 + phase|subject)", true, REML, KenwardRoger, false, false},
		{"crossed", "cbf ~ treatment*phase + (1|subject) + (1|period:phase)", false, REML, Satterthwaite, false, false},
		{"no random effect", "cbf ~ treatment*phase", true, REML, Residual, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tab := crossover(26)
			n := 40
			if testing.Short() {
				n = 14
			}
			ys := simulate(tab, n, 7)
			if tt.missing {
				dropSessions(ys, 5)
			}
			f, err := ParseFormula(tt.formula)
			if err != nil {
				t.Fatal(err)
			}
			b, err := NewBatch(f, tab)
			if err != nil {
				t.Fatal(err)
			}
			if got := newNested(b.Design) != nil; got != tt.nested {
				t.Fatalf("nested evaluator: %v, want %v", got, tt.nested)
			}
			res := b.FitColumns(ys, BatchOptions{Method: tt.method, Inference: Inference{DDF: tt.ddf}, Unbounded: tt.unbounded, Workers: 2})
			again := b.FitColumns(ys, BatchOptions{Method: tt.method, Inference: Inference{DDF: tt.ddf}, Unbounded: tt.unbounded, Workers: 1})
			if !slices.Equal(bits(res.P), bits(again.P)) {
				t.Error("results depend on the number of workers")
			}
			singular, below := 0, 0
			for j, y := range ys {
				one := crossover(26)
				one.AddNumeric("cbf", y)
				fit := design(t, tt.formula, one).Fit(tt.method)
				if tt.unbounded {
					fit = design(t, tt.formula, one).FitUnbounded(tt.method)
				}
				if fit.bounded != nil {
					below++
				}
				if res.Outcome[j] != Fitted || res.NObs[j] != fit.Design.N || res.Singular[j] != fit.Singular {
					t.Fatalf("response %d: outcome %v, %d observations, singular %v; alone %d, %v", j, res.Outcome[j], res.NObs[j], res.Singular[j], fit.Design.N, fit.Singular)
				}
				if fit.Singular {
					singular++
				}
				near(t, "log-likelihood", res.LogLik[j], fit.LogLik, 1e-10)
				near(t, "sigma", res.Sigma[j], fit.Sigma, 1e-8)
				for c, e := range fit.Coefficients(Inference{DDF: tt.ddf}) {
					at := j*len(res.Contrasts) + c
					near(t, "estimate "+e.Name, res.Value[at], e.Value, 1e-8)
					near(t, "SE "+e.Name, res.SE[at], e.SE, 1e-8)
					near(t, "df "+e.Name, res.DF[at], e.DF, 1e-7)
					near(t, "p "+e.Name, res.P[at], e.P, 1e-7)
				}
			}
			if tt.nested && !testing.Short() && singular == 0 {
				t.Error("no boundary fit among the simulations; they should be tested too")
			}
			if tt.unbounded != (below > 0) {
				t.Errorf("%d fits with a variance below zero", below)
			}
		})
	}
}

func bits(v []float64) []uint64 {
	out := make([]uint64, len(v))
	for i, x := range v {
		out[i] = math.Float64bits(x)
	}
	return out
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if d := math.Abs(got - want); !(d <= tol*math.Max(math.Abs(want), 1e-3)) {
		t.Errorf("%s: %.15g, want %.15g (relative %.1e)", what, got, want, d/math.Abs(want))
	}
}

func benchmarkBatch(b *testing.B, missing bool, ddf DDF) {
	tab := crossover(26)
	ys := simulate(tab, 2000, 7)
	if missing {
		dropSessions(ys, 3)
	}
	f, err := ParseFormula(trialFormula)
	if err != nil {
		b.Fatal(err)
	}
	batch, err := NewBatch(f, tab)
	if err != nil {
		b.Fatal(err)
	}
	opt := BatchOptions{Inference: Inference{DDF: ddf}, Workers: 1}
	b.ResetTimer()
	n := 0
	for b.Loop() {
		batch.FitColumns(ys, opt)
		n += len(ys)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/fit")
}

func BenchmarkCompleteResidual(b *testing.B)      { benchmarkBatch(b, false, Residual) }
func BenchmarkCompleteSatterthwaite(b *testing.B) { benchmarkBatch(b, false, Satterthwaite) }
func BenchmarkCompleteKenwardRoger(b *testing.B)  { benchmarkBatch(b, false, KenwardRoger) }
func BenchmarkMissingResidual(b *testing.B)       { benchmarkBatch(b, true, Residual) }
func BenchmarkMissingSatterthwaite(b *testing.B)  { benchmarkBatch(b, true, Satterthwaite) }
func BenchmarkMissingKenwardRoger(b *testing.B)   { benchmarkBatch(b, true, KenwardRoger) }

func BenchmarkSingleFit(b *testing.B) {
	tab := crossover(26)
	tab.AddNumeric("cbf", simulate(tab, 1, 7)[0])
	d := design(b, trialFormula, tab)
	for b.Loop() {
		d.Fit(REML).Coefficients(Inference{})
	}
}

// The measurement of docs/methods/mixed-models.md: 100,000 responses of 104
// observations, stored as float32, on all CPUs.
func benchmarkHundredThousand(b *testing.B, missing bool, ddf DDF) {
	const n = 100_000
	tab := crossover(26)
	few := simulate(tab, 1000, 7)
	if missing {
		dropSessions(few, 1)
	}
	block := make([]float32, 0, n*tab.Len())
	for j := range n {
		shift := float64(j) * 1e-3
		for i, v := range few[j%len(few)] {
			block = append(block, float32(v+shift*math.Sin(float64(i*j))*1e-2))
		}
	}
	f, err := ParseFormula(trialFormula)
	if err != nil {
		b.Fatal(err)
	}
	batch, err := NewBatch(f, tab)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		batch.FitFloat32(block, BatchOptions{Inference: Inference{DDF: ddf}})
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/fit")
}

func BenchmarkHundredThousandComplete(b *testing.B) { benchmarkHundredThousand(b, false, Residual) }
func BenchmarkHundredThousandCompleteSatterthwaite(b *testing.B) {
	benchmarkHundredThousand(b, false, Satterthwaite)
}
func BenchmarkHundredThousandCompleteKR(b *testing.B) {
	benchmarkHundredThousand(b, false, KenwardRoger)
}
func BenchmarkHundredThousandMissing(b *testing.B) { benchmarkHundredThousand(b, true, Residual) }
func BenchmarkHundredThousandMissingSatterthwaite(b *testing.B) {
	benchmarkHundredThousand(b, true, Satterthwaite)
}
func BenchmarkHundredThousandMissingKR(b *testing.B) {
	benchmarkHundredThousand(b, true, KenwardRoger)
}
