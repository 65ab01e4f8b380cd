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
// 90–160 mm. It is the transform by which a template image is resampled onto
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
	waves  [4]wave
	amp    [4]voxel.Vec // displacement of each wave [mm]
}

func newIndividual(s Subject) *individual {
	r := stream(s.Seed, "anatomy", 0)
	var in individual
	rot := voxel.Vec{0.03 * clip(r), 0.025 * clip(r), 0.03 * clip(r)}
	size := voxel.Vec{1 + 0.03*clip(r), 1 + 0.03*clip(r), 1 + 0.03*clip(r)}
	shift := voxel.Vec{1.5 * clip(r), 3 * clip(r), 3 * clip(r)}
	in.affine = voxel.Translation(shift).Mul(voxel.Rotation(rot)).Mul(voxel.Scaling(size)).About(voxel.Vec{0, -18, 8})
	in.inv = in.affine.Inverse()
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
	return &in
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
