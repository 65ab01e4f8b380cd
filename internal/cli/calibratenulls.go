package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"phasl/internal/atomicfile"
	"phasl/internal/pipeline"
	"phasl/nullmap"
)

// calibrateNulls are the flags of calibrate --nulls.
type calibrateNulls struct {
	Nulls      bool      `group:"Nulls of maps" help:"Try the nulls of phasl nulls on simulated pairs of maps, in place of the analysis of CBF: false positives and power, as in docs/methods/nulls.md. Of the other settings only --seed counts."`
	Places     []int     `default:"122,400" placeholder:"N" group:"Nulls of maps" help:"Numbers of places, drawn by formula."`
	Coords     string    `type:"existingfile" placeholder:"FILE" group:"Nulls of maps" help:"Or the coordinates of an atlas's parcels [mm]."`
	Slopes     []float64 `default:"0,0.5,1,1.5,2,2.5,3" placeholder:"A" group:"Nulls of maps" help:"Spectral slopes of the fields: 0 is white noise, 3 very smooth."`
	Symmetries []float64 `default:"0,0.8" placeholder:"S" group:"Nulls of maps" help:"Likeness of the two sides, 0 to 1."`
	Tests      []string  `placeholder:"NAME" group:"Nulls of maps" help:"Which to try; default all: naive, modified-t, gls, spin, moran, moran-pair, brainsmash, variogram, gp."`
	Maps       int       `default:"1000" group:"Nulls of maps" help:"Maps for each field. Each meets 10 others; those tests that cost little have ten times the maps and one other each."`
	Figure     string    `placeholder:"FILE" group:"Nulls of maps" help:"Draw false positives (SVG)."`
}

// check refuses flags that make no sense.
func (f calibrateNulls) check() error {
	if f.Maps < 2 || f.Maps > 100_000 {
		return fmt.Errorf("--maps=%d: give 2 to 100000", f.Maps)
	}
	for _, n := range f.Places {
		if n < 20 || n > 1000 {
			return fmt.Errorf("--places=%d: give 20 to 1000", n)
		}
	}
	for _, a := range f.Slopes {
		if !(a >= 0 && a <= 5) {
			return fmt.Errorf("--slopes=%g: give numbers from 0 to 5", a)
		}
	}
	for _, s := range f.Symmetries {
		if !(s >= 0 && s <= 1) {
			return fmt.Errorf("--symmetries=%g: give shares from 0 to 1", s)
		}
	}
	for _, t := range f.Tests {
		if !slices.Contains(nullmap.CalibrationTests(), t) {
			return fmt.Errorf("--tests=%s: choose of %s", t, strings.Join(nullmap.CalibrationTests(), ", "))
		}
	}
	return nil
}

// nulls simulates maps, writes JSON and the figure, and prints a table.
func (c *calibrateCmd) nulls(ctx context.Context, s streams) error {
	prog := newProgress(s.err)
	show := prog.show
	if !prog.tty {
		show = sparse(prog)
	}
	res, err := pipeline.CalibrateNulls(ctx, pipeline.NullsCalibration{
		Places: c.Places, Coords: c.Coords, Slopes: c.Slopes, Symmetries: c.Symmetries,
		Options: nullmap.CalibrationOptions{Tests: c.Tests, Maps: c.Maps, Thorough: 10, Seed: c.Seed, Workers: c.Workers},
	}, show)
	prog.end()
	if err != nil {
		return err
	}
	if err := c.write(s, res); err != nil {
		return err
	}
	if c.Figure != "" {
		if err := atomicfile.Write(c.Figure, func(w io.Writer) error {
			_, err := io.WriteString(w, pipeline.NullsFigure(res))
			return err
		}); err != nil {
			return err
		}
	}
	printNullRates(c.summary(s), res)
	return nil
}

// printNullRates prints a table for each number of places: a row for each test
// and symmetry, a column for each slope.
func printNullRates(w io.Writer, res []nullmap.Calibrated) {
	var sizes []int
	var slopes []float64
	for _, r := range res {
		if !slices.Contains(sizes, r.N) {
			sizes = append(sizes, r.N)
		}
		if !slices.Contains(slopes, r.Alpha) {
			slopes = append(slopes, r.Alpha)
		}
	}
	rates := func(title string, of func(nullmap.Calibrated) nullmap.Share) {
		fmt.Fprintln(w, "\n"+title)
		head := []string{"places", "symmetry", "test"}
		for _, a := range slopes {
			head = append(head, fmt.Sprintf("slope %g", a))
		}
		rows := [][]string{head}
		at := map[string]int{}
		for _, r := range res {
			key := fmt.Sprint(r.N, r.Symmetry, r.Test)
			if _, ok := at[key]; !ok {
				at[key] = len(rows)
				rows = append(rows, append([]string{fmt.Sprint(r.N), fmt.Sprint(r.Symmetry), r.Test}, make([]string, len(slopes))...))
			}
			rows[at[key]][3+slices.Index(slopes, r.Alpha)] = fmt.Sprintf("%.1f", 100*of(r).Share)
		}
		table(w, rows)
	}
	var se float64
	for _, r := range res {
		if r.Test != nullmap.Naive {
			se = math.Max(se, r.False.SE)
		}
	}
	fmt.Fprintf(w, "Simulated pairs of maps with p <= 0.05 [%%]; Monte Carlo standard errors are up to %.1f (naive aside)\n", 100*se)
	rates("false positives: independent maps", func(r nullmap.Calibrated) nullmap.Share { return r.False })
	rates("power: correlated 0.3", func(r nullmap.Calibrated) nullmap.Share { return r.Power[0] })
	rates("power: correlated 0.5", func(r nullmap.Calibrated) nullmap.Share { return r.Power[1] })
}
