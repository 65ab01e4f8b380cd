package receptor

import (
	"encoding/binary"
	"math"
	"sync"

	"phasl/nullmap"
)

// Families keeps the decomposed covariances of the gp null between tests, as they
// belong to the places and not to the map: the 9 s that 400 parcels take are
// spent once. The zero value is ready, and serves one set of places; tests on
// other subsets of them (maps with other holes) get their own. Results do not
// depend on it. It may be used from several goroutines.
type Families struct {
	mu sync.Mutex
	at map[string]*nullmap.Family
}

// mostDecomposed is the number of places up to which nullmap decomposes
// covariances whole; beyond it makes no use of a family.
const mostDecomposed = 600

// of returns the family of some of the places; nil if there is none to keep, and
// nullmap then makes its own or says what is wrong with the places.
func (f *Families) of(p Places, used []int, workers int) *nullmap.Family {
	if f == nil || len(used) < 5 || len(used) > mostDecomposed {
		return nil
	}
	d := p.distances(used)
	var far float64
	for _, v := range d.D {
		if !finite(v) {
			return nil
		}
		far = math.Max(far, v)
	}
	if !(far > 0) {
		return nil
	}
	key := make([]byte, 0, 2*len(used))
	for _, i := range used {
		key = binary.AppendUvarint(key, uint64(i))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if g := f.at[string(key)]; g != nil {
		return g
	}
	var g *nullmap.Family
	if p.Distances != nil {
		g = nullmap.NewFamily(nil, d, workers)
	} else {
		g = nullmap.NewFamily(take(p.Coords, used), nil, workers)
	}
	if f.at == nil {
		f.at = map[string]*nullmap.Family{}
	}
	f.at[string(key)] = g
	return g
}
