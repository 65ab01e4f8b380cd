package crossover

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"phasl/diag"
	"phasl/internal/par"
	"phasl/lmm"
)

// A Scenario is a trial of two treatments and two phases whose regional CBF is
// drawn from the additive normal model
//
//	CBF = mean + effects + subject + response + session + residual
//
// with independent normal parts of mean zero. All sizes are in
// mL/100 g/min. People are assigned to the two sequences in turn.
type Scenario struct {
	Name     string  `json:"name"`
	Subjects int     `json:"subjects"`
	Mean     float64 `json:"mean"` // at baseline under the reference in the first period

	SubjectSD  float64 `json:"subject_sd"`
	SessionSD  float64 `json:"session_sd"`  // of sessions within people
	ResidualSD float64 `json:"residual_sd"` // of scans within sessions
	// ResponseSD is how much people differ in the phase effect itself, the same
	// under both treatments. The default model takes it to be zero.
	ResponseSD float64 `json:"response_sd"`

	Phase       float64 `json:"phase"`       // phase effect under the reference
	Interaction float64 `json:"interaction"` // what the treatment adds to it
	Treatment   float64 `json:"treatment"`   // of the treatment at baseline
	Period      float64 `json:"period"`      // of the second period

	// CarryOver is what the active treatment adds to both scans of the period
	// after it; CarryOverPhase what it adds to the phase effect there.
	CarryOver      float64 `json:"carry_over"`
	CarryOverPhase float64 `json:"carry_over_phase"`

	MissingSessions float64 `json:"missing_sessions"` // share, at random [1]
	MissingScans    float64 `json:"missing_scans"`    // share of the other scans, at random [1]
}

// DefaultScenario returns the trial that phasl was made for, in the subgenual
// anterior cingulate: 26 people, CBF 56 ± 9 between people, ± 4.8 between
// sessions and ± 2.9 between scans of a session [mL/100 g/min], a phase effect
// of 12 % and none of the treatment. docs/methods/phantom.md derives the sizes.
func DefaultScenario() Scenario {
	return Scenario{Name: "as planned", Subjects: 26, Mean: 56, SubjectSD: 9, SessionSD: 4.8, ResidualSD: 2.9, Phase: 6.7}
}

// Check returns what is wrong with a scenario.
func (s Scenario) Check() diag.List {
	var l diag.List
	const file = "scenario"
	if s.Subjects < 3 || s.Subjects > 2000 {
		l.Errorf(file, "subjects", "give 3 to 2000", "a trial of %d cannot be simulated", s.Subjects)
	}
	for _, x := range []struct {
		name  string
		value float64
	}{{"subject SD", s.SubjectSD}, {"session SD", s.SessionSD}, {"response SD", s.ResponseSD}} {
		if !(x.value >= 0) || math.IsInf(x.value, 0) {
			l.Errorf(file, x.name, "give 0 or more", "%g is no standard deviation", x.value)
		}
	}
	if !(s.ResidualSD > 0) || math.IsInf(s.ResidualSD, 0) {
		l.Errorf(file, "residual SD", "give more than 0", "%g cannot be the residual standard deviation", s.ResidualSD)
	}
	if !(s.Mean > 0) || math.IsInf(s.Mean, 0) {
		l.Errorf(file, "mean", "give mL/100 g/min", "%g is not a mean CBF", s.Mean)
	}
	for _, x := range []struct {
		name  string
		value float64
	}{{"missing sessions", s.MissingSessions}, {"missing scans", s.MissingScans}} {
		if !(x.value >= 0 && x.value <= 0.5) {
			l.Errorf(file, x.name, "give a share from 0 to 0.5", "%g is no share of scans that may be missing", x.value)
		}
	}
	for _, x := range []struct {
		name  string
		value float64
	}{{"effect", s.Phase}, {"interaction", s.Interaction}, {"treatment", s.Treatment}, {"period", s.Period}, {"carry-over", s.CarryOver}, {"carry-over on the phase effect", s.CarryOverPhase}} {
		if math.IsNaN(x.value) || math.IsInf(x.value, 0) {
			l.Errorf(file, x.name, "give mL/100 g/min", "%g is no size", x.value)
		}
	}
	return l
}

// CalibrationOptions say how a scenario is tried.
type CalibrationOptions struct {
	Plan    *Plan // formula, degrees of freedom, level, margin, prior; nil: [DefaultPlan]
	Trials  int   // of each of the four truths; 0: 10,000
	Seed    uint64
	Workers int // 0: one for each CPU
}

// A Rate is a share of simulated trials with its Monte Carlo standard error.
type Rate struct {
	Share Number `json:"share"`
	SE    Number `json:"mc_se"`
}

// Operating are the operating characteristics of one contrast.
type Operating struct {
	Name     string `json:"name"`
	Truth    Number `json:"truth"`
	Bias     Number `json:"bias"`
	BiasSE   Number `json:"bias_mc_se"`
	SD       Number `json:"sd"`        // of estimates
	SE       Number `json:"median_se"` // of the standard errors that the model states
	Coverage Rate   `json:"coverage"`  // of the interval
	Rejected Rate   `json:"rejected"`  // p below 1 − level: power, or the type I error if the truth is zero
	TypeI    Rate   `json:"type_1"`    // the same where phase effect and interaction are zero; NaN for other contrasts
}

// A Calibration is how often the analysis of a scenario says what.
type Calibration struct {
	Scenario Scenario    `json:"scenario"`
	Formula  string      `json:"formula"`
	Notes    []string    `json:"notes"` // what was left out of the plan's model
	DDF      string      `json:"ddf"`
	Level    float64     `json:"level"`
	Alpha    float64     `json:"alpha"`
	Margin   float64     `json:"margin"`
	Unit     string      `json:"margin_unit"`
	Trials   int         `json:"trials"`
	Unfitted int         `json:"unfitted"` // trials, of four times as many, without a fit
	Singular Rate        `json:"singular"` // fits with a variance of zero or below
	Effects  []Operating `json:"effects"`

	// Where the interaction truly is at the margin: each should be at most
	// alpha.
	EquivalentAtLower  Rate `json:"equivalent_at_lower_margin"`
	EquivalentAtUpper  Rate `json:"equivalent_at_upper_margin"`
	NotLessenedAtLower Rate `json:"not_lessened_at_lower_margin"`

	// Where it is as the scenario says.
	Equivalent  Rate   `json:"equivalent"`
	NotLessened Rate   `json:"not_lessened"`
	BFMedian    Number `json:"bf01_median"`
	BFFor       Rate   `json:"bf01_above_3"`
	BFAgainst   Rate   `json:"bf01_below_one_third"`
}

// trialsPerPattern is how many simulated trials in a row lack the same scans,
// so that their design is decomposed once.
const trialsPerPattern = 25

// Calibrate simulates trials of the scenario four times over, with the truth
// as it says, without phase effect and interaction, and with the interaction
// at the lower and at the upper margin (the phase effect lessened and enlarged
// by it), and counts what the plan's model says.
// Results depend on the seed, not on the number of workers. What is wrong with
// the scenario or the plan's model is returned as a [diag.List].
func (s Scenario) Calibrate(opt CalibrationOptions) (*Calibration, error) {
	if l := s.Check(); l.Err() != nil {
		return nil, l
	}
	if opt.Plan == nil {
		opt.Plan = DefaultPlan()
	}
	if opt.Trials == 0 {
		opt.Trials = 10_000
	}
	if opt.Plan.Model.Log {
		return nil, diag.List{{File: opt.Plan.File, Field: "model.log", Found: "the simulated CBF is additive, its logarithm is not", Fix: "set log = false"}}
	}
	c, err := newCalibrator(s, opt)
	if err != nil {
		return nil, err
	}
	null, lower, upper := s, s, s
	null.Phase, null.Interaction = 0, 0
	lower.Interaction, upper.Interaction = -c.margin, c.margin
	if s.Phase < 0 {
		lower.Interaction, upper.Interaction = c.margin, -c.margin // lower: the effect is lessened
	}
	return c.summary(c.run(s, 0), c.run(null, 1), c.run(lower, 2), c.run(upper, 3)), nil
}

// A calibrator holds what the runs of one scenario share.
type calibrator struct {
	s      Scenario
	opt    CalibrationOptions
	tr     *Trial
	m      *model
	batch  *lmm.Batch
	con    []lmm.Contrast
	names  []string // of the contrasts proper; those of the margin follow
	margin float64  // true size [mL/100 g/min]
	spread float64  // variance of a person's own interaction over that of the residual; 0 if other variances enter
}

func newCalibrator(s Scenario, opt CalibrationOptions) (*calibrator, error) {
	c := &calibrator{s: s, opt: opt, tr: s.trial()}
	p := opt.Plan
	f := newFrame(p, c.tr, c.tr.Scans, nil)
	rows := make([]int, len(c.tr.Scans))
	for i := range rows {
		rows[i] = i
	}
	c.m = f.newModel(rows)
	if c.m.failed != "" {
		return nil, diag.List{{File: "model", Field: c.m.formula, Found: c.m.failed, Fix: "write a formula for columns treatment, phase, period, sequence, subject and session"}}
	}
	formula, err := lmm.ParseFormula(c.m.formula)
	if err != nil {
		return nil, err
	}
	if c.batch, err = lmm.NewBatch(formula, c.m.table); err != nil {
		return nil, err
	}
	for _, x := range c.m.contrasts {
		if x.weights != nil && (x.cells != nil || x.periods != nil || x.name == CarryOver) {
			c.names = append(c.names, x.name)
			c.con = append(c.con, lmm.Contrast{Name: x.name, Weights: x.weights})
		}
	}
	at := c.index(Interaction + ":" + c.tr.Treatments[1])
	base := c.m.cells[cell{0, 0}] // what the margin is a share of
	if at < 0 || base == nil {
		return nil, diag.List{{File: "model", Field: c.m.formula, Found: "it has no interaction of treatment and phase", Fix: "write treatment*phase"}}
	}
	w := c.con[at].Weights
	c.spread = c.personSpread()
	k := 0.0
	c.margin = p.Equivalence.Margin
	switch p.Equivalence.Unit {
	case "effect":
		if s.Phase == 0 {
			return nil, diag.List{{File: "scenario", Field: "effect", Found: "there is no phase effect that the margin could be a share of", Fix: "give an effect, or a plan with a margin in percent of CBF or in mL/100 g/min"}}
		}
		base = c.con[c.index(PhaseEffect+":"+c.tr.Treatments[0])].Weights
		k = p.Equivalence.Margin / 100
		c.margin = k * math.Abs(s.Phase)
	case "percent":
		k = p.Equivalence.Margin / 100
		c.margin = k * (s.Mean + s.Period/2)
	}
	for _, sign := range []float64{1, -1} {
		c.con = append(c.con, lmm.Contrast{Name: fmt.Sprintf("margin %+g", sign), Weights: tilted(w, base, sign*k)})
	}
	return c, nil
}

// personSpread returns calibrator.spread: only where no random effect but
// intercepts that cancel in the interaction is in the model.
func (c *calibrator) personSpread() float64 {
	var interaction *contrast
	for i := range c.m.contrasts {
		if c.m.contrasts[i].treatment != "" {
			interaction = &c.m.contrasts[i]
			break
		}
	}
	residual, groups := c.m.personWeights(interaction)
	for _, v := range c.m.fit.VarComps() {
		if w, ok := groups(v.Group); v.Group != "Residual" && (!ok || w != 0 || v.Term != "(Intercept)" || v.Term2 != "") {
			return 0
		}
	}
	return residual
}

func (c *calibrator) index(name string) int { return slices.Index(c.names, name) }

// trial returns the design of a scenario.
func (s Scenario) trial() *Trial {
	tr := &Trial{Treatments: []string{"placebo", "active"}, Phases: []string{"baseline", "challenge"},
		Sequences: []string{"active-placebo", "placebo-active"}, Challenge: "challenge"}
	for i := range s.Subjects {
		name := fmt.Sprintf("%04d", i+1)
		tr.People = append(tr.People, Person{Subject: name, Sequence: tr.Sequences[(i+1)%2]})
		for v := range 2 {
			for p, phase := range tr.Phases {
				tr.Scans = append(tr.Scans, Scan{Subject: name, Session: fmt.Sprint(v + 1), Run: fmt.Sprint(p + 1),
					Treatment: tr.Treatments[(i+v)%2], Phase: phase, Sequence: tr.Sequences[(i+1)%2], Period: v + 1})
			}
		}
	}
	return tr
}

// stream returns the random numbers of one trial of one run.
func stream(seed uint64, run, kind, trial int) *rand.Rand {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(run))
	binary.LittleEndian.PutUint64(key[16:], uint64(kind))
	binary.LittleEndian.PutUint64(key[24:], uint64(trial))
	return rand.New(rand.NewChaCha8(key))
}

// draw writes trial j of a run: four scans for each person.
func (s Scenario) draw(dst []float64, seed uint64, run, j int) {
	rng := stream(seed, run, 0, j)
	for i := range s.Subjects {
		subject := s.SubjectSD * rng.NormFloat64()
		var response [2]float64
		if s.ResponseSD > 0 {
			// Equal parts at both phases, so that a person's phase effect
			// varies with ResponseSD.
			response = [2]float64{s.ResponseSD / math.Sqrt2 * rng.NormFloat64(), s.ResponseSD / math.Sqrt2 * rng.NormFloat64()}
		}
		for v := range 2 {
			session := s.SessionSD * rng.NormFloat64()
			active := (i+v)%2 == 1
			after := v == 1 && !active // the active treatment came first
			for p := range 2 {
				x := s.Mean + subject + response[p] + session + s.ResidualSD*rng.NormFloat64() + s.Period*float64(v)
				if active {
					x += s.Treatment
				}
				if after {
					x += s.CarryOver
				}
				if p == 1 {
					x += s.Phase
					if active {
						x += s.Interaction
					}
					if after {
						x += s.CarryOverPhase
					}
				}
				dst[4*i+2*v+p] = x
			}
		}
	}
	s.lose(dst, seed, run, j)
}

// lose takes out sessions and scans.
func (s Scenario) lose(dst []float64, seed uint64, run, j int) {
	if s.MissingSessions == 0 && s.MissingScans == 0 {
		return
	}
	rng := stream(seed, run, 1, j/trialsPerPattern)
	for v := 0; v < len(dst); v += 2 {
		gone := rng.Float64() < s.MissingSessions
		for p := range 2 {
			if lost := rng.Float64() < s.MissingScans; gone || lost {
				dst[v+p] = math.NaN()
			}
		}
	}
}

// A simulated is what one run found.
type simulated struct {
	s      Scenario
	run    int
	result *lmm.BatchResult
}

func (c *calibrator) run(s Scenario, run int) simulated {
	r := c.batch.Fit(c.opt.Trials, func(dst []float64, j int) { s.draw(dst, c.opt.Seed, run, j) },
		lmm.BatchOptions{Inference: c.m.f.inference(), Contrasts: c.con, Unbounded: !c.opt.Plan.Model.Bounded, Workers: c.opt.Workers})
	return simulated{s, run, r}
}

// people is how many people with every scan trial j is worth: see
// estimator.effectivePeople.
func (c *calibrator) people(x simulated, j int, se float64) int {
	y := make([]float64, 4*x.s.Subjects)
	x.s.lose(y, c.opt.Seed, x.run, j)
	complete, some := 0, 0
	for i := 0; i < len(y); i += 4 {
		if !slices.ContainsFunc(y[i:i+4], math.IsNaN) {
			complete++
		}
		if slices.ContainsFunc(y[i:i+4], func(v float64) bool { return !math.IsNaN(v) }) {
			some++
		}
	}
	n := math.Round(c.spread * x.result.Sigma[j] * x.result.Sigma[j] / (se * se))
	if c.spread == 0 || math.IsNaN(n) {
		return complete
	}
	return int(math.Min(math.Max(n, 1), float64(some)))
}

// truth returns the true value of a contrast, carry-over aside.
func (c *calibrator) truth(s Scenario, name string) float64 {
	switch name {
	case PhaseEffect + ":" + c.tr.Treatments[0]:
		return s.Phase
	case PhaseEffect + ":" + c.tr.Treatments[1]:
		return s.Phase + s.Interaction
	case AverageEffect:
		return s.Phase + s.Interaction/2
	case Interaction + ":" + c.tr.Treatments[1]:
		return s.Interaction
	case TreatmentEffect + ":" + c.tr.Treatments[1]:
		return s.Treatment
	case PeriodEffect:
		return s.Period
	}
	return 0
}

// value returns contrast k of trial j; ok is false if it was not estimated.
func (x simulated) value(j, k int) (v, se, df float64, ok bool) {
	at := j*len(x.result.Contrasts) + k
	v, se, df = x.result.Value[at], x.result.SE[at], x.result.DF[at]
	return v, se, df, !math.IsNaN(v) && !math.IsNaN(df)
}

// rate counts the trials, of those that were fitted, for which yes holds.
func (x simulated) rate(k int, yes func(j int, v, se, df float64) bool) Rate {
	n, hits := 0, 0
	for j := range x.result.Outcome {
		if v, se, df, ok := x.value(j, k); ok {
			n++
			if yes(j, v, se, df) {
				hits++
			}
		}
	}
	return newRate(hits, n)
}

func newRate(hits, n int) Rate {
	p := float64(hits) / float64(n)
	return Rate{Number(p), Number(math.Sqrt(p * (1 - p) / float64(n)))}
}

// verdicts tells whether trial j shows equivalence and non-inferiority.
func (c *calibrator) verdicts(x simulated, j int) (equivalent, notLessened bool) {
	k := len(c.names)
	d, sign, reference := 0.0, 1.0, 0.0
	alpha := c.opt.Plan.Equivalence.Alpha
	v, se, df, _ := x.value(j, c.index(PhaseEffect+":"+c.tr.Treatments[0]))
	p := lmm.TTail(v/se, df) / 2
	switch c.opt.Plan.Equivalence.Unit {
	case "effect":
		reference = p
		sign = math.Copysign(1, v)
	case "absolute":
		d = c.margin
	}
	lo, loSE, loDF, _ := x.value(j, k)
	hi, hiSE, hiDF, _ := x.value(j, k+1)
	if sign < 0 {
		lo, loSE, loDF, hi, hiSE, hiDF = hi, hiSE, hiDF, lo, loSE, loDF
	}
	lower := math.Max(oneSided((lo+d)/loSE, loDF), reference) < alpha
	upper := math.Max(oneSided((d-hi)/hiSE, hiDF), reference) < alpha
	if v < 0 && p < alpha {
		return lower && upper, upper
	}
	return lower && upper, lower
}

// summary counts over the four runs.
func (c *calibrator) summary(given, null, lower, upper simulated) *Calibration {
	p := c.opt.Plan
	out := &Calibration{Scenario: c.s, Formula: c.m.formula, Notes: c.m.notes, DDF: p.Model.DDF, Level: p.Model.Level, Alpha: p.Equivalence.Alpha,
		Margin: p.Equivalence.Margin, Unit: p.Equivalence.Unit, Trials: c.opt.Trials}
	singular, fits := 0, 0
	for _, x := range []simulated{given, null, lower, upper} {
		for j, o := range x.result.Outcome {
			if o == lmm.TooFew || o == lmm.NoVariance {
				out.Unfitted++
				continue
			}
			fits++
			if x.result.Singular[j] {
				singular++
			}
		}
	}
	out.Singular = newRate(singular, fits)
	size := 1 - p.Model.Level
	for k, name := range c.names {
		truth := c.truth(c.s, name)
		e := Operating{Name: name, Truth: Number(truth), TypeI: Rate{nan, nan}}
		e.Bias, e.BiasSE, e.SD, e.SE = given.moments(k, truth)
		rejected := func(null float64) func(int, float64, float64, float64) bool {
			return func(_ int, v, se, df float64) bool { return lmm.TTail((v-null)/se, df) < size }
		}
		missed := given.rate(k, rejected(truth))
		e.Coverage = Rate{1 - missed.Share, missed.SE}
		e.Rejected = given.rate(k, rejected(0))
		if stem, _, _ := strings.Cut(name, ":"); stem == PhaseEffect || stem == AverageEffect || stem == Interaction {
			e.TypeI = null.rate(k, rejected(0))
		}
		out.Effects = append(out.Effects, e)
	}
	at := c.index(Interaction + ":" + c.tr.Treatments[1])
	equivalent := func(x simulated) Rate {
		return x.rate(at, func(j int, _, _, _ float64) bool { yes, _ := c.verdicts(x, j); return yes })
	}
	notLessened := func(x simulated) Rate {
		return x.rate(at, func(j int, _, _, _ float64) bool { _, yes := c.verdicts(x, j); return yes })
	}
	out.EquivalentAtLower, out.EquivalentAtUpper, out.NotLessenedAtLower = equivalent(lower), equivalent(upper), notLessened(lower)
	out.Equivalent, out.NotLessened = equivalent(given), notLessened(given)
	c.bayes(out, given, at)
	return out
}

// moments returns bias with its standard error, SD and the median of the
// standard errors: with few people a rare one is huge.
func (x simulated) moments(k int, truth float64) (bias, biasSE, sd, se Number) {
	var est, ses []float64
	for j := range x.result.Outcome {
		if v, se, _, ok := x.value(j, k); ok {
			est, ses = append(est, v), append(ses, se)
		}
	}
	m := mean(est)
	ss := 0.0
	for _, v := range est {
		ss += (v - m) * (v - m)
	}
	s := math.Sqrt(ss / float64(len(est)-1))
	return Number(m - truth), Number(s / math.Sqrt(float64(len(est)))), Number(s), Number(median(ses))
}

// bayes summarises the Bayes factors of the interaction.
func (c *calibrator) bayes(out *Calibration, x simulated, at int) {
	bf := make([]float64, len(x.result.Outcome))
	par.Ranges(c.opt.Workers, len(bf), 256, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			v, se, df, _ := x.value(j, at)
			bf[j] = BayesFactor01(v/se, c.people(x, j, se), df, c.opt.Plan.Bayes.Scale)
		}
	})
	above, below := 0, 0
	var known []float64
	for _, b := range bf {
		if math.IsNaN(b) {
			continue
		}
		known = append(known, b)
		if b > 3 {
			above++
		}
		if b < 1.0/3 {
			below++
		}
	}
	out.BFMedian = Number(median(known))
	out.BFFor, out.BFAgainst = newRate(above, len(known)), newRate(below, len(known))
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
