package phantom

import (
	"math"
	"testing"
)

// Brains drawn from formulas and brains looked up 1 mm apart are acquired
// alike, whichever resolution chooses between them.
func TestTrialScansFineAndCoarse(t *testing.T) {
	if testing.Short() {
		t.Skip("draws a head at 1.4 mm")
	}
	trial, l := NewTrial(TrialOptions{Subjects: 4, Seed: 1})
	if err := l.Err(); err != nil {
		t.Fatal(err)
	}
	mean := func(o TrialScans) (m0, deltam float64) {
		a := trial.Person(0, o).Sessions[0].Scans[0].Acquisition
		for v, kind := range a.Context {
			sum := 0.0
			for _, x := range a.Series.Vols[v] {
				sum += float64(x)
			}
			if kind == "m0scan" {
				m0 += sum
			} else {
				deltam += sum
			}
		}
		return m0, deltam
	}
	fineM0, fine := mean(TrialScans{Voxel: 8, T1w: 1.4, Motion: -1, SNR: -1})
	coarseM0, coarse := mean(TrialScans{Voxel: 8, T1w: 1.6, Motion: -1, SNR: -1})
	if !(coarseM0 > 0 && coarse > 0) || math.Abs(fineM0/coarseM0-1) > 0.02 || math.Abs(fine/coarse-1) > 0.02 {
		t.Errorf("signal of M0 and of the difference: fine %g, %g; coarse %g, %g", fineM0, fine, coarseM0, coarse)
	}
}
