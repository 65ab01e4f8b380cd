package receptor

import (
	"fmt"
	"math"

	"phasl/diag"
	"phasl/voxel"
)

// Kind tells what an image holds, as the checks of its place differ.
type Kind int

const (
	DensityMap   Kind = iota // higher in the brain than outside it
	EffectMap                // of either sign; only where it has values tells where the brain is
	CovariateMap             // a density whose zeros are values, such as grey matter
)

// Limits of what is said about an image's place. On 19 public density maps and
// three atlases, in place the correlation with the labels was 0.56 to 0.94 and
// largest within 6 mm, and the asymmetry 0.17 to 0.88; docs/methods/receptors.md
// has the table.
const (
	farShift    = 10.0 // [mm]
	unlike      = 0.3  // correlation with the labels below which a map is not like a brain
	asymmetric  = 0.1  // asymmetry beyond which a side is told
	leastShare  = 0.2  // of labelled voxels with a value, below which a map is refused
	leastInside = 0.5  // of labelled voxels in the image's box, below which it is refused
)

// A place says how an image lies in the atlas's space.
type place struct {
	like, best float64   // correlation of values with the labels as given, and at the best shift
	shift      voxel.Vec // [mm] that would bring the image there
	// asymmetry is Σ(m(v) − m(v'))/Σ|m(v) − m(v')| over labelled points v whose
	// mirror image v' is not labelled: the brain is a little larger on one side
	// here and there. It changes sign when the image is mirrored; NaN if the
	// atlas is symmetric.
	asymmetry float64
}

// locate compares an image with the labels. For an effect map, 1 where it has a
// value stands for its values.
func (p *Parcels) locate(img *voxel.Image, kind Kind) place {
	if kind == EffectMap {
		s := voxel.NewImage(img.Grid)
		for n, v := range img.Data {
			if v-v == 0 && v != 0 {
				s.Data[n] = 1
			}
		}
		img = s
	}
	at := voxel.NewSampler(img, voxel.Linear)
	value := func(w voxel.Vec) float64 {
		if v := float64(at.At(w)); finite(v) {
			return v
		}
		return 0
	}
	s := p.sights()
	var d, size float64
	for _, w := range s.oneSided {
		e := value(w) - value(voxel.Vec{-w[0], w[1], w[2]})
		d += e
		size += math.Abs(e)
	}
	out := place{best: -2, asymmetry: d / size}
	// In the image's voxels a shift is the same for every point.
	inv := img.Affine.Inverse()
	base, moved := make([]voxel.Vec, len(s.lattice)), make([]voxel.Vec, len(s.lattice))
	for i, w := range s.lattice {
		base[i] = inv.Map(w)
	}
	origin := inv.Map(voxel.Vec{})
	got, buf := make([]float32, len(s.lattice)), make([]float64, len(s.lattice))
	const step, most = 6, 18
	for x := -most; x <= most; x += step {
		for y := -most; y <= most; y += step {
			for z := -most; z <= most; z += step {
				shift := voxel.Vec{float64(x), float64(y), float64(z)}
				d := inv.Map(shift)
				for i, b := range base {
					moved[i] = voxel.Vec{b[0] + d[0] - origin[0], b[1] + d[1] - origin[1], b[2] + d[2] - origin[2]}
				}
				at.AtVoxels(got, moved)
				for i, v := range got {
					buf[i] = 0
					if v-v == 0 {
						buf[i] = float64(v)
					}
				}
				r := 0.0
				if unit(buf, nil) {
					r = dot(buf, s.label)
				}
				if x == 0 && y == 0 && z == 0 {
					out.like = r
				}
				if r > out.best {
					out.best, out.shift = r, voxel.Vec{0 - shift[0], 0 - shift[1], 0 - shift[2]} // no −0
				}
			}
		}
	}
	return out
}

// sights are the points at which images are compared with the labels.
type sights struct {
	oneSided []voxel.Vec // labelled points whose mirror image is not
	lattice  []voxel.Vec // 10 mm apart, around the labels
	label    []float64   // smoothed labels there, mean 0 and length 1
}

func (p *Parcels) sights() *sights {
	p.once.Do(func() {
		s := &sights{}
		any := voxel.NewImage(p.Atlas.Grid)
		lo, hi := voxel.Vec{math.Inf(1), math.Inf(1), math.Inf(1)}, voxel.Vec{math.Inf(-1), math.Inf(-1), math.Inf(-1)}
		for _, l := range p.Atlas.Labels {
			for _, n := range p.Atlas.Voxels(l.Index) {
				any.Data[n] = 1
				for a, v := range p.Atlas.World(p.Atlas.Coord(int(n))) {
					lo[a], hi[a] = math.Min(lo[a], v), math.Max(hi[a], v)
				}
			}
		}
		side, labelled := voxel.NewSampler(any, voxel.Nearest), 0
		for n, v := range any.Data {
			if v == 0 {
				continue
			}
			w := any.World(any.Coord(n))
			labelled++
			if !(side.At(voxel.Vec{-w[0], w[1], w[2]}) > 0) {
				s.oneSided = append(s.oneSided, w)
			}
		}
		if 4*len(s.oneSided) > labelled { // an atlas of one side, or not about x = 0
			s.oneSided = nil
		}
		const around, spacing, most = 20, 10, 60
		count := func(a int) int { return min(most, 1+int((hi[a]-lo[a]+2*around)/spacing)) }
		soft := voxel.NewSampler(voxel.Smooth(any, 8, p.Workers), voxel.Linear)
		for i := range count(0) {
			for j := range count(1) {
				for k := range count(2) {
					w := voxel.Vec{lo[0] - around + spacing*float64(i), lo[1] - around + spacing*float64(j), lo[2] - around + spacing*float64(k)}
					v := float64(soft.At(w))
					if !finite(v) {
						v = 0
					}
					s.lattice, s.label = append(s.lattice, w), append(s.label, v)
				}
			}
		}
		if !unit(s.label, nil) {
			clear(s.label)
		}
		p.seen = s
	})
	return p.seen
}

// Examine measures an image in every parcel and says what is wrong with it or
// doubtful: values that are all missing or all alike, a grid that does not
// overlap the atlas, holes, parcels too thinly covered, an origin that is
// shifted, sides that are swapped. file names it; kind is what it holds. The
// result is nil if the list holds an error.
func (p *Parcels) Examine(file string, img *voxel.Image, kind Kind) (*Coverage, diag.List) {
	var l diag.List
	if n := len(img.Data); n != img.Len() || !img.Affine.Invertible() {
		l.Errorf(file, "", "give a NIfTI image with a valid sform or qform", "its grid makes no sense")
		return nil, l
	}
	lo, hi, values, infinite := math.Inf(1), math.Inf(-1), 0, 0
	for _, v := range img.Data {
		x := float64(v)
		switch {
		case math.IsInf(x, 0):
			infinite++
		case x == x:
			values++
			lo, hi = math.Min(lo, x), math.Max(hi, x)
		}
	}
	switch {
	case values == 0:
		l.Errorf(file, "", "give the map itself", "no voxel has a finite value")
	case lo == 0 && hi == 0:
		l.Errorf(file, "", "give the map itself", "all voxels are zero")
	case lo == hi:
		l.Errorf(file, "", "give the map itself", "all voxels are %g", lo)
	}
	if l.Err() != nil {
		return nil, l
	}
	if infinite > 0 {
		l.Warnf(file, "", "look at how it was made", "%d voxels are infinite and count as missing", infinite)
	}
	c := p.Measure(img, kind)
	share := func(n int) float64 { return float64(n) / float64(c.Voxels) }
	covered := 1 - share(c.Outside+c.Zero+c.Missing)
	switch {
	case c.Voxels == 0:
		l.Errorf(p.File, "", "lower the grey-matter threshold, or give another mask", "no labelled voxel is grey matter")
		return nil, l
	case share(c.Outside) > 1-leastInside:
		l.Errorf(file, "", "give a map in the atlas's space (MNI), resampled or not", "%.0f %% of the atlas's voxels lie outside its box: it is in another space", 100*share(c.Outside))
		return nil, l
	case covered < leastShare:
		l.Errorf(file, "", "give a map in the atlas's space (MNI), or, to phasl receptors with --zeros values, one whose zeros are values", "only %.0f %% of the atlas's voxels have a value (%.0f %% are zero, %.0f %% missing)", 100*covered, 100*share(c.Zero), 100*share(c.Missing))
		return nil, l
	}
	if n := c.Outside; share(n) > 0.02 {
		l.Warnf(file, "", "check that map and atlas are in one space", "%.0f %% of the atlas's voxels lie outside its box", 100*share(n))
	}
	if n := c.Zero; share(n) > 0.005 {
		l.Warnf(file, "", "look at the map; phasl receptors --zeros values counts them as values", "%.1f %% of the atlas's voxels (%d) are exactly zero and taken for missing: holes, or the edge of the map", 100*share(n), n)
	}
	if n := c.Missing; share(n) > 0.05 {
		l.Warnf(file, "", "look at the map", "%.1f %% of the atlas's voxels (%d) have no value", 100*share(n), n)
	}
	if n := len(c.Thin); n > 0 {
		l.Warnf(file, "", "look at their influence; phasl receptors --coverage 0.5 leaves them out", "%d parcels have values in less than half of their voxels: %s", n, p.names(c.Thin))
	}
	if n := len(c.Left); n > 0 {
		l.Warnf(file, "", "none needed: they are left out for this map", "%d parcels have values in less than %.0f %% of their voxels: %s", n, 100*p.Coverage, p.names(c.Left))
	}
	p.judge(file, img, kind, &l)
	return c, l
}

// judge warns of an image out of place.
func (p *Parcels) judge(file string, img *voxel.Image, kind Kind, l *diag.List) {
	w := p.locate(img, kind)
	far := math.Sqrt(dot(w.shift[:], w.shift[:]))
	switch {
	case w.best < unlike && kind != EffectMap:
		l.Warnf(file, "", "check that it is a density map in the atlas's space", "it is hardly higher inside the atlas than outside it (correlation with the labels %.2f)", w.like)
	case far >= farShift && w.best > w.like+0.02 && w.best >= unlike:
		l.Warnf(file, "origin", "check its sform and qform against the atlas's", "it fits the atlas better when moved by x %+.0f, y %+.0f, z %+.0f mm (correlation with the labels %.2f, now %.2f): its origin may be shifted", w.shift[0], w.shift[1], w.shift[2], w.best, w.like)
	case w.asymmetry < -asymmetric:
		l.Warnf(file, "left and right", "check that the first axis of its affine has the right sign", "the brain in it is larger where the atlas is smaller (asymmetry %.2f): left and right are likely swapped", w.asymmetry)
	}
}

// names lists at most eight parcels.
func (p *Parcels) names(at []int) string {
	var s string
	for k, i := range at {
		if k == 8 {
			return s + fmt.Sprintf(" and %d more", len(at)-k)
		}
		if k > 0 {
			s += ", "
		}
		s += p.Regions[i].Name
	}
	return s
}
