package nullmap

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"phasl/internal/par"
	"phasl/voxel"
)

// A Family holds the covariances a map on given places may have, decomposed
// once, so that fitting a map and drawing surrogates of it cost little. It
// belongs to the places alone and serves every map on them.
//
// A covariance has a [Kernel] K, a share η with the mirrored place and a share
// φ without spatial structure:
//
//	C ∝ (1 − φ)·H·A·H/mean + φ·I
//	A_ij = (K(|p_i − p_j|) + η·K(|p_i − m(p_j)|)) / (s_i·s_j)
//
// where m mirrors at x = 0, s_i² = 1 + η·K(|p_i − m(p_i)|) makes the variance
// equal everywhere, H takes out the mean and "mean" is the mean eigenvalue of
// HAH, which makes φ a share of the variance within the region. Brain maps are
// alike on both sides; a null without η takes homotopic regions for
// independent and is too narrow.
type Family struct {
	N      int // places
	Mirror bool
	cells  []cell
	near   float64 // median distance to the nearest place
	far    float64 // largest distance
	clip   float64 // largest share of variance that was negative and set to 0
}

// A cell is a kernel with a share of symmetry, decomposed.
type cell struct {
	Kernel
	eta    float64
	lambda []float64 // n − 1 eigenvalues of HAH, mean 1, descending
	u      []float64 // their eigenvectors, one a row
	logdet []float64 // log determinant for each nugget
	weight []float64 // 1/variance of each eigenvector, nugget after nugget
	unit   float64   // mean eigenvalue before it was made 1
	clip   float64
}

// NewFamily returns the covariances on places at coords [mm, RAS+], or, where d
// is not nil, with the distances d. Symmetry needs coordinates on both sides of
// x = 0 and Euclidean distances; Mirror tells whether it is there.
//
// Distances that are not Euclidean (along the cortex, between parcels) can make
// a covariance indefinite. Its negative eigenvalues are then set to 0; Clipped
// tells how much that was. Cost: about 17 eigen-decompositions of order n, four
// times as many with symmetry: 0.3 s for 122 places and 6 s for 400 on two cores.
// It panics if it is given fewer than 3 places or a distance that is not finite.
func NewFamily(coords []voxel.Vec, d *Distances, workers int) *Family {
	var mirrored *Distances
	if d == nil {
		d = Euclidean(coords)
		if bothSides(coords) {
			mirrored = mirrorDistances(coords)
		}
	}
	if d.N < 3 {
		panic("nullmap: NewFamily: fewer than 3 places")
	}
	f := &Family{N: d.N, Mirror: mirrored != nil}
	f.near, f.far = extent(d)
	if !(f.far > 0) || math.IsInf(f.far, 0) {
		panic("nullmap: NewFamily: distances must be finite and not all zero")
	}
	etas := symmetry
	if mirrored == nil {
		etas = symmetry[:1]
	}
	for _, k := range kernels(f.near, f.far) {
		for _, eta := range etas {
			f.cells = append(f.cells, cell{Kernel: k, eta: eta})
		}
	}
	par.Do(workers, len(f.cells), func(c int) { f.cells[c].decompose(d, mirrored) })
	for _, c := range f.cells {
		f.clip = math.Max(f.clip, c.clip)
	}
	return f
}

// Clipped returns the largest share of negative variance that was set to 0 in
// any covariance of the family: 0 for straight distances, and of concern above
// a few percent.
func (f *Family) Clipped() float64 { return f.clip }

// bothSides tells whether at least a quarter of the places lie on each side.
func bothSides(p []voxel.Vec) bool {
	var left, right int
	for _, v := range p {
		if v[0] < 0 {
			left++
		} else if v[0] > 0 {
			right++
		}
	}
	return 4*min(left, right) >= len(p)
}

// mirrorDistances returns |p_i − m(p_j)|, symmetric, not zero on the diagonal.
func mirrorDistances(p []voxel.Vec) *Distances {
	n := len(p)
	d := &Distances{N: n, D: make([]float64, n*n)}
	for i := range n {
		for j := range n {
			d.D[i*n+j] = voxel.Distance(p[i], mirror(p[j]))
		}
	}
	return d
}

func mirror(p voxel.Vec) voxel.Vec { return voxel.Vec{-p[0], p[1], p[2]} }

// extent returns the median distance to the nearest other place, leaving out
// places at the same spot, and the largest distance.
func extent(d *Distances) (near, far float64) {
	var nearest []float64
	for i := range d.N {
		best := math.Inf(1)
		for j, v := range d.Row(i) {
			if j != i && v > 0 {
				best = math.Min(best, v)
			}
			far = math.Max(far, v)
		}
		if !math.IsInf(best, 0) {
			nearest = append(nearest, best)
		}
	}
	if len(nearest) == 0 {
		return 0, 0
	}
	slices.Sort(nearest)
	return nearest[len(nearest)/2], far
}

func (c *cell) decompose(d, mirrored *Distances) {
	n := d.N
	a := mat.NewSymDense(n, nil)
	sd := make([]float64, n)
	for i := range sd {
		sd[i] = 1
		if c.eta > 0 {
			sd[i] = math.Sqrt(1 + c.eta*c.At(mirrored.D[i*n+i]))
		}
	}
	for i := range n {
		for j := range i + 1 {
			v := c.At(d.D[i*n+j])
			if c.eta > 0 {
				v = (v + c.eta*c.At(mirrored.D[i*n+j])) / (sd[i] * sd[j])
			}
			a.SetSym(j, i, v)
		}
	}
	c.lambda, c.u = contrasts(a)
	var sum, negative float64
	for i, l := range c.lambda {
		if l < 0 {
			negative -= l
			c.lambda[i] = 0
		}
		sum += c.lambda[i]
	}
	c.clip = negative / (sum + negative)
	if c.clip < 1e-9 {
		c.clip = 0 // rounding
	}
	c.unit = sum / float64(n-1)
	for i := range c.lambda {
		c.lambda[i] /= c.unit
	}
	c.logdet = make([]float64, len(nuggets))
	c.weight = make([]float64, 0, len(nuggets)*(n-1))
	for p, phi := range nuggets {
		for _, l := range c.lambda {
			v := share(l, phi)
			c.logdet[p] += math.Log(v)
			c.weight = append(c.weight, 1/v)
		}
	}
}

// share is the variance of an eigenvector with eigenvalue l and nugget phi.
func share(l, phi float64) float64 { return (1-phi)*l + phi + floor }

// contrasts returns the n − 1 eigenvalues of HAH, descending, that do not belong
// to the constant vector, and their eigenvectors, one a row.
func contrasts(a *mat.SymDense) (lambda, u []float64) {
	n := a.SymmetricDim()
	mean := make([]float64, n)
	var all float64
	for i := range n {
		for j := range n {
			mean[i] += a.At(i, j) / float64(n)
		}
		all += mean[i] / float64(n)
	}
	centred := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			centred.SetSym(j, i, a.At(j, i)-mean[i]-mean[j]+all)
		}
	}
	var e mat.EigenSym
	if !e.Factorize(centred, true) {
		panic("nullmap: eigenvalues did not converge") // LAPACK's QR fails on NaN only, which callers keep out
	}
	values := e.Values(nil)
	var v mat.Dense
	e.VectorsTo(&v)
	constant, most := 0, -1.0
	for j := range n {
		var s float64
		for i := range n {
			s += v.At(i, j)
		}
		if math.Abs(s) > most {
			constant, most = j, math.Abs(s)
		}
	}
	lambda = make([]float64, 0, n-1)
	u = make([]float64, 0, (n-1)*n)
	for j := n - 1; j >= 0; j-- {
		if j == constant {
			continue
		}
		lambda = append(lambda, values[j])
		for i := range n {
			u = append(u, v.At(i, j))
		}
	}
	return lambda, u
}

// project writes the coefficients of x in the eigenvectors to dst.
func (c *cell) project(dst, x []float64) {
	n := len(x)
	for j := range c.lambda {
		dst[j] = dot(c.u[j*n:j*n+n], x)
	}
}

func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}
