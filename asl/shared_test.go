package asl

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/internal/sharedtest"
	"phasl/nifti"
	"phasl/voxel"
)

// readSeries reads a file of the shared data.
func readSeries(t testing.TB, path string) *voxel.Series {
	t.Helper()
	s, _, err := nifti.ReadSeries(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readSidecar(t testing.TB, path string) *bids.Sidecar {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sidecarOf(t, filepath.Base(path), b)
}

func sidecarOf(t testing.TB, name string, b []byte) *bids.Sidecar {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	sc := &bids.Sidecar{Path: name, Fields: map[string]bids.Field{}}
	for k, v := range m {
		sc.Fields[k] = bids.Field{Value: v, File: name}
	}
	return sc
}

func readContext(t testing.TB, path string) []bids.VolumeType {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []bids.VolumeType
	for _, line := range strings.Fields(string(b))[1:] {
		out = append(out, bids.VolumeType(line))
	}
	return out
}

// dro is one phantom of the shared reference: a series of another simulator
// with its ground truth.
type dro struct {
	in                 Input
	p                  Protocol
	cbf, att, t1, seg  []float32
	grey, white, brain *voxel.Mask
}

// readDRO reads phantom name. Its sidecar lacks what BIDS requires; set gives
// it, as --set does.
func readDRO(t testing.TB, name string) *dro {
	t.Helper()
	dir := sharedtest.Path(t, "reference", "asl", name)
	d := &dro{}
	d.in.Series = readSeries(t, filepath.Join(dir, "001_asl.nii.gz"))
	truth := func(what string) []float32 {
		return readSeries(t, filepath.Join(dir, "002_ground_truth_"+what+".nii.gz")).Vols[0]
	}
	d.cbf, d.att, d.t1, d.seg = truth("perfusion_rate"), truth("transit_time"), truth("t1"), truth("seg_label")
	g := d.in.Series.Grid
	d.grey, d.white, d.brain = voxel.NewMask(g), voxel.NewMask(g), voxel.NewMask(g)
	for n, s := range d.seg {
		d.grey.In[n], d.white.In[n], d.brain.In[n] = s == 1, s == 2, s > 0
	}
	d.in.Mask = d.brain
	sc := readSidecar(t, filepath.Join(dir, "001_asl.json"))
	set(sc, "ArterialSpinLabelingType", sc.Fields["LabelingType"].Value)
	set(sc, "RepetitionTimePreparation", sc.Fields["RepetitionTime"].Value)
	set(sc, "MRAcquisitionType", "3D")
	set(sc, "BackgroundSuppression", false)
	set(sc, "M0Type", "Included")
	if sc.Fields["LabelingType"].Value == "PASL" {
		// The simulator counts PostLabelingDelay from the end of the bolus; BIDS
		// counts it from the inversion.
		set(sc, "PostLabelingDelay", sc.Fields["PostLabelingDelay"].Value.(float64)+sc.Fields["LabelingDuration"].Value.(float64))
		set(sc, "BolusCutOffFlag", true)
		set(sc, "BolusCutOffTechnique", "QUIPSSII")
		set(sc, "BolusCutOffDelayTime", sc.Fields["LabelingDuration"].Value)
	}
	ctx := readContext(t, filepath.Join(dir, "001_aslcontext.tsv"))
	d.p = mustParse(t, sc, ctx, g, Options{})
	return d
}

func set(sc *bids.Sidecar, name string, value any) {
	sc.Fields[name] = bids.Field{Value: value, File: "--set"}
}

func mustParse(t testing.TB, sc *bids.Sidecar, ctx []bids.VolumeType, g voxel.Grid, opt Options) Protocol {
	t.Helper()
	p, l := ParseProtocol(sc, ctx, [4]int{g.Dim[0], g.Dim[1], g.Dim[2], len(ctx)}, opt)
	if err := l.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

func mustQuantify(t testing.TB, in Input, p Protocol, opt Options) *Result {
	t.Helper()
	r, err := Quantify(in, p, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// known gives the truth of the phantom to the kinetic model.
func (d *dro) known() Input {
	in := d.in
	in.T1t = &voxel.Image{Grid: in.Series.Grid, Data: d.t1}
	in.ATT = &voxel.Image{Grid: in.Series.Grid, Data: d.att}
	return in
}

func medianIn(v []float32, m *voxel.Mask) float64 { return float64(voxel.Percentile(m.Select(v), 50)) }

// medianError returns the median absolute difference in the mask.
func medianError(a, b []float32, m *voxel.Mask) float64 {
	d := make([]float32, len(a))
	for n := range d {
		d[n] = float32(math.Abs(float64(a[n] - b[n])))
	}
	return medianIn(d, m)
}

func pct(a, b float64) string { return fmt.Sprintf("%+.2f %%", 100*(a/b-1)) }
