package pipeline

import (
	"fmt"
	"math"

	"phasl/asl"
	"phasl/report"
	"phasl/voxel"
)

// unmix estimates the perfusion of pure tissue, if it was asked for.
func (s *scan) unmix() error {
	if !s.set.PVC {
		return nil
	}
	const step = "correction for partial volume"
	switch {
	case s.tissues == nil:
		s.steps = append(s.steps, StepResult{Step: step, Detail: "tissue fractions are not known"})
		return nil
	case s.protocol.IsCBF():
		s.steps = append(s.steps, StepResult{Step: step, Detail: "the scan brings CBF, which cannot be taken apart without ΔM and M0"})
		return nil
	}
	s.step("correct for partial volume")
	s.pure = s.result.Unmix(s.input, s.protocol, s.options, s.fractions(), asl.PartialOptions{})
	r := s.pureResult()
	detail := fmt.Sprintf("Gaussian neighbourhoods of %g mm, tissue from %s", asl.UnmixFWHM, s.tissuesFrom)
	if !s.onAnatomy {
		detail += ", which does not show this person's folds"
	}
	s.steps = append(s.steps, StepResult{Step: step, OK: r.GMCBF == r.GMCBF, Detail: detail,
		Values: map[string]Number{"gm_cbf": r.GMCBF, "wm_cbf": r.WMCBF}})
	return nil
}

// pureResult returns the means over the scan; nil if there are none.
func (s *scan) pureResult() *PureResult {
	if s.pure == nil {
		return nil
	}
	mean := func(m, weight *voxel.Image) Number {
		var sum, all float64
		for n, v := range m.Data {
			if w := weight.Data[n]; v-v == 0 && w > 0 {
				sum += float64(v) * float64(w)
				all += float64(w)
			}
		}
		return Number(sum / all) // 0/0 is NaN
	}
	return &PureResult{mean(s.pure.Grey, s.tissues.GM), mean(s.pure.White, s.tissues.WM)}
}

// writePure writes the maps of pure tissue.
func (w *worker) writePure(s *scan, k *sink, meta func(units, what string) map[string]any) {
	if s.pure == nil {
		return
	}
	files := s.outcome.Files
	for _, m := range []struct {
		label, what string
		cbf, att    *voxel.Image
	}{{"GM", "grey", s.pure.Grey, s.pure.GreyATT}, {"WM", "white", s.pure.White, s.pure.WhiteATT}} {
		about := meta(s.result.Units, "Cerebral blood flow of pure "+m.what+" matter: partial volume corrected by regression (Asllani et al. 2008, doi:10.1002/mrm.21670) over Gaussian neighbourhoods of "+fmt.Sprint(asl.UnmixFWHM)+" mm")
		files["cbf_pvc_"+m.label] = k.image(m.cbf, "cbf", about, "desc", "pvc"+m.label)
		if m.att != nil {
			files["att_pvc_"+m.label] = k.image(m.att, "att", meta("s", "Arterial transit time of pure "+m.what+" matter"), "desc", "pvc"+m.label)
		}
	}
	if s.onTemplate {
		grid := s.space.t1.Grid
		std := voxel.Resample(s.pure.Grey, grid, s.toTemplate, voxel.Linear, s.set.Workers)
		keepBrain(std, s.space.brain)
		about := meta(s.result.Units, "Cerebral blood flow of pure grey matter")
		about["SpatialReference"] = s.space.name
		files["cbf_pvc_GM_template"] = k.image(std, "cbf", about, "space", s.space.name, "desc", "pvcGM")
	}
}

// pureMeasures are the rows of the page's table of quality.
func (s *scan) pureMeasures() []measure {
	r := s.pureResult()
	if r == nil {
		return nil
	}
	nan := math.NaN()
	row := func(name string, v Number) measure {
		return measure{Metric: report.Metric{Name: name, Value: float64(v), Unit: s.result.Units, Low: nan, High: nan, Note: "corrected for partial volume by regression; no usual range is known"}}
	}
	return []measure{row("Pure grey-matter CBF", r.GMCBF), row("Pure white-matter CBF", r.WMCBF)}
}
