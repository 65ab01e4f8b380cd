package cli

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"phasl/atlas"
	"phasl/diag"
	"phasl/internal/pipeline"
	"phasl/nullmap"
	"phasl/receptor"
	"phasl/voxel"
)

// readValues reads maps that are in parcels already. Names of maps are columns
// of the table; --panel may also name the table that describes them.
func (c *receptorsCmd) readValues() (*receptorInput, diag.List) {
	var l diag.List
	names, maps, order, vl := readParcelTable(c.Values)
	l.Add(vl...)
	if l.Err() != nil {
		return nil, l
	}
	in := &receptorInput{places: receptor.Places{Names: names}}
	taken := map[string]bool{}
	column := func(flag, name string) receptor.Map {
		v, ok := maps[name]
		if !ok {
			fix := "choose from " + strings.Join(order, ", ")
			if near, found := diag.Nearest(name, order); found {
				fix = "did you mean " + near + "?"
			}
			l.Errorf(c.Values, name, fix, "%s: there is no such column", flag)
		}
		taken[name] = true
		return receptor.Map{File: name, Values: v}
	}
	effect := c.Map
	if effect == "" {
		effect = order[0]
	}
	in.effect = column("--map", effect)
	for _, n := range c.Covariate {
		in.covariates = append(in.covariates, column("--covariate", n))
	}
	for _, n := range c.People {
		in.people = append(in.people, column("--people", n))
	}
	if c.Against != "" {
		m := column("--against", c.Against)
		in.against = &m
	}
	var tables, picked []string
	for _, p := range c.Panel {
		if _, ok := maps[p]; !ok {
			if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
				tables = append(tables, p)
				continue
			}
			for _, n := range strings.Split(p, ",") {
				picked = append(picked, strings.TrimSpace(n))
			}
			continue
		}
		picked = append(picked, p)
	}
	files, fl := pipeline.FindPanel(tables)
	l.Add(fl...)
	if len(picked) == 0 {
		for _, n := range order {
			if !taken[n] {
				picked = append(picked, n)
			}
		}
	}
	files.Maps = picked
	if fl.Err() == nil {
		l.Add(files.Keep(c.Target, "--target", "")...)
	}
	var cols []receptor.Column
	for _, n := range files.Maps {
		cols = append(cols, receptor.Column{File: n, Values: column("--panel", n).Values})
	}
	if len(cols) == 0 && l.Err() == nil {
		l.Errorf(c.Values, "--panel", "add columns of receptor densities", "no column is left for a receptor")
	}
	if l.Err() == nil {
		panel, pl := receptor.NewPanel(cols, files.Sources, files.Table, names)
		l.Add(pl...)
		if pl.Err() == nil {
			l.Add(receptor.Cerebellum(panel, names)...)
		}
		in.panel = panel
	}
	c.valuePlaces(in, &l)
	if len(names) < receptor.Fewest {
		l.Errorf(c.Values, "", "use a finer parcellation", "it has %d parcels; at least %d are needed", len(names), receptor.Fewest)
	}
	for _, n := range order {
		zero := 0
		for _, v := range maps[n] {
			if v == 0 {
				zero++
			}
		}
		if taken[n] && zero > 0 {
			l.Warnf(c.Values, n, "write n/a where there is no value", "%d of %d values are exactly zero and are taken for values", zero, len(names))
		}
	}
	return in, l
}

// valuePlaces finds out where the parcels of --values are.
func (c *receptorsCmd) valuePlaces(in *receptorInput, l *diag.List) {
	names := in.places.Names
	switch {
	case c.Coords != "":
		p, pl := readCoords(c.Coords, names)
		l.Add(pl...)
		in.places.Coords = p
	case c.Distances == "":
		p, pl := pipeline.ReadParcels(c.Atlas, c.Labels, "", receptor.ParcelOptions{Workers: c.Workers})
		l.Add(pl...)
		if p == nil {
			return
		}
		all := p.Places(false)
		in.places.Coords = make([]voxel.Vec, len(names))
		var unknown []string
		for i, n := range names {
			at := slices.IndexFunc(p.Regions, func(r atlas.Region) bool { return r.Name == n || strconv.Itoa(r.Labels[0]) == n })
			if at < 0 {
				unknown = append(unknown, n)
				continue
			}
			in.places.Coords[i] = all.Coords[at]
		}
		if len(unknown) > 0 {
			l.Errorf(c.Values, "parcels", "use the names or the numbers of the atlas's labels", "%d of %d parcels are not in %s: %s", len(unknown), len(names), c.Atlas, diag.Few(unknown, 8))
		}
	}
	if c.Distances != "" {
		rows, rl := readMatrix(c.Distances)
		l.Add(rl...)
		if rl.Err() != nil {
			return
		}
		d, dl := nullmap.NewDistances(c.Distances, rows)
		l.Add(dl...)
		if d != nil && d.N != len(names) {
			l.Errorf(c.Distances, "", "give one row and one column for each parcel", "it has %d rows and %s %d parcels", d.N, c.Values, len(names))
		}
		in.places.Distances = d
	}
}

// readCells reads a table of cells separated by tabs, commas, semicolons or
// blanks; lines that begin with # are comments.
func readCells(path string) ([][]string, diag.List) {
	var l diag.List
	st, err := os.Stat(path)
	if err == nil && st.Size() > maxScoreBytes {
		l.Errorf(path, "", "check that this is the right file", "the file is larger than %d MB", maxScoreBytes>>20)
		return nil, l
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, diag.List{{File: path, Found: "it cannot be read: " + reason(err), Fix: "look at the path", Err: err}}
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	comma := separator(raw)
	var rows [][]string
	if comma == ',' && !bytes.ContainsRune(raw, ',') {
		for line := range strings.Lines(string(raw)) {
			if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(f[0], "#") {
				rows = append(rows, f)
			}
		}
	} else {
		r := csv.NewReader(bytes.NewReader(raw))
		r.Comment, r.Comma, r.FieldsPerRecord, r.LazyQuotes = '#', comma, -1, comma == '\t'
		if rows, err = r.ReadAll(); err != nil {
			return nil, diag.List{{File: path, Found: "it is not a table: " + err.Error(), Fix: "mend the quotes in that line", Err: err}}
		}
	}
	for _, row := range rows {
		for j := range row {
			row[j] = strings.TrimSpace(row[j])
		}
	}
	if len(rows) == 0 {
		l.Errorf(path, "", "give a table", "it is empty")
	}
	return rows, l
}

// readParcelTable reads the table of --values: names of the parcels, maps by
// name, and their order.
func readParcelTable(path string) (names []string, maps map[string][]float64, order []string, l diag.List) {
	_, err := readTable(path) // which says what is wrong with its shape
	if cerr := l.Collect(err); cerr != nil {
		l.Add(&diag.Problem{File: path, Found: cerr.Error(), Fix: "look at the path", Err: cerr})
	}
	if l.Err() != nil {
		return nil, nil, nil, l
	}
	rows, rl := readCells(path)
	l.Add(rl...)
	if l.Err() != nil || len(rows) < 2 {
		return nil, nil, nil, l
	}
	for i, row := range rows {
		if len(row) != len(rows[0]) {
			l.Errorf(path, fmt.Sprintf("row %d", i), "give every row one cell for each column", "it has %d cells, the header %d", len(row), len(rows[0]))
			return nil, nil, nil, l
		}
	}
	seen := map[string]bool{}
	for i, row := range rows[1:] {
		n := row[0]
		switch {
		case missingCells[n]:
			l.Errorf(path, fmt.Sprintf("row %d", i+1), "name every parcel", "the parcel has no name")
		case seen[n]:
			l.Errorf(path, n, "give every parcel one row", "two rows are of this parcel")
		}
		seen[n] = true
		names = append(names, n)
	}
	maps = map[string][]float64{}
	for j, h := range rows[0][1:] {
		v := make([]float64, len(names))
		faulty := 0
		for i, row := range rows[1:] {
			x, ok := number(row[j+1])
			if v[i] = x; !ok {
				if faulty++; faulty <= 3 {
					l.Errorf(path, h, "write numbers, and n/a where there is none", "row %d (%s) is %q", i+1, row[0], row[j+1])
				}
			}
		}
		if faulty > 3 {
			l.Errorf(path, h, "write numbers, and n/a where there is none", "%d more rows are no numbers", faulty-3)
		}
		maps[h] = v
		order = append(order, h)
	}
	if len(order) == 0 {
		l.Errorf(path, "", "give the parcels in the first column and maps in the others", "it has one column only")
	}
	return names, maps, order, l
}

// number reads a cell; a missing one is NaN.
func number(s string) (float64, bool) {
	if missingCells[s] {
		return math.NaN(), true
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) || strings.ContainsAny(s, "_xXpP") {
		return math.NaN(), false
	}
	return v, true
}

// readCoords reads one point for each parcel [mm]: three numbers a row, with or
// without a name in front and a header. With names, rows may be in any order.
func readCoords(path string, names []string) ([]voxel.Vec, diag.List) {
	rows, l := readCells(path)
	if l.Err() != nil {
		return nil, l
	}
	header := !numeric(rows[0])
	cols := [3]int{}
	named := false
	if header {
		for a, want := range []string{"x", "y", "z"} {
			cols[a] = slices.IndexFunc(rows[0], func(h string) bool {
				h = strings.ToLower(h)
				return h == want || h == want+"_mm" || h == want+" [mm]" || h == "r" && a == 0 || h == "a" && a == 1 || h == "s" && a == 2
			})
			if cols[a] < 0 {
				l.Errorf(path, want, "name the columns of coordinates x, y and z", "there is no such column; the header is %s", strings.Join(rows[0], ", "))
			}
		}
		if l.Err() != nil {
			return nil, l
		}
		named = cols[0] > 0
		rows = rows[1:]
	} else {
		n := len(rows[0])
		if n < 3 {
			l.Errorf(path, "row 1", "give x, y and z", "it has %d cells", n)
			return nil, l
		}
		cols, named = [3]int{n - 3, n - 2, n - 1}, n > 3
	}
	if len(rows) != len(names) {
		l.Errorf(path, "", "give one row for each parcel", "it has %d rows and there are %d parcels", len(rows), len(names))
	}
	at := map[string]int{}
	for i, n := range names {
		at[n] = i
	}
	matching := 0
	for _, r := range rows {
		if _, ok := at[r[0]]; ok && named {
			matching++
		}
	}
	byName := matching == len(rows)
	if named && matching > 0 && !byName {
		l.Errorf(path, "", "use the names of the table of values", "%d of %d names are not among the parcels", len(rows)-matching, len(rows))
	}
	if l.Err() != nil {
		return nil, l
	}
	out := make([]voxel.Vec, len(names))
	set := make([]bool, len(names))
	for i, r := range rows {
		k := i
		if byName {
			k = at[r[0]]
		}
		if set[k] {
			l.Errorf(path, names[k], "give every parcel one row", "two rows are of this parcel")
		}
		set[k] = true
		for a, c := range cols {
			if c >= len(r) {
				l.Errorf(path, fmt.Sprintf("row %d", i+1), "give x, y and z", "it has %d cells", len(r))
				break
			}
			v, ok := number(r[c])
			if !ok {
				l.Errorf(path, fmt.Sprintf("row %d", i+1), "give numbers in mm", "%q is no coordinate", r[c])
			}
			out[k][a] = v
		}
		if len(l) > 20 {
			break
		}
	}
	return out, l
}

// numeric tells whether a row's last cell is a number.
func numeric(row []string) bool {
	_, err := strconv.ParseFloat(row[len(row)-1], 64)
	return err == nil
}

// readMatrix reads a square table of numbers, with or without a header.
func readMatrix(path string) ([][]float64, diag.List) {
	rows, l := readCells(path)
	if l.Err() != nil {
		return nil, l
	}
	if !numeric(rows[0]) || len(rows) == len(rows[0])+1 {
		rows = rows[1:]
	}
	out := make([][]float64, len(rows))
	for i, r := range rows {
		if len(r) == len(rows)+1 { // a name in front
			r = r[1:]
		}
		for _, s := range r {
			v, ok := number(s)
			if !ok && len(l) < 20 {
				l.Errorf(path, fmt.Sprintf("row %d", i+1), "give distances in mm", "%q is no number", s)
			}
			out[i] = append(out[i], v)
		}
	}
	return out, l
}
