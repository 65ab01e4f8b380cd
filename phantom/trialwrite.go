package phantom

import (
	"fmt"
	"path"
	"path/filepath"
	"strconv"

	"phasl/bids"
)

// WriteRoot writes what describes a trial's dataset as a whole, and its people:
// the description, README, participants.tsv, the tables of sessions and scans
// of everybody, and the answers to questionnaires in phenotype. level is "scan" or "region"; at region level there are no
// images, and scans.tsv has no rows.
func (t *Trial) WriteRoot(dir, level string) error {
	if err := describe(dir, "simulated trial of "+t.Challenge, fmt.Sprintf(trialReadme, t.Challenge, level)); err != nil {
		return err
	}
	levels := map[string]string{}
	for _, s := range t.Sequences {
		levels[s] = "order of treatments over the sessions"
	}
	columns := []bids.Column{
		{Name: "participant_id"},
		{Name: t.columns.sequence, Description: "order of treatments the participant was randomised to", Levels: levels},
		{Name: "age", Description: "age of the simulated person; it has no effect", Units: "year"},
		{Name: "sex", Description: "sex of the simulated person; it has no effect", Levels: map[string]string{"F": "female", "M": "male"}},
	}
	var rows [][]string
	for _, p := range t.People {
		rows = append(rows, []string{"sub-" + p.Label, t.Sequences[p.Sequence], strconv.Itoa(p.Age), p.Sex})
	}
	if err := bids.WriteTable(filepath.Join(dir, "participants.tsv"), columns, rows); err != nil {
		return err
	}
	for i := range t.People {
		if err := t.writeVisits(dir, &t.People[i], level); err != nil {
			return err
		}
	}
	return t.writePhenotype(dir)
}

const trialReadme = `A simulated crossover trial of %s and cerebral blood flow.

No person was scanned: people, treatments, heads, blood flow and symptoms are
drawn from formulas and random numbers by phasl's package phantom, at %s level.
What was planted lies under derivatives/truth: effects.tsv (planted effects of
every region), receptors.tsv (receptors that effects follow), associations.tsv
(correlations of blood flow with symptoms), variances.tsv (how people, sessions
and scans differ), scans.tsv and regions.tsv (the true blood flow of every scan),
trial.json (all options). derivatives/receptors holds the receptors' densities.
`

// writeVisits writes the tables of sessions and scans of one person.
func (t *Trial) writeVisits(dir string, p *TrialPerson, level string) error {
	own := "sub-" + p.Label
	var rows [][]string
	for j := range p.Sessions {
		s := &p.Sessions[j]
		if s.Missing {
			continue
		}
		rows = append(rows, []string{"ses-" + s.Label, s.Time.Format(timeLayout), t.Treatments[s.Treatment], strconv.Itoa(s.Period)})
		var scans [][]string
		for k := range s.Scans {
			if x := &s.Scans[k]; level == "scan" {
				name := path.Join("perf", path.Base(scanFile(p, s, x)))
				scans = append(scans, []string{name, x.Time.Format(timeLayout), t.Phases[x.Phase]})
			}
		}
		columns := []bids.Column{
			{Name: "filename", Description: "image"},
			{Name: "acq_time", Description: "when the scan began"},
			{Name: t.columns.phase, Description: "phase of the visit"},
		}
		if err := bids.WriteTable(filepath.Join(dir, own, "ses-"+s.Label, own+"_ses-"+s.Label+"_scans.tsv"), columns, scans); err != nil {
			return err
		}
	}
	columns := []bids.Column{
		{Name: "session_id", Description: "visit"},
		{Name: "acq_time", Description: "when the visit began"},
		{Name: t.columns.treatment, Description: "what the participant was given"},
		{Name: t.columns.period, Description: "number of the visit in the participant's sequence"},
	}
	return bids.WriteTable(filepath.Join(dir, own, own+"_sessions.tsv"), columns, rows)
}

// WritePerson writes the images of one person, with their sidecars, and where
// the head truly lay. Equal scans give equal bytes, whatever workers is.
func WritePerson(dir string, p *PersonScans, workers int) error {
	for i := range p.Sessions {
		s := &p.Sessions[i]
		w := &bidsWriter{dir: dir, workers: workers, whole: true, of: bids.Entities{"sub": p.Label, "ses": s.Label}}
		if s.T1w != nil {
			w.t1w(s.T1w)
		}
		for j := range s.Scans {
			w.scan(&s.Scans[j])
		}
		if w.err != nil {
			return w.err
		}
	}
	return nil
}

// PersonFiles returns the files that [WritePerson] writes for person i,
// relative to the dataset and with slashes. Each is written whole or not at
// all, so that a person who has them all is done.
func (t *Trial) PersonFiles(i int) []string {
	var out []string
	p := &t.People[i]
	first := true
	for j := range p.Sessions {
		s := &p.Sessions[j]
		if s.Missing {
			continue
		}
		e := bids.Entities{"sub": p.Label, "ses": s.Label}
		folder := path.Join("sub-"+p.Label, "ses-"+s.Label)
		if first {
			first = false
			for _, ext := range []string{".nii.gz", ".json"} {
				out = append(out, path.Join(folder, "anat", bids.Name(e, "T1w", ext)))
			}
		}
		for k := range s.Scans {
			e := e.With("run", s.Scans[k].Run)
			for _, name := range []string{bids.Name(e, "asl", ".nii.gz"), bids.Name(e, "asl", ".json"), bids.Name(e, "aslcontext", ".tsv")} {
				out = append(out, path.Join(folder, "perf", name))
			}
			truth := path.Join(filepath.ToSlash(truthFolder), folder, "perf", bids.Name(e.With("desc", "truth"), "motion", ""))
			out = append(out, truth+".tsv", truth+".json")
		}
	}
	return out
}

// WriteTruth writes the truth of the trial under derivatives/truth. blends are
// those of all people at scan level; nil at region level.
func (t *Trial) WriteTruth(dir string, blends []*Blend) error {
	root := filepath.Join(dir, truthFolder)
	type table struct {
		name string
		of   func([]*Blend) ([]bids.Column, [][]string)
	}
	tables := []table{{"effects.tsv", t.effectTable}, {"variances.tsv", t.varianceTable}, {"scans.tsv", t.scanTable}, {"regions.tsv", t.regionTable}}
	if !t.Options.Symptoms.None {
		tables = append(tables, table{"associations.tsv", t.correlationTable})
	}
	if t.Densities != nil {
		tables = append(tables, table{"receptors.tsv", t.receptorTable})
	}
	for _, table := range tables {
		columns, rows := table.of(blends)
		if err := bids.WriteTable(filepath.Join(root, table.name), columns, rows); err != nil {
			return err
		}
	}
	return nil
}

// Resolved returns the true values of the standard contrasts of a region as a
// scanner shows them that mixes compartments as blends say, the mean over
// people. It panics unless region is one of [TrialRegions].
func (t *Trial) Resolved(region string, blends []*Blend) []PlantedContrast {
	all := trialRegions()
	at := 0
	for all[at].Name != regionNamed(region).Name {
		at++
	}
	share := make([]float64, compartments)
	for _, b := range blends {
		for c, x := range b.Share[at] {
			share[c] += x / float64(len(blends))
		}
	}
	of := func(v []float64) float64 {
		s := 0.0
		for c, x := range v {
			s += share[c] * x
		}
		return s
	}
	return t.planted(region, of(baseCBF()), of)
}

const resolvedWords = "at the scanner's resolution, other tissue in the region's voxels included: what a perfect analysis finds"

func (t *Trial) effectTable(blends []*Blend) (columns []bids.Column, rows [][]string) {
	columns = []bids.Column{
		{Name: "region", Description: "region; " + GlobalGrey + " and " + GlobalWhite + " are whole grey and white matter"},
		{Name: "contrast", Description: "contrast of the crossover model"},
		{Name: "percent", Description: "true effect, percent of the region's CBF without effects"},
		{Name: "cbf", Description: "true effect on the grey matter of the region", Units: cbfUnits},
	}
	if blends != nil {
		columns = append(columns,
			bids.Column{Name: "percent_resolved", Description: "true effect " + resolvedWords + ", percent of the same without effects"},
			bids.Column{Name: "cbf_resolved", Description: "true effect " + resolvedWords, Units: cbfUnits})
	}
	for _, r := range trialRegions() {
		var resolved []PlantedContrast
		if blends != nil {
			resolved = t.Resolved(r.Name, blends)
		}
		for i, c := range t.Planted(r.Name) {
			row := []string{r.Name, c.Name, digits(c.Percent), digits(c.CBF)}
			if blends != nil {
				row = append(row, digits(resolved[i].Percent), digits(resolved[i].CBF))
			}
			rows = append(rows, row)
		}
	}
	return columns, rows
}

func (t *Trial) varianceTable([]*Blend) (columns []bids.Column, rows [][]string) {
	columns = []bids.Column{
		{Name: "region"},
		{Name: "base", Description: "CBF without effects", Units: cbfUnits},
		{Name: "sd_subject", Description: "standard deviation of people", Units: cbfUnits},
		{Name: "sd_session", Description: "standard deviation of sessions within people", Units: cbfUnits},
		{Name: "sd_scan", Description: "standard deviation of scans within sessions, measurement left out", Units: cbfUnits},
		{Name: "volume", Description: "volume of the region in the template", Units: "mm^3"},
	}
	for _, r := range trialRegions() {
		c := t.Components(r.Name)
		rows = append(rows, []string{r.Name, digits(r.Base), digits(c.Subject), digits(c.Session), digits(c.Scan), digits(r.Volume)})
	}
	return columns, rows
}

// place returns the cells that say which scan a row is about.
func (t *Trial) place(p *TrialPerson, s *TrialSession, x *TrialScan) []string {
	return []string{"sub-" + p.Label, s.Label, x.Run, strconv.Itoa(s.Period), t.Treatments[s.Treatment], t.Phases[x.Phase]}
}

var placeColumns = []bids.Column{{Name: "participant_id"}, {Name: "session"}, {Name: "run"}, {Name: "period"}, {Name: "treatment"}, {Name: "phase"}}

func (t *Trial) scanTable(blends []*Blend) (columns []bids.Column, rows [][]string) {
	columns = append(columns, placeColumns...)
	columns = append(columns,
		bids.Column{Name: "acq_time", Description: "when the scan began"},
		bids.Column{Name: GlobalGrey, Description: "true mean CBF of grey matter", Units: cbfUnits},
		bids.Column{Name: GlobalWhite, Description: "true CBF of white matter", Units: cbfUnits})
	all := trialRegions()
	t.each(func(p *TrialPerson, s *TrialSession, x *TrialScan) {
		rows = append(rows, append(t.place(p, s, x), x.Time.Format(timeLayout), digits(all[0].mean(x.CBF)), digits(all[1].mean(x.CBF))))
	})
	return columns, rows
}

func (t *Trial) regionTable(blends []*Blend) (columns []bids.Column, rows [][]string) {
	columns = append(columns, placeColumns...)
	columns = append(columns,
		bids.Column{Name: "region"},
		bids.Column{Name: "cbf", Description: "true CBF of the region's grey matter", Units: cbfUnits},
		bids.Column{Name: "effect", Description: "part of cbf that planted effects add", Units: cbfUnits})
	if blends != nil {
		columns = append(columns, bids.Column{Name: "cbf_resolved", Description: "true mean CBF " + resolvedWords, Units: cbfUnits})
	}
	base, all := baseCBF(), trialRegions()
	person := map[string]*Blend{}
	for i, b := range blends {
		person[t.People[i].Label] = b
	}
	effect := make([]float64, compartments)
	t.each(func(p *TrialPerson, s *TrialSession, x *TrialScan) {
		for c := range effect {
			effect[c] = base[c] * x.Effect[c]
		}
		var resolved []float64
		if blends != nil {
			resolved = person[p.Label].Resolve(x.CBF)
		}
		for i := range all {
			row := append(t.place(p, s, x), all[i].Name, digits(all[i].mean(x.CBF)), digits(all[i].mean(effect)))
			if blends != nil {
				row = append(row, digits(resolved[i]))
			}
			rows = append(rows, row)
		}
	})
	return columns, rows
}

// digits writes a number with seven significant digits, which is more than any
// image resolves.
func digits(x float64) string {
	v, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 7, 64), 64)
	return bids.FormatNumber(v)
}
