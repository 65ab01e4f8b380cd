"""Writes scipy.json: values of scipy.ndimage for voxel's tests.

Run: python3 generate.py > scipy.json

The volume is made from integers, so that both sides have the same one.
Cubic B-spline interpolation: map_coordinates(order=3, mode='mirror').
Smoothing: gaussian_filter(mode='constant', cval=0, truncate=8) of the volume
divided by the same of ones where the volume has a value.
"""
import json
import sys

import numpy as np
import scipy
from scipy import ndimage

dim = (24, 20, 22)
i, j, k = np.meshgrid(*map(np.arange, dim), indexing="ij")
vol = ((i * 73 + j * 151 + k * 283 + i * j * 17 + j * k * 29 + i * k * 41) % 251) / 250.0

rng = np.random.default_rng(20240611)
points = rng.uniform(0, 1, (60, 3)) * (np.array(dim) - 1)
points[:8] = [[a, b, c] for a in (0, 23) for b in (0, 19) for c in (0, 21)]
points[8:14] = [[0.5, 3, 4], [22.75, 19, 21], [11, 0.125, 20.5], [5, 18.9, 0.01], [1, 1, 1], [22.5, 18.5, 20.5]]
cubic = ndimage.map_coordinates(vol, points.T, order=3, mode="mirror")

fwhm = 6.0
spacing = (2.0, 1.5, 2.5)
sigma = [fwhm / np.sqrt(8 * np.log(2)) / s for s in spacing]


def smooth(v, m):
    g = lambda x: ndimage.gaussian_filter(x, sigma, mode="constant", cval=0, truncate=8)
    return g(v * m) / g(m.astype(float))


whole = smooth(vol, np.ones(dim))
hole = (i - 10) ** 2 + (j - 8) ** 2 + (k - 9) ** 2 > 12
holed = smooth(vol, hole)
voxels = rng.integers(0, dim, (60, 3))
voxels[:4] = [[0, 0, 0], [23, 19, 21], [12, 0, 10], [7, 8, 9]]
voxels[4:8] = [[10, 12, 9], [14, 8, 9], [10, 8, 13], [6, 8, 9]]
voxels = [v for v in voxels.tolist() if hole[tuple(v)]]

json.dump(
    {
        "scipy": scipy.__version__,
        "numpy": np.__version__,
        "python": sys.version.split()[0],
        "points": points.tolist(),
        "cubic": cubic.tolist(),
        "fwhm": fwhm,
        "spacing": spacing,
        "voxels": voxels,
        "whole": [whole[tuple(v)] for v in voxels],
        "holed": [holed[tuple(v)] for v in voxels],
    },
    sys.stdout,
    indent=0,
)
