package pipeline

import (
	"context"
	"io"
	"math"

	"phasl/diag"
	"phasl/internal/atomicfile"
	"phasl/internal/xfm"
	"phasl/nifti"
	"phasl/register"
	"phasl/voxel"
)

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

	Warnings diag.List `json:"-"`
}

// ApplyTransforms resamples an image or a series onto the grid of another,
// interpolating once however many transforms there are.
func ApplyTransforms(ctx context.Context, c ApplyConfig) (*ApplyResult, error) {
	var list diag.List
	moving, _, err := nifti.ReadSeries(c.Moving)
	if err := list.Collect(err); err != nil {
		return nil, err
	}
	ref, err := nifti.ReadHeader(c.Reference)
	if err := list.Collect(err); err != nil {
		return nil, err
	}
	var from, to voxel.Grid
	if ref != nil {
		from = ref.Grid()
	}
	if moving != nil {
		to = moving.Grid
	}
	chain := readChain(c.Transforms, from, to, &list)
	if list.Err() != nil {
		return nil, list
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	interp := map[string]voxel.Interp{"linear": voxel.Linear, "nearest": voxel.Nearest, "cubic": voxel.Cubic}[c.Interp]
	out := voxel.ResampleSeries(moving, ref.Grid(), chain, interp, c.Workers)
	res := &ApplyResult{Warnings: list, Moving: c.Moving, Reference: c.Reference, Transforms: c.Transforms, Interp: c.Interp, Out: c.Out,
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

// RegisterConfig says what [RegisterImages] does.
type RegisterConfig struct {
	Fixed, Moving         string // images
	FixedMask, MovingMask string // or empty
	Type                  string // rigid, affine, syn
	Init                  string // affine transform to begin at, of any format, or empty
	Prefix                string // of the outputs
	Seed                  uint64
	Workers               int
	Progress              func(Event)
}

// RegisterResult says what [RegisterImages] found. Numbers that were not
// measured are left out of its JSON.
type RegisterResult struct {
	Fixed   string        `json:"fixed"`
	Moving  string        `json:"moving"`
	Type    string        `json:"type"`
	OK      bool          `json:"ok"`
	Reason  string        `json:"reason,omitempty"`
	Affine  [4][4]float64 `json:"affine_fixed_to_moving_ras_mm"`
	Overlap *float64      `json:"overlap,omitempty"`
	Before  *float64      `json:"local_correlation_before,omitempty"`
	After   *float64      `json:"local_correlation_after,omitempty"`
	JacMin  *float64      `json:"jacobian_min,omitempty"`
	JacMax  *float64      `json:"jacobian_max,omitempty"`
	InvMean *float64      `json:"inverse_error_mean_mm,omitempty"`
	InvMax  *float64      `json:"inverse_error_max_mm,omitempty"`

	// How alike the images are where the search began (by the headers, or at
	// Init) and at the affine transform found; nil if they hold nothing to compare.
	MatchBefore *MatchResult `json:"match_before,omitempty"`
	MatchAfter  *MatchResult `json:"match_after,omitempty"`

	Files    []string  `json:"files"`
	Warnings diag.List `json:"-"`
}

// A MatchResult says how well two images match at an affine transform, at a
// resolution of 5 mm: the figures of [register.Quality] by which it is judged.
type MatchResult struct {
	Information float64 `json:"mutual_information_nat"`
	Explained   float64 `json:"explained_variance"` // share of one image's variance that the other explains
	Overlap     float64 `json:"overlap"`            // share of the smaller head within the other image
	HeadOverlap float64 `json:"head_overlap"`       // share of it on the other's head
	Peak        float64 `json:"displaced_worse"`    // share of 12 poses displaced by 8 mm that match less well
	Sharpness   float64 `json:"sharpness"`          // by how much they do on average, as a share
	Size        float64 `json:"volume_factor"`      // by which the transform changes volumes
	Fault       string  `json:"fault,omitempty"`    // what makes the match implausible
}

// matchOf returns nil where nothing was measured.
func matchOf(q register.Quality) *MatchResult {
	for _, v := range []float64{q.Information, q.Explained, q.Overlap, q.HeadOverlap, q.Peak, q.Sharpness, q.Size} {
		if v-v != 0 {
			return nil
		}
	}
	return &MatchResult{q.Information, q.Explained, q.Overlap, q.HeadOverlap, q.Peak, q.Sharpness, q.Size, q.Fault()}
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
		addError(&list, path, err)
		return img
	}
	mask := func(path string, img *voxel.Image, field string) *voxel.Mask {
		if path == "" || img == nil {
			return nil
		}
		m, _, err := nifti.ReadMask(path)
		addError(&list, path, err)
		if m != nil && !m.Same(img.Grid, 0.1) {
			list.Errorf(path, field, "resample the mask onto the image: phasl transform apply --interp nearest", "its grid is not its image's")
			return nil
		}
		return m
	}
	fixed, moving := image(c.Fixed), image(c.Moving)
	fixedMask, movingMask := mask(c.FixedMask, fixed, "--fixed-mask"), mask(c.MovingMask, moving, "--moving-mask")
	var init *voxel.Affine
	if c.Init != "" && fixed != nil && moving != nil {
		t, err := xfm.Read(c.Init, fixed.Grid, moving.Grid)
		if err := list.Collect(err); err != nil {
			return nil, err
		}
		if t != nil {
			a, ok := oneAffine(t.Map)
			if !ok {
				list.Errorf(c.Init, "", "give its affine part", "a search begins at an affine transform; this one has a displacement field")
			}
			init = &a
			list.Add(t.Warnings...)
		}
	}
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
	startsAt := init
	var a voxel.Affine
	var t voxel.Transform
	var d register.Deformation
	if c.Type == "syn" {
		if init != nil {
			// Deformable takes its affine part as it is given.
			r := register.Affine(fixed, moving, register.Options{Init: init, Local: true, FixedMask: fixedMask, MovingMask: movingMask, Seed: c.Seed, Workers: c.Workers})
			if r.OK() {
				init = &r.Transform
			}
		}
		d = register.Deformable(fixed, moving, register.DeformableOptions{Init: init, FixedMask: fixedMask, MovingMask: movingMask, Seed: c.Seed, Workers: c.Workers, Progress: progress})
		a, res.Reason = d.Affine, d.Reason
		res.Before, res.After, res.JacMin, res.JacMax = finite(d.Before), finite(d.After), finite(d.JacobianMin), finite(d.JacobianMax)
		res.InvMean, res.InvMax = finite(d.InverseMean), finite(d.InverseMax)
		t = d.Forward
	} else {
		find := register.Affine
		if c.Type == "rigid" {
			find = register.Rigid
		}
		r := find(fixed, moving, register.Options{Init: init, Local: init != nil, FixedMask: fixedMask, MovingMask: movingMask, Seed: c.Seed, Workers: c.Workers, Progress: progress})
		a, t, res.Reason, res.Overlap = r.Transform, r.Transform, r.Reason, finite(r.Overlap)
	}
	res.OK = res.Reason == ""
	begin := voxel.Identity()
	if startsAt != nil {
		begin = *startsAt
	}
	match := register.Options{FixedMask: fixedMask, MovingMask: movingMask, Seed: c.Seed, Workers: c.Workers}
	res.MatchBefore = matchOf(register.Check(fixed, moving, begin, match))
	res.MatchAfter = matchOf(register.Check(fixed, moving, a, match))
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
	if err := atomicfile.Write(res.Files[0], func(w io.Writer) error { return xfm.WriteText(w, a) }); err != nil {
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
