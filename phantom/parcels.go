package phantom

import (
	"fmt"
	"math"
	"slices"

	"phasl/internal/par"
	"phasl/voxel"
)

// A Parcellation divides the cortex into parcels of similar size: the grey
// matter nearer to one seed than to any other of its side. Left and right
// mirror one another.
type Parcellation struct {
	Seeds []voxel.Vec // template position of parcel i+1 [mm]; left parcels first
}

// NewParcellation returns a parcellation into n parcels, n/2 on each side,
// from a seed that makes one of many. It panics unless n is even and from 2 to
// 2000.
//
// Seeds start at random points of the cortex and are moved to the centroids of
// their parcels a dozen times (Lloyd's algorithm), which evens out the sizes.
func NewParcellation(n int, seed uint64, workers int) *Parcellation {
	if n < 2 || n > 2000 || n%2 != 0 {
		panic(fmt.Sprintf("phantom: NewParcellation: %d is not an even number from 2 to 2000", n))
	}
	g := headBox(voxel.Vec{3, 3, 3}, [3]int{64, 76, 64})
	var cortex []voxel.Vec // of the right side
	for v, p := range (&Brain{}).points(g, workers) {
		if q := g.World(g.Coord(v)); q[0] > 0 && cortical(p.region) {
			cortex = append(cortex, q)
		}
	}
	half := make([]voxel.Vec, n/2)
	r := stream(seed, "parcels", 0)
	for i, at := range r.Perm(len(cortex))[:n/2] {
		half[i] = cortex[at]
	}
	near := make([]int, len(cortex))
	for range 12 {
		par.Ranges(workers, len(cortex), 512, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				near[i] = nearestSeed(half, cortex[i])
			}
		})
		sum, count := make([]voxel.Vec, len(half)), make([]float64, len(half))
		for i, s := range near {
			for a := range 3 {
				sum[s][a] += cortex[i][a]
			}
			count[s]++
		}
		for s := range half {
			if count[s] > 0 {
				half[s] = voxel.Vec{sum[s][0] / count[s], sum[s][1] / count[s], sum[s][2] / count[s]}
			}
		}
	}
	// From front to back, so that the numbers do not look random.
	slices.SortFunc(half, func(p, q voxel.Vec) int {
		if p[1] > q[1] {
			return -1
		}
		return 1
	})
	p := &Parcellation{}
	for _, s := range half {
		p.Seeds = append(p.Seeds, voxel.Vec{-s[0], s[1], s[2]})
	}
	p.Seeds = append(p.Seeds, half...)
	return p
}

// Name returns the name of parcel i, counted from 1, such as "parcel_L_07".
func (p *Parcellation) Name(i int) string {
	half := len(p.Seeds) / 2
	if i <= half {
		return fmt.Sprintf("parcel_L_%02d", i)
	}
	return fmt.Sprintf("parcel_R_%02d", i-half)
}

// Labels returns the parcel of each cortical voxel of a drawing of brain b, 0
// elsewhere.
func (p *Parcellation) Labels(b *Brain, d *Drawing, workers int) *voxel.Image {
	img := voxel.NewImage(d.Grid)
	half := len(p.Seeds) / 2
	par.Ranges(workers, len(img.Data), 8192, func(lo, hi int) {
		for v := lo; v < hi; v++ {
			l := d.Label[v]
			if !cortical(l) {
				continue
			}
			q := d.World(d.Coord(v))
			if b.subject != nil {
				q = b.subject.Map(q)
			}
			seeds, first := p.Seeds[half:], half
			if l%2 == 1 {
				seeds, first = p.Seeds[:half], 0
			}
			img.Data[v] = float32(1 + first + nearestSeed(seeds, q))
		}
	})
	return img
}

// cortical reports whether a region index is of cerebral cortex.
func cortical(region uint16) bool {
	if region == 0 {
		return false
	}
	lobe := areas[(region-1)/2].lobe
	return lobe != "deep" && lobe != "cerebellum"
}

func nearestSeed(seeds []voxel.Vec, p voxel.Vec) int {
	best, at := math.Inf(1), 0
	for i, s := range seeds {
		x, y, z := s[0]-p[0], s[1]-p[1], s[2]-p[2]
		if d := x*x + y*y + z*z; d < best {
			best, at = d, i
		}
	}
	return at
}
