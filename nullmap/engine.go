package nullmap

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"gonum.org/v1/gonum/stat"

	"phasl/diag"
	"phasl/voxel"
)

// engine returns what draws surrogates of the map, all of whose places have a
// value, with its parameters.
func (m Map) engine(l *diag.List, o Options, family *Family) (engine, []Parameter) {
	n := len(m.Values)
	if o.Method == Spin {
		return m.spin(l)
	}
	large := n > denseMost
	if large && m.Distances == nil && m.Mask == nil && o.Method != BrainSMASH {
		l.Errorf(m.File, "places", "give an image with a mask, or use brainsmash", "%d places are too many for %s without a voxel grid", n, o.Method)
		return nil, nil
	}
	if large && (o.Method == Moran || o.Method == MoranPair) {
		l.Errorf(m.File, "places", "use gp, or summarise by parcels", "%d places are too many for Moran spectral randomisation, which needs all of its eigenvectors; %d is the most", n, denseMost)
		return nil, nil
	}
	d := m.Distances
	if d == nil && !large && (o.Method != GP || n <= familyMax) {
		d = Euclidean(m.Coords)
	}
	if d != nil {
		if near, _ := extent(d); near == 0 {
			l.Errorf(m.File, "places", "give each place its own coordinates", "all places lie at one spot")
			return nil, nil
		}
		if same := twins(d); same > 0 {
			l.Warnf(m.File, "places", "look at the coordinates", "%d places lie at the spot of another", same)
		}
	}
	switch o.Method {
	case Variogram:
		if large || n > familyMax && m.Mask != nil && m.Distances == nil {
			return m.gridVariogram(l, o)
		}
		e := newMatched(m.Values, d)
		var ps []Parameter
		for _, p := range e.parts {
			name := "nugget"
			if p.s != nil {
				name = fmt.Sprintf("smoothing %.3g mm", p.scale)
			}
			ps = append(ps, Parameter{name, p.a, "weight"})
		}
		if len(e.parts) == 0 {
			l.Errorf(m.File, "values", "look at the map", "no variogram could be fitted")
		}
		return e, ps
	case BrainSMASH:
		s, err := o.Smash.defaults(n)
		if err != nil {
			l.Errorf(m.File, "brainsmash", "mend the option", "%s", err)
			return nil, nil
		}
		if s.Sampled {
			return newSampled(m.Values, m.Coords, m.Distances, s, o.Workers), []Parameter{{"neighbours", float64(s.Neighbours), ""}, {"sample", float64(s.Sample), ""}, {"percentile", s.Percentile, "%"}, {"lags", float64(s.Lags), ""}}
		}
		return newSmash(m.Values, d, s), []Parameter{{"percentile", s.Percentile, "%"}, {"lags", float64(s.Lags), ""}, {"deltas", float64(len(s.Deltas)), ""}}
	case Moran, MoranPair:
		if o.moran == nil {
			o.moran = newMoranBasis(d)
		}
		e := o.moran.of(m.Values, o.Method == MoranPair)
		return e, []Parameter{{"eigenvectors", float64(len(e.c)), ""}}
	}
	return m.process(l, o, family, d)
}

// twins counts places at distance 0 from an earlier one.
func twins(d *Distances) (n int) {
	for i := range d.N {
		for j := range i {
			if d.D[i*d.N+j] == 0 {
				n++
				break
			}
		}
	}
	return n
}

// process is the Gaussian process on places that are decomposed whole.
type process struct {
	*Posterior
	pool sync.Pool
}

func (p *process) draw(dst []float64, r *rand.Rand) {
	b := p.pool.Get().(*[]float64)
	defer p.pool.Put(b)
	p.Posterior.draw(dst, *b, r)
}

func (m Map) process(l *diag.List, o Options, family *Family, d *Distances) (engine, []Parameter) {
	n := len(m.Values)
	if n > familyMax {
		return m.largeProcess(l, o)
	}
	if family == nil {
		if m.Distances != nil {
			family = NewFamily(nil, d, o.Workers)
		} else {
			family = NewFamily(m.Coords, nil, o.Workers)
		}
	}
	if c := family.Clipped(); c > 0.05 {
		l.Warnf(m.File, "distances", "check that they are distances in mm; straight ones never do this", "they fit no covariance exactly: %.0f %% of the variance was negative and was set to 0", 100*c)
	}
	p := &process{Posterior: family.Fit(m.Values)}
	p.pool.New = func() any { b := make([]float64, n-1); return &b }
	return p, p.Summary().parameters(family.Mirror)
}

func (c Covariance) parameters(symmetric bool) []Parameter {
	ps := []Parameter{{"scale", c.Scale, "mm"}, {"reach", c.Practical, "mm"}, {"smooth", c.Smooth, "probability"}, {"long-tailed", c.Long, "probability"}, {"nugget", c.Nugget, "share"}}
	if symmetric {
		ps = append(ps, Parameter{"symmetry", c.Symmetry, "share"})
	}
	return ps
}

func (m Map) spin(l *diag.List) (engine, []Parameter) {
	if m.Coords == nil && m.Sphere == nil {
		l.Errorf(m.File, "places", "give coordinates", "spin needs coordinates, not only distances")
		return nil, nil
	}
	sphere, side := m.Sphere, m.Coords
	if sphere == nil {
		sphere = m.Coords
		l.Warnf(m.File, "sphere", "give the parcels' places on the inflated sphere", "there are no spherical coordinates; directions from the middle of each hemisphere stand in for them")
	}
	if side == nil {
		side = m.Sphere
	}
	left := make([]bool, len(side))
	var count [2]int
	for i, v := range side {
		left[i] = v[0] < 0
		if left[i] {
			count[0]++
		} else {
			count[1]++
		}
	}
	if min(count[0], count[1]) > 0 && min(count[0], count[1]) < 5 || !allFinite(sphere) {
		l.Errorf(m.File, "places", "spin the cortex alone, with coordinates for every parcel", "%d places lie left of x = 0 and %d right", count[0], count[1])
		return nil, nil
	}
	return newSpin(m.Values, sphere, left), []Parameter{{"left", float64(count[0]), "places"}, {"right", float64(count[1]), "places"}}
}

func allFinite(p []voxel.Vec) bool {
	for _, v := range p {
		if !finite(v) {
			return false
		}
	}
	return true
}

// A VariogramFit compares the map's variogram with its surrogates'.
type VariogramFit struct {
	H          []float64 // distances [mm]
	Map        []float64 // variogram of the map, squared units of the map
	Surrogates []float64 // mean over surrogates
	SD         []float64 // standard deviation over surrogates
	// Error is the root mean square of Surrogates − Map over the mean of Map:
	// 0 for a perfect fit.
	Error float64
	// Roughness is Surrogates/Map at the shortest distance: above 1 surrogates
	// are rougher than the map, and a null of them too narrow.
	Roughness float64
	// PRough is the share of surrogates that are as smooth as the map at the
	// shortest distance, (1 + #{γ* ≤ γ})/(1 + number): that few pairs of places lie
	// so near makes Roughness large by chance.
	PRough float64
	// P is the Monte Carlo p of the map's largest deviation from Surrogates in
	// units of SD among the surrogates' own: small if the map is not like one of
	// them.
	P float64
}

// Limits of a poor fit: see [VariogramFit.Poor].
const (
	PoorFit       = 0.25 // Error
	PoorRoughness = 1.5  // Roughness
)

// Errs says in words which way p errs if the fit is poor: surrogates that are
// rougher than the map make it too small, smoother ones too large.
func (v VariogramFit) Errs() string {
	switch {
	case v.Roughness > 1.2:
		return "too small"
	case v.Roughness < 1/1.2:
		return "too large"
	}
	return "too small or too large"
}

// Poor tells whether the fit should not be trusted: Error is above [PoorFit] and
// the map is unlike its surrogates (P < 0.05), or surrogates are rougher than the
// map by half at the shortest distance, by more than a tenth of the mean
// variogram, and all but a few of them are (PRough < 0.05).
func (v VariogramFit) Poor() bool {
	rough := v.Roughness > PoorRoughness && v.PRough < 0.05 && v.Surrogates[0]-v.Map[0] > 0.1*stat.Mean(v.Map, nil)
	return v.Error > PoorFit && v.P < 0.05 || rough
}

// VariogramFit returns the variograms of the map and of surrogates 0 to
// count − 1, for pairs of places below the 25th percentile of distance (among
// sampled pairs for more than 1,000 places), smoothed as BrainSMASH does.
func (n *Null) VariogramFit(count, workers int) VariogramFit {
	l := n.lags
	f := VariogramFit{H: l.h, Map: make([]float64, len(l.h)), Surrogates: make([]float64, len(l.h)), SD: make([]float64, len(l.h)), P: math.NaN()}
	l.variogram(f.Map, make([]float64, len(l.i)), n.values)
	all := make([][]float64, count)
	n.Each(count, workers, func(k int, x []float64) {
		at := x
		if len(n.Used) < n.N {
			at = take(x, n.Used)
		}
		all[k] = make([]float64, len(l.h))
		l.variogram(all[k], make([]float64, len(l.i)), at)
	})
	var mean, ss float64
	for h := range l.h {
		for _, g := range all {
			f.Surrogates[h] += g[h] / float64(count)
		}
		for _, g := range all {
			f.SD[h] += (g[h] - f.Surrogates[h]) * (g[h] - f.Surrogates[h])
		}
		f.SD[h] = math.Sqrt(f.SD[h] / float64(count-1))
		mean += f.Map[h] / float64(len(l.h))
		ss += (f.Surrogates[h] - f.Map[h]) * (f.Surrogates[h] - f.Map[h]) / float64(len(l.h))
	}
	f.Error, f.Roughness = math.Sqrt(ss)/mean, f.Surrogates[0]/f.Map[0]
	smooth := 0
	for _, g := range all {
		if g[0] <= f.Map[0] {
			smooth++
		}
	}
	f.PRough = float64(1+smooth) / float64(1+count)
	worst := func(g []float64) (w float64) {
		for h := range g {
			if f.SD[h] > 0 {
				w = math.Max(w, math.Abs(g[h]-f.Surrogates[h])/f.SD[h])
			}
		}
		return w
	}
	null := make([]float64, count)
	for k, g := range all {
		null[k] = worst(g)
	}
	f.P = PValue(worst(f.Map), null)
	return f
}
