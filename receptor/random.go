package receptor

// Purposes of random numbers: they differ from those of nullmap, which shares
// the seed.
const (
	forFlips = 1001 + iota
	forFields
)
