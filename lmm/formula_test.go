package lmm

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"phasl/diag"
)

// small is a table with factors a (2 levels) and b (3), a covariate x, groups
// g and h, and a response.
func small() *Table {
	t := NewTable("small.csv")
	var a, b, g, h []string
	var x, y, k []float64
	for i := range 72 {
		a = append(a, []string{"u", "v"}[i%2])
		b = append(b, []string{"p", "q", "r"}[i/2%3])
		g = append(g, string(rune('A'+i/6)))
		h = append(h, string(rune('a'+i%8)))
		x = append(x, math.Sin(float64(i*i)))
		k = append(k, float64(i%2+1))
		y = append(y, 10+math.Cos(float64(3*i*i+1))+float64(i%2)+math.Sin(float64(i/6)))
	}
	t.AddFactor("a", a)
	t.AddFactor("b", b)
	t.AddFactor("g", g)
	t.AddFactor("h", h)
	t.AddNumeric("x", x)
	t.AddNumeric("k", k)
	t.AddNumeric("y", y)
	return t
}

// TestColumns gives the names R's model.matrix gives.
func TestColumns(t *testing.T) {
	for _, tt := range []struct{ formula, want string }{
		{"y ~ 1", "(Intercept)"},
		{"y ~ a", "(Intercept) av"},
		{"y ~ a*b", "(Intercept) av bq br av:bq av:br"},
		{"y ~ b*a", "(Intercept) bq br av bq:av br:av"},
		{"y ~ a:b", "(Intercept) au:bp av:bp au:bq av:bq au:br av:br"},
		{"y ~ a + a:b", "(Intercept) av au:bq av:bq au:br av:br"},
		{"y ~ a/b", "(Intercept) av au:bq av:bq au:br av:br"},
		{"y ~ 0 + a + b", "au av bq br"},
		{"y ~ a + b - 1", "au av bq br"},
		{"y ~ x*a", "(Intercept) x av x:av"},
		{"y ~ x:a", "(Intercept) x:au x:av"},
		{"y ~ (a + b + x)^2 - b:x", "(Intercept) av bq br x av:bq av:br av:x"},
		{"y ~ a*b - a:b", "(Intercept) av bq br"},
		{"y ~ factor(k) + log(x + 2) + I(x^2)", "(Intercept) factor(k)2 log(x + 2) I(x^2)"},
		{"y ~ scale(x, scale=FALSE) + center(x)", "(Intercept) scale(x, scale = FALSE) center(x)"},
		{"log(y) ~ a + (1|g)", "(Intercept) av"},
		{"y ~ (a) + ((x))", "(Intercept) av x"},
		{"`y` ~ `x` + a # no", ""},
	} {
		f, err := ParseFormula(tt.formula)
		if tt.want == "" {
			if err == nil {
				t.Errorf("%s: accepted", tt.formula)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.formula, err)
			continue
		}
		d, err := NewDesign(f, small())
		if err != nil {
			t.Errorf("%s: %v", tt.formula, err)
			continue
		}
		if got := strings.Join(d.Columns, " "); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.formula, got, tt.want)
		}
	}
}

// TestGroups gives the terms and their order as lme4 has them.
func TestGroups(t *testing.T) {
	for _, tt := range []struct{ formula, want string }{
		{"y ~ 1 + (1|g)", "g((Intercept))"},
		{"y ~ 1 + (1|g/b)", "b:g((Intercept)) g((Intercept))"},
		{"y ~ 1 + (1|g:b)", "g:b((Intercept))"},
		{"y ~ 1 + (x|g)", "g((Intercept) x)"},
		{"y ~ 1 + (0+x|g)", "g(x)"},
		{"y ~ 1 + (x||g)", "g((Intercept)) g(x)"},
		{"y ~ 1 + (1|h) + (1|g)", "g((Intercept)) h((Intercept))"},
		{"y ~ 1 + (a|g)", "g((Intercept) av)"},
		{"y ~ 1 + (0+a|g)", "g(au av)"},
	} {
		var got []string
		for _, g := range design(t, tt.formula, small()).Groups {
			got = append(got, g.Name+"("+strings.Join(g.Terms, " ")+")")
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.formula, s, tt.want)
		}
	}
}

// TestFaults: each fault is a problem that names the place and a remedy.
func TestFaults(t *testing.T) {
	for _, tt := range []struct{ formula, found, fix string }{
		{"y ~ treatment", "no such column", "choose one of: a, b"},
		{"y ~ a + emtpy", "no such column", "write empty"},
		{"y", "expected", "response ~"},
		{"y ~", "end", "column"},
		{"y ~ a +", "end", "column"},
		{"y ~ (1|g", "expected", "close"},
		{"y ~ 1|g", "not expected", ""},
		{"y ~ a * (1|g)", "inside a product", "add it"},
		{"y ~ lgo(x)", "not a function", "write log"},
		{"y ~ a ^ 99", "power", ""},
		{"y ~ 3", "not an effect", ""},
		{"y ~ a $ b", "no meaning", "backticks"},
		{"y ~ `a", "not closed", ""},
		{"a ~ x", "text or is a factor", ""},
		{"y ~ log(a)", "text or is a factor", ""},
		{"y ~ log(x - x)", "infinite", ""},
		{"y ~ x + (1|one)", "one level", "take the random effect out"},
		{"y ~ one", "one level", "take it out"},
		{"y ~ x + (1|id)", "cannot be told from the residual", "coarser"},
		{"y ~ x + (x|g/h)", "cannot be told from the residual", ""},
		{"y ~ empty", "no row has all of", ""},
		{"flat ~ a", "constant", ""},
		{"y ~ factor(id)", "cannot estimate", ""},
		{"y ~ x + (1|log(x))", "not a group", ""},
		{"y ~ scale(x, foo = 3)", "arguments", ""},
		{"1 ~ x", "not a column", ""},
		{"y ~ " + strings.Repeat("(", 300) + "a" + strings.Repeat(")", 300), "nested too deeply", ""},
		{"y ~ " + strings.Repeat("-", 300) + "a", "nested too deeply", ""},
	} {
		tab := small()
		n := tab.Len()
		one, id := make([]string, n), make([]float64, n)
		for i := range n {
			one[i], id[i] = "same", float64(i)
		}
		tab.AddFactor("one", one)
		tab.AddNumeric("id", id)
		tab.AddNumeric("empty", constant(math.NaN(), n))
		tab.AddNumeric("flat", constant(3.3, n))
		f, err := ParseFormula(tt.formula)
		if err == nil {
			_, err = NewDesign(f, tab)
		}
		l, ok := errors.AsType[diag.List](err)
		if !ok || len(l) == 0 {
			t.Errorf("%.40s: error %v, want a list of problems", tt.formula, err)
			continue
		}
		if !strings.Contains(l.Error(), tt.found) {
			t.Errorf("%.40s: %v, want it to say %q", tt.formula, l, tt.found)
		}
		if !slices.ContainsFunc(l, func(p *diag.Problem) bool { return p.Fix != "" && strings.Contains(p.Fix, tt.fix) }) {
			t.Errorf("%.40s: fix %q, want %q", tt.formula, l[0].Fix, tt.fix)
		}
	}
}

// TestAllFaultsAtOnce: every unknown column is named.
func TestAllFaultsAtOnce(t *testing.T) {
	f, err := ParseFormula("yy ~ aa + (1|gg)")
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewDesign(f, small())
	if l, ok := errors.AsType[diag.List](err); !ok || len(l) != 3 {
		t.Errorf("%v, want three problems", err)
	}
}

// TestDependentColumns: of dependent columns the last are left out and named,
// the others are as without them, and what they leave undetermined is NaN.
func TestDependentColumns(t *testing.T) {
	tab := small()
	x := tab.find("x").num
	twice := make([]float64, len(x))
	for i, v := range x {
		twice[i] = 3 - 2*v
	}
	tab.AddNumeric("twice", twice)
	with := design(t, "y ~ a + x + twice + (1|g)", tab)
	if !slices.Equal(with.Dropped, []string{"twice"}) || len(with.Warnings) != 1 {
		t.Errorf("dropped %v, warnings %v", with.Dropped, with.Warnings)
	}
	without := design(t, "y ~ a + x + (1|g)", tab)
	for i, e := range without.Fit(REML).Coefficients(Inference{}) {
		near(t, e.Name, with.Fit(REML).Beta[i], e.Value, 1e-12)
	}
	// A cell of a × b without rows: its mean cannot be estimated.
	gap := NewTable("gap")
	for _, c := range small().cols {
		n := column{name: c.name, levels: c.levels}
		for i := range 72 {
			if i%2 == 1 && i/2%3 == 2 {
				continue
			}
			if c.levels != nil {
				n.codes = append(n.codes, c.codes[i])
			} else {
				n.num = append(n.num, c.num[i])
			}
		}
		gap.add(n, max(len(n.codes), len(n.num)))
	}
	fit := design(t, "y ~ a*b + (1|g)", gap).Fit(REML)
	means, err := fit.Means([]string{"a", "b"}, Inference{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range means {
		if empty := m.Levels["a"] == "v" && m.Levels["b"] == "r"; empty != math.IsNaN(m.Value) {
			t.Errorf("mean of %v is %g", m.Levels, m.Value)
		}
	}
	if n := len(Pairs(means)); n != 10 {
		t.Errorf("%d pairs of five means, want 10", n)
	}
	for _, tt := range fit.TypeIII(Inference{DDF: Satterthwaite}) {
		if math.IsNaN(tt.P) {
			t.Errorf("type III of %s is NaN", tt.Term)
		}
	}
}

func TestContrasts(t *testing.T) {
	d := design(t, "y ~ a*b + scale(x, scale = FALSE) + (1|g)", small())
	for _, tt := range []struct {
		text string
		want []float64 // (Intercept) av bq br x av:bq av:br
		err  string
	}{
		{"d = av", []float64{0, 1, 0, 0, 0, 0, 0}, ""},
		{"d=-av + 1/2*av:bq - .5 * `av:br`", []float64{0, -1, 0, 0, 0, 0.5, -0.5}, ""},
		{"m = (Intercept) + 2*scale(x, scale = FALSE)", []float64{1, 0, 0, 0, 2, 0, 0}, ""},
		{"av - bq", nil, "no name"},
		{"d = aw", nil, "not a coefficient"},
		{"d = ", nil, "nothing"},
		{"d = av bq", nil, "not a coefficient"},
		{"d = av - av", nil, "zero"},
		{"d = 1/0*av", nil, "finite"},
	} {
		c, err := d.ParseContrast(tt.text)
		switch {
		case tt.err == "" && (err != nil || !slices.Equal(c.Weights, tt.want)):
			t.Errorf("%s: %v %v, want %v of %v", tt.text, c.Weights, err, tt.want, d.Names)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s: error %v, want %q", tt.text, err, tt.err)
		}
	}
}

func TestReferenceLevels(t *testing.T) {
	tab := small()
	if err := tab.SetReference("b", "r"); err != nil {
		t.Fatal(err)
	}
	if err := tab.SetReference("k", "2"); err != nil {
		t.Fatal(err)
	}
	if got := design(t, "y ~ b + k", tab).Names; !slices.Equal(got, []string{"(Intercept)", "bp", "bq", "k1"}) {
		t.Errorf("names %v", got)
	}
	for _, r := range [][2]string{{"c", "p"}, {"b", "z"}} {
		if err := tab.SetReference(r[0], r[1]); err == nil {
			t.Errorf("reference %v accepted", r)
		}
	}
}

// TestGroupNamesMayHaveColons: combinations are told apart by their levels,
// not by their joined names.
func TestGroupNamesMayHaveColons(t *testing.T) {
	tab := NewTable("colons")
	tab.AddFactor("a", []string{"x", "x:y", "x", "x:y", "x", "x:y", "p", "p"})
	tab.AddFactor("b", []string{"y:z", "z", "y:z", "z", "y:z", "z", "q", "q"})
	tab.AddNumeric("y", []float64{1, 2, 4, 3, 2, 5, 1, 2.5})
	if g := design(t, "y ~ 1 + (1|a:b)", tab).Groups[0]; len(g.Levels) != 3 {
		t.Errorf("levels %v, want three", g.Levels)
	}
}

// TestNoFixedEffects: a model of random effects alone, and one of nothing.
func TestNoFixedEffects(t *testing.T) {
	fit := design(t, "y ~ 0 + (1|g)", small()).Fit(REML)
	ml := fit.Design.Fit(ML)
	near(t, "REML is ML", fit.LogLik, ml.LogLik, 1e-12)
	if len(fit.Coefficients(Inference{})) != 0 || len(fit.TypeIII(Inference{})) != 0 {
		t.Error("coefficients or terms of an empty model")
	}
	// Without random effects ML is the normal likelihood.
	d := design(t, "y ~ 0", small())
	s2 := dot(d.y, d.y) / float64(d.N)
	near(t, "log-likelihood", d.Fit(ML).LogLik, -0.5*float64(d.N)*(1+math.Log(2*math.Pi*s2)), 1e-12)
}

// TestInfiniteCovariate is refused, whatever made it.
func TestInfiniteCovariate(t *testing.T) {
	tab := small()
	x := constant(1, tab.Len())
	x[3] = math.Inf(1)
	tab.AddNumeric("inf", x)
	f, err := ParseFormula("y ~ inf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewDesign(f, tab); err == nil || !strings.Contains(err.Error(), "row 4 is infinite") {
		t.Errorf("error %v", err)
	}
}

func FuzzParseFormula(f *testing.F) {
	for _, s := range []string{"y ~ a*b + (1|g/h)", "y ~ scale(x, scale = FALSE) - 1", "log(y) ~ (a+b)^3 + (x||g)", "~", "y ~ I(x^2):a", "`a b` ~ 1e9", "y~x-(-1)", "y ~ (1|g)*(a)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 400 {
			return
		}
		m, err := ParseFormula(s)
		if err != nil {
			if _, ok := errors.AsType[diag.List](err); !ok {
				t.Fatalf("%v is not a list of problems", err)
			}
			return
		}
		d, err := NewDesign(m, small())
		if err == nil && d.orth.p > 0 && d.orth.p < 12 && d.m < 4 {
			d.Fit(REML).TypeIII(Inference{})
		}
	})
}
