"""A table of functions, written once for NumPy's and JAX's `np`, that the tests of the transforms share."""

import numpy as np

rng = np.random.default_rng(7)
A, B = rng.standard_normal((4, 4)), rng.standard_normal((4, 3))
SPD = A @ A.T + 4 * np.eye(4)
x3, x4, m43 = rng.standard_normal(3), rng.standard_normal(4), rng.standard_normal((4, 3))

# name: (function of (np, *args), args). Arguments may be nested; all are differentiated.
SCALAR = {
    "cube": (lambda np, x: x**3 + 2.0 * x, (1.7,)),
    "two numbers": (lambda np, x, y: np.sin(x * y) + x / y, (0.4, 2.5)),
    "0-d array": (lambda np, x: np.exp(-x) * x, (np.array(0.3),)),
    "quadratic form": (lambda np, x: x @ SPD @ x, (x4,)),
    "log sum exp": (lambda np, x: np.log(np.sum(np.exp(x))), (x4,)),
    "softmax entropy": (lambda np, x: -np.sum(np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))) * x), (x4,)),
    "log determinant": (lambda np, m: np.linalg.slogdet(m @ m.T + np.eye(4))[1], (m43,)),
    "solve": (lambda np, m, b: np.sum(np.linalg.solve(m, b) ** 2), (SPD, x4)),
    "cholesky": (lambda np, m: np.sum(np.linalg.cholesky(m @ m.T + SPD) ** 3), (m43,)),
    "indexing": (lambda np, x: x[0] * x[2] + np.sum(x[1:] * x[:-1]), (x4,)),
    "concatenate": (lambda np, x, y: np.prod(np.concatenate([x, y * 2.0])), (x3, x4)),
    "where": (lambda np, x: np.sum(np.where(x > 0.0, x**2, np.sin(x))), (x4,)),
    "linear": (lambda np, x: np.sum(3.0 * x), (x4,)),
    "network": (
        lambda np, p: np.mean((np.tanh(B.T @ p["w1"] + p["b"]) @ p["out"][0] - p["out"][1]) ** 2),
        ({"w1": m43 * 0.3, "b": x3, "out": [x3 * 0.5, 0.25]},),
    ),
    "tuples": (lambda np, p, q: p[0] * np.sum(q["a"] ** 2) + p[1] ** 3, ((0.5, 2.0), {"a": x3})),
    "none inside": (lambda np, p: np.sum(p["w"] ** 3), ({"w": x3, "bias": None},)),
}
ARRAY = {
    "elementwise": (lambda np, x: np.sin(x) * x, (x4,)),
    "outer": (lambda np, x, y: np.outer(np.cos(x), y), (x3, x4)),
    "wide": (lambda np, m: np.sum(m**3, axis=0), (m43,)),
    "tall": (lambda np, x: np.stack([x * 2.0, np.exp(x), np.sin(x) + x[0]]), (x3,)),
    "number to vector": (lambda np, t: np.sin(t * np.arange(1.0, 6.0)), (0.3,)),
    "inverse": (lambda np, m: np.linalg.inv(m), (SPD,)),
    "result in a dict": (lambda np, x, y: {"s": np.sum(x) * y, "v": [x * y, np.exp(y)]}, (x3, 0.7)),
    "a part that is constant": (lambda np, x: (np.sum(x**2), x[:0].sum() * 1.0 + 0.0 * x[1]), (x3,)),
}
CASES = SCALAR | ARRAY
