package crossover

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/lmm"
)

// correct sets the adjusted p-values and returns the families. A family is
// one contrast of one measure over the primary regions; the same over the
// other regions, without the global ones, is a family of its own. Contrasts
// that check the design and claim nothing (treatment at baseline, period,
// carry-over) are in none. What could not be estimated takes no part.
func correct(p *Plan, fits []RegionFit) []Family {
	type key struct {
		measure Measure
		name    string
		primary bool
	}
	members := map[key][]*Effect{}
	regions := map[key][]string{}
	var order []key
	for i := range fits {
		f := &fits[i]
		if !f.Primary && (strings.EqualFold(f.Region, p.Regions.Global) || strings.HasPrefix(f.Region, "global_")) {
			continue
		}
		for j := range f.Effects {
			e := &f.Effects[j]
			if math.IsNaN(float64(e.P)) || !isClaim(p, e.Name) {
				continue
			}
			k := key{f.Measure, e.Name, f.Primary}
			if members[k] == nil {
				order = append(order, k)
			}
			members[k] = append(members[k], e)
			regions[k] = append(regions[k], f.Region)
		}
	}
	var out []Family
	for _, k := range order {
		method, name := p.Multiplicity.Method, fmt.Sprintf("%s, %s", k.name, k.measure)
		if !k.primary {
			method, name = p.Multiplicity.Others, name+", other regions"
		}
		raw := make([]float64, len(members[k]))
		for i, e := range members[k] {
			raw[i] = float64(e.P)
		}
		for i, adjusted := range lmm.Adjust(raw, adjustment(method)) {
			members[k][i].PAdjusted = Number(adjusted)
		}
		out = append(out, Family{Name: name, Method: method, Tests: regions[k]})
	}
	return out
}

// isClaim tells whether a contrast is corrected over regions.
func isClaim(p *Plan, name string) bool {
	i := slices.IndexFunc(p.Contrasts, func(c ContrastPlan) bool { return c.Name == name })
	if i >= 0 {
		return p.Contrasts[i].Primary
	}
	stem, _, _ := strings.Cut(name, ":")
	return stem == PhaseEffect || stem == AverageEffect || stem == Interaction
}

func adjustment(method string) lmm.Adjustment {
	switch method {
	case "holm", maxR: // of differences, which are of different people
		return lmm.Holm
	case "fdr":
		return lmm.BH
	}
	return lmm.Unadjusted
}
