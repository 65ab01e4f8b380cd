package report

import (
	"strings"
	"testing"

	"phasl/receptor"
)

// A difference between treatments is claimed by the test over people where there
// is one, whatever the group's maps show.
func TestShiftClaims(t *testing.T) {
	q := &Receptors{Method: receptor.Spearman}
	s := ReceptorShift{Treatment: "naltrexone", Reference: "placebo", Receptors: []receptor.Comparison{
		{Target: "MOR", N: 90, R1: 0.5, R2: 0.1, Difference: 0.4, NullSD: 0.1, P: 0.001, PFWE: 0.002},
		{Target: "KOR", N: 90, R1: 0.1, R2: 0.3, Difference: -0.2, NullSD: 0.1, P: 0.3, PFWE: 0.6}}}
	v := q.shiftView(&s)
	if !strings.Contains(v.Sentence, "for MOR (difference +0.40") || !strings.Contains(v.Sentence, "other places only") || len(v.Table.Heads) != 8 || !v.Table.Rows[0].Claim {
		t.Errorf("without people: %q, %d columns, %+v", v.Sentence, len(v.Table.Heads), v.Table.Rows)
	}
	s.People = &receptor.People{Names: make([]string, 20), Results: []receptor.PeopleAlignment{{PJoint: 0.2, PJointFWE: 0.4}, {PJoint: 0.01, PJointFWE: 0.03}}}
	v = q.shiftView(&s)
	if !strings.Contains(v.Sentence, "for KOR (difference −0.20") || strings.Contains(v.Sentence, "MOR") || !strings.Contains(v.Sentence, "20 people") || strings.Contains(v.Sentence, "other places only") {
		t.Errorf("with people: %q", v.Sentence)
	}
	if h := strings.Join(v.Table.Heads, "|"); !strings.HasSuffix(h, "p (places)|p (places), family-wise|p (both)|p (both), family-wise") {
		t.Errorf("columns %s", h)
	}
	if r := v.Table.Rows; r[0].Claim || !r[1].Claim || strings.Join(r[1].Cells[6:], "|") != "0.30|0.60|0.010|0.030" {
		t.Errorf("rows %+v", r)
	}
}
