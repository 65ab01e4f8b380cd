package phantom

import (
	"sync"

	"phasl/internal/par"
	"phasl/voxel"
)

// A lattice is the template looked up beforehand at points 1 mm apart. It
// answers some twenty times as fast as the formulas, for images too coarse to
// show the difference.
type lattice struct {
	voxel.Grid
	code []uint8 // the tissue, or for grey matter numTissues + region
}

// templateLattice covers the head of every [Subject], 10.9 MB. Only the right
// side is looked up: the template is its own mirror image.
var templateLattice = sync.OnceValue(func() *lattice {
	l := &lattice{Grid: headBox(voxel.Vec{1, 1, 1}, [3]int{209, 245, 213})}
	l.code = make([]uint8, l.Len())
	nx := l.Dim[0]
	par.Do(0, l.Dim[2], func(k int) {
		for j := range l.Dim[1] {
			row := l.code[l.Index(0, j, k):][:nx]
			for i := nx / 2; i < nx; i++ {
				p := l.World(i, j, k)
				tissue, region := templateAt(p[0], p[1], p[2])
				row[i], row[nx-1-i] = uint8(tissue), uint8(tissue)
				if region > 0 { // even on the right, one less on the left
					row[nx-1-i] = uint8(numTissues) + uint8(region) - 1
					row[i] = uint8(numTissues) + uint8(region)
				}
			}
		}
	})
	return l
})

// at returns what the point of the lattice nearest to template point p holds.
func (l *lattice) at(p voxel.Vec) (Tissue, int) {
	return l.near(p[0]-l.Affine[0][3], p[1]-l.Affine[1][3], p[2]-l.Affine[2][3])
}

// near returns what the point of the lattice nearest to (x, y, z) holds, given
// in steps of the lattice.
func (l *lattice) near(x, y, z float64) (Tissue, int) {
	i := min(max(int(x+0.5), 0), l.Dim[0]-1)
	j := min(max(int(y+0.5), 0), l.Dim[1]-1)
	k := min(max(int(z+0.5), 0), l.Dim[2]-1)
	code := l.code[i+l.Dim[0]*(j+l.Dim[1]*k)]
	if code > uint8(numTissues) {
		return Grey, int(code) - int(numTissues)
	}
	return Tissue(code), 0
}

// on returns [Brain.At] for points of a grid, given in voxels.
func (b *Brain) on(a voxel.Affine) func(x, y, z float64) (Tissue, int) {
	l := b.lattice
	if l == nil || b.subject != nil && b.subject.smooth {
		return func(x, y, z float64) (Tissue, int) { return b.At(a.Map(voxel.Vec{x, y, z})) }
	}
	// One affine map leads from voxels to the lattice.
	if b.subject != nil {
		a = b.subject.affine.Mul(a)
	}
	m := l.Affine.Inverse().Mul(a)
	return func(x, y, z float64) (Tissue, int) {
		return l.near(m[0][0]*x+m[0][1]*y+m[0][2]*z+m[0][3], m[1][0]*x+m[1][1]*y+m[1][2]*z+m[1][3], m[2][0]*x+m[2][1]*y+m[2][2]*z+m[2][3])
	}
}
