package asl

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// The note's percentages are those of the scan: at 1.5 T tissue relaxes
// faster, and a constant given by the user counts.
func TestTransitNoteIsOfTheScan(t *testing.T) {
	g := testGrid(2, 1, 1)
	note := func(tesla float64, opt Options) string {
		p := testProtocol(1, 1.8)
		p.FieldStrength = tesla
		s, _, _ := simulate(g, &p, 0, 0)
		opt.Model = ModelKinetic
		return mustQuantify(t, Input{Series: s}, p, opt).Notes[0]
	}
	// Label that has all arrived: exp(0.1·(1/T1b − 1/T1′)) written out.
	for _, tt := range []struct {
		tesla float64
		opt   Options
		t1b   float64
		t1t   float64
	}{
		{3, Options{}, 1.65, 1.331},
		{1.5, Options{}, 1.35, 1.197},
		{3, Options{Set: map[string]float64{GreyT1: 1.607}}, 1.65, 1.607},
	} {
		got := note(tt.tesla, tt.opt)
		want := 100 * (math.Exp(0.1*(1/tt.t1b-1/tt.t1t-0.01/0.9)) - 1)
		if text := fmt.Sprintf("0.1 s earlier than taken changes CBF by %+.1f %% in grey", want); !strings.Contains(got, text) {
			t.Errorf("%g T: want %q in: %s", tt.tesla, text, got)
		}
	}
}

// A pure number has no unit in text.
func TestPureNumberInMessages(t *testing.T) {
	g := testGrid(2, 1, 1)
	p := testProtocol(1, 1.8)
	s, _, _ := simulate(g, &p, 0, 0)
	_, err := Quantify(Input{Series: s}, p, Options{Set: map[string]float64{Efficiency: 85}})
	if err == nil || strings.Contains(err.Error(), "in 1") || strings.Contains(err.Error(), "numbers") {
		t.Errorf("%v", err)
	}
}
