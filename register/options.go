package register

import "phasl/voxel"

// A Metric says how the likeness of two images is measured.
type Metric int

const (
	// MetricAuto is MutualInformation.
	MetricAuto Metric = iota
	// MutualInformation suits any pair of contrasts.
	MutualInformation
	// Correlation suits images of the same contrast.
	Correlation
)

// String returns the metric's name.
func (m Metric) String() string {
	if m == Correlation {
		return "correlation"
	}
	return "mutual information"
}

// Options set how [Rigid] and [Affine] work. The zero value is the default.
type Options struct {
	FixedMask  *voxel.Mask // voxels of fixed that count; nil: head and a margin, found by itself
	MovingMask *voxel.Mask // voxels of moving that count; nil: all

	// Init is where the search begins, fixed world → moving world. Nil:
	// the headers' coordinates, the centres of the grids and the centres of
	// mass are all tried.
	Init *voxel.Affine

	// Local leaves out the search over starts: only Init (nil: the
	// headers' coordinates) is refined. For images known to lie within
	// about 10 mm and 10°.
	Local bool

	Metric  Metric
	Seed    uint64 // of the sampling jitter
	Workers int    // 0: one per CPU; no effect on the result

	// Progress, if not nil, is called now and then with the share of work
	// done, growing from 0 to 1, from the calling goroutine.
	Progress func(done float64)
}

// A Result is an estimated transform and what a caller needs to trust it.
type Result struct {
	Transform voxel.Affine // fixed world → moving world
	Metric    Metric       // the metric that was used

	// Value is the metric at Transform, larger is more alike: mutual
	// information [nat], or the correlation coefficient. NaN if there was
	// nothing to measure.
	Value float64

	Overlap    float64 // see [Quality]
	Iterations int     // of the optimiser at all levels, winning start only
	Converged  bool    // the last level's step fell below its tolerance

	Starts   int // starts evaluated
	Refined  int // starts refined by the optimiser
	Agreeing int // refined starts that ended within 5 mm of the winner

	Quality Quality // checks at Transform
	Reason  string  // why the result is not to be trusted; empty if it is
}

// OK reports whether the optimiser converged and the checks passed.
func (r *Result) OK() bool { return r.Reason == "" }
