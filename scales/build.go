package scales

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/diag"
)

// read takes the instrument from the tables and checks it.
func (r *reader) read(in *Instrument, root map[string]any) {
	r.Strangers("", root, append(slices.Clone(topKeys), "items", "score", "outcome"), nil)
	in.Name = r.text("", root, "name")
	switch {
	case in.Name == "":
		if _, given := root["name"].(string); given || root["name"] == nil {
			r.Fault("name", `give it one: name = "madrs"`, "the instrument has no name")
		}
	case !scoreName.MatchString(in.Name):
		r.Fault("name", "write small letters, digits and _, a letter first", "%q is no name", clip(in.Name))
	}
	in.Title = r.text("", root, "title")
	if in.Title == "" {
		in.Title = in.Name
	}
	in.Version = r.text("", root, "version")
	in.Note = r.text("", root, "note")
	in.Missing = r.text("", root, "missing")
	in.Sources = r.texts("", root, "sources")
	in.Prefixes = r.texts("", root, "prefixes")
	for _, p := range in.Prefixes {
		if !scoreName.MatchString(p) {
			r.Fault("prefixes", "write small letters, digits and _, a letter first", "%q is no beginning of a column name", clip(p))
		}
	}
	for i, t := range r.Tables(root, "items") {
		r.items(in, i, t)
	}
	list := r.Tables(root, "score")
	if len(list) > maxScores {
		r.Fault("score", "split the instrument", "there are %d scores, more than %d", len(list), maxScores)
		list = list[:maxScores]
	}
	parts := 0
	for i, t := range list {
		s, ok := r.score(in, i, t)
		if parts += len(s.parts()); parts > maxParts {
			r.Fault("score", "split the instrument", "the scores have more than %d parts in all", maxParts)
			break
		}
		if ok {
			in.Scores = append(in.Scores, s)
		}
	}
	if len(list) == 0 && in.Open == nil {
		r.Fault("", `say what is added up: [[score]] with name, method and items`, "the instrument has no scores")
	}
	switch v := root["outcome"].(type) {
	case nil:
	case map[string]any:
		r.outcome(in, v)
	default:
		r.Fault("outcome", "write [outcome] on a line of its own, its keys below", "%s where a table belongs", kindOf(v))
	}
}

// items reads one block of items.
func (r *reader) items(in *Instrument, block int, t map[string]any) {
	table := fmt.Sprintf("items[%d]", block)
	r.Strangers(table, t, itemKeys, nil)
	for _, key := range []string{"low", "high"} {
		if _, ok := t[key]; !ok {
			r.Fault(dotted(table, key), "give the lowest and the highest answer, such as low = 0 and high = 6", "there is no %s", key)
		}
	}
	it := Item{
		Low: r.number(table, t, "low", 0), High: r.number(table, t, "high", 1e12),
		Step: r.number(table, t, "step", 1), Unkeyed: r.flag(table, t, "unkeyed"), block: block,
	}
	switch {
	case it.High <= it.Low:
		r.Fault(dotted(table, "high"), "write the higher number as high", "high is %s and low %s", number(it.High), number(it.Low))
	case it.Step < 0:
		r.Fault(dotted(table, "step"), "write the distance between answers, or 0 if there is none", "step is %s", number(it.Step))
	case it.Step > 0 && (it.High-it.Low)/it.Step > 1e6:
		r.Fault(dotted(table, "step"), "write step = 0 where any number between low and high can be", "there are more than a million answers")
	case !it.Allows(it.High):
		r.Fault(dotted(table, "step"), "choose a step that leads from low to high, or 0", "steps of %s do not lead from %s to %s", number(it.Step), number(it.Low), number(it.High))
	}
	if r.flag(table, t, "open") {
		for _, key := range []string{"items", "reversed", "labels", "unkeyed"} {
			if _, ok := t[key]; ok {
				r.Fault(dotted(table, key), "remove it, or remove open", "items that the table names itself have no %s here", key)
			}
		}
		if in.Open != nil {
			r.Fault(dotted(table, "open"), "keep one", "two blocks are open")
		}
		in.Open = &it
		return
	}
	names := r.names(table, t, "items")
	if _, ok := t["items"]; !ok {
		r.Fault(dotted(table, "items"), `name them: items = "1-10"`, "the block names no items")
	}
	reversed := r.names(table, t, "reversed")
	for _, n := range reversed {
		if names != nil && !slices.Contains(names, n) {
			r.Fault(dotted(table, "reversed"), "name items of this block", "item %s is not in this block", n)
		}
	}
	labels := r.texts(table, t, "labels")
	if labels != nil && names != nil && len(labels) != len(names) {
		r.Fault(dotted(table, "labels"), "give one for each item, in their order", "there are %d labels for %d items", len(labels), len(names))
		labels = nil
	}
	if len(in.Items)+len(names) > maxItems {
		r.Fault(dotted(table, "items"), "split the instrument", "there are more than %d items", maxItems)
		return
	}
	for i, n := range names {
		if _, twice := in.Item(n); twice {
			r.Fault(dotted(table, "items"), "name each item in one block", "item %s is in another block too", n)
			continue
		}
		one := it
		one.Name, one.Reversed = n, slices.Contains(reversed, n)
		if labels != nil {
			one.Label = labels[i]
		}
		in.Items = append(in.Items, one)
	}
}

// score reads one score; ok is false if it cannot be used by later ones.
func (r *reader) score(in *Instrument, i int, t map[string]any) (s Score, ok bool) {
	table := fmt.Sprintf("score[%d]", i)
	r.Strangers(table, t, scoreKeys, nil)
	s = Score{
		Name: r.text(table, t, "name"), Title: r.text(table, t, "title"), Method: Method(r.text(table, t, "method")),
		Columns: r.texts(table, t, "columns"), Source: r.text(table, t, "source"), Caution: r.text(table, t, "caution"),
	}
	if s.Title == "" {
		s.Title = s.Name
	}
	ok = scoreName.MatchString(s.Name)
	switch {
	case !ok:
		r.Fault(dotted(table, "name"), `write small letters, digits and _, a letter first: name = "total"`, "%q is no name", clip(s.Name))
	case in.Score(s.Name) != nil:
		r.Fault(dotted(table, "name"), "give each score a name of its own", "two scores are named %s", s.Name)
		ok = false
	}
	if _, item := in.Item(s.Name); item && ok {
		r.Fault(dotted(table, "name"), "rename one of them", "an item and a score are named %s", s.Name)
	}
	for _, c := range s.Columns {
		if !scoreName.MatchString(c) {
			r.Fault(dotted(table, "columns"), "write small letters, digits and _, a letter first", "%q is no column name", clip(c))
		}
	}
	if !r.parts(in, table, t, &s) {
		return s, false
	}
	n := len(s.parts())
	s.AtLeast = n
	if _, given := t["at_least"]; given && s.Method != Given {
		k := r.number(table, t, "at_least", float64(n))
		if k != math.Trunc(k) || k < 1 || k > float64(n) {
			r.Fault(dotted(table, "at_least"), fmt.Sprintf("write how many of the %d have to be known", n), "at_least is %s", number(k))
		} else {
			s.AtLeast = int(k)
		}
	}
	low, high := in.span(&s)
	s.Low, s.High = r.number(table, t, "low", low), r.number(table, t, "high", high)
	if s.High <= s.Low {
		r.Fault(dotted(table, "high"), "write the higher number as high", "high is %s and low %s", number(s.High), number(s.Low))
	}
	s.Bands = r.bands(table, t, &s)
	return s, ok
}

// parts reads what a score is made of.
func (r *reader) parts(in *Instrument, table string, t map[string]any, s *Score) bool {
	_, items := t["items"]
	_, of := t["of"]
	switch s.Method {
	case Sum, Mean, Max:
		if items == of {
			r.Fault(table, `write items = "1-4", or of = "sleep, mood"`, "the score needs one of items and of")
			return false
		}
	case Given:
		for _, key := range []string{"items", "of", "at_least"} {
			if _, ok := t[key]; ok {
				r.Fault(dotted(table, key), "remove it, or choose the method sum, mean or max", "a score that is given is not made of anything")
				return false
			}
		}
		for _, key := range []string{"low", "high"} {
			if _, ok := t[key]; !ok {
				r.Fault(dotted(table, key), "give the lowest and the highest value", "a score that is given needs %s", key)
				return false
			}
		}
		return true
	default:
		words := []string{string(Sum), string(Mean), string(Max), string(Given)}
		fix := "choose one of: " + strings.Join(words, ", ")
		if near, ok := diag.Nearest(string(s.Method), words); ok {
			fix = "write " + near
		}
		r.Fault(dotted(table, "method"), fix, "%q is no method", clip(string(s.Method)))
		return false
	}
	good := true
	if items {
		s.Items = r.names(table, t, "items")
		for _, n := range s.Items {
			it, found := in.Item(n)
			switch {
			case !found:
				r.Fault(dotted(table, "items"), "name items of an [[items]] block", "there is no item %s", n)
				good = false
			case it.Unkeyed:
				r.Fault(dotted(table, "items"), "remove unkeyed from the block of the item", "item %s is unkeyed and cannot be scored", n)
				good = false
			}
		}
		return good && s.Items != nil
	}
	s.Of = r.names(table, t, "of")
	for _, n := range s.Of {
		if in.Score(n) == nil {
			r.Fault(dotted(table, "of"), "name scores that stand before this one", "there is no score %s before this one", clip(n))
			good = false
		}
	}
	return good && s.Of != nil
}

// span returns the lowest and highest value that the parts of a score allow.
func (in *Instrument) span(s *Score) (low, high float64) {
	n := float64(len(s.parts()))
	for i, name := range s.parts() {
		l, h := in.partRange(s, name)
		if s.Method == Max {
			if i == 0 {
				low, high = l, h
			}
			low, high = max(low, l), max(high, h)
			continue
		}
		low, high = low+l, high+h
	}
	if s.Method == Mean {
		low, high = low/n, high/n
	}
	return low, high
}

// partRange returns the lowest and highest value of a part of a score.
func (in *Instrument) partRange(s *Score, name string) (low, high float64) {
	if s.Items != nil {
		it, _ := in.Item(name)
		return it.Low, it.High
	}
	p := in.Score(name)
	return p.Low, p.High
}

// bands reads the severity bands of a score.
func (r *reader) bands(table string, t map[string]any, s *Score) []Band {
	v, ok := t["bands"]
	if !ok {
		return nil
	}
	key := dotted(table, "bands")
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		r.WrongType(key, v, "a list of bands", `write [{ from = 0, name = "none" }, { from = 6, name = "mild" }]`)
		return nil
	}
	var out []Band
	for i, e := range list {
		b, ok := e.(map[string]any)
		if !ok {
			r.Fault(key, `write { from = 0, name = "none" }`, "element %d is %s, not a band", i+1, kindOf(e))
			return nil
		}
		r.Strangers(key, b, bandKeys, nil)
		band := Band{From: r.number(key, b, "from", math.NaN()), Name: r.text(key, b, "name")}
		switch {
		case math.IsNaN(band.From) || band.Name == "":
			r.Fault(key, `write { from = 0, name = "none" }`, "band %d lacks from or name", i+1)
			return nil
		case band.From < s.Low || band.From > s.High:
			r.Fault(key, fmt.Sprintf("write a value from %s to %s", number(s.Low), number(s.High)), "band %d begins at %s, which the score cannot be", i+1, number(band.From))
			return nil
		case i > 0 && band.From <= out[i-1].From:
			r.Fault(key, "write them from low to high", "band %d does not begin above the one before", i+1)
			return nil
		case i == 0 && band.From != s.Low:
			r.Fault(key, "begin with a band from "+number(s.Low), "the first band begins at %s, the score at %s", number(band.From), number(s.Low))
			return nil
		}
		out = append(out, band)
	}
	return out
}

// outcome reads what counts as response and remission.
func (r *reader) outcome(in *Instrument, t map[string]any) {
	r.Strangers("outcome", t, outcomeKeys, nil)
	nan := math.NaN()
	o := &OutcomeRules{
		Score: r.text("outcome", t, "score"), Source: r.text("outcome", t, "source"),
		Response: r.number("outcome", t, "response", nan), Remission: r.number("outcome", t, "remission", nan),
	}
	s := in.Score(o.Score)
	if s == nil {
		r.Fault("outcome.score", "name one of the scores", "there is no score %q", clip(o.Score))
		return
	}
	if o.Response <= 0 || o.Response > 100 {
		r.Fault("outcome.response", "write the reduction in percent, such as 50", "response is %s", number(o.Response))
	}
	if o.Remission < s.Low || o.Remission > s.High {
		r.Fault("outcome.remission", "write the highest score that is remission", "remission is %s, which the score cannot be", number(o.Remission))
	}
	in.Outcome = o
}
