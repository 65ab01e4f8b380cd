package report

import (
	"math"
	"testing"

	"phasl/internal/sharedtest"
	"phasl/nifti"
	"phasl/voxel"
)

// TestRealImages draws a real scan, quantified no further than a scaled mean
// difference, and a real atlas on a real template: the page keeps its size and
// shows all of it.
func TestRealImages(t *testing.T) {
	if testing.Short() {
		t.Skip("reads real images")
	}
	series, _, err := nifti.ReadSeries(sharedtest.Path(t, "data/asl/sub-01/perf/sub-01_asl.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(path string) *voxel.Image {
		img, _, err := nifti.ReadImage(sharedtest.Path(t, path))
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	m0 := series.Image(0)
	mask := voxel.Largest(voxel.Open(m0.Threshold(700), 3, 0))
	mask = voxel.FillHoles(mask)
	delta, cbf := voxel.NewImage(m0.Grid), voxel.NewImage(m0.Grid)
	for i := range delta.Data {
		var sum float64
		for v := 2; v < 18; v += 2 { // label and the control before it
			sum += float64(series.Vols[v-1][i]) - float64(series.Vols[v][i])
		}
		delta.Data[i] = float32(math.Abs(sum) / 8)
		cbf.Data[i] = float32(math.NaN())
		if mask.In[i] {
			cbf.Data[i] = float32(sum / 8 / float64(m0.Data[i]) * 4300)
		}
	}
	template := read("data/templates/MNI152_T1_2mm.nii.gz")
	labels := read("data/atlases/AAL3/tpl-MNI152NLin6Asym_res-02_atlas-AAL3_dseg.nii.gz")
	labels = voxel.Resample(labels, template.Grid, nil, voxel.Nearest, 0)
	mean := voxel.Resample(read("data/cbf/GE_3Dspiral_Product_CBF.nii.gz"), template.Grid, nil, voxel.Linear, 0)
	t1 := read("data/asl/sub-01/anat/sub-01_T1w.nii.gz")
	p := &Participant{ID: "sub-01", Dataset: "real data", Scans: []Scan{{
		Summary: "Scaled mean difference of a real scan.", CBF: cbf, M0: m0, DeltaM: delta, Mask: mask,
		Overlays: []Overlay{
			{Title: "Template space", Fixed: Layer{Name: "MNI152", Image: template}, Moving: Layer{Name: "mean CBF of a population", Image: mean, Kind: Perfusion}, Labels: labels,
				Regions: []LabelGroup{{"sgACC", []int{151, 152}}, {"pgACC", []int{153, 154}}, {"dACC", []int{155, 156}}}},
			{Title: "T1-weighted image", Fixed: Layer{Name: "T1w", Image: t1}},
		},
	}}}
	page := render(t, p)
	keep(t, "real.html", page)
	if len(page) > 3<<20 {
		t.Errorf("page has %d bytes", len(page))
	}
}
