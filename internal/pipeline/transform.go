package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"phasl/diag"
	"phasl/internal/atomicfile"
	"phasl/nifti"
	"phasl/register"
	"phasl/voxel"
)

// maxTransformText bounds a text file of one affine transform [bytes].
const maxTransformText = 1 << 20

// readTransform reads a displacement field (.nii, .nii.gz) or an affine
// transform as ITK writes it (text).
func readTransform(path string) (voxel.Transform, error) {
	if strings.HasSuffix(path, ".nii") || strings.HasSuffix(path, ".nii.gz") {
		w, _, err := nifti.ReadWarp(path)
		if err != nil {
			return nil, err
		}
		return w, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &diag.Problem{File: path, Found: rootCause(err), Fix: "check the path", Err: err}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTransformText))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return parseITK(path, b)
}

// parseITK reads an ITK affine transform text file: y = M·(x − c) + t + c, with
// M and t the Parameters and c the FixedParameters, in LPS+ mm. It is the
// inverse of [writeITK].
func parseITK(path string, b []byte) (voxel.Affine, error) {
	const fix = "give an affine transform as ITK writes it in text (ANTs: ConvertTransformFile IN.mat OUT.txt), or a field (.nii.gz)"
	var list diag.List
	var kind string
	var numbers, centre []float64
	if !bytes.HasPrefix(b, []byte("#Insight Transform File")) {
		list.Errorf(path, "", fix, "not an ITK transform in text")
		return voxel.Affine{}, list
	}
	transforms := 0
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		switch key {
		case "Transform":
			transforms++
			kind = strings.TrimSpace(value)
		case "Parameters", "FixedParameters":
			var v []float64
			for _, f := range strings.Fields(value) {
				x, err := strconv.ParseFloat(f, 64)
				if err != nil || x-x != 0 {
					list.Errorf(path, key, fix, "%q is not a number", f)
					continue
				}
				v = append(v, x)
			}
			if key == "Parameters" {
				numbers = v
			} else {
				centre = v
			}
		}
	}
	switch kind {
	case "AffineTransform_double_3_3", "AffineTransform_float_3_3", "MatrixOffsetTransformBase_double_3_3", "MatrixOffsetTransformBase_float_3_3":
	default:
		list.Errorf(path, "Transform", fix, "%q is not an affine transform of three dimensions", kind)
	}
	if transforms > 1 {
		list.Errorf(path, "Transform", "give each in a file of its own", "%d transforms where one is expected", transforms)
	}
	if len(numbers) != 12 {
		list.Errorf(path, "Parameters", fix, "%d numbers where an affine transform has 12", len(numbers))
	}
	if len(centre) != 3 {
		list.Errorf(path, "FixedParameters", fix, "%d numbers where an affine transform has 3", len(centre))
	}
	if list.Err() != nil {
		return voxel.Affine{}, list
	}
	var a voxel.Affine
	for i := range 3 {
		copy(a[i][:3], numbers[3*i:])
		a[i][3] = numbers[9+i] + centre[i]
		for j := range 3 {
			a[i][3] -= a[i][j] * centre[j]
		}
	}
	flip := voxel.Scaling(voxel.Vec{-1, -1, 1})
	a = flip.Mul(a).Mul(flip)
	if !a.Invertible() {
		list.Errorf(path, "Parameters", fix, "the matrix is singular")
		return voxel.Affine{}, list
	}
	return a, nil
}

// ApplyConfig says what [ApplyTransforms] does.
type ApplyConfig struct {
	Moving, Reference string   // images
	Transforms        []string // files, the first applied first to points of the reference
	Interp            string   // linear, nearest, cubic
	Out               string   // image on the reference's grid
	Workers           int
}

// ApplyResult says what [ApplyTransforms] did.
type ApplyResult struct {
	Moving     string   `json:"moving"`
	Reference  string   `json:"reference"`
	Transforms []string `json:"transforms"`
	Interp     string   `json:"interpolation"`
	Out        string   `json:"out"`
	Voxels     int      `json:"voxels"`         // of the reference's grid, one volume
	Outside    int      `json:"voxels_outside"` // those that fall outside the moving image, NaN in Out
	Volumes    int      `json:"volumes"`
}

// ApplyTransforms resamples an image or a series onto the grid of another,
// interpolating once however many transforms there are.
func ApplyTransforms(ctx context.Context, c ApplyConfig) (*ApplyResult, error) {
	var list diag.List
	moving, _, err := nifti.ReadSeries(c.Moving)
	if err := keep(&list, err); err != nil {
		return nil, err
	}
	ref, err := nifti.ReadHeader(c.Reference)
	if err := keep(&list, err); err != nil {
		return nil, err
	}
	var chain voxel.Chain
	for _, path := range c.Transforms {
		t, err := readTransform(path)
		if err := keep(&list, err); err != nil {
			return nil, err
		}
		chain = append(chain, t)
	}
	if list.Err() != nil {
		return nil, list
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	interp := map[string]voxel.Interp{"linear": voxel.Linear, "nearest": voxel.Nearest, "cubic": voxel.Cubic}[c.Interp]
	out := voxel.ResampleSeries(moving, ref.Grid(), chain, interp, c.Workers)
	res := &ApplyResult{Moving: c.Moving, Reference: c.Reference, Transforms: c.Transforms, Interp: c.Interp, Out: c.Out,
		Voxels: ref.Grid().Len(), Volumes: len(out.Vols)}
	for _, v := range out.Vols[0] {
		if v != v {
			res.Outside++
		}
	}
	o := nifti.Options{Space: ref.SformCode, Workers: c.Workers}
	if len(out.Vols) == 1 {
		return res, nifti.WriteImage(c.Out, out.Image(0), o)
	}
	return res, nifti.WriteSeries(c.Out, out, o)
}

// keep adds input faults to list and returns any other error.
func keep(list *diag.List, err error) error {
	if more, ok := errors.AsType[diag.List](err); ok {
		list.Add(more...)
		return nil
	}
	if p, ok := errors.AsType[*diag.Problem](err); ok {
		list.Add(p)
		return nil
	}
	return err
}

// RegisterConfig says what [RegisterImages] does.
type RegisterConfig struct {
	Fixed, Moving         string // images
	FixedMask, MovingMask string // or empty
	Type                  string // rigid, affine, syn
	Prefix                string // of the outputs
	Seed                  uint64
	Workers               int
	Progress              func(Event)
}

// RegisterResult says what [RegisterImages] found. Numbers that were not
// measured are left out of its JSON.
type RegisterResult struct {
	Fixed    string        `json:"fixed"`
	Moving   string        `json:"moving"`
	Type     string        `json:"type"`
	OK       bool          `json:"ok"`
	Reason   string        `json:"reason,omitempty"`
	Affine   [4][4]float64 `json:"affine_fixed_to_moving_ras_mm"`
	Overlap  *float64      `json:"overlap,omitempty"`
	Before   *float64      `json:"local_correlation_before,omitempty"`
	After    *float64      `json:"local_correlation_after,omitempty"`
	JacMin   *float64      `json:"jacobian_min,omitempty"`
	JacMax   *float64      `json:"jacobian_max,omitempty"`
	InvMean  *float64      `json:"inverse_error_mean_mm,omitempty"`
	InvMax   *float64      `json:"inverse_error_max_mm,omitempty"`
	Files    []string      `json:"files"`
	Warnings diag.List     `json:"-"`
}

// RegisterOutputs returns the files that [RegisterImages] writes.
func RegisterOutputs(prefix, kind string) []string {
	out := []string{prefix + "_affine.txt", prefix + "_moved.nii.gz"}
	if kind == "syn" {
		out = append(out, prefix+"_warp.nii.gz", prefix+"_inversewarp.nii.gz")
	}
	return out
}

// RegisterImages finds the transform from fixed to moving and writes it, its
// inverse and the moving image laid onto the fixed one. Nothing but what was
// found wrong is returned, and nothing written, if the result is not to be
// trusted.
func RegisterImages(ctx context.Context, c RegisterConfig) (*RegisterResult, error) {
	var list diag.List
	image := func(path string) *voxel.Image {
		img, h, err := nifti.ReadImage(path)
		if err == nil {
			list.Add(h.Warnings...)
		}
		if keep(&list, err) != nil {
			list.Errorf(path, "", "check the file", "%v", err)
		}
		return img
	}
	mask := func(path string, img *voxel.Image, field string) *voxel.Mask {
		if path == "" || img == nil {
			return nil
		}
		m, _, err := nifti.ReadMask(path)
		if keep(&list, err) != nil {
			list.Errorf(path, "", "check the file", "%v", err)
		}
		if m != nil && !m.Same(img.Grid, 0.1) {
			list.Errorf(path, field, "resample the mask onto the image: phasl transform apply --interp nearest", "its grid is not its image's")
			return nil
		}
		return m
	}
	fixed, moving := image(c.Fixed), image(c.Moving)
	fixedMask, movingMask := mask(c.FixedMask, fixed, "--fixed-mask"), mask(c.MovingMask, moving, "--moving-mask")
	if list.Err() != nil {
		return nil, list
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	progress := func(done float64) {
		if c.Progress != nil {
			c.Progress(Event{Unit: c.Moving, Step: "registering", Total: 1, Share: math.Max(done, 1e-9)})
		}
	}
	res := &RegisterResult{Fixed: c.Fixed, Moving: c.Moving, Type: c.Type, Warnings: list}
	var a voxel.Affine
	var t voxel.Transform
	var d register.Deformation
	if c.Type == "syn" {
		d = register.Deformable(fixed, moving, register.DeformableOptions{FixedMask: fixedMask, MovingMask: movingMask, Seed: c.Seed, Workers: c.Workers, Progress: progress})
		a, res.Reason = d.Affine, d.Reason
		res.Before, res.After, res.JacMin, res.JacMax = finite(d.Before), finite(d.After), finite(d.JacobianMin), finite(d.JacobianMax)
		res.InvMean, res.InvMax = finite(d.InverseMean), finite(d.InverseMax)
		t = d.Forward
	} else {
		find := register.Affine
		if c.Type == "rigid" {
			find = register.Rigid
		}
		r := find(fixed, moving, register.Options{FixedMask: fixedMask, MovingMask: movingMask, Seed: c.Seed, Workers: c.Workers, Progress: progress})
		a, t, res.Reason, res.Overlap = r.Transform, r.Transform, r.Reason, finite(r.Overlap)
	}
	res.OK = res.Reason == ""
	for i := range 3 {
		res.Affine[i] = a[i]
	}
	res.Affine[3][3] = 1
	if !res.OK {
		return res, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	res.Files = RegisterOutputs(c.Prefix, c.Type)
	if err := atomicfile.Write(res.Files[0], func(w io.Writer) error { return writeITK(w, a) }); err != nil {
		return nil, err
	}
	o := nifti.Options{Workers: c.Workers}
	if err := nifti.WriteImage(res.Files[1], voxel.Resample(moving, fixed.Grid, t, voxel.Linear, c.Workers), o); err != nil {
		return nil, err
	}
	if c.Type == "syn" {
		if err := nifti.WriteWarp(res.Files[2], d.Forward, o); err != nil {
			return nil, err
		}
		if err := nifti.WriteWarp(res.Files[3], d.Inverse, o); err != nil {
			return nil, err
		}
	}
	return res, nil
}

// finite returns a pointer to v, or nil if it is no number.
func finite(v float64) *float64 {
	if v-v != 0 {
		return nil
	}
	return &v
}
