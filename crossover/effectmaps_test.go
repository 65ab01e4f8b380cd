package crossover

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// effectValues draws regions and global CBF.
func effectValues(tr *Trial, regions []string) []Value {
	var out []Value
	for r, name := range append(slices.Clone(regions), "global_gm") {
		out = append(out, usual.draw(tr, name, uint64(100+r))...)
	}
	return out
}

// effectMap finds a map by name.
func effectMap(t *testing.T, m *EffectMaps, name string) *EffectMap {
	t.Helper()
	for i := range m.Maps {
		if m.Maps[i].Name == name {
			return &m.Maps[i]
		}
	}
	t.Fatalf("no map %s", name)
	return nil
}

// TestEffectMaps compares with differences worked out from the values. In a
// balanced trial without missing scans the model's estimates are their means.
func TestEffectMaps(t *testing.T) {
	tr := testTrial(12)
	regions := []string{"a", "b", "nowhere", "c"}
	values := effectValues(tr, []string{"a", "b", "c"})
	value := map[string]float64{}
	for _, v := range values {
		value[v.Subject+v.Session+v.Run+v.Region] = v.CBF
	}
	// of is the mean over people of a person's own contrast.
	for _, c := range []struct {
		measure Measure
		log     bool
	}{{Absolute, false}, {Relative, false}, {Absolute, true}} {
		p := DefaultPlan()
		p.Model.Log = c.log
		m, err := NewEffectMaps(p, tr, values, c.measure, regions, 2)
		if err != nil {
			t.Fatal(err)
		}
		if wantUnits := c.measure == Absolute && !c.log; (m.Units == "mL/100 g/min") != wantUnits {
			t.Errorf("%v: units %q", c, m.Units)
		}
		var names []string
		for _, x := range m.Maps {
			names = append(names, x.Name)
		}
		if want := []string{"phase:placebo", "phase:naltrexone", "phase_average", "interaction:naltrexone"}; !slices.Equal(names, want) {
			t.Fatalf("maps %v, want %v", names, want)
		}
		at := func(i, session int, run string, region string) float64 {
			s := tr.People[i].Subject + string(rune('0'+session)) + run
			x := value[s+region]
			if c.measure == Relative {
				x /= value[s+"global_gm"]
			}
			return x
		}
		change := func(i, session int, region string) float64 {
			if c.log {
				return math.Log(at(i, session, "2", region)) - math.Log(at(i, session, "1", region))
			}
			return at(i, session, "2", region) - at(i, session, "1", region)
		}
		for r, region := range regions {
			var average, interaction, baseline float64
			for i := range tr.People {
				placebo := 1 + i%2 // session
				pl, na := change(i, placebo, region), change(i, 3-placebo, region)
				for name, want := range map[string]float64{"phase:placebo": pl, "phase:naltrexone": na, "phase_average": (pl + na) / 2} {
					got := effectMap(t, m, name).People[i].Values[r]
					if region == "nowhere" {
						if !math.IsNaN(got) {
							t.Errorf("a region without values is %g", got)
						}
					} else if math.Abs(got-want) > 1e-12 {
						t.Errorf("%v %s of person %d in %s: %g, want %g", c, name, i, region, got, want)
					}
				}
				average, interaction = average+(pl+na)/24, interaction+(na-pl)/12
				baseline += (at(i, 1, "1", region) + at(i, 2, "1", region)) / 24
			}
			if region == "nowhere" {
				continue
			}
			for name, want := range map[string]float64{"phase_average": average, "interaction:naltrexone": interaction} {
				if got := effectMap(t, m, name).Group[r]; math.Abs(got-want) > 1e-5*max(1, math.Abs(want)) {
					t.Errorf("%v %s of the group in %s: %g, want %g", c, name, region, got, want)
				}
			}
			if math.Abs(m.Baseline[r]-baseline) > 1e-9 {
				t.Errorf("%v: baseline of %s %g, want %g", c, region, m.Baseline[r], baseline)
			}
		}
	}
}

// A difference between visits is no interaction, however many people had each
// order; people keep their differences, and the mean its variance.
func TestEffectMapsEvenOut(t *testing.T) {
	tr := testTrial(12)
	for i := range tr.Scans { // six of one order and two of the other are left
		if n := i / 4; n >= 5 && n%2 == 1 {
			tr.Scans[i].Excluded = "left"
		}
	}
	for i := range tr.People {
		if i >= 5 && i%2 == 1 {
			tr.People[i].Excluded = "left"
		}
	}
	base := effectValues(tr, []string{"a"})
	shifted := slices.Clone(base)
	for i := range shifted { // the phase effect of the second visit is 5 larger
		if shifted[i].Session == "2" && shifted[i].Run == "2" {
			shifted[i].CBF += 5
		}
	}
	of := func(values []Value) []float64 {
		m, err := NewEffectMaps(DefaultPlan(), tr, values, Absolute, []string{"a"}, 1)
		if err != nil {
			t.Fatal(err)
		}
		var out []float64
		for _, p := range effectMap(t, m, "interaction:naltrexone").People {
			out = append(out, p.Values[0])
		}
		return out
	}
	got, want := of(shifted), of(base)
	if len(got) != 8 {
		t.Fatalf("%d people", len(got))
	}
	mean, spread := 0.0, 0.0
	for i := range got {
		if math.Abs(got[i]-want[i]) > 1e-9 {
			t.Errorf("person %d: %g with a difference between visits, %g without", i, got[i], want[i])
		}
		mean += got[i] / 8
	}
	for _, v := range got {
		spread += (v - mean) * (v - mean) / 7 / 8
	}
	// The mean over orders and its variance, by hand from the people's own.
	raw := map[string][]float64{}
	value := map[string]float64{}
	for _, v := range base {
		value[v.Subject+v.Session+v.Run+v.Region] = v.CBF
	}
	for i := range tr.People {
		if tr.People[i].Excluded != "" {
			continue
		}
		s := tr.People[i].Subject
		d := (value[s+"12a"] - value[s+"11a"]) - (value[s+"22a"] - value[s+"21a"])
		if i%2 == 0 { // naltrexone was second
			d = -d
		}
		raw[tr.People[i].Sequence] = append(raw[tr.People[i].Sequence], d)
	}
	wantMean, inverse, ss := 0.0, 0.0, 0.0
	for _, v := range raw {
		m, s := meanVar(v)
		wantMean += m / 2
		inverse += 1 / float64(len(v))
		ss += s * float64(len(v)-1)
	}
	if wantVar := ss / 6 * inverse / 4; math.Abs(mean-wantMean) > 1e-9 || math.Abs(spread-wantVar) > 1e-9*wantVar {
		t.Errorf("mean %g, its variance %g; want %g and %g", mean, spread, wantMean, wantVar)
	}
}

// What people lack is said, and what they have is used.
func TestEffectMapsWithMissing(t *testing.T) {
	tr := testTrial(12)
	values := effectValues(tr, []string{"a", "b"})
	tr.Scans[1].Excluded = "moved" // person 1, session 1 (naltrexone or placebo), infusion
	tr.People[3].Excluded = "left" // with all scans
	for i := range tr.Scans {
		if tr.Scans[i].Subject == tr.People[3].Subject {
			tr.Scans[i].Excluded = "left"
		}
	}
	for i := range values { // person 3 has no value of b
		if values[i].Subject == tr.People[2].Subject && values[i].Region == "b" {
			values[i].CBF = math.NaN()
		}
	}
	m, err := NewEffectMaps(DefaultPlan(), tr, values, Absolute, []string{"a", "b"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	lost := tr.Scans[1].Treatment
	for _, c := range []struct {
		name   string
		people int
		why    string
	}{{"phase_average", 10, "not both phases under " + lost}, {"interaction:naltrexone", 10, "not both phases under " + lost}, {"phase:" + lost, 10, "not both phases under " + lost}} {
		x := effectMap(t, m, c.name)
		if len(x.People) != c.people {
			t.Errorf("%s: %d people, want %d", c.name, len(x.People), c.people)
		}
		if c.why == "" && len(x.Without) > 0 || c.why != "" && (len(x.Without) != 1 || x.Without[0].Reason != c.why || x.Without[0].Unit != "sub-001") {
			t.Errorf("%s: without %v", c.name, x.Without)
		}
	}
	x := effectMap(t, m, "interaction:naltrexone")
	i := slices.IndexFunc(x.People, func(p PersonMap) bool { return p.Subject == tr.People[2].Subject })
	if v := x.People[i].Values; math.IsNaN(v[0]) || !math.IsNaN(v[1]) {
		t.Errorf("values of a person without b: %v", v)
	}
	if !strings.Contains(x.Label, "naltrexone") || x.Of != "naltrexone" || x.Kind != Interaction {
		t.Errorf("%+v", x)
	}
}

// Relative CBF needs global CBF.
func TestEffectMapsWithoutGlobal(t *testing.T) {
	tr := testTrial(8)
	if _, err := NewEffectMaps(DefaultPlan(), tr, usual.draw(tr, "a", 1), Relative, []string{"a"}, 1); err == nil || !strings.Contains(err.Error(), "global_gm") {
		t.Errorf("error %v", err)
	}
}
