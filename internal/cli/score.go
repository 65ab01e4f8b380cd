package cli

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"phasl/bids"
	"phasl/diag"
	"phasl/scales"
)

type scoreCmd struct {
	Name string `arg:"" name:"instrument" placeholder:"INSTRUMENT" help:"madrs, qids, cadss (27 items), cadss23, psi, vas, or the name in --instrument. 'list' lists them with their scores and sources."`
	File string `arg:"" optional:"" name:"file" placeholder:"FILE" help:"Table with a header, one row for each participant and visit: a BIDS phenotype/*.tsv, TSV or CSV."`

	Instrument string   `type:"existingfile" placeholder:"FILE" group:"Reading" help:"Instrument of your own (docs/formats/instrument.md)."`
	Map        []string `placeholder:"ITEM=COLUMN" sep:"none" group:"Reading" help:"Column of an item or score whose name does not say so (repeatable). '*=item_*' is all items at once."`
	ID         string   `name:"id" placeholder:"COLUMN" group:"Reading" help:"Column of the participant; default participant_id."`
	Session    string   `placeholder:"COLUMN" group:"Reading" help:"Column of the session; default session_id, if there is one."`
	Keep       []string `placeholder:"COLUMN" sep:"none" group:"Reading" help:"Carry a column through and let it tell rows apart (repeatable). visit, time, timepoint, phase, run, period, treatment, sequence, day, week, event and acq_time are carried anyway."`
	Strict     bool     `group:"Reading" help:"Prorate nothing: a score with a missing item is missing."`

	Baseline string `placeholder:"VISIT" group:"Change" help:"With --followup: change, percent change, response and remission from this visit to that."`
	Followup string `placeholder:"VISIT" group:"Change" help:"The later visit."`
	Visit    string `placeholder:"COLUMN" group:"Change" help:"Column of the two visits; default the session. All other identifying columns have to be the same in both."`

	Out       string `placeholder:"FILE.tsv" group:"Results" help:"Write the scores as a table, with a data dictionary (JSON) beside it."`
	ChangeOut string `name:"change-out" placeholder:"FILE.tsv" group:"Results" help:"Write the changes as a table."`
	jsonFlag
}

func (scoreCmd) Help() string {
	return `Scores a questionnaire or rating scale from its items: subscales, total, severity.
Answers out of range are named by row, column and value. Items are found by the
names of the columns (madrs_1, madrs_01, MADRS1, madrs_item1); what was found is
printed. A score with few missing items is prorated and marked; with more it is
missing, with the reason. Sources: docs/methods/scales.md.

If a cell is faulty, the JSON is written with the faults in it and no table is.

Example:
  phasl score madrs my_dataset/phenotype/madrs.tsv --out scores.tsv

change from one visit to another:
  phasl score madrs madrs.csv --visit time --baseline pre --followup day1

` + exitCodesHelp
}

// Run scores the table, writes what is asked for and prints a summary.
func (c *scoreCmd) Run(s streams) error {
	if err := c.usage(); err != nil {
		return err
	}
	known := scales.Instruments()
	own, err := c.own()
	if err != nil {
		return err
	}
	if own != nil {
		known = append(known, own)
	}
	if c.Name == "list" {
		if err := c.write(s, instrumentsJSON(known)); err != nil {
			return err
		}
		printInstruments(c.summary(s), known)
		return nil
	}
	in, err := c.choose(own)
	if err != nil {
		return err
	}
	opt, err := c.options()
	if err != nil {
		return err
	}
	t, faults := readScoreTable(c.File)
	if t == nil {
		return faults
	}
	res, l := in.ScoreTable(t, opt)
	faults.Add(l...)
	var changes []scales.Comparison
	visit := c.Visit
	if c.Baseline != "" {
		if visit == "" {
			visit = res.Match.Session
		}
		var cl diag.List
		if visit == "" {
			return usageError{"--baseline: the table has no session_id; say which column holds the visits (--visit COLUMN)"}
		}
		changes, cl = res.Changes(visit, c.Baseline, c.Followup)
		faults.Add(cl...)
	}
	out := scoreResult(res, changes, faults, c, visit)
	if err := c.write(s, out); err != nil {
		return err
	}
	if faults.Err() != nil {
		return faults
	}
	if c.Out != "" {
		columns, rows := scoreRows(res)
		if err := bids.WriteTable(c.Out, columns, rows); err != nil {
			return err
		}
	}
	if c.ChangeOut != "" {
		columns, rows := changeRows(res, changes, visit)
		if err := bids.WriteTable(c.ChangeOut, columns, rows); err != nil {
			return err
		}
	}
	printProblems(s.err, faults.Warnings())
	c.summarise(c.summary(s), res, out)
	return nil
}

// usage refuses flags that make no sense together.
func (c *scoreCmd) usage() error {
	switch {
	case c.Name == "list" && c.File != "":
		return usageError{"phasl score list: it takes no table"}
	case c.Name != "list" && c.File == "":
		return usageError{"phasl score " + c.Name + ": name the table: phasl score " + c.Name + " FILE"}
	case (c.Baseline == "") != (c.Followup == ""):
		return usageError{"--baseline and --followup go together: name both visits"}
	case c.Baseline != "" && c.Baseline == c.Followup:
		return usageError{"--followup " + c.Followup + ": name a visit other than --baseline"}
	case c.Visit != "" && c.Baseline == "":
		return usageError{"--visit: name the visits too: --baseline VISIT --followup VISIT"}
	case c.ChangeOut != "" && c.Baseline == "":
		return usageError{"--change-out: name the visits to compare: --baseline VISIT --followup VISIT"}
	}
	for _, f := range [][2]string{{"--out", c.Out}, {"--change-out", c.ChangeOut}} {
		if f[1] != "" && filepath.Ext(f[1]) != ".tsv" {
			return usageError{f[0] + " " + f[1] + ": give a name that ends in .tsv"}
		}
	}
	inputs := []place{{"the table", c.File}, {"--instrument", c.Instrument}}
	own := strings.TrimSuffix(c.File, filepath.Ext(c.File)) + ".json"
	if _, err := os.Stat(own); err == nil {
		inputs = append(inputs, place{"its data dictionary", own})
	}
	outputs := []place{{"--out", c.Out}, {"--change-out", c.ChangeOut}}
	for _, table := range outputs {
		d, err := dictionaryOf(table)
		if err != nil {
			return err
		}
		outputs = append(outputs, d)
	}
	return apart(inputs, append(outputs, place{"--json", c.JSON})...)
}

// own reads the instrument of --instrument; nil without it.
func (c *scoreCmd) own() (*scales.Instrument, error) {
	if c.Instrument == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.Instrument)
	if err != nil {
		return nil, diag.List{{File: c.Instrument, Found: "it cannot be read: " + reason(err), Fix: "look at the path", Err: err}}
	}
	in, l := scales.Parse(c.Instrument, text)
	if l.Err() != nil {
		return nil, l
	}
	return in, nil
}

// choose returns the instrument that is asked for.
func (c *scoreCmd) choose(own *scales.Instrument) (*scales.Instrument, error) {
	if own != nil {
		if strings.EqualFold(own.Name, c.Name) {
			return own, nil
		}
		return nil, usageError{fmt.Sprintf("%s: the instrument in %s is named %s: phasl score %s FILE --instrument %s", c.Name, c.Instrument, own.Name, own.Name, c.Instrument)}
	}
	if in := scales.Find(c.Name); in != nil {
		return in, nil
	}
	var names []string
	for _, in := range scales.Instruments() {
		names = append(names, in.Name)
	}
	fix := "choose one of " + strings.Join(names, ", ") + ", or give a file (--instrument FILE)"
	if near, ok := diag.Nearest(c.Name, names); ok {
		fix = "did you mean " + near + "?"
	}
	return nil, usageError{fmt.Sprintf("there is no instrument %s: %s", c.Name, fix)}
}

func (c *scoreCmd) options() (scales.Options, error) {
	o := scales.Options{Participant: c.ID, Session: c.Session, Keep: c.Keep, Strict: c.Strict, Map: map[string]string{}}
	if c.Visit != "" && c.Visit != c.Session && c.Visit != "session_id" {
		o.Keep = append(o.Keep, c.Visit)
	}
	for _, m := range c.Map {
		name, col, ok := strings.Cut(m, "=")
		name, col = strings.TrimSpace(name), strings.TrimSpace(col)
		if !ok || name == "" || col == "" {
			return o, usageError{"--map " + m + ": write ITEM=COLUMN"}
		}
		if _, twice := o.Map[name]; twice {
			return o, usageError{"--map " + m + ": " + name + " is given twice"}
		}
		o.Map[name] = col
	}
	return o, nil
}

// maxScoreBytes bounds a table that is not BIDS; package bids has its own.
const maxScoreBytes = 64 << 20

// readScoreTable reads a TSV as BIDS has it, or a CSV with commas or
// semicolons. Lines of a CSV that begin with # are comments.
func readScoreTable(path string) (*bids.Table, diag.List) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || strings.EqualFold(filepath.Ext(path), ".tsv") {
		return bids.ReadTable(path) // which says what is wrong with the path
	}
	if info.Size() > maxScoreBytes {
		return nil, diag.List{{File: path, Found: fmt.Sprintf("the file is larger than %d MB", maxScoreBytes>>20), Fix: "check that this is the right file"}}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, diag.List{{File: path, Found: "it cannot be read: " + reason(err), Fix: "look at the path", Err: err}}
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	comma := separator(raw)
	if comma == '\t' {
		return bids.ReadTable(path)
	}
	r := csv.NewReader(bytes.NewReader(raw))
	r.Comment, r.Comma, r.FieldsPerRecord = '#', comma, -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, diag.List{{File: path, Found: "it is not a table: " + err.Error(), Fix: "mend the quotes in that line", Err: err}}
	}
	var l diag.List
	if len(rows) == 0 {
		l.Errorf(path, "", "give a table with a header and at least one row", "it is empty")
		return nil, l
	}
	t := &bids.Table{File: path, Columns: rows[0], Rows: rows[1:]}
	seen := map[string]bool{}
	for j, h := range t.Columns {
		h = strings.TrimSpace(h)
		t.Columns[j] = h
		switch {
		case h == "":
			l.Errorf(path, fmt.Sprintf("column %d", j+1), "name it", "it has no name")
		case seen[h]:
			l.Errorf(path, h, "name each column once", "two columns have this name")
		}
		seen[h] = true
	}
	ragged := 0
	for i, row := range t.Rows {
		if len(row) == len(t.Columns) {
			continue
		}
		if ragged++; ragged <= 20 {
			l.Errorf(path, fmt.Sprintf("row %d", i+1), "give every row one cell for each column", "it has %d cells, the header %d", len(row), len(t.Columns))
		}
	}
	if l.Err() != nil {
		return nil, l
	}
	return t, l
}
