package bids

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"phasl/diag"
)

// subjectDir matches the folders of BIDS that lead to an ASL image.
var subjectDir = regexp.MustCompile(`^(?:.*/)?sub-([0-9a-zA-Z+]+)/(?:ses-[0-9a-zA-Z+]+/)?perf/[^/]+$`)

// OpenScan finds what belongs to one ASL image.
//
// Inside a dataset (its folders are named as BIDS wants, whether or not there
// is a dataset_description.json) the rules of BIDS hold, but only the subject
// of the image is indexed. A file alone has its metadata beside it:
//
//	NAME_asl.nii.gz  NAME_asl.json  NAME_aslcontext.tsv  NAME_m0scan.nii.gz  NAME_m0scan.json
//
// where NAME need not follow BIDS; the warnings say so. The list holds what
// concerns finding the files; [CheckScan] says what is wrong with the scan.
// Dataset and scan are nil if the image cannot be found.
func OpenScan(aslPath string) (*Dataset, *Scan, diag.List) {
	var l diag.List
	info, err := os.Stat(aslPath)
	if err != nil {
		return nil, nil, diag.List{pathProblem(err, aslPath)}
	}
	if !info.Mode().IsRegular() {
		l.Errorf(aslPath, "", "give the ASL image", "%s, not a file", kind(info.Mode()))
		return nil, nil, l
	}
	base := filepath.Base(aslPath)
	ext := ".nii.gz"
	stem, ok := strings.CutSuffix(base, ext)
	if !ok {
		ext = ".nii"
		stem, ok = strings.CutSuffix(base, ext)
	}
	if !ok {
		l.Errorf(aslPath, "", "give a NIfTI image", "the name does not end in .nii or .nii.gz")
		return nil, nil, l
	}
	abs, err := filepath.Abs(aslPath)
	if err != nil {
		return nil, nil, diag.List{pathProblem(err, aslPath)}
	}
	if m := subjectDir.FindStringSubmatch(filepath.ToSlash(abs)); m != nil {
		up := 3
		if strings.HasPrefix(filepath.Base(filepath.Dir(filepath.Dir(abs))), "ses-") {
			up = 4
		}
		root := abs
		for range up {
			root = filepath.Dir(root)
		}
		d, _ := open(root, m[1])
		if d != nil {
			for i := range d.asl {
				if d.asl[i].AbsPath == abs {
					return d, &d.asl[i], nil
				}
			}
		}
		l.Warnf(aslPath, "", "rename it after the pattern sub-LABEL_asl.nii.gz", "the name is not one that BIDS gives to an ASL image; only files beside it are read")
	}
	return alone(abs, stem, ext, l)
}

// alone gathers a scan from the files beside the image.
func alone(abs, stem, ext string, l diag.List) (*Dataset, *Scan, diag.List) {
	dir, base := filepath.Split(abs)
	n, err := parseName(base)
	if err != nil || n.entities["sub"] == "" {
		n.entities = Entities{}
		if label := Alphanumeric(strings.TrimSuffix(stem, "_asl")); label != "" {
			n.entities["sub"] = label
		} else {
			n.entities["sub"] = "unnamed"
		}
		if len(l) == 0 {
			l.Warnf(base, "", "put it in a BIDS dataset", "the name is not one that BIDS gives to an ASL image; the subject is taken to be %q", n.entities["sub"])
		}
	}
	d := &Dataset{Root: filepath.Clean(dir)}
	s := Scan{
		Subject:     n.entities["sub"],
		Session:     n.entities["ses"],
		Entities:    n.entities,
		Path:        base,
		AbsPath:     abs,
		ContextPath: strings.TrimSuffix(stem, "_asl") + "_aslcontext.tsv",
	}
	s.Sidecar = d.beside(stem+".json", &s.problems)
	if _, err := os.Stat(d.Abs(s.ContextPath)); err == nil {
		var problems diag.List
		s.Context, problems = readContext(d.Abs(s.ContextPath), s.ContextPath)
		s.problems.Add(problems...)
	} else {
		s.problems.Errorf(s.ContextPath, "", "write it: a line volume_type, then control, label, m0scan, deltam or cbf for each volume of the image", "there is no such file beside %s", base)
	}
	for _, e := range []string{ext, ".nii.gz", ".nii"} {
		m0 := strings.TrimSuffix(stem, "_asl") + "_m0scan"
		if _, err := os.Stat(d.Abs(m0 + e)); err == nil && stem != m0 {
			s.M0 = &M0Image{Path: m0 + e, AbsPath: d.Abs(m0 + e), Entities: n.entities, Sidecar: d.beside(m0+".json", &s.problems)}
			l.Warnf(m0+e, "", "check that it is of the same session", "the M0 scan is taken for %s by its name", base)
			break
		}
	}
	d.Files = []File{{Path: base, Entities: n.entities, Suffix: "asl", Ext: ext}}
	d.subjects = map[string][]string{s.Subject: {s.Session}}
	d.asl = []Scan{s}
	return d, &d.asl[0], l
}

// beside reads a sidecar that stands beside its image; absent, it is empty.
func (d *Dataset) beside(file string, l *diag.List) *Sidecar {
	s := &Sidecar{Path: file, Fields: map[string]Field{}}
	if _, err := os.Stat(d.Abs(file)); err != nil {
		return s
	}
	m, problems := readSidecar(d.Abs(file), file)
	l.Add(problems...)
	for k, v := range m {
		s.Fields[k] = Field{Value: v, File: file}
	}
	return s
}
