package cli

import (
	"math"
	"strings"
	"testing"

	"phasl/crossover"
	"phasl/internal/pipeline"
	"phasl/report"
)

// The summary calls every outcome by the word that the report's label has.
func TestSummaryNamesOutcome(t *testing.T) {
	for _, o := range []crossover.Outcome{crossover.OutcomeEquivalent, crossover.OutcomeLessenedWithin, crossover.OutcomeEnlargedWithin, crossover.OutcomeLessened,
		crossover.OutcomeEnlarged, crossover.OutcomeNotLessened, crossover.OutcomeNotSettled, crossover.OutcomeUnknown} {
		fit := crossover.RegionFit{Region: "sgACC", Measure: crossover.Absolute, Primary: true,
			Effects:     []crossover.Effect{{Name: "interaction:naltrexone", Estimate: -2, Low: -4, High: 0, P: 0.04, PAdjusted: 0.08}},
			Attenuation: []crossover.Attenuation{{Treatment: "naltrexone", Contrast: "interaction:naltrexone", Outcome: o, Equivalent: true, Retained: 57.4, RetainedLow: 32, RetainedHigh: 90}}}
		res := &pipeline.GroupResult{GroupRecord: pipeline.GroupRecord{Results: &crossover.Results{Treatments: []string{"placebo", "naltrexone"}, Level: 0.95, Models: []crossover.RegionFit{fit}}}}
		var out strings.Builder
		summariseGroup(&out, res)
		row := ""
		for l := range strings.Lines(out.String()) {
			if strings.Contains(l, "sgACC") {
				row = l
			}
		}
		if !strings.Contains(row, " "+report.OutcomeName(o)+"  ") || !strings.Contains(row, "57 % (32 to 90)") {
			t.Errorf("%q is printed as %q", o, row)
		}
	}
	if got := retained(crossover.Attenuation{Retained: crossover.Number(math.NaN())}); got != "n/a" {
		t.Errorf("nothing known of what remains: %q", got)
	}
}
