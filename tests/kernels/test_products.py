"""Large matrix products on our threads are NumPy's, wherever the arrays lie; OpenBLAS has its threads back afterwards."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_nn as ag
from autograd_nn.kernels import blas, products
from autograd_nn.ops import products as ops

sizes = st.integers(1, 40)


@st.composite
def operands(draw):
    """Two stacks of matrices that may broadcast, transposed, sliced, reversed or permuted as views."""
    batch = draw(st.lists(st.integers(1, 3), max_size=3))
    m, k, n = draw(sizes), draw(sizes), draw(sizes)
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))

    def laid_out(rows, columns):
        own = [1 if draw(st.booleans()) and draw(st.booleans()) else b for b in batch]
        own = own[draw(st.integers(0, len(own))) if draw(st.booleans()) else 0 :]
        way = draw(st.sampled_from(["plain", "transposed", "wide", "strided", "reversed", "heads"]))
        if way == "transposed":
            return rng.standard_normal((*own, columns, rows)).astype(dtype).swapaxes(-1, -2)
        if way == "wide":
            return rng.standard_normal((*own, rows, columns + 5)).astype(dtype)[..., 2 : 2 + columns]
        if way == "strided":
            return rng.standard_normal((*own, 2 * rows, 2 * columns)).astype(dtype)[..., ::2, ::2]
        if way == "reversed":
            return rng.standard_normal((*own, rows, columns)).astype(dtype)[..., ::-1, :]
        if way == "heads" and own:
            a = rng.standard_normal((*own[:-1], rows, own[-1], columns)).astype(dtype)
            return a.swapaxes(-2, -3)
        return rng.standard_normal((*own, rows, columns)).astype(dtype)

    return laid_out(m, k), laid_out(k, n)


@settings(max_examples=150, deadline=None)
@given(operands(), st.sampled_from([1, 2, 3]))
def test_products_are_those_of_numpy(pair, threads):
    x, y = pair
    before = ag.get_num_threads()
    ag.set_num_threads(threads)
    try:
        found = products.matmul(x, y)
        expected = np.matmul(x.astype(np.float64), y.astype(np.float64))
        room = np.full((*expected.shape[:-1], expected.shape[-1] + 4), 7.0, x.dtype)
        products.matmul(x, y, room[..., 2:-2])
    finally:
        ag.set_num_threads(before)
    assert found.dtype == x.dtype
    tolerance = (1e-5 if x.dtype == np.float32 else 1e-13) * max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(room[..., 2:-2], expected, rtol=0, atol=tolerance)
    assert (room[..., :2] == 7).all()
    assert (room[..., -2:] == 7).all()


@pytest.mark.parametrize(
    "dtypes", [(np.float32, np.float64), (np.int64,) * 2, (np.complex64, np.float32), (np.float16,) * 2]
)
def test_other_types_are_numpys(dtypes):
    x, y = ((np.arange(100 * 100).reshape(100, 100) % 5).astype(d) for d in dtypes)
    found = ops.multiply_matrices(x, y)
    np.testing.assert_array_equal(found, x @ y)
    assert found.dtype == (x @ y).dtype


def test_infinities_and_nan_go_through():
    x = np.ones((200, 200), np.float32)
    x[3, 5], x[7, 9] = np.inf, np.nan
    np.testing.assert_array_equal(products.matmul(x, x), x @ x)


def test_shapes_that_do_not_fit_are_numpys_error():
    with pytest.raises(ValueError, match="mismatch"):
        ops.multiply_matrices(np.ones((100, 100)), np.ones((90, 100)))
    with pytest.raises(ValueError, match=r"matmul.*inner axes differ"):
        ag.matmul(ag.ones((100, 100)), ag.ones((90, 100)))


@pytest.mark.skipif(blas.blas() is None, reason="NumPy's BLAS is not the OpenBLAS of its wheels")
def test_openblas_has_its_threads_back():
    library = blas.blas()
    before = library.get_threads()
    x = np.random.default_rng(0).standard_normal((300, 300))
    expected, wrong = x @ x, []

    def work():
        for _ in range(30):
            wrong.append(np.abs(products.matmul(x, x) - expected).max() > 1e-10)

    library.set_threads(2)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        with pytest.raises(ZeroDivisionError), blas.OneBlasThread():
            assert library.get_threads() == 1
            raise ZeroDivisionError
        assert library.get_threads() == 2
    finally:
        library.set_threads(before)
    assert not any(wrong)


@pytest.mark.skipif(blas.blas() is None, reason="NumPy's BLAS is not the OpenBLAS of its wheels")
def test_openblas_has_one_thread_until_the_last_of_several_is_done():
    library = blas.blas()
    before = library.get_threads()
    library.set_threads(2)
    try:
        first, second = blas.OneBlasThread(), blas.OneBlasThread()
        first.__enter__()
        second.__enter__()
        first.__exit__()
        assert library.get_threads() == 1
        second.__exit__()
        assert library.get_threads() == 2
    finally:
        library.set_threads(before)
