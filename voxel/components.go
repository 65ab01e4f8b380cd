package voxel

// Components numbers the connected parts of m, voxels being neighbours if they
// share a face. labels has one label per voxel: 0 outside m, and 1, 2, … in
// the order in which the parts' first voxels lie in memory. sizes[l−1] is the
// number of voxels labelled l.
func Components(m *Mask) (labels []int32, sizes []int) {
	labels = make([]int32, m.Len())
	// parent[r] ≤ r, so the root of a set of runs is the one met first.
	parent := []int32{0}
	find := func(r int32) int32 {
		for parent[r] != r {
			parent[r] = parent[parent[r]]
			r = parent[r]
		}
		return r
	}
	nx, ny, nz := m.Dim[0], m.Dim[1], m.Dim[2]
	n := 0
	for k := range nz {
		for j := range ny {
			for i := range nx {
				if m.In[n] {
					var l int32
					join := func(o int32) {
						switch o = find(o); {
						case l == 0 || l == o:
							l = o
						case l < o:
							parent[o] = l
						default:
							parent[l] = o
							l = o
						}
					}
					if i > 0 && m.In[n-1] {
						join(labels[n-1])
					}
					if j > 0 && m.In[n-nx] {
						join(labels[n-nx])
					}
					if k > 0 && m.In[n-nx*ny] {
						join(labels[n-nx*ny])
					}
					if l == 0 {
						l = int32(len(parent))
						parent = append(parent, l)
					}
					labels[n] = l
				}
				n++
			}
		}
	}
	final := make([]int32, len(parent))
	for n, l := range labels {
		if l == 0 {
			continue
		}
		r := find(l)
		if final[r] == 0 {
			sizes = append(sizes, 0)
			final[r] = int32(len(sizes))
		}
		labels[n] = final[r]
		sizes[final[r]-1]++
	}
	return labels, sizes
}

// Largest returns the largest connected part of m, of several the first in
// memory. It is empty if m is. See [Components].
func Largest(m *Mask) *Mask {
	labels, sizes := Components(m)
	best := 0
	for l, n := range sizes {
		if n > sizes[best] {
			best = l
		}
	}
	out := NewMask(m.Grid)
	for n, l := range labels {
		out.In[n] = l == int32(best)+1
	}
	return out
}
