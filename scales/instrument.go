package scales

import (
	"embed"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// An Instrument is a questionnaire or rating scale: what its items may be and
// how they are scored. It is not changed after [Parse].
type Instrument struct {
	Name     string   // by which it is called, and the beginning of its columns: "madrs"
	Title    string   // as it is cited
	Version  string   // edition, number of items
	Prefixes []string // other beginnings of column names
	Sources  []string // publications, and where each key was found
	Note     string   // what a user should know, such as a key that is not public
	Missing  string   // where the rule for missing items is from
	File     string   // file it was read from; "" if it comes with phasl

	Items   []Item
	Open    *Item         // range of items that the table names itself (visual analogue scales); nil: there are none
	Scores  []Score       // each after those it is made of
	Outcome *OutcomeRules // response and remission; nil: not defined
}

// An Item is one question or rating.
type Item struct {
	Name      string  // its number, or a word
	Label     string  // neutral word for its domain, or ""
	Low, High float64 // lowest and highest answer
	Step      float64 // distance between answers; 0: any value between Low and High
	Reversed  bool    // a high answer counts low
	Unkeyed   bool    // answers are checked but not scored, as no public source says how
	block     int     // items of one block of the file are in a table together, or none is
}

// Keyed returns an answer in the direction of the score: low + high − x for a
// reversed item, x for others.
func (it Item) Keyed(x float64) float64 {
	if it.Reversed {
		return it.Low + it.High - x
	}
	return x
}

// Allows tells whether x is an answer that the item can have.
func (it Item) Allows(x float64) bool {
	if !(x >= it.Low && x <= it.High) {
		return false
	}
	if it.Step == 0 {
		return true
	}
	k := (x - it.Low) / it.Step
	return math.Abs(k-math.Round(k)) < 1e-9 // steps such as 0.1 are not exact
}

// Range says in words which answers are allowed: "0 to 6, whole numbers".
func (it Item) Range() string {
	s := number(it.Low) + " to " + number(it.High)
	switch {
	case it.Step == 1 && it.Low == math.Trunc(it.Low):
		s += ", whole numbers"
	case it.Step != 0:
		s += " in steps of " + number(it.Step)
	}
	return s
}

// A Method says how the parts of a score become its value.
type Method string

// The methods.
const (
	Sum  Method = "sum"
	Mean Method = "mean"
	// Max is the highest of the parts that are known, if at least AtLeast are:
	// where a form asks for one of two items, the other is not missing. It is
	// also known with fewer if one of them has the highest value there is.
	Max Method = "max"
	// Given is a score that has to be in the table.
	Given Method = "given"
)

// A Score is a subscale or total.
type Score struct {
	Name      string
	Title     string
	Method    Method
	Items     []string // items it is made of; nil if it is made of scores
	Of        []string // scores it is made of
	AtLeast   int      // parts that have to be known
	Low, High float64  // lowest and highest value
	Columns   []string // words that name it in a table after the prefix, beside Name
	Bands     []Band   // severity, from low to high; nil if none is defined
	Source    string
	Caution   string // why its key may not be right, or ""
}

// parts returns the names of what the score is made of.
func (s *Score) parts() []string {
	if s.Items != nil {
		return s.Items
	}
	return s.Of
}

// Band returns the severity of a value: the highest band that begins at or
// below it, so that a prorated 6.7 is in the band from 6 until 7. It is "" if
// the value is NaN or no bands are defined.
func (s *Score) Band(x float64) string {
	name := ""
	for _, b := range s.Bands {
		if x >= b.From {
			name = b.Name
		}
	}
	return name
}

// A Band is a range of severity that begins at From.
type Band struct {
	From float64
	Name string
}

// OutcomeRules say what counts as response and remission.
type OutcomeRules struct {
	Score     string  // name of the score they are about
	Response  float64 // least reduction from baseline [%]; NaN: not defined
	Remission float64 // highest score that is remission; NaN: not defined
	Source    string
}

// Item returns the item of that name.
func (in *Instrument) Item(name string) (Item, bool) {
	i := slices.IndexFunc(in.Items, func(it Item) bool { return it.Name == name })
	if i < 0 {
		return Item{}, false
	}
	return in.Items[i], true
}

// Score returns the score of that name, or nil.
func (in *Instrument) Score(name string) *Score {
	i := slices.IndexFunc(in.Scores, func(s Score) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &in.Scores[i]
}

// Primary returns the score that stands for the instrument: that of the
// outcome, else the first with severity bands, else the one named total, else
// nil.
func (in *Instrument) Primary() *Score {
	if in.Outcome != nil {
		return in.Score(in.Outcome.Score)
	}
	for i := range in.Scores {
		if in.Scores[i].Bands != nil {
			return &in.Scores[i]
		}
	}
	return in.Score("total")
}

// ScoresOf returns the names of the scores that an item counts in directly.
func (in *Instrument) ScoresOf(item string) []string {
	var out []string
	for _, s := range in.Scores {
		if slices.Contains(s.Items, item) {
			out = append(out, s.Name)
		}
	}
	return out
}

// Column returns the name that the column of an item should have where a table
// is written: madrs_01. [Instrument.Match] finds it again.
func (in *Instrument) Column(item string) string {
	if n, err := strconv.Atoi(item); err == nil {
		width := 1
		for _, it := range in.Items {
			width = max(width, len(it.Name))
		}
		return fmt.Sprintf("%s_%0*d", in.Name, width, n)
	}
	return in.Name + "_" + item
}

// ScoreColumn returns the name that the column of a score should have where a
// table is written: madrs_total.
func (in *Instrument) ScoreColumn(score string) string { return in.Name + "_" + score }

//go:embed instruments/*.toml
var embedded embed.FS

// builtin reads the instruments that come with phasl, once.
var builtin = sync.OnceValue(func() []*Instrument {
	entries, err := embedded.ReadDir("instruments")
	if err != nil {
		panic("scales: " + err.Error())
	}
	var out []*Instrument
	for _, e := range entries {
		text, err := embedded.ReadFile(path.Join("instruments", e.Name()))
		if err != nil {
			panic("scales: " + err.Error())
		}
		in, l := Parse(e.Name(), text)
		if l.Err() != nil {
			panic("scales: " + l.Error())
		}
		in.File = ""
		out = append(out, in)
	}
	return out
})

// Instruments returns the instruments that come with phasl, by name.
func Instruments() []*Instrument { return slices.Clone(builtin()) }

// Find returns the instrument of that name, or nil. Case does not matter.
func Find(name string) *Instrument {
	for _, in := range builtin() {
		if strings.EqualFold(in.Name, name) {
			return in
		}
	}
	return nil
}

// number writes a number as short as keeps it.
func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
