package asl

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/voxel"
)

// contextOf reads m, c, l, d as m0scan, control, label, deltam.
func contextOf(s string) []bids.VolumeType {
	var out []bids.VolumeType
	for _, r := range s {
		out = append(out, map[rune]bids.VolumeType{'m': bids.M0Scan, 'c': bids.Control, 'l': bids.Label, 'd': bids.DeltaM}[r])
	}
	return out
}

func TestPairing(t *testing.T) {
	for _, tt := range []struct {
		ctx     string
		pairing Pairing
		want    string // control-label of each pair
		alone   []int
	}{
		{"clcl", PairNearest, "0-1 2-3", nil},
		{"lclc", PairNearest, "1-0 3-2", nil},
		{"cclclcl", PairNearest, "1-2 3-4 5-6", []int{0}},  // a lone control first
		{"mclclclc", PairNearest, "3-2 5-4 7-6", []int{1}}, // equally near: the later ones
		{"ccccllll", PairNearest, "0-4 1-5 2-6 3-7", nil},  // in order, not crossing
		{"cllllc", PairNearest, "0-1 5-4", []int{2, 3}},    // fewer controls than labels
		{"clcccccl", PairNearest, "2-1 6-7", []int{0, 3, 4, 5}},
		{"clclc", PairSurround, "0,2-1 2,4-3", nil},
		{"lclcl", PairSurround, "1-0 1,3-2 3-4", nil},
		{"mdd", PairNearest, "1 2", nil},
	} {
		p := Protocol{Context: contextOf(tt.ctx), Labelling: PCASL}
		for range p.Context {
			p.PLD, p.LD = append(p.PLD, 1.8), append(p.LD, 1.8)
		}
		pairs, alone, _ := pairVolumes(&p, tt.pairing)
		var got []string
		for _, pr := range pairs {
			s := strings.Trim(strings.ReplaceAll(fmt.Sprint(pr.Controls), " ", ","), "[]")
			if pr.Label >= 0 {
				s += fmt.Sprintf("-%d", pr.Label)
			}
			got = append(got, s)
		}
		if s := strings.Join(got, " "); s != tt.want || !slices.Equal(alone, tt.alone) {
			t.Errorf("%s, %v: %s alone %v, want %s alone %v", tt.ctx, tt.pairing, s, alone, tt.want, tt.alone)
		}
	}
}

// The matching's cost is compared with that of every other matching.
func TestNearestIsBest(t *testing.T) {
	var best func(a, b []int) int
	best = func(a, b []int) int {
		if len(a) == 0 {
			return 0
		}
		least := math.MaxInt / 2
		for i, y := range b {
			rest := append(slices.Clone(b[:i]), b[i+1:]...)
			least = min(least, int(distance(a[0], y))+best(a[1:], rest))
		}
		return least
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var c, l []int
		for v := range 8 {
			if rng.IntN(2) == 0 {
				c = append(c, v)
			} else {
				l = append(l, v)
			}
		}
		got := 0
		for _, pr := range nearest(c, l) {
			got += int(distance(pr.Controls[0], pr.Label))
		}
		a, b := c, l
		if len(a) > len(b) {
			a, b = b, a
		}
		if want := best(a, b); got != want {
			t.Fatalf("controls %v labels %v: cost %d, best %d", c, l, got, want)
		}
	}
}

// Pairs belong to one delay even where delays alternate.
func TestPairsKeepDelaysApart(t *testing.T) {
	p := testProtocol(2, 0.5, 1.5)
	p.PLD[1] += 0.001 // scanners round
	pairs, _, delays := pairVolumes(&p, PairNearest)
	if len(delays) != 2 || len(pairs) != 4 {
		t.Fatalf("%d delays, %d pairs", len(delays), len(pairs))
	}
	for _, pr := range pairs {
		for _, v := range []int{pr.Controls[0], pr.Label} {
			if math.Abs(p.PLD[v]-delays[pr.Delay].PLD) > sameTime {
				t.Errorf("pair %v of delay %v holds volume %d of %g s", pr, delays[pr.Delay], v, p.PLD[v])
			}
		}
	}
}

func TestOutliers(t *testing.T) {
	g := testGrid(12, 12, 4)
	p := testProtocol(10, 1.8)
	spoil := map[string]func(vol []float32){
		"mean ΔM of the brain": func(v []float32) {
			for n := range v {
				v[n] += 15
			}
		},
		"spatial standard deviation": func(v []float32) {
			for n := range v {
				if i, _, _ := g.Coord(n); i < 6 {
					v[n] += 60
				} else {
					v[n] -= 60
				}
			}
		},
		"distance of ΔM": func(v []float32) { // the same mean and spread, elsewhere
			slices.Reverse(v)
		},
	}
	for what, fn := range spoil {
		s, _, _ := simulate(g, &p, 2, 7)
		if what == "distance of ΔM" {
			fn(s.Vols[7])
			fn(s.Vols[8])
		} else {
			fn(s.Vols[7]) // the control of the fourth pair
		}
		r := mustQuantify(t, Input{Series: s}, p, Options{})
		for i, pr := range r.Pairs {
			if (i == 3) != strings.HasPrefix(pr.Reason, what) || pr.Used == (i == 3) {
				t.Errorf("%s: pair %d: used %v, %q", what, i, pr.Used, pr.Reason)
			}
		}
		if !slices.Equal(r.Volumes.Excluded, []int{7, 8}) {
			t.Errorf("%s: volumes left out: %v, want 7 and 8", what, r.Volumes.Excluded)
		}
		kept := mustQuantify(t, Input{Series: s}, p, Options{KeepOutliers: true})
		if len(kept.Volumes.Excluded) != 0 || kept.Pairs[3].Reason == "" {
			t.Errorf("%s: asked to keep outliers, left out %v", what, kept.Volumes.Excluded)
		}
	}
}

// Half of the pairs are wild: no more than the stated share is left out.
func TestOutlierShare(t *testing.T) {
	g := testGrid(10, 10, 4)
	for _, share := range []float64{0, 0.1} {
		p := testProtocol(12, 1.8)
		s, _, _ := simulate(g, &p, 2, 7)
		for pair := range 5 {
			for n := range s.Vols[1+2*pair] {
				s.Vols[1+2*pair][n] += 40 + 10*float32(pair)
			}
		}
		r := mustQuantify(t, Input{Series: s}, p, Options{OutlierShare: share})
		left := 0
		for _, pr := range r.Pairs {
			if !pr.Used {
				left++
			}
		}
		limit := int((Options{OutlierShare: share}).outlierShare() * 12)
		if left != limit {
			t.Errorf("share %g: %d of 12 pairs left out, want %d", share, left, limit)
		}
	}
}

func TestFewPairsAreNotJudged(t *testing.T) {
	g := testGrid(10, 10, 4)
	p := testProtocol(4, 1.8)
	s, _, _ := simulate(g, &p, 2, 7)
	for n := range s.Vols[1] {
		s.Vols[1][n] += 100
	}
	r := mustQuantify(t, Input{Series: s}, p, Options{})
	for _, pr := range r.Pairs {
		if pr.Reason != "" || !pr.Used {
			t.Errorf("of four pairs one is called an outlier: %+v", pr)
		}
	}
}

// Good noise must seldom be called bad: of 100 scans of 30 pairs.
func TestOutlierFalseAlarms(t *testing.T) {
	g := testGrid(8, 8, 4)
	p := testProtocol(30, 1.8)
	scans := 40
	alarms := 0
	for seed := range scans {
		s, _, _ := simulate(g, &p, 2, uint64(seed))
		r := mustQuantify(t, Input{Series: s}, p, Options{})
		for _, pr := range r.Pairs {
			if pr.Reason != "" {
				alarms++
			}
		}
	}
	share := float64(alarms) / float64(scans*30)
	t.Logf("%.2f %% of good pairs are called outliers", 100*share)
	if share > 0.01 { // 0.05 % for normal scores; small samples widen it
		t.Errorf("%.2f %% of good pairs are called outliers", 100*share)
	}
}

func TestM0Recovery(t *testing.T) {
	g := testGrid(4, 3, 2)
	p := testProtocol(1, 1.8)
	s, _, _ := simulate(g, &p, 0, 0)
	base := mustQuantify(t, Input{Series: s}, p, Options{})
	for v := range p.TR {
		p.TR[v] = 2.5
	}
	short := mustQuantify(t, Input{Series: s}, p, Options{})
	factor := 1 - math.Exp(-2.5/1.331)
	for n := range base.CBF.Data {
		base.CBF.Data[n] *= float32(factor)
	}
	near(t, "CBF with TR 2.5 s", short.CBF, base.CBF, 1e-6, 0)
	if got := short.Calibration.Recovery; math.Abs(got*factor-1) > 1e-12 {
		t.Errorf("recovery %g, want %g", got, 1/factor)
	}
	// A separate M0 has its own TR; two volumes are averaged.
	p.M0Type, p.Context[0] = "Separate", bids.NoRF
	m0 := &voxel.Series{Grid: g, Vols: [][]float32{slices.Clone(s.Vols[0]), slices.Clone(s.Vols[0])}}
	for n := range m0.Vols[0] {
		m0.Vols[0][n] += 100
		m0.Vols[1][n] -= 100
	}
	sep := mustQuantify(t, Input{Series: s, M0: m0, M0TR: []float64{2.5}}, p, Options{})
	near(t, "CBF by a separate M0", sep.CBF, short.CBF, 1e-6, 0)
}

func TestM0EdgeAndVoid(t *testing.T) {
	g := testGrid(20, 20, 3)
	p := testProtocol(1, 1.8)
	s, _, _ := simulate(g, &p, 0, 0)
	want := mustQuantify(t, Input{Series: s}, p, Options{})
	for _, n := range []int{g.Index(5, 5, 1), g.Index(6, 5, 1), g.Index(0, 9, 0)} {
		s.Vols[0][n] = 3 // a void: 0.3 % of M0
	}
	s.Vols[0][g.Index(10, 10, 2)] = float32(math.NaN())
	r := mustQuantify(t, Input{Series: s}, p, Options{})
	near(t, "CBF with M0 extended into voids", r.CBF, want.CBF, 1e-6, 0)
	if r.Calibration.Extended != 4 || r.Calibration.Unusable != 0 {
		t.Errorf("%+v", r.Calibration)
	}
	r = mustQuantify(t, Input{Series: s}, p, Options{M0Reach: -1})
	if v := r.CBF.At(5, 5, 1); !math.IsNaN(float64(v)) || r.Calibration.Unusable != 4 {
		t.Errorf("extension off: %g, %+v", v, r.Calibration)
	}
	r = mustQuantify(t, Input{Series: s}, p, Options{M0Floor: -1})
	if v := r.CBF.At(5, 5, 1); !(v > 1000) {
		t.Errorf("floor off: %g, want the absurd value", v)
	}
	// Half of the brain without M0: too far to extend into the middle of it.
	for n := range s.Vols[0] {
		if i, _, _ := g.Coord(n); i >= 10 {
			s.Vols[0][n] = 0
		}
	}
	r = mustQuantify(t, Input{Series: s}, p, Options{})
	if v := r.CBF.At(18, 10, 1); !math.IsNaN(float64(v)) {
		t.Errorf("27 mm from any M0 CBF is %g, want NaN", v)
	}
	if v := r.CBF.At(11, 10, 1); math.IsNaN(float64(v)) {
		t.Error("6 mm from M0 CBF is NaN")
	}
}
