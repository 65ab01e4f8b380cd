package xfm

import (
	"fmt"
	"io"
	"strconv"

	"phasl/diag"
	"phasl/internal/hdf5"
	"phasl/voxel"
)

const group = "TransformGroup"

// mostParts bounds the members of a composite.
const mostParts = 1000

// readHDF5 returns the transform of an ITK HDF5 file.
func readHDF5(path string, r io.ReaderAt, size int64, list *diag.List) *Transform {
	const again = "give a transform that ANTs, fMRIPrep or ASLPrep wrote (.h5)"
	fault := func(where string, err error) {
		list.Add(&diag.Problem{File: path, Field: where, Found: err.Error(), Fix: again, Err: err})
	}
	f, err := hdf5.Open(r, size)
	if err != nil {
		fault("", err)
		return nil
	}
	names, err := f.Names(group)
	if err != nil {
		fault(group, err)
		return nil
	}
	if len(names) > mostParts {
		list.Errorf(path, group, again, "%d transforms", len(names))
		return nil
	}
	parts := make([]part, len(names))
	for n := range parts {
		p := &parts[n]
		p.where = group + "/" + strconv.Itoa(n)
		d, err := f.Dataset(p.where + "/TransformType")
		if err == nil {
			p.kind, err = d.Text()
		}
		if err != nil {
			fault(p.where, err)
			continue
		}
		if family(p.kind) == "CompositeTransform" {
			continue
		}
		d, err = firstOf(f, p.where, "TransformFixedParameters", "TranformFixedParameters")
		if err == nil {
			p.fixedParams, err = d.Float64s()
		}
		if err != nil {
			fault(p.where, err)
			continue
		}
		if d, err = firstOf(f, p.where, "TransformParameters", "TranformParameters"); err == nil {
			if d.Len() > 1000 {
				p.field, err = d.Float32s()
			} else if p.params, err = d.Float64s(); err == nil {
				for _, x := range p.params {
					p.field = append(p.field, float32(x))
				}
			}
		}
		if err != nil {
			fault(p.where, err)
		}
	}
	return compose(path, HDF5, parts, list)
}

// firstOf returns the data set of the first of names that is there: ITK before
// 4.14 misspelt them.
func firstOf(f *hdf5.File, where string, names ...string) (d *hdf5.Dataset, err error) {
	for n := len(names) - 1; n >= 0; n-- {
		var e error
		if d, e = f.Dataset(where + "/" + names[n]); e == nil {
			return d, nil
		}
		err = e
	}
	return nil, err
}

// WriteHDF5 writes t as an ITK composite transform in HDF5, which ANTs,
// fMRIPrep and ASLPrep read. t is an affine map, a warp or a chain of these;
// anything else is an error. The file is made in memory, compressed.
func WriteHDF5(w io.Writer, t voxel.Transform, workers int) error {
	parts, err := split(t, nil)
	if err != nil {
		return err
	}
	// All in one precision, which ITK demands: that of the fields.
	suffix := "_double_3_3"
	for _, p := range parts {
		if _, ok := p.(*voxel.Warp); ok {
			suffix = "_float_3_3"
		}
	}
	members := []hdf5.Entry{{Name: "0", Members: []hdf5.Entry{{Name: "TransformType", Text: "CompositeTransform" + suffix}}}}
	for n := len(parts) - 1; n >= 0; n-- { // ITK applies the last first
		e := hdf5.Entry{Name: strconv.Itoa(len(members))}
		switch p := parts[n].(type) {
		case voxel.Affine:
			l := affinePart(p)
			e.Members = []hdf5.Entry{
				{Name: "TransformType", Text: family(l.kind) + suffix},
				{Name: "TransformFixedParameters", Float64s: l.fixedParams},
			}
			if suffix == "_double_3_3" {
				e.Members = append(e.Members, hdf5.Entry{Name: "TransformParameters", Float64s: l.params})
				break
			}
			single := make([]float32, len(l.params))
			for i, x := range l.params {
				single[i] = float32(x)
			}
			e.Members = append(e.Members, hdf5.Entry{Name: "TransformParameters", Float32s: single})
		case *voxel.Warp:
			e.Members = []hdf5.Entry{
				{Name: "TransformType", Text: "DisplacementFieldTransform" + suffix},
				{Name: "TransformFixedParameters", Float64s: gridParams(p.Grid)},
				{Name: "TransformParameters", Float32s: fieldParams(p)},
			}
		}
		members = append(members, e)
	}
	return hdf5.Write(w, []hdf5.Entry{
		{Name: "ITKVersion", Text: "5.2.1"}, // whose layout this is
		{Name: group, Members: members},
	}, workers)
}

// split returns the parts of t in the order in which they apply.
func split(t voxel.Transform, parts []voxel.Transform) ([]voxel.Transform, error) {
	var err error
	switch t := t.(type) {
	case voxel.Affine, *voxel.Warp:
		return append(parts, t), nil
	case *voxel.Affine:
		return append(parts, *t), nil
	case voxel.Chain:
		for _, u := range t {
			if parts, err = split(u, parts); err != nil {
				return nil, err
			}
		}
		return parts, nil
	}
	return nil, fmt.Errorf("xfm: a transform of type %T cannot be written", t)
}

// gridParams returns g as size, origin, spacing and direction in LPS+.
func gridParams(g voxel.Grid) []float64 {
	a := flip.Mul(g.Affine)
	s := g.Spacing()
	v := make([]float64, 18)
	for i := range 3 {
		v[i], v[3+i], v[6+i] = float64(g.Dim[i]), a[i][3], s[i]
		for j := range 3 {
			v[9+3*i+j] = a[i][j] / s[j]
		}
	}
	return v
}

// fieldParams returns the displacements of w, x, y and z together, in LPS+.
func fieldParams(w *voxel.Warp) []float32 {
	v := make([]float32, 3*w.Len())
	for n := range w.Disp[0] {
		v[3*n], v[3*n+1], v[3*n+2] = 0-w.Disp[0][n], 0-w.Disp[1][n], w.Disp[2][n]
	}
	return v
}
