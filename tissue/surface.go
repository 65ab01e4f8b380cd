package tissue

import (
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// limits are the robust intensity limits from which the surface is steered.
type limits struct {
	low, high float64 // 2nd and 98th percentile of the image
	head      float64 // low + 10 % of the way to high: background below, head above
	median    float64 // median of the brain, from a sphere inside it
}

// robustLimits returns the 2nd and 98th percentile of the finite values among
// those listed by keep (nil: all).
func robustLimits(data []float32, keep func(n int) bool) limits {
	v := make([]float32, 0, len(data)/4)
	for n, x := range data {
		if x-x == 0 && (keep == nil || keep(n)) { // finite
			v = append(v, x)
		}
	}
	if len(v) == 0 {
		return limits{low: math.NaN(), high: math.NaN(), head: math.NaN(), median: math.NaN()}
	}
	lo, hi := float64(voxel.Percentile(v, 2)), float64(voxel.Percentile(v, 98))
	return limits{low: lo, high: hi, head: lo + 0.1*(hi-lo), median: math.NaN()}
}

// A steer says what pulls the surface.
type steer struct {
	img      *voxel.Image
	lim      limits
	fraction float64 // threshold between the darkest and brightest point inwards, 0 to 1
	depth    float64 // how far inwards to look for the darkest point [mm]
	reach    float64 // how far inwards to look for the brightest point [mm]
	floor    float64 // least brightness of brain, as a share of its median above low
	prior    *distance
	band     float64 // how far from the prior's surface the image may decide [mm]
	rounds   int
	workers  int
	// Set by deform:
	pace float64      // step inwards [mm]: half a voxel, at least 1 mm
	inv  voxel.Affine // world to voxels of img
}

// maxProbes bounds the points looked at below a vertex: depths are at most 20 mm
// and steps at least 1 mm.
const maxProbes = 20

// priorSlope is by how much the threshold rises from the prior's surface to the
// outer edge of the band, and falls to the inner one.
const priorSlope = 0.35

// deform moves the vertices of m outwards until they rest on the brain's edge.
//
// In each round vertex v with normal n, the mean of its neighbours s away,
// moves by
//
//	½ s_t + f2 s_n + 0.05 f3 ℓ n
//
// s_t and s_n are the parts of s along and across the surface, ℓ the mean edge
// length. f2 smooths where the local radius of curvature is below about 3.3 mm
// and leaves radii above 10 mm alone. f3 compares the darkest point Imin
// within the depth below the surface with a threshold between the low limit
// and the brightest point Imax within the reach: positive where all below is
// brain.
//
// Source: Smith 2002, Hum Brain Mapp 17:143, doi:10.1002/hbm.10062. Departures:
// points outside the image are ignored and a vertex there feels no f3, so that
// a brain cut by the edge of the slab is followed to the edge; a prior, if
// any, raises the threshold outside its surface and lowers it inside, and
// replaces f3 further than band from it.
func (m *mesh) deform(s steer) {
	const rMin, rMax = 3.33, 10.0
	e := (1/rMin + 1/rMax) / 2
	f := 6 / (1/rMin - 1/rMax)
	s.inv = s.img.Affine.Inverse()
	size := s.img.Spacing()
	s.pace = max(1, min(size[0], size[1], size[2])/2)
	nv := len(m.vert)
	normal := make([]voxel.Vec, nv)
	next := make([]voxel.Vec, nv)
	scratch := make([]voxel.Vec, len(m.face))
	var edge float64
	for round := range s.rounds {
		m.normals(normal, scratch, s.workers)
		if round%10 == 0 { // it changes slowly
			edge = m.meanEdge(s.workers)
		}
		par.Ranges(s.workers, nv, 256, func(lo, hi int) {
			// Coordinates are written out here and in pull, the hot loops of the
			// brain masks: the compiler keeps a voxel.Vec in memory.
			for v := lo; v < hi; v++ {
				p, n := &m.vert[v], &normal[v]
				var x, y, z float64
				for _, w := range m.near[v] {
					q := &m.vert[w]
					x, y, z = x+q[0], y+q[1], z+q[2]
				}
				share := 1 / float64(len(m.near[v]))
				x, y, z = x*share-p[0], y*share-p[1], z*share-p[2]
				out := x*n[0] + y*n[1] + z*n[2]
				curve := 2 * math.Abs(out) / (edge * edge) // 1 / radius
				f2 := (1 + math.Tanh(f*(curve-e))) / 2
				push := 0.05 * edge * s.pull(p, n)
				nx, ny, nz := out*n[0], out*n[1], out*n[2]
				next[v] = voxel.Vec{
					p[0] + (0.5*(x-nx) + f2*nx + push*n[0]),
					p[1] + (0.5*(y-ny) + f2*ny + push*n[1]),
					p[2] + (0.5*(z-nz) + f2*nz + push*n[2]),
				}
			}
		})
		m.vert, next = next, m.vert
	}
}

// meanEdge returns the mean over vertices of the mean length of the edges there
// [mm].
func (m *mesh) meanEdge(workers int) float64 {
	return par.Sum(workers, len(m.vert), 512, func(lo, hi int) float64 {
		t := 0.0
		for v := lo; v < hi; v++ {
			for _, w := range m.near[v] {
				t += norm(sub(m.vert[w], m.vert[v])) / float64(len(m.near[v]))
			}
		}
		return t
	}) / float64(len(m.vert))
}

// pull returns f3 at a vertex p with normal n: positive to move outwards.
func (s *steer) pull(p, n *voxel.Vec) float64 {
	fraction := s.fraction
	if s.prior != nil {
		d := s.prior.at(p) / s.band
		switch {
		case d > 1:
			return -1
		case d < -1:
			return 1
		}
		fraction += priorSlope * d
	}
	q := s.inv.Map(*p)
	dim := &s.img.Dim
	var step voxel.Vec // one mm inwards, in voxels
	for a := range 3 {
		step[a] = -(s.inv[a][0]*n[0] + s.inv[a][1]*n[1] + s.inv[a][2]*n[2])
		if q[a] < -0.5 || q[a] > float64(dim[a])-0.5 {
			return 0
		}
	}
	data := s.img.Data
	nx, ny := dim[0], dim[1]
	endX, endY, endZ := float64(dim[0]), float64(dim[1]), float64(dim[2])
	qx, qy, qz := q[0], q[1], q[2]
	sx, sy, sz := step[0], step[1], step[2]
	low, median := s.lim.low, s.lim.median
	// All values are fetched before any is looked at: a branch on each would wait
	// for memory as many times.
	var value [maxProbes]float32
	count, bright := 0, 0 // values within the depth, and those within the reach
	for d := 1.0; d <= s.depth; d += s.pace {
		x, y, z := qx+d*sx+0.5, qy+d*sy+0.5, qz+d*sz+0.5
		if !(x >= 0 && y >= 0 && z >= 0 && x < endX && y < endY && z < endZ) {
			continue
		}
		value[count] = data[int(x)+nx*(int(y)+ny*int(z))]
		count++
		if d <= s.reach {
			bright = count
		}
	}
	darkest, brightest := median, s.lim.head
	for n, v := range value[:count] {
		value := float64(v)
		if value < darkest {
			darkest = value
		}
		if value > brightest && n < bright {
			brightest = value
		}
	}
	darkest = max(darkest, low)
	brightest = max(min(brightest, median), low+s.floor*(median-low))
	span := brightest - low
	if !(span > 0) {
		return -1
	}
	return max(-1, min(1, 2*(darkest-low-fraction*span)/span))
}
