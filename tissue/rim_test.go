package tissue

import (
	"math"
	"testing"

	"phasl/voxel"
)

// CSF beside white matter with one mixed voxel between has no grey matter in
// it; the same voxel in a cortex of 2 mm, or in voxels too large to tell, is
// left alone.
func TestMendRims(t *testing.T) {
	m := mixture{mean: [3]float64{200, 600, 900}, variance: [3]float64{400, 400, 400}, weight: [nClass]float64{0.2, 0.1, 0.3, 0.1, 0.3}}
	for _, tt := range []struct {
		name  string
		size  float64
		y     []float32 // along x
		at    int
		rim   bool
		white float64
	}{
		{"rim", 1, []float32{200, 200, 200, 620, 900, 900, 900}, 3, true, 0.6},
		{"rim the other way", 1, []float32{900, 900, 900, 480, 200, 200, 200}, 3, true, 0.4},
		{"cortex", 1, []float32{200, 200, 200, 600, 600, 900, 900}, 3, false, 0},
		{"large voxels", 2, []float32{200, 200, 200, 620, 900, 900, 900}, 3, false, 0},
	} {
		g := voxel.Grid{Dim: [3]int{len(tt.y), 5, 5}, Affine: voxel.Scaling(voxel.Vec{tt.size, tt.size, tt.size})}
		img, mask := voxel.NewImage(g), voxel.NewMask(g)
		for n := range img.Data {
			i, _, _ := g.Coord(n)
			img.Data[n], mask.In[n] = tt.y[i], true
		}
		b := collect(img, mask)
		bias := make([]float32, len(b.at))
		for i := range bias {
			bias[i] = 1
		}
		f := classify(m, b, bias, nil, 0.3, g, 1)[g.Index(tt.at, 2, 2)]
		if tt.rim && (f[gm] > 0.05 || math.Abs(float64(f[wm])-tt.white) > 0.05) || !tt.rim && f[gm] < 0.8 {
			t.Errorf("%s: CSF, grey, white %.2f", tt.name, f)
		}
		if s := f[csf] + f[gm] + f[wm]; math.Abs(float64(s)-1) > 1e-5 {
			t.Errorf("%s: fractions add up to %v", tt.name, s)
		}
	}
}
