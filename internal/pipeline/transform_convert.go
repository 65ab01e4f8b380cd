package pipeline

import (
	"context"
	"io"
	"strings"

	"phasl/diag"
	"phasl/internal/atomicfile"
	"phasl/internal/par"
	"phasl/internal/xfm"
	"phasl/nifti"
	"phasl/voxel"
)

// ConvertConfig says what [ConvertTransforms] does.
type ConvertConfig struct {
	Transforms    []string // files, the first applied first to points of the fixed image
	Fixed, Moving string   // images; either may be empty where the formats need it not
	Inverse       bool     // write moving → fixed
	To            string   // an xfm.Format, or empty: as the name says
	Out           string
	Workers       int
}

// ConvertResult says what [ConvertTransforms] did.
type ConvertResult struct {
	Transforms []string       `json:"transforms"`
	Inverse    bool           `json:"inverse"`
	Out        string         `json:"out"`
	Format     xfm.Format     `json:"format"`
	Affine     *[4][4]float64 `json:"affine_ras_mm,omitempty"` // of what was written, if it is affine

	Warnings diag.List `json:"-"`
}

// TransformFormats are the names of the formats that [ConvertTransforms]
// writes.
func TransformFormats() []string {
	return []string{string(xfm.Text), string(xfm.Matlab), string(xfm.HDF5), string(xfm.Field), string(xfm.FLIRT)}
}

// formatOf returns the format that a name stands for, or "" if it may be
// several.
func formatOf(name string) xfm.Format {
	for suffix, f := range map[string]xfm.Format{".txt": xfm.Text, ".tfm": xfm.Text, ".h5": xfm.HDF5, ".nii": xfm.Field, ".nii.gz": xfm.Field} {
		if strings.HasSuffix(name, suffix) {
			return f
		}
	}
	return ""
}

// ConvertTransforms joins transforms into one and writes it in another format.
func ConvertTransforms(ctx context.Context, c ConvertConfig) (*ConvertResult, error) {
	var list diag.List
	grid := func(path string) voxel.Grid {
		if path == "" {
			return voxel.Grid{}
		}
		h, err := nifti.ReadHeader(path)
		addError(&list, path, err)
		if h == nil {
			return voxel.Grid{}
		}
		return h.Grid()
	}
	fixed, moving := grid(c.Fixed), grid(c.Moving)
	chain := readChain(c.Transforms, fixed, moving, &list)
	to := xfm.Format(c.To)
	if to == "" {
		to = formatOf(c.Out)
	}
	if to == "" {
		list.Errorf(c.Out, "", "add --to "+strings.Join(TransformFormats(), "|"), "the name does not say what format is wanted")
	}
	if list.Err() != nil {
		return nil, list
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	res := &ConvertResult{Transforms: c.Transforms, Inverse: c.Inverse, Out: c.Out, Format: to, Warnings: list}
	t := joined(chain)
	a, affine := t.(voxel.Affine)
	const first = "of several transforms, or of one with a displacement field, give the parts that are affine"
	switch {
	case c.Inverse && !affine:
		list.Errorf(c.Transforms[0], "", "give the field of the other direction, which ANTs and phasl register write too", "a displacement field has no inverse in a formula")
	case c.Inverse:
		a, fixed, moving = a.Inverse(), moving, fixed
		t = a
	}
	switch to {
	case xfm.Text, xfm.Matlab, xfm.FLIRT:
		if !affine {
			list.Errorf(c.Out, "", "write --to itk-h5 or --to field; "+first, "%s holds affine transforms only", to)
		}
		if to == xfm.FLIRT && (fixed.Dim[0] < 1 || moving.Dim[0] < 1) {
			list.Errorf(c.Out, "", "add --fixed and --moving", "a FLIRT matrix means nothing without its two images")
		}
	case xfm.Field:
		if fixed.Dim[0] < 1 {
			list.Errorf(c.Out, "", "add --fixed (with --inverse: --moving)", "a displacement field needs an image whose grid it gets")
		}
	}
	if list.Err() != nil {
		return nil, list
	}
	if affine {
		res.Affine = &[4][4]float64{a[0], a[1], a[2], {0, 0, 0, 1}}
	}
	if to == xfm.Field {
		return res, nifti.WriteWarp(c.Out, sampled(t, fixed, c.Workers), nifti.Options{Workers: c.Workers})
	}
	return res, atomicfile.Write(c.Out, func(w io.Writer) error {
		switch to {
		case xfm.Text:
			return xfm.WriteText(w, a)
		case xfm.Matlab:
			return xfm.WriteMatlab(w, a)
		case xfm.FLIRT:
			return xfm.WriteFLIRT(w, a, fixed, moving)
		}
		return xfm.WriteHDF5(w, t, c.Workers)
	})
}

// readChain returns the transforms of the files, faults and warnings added to
// list. Only the ends of a chain know their image.
func readChain(paths []string, fixed, moving voxel.Grid, list *diag.List) voxel.Chain {
	var chain voxel.Chain
	for n, path := range paths {
		var from, to voxel.Grid
		if n == 0 {
			from = fixed
		}
		if n == len(paths)-1 {
			to = moving
		}
		t, err := xfm.Read(path, from, to)
		addError(list, path, err)
		if t != nil {
			list.Add(t.Warnings...)
			chain = append(chain, t.Map)
		}
	}
	return chain
}

// joined returns the transforms of chain as one: an affine map if all are.
func joined(chain voxel.Chain) voxel.Transform {
	if a, ok := oneAffine(chain); ok {
		return a
	}
	return chain
}

// sampled returns t as displacements on the grid g.
func sampled(t voxel.Transform, g voxel.Grid, workers int) *voxel.Warp {
	var disp [3][]float32
	for c := range disp {
		disp[c] = make([]float32, g.Len())
	}
	plane := g.Dim[0] * g.Dim[1]
	par.Do(workers, g.Dim[2], func(k int) {
		for n := k * plane; n < (k+1)*plane; n++ {
			p := g.World(g.Coord(n))
			q := t.Map(p)
			for c := range disp {
				disp[c][n] = float32(q[c] - p[c])
			}
		}
	})
	return voxel.NewWarp(g, disp)
}
