package nullmap

import "math"

// A Form is the shape of a correlation function; u is the distance over ℓ.
type Form uint8

const (
	Matern12 Form = iota // exp(−u)
	Matern32             // (1 + √3·u)·exp(−√3·u)
	Cauchy               // (1 + u²)^(−1/4): generalised, falls as h^(−1/2)
)

// A Kernel is a correlation function of a form and a length Scale ℓ [mm], positive
// definite in space.
//
// Sources: Matérn 1960; Stein 1999, Interpolation of Spatial Data, eq. 2.10,
// doi:10.1007/978-1-4612-1494-6; Gneiting & Schlather 2004, eq. 6,
// doi:10.1137/S0036144501394387 (generalised Cauchy, α = 2, β = 1/2).
type Kernel struct {
	Form  Form
	Scale float64
}

// At returns the correlation of two places at distance h [mm].
func (k Kernel) At(h float64) float64 {
	u := h / k.Scale
	switch k.Form {
	case Matern12:
		return math.Exp(-u)
	case Matern32:
		u *= math.Sqrt(3)
		return (1 + u) * math.Exp(-u)
	}
	return 1 / math.Sqrt(math.Sqrt(1+u*u))
}

// reach returns the distance [mm] at which a Matérn correlation has fallen to 0.05.
func (k Kernel) reach() float64 {
	if k.Form == Matern12 {
		return 2.9957322735539909 * k.Scale // −log 0.05
	}
	return 4.7438645183905916 / math.Sqrt(3) * k.Scale // (1 + u)e^(−u) = 0.05
}

// The grid of covariance parameters. Its prior is uniform.
var (
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

// kernels returns the kernels of the family, for places whose nearest neighbours
// are near [mm] apart and the farthest far.
//
// The Matérn forms have ℓ from near by factors of two. In three dimensions their
// spectra fall as k⁻⁴ and k⁻⁶. A smoother one (5/2) fits smooth maps with too few
// long waves and raises false positives at high autocorrelation. The long-tailed
// one is for rough maps that are alike over long distances too, with spectra that
// fall as k⁻² or less: a Matérn form follows their short distances and makes the
// null too narrow. Steps of four and half the largest distance are enough for it,
// as at longer scales it is no rougher than the others.
func kernels(near, far float64) []Kernel {
	var out []Kernel
	// Places far closer to each other than to the rest do not make the list longer
	// than 12 scales.
	first := math.Max(near*shortest, far*longest/4096)
	for _, form := range []Form{Matern12, Matern32} {
		for s := first; s < far*longest; s *= 2 {
			out = append(out, Kernel{form, s})
		}
	}
	for s := first; s <= far/2; s *= 4 {
		out = append(out, Kernel{Cauchy, s})
	}
	return out
}
