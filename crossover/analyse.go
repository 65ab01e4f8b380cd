package crossover

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/diag"
	"phasl/internal/par"
)

// tableName is what problems call the table of regional values.
const tableName = "regions.tsv"

// Analyse fits the plan's model to every region and measure and draws the
// inference that the plan asks for. Values belong to scans by subject,
// session, acq and run; those of scans that are not analysed are ignored.
//
// The list holds warnings, and errors where a claim of the plan cannot be
// tested as planned, such as a primary region without values. The results are
// complete as far as they go in either case: a region that cannot be modelled
// is there with the reason, and a term of the formula that the scans cannot
// estimate is left out of the model and named in the deviations. They do not
// depend on the number of workers (0: one for each CPU).
func Analyse(p *Plan, tr *Trial, values []Value, workers int) (*Results, diag.List) {
	a := &analysis{plan: p, tr: tr}
	a.gather(values)
	a.choose()
	r := &Results{
		Title: p.Title, Seed: p.Seed, Treatments: tr.Treatments, Phases: tr.Phases, Challenge: tr.Challenge,
		PrimaryMeasure: a.primaryMeasure(), Level: p.Model.Level, Flow: tr.Flow(), Inferred: tr.Inferred,
		Plan: PlanSummary{File: p.File, SHA256: p.SHA256(), Words: p.Words(tr)},
	}
	a.frame = newFrame(p, tr, a.scans, a.global)
	r.Models = a.fit(workers)
	a.reportFailures(r.Models)
	r.Families = correct(p, r.Models)
	for i, j := range a.jobs {
		for _, say := range j.verdicts {
			say(&r.Models[i])
		}
	}
	a.sensitivity(r.Models, workers)
	a.warnInestimable(r.Models)
	a.noteMissing(r.Models)
	a.warnOutliers(r.Models)
	a.warnMargins(r.Models)
	r.Deviations = a.deviations(r.Models)
	a.l.Sort()
	r.Problems = slices.Concat(tr.Problems, a.l)
	return r, a.l
}

// An analysis is the state of [Analyse].
type analysis struct {
	plan   *Plan
	tr     *Trial
	frame  *frame
	scans  []Scan
	names  []string             // regions, sorted
	values map[string][]float64 // by region and scan
	units  string
	notes  map[string]string // why a region has no value, as its table says
	global []float64         // global CBF by scan; nil if there is none

	primary  []string
	others   []string // analysed beside them; the global regions first
	measures []Measure
	jobs     []*job
	l        diag.List
	odd      []string // deviations found on the way
}

func (a *analysis) planFile() string {
	if a.plan.File == "" {
		return "plan"
	}
	return a.plan.File
}

// maxListed is how many things of a kind a problem names; the rest are counted.
const maxListed = 8

// gather sorts values by region and scan.
func (a *analysis) gather(values []Value) {
	a.scans = a.tr.Used()
	at := map[string]int{}
	for i := range a.scans {
		at[a.scans[i].key()] = i
	}
	known := map[string]bool{}
	for i := range a.tr.Scans {
		known[a.tr.Scans[i].key()] = true
	}
	a.values, a.notes = map[string][]float64{}, map[string]string{}
	filled := map[string][]bool{}
	seen := make([]bool, len(a.scans))
	var strangers, twice, infinite []string
	units := map[string]bool{}
	for _, v := range values {
		scan := (&Scan{Subject: v.Subject, Session: v.Session, Acq: v.Acq, Run: v.Run}).key()
		i, ok := at[scan]
		if !ok {
			if !known[scan] && !slices.Contains(strangers, scan) {
				strangers = append(strangers, scan)
			}
			continue
		}
		seen[i] = true
		row := a.values[v.Region]
		if row == nil {
			row = make([]float64, len(a.scans))
			for k := range row {
				row[k] = math.NaN()
			}
			a.values[v.Region], filled[v.Region] = row, make([]bool, len(a.scans))
			a.names = append(a.names, v.Region)
		}
		if filled[v.Region][i] {
			twice = append(twice, scan+" "+v.Region)
			continue
		}
		filled[v.Region][i] = true
		if math.IsInf(v.CBF, 0) {
			infinite = append(infinite, scan+" "+v.Region)
			continue
		}
		row[i] = v.CBF
		if v.Note != "" && math.IsNaN(v.CBF) {
			a.notes[v.Region] = v.Note
		}
		if v.Units != "" && !math.IsNaN(v.CBF) {
			units[unitName(v.Units)] = true
		}
	}
	slices.Sort(a.names)
	for u := range units {
		a.units = max(a.units, u)
	}
	if len(units) > 1 {
		var all []string
		for u := range units {
			all = append(all, u)
		}
		slices.Sort(all)
		a.l.Errorf(tableName, "units", "quantify all scans alike: a scan in arbitrary units lacks its M0", "values are in different units: %s", strings.Join(all, ", "))
	}
	if len(twice) > 0 {
		a.l.Errorf(tableName, "region", "keep one row for each scan, region and measure", "%d %s a second time: %s", len(twice), plural(len(twice), "value stands", "values stand"), diag.Few(twice, maxListed))
	}
	if len(infinite) > 0 {
		a.l.Errorf(tableName, "value", "write n/a where a value is not known", "%d %s infinite: %s", len(infinite), plural(len(infinite), "value is", "values are"), diag.Few(infinite, maxListed))
	}
	if len(strangers) > 0 {
		a.l.Warnf(tableName, "participant_id", "look whether labels are spelt as in the dataset", "%d %s not in the trial and left out: %s", len(strangers), plural(len(strangers), "scan is", "scans are"), diag.Few(strangers, maxListed))
	}
	var empty []string
	for i, s := range seen {
		if !s {
			empty = append(empty, a.scans[i].key())
		}
	}
	if len(empty) > 0 && len(empty) < len(a.scans) {
		a.l.Warnf(tableName, "participant_id", "process them at participant level, or leave them out with a reason in the plan", "%d %s no value: %s", len(empty), plural(len(empty), "scan of the trial has", "scans of the trial have"), diag.Few(empty, maxListed))
	}
	if len(a.names) == 0 {
		a.l.Errorf(tableName, "", "run the participant level first, with an atlas", "there is no value of any scan of the trial")
	}
}

// unitName spells the unit of CBF for reading.
func unitName(u string) string {
	if u == "mL/100g/min" {
		return "mL/100 g/min"
	}
	return u
}

// choose finds the primary and other regions and the measures.
func (a *analysis) choose() {
	p := a.plan
	wanted := p.Regions.Primary
	if wanted == nil {
		for _, n := range primaryRegions {
			if r := a.find(n); r != "" {
				wanted = append(wanted, r)
			}
		}
		if wanted == nil {
			for _, n := range a.names {
				if !a.isGlobal(n) {
					wanted = append(wanted, n)
				}
			}
		}
	}
	for _, n := range wanted {
		r := a.find(n)
		if r == "" {
			r = n // carried as a region without values
			if len(a.names) > 0 {
				fix := "remove it from the plan, or add the region to the atlas"
				if near, ok := diag.Nearest(n, a.names); ok {
					fix = "write " + near
				}
				a.l.Errorf(a.planFile(), "regions.primary", fix, "there is no region %q in %s", n, tableName)
			}
		}
		if !slices.Contains(a.primary, r) {
			a.primary = append(a.primary, r)
		}
	}
	global := a.find(p.Regions.Global)
	if global != "" {
		a.global = slices.Clone(a.values[global])
		if !slices.Contains(a.primary, global) {
			a.others = append(a.others, global)
		}
	}
	if p.Regions.Others {
		for _, n := range a.names {
			if n != global && !slices.Contains(a.primary, n) {
				a.others = append(a.others, n)
			}
		}
	}
	a.chooseMeasures()
}

// find returns the name of a region as the table spells it, "" if it has none.
func (a *analysis) find(name string) string {
	if _, ok := a.values[name]; ok {
		return name
	}
	for _, n := range a.names {
		if strings.EqualFold(n, name) {
			return n
		}
	}
	return ""
}

// isGlobal tells whether a region is the whole of a tissue.
func (a *analysis) isGlobal(name string) bool {
	return strings.EqualFold(name, a.plan.Regions.Global) || strings.HasPrefix(name, "global_")
}

// chooseMeasures leaves out measures that need global CBF where it is not
// known.
func (a *analysis) chooseMeasures() {
	var bad []string
	for i, g := range a.global {
		if g <= 0 { // false for NaN, which is missing and no fault
			bad = append(bad, a.scans[i].key())
			a.global[i] = math.NaN()
		}
	}
	if len(bad) > 0 {
		a.l.Warnf(tableName, a.plan.Regions.Global, "look at these scans", "global CBF is not positive, so relative and global-adjusted CBF are missing, in %s", diag.Few(bad, maxListed))
	}
	known := slices.ContainsFunc(a.global, func(v float64) bool { return !math.IsNaN(v) })
	var lost []string
	for _, m := range a.plan.Measures {
		if (m == Relative || m == GlobalAdjusted) && !known {
			lost = append(lost, string(m))
			continue
		}
		a.measures = append(a.measures, m)
	}
	if len(lost) > 0 && len(a.names) > 0 {
		problem := a.l.Warnf
		if a.plan.File != "" {
			problem = a.l.Errorf
		}
		problem(a.planFile(), "regions.global", "name the region that holds global CBF, or set measures = [\"absolute\"]",
			"there is no region %q, which %s CBF needs", a.plan.Regions.Global, strings.Join(lost, " and "))
		a.odd = append(a.odd, fmt.Sprintf("%s CBF was not analysed: there is no global CBF.", strings.Join(lost, " and ")))
	}
}

// primaryMeasure is the plan's, or the first that is analysed if that is not.
func (a *analysis) primaryMeasure() Measure {
	if len(a.measures) == 0 || slices.Contains(a.measures, a.plan.PrimaryMeasure) {
		return a.plan.PrimaryMeasure
	}
	return a.measures[0]
}

// A job is one region and measure.
type job struct {
	region  string
	measure Measure
	primary bool
	values  []float64 // of the measure, by scan
	rows    []int     // scans that have one
	lost    int       // values that have no logarithm
	model   *model
	wide    bool // the margin may be as large as the effect

	verdicts []func(*RegionFit) // to be called once p-values are corrected
}

// fit fits all regions and measures.
func (a *analysis) fit(workers int) []RegionFit {
	for _, measure := range a.measures {
		for _, list := range []struct {
			primary bool
			names   []string
		}{{true, a.primary}, {false, a.others}} {
			for _, name := range list.names {
				if measure != Absolute && strings.EqualFold(name, a.plan.Regions.Global) {
					continue // over itself, or adjusted for itself, nothing is left
				}
				a.jobs = append(a.jobs, a.newJob(name, measure, list.primary))
			}
		}
	}
	return a.fitJobs(a.frame, a.jobs, workers)
}

// fitJobs fits jobs. A model is made once for each set of scans that have
// values, and refitted to every region that has these.
func (a *analysis) fitJobs(f *frame, jobs []*job, workers int) []RegionFit {
	at := map[string]int{}
	var first []*job
	for _, j := range jobs {
		if _, ok := at[j.key()]; !ok {
			at[j.key()] = len(first)
			first = append(first, j)
		}
	}
	made := make([]*model, len(first))
	par.Do(workers, len(first), func(i int) { made[i] = first[i].newModel(f) })
	out := make([]RegionFit, len(jobs))
	par.Do(workers, len(jobs), func(i int) {
		jobs[i].model = made[at[jobs[i].key()]]
		out[i] = a.regionFit(jobs[i])
	})
	return out
}

func (a *analysis) newJob(region string, measure Measure, primary bool) *job {
	j := &job{region: region, measure: measure, primary: primary, values: a.measured(region, measure)}
	for i, v := range j.values {
		if a.plan.Model.Log && v <= 0 {
			j.lost++
			continue
		}
		if !math.IsNaN(v) {
			j.rows = append(j.rows, i)
		}
	}
	return j
}

// measured returns a measure of a region in every scan, NaN where it has none.
func (a *analysis) measured(region string, measure Measure) []float64 {
	out := make([]float64, len(a.scans))
	row := a.values[region]
	for i := range out {
		v := math.NaN()
		if row != nil {
			v = row[i]
		}
		switch measure {
		case Relative:
			v /= a.global[i]
		case GlobalAdjusted:
			v += 0 * a.global[i] // missing where the covariate is
		}
		out[i] = v
	}
	return out
}

// key tells jobs apart that need models of their own.
func (j *job) key() string {
	present := make([]byte, len(j.values))
	for _, i := range j.rows {
		present[i] = 1
	}
	if j.measure == GlobalAdjusted {
		return string(present) + "g"
	}
	return string(present)
}

func (j *job) newModel(f *frame) *model {
	if j.measure == GlobalAdjusted {
		return f.newModel(j.rows, globalColumn)
	}
	return f.newModel(j.rows)
}

// reportFailures warns of regions without a fit; that of a primary region is
// an error.
func (a *analysis) reportFailures(fits []RegionFit) {
	said := map[string]bool{}
	for _, f := range fits {
		if f.Failed == "" || said[f.Region+f.Failed] || a.values[f.Region] == nil {
			continue
		}
		said[f.Region+f.Failed] = true
		if f.Primary {
			a.l.Errorf(tableName, f.Region, "look at the region in the participants' reports, or take it out of regions.primary", "the primary region cannot be analysed: %s", f.Failed)
		} else {
			a.l.Warnf(tableName, f.Region, "look at the region in the participants' reports", "the region is not analysed: %s", f.Failed)
		}
	}
}

// deviations says where the analysis is not what the plan foresaw.
func (a *analysis) deviations(fits []RegionFit) []string {
	out := slices.Clone(a.odd)
	if a.plan.File == "" {
		out = append(out, "There was no plan file: the default plan was followed, and everything is exploratory.")
	}
	count := map[string][]string{}
	var order []string
	fitted := 0
	for _, f := range fits {
		if f.Failed != "" {
			continue
		}
		fitted++
		for _, n := range f.Notes {
			if strings.Contains(n, "left out of the model") || strings.Contains(n, "cannot be told apart") || strings.HasPrefix(n, "(1|subject/session)") {
				if count[n] == nil {
					order = append(order, n)
				}
				count[n] = append(count[n], fmt.Sprintf("%s (%s)", f.Region, f.Measure))
			}
		}
	}
	for _, n := range order {
		s := strings.ToUpper(n[:1]) + n[1:] + "."
		if len(count[n]) < fitted {
			s = strings.TrimSuffix(s, ".") + ", in the model of " + diag.Few(count[n], maxListed) + "."
		}
		out = append(out, s)
	}
	for _, f := range fits {
		if f.Failed != "" && f.Primary {
			out = append(out, fmt.Sprintf("%s (%s) could not be analysed: %s.", f.Region, f.Measure, f.Failed))
		}
	}
	return out
}
