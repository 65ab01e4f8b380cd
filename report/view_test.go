package report

import (
	"strings"
	"testing"

	"phasl/voxel"
)

// The colour scale reaches as high as the highest scan, whichever that is, and
// keeps units apart.
func TestSharedWindow(t *testing.T) {
	g := gridMM(voxel.Vec{20, 20, 20})
	level := func(v float32) *voxel.Image {
		img := voxel.NewImage(g)
		for i := range img.Data {
			img.Data[i] = v
		}
		return img
	}
	p := &Participant{Scans: []Scan{{CBF: level(140)}, {CBF: level(55), Unit: "mL/100g/min"}, {CBF: level(1.3), Unit: "a.u."}}}
	a := newAtelier(p, 1)
	if got := a.cbfTop(CBFUnit); got != 150 {
		t.Errorf("top is %g, want 150", got)
	}
	if got := a.cbfTop("a.u."); got != 1.5 {
		t.Errorf("top of relative perfusion is %g, want 1.5", got)
	}
	if got, want := a.sharedText(), "Colours mean the same in every scan with the same unit: CBF from 0 to 150 mL/100 g/min."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.Top = 90
	if got := newAtelier(p, 1).cbfTop(CBFUnit); got != 90 {
		t.Errorf("top is %g, want the 90 asked for", got)
	}
}

func TestState(t *testing.T) {
	for _, tt := range []struct {
		s    Scan
		want string
	}{
		{Scan{}, "nothing flagged"},
		{Scan{Flags: []Flag{{}, {}}}, "2 things to look at"},
		{Scan{Flags: []Flag{{}, {Severe: true}}}, "do not use before checking"},
		{Scan{Failed: "x", Flags: []Flag{{}}}, "no result"},
	} {
		if got := state(&tt.s).Text; got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	for _, tt := range []struct {
		s    []IndexScan
		want string
	}{
		{nil, "no scan"}, {[]IndexScan{{}}, "nothing flagged"}, {[]IndexScan{{Flags: 1}, {Flags: 2}}, "3 things to look at"},
		{[]IndexScan{{Flags: 1, Severe: true}}, "check before use"}, {[]IndexScan{{Failed: "x"}, {Severe: true}}, "1 scan without result"},
	} {
		if got := indexState(tt.s).Text; got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	s := &Scan{Quality: []Metric{{Name: "low", Value: 1, Low: 2, High: 3}, {Name: "high", Value: 4, Low: 2, High: 3}, {Name: "in", Value: 3, Low: 2, High: 3},
		{Name: "open", Value: 9, Low: 2, High: nan}, {Name: "none", Value: nan, Low: 2, High: 3}, {Name: "free", Value: 1, Low: nan, High: nan}, {Name: "flagged", Value: 2, Low: 1, High: 3}},
		Flags: []Flag{{Metric: "flagged", Look: "here"}}}
	var got []string
	for _, m := range metrics(s) {
		got = append(got, m.Verdict)
	}
	if want := "outside outside as usual as usual no value  flagged"; strings.Join(got, " ") != want {
		t.Errorf("verdicts are %q, want %q", got, want)
	}
	if m := metrics(s); !m[0].Out || !m[1].Out || m[2].Out || m[6].Look != "here" {
		t.Errorf("marks are wrong: %+v", m)
	}
}

// Scans that were computed alike share one table of constants.
func TestModelsAreJoined(t *testing.T) {
	c := []Constant{{Name: "BloodT1", Symbol: "T1b", Value: 1.65}}
	p := &Participant{Scans: []Scan{{Run: "1", Constants: c}, {Run: "2", Constants: c}, {Run: "3", Constants: []Constant{{Name: "BloodT1", Symbol: "T1b", Value: 1.6}}}}}
	v := newParticipantView(p, 1)
	if len(v.Models) != 2 || v.Models[0].For != "run-1; run-2" || v.Models[1].For != "run-3" {
		t.Errorf("models are %+v", v.Models)
	}
}

// A line of the summary that a scan's own card says is not said twice.
func TestLeadIsNotRepeated(t *testing.T) {
	p := &Participant{Summary: []string{"Two scans.", "run-1: Fine.", "Also fine."}, Scans: []Scan{{Run: "1", Summary: "Fine."}, {Run: "2", Summary: "Also fine."}}}
	if v := newParticipantView(p, 1); len(v.Lead) != 1 || v.Lead[0] != "Two scans." {
		t.Errorf("lead is %q", v.Lead)
	}
}

// Outlines beyond the budget are left out whole, and the figure says so.
func TestOutlineBudget(t *testing.T) {
	g := gridMM(voxel.Vec{8, 8, 20})
	img := voxel.NewImage(g)
	draw := func(points int) string {
		f, _ := drawMosaic("f", picture{name: "x", img: img, mask: brainMask(g), ramp: grey, window: window{0, 1}, outline: true}, layout{width: 900, columns: 4, axials: 4}, lines{}, Radiological, limits{1e6, points, 10})
		return f
	}
	if f := draw(10); strings.Contains(f, `class="o"`) || !strings.Contains(f, "Some outlines left out") {
		t.Error("a budget of 10 points draws outlines, or does not say they are missing")
	}
	if f := draw(1e5); !strings.Contains(f, `class="o"`) || strings.Contains(f, "left out") {
		t.Error("outlines within the budget are missing")
	}
}

func TestExcluded(t *testing.T) {
	got := excluded([]Volume{{Excluded: true, Reason: "b"}, {}, {Excluded: true}, {Excluded: true, Reason: "b"}})
	if want := "volumes 0, 3 (b); volume 2"; strings.Join(got, "; ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The column of pure grey matter is there if it was asked for, and only then.
func TestPureGreyColumn(t *testing.T) {
	v := 61.2
	for _, pure := range []*float64{nil, &v} {
		p := &Participant{Scans: []Scan{{Regions: []Region{{Name: "sgACC", CBF: 52.4, SE: 2, Weighted: 55, Pure: pure, Relative: 1, Voxels: 10, Coverage: 1}}}}}
		var b strings.Builder
		if err := WriteParticipant(&b, p); err != nil {
			t.Fatal(err)
		}
		if has := strings.Contains(b.String(), "pure grey"); has != (pure != nil) {
			t.Errorf("asked for: %v, column there: %v", pure != nil, has)
		}
		if has := strings.Contains(b.String(), ">61.2<"); has != (pure != nil) {
			t.Errorf("asked for: %v, value there: %v", pure != nil, has)
		}
	}
}
