package nullmap

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/mat"

	"phasl/voxel"
)

// Places returns n places of a brain drawn by formula [mm, RAS+], for trials of
// nulls without an atlas: see [Layout].
func Places(n int) []voxel.Vec { return NewLayout(n).Coords }

// A Layout is a set of places on which nulls are tried.
type Layout struct {
	Coords []voxel.Vec
	Sphere []voxel.Vec // for Spin, or nil
	Cortex []bool      // places that Spin may turn; nil: all
}

// NewLayout returns a layout of n places drawn by formula: nine tenths of them
// evenly spread over two ellipsoids of half-axes 32, 80 and 50 mm (cortex), the
// rest over two of 10, 22 and 14 mm (subcortex), points by Fibonacci's lattice.
// The right side is turned against the mirror image of the left one, as
// parcellations do not quite match across the midline.
func NewLayout(n int) Layout {
	var l Layout
	add := func(count int, centre, axes voxel.Vec, side, turn float64, cortex bool) {
		for i := range count {
			z := 1 - 2*(float64(i)+0.5)/float64(count)
			r := math.Sqrt(1 - z*z)
			s, c := math.Sincos(math.Pi*(3-math.Sqrt(5))*float64(i) + turn)
			u := voxel.Vec{side * r * c, r * s, z}
			l.Sphere = append(l.Sphere, voxel.Vec{side*2 + u[0], u[1], u[2]})
			l.Coords = append(l.Coords, voxel.Vec{side*centre[0] + axes[0]*u[0], centre[1] + axes[1]*u[1], centre[2] + axes[2]*u[2]})
			l.Cortex = append(l.Cortex, cortex)
		}
	}
	deep := n / 10
	add((n-deep+1)/2, voxel.Vec{34, -18, 12}, voxel.Vec{32, 80, 50}, -1, 0, true)
	add((n-deep)/2, voxel.Vec{34, -18, 12}, voxel.Vec{32, 80, 50}, 1, 1, true)
	add((deep+1)/2, voxel.Vec{15, -12, 2}, voxel.Vec{10, 22, 14}, -1, 0, false)
	add(deep/2, voxel.Vec{15, -12, 2}, voxel.Vec{10, 22, 14}, 1, 1, false)
	return l
}

// A PowerLaw is a stationary Gaussian field whose power falls as |k|^(−2·Alpha)
// with the wave number k, the mean taken out, as Markello & Misic 2021 simulate
// brain maps (doi:10.1016/j.neuroimage.2021.118052): on 91 × 109 × 91 voxels of
// 2 mm, periodic, wave numbers counted in voxels of the box. Places are means
// over balls of 8 mm radius. Symmetry is the share of covariance with the
// mirrored place; it is 0 there.
type PowerLaw struct {
	Alpha    float64
	Symmetry float64
}

var (
	lawDim    = [3]int{91, 109, 91}
	lawOrigin = voxel.Vec{-90, -126, -72}
)

const (
	lawVoxel = 2.0 // [mm]
	lawBall  = 8.0 // [mm]
)

// Covariance returns the covariance of the field between places, exactly: the
// Fourier transform of its power times the square of the ball's, at the
// difference of the places' nearest voxels.
func (w PowerLaw) Covariance(p []voxel.Vec) *mat.SymDense {
	field := w.lookup()
	all := len(p)
	at := make([][3]int, 0, 2*all)
	for _, v := range p {
		at = append(at, lawIndex(v))
	}
	for _, v := range p {
		at = append(at, lawIndex(mirror(v)))
	}
	cov := func(i, j int) float64 {
		n := 0
		for a := 2; a >= 0; a-- {
			m := (at[i][a] - at[j][a]) % lawDim[a]
			if m < 0 {
				m += lawDim[a]
			}
			n = n*lawDim[a] + m
		}
		return real(field[n])
	}
	c := mat.NewSymDense(all, nil)
	for i := range all {
		for j := range i + 1 {
			v := cov(i, j)
			if w.Symmetry > 0 {
				v += w.Symmetry / 2 * (cov(i, all+j) + cov(j, all+i))
			}
			c.SetSym(j, i, v)
		}
	}
	return c
}

func lawIndex(p voxel.Vec) (v [3]int) {
	for a := range 3 {
		v[a] = int(math.Round((p[a] - lawOrigin[a]) / lawVoxel))
	}
	return v
}

// lookup returns the covariance of ball means by difference of voxels.
func (w PowerLaw) lookup() []complex128 {
	n := lawDim[0] * lawDim[1] * lawDim[2]
	d := make([]complex128, n)
	r := int(lawBall / lawVoxel)
	var count float64
	for k := -r; k <= r; k++ {
		for j := -r; j <= r; j++ {
			for i := -r; i <= r; i++ {
				if i*i+j*j+k*k <= r*r {
					d[wrap(i, 0)+lawDim[0]*(wrap(j, 1)+lawDim[1]*wrap(k, 2))] = 1
					count++
				}
			}
		}
	}
	fourier3(d, lawDim)
	m := 0
	for k := range lawDim[2] {
		for j := range lawDim[1] {
			for i := range lawDim[0] {
				var square float64
				for a, q := range [3]int{i, j, k} {
					if q > lawDim[a]/2 {
						q -= lawDim[a]
					}
					square += float64(q * q)
				}
				ball := real(d[m]) / count
				d[m] = 0
				if square > 0 {
					d[m] = complex(math.Pow(square, -w.Alpha)*ball*ball, 0)
				}
				m++
			}
		}
	}
	fourier3(d, lawDim) // even: forward and backward agree
	return d
}

func wrap(i, axis int) int {
	if i < 0 {
		i += lawDim[axis]
	}
	return i
}

// fourier3 transforms d along its three axes, in place.
func fourier3(d []complex128, dim [3]int) {
	stride := [3]int{1, dim[0], dim[0] * dim[1]}
	for a := range 3 {
		f := fourier.NewCmplxFFT(dim[a])
		line := make([]complex128, dim[a])
		b, c := (a+1)%3, (a+2)%3
		for i := range dim[b] {
			for j := range dim[c] {
				o := i*stride[b] + j*stride[c]
				for k := range line {
					line[k] = d[o+k*stride[a]]
				}
				f.Coefficients(line, line)
				for k := range line {
					d[o+k*stride[a]] = line[k]
				}
			}
		}
	}
}

// rootOf returns R with RRᵀ = c, row after row; eigenvalues that rounding made
// negative count as 0.
func rootOf(c *mat.SymDense) []float64 {
	n := c.SymmetricDim()
	var e mat.EigenSym
	if !e.Factorize(c, true) {
		panic("nullmap: eigenvalues did not converge")
	}
	values := e.Values(nil)
	var v mat.Dense
	e.VectorsTo(&v)
	root := make([]float64, n*n)
	for i := range n {
		for j := range n {
			root[i*n+j] = v.At(i, j) * math.Sqrt(math.Max(0, values[j]))
		}
	}
	return root
}

// drawRoot returns a Gaussian vector with covariance RRᵀ.
func drawRoot(root []float64, r *rand.Rand) []float64 {
	n := int(math.Round(math.Sqrt(float64(len(root)))))
	z, x := make([]float64, n), make([]float64, n)
	for i := range z {
		z[i] = r.NormFloat64()
	}
	for i := range x {
		x[i] = dot(root[i*n:(i+1)*n], z)
	}
	return x
}

// covarianceMatrix returns the covariance of a Matérn field with symmetry and a
// nugget given as share of the variance at a place.
func covarianceMatrix(p []voxel.Vec, k Kernel, eta, nugget float64) *mat.SymDense {
	n := len(p)
	c := mat.NewSymDense(n, nil)
	for i := range n {
		si := 1 + eta*k.At(2*math.Abs(p[i][0]))
		for j := range i + 1 {
			sj := 1 + eta*k.At(2*math.Abs(p[j][0]))
			v := (1 - nugget) * (k.At(voxel.Distance(p[i], p[j])) + eta*k.At(voxel.Distance(p[i], mirror(p[j])))) / math.Sqrt(si*sj)
			if i == j {
				v += nugget
			}
			c.SetSym(j, i, v)
		}
	}
	return c
}
