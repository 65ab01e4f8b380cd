package asl

import (
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// solver applies the model voxel by voxel.
type solver struct {
	in       *Input
	p        *Protocol
	r        *Result
	opt      Options
	counts   []int
	variance []float32
	df       int
	mask     *voxel.Mask

	multi  bool
	base   Kinetic // without T1t and Tau
	delays []int   // those with used pairs
	half   float64 // transit time at which half the bolus has arrived by the last readout of the first slice [s]
	fixed  float64 // flow in T1′ for relative perfusion [mL/g/s]
}

// relativeFlow is the flow taken in T1′ where perfusion has no scale
// [mL/g/s]: 50 mL/100 g/min. The term is about a hundredth of 1/T1t.
const relativeFlow = 50 * perfusionUnit

func (s *solver) run() {
	r, c := s.r, s.r.Constants
	g := s.in.Series.Grid
	blank := func() *voxel.Image { return &voxel.Image{Grid: g, Data: filled(g.Len())} }
	r.CBF, r.CBFSE = blank(), blank()
	r.gains = make([][]float32, len(r.Delays))
	for d := range r.gains {
		r.gains[d] = filled(g.Len())
		if s.counts[d] > 0 {
			s.delays = append(s.delays, d)
		}
	}
	s.multi = len(r.Delays) > 1
	if s.multi {
		r.ATT, r.ATTSE = blank(), blank()
	}
	s.base = Kinetic{Labelling: s.p.Labelling, Alpha: r.efficiency(s.p), T1b: c.Value(BloodT1), Lambda: c.Value(Partition)}
	if r.Calibration.Relative {
		s.fixed = relativeFlow
	}
	for _, d := range s.delays {
		k, t := s.timing(d, 0)
		s.half = math.Max(s.half, t-k.Tau/2)
	}

	bound := par.Sum(s.opt.Workers, g.Len(), 512, func(lo, hi int) float64 {
		return s.chunk(lo, hi)
	})
	r.AtBound = int(bound)
}

// timing returns the kinetic model of delay d and the time since labelling
// began at which a slice delayed by late [s] is read.
func (s *solver) timing(d int, late float64) (Kinetic, float64) {
	k, delay := s.base, s.r.Delays[d]
	k.Tau = delay.LD
	t := delay.PLD + late
	if s.p.Labelling == PASL {
		if !s.p.BolusCutOff {
			k.Tau = s.r.Constants.Value(BolusDuration)
		} else if s.p.CutOffTechnique == "QUIPSS" {
			k.Tau += late
		}
	} else {
		t += delay.LD
	}
	return k, t
}

// tissue returns T1t and the transit time of voxel n.
func (s *solver) tissue(n int) (t1, att float64) {
	c := s.r.Constants
	t1 = c.Value(GreyT1)
	single := c.Has(GreyTransit)
	if single {
		att = c.Value(GreyTransit)
	}
	if s.in.Grey != nil && s.in.White != nil {
		g, w := float64(s.in.Grey.Data[n]), float64(s.in.White.Data[n])
		if g >= 0 && w >= 0 && g+w > 0.05 {
			t1 = (g*t1 + w*c.Value(WhiteT1)) / (g + w)
			if single {
				att = (g*att + w*c.Value(WhiteTransit)) / (g + w)
			}
		}
	}
	if s.in.T1t != nil && s.in.T1t.Data[n] > 0 {
		t1 = float64(s.in.T1t.Data[n])
	}
	if single && s.in.ATT != nil && s.in.ATT.Data[n] >= 0 {
		att = float64(s.in.ATT.Data[n])
	}
	return t1, att
}

// chunk solves voxels [lo, hi) and returns how many transit times lie near a
// bound.
func (s *solver) chunk(lo, hi int) (bound float64) {
	q := &fitter{fixed: s.fixed}
	if c := s.r.Constants; c.Has(TransitPriorSD) {
		q.prior, q.priorSD = c.Value(TransitPrior), c.Value(TransitPriorSD)
	}
	for n := lo; n < hi; n++ {
		m0 := float64(s.r.M0.Data[n])
		if !s.mask.In[n] || !(m0 > 0) {
			continue
		}
		i, j, k := s.in.Series.Coord(n)
		late := s.p.sliceTime([3]int{i, j, k})
		switch {
		case s.multi:
			if s.fitVoxel(q, n, m0, late) {
				bound++
			}
		case s.r.Model == ModelKinetic:
			s.kineticVoxel(n, m0, late)
		default:
			s.whitePaperVoxel(n, m0, late)
		}
	}
	return bound
}

func (s *solver) whitePaperVoxel(n int, m0, late float64) {
	k, _ := s.timing(0, late)
	s.store(n, 0, k.WhitePaper(s.r.Delays[0].PLD+late)/m0)
}

// store sets CBF in voxel n for a linear model of one delay.
func (s *solver) store(n, d int, gain float64) {
	s.r.CBF.Data[n] = float32(gain * float64(s.r.DelayM.Vols[d][n]))
	s.r.CBFSE.Data[n] = float32(math.Abs(gain) * float64(s.r.DeltaMSE.Data[n]))
	s.r.gains[d][n] = float32(gain)
}

func (s *solver) kineticVoxel(n int, m0, late float64) {
	k, t := s.timing(0, late)
	var att float64
	k.T1t, att = s.tissue(n)
	f, slope := solveFlow(&k, float64(s.r.DelayM.Vols[0][n])/m0, att, t, s.fixed)
	gain := slope / perfusionUnit / m0
	s.store(n, 0, gain)
	s.r.CBF.Data[n] = float32(f / perfusionUnit)
}

// fitVoxel fits flow and transit time in voxel n and reports whether the
// latter is near a bound.
//
// The upper bound is where half the bolus has arrived by the last readout.
// Beyond, what little has arrived is multiplied by ever more, and noise with
// it.
func (s *solver) fitVoxel(q *fitter, n int, m0, late float64) bool {
	t1, _ := s.tissue(n)
	q.s = q.s[:0]
	power := 0.0
	for _, d := range s.delays {
		k, t := s.timing(d, late)
		k.T1t = t1
		y := float64(s.r.DelayM.Vols[d][n]) / m0
		power += y * y
		q.s = append(q.s, sample{k: k, t: t, n: float64(s.counts[d]), y: y})
	}
	if !finite(power) {
		return false
	}
	if power == 0 { // no difference at any delay: no flow, and no transit time
		s.r.CBF.Data[n] = 0
		return false
	}
	within := 0.0
	if s.df > 0 {
		within = float64(s.variance[n]) * float64(s.df) / (m0 * m0)
	}
	q.max = math.Max(math.Min(s.opt.maxATT(), s.half+late), 2*nearBound)
	e := q.fit(within, s.df)
	r := s.r
	r.CBF.Data[n] = float32(e.f / perfusionUnit)
	r.CBFSE.Data[n] = float32(e.seF / perfusionUnit)
	r.ATT.Data[n] = float32(e.att)
	r.ATTSE.Data[n] = float32(e.seATT)
	for i, d := range s.delays {
		r.gains[d][n] = float32(q.gains[i] / perfusionUnit / m0)
	}
	return e.near
}
