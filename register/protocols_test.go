package register

import (
	"fmt"
	"os"
	"testing"

	"phasl/bids"
	"phasl/phantom"
	"phasl/voxel"
)

// Motion of up to 4 mm and 4° along and about every axis, in series simulated
// by the protocols of package phantom with their own noise: another anatomy and
// another forward model than this package's. One protocol and two pairs in a
// normal run; all of them and four pairs with PHASL_SEEDS.
func TestMotionRecoveryProtocols(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	suppressed := phantom.Siemens3DGRASE()
	suppressed.M0 = phantom.M0Included
	spiral := phantom.GE3DSpiral()
	spiral.DeltaM = false
	protocols, pairs, size := []phantom.Protocol{suppressed}, 2, 3.
	if os.Getenv("PHASL_SEEDS") != "" {
		protocols, pairs, size = []phantom.Protocol{suppressed, spiral, phantom.EPI2D(), phantom.PASLQ2TIPS()}, 4, 1.25
	}
	for _, p := range protocols {
		t.Run(p.Name, func(t *testing.T) {
			p.Pairs = pairs
			var all errorList
			for seed := range seeds() {
				person := phantom.Subject{Seed: seed + 2}
				maps := person.Brain().Maps(phantom.HeadGrid(size), p.Constants, phantom.Physiology{}, 0)
				a := phantom.Simulate(maps, p, phantom.Options{
					Seed: seed + 2, SNR: p.SNR, Rician: true, Bias: 0.2,
					Motion: phantom.RandomMotion(seed+2, 2*pairs+1, 4, 4),
				})
				group := make([]int, len(a.Context))
				for v, kind := range a.Context {
					group[v] = map[bids.VolumeType]int{bids.Control: 0, bids.Label: 1, bids.M0Scan: 2}[kind]
				}
				r, err := Motion(a.Series, MotionOptions{Group: group})
				if err != nil {
					t.Fatal(err)
				}
				mask := voxel.NewMask(a.Series.Grid)
				for n := range mask.In {
					mask.In[n] = a.Truth.Fraction.Data[n]+a.Truth.White.Data[n] > 0.5
				}
				if s := fmt.Sprint(r.Failed); len(s) > len(r.Failed)+1 {
					t.Errorf("seed %d: failed: %s", seed, s)
				}
				all.add(r, a.Truth.Motion, group, mask, true)
			}
			all.check(t)
		})
	}
}
