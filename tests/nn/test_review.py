"""What a review found by trying to break the library as a user of PyTorch would."""

import numpy as np
import pytest
import torch

from autograd_nn import nn


@pytest.mark.parametrize("nn", [nn, torch.nn], ids=["ours", "theirs"])
def test_a_train_of_ones_own_is_called_wherever_the_module_is(nn):
    """The usual way to keep batch normalisation frozen."""

    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.out = nn.BatchNorm1d(3), nn.Dropout()

        def train(self, mode=True):
            super().train(mode)
            self.norm.eval()
            return self

    model = nn.Sequential(nn.Sequential(Frozen()), nn.Dropout())
    model[1].train = lambda mode=True: model[1]  # or of one object
    model.eval()
    model[1].training = False
    model.train()
    frozen = model[0][0]
    assert [m.training for m in (model, model[0], frozen, frozen.norm, frozen.out)] == [True, True, True, False, True]
    assert not model[1].training
