// Package assets fetches files of other groups that an analysis needs and that
// phasl may not ship: the template brain, atlases, receptor maps. It is the
// only package of phasl that uses the network, and it does so only in
// [Puller.Pull].
//
// A [Manifest] lists the files: where each is published, at which revision, its
// size, its SHA-256, its licences. [Builtin] is the list that comes with phasl.
// A [Store] is the folder where the files go; it knows which are there and
// whether they are what the manifest says. A [Puller] fetches the others.
//
// # What always holds
//
//   - A file has its name only if its bytes have the SHA-256 of the manifest.
//     Until then it is a hidden file whose name ends in .part, beside its place.
//   - A file that is there with the right bytes is not fetched.
//   - A file in the way with other bytes is set aside, not overwritten.
//   - One host is asked, that of the base address. A redirection to another is
//     refused: it would send the request where the user did not look, and in
//     practice it is the login page of a proxy.
//   - Killed at any moment, the next pull carries on; of several processes that
//     pull one file into one folder, one fetches and the others wait.
//
// Whether the user accepts the licences is asked by the caller, before it pulls.
package assets
