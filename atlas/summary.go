package atlas

import (
	"fmt"
	"math"
	"slices"

	"phasl/internal/par"
	"phasl/voxel"
)

// SummaryOptions steer the summaries. The zero value is the default.
type SummaryOptions struct {
	// Coverage is the least share of a region's voxels that must have a value,
	// 0 to 1. 0: 0.5.
	Coverage float64
	// Threshold is the least grey-matter fraction of a voxel that counts in the
	// grey-matter-weighted mean of a region. 0: none, every voxel counts by its
	// fraction.
	Threshold float64
	// GlobalThreshold is the same for the global mean. 0: 0.5.
	GlobalThreshold float64
	// Workers is the number of goroutines; 0: one per CPU.
	Workers int
}

func (o SummaryOptions) withDefaults() SummaryOptions {
	if o.Coverage == 0 {
		o.Coverage = 0.5
	}
	if o.GlobalThreshold == 0 {
		o.GlobalThreshold = 0.5
	}
	return o
}

// A Summary says what a map is like in one region. Measures are in the map's
// units and NaN where Note says why.
type Summary struct {
	Region   Region
	Mean     float64 // of the voxels with a value
	Weighted float64 // mean weighted by grey-matter fraction; NaN without a grey-matter image
	Median   float64
	SD       float64 // between voxels, n − 1 in the denominator; not an error of the mean
	Relative float64 // Weighted over the global mean (Mean, without a grey-matter image); dimensionless
	N        int     // voxels with a value
	Total    int     // voxels of the region
	Volume   float64 // of the region [mm³]
	Coverage float64 // N / Total
	GMVolume float64 // grey matter among the voxels with a value [mm³]; NaN without a grey-matter image
	Note     string  // why a measure is missing, or ""
}

// A Global is the mean of a map over all grey matter.
type Global struct {
	Mean   float64 // in the map's units; NaN if there is none
	N      int     // voxels that counted
	Method string  // which voxels counted, and how
	Note   string  // why Mean is missing, or ""
}

// Summarise returns the summary of img in each region and its global mean.
//
// img and gm, the grey-matter fraction of each voxel (0 to 1), lie on the
// atlas's grid; gm may be nil. A voxel has a value if img is finite there and
// it belongs to valid (nil: all). The grey-matter-weighted mean is
//
//	Σ g·x / Σ g
//
// over the voxels with a value and with g at least the threshold; voxels
// without grey-matter fraction do not count. It still contains what the white
// matter and CSF of its voxels contribute: it leans towards grey matter but is
// not corrected for partial volume.
//
// The global mean is the same over all voxels with g ≥ GlobalThreshold, atlas
// or not. Without gm it is the mean over all labelled voxels, and Method says
// so.
//
// A region of which less than Coverage has a value is NaN in every measure. It
// panics if a grid's shape differs from the atlas's.
func (a *Atlas) Summarise(img, gm *voxel.Image, valid *voxel.Mask, regions []Region, opt SummaryOptions) ([]Summary, Global) {
	a.mustMatch("Summarise", img, gm, valid)
	opt = opt.withDefaults()
	global := a.global(img, gm, valid, opt)
	out := make([]Summary, len(regions))
	par.Do(opt.Workers, len(regions), func(i int) {
		out[i] = a.summarise(img, gm, valid, regions[i], opt)
		s := &out[i]
		s.Relative = math.NaN()
		mean := s.Weighted
		if gm == nil {
			mean = s.Mean
		}
		if global.Mean > 0 {
			s.Relative = mean / global.Mean
		}
	})
	return out, global
}

// mustMatch panics unless all that is given has the atlas's shape.
func (a *Atlas) mustMatch(what string, img, gm *voxel.Image, valid *voxel.Mask) {
	if img.Dim != a.Dim || gm != nil && gm.Dim != a.Dim || valid != nil && valid.Dim != a.Dim {
		panic("atlas: " + what + ": image, grey matter, mask and atlas differ in shape")
	}
}

// finite returns img's value at n and whether it counts.
func finite(img *voxel.Image, valid *voxel.Mask, n int) (float64, bool) {
	v := img.Data[n]
	return float64(v), v-v == 0 && (valid == nil || valid.In[n])
}

// weight returns the grey-matter fraction at n, 0 if it is below the threshold
// or missing.
func weight(gm *voxel.Image, n int, threshold float64) float64 {
	g := float64(gm.Data[n])
	if !(g > 0) || g < threshold {
		return 0
	}
	return g
}

func (a *Atlas) global(img, gm *voxel.Image, valid *voxel.Mask, opt SummaryOptions) Global {
	var g Global
	var sum, w float64
	if gm != nil {
		g.Method = fmt.Sprintf("grey-matter-weighted mean over voxels with a grey-matter fraction of at least %g", opt.GlobalThreshold)
		for n := range img.Data {
			if x, ok := finite(img, valid, n); ok {
				if k := weight(gm, n, opt.GlobalThreshold); k > 0 {
					sum += k * x
					w += k
					g.N++
				}
			}
		}
	} else {
		g.Method = "mean over all labelled voxels of the atlas, as there is no grey-matter image"
		for _, l := range a.Labels {
			for _, n := range a.voxels[l.Index] {
				if x, ok := finite(img, valid, int(n)); ok {
					sum += x
					w++
					g.N++
				}
			}
		}
	}
	g.Mean = sum / w // 0/0 is NaN
	if g.N == 0 {
		g.Note = "no voxel counted: " + g.Method
	}
	return g
}

func (a *Atlas) summarise(img, gm *voxel.Image, valid *voxel.Mask, r Region, opt SummaryOptions) Summary {
	nan := math.NaN()
	s := Summary{Region: r, Mean: nan, Weighted: nan, Median: nan, SD: nan, GMVolume: nan}
	var values []float32
	var sum, wsum, w, grey float64
	for _, index := range r.Labels {
		for _, n := range a.voxels[index] {
			s.Total++
			x, ok := finite(img, valid, int(n))
			if !ok {
				continue
			}
			values = append(values, img.Data[n])
			sum += x
			if gm != nil {
				grey += weight(gm, int(n), 0)
				k := weight(gm, int(n), opt.Threshold)
				wsum += k * x
				w += k
			}
		}
	}
	s.N = len(values)
	s.Volume = float64(s.Total) * a.VoxelVolume()
	s.Coverage = float64(s.N) / float64(s.Total)
	if gm != nil {
		s.GMVolume = grey * a.VoxelVolume()
	}
	if s.Total == 0 {
		s.Note = "the region has no voxels in the atlas image"
		return s
	}
	if s.Coverage < opt.Coverage || s.N == 0 {
		s.Note = fmt.Sprintf("only %d of %d voxels (%.0f %%) have a value; %.0f %% are needed", s.N, s.Total, 100*s.Coverage, 100*opt.Coverage)
		return s
	}
	s.Mean = sum / float64(s.N)
	if s.N > 1 {
		q := 0.0
		for _, v := range values {
			q += (float64(v) - s.Mean) * (float64(v) - s.Mean)
		}
		s.SD = math.Sqrt(q / float64(s.N-1))
	}
	slices.Sort(values)
	m := len(values) / 2
	s.Median = float64(values[m])
	if len(values)%2 == 0 {
		s.Median = (s.Median + float64(values[m-1])) / 2
	}
	if gm != nil {
		if w > 0 {
			s.Weighted = wsum / w
		} else {
			s.Note = "no voxel with a value holds grey matter"
			if opt.Threshold > 0 {
				s.Note = fmt.Sprintf("no voxel with a value holds at least %g grey matter", opt.Threshold)
			}
		}
	}
	return s
}
