package phantom

import (
	"slices"
	"testing"
)

func TestParcellation(t *testing.T) {
	p := NewParcellation(100, 1, 0)
	d := template()
	labels := p.Labels(&Brain{}, d, 0)
	count := make([]int, 101)
	for v, l := range labels.Data {
		if (l > 0) != cortical(d.Label[v]) {
			t.Fatalf("voxel %v of region %d has parcel %g", d.World(d.Coord(v)), d.Label[v], l)
		}
		count[int(l)]++
	}
	sizes := slices.Clone(count[1:])
	slices.Sort(sizes)
	// Lloyd's algorithm evens out sizes but does not make them equal.
	if sizes[0] < 50 || sizes[99] > 8*sizes[0] {
		t.Errorf("parcels have %d to %d voxels", sizes[0], sizes[99])
	}
	if !slices.Equal(p.Seeds, NewParcellation(100, 1, 3).Seeds) || slices.Equal(p.Seeds, NewParcellation(100, 2, 0).Seeds) {
		t.Error("the seed does not decide the parcels, or not alone")
	}
	if p.Name(1) != "parcel_L_01" || p.Name(100) != "parcel_R_50" {
		t.Errorf("names %s, %s", p.Name(1), p.Name(100))
	}
}

func TestParcellationPanics(t *testing.T) {
	for _, n := range []int{0, 3, 2002} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d parcels: no panic", n)
				}
			}()
			NewParcellation(n, 1, 0)
		}()
	}
}
