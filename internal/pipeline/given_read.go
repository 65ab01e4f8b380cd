package pipeline

import (
	"fmt"
	"math"
	"path/filepath"

	"phasl/diag"
	"phasl/internal/xfm"
	"phasl/nifti"
	"phasl/register"
	"phasl/voxel"
)

// Names of steps in results: what a user gave, and which file it was.
const (
	givenTransformStep = "T1w to template, given"
	givenBrainStep     = "brain mask of the T1w image, given"
	givenTissueStep    = "tissue segmentation, given"
	givenToT1wStep     = "ASL to T1w, given"
	givenToSpaceStep   = "ASL to template, given"
	givenMaskStep      = "brain mask of the ASL scan, given"
)

// taken is a step for which the files, those that are named, stand in.
func taken(step string, files ...string) (StepResult, error) {
	st := StepResult{Step: step, OK: true}
	err := st.from("taken from", files...)
	return st, err
}

// from adds to what is said of the step which files it was taken from, and
// their digests to its sources. Names that are empty do not count.
func (st *StepResult) from(words string, files ...string) error {
	for _, f := range files {
		if f == "" {
			continue
		}
		src, err := sourceOf(f)
		if err != nil {
			return err
		}
		st.Sources = append(st.Sources, src)
		words += " " + src.File
	}
	st.Detail = join([]string{st.Detail, words})
	return nil
}

// refused is the fault of a file that was given.
func refused(path, fix, format string, args ...any) error {
	var l diag.List
	l.Errorf(path, "", fix, format, args...)
	return l
}

// takeTransform takes the way between template and T1w image from the files.
func (a *anatomy) takeTransform(s *space, g givenAnatomy, workers int) error {
	there, err := xfm.Read(g.toTemplate, s.t1.Grid, a.t1.Grid)
	if err != nil {
		return err
	}
	if !meets(there.Map, s.brain, a.t1.Grid) {
		return refused(g.toTemplate, "give the transform that carries images of the T1w's space to the template, as antsRegistration -f TEMPLATE -m T1W writes it",
			"it takes the brain of the template %s outside the T1w image %s", s.name, a.file)
	}
	st, err := taken(givenTransformStep, g.toTemplate, g.fromTemplate)
	if err != nil {
		return err
	}
	a.steps = append(a.steps, st)
	way := givenWay{there: there.Map, file: g.toTemplate, back: g.fromTemplate, image: "the T1w image", grid: a.t1.Grid}
	if m, ok := oneAffine(there.Map); ok {
		a.placed, a.tried = &placement{affine: m, given: true}, m
		return way.checkAffine(s, m)
	}
	near, inverse, err := way.returning(s, coarser(a.t1.Grid, fieldSpacing), workers)
	if err != nil {
		return err
	}
	a.placed = &placement{affine: near, given: true, forward: sampled(there.Map, s.t1.Grid, workers), inverse: inverse}
	a.tried = near
	return nil
}

// A givenWay is a way from the template to an image that was given.
type givenWay struct {
	there voxel.Transform // template → image
	file  string          // it is from
	back  string          // file of the other direction, or ""
	image string          // what the image is called
	grid  voxel.Grid      // of the image
}

// mostMissed is how far from themselves points may come back from the image on
// average [mm] before two directions do not belong together.
const mostMissed = 1.0

// returning returns the affine map nearest to a way that bends, and the way
// back on the grid g: that of its file, or else the inverse. It is a fault if
// the two do not belong together.
func (w *givenWay) returning(s *space, g voxel.Grid, workers int) (near voxel.Affine, inverse *voxel.Warp, err error) {
	near = nearestAffine(w.there, s.brain)
	if !near.Invertible() {
		return near, nil, refused(w.file, "register the image anew", "the transform is singular over the brain of the template")
	}
	if w.back == "" {
		inverse = inverted(w.there, near, g, workers)
		return near, inverse, w.checkReturn(s, inverse, "give both directions of one registration, of a field that does not fold")
	}
	t, err := xfm.Read(w.back, w.grid, s.t1.Grid)
	if err != nil {
		return near, nil, err
	}
	inverse = sampled(t.Map, g, workers)
	return near, inverse, w.checkReturn(s, inverse, "give both directions of one registration; "+filepath.Base(w.back)+" is not the way back")
}

// checkAffine makes sure that the file of the way back, if there is one, is the
// inverse of the affine way m there.
func (w *givenWay) checkAffine(s *space, m voxel.Affine) error {
	if !m.Invertible() {
		return refused(w.file, "register the image anew", "the transform is singular")
	}
	if w.back == "" {
		return nil
	}
	t, err := xfm.Read(w.back, w.grid, s.t1.Grid)
	if err != nil {
		return err
	}
	return w.checkReturn(s, t.Map, "give both directions of one registration, or leave "+filepath.Base(w.back)+" out")
}

// checkReturn measures how well back undoes the way there.
func (w *givenWay) checkReturn(s *space, back voxel.Transform, fix string) error {
	if e := roundTrip(w.there, back, s.brain, w.grid); !(e < mostMissed) {
		return refused(w.file, fix, "from the template to %s and back misses by %.2f mm on average", w.image, e)
	}
	return nil
}

// oneAffine returns t as one affine map if it is one, or a chain of them.
func oneAffine(t voxel.Transform) (voxel.Affine, bool) {
	switch t := t.(type) {
	case voxel.Affine:
		return t, true
	case *voxel.Affine:
		return *t, true
	case voxel.Chain:
		all := voxel.Identity()
		for _, u := range t {
			m, ok := oneAffine(u)
			if !ok {
				return all, false
			}
			all = m.Mul(all)
		}
		return all, true
	}
	return voxel.Affine{}, false
}

// meets reports whether most of the mask lands within the box of g.
func meets(t voxel.Transform, in *voxel.Mask, g voxel.Grid) bool {
	inside, all := 0, 0
	lies := within(g)
	everyInside(in, func(p voxel.Vec) {
		all++
		if lies(t.Map(p)) {
			inside++
		}
	})
	return 2*inside > all
}

// within returns the function that tells whether a point lies within the box of
// g; false if it is NaN.
func within(g voxel.Grid) func(voxel.Vec) bool {
	back := g.Affine.Inverse()
	return func(p voxel.Vec) bool {
		for a, v := range back.Map(p) {
			if !(v >= -0.5 && v <= float64(g.Dim[a])-0.5) {
				return false
			}
		}
		return true
	}
}

// everyInside calls fn for some 20,000 points of the mask, spread evenly.
func everyInside(in *voxel.Mask, fn func(voxel.Vec)) {
	step := max(1, in.Count()/20_000)
	n := 0
	for v, yes := range in.In {
		if !yes {
			continue
		}
		if n++; n%step == 0 {
			fn(in.World(in.Coord(v)))
		}
	}
}

// nearestAffine returns the affine map nearest to t over the mask, by least
// squares.
func nearestAffine(t voxel.Transform, in *voxel.Mask) voxel.Affine {
	var x, y voxel.Vec
	var n float64
	everyInside(in, func(p voxel.Vec) {
		q := t.Map(p)
		n++
		for c := range 3 {
			x[c] += p[c]
			y[c] += q[c]
		}
	})
	for c := range 3 {
		x[c] /= n
		y[c] /= n
	}
	var xx, yx voxel.Affine
	everyInside(in, func(p voxel.Vec) {
		q := t.Map(p)
		for r := range 3 {
			for c := range 3 {
				xx[r][c] += (p[r] - x[r]) * (p[c] - x[c])
				yx[r][c] += (q[r] - y[r]) * (p[c] - x[c])
			}
		}
	})
	m := yx.Mul(xx.Inverse())
	moved := m.Map(x)
	for c := range 3 {
		m[c][3] += y[c] - moved[c]
	}
	return m
}

// A mapping is a transform by a function.
type mapping func(x voxel.Vec) voxel.Vec

func (m mapping) Map(x voxel.Vec) voxel.Vec { return m(x) }

// inverted returns the inverse of t on the grid g, by the fixed-point iteration
//
//	x ← x − A⁻¹(t(x) − y)
//
// where A is an affine map near t. It converges where t differs from A by less
// than a whole stretch; see roundTrip for whether it did.
func inverted(t voxel.Transform, near voxel.Affine, g voxel.Grid, workers int) *voxel.Warp {
	back := near.Inverse()
	return sampled(mapping(func(y voxel.Vec) voxel.Vec {
		x := back.Map(y)
		for range 40 {
			at := back.Map(t.Map(x))
			want := back.Map(y)
			moved := 0.0
			for c := range 3 {
				d := at[c] - want[c]
				x[c] -= d
				moved += math.Abs(d)
			}
			if !(moved > 1e-3) {
				break
			}
		}
		return x
	}), g, workers)
}

// roundTrip returns the mean distance [mm] by which points of the mask miss
// themselves on their way to an image, whose grid is g, and back; NaN if any is
// lost, or none comes to lie in the image.
func roundTrip(there, back voxel.Transform, in *voxel.Mask, g voxel.Grid) float64 {
	sum, n := 0.0, 0.0
	lies := within(g)
	everyInside(in, func(x voxel.Vec) {
		if y := there.Map(x); y != y || lies(y) {
			sum, n = sum+voxel.Distance(back.Map(y), x), n+1
		}
	})
	return sum / n
}

// affineFile reads an affine transform.
func affineFile(path string, fixed, moving voxel.Grid) (voxel.Affine, error) {
	t, err := xfm.Read(path, fixed, moving)
	if err != nil {
		return voxel.Affine{}, err
	}
	m, ok := oneAffine(t.Map)
	if !ok {
		return m, refused(path, "give an affine transform", "a displacement field stands where an affine transform is used")
	}
	return m, nil
}

// maskFile reads a mask and brings it onto the grid g. An image of other values
// than nothing and one, such as a brain that a skull was taken from, is refused.
func maskFile(path string, g voxel.Grid, workers int) (*voxel.Mask, error) {
	img, _, err := nifti.ReadImage(path)
	if err != nil {
		return nil, err
	}
	m := voxel.NewMask(img.Grid)
	mark := float32(0)
	for n, v := range img.Data {
		if m.In[n] = v != 0 && v-v == 0; !m.In[n] {
			continue
		}
		if mark == 0 {
			mark = v
		}
		if v != mark {
			return nil, refused(path, "give a mask, 1 in the brain and 0 elsewhere", "it is an image, not a mask: it holds %g and %g", mark, v)
		}
	}
	if m.Count() == 0 {
		return nil, refused(path, "give a mask that marks the brain, or take the file away", "the mask is empty")
	}
	if !m.Same(g, 0.1) {
		m = voxel.ResampleMask(m, g, nil, workers)
	}
	if m.Count() == 0 {
		return nil, refused(path, "give a mask in the world of its image", "no voxel of the mask lies in the image")
	}
	return m, nil
}

// What tells a way to the T1w image that is wrong. In six simulated scans (M0 and
// noisy CBF) and a real one the images matched at least 6 % better at the right
// pose than at its inverse from a displacement of 1 to 2 mm on, and never 1 %
// worse; docs/methods/anatomy.md.
const (
	clearlyBetter = 1.05 // ratio of mutual informations
	farAway       = 4.0  // [mm]: a voxel of a scan
)

// checkToT1w compares the match of scan and T1w image at the given transform
// with that at its inverse, and at the pose that registration finds near there.
// Directions that are exchanged are a fault, other doubts a flag.
func (s *scan) checkToT1w(st *StepResult) error {
	opt := register.Options{Seed: s.set.Seed, Workers: s.set.Workers}
	at := register.Check(s.look, s.anatomy.t1, s.toAnatomy, opt)
	back := register.Check(s.look, s.anatomy.t1, s.toAnatomy.Inverse(), opt)
	st.Values = map[string]Number{"information": Number(at.Information), "information_inverse": Number(back.Information)}
	near := func(pose voxel.Affine) register.Result {
		local := opt
		local.Init, local.Local = &pose, true
		return register.Rigid(s.look, s.anatomy.t1, local)
	}
	reversed := back.Fault() == "" && !(clearlyBetter*at.Information >= back.Information)
	// Where the images match near the inverse, that was meant; elsewhere a
	// transform that is wrong in another way may match better there by chance.
	if reversed {
		from := s.toAnatomy.Inverse()
		if r := near(from); r.OK() && s.apart(from, r.Transform) <= farAway {
			name := filepath.Base(s.given.toT1w)
			return refused(s.given.toT1w, "exchange its direction, under the same name in another folder: phasl transform convert --transform "+name+" --inverse --out OTHER/"+name+"; from-ASL_to-T1w carries images of the scan to the T1w image",
				"it is the wrong way round: scan and T1w image match with its inverse (mutual information %.3f), and not as it is (%.3f)", back.Information, at.Information)
		}
		st.OK = false
		st.Detail += fmt.Sprintf("; the images match better with its inverse (mutual information %.3f, as given %.3f)", back.Information, at.Information)
	}
	if s.blind { // too little contrast for more
		return nil
	}
	if f := at.Fault(); f != "" {
		st.OK = false
		st.Detail += ", but the images do not match there: " + f
	}
	r := near(s.toAnatomy)
	if !r.OK() {
		return nil
	}
	away := s.apart(s.toAnatomy, r.Transform)
	st.Values["own_information"], st.Values["own_distance_mm"] = Number(r.Quality.Information), Number(away)
	if away > farAway && r.Quality.Information > clearlyBetter*at.Information {
		st.OK = false
		st.Detail += fmt.Sprintf("; registration by phasl ends %.1f mm away on average, where the images match better (mutual information %.3f, as given %.3f)", away, r.Quality.Information, at.Information)
	}
	return nil
}

// apart returns how far apart two maps of the scan to the T1w image lay its brain,
// on average [mm].
func (s *scan) apart(a, b voxel.Affine) float64 {
	away, n := 0.0, 0.0
	both := a.Mul(b.Inverse()) // T1w world → T1w world
	everyInside(s.anatomy.brain, func(x voxel.Vec) { away, n = away+voxel.Distance(both.Map(x), x), n+1 })
	return away / n
}

// checkToTemplate looks whether the template's tissues explain the scan through
// a given map, template → scan. Where they do by the way back that was given
// with it, and not as it is, the two are exchanged, which is a fault; else doubts
// are a flag.
func (s *scan) checkToTemplate(st *StepResult, there voxel.Transform) error {
	if s.crude == nil || s.mask == nil { // nothing to compare by
		return nil
	}
	pair := s.pair()
	match := register.MatchPerfusion(pair, there, s.set.Workers)
	st.Values = map[string]Number{"explained_perfusion": Number(match.Perfusion), "explained_look": Number(match.Look),
		"tissue_share": Number(match.Tissue), "contrast": Number(match.Contrast)}
	fault := match.Fault()
	if fault == "" {
		st.Detail += "; " + matchDetail(match)
		return nil
	}
	var back voxel.Transform
	if m, ok := oneAffine(there); ok {
		back = m.Inverse()
	} else if s.given.fromTemplate != "" {
		if b, err := xfm.Read(s.given.fromTemplate, s.series.Grid, s.space.t1.Grid); err == nil {
			back = b.Map
		}
	}
	if back != nil && register.MatchPerfusion(pair, back, s.set.Workers).Fault() == "" {
		return refused(s.given.toTemplate, "exchange its direction: from-ASL_to-"+s.space.name+" carries images of the scan to the template",
			"it is the wrong way round: the template's tissues lie on the scan's the other way, and not as it is (%s)", fault)
	}
	st.OK = false
	st.Detail += "; " + fault + " there: is it of this scan, and in the right direction?"
	return nil
}
