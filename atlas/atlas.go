// Package atlas summarises maps of the brain by region.
//
// An [Atlas] is an image of labels with a table that names them; [New] checks
// one against the other. A [Region] is one label or several joined, such as the
// subgenual cingulate from its left and right half. [Atlas.Summarise] gives the
// mean of a map in each region, weighted by grey matter if wanted, with its
// coverage. [NoiseSD] tells the noise of an image from the image alone.
//
// # Missing data
//
// A voxel without a value does not count. A region of which too few voxels have
// one has NaN for every measure and a note that says so, never a mean over a
// remnant. See [SummaryOptions].
package atlas

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/diag"
	"phasl/voxel"
)

// A Hemisphere is the side of the brain a label lies on.
type Hemisphere string

// The sides. A label on both sides, or whose side is unknown, has none.
const (
	Left  Hemisphere = "L"
	Right Hemisphere = "R"
)

// A Label is one number of the label image and what it stands for.
type Label struct {
	Index        int        `json:"index"`                  // the number in the image, positive
	Name         string     `json:"name"`                   // unique in the atlas
	Abbreviation string     `json:"abbreviation,omitempty"` // as the table gives it, or ""
	Hemisphere   Hemisphere `json:"hemisphere,omitempty"`
}

// An Atlas is a brain divided into labelled pieces. Make one with [New].
type Atlas struct {
	voxel.Grid
	Labels []Label // in ascending order of Index
	voxels map[int][]int32
}

// Voxels returns the places in memory of the label's voxels, in order; nil if
// it has none. The slice must not be changed.
func (a *Atlas) Voxels(index int) []int32 { return a.voxels[index] }

// A Table is the text that goes with a label image: a header and rows.
type Table struct {
	File   string // as the user gave it, for messages
	Header []string
	Rows   [][]string
}

// Column names that are understood, in order of preference; case is ignored.
var (
	indexColumns  = []string{"index", "id", "label_id", "roi", "value"}
	nameColumns   = []string{"name", "label", "region", "roi_name"}
	abbrevColumns = []string{"abbreviation", "abbr", "short"}
	sideColumns   = []string{"hemisphere", "hemi", "side"}
)

// New returns the atlas of a label image and its table, with everything that is
// wrong or doubtful about them. img's values are labels, 0 or NaN background;
// imgFile names it in messages. The atlas is nil if the list holds an error.
//
// Errors: a table without index or name column, an index that is no positive
// whole number, an index or a name that occurs twice, an image value that is
// negative or not whole (an image of probabilities, or one interpolated), an
// image without labels.
//
// Warnings: labels of the image without a row (they get the name "label_N"),
// rows without voxels (they are kept, and their summaries are NaN).
//
// If every name ends in an underscore and its own index, as in AAL3's
// "ACC_sub_L_151", that ending is removed. The hemisphere comes from its
// column, or else from the name: _L, _R, -lh, -rh, LH_, RH_, "Left ", "Right ".
func New(img *voxel.Image, imgFile string, t Table) (*Atlas, diag.List) {
	var list diag.List
	labels := t.labels(&list)
	count := map[int]int{}
	bad, first := 0, float32(0)
	for _, v := range img.Data {
		if v != v || v == 0 {
			continue
		}
		if v < 0 || v > 1<<24 || v != float32(math.Trunc(float64(v))) {
			if bad == 0 {
				first = v
			}
			bad++
			continue
		}
		count[int(v)]++
	}
	if bad > 0 {
		list.Errorf(imgFile, "", "give a label image (BIDS suffix _dseg), resampled by nearest neighbour if at all",
			"%d voxels hold no whole positive number, the first of them %v", bad, first)
	} else if len(count) == 0 {
		list.Errorf(imgFile, "", "give a label image in which regions are numbered from 1", "the image holds no label")
	}
	if list.Err() != nil {
		return nil, list
	}
	a := &Atlas{Grid: img.Grid, Labels: labels, voxels: make(map[int][]int32, len(count))}
	known := map[int]bool{}
	var empty, unnamed []string
	for _, l := range labels {
		known[l.Index] = true
		if count[l.Index] == 0 {
			empty = append(empty, fmt.Sprintf("%d (%s)", l.Index, l.Name))
		}
	}
	var extra []int
	for index := range count {
		if !known[index] {
			extra = append(extra, index)
		}
	}
	slices.Sort(extra)
	for _, index := range extra {
		unnamed = append(unnamed, strconv.Itoa(index))
		a.Labels = append(a.Labels, Label{Index: index, Name: "label_" + strconv.Itoa(index)})
	}
	slices.SortStableFunc(a.Labels, func(p, q Label) int { return p.Index - q.Index })
	if len(unnamed) > 0 {
		list.Warnf(imgFile, "", "add rows to "+t.name(), "%d labels have no row in %s and are called label_N: %s", len(unnamed), t.name(), diag.Few(unnamed, 10))
	}
	if len(empty) > 0 {
		list.Warnf(t.name(), "index", "check that table and image belong together", "%d rows have no voxels in %s: %s", len(empty), imgFile, diag.Few(empty, 10))
	}
	for index, n := range count {
		a.voxels[index] = make([]int32, 0, n)
	}
	for n, v := range img.Data {
		if v > 0 {
			a.voxels[int(v)] = append(a.voxels[int(v)], int32(n))
		}
	}
	return a, list
}

func (t Table) name() string {
	if t.File == "" {
		return "the label table"
	}
	return t.File
}

// column returns the place of the first of names among the header, or −1.
func (t Table) column(names []string) int {
	for _, want := range names {
		for c, h := range t.Header {
			if strings.EqualFold(strings.TrimSpace(h), want) {
				return c
			}
		}
	}
	return -1
}

// labels returns the rows as labels in ascending order of index and adds what
// is wrong with them to list.
func (t Table) labels(list *diag.List) []Label {
	if len(t.Header) == 0 && len(t.Rows) == 0 {
		return nil
	}
	ci, cn := t.column(indexColumns), t.column(nameColumns)
	ca, cs := t.column(abbrevColumns), t.column(sideColumns)
	if ci < 0 {
		list.Errorf(t.name(), "index", "name the column of label numbers index, as BIDS does", "no such column; the header is %s", diag.Few(t.Header, 10))
	}
	if cn < 0 {
		list.Errorf(t.name(), "name", "name the column of region names name, as BIDS does", "no such column; the header is %s", diag.Few(t.Header, 10))
	}
	if ci < 0 || cn < 0 {
		return nil
	}
	cell := func(row []string, c int) string {
		if c < 0 || c >= len(row) {
			return ""
		}
		s := strings.TrimSpace(row[c])
		if s == "n/a" {
			return ""
		}
		return s
	}
	var out []Label
	var badIndex, noName []string
	for n, row := range t.Rows {
		text := cell(row, ci)
		index, err := strconv.Atoi(text)
		if err != nil {
			if f, ferr := strconv.ParseFloat(text, 64); ferr == nil && f == math.Trunc(f) && math.Abs(f) < 1<<24 {
				index, err = int(f), nil
			}
		}
		if err != nil || index < 0 || index > 1<<24 {
			badIndex = append(badIndex, fmt.Sprintf("%q in row %d", text, n+1))
			continue
		}
		if index == 0 { // background
			continue
		}
		name := cell(row, cn)
		if name == "" {
			noName = append(noName, strconv.Itoa(index))
			name = "label_" + text
		}
		out = append(out, Label{Index: index, Name: name, Abbreviation: cell(row, ca), Hemisphere: side(cell(row, cs))})
	}
	if len(badIndex) > 0 {
		list.Errorf(t.name(), "index", "write whole positive numbers", "%d rows have no usable index: %s", len(badIndex), diag.Few(badIndex, 10))
	}
	if len(noName) > 0 {
		list.Warnf(t.name(), t.Header[cn], "fill in the names", "%d rows have no name and are called label_N: %s", len(noName), diag.Few(noName, 10))
	}
	stripIndex(out)
	for i := range out {
		if out[i].Hemisphere == "" {
			_, out[i].Hemisphere = split(out[i].Name)
		}
	}
	slices.SortStableFunc(out, func(p, q Label) int { return p.Index - q.Index })
	byName := map[string]int{}
	for i, l := range out {
		if i > 0 && out[i-1].Index == l.Index {
			list.Errorf(t.name(), "index", "keep one row per label", "label %d occurs twice (%s, %s)", l.Index, out[i-1].Name, l.Name)
		}
		if first, ok := byName[l.Name]; ok && first != l.Index {
			list.Errorf(t.name(), t.Header[cn], "give every label its own name, such as "+l.Name+"_L and "+l.Name+"_R",
				"name %q stands for labels %d and %d", l.Name, first, l.Index)
		}
		byName[l.Name] = l.Index
	}
	return out
}

// stripIndex removes "_index" from the end of every name, if all have it.
func stripIndex(labels []Label) {
	for _, l := range labels {
		if !strings.HasSuffix(l.Name, "_"+strconv.Itoa(l.Index)) || len(l.Name) == len("_"+strconv.Itoa(l.Index)) {
			return
		}
	}
	for i, l := range labels {
		labels[i].Name = strings.TrimSuffix(l.Name, "_"+strconv.Itoa(l.Index))
	}
}

func side(s string) Hemisphere {
	switch strings.ToLower(s) {
	case "l", "left", "lh":
		return Left
	case "r", "right", "rh":
		return Right
	}
	return ""
}

// split returns a name without its mark of hemisphere, and the hemisphere.
func split(name string) (string, Hemisphere) {
	for _, m := range []struct {
		prefix, suffix string
		side           Hemisphere
	}{
		{"", "_L", Left}, {"", "_R", Right}, {"", "-lh", Left}, {"", "-rh", Right}, {"", "_lh", Left}, {"", "_rh", Right},
		{"", "_LH", Left}, {"", "_RH", Right}, {"", "-L", Left}, {"", "-R", Right}, {"", "_left", Left}, {"", "_right", Right},
		{"Left ", "", Left}, {"Right ", "", Right}, {"Left-", "", Left}, {"Right-", "", Right}, {"lh_", "", Left}, {"rh_", "", Right},
		{"LH_", "", Left}, {"RH_", "", Right}, {"L_", "", Left}, {"R_", "", Right},
		{"7Networks_LH_", "", Left}, {"7Networks_RH_", "", Right}, {"17Networks_LH_", "", Left}, {"17Networks_RH_", "", Right},
	} {
		if len(name) > len(m.prefix)+len(m.suffix) && strings.HasPrefix(name, m.prefix) && strings.HasSuffix(name, m.suffix) {
			return strings.TrimSuffix(strings.TrimPrefix(name, m.prefix), m.suffix), m.side
		}
	}
	return name, ""
}
