package pipeline

import (
	"fmt"
	"math"
	"strings"

	"phasl/report"
	"phasl/voxel"
)

// volumeStep is the name of the step in results and flags.
const volumeStep = "change of volume by the deformation"

// mostChange is the change of volume [log₂, either way] beyond which a voxel
// counts as extreme: growth or shrinkage to more than four times.
const mostChange = 2.0

// mostExtreme is the share of the brain's voxels with an extreme change above
// which the deformation is flagged; see docs/methods/anatomy.md.
const mostExtreme = 0.01

// measureChange maps how much the deformation grows or shrinks each place of
// the template's brain, log₂ of the Jacobian determinant without that of the
// affine part, NaN outside the brain and where the field folds, and records how
// much of the brain changes by more than a factor of four, and where most of
// that lies.
func (a *anatomy) measureChange(s *space, workers int) {
	change := a.placed.forward.Jacobian(workers)
	size := a.placed.affine.Det()
	beyond := voxel.NewMask(change.Grid)
	all, extreme, folded := 0, 0, 0
	low, high := math.Inf(1), math.Inf(-1)
	for n, in := range s.brain.In {
		if !in {
			change.Data[n] = float32(math.NaN())
			continue
		}
		v := math.Log2(float64(change.Data[n]) / size)
		all++
		switch {
		case math.IsNaN(v) || math.IsInf(v, 0): // the determinant is not positive
			v = math.NaN()
			folded++
			beyond.In[n] = true
		case math.Abs(v) > mostChange:
			extreme++
			beyond.In[n] = true
			fallthrough
		default:
			low, high = min(low, v), max(high, v)
		}
		change.Data[n] = float32(v)
	}
	share := float64(extreme+folded) / float64(all)
	st := StepResult{Step: volumeStep, OK: share <= mostExtreme && folded == 0,
		Detail: fmt.Sprintf("volumes change by %.2f to %.2f in the brain", math.Exp2(low), math.Exp2(high)),
		Values: map[string]Number{"extreme_percent": Number(100 * share), "folded_percent": Number(100 * float64(folded) / float64(all)),
			"log2_min": Number(low), "log2_max": Number(high)}}
	words := "nowhere in the brain"
	if extreme+folded > 0 {
		words = fmt.Sprintf("in %.2g %% of the brain, most of it near %s", 100*share, s.whereMost(beyond, change))
		if folded > 0 {
			words += fmt.Sprintf("; the field folds in %d voxels", folded)
		}
		st.Detail += fmt.Sprintf("; by more than a factor of %g %s", math.Exp2(mostChange), words)
	}
	a.change, a.extreme = change, report.Fact{Name: fmt.Sprintf("more than × %g", math.Exp2(mostChange)), Value: words}
	a.steps = append(a.steps, st)
}

// whereMost names the place of the largest connected part of a mask on the
// template's grid: its voxel of the largest change, or of none, and the region
// of the atlas there.
func (s *space) whereMost(m *voxel.Mask, change *voxel.Image) string {
	most, at := -1.0, 0
	for n, in := range voxel.Largest(m).In {
		if !in {
			continue
		}
		v := math.Abs(float64(change.Data[n]))
		if v != v {
			v = math.Inf(1)
		}
		if v > most {
			most, at = v, n
		}
	}
	p := m.World(m.Coord(at))
	where := strings.ReplaceAll(fmt.Sprintf("x %.0f, y %.0f, z %.0f mm of the template", p[0], p[1], p[2]), "-", "−")
	if s.regions == nil {
		return where
	}
	for _, l := range s.regions.atlas.Labels {
		if float32(l.Index) == s.regions.onTemplate.Data[at] {
			where += ", " + l.Name
		}
	}
	return where
}
