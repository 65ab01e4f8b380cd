package cli

import (
	"context"
	"fmt"
	"strings"

	"phasl/diag"
	"phasl/internal/pipeline"
)

type registerCmd struct {
	Fixed      string `required:"" type:"existingfile" placeholder:"FILE" help:"Image that stays (NIfTI)."`
	Moving     string `required:"" type:"existingfile" placeholder:"FILE" help:"Image that is laid onto it (NIfTI)."`
	FixedMask  string `type:"existingfile" placeholder:"FILE" help:"Voxels of the fixed image that count, on its grid."`
	MovingMask string `type:"existingfile" placeholder:"FILE" help:"Voxels of the moving image that count, on its grid."`
	Type       string `enum:"rigid,affine,syn" default:"syn" help:"${enum}: within a person; between people; with a smooth deformation."`
	Init       string `type:"existingfile" placeholder:"FILE" help:"Affine transform to begin at, right within about 10 mm and 10° (any format that transform apply reads). Default: a search over many."`
	Out        string `required:"" placeholder:"PREFIX" help:"Start of the names of the outputs."`
	Seed       uint64 `default:"1" help:"Seed of everything random."`
	Workers    int    `default:"0" help:"Threads; 0: one per CPU. Does not change the result."`
	jsonFlag
}

func (registerCmd) Help() string {
	return `Finds the transform that lays one image of a head onto another, and writes

  PREFIX_affine.txt           the affine part (ITK text)
  PREFIX_moved.nii.gz         the moving image on the fixed one's grid
  PREFIX_warp.nii.gz          with syn: the whole transform, the affine part included
  PREFIX_inversewarp.nii.gz   with syn: the same back, on the moving image's grid

Fields are ITK's, which ANTs and 3D Slicer read: displacements in mm along LPS
axes; phasl transform convert writes them for other programs. A result that is
not to be trusted is not written: exit code 3. Where the search fails, an affine
transform made by hand helps: --init.

Example:
  phasl register --fixed template.nii.gz --moving sub-01_T1w.nii.gz --out sub-01_to-template --json -

` + exitCodesHelp
}

// Validate refuses flags that make no sense; kong calls it.
func (c *registerCmd) Validate() error {
	if c.Workers < 0 {
		return fmt.Errorf("--workers=%d: give a number of threads, or 0 for one per CPU", c.Workers)
	}
	return nil
}

// Run registers, writes the transforms and prints a summary.
func (c *registerCmd) Run(ctx context.Context, s streams) error {
	outputs := []place{}
	for _, p := range pipeline.RegisterOutputs(c.Out, c.Type) {
		outputs = append(outputs, place{"--out", p})
	}
	inputs := []place{{"--fixed", c.Fixed}, {"--moving", c.Moving}, {"--fixed-mask", c.FixedMask}, {"--moving-mask", c.MovingMask}, {"--init", c.Init}}
	if err := apart(inputs, append(outputs, place{"--json", c.JSON})...); err != nil {
		return err
	}
	prog := newProgress(s.err)
	show := prog.show
	if !prog.tty {
		show = sparse(prog)
	}
	res, err := pipeline.RegisterImages(ctx, pipeline.RegisterConfig{
		Fixed: c.Fixed, Moving: c.Moving, FixedMask: c.FixedMask, MovingMask: c.MovingMask,
		Type: c.Type, Init: c.Init, Prefix: c.Out, Seed: c.Seed, Workers: c.Workers, Progress: show,
	})
	prog.end()
	if err != nil {
		return err
	}
	printProblems(s.err, res.Warnings)
	if err := c.write(s, res); err != nil {
		return err
	}
	if !res.OK {
		return diag.List{{File: c.Moving, Found: "could not be laid onto " + c.Fixed + ": " + res.Reason,
			Fix: "look at both images; give masks, or images whose heads overlap"}}
	}
	rows := [][]string{{"type", res.Type}}
	if res.After != nil {
		rows = append(rows,
			[]string{"local correlation", fmt.Sprintf("%.3f, with the affine part alone %.3f", *res.After, *res.Before)},
			[]string{"volume change", fmt.Sprintf("%.2f to %.2f (Jacobian determinant)", *res.JacMin, *res.JacMax)},
			[]string{"there and back", fmt.Sprintf("%.3f mm, at most %.3f mm", *res.InvMean, *res.InvMax)})
	}
	rows = append(rows, matchRows(res)...)
	if res.Overlap != nil {
		rows = append(rows, []string{"overlap", fmt.Sprintf("%.0f %%", 100**res.Overlap)})
	}
	rows = append(rows, []string{"written", strings.Join(res.Files, ", ")})
	table(c.summary(s), rows)
	return nil
}

// matchRows shows how alike the images are before and after, and the figures by
// which the result was judged; of a deformation, those of its affine part.
func matchRows(res *pipeline.RegisterResult) [][]string {
	b, a := res.MatchBefore, res.MatchAfter
	if a == nil {
		return nil
	}
	part := ""
	if res.Type == "syn" {
		part = ", affine part"
	}
	was := func(format string, v func(*pipeline.MatchResult) float64) string {
		s := fmt.Sprintf(format, v(a))
		if b != nil {
			s += ", before " + fmt.Sprintf(format, v(b))
		}
		return s
	}
	return [][]string{
		{"mutual information" + part, was("%.3f nat", func(m *pipeline.MatchResult) float64 { return m.Information })},
		{"explained variance" + part, was("%.0f %%", func(m *pipeline.MatchResult) float64 { return 100 * m.Explained })},
		{"heads overlap" + part, was("%.0f %%", func(m *pipeline.MatchResult) float64 { return 100 * m.HeadOverlap })},
		{"displaced by 8 mm" + part, fmt.Sprintf("%.0f of 12 poses match less well, by %.0f %% on average", 12*a.Peak, 100*a.Sharpness)},
		{"size" + part, fmt.Sprintf("volumes × %.3f from the fixed to the moving image", a.Size)},
	}
}

type transformCmd struct {
	Apply   transformApplyCmd   `cmd:"" help:"Resample an image through transforms onto another image's grid."`
	Convert transformConvertCmd `cmd:"" help:"Write transforms as one, in another program's format."`
}

type transformApplyCmd struct {
	Moving    string   `required:"" type:"existingfile" placeholder:"FILE" help:"Image or series to resample (NIfTI)."`
	Reference string   `required:"" type:"existingfile" placeholder:"FILE" help:"Image whose grid the result gets (NIfTI)."`
	Transform []string `required:"" type:"existingfile" sep:"none" placeholder:"FILE" help:"ITK transform (text, .mat, .h5), displacement field (.nii.gz) or FLIRT matrix, from the reference to the moving image (repeatable; the first is applied first to points of the reference)."`
	Interp    string   `enum:"linear,nearest,cubic" default:"linear" help:"Interpolation: ${enum}. nearest is for labels."`
	Out       string   `required:"" placeholder:"FILE" help:"Result (.nii or .nii.gz); NaN outside the moving image."`
	Workers   int      `default:"0" help:"Threads; 0: one per CPU. Does not change the result."`
	jsonFlag
}

func (transformApplyCmd) Help() string {
	return `Interpolates once, however many transforms there are. What a file holds is told
by its content: transforms of ANTs, fMRIPrep and ASLPrep (ITK) and of FSL (FLIRT)
are read. A FLIRT matrix made with flirt -in MOVING -ref REFERENCE stands alone;
in a chain nobody knows the image between: change it first, phasl transform convert.

Example:
  phasl transform apply --moving cbf.nii.gz --reference template.nii.gz --transform sub-01_to-template_warp.nii.gz --transform t1w-to-asl.txt --out cbf_template.nii.gz

` + exitCodesHelp
}

// Validate refuses flags that make no sense; kong calls it.
func (c *transformApplyCmd) Validate() error {
	switch {
	case c.Workers < 0:
		return fmt.Errorf("--workers=%d: give a number of threads, or 0 for one per CPU", c.Workers)
	case !strings.HasSuffix(c.Out, ".nii") && !strings.HasSuffix(c.Out, ".nii.gz"):
		return fmt.Errorf("--out=%s: the name must end in .nii or .nii.gz", c.Out)
	}
	return nil
}

// Run resamples and writes the result.
func (c *transformApplyCmd) Run(ctx context.Context, s streams) error {
	inputs := []place{{"--moving", c.Moving}, {"--reference", c.Reference}}
	for _, t := range c.Transform {
		inputs = append(inputs, place{"--transform", t})
	}
	if err := apart(inputs, place{"--out", c.Out}, place{"--json", c.JSON}); err != nil {
		return err
	}
	res, err := pipeline.ApplyTransforms(ctx, pipeline.ApplyConfig{
		Moving: c.Moving, Reference: c.Reference, Transforms: c.Transform, Interp: c.Interp, Out: c.Out, Workers: c.Workers,
	})
	if err != nil {
		return err
	}
	printProblems(s.err, res.Warnings)
	if err := c.write(s, res); err != nil {
		return err
	}
	table(c.summary(s), [][]string{
		{"written", res.Out},
		{"outside", fmt.Sprintf("%d of %d voxels (NaN)", res.Outside, res.Voxels)},
	})
	return nil
}
