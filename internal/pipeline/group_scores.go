package pipeline

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/scales"
)

// readInstruments returns the instruments that come with phasl and those of
// the files; one of a file takes the place of its namesake.
func readInstruments(files []string) ([]*scales.Instrument, diag.List) {
	known := scales.Instruments()
	var l diag.List
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			l.Add(&diag.Problem{File: file, Found: "the instrument cannot be read: " + err.Error(), Fix: "check the path", Err: err})
			continue
		}
		in, il := scales.Parse(file, text)
		l.Add(il...)
		if in == nil || il.Err() != nil {
			continue
		}
		known = slices.DeleteFunc(known, func(k *scales.Instrument) bool { return strings.EqualFold(k.Name, in.Name) })
		known = append(known, in)
	}
	return known, l
}

// visitColumns are the columns that may tell the visits within a session
// apart, in the order in which they are looked for.
var visitColumns = []string{"visit", "timepoint", "time", "phase", "day", "event", "week", "run"}

// A phenotype is one table of phenotype/ scored.
type phenotype struct {
	crossover.ScoredTable
	result *scales.Result
	visit  int // index of the visit among the columns kept; −1: there is none
}

// scorePhenotype scores every table of phenotype/ whose instrument is known,
// and says in sentences what each was taken for. A fault of a table stops the
// analysis if the plan uses its instrument, and is a warning if not.
func scorePhenotype(ds *bids.Dataset, opened diag.List, plan *crossover.Plan, known []*scales.Instrument) (tables []phenotype, said []string, l diag.List) {
	wanted := func(name string) bool {
		return slices.ContainsFunc(plan.Association, func(a crossover.AssociationPlan) bool { return strings.EqualFold(a.Instrument, name) })
	}
	for _, stem := range sortedKeys(ds.Phenotype) {
		t := ds.Phenotype[stem]
		file := path.Join("phenotype", stem+".tsv")
		in, why := scales.Recognise(stem, t, known)
		faults := slices.DeleteFunc(slices.Clone(opened), func(p *diag.Problem) bool { return p.File != file })
		if in == nil {
			said = append(said, fmt.Sprintf("%s is not scored: %s.", file, why))
			if wanted(stem) {
				l.Add(faults...)
			}
			continue
		}
		res, sl := in.ScoreTable(t, scales.Options{})
		faults.Add(sl...)
		for _, p := range faults {
			if p.Severity == diag.Error && !wanted(in.Name) {
				q := *p
				q.Severity = diag.Warning
				p = &q
			}
			l.Add(p)
		}
		ph := phenotype{result: res, visit: -1, ScoredTable: crossover.ScoredTable{
			File: file, Instrument: in.Name, Title: in.Title, Matched: why, Rows: len(res.Rows), Missing: in.Missing, Sources: append([]string{}, in.Sources...)}}
		for _, c := range visitColumns {
			if i := slices.IndexFunc(res.Match.Kept, func(k string) bool { return strings.EqualFold(k, c) }); i >= 0 {
				ph.visit, ph.Visits = i, res.Match.Kept[i]
				break
			}
		}
		main := in.Primary()
		for i := range res.Rows {
			prorated := false
			for _, v := range res.Rows[i].Values {
				if main != nil && v.Score == main.Name && v.Reason == "" {
					ph.Scored++
				}
				prorated = prorated || v.Prorated
			}
			if prorated {
				ph.Prorated++
			}
		}
		sentence := fmt.Sprintf("%s is scored as %s", file, why)
		if ph.Visits != "" {
			sentence += "; its visits are the column " + ph.Visits
		}
		said = append(said, sentence+".")
		tables = append(tables, ph)
	}
	return tables, said, l
}

// forPlan makes warnings of the faults of tables that the plan does not use.
func forPlan(l diag.List, tables []phenotype, plan *crossover.Plan) diag.List {
	for _, p := range l {
		for _, t := range tables {
			used := slices.ContainsFunc(plan.Association, func(a crossover.AssociationPlan) bool { return strings.EqualFold(a.Instrument, t.Instrument) })
			if t.File == p.File && !used {
				p.Severity = diag.Warning
			}
		}
	}
	return l
}

// checkVisits compares the tables with the trial: a row of a session that
// nobody knows is no part of any treatment, and a column that says another
// treatment or period than the trial's tables contradicts them. They are errors
// where no row of a table belongs to the trial or tables contradict each other,
// warnings where some rows do not belong (a screening visit may have scores and
// no scan).
func checkVisits(tr *crossover.Trial, ds *bids.Dataset, tables []phenotype) diag.List {
	var l diag.List
	type visit struct{ sub, ses string }
	known := map[visit]bool{}
	of := map[visit]*crossover.Scan{}
	sessions := map[string]bool{}
	add := func(sub, ses string) {
		known[visit{sub, ses}] = true
		sessions[ses] = true
	}
	for i := range tr.Scans {
		s := &tr.Scans[i]
		add(s.Subject, s.Session)
		if s.Treatment != "" {
			of[visit{s.Subject, s.Session}] = s
		}
	}
	for _, sub := range ds.Subjects() {
		for _, ses := range ds.SessionsOf(sub) {
			add(sub, ses)
		}
		if t := ds.Sessions[sub]; t != nil {
			for i := range t.Rows {
				if ses, ok := t.Cell(i, "session_id"); ok {
					add(sub, strings.TrimPrefix(ses, "ses-"))
				}
			}
		}
	}
	const most = 8
	for _, p := range tables {
		if p.result.Match.Session == "" {
			continue
		}
		strange, strangers, belong := map[string]int{}, 0, 0
		for i := range p.result.Rows {
			r := &p.result.Rows[i]
			v := visit{strings.TrimPrefix(r.Participant, "sub-"), strings.TrimPrefix(r.Session, "ses-")}
			if !known[v] {
				strange[v.ses]++
				strangers++
				continue
			}
			belong++
			s := of[v]
			if s == nil {
				continue
			}
			for k, column := range p.result.Match.Kept {
				said, is := strings.TrimSpace(r.Kept[k]), ""
				switch strings.ToLower(column) {
				case "treatment":
					is = s.Treatment
				case "period":
					is = strconv.Itoa(s.Period)
				}
				if is == "" || said == "" || said == "n/a" || strings.EqualFold(said, is) {
					continue
				}
				l.Errorf(p.File, column, "correct whichever is wrong; scores are taken under the treatment of their session", "row %d (sub-%s, ses-%s) says %q, the tables of the trial %q", r.Number, v.sub, v.ses, said, is)
			}
		}
		if strangers == 0 {
			continue
		}
		var names []string
		for _, ses := range sortedKeys(strange) {
			names = append(names, "ses-"+ses)
		}
		fix := "write the session labels of the dataset: ses-" + strings.Join(sortedKeys(sessions), ", ses-")
		if len(names) > most {
			names = append(names[:most], "…")
		}
		found := fmt.Sprintf("%d of %d rows are of sessions that their person does not have in the dataset: %s; they belong to no treatment", strangers, len(p.result.Rows), strings.Join(names, ", "))
		if belong == 0 {
			l.Errorf(p.File, p.result.Match.Session, fix, "%s", found)
		} else {
			l.Warnf(p.File, p.result.Match.Session, fix, "%s", found)
		}
	}
	return l
}

// ratings are the scores of the tables as the trial takes them. A score that
// no row has is left out unless the plan names it.
func ratings(tables []phenotype, plan *crossover.Plan) []crossover.Rating {
	var out []crossover.Rating
	for _, t := range tables {
		in := t.result.Instrument
		for k, s := range in.Scores {
			named := slices.ContainsFunc(plan.Association, func(a crossover.AssociationPlan) bool {
				return strings.EqualFold(a.Instrument, in.Name) && strings.EqualFold(a.Score, s.Name)
			})
			if !named && !slices.ContainsFunc(t.result.Rows, func(r scales.Row) bool { return r.Values[k].Reason == "" }) {
				continue
			}
			for i := range t.result.Rows {
				r := &t.result.Rows[i]
				v := r.Values[k]
				x := crossover.Rating{
					Subject: strings.TrimPrefix(r.Participant, "sub-"), Session: strings.TrimPrefix(r.Session, "ses-"),
					Instrument: in.Name, Score: s.Name, Title: s.Title, Low: s.Low, Value: v.Value, Note: v.Reason,
				}
				if t.visit >= 0 {
					x.Visit = r.Kept[t.visit]
				}
				out = append(out, x)
			}
		}
	}
	return out
}

// associate scores the questionnaires of the dataset and correlates them with
// regional values as the plan asks.
func (g *group) associate(values []crossover.Value) {
	known, l := readInstruments(g.c.Instruments)
	g.fault(l...)
	tables, said, l := scorePhenotype(g.ds, g.opened, g.plan, known)
	l.Add(forPlan(checkVisits(g.trial, g.ds, tables), tables, g.plan)...)
	g.fault(l...)
	if l.Err() != nil {
		return // what rests on these tables would only repeat it
	}
	g.scored = tables
	g.res.Inferred = append(g.res.Inferred, said...)
	for _, t := range tables {
		g.res.Scored = append(g.res.Scored, t.ScoredTable)
	}
	list := ratings(tables, g.plan)
	g.res.Scores = crossover.Courses(g.trial, list, g.plan.Model.Level)
	var al diag.List
	g.res.Associations, al = crossover.Associate(g.plan, g.trial, values, list, g.c.Workers)
	g.fault(al...)
}

// scoreTables are the tables of clinical scores.
func (g *group) scoreTables() []groupTable {
	if len(g.scored) == 0 {
		return nil
	}
	out := []groupTable{g.scoresTable()}
	if g.res.Associations != nil {
		out = append(out, g.associationsTable(), g.associationDataTable())
	}
	return out
}

func (g *group) scoresTable() groupTable {
	t := groupTable{name: "scores", columns: []bids.Column{
		col("participant_id", "participant"), col("session", "session label"), col("visit", "visit within the session, as the table has it"),
		{Name: "treatment", Description: "treatment of the session; n/a if no scan of the trial tells"},
		col("instrument", "questionnaire or rating scale"), col("score", "subscale or total"), col("title", "the same in words"),
		col("value", "score; n/a if it could not be computed"), col("band", "severity, where the instrument defines it"),
		col("prorated", "whether missing items were given the mean of the others"), col("missing", "parts without a value"), col("note", "why there is no score")}}
	for _, p := range g.scored {
		for i := range p.result.Rows {
			r := &p.result.Rows[i]
			sub, ses, visit := strings.TrimPrefix(r.Participant, "sub-"), strings.TrimPrefix(r.Session, "ses-"), ""
			if p.visit >= 0 {
				visit = r.Kept[p.visit]
			}
			treatment := g.trial.TreatmentOf(sub, ses)
			for k, v := range r.Values {
				s := &p.result.Instrument.Scores[k]
				t.rows = append(t.rows, []string{"sub-" + sub, ses, visit, treatment, p.Instrument, s.Name, s.Title,
					bids.FormatNumber(v.Value), v.Band, yesNo(v.Prorated), strings.Join(v.Missing, ", "), v.Reason})
			}
		}
	}
	return t
}

// associationColumns say which association a row is about.
var associationColumns = []bids.Column{
	col("association", "name of the association"), regionColumn, measureColumn, col("phase", "phase of the scan; change: last − first"), col("adjust", "covariates"),
	col("instrument", "questionnaire or rating scale"), col("score", "subscale or total"), col("visit", "visit of the score"), col("change", "absolute or percent change of the score; n/a: the score itself"),
}

func associationCells(a *crossover.Association) []string {
	return []string{a.Name, a.Region, string(a.Measure), a.Phase, strings.Join(a.Adjust, ", "), a.Instrument, a.Score, a.Visit, a.Change}
}

func (g *group) associationsTable() groupTable {
	t := groupTable{name: "associations", columns: append(slices.Clone(associationColumns),
		bids.Column{Name: "what", Description: "what the row is about", Levels: map[string]string{
			"correlation": "over people, under one treatment", "difference": "of the correlations under the plan's treatment and under the one named, in people with both",
			"slopes":     "difference of the slopes of score on measure in people with both, in SD per SD; holds its level with skewed scores",
			"moderation": "the same by a mixed model of everybody, which takes residuals to vary alike and is too bold where scores are skewed"}},
		treatmentColumn, col("n", "people"), col("r", "correlation (partial, if adjusted), difference of correlations, or of slopes"), col("df", "degrees of freedom"),
		col("ci_low", "lower limit of the confidence interval (Fisher's z; Zou; t)"), col("ci_high", "upper limit of the same"),
		col("bootstrap_ci_low", "lower limit of the bootstrap interval (BCa)"), col("bootstrap_ci_high", "upper limit of the same"),
		col("statistic", "t, or Steiger's z"), col("p", "p-value of the statistic"), col("p_permutation", "p-value by permutation"),
		col("p_adjusted", "p corrected over the plan's associations"), col("bf01", "Bayes factor for no correlation"),
		col("fragile", "whose leaving out turns the conclusion"), col("note", "why there is no value, or what to know of it"))}
	for i := range g.res.Associations.List {
		a := &g.res.Associations.List[i]
		add := func(what, treatment string, n int, cells ...string) {
			t.rows = append(t.rows, append(append(associationCells(a), what, treatment, strconv.Itoa(n)), cells...))
		}
		for _, c := range a.By {
			add("correlation", c.Treatment, c.N, num(c.R), num(c.DF), num(c.Low), num(c.High), num(c.BootLow), num(c.BootHigh), num(c.T), num(c.P), num(c.PPermutation),
				num(c.PAdjusted), num(c.BF01), c.Fragile, strings.TrimPrefix(strings.Join(append([]string{c.Failed}, c.Notes...), "; "), "; "))
		}
		for _, d := range a.Differences {
			add("difference", d.Treatment, d.N, num(d.Delta), "", num(d.Low), num(d.High), num(d.BootLow), num(d.BootHigh), num(d.Z), num(d.P), num(d.PPermutation), num(d.PAdjusted), "", d.Fragile, strings.TrimPrefix(strings.Join(append([]string{d.Failed}, d.Notes...), "; "), "; "))
			q := d.Slopes
			add("slopes", d.Treatment, d.N, num(q.Delta), num(q.DF), num(q.Low), num(q.High), "", "", num(q.Delta/q.SE), num(q.P), num(q.PPermutation), "", "", "", q.Failed)
			m := d.Moderation
			add("moderation", d.Treatment, m.N, num(m.Delta), num(m.DF), num(m.Low), num(m.High), "", "", num(m.T), num(m.P), "", "", "", "", m.Failed)
		}
	}
	return t
}

func (g *group) associationDataTable() groupTable {
	t := groupTable{name: "association_data", columns: append(slices.Clone(associationColumns),
		col("participant_id", "participant"), col("session", "session label"), treatmentColumn, col("period", "visit of the trial, from 1"),
		col("x", "regional measure"), col("y", "score"), col("covariates", "values of the covariates, in the order of adjust"),
		col("x_residual", "x given the covariates, the mean added"), col("y_residual", "y given the covariates, the mean added"))}
	for i := range g.res.Associations.List {
		a := &g.res.Associations.List[i]
		for _, d := range a.Data {
			var cov []string
			for _, c := range d.Covariates {
				cov = append(cov, num(c))
			}
			t.rows = append(t.rows, append(associationCells(a), "sub-"+d.Subject, d.Session, d.Treatment, strconv.Itoa(d.Period),
				num(d.X), num(d.Y), strings.Join(cov, ", "), num(d.XResidual), num(d.YResidual)))
		}
	}
	return t
}
