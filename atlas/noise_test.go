package atlas

import (
	"math"
	"math/rand/v2"
	"testing"

	"phasl/voxel"
)

// White noise on a plane and a slow wave: the estimate is the noise's SD.
func TestNoiseSDWhite(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{64, 64, 12}, Affine: voxel.Scaling(voxel.Vec{2, 2, 4})}
	img := voxel.NewImage(g)
	r := rand.New(rand.NewPCG(7, 8))
	const sd = 5.0
	for n := range img.Data {
		i, j, k := g.Coord(n)
		img.Data[n] = float32(100 + 0.5*float64(i) - 0.2*float64(j*i)/10 + 20*math.Sin(float64(i+j+k)/15) + sd*r.NormFloat64())
	}
	// 46,000 overlapping differences, about 10,000 independent ones: the MAD is
	// good to 1.2 %; three times that.
	if got := NoiseSD(img, nil, voxel.Vec{}); math.Abs(got/sd-1) > 0.04 {
		t.Errorf("NoiseSD = %v, want %v", got, sd)
	}
	// A bright block inside, a tenth of the voxels, moves it little.
	for n := range img.Data {
		if i, j, _ := g.Coord(n); i > 20 && i < 41 && j > 20 && j < 41 {
			img.Data[n] += 300
		}
	}
	if got := NoiseSD(img, nil, voxel.Vec{}); got/sd > 1.10 || got < sd*0.96 {
		t.Errorf("NoiseSD with a block = %v, want %v", got, sd)
	}
	if got := NoiseSD(line(1, 2, 3), nil, voxel.Vec{}); !math.IsNaN(got) {
		t.Errorf("NoiseSD of three voxels = %v", got)
	}
}

// Noise interpolated twofold in the plane by zero-filling: the gain follows.
func TestNoiseSDInterpolated(t *testing.T) {
	const n, fine, terms = 32, 64, 15
	g := voxel.Grid{Dim: [3]int{fine, fine, 1}, Affine: voxel.Identity()}
	img := voxel.NewImage(g)
	r := rand.New(rand.NewPCG(9, 10))
	// A sum of all waves below half the Nyquist frequency with random phase is
	// band-limited white noise; each has variance ½.
	var wave [][3]float64
	for u := -terms; u <= terms; u++ {
		for v := -terms; v <= terms; v++ {
			wave = append(wave, [3]float64{2 * math.Pi * float64(u) / fine, 2 * math.Pi * float64(v) / fine, 2 * math.Pi * r.Float64()})
		}
	}
	for p := range img.Data {
		i, j, _ := g.Coord(p)
		s := 0.0
		for _, w := range wave {
			s += math.Cos(w[0]*float64(i) + w[1]*float64(j) + w[2])
		}
		img.Data[p] = float32(s)
	}
	want := math.Sqrt(float64(len(wave)) / 2)
	// About 1,000 independent values: the MAD is good to 4 %; three times that.
	if got := NoiseSD(img, nil, voxel.Vec{2, 2, 1}); math.Abs(got/want-1) > 0.12 {
		t.Errorf("NoiseSD = %v, want %v", got, want)
	}
	if got := NoiseSD(img, nil, voxel.Vec{}); got > want/4 {
		t.Errorf("taken as white, NoiseSD = %v should be far below %v", got, want)
	}
}

// The gain against numerical integration of |2 − 2 cos ω|² over the band.
func TestSecondDifferenceGain(t *testing.T) {
	for _, f := range []float64{1, 1.3, 2, 4, 20, 50} {
		w := math.Pi / f
		const n = 20000
		s := 0.0
		for i := range n {
			x := 2 - 2*math.Cos(w*(float64(i)+0.5)/n)
			s += x * x / n
		}
		got := secondDifferenceGain(f)
		tol := 1e-6
		if w < 0.1 {
			tol = 1e-3 // leading term of the series: w²/7 relative is left out of it
		}
		if math.Abs(got/math.Sqrt(s)-1) > tol {
			t.Errorf("gain(%g) = %v, want %v", f, got, math.Sqrt(s))
		}
	}
}
