package receptor

import (
	"encoding/binary"
	"math/rand/v2"
)

// stream returns the source of draw k for one purpose, so that draws depend
// neither on each other nor on the number of workers.
func stream(seed uint64, purpose, k int) *rand.Rand {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(purpose))
	binary.LittleEndian.PutUint64(key[16:], uint64(k))
	return rand.New(rand.NewChaCha8(key))
}

// Purposes of random numbers: they differ from those of nullmap, which shares
// the seed.
const (
	forFlips = 1001 + iota
	forFields
)
