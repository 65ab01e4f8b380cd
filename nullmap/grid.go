package nullmap

import (
	"math"
	"math/rand/v2"
	"sync"

	"gonum.org/v1/gonum/dsp/fourier"

	"phasl/voxel"
)

// A torus draws stationary Gaussian fields on a voxel grid by circulant
// embedding: the covariance is laid on a grid at least twice the size of the
// places' box, where it is diagonal in Fourier space. Memory is that grid, not
// n × n.
//
// A covariance much longer than the box has small negative eigenvalues on it,
// which are set to 0; the constant does not matter to surrogates.
//
// Source: Wood & Chan 1994, doi:10.1080/10618600.1994.10474655; Dietrich &
// Newsam 1997, doi:10.1137/S1064827592240555.
type torus struct {
	dim    [3]int // of the torus
	box    [3]int // of the places
	step   [3]voxel.Vec
	at     []int // place in the torus of each voxel
	mirror []int // of its mirror image; nil without symmetry
	pool   sync.Pool
}

// newTorus lays a torus round the voxels at coords of a grid, and round their
// mirror images if symmetric.
func newTorus(g voxel.Grid, coords []voxel.Vec, symmetric bool) *torus {
	inv := g.Affine.Inverse()
	index := func(p voxel.Vec) [3]int {
		v := inv.Map(p)
		return [3]int{int(math.Round(v[0])), int(math.Round(v[1])), int(math.Round(v[2]))}
	}
	lo, hi := index(coords[0]), index(coords[0])
	all := make([][3]int, 0, 2*len(coords))
	for _, p := range coords {
		all = append(all, index(p))
	}
	if symmetric {
		for _, p := range coords {
			all = append(all, index(mirror(p)))
		}
	}
	for _, v := range all {
		for a := range 3 {
			lo[a], hi[a] = min(lo[a], v[a]), max(hi[a], v[a])
		}
	}
	t := &torus{}
	for a := range 3 {
		t.box[a] = hi[a] - lo[a] + 1
		t.dim[a] = smoothSize(2 * t.box[a])
		for b := range 3 {
			t.step[a][b] = g.Affine[b][a]
		}
	}
	place := func(v [3]int) int {
		return v[0] - lo[0] + t.dim[0]*(v[1]-lo[1]+t.dim[1]*(v[2]-lo[2]))
	}
	for i, v := range all {
		if i < len(coords) {
			t.at = append(t.at, place(v))
		} else {
			t.mirror = append(t.mirror, place(v))
		}
	}
	t.pool.New = func() any {
		w := &torusWork{data: make([]complex128, t.dim[0]*t.dim[1]*t.dim[2])}
		for a := range 3 {
			w.fft[a] = fourier.NewCmplxFFT(t.dim[a])
			w.line[a] = make([]complex128, t.dim[a])
		}
		return w
	}
	return t
}

// torusMost bounds the memory of a torus: 2 GB would be 134 million.
const torusMost = 40_000_000

func (t *torus) size() int { return t.dim[0] * t.dim[1] * t.dim[2] }

// smoothSize returns the smallest even number from n on without prime factors
// above 5.
func smoothSize(n int) int {
	for n += n % 2; ; n += 2 {
		m := n
		for _, f := range []int{2, 3, 5} {
			for m%f == 0 {
				m /= f
			}
		}
		if m == 1 {
			return n
		}
	}
}

type torusWork struct {
	data []complex128
	fft  [3]*fourier.CmplxFFT
	line [3][]complex128
}

// A spectrum is the square root of a covariance's eigenvalues over the size of
// the torus, for the wave numbers of one octant or half space: the covariance is
// even in all axes at once, and in each axis where voxels are rectangular.
type spectrum struct {
	root []float32 // whole torus
	clip float64   // share of variance that was negative
}

// spectrum returns the spectrum of a correlation function of distance [mm].
func (t *torus) spectrum(cov func(h float64) float64) *spectrum {
	w := t.pool.Get().(*torusWork)
	defer t.pool.Put(w)
	n := 0
	for k := range t.dim[2] {
		for j := range t.dim[1] {
			for i := range t.dim[0] {
				var v voxel.Vec
				for a, m := range [3]int{i, j, k} {
					if m > t.dim[a]/2 {
						m -= t.dim[a]
					}
					for b := range 3 {
						v[b] += float64(m) * t.step[a][b]
					}
				}
				w.data[n] = complex(cov(math.Sqrt(v[0]*v[0]+v[1]*v[1]+v[2]*v[2])), 0)
				n++
			}
		}
	}
	t.transform(w, t.dim)
	s := &spectrum{root: make([]float32, n)}
	var negative, positive float64
	for m := 1; m < n; m++ { // without the constant
		if v := real(w.data[m]); v > 0 {
			s.root[m] = float32(math.Sqrt(v / float64(n)))
			positive += v
		} else {
			negative -= v
		}
	}
	if positive > 0 {
		s.clip = negative / positive
	}
	return s
}

// transform is the Fourier transform of w.data along the three axes, as far as
// it is needed at places inside the box: lines whose results nobody asks for
// are left out.
func (t *torus) transform(w *torusWork, box [3]int) {
	d := w.data
	nx, ny, nz := t.dim[0], t.dim[1], t.dim[2]
	line := w.line[2]
	for p := range nx * ny {
		for k := range nz {
			line[k] = d[p+k*nx*ny]
		}
		w.fft[2].Coefficients(line, line)
		for k := range box[2] {
			d[p+k*nx*ny] = line[k]
		}
	}
	line = w.line[1]
	for k := range box[2] {
		for i := range nx {
			o := k*nx*ny + i
			for j := range ny {
				line[j] = d[o+j*nx]
			}
			w.fft[1].Coefficients(line, line)
			for j := range box[1] {
				d[o+j*nx] = line[j]
			}
		}
	}
	for k := range box[2] {
		for j := range box[1] {
			o := (k*ny + j) * nx
			w.fft[0].Coefficients(d[o:o+nx], d[o:o+nx])
		}
	}
}

// fields leaves two independent fields with spectrum s in the real and the
// imaginary part of the box.
func (t *torus) fields(w *torusWork, s *spectrum, r *rand.Rand) {
	for m, v := range s.root {
		w.data[m] = complex(float64(v)*r.NormFloat64(), float64(v)*r.NormFloat64())
	}
	t.transform(w, t.box)
}

// gridProcess is the Gaussian process on voxels: the covariance comes from the
// posterior of a subset, the fields from the torus.
type gridProcess struct {
	*Posterior
	*torus
	spectra []*spectrum // by kernel
	once    []sync.Once
	across  []float64 // x of each voxel [mm]
}

func (g *gridProcess) spectrumOf(ci int) *spectrum {
	etas := len(symmetry)
	if !g.family.Mirror {
		etas = 1
	}
	k := ci / etas
	g.once[k].Do(func() { g.spectra[k] = g.torus.spectrum(g.family.cells[ci].At) })
	return g.spectra[k]
}

func (g *gridProcess) draw(dst []float64, r *rand.Rand) {
	ci, ni := g.pick(r)
	c := &g.family.cells[ci]
	phi := nuggets[ni]
	field, white := math.Sqrt((1-phi)/c.unit), math.Sqrt(phi)
	w := g.torus.pool.Get().(*torusWork)
	defer g.torus.pool.Put(w)
	if phi < 1 {
		g.fields(w, g.spectrumOf(ci), r)
	}
	own, both := math.Sqrt(1-c.eta), math.Sqrt(c.eta/2)
	for i, at := range g.at {
		var f float64
		if phi < 1 {
			v := w.data[at]
			f = real(v)
			if c.eta > 0 {
				f = own*real(v) + both*(imag(v)+imag(w.data[g.mirror[i]]))
				f /= math.Sqrt(1 + c.eta*c.At(2*math.Abs(g.across[i])))
			}
		}
		dst[i] = field*f + white*r.NormFloat64()
	}
}
