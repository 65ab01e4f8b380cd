package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"phasl/nullmap"
	"phasl/receptor"
	"phasl/voxel"
)

// What is missing is said, and the rest of the page is there.
func TestReceptorsMissing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		panel  fakePanel
		change func(q *Receptors)
		want   []string
		never  []string
	}{
		{"no people's maps", fakePanel{places: 30, receptors: 3, people: 6, method: receptor.Pearson, seed: 4}, func(q *Receptors) {
			for i := range q.Effects {
				q.Effects[i].People, q.Effects[i].PeopleNote = nil, "There is no test over people: 2 have a map"
			}
		}, []string{"This speaks for other places only, not for other people.", "There is no test over people: 2 have a map.", "places only", "p speaks for other places only", "30 regions are few"}, []string{"parcel", "p (both)", "mean of people", "people’s map", "people and places", "new people"}},
		{"no regression", fakePanel{places: 30, receptors: 3, people: 6, method: receptor.Spearman, seed: 4}, func(q *Receptors) {
			for i := range q.Effects {
				q.Effects[i].Regression, q.Effects[i].Note = nil, "The receptors were not taken together: D2 is determined by those before it"
			}
		}, []string{"All receptors at once The receptors were not taken together: D2 is determined by those before it."}, []string{"dominance", "How alike the densities are"}},
		{"a receptor without values", fakePanel{places: 30, receptors: 3, people: 6, method: receptor.Spearman, seed: 4}, func(q *Receptors) {
			for k := range q.Panel[1].Values {
				q.Panel[1].Values[k] = nan
			}
			for i := range q.Effects {
				e := &q.Effects[i]
				a, p := &e.Alignments.Results[1], &e.People.Results[1]
				*a = receptor.Alignment{Target: a.Target, File: a.File, R: nan, P: nan, PFWE: nan, NullMean: nan, NullSD: nan, Z: nan, Low: nan, High: nan, Parametric: nullmap.Test{Effective: nan, P: nan}, Reason: "its values do not vary"}
				*p = receptor.PeopleAlignment{Target: p.Target, File: p.File, Mean: nan, Low: nan, High: nan, T: nan, DF: nan, P: nan, PFlip: nan, PFlipFWE: nan, R: nan, PPlaces: nan, Joint: nan, PJoint: nan, PJointFWE: nan, NullLow: nan, NullHigh: nan, PBoth: nan, SharePeople: nan, Reason: "its values do not vary"}
			}
		}, []string{"not computed: its values do not vary", "Not computed: 5-HT2A.", "5-HT2A 0 – – – – – – – – – Its values do not vary", "5-HT2A 0 – – – – – – Its values do not vary", "0 of 30"}, nil},
		{"one receptor", fakePanel{places: 30, receptors: 1, people: 6, method: receptor.Pearson, seed: 4}, nil, []string{"The one receptor explains the effect over 30 regions"}, []string{"How alike the densities are"}},
		{"no alignments", fakePanel{places: 30, receptors: 2, people: 6, method: receptor.Pearson, seed: 4}, func(q *Receptors) {
			for i := range q.Effects {
				q.Effects[i].Alignments = nil
			}
		}, []string{"people and places"}, []string{"The group’s map alone", "Effect against density", "Variogram"}},
		{"nothing", fakePanel{places: 30, receptors: 2, people: 6, method: receptor.Pearson, seed: 4}, func(q *Receptors) {
			for i := range q.Effects {
				q.Effects[i] = ReceptorEffect{Name: "phase_average", Note: "19 regions have a value", PeopleNote: "19 regions have a value"}
			}
			q.Shifts, q.Panel, q.Parcels = nil, nil, nil
		}, []string{"No alignment was computed.", "✕ not computed", "19 regions have a value."}, []string{"Where the densities are from", "All receptors at once"}},
		{"covariates", fakePanel{places: 30, receptors: 3, people: 6, method: receptor.Spearman, covariate: true, seed: 4}, nil, []string{"after taking out grey matter", "partial Spearman’s rank correlation", "The points are not adjusted", "Of what the covariates leave of the map"}, []string{"Line: least squares"}},
		{"labels that fit nothing", fakePanel{places: 30, receptors: 2, people: 6, method: receptor.Pearson, seed: 4}, func(q *Receptors) {
			q.Labels = voxel.NewImage(gridMM(voxel.Vec{12, 12, 12}))
			for i := range q.Labels.Data {
				q.Labels.Data[i] = []float32{float32(nan), float32(math.Inf(1)), -7, 1e20}[i%4]
			}
		}, nil, []string{"Effects and densities side by side"}},
		{"two maps of a receptor", fakePanel{places: 30, receptors: 2, people: 6, method: receptor.Pearson, seed: 4}, func(q *Receptors) {
			for i := range q.Panel {
				q.Panel[i].Target = "MOR"
				for k := range q.Effects {
					e := &q.Effects[k]
					e.Alignments.Results[i].Target, e.People.Results[i].Target, e.Regression.Terms[i].Target = "MOR", "MOR", "MOR"
				}
			}
		}, []string{"MOR (map00.nii.gz)", "MOR (map01.nii.gz)"}, nil},
	} {
		q := tt.panel.make(t)
		if tt.change != nil {
			tt.change(q)
		}
		page := renderGroup(t, receptorTrial(t, q))
		wellFormed(t, page)
		part := section(t, page, "receptors")
		text := plain(part)
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the part lacks %q", tt.name, want)
			}
		}
		for _, never := range append(tt.never, "NaN", "Inf", "%!", "parcel") {
			if strings.Contains(text, never) {
				t.Errorf("%s: the part has %q", tt.name, never)
			}
		}
		if strings.Contains(part, "NaN") || strings.Contains(part, "%!") {
			t.Errorf("%s: NaN in a drawing", tt.name)
		}
	}
	for _, q := range []*Receptors{nil, {}} {
		if page := renderGroup(t, receptorTrial(t, q)); strings.Contains(page, "eceptor") && strings.Contains(page, `id="receptors"`) {
			t.Error("a page without effect maps has the part")
		}
	}
}

// Numbers of any kind and lists that do not match leave a page that can be
// read.
func TestReceptorsVoid(t *testing.T) {
	inf := math.Inf(1)
	q := &Receptors{Parcels: []string{"a"}, Label: []int{1, 2, 3}, Labels: voxel.NewImage(gridMM(voxel.Vec{12, 12, 12}))}
	q.Labels.Data[0], q.Labels.Data[9] = 1, 3
	q.Panel = []receptor.Density{{}, {Source: receptor.Source{Target: "MOR"}, Values: []float64{1, inf, nan, 1e300, -1e300}, Excluded: []int{-1, 0, 99, 4, 5, 6}}}
	for _, v := range []float64{nan, inf, -inf, 1e300, 0} {
		a := &receptor.Alignments{Method: "kendall", Null: "mystery", Surrogates: -1, Used: []int{-1, 0, 1, 2, 3, 4, 5, 99}, Covariates: []string{""}, Parameters: []nullmap.Parameter{{}, {Name: "x", Value: v}},
			Fit: nullmap.VariogramFit{H: []float64{v, 1, 2}, Map: []float64{1, v, 3}, Surrogates: []float64{v, 2, v}, SD: []float64{v}, Error: v, Roughness: v, P: v}}
		for _, target := range []string{"", "MOR", "unknown"} {
			a.Results = append(a.Results, receptor.Alignment{Target: target, N: -3, R: v, P: v, PFWE: v, Low: v, High: -v, Influence: []receptor.Influence{{Place: -4, Without: v, Change: v}, {Place: 3, Without: 1, Change: v}, {Place: 99, Change: 0.1}}})
		}
		p := &receptor.People{Results: []receptor.PeopleAlignment{{Target: "MOR", R: v, Mean: v, Low: v, High: v, PJointFWE: v}, {Target: "elsewhere", R: 0.5, PJointFWE: 0.01}}}
		r := &receptor.Regression{N: -1, R2: v, Adjusted: v, P: v, NullMean: v, Terms: []receptor.Term{{Dominance: v, Alone: v, Relative: v, VIF: v, Unique: v}, {Target: "MOR", Dominance: 0.3}}, Correlations: [][]float64{{v}, {}}, CV: receptor.CrossValidation{R: v, NullMean: v, Apart: v}}
		c := []receptor.Comparison{{}, {First: "x", Difference: v, P: v, PFWE: v, R1: v, R2: v, NullSD: v, Reason: "too few"}}
		q.Effects = append(q.Effects, ReceptorEffect{Alignments: a, People: p, Regression: r, Pairs: c, Values: []float64{v, 1, 2, 3, v}}, ReceptorEffect{Alignments: a, Values: []float64{1}}, ReceptorEffect{People: p}, ReceptorEffect{Regression: &receptor.Regression{}})
		q.Shifts = append(q.Shifts, ReceptorShift{}, ReceptorShift{Receptors: c})
	}
	for _, m := range []receptor.Method{"", receptor.Pearson, receptor.Spearman} {
		q.Method = m
		for i := range q.Effects {
			if a := q.Effects[i].Alignments; a != nil {
				a.Method = m
			}
		}
		page := renderGroup(t, receptorTrial(t, q))
		wellFormed(t, page)
		for _, never := range []string{"NaN", "%!"} {
			if strings.Contains(page, never) {
				i := strings.Index(page, never)
				t.Errorf("the page holds %q: %s", never, page[max(0, i-200):i+20])
			}
		}
	}
}

func TestReceptorsHostileText(t *testing.T) {
	evil := `"><script>alert(1)</script><img src=x onerror='a'>` + "\x00\x1f]]>"
	q := fakePanel{places: 30, receptors: 3, people: 6, method: receptor.Spearman, seed: 4}.make(t).withLabels(6)
	for i := range q.Panel {
		d := &q.Panel[i]
		d.Target, d.File, d.Tracer, d.Paper, d.Licence, d.Space = evil, evil+fmt.Sprint(i), evil, evil+", doi:"+evil, evil, evil
	}
	for i := range q.Parcels {
		q.Parcels[i] = evil
	}
	q.Atlas, q.Measure, q.Adjust = evil, evil, []string{evil}
	for i := range q.Effects {
		e := &q.Effects[i]
		e.Name, e.Label, e.Unit, e.Note, e.PeopleNote = evil, evil, evil, evil, evil
		e.Alignments.Cautions, e.People.Cautions, e.Regression.Cautions = []string{evil}, []string{evil}, []string{evil}
		e.Alignments.Null, e.Alignments.Covariates, e.Alignments.Parameters = nullmap.Method(evil), []string{evil}, []nullmap.Parameter{{Name: evil, Value: 1, Unit: evil}}
		for k := range e.Alignments.Results {
			file := q.Panel[k].File
			a, p, r := &e.Alignments.Results[k], &e.People.Results[k], &e.Regression.Terms[k]
			a.Target, a.File, a.Reason, p.Target, p.File, p.Reason, r.Target, r.File = evil, file, evil, evil, file, evil, evil, file
		}
		for k := range e.Pairs {
			e.Pairs[k].First, e.Pairs[k].Second, e.Pairs[k].Reason = evil, evil, evil
		}
	}
	s := &q.Shifts[0]
	s.Treatment, s.Reference, s.Label = evil, evil, evil
	for k := range s.Receptors {
		s.Receptors[k].First, s.Receptors[k].Second, s.Receptors[k].Target, s.Receptors[k].Reason = evil, evil, evil, evil
	}
	page := renderGroup(t, receptorTrial(t, q))
	wellFormed(t, page)
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d script elements", n)
	}
	if strings.Contains(page, "<img") || strings.Contains(page, "%!") {
		t.Error("markup of a name came through")
	}
}

// Many receptors and regions keep the page within its size, and what is left
// out is said.
func TestReceptorsBound(t *testing.T) {
	q := fakePanel{places: 40, receptors: 12, people: 6, method: receptor.Spearman, seed: 9}.make(t)
	page := renderGroup(t, receptorTrial(t, q))
	wellFormed(t, page)
	keep(t, "receptors12.html", page)
	part := section(t, page, "receptors")
	if n := strings.Count(part, `class="chart scatter"`); n != 24 {
		t.Errorf("%d scatter plots of 12 receptors and two effects", n)
	}
	if !strings.Contains(part, "dominances") || strings.Contains(part, "left out for") {
		t.Error("with 12 receptors everything should be there")
	}

	// 600 regions and 60 receptors: repeat what is there.
	big := *q
	big.Panel, big.Effects = nil, slices.Clone(q.Effects)
	n := 600
	repeat := func(v []float64) []float64 { return slices.Repeat(v, n/40) }
	big.Parcels, big.Label = make([]string, n), make([]int, n)
	for i := range n {
		big.Parcels[i], big.Label[i] = fmt.Sprintf("Region_%03d_of_a_long_name", i), i+1
	}
	for j := range 60 {
		d := q.Panel[j%12]
		d.Target, d.File, d.Values = fmt.Sprintf("receptor %d", j), fmt.Sprintf("%d.nii", j), repeat(d.Values)
		big.Panel = append(big.Panel, d)
	}
	for i := range big.Effects {
		e := &big.Effects[i]
		a, p := *e.Alignments, *e.People
		a.Results, p.Results = nil, nil
		e.Values, a.Used = repeat(e.Values), nil
		for k := range n {
			a.Used = append(a.Used, k)
		}
		for j := range 60 {
			x, y := e.Alignments.Results[j%12], e.People.Results[j%12]
			x.Target, x.File, y.Target, y.File = big.Panel[j].Target, big.Panel[j].File, big.Panel[j].Target, big.Panel[j].File
			a.Results, p.Results = append(a.Results, x), append(p.Results, y)
		}
		e.Alignments, e.People = &a, &p
	}
	// An atlas of noise does not compress: the page must be drawn again.
	big.Labels = voxel.NewImage(gridMM(voxel.Vec{2, 2, 2}))
	for i := range big.Labels.Data {
		big.Labels.Data[i] = float32(1 + i*7919%n)
	}
	page = renderGroup(t, receptorTrial(t, &big))
	wellFormed(t, page)
	t.Logf("60 receptors, 600 regions: %d bytes", len(page))
	if len(page) > maxGroupPage {
		t.Errorf("%d bytes", len(page))
	}
	text := plain(section(t, page, "receptors"))
	for _, want := range []string{"48 further scatter plots are left out for length", "points have no name on pointing", "24 further densities are not drawn"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said", want)
		}
	}
}

// The methods say what was done, and nothing else.
func TestReceptorMethods(t *testing.T) {
	q := fakePanel{places: 30, receptors: 3, people: 6, method: receptor.Spearman, covariate: true, seed: 4}.make(t)
	write := func() string {
		p, refs := GroupMethods(&Group{Receptors: q})
		var b strings.Builder
		for _, x := range p {
			fmt.Fprintf(&b, "%s\n%s\n\n", x.Heading, x.Text)
		}
		for _, r := range refs {
			fmt.Fprintf(&b, "%d %s %s\n", r.Number, r.Text, r.DOI)
		}
		return b.String()
	}
	golden(t, "receptor-methods.txt", write())
	fits := []nullmap.VariogramFit{q.Effects[0].Alignments.Fit, q.Effects[1].People.Fit}
	for i, f := range []*nullmap.VariogramFit{&q.Effects[0].Alignments.Fit, &q.Effects[1].People.Fit} {
		f.Error, f.P, f.Roughness = 0.61+float64(i)/10, 0.01, 4.12-4*float64(i)
	}
	if got, want := write(), "Surrogates fitted the variogram poorly for ketamine effect, average over treatments, group’s map (variogram error 0.61, 4.12 times as rough between neighbours: p may be too small) and ketamine effect under naltrexone − under placebo (variogram error 0.71, 0.12 times as rough between neighbours: p may be too large)."; !strings.Contains(got, want) || strings.Contains(got, "of no map poorly") {
		t.Errorf("the methods lack %q:\n%s", want, got)
	}
	q.Effects[0].Alignments.Fit, q.Effects[1].People.Fit = fits[0], fits[1]
	for _, tt := range []struct {
		null nullmap.Method
		want string
	}{{nullmap.Variogram, "BF01032109"}, {nullmap.BrainSMASH, "117038"}, {nullmap.Moran, "2041-210X.12407"}, {nullmap.MoranPair, "in pairs"}, {nullmap.Spin, "2018.05.070"}} {
		for i := range q.Effects {
			q.Effects[i].Alignments.Null, q.Effects[i].People.Null = tt.null, tt.null
		}
		if got := write(); !strings.Contains(got, tt.want) || strings.Contains(got, "Gaussian process") {
			t.Errorf("%s: the methods lack %q", tt.null, tt.want)
		}
	}
	people := q.Effects[1].People
	q.Effects[1].People = nil
	if got := write(); !strings.Contains(got, "people’s own maps were not tested, alignment was that of the group’s effect map") || !strings.Contains(got, "effect maps of 6 people") {
		t.Errorf("one map without people's is not told apart:\n%s", got)
	}
	fewer := *people
	fewer.Names = fewer.Names[:4]
	q.Effects[1].People = &fewer
	if got := write(); !strings.Contains(got, "effect maps of 4 to 6 people") || strings.Contains(got, "not tested") {
		t.Errorf("numbers of people:\n%s", got)
	}
	q.Shifts, q.Adjust = nil, nil
	for i := range q.Effects {
		e := &q.Effects[i]
		e.People, e.Regression, e.Pairs, e.Alignments.Covariates = nil, nil, nil, nil
	}
	got := write()
	for _, never := range []string{"Cameron", "ominance", "Freedman", "differences of alignments", "new people", "partial", "sign flips"} {
		if strings.Contains(got, never) {
			t.Errorf("the methods speak of %q, which was not done", never)
		}
	}
	if !strings.Contains(got, "not for other people") || !strings.Contains(got, "of a density with the group’s effect map.") {
		t.Error(got)
	}
	q = nil
	if got := write(); strings.Contains(got, "eceptor") {
		t.Error("methods of receptors without any")
	}
}
