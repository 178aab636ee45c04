"""A training run for the tests: shuffled batches, dropout, Adam, one cycle, averages; saved on the way, or gone on with.

`python training.py STEPS SAVE LOAD` takes this many steps, beginning from the file LOAD (or ``-``), saves to SAVE (or ``-``), and
prints a digest of everything that training has changed.
"""

import hashlib
import sys

import numpy as np

import autograd_nn as ag
from autograd_nn import data, nn, optim


def main(steps, save, load):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 6)).astype(np.float32), rng.integers(0, 3, 50)
    ag.manual_seed(11 if load == "-" else 12345)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
    optimizer = optim.Adam(model.parameters(), lr=0.01, amsgrad=True)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=40)
    loader = data.DataLoader(data.TensorDataset(x, y), 16, shuffle=True, num_workers=1)
    average = optim.ExponentialMovingAverage(model.parameters(), 0.9)
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader, "average": average}
    if load != "-":
        saved = ag.load(load)
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        ag.set_rng_state(saved["random"])
    taken = 0
    while taken < steps:
        for images, labels in loader:
            loss = ag.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optim.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            average.update()
            taken += 1
            if taken == steps:
                break
    state = {name: part.state_dict() for name, part in parts.items()} | {"random": ag.get_rng_state()}
    if save != "-":
        ag.save(state, save)
    digest = hashlib.sha256()
    for tensor in [*model.state_dict().values(), *average.averages, ag.get_rng_state()]:
        digest.update(tensor.numpy().tobytes())
    print(digest.hexdigest(), loss.item(), optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"])


main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
