package corr

import (
	"encoding/binary"
	"math/rand/v2"
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
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], purpose)
	binary.LittleEndian.PutUint64(key[16:], uint64(draw))
	s.src.Seed(key)
}

// shuffle writes a random permutation of 0 … n−1 to dst.
func (s *stream) shuffle(dst []int) {
	for i := range dst {
		j := s.IntN(i + 1)
		dst[i] = dst[j]
		dst[j] = i
	}
}
