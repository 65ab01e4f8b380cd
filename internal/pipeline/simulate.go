package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"

	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/internal/atomicfile"
	"phasl/internal/par"
	"phasl/phantom"
)

// SimulateConfig says what [Simulate] is to do.
type SimulateConfig struct {
	Dir      string // folder for the trial; new, empty, or begun by the same simulation
	Regions  bool   // make the tables of regions only, no images
	Plan     string // file of the analysis plan; "": the default
	Trial    phantom.TrialOptions
	Scans    phantom.TrialScans // Workers is taken from here
	Version  string
	Progress func(Event)
}

// A SimulateResult says what was simulated.
type SimulateResult struct {
	Dataset     string            `json:"dataset"`
	Level       string            `json:"level"`              // "scan" or "region"
	Derivatives string            `json:"derivatives"`        // where the values of regions are, or will be
	Template    string            `json:"template,omitempty"` // T1w template of the trial's heads
	Atlas       string            `json:"atlas,omitempty"`    // its regions
	Panel       string            `json:"panel,omitempty"`    // folder of the receptors' densities; "" if there are none
	Truth       string            `json:"truth"`              // folder of what was planted
	Seed        uint64            `json:"seed"`
	Treatments  []string          `json:"treatments"` // reference first
	Phases      []string          `json:"phases"`
	Sequences   map[string]int    `json:"sequences"` // people of each
	Subjects    int               `json:"subjects"`
	Scans       int               `json:"scans"`
	Missing     []string          `json:"missing"` // sessions that did not take place
	Kept        int               `json:"kept"`    // people whose files were there already
	Planted     []SimulatedEffect `json:"planted"`

	Receptors []SimulatedReceptor `json:"receptors"` // what each receptor has to do with each effect

	Questionnaires []string               `json:"questionnaires"` // tables in phenotype, relative to the dataset
	Associations   []SimulatedAssociation `json:"associations"`
}

// A SimulatedEffect is the true value of one contrast in one region.
type SimulatedEffect struct {
	Region          string `json:"region"`
	Contrast        string `json:"contrast"`
	Percent         Number `json:"percent"`          // of the region's CBF without effects
	CBF             Number `json:"cbf"`              // [mL/100 g/min]
	ResolvedPercent Number `json:"resolved_percent"` // the same as a scanner of this resolution shows it; null at region level
	ResolvedCBF     Number `json:"resolved_cbf"`
}

// A SimulatedReceptor is what one receptor has to do with one effect, over the
// regions of the atlas.
type SimulatedReceptor struct {
	Contrast    string `json:"contrast"`
	Target      string `json:"target"`
	Weight      Number `json:"weight"`       // effect planted for each standard deviation of density [% of CBF]
	R           Number `json:"r"`            // Pearson correlation of the true effect with the density
	Rho         Number `json:"rho"`          // Spearman
	ResolvedR   Number `json:"r_resolved"`   // with the effect as a scanner of this resolution shows it; null at region level
	ResolvedRho Number `json:"rho_resolved"` // likewise
}

// A SimulatedAssociation is one association of a regional measure with a score,
// under one treatment: correlations given the covariates.
type SimulatedAssociation struct {
	Region     string            `json:"region"`
	Measure    crossover.Measure `json:"measure"`
	Phase      string            `json:"phase"`
	Adjust     []string          `json:"adjust"`
	Instrument string            `json:"instrument"`
	Score      string            `json:"score"`
	Visit      string            `json:"visit"`
	Change     string            `json:"change"`
	ChangeFrom string            `json:"change_from"`
	Improve    bool              `json:"improve"`
	Treatment  string            `json:"treatment"`

	R              Number `json:"r"`                 // of the population, with true CBF
	ResolvedR      Number `json:"r_resolved"`        // the same with CBF as a scanner of this resolution shows it; null at region level
	N              int    `json:"n"`                 // people
	Sample         Number `json:"r_sample"`          // in the people of the trial, with true CBF
	SampleResolved Number `json:"r_sample_resolved"` // in these people, at the scanner's resolution; null at region level

	plan crossover.AssociationPlan
}

// SimulatedDerivatives is where a simulated trial keeps, or expects, the
// results of the participant level.
const SimulatedDerivatives = "derivatives/phasl"

// Simulate writes a simulated trial: raw images of everybody, or the table of
// regions that the participant level would have made of them, with the tables
// of the dataset and the truth. People whose files are all there are left as
// they are, so that a simulation that was stopped is carried on. Files do not
// depend on the number of workers.
//
// Faults of the plan and of the options come back as a [diag.List]. Images of
// as many people as fit in about 1 GB are held at once.
func Simulate(ctx context.Context, c SimulateConfig) (*SimulateResult, error) {
	var l diag.List
	if c.Plan != "" {
		plan, pl := readPlan(c.Plan)
		l.Add(pl...)
		c.Trial.Plan = plan
	}
	trial, tl := phantom.NewTrial(c.Trial)
	l.Add(tl...)
	l.Add(c.Scans.Check()...)
	if l.Err() != nil {
		return nil, l
	}
	level := "scan"
	if c.Regions {
		level = "region"
	}
	if err := claim(c, trial.Record(level, c.Scans)); err != nil {
		return nil, err
	}
	if err := trial.WriteRoot(c.Dir, level); err != nil {
		return nil, err
	}
	res := describeTrial(c, trial, level)
	if err := writeTemplate(c, trial, res); err != nil {
		return nil, err
	}
	var blends []*phantom.Blend
	var err error
	if c.Regions {
		err = writeSimulatedRegions(c, trial)
	} else {
		blends, err = simulateScans(ctx, c, trial, res)
	}
	if err != nil {
		return nil, err
	}
	if err := trial.WriteTruth(c.Dir, blends); err != nil {
		return nil, err
	}
	res.plant(trial, blends)
	res.receptors(trial, blends)
	res.associate(trial, blends)
	return res, nil
}

// recordFile holds the options of the simulation that a folder belongs to.
const recordFile = "derivatives/truth/trial.json"

// claim makes sure that the folder is new, empty or this simulation's own, and
// marks it so.
func claim(c SimulateConfig, record any) error {
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(record); err != nil {
		return fmt.Errorf("write down the options of the simulation: %w", err)
	}
	refuse := func(found, fix string) error {
		return diag.List{{File: c.Dir, Found: found, Fix: fix}}
	}
	have, err := os.ReadFile(filepath.Join(c.Dir, recordFile))
	switch {
	case err == nil && bytes.Equal(have, want.Bytes()):
		return nil
	case err == nil:
		return refuse("the folder holds a trial simulated with other options (see "+recordFile+")", "name a new folder, or remove this one first")
	case !errors.Is(err, fs.ErrNotExist):
		return refuse("the folder cannot be used: "+err.Error(), "name a new folder")
	}
	empty, err := holdsNothing(c.Dir)
	if err != nil {
		return refuse("the folder cannot be used: "+err.Error(), "name a new folder")
	}
	if !empty {
		return refuse("the folder holds files that are not of a simulated trial", "name a new or an empty folder")
	}
	return bids.WriteJSON(filepath.Join(c.Dir, recordFile), record)
}

// holdsNothing reports whether there is no folder of the name, or no file in it
// but what a killed program left behind of a file it was writing.
func holdsNothing(dir string) (bool, error) {
	found := errors.New("found a file")
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case path == dir && errors.Is(err, fs.ErrNotExist):
			return fs.SkipAll
		case err != nil:
			return err
		case path == dir && !d.IsDir():
			return errors.New("it is a file")
		case d.IsDir():
			return nil
		}
		if left, _ := filepath.Match(atomicfile.TempPattern, d.Name()); left {
			return nil
		}
		return found
	})
	if errors.Is(err, found) {
		return false, nil
	}
	return err == nil, err
}

func describeTrial(c SimulateConfig, t *phantom.Trial, level string) *SimulateResult {
	r := &SimulateResult{
		Dataset: c.Dir, Level: level, Derivatives: filepath.Join(c.Dir, SimulatedDerivatives), Truth: filepath.Join(c.Dir, "derivatives", "truth"),
		Seed: t.Options.Seed, Treatments: t.Treatments, Phases: t.Phases, Subjects: len(t.People), Sequences: map[string]int{}, Missing: []string{},
	}
	for _, p := range t.People {
		r.Sequences[t.Sequences[p.Sequence]]++
		for _, s := range p.Sessions {
			if s.Missing {
				r.Missing = append(r.Missing, "sub-"+p.Label+" ses-"+s.Label)
			}
			r.Scans += len(s.Scans)
		}
	}
	return r
}

// plant lists the planted effects of whole grey matter and of the regions over
// both sides.
func (r *SimulateResult) plant(t *phantom.Trial, blends []*phantom.Blend) {
	for _, region := range phantom.TrialRegions() {
		if len(region.Members) < 2 {
			continue
		}
		var resolved []phantom.PlantedContrast
		if blends != nil {
			resolved = t.Resolved(region.Name, blends)
		}
		for i, p := range t.Planted(region.Name) {
			e := SimulatedEffect{Region: region.Name, Contrast: p.Name, Percent: Number(p.Percent), CBF: Number(p.CBF),
				ResolvedPercent: Number(math.NaN()), ResolvedCBF: Number(math.NaN())}
			if resolved != nil {
				e.ResolvedPercent, e.ResolvedCBF = Number(resolved[i].Percent), Number(resolved[i].CBF)
			}
			r.Planted = append(r.Planted, e)
		}
	}
}

// receptors lists what receptors have to do with effects.
func (r *SimulateResult) receptors(t *phantom.Trial, blends []*phantom.Blend) {
	r.Receptors = []SimulatedReceptor{}
	for _, x := range t.ReceptorTruth(blends) {
		r.Receptors = append(r.Receptors, SimulatedReceptor{Contrast: x.Contrast, Target: x.Target, Weight: Number(x.Weight),
			R: Number(x.R), Rho: Number(x.Rho), ResolvedR: Number(x.ResolvedR), ResolvedRho: Number(x.ResolvedRho)})
	}
}

// SimulatedPanel is where a simulated trial keeps the densities of its receptors.
const SimulatedPanel = "derivatives/receptors"

// writeTemplate writes the template of the trial's heads, which images are
// brought to and densities lie in, and the densities of its receptors, unless
// they are there.
func writeTemplate(c SimulateConfig, t *phantom.Trial, res *SimulateResult) error {
	if c.Regions && t.Densities == nil {
		return nil
	}
	if c.Progress != nil {
		c.Progress(Event{Unit: "template", Step: "draw", Total: len(t.People) + 1})
	}
	dir := filepath.Join(c.Dir, "derivatives", "template")
	if !whole(dir, phantom.TemplateFiles()) {
		if err := phantom.NewTemplate(c.Scans.Workers).Write(dir, c.Scans.Workers); err != nil {
			return err
		}
	}
	res.Template, res.Atlas = filepath.Join(dir, "tpl-phasl_res-02_T1w.nii.gz"), filepath.Join(dir, "tpl-phasl_atlas-phasl_res-02_dseg.nii.gz")
	if t.Densities == nil {
		return nil
	}
	res.Panel = filepath.Join(c.Dir, SimulatedPanel)
	if whole(res.Panel, t.Densities.Files()) {
		return nil
	}
	return t.Densities.Write(res.Panel, c.Scans.Workers)
}

// associate lists the planted associations and the questionnaires.
func (r *SimulateResult) associate(t *phantom.Trial, blends []*phantom.Blend) {
	r.Questionnaires, r.Associations = orEmpty(t.Questionnaires()), []SimulatedAssociation{}
	for _, c := range t.PlantedCorrelations(blends) {
		r.Associations = append(r.Associations, SimulatedAssociation{
			Region: c.Region, Measure: c.Measure, Phase: c.Phase, Adjust: orEmpty(c.Adjust), Instrument: c.Instrument, Score: c.Score, Visit: c.Visit,
			Change: c.Change, ChangeFrom: c.ChangeFrom, Improve: c.Improve, Treatment: c.Treatment,
			R: Number(c.R), ResolvedR: Number(c.RResolved), N: c.N, Sample: Number(c.Sample), SampleResolved: Number(c.SampleResolved), plan: c.AssociationPlan,
		})
	}
}

// simulateScans writes the images of everybody who is not done yet.
func simulateScans(ctx context.Context, c SimulateConfig, t *phantom.Trial, res *SimulateResult) ([]*phantom.Blend, error) {
	tick := func(unit, step string, done int) {
		if c.Progress != nil {
			c.Progress(Event{Unit: unit, Step: step, Done: done, Total: len(t.People) + 1})
		}
	}
	workers := par.Workers(c.Scans.Workers)
	atOnce := max(1, min(workers, (1<<30)/c.Scans.PersonBytes()))
	scans := c.Scans
	scans.Workers = max(1, workers/atOnce)
	blends, errs, kept := make([]*phantom.Blend, len(t.People)), make([]error, len(t.People)), make([]bool, len(t.People))
	var begun atomic.Int64
	par.Do(atOnce, len(t.People), func(i int) {
		tick("sub-"+t.People[i].Label, "simulate", int(begun.Add(1)))
		if ctx.Err() != nil {
			return
		}
		if kept[i] = whole(c.Dir, t.PersonFiles(i)); kept[i] {
			blends[i] = t.Blend(i, scans)
			return
		}
		p := t.Person(i, scans)
		blends[i] = p.Blend
		errs[i] = phantom.WritePerson(c.Dir, p, scans.Workers)
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := range errs {
		if errs[i] != nil {
			return nil, errs[i]
		}
		if kept[i] {
			res.Kept++
		}
	}
	return blends, nil
}

// whole reports whether all files are there.
func whole(dir string, files []string) bool {
	for _, f := range files {
		if st, err := os.Stat(filepath.Join(dir, filepath.FromSlash(f))); err != nil || !st.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// writeSimulatedRegions writes the table that the participant level would have
// made of the trial.
func writeSimulatedRegions(c SimulateConfig, t *phantom.Trial) error {
	phase := map[[3]string]string{}
	for _, s := range t.Crossover().Scans {
		phase[[3]string{s.Subject, s.Session, s.Run}] = s.Phase
	}
	volume := map[string]int{}
	for _, r := range phantom.TrialRegions() {
		volume[r.Name] = int(r.Volume / 8) // voxels of 2 mm
	}
	var people []ParticipantResult
	for _, v := range t.Values() {
		if n := len(people); n == 0 || people[n-1].Participant != v.Subject {
			people = append(people, ParticipantResult{Participant: v.Subject})
		}
		p := &people[len(people)-1]
		if n := len(p.Scans); n == 0 || p.Scans[n-1].Entities["ses"] != v.Session || p.Scans[n-1].Entities["run"] != v.Run {
			p.Scans = append(p.Scans, ScanResult{
				Entities: bids.Entities{"sub": v.Subject, "ses": v.Session, "run": v.Run}, Phase: phase[[3]string{v.Subject, v.Session, v.Run}],
				Units: v.Units, SEKind: "voxels", TissueSource: "simulated",
			})
		}
		s := &p.Scans[len(p.Scans)-1]
		switch v.Region {
		case globalGrey:
			s.Quality.GMCBF = Number(v.CBF)
		case globalWhite:
			s.Quality.WMCBF = Number(v.CBF)
		default:
			global := float64(s.Quality.GMCBF)
			s.Regions = append(s.Regions, RegionResult{Region: v.Region, CBF: Number(v.CBF), SE: Number(v.SE), GMCBF: Number(v.CBF),
				Relative: Number(v.CBF / global), RelativeSE: Number(v.SE / global), Voxels: volume[v.Region], Coverage: 1})
		}
	}
	return writeTables(&Config{BIDSDir: c.Dir, OutDir: filepath.Join(c.Dir, SimulatedDerivatives), Version: c.Version}, people)
}
