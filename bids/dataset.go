package bids

import (
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"phasl/diag"
)

const descriptionFile = "dataset_description.json"

// A File is one file of a dataset whose name BIDS allows.
type File struct {
	Path     string   // relative to the dataset, with slashes
	Entities Entities // of its name
	Datatype string   // "perf", "anat", …; "" above the datatype folders
	Suffix   string   // "asl", "T1w", …
	Ext      string   // ".nii.gz", ".json", …
}

// Image reports whether the file is a NIfTI image.
func (f File) Image() bool { return f.Ext == ".nii" || f.Ext == ".nii.gz" }

// A Dataset is the index of one BIDS dataset. It is not changed after [Open]
// and may be read by several goroutines.
type Dataset struct {
	Root         string            // folder, as given
	Description  map[string]any    // dataset_description.json; nil if absent or unreadable
	Participants *Table            // participants.tsv; nil if absent or unreadable
	Sessions     map[string]*Table // sub-*_sessions.tsv by subject label
	Phenotype    map[string]*Table // phenotype/*.tsv by name without extension
	Files        []File            // sorted by path

	subjects map[string][]string // session labels by subject label; "" where there are no sessions
	scans    map[string]scansRow // rows of scans.tsv by path of the file
	byDir    map[string][]int    // indices into Files by folder
	asl      []Scan
	open     diag.List // problems without those of single scans
}

type scansRow struct {
	file string // scans.tsv
	row  map[string]string
}

// Subjects returns the subject labels (without "sub-"), sorted.
func (d *Dataset) Subjects() []string {
	out := make([]string, 0, len(d.subjects))
	for s := range d.subjects {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// SessionsOf returns the session labels (without "ses-") of a subject, sorted;
// none if the subject has no session folders.
func (d *Dataset) SessionsOf(subject string) []string {
	var out []string
	for _, s := range d.subjects[subject] {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Abs returns the path of a file of the dataset as the operating system wants it.
func (d *Dataset) Abs(rel string) string {
	return filepath.Join(d.Root, filepath.FromSlash(rel))
}

// Exists reports whether the index holds the file.
func (d *Dataset) Exists(rel string) bool {
	_, ok := slices.BinarySearchFunc(d.Files, rel, func(f File, p string) int { return strings.Compare(f.Path, p) })
	return ok
}

// ofSubject returns the files of a subject, which stand together.
func (d *Dataset) ofSubject(label string) []File {
	prefix := "sub-" + label + "/"
	from := sort.Search(len(d.Files), func(i int) bool { return d.Files[i].Path >= prefix })
	to := from
	for to < len(d.Files) && strings.HasPrefix(d.Files[to].Path, prefix) {
		to++
	}
	return d.Files[from:to]
}

// ASLScans returns the ASL series of the dataset, sorted by path. The slice is
// a copy; the sidecars are shared.
func (d *Dataset) ASLScans() []Scan { return slices.Clone(d.asl) }

// Open indexes the dataset at root and reads its tables and sidecars, but no
// images. The list holds what is wrong with the layout: names that BIDS does
// not allow, unreadable tables, a missing description. Faults of single scans
// come from [CheckScan]; [Validate] reports both. The dataset is nil only if
// root is no folder that can be read.
//
// Folders derivatives/, sourcedata/, code/ and stimuli/, whatever .bidsignore
// names, and names that begin with a dot are skipped. Only the levels that
// BIDS defines are visited, so links that form a loop do no harm.
func Open(root string) (*Dataset, diag.List) { return open(root, "") }

// open indexes a dataset, or only the subject of that label if it is not "".
func open(root, subject string) (*Dataset, diag.List) {
	x := indexer{d: &Dataset{
		Root:      root,
		Sessions:  map[string]*Table{},
		Phenotype: map[string]*Table{},
		subjects:  map[string][]string{},
		scans:     map[string]scansRow{},
	}, only: subject}
	if !x.root() {
		return nil, x.l
	}
	d := x.d
	slices.SortFunc(d.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	d.byDir = map[string][]int{}
	for i, f := range d.Files {
		dir := path.Dir(f.Path)
		d.byDir[dir] = append(d.byDir[dir], i)
	}
	for _, s := range d.subjects {
		slices.Sort(s)
	}
	d.buildScans(&x.l)
	d.checkTables(&x.l)
	d.checkOrphans(&x.l)
	x.l.Sort()
	d.open = x.l
	return d, slices.Clone(x.l)
}
