package asl

import (
	"fmt"
	"math"
	"testing"
)

// convolve integrates the model's definition by the midpoint rule: delivery
// of labelled blood times what is left of it in tissue.
func convolve(k Kinetic, cbf, att, t float64) float64 {
	const n = 4000
	f := cbf / 6000
	lo, hi := att, min(t, att+k.Tau)
	if hi <= lo {
		return 0
	}
	h := (hi - lo) / n
	sum := 0.0
	for i := range n {
		s := lo + (float64(i)+0.5)*h
		c := k.Alpha * math.Exp(-att/k.T1b)
		if k.Labelling == PASL {
			c = k.Alpha * math.Exp(-s/k.T1b)
		}
		// m(t): relaxation towards equilibrium; r(t): venous outflow.
		sum += c * math.Exp(-(t-s)/k.T1t) * math.Exp(-math.Abs(f)/k.Lambda*(t-s))
	}
	return 2 / k.Lambda * f * sum * h
}

func TestDeltaMAgainstConvolution(t *testing.T) {
	for _, lab := range []Labelling{PCASL, CASL, PASL} {
		for _, tau := range []float64{0.7, 1.4, 1.8, 3.5} {
			for _, att := range []float64{0, 0.3, 0.9, 1.7, 2.6} {
				for _, at := range []float64{0.2, 0.9, 1.8, 2.3, 3.6, 5.5} {
					for _, cbf := range []float64{-8, 20, 60, 140} {
						for _, t1t := range []float64{0.83, 1.33, 1.65} { // 1.65 = T1b: the removable singularity for PASL
							k := Kinetic{lab, 0.85, 1.65, t1t, 0.9, tau}
							got, want := k.DeltaM(cbf, att, at), convolve(k, cbf, att, at)
							// Midpoint rule, 4000 steps of a smooth curve: relative error below (3.5/4000)²·(1/0.83+…)²/24 ≈ 1e-7.
							if math.Abs(got-want) > 1e-7*math.Abs(want)+1e-15 {
								t.Fatalf("%v τ=%g Δt=%g t=%g f=%g T1t=%g: ΔM = %.12g, convolution %.12g", lab, tau, att, at, cbf, t1t, got, want)
							}
						}
					}
				}
			}
		}
	}
}

func TestShapeDerivative(t *testing.T) {
	for _, lab := range []Labelling{PCASL, PASL} {
		k := Kinetic{lab, 0.85, 1.65, 1.33, 0.9, 1.8}
		for _, att := range []float64{0.2, 0.8, 1.5, 2.5} {
			for _, at := range []float64{1.1, 2.3, 3.6} {
				const h = 1e-6
				r := k.RelaxationRate(60)
				a, _ := k.shape(r, att-h, at)
				b, _ := k.shape(r, att+h, at)
				_, got := k.shape(r, att, at)
				if want := (b - a) / (2 * h); math.Abs(got-want) > 1e-8 {
					t.Errorf("%v Δt=%g t=%g: derivative %g, difference quotient %g", lab, att, at, got, want)
				}
			}
		}
	}
}

func TestDeltaMSpecialCases(t *testing.T) {
	k := Kinetic{PCASL, 0.85, 1.65, 1.33, 0.9, 1.8}
	if got := k.DeltaM(60, 1, 0.9); got != 0 {
		t.Errorf("before arrival ΔM = %g, want 0", got)
	}
	for _, a := range [][3]float64{{math.NaN(), 1, 2}, {60, math.NaN(), 2}, {60, 1, math.NaN()}} {
		if got := k.DeltaM(a[0], a[1], a[2]); !math.IsNaN(got) {
			t.Errorf("DeltaM%v = %g, want NaN", a, got)
		}
	}
	if got := k.DeltaM(0, 1, 2); got != 0 {
		t.Errorf("no flow: ΔM = %g, want 0", got)
	}
}

func ExampleKinetic_DeltaM() {
	k := Kinetic{Labelling: PCASL, Alpha: 0.85, T1b: 1.65, T1t: 1.33, Lambda: 0.9, Tau: 1.8}
	fmt.Printf("%.5f\n", k.DeltaM(60, 0.8, 1.8+1.8))
	// Output: 0.00531
}
