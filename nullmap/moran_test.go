package nullmap

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"phasl/internal/sharedtest"
)

// brainspace 0.2.1 on the same parcels and weights, its eigenvalues in float64.
func TestMoranReference(t *testing.T) {
	raw, err := os.ReadFile(sharedtest.Path(t, "reference", "brainsmash", "parcels200.moran.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ref struct {
		Lambda  []float64 `json:"eigenvalues_float64"`
		Results map[string]struct {
			nullOf
			I     float64 `json:"moran_I_map"`
			IMean float64 `json:"moran_I_null_mean"`
			ISD   float64 `json:"moran_I_null_sd"`
		}
	}
	if err := json.Unmarshal(raw, &ref); err != nil {
		t.Fatal(err)
	}
	p, x, y := readPlaces(t, "parcels200")
	d := Euclidean(p)
	for _, tt := range []struct {
		method Method
		name   string
	}{{Moran, "singleton"}, {MoranPair, "pair"}} {
		n, l := New(Map{File: "x", Values: x, Coords: p}, Options{Method: tt.method, Seed: 1})
		if len(l) > 0 {
			t.Fatal(l)
		}
		e := n.parts[0].engine.(*moran)
		want := ref.Results[tt.name]
		compareNulls(t, tt.name, nullCorrelations(n, y, 5000), want.nullOf, 10_000)
		if got := MoranI(x, d); math.Abs(got-want.I) > 1e-9 {
			t.Errorf("Moran's I %g, want %g", got, want.I)
		}
		var mean, ss float64
		const draws = 1000
		for _, s := range n.Matrix(draws, 0) {
			i := MoranI(s, d)
			mean += i / draws
			ss += i * i / draws
		}
		sd := math.Sqrt(math.Max(0, ss-mean*mean))
		if math.Abs(mean-want.IMean) > 1e-8+4.5*want.ISD*math.Sqrt(1.0/draws+1e-4) {
			t.Errorf("%s: Moran's I of surrogates %g, want %g", tt.name, mean, want.IMean)
		}
		if tt.method == Moran && sd > 1e-7 { // a difference of squares: half the digits
			t.Errorf("singleton changes Moran's I: SD %g", sd)
		}
		// The tool's list has the zero eigenvalue of the constant map too.
		k := 0
		for _, v := range ref.Lambda {
			if k < len(e.lambda) && math.Abs(v-e.lambda[k]) < 1e-9 {
				k++
			}
		}
		if k != len(e.lambda) {
			t.Errorf("%d of %d eigenvalues found in the reference", k, len(e.lambda))
		}
	}
}
