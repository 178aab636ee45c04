"""SciPy's special functions on Tensors: SciPy's values, derivatives by finite differences, refusals by name."""

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn.engine.protocol import SCIPY

special = pytest.importorskip("scipy.special", reason="these are SciPy's functions: pip install scipy")


@pytest.mark.parametrize("name", sorted(SCIPY))
def test_value_and_derivative(name):
    f = getattr(special, name)
    arrays = [np.random.default_rng(i).uniform(0.1, 0.9, (2, 3)) for i in range(f.nin)]
    out = f(*[ag.tensor(a, requires_grad=True) for a in arrays])
    np.testing.assert_allclose(out.numpy(), f(*arrays), rtol=1e-13)
    ag.gradcheck(f, *arrays)


def test_refusals_name_the_function_and_what_there_is():
    with pytest.raises(
        TypeError, match=r"scipy.special.jv is not differentiable here: of scipy.special there are .*erf"
    ):
        special.jv(1, ag.tensor([1.0]))
    with pytest.raises(TypeError, match=r"np\.asarray of a leaf that requires a gradient"):
        special.logsumexp(ag.tensor([1.0], requires_grad=True))
    with pytest.raises(TypeError, match="drop out="):
        special.erf(ag.tensor([1.0]), out=np.zeros(1))
