"""Random training steps, compiled and compared with eager ones. As a command: how many to try, and the first seed.

python tests/compiler/random_programs.py 100000 0

Their arrays are small, so that there are many; what is only done to large ones is done to these, too.
"""

import sys
import warnings
from unittest import mock

import numpy as np

import autograd_nn as ag
from autograd_nn.compiler import recompute

SMALL_TOO = mock.patch.multiple(recompute, LEAST=0, LARGE=0, APART=0, SMALL_COST=recompute.MOST_COST)
"""What is only done to large arrays is done to small ones."""

UNARY = (
    ag.tanh,
    ag.sigmoid,
    ag.exp,
    ag.relu,
    ag.abs,
    ag.square,
    ag.sin,
    ag.softmax,
    ag.sign,
    ag.floor,
    ag.isnan,
    ag.negative,
)
BINARY = (ag.add, ag.subtract, ag.multiply, ag.maximum, ag.minimum, ag.divide, ag.greater, ag.less_equal, ag.arctan2)
REDUCE = (ag.sum, ag.mean, ag.max, ag.min, ag.logsumexp, ag.std, ag.prod, ag.any)
LENGTHS = (1, 2, 3, 4, 5, 7, 8, 16, 17, 33)


class Draw:
    """A program drawn from a seed: the same choices each time it runs."""

    def __init__(self, seed):
        rng = self.rng = np.random.default_rng(seed)
        self.seed = seed
        self.dtype = np.float64 if rng.random() < 0.3 else np.float32
        self.length = int(rng.integers(2, 25))

    def array(self, shape):
        return (self.rng.standard_normal(shape) * 0.8).astype(self.dtype)

    def shape(self):
        return tuple([int(self.rng.choice(LENGTHS)) for _ in range(self.rng.integers(0, 4))])

    def begin(self):
        """The arguments and the states."""
        shape = self.shape()
        self.arguments = [self.array(shape), self.array(self.smaller(shape)), self.array(self.shape())]
        self.states = [ag.tensor(self.array(self.smaller(shape)), requires_grad=True) for _ in range(2)]
        self.moments = [ag.zeros(s.shape, s.dtype) for s in self.states]

    def smaller(self, shape):
        """A shape that broadcasts to this one."""
        kept = [n if self.rng.random() < 0.7 else 1 for n in shape]
        return tuple(kept[int(self.rng.integers(0, len(kept) + 1)) if self.rng.random() < 0.4 else 0 :])

    def step(self, *arguments):
        rng = np.random.default_rng((self.seed, 1))
        values = [*arguments, *self.states]
        for _ in range(self.length):
            values.append(self.operation(rng, values))
        floats = [v for v in values[-4:] if v.dtype.kind == "f"]
        loss = sum([ag.tanh(v).sum().astype(self.dtype) for v in floats], start=sum([s.sum() for s in self.states]))
        loss.backward()
        for s, m in zip(self.states, self.moments, strict=True):
            ag.assign(m, 0.9 * m + s.grad)
            ag.assign(s, s - 0.01 * m)
            if rng.random() < 0.5:
                s.grad = None
        return loss, values[-1], values[int(rng.integers(0, len(values)))]

    def operation(self, rng, values):
        x = values[int(rng.integers(max(0, len(values) - 8), len(values)))]
        kind, y = int(rng.integers(0, 11)), values[int(rng.integers(0, len(values)))]
        number = x.dtype.kind != "b"
        if kind <= 1:
            f = UNARY[int(rng.integers(len(UNARY)))]
            if f is ag.softmax and (not x.shape or not number):
                return ag.tanh(x)
            return f(ag.minimum(x, 4.0)) if f is ag.exp else f(x) if number else ag.logical_not(x)
        if kind <= 4:
            f = BINARY[int(rng.integers(len(BINARY)))]
            try:
                if np.broadcast_shapes(x.shape, y.shape) and number and y.dtype.kind != "b":
                    return f(x, y) if f is not ag.divide else x / (ag.abs(y) + 0.5)
            except ValueError:
                pass
            return x * 0.5 if number else x.astype(self.dtype)
        if kind == 5:
            f = REDUCE[int(rng.integers(len(REDUCE)))]
            axes = tuple([a for a in range(x.ndim) if rng.random() < 0.5])
            keepdims = bool(rng.random() < 0.6)
            x = x if number else x.astype(self.dtype)
            return f(x, axes if rng.random() < 0.8 and axes else None, keepdims=keepdims)
        if kind == 6 and x.ndim:
            order = rng.permutation(x.ndim).tolist()
            return x.transpose(order)
        if kind == 7 and x.ndim:
            return x.reshape(-1) if rng.random() < 0.3 else x.reshape((*x.shape[1:], x.shape[0])) if x.ndim < 4 else x
        if kind == 8 and x.ndim:
            key = []
            for n in x.shape:
                start = int(rng.integers(0, n))
                key.append(
                    start
                    if rng.random() < 0.2
                    else slice(start, int(rng.integers(start, n)) + 1, int(rng.integers(1, 3)))
                )
            return x[tuple(key)]
        if kind == 9 and x.ndim:
            return ag.concatenate([x, x * 2.0 if number else x], int(rng.integers(0, x.ndim)))
        if kind == 10 and x.ndim == 2 and number:
            x = x.astype(self.dtype)
            return x @ x.mT if rng.random() < 0.5 else x.mT @ x
        return ag.where(x > 0.1, x, 0.0) if number else ag.logical_and(x, True)


def run(seed, steps=3):
    """One program: every call is compared with an eager one from the same state, and raises where they differ.

    Some of these programs make a number of a rounding error; the comparison itself knows them by what a last bit does to them.
    """
    drawn = Draw(seed)
    drawn.begin()
    step = ag.compile(drawn.step, verify="always")
    with np.errstate(all="ignore"), warnings.catch_warnings(), SMALL_TOO:
        warnings.simplefilter("ignore")
        for k in range(steps):
            step(*[a + a.dtype.type(0.1 * k) for a in drawn.arguments])
    return step


if __name__ == "__main__":
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    failed = 0
    for number in range(first, first + count):
        try:
            run(number)
        except Exception as error:
            failed += 1
            print(number, type(error).__name__, str(error)[:300].replace("\n", " "), flush=True)
    print(f"{count} programs, {failed} failed")
