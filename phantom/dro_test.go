package phantom

import (
	"math"
	"testing"

	"phasl/asl"
	"phasl/internal/sharedtest"
	"phasl/nifti"
	"phasl/voxel"
)

// referenceObject reads every fourth voxel of the digital reference object:
// its volumes are perfusion, transit time, T1, T2, T2*, M0 and tissue.
func referenceObject(t *testing.T) *Maps {
	t.Helper()
	const step = 4
	r, err := nifti.Open(sharedtest.Path(t, "data", "dro", "hrgt_icbm_2009a_nls_3t.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	full := r.Header.Grid()
	g := voxel.Grid{Dim: [3]int{full.Dim[0] / step, full.Dim[1] / step, full.Dim[2] / step}, Affine: full.Affine.Mul(voxel.Scaling(voxel.Vec{step, step, step}))}
	m := &Maps{Grid: g, Tissue: nil}
	buf := make([]float32, full.Len())
	for v := range 7 {
		if err := r.Next(buf); err != nil {
			t.Fatal(err)
		}
		dst := map[int]*[]float32{0: &m.CBF, 1: &m.ATT, 2: &m.T1, 5: &m.M0}[v]
		if dst == nil {
			continue
		}
		*dst = make([]float32, g.Len())
		for n := range *dst {
			i, j, k := g.Coord(n)
			(*dst)[n] = buf[full.Index(i*step, j*step, k*step)]
		}
	}
	return m
}

// What Simulate makes of the digital reference object, phasl's engine must
// turn back into its perfusion (and transit time, where it fits one): through
// the BIDS metadata, for every labelling, with and without slice timing.
func TestReferenceObjectIsRecovered(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a large image")
	}
	m := referenceObject(t)
	for _, tt := range []struct {
		name     string
		protocol Protocol
		step     float64
	}{
		{"pCASL", Siemens3DGRASE(), 0},
		{"pCASL 2D", EPI2D(), 0.035},
		{"PASL", PASLQ2TIPS(), 0},
		{"PASL 2D", PASLQ2TIPS(), 0.02},
		{"multi-delay", MultiDelay(), 0},
		{"multi-delay 2D", MultiDelay(), 0.01},
	} {
		p := tt.protocol
		p.Grid, p.Pairs, p.SliceStep, p.Blur, p.M0TR = m.Grid, 1, tt.step, 0, 0
		a := Simulate(m, p, Options{Samples: 1, Constants: Constants{T1Blood: 1.65}})
		in := asl.Input{Mask: voxel.NewMask(m.Grid), T1t: &voxel.Image{Grid: m.Grid, Data: m.T1}}
		if len(p.PLD) == 1 {
			in.ATT = &voxel.Image{Grid: m.Grid, Data: m.ATT}
		}
		for n, f := range m.CBF {
			in.Mask.In[n] = f > 0
		}
		r := quantify(t, a, in, asl.Options{Model: asl.ModelKinetic})
		var worst, worstATT, sum float64
		count := 0
		for n, f := range m.CBF {
			if f > 0 {
				e := math.Abs(float64(r.CBF.Data[n])/float64(f) - 1)
				worst = max(worst, e)
				sum += e
				count++
				if r.ATT != nil {
					worstATT = max(worstATT, math.Abs(float64(r.ATT.Data[n]-m.ATT[n])))
				}
				if math.IsNaN(e) {
					t.Fatalf("%s: no CBF at voxel %d", tt.name, n)
				}
			}
		}
		t.Logf("%s: %d voxels, CBF off by %.2g on average and %.2g at most, transit time by %.2g s at most", tt.name, count, sum/float64(count), worst, worstATT)
		// What is left is the rounding of stored float32: control and label of
		// about 70 differ by about 0.3.
		if worst > 1e-3 || worstATT > 1e-3 || count < 10000 {
			t.Errorf("%s: %d voxels, CBF off by up to %g, transit time by up to %g s", tt.name, count, worst, worstATT)
		}
	}
}
