package pipeline

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"phasl/atlas"
	"phasl/diag"
	"phasl/internal/atomicfile"
	"phasl/internal/par"
	"phasl/nifti"
	"phasl/nullmap"
	"phasl/voxel"
)

// NullsConfig says which map gets surrogates, and how.
type NullsConfig struct {
	Map    string // image, or table of numbers
	Column string // of the table
	Atlas  string // label image: places are its labels
	Labels string // their names
	Mask   string // voxels; "": those that are not zero

	Coords    string // table of x, y, z of each place [mm]
	Sphere    string // the same on the sphere, for spin
	Distances string // square table [mm]
	Distance  string // between parcels of the atlas: centroid, mean or geodesic
	Separate  bool   // surrogates for each side by itself

	With string // another map: its correlation is tested

	Options    nullmap.Options
	Surrogates int
	Out        string // table, or image for voxels; "": none

	Progress func(Event)
}

// A NullsResult tells about surrogates. The JSON keys are a contract with
// programs that call phasl.
type NullsResult struct {
	N              int               `json:"n"`      // places with a value
	Places         int               `json:"places"` // with and without
	Kind           string            `json:"kind"`   // parcels, voxels or table rows
	Distance       string            `json:"distance"`
	Method         nullmap.Method    `json:"method"`
	Surrogates     int               `json:"surrogates"`
	Seed           uint64            `json:"seed"`
	Parameters     map[string]Number `json:"parameters"`
	VariogramError Number            `json:"variogram_error"`
	Roughness      Number            `json:"variogram_roughness"`
	VariogramP     Number            `json:"variogram_p"`
	Poor           bool              `json:"poor_fit"`
	Variogram      NullsVariogram    `json:"variogram"`
	With           *NullsWith        `json:"with,omitempty"`
	Out            string            `json:"out,omitempty"`
	Seconds        float64           `json:"seconds"`
	Notes          diag.List         `json:"notes"`
	Units          map[string]string `json:"units"` // of the parameters
	Order          []string          `json:"-"`     // of the parameters
}

// NullsVariogram holds the variogram of a map and of its surrogates.
type NullsVariogram struct {
	H          []Number `json:"h_mm"`
	Map        []Number `json:"map"`
	Surrogates []Number `json:"surrogates_mean"`
	SD         []Number `json:"surrogates_sd"`
}

// NullsWith is the correlation of the map with another.
type NullsWith struct {
	Map       string     `json:"map"`
	N         int        `json:"n"`
	R         Number     `json:"r"`
	P         Number     `json:"p"`
	NullMean  Number     `json:"null_mean"`
	NullSD    Number     `json:"null_sd"`
	ModifiedT *NullsTest `json:"modified_t"`
	GLS       *NullsTest `json:"gls"`
}

// NullsTest is a parametric test beside it.
type NullsTest struct {
	Estimate  Number `json:"estimate"`
	SE        Number `json:"se"`
	Effective Number `json:"effective_n"`
	DF        Number `json:"df"`
	P         Number `json:"p"`
}

// fitSurrogates is how many surrogates the variogram is compared on at most.
const fitSurrogates = 200

// Nulls makes surrogates of a map and writes them. What is wrong with the input
// comes back as a diag.List.
func Nulls(ctx context.Context, c NullsConfig) (*NullsResult, error) {
	start := time.Now()
	tell := func(step string, done float64) {
		if c.Progress != nil {
			c.Progress(Event{Unit: c.Map, Step: step, Total: 1, Share: math.Max(done, 1e-9)})
		}
	}
	in, notes, err := c.read()
	if err != nil {
		return nil, err
	}
	var with []float64
	if c.With != "" {
		if with, err = c.other(in); err != nil {
			return nil, err
		}
		// Surrogates live where both maps have a value.
		for i, v := range with {
			if math.IsNaN(v) {
				in.m.Values[i] = math.NaN()
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tell("fitting the autocorrelation", 0)
	type prepared struct {
		n *nullmap.Null
		l diag.List
	}
	done := make(chan prepared, 1)
	go func() {
		n, l := nullmap.New(in.m, c.Options)
		done <- prepared{n, l}
	}()
	var n *nullmap.Null
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case p := <-done:
		notes.Add(p.l.Warnings()...)
		if p.l.Err() != nil {
			return nil, append(notes, p.l.Errors()...)
		}
		n = p.n
	}
	res := &NullsResult{N: len(n.Used), Places: n.N, Kind: in.kind, Distance: in.distance, Method: n.Method, Surrogates: c.Surrogates, Seed: c.Options.Seed,
		Parameters: map[string]Number{}, Units: map[string]string{}, Out: c.Out}
	for _, p := range n.Parameters {
		name := p.Name
		for k := 2; ; k++ { // groups each have their own
			if _, twice := res.Parameters[name]; !twice {
				break
			}
			name = fmt.Sprintf("%s (%d)", p.Name, k)
		}
		res.Parameters[name], res.Units[name] = Number(p.Value), p.Unit
		res.Order = append(res.Order, name)
	}
	var null []float64
	sink, err := c.sink(in, n)
	if err != nil {
		return nil, err
	}
	if err := c.make(ctx, n, with, &null, sink, tell); err != nil {
		return nil, err
	}
	tell("comparing variograms", 0.95)
	f := n.VariogramFit(min(c.Surrogates, fitSurrogates), c.Options.Workers)
	res.VariogramError, res.Roughness, res.VariogramP, res.Poor = Number(f.Error), Number(f.Roughness), Number(f.P), f.Poor()
	res.Variogram = NullsVariogram{numberList(f.H), numberList(f.Map), numberList(f.Surrogates), numberList(f.SD)}
	if f.Poor() {
		fix := "use gp, the default"
		if n.Method == nullmap.GP {
			fix = "look at the map: outliers, or parts that differ in kind, are not like one random field"
		}
		notes.Warnf(c.Map, "variogram", fix, "surrogates do not have the map's autocorrelation: relative error %.2f, roughness %.2f times the map's", f.Error, f.Roughness)
	}
	if with != nil {
		res.With = c.correlate(in, n, with, null)
	}
	res.Notes = notes
	if res.Notes == nil {
		res.Notes = diag.List{}
	}
	res.Seconds = time.Since(start).Seconds()
	tell("done", 1)
	return res, nil
}

func numberList(v []float64) []Number {
	out := make([]Number, len(v))
	for i, x := range v {
		out[i] = Number(x)
	}
	return out
}

// nullsInput is a map as it was read.
type nullsInput struct {
	m        nullmap.Map
	kind     string
	distance string
	names    []string
	grid     *voxel.Grid
	mask     *voxel.Mask
	atlas    *atlas.Atlas
	regions  []atlas.Region
}

// maxSeries bounds the memory for an image of all surrogates: 2 GB.
const maxSeries = 2 << 30

// A nullsSink takes surrogates in order and is closed once.
type nullsSink interface {
	put(x []float64) error
	close() error
}

// sink returns what writes surrogates; nil without --out.
func (c NullsConfig) sink(in *nullsInput, n *nullmap.Null) (nullsSink, error) {
	if c.Out == "" {
		return nil, nil
	}
	if in.mask != nil && isImage(c.Out) {
		if int64(in.grid.Len())*int64(c.Surrogates)*4 > maxSeries {
			return nil, diag.List{{File: c.Out, Field: "--surrogates", Found: fmt.Sprintf("an image of %d surrogates on %d voxels takes more than 2 GB of memory", c.Surrogates, in.grid.Len()), Fix: "ask for fewer, or write a table (.tsv)"}}
		}
		return &imageSink{path: c.Out, in: in, s: &voxel.Series{Grid: *in.grid}, workers: c.Options.Workers}, nil
	}
	if isImage(c.Out) {
		return nil, diag.List{{File: c.Out, Field: "--out", Found: "surrogates of parcels are no image", Fix: "give a name that ends in .tsv"}}
	}
	return newTableSink(c.Out, in.names, n.N), nil
}

func isImage(path string) bool {
	return strings.HasSuffix(path, ".nii") || strings.HasSuffix(path, ".nii.gz")
}

type imageSink struct {
	path    string
	in      *nullsInput
	s       *voxel.Series
	workers int
}

func (k *imageSink) put(x []float64) error {
	v := make([]float32, k.s.Len())
	at := 0
	for i, in := range k.in.mask.In {
		v[i] = float32(math.NaN())
		if in {
			v[i] = float32(x[at])
			at++
		}
	}
	k.s.Vols = append(k.s.Vols, v)
	return nil
}

func (k *imageSink) close() error {
	return nifti.WriteSeries(k.path, k.s, nifti.Options{Workers: k.workers})
}

// tableSink streams rows into a file that appears when it is whole.
type tableSink struct {
	rows chan []float64
	done chan error
}

func newTableSink(path string, names []string, n int) *tableSink {
	k := &tableSink{rows: make(chan []float64), done: make(chan error, 1)}
	go func() {
		err := atomicfile.Write(path, func(w io.Writer) error {
			b := bufio.NewWriterSize(w, 1<<16)
			for i := range n {
				if i > 0 {
					b.WriteByte('\t')
				}
				if i < len(names) {
					b.WriteString(strings.Join(strings.Fields(names[i]), "_"))
				} else {
					b.WriteString("p" + strconv.Itoa(i+1))
				}
			}
			b.WriteByte('\n')
			var text []byte
			for row := range k.rows {
				if row == nil {
					return context.Canceled
				}
				for i, v := range row {
					text = text[:0]
					if i > 0 {
						text = append(text, '\t')
					}
					if math.IsNaN(v) {
						text = append(text, "n/a"...)
					} else {
						text = strconv.AppendFloat(text, v, 'g', -1, 64)
					}
					b.Write(text)
				}
				if err := b.WriteByte('\n'); err != nil {
					return err
				}
			}
			return b.Flush()
		})
		k.done <- err
		for range k.rows { // after a fault, let the others end
		}
	}()
	return k
}

func (k *tableSink) put(x []float64) error {
	select {
	case err := <-k.done:
		k.done <- err
		return err
	case k.rows <- append([]float64{}, x...):
		return nil
	}
}

func (k *tableSink) close() error {
	close(k.rows)
	return <-k.done
}

// abandon ends a sink without leaving a file.
func (k *tableSink) abandon() {
	select {
	case k.rows <- nil:
	case err := <-k.done:
		k.done <- err
	}
	close(k.rows)
	<-k.done
}

// make draws surrogates in blocks, correlates them with the other map, if there
// is one, and writes them in order.
func (c NullsConfig) make(ctx context.Context, n *nullmap.Null, with []float64, null *[]float64, sink nullsSink, tell func(string, float64)) (err error) {
	if sink != nil {
		defer func() {
			if t, ok := sink.(*tableSink); ok && err != nil {
				t.abandon()
			}
		}()
	}
	if with == nil && sink == nil {
		return nil // only the fit is wanted
	}
	block := max(1, min(64, 4_000_000/n.N)) * par.Workers(c.Options.Workers)
	rows := make([][]float64, block)
	for i := range rows {
		rows[i] = make([]float64, n.N)
	}
	if with != nil {
		*null = make([]float64, c.Surrogates)
	}
	for lo := 0; lo < c.Surrogates; lo += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		tell(fmt.Sprintf("%d of %d surrogates", lo, c.Surrogates), 0.05+0.9*float64(lo)/float64(c.Surrogates))
		hi := min(lo+block, c.Surrogates)
		par.Do(c.Options.Workers, hi-lo, func(k int) {
			n.Draw(rows[k], lo+k)
			if with != nil {
				(*null)[lo+k] = correlation(rows[k], with)
			}
		})
		if sink == nil {
			continue
		}
		for k := range hi - lo {
			if err := sink.put(rows[k]); err != nil {
				return err
			}
		}
	}
	if sink == nil {
		return nil
	}
	s := sink
	sink = nil
	return s.close()
}

// correlation is Pearson's, over places where both have a value.
func correlation(x, y []float64) float64 {
	var n, mx, my float64
	for i := range x {
		if !math.IsNaN(x[i]) && !math.IsNaN(y[i]) {
			n++
			mx += x[i]
			my += y[i]
		}
	}
	mx, my = mx/n, my/n
	var sxx, syy, sxy float64
	for i := range x {
		if !math.IsNaN(x[i]) && !math.IsNaN(y[i]) {
			sxx += (x[i] - mx) * (x[i] - mx)
			syy += (y[i] - my) * (y[i] - my)
			sxy += (x[i] - mx) * (y[i] - my)
		}
	}
	return sxy / math.Sqrt(sxx*syy)
}

// correlate tests the other map.
func (c NullsConfig) correlate(in *nullsInput, n *nullmap.Null, with, null []float64) *NullsWith {
	w := &NullsWith{Map: c.With, N: len(n.Used)}
	r := correlation(in.m.Values, with)
	w.R, w.P = Number(r), Number(nullmap.PValue(r, null))
	var mean, ss float64
	for _, v := range null {
		mean += v / float64(len(null))
	}
	for _, v := range null {
		ss += (v - mean) * (v - mean)
	}
	w.NullMean, w.NullSD = Number(mean), Number(math.Sqrt(ss/float64(len(null)-1)))
	if len(n.Used) > maxParametric {
		return w
	}
	x, y := make([]float64, len(n.Used)), make([]float64, len(n.Used))
	for k, i := range n.Used {
		x[k], y[k] = in.m.Values[i], with[i]
	}
	test := func(t nullmap.Test) *NullsTest {
		return &NullsTest{Number(t.Estimate), Number(t.SE), Number(t.Effective), Number(t.DF), Number(t.P)}
	}
	w.ModifiedT = test(nullmap.ModifiedT(x, y, n.Distances()))
	if n.Posterior != nil {
		w.GLS = test(n.Posterior.Family().GLS(x, y))
	}
	return w
}

// maxParametric is the number of places up to which the tests that need an n × n
// matrix are done.
const maxParametric = 2000
