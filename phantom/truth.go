package phantom

import (
	"math"

	"phasl/voxel"
)

// truth averages the maps over the acquired voxels as [Truth] defines.
func (s *simulator) truth() *Truth {
	m := s.maps
	sc := newScanner(m.Grid, s.p.Grid, s.full, s.position, s.opt.Samples, s.opt.Workers)
	flow, time := make([]float32, m.Len()), make([]float32, m.Len())
	s.fill(flow, 0, func(n int) float64 { return float64(m.M0[n]) * float64(m.CBF[n]) })
	s.fill(time, 0, func(n int) float64 {
		if m.CBF[n] == 0 {
			return 0
		}
		return float64(flow[n]) * float64(m.ATT[n])
	})
	mean := sc.whole(m.M0, flow, time)
	if s.p.Blur > 0 { // the blur is part of what a voxel averages over
		for _, c := range mean {
			blurThrough(s.p.Grid, c, s.p.Blur, s.opt.Workers)
		}
	}
	t := &Truth{CBF: voxel.NewImage(s.p.Grid), ATT: voxel.NewImage(s.p.Grid), M0: &voxel.Image{Grid: s.p.Grid, Data: mean[0]},
		Position: s.position, NoiseSD: s.sigma, Alpha: s.alpha, Physics: s.opt.Physics, Constants: s.c}
	for n := range t.CBF.Data {
		t.CBF.Data[n] = ratio(mean[1][n], mean[0][n])
		t.ATT.Data[n] = ratio(mean[2][n], mean[1][n])
	}
	if m.Tissue != nil && m.Region != nil {
		s.regions(t, sc)
	}
	return t
}

func ratio(a, b float32) float32 {
	if b == 0 {
		return float32(math.NaN())
	}
	return a / b
}

// regions fills in what needs tissue and regions to be known.
func (s *simulator) regions(t *Truth, sc *scanner) {
	m := s.maps
	grey, white := make([]float32, m.Len()), make([]float32, m.Len())
	for n, x := range m.Tissue {
		switch x {
		case Grey:
			grey[n] = 1
		case White:
			white[n] = 1
		}
	}
	share := sc.whole(grey, white)
	t.Fraction = &voxel.Image{Grid: s.p.Grid, Data: share[0]}
	t.White = &voxel.Image{Grid: s.p.Grid, Data: share[1]}
	t.Label = voxel.NewImage(s.p.Grid)
	label, part := sc.commonest(m.Region)
	for n, l := range label {
		if part[n] >= 0.5 {
			t.Label.Data[n] = float32(l)
		}
	}

	all := Regions()
	type sum struct{ n, cbf, att, voxels, cbfVoxels float64 }
	sums := make([]sum, len(all)+1)
	for n, r := range m.Region {
		if r > 0 && int(r) < len(sums) {
			sums[r].n++
			sums[r].cbf += float64(m.CBF[n])
			sums[r].att += float64(m.ATT[n])
		}
	}
	for n, l := range t.Label.Data {
		if l > 0 {
			sums[int(l)].voxels++
			sums[int(l)].cbfVoxels += float64(t.CBF.Data[n])
		}
	}
	for _, r := range all {
		x := sums[r.Index]
		t.Regions = append(t.Regions, RegionTruth{Region: r, CBF: x.cbf / x.n, ATT: x.att / x.n, Voxels: int(x.voxels), Voxel: x.cbfVoxels / x.voxels})
	}
}
