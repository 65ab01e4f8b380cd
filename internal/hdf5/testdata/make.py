# Makes the files that TestLibraryFiles reads, with h5py 3.7.0 on HDF5 1.10.8:
#
#	python3 make.py FOLDER
#
# The number at (i, j) is 10·i + j.
import sys
import h5py
import numpy as np

v = np.add.outer(10. * np.arange(37), np.arange(11))
for lib in ["earliest", "v108", "v110", "latest"]:
    with h5py.File(f"{sys.argv[1]}/{lib}.h5", "w", libver=lib) as f:
        g = f.create_group("g")
        g.create_dataset("plain", data=v)
        g.create_dataset("single", data=v.astype("f4"))
        g.create_dataset("big", data=v.astype(">f8"))
        g.create_dataset("text", data="hello")
        g.create_dataset("fixed", data=np.array([b"hello"]))
        g.create_dataset("whole", data=v, chunks=v.shape, compression="gzip")
        c = f.create_group("chunks")
        if lib in ["earliest", "v108"]:  # newer ones index them in ways that are not read
            c.create_dataset("plain", data=v, chunks=(20, 6))
            c.create_dataset("gzip", data=v, chunks=(13, 7), compression="gzip", shuffle=True, fletcher32=True)
            c.create_dataset("shuffle", data=v.astype("f4"), chunks=(50, 7), maxshape=(100, 11), shuffle=True)
        if lib == "earliest":  # more names than one node holds
            for n in range(20):
                f.create_dataset(f"many/{n}", data=np.array([float(n)]))
