package nullmap

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// A Test is the outcome of a parametric test of no relation between two maps.
type Test struct {
	Estimate  float64 // Pearson correlation, or slope
	SE        float64 // standard error of a slope; NaN for a correlation
	T         float64 // t statistic; NaN where p is a mean over several
	DF        float64 // degrees of freedom
	Effective float64 // effective number of places; NaN for a slope
	P         float64 // two-sided
}

// ModifiedT tests the Pearson correlation of two maps with as many degrees of
// freedom as their autocorrelation leaves:
//
//	M = 1 + tr(HΣx)·tr(HΣy)/tr(HΣxHΣy),  t = r·√((M−2)/(1−r²)),  df = M − 2
//
// where H takes out the mean and Σx, Σy hold the maps' mean product z_i z_j in
// classes of distance: 1 + 3.322·log10(n(n−1)/2) classes of equal width (Sturges),
// and the variance on the diagonal. M is at most n. Where M is not above 2, p is
// 1. Everything is NaN for a constant map. It panics if sizes differ.
//
// It errs to the liberal side where autocorrelation is high: mean products about
// the sample mean underestimate it.
//
// Sources: Clifford, Richardson & Hémon 1989, doi:10.2307/2532039; Dutilleul
// 1993, doi:10.2307/2532625.
func ModifiedT(x, y []float64, d *Distances) Test {
	n := d.N
	if len(x) != n || len(y) != n {
		panic("nullmap: ModifiedT: one value for each place wanted")
	}
	_, far := extent(d)
	classes := int(1 + 3.322*math.Log10(float64(n*(n-1))/2))
	class := make([]uint8, n*n) // 0: the diagonal
	for i := range n {
		for j := range n {
			if i != j {
				class[i*n+j] = uint8(1 + min(classes-1, int(d.D[i*n+j]/far*float64(classes))))
			}
		}
	}
	return effective(x, y, classCovariance(x, class, classes), classCovariance(y, class, classes))
}

// classCovariance returns the matrix of mean products by class of distance.
func classCovariance(x []float64, class []uint8, classes int) []float64 {
	n := len(x)
	z := centred(x)
	sum, count := make([]float64, classes+1), make([]float64, classes+1)
	for i := range n {
		for j := range n {
			c := class[i*n+j]
			sum[c] += z[i] * z[j]
			count[c]++
		}
	}
	s := make([]float64, n*n)
	for m, c := range class {
		s[m] = sum[c] / count[c]
	}
	return s
}

// effective is the modified t test given the maps' covariances, which it
// changes.
func effective(x, y, sx, sy []float64) Test {
	n := len(x)
	xc, yc := centred(x), centred(y)
	t := Test{Estimate: dot(xc, yc) / math.Sqrt(dot(xc, xc)*dot(yc, yc)), SE: math.NaN()}
	tx, ty := doubleCentre(sx, n), doubleCentre(sy, n)
	t.Effective = math.Min(float64(n), 1+tx*ty/dot(sx, sy))
	if !(dot(sx, sy) > 0) {
		t.Effective = float64(n)
	}
	t.DF = t.Effective - 2
	if math.IsNaN(t.Estimate) {
		t.Effective, t.DF, t.T, t.P = math.NaN(), math.NaN(), math.NaN(), math.NaN()
		return t
	}
	if !(t.DF > 0) {
		t.T, t.P = 0, 1
		return t
	}
	t.T = t.Estimate * math.Sqrt(t.DF/(1-t.Estimate*t.Estimate))
	t.P = 2 * upperT(math.Abs(t.T), t.DF)
	return t
}

// doubleCentre replaces a symmetric matrix S by HSH and returns its trace.
func doubleCentre(s []float64, n int) (trace float64) {
	mean := make([]float64, n)
	var all float64
	for i := range n {
		for _, v := range s[i*n : (i+1)*n] {
			mean[i] += v / float64(n)
		}
		all += mean[i] / float64(n)
	}
	for i := range n {
		for j := range n {
			s[i*n+j] += all - mean[i] - mean[j]
		}
		trace += s[i*n+i]
	}
	return trace
}

// ModifiedT is the test of the function of that name with the posterior mean
// covariances of the two maps in place of mean products by distance.
func (f *Family) ModifiedT(x, y *Posterior) Test {
	return effective(x.x, y.x, x.covariance(), y.covariance())
}

// covariance returns the posterior mean of the covariance, its mean taken out, as
// shares of variance: n × n. Covariances of less than 0.01 % are left out.
func (p *Posterior) covariance() []float64 {
	n := p.family.N
	s := make([]float64, n*n)
	m := len(nuggets)
	var white float64
	for ci := range p.family.cells {
		var w, field float64
		for k, phi := range nuggets {
			w += p.prob[ci*m+k]
			field += p.prob[ci*m+k] * (1 - phi)
			white += p.prob[ci*m+k] * phi
		}
		if w < 1e-4 {
			continue
		}
		c := &p.family.cells[ci]
		for j, l := range c.lambda {
			u := c.u[j*n : (j+1)*n]
			a := field * l
			if a < 1e-9 {
				continue
			}
			for i, v := range u {
				row := s[i*n : (i+1)*n]
				v *= a
				for k, b := range u {
					row[k] += v * b
				}
			}
		}
	}
	for i := range n {
		s[i*n+i] += white
	}
	return s
}

// GLS tests the slope β of a map on another, response = α + β·regressor + e, by
// generalised least squares: e is a Gaussian process of the family with
// covariance V. Given V, β̂ = xᵀV⁻¹y/xᵀV⁻¹x and t = β̂/se with n − 2 degrees of
// freedom; estimate, standard error and p are means over the posterior of V by
// restricted likelihood,
//
//	log L = −½ log|V| − ½ log xᵀV⁻¹x − (n−2)/2 · log e'V⁻¹e
//
// all about the means. p is twice the smaller posterior probability of a sign of
// β, with a flat prior on it.
//
// It weighs differences between near places most: a relation over long distances
// that it does not find can still be there, and the other way round. Estimate
// and p are NaN if the regressor is constant. It panics if sizes differ.
func (f *Family) GLS(response, regressor []float64) Test {
	if len(response) != f.N || len(regressor) != f.N {
		panic("nullmap: Family.GLS: one value for each place wanted")
	}
	df := float64(f.N - 2)
	yc, xc := centred(response), centred(regressor)
	t := Test{T: math.NaN(), DF: df, Effective: math.NaN()}
	if constant(regressor) || constant(response) {
		t.Estimate, t.SE, t.P = math.NaN(), math.NaN(), math.NaN()
		return t
	}
	return f.gls(f.project(yc), f.project(xc))
}

// project returns the coefficients of a map without mean in the eigenvectors of
// every covariance.
func (f *Family) project(x []float64) [][]float64 {
	out := make([][]float64, len(f.cells))
	for c := range out {
		out[c] = make([]float64, f.N-1)
		f.cells[c].project(out[c], x)
	}
	return out
}

// gls is GLS given the coefficients of response and regressor.
func (f *Family) gls(response, regressor [][]float64) Test {
	df := float64(f.N - 2)
	t := Test{T: math.NaN(), DF: df, Effective: math.NaN()}
	m := len(nuggets)
	prob := make([]float64, len(f.cells)*m)
	beta, se := make([]float64, len(prob)), make([]float64, len(prob))
	square, cross, own := make([]float64, f.N-1), make([]float64, f.N-1), make([]float64, f.N-1)
	for ci := range f.cells {
		c := &f.cells[ci]
		for i, y := range response[ci] {
			x := regressor[ci][i]
			square[i], cross[i], own[i] = x*x, x*y, y*y
		}
		for k := range nuggets {
			w := c.weight[k*(f.N-1):]
			xx, xy, yy := dot(square, w), dot(cross, w), dot(own, w)
			rss := math.Max(yy-xy*xy/xx, 1e-14*yy)
			at := ci*m + k
			beta[at], se[at] = xy/xx, math.Sqrt(rss/(df*xx))
			prob[at] = -c.logdet[k]/2 - math.Log(xx)/2 - df/2*math.Log(rss)
		}
	}
	normalise(prob)
	var above, second float64
	for i, w := range prob {
		t.Estimate += w * beta[i]
		second += w * (beta[i]*beta[i] + se[i]*se[i])
		p := upperT(math.Abs(beta[i])/se[i], df)
		if beta[i] > 0 {
			p = 1 - p
		}
		above += w * p
	}
	t.SE = math.Sqrt(math.Max(0, second-t.Estimate*t.Estimate))
	t.P = math.Min(1, 2*math.Min(above, 1-above))
	return t
}

// upperT is P(T > t) of Student's t, t ≥ 0.
func upperT(t, df float64) float64 {
	if math.IsInf(t, 0) {
		return 0
	}
	return mathext.RegIncBeta(df/2, 0.5, df/(df+t*t)) / 2
}
