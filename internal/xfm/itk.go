package xfm

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"phasl/diag"
	"phasl/voxel"
)

// A part is one transform of an ITK file: its type, such as
// AffineTransform_double_3_3, and its two lists of numbers.
type part struct {
	where       string // place in the file, for messages
	kind        string
	params      []float64
	field       []float32 // the params of a displacement field
	fixedParams []float64
}

// flip turns LPS+ into RAS+ and back.
var flip = voxel.Scaling(voxel.Vec{-1, -1, 1})

// compose returns the transform of the parts of an ITK file: one, or a
// composite and its members, of which the last is applied first.
func compose(path string, format Format, parts []part, list *diag.List) *Transform {
	if list.Err() != nil {
		return nil
	}
	if len(parts) == 0 {
		list.Errorf(path, "Transform", fix, "the file holds no transform")
		return nil
	}
	if family(parts[0].kind) == "CompositeTransform" {
		if parts = parts[1:]; len(parts) == 0 {
			return made(format, []voxel.Transform{voxel.Identity()})
		}
	} else if len(parts) > 1 {
		list.Errorf(path, "Transform", "give each in a file of its own, or all in a composite", "%d transforms where one is expected", len(parts))
		return nil
	}
	var out []voxel.Transform
	for n := len(parts) - 1; n >= 0; n-- {
		if t := parts[n].transform(path, list); t != nil {
			out = append(out, t)
		}
	}
	if list.Err() != nil {
		return nil
	}
	return made(format, out)
}

// family returns the type without precision and dimensions.
func family(kind string) string {
	name, _, _ := strings.Cut(kind, "_")
	return name
}

// counts says how many Parameters and FixedParameters the types have. A type
// may have one fixed parameter more: Euler's order of axes.
var counts = map[string][2]int{
	"AffineTransform":           {12, 3},
	"MatrixOffsetTransformBase": {12, 3},
	"Rigid3DTransform":          {12, 3},
	"Euler3DTransform":          {6, 3},
	"CenteredEuler3DTransform":  {9, 0},
	"VersorRigid3DTransform":    {6, 3},
	"Similarity3DTransform":     {7, 3},
	"QuaternionRigidTransform":  {7, 3},
	"TranslationTransform":      {3, 0},
	"ScaleTransform":            {3, 3},
	"IdentityTransform":         {0, 0},
}

// transform returns the transform of p, or nil with faults added to list.
func (p *part) transform(path string, list *diag.List) voxel.Transform {
	at := func(field string) string {
		if p.where == "" {
			return field
		}
		return p.where + "/" + field
	}
	name := family(p.kind)
	if name == "DisplacementFieldTransform" || name == "GaussianSmoothingOnUpdateDisplacementFieldTransform" {
		return p.warp(path, at, list)
	}
	want, ok := counts[name]
	if !ok || !strings.HasSuffix(p.kind, "_3_3") {
		list.Errorf(path, at("Transform"), fix, "%q is neither an affine transform of three dimensions nor a displacement field", p.kind)
		return nil
	}
	if len(p.params) != want[0] {
		list.Errorf(path, at("Parameters"), fix, "%d numbers where %s has %d", len(p.params), name, want[0])
	}
	if n := len(p.fixedParams); n < want[1] || n > want[1]+1 && want[1] > 0 {
		list.Errorf(path, at("FixedParameters"), fix, "%d numbers where %s has %d", n, name, want[1])
	}
	for _, v := range [][]float64{p.params, p.fixedParams} {
		for _, x := range v {
			if x-x != 0 {
				list.Errorf(path, at("Parameters"), fix, "%g is not a finite number", x)
			}
		}
	}
	if list.Err() != nil {
		return nil
	}
	m, t := p.matrix(name)
	var c voxel.Vec
	if want[1] == 3 {
		copy(c[:], p.fixedParams)
	}
	if name == "CenteredEuler3DTransform" {
		copy(c[:], p.params[3:6])
	}
	// y = M·(x − c) + t + c
	a := m
	for i := range 3 {
		a[i][3] = t[i] + c[i]
		for j := range 3 {
			a[i][3] -= m[i][j] * c[j]
		}
	}
	a = flip.Mul(a).Mul(flip)
	if !a.Invertible() {
		list.Errorf(path, at("Parameters"), fix, "the matrix is singular")
		return nil
	}
	return a
}

// matrix returns the linear part M and the translation t.
func (p *part) matrix(name string) (voxel.Affine, voxel.Vec) {
	v := p.params
	m := voxel.Identity()
	switch name {
	case "Euler3DTransform", "CenteredEuler3DTransform":
		x, y, z := voxel.Rotation(voxel.Vec{v[0]}), voxel.Rotation(voxel.Vec{0, v[1]}), voxel.Rotation(voxel.Vec{0, 0, v[2]})
		m = z.Mul(x).Mul(y)
		if len(p.fixedParams) == 4 && p.fixedParams[3] != 0 {
			m = z.Mul(y).Mul(x)
		}
		return m, voxel.Vec(v[len(v)-3:])
	case "VersorRigid3DTransform", "Similarity3DTransform":
		m = quaternion(v[0], v[1], v[2], math.Sqrt(max(0, 1-v[0]*v[0]-v[1]*v[1]-v[2]*v[2])))
		if name == "Similarity3DTransform" {
			m = m.Mul(voxel.Scaling(voxel.Vec{v[6], v[6], v[6]}))
		}
		return m, voxel.Vec(v[3:6])
	case "QuaternionRigidTransform":
		return quaternion(v[0], v[1], v[2], v[3]), voxel.Vec(v[4:7])
	case "TranslationTransform":
		return m, voxel.Vec(v)
	case "ScaleTransform":
		return voxel.Scaling(voxel.Vec(v)), voxel.Vec{}
	case "IdentityTransform":
		return m, voxel.Vec{}
	}
	for i := range 3 {
		copy(m[i][:3], v[3*i:])
	}
	return m, voxel.Vec(v[9:])
}

// quaternion returns the rotation of the quaternion x·i + y·j + z·k + w, which
// need not be of length 1. All zero gives a matrix of NaN.
func quaternion(x, y, z, w float64) voxel.Affine {
	n := math.Sqrt(x*x + y*y + z*z + w*w)
	x, y, z, w = x/n, y/n, z/n, w/n
	return voxel.Affine{
		{1 - 2*(y*y+z*z), 2 * (x*y - z*w), 2 * (x*z + y*w), 0},
		{2 * (x*y + z*w), 1 - 2*(x*x+z*z), 2 * (y*z - x*w), 0},
		{2 * (x*z - y*w), 2 * (y*z + x*w), 1 - 2*(x*x+y*y), 0},
	}
}

// warp returns the displacement field of p. Its fixed parameters are size,
// origin, spacing and direction cosines, its parameters the displacements, x, y
// and z together, in LPS+.
func (p *part) warp(path string, at func(string) string, list *diag.List) voxel.Transform {
	const again = "write the transform again"
	if !strings.HasSuffix(p.kind, "_3_3") {
		list.Errorf(path, at("Transform"), again, "%q is not a field of three dimensions", p.kind)
		return nil
	}
	v := p.fixedParams
	if len(v) != 18 {
		list.Errorf(path, at("FixedParameters"), again, "%d numbers where a displacement field in three dimensions has 18", len(v))
		return nil
	}
	var g voxel.Grid
	total := 1.
	for i := range 3 {
		if !(v[i] >= 1 && v[i] <= math.MaxInt16 && v[i] == math.Trunc(v[i])) {
			list.Errorf(path, at("FixedParameters"), again, "a length of %g voxels", v[i])
			return nil
		}
		g.Dim[i] = int(v[i])
		total *= v[i]
		for j := range 3 {
			g.Affine[i][j] = v[9+3*i+j] * v[6+j]
		}
		g.Affine[i][3] = v[3+i]
	}
	g.Affine = flip.Mul(g.Affine)
	if !g.Affine.Invertible() {
		list.Errorf(path, at("FixedParameters"), again, "the directions of the field are singular")
		return nil
	}
	if 3*total != float64(len(p.field)) {
		list.Errorf(path, at("Parameters"), again, "%d numbers where a field of %s × 3 is expected", len(p.field), shape(g.Dim))
		return nil
	}
	var disp [3][]float32
	bad := 0
	for c := range disp {
		sign := float32(-1)
		if c == 2 {
			sign = 1
		}
		disp[c] = make([]float32, g.Len())
		for n := range disp[c] {
			x := p.field[3*n+c]
			if x-x != 0 {
				bad++
			}
			disp[c][n] = 0 + sign*x // 0 for −0
		}
	}
	if bad > 0 {
		list.Warnf(path, at("Parameters"), "voxels that are mapped through them will have no value", "%d displacements are not finite", bad)
	}
	return voxel.NewWarp(g, disp)
}

func shape(dim [3]int) string { return fmt.Sprintf("%d × %d × %d", dim[0], dim[1], dim[2]) }

// parseText returns the transforms of an ITK text file.
func parseText(path string, b []byte, list *diag.List) []part {
	var parts []part
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		if key == "Transform" {
			parts = append(parts, part{kind: strings.TrimSpace(value)})
			if n := len(parts) - 1; n > 0 {
				parts[n].where = fmt.Sprintf("transform %d", n)
			}
			continue
		}
		if key != "Parameters" && key != "FixedParameters" {
			continue
		}
		if len(parts) == 0 {
			list.Errorf(path, key, fix, "stands before the first Transform")
			return nil
		}
		var v []float64
		for f := range strings.FieldsSeq(value) {
			x, err := strconv.ParseFloat(f, 64)
			if err != nil || x-x != 0 {
				list.Errorf(path, key, fix, "%q is not a finite number", f)
				continue
			}
			v = append(v, x)
		}
		last := &parts[len(parts)-1]
		if key == "FixedParameters" {
			last.fixedParams = v
			continue
		}
		last.params = v
		if strings.HasPrefix(last.kind, "Disp") {
			for _, x := range v {
				last.field = append(last.field, float32(x))
			}
		}
	}
	return parts
}

// affinePart returns a, a map of RAS+, as ITK's.
func affinePart(a voxel.Affine) part {
	l := flip.Mul(a).Mul(flip)
	p := part{kind: "AffineTransform_double_3_3", fixedParams: []float64{0, 0, 0}}
	for _, row := range l {
		p.params = append(p.params, row[:3]...)
	}
	for _, row := range l {
		p.params = append(p.params, row[3])
	}
	for i, v := range p.params {
		p.params[i] = 0 + v // no −0
	}
	return p
}

// WriteText writes a as an ITK affine transform in text, which ANTs, ASLPrep
// and 3D Slicer read.
func WriteText(w io.Writer, a voxel.Affine) error {
	p := affinePart(a)
	_, err := fmt.Fprintf(w, "#Insight Transform File V1.0\n#Transform 0\nTransform: %s\nParameters:%s\nFixedParameters:%s\n",
		p.kind, numbers(p.params), numbers(p.fixedParams))
	return err
}

func numbers(v []float64) string {
	var s strings.Builder
	for _, x := range v {
		fmt.Fprintf(&s, " %.17g", x)
	}
	return s.String()
}
