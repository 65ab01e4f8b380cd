package receptor_test

import (
	"bufio"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"phasl/atlas"
	"phasl/internal/sharedtest"
	"phasl/nifti"
	"phasl/nullmap"
	"phasl/receptor"
)

// publishedParcels returns the 122-region atlas of the published CBF effects.
func publishedParcels(t *testing.T) *receptor.Parcels {
	t.Helper()
	file := sharedtest.Path(t, "data", "cbf_effect", "Schaefer2018_100Parcels_7Networks_Xiao_2019_SubCorSeg_resampled_asl.nii.gz")
	img, _, err := nifti.ReadImage(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(strings.TrimSuffix(file, ".nii.gz") + ".csv")
	if err != nil {
		t.Fatal(err)
	}
	table, l := atlas.ParseTable("labels", text)
	if l.Err() != nil {
		t.Fatal(l)
	}
	a, l := atlas.New(img, file, table)
	if l.Err() != nil {
		t.Fatal(l)
	}
	return receptor.NewParcels(file, a, nil, receptor.ParcelOptions{})
}

// publishedValues reads the authors' means, one a line; zeros are regions without
// data.
func publishedValues(t *testing.T, name string) []float64 {
	t.Helper()
	f, err := os.Open(sharedtest.Path(t, "data", "cbf_effect", "parcellated", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []float64
	for s := bufio.NewScanner(f); s.Scan(); {
		v, err := strconv.ParseFloat(strings.TrimSpace(s.Text()), 64)
		if err != nil {
			t.Fatal(err)
		}
		if v == 0 {
			v = math.NaN()
		}
		out = append(out, v)
	}
	return out
}

// TestPublished reproduces the published alignment of three CBF effect maps with
// GABAA-alpha5 from the images: rho to its four digits, and p of the same null
// (BrainSMASH, mean distances between parcels' voxels) within three standard
// errors of two runs of Monte Carlo, the published one of 5,000 surrogates.
func TestPublished(t *testing.T) {
	p := publishedParcels(t)
	places := p.Places(true)
	density, _, err := nifti.ReadImage(sharedtest.Path(t, "data", "receptors", "GABAa5_Ro15_10hc_lukow.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	d := []receptor.Density{{Source: receptor.Source{Target: "GABAA-alpha5"}, Values: p.Measure(density, receptor.DensityMap).Values}}
	f, err := os.Open(sharedtest.Path(t, "data", "cbf_effect", "expected_correlations.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan() // header
	for lines.Scan() {
		c := strings.Split(lines.Text(), "\t")
		rho, _ := strconv.ParseFloat(c[2], 64)
		published, _ := strconv.ParseFloat(c[3], 64)
		img, _, err := nifti.ReadImage(sharedtest.Path(t, "data", "cbf_effect", c[0]+".nii.gz"))
		if err != nil {
			t.Fatal(err)
		}
		values := p.Measure(img, receptor.EffectMap).Values
		for i, want := range publishedValues(t, c[0]) {
			// One voxel of one parcel lies elsewhere in the atlas the authors used.
			if got := values[i]; !(math.Abs(got-want) < 1e-3) && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Errorf("%s: parcel %d is %.17g, the authors have %.17g", c[0], i+1, got, want)
			}
		}
		const m = 199
		r, l := receptor.Align(receptor.Map{File: c[0], Values: values}, d, places, receptor.Options{Null: nullmap.BrainSMASH, Surrogates: m, Seed: 1})
		if l.Err() != nil {
			t.Fatal(l)
		}
		a := r.Results[0]
		if a.N != 120 || math.Abs(a.R-rho) > 0.00005 {
			t.Errorf("%s: rho %.5f over %d parcels, published %.4f over 120", c[0], a.R, a.N, rho)
		}
		se := math.Sqrt(published * (1 - published) * (1./m + 1./5000))
		if math.Abs(a.P-published) > 3*se {
			t.Errorf("%s: p %.4f, published %.4f ± %.4f", c[0], a.P, published, se)
		}
		t.Logf("%s: rho %.4f, p %.4f (published %.4f)", c[0], a.R, a.P, published)
	}
}
