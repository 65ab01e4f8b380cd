package phantom

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"phasl/atlas"
	"phasl/internal/sharedtest"
	"phasl/nifti"
	"phasl/nullmap"
	"phasl/receptor"
	"phasl/voxel"
)

// wavesAt returns the waves at a point.
func wavesAt(p voxel.Vec) []complex128 {
	w := newWaveTable(voxel.Grid{Dim: [3]int{1, 1, 1}, Affine: voxel.Translation(p)})
	w.row(0, 0)
	v := make([]complex128, receptorWaves)
	w.at(0, 0, 0, v)
	return v
}

// statedCovariance is that of the doc comment, by nullmap's kernel.
func statedCovariance(p, q voxel.Vec) float64 {
	k := nullmap.Kernel{Form: nullmap.Matern32, Scale: 10}
	mirrored := func(p voxel.Vec) voxel.Vec { return voxel.Vec{-p[0], p[1], p[2]} }
	s := func(p voxel.Vec) float64 { return math.Sqrt(1 + 0.97*k.At(voxel.Distance(p, mirrored(p)))) }
	return (k.At(voxel.Distance(p, q)) + 0.97*k.At(voxel.Distance(p, mirrored(q)))) / (s(p) * s(q))
}

// The covariance that 512 waves have, over pairs of points anywhere in a brain,
// near ones and mirrored ones among them.
func TestReceptorWavesHaveTheCovariance(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	point := func() voxel.Vec { return voxel.Vec{140*r.Float64() - 70, 180*r.Float64() - 105, 140*r.Float64() - 60} }
	var square, worst float64
	const pairs = 3000
	for i := range pairs {
		p, q := point(), point()
		if i%3 > 0 {
			for a := range q { // within 40 mm
				q[a] = p[a] + 46*r.Float64() - 23
			}
		}
		if i%3 == 2 {
			q[0] = -q[0]
		}
		v, w := wavesAt(p), wavesAt(q)
		var got float64
		for n := range v {
			got += (real(v[n])*real(w[n]) + imag(v[n])*imag(w[n])) / receptorWaves
		}
		d := math.Abs(got - statedCovariance(p, q))
		square += d * d / pairs
		worst = math.Max(worst, d)
	}
	t.Logf("root mean square %.4f, worst %.3f", math.Sqrt(square), worst)
	if math.Sqrt(square) > 0.02 || worst > 0.09 {
		t.Errorf("covariance of the waves is off by %.4f (root mean square), %.3f at most", math.Sqrt(square), worst)
	}
}

// Drawn fields have the stated mean, variance and covariance, and those of
// different targets have nothing to do with each other.
func TestReceptorFields(t *testing.T) {
	places := []voxel.Vec{{30, 20, 10}, {36, 24, 12}, {-30, 20, 10}, {4, -40, 30}, {-4, -40, 30}, {40, -60, -30}}
	var waves [][]complex128
	for _, p := range places {
		waves = append(waves, wavesAt(p))
	}
	const seeds = 4000
	n := len(places)
	targets := len(ReceptorTargets())
	sum := make([]float64, n*n)
	mean := make([]float64, n)
	across := make([]float64, targets*targets)
	z := make([][]float64, targets)
	for seed := range uint64(seeds) {
		r := NewReceptors(seed)
		for k := range z {
			z[k] = z[k][:0]
			for i := range places {
				z[k] = append(z[k], field(r.amplitude[k], waves[i]))
			}
			for i := range n {
				mean[i] += z[k][i] / float64(seeds*targets)
				for j := range n {
					sum[i*n+j] += z[k][i] * z[k][j] / float64(seeds*targets)
				}
			}
		}
		for a := range targets {
			for b := range targets {
				across[a*targets+b] += z[a][0] * z[b][0] / seeds
			}
		}
	}
	se := 1 / math.Sqrt(float64(seeds*targets))
	for i := range n {
		if math.Abs(mean[i]) > 4*se {
			t.Errorf("%v: mean %.3f ± %.3f", places[i], mean[i], se)
		}
		for j := range n {
			want := statedCovariance(places[i], places[j])
			// The error of the waves, and that of a covariance of normals.
			if d := math.Abs(sum[i*n+j] - want); d > 0.06+4*math.Sqrt(1+want*want)*se {
				t.Errorf("%v, %v: covariance %.3f, want %.3f", places[i], places[j], sum[i*n+j], want)
			}
		}
	}
	for a := range targets {
		for b := range a {
			if c := across[a*targets+b]; math.Abs(c) > 4/math.Sqrt(seeds) {
				t.Errorf("%s and %s: covariance %.3f", ReceptorTargets()[a], ReceptorTargets()[b], c)
			}
		}
	}
}

// The density at a point is that of its field; images, on straight and oblique
// grids, are it times the stated share of grey matter; and the region means of
// the template's image are Regional.
func TestReceptorImages(t *testing.T) {
	r := NewReceptors(7)
	p := voxel.Vec{31, 18, 9}
	if got, want := r.At("KOR", p), 1+0.25*field(r.amplitude[1], wavesAt(p)); math.Abs(got-want) > 1e-12 {
		t.Errorf("density %g, want %g", got, want)
	}
	oblique := voxel.Translation(voxel.Vec{-20, -50, 0}).Mul(voxel.Rotation(voxel.Vec{0.2, -0.1, 0.3})).Mul(voxel.Affine{{3, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 3, 0}})
	for _, d := range []*Drawing{templateDrawing(), (&Brain{}).Draw(voxel.Grid{Dim: [3]int{14, 12, 10}, Affine: oblique}, 2, 0)} {
		img := r.Image("mGluR5", d, 0)
		brain := d.BrainMask()
		seen := 0
		for n := 0; n < d.Len(); n += 1 + d.Len()/2000 {
			want := 0.0
			if brain.In[n] {
				seen++
				want = (0.1 + 0.9*math.Min(1, 2*float64(d.Fraction[Grey].Data[n]))) * r.At("mGluR5", d.World(d.Coord(n)))
			}
			if got := float64(img.Data[n]); math.Abs(got-want) > 1e-6 || brain.In[n] != (got > 0) {
				t.Fatalf("voxel %d: %g, want %g", n, got, want)
			}
		}
		if seen < 50 {
			t.Errorf("%d voxels looked at in the brain", seen)
		}
	}
	d := templateDrawing()
	for _, target := range []string{"MOR", "GABAAa5"} {
		img, want := r.Image(target, d, 0), r.Regional(target)
		sum, n := make([]float64, compartments), make([]float64, compartments)
		for v, l := range d.Label {
			sum[l] += float64(img.Data[v])
			n[l]++
		}
		var square float64
		for c := range want {
			e := (sum[c+1]/n[c+1] - want[c]) / 0.25
			square += e * e / float64(len(want))
		}
		if rms := math.Sqrt(square); rms > 0.03 { // of a standard deviation: which voxels count as a region's
			t.Errorf("%s: means of the image are off by %.3f standard deviations", target, rms)
		} else {
			t.Logf("%s: %.4f", target, rms)
		}
	}
	if one, many := r.Image("NMDA", d, 1), r.Image("NMDA", d, 4); !slices.Equal(one.Data, many.Data) {
		t.Error("1 and 4 workers draw different images")
	}
}

// Simulated densities are as smooth and symmetric as public maps of the same
// targets, by nullmap's estimates over the same 94 regions.
func TestReceptorsAreAsSmoothAsPublicMaps(t *testing.T) {
	if testing.Short() {
		t.Skip("fits covariances")
	}
	folder := sharedtest.Path(t, "data", "receptors")
	var table atlas.Table
	table.Header = []string{"index", "name"}
	for _, r := range Regions() {
		table.Rows = append(table.Rows, []string{string(rune('0'+r.Index/10)) + string(rune('0'+r.Index%10)), r.Name})
	}
	a, l := atlas.New(templateDrawing().Labels(), "phantom", table)
	if l.Err() != nil {
		t.Fatal(l)
	}
	parcels := receptor.NewParcels("phantom", a, nil, receptor.ParcelOptions{})
	places := parcels.Places(false)
	whole := nullmap.NewFamily(places.Coords, nil, 0)
	var public, drawn estimates
	for _, f := range []string{"MU_CARFENTANIL_c11", "KappaOp_LY2795050_hc10_ShokriKojori", "NMDA_ge179_29hc_galovic2021", "mGluR5_abp_hc73_smart", "GABAa_FLUMAZENIL_c11", "GABAa5_Ro15_10hc_lukow"} {
		img, _, err := nifti.ReadImage(filepath.Join(folder, f+".nii.gz"))
		if err != nil {
			t.Fatal(err)
		}
		x := parcels.Measure(img, receptor.DensityMap).Values
		if slices.ContainsFunc(x, math.IsNaN) {
			t.Fatalf("%s has no value in some region", f)
		}
		public.add(whole, x)
		s := whole.Fit(x).Summary()
		t.Logf("%-36s reach %.0f mm, symmetry %.2f, nugget %.3f", f, s.Practical, s.Symmetry, s.Nugget)
	}
	for seed := range uint64(20) {
		r := NewReceptors(seed)
		for _, target := range r.Targets() {
			drawn.add(whole, r.Regional(target))
		}
	}
	t.Logf("public: %v", public.middle())
	t.Logf("drawn:  %v", drawn.middle())
	p, d := public.middle(), drawn.middle()
	// Six maps, whose reach differs by a factor of six, tell the middle no better.
	if d[0] < p[0]/1.5 || d[0] > p[0]*1.5 || math.Abs(d[1]-p[1]) > 0.05 || math.Abs(d[2]-p[2]) > 0.015 || math.Abs(d[3]-p[3]) > 0.02 {
		t.Error("drawn densities are unlike the public maps")
	}
}

// estimates collects those of maps: reach, symmetry, nugget, correlation of the
// two sides.
type estimates [4][]float64

func (e *estimates) add(f *nullmap.Family, x []float64) {
	s := f.Fit(x).Summary()
	var left, right []float64
	for i := 0; i < len(x); i += 2 {
		left, right = append(left, x[i]), append(right, x[i+1])
	}
	sides, _ := correlations(left, right)
	for k, v := range []float64{math.Log(s.Practical), s.Symmetry, s.Nugget, sides} {
		e[k] = append(e[k], v)
	}
}

// middle returns the geometric mean of reaches and the means of the others.
func (e *estimates) middle() (out [4]float64) {
	for k, v := range e {
		for _, x := range v {
			out[k] += x / float64(len(v))
		}
	}
	out[0] = math.Exp(out[0])
	return out
}

func BenchmarkRegional(b *testing.B) {
	regionWaves()
	for i := range b.N {
		NewReceptors(uint64(i)).Regional("MOR")
	}
}
