package receptor_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"phasl/atlas"
	"phasl/internal/sharedtest"
	"phasl/nifti"
	"phasl/receptor"
	"phasl/voxel"
)

// A head of 4 mm voxels with a brain that is larger on the right: an ellipsoid
// with a bump. label numbers its parcels, density is higher inside.
func drawnBrain(t *testing.T) (*receptor.Parcels, *voxel.Image) {
	t.Helper()
	g := voxel.Grid{Dim: [3]int{46, 54, 44}, Affine: voxel.Affine{{4, 0, 0, -90}, {0, 4, 0, -116}, {0, 0, 4, -74}}}
	labels, density := voxel.NewImage(g), voxel.NewImage(g)
	var names [][]string
	for n := range labels.Data {
		w := g.World(g.Coord(n))
		q := w[0]*w[0]/(64*64) + (w[1]+16)*(w[1]+16)/(80*80) + (w[2]-8)*(w[2]-8)/(56*56)
		x, y, z := w[0]-62, w[1]-20, w[2]-10
		if q > 1 && x*x+y*y+z*z > 26*26 {
			continue
		}
		density.Data[n] = float32(30 + 10*math.Sin(w[1]/25) + 5*math.Cos(w[2]/20))
		i, j, k := int(w[0]+100)/50, int(w[1]+120)/50, int(w[2]+80)/50
		labels.Data[n] = float32(1 + i + 4*j + 16*k)
	}
	for i := range 80 {
		names = append(names, []string{fmt.Sprint(i + 1), fmt.Sprintf("part%d", i+1)})
	}
	a, l := atlas.New(labels, "atlas.nii", atlas.Table{Header: []string{"index", "name"}, Rows: names})
	if l.Err() != nil {
		t.Fatal(l)
	}
	return receptor.NewParcels("atlas.nii", a, nil, receptor.ParcelOptions{}), density
}

// Each way in which an image can be broken is named, and a sound one is not
// blamed.
func TestExamineNamesBrokenMaps(t *testing.T) {
	p, sound := drawnBrain(t)
	change := func(f func(m *voxel.Image)) *voxel.Image {
		m := sound.Clone()
		f(m)
		return m
	}
	move := func(a voxel.Affine) *voxel.Image {
		return change(func(m *voxel.Image) { m.Affine = a.Mul(m.Affine) })
	}
	fill := func(v float32) *voxel.Image {
		return change(func(m *voxel.Image) {
			for n := range m.Data {
				m.Data[n] = v
			}
		})
	}
	nan := float32(math.NaN())
	for _, tt := range []struct {
		name  string
		img   *voxel.Image
		kind  receptor.Kind
		fatal bool
		want  string
	}{
		{"sound", sound, receptor.DensityMap, false, ""},
		{"all zero", fill(0), receptor.DensityMap, true, "all voxels are zero"},
		{"all NaN", fill(nan), receptor.DensityMap, true, "no voxel has a finite value"},
		{"all infinite", fill(float32(math.Inf(1))), receptor.DensityMap, true, "no voxel has a finite value"},
		{"constant", fill(7), receptor.DensityMap, true, "all voxels are 7"},
		{"another space", move(voxel.Translation(voxel.Vec{0, 190, 0})), receptor.DensityMap, true, "lie outside its box: it is in another space"},
		{"no values there", change(func(m *voxel.Image) {
			for n := range m.Data {
				if n%7 > 0 {
					m.Data[n] = nan
				}
			}
		}), receptor.DensityMap, true, "of the atlas's voxels have a value"},
		{"singular grid", move(voxel.Affine{}), receptor.DensityMap, true, "its grid makes no sense"},
		{"shifted", move(voxel.Translation(voxel.Vec{0, 12, 0})), receptor.DensityMap, false, "its origin may be shifted"},
		{"shifted effect", move(voxel.Translation(voxel.Vec{0, 0, -14})), receptor.EffectMap, false, "its origin may be shifted"},
		{"mirrored", move(voxel.Affine{{-1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}), receptor.DensityMap, false, "left and right are likely swapped"},
		{"mirrored effect", move(voxel.Affine{{-1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}), receptor.EffectMap, false, "left and right are likely swapped"},
		{"holes", change(func(m *voxel.Image) {
			for n := range m.Data {
				if n%9 == 0 {
					m.Data[n] = 0
				}
			}
		}), receptor.DensityMap, false, "exactly zero and taken for missing"},
		{"inside out", change(func(m *voxel.Image) {
			for n, v := range m.Data {
				m.Data[n] = 50 - v
			}
		}), receptor.DensityMap, false, "hardly higher inside the atlas than outside it"},
	} {
		c, l := p.Examine("map.nii", tt.img, tt.kind)
		switch {
		case tt.want == "" && len(l) > 0:
			t.Errorf("%s: %v", tt.name, l)
		case tt.want != "" && !strings.Contains(l.Error(), tt.want):
			t.Errorf("%s: no %q in %v", tt.name, tt.want, l)
		case tt.fatal != (l.Err() != nil) || tt.fatal != (c == nil):
			t.Errorf("%s: error %v", tt.name, l.Err())
		}
	}
}

// Means are those of the voxels with a value, whatever the map's grid, and zeros
// of a covariate are values.
func TestMeasure(t *testing.T) {
	p, sound := drawnBrain(t)
	want := map[int]float64{}
	count := map[int]float64{}
	for i, r := range p.Regions {
		for _, n := range p.Atlas.Voxels(r.Labels[0]) {
			want[i] += float64(sound.Data[n])
			count[i]++
		}
	}
	same := p.Measure(sound, receptor.DensityMap)
	for i, v := range same.Values {
		if count[i] == 0 {
			if !math.IsNaN(v) {
				t.Errorf("a parcel without voxels is %g", v)
			}
			continue
		}
		near(t, "mean", v, want[i]/count[i], 1e-9)
	}
	// A finer grid with the same content, shifted by a fraction of a voxel.
	fine := sound.Grid.WithSpacing(voxel.Vec{2, 2, 2})
	m := voxel.NewImage(fine)
	for n := range m.Data {
		w := fine.World(fine.Coord(n))
		m.Data[n] = float32(100.3 + w[0] + 2*w[1] - w[2]) // linear: averages are exact; nowhere exactly zero
	}
	got := p.Measure(m, receptor.DensityMap)
	for i, r := range p.Regions {
		var s, k float64
		for _, n := range p.Atlas.Voxels(r.Labels[0]) {
			w := p.Atlas.World(p.Atlas.Coord(int(n)))
			s += 100.3 + w[0] + 2*w[1] - w[2]
			k++
		}
		if k > 0 {
			near(t, "mean of a finer map", got.Values[i], s/k, 1e-3)
		}
	}
	half := sound.Clone()
	first := p.Atlas.Voxels(p.Regions[21].Labels[0])
	for _, n := range first[:len(first)/2] {
		half.Data[n] = 0
	}
	hollow, full := p.Measure(half, receptor.DensityMap), p.Measure(half, receptor.CovariateMap)
	if hollow.Zero != len(first)/2 || !(hollow.Values[21] > 1.5*full.Values[21]) || full.Zero != 0 {
		t.Errorf("%d zeros of %d; means %g without and %g with them", hollow.Zero, len(first)/2, hollow.Values[21], full.Values[21])
	}
}

// The thresholds of the checks on real maps: none of these is called shifted or
// mirrored, and each of them is when it is. They are the ones least like the
// labels or least asymmetric of 19 public density maps; the others were tried with
// the same outcome.
func TestExaminePublicMaps(t *testing.T) {
	if testing.Short() {
		t.Skip("three maps, nine searches")
	}
	p := publishedParcels(t)
	const shifted, swapped = "origin may be shifted", "left and right are likely swapped"
	for _, f := range []string{"SERT_MADAM_c11", "NAT_MRB_c11", "GABAa_flumazenil_hc16_norgaard"} {
		img, _, err := nifti.ReadImage(sharedtest.Path(t, "data", "receptors", f+".nii.gz"))
		if err != nil {
			t.Fatal(err)
		}
		look := func(a voxel.Affine) string {
			m := &voxel.Image{Grid: img.Grid, Data: img.Data}
			m.Affine = a.Mul(img.Affine)
			_, l := p.Examine("map", m, receptor.DensityMap)
			return l.Error()
		}
		if s := look(voxel.Identity()); strings.Contains(s, shifted) || strings.Contains(s, swapped) || strings.Contains(s, "hardly higher") {
			t.Errorf("%s as it is: %s", f, s)
		}
		if s := look(voxel.Translation(voxel.Vec{0, 14, 0})); !strings.Contains(s, shifted) {
			t.Errorf("%s shifted by 14 mm: %s", f, s)
		}
		if s := look(voxel.Affine{{-1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}); !strings.Contains(s, swapped) {
			t.Errorf("%s mirrored: %s", f, s)
		}
	}
}
