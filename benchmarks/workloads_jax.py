"""The eight workloads as JAX functions of PyTorch's weights, with Adam, jitted as one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .workloads import Workload


def step(workload: Workload, state: dict[str, np.ndarray]) -> Callable[[], Any]:
    """One jitted training step from these weights; returns its loss, ready."""
    import jax
    import jax.numpy as jnp

    forward = _forward(workload, jax, jnp)
    running = {n: jnp.asarray(a) for n, a in state.items() if "running" in n}
    weights = {n: jnp.asarray(a) for n, a in state.items() if "running" not in n and "tracked" not in n}
    x, y = (jnp.asarray(a) for a in workload.batch())

    def loss_of(weights: Any, running: Any, x: Any, y: Any) -> Any:
        moved: dict[str, Any] = {}
        logits = forward(weights, running, moved, x).reshape(-1, workload.classes)
        picked = jnp.take_along_axis(jax.nn.log_softmax(logits), y.reshape(-1, 1), axis=1)
        return -picked.mean(), moved

    @jax.jit
    def train(weights: Any, running: Any, m: Any, v: Any, t: Any, x: Any, y: Any) -> Any:
        (loss, moved), g = jax.value_and_grad(loss_of, has_aux=True)(weights, running, x, y)
        t = t + 1
        m = jax.tree.map(lambda m, g: m + 0.1 * (g - m), m, g)
        v = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), v, g)
        rate, root = 1e-3 / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) / root + 1e-8), weights, m, v)
        return loss, weights, {**running, **moved}, m, v, t

    zeros = {n: jnp.zeros_like(w) for n, w in weights.items()}
    held = [weights, running, zeros, zeros, jnp.zeros(())]

    def run() -> Any:
        loss, *held[:] = train(*held, x, y)
        return loss.block_until_ready()

    return run


def _forward(workload: Workload, jax: Any, jnp: Any) -> Callable[[Any, Any, Any, Any], Any]:
    def linear(w: Any, name: str, x: Any) -> Any:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def convolved(w: Any, name: str, x: Any, stride: int = 1, groups: int = 1) -> Any:
        kernel = w[f"{name}.weight"]
        pad = [(n // 2, n // 2) for n in kernel.shape[2:]]
        y = jax.lax.conv_general_dilated(x, kernel, (stride, stride), pad, feature_group_count=groups)
        return y + w[f"{name}.bias"][:, None, None] if f"{name}.bias" in w else y

    def pooled(x: Any) -> Any:
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def normed(w: Any, running: Any, moved: Any, name: str, x: Any) -> Any:
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
        count = x.size // x.shape[1]
        for what, seen in (("mean", mean), ("var", variance * (count / (count - 1)))):
            key = f"{name}.running_{what}"
            moved[key] = running[key] + 0.1 * (jax.lax.stop_gradient(seen) - running[key])
        scale = w[f"{name}.weight"] * jax.lax.rsqrt(variance + 1e-5)
        return (x - mean[:, None, None]) * scale[:, None, None] + w[f"{name}.bias"][:, None, None]

    def layer_normed(w: Any, name: str, x: Any) -> Any:
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def perceptron(w: Any, running: Any, moved: Any, x: Any) -> Any:
        names = sorted({n.split(".")[0] for n in w}, key=int)
        for name in names[:-1]:
            x = jax.nn.relu(linear(w, name, x))
        return linear(w, names[-1], x)

    def lenet(w: Any, running: Any, moved: Any, x: Any) -> Any:
        for name in "03":
            x = pooled(jax.nn.relu(convolved(w, name, x)))
        return linear(w, "9", jax.nn.relu(linear(w, "7", x.reshape(x.shape[0], -1))))

    def resnet8(w: Any, running: Any, moved: Any, x: Any) -> Any:
        x = jax.nn.relu(normed(w, running, moved, "1", convolved(w, "0", x)))
        for name, stride in (("3", 1), ("4", 2), ("5", 2)):
            y = convolved(w, f"{name}.conv1", x, stride)
            y = jax.nn.relu(normed(w, running, moved, f"{name}.norm1", y))
            y = normed(w, running, moved, f"{name}.norm2", convolved(w, f"{name}.conv2", y))
            if stride == 2:
                x = convolved(w, f"{name}.shortcut.0", x, 2)
                x = normed(w, running, moved, f"{name}.shortcut.1", x)
            x = jax.nn.relu(y + x)
        return linear(w, "8", x.mean((2, 3)))

    def separable(w: Any, running: Any, moved: Any, x: Any) -> Any:
        x = jax.nn.relu(normed(w, running, moved, "1", convolved(w, "0", x, 2)))
        for first, stride in ((3, 1), (9, 2), (15, 1)):
            x = convolved(w, f"{first}", x, stride, x.shape[1])
            x = jax.nn.relu(normed(w, running, moved, f"{first + 1}", x))
            x = convolved(w, f"{first + 3}", x)
            x = jax.nn.relu(normed(w, running, moved, f"{first + 4}", x))
        return linear(w, "23", x.mean((2, 3)))

    def lstm(w: Any, running: Any, moved: Any, x: Any) -> Any:
        inputs = x @ w["lstm.weight_ih_l0"].T + w["lstm.bias_ih_l0"] + w["lstm.bias_hh_l0"]

        def one(state: Any, gates: Any) -> Any:
            h, c = state
            i, f, g, o = jnp.split(gates + h @ w["lstm.weight_hh_l0"].T, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zero = jnp.zeros((x.shape[0], 128))
        (h, _), _ = jax.lax.scan(one, (zero, zero), inputs.swapaxes(0, 1))
        return linear(w, "head", h)

    def transformer(w: Any, running: Any, moved: Any, x: Any) -> Any:
        x = w["words.weight"][x] + w["places"]
        n, t, d = x.shape
        for k in range(2):
            name = f"encoder.layers.{k}"
            qkv = x @ w[f"{name}.self_attn.in_proj_weight"].T + w[f"{name}.self_attn.in_proj_bias"]
            q, k_, v = (a.reshape(n, t, 4, d // 4).swapaxes(1, 2) for a in jnp.split(qkv, 3, -1))
            p = jax.nn.softmax(q @ k_.swapaxes(2, 3) / (d // 4) ** 0.5)
            y = linear(w, f"{name}.self_attn.out_proj", (p @ v).swapaxes(1, 2).reshape(n, t, d))
            x = layer_normed(w, f"{name}.norm1", x + y)
            y = linear(w, f"{name}.linear2", jax.nn.gelu(linear(w, f"{name}.linear1", x), approximate=False))
            x = layer_normed(w, f"{name}.norm2", x + y)
        return linear(w, "head", x)

    kinds = {"mlp": perceptron, "LeNet": lenet, "ResNet-8": resnet8, "separable": separable, "LSTM": lstm}
    return kinds.get(workload.name.split()[0], transformer)
