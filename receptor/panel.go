package receptor

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/diag"
)

// A Column is a panel's map that is in parcels already: a column of a table.
type Column struct {
	File   string // name of the column, as the panel's table has it under file
	Values []float64
}

// NewPanel joins maps in parcels with the table that describes them, in the
// order of the maps, takes out the regions where a tracer does not measure its
// target, and says what does not fit. table names the table in messages, "" if
// there is none; parcels are the names of the places.
//
// Errors: two maps of one file name. Warnings: a map without a row (its target
// is then the file's name), a row without a map, several maps of one target, two
// maps with the same values, a map without a value, or with one value only.
func NewPanel(maps []Column, sources []Source, table string, parcels []string) ([]Density, diag.List) {
	var l diag.List
	byFile := map[string]*Source{}
	for i := range sources {
		byFile[stem(sources[i].File)] = &sources[i]
	}
	seen := map[string]bool{}
	var out []Density
	for _, m := range maps {
		key := stem(m.File)
		if seen[key] {
			l.Errorf(m.File, "", "name each map once", "two maps of the panel have this name")
			continue
		}
		seen[key] = true
		d := Density{Source: Source{File: baseName(m.File), Target: key}, Values: slices.Clone(m.Values)}
		if s, ok := byFile[key]; ok {
			d.Source = *s
		} else if table != "" {
			l.Warnf(m.File, "target", "add a row with its file, target and tracer", "%s has no row for it; its target is called %s", table, key)
		}
		for i, name := range parcels {
			if i < len(d.Values) && d.excludes(name) {
				d.Values[i] = math.NaN()
				d.Excluded = append(d.Excluded, i)
			}
		}
		if missed := d.missed(parcels); len(missed) > 0 {
			l.Warnf(m.File, colExclude, "write a part of the names of the atlas's regions, or take it out", "no region is called %s, so that nothing is left out for it", strings.Join(missed, ", "))
		}
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, v := range d.Values {
			if finite(v) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
		switch {
		case lo > hi:
			l.Warnf(m.File, "", "look at the map", "no parcel has a value")
		case lo == hi:
			l.Warnf(m.File, "", "look at the map", "all parcels are %g", lo)
		}
		out = append(out, d)
	}
	for i := range sources {
		if !seen[stem(sources[i].File)] {
			l.Warnf(table, sources[i].File, "add the file, or remove the row", "it has a row (%s) and was not given", sources[i].Target)
		}
	}
	duplicates(out, &l)
	return out, l
}

// duplicates warns of targets and values that occur twice, and makes such
// targets distinct by their file.
func duplicates(panel []Density, l *diag.List) {
	files := map[string][]string{}
	var order []string
	for _, d := range panel {
		key := strings.ToLower(d.Target)
		if files[key] == nil {
			order = append(order, key)
		}
		files[key] = append(files[key], d.File)
	}
	for _, key := range order {
		if f := files[key]; len(f) > 1 {
			l.Warnf(f[0], "target", "keep one of them, or count them as one question", "%d maps are of one target (%s): %s; family-wise p counts each", len(f), key, strings.Join(f, ", "))
		}
	}
	for i := range panel {
		for j := range i {
			if sameValues(panel[i].Values, panel[j].Values) {
				l.Warnf(panel[i].File, "", "remove one of the two", "its values are those of %s", panel[j].File)
			}
		}
	}
}

// sameValues tells whether two maps agree wherever both have a value, and have
// some.
func sameValues(a, b []float64) bool {
	both := 0
	for i, v := range a {
		if i < len(b) && finite(v) && finite(b[i]) {
			if v != b[i] {
				return false
			}
			both++
		}
	}
	return both > 2
}

// Standardise returns values with mean 0 and standard deviation 1 (n − 1) over
// those that are finite; NaN elsewhere, and everywhere if they do not vary.
func Standardise(x []float64) []float64 {
	out := make([]float64, len(x))
	var at []int
	for i, v := range x {
		out[i] = math.NaN()
		if finite(v) {
			at = append(at, i)
		}
	}
	v := take(x, at)
	if len(v) < 2 || !unit(v, nil) {
		return out
	}
	for k, i := range at {
		out[i] = v[k] * math.Sqrt(float64(len(at)-1))
	}
	return out
}

// Cerebellum returns a warning if the places include the cerebellum while no
// source says whether its tracer measures there: it is the reference region of
// most tracers, where their maps are low whatever the receptor does.
func Cerebellum(panel []Density, parcels []string) diag.List {
	var l diag.List
	n := 0
	for _, name := range parcels {
		if isCerebellum(strings.ToLower(name)) {
			n++
		}
	}
	var without []string
	for _, d := range panel {
		if len(d.Exclude) == 0 {
			without = append(without, d.Target)
		}
	}
	if n > 0 && len(without) > 0 {
		l.Warnf(panel[0].File, colExclude, "write the regions where a tracer does not measure its target into the column exclude of the panel's table, such as cerebellum", "%s", fmt.Sprintf("%d parcels lie in the cerebellum, the reference region of many tracers, and count for %s", n, strings.Join(without, ", ")))
	}
	return l
}
