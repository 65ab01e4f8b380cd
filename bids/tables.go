package bids

import (
	"os"
	"path"
	"slices"
	"strings"

	"phasl/diag"
)

// scansTable reads a scans.tsv and keeps its rows by file.
func (x *indexer) scansTable(rel string) {
	t := x.table(rel)
	if t == nil {
		return
	}
	if t.Column("filename") < 0 {
		missingColumn(&x.l, t, "filename")
		return
	}
	var faults counter
	for i := range t.Rows {
		name, ok := t.Cell(i, "filename")
		if !ok {
			if faults.add() {
				x.l.Errorf(rel, "filename", "write the path of the image", "row %d names no file", i+1)
			}
			continue
		}
		p := path.Join(path.Dir(rel), strings.TrimPrefix(name, "/"))
		if _, twice := x.d.scans[p]; twice {
			if faults.add() {
				x.l.Errorf(rel, "filename", "keep one row for each file", "%q stands twice", clip(name))
			}
			continue
		}
		x.d.scans[p] = scansRow{rel, t.Row(i)}
	}
	faults.rest(&x.l, rel, "rows without a file or with the same file")
}

func missingColumn(l *diag.List, t *Table, column string) {
	fix := "add the column"
	if near, ok := diag.Nearest(column, t.Columns); ok {
		fix = "rename the column " + near + " to " + column
	}
	l.Errorf(t.File, column, fix, "there is no such column")
}

// checkTables compares the tables with the folders.
func (d *Dataset) checkTables(l *diag.List) {
	d.checkScans(l)
	if t := d.Participants; t != nil {
		d.checkIDs(l, t, "participant_id", "sub-", d.Subjects(), true)
	}
	for _, sub := range d.Subjects() {
		if t := d.Sessions[sub]; t != nil {
			d.checkIDs(l, t, "session_id", "ses-", d.SessionsOf(sub), true)
		}
	}
	names := make([]string, 0, len(d.Phenotype))
	for n := range d.Phenotype {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		// A measure may be repeated (a session_id column tells the rows apart),
		// and need not have been taken from everybody.
		d.checkIDs(l, d.Phenotype[n], "participant_id", "sub-", d.Subjects(), false)
	}
}

// checkIDs checks a column of identifiers against the labels of the folders.
// complete asks for exactly one row for each folder.
func (d *Dataset) checkIDs(l *diag.List, t *Table, column, prefix string, labels []string, complete bool) {
	c := t.Column(column)
	if c < 0 {
		missingColumn(l, t, column)
		return
	}
	seen := map[string]bool{}
	var faults, strangers counter
	folders := make(map[string]bool, len(labels))
	for _, label := range labels {
		folders[label] = true
	}
	for i, row := range t.Rows {
		id := row[c]
		label, ok := strings.CutPrefix(id, prefix)
		switch {
		case !ok || !isLabel(label):
			if !faults.add() {
				continue
			}
			fix := "write " + prefix + " and the label"
			if a := Alphanumeric(strings.TrimPrefix(strings.TrimPrefix(id, prefix[:3]), "-")); a != "" {
				fix = "write " + prefix + a
			}
			l.Errorf(t.File, column, fix, "row %d: %q is not of the form %slabel", i+1, clip(id), prefix)
			continue
		case complete && seen[label]:
			if faults.add() {
				l.Errorf(t.File, column, "keep one row", "%q stands twice", clip(id))
			}
		case !seen[label] && !folders[label]:
			if strangers.add() {
				l.Warnf(t.File, column, "check the spelling", "there is no folder %s", clip(id))
			}
		}
		seen[label] = true
	}
	faults.rest(l, t.File, "identifiers wrong or repeated")
	if strangers > maxTableProblems {
		l.Warnf(t.File, column, "check their spelling", "%d more rows have no folder", strangers-maxTableProblems)
	}
	for _, label := range labels {
		if complete && !seen[label] {
			l.Warnf(t.File, column, "add a row", "%s%s has a folder but no row", prefix, label)
		}
	}
}

// checkScans names rows of scans.tsv that lead nowhere: the scan they are
// about would lose its phase or time.
func (d *Dataset) checkScans(l *diag.List) {
	paths := make([]string, 0, len(d.scans))
	for p := range d.scans {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	said := map[string]counter{}
	for _, p := range paths {
		if d.Exists(p) {
			continue
		}
		row := d.scans[p]
		n := said[row.file]
		if n > maxTableProblems {
			continue
		}
		if _, err := os.Stat(d.Abs(p)); err == nil && !strings.HasPrefix(p, "../") {
			continue // a file of a kind that is not indexed
		}
		more := n.add()
		said[row.file] = n
		if !more {
			l.Errorf(row.file, "filename", "correct the paths", "more than %d rows name files that are not there", maxTableProblems)
			continue
		}
		fix := "correct the path, or remove the row"
		var candidates []string
		for _, f := range d.Files {
			if f.Image() && strings.HasPrefix(f.Path, path.Dir(row.file)+"/") {
				candidates = append(candidates, strings.TrimPrefix(f.Path, path.Dir(row.file)+"/"))
			}
		}
		if near, ok := diag.Nearest(row.row["filename"], candidates); ok {
			fix = "write " + near
		}
		l.Errorf(row.file, "filename", fix, "there is no file %q", clip(row.row["filename"]))
	}
}

// checkOrphans names metadata in perf/ that applies to no image: the image is
// missing or one of the two is misnamed.
func (d *Dataset) checkOrphans(l *diag.List) {
	for _, f := range d.Files {
		if f.Datatype != "perf" || f.Ext != ".json" && f.Ext != ".tsv" {
			continue
		}
		suffix := f.Suffix
		if suffix == "aslcontext" {
			suffix = "asl"
		}
		used := false
		for _, i := range d.byDir[path.Dir(f.Path)] {
			g := d.Files[i]
			used = used || g.Image() && g.Suffix == suffix && f.Entities.within(g.Entities)
		}
		if !used {
			l.Errorf(f.Path, "", "restore the image, or rename the file after it", "the file applies to no image: there is no %s image of these entities in its folder", suffix)
		}
	}
}
