package pipeline

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"phasl/atlas"
	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/nifti"
	"phasl/voxel"
)

// nativeSpaces are values of space- that name a person's own images.
var nativeSpaces = []string{"T1w", "T2w", "ASL", "asl", "aslref", "boldref", "orig", "native", "fsnative", "individual"}

// otherSource lists CBF maps in template space that another program made, by
// the names ASLPrep gives them:
//
//	sub-01/[ses-1/]perf/sub-01_[ses-1_][acq-x_][run-1_]space-<S>[_res-<r>]_cbf.nii.gz
//
// Maps with a desc- entity (score, scrub, basil, timeseries) are other ways to
// compute CBF, or series; they are not read, and the notes say so. Regions are
// measured later, by [source.measure].
func otherSource(dir string, c *GroupConfig, l *diag.List) (*source, error) {
	files, err := listDerivatives(dir, "perf")
	if err != nil {
		return nil, err
	}
	s := &source{dir: dir, zeros: true}
	byVariant := map[string][]derivative{} // space and resolution → maps
	descs := map[string]int{}
	for _, f := range files {
		if f.suffix != "cbf" || f.ext != ".nii.gz" && f.ext != ".nii" || !c.wants(f.entities["sub"]) {
			continue
		}
		space := f.entities["space"]
		switch {
		case space == "" || slices.Contains(nativeSpaces, space):
		case f.entities["desc"] != "":
			descs[f.entities["desc"]]++
		case len(c.Space) > 0 && strings.TrimPrefix(c.Space, "space-") != space:
		default:
			byVariant[variantOf(f)] = append(byVariant[variantOf(f)], f)
		}
	}
	if len(byVariant) == 0 {
		l.Errorf(dir, "", "run the participant level with --template and --atlas into this folder, or give the folder of CBF maps with --derivatives DIR",
			"there is neither a regions.tsv nor a CBF map in template space (sub-*/[ses-*/]perf/*_space-*_cbf.nii.gz)")
		return nil, nil
	}
	if c.Atlas == "" {
		l.Errorf(dir, "--atlas", "give a label image in the space of the maps with --atlas FILE", "CBF maps of another program have to be measured by region, and no atlas is given")
		return nil, nil
	}
	variant, err := s.chooseVariant(c, byVariant, l)
	if err != nil || variant == "" {
		return nil, err
	}
	chosen := byVariant[variant]
	s.space = chosen[0].entities["space"]
	for _, d := range sortedKeys(descs) {
		s.notes = append(s.notes, fmt.Sprintf("%s with desc-%s %s not used: only maps without desc- are", counted(descs[d], "CBF map", "CBF maps"), d, isAre(descs[d])))
	}
	for _, v := range sortedKeys(byVariant) {
		if v != variant {
			s.notes = append(s.notes, fmt.Sprintf("%s in %s not used", counted(len(byVariant[v]), "CBF map", "CBF maps"), v))
		}
	}
	s.words = fmt.Sprintf("CBF maps in %s%s, measured by region here", variant, s.maker())
	at := map[scanKey]int{}
	for _, f := range chosen {
		k := f.key()
		if n, ok := at[k]; ok {
			l.Errorf(filepath.Join(dir, f.path), "", "keep one of the two, or give them different run- or acq- labels", "it is of the same scan as %s", path.Base(s.scans[n].cbf))
			continue
		}
		at[k] = len(s.scans)
		s.scans = append(s.scans, derived{key: k, file: f.path, cbf: f.path})
		s.inputs = append(s.inputs, f.path)
	}
	for _, f := range files {
		n, ok := at[f.key()]
		if !ok {
			continue
		}
		sc := &s.scans[n]
		switch {
		case f.suffix == "mask" && f.entities["desc"] == "brain" && variantOf(f) == variant && (f.ext == ".nii.gz" || f.ext == ".nii"):
			sc.mask = f.path
			s.inputs = append(s.inputs, f.path)
		case f.suffix == "cbf" && (f.ext == ".tsv" || f.ext == ".csv") && (f.entities["desc"] == "qualitycontrol" || f.entities["desc"] == "quality"):
			s.readControl(sc, f.path, l)
		case f.suffix == "cbf" && f.ext == ".json" && strings.TrimSuffix(f.path, ".json") == strings.TrimSuffix(strings.TrimSuffix(sc.cbf, ".gz"), ".nii"):
			s.readUnits(sc, f.path, l)
		}
	}
	s.settleUnits(l)
	return s, nil
}

// variantOf names the space and resolution of a map.
func variantOf(d derivative) string {
	v := "space-" + d.entities["space"]
	for _, e := range []string{"cohort", "res"} {
		if d.entities[e] != "" {
			v += "_" + e + "-" + d.entities[e]
		}
	}
	return v
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// chooseVariant picks the space and resolution to read: the only one, else the
// one the atlas's file name is in, and of several resolutions the one whose
// grid is the atlas's. It returns "" after a fault.
func (s *source) chooseVariant(c *GroupConfig, by map[string][]derivative, l *diag.List) (string, error) {
	names := sortedKeys(by)
	if len(names) == 1 {
		return names[0], nil
	}
	fits := names
	if m := tplEntity.FindStringSubmatch(filepath.Base(c.Atlas)); m != nil {
		fits = slices.DeleteFunc(slices.Clone(names), func(v string) bool { return by[v][0].entities["space"] != m[1] })
	}
	if len(fits) != 1 {
		h, err := nifti.ReadHeader(c.Atlas)
		if err != nil {
			return "", err
		}
		same := []string{}
		for _, v := range fits {
			m, err := nifti.ReadHeader(s.at(by[v][0].path))
			if err != nil {
				return "", err
			}
			if g := m.Grid(); g.Same(h.Grid(), 0.1) {
				same = append(same, v)
			}
		}
		fits = same
	}
	if len(fits) != 1 {
		l.Errorf(s.dir, "space", "say which with --space NAME, or give an atlas whose grid or file name is that of one of them",
			"there are CBF maps in %s, and the atlas does not tell which to use", strings.Join(names, ", "))
		return "", nil
	}
	return fits[0], nil
}

// maker says which program made the results, if their description does.
func (s *source) maker() string {
	m, _ := bids.ReadJSON(s.at("dataset_description.json"), "dataset_description.json")
	list, _ := m["GeneratedBy"].([]any)
	for _, g := range list {
		e, _ := g.(map[string]any)
		name, _ := e["Name"].(string)
		version, _ := e["Version"].(string)
		if name != "" {
			return strings.TrimRight(" made by "+name+" "+version, " ")
		}
	}
	return ""
}

// readUnits takes the units from a map's sidecar.
func (s *source) readUnits(sc *derived, name string, l *diag.List) {
	m, ml := bids.ReadJSON(s.at(name), s.at(name))
	l.Add(ml...)
	if u, ok := m["Units"].(string); ok {
		sc.units = cbfUnits(u)
	}
}

// settleUnits demands one unit of all maps. Where no sidecar tells, it is
// taken to be mL/100 g/min, and the notes say so.
func (s *source) settleUnits(l *diag.List) {
	said := map[string]int{}
	for _, sc := range s.scans {
		said[sc.units]++
	}
	silent := said[""]
	delete(said, "")
	units := sortedKeys(said)
	if len(units) > 1 {
		l.Errorf(s.dir, "Units", "compute CBF of all scans in one unit", "the sidecars state different units: %s", strings.Join(units, ", "))
		return
	}
	unit := cbfUnits("mL/100 g/min")
	if len(units) == 1 {
		unit = units[0]
	}
	if silent > 0 {
		s.notes = append(s.notes, fmt.Sprintf("the units of %s are not stated; %s is assumed", counted(silent, "CBF map", "CBF maps"), unit))
	}
	for i := range s.scans {
		s.scans[i].units = unit
	}
}

// controlColumns gives for each quality measure the names that versions of
// ASLPrep have used.
var controlColumns = []struct {
	names []string
	put   func(*QualityResult, float64)
}{
	{[]string{"mean_fd", "FD"}, func(q *QualityResult, v float64) { q.FDMean = Number(v) }},
	{[]string{"qei_cbf", "cbfQEI"}, func(q *QualityResult, v float64) { q.QEI = Number(v) }},
	{[]string{"mean_gm_cbf", "GMmeanCBF"}, func(q *QualityResult, v float64) { q.GMCBF = Number(v) }},
	{[]string{"mean_wm_cbf", "WMmeanCBF"}, func(q *QualityResult, v float64) { q.WMCBF = Number(v) }},
	{[]string{"ratio_gm_wm_cbf", "Gm_Wm_CBF_ratio"}, func(q *QualityResult, v float64) { q.GMWMRatio = Number(v) }},
	{[]string{"percentage_negative_cbf", "NEG_CBF_PERC"}, func(q *QualityResult, v float64) { q.NegativeGMFraction = Number(v / 100) }},
}

// unjudged is a quality of which nothing is known.
func unjudged() QualityResult {
	n := Number(math.NaN())
	return QualityResult{GMCBF: n, WMCBF: n, GMWMRatio: n, SCoV: n, TSNR: n, NegativeGMFraction: n, QEI: n, FDMean: n, FDMax: n}
}

// readControl reads ASLPrep's quality table of one scan: a header and a row,
// separated by tabs or, in old versions, by commas.
func (s *source) readControl(sc *derived, name string, l *diag.List) {
	b, err := os.ReadFile(s.at(name))
	if err != nil {
		l.Warnf(s.at(name), "", "give yourself permission to read it", "the quality table cannot be read: %v", err)
		return
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	if line, _, _ := bytes.Cut(b, []byte("\n")); bytes.ContainsRune(line, '\t') {
		r.Comma = '\t'
	}
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 || len(rows[1]) < len(rows[0]) {
		l.Warnf(s.at(name), "", "look at the file", "this is no table of one header and one row; the scan's quality is not known")
		return
	}
	sc.quality = unjudged()
	for _, m := range controlColumns {
		for i, h := range rows[0] {
			cell := strings.TrimSpace(rows[1][i])
			if !slices.Contains(m.names, strings.TrimSpace(h)) || cell == bids.Missing {
				continue
			}
			if v, ok := number(cell); ok {
				m.put(&sc.quality, v)
				sc.judged = true
			}
		}
	}
	s.inputs = append(s.inputs, name)
}

// greyAbove is the fraction from which a voxel counts as grey matter for the
// global mean, and greyLeast how many of those there must be; else more than
// half suffices. They are those of the participant level.
const (
	greyAbove = 0.7
	greyLeast = 20
)

// measure fills the values of another program's maps: the mean of each region
// of the atlas, brought onto its grid, and global CBF under the name global.
// Global CBF is the mean over grey matter by each person's own tissue map in
// the maps' space, or, unless everybody has one, over all labels of the atlas.
func (s *source) measure(c *GroupConfig, global string, step func(scan string, n int) error, l *diag.List) error {
	a, regions, err := c.loadAtlas(l)
	if err != nil || a == nil {
		return err
	}
	s.regions = append([]string{global}, regionNames(regions)...)
	grey, err := s.greyMaps()
	if err != nil {
		return err
	}
	lacking := map[string]bool{}
	for _, sc := range s.scans {
		if grey[sc.key] == "" {
			lacking["sub-"+sc.key.sub] = true
		}
	}
	s.global = "mean CBF over voxels that are more than 70 % grey matter by the person's own tissue map in template space"
	if len(lacking) > 0 {
		s.global = "mean CBF over all labelled voxels of the atlas: there is no map of grey matter in the space of the CBF maps"
		if n := len(subjectsOf(s.scans)); len(lacking) < n {
			s.global += " for " + strings.Join(sortedKeys(lacking), ", ")
		}
		grey = nil
	}
	coverage := max(c.MinCoverage, 1e-9) // 0 would mean the default
	offGrid := 0
	for i := range s.scans {
		sc := &s.scans[i]
		if err := step(sc.key.String(), i); err != nil {
			return err
		}
		m, err := s.readMap(sc)
		if err != nil {
			if bad, ok := errors.AsType[diag.List](err); ok {
				l.Add(bad...)
				continue
			}
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				l.Errorf(s.at(sc.cbf), "", "make it again", "the map cannot be read: %v", err)
				continue
			}
			return err
		}
		if !m.Same(a.Grid, 0.1) {
			offGrid++
		}
		sums, all := a.Summarise(onto(m, a.Grid, c.Workers), nil, nil, regions, atlas.SummaryOptions{Coverage: coverage, Workers: c.Workers})
		value := func(region string, cbf float64, note string) {
			sc.values = append(sc.values, crossover.Value{Subject: sc.key.sub, Session: sc.key.ses, Acq: sc.key.acq, Run: sc.key.run,
				Region: region, CBF: cbf, SE: math.NaN(), Units: sc.units, Note: note})
		}
		if grey == nil {
			value(global, all.Mean, all.Note)
		} else {
			gm, _, err := nifti.ReadImage(s.at(grey[sc.key]))
			if err != nil {
				return err
			}
			mean, note := greyMean(m, onto(gm, m.Grid, c.Workers))
			value(global, mean, note)
		}
		for _, r := range sums {
			value(r.Region.Name, r.Mean, r.Note)
		}
	}
	if offGrid > 0 {
		s.notes = append(s.notes, fmt.Sprintf("%s brought onto the atlas's grid by linear interpolation, or by the mean of several samples where that is coarser", counted(offGrid, "map was", "maps were")))
	}
	return nil
}

func regionNames(regions []atlas.Region) []string {
	out := make([]string, len(regions))
	for i, r := range regions {
		out[i] = r.Name
	}
	return out
}

// subjectsOf returns the people of the scans, each once, sorted.
func subjectsOf(scans []derived) []string {
	seen := map[string]bool{}
	for _, sc := range scans {
		seen[sc.key.sub] = true
	}
	return sortedKeys(seen)
}

// greyMaps finds for each scan the map of grey matter in the space of the CBF
// maps: of its session, else of the person.
func (s *source) greyMaps() (map[scanKey]string, error) {
	files, err := listDerivatives(s.dir, "anat")
	if err != nil {
		return nil, err
	}
	best := map[[2]string]string{} // subject, session ("" for the person) → file
	for _, f := range files {
		e := f.entities
		if f.suffix != "probseg" || e["label"] != "GM" || e["space"] != s.space || f.ext != ".nii.gz" && f.ext != ".nii" {
			continue
		}
		at := [2]string{e["sub"], e["ses"]}
		if best[at] == "" {
			best[at] = f.path
		}
		// A session's map serves sessions without one of their own.
		if any := [2]string{e["sub"], ""}; best[any] == "" {
			best[any] = f.path
		}
	}
	out := map[scanKey]string{}
	for _, sc := range s.scans {
		name := best[[2]string{sc.key.sub, sc.key.ses}]
		if name == "" {
			name = best[[2]string{sc.key.sub, ""}]
		}
		if name != "" {
			out[sc.key] = name
		}
	}
	return out, nil
}

// greyMean is the mean of m over grey matter; gm lies on its grid.
func greyMean(m, gm *voxel.Image) (mean float64, note string) {
	for _, above := range []float32{greyAbove, 0.5} {
		sum, n := 0.0, 0
		for i, v := range m.Data {
			if gm.Data[i] > above && v-v == 0 {
				sum += float64(v)
				n++
			}
		}
		if n >= greyLeast || above == 0.5 && n > 0 {
			return sum / float64(n), ""
		}
	}
	return math.NaN(), "no voxel of the map is grey matter"
}
