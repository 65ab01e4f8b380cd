package pipeline

import (
	"os"
	"path"
	"slices"
	"strings"

	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
)

// tableFaults keeps, of the faults found when a dataset was opened, those of
// its tables: the group level reads nothing else of it, and images may be
// absent or empty. Rows of scans.tsv are judged by [acquiredScans], because a
// row whose image is not there is no fault here.
func tableFaults(all diag.List) diag.List {
	var out diag.List
	for _, p := range all {
		base := path.Base(p.File)
		switch {
		case base == "participants.tsv", strings.HasSuffix(base, "_sessions.tsv"):
			out = append(out, p)
		case strings.HasSuffix(base, "_scans.tsv") && p.Field != "filename":
			out = append(out, p)
		}
	}
	return out
}

// acquiredScans returns the ASL scans that the dataset knows: images in perf/
// and rows of scans.tsv, whether or not the images are there.
func acquiredScans(ds *bids.Dataset, l *diag.List) []crossover.Acquired {
	var out []crossover.Acquired
	known := map[string]int{}
	for _, sc := range ds.ASLScans() {
		known[sc.Path] = len(out)
		out = append(out, crossover.Acquired{Subject: sc.Subject, Session: sc.Session, Acq: sc.Entities["acq"], Run: sc.Entities["run"], File: sc.Path, Columns: sc.ScansRow})
	}
	for _, sub := range ds.Subjects() {
		for _, ses := range append([]string{""}, ds.SessionsOf(sub)...) {
			dir := "sub-" + sub
			if ses != "" {
				dir += "/ses-" + ses
			}
			rel := dir + "/" + strings.ReplaceAll(dir, "/", "_") + "_scans.tsv"
			if _, err := os.Stat(ds.Abs(rel)); err != nil {
				continue
			}
			t, _ := bids.ReadTable(ds.Abs(rel)) // its faults were found when the dataset was opened
			if t == nil {
				continue
			}
			if t.Column("filename") < 0 {
				l.Errorf(rel, "filename", "add the column, with the path of each image", "there is no such column")
				continue
			}
			seen := map[string]bool{}
			for i := range t.Rows {
				name, ok := t.Cell(i, "filename")
				if !ok {
					l.Errorf(rel, "filename", "write the path of the image", "row %d names no file", i+1)
					continue
				}
				file := path.Join(dir, strings.TrimPrefix(name, "/"))
				if seen[file] {
					l.Errorf(rel, "filename", "keep one row for each file", "%q stands twice", name)
					continue
				}
				seen[file] = true
				if _, ok := known[file]; ok || !strings.Contains(file, "/perf/") {
					continue
				}
				d, ok := parseDerivative(file)
				if !ok || d.suffix != "asl" || d.ext != ".nii" && d.ext != ".nii.gz" {
					continue
				}
				if d.entities["sub"] != sub || d.entities["ses"] != ses {
					l.Errorf(rel, "filename", "name files of this person and visit only", "%q belongs to another subject or session", name)
					continue
				}
				out = append(out, crossover.Acquired{Subject: sub, Session: ses, Acq: d.entities["acq"], Run: d.entities["run"], File: file, Columns: t.Row(i)})
			}
		}
	}
	return out
}

// join adds to the scans that the dataset knows those known from the results
// alone, and the phase that the results state to scans without a row in
// scans.tsv.
func (s *source) join(known []crossover.Acquired) []crossover.Acquired {
	var out []crossover.Acquired
	at := map[scanKey]int{}
	for _, a := range known {
		at[acquiredKey(a)] = len(out) // of two alike the trial complains
		out = append(out, a)
	}
	for _, sc := range s.scans {
		if n, ok := at[sc.key]; ok {
			if out[n].Columns == nil { // else its row of scans.tsv counts, as it stands now
				out[n].Phase = sc.phase
			}
			continue
		}
		file := sc.file
		if sc.cbf == "" {
			file = sc.key.String()
		}
		out = append(out, crossover.Acquired{Subject: sc.key.sub, Session: sc.key.ses, Acq: sc.key.acq, Run: sc.key.run, File: file, Phase: sc.phase})
	}
	slices.SortStableFunc(out, func(a, b crossover.Acquired) int {
		for _, p := range [][2]string{{a.Subject, b.Subject}, {a.Session, b.Session}, {a.Acq, b.Acq}, {a.Run, b.Run}} {
			if n := strings.Compare(p[0], p[1]); n != 0 {
				return n
			}
		}
		return 0
	})
	return out
}

func acquiredKey(a crossover.Acquired) scanKey { return keyOf(a.Subject, a.Session, a.Acq, a.Run) }
