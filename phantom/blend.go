package phantom

import (
	"phasl/internal/par"
	"phasl/voxel"
)

// A Blend says what the mean of a CBF map over each region is made of at the
// scanner's resolution. Voxels of a few millimetres mix the grey matter of a
// region with its neighbours, white matter and CSF, so that a map without any
// error, resampled to the template and averaged over a region there, gives
//
//	mean = Σ share × CBF of the compartment
//
// rather than the CBF of the region's grey matter.
type Blend struct {
	// Share of each compartment in each of [TrialRegions]. Those of a region add
	// up to less than 1 by what is CSF.
	Share [][]float64
}

// Resolve returns the expected mean over each of [TrialRegions] of a scan
// whose compartments have the given CBF: white matter first, then each
// [Region] at its index [mL/100 g/min].
func (b *Blend) Resolve(cbf []float64) []float64 {
	out := make([]float64, len(b.Share))
	for i, row := range b.Share {
		for c, w := range row {
			out[i] += w * cbf[c]
		}
	}
	return out
}

// newBlend follows a scan's values to the regions: samples to acquired voxels,
// those by linear interpolation to the template's 2 mm voxels, and those to the
// mean of a region. Whole grey and white matter are taken on the acquired grid,
// from voxels that hold more than 0.7 of the tissue (0.5 if there are fewer
// than 20 of those), as the participant level does.
func newBlend(s *simulator, position voxel.Affine, fromTemplate voxel.Transform, samples int) *Blend {
	head := orIdentity(position)
	if samples == 0 {
		samples = 3
	}
	mix := s.mixtures(newScanner(s.maps.Grid, s.p.Grid, s.full, head, samples, s.opt.Workers))
	side, count := mix.labelled(voxel.Chain{fromTemplate, head})
	b := &Blend{}
	for _, r := range trialRegions() {
		sum, total := make([]float64, compartments), 0.0
		switch r.Name {
		case GlobalGrey:
			total = mix.mostly(Grey, sum)
		case GlobalWhite:
			total = mix.mostly(White, sum)
		default:
			for _, c := range r.Members {
				total += count[c]
				for k, x := range side[c] {
					sum[k] += x
				}
			}
		}
		for k := range sum {
			sum[k] /= total
		}
		b.Share = append(b.Share, sum)
	}
	return b
}

// mixtures say what each voxel of an acquired grid is a mixture of.
type mixtures struct {
	voxel.Grid
	grey, white []float32 // share of the voxel's volume
	part        [][]part  // what its CBF is the sum of
}

// A part is one compartment of a voxel and its share of the magnetisation.
type part struct {
	compartment uint16
	share       float32
}

// mixtures averages over the voxels of the acquired grid as scanner.slice does,
// but keeps the compartments apart.
func (s *simulator) mixtures(sc *scanner) *mixtures {
	g, m := sc.onto, s.maps
	out := &mixtures{Grid: g, grey: make([]float32, g.Len()), white: make([]float32, g.Len()), part: make([][]part, g.Len())}
	nx, plane := m.Dim[0], m.Dim[0]*m.Dim[1]
	par.Do(sc.workers, g.Dim[2], func(k int) {
		tally := make([]float64, compartments)
		seen := make([]uint16, 0, compartments)
		var arena []part // of the slice
		for j := range g.Dim[1] {
			for i := range g.Dim[0] {
				var total, grey, white float64
				for n := range sc.side * sc.side * sc.side {
					p := sc.toFine.Map(voxel.Vec{float64(i) + sc.offset[n%sc.side], float64(j) + sc.offset[n/sc.side%sc.side], float64(k) + sc.offset[n/sc.side/sc.side]})
					base, f, ok := corner(m.Grid, p)
					if !ok || !sc.full.at(int(p[0]), int(p[1]), int(p[2])) {
						continue
					}
					for c := range 8 {
						w, at := cornerOf(c, base, f, nx, plane)
						if w == 0 || m.M0[at] == 0 {
							continue
						}
						amount := w * float64(m.M0[at])
						total += amount
						switch m.Tissue[at] {
						case Grey:
							grey += w
						case White:
							white += w
						default:
							continue
						}
						r := m.Region[at] // 0 in white matter
						if tally[r] == 0 {
							seen = append(seen, r)
						}
						tally[r] += amount
					}
				}
				at := g.Index(i, j, k)
				volume := float64(sc.side * sc.side * sc.side)
				out.grey[at], out.white[at] = float32(grey/volume), float32(white/volume)
				first := len(arena)
				for _, r := range seen {
					arena = append(arena, part{r, float32(tally[r] / total)})
					tally[r] = 0
				}
				seen = seen[:0]
				out.part[at] = arena[first:len(arena):len(arena)]
			}
		}
	})
	return out
}

// corner returns the voxel of g below point p (in voxels) in every direction
// and p's place between it and the next, or false outside the grid.
func corner(g voxel.Grid, p voxel.Vec) (base int, f voxel.Vec, ok bool) {
	step := [3]int{1, g.Dim[0], g.Dim[0] * g.Dim[1]}
	for a := range 3 {
		last := float64(g.Dim[a] - 1)
		if !(p[a] >= 0 && p[a] <= last) {
			return 0, f, false
		}
		lo := min(int(p[a]), max(g.Dim[a]-2, 0))
		f[a] = p[a] - float64(lo)
		base += lo * step[a]
	}
	return base, f, true
}

// cornerOf returns weight and index of corner c of 8 in linear interpolation.
func cornerOf(c, base int, f voxel.Vec, nx, plane int) (w float64, at int) {
	w, at = 1, base
	for a, step := range [3]int{1, nx, plane} {
		if c>>a&1 == 1 {
			w *= f[a]
			at += step
		} else {
			w *= 1 - f[a]
		}
	}
	return w, at
}

// labelled sums the mixtures over the voxels of each region of the template,
// which way maps to the scanner's world. count is the number of those voxels.
func (m *mixtures) labelled(way voxel.Transform) (sum [][]float64, count []float64) {
	sum, count = make([][]float64, compartments), make([]float64, compartments)
	for c := range sum {
		sum[c] = make([]float64, compartments)
	}
	g := TemplateGrid()
	toVoxel := m.Affine.Inverse()
	nx, plane := m.Dim[0], m.Dim[0]*m.Dim[1]
	for n, l := range templateDrawing().Label {
		if l == 0 {
			continue
		}
		base, f, ok := corner(m.Grid, toVoxel.Map(way.Map(g.World(g.Coord(n)))))
		if !ok {
			continue
		}
		count[l]++
		for c := range 8 {
			w, at := cornerOf(c, base, f, nx, plane)
			if w == 0 {
				continue
			}
			for _, p := range m.part[at] {
				sum[l][p.compartment] += w * float64(p.share)
			}
		}
	}
	return sum, count
}

// mostly adds up the mixtures of the voxels that hold a tissue and little else
// and returns how many there are.
func (m *mixtures) mostly(t Tissue, sum []float64) (count float64) {
	share := m.grey
	if t == White {
		share = m.white
	}
	least := float32(0.7)
	n := 0
	for _, x := range share {
		if x > least {
			n++
		}
	}
	if n < 20 {
		least = 0.5
	}
	for at, x := range share {
		if x <= least {
			continue
		}
		count++
		for _, p := range m.part[at] {
			sum[p.compartment] += float64(p.share)
		}
	}
	return count
}
