package corr

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"phasl/internal/sharedtest"
)

// The numbers of other programs: R 4.2.2 (cor.test, boot 1.3-28), ppcor 1.1,
// cocor 1.1-4 and psych 2.2.9. See shared/reference/README.md.

func readReference(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile(sharedtest.Path(t, "reference", "corr", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatal(err)
	}
}

// readColumns reads a table of the reference data; an empty cell or NA is NaN.
func readColumns(t *testing.T, name string) map[string][]float64 {
	t.Helper()
	f, err := os.Open(sharedtest.Path(t, "reference", "corr", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float64{}
	for j, h := range rows[0] {
		for _, r := range rows[1:] {
			v, err := strconv.ParseFloat(r[j], 64)
			if err != nil {
				v = math.NaN()
			}
			out[h] = append(out[h], v)
		}
	}
	return out
}

// near fails unless got is want to a relative tolerance (absolute below 1).
func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(1, math.Abs(want))) {
		t.Errorf("%s = %.15g, want %.15g", what, got, want)
	}
}

// closedForm is the tolerance of closed forms: the references print 15 digits.
const closedForm = 1e-10

func TestCorrelationReference(t *testing.T) {
	var ref struct {
		Results map[string]map[string]struct {
			N       int
			Pearson struct {
				R, T, DF, P float64
				CI95        []float64
				PGreater    float64 `json:"p_greater"`
			}
			Spearman struct {
				Rho float64
				PT  float64 `json:"p_t_approx"`
			}
			Kendall struct {
				TauB float64 `json:"tau_b"`
				Z    float64
				P    float64 `json:"p_normal"`
			}
			FisherZ float64 `json:"fisher_z"`
		}
	}
	readReference(t, "correlation.json", &ref)
	for file, pairs := range ref.Results {
		cols := readColumns(t, file+".csv")
		for pair, want := range pairs {
			x, y, _ := strings.Cut(pair, "~")
			d := Data{X: cols[x], Y: cols[y]}
			name := file + " " + pair
			r := Correlate(d, Options{})
			if r.N != want.N || r.N+len(r.Missing) != len(d.X) {
				t.Errorf("%s: n = %d and %d missing of %d, want n = %d", name, r.N, len(r.Missing), len(d.X), want.N)
			}
			near(t, name+" r", r.R, want.Pearson.R, closedForm)
			near(t, name+" t", r.T, want.Pearson.T, closedForm)
			near(t, name+" df", r.DF, want.Pearson.DF, 0)
			near(t, name+" p", r.P, want.Pearson.P, closedForm)
			near(t, name+" low", r.Low, want.Pearson.CI95[0], closedForm)
			near(t, name+" high", r.High, want.Pearson.CI95[1], closedForm)
			near(t, name+" z", math.Atanh(r.R), want.FisherZ, closedForm)
			near(t, name+" p greater", Correlate(d, Options{Side: Greater}).P, want.Pearson.PGreater, closedForm)
			near(t, name+" p less", Correlate(d, Options{Side: Less}).P, 1-want.Pearson.PGreater, closedForm)
			s := Correlate(d, Options{Method: Spearman})
			near(t, name+" rho", s.R, want.Spearman.Rho, closedForm)
			near(t, name+" p of rho", s.P, want.Spearman.PT, closedForm)
			k := Correlate(d, Options{Method: Kendall})
			near(t, name+" tau", k.R, want.Kendall.TauB, closedForm)
			near(t, name+" z of tau", k.T, want.Kendall.Z, closedForm)
			near(t, name+" p of tau", k.P, want.Kendall.P, closedForm)
		}
	}
}

func TestPermutationReference(t *testing.T) {
	type one struct {
		NPerm int     `json:"n_perm"`
		P     float64 `json:"p_two_sided_plus1"`
	}
	var ref struct {
		ACC      one `json:"permutation_acc_score"`
		Striatum one `json:"permutation_striatum_score"`
		Max      struct {
			P map[string]float64 `json:"p_max_statistic"`
		} `json:"max_statistic_three_regions"`
	}
	readReference(t, "correlation.json", &ref)
	cols := readColumns(t, "corr26.csv")
	const draws = 20_000
	// Both sides are random: four standard errors of the difference.
	tolerance := func(p float64) float64 { return 4 * math.Sqrt(p*(1-p)*(1.0/draws+1.0/100_000)) }
	o := Options{Permutations: draws, Seed: 1}
	for region, want := range map[string]float64{"d_cbf_acc": ref.ACC.P, "d_cbf_striatum": ref.Striatum.P} {
		r := Correlate(Data{X: cols[region], Y: cols["d_score"]}, o)
		near(t, region, r.Permutation.P, want, tolerance(want))
	}
	regions := []string{"d_cbf_acc", "d_cbf_insula", "d_cbf_striatum"}
	var pairs []Pair
	for _, r := range regions {
		pairs = append(pairs, Pair{Data: Data{X: cols[r], Y: cols["d_score"]}})
	}
	for i, c := range Family(pairs, o) {
		want := ref.Max.P[regions[i]]
		near(t, regions[i]+" p max", c.PMax, want, tolerance(want))
	}
}

func TestPartialReference(t *testing.T) {
	var ref struct {
		Results []struct {
			X, Y, Method string
			Covariates   []string
			Formula      struct {
				R, DF, T, P float64
				CI          []float64 `json:"ci95_fisher"`
			} `json:"residual_formula"`
			Semi struct{ Estimate, Statistic float64 } `json:"ppcor_semipartial"`
		}
	}
	readReference(t, "partial_correlation.json", &ref)
	cols := readColumns(t, "corr26.csv")
	if len(ref.Results) < 10 {
		t.Fatalf("%d results", len(ref.Results))
	}
	for _, want := range ref.Results {
		d := Data{X: cols[want.X], Y: cols[want.Y], Names: want.Covariates}
		for _, c := range want.Covariates {
			d.Covariates = append(d.Covariates, cols[c])
		}
		o := Options{}
		if want.Method == "spearman" {
			o.Method = Spearman
		}
		name := want.Method + " " + want.X + " " + strings.Join(want.Covariates, "+")
		r := Correlate(d, o)
		near(t, name+" r", r.R, want.Formula.R, closedForm)
		near(t, name+" df", r.DF, want.Formula.DF, 0)
		near(t, name+" t", r.T, want.Formula.T, closedForm)
		near(t, name+" p", r.P, want.Formula.P, closedForm)
		near(t, name+" low", r.Low, want.Formula.CI[0], closedForm)
		near(t, name+" high", r.High, want.Formula.CI[1], closedForm)
		// ppcor removes the covariates from the second variable.
		o.Remove = FromY
		s := Correlate(d, o)
		near(t, name+" semi-partial", s.R, want.Semi.Estimate, closedForm)
		near(t, name+" t of the semi-partial", s.T, want.Semi.Statistic, closedForm)
		near(t, name+" p of the partial", s.PPartial, want.Formula.P, closedForm)
		// Removed from the first variable of the exchanged pair: the same.
		x := Correlate(Data{X: d.Y, Y: d.X, Covariates: d.Covariates}, Options{Method: o.Method, Remove: FromX})
		near(t, name+" exchanged", x.R, s.R, 1e-14)
	}
}

func TestDependentReference(t *testing.T) {
	type test struct {
		Stat float64 `json:"statistic"`
		P    float64 `json:"p.value"`
		DF   float64
		CI   []float64 `json:"conf.int"`
	}
	var ref struct {
		Results struct {
			N           int
			Overlapping struct {
				RJK   float64 `json:"r_jk"`
				RJH   float64 `json:"r_jh"`
				RKH   float64 `json:"r_kh"`
				Cocor map[string]test
			}
			NonOverlapping struct {
				Matrix [][]float64
				Cocor  map[string]test
			} `json:"non_overlapping"`
			Independent struct{ Cocor map[string]test }
		}
	}
	readReference(t, "dependent_correlation.json", &ref)
	res := ref.Results
	check := func(name string, got Test, want test) {
		t.Helper()
		if want.Stat == 0 {
			t.Fatalf("%s: not in the reference", name)
		}
		near(t, name, got.Stat, want.Stat, closedForm)
		near(t, name+" p", got.P, want.P, closedForm)
		if want.DF != 0 {
			near(t, name+" df", got.DF, want.DF, 0)
		}
	}
	ends := func(name string, low, high float64, want test) {
		t.Helper()
		near(t, name+" low", low, want.CI[0], closedForm)
		near(t, name+" high", high, want.CI[1], closedForm)
	}
	o := res.Overlapping
	d := Overlapping(o.RJK, o.RJH, o.RKH, res.N, 0.95, TwoSided)
	check("Williams", d.Williams, o.Cocor["williams1959"])
	check("Dunn-Clark", d.DunnClark, o.Cocor["dunn1969"])
	check("Steiger", d.Steiger, o.Cocor["steiger1980"])
	check("Meng", d.Meng, o.Cocor["meng1992"])
	check("Hittner", d.Hittner, o.Cocor["hittner2003"])
	ends("Meng", d.MengLow, d.MengHigh, o.Cocor["meng1992"])
	ends("Zou", d.Low, d.High, o.Cocor["zou2007"])

	m, w := res.NonOverlapping.Matrix, res.NonOverlapping.Cocor
	d = NonOverlapping(m[0][1], m[2][3], m[0][2], m[0][3], m[1][2], m[1][3], res.N, 0.95, TwoSided)
	check("Dunn-Clark", d.DunnClark, w["dunn1969"])
	check("Dunn-Clark, as Raghunathan", d.DunnClark, w["raghunathan1996"])
	check("Steiger", d.Steiger, w["steiger1980"])
	check("Silver", d.Hittner, w["silver2004"])
	ends("Zou, not overlapping", d.Low, d.High, w["zou2007"])

	d = Independent(0.55, 26, 0.10, 24, 0.95, TwoSided)
	check("Fisher", d.Steiger, res.Independent.Cocor["fisher1925"])
	ends("Zou, independent", d.Low, d.High, res.Independent.Cocor["zou2007"])

	// The same from the columns: acc and score in condition 1, insula and
	// rating in condition 2.
	c := readColumns(t, "corr26.csv")
	got := Compare(Data{X: c["d_cbf_acc"], Y: c["d_score"]}, Data{X: c["d_cbf_insula"], Y: c["d_rating"]}, Options{})
	near(t, "Compare z", got.Z, w["steiger1980"].Stat, closedForm)
	near(t, "Compare p", got.P, w["steiger1980"].P, closedForm)
	ends("Compare", got.Low, got.High, w["zou2007"])
	// A shared column is the overlapping case.
	got = Compare(Data{X: c["d_score"], Y: c["d_cbf_acc"]}, Data{X: c["d_score"], Y: c["d_cbf_striatum"]}, Options{})
	near(t, "Compare z, overlapping", got.Z, o.Cocor["steiger1980"].Stat, closedForm)
	ends("Compare, overlapping", got.Low, got.High, o.Cocor["zou2007"])
}

func TestBootstrapReference(t *testing.T) {
	var ref struct {
		R, SE float64
		BCA   []float64
	}
	readReference(t, "bootstrap.json", &ref)
	c := readColumns(t, "corr26.csv")
	r := Correlate(Data{X: c["d_cbf_acc"], Y: c["d_score"]}, Options{Bootstrap: 20_000, Seed: 3})
	// Two random sets of 20,000 draws; the README of the data says 0.01.
	near(t, "r", r.R, ref.R, closedForm)
	near(t, "SE", r.Bootstrap.SE, ref.SE, 0.004)
	near(t, "BCa low", r.Bootstrap.Low, ref.BCA[0], 0.01)
	near(t, "BCa high", r.Bootstrap.High, ref.BCA[1], 0.01)
}
