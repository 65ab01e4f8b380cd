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

// margin is what rounding may add up to over maxProbes steps, in voxels.
const margin = 1e-6

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
	next := make([]voxel.Vec, nv)
	var edge float64
	for round := range s.rounds {
		if round%10 == 0 { // it changes slowly
			edge = m.meanEdge(s.workers)
		}
		par.Ranges(s.workers, nv, 256, func(lo, hi int) {
			// Coordinates are written out here and in pull, the hot loops of the
			// brain masks: the compiler keeps a voxel.Vec in memory.
			for v := lo; v < hi; v++ {
				p, near := &m.vert[v], m.near[v]
				px, py, pz := p[0], p[1], p[2]
				// The mean of the neighbours, and the sum of the normals of the
				// faces around, weighted by their areas: of the cross products of
				// the edges to one neighbour and the next.
				var x, y, z, cx, cy, cz float64
				q := &m.vert[near[len(near)-1]]
				ax, ay, az := q[0]-px, q[1]-py, q[2]-pz
				for _, w := range near {
					q := &m.vert[w]
					bx, by, bz := q[0]-px, q[1]-py, q[2]-pz
					x, y, z = x+bx, y+by, z+bz
					cx, cy, cz = cx+(ay*bz-az*by), cy+(az*bx-ax*bz), cz+(ax*by-ay*bx)
					ax, ay, az = bx, by, bz
				}
				share := 1 / float64(len(near))
				x, y, z = x*share, y*share, z*share
				if length := math.Sqrt(cx*cx + cy*cy + cz*cz); length > 0 {
					cx, cy, cz = cx/length, cy/length, cz/length
				}
				out := x*cx + y*cy + z*cz
				curve := 2 * math.Abs(out) / (edge * edge) // 1 / radius
				// (1 + tanh(u))/2 is 1/(1 + exp(−2u)), which costs less.
				f2 := 1 / (1 + math.Exp(-2*f*(curve-e)))
				push := 0.05 * edge * s.pull(px, py, pz, cx, cy, cz)
				across := f2*out - 0.5*out + push
				next[v] = voxel.Vec{px + (0.5*x + across*cx), py + (0.5*y + across*cy), pz + (0.5*z + across*cz)}
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
			p, sum := &m.vert[v], 0.0
			for _, w := range m.near[v] {
				q := &m.vert[w]
				x, y, z := q[0]-p[0], q[1]-p[1], q[2]-p[2]
				sum += math.Sqrt(x*x + y*y + z*z)
			}
			t += sum / float64(len(m.near[v]))
		}
		return t
	}) / float64(len(m.vert))
}

// pull returns f3 at the vertex (px, py, pz) with normal (nx, ny, nz): positive
// to move outwards.
func (s *steer) pull(px, py, pz, nx, ny, nz float64) float64 {
	fraction := s.fraction
	if s.prior != nil {
		d := s.prior.at(&voxel.Vec{px, py, pz}) / s.band
		switch {
		case d > 1:
			return -1
		case d < -1:
			return 1
		}
		fraction += priorSlope * d
	}
	m := &s.inv
	dim := &s.img.Dim
	endX, endY, endZ := float64(dim[0]), float64(dim[1]), float64(dim[2])
	// The vertex, and one mm inwards, in voxels counted from the box's corner.
	qx := m[0][0]*px + m[0][1]*py + m[0][2]*pz + m[0][3] + 0.5
	qy := m[1][0]*px + m[1][1]*py + m[1][2]*pz + m[1][3] + 0.5
	qz := m[2][0]*px + m[2][1]*py + m[2][2]*pz + m[2][3] + 0.5
	if qx < 0 || qy < 0 || qz < 0 || qx > endX || qy > endY || qz > endZ {
		return 0
	}
	sx := -(m[0][0]*nx + m[0][1]*ny + m[0][2]*nz)
	sy := -(m[1][0]*nx + m[1][1]*ny + m[1][2]*nz)
	sz := -(m[2][0]*nx + m[2][1]*ny + m[2][2]*nz)
	data := s.img.Data
	rowX, rowY := dim[0], dim[1]
	// All values are fetched before any is looked at: a branch on each would wait
	// for memory as many times.
	var value [maxProbes]float32
	count, bright := 0, 0 // values within the depth, and those within the reach
	last := math.Floor((s.depth - 1) / s.pace)
	ex, ey, ez := qx+(1+last*s.pace)*sx, qy+(1+last*s.pace)*sy, qz+(1+last*s.pace)*sz
	qx, qy, qz = qx+sx, qy+sy, qz+sz
	sx, sy, sz = sx*s.pace, sy*s.pace, sz*s.pace
	if qx >= 0 && qy >= 0 && qz >= 0 && qx < endX && qy < endY && qz < endZ &&
		ex >= margin && ey >= margin && ez >= margin && ex < endX-margin && ey < endY-margin && ez < endZ-margin {
		// All lie in the box, which is the rule: in whole numbers of 2⁻³² voxels.
		ix, iy, iz := int64(qx*(1<<32)), int64(qy*(1<<32)), int64(qz*(1<<32))
		dx, dy, dz := int64(sx*(1<<32)), int64(sy*(1<<32)), int64(sz*(1<<32))
		count = int(last) + 1
		for n := range value[:count] {
			value[n] = data[int(ix>>32)+rowX*(int(iy>>32)+rowY*int(iz>>32))]
			ix, iy, iz = ix+dx, iy+dy, iz+dz
		}
		bright = min(count, int(math.Floor((s.reach-1)/s.pace))+1)
	} else {
		for n := 0.0; n <= last; n++ {
			x, y, z := qx+n*sx, qy+n*sy, qz+n*sz
			if !(x >= 0 && y >= 0 && z >= 0 && x < endX && y < endY && z < endZ) {
				continue
			}
			value[count] = data[int(x)+rowX*(int(y)+rowY*int(z))]
			count++
			if 1+n*s.pace <= s.reach {
				bright = count
			}
		}
	}
	// NaN is neither darker nor brighter.
	darkest, brightest := float32(math.Inf(1)), float32(math.Inf(-1))
	for _, v := range value[:bright] {
		if v < darkest {
			darkest = v
		}
		if v > brightest {
			brightest = v
		}
	}
	for _, v := range value[bright:count] {
		if v < darkest {
			darkest = v
		}
	}
	low, median := s.lim.low, s.lim.median
	dark := max(min(float64(darkest), median), low)
	span := max(min(max(float64(brightest), s.lim.head), median), low+s.floor*(median-low)) - low
	if !(span > 0) {
		return -1
	}
	return max(-1, min(1, 2*(dark-low-fraction*span)/span))
}
