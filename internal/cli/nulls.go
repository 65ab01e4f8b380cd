package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"phasl/internal/pipeline"
	"phasl/nullmap"
)

type nullsCmd struct {
	Map       string `required:"" placeholder:"FILE" group:"Map" help:"Map: an image (NIfTI), or a table with one row for each place."`
	Column    string `placeholder:"NAME" group:"Map" help:"Column of the table, if it has several of numbers."`
	Atlas     string `type:"existingfile" placeholder:"FILE" group:"Places" help:"Label image: the places are its labels, their values the map's means. Without it the places of an image are voxels."`
	Labels    string `type:"existingfile" placeholder:"FILE" group:"Places" help:"Label table of the atlas; found beside it if named so."`
	Mask      string `type:"existingfile" placeholder:"FILE" group:"Places" help:"Voxels to use (default: all that have a value other than 0); with --distance geodesic, where paths may go."`
	Coords    string `type:"existingfile" placeholder:"FILE" group:"Places" help:"Coordinates of the places of a table: columns x, y, z in mm, left negative."`
	Distances string `type:"existingfile" placeholder:"FILE" group:"Places" help:"Distances between the places of a table: a square table in mm."`
	Distance  string `enum:"centroid,mean,geodesic" default:"centroid" group:"Places" help:"Distance of an atlas's parcels: ${enum}; mean over pairs of voxels, or along the mask."`
	Separate  bool   `group:"Places" help:"Surrogates for each side of the brain by itself, about its own mean. Default: one brain, as alike on both sides as the map is."`
	Sphere    string `type:"existingfile" placeholder:"FILE" group:"Places" help:"Coordinates on the sphere of each hemisphere, for spin."`

	Method     string  `enum:"gp,variogram,brainsmash,moran,moran-pair,spin" default:"gp" group:"Surrogates" help:"${enum}. gp, a Gaussian process, holds its level best: see docs/methods/nulls.md."`
	Surrogates int     `default:"1000" placeholder:"N" group:"Surrogates" help:"How many."`
	Seed       uint64  `default:"1" group:"Surrogates" help:"Seed of everything random."`
	Keep       bool    `group:"Surrogates" help:"Give surrogates the map's own values, by rank."`
	Smoother   string  `enum:"exp,gaussian,invdist,uniform" default:"exp" group:"BrainSMASH" help:"Kernel of brainsmash: ${enum}."`
	Percentile float64 `placeholder:"P" group:"BrainSMASH" help:"Percentile of distances up to which it matches variograms (25; for many voxels, of neighbours, 70)."`
	Neighbours int     `placeholder:"K" group:"BrainSMASH" help:"Nearest neighbours kept for many voxels (1000)."`

	With    string `placeholder:"FILE" group:"Test" help:"Another map of the same places: its correlation with the map, and p."`
	Out     string `placeholder:"FILE" group:"Running" help:"Surrogates: a table (.tsv) with a row for each, or for voxels an image (.nii.gz) with a volume for each."`
	Workers int    `default:"0" group:"Running" help:"Threads; 0: one per CPU. Does not change the result."`
	jsonFlag
}

func (nullsCmd) Help() string {
	return `Makes surrogates of a map: random maps with its spatial autocorrelation. What
another map correlates with them is what chance gives, places near each other
being alike.

Places without a value are left out and said.

Examples:
  phasl nulls --map effect.nii.gz --atlas schaefer_dseg.nii.gz --surrogates 5000 --out nulls.tsv --json nulls.json
  phasl nulls --map parcels.tsv --column cbf --coords centres.tsv --with mor.txt
  phasl nulls --map effect.nii.gz --mask grey.nii.gz --out nulls.nii.gz

` + exitCodesHelp
}

// maxSurrogates bounds the work.
const maxSurrogates = 1_000_000

// Validate refuses flags that make no sense; kong calls it.
func (c *nullsCmd) Validate() error {
	image := strings.HasSuffix(c.Map, ".nii") || strings.HasSuffix(c.Map, ".nii.gz")
	switch {
	case c.Surrogates < 2 || c.Surrogates > maxSurrogates:
		return fmt.Errorf("--surrogates=%d: give 2 to %d", c.Surrogates, maxSurrogates)
	case c.Workers < 0:
		return fmt.Errorf("--workers=%d: give a number of threads, or 0 for one per CPU", c.Workers)
	case c.Percentile != 0 && !(c.Percentile > 0 && c.Percentile <= 100):
		return fmt.Errorf("--percentile=%g: give a number above 0 and up to 100", c.Percentile)
	case c.Neighbours < 0:
		return fmt.Errorf("--neighbours=%d: give a positive number", c.Neighbours)
	case image && (c.Coords != "" || c.Distances != "" || c.Column != ""):
		return fmt.Errorf("--coords, --distances and --column are for tables; %s is an image", c.Map)
	case !image && (c.Atlas != "" || c.Mask != "" || c.Labels != ""):
		return fmt.Errorf("--atlas, --labels and --mask are for images; %s is a table", c.Map)
	case !image && c.Coords == "" && c.Distances == "":
		return fmt.Errorf("--map=%s: give the places of its rows with --coords or --distances", c.Map)
	case c.Distance != "centroid" && c.Atlas == "":
		return fmt.Errorf("--distance=%s: it is for the parcels of --atlas", c.Distance)
	}
	return nil
}

// Run makes surrogates, writes them and prints a summary.
func (c *nullsCmd) Run(ctx context.Context, s streams) error {
	inputs := []place{{"--map", c.Map}, {"--atlas", c.Atlas}, {"--labels", c.Labels}, {"--mask", c.Mask}, {"--coords", c.Coords}, {"--distances", c.Distances}, {"--sphere", c.Sphere}, {"--with", c.With}}
	if err := apart(inputs, place{"--out", c.Out}, place{"--json", c.JSON}); err != nil {
		return err
	}
	prog := newProgress(s.err)
	show := prog.show
	if !prog.tty {
		show = sparse(prog)
	}
	res, err := pipeline.Nulls(ctx, pipeline.NullsConfig{
		Map: c.Map, Column: c.Column, Atlas: c.Atlas, Labels: c.Labels, Mask: c.Mask, Coords: c.Coords, Sphere: c.Sphere, Distances: c.Distances,
		Distance: c.Distance, Separate: c.Separate, With: c.With, Surrogates: c.Surrogates, Out: c.Out, Progress: show,
		Options: nullmap.Options{Method: nullmap.Method(c.Method), Seed: c.Seed, Keep: c.Keep, Workers: c.Workers,
			Smash: nullmap.SmashOptions{Smoother: nullmap.Smoother(c.Smoother), Percentile: c.Percentile, Neighbours: c.Neighbours}},
	})
	prog.end()
	if err != nil {
		return err
	}
	printProblems(s.err, res.Notes)
	if err := c.write(s, res); err != nil {
		return err
	}
	printNulls(c.summary(s), res)
	return nil
}

func printNulls(w io.Writer, r *pipeline.NullsResult) {
	fit := "good"
	if r.Poor {
		fit = "poor"
	}
	rows := [][]string{
		{"method", string(r.Method)},
		{"places", fmt.Sprintf("%d of %d (%s); distances %s", r.N, r.Places, r.Kind, r.Distance)},
		{"surrogates", fmt.Sprintf("%d, seed %d", r.Surrogates, r.Seed)},
		{"variogram", fmt.Sprintf("%s fit: relative error %s; at the shortest distance %s times the map's; p %s", fit, num(r.VariogramError, 3), num(r.Roughness, 2), num(r.VariogramP, 3))},
	}
	for _, name := range r.Order {
		rows = append(rows, []string{"  " + name, strings.TrimSpace(num(r.Parameters[name], 3) + " " + r.Units[name])})
	}
	if t := r.With; t != nil {
		rows = append(rows, []string{"with", t.Map},
			[]string{"  Pearson's r", fmt.Sprintf("%s, p %s (null SD %s)", num(t.R, 4), num(t.P, 4), num(t.NullSD, 3))})
		if m := t.ModifiedT; m != nil {
			rows = append(rows, []string{"  modified t test", fmt.Sprintf("p %s (effective number of places %s)", num(m.P, 4), num(m.Effective, 1))})
		}
		if g := t.GLS; g != nil {
			rows = append(rows, []string{"  generalised least squares", fmt.Sprintf("slope %s ± %s, p %s", num(g.Estimate, 4), num(g.SE, 4), num(g.P, 4))})
		}
	}
	if r.Out != "" {
		rows = append(rows, []string{"written", r.Out})
	}
	table(w, rows)
}

// sparse shows events on a stream that is no terminal: none in the first two
// seconds, then one for each tenth of the work, two seconds apart at least.
func sparse(p *progress) func(pipeline.Event) {
	tenth, at := -1, p.start
	return func(e pipeline.Event) {
		if t := int(10 * e.Fraction()); t != tenth && time.Since(at) > 2*time.Second {
			tenth, at = t, time.Now()
			p.show(e)
		}
	}
}
