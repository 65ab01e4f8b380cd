package register

import (
	"encoding/gob"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"phasl/bids"
	"phasl/phantom"
	"phasl/voxel"
)

type expCase struct {
	S     *voxel.Series
	Group []int
	Truth []voxel.Affine
	Mask  *voxel.Mask
	M0    bool
}

func expNames() []string {
	n := []string{"plain", "supp", "suppM0", "stillM0", "epi", "grase", "ge", "multi", "multisupp", "pasl"}
	if s := os.Getenv("EXP_CASES"); s != "" {
		n = strings.Split(s, ",")
	}
	return n
}

func expLoad(t testing.TB, name string, seed uint64) *expCase {
	path := fmt.Sprintf("/tmp/motexp/%s-%d.gob", name, seed)
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		c := &expCase{}
		if err := gob.NewDecoder(f).Decode(c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := expMake(name, seed)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := gob.NewEncoder(f).Encode(c); err != nil {
		t.Fatal(err)
	}
	return c
}

func expMake(name string, seed uint64) *expCase {
	c := &expCase{}
	formula := func(s scan) *expCase {
		c.S, c.Group, c.Truth = s.series(seed)
		c.Mask = brainMask(c.S.Grid)
		c.M0 = s.m0
		return c
	}
	switch name {
	case "plain":
		return formula(scan{volumes: 8, tissue: m0Contrast, perfusion: 15, noise: 12, drift: 4})
	case "supp":
		return formula(scan{volumes: 8, tissue: suppressed, perfusion: 15, noise: 8, drift: 4})
	case "suppM0":
		return formula(scan{volumes: 9, tissue: suppressed, perfusion: 15, noise: 8, drift: 4, m0: true})
	case "suppM0clean":
		return formula(scan{volumes: 9, tissue: suppressed, perfusion: 15, noise: 0.01, drift: 4, m0: true})
	case "stillM0":
		return formula(scan{volumes: 7, tissue: suppressed, perfusion: 15, noise: 8, m0: true})
	case "plainclean":
		return formula(scan{volumes: 8, tissue: m0Contrast, perfusion: 15, noise: 0.01, drift: 4})
	}
	still := strings.HasSuffix(name, "still")
	name = strings.TrimSuffix(name, "still")
	var p phantom.Protocol
	switch name {
	case "epi":
		p = phantom.EPI2D()
		p.Pairs = 4
	case "pasl":
		p = phantom.PASLQ2TIPS()
		p.Pairs = 4
	case "grase":
		p = phantom.Siemens3DGRASE()
		p.Pairs = 4
		p.M0 = phantom.M0Included
	case "ge":
		p = phantom.GE3DSpiral()
		p.Pairs = 4
		p.DeltaM = false
	case "multi":
		p = phantom.MultiDelay()
		p.Pairs = 2
	case "multisupp":
		p = phantom.MultiDelay()
		p.Pairs = 2
		p.Suppression = phantom.Siemens3DGRASE().Suppression
	}
	person := phantom.Subject{Seed: seed + 1}
	maps := person.Brain().Maps(phantom.HeadGrid(1.25), p.Constants, phantom.Physiology{}, 0)
	n := 2*p.Pairs*len(p.PLD) + 1
	opt := phantom.Options{Seed: seed + 1, SNR: p.SNR, Rician: true, Bias: 0.2}
	if !still {
		opt.Motion = phantom.RandomMotion(seed+1, n, 4, 4)
	}
	a := phantom.Simulate(maps, p, opt)
	c.S, c.Truth, c.M0 = a.Series, a.Truth.Motion, true
	number := map[string]int{}
	for v, k := range a.Context {
		key := fmt.Sprint(k)
		if k != bids.M0Scan {
			key += fmt.Sprint(a.PLD[v])
		}
		if _, ok := number[key]; !ok {
			number[key] = len(number)
		}
		c.Group = append(c.Group, number[key])
	}
	c.Mask = voxel.NewMask(c.S.Grid)
	for i := range c.Mask.In {
		c.Mask.In[i] = a.Truth.Fraction.Data[i]+a.Truth.White.Data[i] > 0.5
	}
	return c
}

func rotErr(a, b voxel.Affine) float64 {
	d := a.Mul(b.Inverse())
	return math.Acos(min(1, (d[0][0]+d[1][1]+d[2][2]-1)/2)) * 180 / math.Pi
}

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(0, &r)
	return time.Duration(r.Utime.Nano())
}

func TestExp(t *testing.T) {
	if os.Getenv("EXP") == "" {
		t.Skip("experiment")
	}
	lo, hi := 1, 10
	if s := os.Getenv("EXP_SEEDS"); s != "" {
		fmt.Sscanf(s, "%d-%d", &lo, &hi)
	}
	verbose, _ := strconv.ParseBool(os.Getenv("EXP_V"))
	for _, name := range expNames() {
		var sum, rsum, n, worst, rworst, mw, msum, mr, mn, bias float64
		var used time.Duration
		vols := 0
		var msgs []string
		for seed := lo; seed <= hi; seed++ {
			c := expLoad(t, name, uint64(seed))
			t0 := cpu()
			r, err := Motion(c.S, MotionOptions{Group: c.Group})
			used += cpu() - t0
			vols += len(c.S.Vols)
			if err != nil {
				t.Fatal(err)
			}
			var each []string
			var sh voxel.Vec
			for v := range c.Truth {
				got := r.Transforms[v].Mul(r.Transforms[1].Inverse())
				want := c.Truth[v].Mul(c.Truth[1].Inverse())
				e, _ := meanError(got, want, c.Mask)
				re := rotErr(got, want)
				each = append(each, fmt.Sprintf("%.3f", e))
				if c.M0 && v == 0 {
					mw, mr = max(mw, e), max(mr, re)
					msum += e
					mn++
					d := got.Mul(want.Inverse())
					q := d.Map(voxel.Vec{0, -18, 12})
					sh = voxel.Vec{q[0], q[1] + 18, q[2] - 12}
					continue
				}
				if v == 1 {
					continue
				}
				sum += e
				rsum += re
				n++
				worst, rworst = max(worst, e), max(rworst, re)
			}
			for v, f := range r.Failed {
				if f != "" {
					msgs = append(msgs, fmt.Sprintf("seed %d vol %d: %s", seed, v, f))
				}
			}
			if len(r.Removed) > 0 {
				msgs = append(msgs, fmt.Sprintf("seed %d removed %+v", seed, r.Removed))
			}
			if verbose {
				fmt.Println(name, seed, each, "m0 shift", fmt.Sprintf("%.3f", sh))
			}
		}
		_ = bias
		fmt.Printf("%-10s mean %.3f worst %.3f mm, %.3f %.3f deg; M0 mean %.3f worst %.3f mm %.3f deg; %d ms/vol\n", name, sum/n, worst, rsum/n, rworst, msum/mn, mw, mr, used.Milliseconds()/int64(vols))
		for _, m := range msgs {
			fmt.Println("   ", m)
		}
	}
}

var _ = rand.Int
