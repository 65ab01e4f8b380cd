package receptor

import (
	"math"
	"sync"

	"phasl/atlas"
	"phasl/internal/par"
	"phasl/nullmap"
	"phasl/voxel"
)

// Parcels is the parcellation that maps are brought into: the labels of an
// atlas, on its grid.
type Parcels struct {
	File    string // of the atlas, for messages
	Atlas   *atlas.Atlas
	Regions []atlas.Region
	Grey    *voxel.Image // grey-matter fraction on the atlas's grid, or nil
	ParcelOptions
	inside  [][]int32   // voxels of each region that count
	centres []voxel.Vec // of those [mm]
	once    sync.Once
	seen    *sights
}

// ParcelOptions steer [NewParcels]. The zero value is the default.
type ParcelOptions struct {
	// Coverage is the least share of a parcel's voxels that must have a value; 0:
	// one voxel is enough, as in published work.
	Coverage float64
	MinGrey  float64     // voxels with less grey matter do not count; 0: 0.2
	Zeros    ZeroMeaning // what an exact zero in an image says
	Workers  int         // 0: one for each CPU
}

// A ZeroMeaning says what an exact zero in an image stands for.
type ZeroMeaning int

const (
	ZeroMissing ZeroMeaning = iota // no value: the background of most maps, and holes
	ZeroValue                      // a density, or an effect, of zero
)

// NewParcels returns every label of the atlas as a parcel. grey may be nil; it
// is brought to the atlas's grid.
func NewParcels(file string, a *atlas.Atlas, grey *voxel.Image, o ParcelOptions) *Parcels {
	p := &Parcels{File: file, Atlas: a, ParcelOptions: o}
	if p.MinGrey == 0 {
		p.MinGrey = 0.2
	}
	if grey != nil {
		p.Grey = onto(grey, a.Grid, p.Workers)
	}
	for _, r := range a.Regions() {
		var in []int32
		var c voxel.Vec
		for _, n := range a.Voxels(r.Labels[0]) {
			if p.Grey != nil && !(float64(p.Grey.Data[n]) >= p.MinGrey) {
				continue
			}
			in = append(in, n)
			w := a.World(a.Coord(int(n)))
			for k := range c {
				c[k] += w[k]
			}
		}
		for k := range c {
			c[k] /= float64(len(in)) // NaN for a parcel without voxels
		}
		p.Regions = append(p.Regions, r)
		p.inside = append(p.inside, in)
		p.centres = append(p.centres, c)
	}
	return p
}

// onto returns an image on another grid: as it is where the grids agree,
// interpolated linearly where its voxels are larger, else averaged, so that no
// voxel is skipped.
func onto(img *voxel.Image, g voxel.Grid, workers int) *voxel.Image {
	if img.Same(g, 1e-3) {
		return img
	}
	return voxel.Average(img, g, nil, 0, workers)
}

// Places returns the parcels' names and the centres of their voxels [mm]. A
// parcel without voxels has a centre of NaN. With between, distances are the
// means over pairs of voxels, else straight between centres.
func (p *Parcels) Places(between bool) Places {
	out := Places{Coords: p.centres}
	for _, r := range p.Regions {
		out.Names = append(out.Names, r.Name)
	}
	if between {
		points := make([][]voxel.Vec, len(p.inside))
		for i, in := range p.inside {
			for _, n := range in {
				points[i] = append(points[i], p.Atlas.World(p.Atlas.Coord(int(n))))
			}
		}
		out.Distances = nullmap.BetweenParcels(points, 0, p.Workers)
	}
	return out
}

// A Coverage says how much of the parcels an image covers.
type Coverage struct {
	Values  []float64 // mean of each parcel; NaN below Parcels.Coverage
	Share   []float64 // of each parcel's voxels that have a value
	Voxels  int       // labelled voxels
	Outside int       // of them, outside the image's box
	Zero    int       // of them, exactly zero and taken for missing
	Missing int       // of them, NaN or infinite, or too close to missing voxels to be interpolated
	Left    []int     // parcels left out for low coverage, though they have some voxels
	Thin    []int     // parcels that count with less than half of their voxels
}

// Measure returns the mean of an image in every parcel, over its voxels that
// have a value. A parcel of which less than Coverage has one is NaN. Exact zeros
// are no values, but in covariates or if Zeros says so.
//
// The image is brought to the atlas's grid: labels keep their shapes, and small
// parcels their voxels, whatever the size of the map's voxels. Exact zeros become
// missing before that, so that they do not leak into their neighbours.
func (p *Parcels) Measure(img *voxel.Image, kind Kind) *Coverage {
	hollow := p.Zeros == ZeroMissing && kind != CovariateMap
	return p.measure(p.onAtlas(img, hollow), img, hollow)
}

// onAtlas returns the image on the atlas's grid, NaN where it has no value; zeros
// are none if it is hollow.
func (p *Parcels) onAtlas(img *voxel.Image, hollow bool) *voxel.Image {
	clean := img.Clone()
	nan := float32(math.NaN())
	for n, v := range clean.Data {
		if v-v != 0 || v == 0 && hollow {
			clean.Data[n] = nan
		}
	}
	return onto(clean, p.Atlas.Grid, p.Workers)
}

func (p *Parcels) measure(on, raw *voxel.Image, hollow bool) *Coverage {
	c := &Coverage{Values: make([]float64, len(p.Regions)), Share: make([]float64, len(p.Regions))}
	type count struct{ outside, zero, missing int }
	counts := make([]count, len(p.Regions))
	nearest := voxel.NewSampler(raw, voxel.Nearest)
	par.Do(p.Workers, len(p.Regions), func(i int) {
		var sum float64
		n := 0
		for _, v := range p.inside[i] {
			if x := on.Data[v]; x-x == 0 {
				sum += float64(x)
				n++
				continue
			}
			w := p.Atlas.World(p.Atlas.Coord(int(v)))
			switch {
			case !within(raw.Grid, w):
				counts[i].outside++
			case hollow && nearest.At(w) == 0:
				counts[i].zero++
			default:
				counts[i].missing++
			}
		}
		c.Share[i] = float64(n) / float64(len(p.inside[i])) // NaN for an empty parcel
		c.Values[i] = sum / float64(n)
		if n == 0 || c.Share[i] < p.Coverage {
			c.Values[i] = math.NaN()
		}
	})
	for i, k := range counts {
		c.Voxels += len(p.inside[i])
		c.Outside += k.outside
		c.Zero += k.zero
		c.Missing += k.missing
		switch {
		case !(c.Share[i] > 0):
		case math.IsNaN(c.Values[i]):
			c.Left = append(c.Left, i)
		case c.Share[i] < 0.5:
			c.Thin = append(c.Thin, i)
		}
	}
	return c
}

// within tells whether a point lies in a grid's box.
func within(g voxel.Grid, w voxel.Vec) bool {
	v := g.Affine.Inverse().Map(w)
	for a := range 3 {
		if !(v[a] >= -0.5-1e-4 && v[a] <= float64(g.Dim[a])-0.5+1e-4) {
			return false
		}
	}
	return true
}
