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
	var n [3]int
	for a := range n {
		n[a] = min(max(int(p[a]-l.Affine[a][3]+0.5), 0), l.Dim[a]-1)
	}
	code := l.code[n[0]+l.Dim[0]*(n[1]+l.Dim[1]*n[2])]
	if code > uint8(numTissues) {
		return Grey, int(code) - int(numTissues)
	}
	return Tissue(code), 0
}
