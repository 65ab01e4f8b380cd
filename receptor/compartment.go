package receptor

import "strings"

// Names of the covariates of [Compartments].
const (
	DeepGrey   = "deep grey matter"
	Cerebellar = "cerebellum"
)

// Compartments returns covariates that tell deep grey matter and cerebellum from
// cortex, 1 where a place is of that kind and 0 elsewhere, by the names that
// atlases use (AAL3, FreeSurfer, Harvard–Oxford, Tian and others). Densities and
// effects differ between the three by steps: a step that two maps share is one
// likeness, not one for each place, and no surrogate of a smooth map has it. A kind
// with fewer than 3 places, or all but 3, has no covariate.
//
// Hippocampus and amygdala count as deep grey matter, as well as nuclei of the
// brainstem.
func Compartments(names []string) []Map {
	kinds := []Map{{File: DeepGrey, Values: make([]float64, len(names))}, {File: Cerebellar, Values: make([]float64, len(names))}}
	for i, name := range names {
		switch s := strings.ToLower(name); {
		case isCerebellum(s):
			kinds[1].Values[i] = 1
		case isDeep(s):
			kinds[0].Values[i] = 1
		}
	}
	var out []Map
	for _, k := range kinds {
		n := 0.0
		for _, v := range k.Values {
			n += v
		}
		if n >= 3 && n <= float64(len(names)-3) {
			out = append(out, k)
		}
	}
	return out
}

var (
	deepParts = []string{"thal", "caudate", "putamen", "pallid", "accumb", "amygd", "striat", "habenula", "nigra", "raphe",
		"brainstem", "brain-stem", "brain stem", "brain_stem", "midbrain", "ventraldc", "ventral dc", "ventral_dc", "basal ganglia", "basal_ganglia"}
	deepStarts = []string{"n_acc", "nacc", "nac-", "vta", "sn_", "red_n", "lc_", "hip-", "amy-", "put-", "cau-", "gp-", "ptha", "atha"}
)

// isDeep knows the spellings of atlases. name is in lower case.
func isDeep(name string) bool {
	if strings.Contains(strings.ReplaceAll(strings.ReplaceAll(name, "parahippocamp", ""), "para-hippocamp", ""), "hippocamp") {
		return true
	}
	for _, p := range deepParts {
		if strings.Contains(name, p) {
			return true
		}
	}
	for _, p := range deepStarts {
		if strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(name, "l_"), "r_"), p) {
			return true
		}
	}
	return false
}
