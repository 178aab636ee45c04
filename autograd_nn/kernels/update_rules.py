"""Update rules: what an optimizer's step does to one element of a parameter and of its states.

One text, three readers. A rule is written for one element, with operators and NumPy's ufuncs only, so

- numba compiles it into a loop over memory (`updates`), which is how an eager step runs;
- NumPy runs it on whole arrays, where there is too little to do for a native loop to be worth loading;
- Tensors record it as plain operations, so that a recorded step of training is a program that can be run again.

The first two give the same bits: the arithmetic is IEEE, in the same order and the element's type.

A rule takes the parameter's value, its gradient, its states (under PyTorch's names), then coefficients, which are the same for
all elements; it returns the new value and the new states. Whatever depends on hyperparameters or on the number of the step
is in the coefficients, in double precision; there are no literals here, which would widen float32.

Decision: no rule branches. An option that is off is a coefficient of zero or one, which costs less than the memory traffic hides
and gives the same bits; only what needs another state is another rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def sgd(value: Any, gradient: Any, rate: Any, sign: Any, decay: Any, /) -> Any:
    """Gradient descent: against the gradient, weight decay added to it."""
    return (value - rate * (sign * gradient + decay * value),)


def momentum(
    value: Any,
    gradient: Any,
    momentum_buffer: Any,
    rate: Any,
    sign: Any,
    decay: Any,
    kept: Any,
    fresh: Any,
    direct: Any,
    along: Any,
    /,
) -> Any:
    """Gradient descent with momentum; Nesterov's where `direct` is 1 (Sutskever et al., ICML 2013)."""
    gradient = sign * gradient + decay * value
    momentum_buffer = kept * momentum_buffer + fresh * gradient
    return value - rate * (direct * gradient + along * momentum_buffer), momentum_buffer


def adam(
    value: Any, gradient: Any, exp_avg: Any, exp_avg_sq: Any,
    rate: Any, sign: Any, decay: Any, shrink: Any, fresh1: Any, beta2: Any, fresh2: Any, scale: Any, eps: Any, /,
) -> Any:  # fmt: skip
    """Adam (Kingma and Ba, arXiv:1412.6980); AdamW (arXiv:1711.05101) where `shrink` is below 1 and `decay` is 0."""
    gradient = sign * gradient + decay * value
    exp_avg = exp_avg + fresh1 * (gradient - exp_avg)
    exp_avg_sq = beta2 * exp_avg_sq + fresh2 * (gradient * gradient)
    value = shrink * value - rate * exp_avg / (np.sqrt(exp_avg_sq) * scale + eps)
    return value, exp_avg, exp_avg_sq


def amsgrad(
    value: Any, gradient: Any, exp_avg: Any, exp_avg_sq: Any, max_exp_avg_sq: Any,
    rate: Any, sign: Any, decay: Any, shrink: Any, fresh1: Any, beta2: Any, fresh2: Any, scale: Any, eps: Any, /,
) -> Any:  # fmt: skip
    """Adam by the largest second moment so far (Reddi et al., ICLR 2018)."""
    gradient = sign * gradient + decay * value
    exp_avg = exp_avg + fresh1 * (gradient - exp_avg)
    exp_avg_sq = beta2 * exp_avg_sq + fresh2 * (gradient * gradient)
    max_exp_avg_sq = np.maximum(max_exp_avg_sq, exp_avg_sq)
    value = shrink * value - rate * exp_avg / (np.sqrt(max_exp_avg_sq) * scale + eps)
    return value, exp_avg, exp_avg_sq, max_exp_avg_sq


def adamax(
    value: Any, gradient: Any, exp_avg: Any, exp_inf: Any,
    rate: Any, sign: Any, decay: Any, fresh1: Any, beta2: Any, eps: Any, /,
) -> Any:  # fmt: skip
    """Adam with the infinity norm (arXiv:1412.6980, algorithm 2)."""
    gradient = sign * gradient + decay * value
    exp_avg = exp_avg + fresh1 * (gradient - exp_avg)
    exp_inf = np.maximum(beta2 * exp_inf, np.abs(gradient) + eps)
    return value - rate * exp_avg / exp_inf, exp_avg, exp_inf


def nadam(
    value: Any, gradient: Any, exp_avg: Any, exp_avg_sq: Any,
    rate: Any, rate_ahead: Any, sign: Any, decay: Any, shrink: Any, fresh1: Any, beta2: Any, fresh2: Any, scale: Any, eps: Any, /,
) -> Any:  # fmt: skip
    """Adam with Nesterov's look ahead (Dozat, ICLR 2016 workshop)."""
    gradient = sign * gradient + decay * value
    exp_avg = exp_avg + fresh1 * (gradient - exp_avg)
    exp_avg_sq = beta2 * exp_avg_sq + fresh2 * (gradient * gradient)
    size = np.sqrt(exp_avg_sq * scale) + eps
    return shrink * value - (rate * gradient + rate_ahead * exp_avg) / size, exp_avg, exp_avg_sq


def radam(
    value: Any, gradient: Any, exp_avg: Any, exp_avg_sq: Any,
    rate: Any, rate_adaptive: Any, sign: Any, decay: Any, shrink: Any, fresh1: Any, beta2: Any, fresh2: Any, eps: Any, /,
) -> Any:  # fmt: skip
    """Adam with its variance rectified (Liu et al., arXiv:1908.03265): `rate` at first, `rate_adaptive` later, never both."""
    gradient = sign * gradient + decay * value
    exp_avg = exp_avg + fresh1 * (gradient - exp_avg)
    exp_avg_sq = beta2 * exp_avg_sq + fresh2 * (gradient * gradient)
    value = shrink * value - exp_avg * (rate + rate_adaptive / (np.sqrt(exp_avg_sq) + eps))
    return value, exp_avg, exp_avg_sq


def adagrad(value: Any, gradient: Any, sum: Any, rate: Any, sign: Any, decay: Any, eps: Any, /) -> Any:
    """Steps divided by the root of the sum of squares (Duchi et al., JMLR 12, 2011)."""
    gradient = sign * gradient + decay * value
    sum = sum + gradient * gradient
    return value - rate * gradient / (np.sqrt(sum) + eps), sum


def adadelta(
    value: Any, gradient: Any, square_avg: Any, acc_delta: Any,
    rate: Any, sign: Any, decay: Any, rho: Any, fresh: Any, eps: Any, /,
) -> Any:  # fmt: skip
    """Steps of the size of the last ones (Zeiler, arXiv:1212.5701)."""
    gradient = sign * gradient + decay * value
    square_avg = rho * square_avg + fresh * (gradient * gradient)
    delta = np.sqrt(acc_delta + eps) / np.sqrt(square_avg + eps) * gradient
    acc_delta = rho * acc_delta + fresh * (delta * delta)
    return value - rate * delta, square_avg, acc_delta


def rmsprop(
    value: Any, gradient: Any, square_avg: Any, rate: Any, sign: Any, decay: Any, alpha: Any, fresh: Any, eps: Any, /
) -> Any:
    """Steps divided by the root of a running mean of squares (Tieleman and Hinton, lecture 6.5, 2012)."""
    gradient = sign * gradient + decay * value
    square_avg = alpha * square_avg + fresh * (gradient * gradient)
    return value - rate * gradient / (np.sqrt(square_avg) + eps), square_avg


def rmsprop_momentum(
    value: Any, gradient: Any, square_avg: Any, momentum_buffer: Any,
    rate: Any, sign: Any, decay: Any, alpha: Any, fresh: Any, eps: Any, kept: Any, /,
) -> Any:  # fmt: skip
    """`rmsprop` with momentum."""
    gradient = sign * gradient + decay * value
    square_avg = alpha * square_avg + fresh * (gradient * gradient)
    momentum_buffer = kept * momentum_buffer + gradient / (np.sqrt(square_avg) + eps)
    return value - rate * momentum_buffer, square_avg, momentum_buffer


def rmsprop_centered(
    value: Any, gradient: Any, square_avg: Any, grad_avg: Any,
    rate: Any, sign: Any, decay: Any, alpha: Any, fresh: Any, eps: Any, /,
) -> Any:  # fmt: skip
    """`rmsprop` by the variance instead of the mean square (Graves, arXiv:1308.0850)."""
    gradient = sign * gradient + decay * value
    square_avg = alpha * square_avg + fresh * (gradient * gradient)
    grad_avg = grad_avg + fresh * (gradient - grad_avg)
    return value - rate * gradient / (np.sqrt(square_avg - grad_avg * grad_avg) + eps), square_avg, grad_avg


def rmsprop_centered_momentum(
    value: Any, gradient: Any, square_avg: Any, grad_avg: Any, momentum_buffer: Any,
    rate: Any, sign: Any, decay: Any, alpha: Any, fresh: Any, eps: Any, kept: Any, /,
) -> Any:  # fmt: skip
    """`rmsprop_centered` with momentum."""
    gradient = sign * gradient + decay * value
    square_avg = alpha * square_avg + fresh * (gradient * gradient)
    grad_avg = grad_avg + fresh * (gradient - grad_avg)
    size = np.sqrt(square_avg - grad_avg * grad_avg) + eps
    momentum_buffer = kept * momentum_buffer + gradient / size
    return value - rate * momentum_buffer, square_avg, grad_avg, momentum_buffer


def rprop(
    value: Any, gradient: Any, prev: Any, step_size: Any,
    sign: Any, mean: Any, swing: Any, shortest: Any, longest: Any, one: Any, none: Any, /,
) -> Any:  # fmt: skip
    """Steps whose size grows while the gradient's sign stays (Riedmiller and Braun, ICNN 1993), without weight backtracking."""
    gradient = sign * gradient
    turn = np.sign(gradient * prev)
    step_size = step_size * (one + swing * turn + mean * (turn * turn))
    step_size = np.minimum(np.maximum(step_size, shortest), longest)
    gradient = gradient * (one - np.maximum(none - turn, none))
    return value - step_size * np.sign(gradient), gradient, step_size


def asgd(value: Any, gradient: Any, ax: Any, rate: Any, sign: Any, decay: Any, shrink: Any, fresh: Any, /) -> Any:
    """Gradient descent beside the mean of where it has been (Polyak and Juditsky, 1992)."""
    gradient = sign * gradient + decay * value
    value = shrink * value - rate * gradient
    return value, ax + fresh * (value - ax)


def average(value: Any, gradient: Any, fresh: Any, /) -> Any:
    """An exponential moving average (`value`) takes in the weights (`gradient`)."""
    return (value + fresh * (gradient - value),)


STATES = {
    sgd: 0, momentum: 1, adam: 2, amsgrad: 3, adamax: 2, nadam: 2, radam: 2, adagrad: 1, adadelta: 2, rmsprop: 1,
    rmsprop_momentum: 2, rmsprop_centered: 2, rmsprop_centered_momentum: 3, rprop: 2, asgd: 1, average: 0,
}  # fmt: skip
"""Every rule, and how many states it has."""


def names(rule: Any) -> tuple[str, ...]:
    """What a rule takes: value, gradient, states, coefficients."""
    return rule.__code__.co_varnames[: rule.__code__.co_argcount]


def states(rule: Any) -> tuple[str, ...]:
    """The names of a rule's states."""
    return names(rule)[2 : 2 + STATES[rule]]


def coefficients(rule: Any) -> tuple[str, ...]:
    """The names of a rule's coefficients."""
    return names(rule)[2 + STATES[rule] :]
