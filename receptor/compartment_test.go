package receptor_test

import (
	"fmt"
	"math"
	"testing"

	"phasl/receptor"
)

func TestCompartments(t *testing.T) {
	names := []string{"Frontal_Sup_L", "ParaHippocampal_L", "Insula_R", "Hippocampus_R", "Thal_AV_L", "Left-Thalamus-Proper", "N_Acc_L", "SN_pc_R",
		"Cerebellum_Crus1_L", "Cerebelum_3_R", "Vermis_9", "ctx-lh-insula", "7Networks_LH_Vis_1", "NAc-shell-rh"}
	want := map[string]string{receptor.DeepGrey: "[0 0 0 1 1 1 1 1 0 0 0 0 0 1]", receptor.Cerebellar: "[0 0 0 0 0 0 0 0 1 1 1 0 0 0]"}
	got := receptor.Compartments(names)
	if len(got) != 2 {
		t.Fatalf("%d covariates", len(got))
	}
	for _, m := range got {
		if s := fmt.Sprint(m.Values); s != want[m.File] {
			t.Errorf("%s: %s, want %s", m.File, s, want[m.File])
		}
	}
	if got := receptor.Compartments(names[:3]); got != nil {
		t.Errorf("cortex alone has covariates %v", got)
	}
}

// A compartment that no effect reaches is passed over, in the group's map and in
// people's.
func TestCompartmentOutOfReach(t *testing.T) {
	const n, deep = 50, 8
	places, draw := brain(n, 18)
	places.Names = make([]string, n)
	for i := range places.Names {
		if places.Names[i] = fmt.Sprint("cortex ", i); i < deep {
			places.Names[i] = fmt.Sprint("Vermis_", i)
		}
	}
	d := draw()
	short := func() receptor.Map {
		m := receptor.Map{File: "x", Values: draw()}
		for i := range deep {
			m.Values[i] = math.NaN()
		}
		return m
	}
	o := receptor.Options{Surrogates: 99, Covariates: receptor.Compartments(places.Names)}
	panel := []receptor.Density{density("D", d), density("E", draw())}
	if _, l := receptor.Align(short(), panel, places, o); l.Err() != nil {
		t.Error(l)
	}
	if _, l := receptor.Regress(short(), panel, places, 0, o); l.Err() != nil {
		t.Error(l)
	}
	people := []receptor.Map{short(), short(), short(), short()}
	if _, l := receptor.PeopleTest(people, panel, places, o); l.Err() != nil {
		t.Error(l)
	}
	if _, l := receptor.PeopleShift(people, []receptor.Map{short(), short(), short(), short()}, panel, places, o); l.Err() != nil {
		t.Error(l)
	}
	if _, l := receptor.CompareMaps(short(), short(), panel, places, o); l.Err() != nil {
		t.Error(l)
	}
}

// A step between cortex and deep grey matter that an unrelated map and a density
// share is no likeness once the compartment is taken out; without that it mostly
// is. A receptor without values in a compartment is tested all the same.
func TestCompartmentStep(t *testing.T) {
	const n, deep, trials = 60, 12, 60
	places, draw := brain(n, 17)
	places.Names = make([]string, n)
	for i := range places.Names {
		if places.Names[i] = fmt.Sprint("cortex ", i); i < deep {
			places.Names[i] = fmt.Sprint("Thalamus ", i)
		}
	}
	step := func() []float64 {
		x := draw()
		for i := range deep {
			x[i] += 4
		}
		return x
	}
	o := receptor.Options{Surrogates: 99, Families: &receptor.Families{}}
	with, without := 0, 0
	for k := range trials {
		x, d := receptor.Map{File: "x", Values: step()}, step()
		panel := []receptor.Density{density("D", d), density("cortex alone", append([]float64(nil), d...))}
		for i := range deep {
			panel[1].Values[i] = math.NaN()
		}
		o.Seed = uint64(k + 1)
		o.Covariates = nil
		plain, l := receptor.Align(x, panel, places, o)
		o.Covariates = receptor.Compartments(places.Names)
		adjusted, l2 := receptor.Align(x, panel, places, o)
		if l.Err() != nil || l2.Err() != nil {
			t.Fatal(l, l2)
		}
		if plain.Results[0].P <= 0.05 {
			without++
		}
		if adjusted.Results[0].P <= 0.05 {
			with++
		}
		if a := adjusted.Results[1]; a.Reason != "" || a.N != n-deep {
			t.Fatalf("%+v", a)
		}
	}
	if with > 9 || without < 15 {
		t.Errorf("called related: %d of %d with the compartment taken out, %d without", with, trials, without)
	}
}
