package asl
import ("testing";"math";"math/rand/v2";"fmt")
type variant struct{name string; max, sd float64; mode int}
func TestZZ(t *testing.T) {
	const pairs = 8
	k := Kinetic{PCASL, 0.85, 1.65, 1.33, 0.9, 1.4}
	N := 1500
	for _, v := range []variant{{"half+prior",2.2,1,0},{"half+prior NaN",2.2,1,1}} {
	for _, tsnr := range []float64{0.5,1,3} {
	for _, att := range []float64{1.7,2.0,2.3} {
	for _, cbf := range []float64{60} {
		rng := rand.New(rand.NewPCG(1,2))
		truth := samplesFor(k, sixDelays, pairs, cbf, att)
		mean := 0.0
		for _, s := range truth { mean += s.y/float64(len(truth)) }
		noise := mean/tsnr
		q := &fitter{max: v.max, prior:1.3, priorSD:v.sd}
		var sum, sum2, cnt, inF, inA, nA, bnd, wild, nF float64
		var all []float64
		for range N {
			q.s = append(q.s[:0], truth...)
			within := 0.0
			for d := range q.s {
				var x [pairs]float64; m := 0.0
				for i := range x { x[i] = truth[d].y + noise*rng.NormFloat64(); m += x[i]/pairs }
				for _, y := range x { within += (y-m)*(y-m) }
				q.s[d].y = m
			}
			e := q.fit(within, 42)
			up := e.att >= v.max-0.05
			if e.near { bnd++ }
			if v.mode==1 && up { continue }
			c := e.f*6000
			all = append(all, c)
			sum += c; sum2 += (c-cbf)*(c-cbf); cnt++
			if math.Abs(c) > 600 { wild++ }
			if !math.IsNaN(e.seF) { nF++; if math.Abs(c-cbf) <= 1.96*e.seF*6000 { inF++ } }
			if !math.IsNaN(e.seATT) { nA++; if math.Abs(e.att-att) <= 1.96*e.seATT { inA++ } }
		}
		fmt.Printf("%-15s tsnr %.2f att %.1f: mean %+6.1f%% median %+6.1f%% rmse %6.1f cov %.3f (n %.2f) attcov %.3f (n %.2f) bound %.2f wild %.3f\n", v.name, tsnr, att, 100*(sum/cnt/cbf-1), 100*(median(all)/cbf-1), math.Sqrt(sum2/cnt), inF/nF, nF/cnt, inA/nA, nA/cnt, bnd/float64(N), wild/cnt)
	}}}}
}
