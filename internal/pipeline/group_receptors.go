package pipeline

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"phasl/bids"
	"phasl/corr"
	"phasl/crossover"
	"phasl/diag"
	"phasl/nullmap"
	"phasl/receptor"
	"phasl/report"
	"phasl/voxel"
)

// A ReceptorsRecord is how the effect maps go with receptor densities.
type ReceptorsRecord struct {
	Planned    bool                   `json:"planned"` // the plan asked for it
	Atlas      string                 `json:"atlas"`   // file name
	NParcels   int                    `json:"n_parcels"`
	Measure    crossover.Measure      `json:"measure"` // of the effect maps
	Units      string                 `json:"units"`
	Adjust     []string               `json:"adjust"`
	Method     string                 `json:"method"`
	Null       string                 `json:"null"`
	Surrogates int                    `json:"surrogates"`
	Seed       uint64                 `json:"seed"`
	Effects    []ReceptorEffectRecord `json:"effects"`
	Shifts     []ReceptorShiftRecord  `json:"shifts"`
}

// A ReceptorEffectRecord is one effect map with every density. What could not
// be computed is empty, and the note says why.
type ReceptorEffectRecord struct {
	Name       string               `json:"name"` // of the contrast
	Label      string               `json:"label"`
	NUsed      int                  `json:"n_used"` // parcels with an effect, and every covariate
	Results    []AlignmentRecord    `json:"results"`
	Fit        VariogramRecord      `json:"variogram"`
	Parameters []ParameterRecord    `json:"parameters"`
	Cautions   []string             `json:"cautions"`
	People     *PeopleRecord        `json:"people"`
	PeopleNote string               `json:"people_note,omitempty"`
	Regression *RegressionRecord    `json:"regression"`
	Pairs      []ComparisonRecord   `json:"receptor_comparison"`
	Note       string               `json:"note,omitempty"`
	Baseline   Number               `json:"r_baseline"`     // correlation of the group's map with the measure in the first phase, nothing taken out
	Without    []crossover.FlowItem `json:"people_without"` // people analysed who have no such map
}

// A ReceptorShiftRecord compares the alignments of the effect under a treatment
// with those under the reference.
type ReceptorShiftRecord struct {
	Treatment string             `json:"treatment"`
	Reference string             `json:"reference"`
	Label     string             `json:"label"`
	Results   []ComparisonRecord `json:"results"` // of the group's maps
	People    *PeopleRecord      `json:"people"`  // of the differences of each person's standardised maps: the claim
	Note      string             `json:"note,omitempty"`
}

// groupReceptors is what the group level knows of receptors.
type groupReceptors struct {
	files   []string // of the panel, its table too
	parcels *receptor.Parcels
	panel   []receptor.Density
	places  receptor.Places
	maps    *crossover.EffectMaps // nil: there are none
	view    *report.Receptors
	record  *ReceptorsRecord
}

// readPanel reads atlas and panel. All their faults are told, those of the
// tables being known already.
func (g *group) readPanel() error {
	plan := &g.plan.Receptors
	if len(g.c.Panel) == 0 {
		if plan.Asked {
			g.l.Errorf(g.plan.File, "receptors", "give the density maps with --panel DIR ('phasl assets list' shows public ones), or remove [receptors] from the plan", "the plan asks for receptors, and no density maps are given")
		}
		return g.l.Err()
	}
	g.step(stepTables, "read the density maps", 0.5)
	files, l := FindPanel(g.c.Panel)
	if l.Err() == nil && len(files.Maps) == 0 {
		l.Errorf(strings.Join(g.c.Panel, ", "), "--panel", "give a folder of density maps", "there is no density map")
	}
	if l.Err() == nil { // what rests on missing files would only repeat it
		l.Add(files.forPlan(plan, g.plan.File)...)
	}
	for _, f := range append(slices.Clone(files.Maps), files.Table) {
		if f != "" && sameFile(filepath.Dir(f), g.c.OutDir) {
			l.Errorf(g.c.OutDir, "OUT_DIR", "write to a folder of its own", "the density maps lie in the output folder, where their table %s would be replaced by the results of that name", panelTable)
			break
		}
	}
	if g.c.Atlas == "" {
		l.Errorf("--panel", "--atlas", "give the label image that the participant level measured regions in, with --atlas FILE", "densities have to be measured in the regions of the effects, and no atlas is given")
	}
	if l.Err() != nil {
		g.fault(l...)
		return g.l.Err()
	}
	r := &groupReceptors{files: slices.Clone(files.Maps)}
	if files.Table != "" {
		r.files = append(r.files, files.Table)
	}
	parcels, pl := ReadParcels(g.c.Atlas, g.c.Labels, "", receptor.ParcelOptions{Workers: g.c.Workers})
	l.Add(pl...)
	if parcels != nil {
		r.parcels, r.places = parcels, parcels.Places(nullmap.Method(plan.Null) == nullmap.BrainSMASH)
		panel, dl := ReadPanel(files, parcels)
		l.Add(dl...)
		r.panel = panel
		l.Add(g.checkRegions(r.places.Names)...)
		l.Add(checkSpace(g.src.space, g.c.Atlas, panel)...)
	}
	g.fault(l...)
	g.receptors = r
	return g.l.Err()
}

// align compares the effect maps with the panel.
func (g *group) align() error {
	r := g.receptors
	if r == nil {
		return nil
	}
	g.step(stepReceptors, "make effect maps of the regions", 0)
	plan := &g.plan.Receptors
	if g.c.Plan != "" && !plan.Asked {
		g.res.Deviations = append(g.res.Deviations, "The plan has no [receptors]: what is said of receptors is exploratory.")
	}
	maps, err := crossover.NewEffectMaps(g.plan, g.trial, g.values, plan.Measure, r.places.Names, g.c.Workers)
	if err != nil {
		g.res.Deviations = append(g.res.Deviations, "No effect map was compared with receptors: "+strings.TrimPrefix(err.Error(), "crossover: ")+".")
		return nil
	}
	r.maps = maps
	o := receptor.Options{Method: receptor.Method(plan.Method), Null: nullmap.Method(plan.Null), Surrogates: int(plan.Surrogates),
		Seed: g.plan.Seed, Workers: g.c.Workers, Families: &receptor.Families{}}
	adjust := []string{}
	for _, a := range plan.Adjust {
		switch a {
		case crossover.AdjustCompartment:
			o.Covariates = append(o.Covariates, receptor.Compartments(r.places.Names)...)
		case crossover.AdjustBaseline:
			o.Covariates = append(o.Covariates, receptor.Map{File: fmt.Sprintf("%s CBF at %s", plan.Measure, g.trial.Phases[0]), Values: maps.Baseline})
		}
	}
	for _, c := range o.Covariates {
		adjust = append(adjust, c.File)
	}
	r.view = &report.Receptors{Panel: r.panel, Parcels: r.places.Names, Labels: labelImage(r.parcels), Atlas: filepath.Base(g.c.Atlas),
		Measure: string(plan.Measure), Adjust: adjust, Method: o.Method}
	for _, region := range r.parcels.Regions {
		r.view.Label = append(r.view.Label, region.Labels[0])
	}
	r.record = &ReceptorsRecord{Planned: plan.Asked, Atlas: r.view.Atlas, NParcels: len(r.places.Names), Measure: plan.Measure, Units: maps.Units, Adjust: adjust,
		Method: plan.Method, Null: plan.Null, Surrogates: o.Surrogates, Seed: o.Seed, Effects: []ReceptorEffectRecord{}, Shifts: []ReceptorShiftRecord{}}
	for i := range maps.Maps {
		if err := g.ctx.Err(); err != nil {
			return err
		}
		m := &maps.Maps[i]
		g.step(stepReceptors, "compare with receptors: "+m.Label, float64(i)/float64(len(maps.Maps)))
		if m.Kind == crossover.PhaseEffect {
			g.alignShift(m, o)
			continue
		}
		g.alignEffect(m, o)
	}
	return g.ctx.Err()
}

// labelImage is the atlas as an image.
func labelImage(p *receptor.Parcels) *voxel.Image {
	out := voxel.NewImage(p.Atlas.Grid)
	for _, region := range p.Regions {
		for _, n := range p.Atlas.Voxels(region.Labels[0]) {
			out.Data[n] = float32(region.Labels[0])
		}
	}
	return out
}

// checkRegions compares labels with the regions of phasl's own results; those of
// another program's maps are measured in the atlas itself.
func (g *group) checkRegions(labels []string) diag.List {
	if !g.src.phasl {
		return nil
	}
	regions, recorded := map[string]bool{}, ""
	for _, r := range g.src.regions {
		regions[r] = true
	}
	for i := range g.src.scans {
		if m := g.src.scans[i].methods; m != nil && m.Atlas != "" {
			recorded = m.Atlas
		}
	}
	return checkAtlas(labels, regions, g.c.Atlas, recorded)
}

// checkAtlas tells whether the labels of an atlas are the regions of the results.
// recorded is the name of the atlas that the participant level used, "" if it is
// not known. Regions that have rows but no value are no fault of the atlas.
func checkAtlas(labels []string, regions map[string]bool, file, recorded string) diag.List {
	var l diag.List
	var without []string
	for _, n := range labels {
		if !regions[n] {
			without = append(without, n)
		}
	}
	if len(without) == 0 {
		return l
	}
	fix := "give the atlas that the participant level measured regions in"
	other := ""
	if name := atlasName(file); recorded != "" && name != recorded {
		other = fmt.Sprintf(" The participant level used the atlas %s, and this is %s.", recorded, name)
	}
	if n := len(labels) - len(without); other != "" || n < receptor.Fewest || 10*len(without) > len(labels) {
		l.Errorf(file, "--atlas", fix, "%d of its %d labels are no regions of the results: %s.%s", len(without), len(labels), diag.Few(without, 8), other)
		return l
	}
	l.Warnf(file, "--atlas", fix+", if that is another", "%d of its %d labels are no regions of the results and are left out of the comparison with receptors: %s", len(without), len(labels), diag.Few(without, 8))
	return l
}

// checkSpace warns of an atlas or density maps that say they are in another
// space than the CBF maps.
func checkSpace(space, atlas string, panel []receptor.Density) diag.List {
	var l diag.List
	if space == "" || space == "template" {
		return l
	}
	if m := tplEntity.FindStringSubmatch(filepath.Base(atlas)); m != nil && m[1] != space {
		l.Warnf(atlas, "--atlas", "give an atlas in the space of the CBF maps", "its file name says it is in %s, and the CBF maps are in %s", m[1], space)
	}
	isMNI := func(s string) bool { return strings.Contains(strings.ToLower(s), "mni") }
	for _, d := range panel {
		if d.Space != "" && isMNI(d.Space) != isMNI(space) {
			l.Warnf(d.File, "space", "give density maps in the space of the CBF maps", "the panel's table says it is in %s, and the CBF maps are in %s", d.Space, space)
			break
		}
	}
	return l
}

// alignEffect compares one effect map, the group's and the people's, with the
// panel.
func (g *group) alignEffect(m *crossover.EffectMap, o receptor.Options) {
	r := g.receptors
	v := report.ReceptorEffect{Name: m.Name, Label: m.Label, Unit: r.maps.Units, Values: m.Group}
	rec := ReceptorEffectRecord{Name: m.Name, Label: m.Label, Results: []AlignmentRecord{}, Parameters: []ParameterRecord{}, Cautions: []string{}, Without: m.Without}
	method := corr.Pearson
	if o.Method == receptor.Spearman {
		method = corr.Spearman
	}
	rec.Baseline = Number(corr.Correlate(corr.Data{X: m.Group, Y: r.maps.Baseline}, corr.Options{Method: method}).R)
	if rec.Without == nil {
		rec.Without = []crossover.FlowItem{}
	}
	effect := receptor.Map{File: m.Label, Values: m.Group}
	res, l := receptor.Align(effect, r.panel, r.places, o)
	if why := g.softened(l); why != "" {
		v.Note, rec.Note = why, why
	} else {
		v.Alignments = res
		rec.NUsed, rec.Results, rec.Fit, rec.Parameters = len(res.Used), AlignmentRecords(res, r.panel, r.places.Names), NewVariogramRecord(res.Fit), ParameterRecords(res.Parameters)
		rec.Cautions = orEmpty(res.Cautions)
		if v.PeopleNote = g.alignPeople(m, o, &v); v.People != nil {
			rec.People = NewPeopleRecord(v.People)
		}
		rec.PeopleNote = v.PeopleNote
		if len(r.panel) > 1 {
			fit, fl := receptor.Regress(effect, r.panel, r.places, g.plan.Receptors.Apart, o)
			if v.Note = g.softened(fl); v.Note == "" {
				v.Regression = fit
			} else {
				v.Note = "The receptors were not taken together: " + v.Note
			}
			rec.Regression, rec.Note = NewRegressionRecord(v.Regression), v.Note
			var pl diag.List
			v.Pairs, pl = receptor.CompareReceptors(effect, r.panel, receptor.AllPairs(len(r.panel)), r.places, o)
			g.softened(pl)
			rec.Pairs = ComparisonRecords(v.Pairs)
		}
	}
	r.view.Effects = append(r.view.Effects, v)
	r.record.Effects = append(r.record.Effects, rec)
}

// mostMissing is the share of the usual parcels that a person's map may lack.
// The test over people needs parcels that everybody has; one person with a
// short slab would otherwise take them from all.
const mostMissing = 0.2

// selectPeople are the people whose map has nearly all regions that most people
// have, and in words who has not, or has no map at all.
func (r *groupReceptors) selectPeople(m *crossover.EffectMap) (people []receptor.Map, left []string) {
	usual := make([]bool, len(r.places.Names))
	n := 0
	for i := range usual {
		have := 0
		for _, p := range m.People {
			if p.Values[i]-p.Values[i] == 0 {
				have++
			}
		}
		if usual[i] = 2*have > len(m.People); usual[i] {
			n++
		}
	}
	for _, w := range m.Without {
		left = append(left, fmt.Sprintf("%s (%s)", w.Unit, w.Reason))
	}
	for _, p := range m.People {
		lacks := 0
		for i, x := range p.Values {
			if usual[i] && x-x != 0 {
				lacks++
			}
		}
		if float64(lacks) > mostMissing*float64(n) {
			left = append(left, fmt.Sprintf("sub-%s (%d of %d parcels without a value)", p.Subject, lacks, n))
			continue
		}
		people = append(people, receptor.Map{File: "sub-" + p.Subject, Values: p.Values})
	}
	return people, left
}

// alignPeople tests the people's maps and says whom that leaves out, or why
// there is no test.
func (g *group) alignPeople(m *crossover.EffectMap, o receptor.Options, v *report.ReceptorEffect) string {
	r := g.receptors
	people, left := r.selectPeople(m)
	note := ""
	if len(left) > 0 {
		note = "The test over people leaves out " + strings.Join(left, ", ") + "."
	}
	if c := g.plan.ModelColumns(); len(c) > 0 {
		note = strings.TrimSpace(note + " People's maps are differences of their own values: " + strings.Join(c, ", ") + " of the plan's model is not in them.")
	}
	if len(people) < receptor.FewestPeople {
		return strings.TrimSpace(fmt.Sprintf("There is no test over people: %d have a map, and %d are needed. %s", len(people), receptor.FewestPeople, note))
	}
	res, l := receptor.PeopleTest(people, r.panel, r.places, o)
	if why := g.softened(l); why != "" {
		return "There is no test over people: " + why
	}
	v.People = res
	return note
}

// alignShift compares the effect under a treatment with that under the
// reference.
func (g *group) alignShift(m *crossover.EffectMap, o receptor.Options) {
	r := g.receptors
	reference := g.trial.Treatments[0]
	if m.Of == reference {
		return
	}
	name := strings.Replace(m.Name, ":"+m.Of, ":"+reference, 1)
	i := slices.IndexFunc(r.maps.Maps, func(x crossover.EffectMap) bool { return x.Name == name })
	if i < 0 {
		return
	}
	base := &r.maps.Maps[i]
	s := report.ReceptorShift{Treatment: m.Of, Reference: reference, Label: m.Label + " against " + base.Label}
	rec := ReceptorShiftRecord{Treatment: m.Of, Reference: reference, Label: s.Label, Results: []ComparisonRecord{}}
	list, l := receptor.CompareMaps(receptor.Map{File: m.Label, Values: m.Group}, receptor.Map{File: base.Label, Values: base.Group}, r.panel, r.places, o)
	if rec.Note = g.softened(l); rec.Note == "" {
		s.Receptors, rec.Results = list, ComparisonRecords(list)
		s.People = g.shiftPeople(m, base, o)
		rec.People = NewPeopleRecord(s.People)
		r.view.Shifts = append(r.view.Shifts, s)
	}
	r.record.Shifts = append(r.record.Shifts, rec)
}

// shiftPeople tests the difference in the people who have both maps; nil if it
// cannot be tested.
func (g *group) shiftPeople(m, base *crossover.EffectMap, o receptor.Options) *receptor.People {
	first, _ := g.receptors.selectPeople(m)
	second, _ := g.receptors.selectPeople(base)
	var both [2][]receptor.Map
	for _, a := range first {
		if i := slices.IndexFunc(second, func(b receptor.Map) bool { return b.File == a.File }); i >= 0 {
			both[0], both[1] = append(both[0], a), append(both[1], second[i])
		}
	}
	if len(both[0]) < receptor.FewestPeople {
		return nil
	}
	res, l := receptor.PeopleShift(both[0], both[1], g.receptors.panel, g.receptors.places, o)
	g.softened(l)
	return res
}

// softened adds problems to the group's as warnings and returns the errors
// among them in words, "" if there are none: a map that cannot be compared with
// receptors does not stop the analysis of the trial.
func (g *group) softened(l diag.List) string {
	var why []string
	for _, p := range l {
		if p.Severity == diag.Error {
			why = append(why, p.Found)
			q := *p
			q.Severity = diag.Warning
			p = &q
		}
		g.fault(p)
	}
	return strings.Join(why, "; ")
}

// receptorTables are the tables of alignments.
func (g *group) receptorTables() []groupTable {
	r := g.receptors
	if r == nil || r.record == nil {
		return nil
	}
	return []groupTable{r.alignmentTable(), r.regionTable(), r.regressionTable(), r.differenceTable()}
}

var (
	effectColumn = col("effect", "effect map: contrast of the crossover model")
	targetColumn = col("target", "receptor or transporter")
	fileColumn   = col("file", "density map")
)

func (r *groupReceptors) alignmentTable() groupTable {
	t := groupTable{name: "receptors", columns: []bids.Column{effectColumn, col("label", "the same in words"), targetColumn, fileColumn, col("tracer", "of the density map"),
		col("n", "parcels with an effect and a density"), col("r", "correlation over parcels ("+r.record.Method+")"),
		col("null_low", "2.5 % quantile of r among surrogates"), col("null_high", "97.5 % quantile"),
		col("p_places", "two-sided p of r among surrogates: for other places, the same people"), col("p_places_fwe", "the same, of the largest |r| over the panel"),
		col("p_modified_t", "two-sided p without surrogates (Clifford, Richardson and Hémon)"), col("effective_n", "parcels that independent ones would be worth, by that test"),
		col("people", "people whose maps are tested"), col("r_mean_map", "correlation of the mean of people's maps (of their ranks, for spearman): what p_joint is of"),
		col("joint_low", "2.5 % quantile of what chance gives r_mean_map, over people and places"), col("joint_high", "97.5 % quantile"), col("positive", "people in whom r is above 0"),
		col("mean_r", "mean over people of their own r (Fisher's z)"), col("mean_r_low", "its 95 % interval"), col("mean_r_high", "its 95 % interval"),
		col("p_people", "two-sided p of the mean under flipped signs of people: for new people, the same places"),
		col("p_joint", "two-sided p for new people and other places"), col("p_joint_fwe", "the same, of the largest |r| over the panel: the claim"),
		col("note", "why there is no number")}}
	for _, e := range r.record.Effects {
		for j, a := range e.Results {
			row := []string{e.Name, e.Label, a.Target, a.File, a.Tracer, fmt.Sprint(a.N), num(a.R), num(a.NullLow), num(a.NullHigh), num(a.P), num(a.PFWE), num(a.PT), num(a.Effective)}
			people := make([]string, 11)
			if e.People != nil {
				p := e.People.Results[j]
				people = []string{fmt.Sprint(e.People.N), num(p.R), num(p.NullLow), num(p.NullHigh), fmt.Sprint(p.Positive), num(p.Mean), num(p.Low), num(p.High), num(p.PFlip), num(p.PJoint), num(p.PJointFWE)}
			}
			note := a.Reason
			if note == "" {
				note = e.PeopleNote
			}
			t.rows = append(t.rows, slices.Concat(row, people, []string{note}))
		}
	}
	return t
}

func (r *groupReceptors) regionTable() groupTable {
	t := groupTable{name: "receptor_regions", columns: []bids.Column{regionColumn, {Name: "x", Description: "middle of the region", Units: "mm"}, {Name: "y", Units: "mm"}, {Name: "z", Units: "mm"},
		{Name: "baseline", Description: "mean of the measure in the first phase"}}}
	taken := map[string]bool{}
	name := func(s string) string {
		for taken[s] {
			s += "_"
		}
		taken[s] = true
		return s
	}
	for i := range r.maps.Maps {
		m := &r.maps.Maps[i]
		t.columns = append(t.columns, bids.Column{Name: name(m.Name), Description: m.Label, Units: r.maps.Units})
	}
	for i := range r.panel {
		d := &r.panel[i]
		words := "mean of " + d.File + " over the region"
		if d.Tracer != "" {
			words += ", tracer " + d.Tracer
		}
		t.columns = append(t.columns, bids.Column{Name: name("density_" + bids.Alphanumeric(d.Target)), Description: words})
	}
	for k, region := range r.places.Names {
		row := []string{region}
		for a := range 3 {
			row = append(row, bids.FormatNumber(math.Round(10*r.places.Coords[k][a])/10))
		}
		row = append(row, bids.FormatNumber(r.maps.Baseline[k]))
		for i := range r.maps.Maps {
			row = append(row, bids.FormatNumber(r.maps.Maps[i].Group[k]))
		}
		for i := range r.panel {
			row = append(row, bids.FormatNumber(r.panel[i].Values[k]))
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func (r *groupReceptors) regressionTable() groupTable {
	t := groupTable{name: "receptor_regression", columns: []bids.Column{effectColumn, targetColumn, fileColumn, col("n", "parcels with an effect and every density"), col("r2", "share of variance that all densities explain"),
		col("r2_null_mean", "mean of the same among surrogates"), col("p", "p of r2 among surrogates"), col("beta", "standardised coefficient, all others given"), col("r2_alone", "share that this density explains alone"),
		col("r2_unique", "share lost without it"), col("dominance", "its part of r2 (general dominance)"), col("p_dominance", "p of that, if the map has nothing to do with any density"),
		col("relative_weight", "its part of r2 by relative weights"), col("vif", "variance inflation factor")}}
	for _, e := range r.record.Effects {
		if e.Regression == nil {
			continue
		}
		g := e.Regression
		for _, x := range g.Terms {
			t.rows = append(t.rows, []string{e.Name, x.Target, x.File, fmt.Sprint(g.N), num(g.R2), num(g.NullMean), num(g.P), num(x.Beta), num(x.Alone), num(x.Unique), num(x.Dominance), num(x.PDominance), num(x.Relative), num(x.VIF)})
		}
	}
	return t
}

func (r *groupReceptors) differenceTable() groupTable {
	t := groupTable{name: "receptor_differences", columns: []bids.Column{
		{Name: "what", Description: "what is compared", Levels: map[string]string{"receptors": "one effect map with two receptors", "treatments": "one receptor with the effect under two treatments"}},
		effectColumn, targetColumn, col("first", "what r_first is of"), col("second", "what r_second is of"), col("n", "parcels with everything"),
		col("r_first", "correlation over parcels"), col("r_second", "correlation over parcels"), col("difference", "r_first − r_second"), col("null_sd", "its standard deviation among surrogates"),
		col("p", "two-sided p of the difference: for other places, the same people"), col("p_fwe", "the same, over all comparisons of this kind"),
		col("people", "of treatments: people with both"), col("p_joint", "of treatments: two-sided p for new people and other places"), col("p_joint_fwe", "the same, of the largest difference over the panel"), col("note", "why there is no number")}}
	add := func(what, effect string, list []ComparisonRecord, people *PeopleRecord) {
		for j, x := range list {
			joint := make([]string, 3)
			if people != nil {
				joint = []string{fmt.Sprint(people.N), num(people.Results[j].PJoint), num(people.Results[j].PJointFWE)}
			}
			row := []string{what, effect, x.Target, x.First, x.Second, fmt.Sprint(x.N), num(x.R1), num(x.R2), num(x.Difference), num(x.NullSD), num(x.P), num(x.PFWE)}
			t.rows = append(t.rows, slices.Concat(row, joint, []string{x.Reason}))
		}
	}
	for _, e := range r.record.Effects {
		add("receptors", e.Name, e.Pairs, nil)
	}
	for _, s := range r.record.Shifts {
		add("treatments", crossover.PhaseEffect, s.Results, s.People)
	}
	return t
}
