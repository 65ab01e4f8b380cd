package lmm

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"phasl/internal/sharedtest"
)

// The objective is tested at fixed θ, apart from the optimiser. Tolerance:
// rounding only.
func TestDevianceDyestuff(t *testing.T) {
	d := design(t, "Yield ~ 1 + (1|Batch)", readTable(t, "testdata/ref/dyestuff.csv"))
	for _, tt := range []struct {
		name   string
		theta  float64
		method Method
		want   float64
		from   string
	}{
		{"ML", 0.713, ML, 327.34216280954615, "MixedModels.jl test/pls.jl"},
		{"ML optimum", 0.7525806540074477, ML, 327.327059881135, "lme4 test-lmer.R; MixedModels.jl agrees"},
		{"REML", 1, REML, 319.792389042002, "lme4 test-lmer.R, REMLfun(1)"},
	} {
		if got := d.Deviance([]float64{tt.theta}, tt.method); math.Abs(got/tt.want-1) > 1e-12 {
			t.Errorf("%s: Deviance(%g) = %.14g, want %.14g (%s)", tt.name, tt.theta, got, tt.want, tt.from)
		}
	}
	fit := d.Fit(ML)
	near(t, "θ", fit.Theta[0], 0.7525806540074477, 1e-7)
	near(t, "deviance", -2*fit.LogLik, 327.327059881135, 1e-12)
}

// TestOneWayClosedForm: for balanced groups REML is the analysis of variance.
// The intercept has variance MSB/N and, exactly, 5 degrees of freedom.
func TestOneWayClosedForm(t *testing.T) {
	d := design(t, "Yield ~ 1 + (1|Batch)", readTable(t, "testdata/ref/dyestuff.csv"))
	var grand, ssb, ssw float64
	y := d.Response()
	for _, v := range y {
		grand += v / 30
	}
	for b := range 6 {
		var mean float64
		for _, v := range y[5*b : 5*b+5] {
			mean += v / 5
		}
		ssb += 5 * (mean - grand) * (mean - grand)
		for _, v := range y[5*b : 5*b+5] {
			ssw += (v - mean) * (v - mean)
		}
	}
	msb, msw := ssb/5, ssw/24
	fit := d.Fit(REML)
	c := fit.VarComps()
	near(t, "residual variance", c[1].Variance, msw, 1e-9)
	near(t, "batch variance", c[0].Variance, (msb-msw)/5, 1e-9)
	for _, ddf := range []DDF{KenwardRoger, Satterthwaite} {
		e := fit.Coefficients(Inference{DDF: ddf})[0]
		near(t, "mean", e.Value, grand, 1e-12)
		near(t, "SE "+ddf.String(), e.SE, math.Sqrt(msb/30), 1e-9)
		near(t, "df "+ddf.String(), e.DF, 5, 1e-8)
	}
	// The conditional mode of a batch is its mean's deviation, shrunk by
	// 5σ_b²/(5σ_b² + σ²) = 1 − MSW/MSB.
	var first float64
	for _, v := range y[:5] {
		first += v / 5
	}
	near(t, "BLUP", fit.RandomEffects()[0][0], (first-grand)*(1-msw/msb), 1e-8)
}

// TestSplitPlotClosedForm: in a complete crossover the treatment, averaged
// over phases, is the paired t test of session means, with n − 1 degrees of
// freedom; the interaction is tested against the residual stratum.
func TestSplitPlotClosedForm(t *testing.T) {
	tab := crossover(26)
	y := simulate(tab, 1, 11)[0]
	tab.AddNumeric("cbf", y)
	fit := design(t, "cbf ~ treatment*phase + (1|subject/session)", tab).Fit(REML)
	if fit.Singular {
		t.Fatal("the closed form needs positive variances; choose another seed")
	}
	var diff, inter []float64
	for i := 0; i < len(y); i += 4 {
		s := 1.0 // session 1 is placebo for even subjects
		if i/4%2 == 1 {
			s = -1
		}
		diff = append(diff, s*(y[i+2]+y[i+3]-y[i]-y[i+1])/2)
		inter = append(inter, s*(y[i+3]-y[i+2]-y[i+1]+y[i]))
	}
	mean, sd := meanSD(diff)
	tt := mean / (sd / math.Sqrt(26))
	for _, ddf := range []DDF{KenwardRoger, Satterthwaite} {
		tests := fit.TypeIII(Inference{DDF: ddf})
		near(t, "treatment F", tests[0].F, tt*tt, 1e-8)
		near(t, "treatment df", tests[0].DenDF, 25, 1e-7)
		near(t, "interaction df", tests[2].DenDF, 50, 1e-7)
		m, _ := meanSD(inter)
		near(t, "interaction", fit.Coefficients(Inference{DDF: ddf})[3].Value, m, 1e-9)
	}
	// A type III test of two equal hypotheses has one numerator df.
	w := fit.Wald("twice", [][]float64{{0, 1, 0, 0.5}, {0, 2, 0, 1}}, Inference{})
	if w.NumDF != 1 || math.Abs(w.F-tt*tt) > 1e-8*tt*tt {
		t.Errorf("repeated hypothesis: %+v, want one df and F %g", w, tt*tt)
	}
}

func meanSD(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(len(v)-1))
}

// TestUnitsDoNotMatter: estimates follow a change of units and origin, tests
// stay.
func TestUnitsDoNotMatter(t *testing.T) {
	tab := crossover(12)
	y := simulate(tab, 1, 3)[0]
	tab.AddNumeric("cbf", y)
	a := design(t, trialFormula+" + motion", tab).Fit(REML)
	for _, scale := range []float64{1e-6, 1e6} {
		u := crossover(12)
		z := make([]float64, len(y))
		for i, v := range y {
			z[i] = scale * (v + 1000)
		}
		u.AddNumeric("cbf", z)
		b := design(t, trialFormula+" + motion", u).Fit(REML)
		near(t, "sigma", b.Sigma, scale*a.Sigma, 1e-8)
		for i, e := range a.Coefficients(Inference{}) {
			f := b.Coefficients(Inference{})[i]
			near(t, "df", f.DF, e.DF, 1e-6)
			if i > 0 {
				near(t, "t", f.T, e.T, 1e-7)
			}
		}
	}
}

// TestCrossoverTables reproduces shared/data/tables/crossover: nlme 3.1-162
// and lme4 1.1-31; DS01 and DS02 as published by EMA (method B). The values
// are printed to some ten digits, the variances to seven.
func TestCrossoverTables(t *testing.T) {
	raw, err := os.ReadFile(sharedtest.Path(t, "data", "tables", "crossover", "reference_values.json"))
	if err != nil {
		t.Fatal(err)
	}
	var refs []struct {
		File string  `json:"file"`
		NObs int     `json:"n_obs"`
		Diff float64 `json:"beta_T_minus_R"`

		RawSE    json.RawMessage `json:"se"`
		Subject  float64         `json:"var_subject"`
		Residual float64         `json:"var_residual"`
		REML     float64         `json:"logLik_REML"`
		ML       float64         `json:"logLik_ML"`
		CI       []float64       `json:"CI90_percent"`
		DF       float64         `json:"df_containment"`
		Beta     []float64       `json:"beta"`
		SDI      float64         `json:"sd_intercept"`
		SDS      float64         `json:"sd_slope"`
		Corr     float64         `json:"corr"`
		SDR      float64         `json:"sd_residual"`
		Crit     float64         `json:"REML_criterion"`
		T        float64         `json:"t"`
		TDF      float64         `json:"df"`
		P        float64         `json:"p_value"`
	}
	if err := json.Unmarshal(raw, &refs); err != nil {
		t.Fatal(err)
	}
	for _, r := range refs {
		t.Run(r.File, func(t *testing.T) {
			path := sharedtest.Path(t, "data", "tables", "crossover", r.File)
			switch r.File {
			case "sleep.csv":
				fit := design(t, "extra ~ group + (1|ID)", readTable(t, path, "group")).Fit(REML)
				for _, ddf := range []DDF{KenwardRoger, Satterthwaite} {
					e := fit.Coefficients(Inference{DDF: ddf})[1]
					near(t, "paired t", -e.T, r.T, 1e-8)
					near(t, "df", e.DF, r.TDF, 1e-8)
					near(t, "p", e.P, r.P, 1e-8)
				}
			case "sleepstudy.csv":
				fit := design(t, "Reaction ~ Days + (Days | Subject)", readTable(t, path)).Fit(REML)
				var se []float64
				if err := json.Unmarshal(r.RawSE, &se); err != nil {
					t.Fatal(err)
				}
				// lme4's search stopped short of the minimum: at its own θ the
				// deviance is higher than at ours, by the rounding of the
				// printed digits and more, and our gradient vanishes. So its
				// SDs and SEs hold to 1e-5 only. The same program with a tight
				// search (lme4 1.1-31, bobyqa, rhoend 1e-12) has a deviance of
				// 1743.628271958491 and the SEs below.
				tight := []float64{6.82455577628, 1.54578893243}
				for i, e := range fit.Coefficients(Inference{DDF: Satterthwaite}) {
					near(t, "β", e.Value, r.Beta[i], 1e-8)
					near(t, "SE", e.SE, se[i], 1e-5)
					near(t, "SE, tight search", e.SE, tight[i], 1e-6)
				}
				c := fit.VarComps()
				near(t, "SD intercept", c[0].SD, r.SDI, 1e-5)
				near(t, "SD slope", c[1].SD, r.SDS, 1e-5)
				near(t, "correlation", c[2].Corr, r.Corr, 2e-3) // near zero
				near(t, "SD residual", c[3].SD, r.SDR, 1e-5)
				near(t, "REML", -2*fit.LogLik, r.Crit, 1e-9)
				a, b := r.SDI/r.SDR, r.SDS/r.SDR
				theirs := []float64{a, r.Corr * b, b * math.Sqrt(1-r.Corr*r.Corr)}
				gain := fit.Design.Deviance(theirs, REML) + 2*fit.LogLik
				t.Logf("deviance at lme4's θ minus ours: %.1e", gain)
				if !(gain > 0) {
					t.Errorf("the deviance at lme4's θ is lower than at ours, by %g", -gain)
				}
				for i := range fit.Theta {
					const h = 1e-5 // truncation and rounding both leave about 1e-7
					up, down := slices.Clone(fit.Theta), slices.Clone(fit.Theta)
					up[i] += h
					down[i] -= h
					slope := (fit.Design.Deviance(up, REML) - fit.Design.Deviance(down, REML)) / (2 * h)
					if math.Abs(slope) > 2e-6 {
						t.Errorf("the deviance has slope %g in θ %d", slope, i)
					}
				}
			default:
				y := "log(PK)"
				tab := readTable(t, path, "period")
				if tab.find("logPK") != nil {
					y = "logPK"
				}
				d := design(t, y+" ~ sequence + period + treatment + (1|subject)", tab)
				fit := d.Fit(REML)
				if d.N != r.NObs {
					t.Errorf("%d observations, want %d", d.N, r.NObs)
				}
				var se float64
				if err := json.Unmarshal(r.RawSE, &se); err != nil {
					t.Fatal(err)
				}
				e := fit.Coefficients(Inference{DDF: Satterthwaite})[slices.Index(d.Names, "treatmentT")]
				near(t, "T − R", e.Value, r.Diff, 1e-6)
				near(t, "SE", e.SE, se, 1e-6)
				c := fit.VarComps()
				near(t, "subject variance", c[0].Variance, r.Subject, 1e-6)
				near(t, "residual variance", c[1].Variance, r.Residual, 1e-6)
				if math.Abs(fit.LogLik-r.REML) > 1e-6 || math.Abs(d.Fit(ML).LogLik-r.ML) > 1e-6 {
					t.Errorf("log-likelihoods %.8f, %.8f, want %.8f, %.8f", fit.LogLik, d.Fit(ML).LogLik, r.REML, r.ML)
				}
				q := TQuantile(0.1, r.DF)
				for i, s := range []float64{-1, 1} {
					near(t, "90 % CI", 100*math.Exp(e.Value+s*q*e.SE), r.CI[i], 1e-6)
				}
			}
		})
	}
}

// TestTails compares with values of R 4.2 (pt, pf, qt, ptukey; printed to the
// digits given) and with each other.
func TestTails(t *testing.T) {
	near(t, "t at 2, 10", TTail(2, 10), 0.07338803477074037, 1e-12)
	near(t, "normal", TTail(1.959963984540054, math.Inf(1)), 0.05, 1e-12)
	for _, df := range []float64{1, 2.5, 7.3, 40, 74, 1e4} {
		for _, x := range []float64{1e-6, 0.3, 1.7, 6, 40} {
			p := TTail(x, df)
			if p > 1e-300 && p < 1-1e-9 {
				near(t, "quantile of tail", TQuantile(p, df), x, 1e-9)
			}
			near(t, "F(1) is t²", FTail(x*x, 1, df), p, 1e-12)
		}
	}
	// F with two numerator df in closed form: (1 + 2f/d)^(−d/2).
	near(t, "F(2)", FTail(30, 2, 24.5), math.Pow(1+60/24.5, -24.5/2), 1e-12)
	near(t, "χ²", ChiSquareTail(3.841458820694124, 1), 0.05, 1e-12)
	// Cauchy in closed form, far out.
	near(t, "Cauchy", TTail(1e9, 1), 2/math.Pi*1e-9, 1e-12)
	// Two means: the studentised range is √2|t|.
	near(t, "range of 2", TukeyP(2.3, 17.5, 2), TTail(2.3, 17.5), 1e-8)
	// scipy 1.10.1, stats.studentized_range.sf and 2·stats.t.sf.
	near(t, "range of 3", StudentizedRangeTail(3.877676, 3, 10), 0.049948013461912244, 1e-8)
	near(t, "range of 4", StudentizedRangeTail(3.5, 4, 30), 0.08466901694573825, 1e-8)
	near(t, "range of 6", StudentizedRangeTail(9, 6, 7.2), 0.002897988457389533, 1e-7)
	near(t, "t at 20, 10000", TTail(20, 1e4), 2.764652586540701e-87, 1e-10)
	near(t, "t at 40, 40", TTail(40, 40), 7.04081057477845e-34, 1e-10)
	near(t, "t at 40, 74", TTail(40, 74), 7.21161798217215e-52, 1e-10)
	for _, v := range []float64{TTail(math.NaN(), 3), TTail(1, 0), FTail(1, 1, math.NaN()), TQuantile(0, 3), ChiSquareTail(1, 0), StudentizedRangeTail(1, 1, 3)} {
		if !math.IsNaN(v) {
			t.Errorf("an argument out of range gave %g, want NaN", v)
		}
	}
}

// TestProfileClosedForm: without random effects the profile deviance of a
// coefficient is n log(1 + t²/(n − p)).
func TestProfileClosedForm(t *testing.T) {
	tab := crossover(8)
	tab.AddNumeric("cbf", simulate(tab, 1, 5)[0])
	fit := design(t, "cbf ~ phase + motion", tab).Fit(REML)
	low, high := fit.ProfileCoefficient(1, 0.9)
	e := fit.Coefficients(Inference{DDF: Residual})[1]
	nu, n := float64(fit.Design.N-3), float64(fit.Design.N)
	q := math.Sqrt(nu*math.Expm1(chiSquare1(0.9)/n)) * e.SE
	near(t, "low", low, e.Value-q, 1e-6)
	near(t, "high", high, e.Value+q, 1e-6)
	// And of σ: n(s − 1 − log s), s = σ̂²/σ².
	low, high = fit.ProfileSD(-1, 0.95)
	ml := fit.Design.Fit(ML)
	for _, v := range []float64{low, high} {
		s := ml.Sigma * ml.Sigma / (v * v)
		near(t, "rise at the ends", n*(s-1-math.Log(s)), chiSquare1(0.95), 1e-6)
	}
}

// TestProfileDyestuff: confint(lmer(Yield ~ 1 + (1|Batch), Dyestuff, REML =
// FALSE)) prints .sig01 12.19854 84.06305, .sigma 38.22998 67.65770,
// (Intercept) 1486.451 1568.549 (Bates et al. 2015, J Stat Softw 67, and
// lme4's documentation; lme4 interpolates, hence 1e-3).
func TestProfileDyestuff(t *testing.T) {
	fit := design(t, "Yield ~ 1 + (1|Batch)", readTable(t, "testdata/ref/dyestuff.csv")).Fit(REML)
	for _, tt := range []struct {
		name      string
		low, high float64
		got       func() (float64, float64)
	}{
		{"batch SD", 12.19854, 84.06305, func() (float64, float64) { return fit.ProfileSD(0, 0) }},
		{"residual SD", 38.22998, 67.65770, func() (float64, float64) { return fit.ProfileSD(-1, 0) }},
		{"mean", 1486.451, 1568.549, func() (float64, float64) { return fit.ProfileCoefficient(0, 0) }},
	} {
		low, high := tt.got()
		near(t, tt.name+" low", low, tt.low, 1e-3)
		near(t, tt.name+" high", high, tt.high, 1e-3)
	}
}

// TestBootstrapRecovers: the mean of bootstrap estimates is the estimate,
// within four Monte-Carlo errors; the draws do not depend on workers.
func TestBootstrapRecovers(t *testing.T) {
	tab := crossover(20)
	tab.AddNumeric("cbf", simulate(tab, 1, 5)[0])
	fit := design(t, trialFormula, tab).Fit(REML)
	stat := func(f *Fit) []float64 { return []float64{f.Beta[1], f.Sigma * f.Sigma} }
	n := 150
	a, b := fit.Bootstrap(n, 1, 1, stat), fit.Bootstrap(n, 1, 3, stat)
	for k, want := range []float64{fit.Beta[1], fit.Sigma * fit.Sigma} {
		var v []float64
		for i := range a {
			if a[i][k] != b[i][k] {
				t.Fatal("draws depend on the number of workers")
			}
			v = append(v, a[i][k])
		}
		m, sd := meanSD(v)
		if math.Abs(m-want) > 4*sd/math.Sqrt(float64(n)) {
			t.Errorf("statistic %d: mean %g, want %g", k, m, want)
		}
	}
	res, fitted := fit.Residuals(), fit.Fitted()
	for i, y := range fit.Design.Response() {
		near(t, "fitted + residual", res[i]+fitted[i], y, 1e-12)
	}
	large := fit.Design.Fit(ML)
	small := design(t, strings.Replace(trialFormula, "+ period", "", 1), tab).Fit(ML)
	if p, q := BootstrapLRT(small, large, 60, 2, 2), LikelihoodRatio(small, large).P; math.Abs(p-q) > 4*math.Sqrt(q*(1-q)/60)+0.05 {
		t.Errorf("bootstrap p %g, asymptotic %g", p, q)
	}
}
