package pipeline

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/internal/atomicfile"
	"phasl/phantom"
)

// DemoTrialConfig says what [DemoTrial] is to do.
type DemoTrialConfig struct {
	Dir      string          // folder for raw data, template and results
	Subjects int             // 0: 26
	Seed     uint64          // of everything random; 0: 1
	Full     bool            // images of the scanner's resolution in place of 4 mm
	Voxel    float64         // size of the series' voxels [mm], where neither 4 nor the scanner's is wanted; 0: by Full
	Physics  phantom.Physics // zero: exchange with tissue, which the default equation does not describe
	Workers  int
	Version  string
	Progress func(Event)
	Warn     func(diag.List)

	noMaps bool // for tests: no model at every voxel
}

// A DemoTrialResult sets what the analysis found beside what was planted.
type DemoTrialResult struct {
	Dataset    string              `json:"dataset"`
	Output     string              `json:"output"`
	Report     string              `json:"report"`
	Physics    string              `json:"physics"`
	Subjects   int                 `json:"subjects"`
	Scans      int                 `json:"scans"`
	Treatments []string            `json:"treatments"` // reference first
	Contrasts  []DemoTrialContrast `json:"contrasts"`  // of absolute CBF, of every region whose truth is known
	Measured   DemoTrialError      `json:"measured"`   // error of single scans
	Summary    []DemoTrialSummary  `json:"summary"`    // by contrast, over all regions

	Associations []DemoTrialAssociation `json:"associations"` // with symptoms, under each treatment
	Receptors    []DemoTrialReceptor    `json:"receptors"`    // of the average effect and its interactions
}

// A DemoTrialReceptor is the likeness of an effect map to the density of a
// receptor, planted and found.
type DemoTrialReceptor struct {
	Effect string `json:"effect"`
	Label  string `json:"label"`
	Target string `json:"target"`
	Weight Number `json:"weight"`  // effect planted for each standard deviation of density [% of CBF]; 0: it has nothing to do with it
	True   Number `json:"rho"`     // with the true effect, as the scanner resolves it
	Found  Number `json:"found"`   // with the mean of people's maps
	P      Number `json:"p_joint"` // for new people and other places
	PFWE   Number `json:"p_joint_fwe"`
	Shown  bool   `json:"shown"` // PFWE is below 0.05
}

// A DemoTrialAssociation is the correlation of a regional measure with a score
// under one treatment, given the covariates: planted and found.
type DemoTrialAssociation struct {
	Name      string `json:"name"`
	Region    string `json:"region"`
	Score     string `json:"score"` // with its instrument: "psi.delusional"
	Treatment string `json:"treatment"`
	N         int    `json:"n"`
	True      Number `json:"r"`        // planted, with the true CBF of the grey matter
	Planted   Number `json:"planted"`  // the same with CBF at the scanner's resolution: what is found on average, but for errors of measurement
	Sample    Number `json:"r_sample"` // what chance made of it in these people, at the scanner's resolution
	Found     Number `json:"found"`
	Low       Number `json:"ci_low"`
	High      Number `json:"ci_high"`
	P         Number `json:"p_permutation"`
	Covered   bool   `json:"covered"` // the interval holds the planted value
}

// A DemoTrialContrast is one contrast of one region: planted and found, both
// in mL/100 g/min.
type DemoTrialContrast struct {
	Region  string `json:"region"`
	Primary bool   `json:"primary"`
	Name    string `json:"name"`
	Label   string `json:"label"`
	Planted Number `json:"planted"` // at the scanner's resolution, partial volume included
	Found   Number `json:"found"`
	Low     Number `json:"ci_low"`
	High    Number `json:"ci_high"`
	P       Number `json:"p_adjusted"` // over the primary regions; null outside the family
	Base    Number `json:"base"`       // the region's CBF at baseline under the reference, as found
	Covered bool   `json:"covered"`    // the interval holds the planted value
}

// A DemoTrialSummary is one contrast over all regions.
type DemoTrialSummary struct {
	Name    string `json:"name"`
	Label   string `json:"label"`
	Regions int    `json:"regions"`
	Bias    Number `json:"bias_percent"`  // mean of found − planted, of the regions' baseline CBF
	Worst   Number `json:"worst_percent"` // largest absolute difference
	Covered Number `json:"covered"`       // share of intervals that hold the planted value
}

// A DemoTrialError is the error of regional CBF in single scans: what the
// pipeline adds, apart from how people differ.
type DemoTrialError struct {
	Values int    `json:"values"`
	Bias   Number `json:"bias_percent"` // mean of measured − true, of the true value
	SD     Number `json:"sd_percent"`   // its standard deviation
}

// shares of the whole work, for the progress: simulation, participant level
// and group level.
const (
	demoSimulated = 0.2
	demoProcessed = 0.9
)

// DemoTrial simulates a whole trial with [Simulate] as raw scans by the trial's
// protocol, runs participant and group level on it, and compares. Started again
// with the same options it carries on where it was stopped; a folder begun with
// other options is a fault.
//
// The planted value of a contrast is that of the true CBF at the scanner's
// resolution, the mean over people. People, visits and scans differ at random
// around it, so that found differs from planted by chance as well: the
// interval says by how much.
func DemoTrial(ctx context.Context, c DemoTrialConfig) (*DemoTrialResult, error) {
	scans := phantom.ReducedScans()
	if c.Full {
		scans = phantom.TrialScans{}
	}
	if c.Voxel > 0 {
		scans.Voxel, scans.T1w = c.Voxel, c.Voxel/2
	}
	scans.Kinetic, scans.Workers = c.Physics == phantom.FullKinetic, c.Workers
	raw, out := filepath.Join(c.Dir, "raw"), filepath.Join(c.Dir, "derivatives")
	trial, err := Simulate(ctx, SimulateConfig{Dir: raw, Trial: phantom.TrialOptions{Subjects: c.Subjects, Seed: c.Seed}, Scans: scans, Version: c.Version,
		Progress: c.stretch(0, demoSimulated)})
	if err != nil {
		return nil, err
	}
	// The trial's people differ from the template by an affine map (see
	// [phantom.Trial]), so that a deformation would cost minutes and find nothing.
	standard := Standard{Template: trial.Template, Atlas: trial.Atlas, MinCoverage: 0.5, Registration: registerAffine}
	run, err := Run(ctx, Config{
		BIDSDir: raw, OutDir: out, Settings: Settings{Model: "auto", Seed: 1, Workers: c.Workers}, Standard: standard, Version: c.Version,
		Progress: c.stretch(demoSimulated, demoProcessed),
	})
	if err != nil {
		return nil, err
	}
	plan := filepath.Join(c.Dir, "plan.toml")
	if err := writeDemoPlan(plan, trial, c.noMaps); err != nil {
		return nil, err
	}
	var panel []string
	if trial.Panel != "" {
		panel = []string{trial.Panel}
	}
	group, err := RunGroup(ctx, GroupConfig{BIDSDir: raw, OutDir: out, Plan: plan, Panel: panel, Standard: standard, Workers: c.Workers, Version: c.Version,
		Progress: c.stretch(demoProcessed, 1), Warn: c.Warn})
	if err != nil {
		return nil, err
	}
	res := &DemoTrialResult{Dataset: raw, Output: out, Report: filepath.Join(out, group.Report), Physics: c.Physics.String(), Subjects: trial.Subjects, Scans: trial.Scans, Treatments: group.Treatments}
	if err := res.compare(trial.Truth, group, run); err != nil {
		return nil, fmt.Errorf("compare with the truth: %w", err)
	}
	res.associate(trial, group)
	res.align(trial, group)
	return res, nil
}

// writeDemoPlan writes the plan of the demonstration: the defaults, with what the
// trial is about spelt out.
func writeDemoPlan(path string, t *SimulateResult, noMaps bool) error {
	quoted := func(list []string) string {
		out := make([]string, len(list))
		for i, s := range list {
			out[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(out, ", ") + "]"
	}
	more := ""
	if noMaps {
		more = "\n[maps]\nvoxelwise = false\n"
	}
	if t.Panel != "" {
		more += "\n[receptors]\n"
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, `# What is not said here has its default: see 'phasl plan init'.
title = "Simulated trial of ketamine after %[1]s"

[trial]
treatments = %[2]s
phases = %[3]s
challenge = "ketamine"

[regions]
primary = ["sgACC", "pgACC", "dACC"]
%[4]s%[5]s`, strings.Join(t.Treatments, " or "), quoted(t.Treatments), quoted(t.Phases), more, planAssociations(t))
		return err
	})
}

// planAssociations writes the planted associations as tables of a plan.
func planAssociations(t *SimulateResult) string {
	var b strings.Builder
	for _, s := range t.Associations {
		a := s.plan
		if s.Treatment != t.Treatments[0] { // each stands once for every treatment
			continue
		}
		fmt.Fprintf(&b, "\n[[association]]\nregion = %q\nmeasure = %q\nphase = %q\n", a.Region, a.Measure, a.Phase)
		if len(a.Adjust) > 0 {
			fmt.Fprintf(&b, "adjust = [%s]\n", `"`+strings.Join(a.Adjust, `", "`)+`"`)
		}
		fmt.Fprintf(&b, "instrument = %q\nscore = %q\nvisit = %q\n", a.Instrument, a.Score, a.Visit)
		if a.Within != t.Treatments[0] {
			fmt.Fprintf(&b, "within = %q\n", a.Within)
		}
		if a.Change != "" {
			fmt.Fprintf(&b, "change = %q\nchange_from = %q\nimprove = %t\n", a.Change, a.ChangeFrom, a.Improve)
		}
	}
	return b.String()
}

// associate sets the associations that were found beside those planted.
func (r *DemoTrialResult) associate(t *SimulateResult, group *GroupResult) {
	r.Associations = []DemoTrialAssociation{}
	if group.Associations == nil {
		return
	}
	for _, a := range group.Associations.List {
		for _, c := range a.By {
			i := slices.IndexFunc(t.Associations, func(s SimulatedAssociation) bool {
				return s.Region == a.Region && s.Measure == a.Measure && s.Phase == a.Phase && slices.Equal(s.Adjust, orEmpty(a.Adjust)) && s.Instrument == a.Instrument &&
					s.Score == a.Score && s.Visit == a.Visit && s.Change == a.Change && s.Treatment == c.Treatment
			})
			if i < 0 {
				continue
			}
			s := &t.Associations[i]
			want := float64(s.ResolvedR)
			r.Associations = append(r.Associations, DemoTrialAssociation{
				Name: a.Name, Region: a.Region, Score: a.Instrument + "." + a.Score, Treatment: c.Treatment, N: c.N, True: s.R, Planted: s.ResolvedR, Sample: s.SampleResolved,
				Found: c.R, Low: c.Low, High: c.High, P: c.PPermutation, Covered: float64(c.Low) <= want && want <= float64(c.High),
			})
		}
	}
}

// align sets the alignments with receptors that were found beside those planted.
func (r *DemoTrialResult) align(t *SimulateResult, group *GroupResult) {
	r.Receptors = []DemoTrialReceptor{}
	if group.Receptors == nil {
		return
	}
	for _, e := range group.Receptors.Effects {
		for j, a := range e.Results {
			i := slices.IndexFunc(t.Receptors, func(s SimulatedReceptor) bool { return s.Contrast == e.Name && s.Target == a.Target })
			if i < 0 {
				continue
			}
			d := DemoTrialReceptor{Effect: e.Name, Label: e.Label, Target: a.Target, Weight: t.Receptors[i].Weight, True: t.Receptors[i].ResolvedRho, Found: a.R, P: Number(math.NaN()), PFWE: Number(math.NaN())}
			if e.People != nil {
				p := &e.People.Results[j]
				d.Found, d.P, d.PFWE = p.R, p.PJoint, p.PJointFWE
			}
			d.Shown = d.PFWE < 0.05
			r.Receptors = append(r.Receptors, d)
		}
	}
}

// stretch passes on the progress of a part of the work, from one share of the
// whole to another.
func (c *DemoTrialConfig) stretch(from, to float64) func(Event) {
	return func(e Event) {
		if c.Progress != nil {
			e.Share = from + (to-from)*e.Fraction()
			c.Progress(e)
		}
	}
}

// compare sets the results beside the tables of the truth.
func (r *DemoTrialResult) compare(truth string, group *GroupResult, run *RunResult) error {
	effects, l := bids.ReadTable(filepath.Join(truth, "effects.tsv"))
	if l.Err() != nil {
		return l
	}
	planted := map[[2]string]float64{}
	for i := range effects.Rows {
		row := effects.Row(i)
		v, err := strconv.ParseFloat(row["cbf_resolved"], 64)
		if err != nil {
			return err
		}
		planted[[2]string{row["region"], row["contrast"]}] = v
	}
	type tally struct {
		DemoTrialSummary
		sum, worst, covered float64
	}
	over := map[string]*tally{}
	var order []string
	for _, m := range group.Models {
		if m.Measure != crossover.Absolute {
			continue
		}
		base := math.NaN()
		for _, c := range m.Means {
			if c.Treatment == group.Treatments[0] && c.Phase == group.Phases[0] {
				base = float64(c.Mean)
			}
		}
		for _, e := range m.Effects {
			want, ok := planted[[2]string{m.Region, e.Name}]
			if !ok {
				continue
			}
			d := DemoTrialContrast{Region: m.Region, Primary: m.Primary, Name: e.Name, Label: e.Label, Planted: Number(want), Found: e.Estimate,
				Low: e.Low, High: e.High, P: e.PAdjusted, Base: Number(base), Covered: float64(e.Low) <= want && want <= float64(e.High)}
			if !m.Primary {
				d.P = Number(math.NaN())
			}
			r.Contrasts = append(r.Contrasts, d)
			if math.IsNaN(float64(e.Estimate)) || strings.HasPrefix(m.Region, "global_") {
				continue
			}
			t := over[e.Name]
			if t == nil {
				t = &tally{DemoTrialSummary: DemoTrialSummary{Name: e.Name, Label: e.Label}}
				over[e.Name] = t
				order = append(order, e.Name)
			}
			bias := 100 * (float64(e.Estimate) - want) / base
			t.Regions++
			t.sum, t.worst = t.sum+bias, max(t.worst, math.Abs(bias))
			if d.Covered {
				t.covered++
			}
		}
	}
	for _, name := range order {
		t := over[name]
		n := float64(t.Regions)
		t.Bias, t.Worst, t.Covered = Number(t.sum/n), Number(t.worst), Number(t.covered/n)
		r.Summary = append(r.Summary, t.DemoTrialSummary)
	}
	return r.compareScans(truth, run)
}

// compareScans sets the regional CBF of single scans beside the truth.
func (r *DemoTrialResult) compareScans(truth string, run *RunResult) error {
	table, l := bids.ReadTable(filepath.Join(truth, "regions.tsv"))
	if l.Err() != nil {
		return l
	}
	found := map[[4]string]float64{}
	for _, p := range run.Participants {
		for _, sc := range p.Scans {
			for _, reg := range sc.Regions {
				found[[4]string{"sub-" + p.Participant, sc.Entities["ses"], sc.Entities["run"], reg.Region}] = float64(reg.CBF)
			}
		}
	}
	var sum, squares float64
	for i := range table.Rows {
		row := table.Row(i)
		got, ok := found[[4]string{row["participant_id"], row["session"], row["run"], row["region"]}]
		want, err := strconv.ParseFloat(row["cbf_resolved"], 64)
		if !ok || err != nil || math.IsNaN(got) {
			continue
		}
		e := 100 * (got - want) / want
		sum, squares = sum+e, squares+e*e
		r.Measured.Values++
	}
	n := float64(r.Measured.Values)
	r.Measured.Bias = Number(sum / n)
	r.Measured.SD = Number(math.Sqrt(max(0, squares/n-(sum/n)*(sum/n))))
	return nil
}
