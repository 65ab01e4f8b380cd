package pipeline

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/asl"
	"phasl/report"
)

// A measure is a metric of quality, and what to do when it lies outside the
// range usually seen.
type measure struct {
	report.Metric
	codes []string // flags of asl about the same
	look  string
}

// measures lists quality with the ranges usually seen. The ranges are wide:
// outside them one should look, which is not to say that the person is unusual.
func (s *scan) measures() []measure {
	nan := math.NaN()
	q := s.quality
	unit := s.result.Units
	gm := report.Metric{Name: "Grey-matter CBF", Value: q.GreyCBF, Unit: unit, Low: 30, High: 100, Key: true, Note: "mean over voxels that are mostly grey matter, from " + s.tissuesFrom}
	qei := 0.5
	wm := report.Metric{Name: "White-matter CBF", Value: q.WhiteCBF, Unit: unit, Low: 8, High: 40}
	if unit != asl.UnitsAbsolute {
		gm.Name, wm.Name = "Grey-matter perfusion", "White-matter perfusion"
		gm.Low, gm.High, wm.Low, wm.High = nan, nan, nan, nan
		qei = nan // it was rated on absolute CBF
	}
	if s.tissues == nil {
		gm.Note = "needs a T1w image, or a template that the scan could be registered to"
	}
	level := "check M0 and its scale, the delays and the labelling duration"
	outlines := "look at the tissue outlines on the scan: registration or segmentation may be off"
	moving := "look at the motion trace and the ΔM map"
	still := s.stillWhy // why there is no motion to tell
	out := []measure{
		{gm, []string{"cbf-in-thousands", "cbf-high", "cbf-low", "negative", "no-perfusion", "no-signal", "swapped"}, level},
		{wm, []string{"cbf-in-thousands", "cbf-high", "cbf-low", "negative", "no-perfusion", "no-signal", "swapped"}, level},
		{report.Metric{Name: "GM/WM ratio", Value: q.Ratio, Low: 1.3, High: 5, Note: "grey matter has two to four times the flow of white; large voxels and blurring bring the ratio down"}, []string{"grey-not-above-white"}, outlines},
		{report.Metric{Name: "QEI", Value: q.QEI, Low: qei, High: nan, Key: true, Note: "quality evaluation index, 0 to 1 (Dolui et al. 2024)"}, []string{"qei-low"}, "look at the CBF map before using it: scans below 0.5 are seldom rated acceptable by eye"},
		{report.Metric{Name: "Spatial CoV", Value: q.SpatialCoV, Low: nan, High: 0.8, Key: true, Note: "standard deviation over mean in grey matter; high with late arrival or noise"}, []string{"scov-high"}, "look for bright vessels and cold watersheds: label may not have arrived by readout"},
		{report.Metric{Name: "tSNR", Value: q.TSNR, Low: nan, High: nan, Note: "mean ΔM over its scatter from pair to pair, median of grey matter; needs several pairs"}, nil, ""},
		{report.Metric{Name: "Negative grey matter", Value: 100 * q.NegativeFraction, Unit: "%", Low: nan, High: 10}, []string{"many-negative"}, "look at the ΔM map for noise and motion"},
		{report.Metric{Name: "FD, mean", Value: q.FDMean, Unit: "mm", Low: nan, High: 0.5, Key: s.moved, Note: still}, nil, moving},
		{report.Metric{Name: "FD, largest", Value: q.FDMax, Unit: "mm", Low: nan, High: 3, Note: still}, nil, moving},
	}
	return slices.Insert(out, 2, s.pureMeasures()...)
}

// outside reports whether the value lies outside the usual range.
func (m *measure) outside() bool { return m.Value < m.Low || m.Value > m.High }

// unusual flags the measures outside their usual range that have no flag yet,
// so that the page never shows a red number under "nothing flagged".
func (s *scan) unusual() []asl.Flag {
	var out []asl.Flag
	for _, m := range s.measures() {
		known := slices.ContainsFunc(s.flags, func(f asl.Flag) bool { return slices.Contains(m.codes, f.Code) })
		if known || !m.outside() {
			continue
		}
		end, side := m.Low, "below"
		if m.Value > m.High {
			end, side = m.High, "above"
		}
		out = append(out, asl.Flag{Code: "unusual-" + strings.ToLower(strings.NewReplacer(" ", "-", ",", "", "/", "-").Replace(m.Name)),
			Found: strings.TrimSpace(fmt.Sprintf("%s is %.3g, %s %g %s", m.Name, m.Value, side, end, m.Unit)), Look: m.look})
	}
	return out
}

// about returns the name of the measure a flag is about, "" if it is about
// none.
func (s *scan) about(f asl.Flag) string {
	for _, m := range s.measures() {
		if slices.Contains(m.codes, f.Code) || strings.HasPrefix(f.Found, m.Name+" is ") {
			return m.Name
		}
	}
	return ""
}

// severe reports whether the numbers should not be used before the flag is
// settled.
func severe(f asl.Flag) bool {
	return slices.Contains([]string{"no-signal", "swapped", "no-perfusion", "cbf-in-thousands", "cbf-spread", "negative"}, f.Code)
}
