package scales

import (
	"fmt"
	"strings"

	"phasl/bids"
)

// Recognise tells which instrument a table holds, and by what it was known,
// for a person. known are the instruments to choose from; stem is the name of
// the file without its extension, "" if it has none.
//
// An instrument fits if its columns are in the table and nothing about them is
// wrong. Of several that fit the one that takes most columns is chosen, then
// the one whose name the file has. The instrument is nil if none fits, or if
// the choice is not clear; why says so.
func Recognise(stem string, t *bids.Table, known []*Instrument) (in *Instrument, why string) {
	type candidate struct {
		in    *Instrument
		n     int
		named bool
	}
	var best []candidate
	for _, k := range known {
		m, l := k.Match(t, Options{})
		if l.Err() != nil {
			continue
		}
		c := candidate{k, len(m.Items) + len(m.Scores), k.named(stem)}
		switch {
		case len(best) == 0 || c.n > best[0].n || c.n == best[0].n && c.named && !best[0].named:
			best = []candidate{c}
		case c.n == best[0].n && c.named == best[0].named:
			best = append(best, c)
		}
	}
	switch len(best) {
	case 0:
		return nil, "no instrument has these columns"
	case 1:
		c := best[0]
		by := fmt.Sprintf("by %d of its columns", c.n)
		if c.named {
			by += " and the name of the file"
		}
		return c.in, c.in.Title + ", " + by
	}
	var names []string
	for _, c := range best {
		names = append(names, c.in.Name)
	}
	return nil, "the columns may be " + strings.Join(names, " or ") + ": name the file after the instrument"
}

// named tells whether a file is named after the instrument: its name, alone or
// followed by a separator.
func (in *Instrument) named(stem string) bool {
	s := fold(stem)
	return s == in.Name || strings.HasPrefix(s, in.Name+"_")
}
