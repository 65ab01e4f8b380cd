package crossover

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/corr"
	"phasl/diag"
	"phasl/lmm"
)

// Associate correlates regional measures with clinical scores as the plan
// asks, and compares the correlations between treatments; nil if the plan
// names none. Values are as for [Analyse]; its problems with them are not told
// again.
//
// The list has an error for each association whose region, score, visit or
// covariate is not there. The results do not depend on the number of workers
// (0: one for each CPU).
func Associate(p *Plan, tr *Trial, values []Value, ratings []Rating, workers int) (*Associations, diag.List) {
	if len(p.Association) == 0 {
		return nil, nil
	}
	a := &analysis{plan: p, tr: tr}
	a.gather(values)
	if name := a.find(p.Regions.Global); name != "" {
		a.global = slices.Clone(a.values[name])
		for i, g := range a.global {
			if g <= 0 {
				a.global[i] = math.NaN()
			}
		}
	}
	a.l = nil
	book := newRatingBook(ratings, &a.l)
	out := &Associations{Method: p.Associations.Method, Permutations: int(p.Associations.Permutations), Bootstrap: int(p.Associations.Bootstrap), Multiplicity: p.Associations.Multiplicity, Level: p.Model.Level}
	for i := range p.Association {
		if pair := a.newPairing(i, book); pair != nil {
			out.List = append(out.List, pair.associate(workers))
		}
	}
	correctAssociations(out, corr.Options{Method: correlationMethod(p.Associations.Method), Permutations: out.Permutations, Seed: p.Seed, Workers: workers})
	for i := range out.List {
		out.List[i].Sentence = out.sentence(&out.List[i])
	}
	return out, a.l
}

// CheckAssociations reports the associations of a plan whose region, score,
// visit or covariate is not there. regions is nil if they are not known yet:
// those that the plan names are then taken to be there, global CBF too.
func CheckAssociations(p *Plan, tr *Trial, regions []string, scores []Rating) diag.List {
	if len(p.Association) == 0 {
		return nil
	}
	if regions == nil {
		for i := range p.Association {
			regions = append(regions, p.Association[i].Region)
		}
		regions = append(regions, p.Regions.Global)
	}
	a := &analysis{plan: p, tr: tr, scans: tr.Used(), values: map[string][]float64{}}
	for _, r := range regions {
		if _, ok := a.values[r]; !ok {
			a.names = append(a.names, r)
			a.values[r] = nil
		}
	}
	slices.Sort(a.names)
	if name := a.find(p.Regions.Global); name != "" {
		a.global = make([]float64, len(a.scans))
	}
	book := newRatingBook(scores, &a.l)
	for i := range p.Association {
		a.newPairing(i, book)
	}
	return a.l
}

// correlationMethod is the coefficient of a word of the plan.
func correlationMethod(word string) corr.Method {
	switch word {
	case "spearman":
		return corr.Spearman
	case "robust":
		return corr.Robust
	}
	return corr.Pearson
}

func correlationSide(word string) corr.Side {
	switch word {
	case "positive":
		return corr.Greater
	case "negative":
		return corr.Less
	}
	return corr.TwoSided
}

// associate computes one association.
func (p *pairing) associate(workers int) Association {
	plan, a := p.plan, p.a
	out := Association{
		Name: plan.Name, Region: p.region, Measure: plan.Measure, Phase: plan.Phase, Adjust: plan.Adjust,
		Instrument: plan.Instrument, Score: plan.Score, Visit: p.visit, Change: plan.Change, ChangeFrom: plan.ChangeFrom,
		Side: plan.Side, XUnits: "", YUnits: "points",
	}
	if out.Phase == "" {
		out.Phase = a.tr.Phases[0]
	}
	if plan.Measure == Absolute {
		out.XUnits = a.units
	}
	if plan.Change == "percent" {
		out.YUnits = "%"
	}
	out.X, out.Y = p.words(&out)
	if out.Name == "" {
		out.Name = out.X + " and " + out.Y
	}
	o := corr.Options{
		Method: correlationMethod(a.plan.Associations.Method), Side: correlationSide(plan.Side), Level: a.plan.Model.Level,
		Permutations: int(a.plan.Associations.Permutations), Bootstrap: int(a.plan.Associations.Bootstrap), Seed: a.plan.Seed, Workers: workers,
	}
	treatments := p.order()
	out.Within = treatments[0]
	rows := make([][]AssociationPoint, len(treatments))
	for i, t := range treatments {
		var missing []string
		rows[i], missing = p.points(t)
		out.Missing = append(out.Missing, missing...)
		out.By = append(out.By, correlate(t, rows[i], plan.Adjust, o))
	}
	out.By[0].without = leftOut(rows[0], o, func(i int, o corr.Options) (float64, float64) {
		r := corr.Correlate(columns(except(rows[0], i), plan.Adjust), o)
		return r.R, preferred(Number(r.Permutation.P), Number(r.P))
	})
	for i := 1; i < len(treatments); i++ {
		d := shift(treatments[i], rows[0], rows[i], plan.Adjust, o)
		d.Moderation = moderate(treatments[0], treatments[i], slices.Concat(rows[0], rows[i]), plan.Adjust, a.plan.Model.Level)
		out.Differences = append(out.Differences, d)
	}
	if note := p.coupling(rows[0], o); note != "" {
		out.Notes = append(out.Notes, note)
	}
	for i := range rows {
		out.Data = append(out.Data, rows[i]...)
	}
	if f := out.By[0].Failed; f != "" {
		out.Failed = f
	}
	return out
}

// columns turns rows into the columns of corr.
func columns(rows []AssociationPoint, names []string) corr.Data {
	d := corr.Data{X: make([]float64, len(rows)), Y: make([]float64, len(rows)), Names: names}
	for range names {
		d.Covariates = append(d.Covariates, make([]float64, len(rows)))
	}
	for i := range rows {
		d.X[i], d.Y[i] = float64(rows[i].X), float64(rows[i].Y)
		for k, v := range rows[i].Covariates {
			d.Covariates[k][i] = float64(v)
		}
	}
	return d
}

// correlate fills the correlation of one treatment, and the residuals of the
// rows.
func correlate(treatment string, rows []AssociationPoint, adjust []string, o corr.Options) Correlation {
	d := columns(rows, adjust)
	if len(rows) < leastBootstrap {
		o.Bootstrap = 0
	}
	r := corr.Correlate(d, o)
	out := Correlation{
		Treatment: treatment, N: r.N, R: Number(r.R), DF: Number(r.DF), Low: Number(r.Low), High: Number(r.High),
		BootLow: Number(r.Bootstrap.Low), BootHigh: Number(r.Bootstrap.High), T: Number(r.T), P: Number(r.P),
		PPermutation: Number(r.Permutation.P), PAdjusted: nan, BF01: Number(r.BF01), Slope: nan, Notes: r.Notes, Failed: r.Reason,
	}
	x, y := residuals(d.X, d.Covariates), residuals(d.Y, d.Covariates)
	var xx, xy float64
	mx, my := mean(x), mean(y)
	for i := range rows {
		rows[i].XResidual, rows[i].YResidual = Number(x[i]), Number(y[i])
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
	}
	if xx > 0 && r.Reason == "" {
		out.Slope = Number(xy / xx)
	}
	var turns []string
	for _, f := range r.Influence {
		who := rows[f.Row].Subject
		out.Influence = append(out.Influence, Influence{Subject: who, DR: Number(f.DR), Cook: Number(f.Cooks), Large: f.Flagged, Turns: f.Turns})
		if f.Turns {
			turns = append(turns, fmt.Sprintf("sub-%s (%s, %s)", who, decimals(f.R, 2), pText(Number(f.P))))
		}
	}
	sortInfluence(out.Influence)
	out.Fragile = listed(turns, 3)
	return out
}

// paired returns the rows of the people who are in both.
func paired(first, second []AssociationPoint) (a, b []AssociationPoint) {
	at := map[string]int{}
	for i := range second {
		at[second[i].Subject] = i
	}
	for i := range first {
		if k, ok := at[first[i].Subject]; ok {
			a, b = append(a, first[i]), append(b, second[k])
		}
	}
	return a, b
}

// shift fills the difference of the correlations in the people who have both.
func shift(treatment string, first, second []AssociationPoint, adjust []string, o corr.Options) CorrelationShift {
	a, b := paired(first, second)
	o.Side = corr.TwoSided // the plan's side is that of the correlation
	if len(a) < leastBootstrap {
		o.Bootstrap = 0
	}
	c := corr.Compare(columns(a, adjust), columns(b, adjust), o)
	out := CorrelationShift{
		Treatment: treatment, N: c.N, R1: Number(c.R1), R2: Number(c.R2), Delta: Number(c.Delta), Low: Number(c.Low), High: Number(c.High),
		BootLow: Number(c.Bootstrap.Low), BootHigh: Number(c.Bootstrap.High), Z: Number(c.Z), P: Number(c.P),
		PPermutation: Number(c.Permutation.P), PAdjusted: nan, Notes: c.Notes, Failed: c.Reason,
	}
	out.Slopes = slopeShift(a, b, adjust, o)
	if out.Failed != "" {
		return out
	}
	if least := math.Ldexp(1, 1-c.N); o.Permutations > 0 && least > 1-o.Level+1e-9 {
		out.Notes = append(out.Notes, fmt.Sprintf("with %d people no permutation p is below %.3f, so that no data could show a difference", c.N, least))
	}
	out.without = leftOut(a, o, func(i int, o corr.Options) (float64, float64) {
		c := corr.Compare(columns(except(a, i), adjust), columns(except(b, i), adjust), o)
		return c.Delta, preferred(Number(c.Permutation.P), Number(c.P))
	})
	for _, w := range out.without {
		out.Influence = append(out.Influence, Influence{Subject: w.subject, DR: Number(w.value) - out.Delta, Cook: nan})
	}
	sortInfluence(out.Influence)
	return out
}

// leastBootstrap is how many people a bootstrap interval needs: with fewer its
// ends are those of the few values there are.
const leastBootstrap = 10

// slopeShift compares the slopes in the people who have both treatments.
func slopeShift(a, b []AssociationPoint, adjust []string, o corr.Options) SlopeShift {
	c := corr.CompareSlopes(columns(a, adjust), columns(b, adjust), o)
	return SlopeShift{Slope1: Number(c.Slope1), Slope2: Number(c.Slope2), Delta: Number(c.Delta), SE: Number(c.SE), DF: Number(c.DF),
		Low: Number(c.Low), High: Number(c.High), P: Number(c.P), PPermutation: Number(c.Permutation.P), Failed: c.Reason}
}

// except returns the rows without one.
func except(rows []AssociationPoint, i int) []AssociationPoint {
	return slices.Delete(slices.Clone(rows), i, i+1)
}

// leftOut computes a value and its p-value with each person left out in turn.
// As only whether a claim turns is asked, some 2,000 draws do.
func leftOut(rows []AssociationPoint, o corr.Options, of func(i int, o corr.Options) (value, p float64)) []without {
	const draws = 1999
	o.Bootstrap, o.Permutations = 0, min(o.Permutations, draws)
	out := make([]without, len(rows))
	for i := range rows {
		out[i].subject = rows[i].Subject
		out[i].value, out[i].p = of(i, o)
	}
	return out
}

// preferred is the permutation p-value, or that of the closed form if there is
// none: claims rest on it.
func preferred(permutation, p Number) float64 {
	if !math.IsNaN(float64(permutation)) {
		return float64(permutation)
	}
	return float64(p)
}

// sortInfluence puts the largest change first.
func sortInfluence(list []Influence) {
	slices.SortStableFunc(list, func(a, b Influence) int {
		switch x, y := math.Abs(float64(a.DR)), math.Abs(float64(b.DR)); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return strings.Compare(a.Subject, b.Subject)
	})
}

// coupling says how far the score at the first visit can make an association
// with the change from it: a change, and a percentage more so, contains it. ""
// where there is no change, or the plan adjusts for that score already.
func (p *pairing) coupling(rows []AssociationPoint, o corr.Options) string {
	plan := p.plan
	if plan.Change == "" || slices.Contains(plan.Adjust, AdjustScore) || len(rows) < 6+len(plan.Adjust) {
		return ""
	}
	o.Permutations, o.Bootstrap, o.Side = 0, 0, corr.TwoSided
	d := columns(rows, plan.Adjust)
	base := make([]float64, len(rows))
	for i := range rows {
		base[i] = rows[i].base
	}
	with := d
	with.Y = base
	own := corr.Correlate(with, o)
	d.Covariates, d.Names = append(d.Covariates, base), append(slices.Clone(d.Names), AdjustScore)
	given := corr.Correlate(d, o)
	if own.Reason != "" || given.Reason != "" {
		return ""
	}
	return fmt.Sprintf("a change contains the score it is from: with that score at %s the measure correlates %s, and with it as a covariate too the association is %s (%s, not adjusted)",
		plan.ChangeFrom, decimals(own.R, 2), decimals(given.R, 2), pText(Number(given.P)))
}

// residuals returns y less its least-squares fit on an intercept and the
// covariates, the mean of y added; a covariate that others determine takes no
// part.
func residuals(y []float64, covariates [][]float64) []float64 {
	centre := func(v []float64) []float64 {
		out := make([]float64, len(v))
		m := mean(v)
		for i := range v {
			out[i] = v[i] - m
		}
		return out
	}
	dot := func(a, b []float64) (s float64) {
		for i := range a {
			s += a[i] * b[i]
		}
		return s
	}
	var basis [][]float64
	for _, c := range covariates {
		q := centre(c)
		size := dot(q, q)
		for range 2 { // twice, so that rounding leaves nothing
			for _, b := range basis {
				f := dot(q, b)
				for i := range q {
					q[i] -= f * b[i]
				}
			}
		}
		if n := dot(q, q); n > 1e-20*size && n > 0 {
			scale := 1 / math.Sqrt(n)
			for i := range q {
				q[i] *= scale
			}
			basis = append(basis, q)
		}
	}
	out := centre(y)
	for _, b := range basis {
		f := dot(out, b)
		for i := range out {
			out[i] -= f * b[i]
		}
	}
	m := mean(y)
	for i := range out {
		out[i] += m
	}
	return out
}

// moderate asks by a mixed model whether the slope of the score on the measure
// differs between two treatments:
//
//	score ~ measure*treatment + covariates*treatment + period + (1|subject)
//
// score and measure are divided by the standard deviation of what the covariates
// leave of them within treatments, so that slopes have the scale of
// correlations. Kenward and Roger's degrees
// of freedom.
func moderate(first, second string, rows []AssociationPoint, adjust []string, level float64) Moderation {
	out := Moderation{Slope1: nan, Slope2: nan, Delta: nan, SE: nan, DF: nan, T: nan, P: nan, Low: nan, High: nan, NObs: len(rows)}
	x, y := make([]float64, len(rows)), make([]float64, len(rows))
	restX, restY := make([]float64, len(rows)), make([]float64, len(rows))
	period := make([]float64, len(rows))
	treatment, subject := make([]string, len(rows)), make([]string, len(rows))
	people := map[string]bool{}
	for i := range rows {
		x[i], y[i] = float64(rows[i].X), float64(rows[i].Y)
		restX[i], restY[i] = float64(rows[i].XResidual), float64(rows[i].YResidual)
		treatment[i], subject[i], period[i] = rows[i].Treatment, rows[i].Subject, float64(rows[i].Period)
		people[rows[i].Subject] = true
	}
	out.N = len(people)
	for _, v := range [][2][]float64{{x, restX}, {y, restY}} {
		sd, size := within(v[1], treatment), within(v[0], treatment)
		if !(sd > 1e-9*size) {
			out.Failed = "the covariates leave nothing of the measure or of the score"
			return out
		}
		for i := range v[0] {
			v[0][i] /= sd
		}
	}
	t := lmm.NewTable("association")
	t.AddNumeric("score", y)
	t.AddNumeric("measure", x)
	t.AddFactor("treatment", treatment, first, second)
	t.AddFactor("subject", subject)
	formula := "score ~ measure*treatment"
	for k, c := range adjust {
		if c == AdjustPeriod {
			continue
		}
		v := make([]float64, len(rows))
		for i := range rows {
			v[i] = float64(rows[i].Covariates[k])
		}
		if sd := within(v, treatment); sd > 0 { // for the optimiser; one that is constant the design drops
			m := mean(v)
			for i := range v {
				v[i] = (v[i] - m) / sd
			}
		}
		name := fmt.Sprintf("covariate%d", k+1)
		t.AddNumeric(name, v)
		formula += " + " + name + "*treatment"
	}
	if !constant(period) {
		t.AddNumeric("period", period)
		formula += " + period"
	}
	formula += " + (1|subject)"
	out.Formula = formula
	f, err := lmm.ParseFormula(formula)
	if err != nil {
		panic("crossover: " + err.Error())
	}
	d, err := lmm.NewDesign(f, t)
	if err != nil {
		out.Failed = err.Error()
		return out
	}
	slope, change := slices.Index(d.Names, "measure"), slices.IndexFunc(d.Names, func(n string) bool {
		return strings.HasPrefix(n, "measure:treatment") || strings.HasPrefix(n, "treatment") && strings.HasSuffix(n, ":measure")
	})
	if slope < 0 || change < 0 || len(rows) < 2*len(d.Names) {
		out.Failed = tooFewForSlopes
		return out
	}
	fit := d.Fit(lmm.REML)
	in := lmm.Inference{DDF: lmm.KenwardRoger, Level: level}
	w := make([]float64, len(d.Names))
	linear := func(atSlope, atChange float64) lmm.Estimate {
		w[slope], w[change] = atSlope, atChange
		return fit.Linear("", w, in)
	}
	first1, second1, e := linear(1, 0), linear(1, 1), linear(0, -1)
	if !fit.Converged || !(e.DF >= 3) || !(e.SE > 0) {
		out.Failed = tooFewForSlopes
		return out
	}
	out.Slope1, out.Slope2 = Number(first1.Value), Number(second1.Value)
	out.Delta, out.SE, out.DF, out.T, out.P, out.Low, out.High = Number(e.Value), Number(e.SE), Number(e.DF), Number(e.T), Number(e.P), Number(e.Low), Number(e.High)
	return out
}

// tooFewForSlopes is said where the mixed model has hardly a degree of freedom
// left: its interval would be a matter of rounding.
const tooFewForSlopes = "too few people to tell the slopes apart by a mixed model"

// within returns the standard deviation of values within groups.
func within(v []float64, group []string) float64 {
	sum, n := map[string]float64{}, map[string]int{}
	for i, g := range group {
		sum[g] += v[i]
		n[g]++
	}
	ss := 0.0
	for i, g := range group {
		d := v[i] - sum[g]/float64(n[g])
		ss += d * d
	}
	return math.Sqrt(ss / float64(max(1, len(v)-len(n))))
}

func constant(v []float64) bool {
	return !slices.ContainsFunc(v, func(x float64) bool { return x != v[0] })
}

// correctAssociations corrects over the plan's associations: the correlations
// under the plan's treatment are one family, their differences another. Then it
// asks of each claim whether one person decides it.
func correctAssociations(s *Associations, o corr.Options) {
	var within, between []claim
	for i := range s.List {
		a := &s.List[i]
		w := &a.By[0]
		within = append(within, claim{preferred(w.PPermutation, w.P), &w.PAdjusted, w.without, w.Influence, &w.Fragile})
		for j := range a.Differences {
			d := &a.Differences[j]
			between = append(between, claim{preferred(d.PPermutation, d.P), &d.PAdjusted, d.without, d.Influence, &d.Fragile})
		}
	}
	for k, family := range [][]claim{within, between} {
		p := make([]float64, len(family))
		for i := range family {
			if p[i] = family[i].p; math.IsNaN(p[i]) {
				p[i] = 1 // planned and not computed: the others are corrected for it all the same
			}
		}
		for i, adjusted := range lmm.Adjust(p, adjustment(s.Multiplicity)) {
			if !math.IsNaN(family[i].p) {
				*family[i].adjusted = Number(adjusted)
			}
		}
		if k == 0 && s.Multiplicity == maxR {
			s.correctByMax(o)
		}
		for i := range family {
			if !math.IsNaN(family[i].p) {
				s.turns(family[i], p, i)
			}
		}
	}
}

// A claim is one test of a family, with what is left of it without each person.
type claim struct {
	p         float64
	adjusted  *Number
	without   []without
	influence []Influence
	fragile   *string
}

// turns marks the people without whom the claim is another, the other tests of
// the family staying as they are.
func (s *Associations) turns(c claim, family []float64, at int) {
	turned := map[string]bool{}
	var names []string
	p := slices.Clone(family)
	for _, w := range c.without {
		if math.IsNaN(w.p) {
			continue
		}
		p[at] = w.p
		adjusted := Number(lmm.Adjust(p, adjustment(s.Multiplicity))[at])
		if s.Multiplicity == maxR && c.p > 0 { // the correction that this claim had, of the new p
			adjusted = Number(math.Min(1, math.Max(w.p, float64(*c.adjusted)*w.p/c.p)))
		}
		if s.Shown(adjusted) != s.Shown(*c.adjusted) {
			turned[w.subject] = true
			names = append(names, fmt.Sprintf("sub-%s (%s, %s)", w.subject, decimals(w.value, 2), s.adjustedText(adjusted)))
		}
	}
	for i := range c.influence {
		c.influence[i].Turns = turned[c.influence[i].Subject]
	}
	*c.fragile = listed(names, 3)
}

// maxR is the word for the correction by the largest correlation of the family.
const maxR = "max"

// correctByMax corrects the correlations under the plan's treatment by the
// permutation distribution of the most extreme of them, which keeps that they
// are of the same people. See corr.Family.
func (s *Associations) correctByMax(o corr.Options) {
	var people []string
	for i := range s.List {
		for _, q := range s.List[i].Data {
			if !slices.Contains(people, q.Subject) {
				people = append(people, q.Subject)
			}
		}
	}
	slices.Sort(people)
	var pairs []corr.Pair
	for i := range s.List {
		a := &s.List[i]
		column := func() []float64 {
			c := make([]float64, len(people))
			for k := range c {
				c[k] = math.NaN()
			}
			return c
		}
		d := corr.Data{X: column(), Y: column(), Names: a.Adjust}
		for range a.Adjust {
			d.Covariates = append(d.Covariates, column())
		}
		for _, q := range a.Data {
			if q.Treatment != a.Within {
				continue
			}
			k, _ := slices.BinarySearch(people, q.Subject)
			d.X[k], d.Y[k] = float64(q.X), float64(q.Y)
			for j, v := range q.Covariates {
				d.Covariates[j][k] = float64(v)
			}
		}
		pairs = append(pairs, corr.Pair{Data: d, Side: correlationSide(a.Side)})
	}
	for i, c := range corr.Family(pairs, o) {
		if !math.IsNaN(c.PMax) {
			s.List[i].By[0].PAdjusted = Number(c.PMax)
		}
	}
}
