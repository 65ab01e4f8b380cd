package phantom

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"phasl/crossover"
	"phasl/diag"
)

// TrialOptions say what trial is simulated. The zero value is the default: 26
// people, placebo and naltrexone in balanced random order, a scan before and
// one during the infusion of ketamine, at each of two visits.
type TrialOptions struct {
	Subjects  int             // 0: 26
	Seed      uint64          // of everything random; 0: 1
	Plan      *crossover.Plan // treatments, phases and names of columns; nil: the default
	Effects   []PlantedEffect // a later one replaces an earlier one in the same place; nil: [DefaultEffects]
	Variances *Variances      // nil: [DefaultVariances]
	Missing   float64         // share of sessions that did not take place [1]; everybody keeps one
	Symptoms  *Symptoms       // questionnaires and what they go with; nil: the default

	// Receptors are those of the brain, with effects that follow them on top of
	// Effects; nil: the default, without mixtures if Effects are given.
	Receptors *ReceptorMixtures
}

// A Trial is a simulated crossover trial: who was randomised to what, and what
// the CBF of every region truly was in each scan.
//
//	CBF = base × (1 + effects + subject + session + scan)
//
// where the random parts are normal with mean 0, each the sum of a global and
// a regional part. A mixed model with a random intercept for subjects and one
// for sessions within subjects is therefore true of it.
type Trial struct {
	Options    TrialOptions // with defaults filled in
	Treatments []string     // reference first
	Phases     []string     // baseline first
	Sequences  []string     // orders of treatment, such as "placebo-naltrexone"
	Challenge  string       // what is given between the phases
	People     []TrialPerson

	// Densities are those of the receptors that mixtures are of; nil if there are
	// none.
	Densities *Receptors

	columns  columnNames
	effects  planTable
	noise    []float64 // SD of the error of measurement of each compartment
	symptoms *symptoms
}

// A TrialPerson is one participant.
type TrialPerson struct {
	Label    string         // of the entity sub-
	Age      int            // [years]
	Sex      string         // "F" or "M"; neither matters for CBF
	Sequence int            // index into Trial.Sequences
	Sessions []TrialSession // all that were planned, in order
}

// A TrialSession is one visit.
type TrialSession struct {
	Label     string // of the entity ses-
	Period    int    // from 1
	Treatment int    // index into Trial.Treatments
	Time      time.Time
	Missing   bool // it did not take place; Scans is empty
	Scans     []TrialScan
}

// A TrialScan is one scan.
type TrialScan struct {
	Run   string // label of the entity run-
	Phase int    // index into Trial.Phases
	Time  time.Time

	// CBF is the truth: white matter first, then each [Region] at its index
	// [mL/100 g/min].
	CBF []float64
	// Effect is the share of the base CBF that planted effects add, likewise.
	Effect []float64

	noise []float64 // of measurement, likewise [mL/100 g/min]
}

// NewTrial simulates a trial at the level of regions. The list names all that
// is wrong with the options; if there is any the trial is nil. It takes about
// a millisecond, and 0.3 s once; equal options give equal trials.
func NewTrial(opt TrialOptions) (*Trial, diag.List) {
	if opt.Subjects == 0 {
		opt.Subjects = 26
	}
	if opt.Seed == 0 {
		opt.Seed = 1
	}
	opt.Receptors = opt.Receptors.withDefaults(opt.Seed, opt.Effects != nil)
	if opt.Effects == nil {
		opt.Effects = DefaultEffects()
	}
	if opt.Variances == nil {
		v := DefaultVariances()
		opt.Variances = &v
	}
	t := &Trial{Options: opt, symptoms: &symptoms{}}
	l := t.follow(opt.Plan)
	l.Add(t.Options.check(t.Treatments, t.Phases)...)
	if len(t.Treatments) > 1 && len(t.Phases) > 1 {
		l.Add(t.followSymptoms()...)
	}
	if l.Err() != nil {
		return nil, l
	}
	for i := range t.Treatments {
		var order []string
		for p := range t.Treatments {
			order = append(order, t.Treatments[t.treatmentAt(i, p)])
		}
		t.Sequences = append(t.Sequences, strings.Join(order, "-"))
	}
	t.effects = newPlanTable(opt.Effects, t.Treatments, t.Phases)
	t.mix()
	t.noise = make([]float64, compartments)
	for _, r := range trialRegions() {
		if len(r.Members) == 1 {
			t.noise[r.Members[0]] = r.noise(opt.Variances.Voxel)
		}
	}
	t.recruit()
	effects := t.cells()
	if l.Add(t.tooLow(effects)...); l.Err() != nil {
		return nil, l
	}
	for i := range t.People {
		t.perfuse(i, effects)
	}
	return t, l
}

// columnNames are those of the tables.
type columnNames struct{ treatment, period, sequence, phase string }

// follow takes from the plan what the trial was like.
func (t *Trial) follow(p *crossover.Plan) diag.List {
	var l diag.List
	if p == nil {
		p = &crossover.Plan{}
	}
	file := p.File
	if file == "" {
		file = "plan"
	}
	or := func(v, def string) string {
		if v == "" {
			return def
		}
		return v
	}
	t.Treatments, t.Phases = slices.Clone(p.Trial.Treatments), slices.Clone(p.Trial.Phases)
	if len(t.Treatments) == 0 {
		t.Treatments = []string{"placebo", "naltrexone"}
	}
	if len(t.Phases) == 0 {
		t.Phases = []string{"baseline", "infusion"}
	}
	t.Challenge = or(p.Trial.Challenge, "ketamine")
	if r := p.Trial.Reference; r != "" {
		at := slices.Index(t.Treatments, r)
		if at < 0 {
			l.Errorf(file, "trial.reference", "name one of "+strings.Join(t.Treatments, ", "), "%q is none of the treatments", r)
		} else {
			t.Treatments = append([]string{r}, slices.Delete(t.Treatments, at, at+1)...)
		}
	}
	for _, names := range []struct {
		field string
		of    []string
	}{{"trial.treatments", t.Treatments}, {"trial.phases", t.Phases}} {
		if len(names.of) > 6 {
			l.Errorf(file, names.field, "name at most 6", "%d cannot be simulated", len(names.of))
		}
		for i, n := range names.of {
			if n == "" || strings.ContainsAny(n, "\t\r\n") {
				l.Errorf(file, names.field, "write a word", "%q cannot be written to a table", n)
			}
			if slices.Contains(names.of[:i], n) {
				l.Errorf(file, names.field, "name each once", "%q stands twice", n)
			}
		}
	}
	t.columns = columnNames{or(p.Trial.TreatmentColumn, "treatment"), or(p.Trial.PeriodColumn, "period"),
		or(p.Trial.SequenceColumn, "sequence"), or(p.Trial.PhaseColumn, "phase")}
	return l
}

// treatmentAt returns the treatment in a period, from 0, of a sequence. The
// sequences are the rows of a cyclic Latin square: every treatment stands in
// every period once.
func (t *Trial) treatmentAt(sequence, period int) int { return (sequence + period) % len(t.Treatments) }

// recruit makes the people, their visits and what was missed.
func (t *Trial) recruit() {
	n, k := t.Options.Subjects, len(t.Sequences)
	r := stream(t.Options.Seed, "trial people", 0)
	sequence := make([]int, n)
	first := r.IntN(k) // whom an uneven number favours
	for i := range sequence {
		sequence[i] = (first + i) % k
	}
	r.Shuffle(n, func(i, j int) { sequence[i], sequence[j] = sequence[j], sequence[i] })
	digits := max(2, len(fmt.Sprint(n)))
	day := time.Date(2024, 1, 8, 0, 0, 0, 0, time.UTC)
	for i := range n {
		p := TrialPerson{Label: fmt.Sprintf("%0*d", digits, i+1), Age: 18 + r.IntN(33), Sex: "F", Sequence: sequence[i]}
		if r.Float64() < 0.4 {
			p.Sex = "M"
		}
		day = day.AddDate(0, 0, 2+r.IntN(6))
		visit := day
		for period := range t.Treatments {
			at := visit.Add(9*time.Hour + time.Duration(r.IntN(300))*time.Minute)
			s := TrialSession{Label: fmt.Sprint(period + 1), Period: period + 1, Treatment: t.treatmentAt(p.Sequence, period), Time: at}
			for ph := range t.Phases {
				s.Scans = append(s.Scans, TrialScan{Run: fmt.Sprint(ph + 1), Phase: ph, Time: at.Add(time.Duration(12+38*ph) * time.Minute)})
			}
			p.Sessions = append(p.Sessions, s)
			visit = visit.AddDate(0, 0, 7+r.IntN(15))
		}
		t.People = append(t.People, p)
	}
	t.miss()
}

// miss cancels sessions: as many as the share asks for, spread over people as
// chance has it, but never somebody's last.
func (t *Trial) miss() {
	r := stream(t.Options.Seed, "trial missing", 0)
	n, k := len(t.People), len(t.Treatments)
	want := int(math.Round(t.Options.Missing * float64(n*k)))
	left := slices.Repeat([]int{k}, n)
	for _, c := range r.Perm(n * k) {
		if want == 0 {
			break
		}
		if i := c / k; left[i] > 1 {
			s := &t.People[i].Sessions[c%k]
			s.Missing, s.Scans = true, nil
			left[i]--
			want--
		}
	}
}

// cells works out planted effects for every sequence, period and phase.
func (t *Trial) cells() [][][][]float64 {
	out := make([][][][]float64, len(t.Sequences))
	for s := range out {
		out[s] = make([][][]float64, len(t.Treatments))
		for p := range out[s] {
			before := -1
			if p > 0 {
				before = t.treatmentAt(s, p-1)
			}
			for ph := range t.Phases {
				out[s][p] = append(out[s][p], t.effects.cell(t.treatmentAt(s, p), ph, p+1, before))
			}
		}
	}
	return out
}

// tooLow names the region in which effects leave so little CBF that chance
// would often make it negative.
func (t *Trial) tooLow(effects [][][][]float64) diag.List {
	v := t.Options.Variances
	sd := 0.0
	for _, x := range []float64{v.Subject, v.Session, v.Scan, v.RegionalSubject, v.RegionalSession, v.RegionalScan} {
		sd += x * x
	}
	sd = math.Sqrt(sd)
	worst, at := 0.0, 0
	for _, sequence := range effects {
		for _, period := range sequence {
			for _, cell := range period {
				for c, x := range cell {
					if x < worst {
						worst, at = x, c
					}
				}
			}
		}
	}
	var l diag.List
	if 1+worst < leastCBF+3*sd {
		name := whiteMatter
		if at > 0 {
			name = Regions()[at-1].Name
		}
		l.Errorf(SimulationOptions, "effects", fmt.Sprintf("let them add up to %.3g %% or more, or make the standard deviations smaller", 100*(leastCBF+3*sd-1)),
			"effects add up to %.3g %% in %s, and CBF, which varies by %.3g %%, would often be negative", 100*worst, name, 100*sd)
	}
	return l
}

// perfuse draws the CBF of one person. Random parts have streams of their own
// for each session and scan, so that a missing session leaves the others as
// they were.
func (t *Trial) perfuse(i int, effects [][][][]float64) {
	p := &t.People[i]
	v := t.Options.Variances
	base := baseCBF()
	// CBF is far enough above zero that this hardly ever takes a second attempt;
	// see maxCV and tooLow.
	for attempt := uint64(0); ; attempt++ {
		index := attempt<<48 | uint64(i)<<16
		subject := deviations(stream(t.Options.Seed, "trial subject", index), v.Subject, v.RegionalSubject)
		ok := true
		for s := range p.Sessions {
			session := deviations(stream(t.Options.Seed, "trial session", index|uint64(s)<<8), v.Session, v.RegionalSession)
			for k := range p.Sessions[s].Scans {
				x := &p.Sessions[s].Scans[k]
				r := stream(t.Options.Seed, "trial scan", index|uint64(s)<<8|uint64(k))
				scan := deviations(r, v.Scan, v.RegionalScan)
				x.Effect = effects[p.Sequence][s][k]
				x.CBF = make([]float64, compartments)
				for c := range x.CBF {
					share := 1 + x.Effect[c] + subject[c] + session[c] + scan[c]
					x.CBF[c] = base[c] * share
					ok = ok && share >= leastCBF
				}
				x.noise = t.measure(r)
			}
		}
		if ok {
			return
		}
	}
}

// deviations draws a global part, common to all, and a regional one for every
// region.
func deviations(r *rand.Rand, global, regional float64) []float64 {
	out := make([]float64, compartments)
	common := global * r.NormFloat64()
	out[0] = common
	own := math.Sqrt(sideShare) * regional
	both := math.Sqrt(1-sideShare) * regional
	for c := 1; c < compartments; c += 2 {
		area := both * r.NormFloat64()
		out[c] = common + area + own*r.NormFloat64()
		out[c+1] = common + area + own*r.NormFloat64()
	}
	return out
}

// measure draws the error of measurement of each compartment.
func (t *Trial) measure(r *rand.Rand) []float64 {
	out := make([]float64, compartments)
	for _, x := range trialRegions() {
		if len(x.Members) == 1 {
			out[x.Members[0]] = r.NormFloat64()
		}
	}
	for c, sd := range t.noise {
		out[c] *= sd
	}
	return out
}

// SimulationOptions is the name of the file in problems that are about options
// rather than about a file.
const SimulationOptions = "simulated trial"
