package report

import (
	"bytes"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"phasl/diag"
	"phasl/voxel"
)

var (
	update = flag.Bool("update", false, "rewrite the golden files")
	pageTo = flag.String("page", "", "directory to write the test pages to, to look at them in a browser")
)

// golden compares got with testdata/name, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s\nrun with -update and read the diff", name, got)
	}
}

func render(t testing.TB, p *Participant) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteParticipant(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func keep(t *testing.T, name, page string) {
	t.Helper()
	if *pageTo != "" {
		if err := os.WriteFile(filepath.Join(*pageTo, name), []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A brainModel is an ellipsoid brain drawn from formulas, in world coordinates: a
// folded grey ribbon, white matter, two ventricles, deep grey, an asymmetric
// spot on the person's left so that a mirrored picture shows.
type brainModel struct {
	noise float64
	gain  float64
	seed  uint64
}

// tissue returns 0 outside, 1 grey, 2 white, 3 CSF, 4 skull.
func tissueAt(p voxel.Vec) int {
	x, y, z := p[0], p[1]+18, p[2]-8
	r := math.Sqrt(x*x/(68*68) + y*y/(86*86) + z*z/(62*62))
	switch {
	case r > 1.18:
		return 0
	case r > 1.1:
		return 4
	case r > 1:
		return 3
	}
	fold := 0.06*math.Sin(x/5)*math.Sin(y/6+1)*math.Sin(z/5.5) + 0.03*math.Sin(math.Atan2(y, x)*24)
	if math.Abs(x) < 2.2 && r > 0.55 {
		return 1
	}
	if v := (math.Abs(x)-9)*(math.Abs(x)-9)/25 + (y+4)*(y+4)/(24*24) + (z-2)*(z-2)/90; v < 1 {
		return 3
	}
	if v := (math.Abs(x)-19)*(math.Abs(x)-19)/49 + (y-8)*(y-8)/200 + (z+4)*(z+4)/120; v < 1 {
		return 1
	}
	if r+fold > 0.86 {
		return 1
	}
	return 2
}

// image returns values by tissue with smooth noise on grid g.
func (b brainModel) image(g voxel.Grid, values [5]float64, mask bool) *voxel.Image {
	img := voxel.NewImage(g)
	rng := rand.New(rand.NewPCG(b.seed, 1))
	for n := range img.Data {
		w := g.World(g.Coord(n))
		var v float64
		// a voxel is the mean of eight points in it, as a coarse scan is
		out := 0
		for c := range 8 {
			q := w
			for a := range 3 {
				q[a] += (float64(c>>a&1) - 0.5) * 1.5
			}
			k := tissueAt(q)
			if k == 0 || k == 4 {
				out++
			}
			v += values[k] / 8
		}
		if d := voxel.Distance(w, voxel.Vec{-34, 30, 28}); d < 9 {
			v *= 1.6
		}
		v = v*b.gain + rng.NormFloat64()*b.noise
		if mask && out > 3 {
			v = math.NaN()
		}
		img.Data[n] = float32(v)
	}
	return img
}

func brainMask(g voxel.Grid) *voxel.Mask {
	m := voxel.NewMask(g)
	for n := range m.In {
		k := tissueAt(g.World(g.Coord(n)))
		m.In[n] = k >= 1 && k <= 3
	}
	return m
}

func greyMask(g voxel.Grid) *voxel.Mask {
	m := voxel.NewMask(g)
	for n := range m.In {
		m.In[n] = tissueAt(g.World(g.Coord(n))) == 1
	}
	return m
}

// atlasOf cuts grey matter into labels by octant, and three midline spots.
func atlasOf(g voxel.Grid) *voxel.Image {
	img := voxel.NewImage(g)
	for n := range img.Data {
		w := g.World(g.Coord(n))
		if tissueAt(w) != 1 {
			continue
		}
		l := 1.0
		for a, cut := range [3]float64{0, -18, 12} {
			if w[a] > cut {
				l += float64(int(1) << a)
			}
		}
		for k, c := range []voxel.Vec{{4, 22, -12}, {4, 42, 8}, {4, 26, 28}} {
			d := voxel.Distance(voxel.Vec{math.Abs(w[0]), w[1], w[2]}, c)
			if d < 13 {
				l = float64(151 + 2*k)
				if w[0] > 0 {
					l++
				}
			}
		}
		img.Data[n] = float32(l)
	}
	return img
}

// gridMM returns a grid of voxels of the given sizes about the head.
func gridMM(s voxel.Vec) voxel.Grid {
	n := [3]int{int(176 / s[0]), int(220 / s[1]), int(160 / s[2])}
	return voxel.Grid{Dim: n, Affine: voxel.Affine{
		{s[0], 0, 0, -s[0] * float64(n[0]-1) / 2},
		{0, s[1], 0, -18 - s[1]*float64(n[1]-1)/2},
		{0, 0, s[2], 8 - s[2]*float64(n[2]-1)/2}}}
}

var nan = math.NaN()

// full has everything: two visits of two scans. Tests must not change it.
var full = sync.OnceValue(fullParticipant)

func fullParticipant() *Participant {
	g, tg := gridMM(voxel.Vec{4, 4, 6}), gridMM(voxel.Vec{4, 4, 4})
	if *pageTo != "" { // as fine as real images
		g, tg = gridMM(voxel.Vec{3, 3, 4}), gridMM(voxel.Vec{2, 2, 2})
	}
	mask := brainMask(g)
	labels := atlasOf(tg)
	t1 := brainModel{0.2, 1, 7}.image(tg, [5]float64{0.2, 6, 9, 2, 7}, false)
	tMask := brainMask(tg)
	p := &Participant{
		ID: "sub-01", Dataset: "Naltrexone–ketamine crossover", Software: "phasl 0.1.0", Date: "23 November 2026",
		Command: "phasl run bids out participant --participant-label 01",
		Summary: []string{"Four scans gave CBF. One is flagged: the head moved in the infusion scan of the second visit."},
		Set:     []Setting{{"BackgroundSuppressionPulseTime", "[0.1, 0.9]", ""}, {"M0Scale", "32", "1"}},
		Methods: nil,
	}
	p.Problems.Warnf("sub-01/ses-placebo/perf/sub-01_asl.json", "RepetitionTimePreparation", "say so in the sidecar if that is right", "is 4.9 s in the series and 5 s in the M0 scan")
	p.Problems.Add(&diag.Problem{Severity: diag.Error, File: "sub-01/ses-b/perf/sub-01_run-3_asl.nii.gz", Found: "the file ends after 1024 of 4096 bytes", Fix: "copy it again"})
	for i, n := range [][2]string{{"a", "baseline"}, {"a", "infusion"}, {"b", "baseline"}, {"b", "infusion"}} {
		gain := []float64{1, 1.16, 0.97, 1.12}[i]
		m := brainModel{6, gain, uint64(i)}
		s := Scan{
			Session: n[0], Run: string(rune('1' + i%2)), Phase: n[1], File: "sub-01/ses-" + n[0] + "/perf/sub-01_asl.nii.gz",
			Summary: "Grey-matter CBF " + number(56*gain, 2) + " mL/100 g/min; nothing flagged.",
			CBF:     m.image(g, [5]float64{0, 60, 22, 2, 0}, true),
			ATT:     brainModel{0.08, 1, uint64(i + 9)}.image(g, [5]float64{0, 1.1, 1.5, 1.3, 0}, true),
			SE:      brainModel{0.4, 1, uint64(i + 30)}.image(g, [5]float64{0, 5, 4, 6, 0}, true),
			DeltaM:  brainModel{1.2, 1, uint64(i + 20)}.image(g, [5]float64{0, 11, 4, 0.5, 1}, false),
			M0:      brainModel{20, 1, uint64(i + 40)}.image(g, [5]float64{0, 1000, 820, 1300, 300}, false),
			Mask:    mask,
			Protocol: []Fact{{"Scanner", "GE Discovery MR750, 3 T", "", "sidecar"}, {"Labelling", "pseudo-continuous", "", "sidecar"}, {"Labelling duration τ", "1.45", "s", "sidecar"},
				{"Post-labelling delay", "2.025", "s", "sidecar"}, {"Readout", "3D spiral", "", "sidecar"}, {"Background suppression", "4 pulses", "", "sidecar"}, {"Voxel size", "3 × 3 × 4", "mm", "header"}, {"Volumes", "18: 9 control, 8 label, 1 m0scan", "", ""}},
			Quality: []Metric{
				{Name: "Grey-matter CBF", Value: 56.2 * gain, Unit: CBFUnit, Low: 40, High: 100, Key: true, Note: "Mean over voxels that are mostly grey matter."},
				{Name: "White-matter CBF", Value: 22.4 * gain, Unit: CBFUnit, Low: 15, High: 40, Note: "Mean over voxels that are mostly white matter."},
				{Name: "GM / WM ratio", Value: 2.5, Low: 1.5, High: 4, Key: true, Note: "Below 1.5 the map has little to do with perfusion."},
				{Name: "Spatial CoV", Value: 0.42, Low: nan, High: 0.6, Note: "High where the label had not yet arrived."},
				{Name: "tSNR of ΔM", Value: 4.1, Low: 1, High: nan, Note: "Mean ΔM over its standard deviation between pairs."},
				{Name: "Negative grey matter", Value: 0.6, Unit: "%", Low: nan, High: 5, Note: "Noise, motion or wrong order of volumes."},
				{Name: "QEI", Value: 0.78, Low: 0.53, High: nan, Key: true, Note: "Quality evaluation index, 0 to 1."},
				{Name: "Mean FD", Value: 0.14, Unit: "mm", Low: nan, High: 0.5, Key: true, Note: "Mean framewise displacement."},
				{Name: "Left–right ratio", Value: nan, Low: nan, High: nan, Note: "Not computed: no atlas given."},
			},
			Equation: "CBF = 6000 · λ · (ΔM/M0) · exp(PLD/T1b) / (2 · α · T1b · (1 − exp(−τ/T1b)))",
			Model:    "One-compartment equation of the consensus recommendation (Alsop et al. 2015). It reads low where transit is slow.",
			Constants: []Constant{{"BloodT1", "T1b", 1.65, "s", "Alsop et al. 2015, doi:10.1002/mrm.25197", "default"},
				{"PartitionCoefficient", "λ", 0.9, "mL/g", "Herscovitch & Raichle 1985, doi:10.1038/jcbfm.1985.9", "default"},
				{"Labelling efficiency", "α", 0.6, "", "0.85 × 0.95⁴ for suppression pulses", "default"},
				{"Labelling duration", "τ", 1.45, "s", "", "sidecar"}, {"Post-labelling delay", "PLD", 2.025, "s", "", "--set"}},
		}
		s.Regions = []Region{
			{Name: "Global grey matter", Key: true, CBF: 56.2 * gain, SE: 0.8, Weighted: 57.1 * gain, Relative: 1, Voxels: 8421, Coverage: 0.99},
			{Name: "sgACC", Key: true, CBF: 52.4 * gain, SE: 2.1, Weighted: 55 * gain, Relative: 0.93, Voxels: 61, Coverage: 0.88},
			{Name: "pgACC", Key: true, CBF: 66.9 * gain, SE: 1.9, Weighted: 68 * gain, Relative: 1.19, Voxels: 132, Coverage: 1},
			{Name: "dACC", Key: true, CBF: 61.3 * gain, SE: 1.7, Weighted: 63 * gain, Relative: 1.09, Voxels: 148, Coverage: 1},
			{Name: "Frontal_Sup_L", CBF: 48, SE: 1.2, Weighted: 50, Relative: 0.86, Voxels: 300, Coverage: 0.97},
			{Name: "Cerebellum_Crus1_R", CBF: nan, SE: nan, Weighted: nan, Relative: nan, Voxels: 12, Coverage: 0.21, Note: "21 % of the region is in the slab; 50 % are needed"},
		}
		mo := &Motion{FDLimit: 1, DVARSUnit: "% of mean", Note: "Rigid realignment to the mean; control and label volumes aligned as one series."}
		rng := rand.New(rand.NewPCG(uint64(i), 5))
		var at [6]float64
		for v := range 18 {
			kind := "m0scan"
			if v > 0 {
				kind = []string{"label", "control"}[v%2]
			}
			q := Volume{Kind: kind}
			jump := 0.0
			if i == 3 && v == 11 {
				jump, q.Excluded, q.Reason = 1.4, true, "framewise displacement 1.6 mm"
			}
			for a := range 6 {
				at[a] += rng.NormFloat64()*0.05 + jump/3
			}
			mo.Volumes = append(mo.Volumes, q)
			mo.Translation = append(mo.Translation, [3]float64{at[0], at[1], at[2]})
			mo.Rotation = append(mo.Rotation, [3]float64{at[3], at[4], at[5]})
			fd := math.Abs(rng.NormFloat64())*0.1 + jump
			if v == 0 {
				fd = nan
			}
			mo.FD = append(mo.FD, fd)
			mo.DVARS = append(mo.DVARS, 1.1+0.2*rng.Float64()+jump)
		}
		s.Motion = mo
		for k := range 8 {
			q := Pair{Mean: 7.5*gain + rng.NormFloat64()}
			if i == 3 && k == 5 {
				q = Pair{Mean: 16, Outlier: true, Reason: "volume 11 moved"}
			}
			s.Pairs = append(s.Pairs, q)
		}
		if i == 3 {
			s.Summary = "Grey-matter CBF 63 mL/100 g/min; one pair left out because the head moved."
			s.Flags = []Flag{{Metric: "Mean FD", Found: "The head moved by 1.6 mm at volume 11; one pair was left out.", Look: "look at the motion chart, and for rings at the edge of the brain in ΔM."}}
		}
		if i == 0 || i == 3 {
			s.Overlays = []Overlay{
				{Title: "Perfusion image on T1-weighted image", Fixed: Layer{Name: "T1-weighted", Image: t1}, Moving: Layer{Name: "CBF", Image: m.image(tg, [5]float64{0, 60, 22, 2, 0}, true), Kind: Perfusion},
					Outlines: []Outline{{"grey matter of the T1w", greyMask(tg)}, {"ASL brain mask", tMask}},
					Measures: []Fact{{"Mask overlap (Dice)", "0.94", "", "at least 0.85"}, {"Mutual information", "0.52", "", ""}},
					Look:     "Bright CBF lies inside the grey-matter outline, and the same edge of the brain in both pictures."},
				{Title: "Perfusion image in template space", Fixed: Layer{Name: "MNI152 template", Image: t1}, Moving: Layer{Name: "CBF", Image: m.image(tg, [5]float64{0, 60, 22, 2, 0}, true), Kind: Perfusion},
					Labels: labels, Regions: []LabelGroup{{"sgACC", []int{151, 152}}, {"pgACC", []int{153, 154}}, {"dACC", []int{155, 156}}},
					Measures: []Fact{{"Correlation with template", "0.81", "", "at least 0.5"}}, Look: "Atlas regions lie on the anatomy they are named after."},
			}
		}
		p.Scans = append(p.Scans, s)
	}
	p.Anatomy = []Overlay{{Title: "T1-weighted image on the template", Fixed: Layer{Name: "template", Image: t1}, Moving: Layer{Name: "T1-weighted", Image: brainModel{0.5, 1.1, 3}.image(tg, [5]float64{0.2, 6, 9, 2, 7}, false)},
		Outlines: []Outline{{"template brain", tMask}}, Failed: true, Look: "Ventricles and the brain's edge at the same place."}}
	p.Methods, p.References = Methods(fullInfo(p.Scans[0].Constants))
	return p
}

func fullInfo(c []Constant) Info {
	return Info{Software: "phasl 0.1.0", People: 1, Scans: 4, Field: 3, Manufacturer: "GE", Scanner: "Discovery MR750", Readout: "3D spiral", Labelling: "PCASL", Tau: 1.45,
		PLD: []float64{2.025}, Suppressed: true, Pulses: 4, VoxelSize: [3]float64{3, 3, 4}, Realigned: true, Excluded: "framewise displacement above 1 mm", Outliers: "a mean more than three robust standard deviations from the median",
		M0: "separate", M0TR: 2, Model: "white-paper", Constants: c, Tissue: "the T1-weighted image of the same person", ToAnatomy: "mutual information", Template: "MNI152NLin2009cAsym", Warp: "affine",
		Atlas: "AAL3", Joined: []string{"sgACC: ACC_sub, left and right"}, Coverage: 0.5, QEI: true, SpatialCoV: true}
}
