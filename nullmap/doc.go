// Package nullmap makes surrogates of a brain map: random maps with its spatial
// autocorrelation and no relation to anything else. The correlation of another
// map with many surrogates is the distribution that chance gives it, so that
// their share beyond the observed correlation is a p-value which does not take
// neighbouring places for independent ones.
//
// [New] prepares surrogates of a [Map] by a [Method]; [Null.Each] streams them,
// [Null.Draw] makes one. The default, [GP], fits a Gaussian process by restricted
// likelihood and draws each surrogate with a covariance from the posterior:
// plugging in one estimate makes the null too narrow where autocorrelation is
// high. It also fits how alike the two sides of the brain are. [BrainSMASH]
// reproduces the program of that name; [Variogram] matches variograms better;
// [Moran], [MoranPair] and [Spin] are the other nulls in use.
// [ModifiedT] and [Family.GLS] test the same hypothesis without surrogates.
//
// Distances are Euclidean unless a Map brings its own: [BetweenParcels],
// [Geodesic], or a matrix checked by [NewDistances]. Hemispheres and subcortex
// are one brain, with the distances there are, unless Map.Groups sets them
// apart.
//
// Nothing here opens a file. Surrogate k depends on the map, the options and
// (seed, k) alone. Lengths are millimetres.
//
// # Missing data
//
// A place whose value is NaN is left out of the fit and is NaN in every
// surrogate; [New] says how many there are.
package nullmap
