package pipeline

import (
	"context"
	"fmt"
	"math"
	"path/filepath"

	"phasl/atlas"
	"phasl/nifti"
	"phasl/phantom"
	"phasl/voxel"
)

// DemoConfig says what [Demo] is to do.
type DemoConfig struct {
	Dir      string // folder for raw data, template and results
	Seed     uint64 // of anatomy and noise; 0: 1
	Physics  phantom.Physics
	Workers  int
	Version  string
	Progress func(Event)
}

// A DemoResult compares what the pipeline found with what was simulated.
type DemoResult struct {
	Dataset string     `json:"dataset"`
	Output  string     `json:"output"`
	Report  string     `json:"report"`
	Physics string     `json:"physics"`
	Scans   []DemoScan `json:"scans"`
}

// A DemoScan is the comparison for one acquisition.
type DemoScan struct {
	Acq      string       `json:"acq"`
	NoiseSD  float64      `json:"noise_sd"` // of one raw volume [units of M0]; 0: no noise
	SESource string       `json:"se_source"`
	Worst    Number       `json:"worst_percent"` // largest absolute error among the regions, of the true value
	Bias     Number       `json:"bias_percent"`  // mean error
	Z        Number       `json:"rms_z"`         // root mean square of error/SE; about 1 if the SE is right
	Within2  Number       `json:"within_2_se"`   // share of regions whose error is at most 2 SE
	Regions  []DemoRegion `json:"regions"`
}

// A DemoRegion is one region: the true and the recovered mean CBF.
type DemoRegion struct {
	Region    string `json:"region"`
	Key       bool   `json:"key"`
	True      Number `json:"true"`      // [mL/100 g/min]
	Recovered Number `json:"recovered"` // [mL/100 g/min]
	SE        Number `json:"se"`        // as the pipeline states it
}

// Demo simulates one person scanned by the trial's protocol, without and with
// noise, runs the participant level on the raw files, and compares.
//
// The true value of a region is the mean of the true CBF map at the scanner's
// resolution, over the region where the simulated anatomy truly has it, as far
// as the brain mask that was found covers it. So the comparison holds errors of
// quantification, calibration and registration, and not those of partial
// volume, which both sides share.
func Demo(ctx context.Context, c DemoConfig) (*DemoResult, error) {
	raw, out := filepath.Join(c.Dir, "raw"), filepath.Join(c.Dir, "derivatives")
	tick := func(step string) {
		if c.Progress != nil {
			c.Progress(Event{Unit: "phantom", Step: step, Total: 2})
		}
	}
	tick("draw the template")
	tpl := phantom.NewTemplate(c.Workers)
	if err := tpl.Write(filepath.Join(c.Dir, "template"), c.Workers); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tick("simulate the raw scans")
	truth, err := phantom.Demo(raw, phantom.DemoOptions{Seed: c.Seed, Physics: c.Physics, Workers: c.Workers})
	if err != nil {
		return nil, err
	}
	run, err := Run(ctx, Config{
		BIDSDir: raw, OutDir: out, Settings: Settings{Model: "auto", Seed: 1, Workers: c.Workers}, Version: c.Version, Progress: c.Progress,
		Standard: Standard{
			Template: filepath.Join(c.Dir, "template", "tpl-phasl_res-02_T1w.nii.gz"),
			Atlas:    filepath.Join(c.Dir, "template", "tpl-phasl_atlas-phasl_res-02_dseg.nii.gz"), MinCoverage: 0.5,
		},
	})
	if err != nil {
		return nil, err
	}
	res := &DemoResult{Dataset: raw, Output: out, Report: filepath.Join(out, run.Participants[0].Report), Physics: c.Physics.String()}
	person := truth.Participants[0]
	for i, sc := range person.Sessions[0].Scans {
		d, err := compare(&run.Participants[0].Scans, person.FromTemplate, sc, out, c.Workers)
		if err != nil {
			return nil, fmt.Errorf("compare scan %d with the truth: %w", i, err)
		}
		res.Scans = append(res.Scans, *d)
	}
	return res, nil
}

// compare sets the regions of one scan beside the truth.
func compare(found *[]ScanResult, anatomy voxel.Transform, sc phantom.Scan, out string, workers int) (*DemoScan, error) {
	var got *ScanResult
	for i := range *found {
		if (*found)[i].Entities["acq"] == sc.Acq {
			got = &(*found)[i]
		}
	}
	if got == nil {
		return nil, fmt.Errorf("no result for acq-%s", sc.Acq)
	}
	d := &DemoScan{Acq: sc.Acq, NoiseSD: sc.Truth.NoiseSD, SESource: got.SESource}
	regions, a, err := demoAtlas(out)
	if err != nil {
		return nil, err
	}
	measured, _, err := nifti.ReadImage(filepath.Join(out, filepath.FromSlash(got.CBFFile)))
	if err != nil {
		return nil, err
	}
	truth := sc.Truth.CBF.Clone()
	for n, v := range measured.Data {
		if v != v {
			truth.Data[n] = v
		}
	}
	way := voxel.Chain{anatomy, sc.Truth.Position}
	expected, _ := a.Summarise(voxel.Resample(truth, a.Grid, way, voxel.Linear, workers), nil, nil, regions, atlas.SummaryOptions{Workers: workers})
	at := map[string]RegionResult{}
	for _, r := range got.Regions {
		at[r.Region] = r
	}
	key := map[string]bool{}
	for _, r := range a.DefaultJoins() {
		key[r.Name] = true
	}
	var worst, sum, squares, within, n, withSE float64
	for _, t := range expected {
		r, ok := at[t.Region.Name]
		if !ok {
			continue
		}
		d.Regions = append(d.Regions, DemoRegion{Region: t.Region.Name, Key: key[t.Region.Name], True: Number(t.Mean), Recovered: r.CBF, SE: r.SE})
		e := float64(r.CBF) - t.Mean
		if math.IsNaN(e) {
			continue
		}
		p := 100 * e / t.Mean
		worst, sum, n = max(worst, math.Abs(p)), sum+p, n+1
		if z := e / float64(r.SE); !math.IsNaN(z) && !math.IsInf(z, 0) {
			squares += z * z
			withSE++
			if math.Abs(z) <= 2 {
				within++
			}
		}
	}
	d.Worst, d.Bias = Number(worst), Number(sum/n)
	d.Z, d.Within2 = Number(math.Sqrt(squares/withSE)), Number(within/withSE)
	return d, nil
}

// demoAtlas reads the demonstration's atlas as written beside the results.
func demoAtlas(out string) ([]atlas.Region, *atlas.Atlas, error) {
	dir := filepath.Join(filepath.Dir(out), "template")
	img, _, err := nifti.ReadImage(filepath.Join(dir, "tpl-phasl_atlas-phasl_res-02_dseg.nii.gz"))
	if err != nil {
		return nil, nil, err
	}
	t, err := readLabels(filepath.Join(dir, "tpl-phasl_atlas-phasl_res-02_dseg.tsv"))
	if err != nil {
		return nil, nil, err
	}
	a, l := atlas.New(img, "atlas", t)
	if l.Err() != nil {
		return nil, nil, l
	}
	return atlas.Merge(a.DefaultJoins(), a.Regions()), a, nil
}
