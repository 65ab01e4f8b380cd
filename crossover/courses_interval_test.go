package crossover_test

import (
	"fmt"
	"math"
	"testing"

	"phasl/crossover"
)

// The interval of a mean is Student's: of 1, 2, 3, 4 it is 2.5 ∓ t s/√n with
// s = √(5/3) and the quantile of t with 3 degrees of freedom from tables
// (0.975: 3.182446, 0.95: 2.353363).
func TestCourseIntervals(t *testing.T) {
	tr := &crossover.Trial{Treatments: []string{"placebo"}, Phases: []string{"baseline"}}
	var ratings []crossover.Rating
	for i := range 4 {
		sub := fmt.Sprint(i)
		tr.People = append(tr.People, crossover.Person{Subject: sub})
		tr.Scans = append(tr.Scans, crossover.Scan{Subject: sub, Session: "1", Treatment: "placebo", Phase: "baseline", Period: 1})
		ratings = append(ratings, crossover.Rating{Subject: sub, Session: "1", Instrument: "madrs", Score: "total", Value: float64(i + 1)})
	}
	for level, quantile := range map[float64]float64{0.95: 3.182446, 0.9: 2.353363} {
		c := crossover.Courses(tr, ratings, level)[0].Cells[0]
		half := quantile * math.Sqrt(5.0/3) / 2
		if math.Abs(float64(c.Low)-(2.5-half)) > 1e-5 || math.Abs(float64(c.High)-(2.5+half)) > 1e-5 { // the tables' digits
			t.Errorf("level %g: %g to %g, want %g to %g", level, float64(c.Low), float64(c.High), 2.5-half, 2.5+half)
		}
	}
}
