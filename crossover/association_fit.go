package crossover

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/corr"
	"phasl/diag"
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
	a.findGlobal()
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
// those that the plan names are then taken to be there, global CBF too. It
// returns how many people there are for each of the others.
func CheckAssociations(p *Plan, tr *Trial, regions []string, scores []Rating) ([]AssociationPeople, diag.List) {
	if len(p.Association) == 0 {
		return nil, nil
	}
	if regions == nil {
		for i := range p.Association {
			regions = append(regions, p.Association[i].Region)
		}
		regions = append(regions, p.Regions.Global)
	}
	a := &analysis{plan: p, tr: tr, scans: tr.Used(), values: map[string][]float64{}}
	there := make([]float64, len(a.scans)) // stands for values that are not known yet
	for i := range there {
		there[i] = 1
	}
	for _, r := range regions {
		if _, ok := a.values[r]; !ok {
			a.names = append(a.names, r)
			a.values[r] = there
		}
	}
	slices.Sort(a.names)
	if name := a.find(p.Regions.Global); name != "" {
		a.global = there
	}
	book := newRatingBook(scores, &a.l)
	var out []AssociationPeople
	for i := range p.Association {
		if pair := a.newPairing(i, book); pair != nil {
			out = append(out, pair.people())
		}
	}
	return out, a.l
}

// AssociationPeople are the people that an association can be computed from,
// as far as scans and scores tell: their regions may yet lack a value.
type AssociationPeople struct {
	X          string   `json:"x"`
	Y          string   `json:"y"`
	Treatments []string `json:"treatments"` // that of the plan first
	N          []int    `json:"n"`          // people with all that is needed, by treatment
	Both       int      `json:"both"`       // under every treatment
	Missing    []string `json:"missing"`    // who lacks what
}

func (p *pairing) people() AssociationPeople {
	named := Association{Phase: p.plan.Phase}
	if named.Phase == "" && len(p.a.tr.Phases) > 0 {
		named.Phase = p.a.tr.Phases[0]
	}
	out := AssociationPeople{Missing: []string{}}
	out.X, out.Y = p.words(&named)
	count := map[string]int{}
	for _, t := range p.order() {
		rows, missing := p.points(t)
		out.Treatments, out.N, out.Missing = append(out.Treatments, t), append(out.N, len(rows)), append(out.Missing, missing...)
		for _, r := range rows {
			count[r.Subject]++
		}
	}
	for _, n := range count {
		if n == len(out.Treatments) {
			out.Both++
		}
	}
	return out
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
	x, y := corr.Residuals(d.X, d.Covariates), corr.Residuals(d.Y, d.Covariates)
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
	out.Fragile = diag.Few(turns, 3)
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

// except returns the rows without one.
func except(rows []AssociationPoint, i int) []AssociationPoint {
	return slices.Delete(slices.Clone(rows), i, i+1)
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
