package phantom

import (
	"math"
	"strings"

	"gonum.org/v1/gonum/floats"

	"phasl/bids"
	"phasl/corr"
	"phasl/crossover"
)

// A ReceptorTruth says what one receptor has to do with one effect in truth.
type ReceptorTruth struct {
	Contrast string // a standard contrast: see [PlantedContrast]
	Target   string
	// Weight is how much higher the effect is planted in regions whose density is
	// one standard deviation higher, the other receptors being equal [% of base
	// CBF]; 0: the receptor has nothing to do with it.
	Weight float64
	// R and Rho are Pearson's and Spearman's correlation of the true effect
	// [mL/100 g/min] with the density over all regions. They are not 0 for a
	// receptor without a weight: maps that have nothing to do with each other
	// correlate by chance. NaN if the effect is the same everywhere.
	R, Rho float64
	// ResolvedR and ResolvedRho are the same of the effect at the scanner's
	// resolution; NaN at region level.
	ResolvedR, ResolvedRho float64
}

// ReceptorTruth returns the true relation of each receptor with the effect of
// the later phases under each treatment, their mean, and the interactions; nil
// for a trial without receptors. blends are those of all people at scan level;
// nil at region level.
func (t *Trial) ReceptorTruth(blends []*Blend) []ReceptorTruth {
	if t.Densities == nil {
		return nil
	}
	effects := map[string][]float64{}  // contrast: effect of each region
	resolved := map[string][]float64{} // the same, resolved
	var names []string
	for _, r := range Regions() {
		for _, c := range t.Planted(r.Name) {
			if followsPhase(c.Name) {
				if effects[c.Name] == nil {
					names = append(names, c.Name)
				}
				effects[c.Name] = append(effects[c.Name], c.CBF)
			}
		}
		if blends != nil {
			for _, c := range t.Resolved(r.Name, blends) {
				resolved[c.Name] = append(resolved[c.Name], c.CBF)
			}
		}
	}
	weights := t.receptorWeights()
	var out []ReceptorTruth
	for _, name := range names {
		for j, target := range ReceptorTargets() {
			x := t.Densities.Regional(target)
			r := ReceptorTruth{Contrast: name, Target: target, Weight: weights[name][j], ResolvedR: math.NaN(), ResolvedRho: math.NaN()}
			r.R, r.Rho = correlations(effects[name], x)
			if blends != nil {
				r.ResolvedR, r.ResolvedRho = correlations(resolved[name], x)
			}
			out = append(out, r)
		}
	}
	return out
}

// followsPhase tells whether a contrast is of later phases.
func followsPhase(contrast string) bool {
	kind, _, _ := strings.Cut(contrast, ":")
	return kind == crossover.PhaseEffect || kind == crossover.AverageEffect || kind == crossover.Interaction
}

// receptorWeights returns the weights of [ReceptorTruth] by contrast and target.
func (t *Trial) receptorWeights() map[string][]float64 {
	// slope of the effect by kind, treatment, phase and target
	slope := map[string][][][]float64{}
	for _, kind := range mixtureKinds {
		for range t.Treatments {
			var phases [][]float64
			for range t.Phases {
				phases = append(phases, make([]float64, len(ReceptorTargets())))
			}
			slope[kind] = append(slope[kind], phases)
		}
	}
	for i := range t.Options.Receptors.Mixtures {
		x := &t.Options.Receptors.Mixtures[i]
		_, w := t.Densities.mixture(x.Weights)
		t.everyCell(x, func(treatment, phase int) { floats.AddScaled(slope[x.Kind][treatment][phase], x.Percent, w) })
	}
	out := map[string][]float64{}
	for j := range ReceptorTargets() {
		for _, c := range t.contrasts(func(treatment, phase, _, _ int) float64 {
			v := 0.0
			if phase > 0 {
				v = slope[crossover.PhaseEffect][treatment][phase][j]
				if treatment > 0 {
					v += slope[crossover.Interaction][treatment][phase][j]
				}
			}
			return v
		}) {
			w := c.value
			if math.Abs(w) < 1e-12 { // what cancels, cancels to rounding
				w = 0
			}
			out[c.name] = append(out[c.name], w)
		}
	}
	return out
}

// correlations returns Pearson's and Spearman's correlation, NaN if one of the
// two does not vary.
func correlations(x, y []float64) (r, rho float64) {
	d := corr.Data{X: x, Y: y}
	return corr.Correlate(d, corr.Options{}).R, corr.Correlate(d, corr.Options{Method: corr.Spearman}).R
}

// receptorTable is the truth about receptors.
func (t *Trial) receptorTable(blends []*Blend) (columns []bids.Column, rows [][]string) {
	columns = []bids.Column{
		{Name: "contrast", Description: "contrast of the crossover model"},
		{Name: "target", Description: "receptor"},
		{Name: "weight", Description: "planted effect in regions whose density is one standard deviation higher, the other receptors being equal; percent of the region's CBF without effects; 0: the receptor has nothing to do with it"},
		{Name: "r", Description: "Pearson correlation of the true effect on CBF with the density over the regions of the atlas; of a receptor without weight it is chance; n/a: the effect is the same everywhere"},
		{Name: "rho", Description: "the same by Spearman"},
	}
	if blends != nil {
		columns = append(columns,
			bids.Column{Name: "r_resolved", Description: "r of the true effect " + resolvedWords},
			bids.Column{Name: "rho_resolved", Description: "the same by Spearman"})
	}
	for _, r := range t.ReceptorTruth(blends) {
		row := []string{r.Contrast, r.Target, digits(r.Weight), digits(r.R), digits(r.Rho)}
		if blends != nil {
			row = append(row, digits(r.ResolvedR), digits(r.ResolvedRho))
		}
		rows = append(rows, row)
	}
	return columns, rows
}
