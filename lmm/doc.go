// Package lmm fits linear mixed models and draws inference from them:
//
//	y = Xβ + Zb + ε,  b ~ N(0, σ²ΛΛᵀ),  ε ~ N(0, σ²I)
//
// A [Formula] written as in R and a [Table] make a [Design]; [Design.Fit]
// estimates it by restricted (REML) or full (ML) maximum likelihood; the
// methods of [Fit] give coefficients, tests, marginal means, contrasts and
// intervals with Satterthwaite's, Kenward and Roger's or residual degrees of
// freedom. A [Batch] fits many responses that share one design. The package
// takes and returns values; it knows nothing of files, drugs or voxels.
//
// # How it computes
//
// With V = I + ZΛΛᵀZᵀ, everything wanted is a function of log|V|, of
// S = [X y]ᵀV⁻¹[X y], and of their first and second derivatives in the
// elements η of the relative covariance ΛΛᵀ, in which V is linear. The type
// moments holds these. V is block diagonal over connected groups of rows (one
// block for each subject when effects are nested), so they are sums of small
// terms. Objective, gradient, Hessian, Satterthwaite's and Kenward and Roger's
// corrections are then a few lines of algebra each, with no numerical
// differentiation anywhere.
//
// X enters as Q of its QR decomposition and y as its least-squares residual,
// which leaves estimates unchanged and spares digits.
//
// # Missing data
//
// A row with a missing value (NaN, or an empty factor cell) in any column the
// formula names is left out and counted.
//
// docs/methods/mixed-models.md gives equations, sources and validation.
package lmm
