package nullmap

import "math"

// A Kernel is a Matérn correlation function of smoothness Nu (1/2 or 3/2) and
// length Scale [mm]:
//
//	ν = 1/2   exp(−h/ℓ)
//	ν = 3/2   (1 + √3·h/ℓ)·exp(−√3·h/ℓ)
//
// Source: Matérn 1960; Stein 1999, Interpolation of Spatial Data, eq. 2.10,
// doi:10.1007/978-1-4612-1494-6.
type Kernel struct {
	Nu    float64
	Scale float64
}

// At returns the correlation of two places at distance h [mm].
func (k Kernel) At(h float64) float64 {
	u := h / k.Scale
	if k.Nu == 0.5 {
		return math.Exp(-u)
	}
	u *= math.Sqrt(3)
	return (1 + u) * math.Exp(-u)
}

// The grid of covariance parameters. Its prior is uniform.
var (
	// smoothness: in three dimensions ν = 1/2 and 3/2 have the spectral slopes
	// k⁻⁴ and k⁻⁶. A smoother member (5/2) fits smooth maps with too few long
	// waves and raises false positives at high autocorrelation.
	smoothness = []float64{0.5, 1.5}
	// symmetry is the share η of the covariance with the mirrored place.
	symmetry = []float64{0, 0.5, 0.85, 1}
	// nuggets is the share φ of the variance within the region that has no
	// spatial structure.
	nuggets = []float64{0, 0.001, 0.003, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}
)

const (
	// longest bounds the scales in units of the largest distance: there a
	// Matérn field is, but for a constant, its intrinsic limit (the variogram is
	// a straight line for ν = 1/2), so that longer ones bring nothing new.
	longest = 4
	// shortest is the smallest scale in units of the median distance to the
	// nearest place: a correlation of 0.14 there at most.
	shortest = 0.5
	// floor is added to each share of variance, so that covariances which are
	// singular to rounding keep a likelihood.
	floor = 1e-8
)

// scales returns the grid of ℓ, from near to far by factors of two. Places far
// closer to each other than to the rest do not make it longer than 12.
func scales(near, far float64) []float64 {
	var s []float64
	for v := math.Max(near*shortest, far*longest/4096); v < far*longest; v *= 2 {
		s = append(s, v)
	}
	return s
}
