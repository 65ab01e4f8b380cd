# Makes small.json: correlations of a small table by other programs.
# Run: python3 make_small.py > small.json   (numpy 1.24.2, scipy 1.10.1, mpmath 1.2.1; 2026-11-28)
import json, math
import mpmath as mp
import numpy as np
import scipy
from scipy import stats

n = 24
i = np.arange(n)
# Numbers from formulas; y has ties, z2 is binary.
x = np.round(50 + 9 * np.sin(1.7 * i) + 4 * np.cos(0.3 * i * i), 3)
z1 = np.round(30 + 8 * np.cos(2.3 * i + 1), 2)
z2 = (i * 7 % 3 == 0).astype(float)
y = np.round(0.3 * (x - 50) + 0.1 * z1 + 3 * np.sin(5.1 * i * i))

def residuals(c, z):
    a = np.column_stack([np.ones(n)] + z)
    return c - a @ np.linalg.lstsq(a, c, rcond=None)[0]

def t_of(r, df):
    t = r * math.sqrt(df / (1 - r * r))
    return {"r": r, "df": df, "t": t, "p": 2 * stats.t.sf(abs(t), df)}

pearson = stats.pearsonr(x, y)
ci = pearson.confidence_interval(0.95)
rank = stats.rankdata
zs, rz = [z1, z2], [rank(z1), rank(z2)]
out = {
    "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "mpmath": mp.__version__},
    "x": x.tolist(), "y": y.tolist(), "z1": z1.tolist(), "z2": z2.tolist(),
    "pearson": {"r": pearson[0], "p": pearson[1], "low": ci.low, "high": ci.high,
                "p_greater": stats.pearsonr(x, y, alternative="greater")[1]},
    "spearman": dict(zip(("r", "p"), map(float, stats.spearmanr(x, y)))),
    "kendall": dict(zip(("r", "p"), map(float, stats.kendalltau(x, y, method="asymptotic")))),
    "partial": t_of(np.corrcoef(residuals(x, zs), residuals(y, zs))[0, 1], n - 4),
    "partial_spearman": t_of(np.corrcoef(residuals(rank(x), rz), residuals(rank(y), rz))[0, 1], n - 4),
    "semi_partial_x": t_of(np.corrcoef(residuals(x, zs), y)[0, 1], n - 4),
    "semi_partial_y": t_of(np.corrcoef(x, residuals(y, zs))[0, 1], n - 4),
}

# Bayes factors by the closed form of Ly et al. 2016 in 40 digits, and one-sided
# ones by quadrature of Hotelling's density.
mp.mp.dps = 40

def bf10(r, n, k):
    r, n, k = mp.mpf(r), mp.mpf(n), mp.mpf(k)
    return (mp.power(2, (k - 2) / k) * mp.sqrt(mp.pi) / mp.beta(1 / k, 1 / k)
            * mp.gamma((2 + (n - 1) * k) / (2 * k)) / mp.gamma((2 + n * k) / (2 * k))
            * mp.hyp2f1((n - 1) / 2, (n - 1) / 2, (2 + n * k) / (2 * k), r * r))

def positive(r, n, k):
    r, n, k = mp.mpf(r), mp.mpf(n), mp.mpf(k)
    f = lambda t: ((1 - t * t) ** ((n - 1) / 2) * (1 - t * r) ** (mp.mpf(3) / 2 - n)
                   * mp.hyp2f1(0.5, 0.5, n - 0.5, (1 + t * r) / 2))
    prior = lambda t: (1 - t * t) ** (1 / k - 1)
    cuts = [0, max(mp.mpf("0.01"), abs(r)), 1]
    return mp.quad(lambda t: f(t) * prior(t), cuts) / mp.quad(prior, cuts) / f(mp.mpf(0))

out["bayes"] = [{"r": float(r), "n": n_, "kappa": float(k), "bf10": float(bf10(r, n_, k)), "bf_positive": float(positive(r, n_, k))}
                for r, n_, k in [("0.6", 20, "1"), ("0.1", 83, "1"), ("0.56", 26, "1"), ("0.3", 10, "0.5"), ("-0.4", 26, "2"), ("0", 24, "1"), ("0.9", 5, "1"), ("0.05", 400, "0.25")]]
print(json.dumps(out, indent=1))
