package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"phasl/diag"
	"phasl/internal/pipeline"
	"phasl/nullmap"
	"phasl/receptor"
)

type receptorsCmd struct {
	Map       string   `placeholder:"FILE" sep:"none" group:"Maps" help:"Effect map (NIfTI, in standard space); with --values, the name of its column (default: the first)."`
	Panel     []string `placeholder:"DIR|FILES" sep:"none" group:"Maps" help:"Density maps (NIfTI), or a folder of them; their table receptors.tsv is found beside them or given here. With --values: names of columns (default: all others)."`
	Target    []string `placeholder:"NAME" group:"Maps" help:"Use only these targets of the panel, e.g. MOR,KOR,mGluR5 (repeatable)."`
	Atlas     string   `type:"existingfile" placeholder:"FILE" group:"Maps" help:"Label image (NIfTI) in the maps' space."`
	Labels    string   `type:"existingfile" placeholder:"TSV" group:"Maps" help:"Label table of the atlas; found beside it if named so."`
	Values    string   `type:"existingfile" placeholder:"TSV" group:"Maps" help:"Maps in parcels already: the first column names the parcel, the others are maps. Needs --coords or --distances, or --atlas."`
	Coords    string   `type:"existingfile" placeholder:"FILE" group:"Maps" help:"Centres of the parcels of --values [mm]: columns x, y, z, one row each, with or without a name in front."`
	Distances string   `type:"existingfile" placeholder:"FILE" group:"Maps" help:"Distances between the parcels of --values [mm]: a square table of numbers."`
	Grey      string   `type:"existingfile" placeholder:"FILE" group:"Maps" help:"Grey-matter image in the maps' space: voxels below --min-grey do not count."`
	MinGrey   float64  `name:"min-grey" default:"0.2" group:"Maps" help:"Least grey-matter fraction of a voxel that counts, with --grey."`
	Coverage  float64  `default:"0" placeholder:"SHARE" group:"Maps" help:"Share of a parcel's voxels that must have a value; 0: one voxel is enough, as in published work. Parcels with less than half are named."`
	Zeros     string   `enum:"missing,values" default:"missing" group:"Maps" help:"What exact zeros in images are: missing (background, holes), values."`

	Method     string   `enum:"pearson,spearman" default:"spearman" group:"Test" help:"Coefficient: pearson, spearman."`
	Null       string   `default:"gp" placeholder:"METHOD" group:"Test" help:"Surrogates: gp (Gaussian process, half of the effect map and half of each density; the default), or of the effect map alone: variogram, brainsmash, moran, moran-pair, spin. docs/methods/nulls.md compares them."`
	Surrogates int      `default:"5000" placeholder:"N" group:"Test" help:"Number of surrogates."`
	Covariate  []string `placeholder:"FILE" sep:"none" group:"Test" help:"Map to adjust for, such as grey-matter density (repeatable): partial correlation. With --values: a column."`
	People     []string `placeholder:"FILES" sep:"none" group:"Test" help:"Effect maps of single people: tests whether alignments hold for new people too. With --values: columns."`
	Against    string   `placeholder:"FILE" sep:"none" group:"Test" help:"Second effect map: compares its alignments with those of --map. With --values: a column."`
	Regress    bool     `group:"Test" help:"Explain the map by all receptors at once: shares, collinearity, cross-validation over distance."`
	Apart      float64  `default:"40" placeholder:"MM" group:"Test" help:"Distance from a parcel to those that predict it, in the cross-validation of --regress."`
	Compare    []string `placeholder:"A-B" sep:"none" group:"Test" help:"Compare the alignments of two receptors, by their targets (repeatable); 'all' is all pairs."`
	Seed       uint64   `default:"1" group:"Test" help:"Seed of everything random."`
	Workers    int      `default:"0" group:"Test" help:"Threads; 0: one per CPU. Does not change the result."`
	jsonFlag
}

func (receptorsCmd) Help() string {
	return `Correlates a map of a drug's effect with receptor densities. Places of the brain
are not independent: p is the share of surrogates, random maps that vary with
distance as the effect map or the density does, that correlate as strongly.
'p (FWE)' corrects for the number of receptors.

Example:
  phasl receptors --map ketamine.nii.gz --panel receptors/ --target MOR,KOR,NMDA,mGluR5,GABAA,GABAA-alpha5 --atlas schaefer_dseg.nii.gz --json receptors.json

with each person's map, so that p speaks for new people too:
  phasl receptors --map ketamine.nii.gz --people sub-*_effect.nii.gz --panel receptors/ --atlas schaefer_dseg.nii.gz

from a table of parcels:
  phasl receptors --values parcels.tsv --map ketamine --coords centres.tsv

` + exitCodesHelp
}

// receptorLists are the flags that take several files after them.
var receptorLists = []string{"--panel", "--people", "--covariate"}

// joinFiles lets the files of a list follow its flag separated by spaces, as a
// shell expands patterns: "--panel a.nii b.nii" becomes "--panel a.nii --panel
// b.nii".
func joinFiles(args []string) []string {
	if len(args) == 0 || args[0] != "receptors" {
		return args
	}
	var out []string
	list := ""
	for _, a := range args {
		switch {
		case slices.Contains(receptorLists, a):
			list = a
			out = append(out, a)
			continue
		case list != "" && strings.HasPrefix(a, "-"):
			list = ""
		case list != "" && out[len(out)-1] != list:
			out = append(out, list)
		}
		out = append(out, a)
	}
	return out
}

// Validate refuses flags that make no sense; kong calls it.
func (c *receptorsCmd) Validate() error {
	switch {
	case c.Map == "" && c.Values == "":
		return fmt.Errorf("give --map FILE, or --values TSV")
	case c.Values == "" && c.Atlas == "":
		return fmt.Errorf("give --atlas FILE with --map FILE")
	case c.Values == "" && len(c.Panel) == 0:
		return fmt.Errorf("give --panel DIR, or --panel with files")
	case c.Values != "" && c.Coords == "" && c.Distances == "" && c.Atlas == "":
		return fmt.Errorf("--values: give --coords or --distances, so that it is known which parcels are neighbours")
	case c.Values == "" && (c.Coords != "" || c.Distances != ""):
		return fmt.Errorf("--coords and --distances are for --values; with images, places come from the atlas")
	case c.Surrogates < 99 || c.Surrogates > 1_000_000:
		return fmt.Errorf("--surrogates=%d: give 99 to 1000000; 5000 tell a p of 0.05 to 0.003", c.Surrogates)
	case !slices.Contains(nullmap.Methods(), nullmap.Method(c.Null)):
		fix := "choose gp, variogram, brainsmash, moran, moran-pair or spin"
		if near, ok := diag.Nearest(c.Null, []string{"gp", "variogram", "brainsmash", "moran", "moran-pair", "spin"}); ok {
			fix = "did you mean " + near + "?"
		}
		return fmt.Errorf("--null=%s: %s", c.Null, fix)
	case !(c.Coverage >= 0 && c.Coverage <= 1):
		return fmt.Errorf("--coverage=%g: give a share between 0 and 1", c.Coverage)
	case !(c.MinGrey > 0 && c.MinGrey <= 1):
		return fmt.Errorf("--min-grey=%g: give a fraction above 0, at most 1", c.MinGrey)
	case !(c.Apart > 0 && c.Apart < 300):
		return fmt.Errorf("--apart=%g: give a distance in mm", c.Apart)
	case c.Workers < 0:
		return fmt.Errorf("--workers=%d: give a number of threads, or 0 for one per CPU", c.Workers)
	}
	return nil
}

// Run reads the maps, tests them, writes JSON and prints a summary.
func (c *receptorsCmd) Run(s streams) error {
	start := time.Now()
	in, faults := c.read()
	if faults.Err() != nil {
		return faults
	}
	o := receptor.Options{Method: receptor.Method(c.Method), Null: nullmap.Method(c.Null), Surrogates: c.Surrogates,
		Covariates: in.covariates, Seed: c.Seed, Workers: c.Workers, Families: &receptor.Families{}}
	res, l := receptor.Align(in.effect, in.panel, in.places, o)
	faults.Add(l...)
	if faults.Err() != nil {
		return faults
	}
	if c.Values == "" {
		var maps []place
		for _, f := range in.files {
			maps = append(maps, place{"--panel", f})
		}
		if err := apart(maps, place{"--json", c.JSON}); err != nil {
			return err
		}
	}
	out := c.result(res, in)
	if err := c.further(&out, in, o, &faults); err != nil {
		return err
	}
	if faults.Err() != nil {
		return faults
	}
	out.Problems = uniqueProblems(faults)
	out.Seconds = time.Since(start).Seconds()
	if err := c.write(s, out); err != nil {
		return err
	}
	printProblems(s.err, out.Problems)
	c.summarise(c.summary(s), out)
	return nil
}

// uniqueProblems leaves out repeats, which come from tests that share a map.
func uniqueProblems(l diag.List) diag.List {
	seen := map[string]bool{}
	out := diag.List{}
	for _, p := range l {
		if key := p.Error(); !seen[key] {
			seen[key] = true
			out = append(out, p)
		}
	}
	return out
}

// receptorInput is everything that was read.
type receptorInput struct {
	effect     receptor.Map
	panel      []receptor.Density
	places     receptor.Places
	covariates []receptor.Map
	people     []receptor.Map
	against    *receptor.Map
	coverage   map[string]*receptor.Coverage // by file
	files      []string                      // of the panel, its table too
}

// read reads all input and finds all its faults.
func (c *receptorsCmd) read() (*receptorInput, diag.List) {
	if c.Values != "" {
		return c.readValues()
	}
	var l diag.List
	o := receptor.ParcelOptions{Coverage: c.Coverage, MinGrey: c.MinGrey, Workers: c.Workers}
	if c.Zeros == "values" {
		o.Zeros = receptor.ZeroValue
	}
	files, fl := pipeline.FindPanel(c.panelPaths())
	l.Add(fl...)
	if fl.Err() == nil {
		l.Add(files.Keep(c.Target, "--target", "")...)
	}
	p, pl := pipeline.ReadParcels(c.Atlas, c.Labels, c.Grey, o)
	l.Add(pl...)
	if p == nil { // at least say which maps are not there
		for _, f := range slices.Concat([]string{c.Map}, c.Covariate, c.People) {
			if _, err := os.Stat(f); err != nil {
				l.Errorf(f, "", "check the path", "it cannot be read: %s", reason(err))
			}
		}
		return nil, l
	}
	in := &receptorInput{coverage: map[string]*receptor.Coverage{}}
	read := func(file string, kind receptor.Kind) receptor.Map {
		m, cov, ml := pipeline.ReadMap(file, p, kind)
		l.Add(ml...)
		in.coverage[file] = cov
		return m
	}
	in.effect = read(c.Map, receptor.EffectMap)
	for _, f := range c.Covariate {
		in.covariates = append(in.covariates, read(f, receptor.CovariateMap))
	}
	for _, f := range c.People {
		in.people = append(in.people, read(f, receptor.EffectMap))
	}
	if c.Against != "" {
		m := read(c.Against, receptor.EffectMap)
		in.against = &m
	}
	if l.Err() == nil { // what else is wrong with the maps would hide it
		panel, nl := pipeline.ReadPanel(files, p)
		l.Add(nl...)
		in.panel, in.files = panel, append(files.Maps, files.Table)
	}
	in.places = p.Places(nullmap.Method(c.Null) == nullmap.BrainSMASH)
	return in, l
}

// panelPaths splits lists with commas, unless a path has them.
func (c *receptorsCmd) panelPaths() []string {
	var out []string
	for _, p := range c.Panel {
		if _, err := os.Stat(p); err != nil && strings.Contains(p, ",") {
			out = append(out, strings.Split(p, ",")...)
			continue
		}
		out = append(out, p)
	}
	return out
}
