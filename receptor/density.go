package receptor

// A Density is one receptor's map in parcels, with what is known of it.
type Density struct {
	Source
	Values   []float64 // NaN where there is none
	Coverage *Coverage // nil if it came from a table
	Excluded []int     // parcels left out by Source.Exclude
}
