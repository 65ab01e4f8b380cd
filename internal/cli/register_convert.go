package cli

import (
	"context"
	"fmt"

	"phasl/internal/pipeline"
)

type transformConvertCmd struct {
	Transform []string `required:"" type:"existingfile" sep:"none" placeholder:"FILE" help:"ITK transform (text, .mat, .h5), displacement field (.nii.gz) or FLIRT matrix (repeatable; the first is applied first to points of the fixed image)."`
	Fixed     string   `type:"existingfile" placeholder:"FILE" help:"Fixed image (reference; flirt's -ref). Needed for FLIRT matrices and to write a field."`
	Moving    string   `type:"existingfile" placeholder:"FILE" help:"Moving image (flirt's -in). Needed for FLIRT matrices."`
	Inverse   bool     `help:"Write the way back, from the moving to the fixed image. Affine transforms only."`
	To        string   `enum:",itk-text,itk-mat,itk-h5,field,flirt" default:"" placeholder:"FORMAT" help:"itk-text, itk-mat, itk-h5, field or flirt. Default: as the name of --out says (.txt, .h5, .nii.gz)."`
	Out       string   `required:"" placeholder:"FILE" help:"Transform to write."`
	Workers   int      `default:"0" help:"Threads; 0: one per CPU. Does not change the result."`
	jsonFlag
}

func (transformConvertCmd) Help() string {
	return `Reads transforms of ANTs, fMRIPrep, ASLPrep, phasl and FSL's FLIRT, whatever their
names, and writes them as one. A composite is written as it is where the format
has room for one (itk-h5), and else as a field on the fixed image's grid.

Examples:
  phasl transform convert --transform asl2t1.mat --fixed T1w.nii.gz --moving asl.nii.gz --out from-T1w_to-asl.txt
  phasl transform convert --transform from-T1w_to-asl.txt --inverse --out from-asl_to-T1w.txt
  phasl transform convert --transform Composite.h5 --fixed template.nii.gz --out warp.nii.gz

` + exitCodesHelp
}

// Validate refuses flags that make no sense; kong calls it.
func (c *transformConvertCmd) Validate() error {
	if c.Workers < 0 {
		return fmt.Errorf("--workers=%d: give a number of threads, or 0 for one per CPU", c.Workers)
	}
	return nil
}

// Run converts and says what was written.
func (c *transformConvertCmd) Run(ctx context.Context, s streams) error {
	inputs := []place{{"--fixed", c.Fixed}, {"--moving", c.Moving}}
	for _, t := range c.Transform {
		inputs = append(inputs, place{"--transform", t})
	}
	if err := apart(inputs, place{"--out", c.Out}, place{"--json", c.JSON}); err != nil {
		return err
	}
	res, err := pipeline.ConvertTransforms(ctx, pipeline.ConvertConfig{
		Transforms: c.Transform, Fixed: c.Fixed, Moving: c.Moving, Inverse: c.Inverse, To: c.To, Out: c.Out, Workers: c.Workers,
	})
	if err != nil {
		return err
	}
	printProblems(s.err, res.Warnings)
	if err := c.write(s, res); err != nil {
		return err
	}
	rows := [][]string{{"written", res.Out}, {"format", string(res.Format)}}
	if a := res.Affine; a != nil {
		for i := range 3 {
			rows = append(rows, []string{fmt.Sprintf("row %d", i+1), fmt.Sprintf("%10.6f %10.6f %10.6f %10.4f", a[i][0], a[i][1], a[i][2], a[i][3])})
		}
	}
	table(c.summary(s), rows)
	return nil
}
