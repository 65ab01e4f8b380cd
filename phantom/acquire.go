package phantom

import (
	"phasl/internal/par"
	"phasl/voxel"
)

// A scanner averages fine channels over the voxels of the acquired grid.
type scanner struct {
	fine    voxel.Grid
	onto    voxel.Grid
	side    int // samples along each axis of an acquired voxel
	offset  []float64
	toFine  voxel.Affine // acquired index → fine index
	full    *blocks      // where the fine grid holds anything; elsewhere samples count as 0
	workers int
}

func newScanner(fine, onto voxel.Grid, full *blocks, head voxel.Affine, side, workers int) *scanner {
	s := &scanner{fine: fine, onto: onto, full: full, side: side, offset: subOffsets(side), workers: workers}
	s.toFine = fine.Affine.Inverse().Mul(head.Inverse()).Mul(onto.Affine)
	return s
}

// blocks marks the 8×8×8 blocks of a grid in which interpolation can give
// anything but 0. Half of what surrounds a head is air, which they spare.
type blocks struct {
	nx, ny int
	full   []bool
}

func newBlocks(g voxel.Grid, m0 []float32, workers int) *blocks {
	side := func(n int) int { return (n + 7) / 8 }
	b := &blocks{nx: side(g.Dim[0]), ny: side(g.Dim[1])}
	nz := side(g.Dim[2])
	b.full = make([]bool, b.nx*b.ny*nz)
	par.Do(workers, nz, func(bz int) {
		// A sample at x draws on voxels ⌊x⌋ and ⌊x⌋ + 1, so that a block depends
		// on one plane of the next in each direction.
		for k := 8 * bz; k < min(8*bz+9, g.Dim[2]); k++ {
			for j := range g.Dim[1] {
				row := m0[g.Index(0, j, k):][:g.Dim[0]]
				for i, v := range row {
					if v == 0 {
						continue
					}
					for _, y := range [2]int{j / 8, max(j-1, 0) / 8} {
						b.full[i/8+b.nx*(y+b.ny*bz)] = true
						b.full[max(i-1, 0)/8+b.nx*(y+b.ny*bz)] = true
					}
				}
			}
		}
	})
	return b
}

func (b *blocks) at(x, y, z int) bool { return b.full[x>>3+b.nx*(y>>3+b.ny*(z>>3))] }

// slab returns the range of planes of the fine grid that slice k draws from.
func (s *scanner) slab(k int) (lo, hi int) {
	least, most := 1e18, -1e18
	for c := range 8 {
		p := voxel.Vec{-0.5, -0.5, float64(k) - 0.5}
		for a := range 3 {
			if c>>a&1 == 1 {
				p[a] += 1
				if a < 2 {
					p[a] += float64(s.onto.Dim[a] - 1)
				}
			}
		}
		z := s.toFine.Map(p)[2]
		least, most = min(least, z), max(most, z)
	}
	n := s.fine.Dim[2]
	lo, hi = int(min(max(least-1, 0), float64(n))), int(min(max(most+3, 0), float64(n)))
	return min(lo, hi), hi
}

// slice writes the mean of each channel over the samples of each voxel of
// acquired slice k. A channel holds the planes of the fine grid from first
// on; beyond the fine grid it counts as 0. Between fine voxels it is
// interpolated linearly.
func (s *scanner) slice(k, first int, dst, channel [][]float32) {
	nx, ny, nz := s.fine.Dim[0], s.fine.Dim[1], s.fine.Dim[2]
	plane := nx * ny
	share := 1 / float64(s.side*s.side*s.side)
	sum := make([]float64, len(channel))
	m := &s.toFine
	for j := range s.onto.Dim[1] {
		for i := range s.onto.Dim[0] {
			clear(sum)
			any := false
			for _, oz := range s.offset {
				for _, oy := range s.offset {
					fy, fz := float64(j)+oy, float64(k)+oz
					bx := m[0][1]*fy + m[0][2]*fz + m[0][3]
					by := m[1][1]*fy + m[1][2]*fz + m[1][3]
					bz := m[2][1]*fy + m[2][2]*fz + m[2][3]
					for _, ox := range s.offset {
						fx := float64(i) + ox
						x, y, z := bx+m[0][0]*fx, by+m[1][0]*fx, bz+m[2][0]*fx
						if !(x >= 0 && y >= 0 && z >= 0 && x <= float64(nx-1) && y <= float64(ny-1) && z <= float64(nz-1)) {
							continue
						}
						if !s.full.at(int(x), int(y), int(z)) {
							continue
						}
						any = true
						x0, y0, z0 := min(int(x), max(nx-2, 0)), min(int(y), max(ny-2, 0)), min(int(z), max(nz-2, 0))
						x, y, z = x-float64(x0), y-float64(y0), z-float64(z0)
						n := x0 + nx*y0 + plane*(z0-first)
						dx, dy, dz := step(x, 1), step(y, nx), step(z, plane)
						a0, a1 := n+dy, n+dz
						a2 := a1 + dy
						w00, w01, w10, w11 := (1-y)*(1-z), y*(1-z), (1-y)*z, y*z
						for c, f := range channel {
							l := w00*float64(f[n]) + w01*float64(f[a0]) + w10*float64(f[a1]) + w11*float64(f[a2])
							r := w00*float64(f[n+dx]) + w01*float64(f[a0+dx]) + w10*float64(f[a1+dx]) + w11*float64(f[a2+dx])
							sum[c] += l + x*(r-l)
						}
					}
				}
			}
			at := s.onto.Index(i, j, k)
			for c := range dst {
				if any {
					dst[c][at] = float32(sum[c] * share)
				} else {
					dst[c][at] = 0
				}
			}
		}
	}
}

// step returns the distance to the next voxel in memory, or 0 where its
// weight is 0 and there may be none.
func step(weight float64, n int) int {
	if weight == 0 {
		return 0
	}
	return n
}

// whole averages channels that cover the whole fine grid.
func (s *scanner) whole(channel ...[]float32) [][]float32 {
	dst := make([][]float32, len(channel))
	for c := range dst {
		dst[c] = make([]float32, s.onto.Len())
	}
	par.Do(s.workers, s.onto.Dim[2], func(k int) { s.slice(k, 0, dst, channel) })
	return dst
}

// commonest returns for each acquired voxel the commonest value of label
// among its samples (of equals the least), not counting 0, and the share of
// samples that were not 0.
func (s *scanner) commonest(label []uint16) (most []uint16, share []float32) {
	most, share = make([]uint16, s.onto.Len()), make([]float32, s.onto.Len())
	par.Do(s.workers, s.onto.Dim[2], func(k int) {
		tally := map[uint16]int{}
		for j := range s.onto.Dim[1] {
			for i := range s.onto.Dim[0] {
				clear(tally)
				n := 0
				for _, oz := range s.offset {
					for _, oy := range s.offset {
						for _, ox := range s.offset {
							p := s.toFine.Map(voxel.Vec{float64(i) + ox, float64(j) + oy, float64(k) + oz})
							x, y, z := int(p[0]+0.5), int(p[1]+0.5), int(p[2]+0.5)
							if p[0] < -0.5 || p[1] < -0.5 || p[2] < -0.5 || !s.fine.Inside(x, y, z) {
								continue
							}
							if l := label[s.fine.Index(x, y, z)]; l > 0 {
								tally[l]++
								n++
							}
						}
					}
				}
				at := s.onto.Index(i, j, k)
				best := uint16(0)
				for l, c := range tally { // the order of the map does not matter: ties go to the least
					if best == 0 || c > tally[best] || c == tally[best] && l < best {
						best = l
					}
				}
				most[at] = best
				share[at] = float32(n) / float32(len(s.offset)*len(s.offset)*len(s.offset))
			}
		}
	})
	return most, share
}
