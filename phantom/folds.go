package phantom

import (
	"math"
	"math/rand/v2"

	"phasl/voxel"
)

// The cortex is folded by a smooth random pattern on its surface: a sum of
// waves of one wavelength and many directions, whose zero lines wind like
// sulci and stay about half a wavelength apart, as gyri do.
const (
	foldWavelength = 27.0 // [mm]; two sulci per wavelength
	foldWaves      = 7
)

// A wave is cos or sin of k·p + phase.
type wave struct {
	k     voxel.Vec
	phase float64
}

// folds is the pattern; it is part of the template and never changes.
var folds = func() [foldWaves]wave {
	var key [32]byte
	copy(key[:], "phantom cortical folds")
	r := rand.New(rand.NewChaCha8(key))
	var out [foldWaves]wave
	for i := range out {
		// Directions spread evenly over the half sphere: golden-angle spiral.
		z := (float64(i) + 0.5) / foldWaves
		phi := float64(i) * math.Pi * (3 - math.Sqrt(5))
		s := math.Sqrt(1 - z*z)
		k := 2 * math.Pi / foldWavelength * (0.85 + 0.3*r.Float64())
		out[i].k = voxel.Vec{k * s * math.Cos(phi), k * s * math.Sin(phi), k * z}
		out[i].phase = 2 * math.Pi * r.Float64()
	}
	return out
}()

// sulcalDepth returns how deep a sulcus is at surface point q [mm].
func sulcalDepth(q voxel.Vec) float64 {
	return 15 + 6*math.Sin(q[0]*0.05+1)*math.Sin(q[1]*0.06+2)*math.Sin(q[2]*0.055)
}

// foldDistance returns the distance [mm] along the surface, whose normal is n,
// from surface point q to the nearest zero line of the pattern.
func foldDistance(q, n voxel.Vec) float64 {
	var s, gx, gy, gz float64
	for i := range folds {
		w := &folds[i]
		sin, cos := math.Sincos(w.k[0]*q[0] + w.k[1]*q[1] + w.k[2]*q[2] + w.phase)
		s += cos
		gx -= w.k[0] * sin
		gy -= w.k[1] * sin
		gz -= w.k[2] * sin
	}
	gn := gx*n[0] + gy*n[1] + gz*n[2] // only the slope along the surface moves the zero line
	g2 := gx*gx + gy*gy + gz*gz - gn*gn
	// Where the slope vanishes the pattern is far from zero; the second term
	// keeps the estimate finite there.
	return math.Abs(s) / math.Sqrt(g2+0.02*s*s+1e-6)
}
