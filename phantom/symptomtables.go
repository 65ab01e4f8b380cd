package phantom

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"

	"phasl/bids"
	"phasl/crossover"
	"phasl/scales"
)

// phenotypeFolder is where BIDS keeps questionnaires.
const phenotypeFolder = "phenotype"

// A questionnaire is one table of answers, one row for each visit of each
// session that took place.
type questionnaire struct {
	in      *scales.Instrument
	columns []bids.Column
	rows    [][]string
}

// symptoms are the questionnaires of a trial, drawn when they are first asked
// for.
type symptoms struct {
	once   sync.Once
	tables []questionnaire
}

// questionnaires returns the tables of answers; nil if the trial has none.
func (t *Trial) questionnaires() []questionnaire {
	if t.Options.Symptoms.None {
		return nil
	}
	t.symptoms.once.Do(func() { t.symptoms.tables = t.drawQuestionnaires() })
	return t.symptoms.tables
}

func (t *Trial) drawQuestionnaires() []questionnaire {
	var out []questionnaire
	for i := range drawnScores {
		if name := drawnScores[i].instrument; !slices.ContainsFunc(out, func(q questionnaire) bool { return q.in.Name == name }) {
			out = append(out, newQuestionnaire(instrument(name)))
		}
	}
	population := t.regressions()
	for i := range t.People {
		for j := range t.People[i].Sessions {
			s := &t.People[i].Sessions[j]
			if s.Missing {
				continue
			}
			drawn := t.scores(i, j, t.drives(s, population))
			for k := range out {
				t.fill(&out[k], k, i, j, drawn)
			}
		}
	}
	return out
}

// newQuestionnaire returns a table without rows.
func newQuestionnaire(in *scales.Instrument) questionnaire {
	q := questionnaire{in: in, columns: []bids.Column{
		{Name: "participant_id", Description: "participant"},
		{Name: "session_id", Description: "session"},
		{Name: "visit", Description: "when within the session", Levels: map[string]string{}},
	}}
	for i := range drawnScores {
		if m := &drawnScores[i]; m.instrument == in.Name {
			q.columns[2].Levels[m.visit] = map[string]string{"baseline": "before the infusion", "infusion": "of the infusion, asked at its end", "day1": "the day after"}[m.visit]
		}
	}
	if given(in) {
		for _, s := range in.Scores {
			if s.Method == scales.Given {
				q.columns = append(q.columns, bids.Column{Name: in.ScoreColumn(s.Name), Description: fmt.Sprintf("%s: %s", in.Title, s.Title)})
			}
		}
		return q
	}
	for _, it := range in.Items {
		what := "item " + it.Name
		if it.Label != "" {
			what += " (" + it.Label + ")"
		}
		q.columns = append(q.columns, bids.Column{Name: in.Column(it.Name), Description: fmt.Sprintf("%s: %s, %s", in.Title, what, it.Range())})
	}
	return q
}

// fill adds the rows of one session to table k.
func (t *Trial) fill(q *questionnaire, k, person, session int, drawn []float64) {
	p := &t.People[person]
	var visits []string
	for i := range drawnScores {
		if m := &drawnScores[i]; m.instrument == q.in.Name && !slices.Contains(visits, m.visit) {
			visits = append(visits, m.visit)
		}
	}
	for v, visit := range visits {
		values := map[string]float64{}
		for i := range drawnScores {
			if m := &drawnScores[i]; m.instrument == q.in.Name && m.visit == visit {
				values[m.score] = drawn[i]
			}
		}
		index := uint64(person)<<24 | uint64(session)<<16 | uint64(k)<<8 | uint64(v)
		lost := stream(t.Options.Seed, "trial items missing", index)
		row := []string{"sub-" + p.Label, "ses-" + p.Sessions[session].Label, visit}
		cell := func(x float64) {
			if lost.Float64() < t.Options.Symptoms.MissingItems {
				x = math.NaN()
			}
			row = append(row, bids.FormatNumber(x))
		}
		if given(q.in) {
			for _, s := range q.in.Scores {
				if s.Method == scales.Given {
					cell(values[s.Name])
				}
			}
		} else {
			profile := stream(t.Options.Seed, "trial items person", uint64(person)<<8|uint64(k))
			for _, x := range answers(q.in, values, profile, stream(t.Options.Seed, "trial items", index)) {
				cell(x)
			}
		}
		q.rows = append(q.rows, row)
	}
}

// given tells whether a table holds the instrument's scores, as no public
// source says how its items make them.
func given(in *scales.Instrument) bool {
	return slices.ContainsFunc(in.Scores, func(s scales.Score) bool { return s.Method == scales.Given })
}

// file returns the path of the table in the dataset, with slashes.
func (q *questionnaire) file() string { return phenotypeFolder + "/" + q.in.Name + ".tsv" }

// table returns the table as it reads from the file.
func (q *questionnaire) table() *bids.Table {
	t := &bids.Table{File: q.file(), Rows: q.rows}
	for _, c := range q.columns {
		t.Columns = append(t.Columns, c.Name)
	}
	return t
}

// Questionnaires returns the tables of answers, relative to the dataset and with
// slashes; nil if the trial has none.
func (t *Trial) Questionnaires() []string {
	var out []string
	for _, q := range t.questionnaires() {
		out = append(out, q.file())
	}
	return out
}

// writePhenotype writes the tables of answers with their dictionaries.
func (t *Trial) writePhenotype(dir string) error {
	for _, q := range t.questionnaires() {
		if err := bids.WriteTable(filepath.Join(dir, filepath.FromSlash(q.file())), q.columns, q.rows); err != nil {
			return err
		}
	}
	return nil
}

// Ratings returns the scores of all questionnaires as scoring the tables of the
// dataset gives them, subscales and totals; nil if the trial has none. They are
// drawn when they, or the tables, are first asked for, which takes a few
// milliseconds, and, once for each kind of trial, some tenths of a second for
// the population that associations are planted in.
func (t *Trial) Ratings() []crossover.Rating {
	var out []crossover.Rating
	for _, q := range t.questionnaires() {
		res, l := q.in.ScoreTable(q.table(), scales.Options{})
		if l.Err() != nil {
			panic("phantom: " + l.Error())
		}
		for k, s := range q.in.Scores {
			for i := range res.Rows {
				r := &res.Rows[i]
				v := r.Values[k]
				out = append(out, crossover.Rating{
					Subject: r.Participant[len("sub-"):], Session: r.Session[len("ses-"):], Visit: r.Kept[0],
					Instrument: q.in.Name, Score: s.Name, Title: s.Title, Low: s.Low, Value: v.Value, Note: v.Reason,
				})
			}
		}
	}
	return out
}
