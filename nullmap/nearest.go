package nullmap

import (
	"cmp"
	"math"
	"slices"

	"phasl/voxel"
)

// A bins sorts points into cubes so that the nearest ones of a point are found
// without looking at all.
type bins struct {
	p     []voxel.Vec
	lo    voxel.Vec
	edge  float64
	dim   [3]int
	first []int32 // of each cube in points; one more at the end
	at    []int32
}

// newBins makes cubes that hold about 16 points each where points are evenly
// spread.
func newBins(p []voxel.Vec) *bins {
	b := &bins{p: p, lo: p[0]}
	hi := p[0]
	for _, v := range p {
		for a := range 3 {
			b.lo[a], hi[a] = math.Min(b.lo[a], v[a]), math.Max(hi[a], v[a])
		}
	}
	volume, extent := 1.0, 0.0
	for a := range 3 {
		extent = math.Max(extent, hi[a]-b.lo[a])
	}
	if extent == 0 {
		extent = 1
	}
	for a := range 3 {
		volume *= math.Max(hi[a]-b.lo[a], extent/100)
	}
	b.edge = math.Max(math.Cbrt(volume*16/float64(len(p))), extent/200)
	for a := range 3 {
		b.dim[a] = int((hi[a]-b.lo[a])/b.edge) + 1
	}
	cubes := b.dim[0] * b.dim[1] * b.dim[2]
	b.first = make([]int32, cubes+1)
	for _, v := range p {
		b.first[b.cube(b.index(v))+1]++
	}
	for c := range cubes {
		b.first[c+1] += b.first[c]
	}
	next := slices.Clone(b.first[:cubes])
	b.at = make([]int32, len(p))
	for i, v := range p {
		c := b.cube(b.index(v))
		b.at[next[c]] = int32(i)
		next[c]++
	}
	return b
}

func (b *bins) index(v voxel.Vec) (c [3]int) {
	for a := range 3 {
		c[a] = min(max(int((v[a]-b.lo[a])/b.edge), 0), b.dim[a]-1)
	}
	return c
}

func (b *bins) cube(c [3]int) int { return (c[2]*b.dim[1]+c[1])*b.dim[0] + c[0] }

// A neighbour is another point and its distance.
type neighbour struct {
	i int32
	d float64
}

// before orders neighbours of point i by distance. Ties, which a voxel grid is
// full of, come in a scrambled order: by number, the last of k neighbours would
// all lie to one side.
func before(i int) func(a, b neighbour) int {
	scramble := func(j int32) uint32 { return (uint32(j)*2654435761 ^ uint32(i)*2246822519) * 3266489917 }
	return func(a, b neighbour) int {
		return cmp.Or(cmp.Compare(a.d, b.d), cmp.Compare(scramble(a.i), scramble(b.i)), cmp.Compare(a.i, b.i))
	}
}

// nearest returns the k points nearest to point i, itself left out, in the order
// of before. buf is reused.
func (b *bins) nearest(buf []neighbour, i, k int) []neighbour {
	c := b.index(b.p[i])
	for r := 1; ; r++ {
		buf = buf[:0]
		whole := true // the search has reached every cube
		var lo, hi [3]int
		for a := range 3 {
			lo[a], hi[a] = max(0, c[a]-r), min(b.dim[a]-1, c[a]+r)
			whole = whole && lo[a] == 0 && hi[a] == b.dim[a]-1
		}
		// Points nearer than the edge of the block searched are all in it.
		sure := math.Inf(1)
		if !whole {
			for a := range 3 {
				if lo[a] > 0 {
					sure = math.Min(sure, b.p[i][a]-(b.lo[a]+float64(lo[a])*b.edge))
				}
				if hi[a] < b.dim[a]-1 {
					sure = math.Min(sure, b.lo[a]+float64(hi[a]+1)*b.edge-b.p[i][a])
				}
			}
		}
		inside := 0
		for z := lo[2]; z <= hi[2]; z++ {
			for y := lo[1]; y <= hi[1]; y++ {
				from, to := b.cube([3]int{lo[0], y, z}), b.cube([3]int{hi[0], y, z})
				for _, j := range b.at[b.first[from]:b.first[to+1]] {
					if int(j) == i {
						continue
					}
					d := voxel.Distance(b.p[i], b.p[j])
					if d <= sure {
						inside++
						buf = append(buf, neighbour{j, d})
					}
				}
			}
		}
		if inside >= k || whole {
			break
		}
	}
	slices.SortFunc(buf, before(i))
	return buf[:min(k, len(buf))]
}
