package receptor_test

import (
	"math"
	"strings"
	"testing"

	"phasl/atlas"
	"phasl/receptor"
)

func TestSameTarget(t *testing.T) {
	same := []string{"GABAA-alpha5", "GABAAα5", "gabaa a5", "GABAAa5"}
	for _, a := range same {
		for _, b := range same {
			if !receptor.SameTarget(a, b) {
				t.Errorf("%q and %q are one target", a, b)
			}
		}
		for _, b := range []string{"GABAA", "GABAAa1", "mGluR5", ""} {
			if receptor.SameTarget(a, b) {
				t.Errorf("%q and %q are not one target", a, b)
			}
		}
	}
}

// An entry of exclude that no region is of is named, but for the cerebellum, which
// an atlas need not have, and "none".
func TestExcludeOfNothing(t *testing.T) {
	for _, tt := range []struct {
		exclude []string
		left    int // parcels with a value
		warned  string
	}{
		{[]string{"cerebelum"}, 2, ""},
		{[]string{"vermis", "none"}, 2, ""},
		{[]string{"fooregion", "putamen"}, 2, "fooregion"},
		{nil, 3, ""},
	} {
		panel, l := receptor.NewPanel([]receptor.Column{{File: "a.nii", Values: []float64{1, 2, 3}}}, []receptor.Source{{File: "a.nii", Target: "A", Exclude: tt.exclude}}, "r.tsv", []string{"Cerebellum_L", "Putamen_L", "Insula_L"})
		left := 0
		for _, v := range panel[0].Values {
			if !math.IsNaN(v) {
				left++
			}
		}
		if left != tt.left || (tt.warned == "") != (len(l) == 0) || tt.warned != "" && !strings.Contains(l[0].Found, tt.warned) {
			t.Errorf("%v: %d parcels left, %v", tt.exclude, left, l)
		}
	}
}

func TestReadSources(t *testing.T) {
	head := []string{"file", "target", "tracer", "n", "paper", "licence", "space", "exclude"}
	s, l := receptor.ReadSources(atlas.Table{File: "r.tsv", Header: head, Rows: [][]string{
		{"a.nii.gz", "MOR", "[11C]carfentanil", "204", "Kantonen 2020", "CC", "MNI", "occipital; cerebellum"},
		{`maps\b.nii`, "KOR", "n/a", "n/a"},
	}})
	if len(l) > 0 {
		t.Fatal(l)
	}
	if a := s[0]; a.Target != "MOR" || a.N != 204 || len(a.Exclude) != 2 || a.Exclude[1] != "cerebellum" {
		t.Errorf("first row %+v", a)
	}
	if b := s[1]; b.File != "b.nii" || b.Tracer != "" || b.N != 0 {
		t.Errorf("second row %+v", b)
	}
	for _, tt := range []struct {
		header []string
		rows   [][]string
		want   string
	}{
		{[]string{"file", "receptor"}, nil, "r.tsv: target: there is no such column"},
		{[]string{"file", "target", "target"}, nil, "two columns have this name"},
		{head, [][]string{{"a.nii", ""}}, "row 1: it has no file or no target"},
		{head, [][]string{{"a.nii", "A"}, {"a.nii", "B"}}, "row 2: a.nii has a row already, row 1"},
		{head, [][]string{{"a.nii", "A", "", "many"}}, `n is "many"`},
		{[]string{"file", "target", "tracers"}, nil, "tracers: the column is passed over"},
	} {
		_, l := receptor.ReadSources(atlas.Table{File: "r.tsv", Header: tt.header, Rows: tt.rows})
		if !strings.Contains(l.Error(), tt.want) {
			t.Errorf("no %q in %v", tt.want, l)
		}
	}
}

// Each way in which a panel can be broken is named.
func TestPanelNamesFaults(t *testing.T) {
	names := []string{"Cortex_L", "Cortex_R", "Cerebelum_Crus1_L", "Vermis_3"}
	v := []float64{1, 2, 3, 4}
	sources := []receptor.Source{
		{File: "a.nii.gz", Target: "GABAA", Exclude: []string{"cerebellum"}},
		{File: "b.nii.gz", Target: "gabaa"},
		{File: "gone.nii.gz", Target: "KOR"},
	}
	panel, l := receptor.NewPanel([]receptor.Column{
		{File: "maps/a.nii.gz", Values: v}, {File: "b.nii", Values: []float64{4, 1, 3, 5}}, {File: "c.nii", Values: []float64{1, 2, 9, 9}},
		{File: "zero.nii", Values: make([]float64, 4)}, {File: "nan.nii", Values: []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN()}},
		{File: "d.nii", Values: []float64{4, 1, 3, 5}},
	}, sources, "receptors.tsv", names)
	if l.Err() != nil {
		t.Fatal(l)
	}
	for _, want := range []string{
		"c.nii: target: receptors.tsv has no row for it; its target is called c",
		"receptors.tsv: gone.nii.gz: it has a row (KOR) and was not given",
		"2 maps are of one target (gabaa): a.nii.gz, b.nii.gz",
		"zero.nii: all parcels are 0",
		"nan.nii: no parcel has a value",
		"its values are those of b.nii.gz",
	} {
		if !strings.Contains(l.Error(), want) {
			t.Errorf("no %q in\n%v", want, l)
		}
	}
	// AAL's spellings are the cerebellum too.
	if a := panel[0]; !math.IsNaN(a.Values[2]) || !math.IsNaN(a.Values[3]) || len(a.Excluded) != 2 || v[2] != 3 {
		t.Errorf("values %v with the cerebellum left out, and the caller's %v", a.Values, v)
	}
	if l := receptor.Cerebellum(panel, names); len(l) != 1 || !strings.Contains(l.Error(), "2 parcels lie in the cerebellum") || strings.Contains(l.Error(), "GABAA,") {
		t.Errorf("the cerebellum: %v", l)
	}
	if _, l := receptor.NewPanel([]receptor.Column{{File: "x/a.nii", Values: v}, {File: "y/a.nii.gz", Values: v}}, nil, "", names); l.Err() == nil || !strings.Contains(l.Error(), "two maps of the panel have this name") {
		t.Errorf("a file twice: %v", l)
	}
}

func TestStandardise(t *testing.T) {
	z := receptor.Standardise([]float64{1, math.NaN(), 2, 3})
	for i, want := range []float64{-1, math.NaN(), 0, 1} {
		if got := z[i]; !(math.Abs(got-want) < 1e-12) && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("z[%d] = %g, want %g", i, got, want)
		}
	}
	if z := receptor.Standardise([]float64{5, 5}); !math.IsNaN(z[0]) {
		t.Errorf("constant values become %g", z[0])
	}
}
