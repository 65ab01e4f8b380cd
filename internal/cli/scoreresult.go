package cli

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"phasl/bids"
	"phasl/diag"
	"phasl/scales"
)

// The JSON of a table scored. A number that does not exist is null.
type scoreJSON struct {
	Instrument  instrumentJSON  `json:"instrument"`
	File        string          `json:"file"`
	Columns     scoreColumns    `json:"columns"`
	Strict      bool            `json:"strict"`
	Rows        []scoreRow      `json:"rows"`
	Summary     []scoreSummary  `json:"summary"`
	Comparisons *comparisonJSON `json:"comparison,omitempty"`
	Problems    diag.List       `json:"problems"`
}

type instrumentJSON struct {
	Name    string            `json:"name"`
	Title   string            `json:"title"`
	Version string            `json:"version,omitempty"`
	File    string            `json:"file,omitempty"`
	Sources []string          `json:"sources"`
	Note    string            `json:"note,omitempty"`
	Missing string            `json:"missing_rule,omitempty"`
	Items   int               `json:"items"`
	Scores  []scoreDefinition `json:"scores"`
	Outcome *outcomeJSON      `json:"outcome,omitempty"`
}

type scoreDefinition struct {
	Name    string     `json:"name"`
	Title   string     `json:"title"`
	Method  string     `json:"method"`
	Of      []string   `json:"of"`
	AtLeast int        `json:"at_least"`
	Low     float64    `json:"low"`
	High    float64    `json:"high"`
	Bands   []bandJSON `json:"bands,omitempty"`
	Source  string     `json:"source,omitempty"`
	Caution string     `json:"caution,omitempty"`
}

type bandJSON struct {
	From float64 `json:"from"`
	Name string  `json:"name"`
}

type outcomeJSON struct {
	Score     string      `json:"score"`
	Response  bids.Number `json:"response_percent"`
	Remission bids.Number `json:"remission_at_most"`
	Source    string      `json:"source,omitempty"`
}

type scoreColumns struct {
	Participant string            `json:"participant"`
	Session     string            `json:"session,omitempty"`
	Carried     []string          `json:"carried"`
	Items       map[string]string `json:"items"`
	Scores      map[string]string `json:"scores"`
	Mapped      []string          `json:"mapped"`
	Unused      []string          `json:"unused"`
}

// A scoreRow writes its identifying columns under their own names.
type scoreRow struct {
	ids      [][2]string
	Row      int
	Scores   map[string]bids.Number
	Missing  map[string][]string
	Prorated []string
	Severity *string
	Notes    []string
}

// MarshalJSON writes the identifying columns first, in their order.
func (r scoreRow) MarshalJSON() ([]byte, error) {
	return withIDs(r.ids, struct {
		Row      int                    `json:"row"`
		Scores   map[string]bids.Number `json:"scores"`
		Missing  map[string][]string    `json:"missing"`
		Prorated []string               `json:"prorated"`
		Severity *string                `json:"severity"`
		Notes    []string               `json:"notes"`
	}{r.Row, r.Scores, r.Missing, r.Prorated, r.Severity, r.Notes})
}

// withIDs writes v, an object, with ids before its keys; an empty value is
// null. An identifying column named like a key of v is left to v.
func withIDs(ids [][2]string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(body, &keys); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for _, id := range ids {
		if _, taken := keys[id[0]]; taken {
			continue
		}
		k, err := json.Marshal(id[0])
		if err != nil {
			return nil, err
		}
		x := []byte("null")
		if id[1] != "" {
			if x, err = json.Marshal(id[1]); err != nil {
				return nil, err
			}
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(x)
		b.WriteByte(',')
	}
	b.Write(body[1:])
	return b.Bytes(), nil
}

type scoreSummary struct {
	Score    string      `json:"score"`
	Scored   int         `json:"n_scored"`
	Prorated int         `json:"n_prorated"`
	Missing  int         `json:"n_missing"`
	Min      bids.Number `json:"min"`
	Median   bids.Number `json:"median"`
	Max      bids.Number `json:"max"`
}

type comparisonJSON struct {
	Column   string         `json:"column"`
	Baseline string         `json:"baseline"`
	FollowUp string         `json:"followup"`
	Rows     []comparedJSON `json:"rows"`
}

type comparedJSON struct {
	ids     [][2]string
	Changes map[string]changeJSON
}

// MarshalJSON writes the identifying columns first, in their order.
func (r comparedJSON) MarshalJSON() ([]byte, error) {
	return withIDs(r.ids, struct {
		Changes map[string]changeJSON `json:"changes"`
	}{r.Changes})
}

type changeJSON struct {
	Baseline  bids.Number   `json:"baseline"`
	FollowUp  bids.Number   `json:"followup"`
	Change    bids.Number   `json:"change"`
	Percent   bids.Number   `json:"percent_change"`
	Response  scales.Answer `json:"response"`
	Remission scales.Answer `json:"remission"`
	Note      string        `json:"note,omitempty"`
}

func instrumentsJSON(list []*scales.Instrument) any {
	out := struct {
		Instruments []instrumentJSON `json:"instruments"`
	}{}
	for _, in := range list {
		out.Instruments = append(out.Instruments, describe(in))
	}
	return out
}

func describe(in *scales.Instrument) instrumentJSON {
	out := instrumentJSON{
		Name: in.Name, Title: in.Title, Version: in.Version, File: in.File, Note: in.Note, Missing: in.Missing,
		Sources: append([]string{}, in.Sources...), Items: len(in.Items), Scores: []scoreDefinition{},
	}
	for _, s := range in.Scores {
		d := scoreDefinition{
			Name: s.Name, Title: s.Title, Method: string(s.Method), AtLeast: s.AtLeast, Low: s.Low, High: s.High,
			Source: s.Source, Caution: s.Caution, Of: append([]string{}, append(slices.Clone(s.Items), s.Of...)...),
		}
		for _, b := range s.Bands {
			d.Bands = append(d.Bands, bandJSON{b.From, b.Name})
		}
		out.Scores = append(out.Scores, d)
	}
	if o := in.Outcome; o != nil {
		out.Outcome = &outcomeJSON{o.Score, bids.Number(o.Response), bids.Number(o.Remission), o.Source}
	}
	return out
}

// scoreResult puts together what the command writes as JSON.
func scoreResult(res *scales.Result, changes []scales.Comparison, problems diag.List, c *scoreCmd, visit string) scoreJSON {
	m := res.Match
	out := scoreJSON{
		Instrument: describe(res.Instrument), File: res.File, Strict: c.Strict, Rows: []scoreRow{}, Summary: summarise(res),
		Problems: append(diag.List{}, problems...),
		Columns: scoreColumns{
			Participant: m.Participant, Session: m.Session, Carried: append([]string{}, m.Kept...), Items: map[string]string{},
			Scores: map[string]string{}, Mapped: []string{}, Unused: append([]string{}, m.Unused...),
		},
	}
	for _, p := range m.Items {
		out.Columns.Items[p.Name] = p.Column
	}
	for _, p := range m.Scores {
		out.Columns.Scores[p.Name] = p.Column
	}
	for _, p := range slices.Concat(m.Items, m.Scores) {
		if p.Mapped {
			out.Columns.Mapped = append(out.Columns.Mapped, p.Name)
		}
	}
	primary := res.Instrument.Primary()
	for i := range res.Rows {
		r := &res.Rows[i]
		row := scoreRow{ids: identify(m, r.Participant, r.Session, r.Kept), Row: r.Number, Scores: map[string]bids.Number{}, Missing: map[string][]string{}, Prorated: []string{}, Notes: notesOf(r)}
		for _, v := range r.Values {
			row.Scores[v.Score] = bids.Number(v.Value)
			if len(v.Missing) > 0 {
				row.Missing[v.Score] = v.Missing
			}
			if v.Prorated {
				row.Prorated = append(row.Prorated, v.Score)
			}
			if primary != nil && v.Score == primary.Name && v.Band != "" {
				row.Severity = &v.Band
			}
		}
		out.Rows = append(out.Rows, row)
	}
	if c.Baseline != "" {
		out.Comparisons = &comparisonJSON{Column: visit, Baseline: c.Baseline, FollowUp: c.Followup, Rows: []comparedJSON{}}
		for _, p := range changes {
			row := comparedJSON{ids: identify(m, p.Participant, p.Session, p.Kept), Changes: map[string]changeJSON{}}
			row.ids = slices.DeleteFunc(row.ids, func(id [2]string) bool { return id[0] == visit || visit == m.Session && id[0] == "session_id" })
			for _, ch := range p.Changes {
				row.Changes[ch.Score] = changeJSON{bids.Number(ch.Baseline), bids.Number(ch.FollowUp), bids.Number(ch.Change), bids.Number(ch.Percent), ch.Response, ch.Remission, ch.Reason}
			}
			out.Comparisons.Rows = append(out.Comparisons.Rows, row)
		}
	}
	return out
}

// identify names the identifying values as BIDS does, whatever the columns of
// participant and session were called.
func identify(m *scales.Match, participant, session string, kept []string) [][2]string {
	ids := [][2]string{{"participant_id", participant}}
	if m.Session != "" {
		ids = append(ids, [2]string{"session_id", session})
	}
	for i, k := range m.Kept {
		ids = append(ids, [2]string{k, kept[i]})
	}
	return ids
}

// notesOf says what a reader of one row should know: reasons for what is
// missing, what was prorated, what the table says otherwise.
func notesOf(r *scales.Row) []string {
	out := []string{}
	for _, v := range r.Values {
		switch {
		case v.Reason != "":
			out = append(out, v.Score+": "+v.Reason)
		case v.Prorated && len(v.Missing) > 0:
			out = append(out, v.Score+": prorated, without "+strings.Join(v.Missing, ", "))
		case v.Prorated:
			out = append(out, v.Score+": holds a prorated part")
		}
	}
	return append(out, r.Notes...)
}

// summarise counts and orders the values of each score.
func summarise(res *scales.Result) []scoreSummary {
	out := []scoreSummary{}
	for k, s := range res.Instrument.Scores {
		x := []float64{}
		sum := scoreSummary{Score: s.Name, Min: bids.Number(math.NaN()), Median: bids.Number(math.NaN()), Max: bids.Number(math.NaN())}
		for _, r := range res.Rows {
			v := r.Values[k]
			if math.IsNaN(v.Value) {
				sum.Missing++
				continue
			}
			if v.Prorated {
				sum.Prorated++
			}
			x = append(x, v.Value)
		}
		if sum.Scored = len(x); len(x) > 0 {
			slices.Sort(x)
			n := len(x)
			sum.Min, sum.Median, sum.Max = bids.Number(x[0]), bids.Number((x[(n-1)/2]+x[n/2])/2), bids.Number(x[n-1])
		}
		out = append(out, sum)
	}
	return out
}
