// Package hdf5 reads and writes the part of the HDF5 format that transforms
// are kept in: groups, and data sets of floating-point numbers or of one text.
//
// [Open] reads files of the HDF5 library in its default settings, as ITK and
// h5py write them, and the common cases of its newer ones: superblocks 0 to 3,
// object headers 1 and 2, groups kept as symbol tables or as compact links,
// data that are compact, contiguous or in chunks, with the filters deflate,
// shuffle and Fletcher32. [Write] writes the oldest of these, which every
// version of the library reads. Whatever else a file holds is refused by name.
//
// Source: HDF5 File Format Specification, version 3.0, The HDF Group,
// https://docs.hdfgroup.org/hdf5/develop/_f_m_t3.html. The names of the parts
// are the specification's.
//
// # Safety
//
// Nothing in a file is trusted: places and lengths are checked against the size
// of the file, trees are walked to a bounded depth and number of nodes, and no
// more memory is taken than a file of that size could expand to.
package hdf5
