package pipeline

import (
	"math"
	"os"
	"path/filepath"
	"strings"

	"phasl/atlas"
	"phasl/diag"
	"phasl/internal/par"
	"phasl/nifti"
	"phasl/report"
	"phasl/voxel"
)

// A regionSet is the atlas and the regions measured in it.
type regionSet struct {
	name        string
	atlas       *atlas.Atlas
	regions     []atlas.Region
	key         map[string]bool // regions asked for or joined: shown first
	joined      []string        // joins in words
	minCoverage float64
	onTemplate  *voxel.Image // labels on the template's grid, for pictures
	outlined    []report.LabelGroup
}

// loadRegions reads atlas and label table and joins regions.
func loadRegions(c *Config, s *space, l *diag.List) (*regionSet, error) {
	img, _, err := nifti.ReadImage(c.Atlas)
	if err != nil {
		return nil, err
	}
	table := c.Labels
	var t atlas.Table
	if table == "" {
		l.Warnf(c.Atlas, "--labels", "give the label table with --labels FILE", "no label table was found beside the atlas; regions are called label_N")
	} else {
		if t, err = readLabels(table); err != nil {
			return nil, err
		}
	}
	a, al := atlas.New(img, c.Atlas, t)
	if a == nil || al.Err() != nil {
		return nil, al
	}
	l.Add(al...)
	asked, jl := a.ParseJoins("--region", "", c.Regions)
	if jl.Err() != nil {
		return nil, jl
	}
	defaults := a.DefaultJoins()
	rs := &regionSet{name: atlasName(c.Atlas), atlas: a, regions: atlas.Merge(asked, defaults, a.Regions()),
		key: map[string]bool{}, minCoverage: c.MinCoverage}
	for _, r := range append(append([]atlas.Region{}, asked...), defaults...) {
		rs.key[r.Name] = true
		if r.Hemisphere != "" {
			continue
		}
		var parts []string
		for _, lb := range a.Labels {
			for _, i := range r.Labels {
				if lb.Index == i {
					parts = append(parts, lb.Name)
				}
			}
		}
		rs.joined = append(rs.joined, r.Name+" = "+strings.Join(parts, " + "))
		rs.outlined = append(rs.outlined, report.LabelGroup{Name: r.Name, Labels: r.Labels})
	}
	rs.onTemplate = img
	if !img.Same(s.t1.Grid, 0.1) {
		rs.onTemplate = voxel.Resample(img, s.t1.Grid, nil, voxel.Nearest, c.Workers)
	}
	covered := 0
	for n, v := range rs.onTemplate.Data {
		if v > 0 && s.brain.In[n] {
			covered++
		}
	}
	labelled := rs.onTemplate.Threshold(0).Count()
	if labelled == 0 || float64(covered) < 0.5*float64(labelled) {
		l.Errorf(c.Atlas, "", "give an atlas in the space of the template",
			"only %d of %d labelled voxels lie in the brain of the template %s", covered, labelled, c.Template)
		return nil, l.Err()
	}
	return rs, nil
}

// readLabels reads a label table.
func readLabels(path string) (atlas.Table, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return atlas.Table{}, err
	}
	t, l := atlas.ParseTable(path, text)
	return t, l.Err()
}

// labelsBeside looks for the label table of an atlas under the names that BIDS
// and common atlases use; "" if there is none.
func labelsBeside(file string) string {
	stem := strings.TrimSuffix(strings.TrimSuffix(file, ".gz"), ".nii")
	dir, base := filepath.Split(stem)
	names := []string{stem + ".tsv", stem + ".txt", stem + ".csv", stem + "_label.txt"}
	// BIDS lets one table serve all resolutions and spaces of an atlas.
	if i := strings.Index(base, "atlas-"); i >= 0 {
		names = append(names, dir+base[i:]+".tsv")
	}
	for _, n := range names {
		if st, err := os.Stat(n); err == nil && !st.IsDir() {
			return n
		}
	}
	return ""
}

// atlasName is what the report calls the atlas: its BIDS label, or its file.
func atlasName(file string) string {
	base := filepath.Base(file)
	if _, rest, ok := strings.Cut(base, "atlas-"); ok {
		name, _, _ := strings.Cut(rest, "_")
		return name
	}
	return strings.TrimSuffix(strings.TrimSuffix(base, ".gz"), ".nii")
}

// measureRegions fills s.regions.
func (s *scan) measureRegions() {
	rs := s.space.regions
	if rs == nil {
		return
	}
	r, workers := s.result, s.set.Workers
	grid := rs.atlas.Grid
	onAtlas := func(m *voxel.Image) *voxel.Image {
		return voxel.Resample(m, grid, s.toTemplate, voxel.Linear, workers)
	}
	cbf := s.stdCBF
	if !grid.Same(s.space.t1.Grid, 0.1) {
		cbf = onAtlas(r.CBF)
	}
	gm := onAtlas(s.tissues.GM)
	opt := atlas.SummaryOptions{Coverage: max(rs.minCoverage, 1e-9), Workers: workers} // 0 would mean the default
	sums, _ := rs.atlas.Summarise(cbf, gm, nil, rs.regions, opt)
	global := s.quality.GreyCBF
	if !(global > 0) {
		global = math.NaN()
	}
	var att []atlas.Summary
	if r.ATT != nil {
		att, _ = rs.atlas.Summarise(onAtlas(r.ATT), gm, nil, rs.regions, opt)
	}
	var pure []atlas.Summary
	if s.pure != nil {
		pure, _ = rs.atlas.Summarise(onAtlas(s.pure.Grey), gm, nil, rs.regions, opt)
	}
	se, source := s.regionErrors(cbf)
	s.seSource, s.seKind = source, "voxels"
	if len(r.Pairs) > len(r.Delays) {
		s.seKind = "pairs"
	}
	for i, m := range sums {
		out := RegionResult{Region: m.Region.Name, Hemisphere: string(m.Region.Hemisphere), CBF: Number(m.Mean), SE: Number(se[i]), GMCBF: Number(m.Weighted),
			Relative: Number(m.Mean / global), RelativeSE: Number(se[i] / global),
			ATT: Number(math.NaN()), Voxels: m.N, Coverage: Number(m.Coverage), Note: m.Note}
		if pure != nil {
			v := Number(pure[i].Weighted)
			out.PureGMCBF = &v
		}
		if att != nil {
			out.ATT = Number(att[i].Mean)
		}
		if math.IsNaN(m.Mean) {
			out.SE, out.RelativeSE = Number(math.NaN()), Number(math.NaN())
		} else if math.IsNaN(se[i]) && out.Note == "" {
			out.Note = "the scan does not tell the standard error"
		}
		if out.Note == "" && (m.Mean < 0 || m.Mean > 4*global) {
			out.Note = "hardly possible: look at the map and its standard error in this region"
		}
		s.regions = append(s.regions, out)
	}
}

// regionErrors returns the standard error of each region's mean CBF and how it
// was found: from the scatter of the mean between pairs, or, where the scan
// holds a single difference at each delay, from the noise between neighbouring
// voxels. Both go back to the voxels that were measured: interpolation to the
// atlas makes more voxels, not more data.
func (s *scan) regionErrors(cbf *voxel.Image) ([]float64, string) {
	rs, r := s.space.regions, s.result
	paired := len(r.Pairs) > len(r.Delays)
	var noise []float64
	source := "the scatter of the region's mean between pairs"
	if !paired {
		noise, source = s.voxelNoise()
	}
	out := make([]float64, len(rs.regions))
	par.Do(s.set.Workers, len(out), func(i int) {
		var at []int32 // the region's voxels that have a value
		for _, l := range rs.regions[i].Labels {
			for _, n := range rs.atlas.Voxels(l) {
				if v := cbf.Data[n]; v == v {
					at = append(at, n)
				}
			}
		}
		voxels, weights := voxel.Adjoint(at, nil, rs.atlas.Grid, s.series.Grid, s.toTemplate)
		if paired {
			out[i] = r.RegionSE(voxels, weights)
			return
		}
		var sum, squares float64
		for j, n := range voxels {
			if v := r.CBF.Data[n]; v == v {
				sum += weights[j]
				squares += weights[j] * weights[j] * noise[n] * noise[n]
			}
		}
		out[i] = math.Sqrt(squares) / sum // 0/0 is NaN
	})
	return out, source
}

// voxelNoise returns the standard deviation of the noise of CBF in each voxel,
// from the difference between neighbours in the ΔM image (or in CBF, if ΔM
// does not tell), which holds no structure finer than two voxels but noise, and
// how it was found.
func (s *scan) voxelNoise() ([]float64, string) {
	r := s.result
	spacing := s.series.Spacing()
	finer := voxel.Vec{1, 1, 1}
	if size, ok := s.in.Sidecar.Numbers("AcquisitionVoxelSize", nil); ok && len(size) == 3 {
		for a := range 3 {
			finer[a] = max(1, size[a]/spacing[a])
		}
	}
	gain := r.Gain()
	img := r.DeltaM
	if gain == nil { // no ΔM, or several delays, whose noise does not scale into CBF
		img = r.CBF
	}
	// Zero-filling to a finer matrix repeats information: that many stored
	// voxels hold one measured value.
	repeat := math.Sqrt(finer[0] * finer[1] * finer[2])
	sd := atlas.NoiseSD(img, s.mask, finer)
	out := make([]float64, r.CBF.Len())
	for n := range out {
		out[n] = sd * repeat
		if gain != nil {
			out[n] *= math.Abs(float64(gain.Data[n]))
		}
	}
	return out, "noise between neighbouring voxels, taken as independent between acquired voxels; what the scan shares as a whole, such as physiology, is not in it"
}

// regionRows returns the regional table of the report.
func (s *scan) regionRows() []report.Region {
	var out []report.Region
	for _, r := range s.regions {
		out = append(out, report.Region{Name: r.Region, Key: s.space.regions.key[r.Region], CBF: float64(r.CBF), SE: float64(r.SE),
			Weighted: float64(r.GMCBF), Relative: float64(r.Relative), Voxels: r.Voxels, Coverage: float64(r.Coverage), Note: r.Note, Pure: (*float64)(r.PureGMCBF)})
	}
	return out
}
