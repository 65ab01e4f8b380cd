// Package keyed gives random numbers that depend on a seed, a purpose and the
// index of the draw alone: draw k is the same whichever worker makes it, and
// whatever was drawn before.
package keyed

import (
	"encoding/binary"
	"math/rand/v2"
)

// Key returns the ChaCha8 key of one draw. Different purposes of one seed give
// unrelated numbers.
func Key(seed, purpose uint64, k int) (key [32]byte) {
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], purpose)
	binary.LittleEndian.PutUint64(key[16:], uint64(k))
	return key
}

// Stream returns the random numbers of one draw.
func Stream(seed, purpose uint64, k int) *rand.Rand {
	return rand.New(rand.NewChaCha8(Key(seed, purpose, k)))
}
