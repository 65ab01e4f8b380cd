package bids

import (
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"phasl/diag"
)

// Limits of a dataset, far above the largest that are published.
const (
	maxDirEntries = 200_000
	maxFiles      = 2_000_000
)

// datatypes are the folders that BIDS defines beside perf and anat.
var datatypes = []string{"perf", "anat", "beh", "dwi", "eeg", "emg", "fmap", "func", "ieeg", "meg", "micr", "motion", "mrs", "nirs", "pet"}

// rootFiles are names without entities that BIDS knows at the root. Names are
// compared without their extension.
var rootFiles = []string{"dataset_description", "README", "CHANGES", "LICENSE", "CITATION", "participants", "samples", "sessions", "scans", "genetic_info"}

// perfSuffixes are the suffixes that BIDS allows in perf/ and their extensions.
var perfSuffixes = map[string][]string{
	"asl":         {".nii.gz", ".nii", ".json"},
	"m0scan":      {".nii.gz", ".nii", ".json"},
	"noRF":        {".nii.gz", ".nii", ".json"},
	"aslcontext":  {".tsv", ".json"},
	"asllabeling": {".jpg", ".png", ".tif"},
}

// An indexer walks the four levels of a dataset.
type indexer struct {
	d      *Dataset
	l      diag.List
	ignore ignoreRules
	only   string // subject label, or "" for all
	full   bool   // too many files: stop
}

// An entry is one name in a folder, links followed.
type entry struct {
	name string
	rel  string
	dir  bool
}

// list returns the entries of a folder that are not to be skipped, sorted.
func (x *indexer) list(rel string) []entry {
	f, err := os.Open(x.d.Abs(rel))
	if err != nil {
		x.l.Add(pathProblem(err, rel))
		return nil
	}
	defer f.Close()
	var out []entry
	for seen := 0; ; {
		part, err := f.ReadDir(1024)
		seen += len(part)
		if seen > maxDirEntries {
			x.l.Errorf(rel, "", "split the dataset, or name what is not part of it in .bidsignore", "the folder holds more than %d files", maxDirEntries)
			return nil
		}
		for _, e := range part {
			if strings.HasPrefix(e.Name(), ".") {
				continue
			}
			p := path.Join(rel, e.Name())
			dir := e.IsDir()
			if e.Type()&os.ModeSymlink != 0 {
				info, err := os.Stat(filepath.Join(f.Name(), e.Name()))
				dir = err == nil && info.IsDir() // a link to nothing is kept: reading it will name it
			}
			if !x.ignore.match(p, dir) {
				out = append(out, entry{e.Name(), p, dir})
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			x.l.Add(pathProblem(err, rel))
			break
		}
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return out
}

func (x *indexer) root() bool {
	info, err := os.Stat(x.d.Root)
	if err != nil {
		x.l.Add(pathProblem(err, x.d.Root))
		return false
	}
	if !info.IsDir() {
		x.l.Errorf(x.d.Root, "", "give the folder that holds dataset_description.json", "a file, not a folder")
		return false
	}
	x.ignore = readIgnore(x.d.Abs(".bidsignore"), &x.l)
	described := false
	for _, e := range x.list(".") {
		switch {
		case e.dir && strings.HasPrefix(e.name, "sub-"):
			x.subject(e)
		case e.dir && e.name == "phenotype":
			x.phenotype(e.rel)
		case e.dir:
			if !slices.Contains([]string{"derivatives", "sourcedata", "code", "stimuli"}, e.name) {
				x.strayFolder(e)
			}
		case e.name == descriptionFile:
			described = true
			x.description(e.rel)
		case e.name == "participants.tsv":
			x.d.Participants = x.table(e.rel)
		case slices.Contains(rootFiles, strings.SplitN(e.name, ".", 2)[0]):
		default:
			x.inheritable(e, Entities{})
		}
	}
	if !described {
		x.l.Errorf(descriptionFile, "", "write it with at least Name and BIDSVersion, or check that this is the root of the dataset", "there is no such file at the root of the dataset")
	}
	if len(x.d.subjects) == 0 && x.only == "" {
		x.l.Errorf(".", "", "give the folder that holds the subjects' folders (sub-01, …)", "the dataset has no subject folder")
	}
	return true
}

func (x *indexer) description(rel string) {
	m, l := ReadJSON(x.d.Abs(rel), rel)
	x.l.Add(l...)
	x.d.Description = m
	if m == nil {
		return
	}
	for _, f := range []string{"Name", "BIDSVersion"} {
		if s, ok := m[f].(string); !ok || s == "" {
			x.l.Warnf(rel, f, "add it: BIDS requires it", "the field is absent or no text")
		}
	}
	if m["DatasetType"] == "derivative" {
		x.l.Warnf(rel, "DatasetType", "give the raw dataset", "this is a derivative dataset")
	}
}

// table reads a TSV table with its data dictionary.
func (x *indexer) table(rel string) *Table {
	t, l := readTable(x.d.Abs(rel), rel)
	x.l.Add(l...)
	if t == nil {
		return nil
	}
	dict := strings.TrimSuffix(rel, ".tsv") + ".json"
	if _, err := os.Stat(x.d.Abs(dict)); err == nil {
		t.Dictionary, l = readDictionary(x.d.Abs(dict), dict)
		x.l.Add(l...)
	}
	return t
}

func (x *indexer) phenotype(rel string) {
	for _, e := range x.list(rel) {
		if stem, ok := strings.CutSuffix(e.name, ".tsv"); ok && !e.dir {
			if t := x.table(e.rel); t != nil {
				x.d.Phenotype[stem] = t
			}
		}
	}
}

func (x *indexer) subject(e entry) {
	label := strings.TrimPrefix(e.name, "sub-")
	if x.only != "" && label != x.only {
		return
	}
	if !isLabel(label) {
		x.l.Errorf(e.rel, "", "rename it: a subject label holds only letters and digits", "the folder name %q is not allowed by BIDS; the subject is left out", clip(e.name))
		return
	}
	x.d.subjects[label] = nil
	own := Entities{"sub": label}
	flat := false
	for _, c := range x.list(e.rel) {
		switch {
		case c.dir && strings.HasPrefix(c.name, "ses-"):
			x.session(c, label)
		case c.dir && slices.Contains(datatypes, c.name):
			flat = true
			x.datatype(c, own)
		case c.dir:
			x.strayFolder(c)
		case c.name == e.name+"_sessions.tsv":
			if t := x.table(c.rel); t != nil {
				x.d.Sessions[label] = t
			}
		case c.name == e.name+"_scans.tsv":
			x.scansTable(c.rel)
		case c.name == e.name+"_sessions.json", c.name == e.name+"_scans.json":
		default:
			x.inheritable(c, own)
		}
	}
	if flat {
		x.d.subjects[label] = append(x.d.subjects[label], "")
	}
}

func (x *indexer) session(e entry, subject string) {
	label := strings.TrimPrefix(e.name, "ses-")
	if !isLabel(label) {
		x.l.Errorf(e.rel, "", "rename it: a session label holds only letters and digits", "the folder name %q is not allowed by BIDS; the session is left out", clip(e.name))
		return
	}
	x.d.subjects[subject] = append(x.d.subjects[subject], label)
	own := Entities{"sub": subject, "ses": label}
	stem := "sub-" + subject + "_" + e.name
	for _, c := range x.list(e.rel) {
		switch {
		case c.dir && slices.Contains(datatypes, c.name):
			x.datatype(c, own)
		case c.dir:
			x.strayFolder(c)
		case c.name == stem+"_scans.tsv":
			x.scansTable(c.rel)
		case c.name == stem+"_scans.json":
		default:
			x.inheritable(c, own)
		}
	}
}

// strayFolder names a folder that BIDS does not know. One that is spelt almost
// like a datatype is an error, because what it holds would be left out.
func (x *indexer) strayFolder(e entry) {
	depth := strings.Count(e.rel, "/")
	known := datatypes
	if depth == 0 {
		known = []string{"derivatives", "sourcedata", "code", "stimuli", "phenotype"}
	}
	near, ok := diag.Nearest(e.name, known)
	switch lower := strings.ToLower(e.name); {
	case depth > 0 && (lower == "asl" || lower == "perfusion"):
		near, ok = "perf", true
	case strings.HasPrefix(lower, "sub") && depth == 0:
		near, ok = "sub-"+Alphanumeric(strings.TrimLeft(e.name[3:], "-_ ")), true
	case strings.HasPrefix(lower, "ses") && depth == 1:
		near, ok = "ses-"+Alphanumeric(strings.TrimLeft(e.name[3:], "-_ ")), true
	}
	if ok {
		x.l.Errorf(e.rel, "", "rename it to "+near+", or name it in .bidsignore", "BIDS knows no folder of this name; it is left out")
		return
	}
	x.l.Warnf(e.rel, "", "name it in .bidsignore", "BIDS knows no folder of this name; it is left out")
}

// inheritable indexes a metadata file above the datatype folders, which
// applies to images below it.
func (x *indexer) inheritable(e entry, own Entities) {
	n, err := parseName(e.name)
	meta := n.ext == ".json" || n.ext == ".tsv"
	switch {
	case err != nil || !meta:
		if meta || n.ext == ".nii" || n.ext == ".nii.gz" {
			found := "the file does not belong here"
			if err != nil {
				found = err.Error()
			}
			x.l.Warnf(e.rel, "", "rename or move it, or name it in .bidsignore", "%s; the file is left out", found)
		}
		return
	case !agree(n.entities, own):
		x.l.Errorf(e.rel, "", "rename the file or move it", "the name belongs to another subject or session than its folder; the file is left out")
		return
	}
	x.add(File{Path: e.rel, Entities: n.entities, Suffix: n.suffix, Ext: n.ext})
}

// agree reports whether a name contradicts the subject or session of its
// folder. A session may be named above the session folders.
func agree(e, folder Entities) bool {
	if v, ok := e["ses"]; ok && folder["ses"] != "" && folder["ses"] != v {
		return false
	}
	v, ok := e["sub"]
	return !ok || folder["sub"] == v
}

func (x *indexer) datatype(e entry, own Entities) {
	datatype := e.name
	for _, c := range x.list(e.rel) {
		if c.dir {
			if datatype == "perf" || datatype == "anat" {
				x.l.Warnf(c.rel, "", "name it in .bidsignore", "BIDS knows no folder here; it is left out")
			}
			continue
		}
		n, err := parseName(c.name)
		if err != nil {
			x.badName(c, datatype, n, err.Error(), "rename it after the pattern "+Name(own, "suffix", ".ext"))
			continue
		}
		if n.entities["sub"] != own["sub"] || n.entities["ses"] != own["ses"] {
			x.badName(c, datatype, n, "the name belongs to another subject or session than its folder",
				"rename it to begin with "+Name(own, "", "")+", or move it")
			continue
		}
		if datatype == "perf" && !x.perfName(c, n) {
			continue
		}
		x.add(File{Path: c.rel, Entities: n.entities, Datatype: datatype, Suffix: n.suffix, Ext: n.ext})
	}
}

// perfName checks a well-formed name in perf/ and reports whether the file is
// to be indexed.
func (x *indexer) perfName(e entry, n name) bool {
	exts, ok := perfSuffixes[n.suffix]
	if !ok {
		suffixes := []string{"asl", "m0scan", "aslcontext", "asllabeling", "noRF"}
		fix := "name it in .bidsignore if it is not raw data"
		if near, ok := diag.Nearest(n.suffix, suffixes); ok {
			x.l.Errorf(e.rel, "", "rename it to "+Name(n.entities, near, n.ext), "the suffix %q is not allowed in perf/; the file is left out", n.suffix)
		} else {
			x.l.Warnf(e.rel, "", fix, "the suffix %q is not allowed in perf/; the file is left out", n.suffix)
		}
		return false
	}
	if !slices.Contains(exts, n.ext) {
		fix := "save it as " + strings.Join(exts, ", ")
		if near, ok := diag.Nearest(n.ext, exts); ok {
			fix = "save or rename it as " + near
		}
		x.l.Errorf(e.rel, "", fix, "the extension %q is not allowed for %s; the file is left out", clip(n.ext), n.suffix)
		return false
	}
	if extra := n.entities.With("sub", "", "ses", "", "acq", "", "rec", "", "dir", "", "run", "", "echo", "", "part", "", "mod", ""); len(extra) > 0 {
		x.l.Warnf(e.rel, "", "use acq- or rec- instead", "BIDS does not allow %q in the name of an ASL file", strings.TrimSuffix(Name(extra, "", ""), "_"))
	}
	if !n.ordered {
		x.l.Warnf(e.rel, "", "rename it to "+Name(n.entities, n.suffix, n.ext), "the entities of the name are not in the order of BIDS")
	}
	return true
}

// badName names a file that BIDS does not allow. What might hold a scan or its
// metadata is an error in perf/, because a scan would be lost; elsewhere it is
// a warning, and in folders that phasl does not read it is passed over.
func (x *indexer) badName(e entry, datatype string, n name, found, fix string) {
	switch {
	case datatype == "perf" && slices.Contains([]string{".nii", ".nii.gz", ".json", ".tsv"}, n.ext):
		x.l.Errorf(e.rel, "", fix, "%s; the file is left out", found)
	case datatype == "perf" || datatype == "anat":
		x.l.Warnf(e.rel, "", fix, "%s; the file is left out", found)
	}
}

func (x *indexer) add(f File) {
	if len(x.d.Files) >= maxFiles {
		if !x.full {
			x.full = true
			x.l.Errorf(".", "", "split the dataset", "the dataset holds more than %d files", maxFiles)
		}
		return
	}
	x.d.Files = append(x.d.Files, f)
}
