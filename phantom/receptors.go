package phantom

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"gonum.org/v1/gonum/floats"

	"phasl/bids"
	"phasl/internal/par"
	"phasl/nifti"
	"phasl/voxel"
)

// Receptors are simulated densities of receptors in the template's space, one
// for each of [ReceptorTargets]. The density of grey matter at point p is
//
//	d(p) = max(0.1, 1 + 0.25·z(p)),  z(p) = (cos φ·u(p) + sin φ·u(m(p))) / s(p)
//
// where u is a Gaussian field of its own for each target, with variance 1 and
// the Matérn covariance K of smoothness 3/2 and scale [receptorScale], m mirrors
// at x = 0, sin 2φ = η = 0.97 and s² = 1 + η·K(|p − m(p)|). Hence z has variance
// 1 everywhere and the covariance of [phasl/nullmap.Family] without a nugget:
//
//	(K(|p − q|) + η·K(|p − m(q)|)) / (s(p)·s(q))
//
// Densities have no unit; their mean is about 1. Everything follows from the
// seed. Fields of different targets, and of different seeds, are independent:
// what one of them has to do with another map, or with another one's field, is
// chance. docs/methods/phantom.md says where the numbers are from.
type Receptors struct {
	seed uint64
	// amplitude of the cosine and sine of each wave, by target.
	amplitude [][]float64

	once     sync.Once
	regional [][]float64 // by target, made when first asked for
}

// ReceptorTargets returns the targets of a simulated panel, in its order.
func ReceptorTargets() []string {
	return []string{"MOR", "KOR", "NMDA", "mGluR5", "GABAA", "GABAAa5"}
}

// The covariance of simulated densities.
const (
	receptorScale    = 10   // ℓ of the Matérn covariance of smoothness 3/2 [mm]
	receptorSymmetry = 0.97 // η, the share of the covariance with the mirrored place
	receptorSpread   = 0.25 // SD of the density of grey matter over its mean
	receptorFloor    = 0.1  // least density of grey matter, and the share that white matter and CSF have
	receptorWaves    = 512
)

// NewReceptors draws the densities of a seed.
func NewReceptors(seed uint64) *Receptors {
	r := &Receptors{seed: seed}
	for t := range ReceptorTargets() {
		random := stream(seed, "receptors", uint64(t))
		a := make([]float64, 2*receptorWaves)
		for i := range a {
			a[i] = random.NormFloat64() / math.Sqrt(receptorWaves)
		}
		r.amplitude = append(r.amplitude, a)
	}
	return r
}

// Targets returns [ReceptorTargets].
func (r *Receptors) Targets() []string { return ReceptorTargets() }

// receptorWave returns the wave vectors of the fields [rad/mm]. A field that is
// Σ (a cos k·p + b sin k·p)/√n, with a, b standard normal and n wave vectors
// spread as the spectral density of K, has the covariance K as n grows. These
// are spread evenly: by the quantiles of their length, in directions of a
// Kronecker sequence whose steps are powers of the inverse plastic number. So
// the covariance of n = 512 waves is off by 0.02 (root mean square over pairs of
// points of a brain; at most 0.09), and the same for every seed.
//
// The length k of the wave vectors of K in three dimensions has, with
// t = kℓ/√3, the distribution function (2/π)(atan t + t(t² − 1)/(1 + t²)²),
// from the spectral density ∝ (1 + t²)⁻³ (Rasmussen & Williams 2006, Gaussian
// Processes for Machine Learning, eq. 4.15 with ν = 3/2, ISBN 0-262-18253-X).
var receptorWave = sync.OnceValue(func() []voxel.Vec {
	const plastic = 1.324717957244746 // real root of x³ = x + 1
	out := make([]voxel.Vec, receptorWaves)
	for i := range out {
		k := math.Sqrt(3) / receptorScale * waveQuantile((float64(i)+0.5)/receptorWaves)
		_, a := math.Modf(float64(i+1) / plastic)
		_, b := math.Modf(float64(i+1) / (plastic * plastic))
		z := 2*a - 1
		s := math.Sqrt(1 - z*z)
		out[i] = voxel.Vec{k * s * math.Cos(2*math.Pi*b), k * s * math.Sin(2*math.Pi*b), k * z}
	}
	return out
})

// waveQuantile inverts the distribution function of t above by bisection.
func waveQuantile(p float64) float64 {
	lo, hi := 0.0, 1e3
	for range 80 {
		t := (lo + hi) / 2
		if q := 1 + t*t; 2/math.Pi*(math.Atan(t)+t*(t*t-1)/(q*q)) < p {
			lo = t
		} else {
			hi = t
		}
	}
	return (lo + hi) / 2
}

// receptorKernel is K [1] at a distance [mm].
func receptorKernel(h float64) float64 {
	u := math.Sqrt(3) * h / receptorScale
	return (1 + u) * math.Exp(-u)
}

// A waveTable evaluates all waves, and their mirror images, on a grid. The
// waves are products of a factor for each axis of the grid, whatever its
// orientation, which takes the place of a sine and cosine for each wave at each
// voxel.
type waveTable struct {
	g      voxel.Grid
	direct [3][][]complex128 // axis, index along it, wave
	mirror [3][][]complex128
	plane  [2][]complex128 // factors of the present row
}

func newWaveTable(g voxel.Grid) *waveTable {
	w := &waveTable{g: g}
	waves := receptorWave()
	phi := math.Asin(receptorSymmetry) / 2
	fill := func(table *[3][][]complex128, share, side float64) {
		for axis := range 3 {
			for i := range g.Dim[axis] {
				row := make([]complex128, len(waves))
				for n, k := range waves {
					k[0] *= side
					a := 0.0
					for d := range 3 {
						a += k[d] * g.Affine[d][axis] * float64(i)
						if axis == 0 {
							a += k[d] * g.Affine[d][3]
						}
					}
					sin, cos := math.Sincos(a)
					row[n] = complex(cos, sin)
					if axis == 0 {
						row[n] *= complex(share, 0)
					}
				}
				table[axis] = append(table[axis], row)
			}
		}
	}
	fill(&w.direct, math.Cos(phi), 1)
	fill(&w.mirror, math.Sin(phi), -1)
	return w
}

// row prepares for voxels (·, j, k).
func (w *waveTable) row(j, k int) {
	for side, table := range []*[3][][]complex128{&w.direct, &w.mirror} {
		if w.plane[side] == nil {
			w.plane[side] = make([]complex128, receptorWaves)
		}
		y, z := table[1][j], table[2][k]
		for n := range w.plane[side] {
			w.plane[side][n] = y[n] * z[n]
		}
	}
}

// at writes the value of each cosine (real part) and sine (imaginary part) at
// voxel i of the row to dst.
func (w *waveTable) at(i, j, k int, dst []complex128) {
	x := w.g.World(i, j, k)[0]
	scale := complex(1/math.Sqrt(1+receptorSymmetry*receptorKernel(2*math.Abs(x))), 0)
	direct, mirror := w.direct[0][i], w.mirror[0][i]
	p, q := w.plane[0], w.plane[1]
	for n := range dst {
		dst[n] = scale * (direct[n]*p[n] + mirror[n]*q[n])
	}
}

// share returns a table of the same waves for another goroutine.
func (w *waveTable) share() *waveTable {
	return &waveTable{g: w.g, direct: w.direct, mirror: w.mirror}
}

// field is z of one target where waves have the given values.
func field(amplitude []float64, waves []complex128) float64 {
	var s float64
	for n, v := range waves {
		s += amplitude[2*n]*real(v) + amplitude[2*n+1]*imag(v)
	}
	return s
}

// index returns the place of a target. It panics if there is none of the name.
func (r *Receptors) index(target string) int {
	i := slices.Index(ReceptorTargets(), target)
	if i < 0 {
		panic(fmt.Sprintf("phantom: there is no simulated receptor %q", target))
	}
	return i
}

// At returns the density of a target in grey matter at a point of the template
// [mm]. It panics if target is none of [ReceptorTargets].
func (r *Receptors) At(target string, p voxel.Vec) float64 {
	w := newWaveTable(voxel.Grid{Dim: [3]int{1, 1, 1}, Affine: voxel.Translation(p)})
	w.row(0, 0)
	v := make([]complex128, receptorWaves)
	w.at(0, 0, 0, v)
	return greyDensity(field(r.amplitude[r.index(target)], v))
}

func greyDensity(z float64) float64 { return math.Max(receptorFloor, 1+receptorSpread*z) }

// regionWaves holds the mean of each cosine and sine over the grey matter of
// each region of the template, from points 2 mm apart.
var regionWaves = sync.OnceValue(func() [][]float64 {
	g := TemplateGrid()
	points := templatePoints()
	table := newWaveTable(g)
	layers := make([][][]float64, g.Dim[2])
	par.Do(0, g.Dim[2], func(k int) {
		w := table.share()
		v := make([]complex128, receptorWaves)
		sum := make([][]float64, compartments)
		for j := range g.Dim[1] {
			started := false
			for i := range g.Dim[0] {
				p := points[g.Index(i, j, k)]
				if p.tissue != Grey {
					continue
				}
				if !started {
					w.row(j, k)
					started = true
				}
				w.at(i, j, k, v)
				s := sum[p.region]
				if s == nil {
					s = make([]float64, 2*receptorWaves)
					sum[p.region] = s
				}
				for n, x := range v {
					s[2*n] += real(x)
					s[2*n+1] += imag(x)
				}
			}
		}
		layers[k] = sum
	})
	volume := compartmentVolumes()
	out := make([][]float64, compartments-1)
	for c := range out {
		out[c] = make([]float64, 2*receptorWaves)
		for _, sum := range layers {
			if s := sum[c+1]; s != nil {
				for n, x := range s {
					out[c][n] += x * 8 / volume[c+1]
				}
			}
		}
	}
	return out
})

// Regional returns the mean density of a target over the grey matter of each of
// [Regions], in their order: what [Receptors.Image] of the template has there,
// to within 3 % of the spread (its voxels are not quite the same), and but for
// points at the floor, which are taken as they would be without it. It panics if
// target is none of [ReceptorTargets].
func (r *Receptors) Regional(target string) []float64 {
	r.once.Do(func() {
		for _, amplitude := range r.amplitude {
			x := make([]float64, compartments-1)
			for c, waves := range regionWaves() {
				x[c] = 1 + receptorSpread*floats.Dot(amplitude, waves)
			}
			r.regional = append(r.regional, x)
		}
	})
	return slices.Clone(r.regional[r.index(target)])
}

// Image returns the density of a target on the grid of a drawing of the
// template:
//
//	(0.1 + 0.9·min(1, 2·grey))·d(p)
//
// in the brain, with its share of grey matter, and 0 outside. So a voxel has the
// density of its grey matter where that fills half of it, as where partial volume
// was corrected for, and a tenth in white matter and CSF. It panics if target is
// none of [ReceptorTargets].
func (r *Receptors) Image(target string, d *Drawing, workers int) *voxel.Image {
	return r.images([]int{r.index(target)}, d, workers)[0]
}

// images draws several targets at once, which share the waves.
func (r *Receptors) images(targets []int, d *Drawing, workers int) []*voxel.Image {
	var out []*voxel.Image
	for range targets {
		out = append(out, voxel.NewImage(d.Grid))
	}
	brain := d.BrainMask()
	table := newWaveTable(d.Grid)
	par.Do(workers, d.Dim[2], func(k int) {
		w := table.share()
		v := make([]complex128, receptorWaves)
		for j := range d.Dim[1] {
			started := false
			for i := range d.Dim[0] {
				at := d.Index(i, j, k)
				if !brain.In[at] {
					continue
				}
				if !started {
					w.row(j, k)
					started = true
				}
				w.at(i, j, k, v)
				share := receptorFloor + (1-receptorFloor)*math.Min(1, 2*float64(d.Fraction[Grey].Data[at]))
				for n, t := range targets {
					out[n].Data[at] = float32(share * greyDensity(field(r.amplitude[t], v)))
				}
			}
		}
	})
	return out
}

// Write writes the panel to a folder: a density map of each target on the
// template's grid of 2 mm, and receptors.tsv, which describes them
// (docs/formats/receptors.md). Equal seeds give equal bytes, whatever workers is
// (0: one per CPU).
func (r *Receptors) Write(dir string, workers int) error {
	targets := ReceptorTargets()
	all := make([]int, len(targets))
	for t := range all {
		all[t] = t
	}
	columns := []bids.Column{
		{Name: "file", Description: "density map"},
		{Name: "target", Description: "receptor"},
		{Name: "tracer", Description: "radioligand; none here"},
		{Name: "n", Description: "people scanned; none here"},
		{Name: "paper", Description: "where the map is from"},
		{Name: "licence", Description: "terms of use"},
		{Name: "space", Description: "standard space"},
		{Name: "exclude", Description: "regions where the map does not show the target"},
	}
	var rows [][]string
	for t, img := range r.images(all, templateDrawing(), workers) {
		name := receptorFile(targets[t])
		if err := nifti.WriteImage(filepath.Join(dir, name), img, nifti.Options{Workers: workers, Space: nifti.SpaceTemplate}); err != nil {
			return err
		}
		rows = append(rows, []string{name, targets[t], "simulated", bids.Missing, "phasl phantom, seed " + strconv.FormatUint(r.seed, 10), "CC0", Space, "none"})
	}
	return bids.WriteTable(filepath.Join(dir, "receptors.tsv"), columns, rows)
}

// Files returns the files that [Receptors.Write] writes, relative to its folder.
// Each is written whole or not at all.
func (r *Receptors) Files() []string {
	var out []string
	for _, t := range ReceptorTargets() {
		out = append(out, receptorFile(t))
	}
	return append(out, "receptors.json", "receptors.tsv")
}

func receptorFile(target string) string { return target + "_simulated.nii.gz" }
