package cli

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/stat"

	"phasl/internal/pipeline"
	"phasl/lmm"
)

// The JSON of a fit. A number that does not exist is null.
type lmmJSON struct {
	NObs       int             `json:"n_obs"`
	NGroups    map[string]int  `json:"n_groups"`
	Method     string          `json:"method"`
	DDF        string          `json:"ddf"`
	LogLik     pipeline.Number `json:"loglik"`
	AIC        pipeline.Number `json:"aic"`
	BIC        pipeline.Number `json:"bic"`
	Sigma      pipeline.Number `json:"sigma"`
	Converged  bool            `json:"converged"`
	Singular   bool            `json:"singular"`
	Components []lmmVariance   `json:"var_components"`
	Fixed      []lmmFixed      `json:"fixed"`
	Anova      []lmmTerm       `json:"anova"`
	Contrasts  []lmmContrast   `json:"contrasts"`
	EMM        []lmmMean       `json:"emm"`

	Profile       []lmmInterval `json:"profile,omitempty"`
	LRT           *lmmLRT       `json:"lrt,omitempty"`
	Bootstrap     *lmmBootstrap `json:"bootstrap,omitempty"`
	RandomEffects []lmmBLUP     `json:"random_effects,omitempty"`
	Residuals     []lmmResidual `json:"residuals,omitempty"`
}

// An lmmInterval belongs to a coefficient (Group empty) or a standard deviation.
type lmmInterval struct {
	Group string          `json:"group,omitempty"`
	Term  string          `json:"term"`
	Low   pipeline.Number `json:"ci_low"`
	High  pipeline.Number `json:"ci_high"`
}

type lmmLRT struct {
	Against    string           `json:"against"`
	ChiSq      pipeline.Number  `json:"chisq"`
	DF         pipeline.Number  `json:"df"`
	P          pipeline.Number  `json:"p"`
	PBootstrap *pipeline.Number `json:"p_bootstrap,omitempty"`
}

type lmmBootstrap struct {
	Draws     int           `json:"draws"`
	Seed      uint64        `json:"seed"`
	Intervals []lmmInterval `json:"intervals"`
}

type lmmBLUP struct {
	Group string          `json:"group"`
	Level string          `json:"level"`
	Term  string          `json:"term"`
	Value pipeline.Number `json:"value"`
}

// An lmmResidual is one observation; Row counts those of the table from 1.
type lmmResidual struct {
	Row          int             `json:"row"`
	Fitted       pipeline.Number `json:"fitted"`
	Residual     pipeline.Number `json:"residual"`
	Standardised pipeline.Number `json:"standardised"`
}

type lmmVariance struct {
	Group    string          `json:"group"`
	Term     string          `json:"term"`
	Term2    string          `json:"term2"`
	Variance pipeline.Number `json:"variance"`
	SD       pipeline.Number `json:"sd"`
	Corr     pipeline.Number `json:"corr"`
}

type lmmFixed struct {
	Term string `json:"term"`
	lmmEstimate
}

type lmmEstimate struct {
	Estimate pipeline.Number `json:"estimate"`
	SE       pipeline.Number `json:"se"`
	DF       pipeline.Number `json:"df"`
	T        pipeline.Number `json:"t"`
	P        pipeline.Number `json:"p"`
	Low      pipeline.Number `json:"ci_low"`
	High     pipeline.Number `json:"ci_high"`
}

type lmmTerm struct {
	Term  string          `json:"term"`
	NumDF pipeline.Number `json:"num_df"`
	DenDF pipeline.Number `json:"den_df"`
	F     pipeline.Number `json:"f"`
	P     pipeline.Number `json:"p"`
}

type lmmContrast struct {
	Name string `json:"name"`
	lmmEstimate
	Adjusted pipeline.Number `json:"p_adjusted"`
}

type lmmMean struct {
	Levels   map[string]string `json:"levels"`
	Estimate pipeline.Number   `json:"estimate"`
	SE       pipeline.Number   `json:"se"`
	DF       pipeline.Number   `json:"df"`
	Low      pipeline.Number   `json:"ci_low"`
	High     pipeline.Number   `json:"ci_high"`
}

// result computes all that is reported. family is the number of means whose
// pairs are compared.
func (c *lmmCmd) result(fit *lmm.Fit, in lmm.Inference, contrasts []lmm.Contrast, means []lmm.Mean, family int) lmmJSON {
	out := lmmJSON{
		NObs: fit.Design.N, NGroups: map[string]int{}, Method: fit.Method.String(), DDF: c.DDF,
		LogLik: pipeline.Number(fit.LogLik), AIC: pipeline.Number(fit.AIC()), BIC: pipeline.Number(fit.BIC()), Sigma: pipeline.Number(fit.Sigma),
		Converged: fit.Converged, Singular: fit.Singular,
		Fixed: []lmmFixed{}, Anova: []lmmTerm{}, Contrasts: []lmmContrast{}, EMM: []lmmMean{},
	}
	for _, g := range fit.Design.Groups {
		out.NGroups[g.Name] = len(g.Levels)
	}
	for _, v := range fit.VarComps() {
		out.Components = append(out.Components, lmmVariance{v.Group, v.Term, v.Term2, pipeline.Number(v.Variance), pipeline.Number(v.SD), pipeline.Number(v.Corr)})
	}
	for _, e := range fit.Coefficients(in) {
		out.Fixed = append(out.Fixed, lmmFixed{e.Name, estimateJSON(e)})
	}
	for _, t := range fit.TypeIII(in) {
		out.Anova = append(out.Anova, lmmTerm{t.Term, pipeline.Number(t.NumDF), pipeline.Number(t.DenDF), pipeline.Number(t.F), pipeline.Number(t.P)})
	}
	ests := make([]lmm.Estimate, len(contrasts))
	p := make([]float64, len(contrasts))
	for i, k := range contrasts {
		ests[i] = fit.Linear(k.Name, k.Weights, in)
		p[i] = ests[i].P
	}
	var adj []float64
	switch c.Adjust {
	case "holm":
		adj = lmm.Adjust(p, lmm.Holm)
	case "bonferroni":
		adj = lmm.Adjust(p, lmm.Bonferroni)
	case "bh":
		adj = lmm.Adjust(p, lmm.BH)
	case "none":
		adj = p
	case "tukey":
		adj = make([]float64, len(p))
		for i, e := range ests {
			adj[i] = lmm.TukeyP(e.T, e.DF, family)
		}
	}
	for i, e := range ests {
		out.Contrasts = append(out.Contrasts, lmmContrast{e.Name, estimateJSON(e), pipeline.Number(adj[i])})
	}
	for _, m := range means {
		out.EMM = append(out.EMM, lmmMean{m.Levels, pipeline.Number(m.Value), pipeline.Number(m.SE), pipeline.Number(m.DF), pipeline.Number(m.Low), pipeline.Number(m.High)})
	}
	return out
}

func estimateJSON(e lmm.Estimate) lmmEstimate {
	return lmmEstimate{pipeline.Number(e.Value), pipeline.Number(e.SE), pipeline.Number(e.DF), pipeline.Number(e.T), pipeline.Number(e.P), pipeline.Number(e.Low), pipeline.Number(e.High)}
}

// further computes what only some flags ask for.
func (c *lmmCmd) further(out *lmmJSON, fit *lmm.Fit, small *lmm.Design) error {
	if c.Profile {
		out.Profile = c.profile(fit)
	}
	if small != nil {
		a, b := small.Fit(lmm.ML), fit.Bounded()
		if fit.Method != lmm.ML {
			b = fit.Design.Fit(lmm.ML)
		}
		if n, m := a.Parameters(), b.Parameters(); n >= m {
			return usageError{fmt.Sprintf("--against '%s': it has %d parameters and --formula %d; give the larger model as --formula", c.Against, n, m)}
		}
		r := lmm.LikelihoodRatio(a, b)
		out.LRT = &lmmLRT{Against: c.Against, ChiSq: pipeline.Number(r.ChiSq), DF: pipeline.Number(r.DF), P: pipeline.Number(r.P)}
		if c.Bootstrap > 0 {
			p := pipeline.Number(lmm.BootstrapLRT(a, b, c.Bootstrap, c.Seed, c.Workers))
			out.LRT.PBootstrap = &p
		}
	}
	if c.Bootstrap > 0 {
		out.Bootstrap = &lmmBootstrap{Draws: c.Bootstrap, Seed: c.Seed, Intervals: c.bootstrap(fit)}
	}
	if c.Details {
		out.RandomEffects, out.Residuals = details(fit)
	}
	return nil
}

// profile returns the profile intervals of coefficients, of the standard
// deviations that are parameters of their own, and of the residual's.
func (c *lmmCmd) profile(fit *lmm.Fit) []lmmInterval {
	var out []lmmInterval
	for i, name := range fit.Design.Names {
		low, high := fit.ProfileCoefficient(i, c.Level)
		out = append(out, lmmInterval{"", name, pipeline.Number(low), pipeline.Number(high)})
	}
	for t, g := range fit.Design.Groups {
		if len(g.Terms) == 1 {
			low, high := fit.ProfileSD(t, c.Level)
			out = append(out, lmmInterval{g.Name, g.Terms[0], pipeline.Number(low), pipeline.Number(high)})
		}
	}
	low, high := fit.ProfileSD(-1, c.Level)
	return append(out, lmmInterval{"Residual", "", pipeline.Number(low), pipeline.Number(high)})
}

// bootstrap returns percentile intervals of coefficients and standard
// deviations from responses simulated by the model.
func (c *lmmCmd) bootstrap(fit *lmm.Fit) []lmmInterval {
	var out []lmmInterval
	for _, name := range fit.Design.Names {
		out = append(out, lmmInterval{Term: name})
	}
	sds := []int{} // of VarComps that are variances
	for i, v := range fit.VarComps() {
		if v.Term2 == "" {
			sds = append(sds, i)
			out = append(out, lmmInterval{Group: v.Group, Term: v.Term})
		}
	}
	draws := fit.Bootstrap(c.Bootstrap, c.Seed, c.Workers, func(f *lmm.Fit) []float64 {
		v := slices.Clone(f.Beta)
		comps := f.VarComps()
		for _, i := range sds {
			v = append(v, comps[i].SD)
		}
		return v
	})
	values := make([]float64, len(draws))
	for i := range out {
		for k := range draws {
			values[k] = draws[k][i]
		}
		slices.Sort(values)
		out[i].Low = pipeline.Number(stat.Quantile((1-c.Level)/2, stat.LinInterp, values, nil))
		out[i].High = pipeline.Number(stat.Quantile((1+c.Level)/2, stat.LinInterp, values, nil))
	}
	return out
}

// details returns the random effects and the residuals, by rows of the table.
func details(fit *lmm.Fit) ([]lmmBLUP, []lmmResidual) {
	var blups []lmmBLUP
	for t, b := range fit.RandomEffects() {
		g := fit.Design.Groups[t]
		for i, v := range b {
			blups = append(blups, lmmBLUP{g.Name, g.Levels[i/len(g.Terms)], g.Terms[i%len(g.Terms)], pipeline.Number(v)})
		}
	}
	fitted, residual := fit.Fitted(), fit.Residuals()
	out := make([]lmmResidual, len(fitted))
	for i, row := range fit.Design.Rows {
		out[i] = lmmResidual{row + 1, pipeline.Number(fitted[i]), pipeline.Number(residual[i]), pipeline.Number(residual[i] / fit.Sigma)}
	}
	return blups, out
}
