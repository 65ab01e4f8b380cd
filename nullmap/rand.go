package nullmap

import "math/rand/v2"

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
