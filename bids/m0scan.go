package bids

import (
	"path"
	"slices"
	"strings"

	"phasl/diag"
)

// An m0File is an M0 image of a subject before it is known to which series it
// belongs.
type m0File struct {
	file     File
	sidecar  *Sidecar
	targets  []string // series it is intended for, relative to the dataset
	intended bool     // IntendedFor is present
	problems diag.List
}

// m0Scans gathers the M0 scans of each subject.
func (d *Dataset) m0Scans(h *inheritor) map[string][]m0File {
	out := map[string][]m0File{}
	for _, f := range d.Files {
		if f.Datatype != "perf" || f.Suffix != "m0scan" || !f.Image() {
			continue
		}
		m := m0File{file: f}
		m.sidecar = h.sidecar(f, &m.problems)
		m.intended = m.sidecar.Has("IntendedFor")
		for i, ref := range references(m.sidecar, &m.problems) {
			if len(m.problems) > maxTableProblems {
				m.problems.Errorf(m.sidecar.Source("IntendedFor"), "IntendedFor", "correct the paths", "the paths from number %d on are not read, so many are wrong", i+1)
				break
			}
			if p, ok := d.resolve(f, ref, m.sidecar.Source("IntendedFor"), &m.problems); ok {
				m.targets = append(m.targets, p)
			}
		}
		out[f.Entities["sub"]] = append(out[f.Entities["sub"]], m)
	}
	return out
}

// references returns the texts of IntendedFor.
func references(s *Sidecar, l *diag.List) []string {
	const field = "IntendedFor"
	if !s.Has(field) {
		return nil
	}
	f := s.Fields[field]
	switch v := f.Value.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			t, ok := e.(string)
			if !ok {
				typeError(l, f, field, "a path or an array of paths")
				return nil
			}
			out = append(out, t)
		}
		return out
	}
	typeError(l, f, field, "a path or an array of paths")
	return nil
}

// resolve turns one reference of IntendedFor in the sidecar of f into a path
// relative to the dataset. BIDS has two forms, "bids::sub-01/perf/x" and the
// path within the subject's folder; paths within the session's folder and
// within the dataset are understood too, with a warning.
func (d *Dataset) resolve(f File, ref, file string, l *diag.List) (string, bool) {
	const field = "IntendedFor"
	subject := "sub-" + f.Entities["sub"]
	if rest, ok := strings.CutPrefix(ref, "bids:"); ok {
		name, p, ok := strings.Cut(rest, ":")
		if ok && name != "" {
			l.Warnf(file, field, "write bids::"+p+" for a file of this dataset", "%q refers to another dataset, which is not read", clip(ref))
			return "", false
		}
		if p = path.Clean(p); d.Exists(p) {
			return p, true
		}
		d.dangling(f, ref, file, l)
		return "", false
	}
	p := path.Clean(strings.ReplaceAll(ref, "\\", "/"))
	if within := path.Join(subject, p); d.Exists(within) {
		return within, true
	}
	if s, ok := f.Entities["ses"]; ok {
		if within := path.Join(subject, "ses-"+s, p); d.Exists(within) {
			l.Warnf(file, field, "write ses-"+s+"/"+p, "%q is relative to the session; BIDS has paths relative to the subject", clip(ref))
			return within, true
		}
	}
	if p = strings.TrimPrefix(p, "/"); d.Exists(p) {
		l.Warnf(file, field, "write bids::"+p, "%q is relative to the dataset; BIDS has paths relative to the subject", clip(ref))
		return p, true
	}
	d.dangling(f, ref, file, l)
	return "", false
}

// dangling says that a reference leads nowhere.
func (d *Dataset) dangling(f File, ref, file string, l *diag.List) {
	subject := "sub-" + f.Entities["sub"] + "/"
	var candidates []string
	for _, g := range d.ofSubject(f.Entities["sub"]) {
		if g.Suffix == "asl" && g.Image() {
			candidates = append(candidates, strings.TrimPrefix(g.Path, subject))
		}
	}
	fix := "write the path of the ASL image within the folder " + subject
	if near, ok := diag.Nearest(strings.TrimPrefix(path.Clean(ref), subject), candidates); ok {
		fix = "write " + near
	}
	l.Errorf(file, "IntendedFor", fix, "the dataset has no image %q", clip(ref))
}

// matchM0 chooses the M0 scan of a series among those of its subject.
//
// One that names the series in IntendedFor goes first; among several, the one
// that shares most entities with the series. Without IntendedFor one of the
// same entities is taken, else the only one of the session whose entities do
// not contradict the series; both are said.
func matchM0(s *Scan, all []m0File, l *diag.List) {
	var intended, same, near []m0File
	for _, m := range all {
		switch {
		case slices.Contains(m.targets, s.Path):
			intended = append(intended, m)
		case m.intended && len(m.targets) > 0:
		case m.file.Entities.within(s.Entities) && s.Entities.within(m.file.Entities):
			same = append(same, m)
		case m.file.Entities["ses"] == s.Session && m.file.Entities.within(s.Entities):
			near = append(near, m)
		}
	}
	var m m0File
	switch {
	case len(intended) > 0:
		slices.SortStableFunc(intended, func(a, b m0File) int {
			return shared(b.file.Entities, s.Entities) - shared(a.file.Entities, s.Entities)
		})
		m = intended[0]
		if len(intended) > 1 {
			found := "is intended for " + s.Path + ", and so is " + intended[1].file.Path
			if shared(m.file.Entities, s.Entities) == shared(intended[1].file.Entities, s.Entities) {
				l.Errorf(m.file.Path, "IntendedFor", "keep the series in IntendedFor of one of them", "%s: which is meant cannot be told", found)
			} else {
				l.Warnf(m.file.Path, "IntendedFor", "keep the series in IntendedFor of one of them", "%s; the first is used, its name being more like that of the series", found)
			}
		}
	case len(same) > 0:
		m = same[0]
	case len(near) == 1:
		m = near[0]
	case len(near) > 1:
		l.Errorf(near[0].file.Path, "IntendedFor", "name the series in IntendedFor", "several M0 scans might belong to %s and none is intended for it", s.Path)
		return
	default:
		return
	}
	l.Add(m.problems...)
	if !m.intended {
		l.Warnf(m.sidecar.Path, "IntendedFor", "add \"IntendedFor\": \"bids::"+s.Path+"\"", "the field is absent; the M0 scan is taken for %s by its name", s.Path)
	}
	s.M0 = &M0Image{Path: m.file.Path, Entities: m.file.Entities, Sidecar: m.sidecar}
}

// shared counts the entities that two names have in common.
func shared(a, b Entities) int {
	n := 0
	for k, v := range a {
		if b[k] == v {
			n++
		}
	}
	return n
}
