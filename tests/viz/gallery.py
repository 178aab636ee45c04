"""The models that pictures are made of: from a neuron to a twelve-block Transformer, each small enough to run in a moment."""

import itertools

import numpy as np

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.engine.modes import Scope, change

RNG = np.random.default_rng


def randn(*shape, seed=0):
    return RNG(seed).standard_normal(shape).astype(np.float32)


def neuron():
    """tanh(x1 w1 + x2 w2 + b), as in micrograd's lecture."""
    names = {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": 6.8813735870195432}
    x1, x2, w1, w2, b = [ag.tensor(np.float64(v), requires_grad=True, name=n) for n, v in names.items()]
    return ag.tanh(x1 * w1 + x2 * w2 + b)


def scalar_mlp(samples=4, widths=(3, 8, 8, 1)):
    """A multilayer perceptron of scalars, one module call a layer and a neuron, shared weights over the samples."""
    rng = RNG(0)
    leaf = lambda name: ag.tensor(rng.standard_normal(), requires_grad=True, name=name)
    weights = [
        [([leaf(f"w{k}{j}{i}") for i in range(n)], leaf(f"b{k}{j}")) for j in range(m)]
        for k, (n, m) in enumerate(itertools.pairwise(widths))
    ]
    calls = iter(range(1, 10_000))
    loss = 0.0
    for s in range(samples):
        sample = Scope(f"sample{s}", next(calls), "Sample")
        with change(scope=sample):
            values = [ag.tensor(float(v)) for v in rng.standard_normal(widths[0])]
            for k, layer in enumerate(weights):
                around = Scope(f"sample{s}.layer{k}", next(calls), "Layer", sample)
                outputs = []
                for j, (ws, b) in enumerate(layer):
                    with change(scope=Scope(f"{around.path}.n{j}", next(calls), "Neuron", around)):
                        total = b
                        for w, v in zip(ws, values, strict=True):
                            total = total + w * v
                        outputs.append(ag.tanh(total))
                values = outputs
            error = (values[0] - 1.0) ** 2
        loss = error if s == 0 else loss + error
    return loss


class MLP(nn.Module):
    def __init__(self):
        self.hidden = nn.Linear(784, 128)
        self.act = nn.ReLU()
        self.out = nn.Linear(128, 10)

    def forward(self, x):
        return self.out(self.act(self.hidden(x)))


def lenet():
    """The LeNet of the benchmarks."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


class LSTMCell(nn.Module):
    def __init__(self, n, m):
        self.x = nn.Linear(n, 4 * m)
        self.h = nn.Linear(m, 4 * m)

    def forward(self, x, h, c):
        i, f, g, o = ag.split(self.x(x) + self.h(h), 4, axis=-1)
        c = ag.sigmoid(f) * c + ag.sigmoid(i) * ag.tanh(g)
        return ag.sigmoid(o) * ag.tanh(c), c


class LSTM(nn.Module):
    def __init__(self, n=16, m=32):
        self.cell, self.head, self.m = LSTMCell(n, m), nn.Linear(m, 10), m

    def forward(self, x):
        h = c = ag.zeros((x.shape[0], self.m))
        for t in range(x.shape[1]):
            h, c = self.cell(x[:, t], h, c)
        return self.head(h)


class Attention(nn.Module):
    def __init__(self, width, heads):
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = [nn.Linear(width, width) for _ in range(4)]
        self.heads = heads

    def forward(self, x):
        n, length, width = x.shape
        q, k, v = [
            f(x).reshape(n, length, self.heads, -1).transpose((0, 2, 1, 3))
            for f in (self.q_proj, self.k_proj, self.v_proj)
        ]
        weights = ag.softmax(q @ k.mT / float(np.sqrt(width // self.heads)), axis=-1)
        return self.o_proj((weights @ v).transpose((0, 2, 1, 3)).reshape(n, length, width))


class Block(nn.Module):
    def __init__(self, width=16, heads=4):
        self.ln1, self.attn, self.ln2 = nn.LayerNorm(width), Attention(width, heads), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class Transformer(nn.Module):
    def __init__(self, blocks=12):
        self.h = nn.ModuleList([Block() for _ in range(blocks)])
        self.norm = nn.LayerNorm(16)

    def forward(self, x):
        for block in self.h:
            x = block(x)
        return self.norm(x)


class DoubleConv(nn.Module):
    def __init__(self, n, m):
        self.conv1, self.conv2 = nn.Conv2d(n, m, 3, padding=1), nn.Conv2d(m, m, 3, padding=1)

    def forward(self, x):
        return ag.relu(self.conv2(ag.relu(self.conv1(x))))


class UNet(nn.Module):
    def __init__(self):
        self.down1, self.down2, self.middle = DoubleConv(1, 4), DoubleConv(4, 8), DoubleConv(8, 16)
        self.up2, self.up1 = nn.ConvTranspose2d(16, 8, 2, stride=2), nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.dec2, self.dec1, self.head = DoubleConv(16, 8), DoubleConv(8, 4), nn.Conv2d(4, 2, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(self.pool(a))
        y = self.middle(self.pool(b))
        y = self.dec2(ag.concatenate([self.up2(y), b], axis=1))
        y = self.dec1(ag.concatenate([self.up1(y), a], axis=1))
        return self.head(y)


class Residual(nn.Module):
    def __init__(self, n, m, stride=1):
        self.conv1, self.norm1 = nn.Conv2d(n, m, 3, stride, 1, bias=False), nn.BatchNorm2d(m)
        self.conv2, self.norm2 = nn.Conv2d(m, m, 3, 1, 1, bias=False), nn.BatchNorm2d(m)
        self.shortcut = nn.Identity() if n == m and stride == 1 else nn.Conv2d(n, m, 1, stride, bias=False)

    def forward(self, x):
        y = ag.relu(self.norm1(self.conv1(x)))
        return ag.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self):
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.stage1, self.stage2, self.stage3 = Residual(8, 8), Residual(8, 16, 2), Residual(16, 32, 2)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        x = self.stage3(self.stage2(self.stage1(ag.relu(self.stem(x)))))
        return self.head(x.mean(axis=(2, 3)))


class Siamese(nn.Module):
    """One encoder called twice, with shared weights."""

    def __init__(self):
        self.encoder = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4))

    def forward(self, a, b):
        return ((self.encoder(a) - self.encoder(b)) ** 2).sum(axis=-1).mean()


def recorded(model, *inputs, loss=None, backward=True):
    """A record of one training step's forward and backward pass, and the model."""
    tensors = [ag.tensor(x, name=n) for x, n in zip(inputs, "xyz", strict=False)]
    with ag.record(*tensors) as r:
        out = model(*tensors)
        out = loss(out) if loss is not None else out
        if backward:
            out.backward()
    return r, model


def classified(classes, n):
    labels = ag.tensor(RNG(1).integers(0, classes, n), name="labels")
    return lambda logits: ag.cross_entropy(logits, labels)


def squared(out):
    return (out * out).mean()


def failed():
    """A record of a forward pass that raised, and the model."""
    ag.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(32, 4))
    x = ag.tensor(randn(5, 8), name="x")
    r = None
    try:
        with ag.record(x) as r:
            model(x)
    except ValueError:
        pass
    return r, model


def records():
    """What makes every picture's record and model, by name."""

    def seeded(make):
        def run():
            ag.manual_seed(0)
            return make()

        return run

    return {
        "mlp": seeded(lambda: recorded(MLP(), randn(32, 784), loss=classified(10, 32))),
        "lenet": seeded(lambda: recorded(lenet(), randn(4, 1, 28, 28), loss=classified(10, 4))),
        "lstm": seeded(lambda: recorded(LSTM(), randn(4, 32, 16), loss=classified(10, 4))),
        "block": seeded(lambda: recorded(Block(), randn(2, 8, 16), loss=squared)),
        "transformer": seeded(lambda: recorded(Transformer(), randn(2, 8, 16), loss=lambda y: squared(y[..., :4]))),
        "unet": seeded(lambda: recorded(UNet(), randn(2, 1, 16, 16), loss=squared)),
        "resnet": seeded(lambda: recorded(ResNet(), randn(2, 3, 16, 16), loss=classified(10, 2))),
        "siamese": seeded(lambda: recorded(Siamese(), randn(6, 8), randn(6, 8, seed=1))),
        "failed": failed,
    }
