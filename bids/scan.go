package bids

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"phasl/diag"
)

// A Scan is one ASL series with everything that belongs to it.
type Scan struct {
	Subject  string   // label without "sub-"
	Session  string   // label without "ses-"; "" if there are no sessions
	Entities Entities // of the file name, with sub and ses
	Path     string   // image, relative to the dataset
	AbsPath  string

	Sidecar     *Sidecar
	Context     []VolumeType // one per volume; nil if aslcontext.tsv is absent or has no volume_type
	ContextPath string       // aslcontext.tsv that applies, or where it ought to be

	M0       *M0Image          // separate M0 scan; nil if none belongs to the series
	T1w      []string          // T1w images, relative, best first: of the same session, else of the subject
	ScansRow map[string]string // row of scans.tsv by column, without missing values; nil if there is none

	problems diag.List // found while gathering the above
}

// An M0Image is a separate calibration scan.
type M0Image struct {
	Path     string // image, relative to the dataset
	AbsPath  string
	Entities Entities
	Sidecar  *Sidecar
}

// With returns a copy of the scan in which the user's values (--set) replace
// those of the sidecar. A name that begins with "m0scan." sets a field of the
// separate M0 scan.
func (s *Scan) With(overrides map[string]string) *Scan {
	out := *s
	out.Sidecar = s.Sidecar.clone()
	if s.M0 != nil {
		m0 := *s.M0
		m0.Sidecar = s.M0.Sidecar.clone()
		out.M0 = &m0
	}
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		if field, ok := strings.CutPrefix(name, "m0scan."); !ok {
			out.Sidecar.Set(name, overrides[name])
		} else if out.M0 != nil {
			out.M0.Sidecar.Set(field, overrides[name])
		}
	}
	return &out
}

// buildScans gathers the ASL series.
func (d *Dataset) buildScans(l *diag.List) {
	h := &inheritor{d: d, cache: map[string]jsonFile{}}
	m0 := d.m0Scans(h)
	for _, f := range d.Files {
		if f.Datatype != "perf" || f.Suffix != "asl" || !f.Image() {
			continue
		}
		s := Scan{
			Subject:  f.Entities["sub"],
			Session:  f.Entities["ses"],
			Entities: f.Entities,
			Path:     f.Path,
			AbsPath:  d.Abs(f.Path),
		}
		l := &s.problems
		s.Sidecar = h.sidecar(f, l)
		d.context(h, f, &s, l)
		if part := f.Entities["part"]; part != "" && part != "mag" {
			l.Errorf(f.Path, "part", "name it in .bidsignore, or give magnitude images", "part-%s: perfusion is computed from magnitude images", part)
		}
		other := path.Dir(f.Path) + "/" + Name(f.Entities, f.Suffix, ".nii")
		if f.Ext == ".nii.gz" && d.Exists(other) {
			l.Errorf(f.Path, "", "remove one of the two", "the image stands twice, as .nii and as .nii.gz")
		}
		matchM0(&s, m0[s.Subject], l)
		if s.M0 != nil {
			s.M0.AbsPath = d.Abs(s.M0.Path)
		}
		d.t1w(&s, l)
		if row, ok := d.scans[f.Path]; ok {
			s.ScansRow = row.row
		}
		d.asl = append(d.asl, s)
	}
	for _, sub := range slices.Sorted(maps.Keys(m0)) {
		for _, m := range m0[sub] {
			if !slices.ContainsFunc(d.asl, func(s Scan) bool { return s.M0 != nil && s.M0.Path == m.file.Path }) {
				l.Add(m.problems...)
				l.Warnf(m.file.Path, "IntendedFor", "name the ASL series in IntendedFor", "the M0 scan belongs to no ASL series and is not used")
			}
		}
	}
}

// context finds and reads the aslcontext.tsv of a series. Tables are not
// merged: the nearest is the one that counts.
func (d *Dataset) context(h *inheritor, f File, s *Scan, l *diag.List) {
	s.ContextPath = path.Dir(f.Path) + "/" + Name(f.Entities.With("echo", "", "part", ""), "aslcontext", ".tsv")
	tables := h.applicable(f, "aslcontext", ".tsv", l)
	if len(tables) == 0 {
		l.Errorf(s.ContextPath, "", "write it: a line volume_type, then control, label, m0scan, deltam or cbf for each volume of the image", "there is no aslcontext.tsv for %s", f.Path)
		return
	}
	s.ContextPath = tables[len(tables)-1]
	var problems diag.List
	s.Context, problems = readContext(d.Abs(s.ContextPath), s.ContextPath)
	l.Add(problems...)
}

// t1w finds the T1w images that go with a series.
func (d *Dataset) t1w(s *Scan, l *diag.List) {
	var same, others []string
	for _, f := range d.ofSubject(s.Subject) {
		if f.Datatype != "anat" || f.Suffix != "T1w" || !f.Image() {
			continue
		}
		if p := f.Entities["part"]; p != "" && p != "mag" {
			continue
		}
		if f.Entities["ses"] == s.Session {
			same = append(same, f.Path)
		} else {
			others = append(others, f.Path)
		}
	}
	s.T1w = same
	if len(same) == 0 {
		s.T1w = others
		if len(others) > 0 {
			l.Warnf(s.Path, "", "check that it is the same person", "there is no T1w image of this session; %s is used", others[0])
		}
	}
	if len(s.T1w) > 1 {
		l.Warnf(s.Path, "", "name those not wanted in .bidsignore", "%d T1w images go with the scan; %s is used", len(s.T1w), s.T1w[0])
	}
}

// shapeText writes the shape of an image for a message.
func shapeText(n [4]int) string {
	return fmt.Sprintf("%d×%d×%d×%d", n[0], n[1], n[2], n[3])
}
