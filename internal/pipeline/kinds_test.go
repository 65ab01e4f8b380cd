package pipeline

import (
	"testing"

	"phasl/report"
)

// Scans that differ only in which sidecar stated a constant are of one kind;
// another value makes another kind.
func TestKindsOfScans(t *testing.T) {
	scan := func(file string, alpha float64) report.Info {
		return report.Info{Model: "white-paper", Constants: []report.Constant{
			{Name: "BloodT1", Value: 1.65, Source: "Lu et al. 2004", From: "default"},
			{Name: "LabelingEfficiency", Value: alpha, Source: file, From: "sidecar"},
		}}
	}
	var k kinds
	k.add(scan("sub-01_run-1_asl.json", 0.8), "01")
	k.add(scan("sub-01_run-2_asl.json", 0.8), "01")
	k.add(scan("sub-02_run-1_asl.json", 0.8), "02")
	k.add(scan("sub-02_run-2_asl.json", 0.7), "02")
	if len(k.list) != 2 || k.list[0].Scans != 3 || k.list[0].People != 2 || k.list[1].Scans != 1 {
		t.Errorf("%d kinds: %+v", len(k.list), k.list)
	}
	if k.list[0].Constants[0].Source == "" {
		t.Error("a default has lost its source")
	}
}
