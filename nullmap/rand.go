package nullmap

import (
	"encoding/binary"
	"math/rand/v2"
)

// stream returns the source of draw k for one purpose. Draws keyed this way do
// not depend on each other, on their order or on the number of workers.
func stream(seed uint64, purpose, k int) *rand.Rand {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(purpose))
	binary.LittleEndian.PutUint64(key[16:], uint64(k))
	return rand.New(rand.NewChaCha8(key))
}

// Purposes of random numbers: one seed gives unrelated streams to each.
const (
	forDraw = iota + 1
	forSubset
	forPairs
	forMaps
	forPartners
)

// shuffle writes a random permutation of 0 … len(p)−1 to p.
func shuffle(p []int32, r *rand.Rand) {
	for i := range p {
		p[i] = int32(i)
	}
	for i := len(p) - 1; i > 0; i-- {
		j := r.IntN(i + 1)
		p[i], p[j] = p[j], p[i]
	}
}
