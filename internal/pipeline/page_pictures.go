package pipeline

import (
	"math"
	"slices"

	"phasl/bids"
	"phasl/report"
	"phasl/voxel"
)

func (s *scan) motionTraces() *report.Motion {
	m := &report.Motion{FDLimit: 0.5, DVARSUnit: "% of the mean signal"}
	for v, c := range s.protocol.Context {
		vol := report.Volume{Kind: string(c), Excluded: slices.Contains(s.result.Volumes.Excluded, v)}
		if vol.Excluded {
			vol.Reason = "not needed"
			if c == bids.Control || c == bids.Label {
				vol.Reason = "has no partner"
			}
		}
		for _, p := range s.result.Pairs {
			if !p.Used && (p.Label == v || slices.Contains(p.Controls, v)) {
				vol.Reason = p.Reason
			}
		}
		m.Volumes = append(m.Volumes, vol)
	}
	if !s.moved {
		m.Note = "Motion was not estimated: " + s.stillWhy + "."
		return m
	}
	for _, p := range s.motion.Poses {
		m.Translation = append(m.Translation, p.Translation)
		deg := 180 / math.Pi
		m.Rotation = append(m.Rotation, [3]float64{p.Rotation[0] * deg, p.Rotation[1] * deg, p.Rotation[2] * deg})
	}
	m.FD, m.DVARS = s.motion.FD, s.dvars
	m.Note = "Rigid realignment by least squares within each kind of volume; the systematic control–label difference does not count as motion."
	return m
}

// overlays are the pictures by which a reader judges the registrations.
func (s *scan) overlays() []report.Overlay {
	var out []report.Overlay
	step := func(name string) StepResult {
		for _, st := range s.steps {
			if st.Step == name {
				return st
			}
		}
		return StepResult{}
	}
	if s.anatomy != nil {
		t1 := voxel.Average(s.anatomy.t1, s.series.Grid, s.toAnatomy, 2, s.set.Workers)
		wm := voxel.Average(s.anatomy.tissues.WM, s.series.Grid, s.toAnatomy, 2, s.set.Workers)
		st := step("ASL to T1w, rigid")
		if s.given.toT1w != "" {
			st = step(givenToT1wStep)
		}
		name := "ASL (M0 or control)"
		if s.blind {
			name = "ASL (difference)"
		}
		measures := facts(st)
		if b := step(borderStep); b.done() {
			measures = append(measures, report.Fact{Name: "border of white matter", Value: b.Detail})
		}
		out = append(out, report.Overlay{
			Title:  "Scan and T1w image",
			Fixed:  report.Layer{Name: name, Image: s.look},
			Moving: report.Layer{Name: "T1w", Image: t1},
			Outlines: []report.Outline{
				{Name: "brain mask", Mask: s.mask}, {Name: "white matter", Mask: wm.Threshold(0.5)}},
			Measures: measures, Failed: !st.OK,
			Look: "The white-matter line of the T1w image follows the contrast of the scan; the brain does not jump when you flick.",
		})
	}
	if s.stdCBF != nil {
		o := report.Overlay{
			Title:    "CBF in template space",
			Fixed:    report.Layer{Name: "CBF", Image: s.stdCBF, Kind: report.Perfusion, Unit: s.result.Units},
			Moving:   report.Layer{Name: "template " + s.space.name, Image: s.space.t1},
			Outlines: []report.Outline{{Name: "template brain", Mask: s.space.brain}},
			Look:     "Cortex and deep grey nuclei of the CBF map lie on those of the template, and the regions of interest on the anterior cingulate.",
		}
		if !s.onAnatomy {
			st := step(directStep)
			if s.given.toTemplate != "" {
				st = step(givenToSpaceStep)
			}
			o.Measures, o.Failed = facts(st), !st.OK
			o.Outlines = append(o.Outlines, report.Outline{Name: "white matter of the template", Mask: s.space.fractions(s.set.Workers).WM.Threshold(0.5)})
		}
		if rs := s.space.regions; rs != nil {
			o.Labels, o.Regions = rs.onTemplate, rs.outlined
		}
		if !s.onAnatomy && s.given.toTemplate == "" {
			out = append(out, s.directOverlays(step)...)
		}
		out = append(out, o)
	}
	return out
}

// known reports whether an image has any value.
func known(m *voxel.Image) bool {
	return slices.ContainsFunc(m.Data, func(v float32) bool { return v == v })
}
