package pipeline

import (
	"math"
	"path/filepath"

	"phasl/diag"
	"phasl/internal/xfm"
	"phasl/nifti"
	"phasl/tissue"
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

func taken(step string, files ...string) StepResult {
	st := StepResult{Step: step, OK: true, Detail: "taken from"}
	for _, f := range files {
		if f != "" {
			st.Detail += " " + filepath.Base(f)
		}
	}
	return st
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
	a.steps = append(a.steps, taken(givenTransformStep, g.toTemplate, g.fromTemplate))
	if m, ok := oneAffine(there.Map); ok {
		a.placed, a.tried = &placement{affine: m, given: true}, m
		return nil
	}
	near := nearestAffine(there.Map, s.brain)
	if !near.Invertible() {
		return refused(g.toTemplate, "register the image anew", "the transform is singular over the brain of the template")
	}
	p := &placement{affine: near, given: true, forward: sampled(there.Map, s.t1.Grid, workers)}
	back := coarser(a.t1.Grid, fieldSpacing)
	if g.fromTemplate != "" {
		t, err := xfm.Read(g.fromTemplate, a.t1.Grid, s.t1.Grid)
		if err != nil {
			return err
		}
		p.inverse = sampled(t.Map, back, workers)
	} else {
		p.inverse = inverted(p.forward, near, back, workers)
	}
	if e := roundTrip(p, s.brain); !(e < 1) {
		return refused(g.toTemplate, "give both directions of one registration, of a field that does not fold",
			"from the template to the T1w image and back misses by %.2f mm on average", e)
	}
	a.placed, a.tried = p, near
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
	back := g.Affine.Inverse()
	inside, all := 0, 0
	everyInside(in, func(p voxel.Vec) {
		all++
		q := back.Map(t.Map(p))
		ok := true
		for a, v := range q {
			ok = ok && v >= -0.5 && v <= float64(g.Dim[a])-0.5
		}
		if ok {
			inside++
		}
	})
	return 2*inside > all
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
// themselves on their way to the T1w image and back; NaN if any is lost.
func roundTrip(p *placement, in *voxel.Mask) float64 {
	sum, n := 0.0, 0.0
	there, back := p.toT1w(), p.toTemplate()
	everyInside(in, func(x voxel.Vec) {
		sum, n = sum+voxel.Distance(back.Map(there.Map(x)), x), n+1
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

// maskFile reads a mask and brings it onto the grid g.
func maskFile(path string, g voxel.Grid, workers int) (*voxel.Mask, error) {
	m, _, err := nifti.ReadMask(path)
	if err != nil {
		return nil, err
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

// takeTissues reads tissue fractions that were given for the T1w image, nil if
// none were. Without CSF, what is left of the brain is CSF; without a brain
// mask (a.brain nil), the brain is where the fractions add up to one half.
func (a *anatomy) takeTissues(g givenAnatomy, workers int) error {
	var t *tissue.Tissues
	var err error
	switch {
	case g.gm != "":
		t, err = a.readFractions(g, workers)
	case g.labels != "":
		t, err = a.readLabels(g.labels, workers)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	if a.brain == nil {
		all := sumOf(t.GM, t.WM)
		if t.CSF != nil {
			all = sumOf(all, t.CSF)
		}
		a.brain = voxel.FillHoles(all.Threshold(0.5))
	}
	if t.CSF == nil {
		t.CSF = restOf(a.brain, t.GM, t.WM)
	}
	a.tissues = t
	volume := func(m *voxel.Image) (ml float64) {
		for _, v := range m.Data {
			ml += float64(v)
		}
		return ml * m.VoxelVolume() / 1000
	}
	st := taken(givenTissueStep, g.gm, g.wm, g.csf, g.labels)
	st.Values = map[string]Number{"csf_ml": Number(volume(t.CSF)), "gm_ml": Number(volume(t.GM)), "wm_ml": Number(volume(t.WM))}
	a.steps = append(a.steps, st)
	return nil
}

// readFractions reads probability maps.
func (a *anatomy) readFractions(g givenAnatomy, workers int) (*tissue.Tissues, error) {
	read := func(path string) (*voxel.Image, error) {
		if path == "" {
			return nil, nil
		}
		m, _, err := nifti.ReadImage(path)
		if err != nil {
			return nil, err
		}
		if !m.Same(a.t1.Grid, 0.1) {
			m = voxel.Average(m, a.t1.Grid, nil, 0, workers)
		}
		most := float32(0)
		for n, v := range m.Data {
			if v != v { // outside the map's box, or without a value there
				m.Data[n] = 0
				continue
			}
			most = max(most, v)
			m.Data[n] = min(max(v, 0), 1)
		}
		if most > 1.01 || !(most > 0.2) {
			return nil, refused(path, "give probabilities in the world of the T1w image, scaled to 0 … 1", "the largest value on the T1w image is %.3g", most)
		}
		return m, nil
	}
	t := &tissue.Tissues{}
	for _, f := range []struct {
		path string
		to   **voxel.Image
	}{{g.gm, &t.GM}, {g.wm, &t.WM}, {g.csf, &t.CSF}} {
		m, err := read(f.path)
		if err != nil {
			return nil, err
		}
		*f.to = m
	}
	return t, nil
}

// readLabels reads a segmentation with the labels of BIDS.
func (a *anatomy) readLabels(path string, workers int) (*tissue.Tissues, error) {
	m, _, err := nifti.ReadImage(path)
	if err != nil {
		return nil, err
	}
	t := &tissue.Tissues{GM: voxel.NewImage(a.t1.Grid), WM: voxel.NewImage(a.t1.Grid), CSF: voxel.NewImage(a.t1.Grid)}
	if !m.Same(a.t1.Grid, 0.1) {
		m = voxel.Resample(m, a.t1.Grid, nil, voxel.Nearest, workers)
	}
	grey, white := 0, 0
	for n, v := range m.Data {
		switch v {
		case 1:
			t.GM.Data[n] = 1
			grey++
		case 2:
			t.WM.Data[n] = 1
			white++
		case 3:
			t.CSF.Data[n] = 1
		}
	}
	if grey == 0 || white == 0 {
		return nil, refused(path, "give a segmentation with BIDS's labels: 1 grey matter, 2 white matter, 3 CSF", "%d voxels of label 1, %d of label 2 on the T1w image", grey, white)
	}
	return t, nil
}
