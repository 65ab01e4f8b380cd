package pipeline

import (
	"fmt"
	"math"

	"phasl/atlas"
	"phasl/diag"
	"phasl/nifti"
	"phasl/nullmap"
	"phasl/voxel"
)

// read reads the map and where its places are.
func (c NullsConfig) read() (*nullsInput, diag.List, error) {
	var in *nullsInput
	var notes diag.List
	var err error
	if isImage(c.Map) {
		in, notes, err = c.readImage()
	} else {
		in, err = c.readTable()
	}
	if err != nil {
		return nil, notes, err
	}
	in.m.File = c.Map
	if c.Sphere != "" {
		if in.m.Sphere, err = readPoints(c.Sphere, len(in.m.Values)); err != nil {
			return nil, notes, err
		}
	}
	if c.Separate {
		if in.m.Coords == nil {
			return nil, notes, diag.List{{File: c.Map, Field: "--separate", Found: "which side a place is on is not known", Fix: "give --coords"}}
		}
		in.m.Groups = make([]int, len(in.m.Values))
		for i, p := range in.m.Coords {
			if p[0] > 0 {
				in.m.Groups[i] = 1
			}
		}
		in.distance += ", sides apart"
	}
	return in, notes, nil
}

func (c NullsConfig) readTable() (*nullsInput, error) {
	t, err := readColumns(c.Map)
	if err != nil {
		return nil, err
	}
	in := &nullsInput{kind: "table rows", names: t.names}
	if in.m.Values, err = t.column(c.Column, "--column"); err != nil {
		return nil, err
	}
	n := len(in.m.Values)
	if c.Coords != "" {
		if in.m.Coords, err = readPoints(c.Coords, n); err != nil {
			return nil, err
		}
		in.distance = "straight"
	}
	if c.Distances != "" {
		d, err := readColumns(c.Distances)
		if err != nil {
			return nil, err
		}
		rows := make([][]float64, len(d.v[0]))
		for i := range rows {
			rows[i] = make([]float64, len(d.v))
			for j := range d.v {
				rows[i][j] = d.v[j][i]
			}
		}
		m, l := nullmap.NewDistances(c.Distances, rows)
		if l.Err() != nil {
			return nil, l
		}
		if m.N != n {
			return nil, diag.List{{File: c.Distances, Found: fmt.Sprintf("it is for %d places, the map has %d", m.N, n), Fix: "give one row and one column for each value"}}
		}
		in.m.Distances, in.distance = m, "as given"
	}
	return in, nil
}

// readPoints reads coordinates, one for each of n values.
func readPoints(path string, n int) ([]voxel.Vec, error) {
	t, err := readColumns(path)
	if err != nil {
		return nil, err
	}
	xyz, err := t.triplet()
	if err != nil {
		return nil, err
	}
	if len(xyz[0]) != n {
		return nil, diag.List{{File: path, Found: fmt.Sprintf("it has %d places, the map %d", len(xyz[0]), n), Fix: "give one row for each value, in the same order"}}
	}
	out := make([]voxel.Vec, n)
	for i := range out {
		out[i] = voxel.Vec{xyz[0][i], xyz[1][i], xyz[2][i]}
	}
	return out, nil
}

func (c NullsConfig) readImage() (*nullsInput, diag.List, error) {
	img, _, err := nifti.ReadImage(c.Map)
	if err != nil {
		return nil, nil, err
	}
	if c.Atlas != "" {
		return c.readParcels(img)
	}
	mask := voxel.NewMask(img.Grid)
	if c.Mask != "" {
		m, _, err := nifti.ReadMask(c.Mask)
		if err != nil {
			return nil, nil, err
		}
		if !m.Same(img.Grid, 1e-3) {
			m = voxel.ResampleMask(m, img.Grid, nil, c.Options.Workers)
		}
		mask = m
	}
	for i, v := range img.Data {
		ok := !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0)
		mask.In[i] = ok && (c.Mask != "" && mask.In[i] || c.Mask == "" && v != 0)
	}
	in := &nullsInput{kind: "voxels", distance: "straight", grid: &img.Grid, mask: mask}
	for i, ok := range mask.In {
		if ok {
			in.m.Values = append(in.m.Values, float64(img.Data[i]))
		}
	}
	if len(in.m.Values) == 0 {
		return nil, nil, diag.List{{File: c.Map, Found: "no voxel in the mask has a value", Fix: "look at the map and the mask"}}
	}
	in.m.Mask = mask
	for i, ok := range mask.In {
		if ok {
			in.m.Coords = append(in.m.Coords, mask.World(mask.Coord(i)))
		}
	}
	return in, nil, nil
}

func (c NullsConfig) readParcels(img *voxel.Image) (*nullsInput, diag.List, error) {
	labels, _, err := nifti.ReadImage(c.Atlas)
	if err != nil {
		return nil, nil, err
	}
	var t atlas.Table
	file := c.Labels
	if file == "" {
		file = labelsBeside(c.Atlas)
	}
	if file != "" {
		if t, err = readLabels(file); err != nil {
			return nil, nil, err
		}
	}
	a, l := atlas.New(labels, c.Atlas, t)
	if l.Err() != nil {
		return nil, nil, l
	}
	notes := l.Warnings()
	if file == "" {
		notes = nil // that labels have no names is plain
	}
	in := &nullsInput{kind: "parcels", atlas: a, regions: a.Regions()}
	in.m.Values = c.parcelMeans(in, img)
	missing := 0
	parcels := make([][]int32, 0, len(in.regions))
	for k, r := range in.regions {
		in.names = append(in.names, r.Name)
		v := a.Voxels(r.Labels[0])
		parcels = append(parcels, v)
		var p voxel.Vec
		for _, n := range v {
			w := a.World(a.Coord(int(n)))
			for x := range 3 {
				p[x] += w[x] / float64(len(v))
			}
		}
		if len(v) == 0 {
			p = voxel.Vec{math.NaN(), math.NaN(), math.NaN()}
		}
		in.m.Coords = append(in.m.Coords, p)
		if math.IsNaN(in.m.Values[k]) {
			missing++
		}
	}
	if missing == len(in.regions) {
		return nil, notes, diag.List{{File: c.Map, Found: "it has no values where the atlas " + c.Atlas + " has labels", Fix: "give a map and an atlas in the same space"}}
	}
	in.distance = "straight between centroids"
	switch c.Distance {
	case "mean":
		points := make([][]voxel.Vec, len(parcels))
		for k, v := range parcels {
			for _, n := range v {
				points[k] = append(points[k], a.World(a.Coord(int(n))))
			}
		}
		in.m.Distances = nullmap.BetweenParcels(points, 0, c.Options.Workers)
		in.distance = "mean between the parcels' voxels"
	case "geodesic":
		m := labels.Threshold(0)
		if c.Mask != "" {
			given, _, err := nifti.ReadMask(c.Mask)
			if err != nil {
				return nil, notes, err
			}
			if !given.Same(m.Grid, 1e-3) {
				given = voxel.ResampleMask(given, m.Grid, nil, c.Options.Workers)
			}
			m = given
		}
		in.m.Distances = nullmap.Geodesic(m, parcels, c.Options.Workers)
		in.distance = "along the mask"
	}
	if in.m.Distances != nil {
		// A parcel without voxels has no distances, and no value either.
		for k, v := range parcels {
			if len(v) == 0 || math.IsNaN(in.m.Distances.D[k*len(parcels)+k]) {
				in.m.Values[k] = math.NaN()
			}
		}
	}
	return in, notes, nil
}

func (c NullsConfig) parcelMeans(in *nullsInput, img *voxel.Image) []float64 {
	if !img.Same(in.atlas.Grid, 1e-3) {
		img = voxel.Average(img, in.atlas.Grid, nil, 0, c.Options.Workers)
	}
	sums, _ := in.atlas.Summarise(img, nil, nil, in.regions, atlas.SummaryOptions{Workers: c.Options.Workers})
	out := make([]float64, len(sums))
	for k, s := range sums {
		out[k] = s.Mean
	}
	return out
}

// other reads the second map at the places of the first.
func (c NullsConfig) other(in *nullsInput) ([]float64, error) {
	var out []float64
	if isImage(c.With) {
		img, _, err := nifti.ReadImage(c.With)
		if err != nil {
			return nil, err
		}
		switch {
		case in.atlas != nil:
			out = c.parcelMeans(in, img)
		case in.mask != nil:
			if !img.Same(in.mask.Grid, 1e-3) {
				img = voxel.Average(img, in.mask.Grid, nil, 0, c.Options.Workers)
			}
			for i, ok := range in.mask.In {
				if ok {
					out = append(out, float64(img.Data[i]))
				}
			}
		default:
			return nil, diag.List{{File: c.With, Field: "--with", Found: "it is an image, the map a table", Fix: "give a table of as many values"}}
		}
	} else {
		t, err := readColumns(c.With)
		if err != nil {
			return nil, err
		}
		if out, err = t.column("", "a table of one column"); err != nil {
			return nil, err
		}
	}
	if len(out) != len(in.m.Values) {
		return nil, diag.List{{File: c.With, Found: fmt.Sprintf("it has %d values, the map %d", len(out), len(in.m.Values)), Fix: "give one value for each place, in the same order"}}
	}
	for i, v := range out {
		if math.IsInf(v, 0) {
			out[i] = math.NaN()
		}
	}
	return out, nil
}
