package pipeline

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
)

// GroupConfig says what [RunGroup] is to do.
type GroupConfig struct {
	BIDSDir, OutDir string
	Derivatives     string   // folder of the participant-level results; "": OutDir
	Plan            string   // file of the analysis plan; "": the default plan
	Instruments     []string // files of instruments beside those that come with phasl
	Panel           []string // density maps of receptors, or a folder of them; none: no receptors
	Participants    []string // labels without "sub-"; none: all
	Standard                 // Template for pictures; Atlas and Labels for Panel, and with Regions and MinCoverage for maps of another program
	Workers         int      // 0: one per CPU; never changes the result
	Version         string   // of the program
	Progress        func(Event)
	Warn            func(diag.List) // told of warnings; may be nil
}

// A GroupResult is what [RunGroup] found and where it was written.
type GroupResult struct {
	Output string `json:"output"` // folder
	Report string `json:"report"` // page, relative to Output
	GroupRecord
}

// A GroupRecord is the content of results.json.
type GroupRecord struct {
	Software Software     `json:"software"`
	Source   GroupSource  `json:"source"`
	Inputs   []GroupInput `json:"inputs"`
	Files    []string     `json:"files"` // written, relative to the output folder, sorted
	*crossover.Results
	Receptors *ReceptorsRecord `json:"receptors"` // null: no density maps were given
}

// Software is the program that computed a result.
type Software struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// A GroupSource says where the values that were analysed are from.
type GroupSource struct {
	What   string   `json:"what"`            // in words
	Space  string   `json:"space,omitempty"` // of the CBF maps
	Global string   `json:"global"`          // how global CBF was measured
	Notes  []string `json:"notes"`
}

// A GroupInput is a file that numbers came from.
type GroupInput struct {
	Of     string `json:"of"`   // "plan", "dataset", "results", "atlas", "panel", "instrument" or "template"
	File   string `json:"file"` // relative to the dataset or the results; else its name alone
	SHA256 string `json:"sha256"`
}

// groupSteps are the steps of [RunGroup], for its progress.
const (
	stepTables = iota
	stepRegions
	stepModels
	stepMaps
	stepReceptors
	stepReport
	groupSteps
)

// A group carries one analysis through its steps.
type group struct {
	c      *GroupConfig
	ctx    context.Context
	plan   *crossover.Plan
	ds     *bids.Dataset
	opened diag.List            // what was found when the dataset was opened
	known  []crossover.Acquired // scans that the dataset knows
	src    *source
	trial  *crossover.Trial
	res    *crossover.Results
	maps   *groupMaps        // nil: none were made
	scored []phenotype       // questionnaires
	values []crossover.Value // regional CBF of every scan

	receptors *groupReceptors // nil: no density maps were given
	l         diag.List

	derived map[scanKey]*derived
	started time.Time // what killed writers left before is swept away
}

// RunGroup analyses the trial: it reads the dataset's tables, the
// participant-level results and the plan, fits the plan's models, and writes
// tables, maps and the report below c.OutDir. Raw images are never read and
// need not be there.
//
// All faults of plan, tables and results come back at once as a [diag.List],
// and then nothing is written; nor is anything when ctx is cancelled before
// all is computed. What is written replaces what an earlier analysis wrote,
// and is the same whatever the number of workers and however often the
// analysis was stopped.
func RunGroup(ctx context.Context, c GroupConfig) (*GroupResult, error) {
	g := &group{c: &c, ctx: ctx, started: time.Now()}
	for _, step := range []func() error{g.read, g.design, g.readPanel, g.measure, g.analyse, g.fitMaps, g.align} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := step(); err != nil {
			return nil, err
		}
	}
	return g.write()
}

// step tells how far the analysis is.
func (g *group) step(at int, what string, share float64) {
	if g.c.Progress != nil {
		g.c.Progress(Event{Unit: "group", Step: what, Done: at, Total: groupSteps, StepsDone: share})
	}
}

// fault gathers problems, each once.
func (g *group) fault(list ...*diag.Problem) {
	for _, p := range list {
		if !slices.ContainsFunc(g.l, func(q *diag.Problem) bool {
			return q.File == p.File && q.Field == p.Field && q.Found == p.Found
		}) {
			g.l.Add(p)
		}
	}
}

// read reads plan and tables, and lists the results.
func (g *group) read() error {
	g.step(stepTables, "read plan and tables", 0)
	c := g.c
	g.plan = crossover.DefaultPlan()
	planOK := true
	if c.Plan != "" {
		plan, l := readPlan(c.Plan)
		g.fault(l...)
		if planOK = plan != nil && l.Err() == nil; planOK {
			g.plan = plan
		}
	}
	ds, l := bids.Open(c.BIDSDir)
	if ds == nil {
		g.fault(l...)
		return g.l
	}
	g.ds, g.opened = ds, l
	if err := apart(c.BIDSDir, c.OutDir); err != nil {
		return err
	}
	g.fault(tableFaults(l)...)
	var sl diag.List
	src, err := openSource(c, &sl)
	if list, ok := err.(diag.List); ok {
		sl.Add(list...)
		err = nil
	}
	if err != nil {
		return err
	}
	g.src = src
	var al diag.List
	g.known = acquiredScans(ds, &al)
	g.fault(al...)
	g.checkLabels()
	g.fault(sl...)
	if src == nil || !planOK {
		return g.l.Err()
	}
	return nil
}

// notSelected is why people are left out of the analysis of a subset.
const notSelected = "not selected on the command line"

// design finds the place of every scan in the trial.
func (g *group) design() error {
	plan := g.plan
	scans := g.src.join(g.known)
	if len(g.c.Participants) > 0 {
		// The flow counts everybody, and reasons of plan and tables come first;
		// the exclusions of the subset are ours, not the plan's.
		copied := *plan
		copied.Exclude = slices.Clone(plan.Exclude)
		scanned := map[string]bool{}
		for _, a := range scans {
			scanned[a.Subject] = true
		}
		for _, sub := range sortedKeys(scanned) {
			if !g.c.wants(sub) {
				copied.Exclude = append(copied.Exclude, crossover.Exclusion{Subject: sub, Reason: notSelected})
			}
		}
		plan = &copied
	}
	trial, tl := crossover.NewTrial(plan, g.ds, scans)
	if trial != nil && len(g.known) == 0 {
		// Results alone know the scans, and of those not selected none was read.
		for i := range trial.People {
			if p := &trial.People[i]; !g.c.wants(p.Subject) && p.Sequence != "" {
				p.Excluded = notSelected
			}
		}
	}
	g.fault(tl...)
	if g.l.Err() != nil || trial == nil {
		return g.l.Err()
	}
	g.trial = trial
	g.derived = map[scanKey]*derived{}
	for i := range g.src.scans {
		g.derived[g.src.scans[i].key] = &g.src.scans[i]
	}
	g.missing()
	return g.l.Err()
}

// people returns everybody the dataset or the results know.
func (g *group) people() []string {
	seen := map[string]bool{}
	for _, a := range g.known {
		seen[a.Subject] = true
	}
	for _, s := range g.ds.Subjects() {
		seen[s] = true
	}
	if t := g.ds.Participants; t != nil {
		for i := range t.Rows {
			if id, ok := t.Cell(i, "participant_id"); ok {
				seen[strings.TrimPrefix(id, "sub-")] = true
			}
		}
	}
	if g.src != nil {
		for _, sc := range g.src.scans {
			seen[sc.key.sub] = true
		}
	}
	return sortedKeys(seen)
}

// checkLabels names participants asked for whom nobody knows.
func (g *group) checkLabels() {
	people := g.people()
	for _, want := range g.c.Participants {
		if !slices.Contains(people, want) {
			g.l.Errorf(g.ds.Root, "--participant-label", "use one of "+strings.Join(people, ", "), "there is no sub-%s", want)
		}
	}
}

// missing names every scan of the analysis without results, at once.
func (g *group) missing() {
	for _, sc := range g.trial.Used() {
		k := keyOf(sc.Subject, sc.Session, sc.Acq, sc.Run)
		d := g.of(sc)
		exclude := fmt.Sprintf("leave the scan out in the plan, with the reason: [[exclude]] subject = %q, session = %q, run = %q, reason = \"…\"", sc.Subject, sc.Session, sc.Run)
		switch {
		case d == nil && g.src.phasl:
			g.l.Errorf(filepath.Join(g.src.dir, "regions.tsv"), k.String(), "run the participant level for sub-"+sc.Subject+", or "+exclude, "there are no results of %s", sc.File)
		case d == nil:
			name := "sub-" + sc.Subject
			if sc.Session != "" {
				name += "/ses-" + sc.Session
			}
			name += "/perf/" + k.String() + "_space-" + g.src.space + "_cbf.nii.gz"
			g.l.Errorf(filepath.Join(g.src.dir, filepath.FromSlash(name)), "", "make the map of "+sc.File+", or "+exclude, "there is no such CBF map")
		case d.cbf == "" && g.src.space != "" && g.plan.Maps.Voxelwise && d.hasRegions(g.plan.Regions.Global):
			g.l.Errorf(g.src.dir, k.String(), "run the participant level again for sub-"+sc.Subject+", or set maps.voxelwise = false in the plan", "the CBF map in template space is gone")
		}
	}
}

// of returns the results of a scan, nil if there are none.
func (g *group) of(s crossover.Scan) *derived {
	return g.derived[keyOf(s.Subject, s.Session, s.Acq, s.Run)]
}

// hasRegions reports whether any region but the global one has a value.
func (d *derived) hasRegions(global string) bool {
	return slices.ContainsFunc(d.values, func(v crossover.Value) bool {
		return v.Region != global && v.Region != globalGrey && v.Region != globalWhite && !math.IsNaN(v.CBF)
	})
}

// measure makes regional values of maps, where the results are such, and
// applies the plan's limits of quality.
func (g *group) measure() error {
	if !g.src.phasl {
		var l diag.List
		err := g.src.measure(g.c, g.plan.Regions.Global, func(scan string, n int) error {
			g.step(stepRegions, "measure the regions of "+scan, float64(n)/float64(len(g.src.scans)))
			return g.ctx.Err()
		}, &l)
		if list, ok := err.(diag.List); ok {
			l.Add(list...)
			err = nil
		}
		if err != nil {
			return err
		}
		g.fault(l...)
		if g.l.Err() != nil {
			return g.l.Err()
		}
		for i := range g.src.scans {
			sc := &g.src.scans[i]
			if !sc.judged {
				sc.quality = unjudged()
			}
			if math.IsNaN(float64(sc.quality.GMCBF)) && len(sc.values) > 0 {
				sc.quality.GMCBF = Number(sc.values[0].CBF)
			}
		}
	}
	var q []crossover.ScanQuality
	for _, sc := range g.trial.Scans {
		m := g.qualityOf(sc)
		q = append(q, crossover.ScanQuality{Subject: sc.Subject, Session: sc.Session, Acq: sc.Acq, Run: sc.Run,
			FDMean: float64(m.FDMean), QEI: float64(m.QEI), GMCBF: float64(m.GMCBF)})
	}
	g.trial.ApplyQuality(g.plan, q)
	return nil
}

// analyse fits the plan's models to the regional values.
func (g *group) analyse() error {
	g.step(stepModels, "fit the models", 0)
	var values []crossover.Value
	for _, sc := range g.trial.Scans {
		if d := g.of(sc); d != nil {
			for _, v := range d.values { // under the labels that the trial knows the scan by
				v.Subject, v.Session, v.Acq, v.Run = sc.Subject, sc.Session, sc.Acq, sc.Run
				values = append(values, v)
			}
		}
	}
	g.values = values
	res, l := crossover.Analyse(g.plan, g.trial, values, g.c.Workers)
	g.fault(l...)
	if g.l.Err() != nil {
		return g.l.Err()
	}
	g.res = res
	g.fault(res.Problems...)
	g.associate(values)
	if g.l.Err() != nil {
		return g.l.Err()
	}
	// Results do not hold where the plan lay on this machine.
	res.Plan.File = filepath.Base(g.c.Plan)
	if g.c.Plan == "" {
		res.Plan.File = ""
	}
	if n := len(g.c.Participants); n > 0 {
		labels := slices.Sorted(slices.Values(g.c.Participants))
		res.Deviations = append(res.Deviations, fmt.Sprintf("Only %s analysed, as asked for on the command line: sub-%s.",
			counted(n, "participant was", "participants were"), strings.Join(slices.Compact(labels), ", sub-")))
	}
	return nil
}

// sourceRecord says what was analysed.
func (g *group) sourceRecord() GroupSource {
	return GroupSource{What: g.src.words, Space: g.src.space, Global: g.src.global, Notes: append([]string{}, g.src.notes...)}
}

// inputs digests every file that numbers came from.
func (g *group) inputs() ([]GroupInput, error) {
	var out []GroupInput
	add := func(of, path, name string) error {
		sum, err := hashFile(path)
		out = append(out, GroupInput{of, name, sum})
		return err
	}
	if g.c.Plan != "" {
		if err := add("plan", g.c.Plan, filepath.Base(g.c.Plan)); err != nil {
			return nil, err
		}
	}
	tables := map[string]bool{}
	if g.ds.Participants != nil {
		tables["participants.tsv"] = true
	}
	for _, t := range g.ds.Sessions {
		tables[t.File] = true
	}
	for _, r := range g.ds.ScanRows() {
		tables[r.Table] = true
	}
	for _, p := range g.scored {
		tables[p.File] = true
	}
	for _, name := range sortedKeys(tables) {
		if err := add("dataset", g.ds.Abs(name), name); err != nil {
			return nil, err
		}
	}
	used := map[string]bool{}
	for _, name := range g.src.inputs {
		used[name] = true
	}
	if g.maps != nil {
		for _, name := range g.maps.inputs {
			used[name] = true
		}
	}
	for _, name := range sortedKeys(used) {
		if err := add("results", g.src.at(name), name); err != nil {
			return nil, err
		}
	}
	for _, f := range g.beside() {
		if err := add(f[0], f[1], filepath.Base(f[1])); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// beside are the files that flags name, with what they are of.
func (g *group) beside() [][2]string {
	var out [][2]string
	add := func(of string, files ...string) {
		for _, f := range files {
			if f != "" {
				out = append(out, [2]string{of, f})
			}
		}
	}
	if g.receptors != nil {
		add("panel", g.receptors.files...)
	}
	if !g.src.phasl || g.receptors != nil {
		add("atlas", g.c.Atlas, g.c.Labels)
	}
	add("template", g.c.Template)
	add("instrument", g.c.Instruments...)
	return out
}
