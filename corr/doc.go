// Package corr measures how closely two columns of numbers go together, what
// chance can explain of it, and whether two such correlations differ.
//
// [Correlate] takes one pair of columns, with or without covariates, and
// returns the coefficient with its t test, interval, Bayes factor, permutation
// p-value, bootstrap interval and the influence of each person. [Compare] asks
// whether the correlation differs between two conditions in which the same
// people were measured; [CompareSlopes] asks the same of the slope. [Family]
// corrects the p-values of several correlations of the same people by the
// permutation distribution of the largest. The closed forms behind them, such
// as [Fisher], [BayesFactor01], [Overlapping], [NonOverlapping] and
// [Independent], take numbers alone. [Scenario.Simulate] counts how often all
// this errs.
//
// # Coefficients
//
//	Pearson   product-moment correlation
//	Spearman  Pearson's of the mid-ranks
//	Robust    percentage-bend correlation, β = 0.2
//	Kendall   τ_b
//
// With covariates Z the coefficient is that of residuals on [1 Z]: by least
// squares for Pearson, the same for Spearman after every column, covariates
// included, has been ranked, and by Huber's M-estimate for Robust.
//
// # Missing data
//
// A row with a NaN or an infinity in a column that is used is left out and
// listed. A coefficient that does not exist (a constant column, too few rows,
// covariates that determine each other or a variable) is NaN and Reason says
// why. No argument causes a panic but columns of different lengths.
//
// docs/methods/associations.md gives equations, sources and validation.
package corr
