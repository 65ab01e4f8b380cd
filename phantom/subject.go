package phantom

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"phasl/voxel"
)

// A Subject is one person's anatomy: the template seen through a smooth map.
// The zero value is the template itself.
type Subject struct {
	Seed   uint64 // 0 for the template; any other value is another person
	Affine bool   // the person differs from the template by an affine map only, which an affine registration can undo

	// Warp is the root mean square [mm] of a displacement by 24 more waves, with
	// wavelengths of 40 to 80 mm, which no affine registration can undo. Where
	// it would come near to folding it is less. 0: none.
	Warp float64
}

// Brain returns the subject's brain.
func (s Subject) Brain() *Brain {
	if s.Seed == 0 {
		return &Brain{}
	}
	return &Brain{subject: newIndividual(s)}
}

// ToTemplate returns the true map from the subject's world to the template's
// [mm]: an affine near the identity (rotations of about 2°, sizes ±4 %,
// shifts of about 3 mm) followed by waves of some 2 mm with wavelengths of
// 90–160 mm (unless s.Affine), and by shorter ones if s.Warp says so. It is the transform by which a template image is resampled onto
// the subject.
func (s Subject) ToTemplate() voxel.Transform {
	if s.Seed == 0 {
		return voxel.Identity()
	}
	return newIndividual(s)
}

// FromTemplate returns the inverse of [Subject.ToTemplate], exact to 1e-6 mm.
func (s Subject) FromTemplate() voxel.Transform {
	if s.Seed == 0 {
		return voxel.Identity()
	}
	return inverse{newIndividual(s)}
}

// individual is the map from a subject's world to the template's.
type individual struct {
	affine voxel.Affine
	inv    voxel.Affine
	smooth bool // the waves are not all flat
	waves  []wave
	amp    []voxel.Vec // displacement of each wave [mm]
}

// longWaves is the number of waves of every individual.
const longWaves = 4

func newIndividual(s Subject) *individual {
	r := stream(s.Seed, "anatomy", 0)
	var in individual
	rot := voxel.Vec{0.03 * clip(r), 0.025 * clip(r), 0.03 * clip(r)}
	size := voxel.Vec{1 + 0.03*clip(r), 1 + 0.03*clip(r), 1 + 0.03*clip(r)}
	shift := voxel.Vec{1.5 * clip(r), 3 * clip(r), 3 * clip(r)}
	in.affine = voxel.Translation(shift).Mul(voxel.Rotation(rot)).Mul(voxel.Scaling(size)).About(voxel.Vec{0, -18, 8})
	in.inv = in.affine.Inverse()
	in.waves, in.amp = make([]wave, longWaves), make([]voxel.Vec, longWaves)
	for i := range in.waves {
		w := &in.waves[i]
		length := 90 + 70*r.Float64()
		var k voxel.Vec
		var n float64
		for a := range 3 {
			k[a] = r.NormFloat64()
			n += k[a] * k[a]
		}
		for a := range 3 {
			w.k[a] = k[a] / math.Sqrt(n) * 2 * math.Pi / length
			in.amp[i][a] = 1.1 * clip(r)
			in.smooth = !s.Affine
			if s.Affine {
				in.amp[i][a] = 0
			}
		}
		w.phase = 2 * math.Pi * r.Float64()
	}
	if s.Warp > 0 {
		in.bend(stream(s.Seed, "anatomical warp", 0), s.Warp)
	}
	return &in
}

// bend adds short waves of the given root mean square displacement [mm].
func (in *individual) bend(r *rand.Rand, size float64) {
	const n = 24
	in.smooth = true
	for range n {
		length := 40 + 40*r.Float64()
		k := direction(r)
		a := direction(r)
		for c := range 3 {
			k[c] *= 2 * math.Pi / length
			a[c] *= size * math.Sqrt(2.0/n) // a sine's mean square is ½
		}
		in.waves = append(in.waves, wave{k: k, phase: 2 * math.Pi * r.Float64()})
		in.amp = append(in.amp, a)
	}
	// The inverse exists, and fixed-point iteration finds it, if the slope of
	// the displacement is below 1 everywhere; the waves are 40 mm long, so that
	// points 5 mm apart miss little.
	const most = 0.75
	for range 20 {
		steepest := 0.0
		for z := -80.0; z <= 90; z += 5 {
			for y := -120.0; y <= 90; y += 5 {
				for x := -80.0; x <= 80; x += 5 {
					steepest = max(steepest, in.slope(voxel.Vec{x, y, z}))
				}
			}
		}
		if steepest <= most {
			return
		}
		for i := longWaves; i < len(in.amp); i++ {
			for c := range 3 {
				in.amp[i][c] *= 0.9
			}
		}
	}
}

// slope returns the Frobenius norm of the displacement's derivative at p, which
// its largest stretch does not exceed.
func (in *individual) slope(p voxel.Vec) float64 {
	var d [3][3]float64
	for i := range in.waves {
		w, a := &in.waves[i], &in.amp[i]
		c := math.Cos(w.k[0]*p[0] + w.k[1]*p[1] + w.k[2]*p[2] + w.phase)
		for j := range 3 {
			for m := range 3 {
				d[j][m] += a[j] * c * w.k[m]
			}
		}
	}
	sum := 0.0
	for j := range 3 {
		for m := range 3 {
			sum += d[j][m] * d[j][m]
		}
	}
	return math.Sqrt(sum)
}

// direction draws a unit vector.
func direction(r *rand.Rand) voxel.Vec {
	for {
		v := voxel.Vec{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}
		if l := math.Sqrt(v[0]*v[0] + v[1]*v[1] + v[2]*v[2]); l > 1e-6 {
			return voxel.Vec{v[0] / l, v[1] / l, v[2] / l}
		}
	}
}

// clip draws a standard normal number, held within ±2 so that no subject is
// a monster.
func clip(r *rand.Rand) float64 { return min(max(r.NormFloat64(), -2), 2) }

// Map returns the template point of subject point p.
func (in *individual) Map(p voxel.Vec) voxel.Vec {
	p = in.affine.Map(p)
	if !in.smooth {
		return p
	}
	d := in.displacement(p)
	return voxel.Vec{p[0] + d[0], p[1] + d[1], p[2] + d[2]}
}

func (in *individual) displacement(p voxel.Vec) (d voxel.Vec) {
	for i := range in.waves {
		w, a := &in.waves[i], &in.amp[i]
		s := math.Sin(w.k[0]*p[0] + w.k[1]*p[1] + w.k[2]*p[2] + w.phase)
		d[0] += a[0] * s
		d[1] += a[1] * s
		d[2] += a[2] * s
	}
	return d
}

type inverse struct{ of *individual }

// Map solves of.Map(q) = p by fixed-point iteration, which contracts because
// the waves' slopes are well below 1.
func (v inverse) Map(p voxel.Vec) voxel.Vec {
	q := p
	for range 50 {
		d := v.of.displacement(q)
		next := voxel.Vec{p[0] - d[0], p[1] - d[1], p[2] - d[2]}
		moved := voxel.Distance(next, q)
		q = next
		if moved < 1e-7 {
			break
		}
	}
	return v.of.inv.Map(q)
}

// stream returns the random numbers of one purpose and index under a seed.
// Streams do not depend on one another, so that results do not depend on the
// order in which they are drawn.
func stream(seed uint64, purpose string, index uint64) *rand.Rand {
	var key [32]byte
	copy(key[16:], purpose)
	binary.LittleEndian.PutUint64(key[0:], seed)
	binary.LittleEndian.PutUint64(key[8:], index)
	return rand.New(rand.NewChaCha8(key))
}
