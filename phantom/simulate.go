package phantom

import (
	"fmt"
	"math"

	"phasl/asl"
	"phasl/bids"
	"phasl/internal/par"
	"phasl/voxel"
)

// A Physics is the way label and magnetisation behave.
type Physics int

const (
	// FullKinetic is the general kinetic model: label decays with T1 of blood
	// until it arrives and with T1 of its tissue thereafter, venous outflow is
	// counted, and each tissue recovers with its own T1.
	FullKinetic Physics = iota
	// WhitePaper makes every assumption of the consensus equation true: label
	// decays with T1 of blood throughout, nothing flows out, and all tissue in
	// an M0 image recovers with one T1. That equation then recovers the true
	// CBF exactly wherever transit is shorter than the delay.
	WhitePaper
)

// String returns "full kinetic" or "white paper".
func (p Physics) String() string {
	if p == WhitePaper {
		return "white paper"
	}
	return "full kinetic"
}

// Options say how an acquisition departs from the ideal. The zero value is a
// perfect one.
type Options struct {
	Physics   Physics
	Constants Constants      // unset fields: those of the protocol, then the defaults
	Seed      uint64         // of noise, fluctuation and outliers
	SNR       float64        // mean M0 of perfused tissue over the SD of the noise in one raw volume; 0: no noise
	Rician    bool           // noise of magnitude images rather than Gaussian; differences stay Gaussian
	Bias      float64        // receive sensitivity, common to all volumes, varies by about ± this share
	Position  voxel.Affine   // where the head lies in this scan: world of the maps → scanner world; zero: as drawn
	Motion    []voxel.Affine // rigid motion of each volume from Position, in scanner world; nil: still
	M0Motion  voxel.Affine   // the same for a separate M0 image; zero: still

	Fluctuation float64 // SD of the volume-to-volume change of static tissue [share of its signal]
	Outliers    []int   // volumes, from 0, spoilt by a smooth change of up to 4 % of the static signal

	Samples int // samples along each axis of an acquired voxel; 0: 3
	Workers int // 0: one per CPU. The result does not depend on it
}

// An Acquisition is what a scanner would have stored, and the truth.
type Acquisition struct {
	Protocol Protocol
	Series   *voxel.Series
	Context  []bids.VolumeType // of each volume
	PLD      []float64         // of each volume [s]; 0 for M0
	M0       *voxel.Series     // separate M0 image; nil if there is none
	Truth    *Truth
}

// Truth is what a perfect analysis would find on the acquired grid, with the
// head in [Options].Position and still.
type Truth struct {
	// CBF is the mean of the tissues' CBF weighted by their M0
	// [mL/100 g/min]: ΣM0·CBF/ΣM0 over the samples of the voxel. Where one
	// tissue with one transit time fills the voxel, or under [WhitePaper], the
	// right equation applied to noise-free data returns it exactly. NaN where
	// there is no magnetisation.
	CBF *voxel.Image
	// ATT is the mean transit time weighted by M0·CBF [s]; NaN without flow.
	ATT      *voxel.Image
	M0       *voxel.Image   // mean equilibrium magnetisation, before receive sensitivity
	Fraction *voxel.Image   // share of grey matter [1]; nil if the maps do not know tissue
	White    *voxel.Image   // share of white matter [1]; nil likewise
	Label    *voxel.Image   // commonest region where at least half is grey matter, else 0; nil likewise
	Regions  []RegionTruth  // nil likewise
	Position voxel.Affine   // where the head lay: world of the maps → scanner world
	Motion   []voxel.Affine // of each volume
	Outliers []int
	NoiseSD  float64 // of one raw volume [units of M0]

	Alpha     float64 // labelling efficiency including losses to suppression
	Physics   Physics
	Constants Constants // used
}

// RegionTruth is the truth of one region.
type RegionTruth struct {
	Region
	CBF    float64 // of its grey matter [mL/100 g/min]
	ATT    float64 // mean over its grey matter [s]
	Voxels int     // acquired voxels with its label
	Voxel  float64 // mean of Truth.CBF over those voxels, partial volume included [mL/100 g/min]; NaN if none
}

// Simulate acquires a series by protocol p from true maps.
//
// The signal of a voxel is the mean over samples spread evenly within it, so
// that partial volume is that of the maps:
//
//	M0 image   M0·(1 − exp(−TR/T1))
//	control    M0·b(T1),  b = |Mz/M0| left by suppression, or saturation recovery over TR
//	label      control − ΔM
//	deltam     32 × NEX × ΔM
//	ΔM         M0 · [asl.Kinetic].DeltaM(CBF, ATT, t), t the readout of the slice
//
// M0 times receive sensitivity is in the units of maps.M0.
//
// It panics if the maps do not match their grid, or if opt.Motion has another
// length than the series. Memory: about 12 bytes a voxel of maps and 4 a
// voxel of the series.
func Simulate(maps *Maps, p Protocol, opt Options) *Acquisition {
	n := maps.Len()
	for _, f := range [][]float32{maps.CBF, maps.ATT, maps.T1, maps.M0} {
		if len(f) != n {
			panic("phantom: Simulate: a map's length differs from its grid's")
		}
	}
	sim := newSimulator(maps, p, opt)
	a := sim.acquire(sim.opt)
	truth := sim.truth()
	truth.Motion, truth.Outliers = a.Truth.Motion, a.Truth.Outliers
	a.Truth = truth
	return a
}

// acquire simulates one series with the head where opt has it. Its truth holds
// no images.
func (s *simulator) acquire(opt Options) *Acquisition {
	s.opt, s.position = opt.sampled(), orIdentity(opt.Position)
	clear(s.cache)
	p, sim := s.p, s
	a := &Acquisition{Protocol: p, Series: &voxel.Series{Grid: p.Grid}, Truth: &Truth{Position: s.position}}
	var delay []int
	a.Context, delay = p.volumes()
	if opt.Motion != nil && len(opt.Motion) != len(a.Context) {
		panic(fmt.Sprintf("phantom: Simulate: %d positions for %d volumes", len(opt.Motion), len(a.Context)))
	}
	a.Truth.Motion, a.Truth.Outliers = make([]voxel.Affine, len(a.Context)), opt.Outliers
	outlier := map[int]bool{}
	for _, v := range opt.Outliers {
		outlier[v] = true
	}
	for v, kind := range a.Context {
		head := voxel.Identity()
		if opt.Motion != nil {
			head = opt.Motion[v]
		}
		a.Truth.Motion[v] = head
		head = head.Mul(sim.position)
		pld := 0.0
		if delay[v] >= 0 {
			pld = p.PLD[delay[v]]
		}
		a.PLD = append(a.PLD, pld)
		a.Series.Vols = append(a.Series.Vols, sim.volume(v, kind, delay[v], head, outlier[v]))
	}
	if p.M0 == M0Separate {
		head := orIdentity(opt.M0Motion).Mul(sim.position)
		a.M0 = &voxel.Series{Grid: p.Grid, Vols: [][]float32{sim.volume(1<<20, bids.M0Scan, -1, head, false)}}
	}
	return a
}

// A simulator holds what volumes share.
type simulator struct {
	maps        *Maps
	p           Protocol
	opt         Options
	c           Constants
	alpha       float64
	arrived     arrived
	sigma       float64
	position    voxel.Affine
	full        *blocks
	sensitivity []float64            // of the receive coil in each acquired voxel; nil until needed
	relaxed     []float32            // signal of the M0 image on the fine grid; nil until needed
	cache       map[shot][][]float32 // signals of positions seen before: with a still head every repetition is alike
}

// arrived is the label that a whole bolus holds at time t, decayed in blood,
// for the only readout of a 3D protocol of one delay: exponentials worked out
// once rather than for each voxel.
type arrived struct{ t, label float64 }

// A shot is all that the noise-free signal depends on.
type shot struct {
	m0    bool
	delay int
	head  voxel.Affine
}

func newSimulator(maps *Maps, p Protocol, opt Options) *simulator {
	opt = opt.sampled()
	s := &simulator{maps: maps, p: p, opt: opt, position: orIdentity(opt.Position), cache: map[shot][][]float32{}}
	s.full = newBlocks(maps.Grid, maps.M0, opt.Workers)
	s.c = opt.Constants.over(p.Constants).orDefault()
	if p.SliceStep == 0 && len(p.PLD) > 0 && p.Labelling != asl.PASL {
		t := p.readout(0, 0)
		s.arrived = arrived{t, s.c.T1Blood * math.Exp(-(t-p.LD)/s.c.T1Blood) * -math.Expm1(-p.LD/s.c.T1Blood)}
	}
	s.alpha = p.Alpha * p.suppressionEfficiency()
	if opt.SNR > 0 {
		var sum float64
		count := 0
		for v, f := range maps.CBF {
			if f > 0 {
				sum += float64(maps.M0[v])
				count++
			}
		}
		s.sigma = sum / float64(max(count, 1)) / opt.SNR
	}
	return s
}

// sampled returns o with its default number of samples.
func (o Options) sampled() Options {
	if o.Samples == 0 {
		o.Samples = 3
	}
	return o
}

// orIdentity returns a, or the identity if a is the zero value.
func orIdentity(a voxel.Affine) voxel.Affine {
	if a == (voxel.Affine{}) {
		return voxel.Identity()
	}
	return a
}

// volume returns the stored values of volume v.
func (s *simulator) volume(v int, kind bids.VolumeType, delay int, head voxel.Affine, outlier bool) []float32 {
	key := shot{kind == bids.M0Scan, delay, head}
	signal, ok := s.cache[key]
	if !ok {
		signal = s.signal(key)
		if s.p.Blur > 0 {
			for _, c := range signal {
				blurThrough(s.p.Grid, c, s.p.Blur, s.opt.Workers)
			}
		}
		if len(s.cache) > 2*len(s.p.PLD)+2 { // a moving head never repeats a position
			clear(s.cache)
		}
		s.cache[key] = signal
	}
	static, delta := signal[0], signal[1]
	out := make([]float32, len(static))
	noise := s.sigma
	scale := 1.0
	if kind == bids.DeltaM {
		scale = s.p.deltaMFactor()
		noise *= scale * math.Sqrt(2/float64(max(s.p.Averages, 1)))
	}
	g := s.p.Grid
	if s.opt.Bias != 0 && s.sensitivity == nil {
		s.sensitivity = make([]float64, g.Len())
		par.Ranges(s.opt.Workers, g.Len(), 1<<13, func(lo, hi int) {
			for n := lo; n < hi; n++ {
				s.sensitivity[n] = receive(g.World(g.Coord(n)), s.opt.Bias)
			}
		})
	}
	swing := s.swing(v)
	spoil := 0.0
	if outlier {
		spoil = 0.04
	}
	plane := g.Dim[0] * g.Dim[1]
	par.Do(s.opt.Workers, g.Dim[2], func(k int) {
		r := stream(s.opt.Seed, "asl noise", uint64(v)<<20|uint64(k))
		for at := k * plane; at < (k+1)*plane; at++ {
			x, d := float64(static[at]), float64(delta[at])
			change := 0.0
			if s.opt.Fluctuation != 0 || outlier {
				p := g.World(g.Coord(at))
				change = swing.at(p)*s.opt.Fluctuation + spoil*math.Sin(0.05*p[0]+0.07*p[1]+0.06*p[2]+swing.phase)
			}
			switch kind {
			case bids.M0Scan:
				x *= 1 + change
			case bids.Control:
				x += x * change
			case bids.Label:
				x += x*change - d
			case bids.DeltaM:
				x = scale * (d + x*change)
			}
			if s.opt.Bias != 0 {
				x *= s.sensitivity[at]
			}
			if noise > 0 {
				e := noise * r.NormFloat64()
				if s.opt.Rician && kind != bids.DeltaM {
					x = math.Hypot(x+e, noise*r.NormFloat64())
				} else {
					x += e
				}
			}
			out[at] = float32(x)
		}
	})
	return out
}

// A swing is one volume's physiological change of static tissue: a smooth
// pattern of unit variance.
type swing struct {
	mean, wave float64
	k          voxel.Vec
	phase      float64
}

func (s *simulator) swing(v int) swing {
	r := stream(s.opt.Seed, "fluctuation", uint64(v))
	return swing{mean: 0.8 * r.NormFloat64(), wave: 0.6 * math.Sqrt2 * r.NormFloat64(),
		k: voxel.Vec{0.04 * r.NormFloat64(), 0.04 * r.NormFloat64(), 0.04 * r.NormFloat64()}, phase: 2 * math.Pi * r.Float64()}
}

func (w *swing) at(p voxel.Vec) float64 {
	return w.mean + w.wave*math.Cos(w.k[0]*p[0]+w.k[1]*p[1]+w.k[2]*p[2]+w.phase)
}

// signal returns the noise-free static signal and difference on the acquired
// grid.
func (s *simulator) signal(key shot) [][]float32 {
	sc := newScanner(s.maps.Grid, s.p.Grid, s.full, key.head, s.opt.Samples, s.opt.Workers)
	if key.m0 {
		if s.relaxed == nil {
			s.relaxed = make([]float32, s.maps.Len())
			s.fill(s.relaxed, 0, func(n int) float64 { return s.recovered(n) })
		}
		return [][]float32{sc.whole(s.relaxed)[0], make([]float32, s.p.Grid.Len())}
	}
	if s.p.SliceStep == 0 {
		delta := make([]float32, s.maps.Len())
		t := s.p.readout(key.delay, 0)
		if s.p.DeltaM && s.opt.Fluctuation == 0 && len(s.opt.Outliers) == 0 { // static tissue cancels
			s.fill(delta, 0, func(n int) float64 { return s.deltaM(n, t) })
			return [][]float32{make([]float32, s.p.Grid.Len()), sc.whole(delta)[0]}
		}
		static := make([]float32, s.maps.Len())
		s.fill(static, 0, func(n int) float64 { return float64(s.maps.M0[n]) * s.background(float64(s.maps.T1[n]), t) })
		s.fill(delta, 0, func(n int) float64 { return s.deltaM(n, t) })
		return sc.whole(static, delta)
	}
	out := [][]float32{make([]float32, s.p.Grid.Len()), make([]float32, s.p.Grid.Len())}
	plane := s.maps.Dim[0] * s.maps.Dim[1]
	par.Do(s.opt.Workers, s.p.Grid.Dim[2], func(k int) {
		lo, hi := sc.slab(k)
		static, delta := make([]float32, (hi-lo)*plane), make([]float32, (hi-lo)*plane)
		t := s.p.readout(key.delay, k)
		for n := range static {
			at := n + lo*plane
			if s.maps.M0[at] != 0 {
				static[n] = float32(float64(s.maps.M0[at]) * s.background(float64(s.maps.T1[at]), t))
				delta[n] = float32(s.deltaM(at, t))
			}
		}
		sc.slice(k, lo, out, [][]float32{static, delta})
	})
	return out
}

// fill sets dst[n] to fn(first + n) where there is magnetisation.
func (s *simulator) fill(dst []float32, first int, fn func(n int) float64) {
	par.Ranges(s.opt.Workers, len(dst), 1<<14, func(lo, hi int) {
		for n := lo; n < hi; n++ {
			if s.maps.M0[first+n] != 0 {
				dst[n] = float32(fn(first + n))
			}
		}
	})
}

// recovered returns the signal of the M0 image.
func (s *simulator) recovered(n int) float64 {
	m0 := float64(s.maps.M0[n])
	if s.p.M0TR <= 0 {
		return m0
	}
	t1 := float64(s.maps.T1[n])
	if s.opt.Physics == WhitePaper {
		t1 = s.c.T1Recovery
	}
	return -m0 * math.Expm1(-s.p.M0TR/t1)
}

// background returns |Mz|/M0 of static tissue at time t [s] after labelling
// begins. With suppression the slab is saturated when labelling begins and
// inverted by each pulse; without, it was saturated by the readout one TR ago.
func (s *simulator) background(t1, t float64) float64 {
	if len(s.p.Suppression) == 0 {
		return -math.Expm1(-s.p.TR / t1)
	}
	mz, at := 0.0, 0.0
	for _, pulse := range s.p.Suppression {
		if pulse > t {
			break
		}
		mz = -(1 + (mz-1)*math.Exp(-(pulse-at)/t1))
		at = pulse
	}
	return math.Abs(1 + (mz-1)*math.Exp(-(t-at)/t1))
}

// deltaM returns the difference of fine voxel n at time t [s] after labelling
// begins, in the units of M0.
func (s *simulator) deltaM(n int, t float64) float64 {
	cbf, att := float64(s.maps.CBF[n]), float64(s.maps.ATT[n])
	if cbf == 0 {
		return 0
	}
	m0 := float64(s.maps.M0[n])
	if s.opt.Physics == WhitePaper {
		return m0 * s.inBlood(cbf, att, t)
	}
	k := asl.Kinetic{Labelling: s.p.Labelling, Alpha: s.alpha, T1b: s.c.T1Blood, T1t: float64(s.maps.T1[n]), Lambda: s.c.Lambda, Tau: s.p.LD}
	return m0 * k.DeltaM(cbf, att, t)
}

// inBlood returns ΔM/M0 if all label stays in blood: 2αf/λ times the label
// that has arrived, each part decayed by T1b since it was labelled.
func (s *simulator) inBlood(cbf, att, t float64) float64 {
	w := min(t-att, s.p.LD)
	if w <= 0 {
		return 0
	}
	scale := 2 * s.alpha * cbf / 6000 / s.c.Lambda
	t1 := s.c.T1Blood
	if w == s.p.LD && s.p.Labelling != asl.PASL && t == s.arrived.t { // most voxels: all of the bolus is there
		return scale * s.arrived.label
	}
	if s.p.Labelling == asl.PASL {
		return scale * w * math.Exp(-t/t1)
	}
	return scale * t1 * math.Exp(-(t-w)/t1) * -math.Expm1(-w/t1)
}

// blurThrough smooths along k with a Gaussian of the given FWHM [mm], its
// weights rescaled at the ends.
func blurThrough(g voxel.Grid, data []float32, fwhm float64, workers int) {
	sigma := fwhm / g.Spacing()[2] / (2 * math.Sqrt(2*math.Ln2))
	reach := int(math.Ceil(4 * sigma))
	weight := make([]float64, reach+1)
	for i := range weight {
		weight[i] = math.Exp(-0.5 * float64(i*i) / (sigma * sigma))
	}
	plane := g.Dim[0] * g.Dim[1]
	par.Ranges(workers, plane, 1024, func(lo, hi int) {
		line := make([]float64, g.Dim[2])
		for n := lo; n < hi; n++ {
			for k := range line {
				line[k] = float64(data[n+k*plane])
			}
			for k := range line {
				var sum, total float64
				for o := -reach; o <= reach; o++ {
					if k+o >= 0 && k+o < len(line) {
						w := weight[max(o, -o)]
						sum += w * line[k+o]
						total += w
					}
				}
				data[n+k*plane] = float32(sum / total)
			}
		}
	})
}
