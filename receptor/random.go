package receptor

import "hash/fnv"

// Purposes of random numbers: they differ from those of nullmap, which shares
// the seed.
const (
	forFlips = 1001 + iota
	forFields
)

// densitySeed is the seed of a density's surrogates: its own, whatever else is in
// the panel.
func densitySeed(seed uint64, name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return seed ^ h.Sum64()
}
