package pipeline

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"phasl/atlas"
	"phasl/diag"
	"phasl/nifti"
	"phasl/tissue"
	"phasl/voxel"
)

// takeTissues reads tissue fractions that were given for the T1w image, nil if
// none were. Without CSF, what is left of the brain is CSF; without a brain
// mask (a.brain nil), the brain is where the fractions add up to one half.
func (a *anatomy) takeTissues(g givenAnatomy, workers int) error {
	if g.gm == "" && g.labels == "" {
		return nil
	}
	st, err := taken(givenTissueStep, g.gm, g.wm, g.csf, g.labels, g.labelTable)
	if err != nil {
		return err
	}
	var t *tissue.Tissues
	if g.gm != "" {
		t, err = a.readFractions(g, workers)
	} else {
		t, err = a.readLabels(g, &st, workers)
	}
	if err != nil {
		return err
	}
	if a.brain == nil {
		all := sumOf(t.GM, t.WM)
		if t.CSF != nil {
			all = sumOf(all, t.CSF)
		}
		a.brain = voxel.FillHoles(all.Threshold(0.5))
	}
	if t.CSF == nil {
		t.CSF = restOf(a.brain, t.GM, t.WM)
	}
	a.tissues = t
	volume := func(m *voxel.Image) (ml float64) {
		for _, v := range m.Data {
			ml += float64(v)
		}
		return ml * m.VoxelVolume() / 1000
	}
	st.Values = map[string]Number{"csf_ml": Number(volume(t.CSF)), "gm_ml": Number(volume(t.GM)), "wm_ml": Number(volume(t.WM))}
	a.steps = append(a.steps, st)
	return nil
}

// readFractions reads probability maps.
func (a *anatomy) readFractions(g givenAnatomy, workers int) (*tissue.Tissues, error) {
	read := func(path string) (*voxel.Image, error) {
		if path == "" {
			return nil, nil
		}
		m, _, err := nifti.ReadImage(path)
		if err != nil {
			return nil, err
		}
		out, why := probabilities(m, a.t1.Grid, workers)
		if why != "" {
			return nil, refused(path, "give probabilities in the world of the T1w image, scaled to 0 … 1", "%s", why)
		}
		return out, nil
	}
	t := &tissue.Tissues{}
	for _, f := range []struct {
		path string
		to   **voxel.Image
	}{{g.gm, &t.GM}, {g.wm, &t.WM}, {g.csf, &t.CSF}} {
		m, err := read(f.path)
		if err != nil {
			return nil, err
		}
		*f.to = m
	}
	return t, nil
}

// A tissueClass is one of the three tissues.
type tissueClass int

const (
	otherTissue tissueClass = iota
	greyMatter
	whiteMatter
	fluid
)

func (c tissueClass) String() string {
	return [...]string{"other", "grey matter", "white matter", "CSF"}[c]
}

// standardLabels are the numbers that BIDS gives to tissues where there is no
// table: 8 and 9 are cortical and subcortical grey matter.
//
// Source: BIDS 1.10, derivatives, "Common image-derived labels".
var standardLabels = map[int]tissueClass{1: greyMatter, 2: whiteMatter, 3: fluid, 8: greyMatter, 9: greyMatter}

// tissueNames are the names and abbreviations that BIDS, FSL, SPM and FreeSurfer
// have for tissues, in small letters and with single blanks.
var tissueNames = map[string]tissueClass{
	"gm": greyMatter, "grey matter": greyMatter, "cgm": greyMatter, "cortical grey matter": greyMatter, "sgm": greyMatter,
	"subcortical grey matter": greyMatter, "deep grey matter": greyMatter, "dgm": greyMatter, "grey": greyMatter, "cortex": greyMatter,
	"wm": whiteMatter, "white matter": whiteMatter, "white": whiteMatter,
	"csf": fluid, "cerebrospinal fluid": fluid, "cerebro spinal fluid": fluid,
}

// tissueNamed returns the tissue that a name stands for.
func tissueNamed(name string) tissueClass {
	s := strings.ToLower(strings.NewReplacer("_", " ", "-", " ").Replace(name))
	s = strings.Join(strings.Fields(s), " ")
	return tissueNames[strings.ReplaceAll(s, "gray", "grey")]
}

// labelTable returns the table that says what the labels of a segmentation are,
// "" if there is none: as BIDS inherits metadata, a file …dseg.tsv all of whose
// entities the segmentation has too, in its folder or in one above it, the
// nearest first.
func (f *folder) labelTable(labels string) string {
	if labels == "" {
		return ""
	}
	var image derivative
	for _, d := range f.files {
		if filepath.Join(f.dir, filepath.FromSlash(d.path)) == labels {
			image = d
		}
	}
	best, depth, most := "", -1, -1
	for _, t := range f.tables {
		dir := path.Dir(t.path)
		fits := dir == "." || dir == path.Dir(image.path) || strings.HasPrefix(image.path, dir+"/")
		for k, v := range t.entities {
			fits = fits && image.entities[k] == v
		}
		deep := strings.Count(t.path, "/")
		if fits && (deep > depth || deep == depth && len(t.entities) > most) {
			best, depth, most = filepath.Join(f.dir, filepath.FromSlash(t.path)), deep, len(t.entities)
		}
	}
	return best
}

// tissuesOf says which tissue each label of the table is: by its mapping to
// BIDS's numbers, its abbreviation or its name.
func tissuesOf(t atlas.Table, labels []atlas.Label) map[int]tissueClass {
	mapped := map[int]tissueClass{}
	column := func(name string) int {
		return slices.IndexFunc(t.Header, func(h string) bool { return strings.EqualFold(strings.TrimSpace(h), name) })
	}
	if from, to := column("index"), column("mapping"); from >= 0 && to >= 0 {
		for _, row := range t.Rows {
			if max(from, to) >= len(row) {
				continue
			}
			i, err := strconv.Atoi(strings.TrimSpace(row[from]))
			m, merr := strconv.Atoi(strings.TrimSpace(row[to]))
			if err == nil && merr == nil {
				mapped[i] = standardLabels[m]
			}
		}
	}
	out := map[int]tissueClass{}
	for _, l := range labels {
		for _, c := range []tissueClass{mapped[l.Index], tissueNamed(l.Abbreviation), tissueNamed(l.Name)} {
			if c != otherTissue {
				out[l.Index] = c
				break
			}
		}
	}
	return out
}

// readLabels reads a segmentation: what its labels are is said by its table, or
// they are BIDS's numbers. Without a table the order of the labels must be that
// of a T1w image's intensities; with one that contradicts them the step is
// flagged.
func (a *anatomy) readLabels(g givenAnatomy, st *StepResult, workers int) (*tissue.Tissues, error) {
	m, _, err := nifti.ReadImage(g.labels)
	if err != nil {
		return nil, err
	}
	if !m.Same(a.t1.Grid, 0.1) {
		m = voxel.Resample(m, a.t1.Grid, nil, voxel.Nearest, workers)
	}
	var table atlas.Table
	if g.labelTable != "" {
		text, err := os.ReadFile(g.labelTable)
		if err != nil {
			return nil, err
		}
		var l diag.List
		if table, l = atlas.ParseTable(g.labelTable, text); l.Err() != nil {
			return nil, l
		}
	}
	seg, l := atlas.New(m, g.labels, table)
	if l.Err() != nil {
		return nil, l.Errors()
	}
	of := standardLabels
	if g.labelTable != "" {
		of = tissuesOf(table, seg.Labels)
	}
	t := &tissue.Tissues{GM: voxel.NewImage(m.Grid), WM: voxel.NewImage(m.Grid), CSF: voxel.NewImage(m.Grid)}
	into := map[tissueClass]*voxel.Image{greyMatter: t.GM, whiteMatter: t.WM, fluid: t.CSF}
	values := map[tissueClass][]float32{}
	var present []labelLevel
	var others []string
	left := 0
	for _, lb := range seg.Labels {
		at := seg.Voxels(lb.Index)
		if len(at) == 0 {
			continue
		}
		var level []float32
		for _, n := range at {
			level = append(level, a.t1.Data[n])
		}
		present = append(present, labelLevel{lb.Index, lb.Name, float64(voxel.Median(level))})
		c := of[lb.Index]
		if c == otherTissue {
			others, left = append(others, fmt.Sprintf("%d (%d voxels)", lb.Index, len(at))), left+len(at)
			continue
		}
		for _, n := range at {
			into[c].Data[n] = 1
		}
		values[c] = append(values[c], level...)
	}
	if len(values[greyMatter]) == 0 || len(values[whiteMatter]) == 0 {
		if g.labelTable != "" {
			return nil, refused(g.labelTable, "name the labels, in the column name or abbreviation, as BIDS does: GM, WM, CSF",
				"no label of %s on the T1w image is grey matter, or none is white matter; there are %s", filepath.Base(g.labels), levelNames(present))
		}
		return nil, refused(g.labels, "give a segmentation with BIDS's labels (1 grey matter, 2 white matter, 3 CSF), or a table of its labels, "+tableBeside(g.labels),
			"%d voxels of label 1 (grey matter), %d of label 2 (white matter) on the T1w image", len(values[greyMatter]), len(values[whiteMatter]))
	}
	var levels [fluid + 1]float64
	for c, v := range values {
		levels[c] = float64(voxel.Median(v))
	}
	ordered := levels[greyMatter] < levels[whiteMatter] && (len(values[fluid]) == 0 || levels[fluid] < levels[greyMatter])
	switch {
	case ordered:
	case g.labelTable == "":
		return nil, refused(g.labels, suggested(g.labels, present), "%s; fluid should be darkest and white matter brightest if 1 is grey matter, 2 white matter and 3 CSF",
			"the T1w image's median is "+levelWords(present))
	default:
		st.OK = false
		st.Detail += "; by that table grey matter is not brighter than CSF and darker than white matter in the T1w image, whose median is " + levelWords(present)
	}
	if len(others) > 0 {
		st.Detail += "; labels of no tissue: " + diag.Few(others, 8)
		// Brain stem and cerebellum by themselves, say, whose grey and white matter
		// are not told apart.
		if all := len(values[greyMatter]) + len(values[whiteMatter]) + len(values[fluid]) + left; 50*left > all {
			st.OK = false
			st.Detail += fmt.Sprintf(", %.0f %% of what is labelled: they are left out of the brain unless a mask is given; if they are brain, name their tissues in the table", 100*float64(left)/float64(all))
		}
	}
	return t, nil
}

// A labelLevel is a label of a segmentation and the median of the T1w image
// there.
type labelLevel struct {
	index int
	name  string
	level float64
}

func levelWords(levels []labelLevel) string {
	var out []string
	for _, l := range levels {
		out = append(out, fmt.Sprintf("%.4g at label %d", l.level, l.index))
	}
	return diag.Few(out, 8)
}

func levelNames(levels []labelLevel) string {
	var out []string
	for _, l := range levels {
		out = append(out, fmt.Sprintf("%d %s", l.index, l.name))
	}
	return diag.Few(out, 8)
}

// tableBeside says how a table of the labels is to be called.
func tableBeside(labels string) string {
	stem := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(labels), ".gz"), ".nii")
	return stem + ".tsv beside it with the columns index and name (GM, WM, CSF)"
}

// suggested is the fix for labels whose order is not that of the intensities.
func suggested(labels string, levels []labelLevel) string {
	fix := "say what the labels are in " + tableBeside(labels)
	if len(levels) != 3 {
		return fix
	}
	by := slices.Clone(levels)
	slices.SortFunc(by, func(p, q labelLevel) int {
		if p.level < q.level {
			return -1
		}
		return 1
	})
	name := map[int]string{by[0].index: "CSF", by[1].index: "GM", by[2].index: "WM"}
	var rows []string
	for _, l := range levels {
		rows = append(rows, fmt.Sprintf("%d %s", l.index, name[l.index]))
	}
	fix += "; by the intensities they are " + strings.Join(rows, ", ")
	if strings.Join(rows, ", ") == "1 CSF, 2 GM, 3 WM" {
		fix += ", the order of FSL FAST"
	}
	return fix
}
