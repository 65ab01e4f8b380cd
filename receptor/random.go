package receptor

import (
	"fmt"
	"hash/fnv"
)

// Purposes of random numbers: they differ from those of nullmap, which shares
// the seed.
const (
	forFlips = 1001 + iota
	forFields
)

// densityKeys tells the random numbers of densities apart, by target, so that a
// density's surrogates are the same whatever else is in the panel and wherever its
// file lies. Several densities of one target are told apart by their order.
func densityKeys(panel []Density) []uint64 {
	times := map[string]int{}
	out := make([]uint64, len(panel))
	for j, d := range panel {
		h := fnv.New64a()
		h.Write([]byte(d.Target))
		if n := times[d.Target]; n > 0 {
			fmt.Fprintf(h, " %d", n+1)
		}
		times[d.Target]++
		out[j] = h.Sum64()
	}
	return out
}
