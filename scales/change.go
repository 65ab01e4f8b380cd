package scales

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/diag"
)

// An Answer is yes, no or not known.
type Answer int8

// The answers.
const (
	Unknown Answer = iota
	No
	Yes
)

// MarshalJSON writes true, false, or null if the answer is not known.
func (a Answer) MarshalJSON() ([]byte, error) {
	return []byte([]string{"null", "false", "true"}[a]), nil
}

// String returns "yes", "no" or "n/a".
func (a Answer) String() string { return []string{"n/a", "no", "yes"}[a] }

func answer(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// A Change compares one score at two visits.
type Change struct {
	Score              string
	Baseline, FollowUp float64
	Change             float64 // follow-up − baseline: negative is better where a high score is bad
	Percent            float64 // change in percent of baseline; NaN if baseline is the lowest score there is
	Response           Answer  // Unknown unless the instrument defines it for this score
	Remission          Answer
	Reason             string // why something is NaN or unknown, or ""
}

// Change compares a score at two visits:
//
//	change    follow-up − baseline
//	percent   100 · change / (baseline − low)
//	response  −percent ≥ the instrument's response
//	remission follow-up ≤ the instrument's remission
//
// low is the lowest value of the score, 0 in every instrument that comes with
// phasl. What a NaN takes part in is NaN or unknown; remission needs follow-up
// only. At the lowest baseline there is nothing to reduce, so percent is NaN
// and response unknown. It panics if the instrument has no such score.
func (in *Instrument) Change(score string, baseline, followUp float64) Change {
	s := in.Score(score)
	if s == nil {
		panic("scales: Change: no score " + score)
	}
	c := Change{Score: score, Baseline: baseline, FollowUp: followUp, Change: followUp - baseline, Percent: math.NaN()}
	above := baseline - s.Low
	switch {
	case math.IsNaN(baseline) && math.IsNaN(followUp):
		c.Reason = "neither visit has a score"
	case math.IsNaN(baseline):
		c.Reason = "there is no score at baseline"
	case math.IsNaN(followUp):
		c.Reason = "there is no score at follow-up"
	case above <= 0:
		c.Reason = "baseline is " + number(baseline) + ", the lowest score there is: percent and response are not defined"
	default:
		c.Percent = 100 * c.Change / above
	}
	o := in.Outcome
	if o == nil || o.Score != score {
		return c
	}
	if !math.IsNaN(o.Response) && !math.IsNaN(c.Percent) {
		c.Response = answer(-100*c.Change >= o.Response*above) // no division: half of 31 is exact
	}
	if !math.IsNaN(o.Remission) && !math.IsNaN(followUp) {
		c.Remission = answer(followUp <= o.Remission)
		if baseline <= o.Remission {
			c.Reason = strings.TrimPrefix(c.Reason+"; the baseline is already in the range of remission", "; ")
		}
	}
	return c
}

// A Comparison is one participant at two visits.
type Comparison struct {
	Participant        string
	Session            string // "" if sessions are what is compared
	Kept               []string
	Baseline, FollowUp int // numbers of the rows compared; 0: there is none
	Changes            []Change
}

// momentColumns say when in a session a row was made: they do not pair rows of
// two visits.
var momentColumns = []string{"visit", "time", "timepoint", "phase", "run", "day", "week", "event", "acq_time"}

// Changes compares two visits: those rows whose column (session_id, or a kept
// one such as time) holds baseline and followUp; "ses-" may be left out. Rows
// are paired by participant, session, and every kept column that says no moment
// (treatment, period, those that were asked for), so that in a crossover each
// session is compared with itself. Case does not matter. Pairs are in the order of
// the table; one whose other visit has no row is there, with a reason.
//
// It is an error if there is no such column, no row holds one of the values,
// or two rows cannot be told apart.
func (res *Result) Changes(column, baseline, followUp string) ([]Comparison, diag.List) {
	var l diag.List
	at, names := res.visitColumn(column)
	if at < 0 {
		l.Errorf(res.File, column, "choose one of: "+list(names), "no such column tells visits apart")
		return nil, l
	}
	is := func(value, want string) bool {
		return strings.EqualFold(value, want) || strings.EqualFold(value, "ses-"+want)
	}
	// A day or a time differs between the visits by its nature, as the visit does.
	// Where sessions are compared, what tells rows of one session apart still does.
	moments := momentColumns
	if at == 0 {
		moments = []string{"acq_time"}
	}
	moment := func(k int) bool {
		return slices.ContainsFunc(moments, func(c string) bool { return strings.EqualFold(c, res.Match.Kept[k]) })
	}
	var out []Comparison
	index := map[string]int{}
	seen, found := []string{}, [2]bool{}
	for _, r := range res.Rows {
		ids := append([]string{r.Participant, r.Session}, r.Kept...)
		visit := ids[1+at]
		if !slices.Contains(seen, visit) && len(seen) < 50 {
			seen = append(seen, visit)
		}
		which := -1
		switch {
		case is(visit, baseline):
			which = 0
		case is(visit, followUp):
			which = 1
		default:
			continue
		}
		found[which] = true
		ids[1+at] = ""
		for k := range r.Kept {
			if moment(k) {
				ids[2+k] = ""
			}
		}
		key := strings.Join(ids, "\x00")
		k, ok := index[key]
		if !ok {
			k = len(out)
			index[key] = k
			out = append(out, Comparison{Participant: r.Participant, Session: ids[1], Kept: ids[2:]})
		}
		n := &out[k].Baseline
		if which == 1 {
			n = &out[k].FollowUp
		}
		if *n != 0 {
			l.Errorf(res.File, column, "keep one, or carry the column that tells them apart (--keep COLUMN)", "rows %d and %d are both %s of %s", *n, r.Number, clip(visit), clip(r.Participant))
			continue
		}
		*n = r.Number
	}
	for i, want := range []string{baseline, followUp} {
		if !found[i] {
			l.Errorf(res.File, column, "choose one of: "+list(seen), "no row holds %q", clip(want))
		}
	}
	if l.Err() != nil {
		return nil, l
	}
	for i := range out {
		out[i].Changes = res.changes(&out[i], baseline, followUp)
	}
	return out, l
}

// visitColumn returns the place of a column among session and kept columns
// (0: session), and the names of those there are.
func (res *Result) visitColumn(column string) (int, []string) {
	var names []string
	at := -1
	for i, n := range append([]string{res.Match.Session}, res.Match.Kept...) {
		if n == "" {
			continue
		}
		names = append(names, n)
		if n == column {
			at = i
		}
	}
	return at, names
}

func (res *Result) changes(c *Comparison, baseline, followUp string) []Change {
	var out []Change
	get := func(row int, score string) float64 {
		if row == 0 {
			return math.NaN()
		}
		return res.Rows[row-1].Value(score).Value
	}
	for i := range res.Instrument.Scores {
		s := &res.Instrument.Scores[i]
		ch := res.Instrument.Change(s.Name, get(c.Baseline, s.Name), get(c.FollowUp, s.Name))
		if c.Baseline == 0 {
			ch.Reason = fmt.Sprintf("there is no row of %s", clip(baseline))
		}
		if c.FollowUp == 0 {
			ch.Reason = fmt.Sprintf("there is no row of %s", clip(followUp))
		}
		out = append(out, ch)
	}
	return out
}
