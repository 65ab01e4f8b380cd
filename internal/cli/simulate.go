package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"phasl/crossover"
	"phasl/diag"
	"phasl/internal/pipeline"
	"phasl/phantom"
)

type simulateCmd struct {
	Dir        string  `arg:"" name:"out" help:"Folder for the trial: new, empty, or begun by the same command." placeholder:"OUT"`
	Subjects   int     `default:"26" group:"Trial" help:"People."`
	Plan       string  `type:"existingfile" placeholder:"FILE" group:"Trial" help:"Analysis plan (plan.toml) that names treatments, phases and columns."`
	Seed       uint64  `default:"1" group:"Trial" help:"Seed of everything random; 1 or more."`
	Missing    float64 `default:"0" placeholder:"SHARE" group:"Trial" help:"Share of the sessions that did not take place, such as 0.1; everybody keeps one."`
	Level      string  `enum:"scan,region" default:"scan" group:"Trial" help:"scan: raw images; region: only the table of regional values that the participant level would make of them."`
	Resolution string  `enum:"reduced,full" default:"reduced" group:"Scans" help:"reduced: series of 4 mm and T1w images of 2 mm, seconds for a whole trial; full: the scanner's 3 x 3 x 4 mm and 1 mm."`
	Voxel      float64 `placeholder:"MM" group:"Scans" help:"Voxel size of the series, in place of --resolution; T1w images have half of it."`
	Motion     float64 `default:"1" placeholder:"MM" group:"Scans" help:"How far the head moves between scans (standard deviation along each axis; 0.6 degrees about each for every mm); within a series it moves up to a fifth of that."`
	Physics    string  `enum:"white-paper,kinetic" default:"white-paper" group:"Scans" help:"Physics of the simulated label: white-paper (as the default equation assumes) or kinetic (exchange with tissue)."`

	Effect          []string `placeholder:"REGION=PERCENT" sep:"none" group:"Effects" help:"Change of CBF from baseline to the later phase, in percent (repeatable; a later one replaces an earlier one). REGION is a region, one side of it (sgACC_L), a lobe, white, or all. Without any: those of ketamine. Mixtures add to it."`
	Interaction     []string `placeholder:"REGION=PERCENT" sep:"none" group:"Effects" help:"What the treatment adds to that effect: -5 lessens an effect of 15 % to 10 %. Default 0, as published, but for what mixtures add outside the anterior cingulate."`
	TreatmentEffect []string `name:"treatment-effect" placeholder:"REGION=PERCENT" sep:"none" group:"Effects" help:"What the treatment itself changes in every phase. Default 0."`
	PeriodEffect    []string `name:"period-effect" placeholder:"REGION=PERCENT" sep:"none" group:"Effects" help:"Change from one visit to the next. Default 0."`
	CarryOver       []string `name:"carry-over" placeholder:"REGION=PERCENT" sep:"none" group:"Effects" help:"What the treatment adds to the visit after it. Default 0."`
	Mixture         []string `placeholder:"MIXTURE" sep:"none" group:"Effects" help:"Effect that follows densities of receptors, such as 'phase: 6 = MOR + mGluR5' or 'interaction: 4 = MOR + 2*KOR - NMDA' (repeatable; none: no such effect). The number is the standard deviation over regions in percent of CBF; interaction:naltrexone is of one treatment. Receptors: MOR, KOR, NMDA, mGluR5, GABAA, GABAAa5. Without any --mixture, --effect and --interaction: ketamine on MOR and mGluR5, the interaction on MOR, mGluR5 and GABAAa5."`
	NoReceptors     bool     `name:"no-receptors" group:"Effects" help:"No receptors: no densities in derivatives/receptors, and no effects that follow them."`
	SD              []string `name:"sd" placeholder:"PART=PERCENT" sep:"none" group:"Effects" help:"Standard deviation of a part of CBF, in percent: subject, session, scan (of the whole brain), regional-subject, regional-session, regional-scan (of each region), or all."`

	Symptoms     string   `enum:"published,uncorrelated,none" default:"published" group:"Symptoms" help:"Questionnaires (MADRS, QIDS, PSI, CADSS) in phenotype. published: they go with CBF as the trial found, under the reference treatment alone; uncorrelated: with nothing; none: no questionnaires."`
	Correlation  []string `placeholder:"SCORE=R" sep:"none" group:"Symptoms" help:"Correlation in place of that of --symptoms (repeatable). SCORE is psi.delusional, psi.perceptual, madrs.total or qids.total; psi.delusional:naltrexone is the same under that treatment."`
	MissingItems float64  `default:"0" placeholder:"SHARE" group:"Symptoms" help:"Share of the answers that are missing, such as 0.02."`

	Workers int `default:"0" group:"Running" help:"Threads; 0: one per CPU. Does not change the result."`
	jsonFlag
}

func (simulateCmd) Help() string {
	return `Writes a crossover trial with known truth: people randomised to orders of
treatments, a scan before and one during the infusion at each visit, raw BIDS
images by GE's 3D spiral pCASL, questionnaires whose scores go with blood flow,
densities of receptors that effects follow outside the anterior cingulate
(derivatives/receptors), and under derivatives/truth what was planted.
Nothing in it was measured on anybody. Stopped, the same command carries on.

Example:
  phasl simulate trial --level region --effect all=5 --effect sgACC=12 --interaction sgACC=-6

or, with effects that follow receptors of your choice,
  phasl simulate trial --level region --mixture 'phase: 6 = MOR + KOR' --mixture 'interaction: 4 = GABAAa5'

then analyse it; the plan asks for the associations with symptoms and for the
receptors:
  phasl plan init trial --derivatives trial/derivatives/phasl --panel trial/derivatives/receptors --atlas trial/derivatives/template/tpl-phasl_atlas-phasl_res-02_dseg.nii.gz --out plan.toml
  phasl run trial trial/derivatives/phasl group --plan plan.toml --panel trial/derivatives/receptors --atlas trial/derivatives/template/tpl-phasl_atlas-phasl_res-02_dseg.nii.gz

` + exitCodesHelp
}

// Validate refuses flags that make no sense; kong calls it.
func (c *simulateCmd) Validate() error {
	switch {
	case c.Subjects == 0: // which the library takes for the default
		return fmt.Errorf("--subjects=0: give the number of people, 2 or more")
	case c.Seed == 0:
		return fmt.Errorf("--seed=0: give 1 or more")
	case c.NoReceptors && len(c.Mixture) > 0:
		return fmt.Errorf("--no-receptors: a trial without receptors has no effect that follows them; leave --mixture out")
	case c.Symptoms == "none" && (len(c.Correlation) > 0 || c.MissingItems != 0):
		return fmt.Errorf("--symptoms=none has no questionnaires: leave --correlation and --missing-items out")
	case !(c.Motion >= 0):
		return fmt.Errorf("--motion=%g: give 0 mm or more", c.Motion)
	case c.Voxel < 0:
		return fmt.Errorf("--voxel=%g: give a size in mm", c.Voxel)
	case c.Workers < 0:
		return fmt.Errorf("--workers=%d: give a number of threads, or 0 for one per CPU", c.Workers)
	}
	return nil
}

// Run simulates the trial and prints a summary.
func (c *simulateCmd) Run(ctx context.Context, s streams) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	prog := newProgress(s.err)
	cfg.Progress = prog.show
	res, err := pipeline.Simulate(ctx, cfg)
	prog.end()
	if err != nil {
		return simulateError(err)
	}
	if err := c.write(s, res); err != nil {
		return err
	}
	summariseSimulation(c.summary(s), res)
	return nil
}

// config turns flags into options.
func (c *simulateCmd) config() (pipeline.SimulateConfig, error) {
	cfg := pipeline.SimulateConfig{
		Dir: c.Dir, Regions: c.Level == "region", Plan: c.Plan, Version: Version(),
		Trial: phantom.TrialOptions{Subjects: c.Subjects, Seed: c.Seed, Missing: c.Missing},
		Scans: phantom.TrialScans{Motion: c.Motion, Kinetic: c.Physics == "kinetic", Workers: c.Workers},
	}
	if c.Motion == 0 {
		cfg.Scans.Motion = -1
	}
	switch {
	case c.Voxel > 0:
		cfg.Scans.Voxel = c.Voxel
	case c.Resolution == "reduced":
		small := phantom.ReducedScans()
		cfg.Scans.Voxel, cfg.Scans.T1w = small.Voxel, small.T1w
	}
	var err error
	effects := phantom.DefaultEffects()
	if len(c.Effect) > 0 {
		effects = []phantom.PlantedEffect{}
	}
	for _, f := range []struct {
		flag, kind string
		values     []string
	}{
		{"effect", crossover.PhaseEffect, c.Effect}, {"interaction", crossover.Interaction, c.Interaction},
		{"treatment-effect", crossover.TreatmentEffect, c.TreatmentEffect},
		{"period-effect", crossover.PeriodEffect, c.PeriodEffect}, {"carry-over", crossover.CarryOver, c.CarryOver},
	} {
		for _, v := range f.values {
			region, percent, err := assignment(f.flag, "REGION", v)
			if err != nil {
				return cfg, err
			}
			effects = append(effects, phantom.PlantedEffect{Kind: f.kind, Region: region, Percent: percent})
		}
	}
	cfg.Trial.Effects = effects
	if cfg.Trial.Receptors, err = c.receptors(); err != nil {
		return cfg, err
	}
	symptoms, err := c.symptoms()
	if err != nil {
		return cfg, err
	}
	cfg.Trial.Symptoms = symptoms
	if len(c.SD) > 0 {
		v, err := c.variances()
		if err != nil {
			return cfg, err
		}
		cfg.Trial.Variances = &v
	}
	return cfg, nil
}

// variances returns the default ones with those that --sd gives.
func (c *simulateCmd) variances() (phantom.Variances, error) {
	v := phantom.DefaultVariances()
	parts := map[string]*float64{"subject": &v.Subject, "session": &v.Session, "scan": &v.Scan,
		"regional-subject": &v.RegionalSubject, "regional-session": &v.RegionalSession, "regional-scan": &v.RegionalScan}
	names := []string{"all", "subject", "session", "scan", "regional-subject", "regional-session", "regional-scan"}
	for _, text := range c.SD {
		name, percent, err := assignment("sd", "PART", text)
		if err != nil {
			return v, err
		}
		if !slices.Contains(names, name) {
			fix := "choose one of " + strings.Join(names, ", ")
			if near, ok := diag.Nearest(name, names); ok {
				fix = "did you mean " + near + "?"
			}
			return v, usageError{fmt.Sprintf("--sd %s: there is no part %q; %s", text, name, fix)}
		}
		for _, n := range names[1:] {
			if name == "all" || name == n {
				*parts[n] = percent / 100
			}
		}
	}
	return v, nil
}

// symptoms returns what the questionnaires are to be like.
func (c *simulateCmd) symptoms() (*phantom.Symptoms, error) {
	out := &phantom.Symptoms{None: c.Symptoms == "none", MissingItems: c.MissingItems, R: map[string]float64{}}
	if c.Symptoms == "uncorrelated" {
		for _, a := range phantom.DefaultAssociations() {
			out.R[a.Instrument+"."+a.Score] = 0
		}
	}
	for _, text := range c.Correlation {
		name, number, ok := strings.Cut(text, "=")
		r, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if !ok || err != nil || strings.TrimSpace(name) == "" {
			return nil, usageError{fmt.Sprintf("--correlation %s: write SCORE=R, such as --correlation psi.delusional=0.3", text)}
		}
		out.R[strings.TrimSpace(name)] = r
	}
	return out, nil
}

// assignment takes NAME=PERCENT apart.
func assignment(flag, what, text string) (name string, percent float64, err error) {
	name, number, ok := strings.Cut(text, "=")
	percent, perr := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(number), "%"), 64)
	if !ok || perr != nil || strings.TrimSpace(name) == "" {
		return "", 0, usageError{fmt.Sprintf("--%s %s: write %s=PERCENT, such as --%s sgACC=12", flag, text, what, flag)}
	}
	return strings.TrimSpace(name), percent, nil
}

// simulateError makes a usage error of faults that only the command line has.
func simulateError(err error) error {
	l, ok := err.(diag.List)
	if !ok {
		return err
	}
	var text []string
	for _, p := range l {
		if p.File != phantom.SimulationOptions {
			return err
		}
		text = append(text, fmt.Sprintf("%s: %s\n  fix: %s", p.Field, p.Found, p.Fix))
	}
	return usageError{strings.Join(text, "\nphasl: ")}
}

func summariseSimulation(w io.Writer, r *pipeline.SimulateResult) {
	fmt.Fprintf(w, "%d people, %d scans, seed %d; %s under %s\n", r.Subjects, r.Scans, r.Seed, strings.Join(r.Phases, ", "), strings.Join(r.Treatments, ", "))
	var orders []string
	for s := range r.Sequences {
		orders = append(orders, s)
	}
	slices.Sort(orders)
	for i, s := range orders {
		orders[i] = fmt.Sprintf("%s %d", s, r.Sequences[s])
	}
	fmt.Fprintf(w, "order of treatments: %s\n", strings.Join(orders, ", "))
	if len(r.Missing) > 0 {
		fmt.Fprintf(w, "sessions missing: %s\n", strings.Join(r.Missing, ", "))
	}
	if r.Kept > 0 {
		fmt.Fprintf(w, "%d of the people were there already\n", r.Kept)
	}
	rows := [][]string{{"planted", "region", "% of CBF", "mL/100 g/min", "at the scanner's resolution"}}
	for _, e := range r.Planted {
		if e.Percent == 0 {
			continue
		}
		rows = append(rows, []string{e.Contrast, e.Region, num(e.Percent, 1), num(e.CBF, 2), num(e.ResolvedCBF, 2)})
	}
	if len(rows) > 1 {
		fmt.Fprintln(w)
		table(w, rows)
	} else {
		fmt.Fprintln(w, "no effects were planted")
	}
	summariseSimulatedReceptors(w, r)
	summariseAssociations(w, r)
	fmt.Fprintf(w, "\nTrial: %s\nTruth: %s\n", r.Dataset, r.Truth)
	if r.Panel != "" {
		fmt.Fprintf(w, "Panel: %s\n", r.Panel)
	}
	panel := ""
	if r.Panel != "" {
		panel = " --panel " + r.Panel
		if r.Level == "region" { // the other command has the atlas in any case
			panel = " --atlas " + r.Atlas + panel
		}
	}
	switch {
	case r.Level == "region" && (len(r.Associations) > 0 || r.Panel != ""):
		fmt.Fprintf(w, "Next:  phasl plan init %s --derivatives %s%s --out plan.toml\n", r.Dataset, r.Derivatives, panel)
		fmt.Fprintf(w, "       phasl run %s %s group --plan plan.toml%s\n", r.Dataset, r.Derivatives, panel)
	case r.Level == "region":
		fmt.Fprintf(w, "Next:  phasl run %s %s group\n", r.Dataset, r.Derivatives)
	default:
		fmt.Fprintf(w, "Next:  phasl run %s %s all --template %s --atlas %s%s\n", r.Dataset, r.Derivatives, r.Template, r.Atlas, panel)
	}
}

// summariseAssociations lists the planted correlations with symptoms.
func summariseAssociations(w io.Writer, r *pipeline.SimulateResult) {
	if len(r.Questionnaires) == 0 {
		return
	}
	fmt.Fprintf(w, "\nquestionnaires: %s\n", strings.Join(r.Questionnaires, ", "))
	rows := [][]string{{"correlation of", "with", "under", "planted", "in these people"}}
	for _, a := range r.Associations {
		x := a.Region + ", " + string(a.Measure) + " CBF, " + a.Phase
		if len(a.Adjust) > 0 {
			x += ", given " + strings.Join(a.Adjust, ", ")
		}
		y := a.Instrument + "." + a.Score + ", " + a.Visit
		if a.Change != "" {
			what := "change"
			if a.Improve {
				what = "reduction"
			}
			y += fmt.Sprintf(", %s %s from %s", a.Change, what, a.ChangeFrom)
		}
		rows = append(rows, []string{x, y, a.Treatment, num(a.R, 2), num(a.Sample, 2)})
	}
	table(w, rows)
}
