package phantom

import (
	"math"

	"phasl/voxel"
)

// A Tissue is what fills a point of the head.
type Tissue uint8

// The tissues.
const (
	Air Tissue = iota
	Scalp
	Muscle // and other soft tissue of face and neck
	Skull
	CSF
	Grey
	White
	numTissues
)

// String returns the name in lower case.
func (t Tissue) String() string {
	return [...]string{"air", "scalp", "muscle", "skull", "csf", "grey", "white"}[t]
}

// A Brain says what lies at each point of a head. The zero value is the
// template; see [Subject] for individuals. It is safe for concurrent use.
type Brain struct {
	subject *individual // nil for the template
	lattice *lattice    // nil: the formulas
}

// At returns the tissue at world point p [mm], and for grey matter the index
// of its region (0 elsewhere).
func (b *Brain) At(p voxel.Vec) (Tissue, int) {
	if b.subject != nil {
		p = b.subject.Map(p)
	}
	if b.lattice != nil {
		return b.lattice.at(p)
	}
	return templateAt(p[0], p[1], p[2])
}

// Shapes of the template, in mm. The extent of the brain follows the outline
// of MNI152NLin6Asym (x ±70, y −106…72, z −72…80).
var (
	cerebrum    = superellipsoid{voxel.Vec{0, -17, 9}, voxel.Vec{70, 88, 70}}
	ventricles  = []capsule{{voxel.Vec{7, 27, 2}, voxel.Vec{7, 8, 14}, 3.5, 4.5}, {voxel.Vec{7, 8, 14}, voxel.Vec{11, -18, 20}, 4.5, 4}, {voxel.Vec{11, -18, 20}, voxel.Vec{21, -40, 12}, 4, 6}, {voxel.Vec{21, -40, 12}, voxel.Vec{23, -62, 7}, 6, 2.5}, {voxel.Vec{21, -40, 12}, voxel.Vec{33, -22, -12}, 5, 2}}
	caudateTail = capsule{voxel.Vec{14, 12, 12}, voxel.Vec{18, -18, 21}, 4.5, 2.5}
	hippocampus = capsule{voxel.Vec{23, -11, -19}, voxel.Vec{29, -34, -5}, 6, 4.5}
	pons        = []capsule{{voxel.Vec{0, -20, -6}, voxel.Vec{0, -25, -18}, 10, 10}, {voxel.Vec{0, -25, -22}, voxel.Vec{0, -27, -38}, 13, 12}, {voxel.Vec{0, -30, -42}, voxel.Vec{0, -44, -74}, 9, 7}}
)

const (
	fissure = 0.8 // half width of the gap between the hemispheres [mm]
	ribbon  = 3.0 // thickness of the cortex [mm]
)

// near falls from 1 at a surface to 1/4 at 5 mm from it.
func near(d float64) float64 {
	d /= 5
	d = 1 + d*d
	return 1 / (d * d)
}

func templateAt(x, y, z float64) (Tissue, int) {
	ax := math.Abs(x)
	if e := (ax/92)*(ax/92) + (y+17)/112*((y+17)/112) + (z-9)/92*((z-9)/92); e > 1 && z > 0 {
		return Air, 0 // well outside the head
	}
	main, normal := cerebrum.depth(ax, y, z)
	temporal := max(ellipsoid(ax-41, y+13, z+20, voxel.Vec{29, 40, 27}),
		ellipsoid(ax-42, y+48, z+8, voxel.Vec{26, 36, 24}))
	fossa := ellipsoid(ax, y+56, z+34, voxel.Vec{55, 38, 34})
	inside := union(union(min(main, z+29-13*sigmoid((-78-y)/4)), temporal, 12), fossa, 8) + 1.8 // cranial cavity
	if body := ellipsoid(ax, y-14, z+44, voxel.Vec{19, 28, 24}); body > 0 {                     // sphenoid, with the sella on top
		inside = min(inside, -body)
	}
	if z < -45 { // foramen magnum and spinal canal
		inside = union(inside, 15-math.Hypot(ax, y+38+0.3*(z+60)), 4)
	}
	if inside < 0 {
		return outside(ax, y, z, inside), 0
	}

	floor := cerebralFloor(ax, y)
	if t, r, ok := hindbrainAt(x, ax, y, z, min(fossa-1, floor-z-0.4)); ok {
		return t, r
	}
	if ax < 46 && y > -75 && y < 36 && z > -28 && z < 32 {
		if t, area, ok := deepAt(ax, y, z); ok {
			if t == Grey {
				return t, regionOf(area, x)
			}
			return t, 0
		}
	}
	t, area := cortexAt(ax, y, z, main, temporal, floor, normal)
	if t == Grey {
		return t, regionOf(area, x)
	}
	return t, 0
}

// outside returns the layers around the cranial cavity; depth is negative.
func outside(ax, y, z, depth float64) Tissue {
	skull := 5 + 2*sigmoid((-20-y)/15) // thicker behind
	if depth > -skull && z > -62 {
		return Skull
	}
	scalp := 5.0
	head := union(depth+skull+scalp, ellipsoid(ax, y-32, z+72, voxel.Vec{62, 50, 62}), 20) // face
	head = union(head, min(ellipse(ax, y+38, 60, 52), -58-z), 16)                          // neck
	head = union(head, ellipsoid(ax, y-84, z+50, voxel.Vec{11, 16, 22}), 10)               // nose
	switch {
	case head < 0:
		return Air
	case ellipsoid(ax-31, y-66, z+34, voxel.Vec{12.5, 12.5, 12.5}) > 0: // eyeballs
		return Skull
	case ellipsoid(ax, y-68, z+48, voxel.Vec{11, 18, 20}) > 0: // nasal cavity
		return Air
	case head < scalp:
		return Scalp
	}
	return Muscle
}

// cerebralFloor returns the height of the base of the frontal lobes (front),
// of the diencephalon (middle) and of the occipital lobes, which lie on the
// tentorium (behind).
func cerebralFloor(ax, y float64) float64 {
	floor := -26 + 14*sigmoid((8-y)/4)
	if ax < 35 && y < -10 {
		floor += 13 * math.Exp(-ax*ax/196-(y+52)*(y+52)/256)
	}
	if y > 0 {
		floor += 5 * sigmoid((ax-30)/5)
	}
	return floor
}

// hindbrainAt draws cerebellum and brainstem. It reports false elsewhere.
// fossa is the depth in the posterior fossa below the tentorium, less a thin
// layer of CSF.
func hindbrainAt(x, ax, y, z, fossa float64) (Tissue, int, bool) {
	if z > 6 || y > 0 {
		return 0, 0, false
	}
	if ellipsoid(ax, y+44, z+34, voxel.Vec{6.5, 5.5, 11}) > 0 { // fourth ventricle
		return CSF, 0, true
	}
	stem := -1e9
	for i := range pons {
		stem = union(stem, pons[i].depth(ax*0.85, y, z), 4)
	}
	if stem > 0 {
		return White, 0, true
	}
	lobe := ellipsoid(ax-23, y+62, z+35, voxel.Vec{34, 31, 29})
	vermis := ellipsoid(ax, y+60, z+24, voxel.Vec{11, 20, 27})
	cb := min(union(lobe, vermis, 6), fossa) // fills the fossa
	if cb < 0 {
		return 0, 0, false
	}
	// The middle peduncles join pons and cerebellum.
	if (&capsule{voxel.Vec{9, -30, -32}, voxel.Vec{20, -55, -36}, 6, 7}).depth(ax, y, z) > 0 {
		return White, 0, true
	}
	// Folia are sheets that fan out from the fourth ventricle.
	fy, fz := y+46, z+32
	r := math.Hypot(fy, fz)
	theta := math.Atan2(fz, -fy)
	const fan = 26 // half waves per π: sheets 3.5 mm apart at 29 mm
	sheet := math.Abs(math.Sin(fan/2*theta+0.05*ax)) * 2 / fan * r
	pial := cb
	if deep := cb - 10; deep < 0 {
		pial = min(pial, sheet-0.15)
	} else {
		pial = min(pial, math.Hypot(sheet, deep))
	}
	switch {
	case pial < 0:
		return CSF, 0, true
	case pial < 2.2:
		return Grey, regionOf(areaCerebellum, x), true
	}
	return White, 0, true
}

// deepAt draws ventricles, corpus callosum and deep grey. It reports false
// elsewhere.
func deepAt(ax, y, z float64) (Tissue, int, bool) {
	if ellipsoid(ax, y+12, z+1, voxel.Vec{2.2, 16, 11}) > 0 { // third ventricle
		return CSF, 0, true
	}
	horn := -1e9
	for i := range ventricles {
		horn = max(horn, ventricles[i].depth(ax, y, z))
	}
	if horn > 0 && ax > 1.2 { // the septum parts the two
		return CSF, 0, true
	}
	if arc := callosum(y, z); arc > 0 && ax < 16+4*arc {
		return White, 0, true
	}
	switch {
	case ellipsoid(ax-11.5, y+17, z-6.5, voxel.Vec{8.5, 14, 8.5}) > 0:
		return Grey, areaThalamus, true
	case ellipsoid(ax-13.5, y-13, z-5, voxel.Vec{5.5, 10, 9}) > 0, caudateTail.depth(ax, y, z) > 0:
		return Grey, areaCaudate, true
	case ellipsoid(ax-19.5, y+2, z+0.5, voxel.Vec{4.2, 8, 5.5}) > 0:
		return Grey, areaPallidum, true
	case ellipsoid(ax-26.5+0.05*math.Abs(y-3), y-3, z-1.5, voxel.Vec{5.2, 16, 10.5}) > 0:
		return Grey, areaPutamen, true
	case ellipsoid(ax-9.5, y-12.5, z+7.5, voxel.Vec{5, 5.5, 4.5}) > 0:
		return Grey, areaAccumbens, true
	case ellipsoid(ax-25, y+2, z+18.5, voxel.Vec{7.5, 7, 7}) > 0:
		return Grey, areaAmygdala, true
	case hippocampus.depth(ax, y, z) > 0:
		return Grey, areaHippocampus, true
	}
	return 0, 0, false
}

// callosum returns the depth in the corpus callosum as it is cut by the
// midsagittal plane: an arc, thick at genu (front) and splenium (behind).
func callosum(y, z float64) float64 {
	outer := ellipse(y+5, z-2, 37, 24)
	thick := 6.5 + 4*bump(y-28, 12) + 5*bump(y+38, 10)
	return min(outer, thick-outer, z+4+0.1*(30-y))
}

// core returns the depth in the part of the midsagittal plane where the
// hemispheres are joined, or negative outside it.
func core(y, z float64) float64 {
	return union(min(ellipse(y+5, z-2, 37, 24), z+5), ellipse(y+13, z+6, 23, 18), 3)
}

// cortexAt draws the folded grey ribbon and the white matter within.
// main and temporal are depths in the cerebral hull and the temporal lobe,
// floor is the height of the hull's base; normal points out of the hull.
func cortexAt(ax, y, z, main, temporal, floor float64, normal voxel.Vec) (Tissue, int) {
	base := z - floor
	hull := union(min(main, base), temporal, 3)
	medial := ax - fissure
	if c := core(y, z); c > 0 {
		if medial > 0 {
			medial = math.Hypot(medial, c)
		} else {
			medial = c
		}
	}
	surface := min(hull, medial)
	if surface < 0 {
		return CSF, 0
	}

	pial := surface // distance to the nearest bank
	if sylvian, opercula := sylvianFissure(ax, y, z); sylvian < pial {
		pial = sylvian
		if pial < 0 {
			return CSF, 0
		}
		if !opercula && pial < 3.2 {
			return Grey, areaInsula
		}
	}
	cing := math.Abs(core(y, z)+12+0.4*ax+1.5*math.Sin(0.16*y)) - 0.4 // cingulate sulcus, an arc above the callosum
	if y > -42 && z > -10 {
		if deep := ax - 10; deep > 0 {
			cing = math.Hypot(max(cing, 0), deep)
		}
		pial = min(pial, cing)
	}
	if pial > 0 && surface < 25 {
		// Towards the surface: the nearest of hull, base and medial wall,
		// blended so that the pattern does not tear at the edges.
		wm, wb, wi := near(max(main, temporal)), near(base), near(ax-fissure)
		if temporal > main {
			wb = 0
		}
		sum := wm + wb + wi
		n := voxel.Vec{(wm*normal[0] - wi) / sum, wm * normal[1] / sum, (wm*normal[2] - wb) / sum}
		l := math.Sqrt(n[0]*n[0]+n[1]*n[1]+n[2]*n[2]) + 1e-9
		n = voxel.Vec{n[0] / l, n[1] / l, n[2] / l}
		// The last terms make the banks undulate on their way down.
		q := voxel.Vec{
			ax + surface*n[0] + 2*math.Sin(0.17*y+0.11*z),
			y + surface*n[1] + 2*math.Sin(0.16*z+0.13*ax),
			z + surface*n[2] + 2*math.Sin(0.18*ax+0.1*y),
		}
		if deep := surface - sulcalDepth(q); deep < ribbon { // else all is white matter
			dist := foldDistance(q, n)
			if deep > 0 {
				dist = math.Hypot(dist, deep)
			} else {
				dist -= 0.3 - 0.02*deep // sulci open towards the surface
			}
			pial = min(pial, dist)
		}
	}
	switch {
	case pial < 0:
		return CSF, 0
	case pial < ribbon:
		return Grey, nearestArea(ax, y, z)
	}
	return White, 0
}

// sylvianFissure returns the distance to the lateral fissure, negative within
// it, and whether the nearest bank is one of the opercula and not the insula.
func sylvianFissure(ax, y, z float64) (dist float64, opercula bool) {
	h := z - (2 - 0.42*y + 0.2*(ax-45) + 2.5*math.Sin(0.13*y)) // height above the fissure
	wall := ax - 39 + 0.012*(y-4)*(y-4) + 0.012*h*h            // the insula bulges outwards
	cleft := box(max(-wall, 0), max(y-26, -38-y, 0), math.Abs(h)-0.5)
	floor := box(max(y-24, -15-y, 0), max(math.Abs(h)-13, 0), math.Abs(wall)-0.5)
	if floor < cleft {
		return floor, wall > 0
	}
	return cleft, true
}

// box returns the distance outside a slab: two extents already clipped at 0
// and a signed one.
func box(a, b, c float64) float64 {
	if a == 0 && b == 0 {
		return c
	}
	c = max(c, 0)
	return math.Sqrt(a*a + b*b + c*c)
}
