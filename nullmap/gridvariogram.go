package nullmap

import (
	"fmt"
	"math"
	"math/rand/v2"

	"phasl/diag"
	"phasl/voxel"
)

// gridMatched is variogram matching on voxels: a Gaussian field whose covariance
// is a sum of exponentials and a nugget, with weights from non-negative least
// squares of the map's variogram as in matched.
type gridMatched struct {
	*torus
	spectrum *spectrum
	nugget   float64 // standard deviation
}

func (m Map) gridVariogram(l *diag.List, o Options) (engine, []Parameter) {
	t := newTorus(m.Mask.Grid, m.Coords, false)
	if t.size() > torusMost {
		l.Errorf(m.File, "voxels", "use larger voxels", "a grid of %d × %d × %d voxels is needed, too large for memory", t.dim[0], t.dim[1], t.dim[2])
		return nil, nil
	}
	lag := sampledLags(m.Coords, matchPercentile, matchLags)
	target := make([]float64, len(lag.h))
	lag.variogram(target, make([]float64, len(lag.i)), m.Values)
	near, far := lag.h[0], 0.0
	for a := range 3 {
		far = math.Max(far, float64(t.box[a])*m.Mask.Grid.Spacing()[a])
	}
	all := []float64{0}
	for s := math.Max(near/4, far/1024); s < 2*far; s *= 2 {
		all = append(all, s)
	}
	z := centred(m.Values)
	sigma2 := dot(z, z) / float64(len(z)-1)
	basis := make([][]float64, len(all))
	v := make([]float64, len(lag.i))
	for p, s := range all {
		for k := range lag.i {
			v[k] = sigma2
			if s > 0 {
				v[k] *= 1 - Kernel{Matern12, s}.At(voxel.Distance(m.Coords[lag.i[k]], m.Coords[lag.j[k]]))
			}
		}
		basis[p] = make([]float64, len(lag.h))
		for h, w := range lag.w {
			basis[p][h] = dot(w, v[lag.lo[h]:])
		}
	}
	weight := make([]float64, len(target))
	for h, g := range target {
		weight[h] = lag.count[h] / math.Max(g*g, 1e-6*sigma2*sigma2)
	}
	a := nonNegative(basis, target, weight)
	g := &gridMatched{torus: t, nugget: math.Sqrt(a[0] * sigma2)}
	g.spectrum = t.spectrum(func(h float64) float64 {
		var c float64
		for p, s := range all[1:] {
			if a[p+1] > 0 {
				c += a[p+1] * sigma2 * Kernel{Matern12, s}.At(h)
			}
		}
		return c
	})
	ps := []Parameter{{"nugget", a[0], "weight"}}
	for p, s := range all[1:] {
		if a[p+1] > 0 {
			ps = append(ps, Parameter{fmt.Sprintf("scale %.3g mm", s), a[p+1], "weight"})
		}
	}
	return g, append(ps, Parameter{"torus", float64(t.size()), "voxels"})
}

func (g *gridMatched) draw(dst []float64, r *rand.Rand) {
	w := g.torus.pool.Get().(*torusWork)
	defer g.torus.pool.Put(w)
	g.fields(w, g.spectrum, r)
	for i, at := range g.at {
		dst[i] = real(w.data[at]) + g.nugget*r.NormFloat64()
	}
}
