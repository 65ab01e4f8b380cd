package pipeline

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"

	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/internal/atomicfile"
	"phasl/receptor"
)

// maxPlanFile is more than a plan may have: the reader says so of what is
// larger.
const maxPlanFile = 1 << 20

// readPlan reads a plan. Its faults are in the list, which may hold warnings
// where the plan is sound.
func readPlan(path string) (*crossover.Plan, diag.List) {
	var l diag.List
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		var text []byte
		if text, err = io.ReadAll(io.LimitReader(f, maxPlanFile)); err == nil {
			return crossover.ParsePlan(path, text)
		}
	}
	fix := "check the path"
	if errors.Is(err, fs.ErrNotExist) {
		fix = "check the path, or write a plan with 'phasl plan init'"
	}
	l.Add(&diag.Problem{File: path, Found: "the plan cannot be read: " + err.Error(), Fix: fix, Err: err})
	return nil, l
}

// PlanResults are the participant-level results a plan is written for or
// checked with.
type PlanResults struct {
	Derivatives string   // their folder; "": the dataset alone
	Instruments []string // files of instruments beside those that come with phasl
	Panel       []string // density maps of receptors, or a folder of them
	Standard             // Atlas, Labels, Space and Regions, for maps of another program
}

// planData is what a dataset has that a plan may be about.
type planData struct {
	trial   *crossover.Trial // nil only if dataset or results cannot be opened
	regions []string         // of the participant-level results, if there are any
	scores  []crossover.Rating
	scored  []string // sentences: what each table of phenotype/ was taken for
	targets []string // of the panel
}

// planTrial opens the dataset and finds the place of every scan under the
// plan, and what clinical scores there are. The scans are those of the dataset
// and of the participant-level results, if there are any.
func planTrial(p *crossover.Plan, bidsDir string, from PlanResults) (planData, diag.List) {
	ds, opened := bids.Open(bidsDir)
	if ds == nil {
		return planData{}, opened
	}
	l := tableFaults(opened)
	var acquired []crossover.Acquired // nil: the images of the dataset
	var regions []string
	switch {
	case from.Derivatives != "":
		c := &GroupConfig{BIDSDir: bidsDir, Derivatives: from.Derivatives, Standard: from.Standard}
		src, err := openSource(c, &l)
		if src == nil || err != nil {
			if list, ok := errors.AsType[diag.List](err); ok {
				l.Add(list...)
			} else if err != nil {
				l.Add(&diag.Problem{File: from.Derivatives, Found: err.Error(), Fix: "check the folder", Err: err})
			}
			return planData{}, l
		}
		acquired, regions = src.join(acquiredScans(ds, &l)), src.regions
	case len(ds.ASLScans()) == 0:
		acquired = acquiredScans(ds, &l) // the images may be kept elsewhere: the tables know them
	default:
		for _, x := range opened { // every row ought to have its image
			if strings.HasSuffix(x.File, "_scans.tsv") && x.Field == "filename" {
				l.Add(x)
			}
		}
	}
	tr, tl := crossover.NewTrial(p, ds, acquired)
	for _, x := range tl {
		if !slices.ContainsFunc(l, func(o *diag.Problem) bool { return o.File == x.File && o.Field == x.Field && o.Found == x.Found }) {
			l.Add(x)
		}
	}
	if len(tr.Scans) == 0 && from.Derivatives == "" {
		l.Warnf(bidsDir, "", "give the participant-level results with --derivatives", "scans that only results know are not seen")
	}
	out := planData{trial: tr, regions: regions}
	known, il := readInstruments(from.Instruments)
	l.Add(il...)
	tables, said, sl := scorePhenotype(ds, opened, p, known)
	l.Add(sl...)
	l.Add(forPlan(checkVisits(tr, ds, tables), tables, p)...)
	out.scores, out.scored = ratings(tables, p), said
	if len(from.Panel) > 0 {
		var pl diag.List
		out.targets, pl = checkPanel(p, from, regions)
		l.Add(pl...)
	}
	l.Sort()
	return out, l
}

// checkPanel looks for the plan's targets among density maps and returns those
// that are used. Where an atlas is given the maps are read and measured in it,
// and its labels compared with the regions of the results, nil if these are not
// known.
func checkPanel(p *crossover.Plan, from PlanResults, regions []string) ([]string, diag.List) {
	files, l := FindPanel(from.Panel)
	if l.Err() != nil {
		return nil, l
	}
	l.Add(files.forPlan(&p.Receptors, p.File)...)
	if from.Atlas != "" && l.Err() == nil {
		parcels, al := ReadParcels(from.Atlas, from.Labels, "", receptor.ParcelOptions{})
		l.Add(al...)
		if parcels != nil {
			_, dl := ReadPanel(files, parcels)
			l.Add(dl...)
			if regions != nil {
				known := map[string]bool{}
				for _, r := range regions {
					known[r] = true
				}
				l.Add(checkAtlas(parcels.Places(false).Names, known, from.Atlas, "")...)
			}
		}
	}
	return files.Targets(), l
}

// A PlanDraft is a plan written from what a dataset holds.
type PlanDraft struct {
	Text         []byte
	Associations []string // suggested, by name
	Targets      []string // receptors of the panel, if one was given
	Trial        *crossover.Trial
	Problems     diag.List // of the tables: what must be mended before the analysis
}

// DraftPlan writes a commented plan for a dataset and the participant-level
// results, if there are any, whose regions it names. The error
// is for what cannot be read; faults of the tables are in the draft, which
// leaves to the user what they do not tell.
func DraftPlan(bidsDir string, from PlanResults) (*PlanDraft, error) {
	d, l := planTrial(crossover.DefaultPlan(), bidsDir, from)
	if d.trial == nil {
		return nil, l
	}
	out := &PlanDraft{Text: crossover.PlanTemplate(d.trial, d.regions, d.scores, d.targets), Targets: d.targets, Trial: d.trial, Problems: l}
	p, faults := crossover.ParsePlan("", out.Text)
	if faults.Err() != nil {
		return nil, faults // what is written must be readable
	}
	for _, a := range p.Association {
		out.Associations = append(out.Associations, cmp.Or(a.Name, strings.TrimSpace(a.Region+" with "+a.Instrument+" "+a.Score)))
	}
	return out, nil
}

// WritePlan writes a plan to path, which must not exist unless force is set.
func WritePlan(path string, text []byte, force bool) error {
	if _, err := os.Lstat(path); err == nil && !force {
		return &diag.Problem{File: path, Found: "the file exists", Fix: "give another name with --out, or replace it with --force"}
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// A PlanCheck says what a plan does with a dataset.
type PlanCheck struct {
	Plan     crossover.PlanSummary `json:"plan"`
	Dataset  string                `json:"dataset"` // "" if only the plan was checked
	Trial    *PlanCheckTrial       `json:"trial"`   // null without a dataset
	Problems diag.List             `json:"problems"`
}

// A PlanCheckTrial is the design as the tables give it.
type PlanCheckTrial struct {
	Treatments []string               `json:"treatments"` // reference first
	Phases     []string               `json:"phases"`     // baseline first
	Sequences  []string               `json:"sequences"`
	Design     []crossover.DesignCell `json:"design"` // scans in use
	Flow       crossover.Flow         `json:"flow"`
	Inferred   []string               `json:"inferred"`
	// Associations are those of the plan, with how many people they can be
	// computed from.
	Associations []crossover.AssociationPeople `json:"associations,omitempty"`
}

// CheckPlan says what will be done under a plan, with a dataset if bidsDir is
// not "", and with the participant-level results, if there are any. Faults of the plan are an error; those of the tables are in the
// result, so that what could be found is shown beside them.
func CheckPlan(planFile, bidsDir string, from PlanResults) (*PlanCheck, error) {
	p, l := readPlan(planFile)
	if p == nil || l.Err() != nil {
		return nil, l
	}
	if p.Trial.Challenge == "" {
		l.Warnf(planFile, "trial.challenge", "write what is given between the phases, such as challenge = \"ketamine\"", "the challenge is not named: every sentence will call it by the name of the later phase")
	}
	if q := p.Quality; bidsDir != "" && !(math.IsNaN(q.MaxFDMean) && math.IsNaN(q.MinQEI) && math.IsNaN(q.MinGMCBF) && math.IsNaN(q.MaxGMCBF)) {
		l.Warnf(planFile, "quality", "see in the group level's report which scans they leave out", "limits of quality are not applied in this check, so fewer scans may be analysed than it says")
	}
	if bidsDir == "" && len(from.Panel) > 0 {
		_, pl := checkPanel(p, from, nil)
		l.Add(pl...)
	}
	if p.Receptors.Asked && len(from.Panel) == 0 && bidsDir != "" {
		l.Warnf(planFile, "receptors.panel", "give the density maps with --panel DIR", "the targets were not looked for: no density maps are given")
	}
	out := &PlanCheck{Dataset: bidsDir, Problems: l}
	var tr *crossover.Trial
	if bidsDir != "" {
		d, tl := planTrial(p, bidsDir, from)
		if tr = d.trial; tr == nil {
			return nil, tl
		}
		checkRegions(p, d.regions, &tl)
		people, al := crossover.CheckAssociations(p, tr, d.regions, d.scores)
		tl.Add(al...)
		out.Problems = append(out.Problems, tl...)
		out.Trial = &PlanCheckTrial{Treatments: orEmpty(tr.Treatments), Phases: orEmpty(tr.Phases), Sequences: orEmpty(tr.Sequences),
			Design: tr.Design(), Flow: tr.Flow(), Inferred: append(orEmpty(tr.Inferred), d.scored...), Associations: people}
	}
	if out.Problems == nil {
		out.Problems = diag.List{}
	}
	out.Plan = crossover.PlanSummary{File: planFile, SHA256: p.SHA256(), Words: p.Words(tr)}
	return out, nil
}

// checkRegions reports primary regions that the results do not have. regions
// is empty if they are not known.
func checkRegions(p *crossover.Plan, regions []string, l *diag.List) {
	for _, name := range p.Regions.Primary {
		if len(regions) == 0 || slices.Contains(regions, name) {
			continue
		}
		fix := "remove it, or have it measured (--region at the participant level)"
		if near, ok := diag.Nearest(name, regions); ok {
			fix = "write " + near
		}
		l.Errorf(p.File, "regions.primary", fix, "the results have no region %q", name)
	}
}

// orEmpty makes JSON write [] for a list that is not there.
func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
