package nullmap

import (
	"fmt"
	"os"
	"testing"
)

func TestCalDev(t *testing.T) {
	if os.Getenv("CALDEV") == "" {
		t.Skip()
	}
	for _, n := range []int{122, 400} {
		maps := 10000
		if n == 400 {
			maps = 3000
		}
		res, err := Calibrate(NewLayout(n), []PowerLaw{{1, 0}, {1.5, 0}, {2, 0}, {2.5, 0}, {3, 0}, {1.5, .8}, {2, .8}, {2.5, .8}, {3, .8}, {3, 1}}, CalibrationOptions{Tests: []string{"gp"}, Maps: maps, Partners: 2, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range res {
			fmt.Printf("n=%d %-10s a=%g s=%g maps %d: %.2f ± %.2f  power %.1f %.1f  %.1fs\n", c.N, c.Test, c.Alpha, c.Symmetry, c.Maps, 100*c.False.Share, 100*c.False.SE, 100*c.Power[0].Share, 100*c.Power[1].Share, c.Seconds)
		}
	}
}
