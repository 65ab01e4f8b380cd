package phantom

import (
	"math"
	"slices"
	"sync"
)

// A scoreModel says how one score at one visit is drawn from a standard normal
// number L, here called its drive.
//
//	of its own    mean + sd·L, or, if skewed, exp(a + b·L) − 1 of that mean and SD
//	as a change   score at from × (1 − (mean + sd·L)/100)
//
// rounded to whole numbers and held within low and high. Sizes and their
// sources are in docs/methods/phantom.md.
type scoreModel struct {
	instrument, score, visit string
	from                     string  // visit that it is a change from; "": drawn of its own
	mean, sd                 float64 // of the score, or of the reduction [%]
	others                   float64 // mean reduction under other treatments than the reference [%]
	low, high                float64
	skewed                   bool
	kin                      kinship
}

// A kinship is a set of scores that have errors in common.
type kinship int

const (
	severity kinship = iota // of depression, before
	response                // to the infusion, a day later
	acute                   // effects of the infusion
)

// kin says how the drives of scores go together where nothing is planted:
// shared is the correlation of two scores of the kinship in one session,
// stable that of one score in two sessions of a person.
var kin = [...]struct{ shared, stable float64 }{severity: {0.6, 0.7}, response: {0.5, 0.4}, acute: {0.5, 0.5}}

// drawnScores are all scores that are drawn; each after the one that it is a
// change from. Of an instrument and visit, all are in one table.
var drawnScores = []scoreModel{
	{instrument: "madrs", score: "total", visit: "baseline", mean: 30, sd: 5.5, low: 18, high: 50, kin: severity},
	{instrument: "madrs", score: "total", visit: "day1", from: "baseline", mean: 50, sd: 25, others: 35, high: 60, kin: response},
	{instrument: "qids", score: "total", visit: "baseline", mean: 16, sd: 3.5, low: 8, high: 27, kin: severity},
	{instrument: "qids", score: "total", visit: "day1", from: "baseline", mean: 45, sd: 25, others: 30, high: 27, kin: response},
	{instrument: "psi", score: "delusional", visit: "infusion", mean: 7, sd: 3.5, high: 24, kin: acute},
	{instrument: "psi", score: "perceptual", visit: "infusion", mean: 9, sd: 4, high: 24, kin: acute},
	{instrument: "psi", score: "cognitive", visit: "infusion", mean: 9, sd: 4, high: 24, kin: acute},
	{instrument: "psi", score: "anhedonia", visit: "infusion", mean: 8, sd: 3.5, high: 24, kin: acute},
	{instrument: "psi", score: "mania", visit: "infusion", mean: 6, sd: 3, high: 24, kin: acute},
	{instrument: "psi", score: "paranoia", visit: "infusion", mean: 4, sd: 2.5, high: 24, kin: acute},
	{instrument: "cadss23", score: "total", visit: "baseline", mean: 1, sd: 1.5, high: 92, skewed: true, kin: severity},
	{instrument: "cadss23", score: "total", visit: "infusion", mean: 7.7, sd: 9.2, high: 92, skewed: true, kin: acute},
}

func (m *scoreModel) name() string { return m.instrument + "." + m.score + " at " + m.visit }

// drawnScore returns the model of a score, or nil.
func drawnScore(instrument, score, visit string) *scoreModel {
	i := slices.IndexFunc(drawnScores, func(m scoreModel) bool {
		return m.instrument == instrument && m.score == score && m.visit == visit
	})
	if i < 0 {
		return nil
	}
	return &drawnScores[i]
}

// onlyVisit returns the visit of a score that is drawn at one visit, or "".
func onlyVisit(instrument, score string) string {
	visit := ""
	for i := range drawnScores {
		if m := &drawnScores[i]; m.instrument == instrument && m.score == score {
			if visit != "" {
				return ""
			}
			visit = m.visit
		}
	}
	return visit
}

// whole rounds a score and holds it within its range.
func (m *scoreModel) whole(x float64) float64 { return min(max(math.Round(x), m.low), m.high) }

// own returns the score of a drive.
func (m *scoreModel) own(drive float64) float64 {
	if m.skewed {
		b := math.Sqrt(math.Log1p(m.sd * m.sd / ((m.mean + 1) * (m.mean + 1))))
		return m.whole(math.Exp(math.Log(m.mean+1)-b*b/2+b*drive) - 1)
	}
	return m.whole(m.mean + m.sd*drive)
}

// after returns the score that follows base. With change "absolute" the points
// are drawn rather than the percentage, as many as it is of a mean base.
func (m *scoreModel) after(base, drive float64, change string, reference bool) float64 {
	mean := m.mean
	if !reference {
		mean = m.others
	}
	percent := mean + m.sd*drive
	if change == "absolute" {
		return m.whole(base - percent/100*drawnScore(m.instrument, m.score, m.from).mean)
	}
	return m.whole(base * (1 - percent/100))
}

// reduction returns by how much a score fell, in points, or in percent of what
// base is above the lowest there is, which is 0 of all scores drawn here.
func reduction(base, score float64, change string) float64 {
	if change == "absolute" {
		return base - score
	}
	return 100 * (base - score) / base
}

// gain returns the correlation of a score, or of its reduction, with its drive:
// below 1 by what rounding, range and skewness take. It is worked out once, by
// summing over a fine grid of drives, and over the base from which it changes.
func gain(m *scoreModel, change string, reference bool) float64 {
	key := gainKey{m.instrument, m.score, m.visit, change, reference || m.from == ""}
	if g, ok := gains.Load(key); ok {
		return g.(float64)
	}
	var sum moments
	if m.from == "" {
		sum.over(1, m.own)
	} else {
		base := drawnScore(m.instrument, m.score, m.from)
		tail := func(x float64) float64 { return math.Erfc((base.mean-x)/base.sd/math.Sqrt2) / 2 }
		for b := base.low; b <= base.high; b++ {
			lo, hi := tail(b-0.5), tail(b+0.5)
			if b == base.low {
				lo = 0
			}
			if b == base.high {
				hi = 1
			}
			sum.over(hi-lo, func(drive float64) float64 { return reduction(b, m.after(b, drive, change, reference), change) })
		}
	}
	g := sum.lx / math.Sqrt(sum.xx-sum.x*sum.x)
	gains.Store(key, g)
	return g
}

type gainKey struct {
	instrument, score, visit, change string
	reference                        bool
}

var gains sync.Map // of float64 by gainKey

// moments are expectations over a standard normal number L and x, a function
// of it.
type moments struct{ x, xx, lx float64 }

func (s *moments) over(weight float64, of func(float64) float64) {
	const step = 0.005
	for k := -1600; k <= 1600; k++ {
		drive := step * float64(k)
		w := weight * step * math.Exp(-drive*drive/2) / math.Sqrt(2*math.Pi)
		x := of(drive)
		s.x += w * x
		s.xx += w * x * x
		s.lx += w * drive * x
	}
}

// scores draws all scores of one session that took place, as [drawnScores]
// lists them. z holds, for each planted association, the standardised brain
// measure given its covariates in this session, NaN where it is not of the
// session's treatment.
func (t *Trial) scores(i, session int, z []float64) []float64 {
	s := &t.People[i].Sessions[session]
	person := stream(t.Options.Seed, "trial symptoms person", uint64(i))
	visit := stream(t.Options.Seed, "trial symptoms session", uint64(i)<<16|uint64(session))
	var common [len(kin)]float64
	for k := range common {
		a, b := person.NormFloat64(), visit.NormFloat64()
		common[k] = math.Sqrt(kin[k].stable)*a + math.Sqrt(1-kin[k].stable)*b
	}
	reference := s.Treatment == 0
	out := make([]float64, len(drawnScores))
	for j := range drawnScores {
		m := &drawnScores[j]
		k := kin[m.kin]
		a, b := person.NormFloat64(), visit.NormFloat64()
		drive := math.Sqrt(k.shared)*common[m.kin] + math.Sqrt(1-k.shared)*(math.Sqrt(k.stable)*a+math.Sqrt(1-k.stable)*b)
		change := "percent"
		for q := range t.Options.Symptoms.Associations {
			p := &t.Options.Symptoms.Associations[q]
			if math.IsNaN(z[q]) || drawnScore(p.Instrument, p.Score, p.Visit) != m {
				continue
			}
			r := p.R / gain(m, p.Change, reference)
			if p.Change != "" {
				change = p.Change
				if !p.Improve { // the drive is that of a reduction
					r = -r
				}
			}
			drive = r*z[q] + math.Sqrt(1-r*r)*drive
		}
		if m.from == "" {
			out[j] = m.own(drive)
			continue
		}
		base := slices.IndexFunc(drawnScores, func(o scoreModel) bool {
			return o.instrument == m.instrument && o.score == m.score && o.visit == m.from
		})
		out[j] = m.after(out[base], drive, change, reference)
	}
	return out
}
