package asl

import (
	"fmt"
	"math"

	"phasl/bids"
	"phasl/diag"
	"phasl/voxel"
)

// An Input holds the images of one quantification, all on the grid of the
// series and none modified.
type Input struct {
	Series *voxel.Series // every volume of the run, realigned
	M0     *voxel.Series // volumes of a separate M0 image, resampled to the grid; nil if there is none
	M0TR   []float64     // RepetitionTimePreparation of each volume of M0 [s]; one number stands for all
	Mask   *voxel.Mask   // the brain; nil: every voxel

	// Tissue fractions, 0 to 1; nil if not known. The kinetic model mixes the
	// relaxation and transit times of grey and white matter by them; without
	// them it takes every voxel for grey matter.
	Grey, White *voxel.Image

	// What is known of single voxels, for the kinetic model; nil, or NaN in a
	// voxel, to use the constants.
	T1t *voxel.Image // T1 of tissue [s]
	ATT *voxel.Image // transit time [s], for a single delay
}

// Volumes lists which volumes of the series were used, counted from 0.
type Volumes struct {
	Used     []int `json:"used"`
	Excluded []int `json:"excluded"` // outliers, volumes without partner, and volumes of types not needed
}

// A Result is the outcome of [Quantify]. Images are on the grid of the series
// and NaN where there is no value.
type Result struct {
	CBF   *voxel.Image // [Units]
	CBFSE *voxel.Image // standard error of CBF [Units]; all NaN if the scan does not tell
	ATT   *voxel.Image // fitted transit time [s]; nil if it was not fitted
	ATTSE *voxel.Image // its standard error [s]; nil if it was not fitted

	M0       *voxel.Image  // equilibrium magnetisation as used; nil for cbf input
	DeltaM   *voxel.Image  // mean over all used pairs
	DeltaMSE *voxel.Image  // its standard error, from the scatter of pairs at the same delay
	DelayM   *voxel.Series // mean ΔM of each of Delays
	PairM    *voxel.Series // ΔM of each of Pairs

	Units       string // "mL/100g/min" or "arbitrary"
	Model       Model
	Equation    string // as it was solved, in words and symbols
	Constants   Constants
	Calibration M0Info
	Delays      []Delay
	Pairing     Pairing
	Pairs       []Pair
	Volumes     Volumes
	Notes       []string // what a reader must know, such as the direction in which the model errs
	AtBound     int      // voxels whose fitted transit time lies within 0.05 s of an end of its range

	scale float64     // by which relative perfusion was multiplied; 0 if it was not
	gains [][]float32 // by delay: dCBF/dΔM of its mean, per voxel
}

// Units of CBF.
const (
	UnitsAbsolute = "mL/100g/min"
	UnitsRelative = "arbitrary"
)

// Quantify computes perfusion from a series acquired by p. Faults of the data
// are returned as a [diag.List]; warnings are in Result.Notes. Images on
// different grids, or more or fewer volumes than p.Context, are the caller's
// fault and panic.
func Quantify(in Input, p Protocol, opt Options) (*Result, error) {
	in.check(&p)
	var l diag.List
	model := chooseModel(&p, opt.Model, &l)
	r := &Result{Model: model, Units: UnitsAbsolute, Pairing: opt.Pairing}
	r.Constants = constants(&p, model, opt, &l)
	if err := l.Err(); err != nil {
		return nil, err
	}
	mask := in.Mask
	if mask == nil {
		mask = voxel.NewMask(in.Series.Grid)
		for n := range mask.In {
			mask.In[n] = true
		}
	}

	var alone []int
	r.Pairs, alone, r.Delays = pairVolumes(&p, opt.Pairing)
	r.PairM = subtract(in.Series, r.Pairs, p.cbfScale(), opt.Workers)
	flagOutliers(r.PairM, r.Pairs, len(r.Delays), mask, opt)
	means, counts, variance, df := average(r.PairM, r.Pairs, len(r.Delays), opt.Workers)
	r.DelayM = &voxel.Series{Grid: in.Series.Grid, Vols: means}
	r.summarise(counts, variance, mask)

	if model == ModelNone {
		r.passThrough(counts, mask)
	} else {
		var m0 *voxel.Image
		m0, r.Calibration = calibrate(&in, &p, r.Constants, opt, mask, &l)
		if err := l.Err(); err != nil {
			return nil, err
		}
		r.M0 = m0
		if r.Calibration.Relative {
			r.Units = UnitsRelative
		}
		s := &solver{in: &in, p: &p, r: r, opt: opt, counts: counts, variance: variance, df: df, mask: mask}
		s.run()
		if r.Calibration.Relative {
			r.normalise(mask)
		}
	}
	r.Volumes = usedVolumes(&p, r.Pairs, r.Calibration)
	r.Equation = equation(&p, r)
	r.notes(&p, alone, opt.outlierShare(), l)
	return r, nil
}

func (in *Input) check(p *Protocol) {
	if in.Series == nil || len(in.Series.Vols) != len(p.Context) {
		panic("asl: Quantify: the series does not have one volume per entry of the context")
	}
	same := func(what string, g voxel.Grid) {
		if g.Dim != in.Series.Dim {
			panic(fmt.Sprintf("asl: Quantify: %s has shape %v, the series %v", what, g.Dim, in.Series.Dim))
		}
	}
	if in.M0 != nil {
		same("M0", in.M0.Grid)
	}
	if in.Mask != nil {
		same("mask", in.Mask.Grid)
	}
	for _, m := range []*voxel.Image{in.Grey, in.White, in.T1t, in.ATT} {
		if m != nil {
			same("map", m.Grid)
		}
	}
}

// chooseModel settles ModelAuto and refuses what cannot be.
func chooseModel(p *Protocol, want Model, l *diag.List) Model {
	if p.IsCBF() {
		if want != ModelAuto && want != ModelNone {
			l.Warnf(p.File, "volume_type", "leave the model out", "the series brings CBF, so no model is applied")
		}
		return ModelNone
	}
	multi := p.MultiDelay()
	if want == ModelNone || want == ModelAuto {
		switch {
		case multi:
			want = ModelKinetic
		case p.GEProduct:
			want = ModelGE
		default:
			want = ModelWhitePaper
		}
	}
	switch {
	case want == ModelGE && !p.GEProduct:
		l.Errorf(p.File, "Manufacturer", "use the model whitepaper or kinetic", "is not that of GE's 3D spiral product with deltam volumes, which the model ge is for")
	case multi && want != ModelKinetic:
		l.Errorf(p.File, "PostLabelingDelay", "use the kinetic model, which fits the transit time", "has %d different delays, and the white-paper equation is for one", len(p.Delays()))
	case want == ModelKinetic && p.CutOffTechnique == "QUIPSS" && p.Labelling == PASL:
		l.Errorf(p.File, "BolusCutOffTechnique", "use the model whitepaper", "is QUIPSS, whose saturation of tissue the kinetic model here does not describe")
	}
	return want
}

// summarise sets DeltaM and DeltaMSE.
func (r *Result) summarise(counts []int, variance []float32, mask *voxel.Mask) {
	g := r.PairM.Grid
	r.DeltaM = &voxel.Image{Grid: g, Data: filled(g.Len())}
	r.DeltaMSE = &voxel.Image{Grid: g, Data: filled(g.Len())}
	total := 0
	for _, c := range counts {
		total += c
	}
	for n, inside := range mask.In {
		if !inside {
			continue
		}
		sum := 0.0
		for d, c := range counts {
			if c > 0 {
				sum += float64(c) * float64(r.DelayM.Vols[d][n])
			}
		}
		r.DeltaM.Data[n] = float32(sum / float64(total))
		r.DeltaMSE.Data[n] = float32(math.Sqrt(float64(variance[n]) / float64(total)))
	}
}

// passThrough takes CBF as the mean of the cbf volumes.
func (r *Result) passThrough(counts []int, mask *voxel.Mask) {
	r.CBF, r.CBFSE = r.DeltaM.Clone(), r.DeltaMSE.Clone()
	gain := filled(r.CBF.Len())
	for n, inside := range mask.In {
		if inside {
			gain[n] = 1
		}
	}
	r.gains = [][]float32{gain}
	r.DeltaM, r.DeltaMSE = nil, nil
	r.Calibration.Recovery, r.Calibration.Scale = 1, 1
}

// normalise scales relative perfusion so that its median in the brain is 1.
func (r *Result) normalise(mask *voxel.Mask) {
	m := voxel.Percentile(mask.Select(r.CBF.Data), 50)
	if !(m > 0) {
		return
	}
	r.scale = 1 / float64(m)
	for _, img := range [][]float32{r.CBF.Data, r.CBFSE.Data} {
		for n := range img {
			img[n] /= m
		}
	}
	for _, g := range r.gains {
		for n := range g {
			g[n] /= m
		}
	}
}

func usedVolumes(p *Protocol, pairs []Pair, m0 M0Info) Volumes {
	use := make([]bool, len(p.Context))
	for _, pr := range pairs {
		if pr.Used {
			for _, c := range pr.Controls {
				use[c] = true
			}
			if pr.Label >= 0 {
				use[pr.Label] = true
			}
		}
	}
	for v, c := range p.Context {
		if c == bids.M0Scan && m0.Type == "Included" || c == bids.Control && m0.Type == "Absent" && !m0.Relative && p.source() == bids.Control {
			use[v] = true
		}
	}
	out := Volumes{Used: []int{}, Excluded: []int{}}
	for v, u := range use {
		if u {
			out.Used = append(out.Used, v)
		} else {
			out.Excluded = append(out.Excluded, v)
		}
	}
	return out
}

// RegionSE returns the standard error of the mean CBF over the voxels listed
// (by their place in memory), weighted by weights (nil: alike), from the
// scatter of the region's mean over pairs at the same delay. Unlike an average
// of CBFSE it allows for noise that voxels share. Voxels without CBF do not
// count. The fit is linearised; a lack of fit of the model does not count. NaN
// if no delay has two used pairs or no weight is positive. It panics if voxels
// and weights differ in number.
func (r *Result) RegionSE(voxels []int32, weights []float64) float64 {
	if weights != nil && len(weights) != len(voxels) {
		panic("asl: RegionSE: numbers of voxels and weights differ")
	}
	if len(r.gains) == 0 {
		return math.NaN()
	}
	total := 0.0
	var at []int32
	var share []float64
	for i, n := range voxels {
		w := 1.0
		if weights != nil {
			w = weights[i]
		}
		if w > 0 && finite(float64(r.CBF.Data[n])) {
			total += w
			at, share = append(at, n), append(share, w)
		}
	}
	if total == 0 {
		return math.NaN()
	}
	// What each delay would contribute per unit of ΔM, to pool delays that have
	// only one pair with the others.
	size := make([]float64, len(r.gains))
	count := make([]float64, len(r.gains))
	mean := make([]float64, len(r.gains))
	for d, g := range r.gains {
		for i, n := range at {
			size[d] += share[i] * math.Abs(float64(g[n]))
		}
		size[d] /= total
	}
	value := make([]float64, len(r.Pairs))
	for i, pr := range r.Pairs {
		if !pr.Used {
			continue
		}
		g, m := r.gains[pr.Delay], r.PairM.Vols[i]
		for j, n := range at {
			v := m[n]
			if v-v != 0 { // a voxel missing from this pair adds no scatter
				v = r.DelayM.Vols[pr.Delay][n]
			}
			value[i] += share[j] * float64(g[n]) * float64(v)
		}
		value[i] /= total
		count[pr.Delay]++
		mean[pr.Delay] += value[i]
	}
	var ss, df float64
	for i, pr := range r.Pairs {
		if pr.Used && count[pr.Delay] > 1 && size[pr.Delay] > 0 {
			e := (value[i] - mean[pr.Delay]/count[pr.Delay]) / size[pr.Delay]
			ss += e * e
		}
	}
	variance := 0.0
	for d, c := range count {
		if c > 1 && size[d] > 0 {
			df += c - 1
		}
	}
	if df == 0 {
		return math.NaN()
	}
	for d, c := range count {
		if c > 0 {
			variance += ss / df * size[d] * size[d] / c
		}
	}
	return math.Sqrt(variance)
}
