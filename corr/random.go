package corr

import (
	"math/rand/v2"

	"phasl/internal/keyed"
)

// purposes keep the random numbers of different uses of one seed apart.
const (
	forPermutation uint64 = iota
	forBootstrap
	forSwap
	forPairs
	forSimulation
	forSlopes
)

// A stream draws random numbers that depend on a seed, a purpose and the index
// of the draw alone, so that it does not matter which worker draws them.
type stream struct {
	src *rand.ChaCha8
	*rand.Rand
}

func newStream() *stream {
	src := rand.NewChaCha8([32]byte{})
	return &stream{src, rand.New(src)}
}

// at starts the numbers of one draw.
func (s *stream) at(seed, purpose uint64, draw int) {
	s.src.Seed(keyed.Key(seed, purpose, draw))
}

// shuffle writes a random permutation of 0 … n−1 to dst.
func (s *stream) shuffle(dst []int) {
	for i := range dst {
		j := s.IntN(i + 1)
		dst[i] = dst[j]
		dst[j] = i
	}
}
