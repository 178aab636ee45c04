"""A network as a PyTorch user writes it runs with only its import lines changed."""

import numpy as np
import pytest

PROGRAM = """
class SimpleNN(nn.Module):
    def __init__(self):
        super(SimpleNN, self).__init__()
        self.layer1 = nn.Linear(2, 4)
        self.relu = nn.ReLU()
        self.layer2 = nn.Linear(4, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        return self.sigmoid(self.layer2(self.relu(self.layer1(x))))

model = SimpleNN()
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(100):
    inputs, targets = torch.rand((100, 2)), torch.rand((100, 1))
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
"""


def run(imports, **given):
    scope = dict(given)
    exec(f"{imports}\n{PROGRAM}", scope)
    return scope


def test_it_runs():
    scope = run("import autograd_nn as torch\nimport autograd_nn.nn as nn")
    assert 0.5 < scope["loss"].item() < 1.0


def test_it_does_what_it_does_in_pytorch(monkeypatch):
    theirs = pytest.importorskip("torch", reason="PyTorch is the judge here")
    import autograd_nn as ours

    rng = np.random.default_rng(0)
    batches = rng.random((200, 100, 2), np.float32)
    start = {n: rng.normal(size=s).astype(np.float32) for n, s in SHAPES.items()}

    def parts(nn, torch, as_tensor):
        """The library with its random numbers and initial weights replaced by the same for both."""
        drawn = iter(batches)

        class Linear(nn.Linear):
            def __init__(self, fan_in, fan_out):
                super().__init__(fan_in, fan_out)
                layer = "layer1" if fan_in == 2 else "layer2"
                self.load_state_dict({n: as_tensor(start[f"{layer}.{n}"]) for n in ("weight", "bias")})

        monkeypatch.setattr(nn, "Linear", Linear)
        monkeypatch.setattr(torch, "rand", lambda shape: as_tensor(next(drawn)[:, : shape[1]].copy()))
        return run("", torch=torch, nn=nn)

    made = [parts(lib.nn, lib, lib.tensor) for lib in (ours, theirs)]
    assert made[0]["loss"].item() == pytest.approx(made[1]["loss"].item(), rel=1e-5)
    for name, weight in made[0]["model"].state_dict().items():
        np.testing.assert_allclose(weight.numpy(), made[1]["model"].state_dict()[name].numpy(), rtol=1e-4, atol=1e-6)


SHAPES = {"layer1.weight": (4, 2), "layer1.bias": (4,), "layer2.weight": (1, 4), "layer2.bias": (1,)}
