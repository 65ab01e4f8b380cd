package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestNumber(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{number(nan, 3), "–"}, {number(56.249, 3), "56.2"}, {number(-0.04567, 2), "−0.046"}, {number(0, 3), "0"}, {number(123456, 3), "123456"},
		{number(1.5e-6, 2), "1.5 × 10⁻⁶"}, {number(math.Inf(1), 3), "∞"}, {number(math.Inf(-1), 3), "−∞"},
		{fixed(-0.04, 1), "0.0"}, {fixed(-0.06, 1), "−0.1"}, {fixed(nan, 1), "–"}, {fixed(1.005, 2), "1.00"},
		{short(0.780), "0.78"}, {short(100), "100"}, {short(nan), "–"},
		{exact(1.65), "1.65"}, {exact(0.5799), "0.5799"}, {exact(6000), "6000"}, {exact(-2), "−2"},
		{percent(0.876), "88 %"}, {percent(nan), "–"},
		{rangeText(nan, nan, "s"), "–"}, {rangeText(0.4, nan, "s"), "from 0.4 s"}, {rangeText(nan, 5, "%"), "up to 5 %"}, {rangeText(40, 100, ""), "40–100"},
		{coord(1), "1"}, {coord(100), "100"}, {coord(-0.001), "0"}, {coord(2.505), "2.5"}, {coord(nan), "0"},
		{plural(1, "pair", "pairs"), "1 pair"}, {plural(0, "pair", "pairs"), "0 pairs"},
		{clip("abcdef", 4), "abc…"}, {clip("åäö", 3), "åäö"},
		{signed(-3.6), "−4"}, {signed(0.2), "0"}, {signed(12), "+12"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		lo, hi float64
		n      int
		want   []float64
	}{
		{0, 80, 8, []float64{0, 10, 20, 30, 40, 50, 60, 70, 80}},
		{0, 0.3, 3, []float64{0, 0.1, 0.2, 0.3}},
		{-0.25, 0.31, 4, []float64{-0.2, 0, 0.2}},
		{1.1, 1.31, 4, []float64{1.1, 1.2, 1.3}},
		{5, 5, 4, nil}, {nan, 1, 4, nil}, {0, math.Inf(1), 3, nil},
	} {
		if got := niceTicks(tt.lo, tt.hi, tt.n); !slices.Equal(got, tt.want) {
			t.Errorf("niceTicks(%g, %g, %d) = %v, want %v", tt.lo, tt.hi, tt.n, got, tt.want)
		}
	}
	for _, tt := range []struct {
		v, span float64
		want    string
	}{{0.2, 0.6, "0.2"}, {-0.05, 0.2, "−0.05"}, {1000, 4000, "1000"}, {0, 1, "0"}, {2e6, 5e6, "2e+06"}} {
		if got := tickLabel(tt.v, tt.span); got != tt.want {
			t.Errorf("tickLabel(%g, %g) = %q, want %q", tt.v, tt.span, got, tt.want)
		}
	}
	for v, want := range map[float64]float64{73: 80, 100: 100, 0.011: 0.012, 0: 1, -3: 1} {
		if got := niceCeil(v); math.Abs(got-want) > 1e-12 {
			t.Errorf("niceCeil(%g) = %g, want %g", v, got, want)
		}
	}
}

func TestSpanOf(t *testing.T) {
	if lo, hi := spanOf(nil, []float64{nan, math.Inf(1)}); lo != 0 || hi != 1 {
		t.Errorf("no values: %g to %g", lo, hi)
	}
	if lo, hi := spanOf(nil, []float64{3}); !(lo < 3 && 3 < hi) {
		t.Errorf("one value: %g to %g", lo, hi)
	}
	if lo, _ := spanOf([]float64{0}, []float64{3}); lo != 0 {
		t.Errorf("from nothing: %g", lo)
	}
}

func TestQuantile(t *testing.T) {
	v := []float32{float32(nan), 3, 1, 2, 5, 4, float32(math.Inf(1))}
	for p, want := range map[float64]float64{0: 1, 0.5: 3, 1: 5} {
		if got := quantile(v, nil, p); got != want {
			t.Errorf("quantile %g is %g, want %g", p, got, want)
		}
	}
	if got := quantile(v, []bool{true, false, false, false, false, false, true}, 0.5); !math.IsNaN(got) {
		t.Errorf("of nothing: %g", got)
	}
	big := make([]float32, 3*maxSample+17)
	for i := range big {
		big[i] = float32(i*7919%len(big)) / float32(len(big))
	}
	if got := quantile(big, nil, 0.9); math.Abs(got-0.9) > 4e-3 { // the sample's position varies by 1/√50000
		t.Errorf("sampled: %g, want 0.9", got)
	}
}

// Every equation the program writes is understood, and typeset as XML.
func TestFormula(t *testing.T) {
	for _, e := range []string{
		"CBF = 6000·λ·ΔM·exp(PLD/T1b)/(2·α·T1b·M0·(1 − exp(−τ/T1b)))",
		"CBF = 6000·λ·ΔM·exp(TI/T1b)/(2·α·αbs^4·(TI − TI1)·M0)",
		"ΔM(t) = 2·(M0/λ)·f·∫₀ᵗ c(s)·exp(−(t − s)/T1′) ds, c(s) = α·exp(−Δt/T1b) for Δt ≤ s < Δt + τ, 1/T1′ = 1/T1t + |f|/λ, CBF = 6000·f",
		"M0 = SF·NEX·PD/(1 − exp(−ST/T1))",
		"T1b",
	} {
		m, ok := formula(e)
		if !ok {
			t.Errorf("not understood: %s", e)
			continue
		}
		dec := xml.NewDecoder(strings.NewReader(m))
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", e, err)
				break
			}
		}
	}
	for _, e := range []string{"", "(", "a /", "as given: see above", "M0 = 1, |f| = 50/6000 in T1′, and CBF scaled to a median of 1 in the brain", "CBF as given", "a ++ b", "1 = ", "|x", strings.Repeat("(", 500) + "x" + strings.Repeat(")", 500), "x²"} {
		if m, ok := formula(e); ok {
			t.Errorf("understood %q as %s", e, m)
		}
	}
	m, _ := formula("CBF = 6000 · λ · (ΔM/M0) · exp(PLD/T1b) / (2 · αbs^2 · T1b · (1 − exp(−τ/T1b)))")
	golden(t, "formula.mathml", m+"\n")
}

func FuzzFormula(f *testing.F) {
	f.Add("CBF = 6000·λ·ΔM/(2·α^2)")
	f.Add("∫₀ᵗ |x| for (")
	f.Fuzz(func(t *testing.T, s string) {
		m, ok := formula(s)
		if !ok {
			return
		}
		dec := xml.NewDecoder(strings.NewReader(m))
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatalf("%q: %v\n%s", s, err, m)
			}
		}
	})
}

func TestMethods(t *testing.T) {
	p, refs := Methods(fullInfo(full().Scans[0].Constants))
	var b strings.Builder
	for _, q := range p {
		b.WriteString(q.Heading + "\n" + q.Text + "\n\n")
	}
	for _, r := range refs {
		b.WriteString(number(float64(r.Number), 1) + ". " + r.Text + " doi:" + r.DOI + "\n")
	}
	golden(t, "methods.txt", b.String())

	// Numbers run from 1 in order of first citation, each is cited, and none is cited that is not listed.
	text := b.String()[:strings.Index(b.String(), "\n1. ")]
	last := 0
	for _, q := range p {
		for _, part := range cite(q.Text, refs) {
			for _, n := range part.Refs {
				if n > last+1 {
					t.Errorf("citation %d before %d", n, last+1)
				}
				last = max(last, n)
			}
			if strings.Contains(part.Text, "[") {
				t.Errorf("a citation is not understood: %q", part.Text)
			}
		}
	}
	if last != len(refs) {
		t.Errorf("%d works listed, %d cited", len(refs), last)
	}
	for _, bad := range []string{"  ", " .", "..", ",.", "()", "[]"} {
		if strings.Contains(text, bad) {
			t.Errorf("text holds %q", bad)
		}
	}
}

// Every combination of what was done gives whole sentences.
func TestMethodsCombinations(t *testing.T) {
	for _, labelling := range []string{"", "PCASL", "CASL", "PASL"} {
		for _, m0 := range []string{"", "separate", "included", "estimate", "control", "product", "absent"} {
			for _, model := range []string{"", "white-paper", "kinetic", "multi-delay"} {
				for _, input := range []string{"", "deltam", "cbf"} {
					p, refs := Methods(Info{Labelling: labelling, M0: m0, Model: model, Input: input, PLD: []float64{0.5, 1, 1.5}, BolusCutOff: "Q2TIPS", SliceTimed: model != "", M0TR: 3,
						Suppressed: input == "", ToAnatomy: "boundary", Template: "MNI152NLin6Asym", Warp: "syn"})
					for i, r := range refs {
						if r.Number != i+1 || r.Text == "" || r.DOI == "" {
							t.Fatalf("reference %d is %+v", i+1, r)
						}
					}
					for _, q := range p {
						if !strings.HasSuffix(q.Text, ".") || strings.Contains(q.Text, "  ") || strings.Contains(q.Text, " .") || strings.Contains(q.Text, "..") {
							t.Fatalf("bad sentence: %s", q.Text)
						}
					}
				}
			}
		}
	}
	if p, refs := Methods(Info{}); len(p) != 2 || len(refs) != 1 {
		t.Errorf("nothing done gives %v and %d references", p, len(refs))
	}
}

func TestChartsGolden(t *testing.T) {
	m := &Motion{Volumes: []Volume{{Kind: "control"}, {Kind: "label"}, {Kind: "control", Excluded: true, Reason: "moved"}},
		Translation: [][3]float64{{0, 0, 0}, {0.1, -0.1, 0.2}, {1, 0, nan}}, FD: []float64{nan, 0.3, 1.4}, FDLimit: 1}
	golden(t, "motion.svg", drawMotion("m", m)+"\n")
	golden(t, "pairs.svg", drawPairs("p", []Pair{{Mean: 5}, {Mean: 6}, {Mean: 20, Outlier: true, Reason: "moved"}, {Mean: 5.5}})+"\n")
	golden(t, "delays.svg", drawPairs("d", []Pair{{Mean: 2, PLD: 0.5}, {Mean: 6, PLD: 1}, {Mean: 5, PLD: 1.5}})+"\n")
	golden(t, "range.svg", drawRange(Metric{Name: "a", Value: 3, Low: 4, High: 8})+"\n")
	s := &Scan{Regions: []Region{{Name: "sgACC", Key: true, CBF: 50, SE: 2}, {Name: "pgACC", Key: true, CBF: nan}, {Name: "other", CBF: 10}}}
	golden(t, "regions.svg", drawRegions("r", []*Scan{s, s}, []string{"one", "two"})+"\n")
}

// Works are known by one DOI each, and constants are cited by the DOI of their
// source.
func TestConstantSources(t *testing.T) {
	seen := map[string]string{}
	for key, r := range works {
		if other, ok := seen[strings.ToLower(r.DOI)]; ok {
			t.Errorf("%s and %s share a DOI", key, other)
		}
		seen[strings.ToLower(r.DOI)] = key
		if !strings.HasSuffix(r.Text, ".") || r.DOI == "" {
			t.Errorf("%s: %+v", key, r)
		}
	}
	_, refs := Methods(Info{Model: "product", Constants: []Constant{
		{Name: "BloodT1", Value: 1.65, Source: "Alsop et al. 2015, doi:10.1002/mrm.25197", From: "default"},
		{Name: "GreyMatterT1", Value: 1.3, Source: "Wansapura et al. 1999, doi:10.1002/(SICI)1522-2586(199904)9:4<531::AID-JMRI4>3.0.CO;2-L", From: "default"},
		{Name: "x", Value: 1, Source: "Doe 2001, doi:10.1/x.", From: "default"},
		{Name: "LabelingEfficiency", Value: 0.8, Source: "Dai et al. 2008, doi:10.1002/mrm.21790", From: "user"},
		{Name: "y", Value: 1, Source: "folklore"}}})
	var got []string
	for _, r := range refs {
		got = append(got, r.DOI)
	}
	want := []string{"10.1038/s41597-022-01615-9", "10.1002/mrm.25197", "10.1002/(SICI)1522-2586(199904)9:4<531::AID-JMRI4>3.0.CO;2-L", "10.1/x"}
	if !slices.Equal(got, want) {
		t.Errorf("cited %q, want %q", got, want)
	}
	if refs[3].Text != "Doe 2001." {
		t.Errorf("unknown work is called %q", refs[3].Text)
	}
}
