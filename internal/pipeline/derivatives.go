package pipeline

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"phasl/asl"
	"phasl/atlas"
	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/nifti"
	"phasl/report"
	"phasl/voxel"
)

// A scanKey tells the scans of a trial apart: labels without their keys. A run
// is compared without its leading zeros, as programs differ in keeping them.
type scanKey struct{ sub, ses, acq, run string }

func keyOf(sub, ses, acq, run string) scanKey {
	if t := strings.TrimLeft(run, "0"); t != "" {
		run = t
	}
	return scanKey{sub, ses, acq, run}
}

// String names the scan as its file would be called.
func (k scanKey) String() string {
	s := "sub-" + k.sub
	for _, e := range [][2]string{{"ses", k.ses}, {"acq", k.acq}, {"run", k.run}} {
		if e[1] != "" {
			s += "_" + e[0] + "-" + e[1]
		}
	}
	return s
}

// A derived is what the participant level found of one scan.
type derived struct {
	key     scanKey
	phase   string            // within the visit, if the results say it
	file    string            // where it was found, relative to the results
	cbf     string            // CBF map in template space, relative to the results; "" if there is none
	mask    string            // brain mask on the map's grid; "" if there is none
	values  []crossover.Value // of every region
	units   string            // of CBF
	quality QualityResult
	judged  bool         // quality is known
	methods *report.Info // how it was acquired and processed; nil if that is not known
}

// A source is a folder of participant-level results.
type source struct {
	dir     string
	phasl   bool   // they are phasl's own
	words   string // what they are, for the report
	space   string // of the CBF maps; "" if there are none
	global  string // how global CBF was measured, in words
	regions []string
	scans   []derived
	notes   []string // what a reader must know of how they were read
	inputs  []string // files that numbers came from, relative to dir
	zeros   bool     // a value of exactly zero means outside the brain
}

// at returns the path of a file of the results.
func (s *source) at(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// A derivative is the name of a file of results, taken apart. Entities that
// BIDS does not know are kept: other programs have their own.
type derivative struct {
	path     string // relative to the results, with slashes
	entities map[string]string
	suffix   string
	ext      string
}

func (d derivative) key() scanKey {
	e := d.entities
	return keyOf(e["sub"], e["ses"], e["acq"], e["run"])
}

// parseDerivative takes the name of a person's file apart; false if it is not
// of the form sub-label_key-value_…_suffix.ext.
func parseDerivative(rel string) (derivative, bool) {
	d, ok := parseEntities(rel)
	return d, ok && d.entities["sub"] != ""
}

// parseEntities takes the name of a file apart; false if it is not of the form
// key-value_…_suffix.ext.
func parseEntities(rel string) (derivative, bool) {
	base := path.Base(rel)
	d := derivative{path: rel, entities: map[string]string{}}
	stem, ext, ok := strings.Cut(base, ".")
	if !ok {
		return d, false
	}
	d.ext = "." + ext
	parts := strings.Split(stem, "_")
	d.suffix = parts[len(parts)-1]
	for _, p := range parts[:len(parts)-1] {
		k, v, ok := strings.Cut(p, "-")
		if !ok || k == "" || v == "" {
			return d, false
		}
		d.entities[k] = v
	}
	return d, true
}

// listDerivatives returns the files below sub-*/[ses-*/]<datatype>/, sorted.
func listDerivatives(dir, datatype string) ([]derivative, error) {
	var out []derivative
	for _, pattern := range []string{"sub-*/" + datatype + "/*", "sub-*/ses-*/" + datatype + "/*"} {
		names, err := filepath.Glob(filepath.Join(escapeGlob(dir), filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			rel, err := filepath.Rel(dir, n)
			if err != nil {
				return nil, err
			}
			if d, ok := parseDerivative(filepath.ToSlash(rel)); ok {
				out = append(out, d)
			}
		}
	}
	slices.SortFunc(out, func(a, b derivative) int { return strings.Compare(a.path, b.path) })
	return out, nil
}

// escapeGlob makes a folder's name stand for itself in a pattern.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(dir)
}

// openSource finds out whose results lie in dir and lists them. Faults are in
// the list; the source is nil if there is nothing to read.
func openSource(c *GroupConfig, l *diag.List) (*source, error) {
	dir := c.Derivatives
	if dir == "" {
		dir = c.OutDir
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		fix := "run the participant level first, into the same output folder"
		if c.Derivatives != "" {
			fix = "check the path"
		}
		l.Errorf(dir, "", fix, "there is no such folder of participant-level results")
		return nil, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "regions.tsv")); err == nil {
		return phaslSource(dir, c, l)
	}
	return otherSource(dir, c, l)
}

// wants reports whether a participant is among those asked for.
func (c *GroupConfig) wants(sub string) bool {
	return len(c.Participants) == 0 || slices.Contains(c.Participants, sub)
}

// phaslSource reads what "phasl run … participant" wrote: regions.tsv for the
// values, each scan's _quality.json for its quality, and the CBF maps in
// template space.
func phaslSource(dir string, c *GroupConfig, l *diag.List) (*source, error) {
	s := &source{dir: dir, phasl: true, words: "phasl's participant level: values from regions.tsv, quality from each scan's quality file",
		global: "mean CBF over the scan's own voxels that are more than 70 % grey matter (more than half, if there are fewer than 20 of those)",
		inputs: []string{"regions.tsv"}}
	table, tl := bids.ReadTable(filepath.Join(dir, "regions.tsv"))
	l.Add(tl...)
	if table == nil {
		return nil, nil
	}
	ok := true
	for _, col := range []string{"participant_id", "session", "acq", "run", "phase", "region", "measure", "value", "se", "units", "note"} {
		if table.Column(col) < 0 {
			l.Errorf(table.File, col, "run the participant level again to have the table written anew", "there is no such column")
			ok = false
		}
	}
	if !ok {
		return nil, nil
	}
	at := map[scanKey]int{}
	seen := map[string]bool{}
	regions := map[string]bool{}
	bad, twice := 0, 0
	for i := range table.Rows {
		row := table.Row(i)
		if row["measure"] != "cbf" {
			continue
		}
		sub := strings.TrimPrefix(row["participant_id"], "sub-")
		if sub == "" || !c.wants(sub) {
			continue
		}
		k := keyOf(sub, row["session"], row["acq"], row["run"])
		n, ok := at[k]
		if !ok {
			n = len(s.scans)
			at[k] = n
			s.scans = append(s.scans, derived{key: k, phase: row["phase"], file: "regions.tsv", units: row["units"]})
		}
		region := row["region"]
		if id := k.String() + "\x00" + region; seen[id] {
			if twice++; twice <= maxNamed {
				l.Errorf(table.File, "region", "keep one scan of each label in the results: give them different run- or acq- labels", "%s of %s stands twice", region, k)
			}
			continue
		} else {
			seen[id] = true
		}
		value, okV := number(row["value"])
		se, okS := number(row["se"])
		if !okV || !okS {
			if bad++; bad <= maxNamed {
				l.Errorf(table.File, "value", "run the participant level again to have the table written anew", "row %d: %q or %q is no number", i+1, row["value"], row["se"])
			}
		}
		if !regions[region] {
			regions[region] = true
			s.regions = append(s.regions, region)
		}
		s.scans[n].values = append(s.scans[n].values, crossover.Value{Subject: k.sub, Session: k.ses, Acq: k.acq, Run: k.run,
			Region: region, CBF: value, SE: se, Units: row["units"], Note: row["note"]})
	}
	if bad > maxNamed || twice > maxNamed {
		l.Errorf(table.File, "", "correct them alike", "%d more rows are at fault", max(0, bad-maxNamed)+max(0, twice-maxNamed))
	}
	if len(s.scans) == 0 {
		l.Errorf(table.File, "", "run the participant level for the participants asked for", "the table holds no CBF value of them")
		return nil, nil
	}
	files, err := listDerivatives(dir, "perf")
	if err != nil {
		return nil, err
	}
	spaces := map[string]bool{}
	for _, f := range files {
		n, ok := at[f.key()]
		if !ok {
			continue
		}
		sc := &s.scans[n]
		switch {
		case f.suffix == "quality" && f.ext == ".json":
			s.readQuality(sc, f.path, l)
		case f.suffix == "cbf" && f.ext == ".nii.gz" && f.entities["space"] != "" && f.entities["desc"] == "":
			if sc.cbf != "" {
				l.Errorf(filepath.Join(dir, f.path), "", "remove the maps of the space that is not wanted", "there are several CBF maps of the scan in template space, %s as well", path.Base(sc.cbf))
			}
			sc.cbf, s.space = f.path, f.entities["space"]
			spaces[s.space] = true
			if sc.file == "regions.tsv" {
				sc.file = f.path
			}
		}
	}
	if len(spaces) > 1 {
		s.space = ""
		l.Errorf(dir, "", "run the participant level for everybody with one template", "the CBF maps are in %d spaces", len(spaces))
	}
	return s, nil
}

// maxNamed is how many faults of one kind are named; the rest are counted.
const maxNamed = 20

// number reads a cell of a table; an empty one is NaN.
func number(cell string) (float64, bool) {
	if cell == "" {
		return math.NaN(), true
	}
	v, err := strconv.ParseFloat(cell, 64)
	return v, err == nil
}

// readQuality reads the quality file of one of phasl's scans.
func (s *source) readQuality(sc *derived, name string, l *diag.List) {
	b, err := os.ReadFile(s.at(name))
	var q struct {
		Quality QualityResult `json:"quality"`
		Methods *report.Info  `json:"methods"`
	}
	if err == nil {
		err = json.Unmarshal(b, &q)
	}
	if err != nil {
		l.Errorf(s.at(name), "", "run the participant level again for this person", "the quality file cannot be read: %v", err)
		return
	}
	sc.quality, sc.methods, sc.judged = q.Quality, q.Methods, true
	s.inputs = append(s.inputs, name)
}

// readMap reads the CBF map of a scan; outside the brain it is NaN.
func (s *source) readMap(sc *derived) (*voxel.Image, error) {
	m, _, err := nifti.ReadImage(s.at(sc.cbf))
	if err != nil {
		return nil, err
	}
	if sc.mask != "" {
		in, _, err := nifti.ReadMask(s.at(sc.mask))
		if err != nil {
			return nil, err
		}
		if in.Same(m.Grid, 0.1) {
			keepBrain(m, in)
			return m, nil
		}
	}
	if s.zeros {
		for n, v := range m.Data {
			if v == 0 {
				m.Data[n] = float32(math.NaN())
			}
		}
	}
	return m, nil
}

// onto brings a map to a grid: by linear interpolation where the grid is as
// fine as the map, and by the mean of several samples in each voxel where it
// is coarser, so that no voxel of the map is passed over.
func onto(m *voxel.Image, g voxel.Grid, workers int) *voxel.Image {
	if m.Same(g, 0.1) {
		return m
	}
	from, to := m.Spacing(), g.Spacing()
	n := 1
	for a := range 3 {
		n = max(n, int(math.Ceil(to[a]/from[a]-0.05)))
	}
	if n == 1 {
		return voxel.Resample(m, g, nil, voxel.Linear, workers)
	}
	return voxel.Average(m, g, voxel.Identity(), min(n, 8), workers)
}

// loadAtlas reads the atlas of the group level, its labels and joins.
func (c *GroupConfig) loadAtlas(l *diag.List) (*atlas.Atlas, []atlas.Region, error) {
	img, _, err := nifti.ReadImage(c.Atlas)
	if err != nil {
		return nil, nil, err
	}
	var t atlas.Table
	if c.Labels == "" {
		c.Labels = labelsBeside(c.Atlas)
	}
	if c.Labels == "" {
		l.Warnf(c.Atlas, "--labels", "give the label table with --labels FILE", "no label table was found beside the atlas; regions are called label_N")
	} else if t, err = readLabels(c.Labels); err != nil {
		return nil, nil, err
	}
	a, al := atlas.New(img, c.Atlas, t)
	l.Add(al...)
	if a == nil {
		return nil, nil, nil
	}
	asked, jl := a.ParseJoins("--region", "", c.Regions)
	l.Add(jl...)
	if jl.Err() != nil {
		return nil, nil, nil
	}
	return a, atlas.Merge(asked, a.DefaultJoins(), a.Regions()), nil
}

// cbfUnits spells units as phasl does, whatever blanks and cases they have.
func cbfUnits(s string) string {
	flat := strings.ToLower(strings.Join(strings.Fields(s), ""))
	switch flat {
	case "ml/100g/min", "ml/100gtissue/min", "ml/min/100g", "ml*100g^-1*min^-1", "ml100g-1min-1":
		return asl.UnitsAbsolute
	}
	return s
}

// counted writes "1 file", "3 files".
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
