package nullmap

import (
	"fmt"
	"math"

	"phasl/diag"
	"phasl/internal/par"
	"phasl/voxel"
)

// Distances holds the distance [mm] between every two of N places: symmetric,
// zero on the diagonal.
type Distances struct {
	N int
	D []float64 // N×N, row after row
}

// Row returns the distances from place i. The slice is the matrix's own.
func (d *Distances) Row(i int) []float64 { return d.D[i*d.N : (i+1)*d.N] }

// Euclidean returns the straight distances between points. A point with a
// coordinate that is not finite has NaN distances.
func Euclidean(p []voxel.Vec) *Distances {
	d := &Distances{N: len(p), D: make([]float64, len(p)*len(p))}
	for i := range p {
		for j := range i {
			v := voxel.Distance(p[i], p[j])
			d.D[i*d.N+j], d.D[j*d.N+i] = v, v
		}
	}
	return d
}

// BetweenParcels returns the mean distance [mm] between a point of one parcel
// and a point of another, over all pairs of points; zero on the diagonal. It is
// longer than the distance of centroids for parcels that bend around each
// other. From parcels of more than most points (0: 200) every m-th point is
// used, with the smallest m that leaves no more than most; the error that makes
// is far below the spacing of the points. An empty parcel has NaN distances.
func BetweenParcels(parcels [][]voxel.Vec, most, workers int) *Distances {
	if most <= 0 {
		most = 200
	}
	thin := make([][]voxel.Vec, len(parcels))
	for i, p := range parcels {
		step := max(1, (len(p)+most-1)/most)
		for j := 0; j < len(p); j += step {
			thin[i] = append(thin[i], p[j])
		}
	}
	n := len(parcels)
	d := &Distances{N: n, D: make([]float64, n*n)}
	par.Do(workers, n, func(i int) {
		for j := range i {
			var s float64
			for _, a := range thin[i] {
				for _, b := range thin[j] {
					s += voxel.Distance(a, b)
				}
			}
			s /= float64(len(thin[i]) * len(thin[j]))
			d.D[i*n+j], d.D[j*n+i] = s, s
		}
	})
	return d
}

// NewDistances checks a matrix of distances given by its rows and returns it.
// file names it in messages. Errors: a matrix that is not square, an entry that
// is negative or not a number, a diagonal that is not zero. Entries i,j and
// j,i that differ by more than 1e-6 of the largest distance are an error too;
// smaller differences are averaged out.
func NewDistances(file string, rows [][]float64) (*Distances, diag.List) {
	var l diag.List
	n := len(rows)
	for i, r := range rows {
		if len(r) != n {
			l.Errorf(file, fmt.Sprintf("row %d", i+1), "give a square matrix: one row and one column for each place", "it has %d entries, the matrix %d rows", len(r), n)
			return nil, l
		}
	}
	d := &Distances{N: n, D: make([]float64, n*n)}
	var largest float64
	for i, r := range rows {
		for j, v := range r {
			d.D[i*n+j] = v
			if !math.IsInf(v, 0) {
				largest = math.Max(largest, v)
			}
		}
	}
	bad := faults{limit: 5}
	for i := range n {
		if v := d.D[i*n+i]; v != 0 {
			bad.add(&l, file, fmt.Sprintf("row %d, column %d", i+1, i+1), "set the distance of a place to itself to 0", "the distance of a place to itself is %g", v)
		}
		for j := range i {
			a, b := d.D[i*n+j], d.D[j*n+i]
			at := fmt.Sprintf("row %d, column %d", i+1, j+1)
			switch {
			case !(a >= 0) || !(b >= 0) || math.IsInf(a, 0) || math.IsInf(b, 0):
				bad.add(&l, file, at, "give finite distances in mm", "%g and its mirror image %g are not both distances", a, b)
			case math.Abs(a-b) > 1e-6*largest:
				bad.add(&l, file, at, "make the matrix symmetric", "it is %g and its mirror image %g", a, b)
			default:
				m := (a + b) / 2
				d.D[i*n+j], d.D[j*n+i] = m, m
			}
		}
	}
	bad.close(&l, file)
	if l.Err() != nil {
		return nil, l
	}
	return d, l
}

// faults adds at most limit problems of one kind and counts the rest.
type faults struct{ limit, n int }

func (f *faults) add(l *diag.List, file, field, fix, found string, args ...any) {
	if f.n++; f.n <= f.limit {
		l.Errorf(file, field, fix, found, args...)
	}
}

func (f *faults) close(l *diag.List, file string) {
	if f.n > f.limit {
		l.Errorf(file, "", "mend all of them", "%d more faults of this kind", f.n-f.limit)
	}
}

// pick returns the distances among the places keep.
func (d *Distances) pick(keep []int) *Distances {
	out := &Distances{N: len(keep), D: make([]float64, len(keep)*len(keep))}
	for a, i := range keep {
		for b, j := range keep {
			out.D[a*out.N+b] = d.D[i*d.N+j]
		}
	}
	return out
}
