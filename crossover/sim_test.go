package crossover

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// A testModel is the additive normal model that tests draw data from.
type testModel struct {
	subject, session, residual float64 // standard deviations
	response                   float64 // of the phase effect between people
	phase, interaction, period float64
}

// testTrial returns a trial of two treatments, two phases and n people.
func testTrial(n int) *Trial {
	tr := &Trial{Treatments: []string{"placebo", "naltrexone"}, Phases: []string{"baseline", "infusion"},
		Sequences: []string{"naltrexone-placebo", "placebo-naltrexone"}, Challenge: "ketamine"}
	for i := range n {
		name := fmt.Sprintf("%03d", i+1)
		sequence := tr.Sequences[(i+1)%2]
		tr.People = append(tr.People, Person{Subject: name, Sequence: sequence, Columns: map[string]string{"age": fmt.Sprint(20 + i*7%29)}})
		for s := range 2 {
			treatment := tr.Treatments[(i+s)%2]
			for p, phase := range tr.Phases {
				tr.Scans = append(tr.Scans, Scan{Subject: name, Session: fmt.Sprint(s + 1), Run: fmt.Sprint(p + 1), Treatment: treatment, Phase: phase,
					Sequence: sequence, Period: s + 1, Columns: map[string]string{}})
			}
		}
	}
	return tr
}

// draw returns the values of a region in every scan.
func (m testModel) draw(tr *Trial, region string, seed uint64) []Value {
	rng := rand.New(rand.NewPCG(seed, 17))
	var out []Value
	var u, v float64
	var w [2]float64
	for i := range tr.Scans {
		s := &tr.Scans[i]
		if i%4 == 0 {
			u = m.subject * rng.NormFloat64()
			w = [2]float64{m.response * rng.NormFloat64(), m.response * rng.NormFloat64()}
		}
		if i%2 == 0 {
			v = m.session * rng.NormFloat64()
		}
		x := 50 + u + v + m.residual*rng.NormFloat64() + m.period*float64(s.Period-1)
		if s.Phase == tr.Phases[1] {
			x += m.phase + w[1]
			if s.Treatment != tr.Treatments[0] {
				x += m.interaction
			}
		} else {
			x += w[0]
		}
		out = append(out, Value{Subject: s.Subject, Session: s.Session, Run: s.Run, Region: region, CBF: x, Units: "mL/100g/min"})
	}
	return out
}

var usual = testModel{subject: 8, session: 4, residual: 3, phase: 6}

// byScan arranges values as [subject][session][phase].
func byScan(tr *Trial, values []Value) [][2][2]float64 {
	out := make([][2][2]float64, len(values)/4)
	for i, v := range values {
		out[i/4][i/2%2][i%2] = v.CBF
	}
	return out
}

// meanVar returns mean and variance.
func meanVar(x []float64) (m, v float64) {
	for _, a := range x {
		m += a / float64(len(x))
	}
	for _, a := range x {
		v += (a - m) * (a - m) / float64(len(x)-1)
	}
	return m, v
}

// oneSampleT returns t and df; twoSampleT those of Student's test with equal
// variances, first minus second.
func oneSampleT(x []float64) (t, df float64) {
	m, v := meanVar(x)
	return m / math.Sqrt(v/float64(len(x))), float64(len(x) - 1)
}

func twoSampleT(a, b []float64) (diff, t, df float64) {
	ma, va := meanVar(a)
	mb, vb := meanVar(b)
	na, nb := float64(len(a)), float64(len(b))
	df = na + nb - 2
	pooled := (va*(na-1) + vb*(nb-1)) / df
	return ma - mb, (ma - mb) / math.Sqrt(pooled*(1/na+1/nb)), df
}
