package corr

// Residuals returns y less its least-squares fit on an intercept and the
// covariates, the mean of y added, so that it has y's unit and place: what a
// partial correlation is drawn from. A covariate that is constant, or that the
// others determine, takes no part. The columns must be complete; Residuals
// panics if they differ in length. y is not changed.
func Residuals(y []float64, covariates [][]float64) []float64 {
	d := Data{X: y, Y: y, Covariates: covariates}
	d.check()
	out := make([]float64, len(y))
	if len(y) == 0 {
		return out
	}
	w := newWork(len(y), len(covariates))
	w.load(d, seq(len(y)))
	w.basis()
	centre(out, y)
	shift := y[0] - out[0]
	w.project(out)
	for i := range out {
		out[i] += shift
	}
	return out
}
