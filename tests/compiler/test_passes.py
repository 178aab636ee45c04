"""The passes, each by itself: building, reading, fusing, planning memory, and the two emitters against NumPy."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import run

import autograd_nn as ag
from autograd_nn.compiler import arena, machine
from autograd_nn.compiler.access import access, is_flat, refined, reshaped
from autograd_nn.compiler.arena import Block, assign, in_use
from autograd_nn.compiler.build import Builder, Unreadable
from autograd_nn.compiler.capture import capture
from autograd_nn.compiler.fusion import fuse
from autograd_nn.compiler.library import library
from autograd_nn.compiler.lower import lower
from autograd_nn.compiler.memory import ALIGNMENT, plan
from autograd_nn.compiler.pipeline import collecting_later, compile_program, unplaced
from autograd_nn.compiler.placement import place
from autograd_nn.compiler.profiling import arena_in_use
from autograd_nn.compiler.program import Program
from autograd_nn.compiler.reader import read
from autograd_nn.compiler.recompute import Again
from autograd_nn.compiler.schedule import schedule

F32, F64, I64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)


def program_of(f, *arrays):
    """The program of a function of arrays."""
    inputs = [ag.tensor(a) for a in arrays]
    captured = capture(lambda: f(*inputs), inputs)
    return lower(captured, captured.outputs)[0]


def ops_of(program):
    return [v.op for v in program.values() if not v.is_leaf]


def test_what_is_made_twice_is_one_value():
    b = Builder()
    x = b.input(0, (3, 4), F32)
    assert b.apply("add", x, 1.0) is b.apply("add", x, 1.0)
    assert b.apply("multiply", x, 1.0) is x
    assert b.cast(b.cast(x, F64), F32) is x
    assert b.reshape(b.reshape(x, (12,)), (3, 4)) is x
    assert b.transpose(b.transpose(x, (1, 0)), (1, 0)) is x
    assert b.apply("add", b.constant(2.0, F32), 3.0) is b.constant(5.0, F32)
    assert b.apply("divide", x, 4.0).op == "multiply"
    assert b.apply("divide", x, 3.0).op == "divide"
    assert b.apply("add", x, 0.0).op == "add"  # -0 + 0 is 0


def test_broadcasting_is_put_off():
    b = Builder()
    row = b.broadcast(b.input(0, (4,), F32), (3, 4))
    out = b.apply("exp", row)
    assert (out.op, out.inputs[0].op, out.inputs[0].shape) == ("broadcast", "exp", (4,))


I16, U8, BOOL = np.dtype(np.int16), np.dtype(np.uint8), np.dtype(bool)
PROMOTIONS = [(F32, 2.0), (I64, 2), (I64, 2.5), (F64, F32), (I64, F32), (BOOL, 1), (I16, U8)]


@pytest.mark.parametrize(("left", "right"), PROMOTIONS)
def test_dtypes_are_numpys(left, right):
    b = Builder()
    x, a = b.input(0, (2,), left), np.ones(2, left)
    y, c = (b.input(1, (2,), right), np.ones(2, right)) if isinstance(right, np.dtype) else (right, right)
    for name in ("add", "multiply", "divide", "maximum", "less", "arctan2"):
        assert b.apply(name, x, y).dtype == getattr(np, name)(a, c).dtype


def test_a_body_is_read_or_refused():
    b = Builder()
    x = b.input(0, (3, 4), F32)
    assert read(b, lambda x: np.where(x > 0, x, np.exp(x) - 1.0), [x], {}).op == "where"
    assert read(b, lambda x: np.add.reduce(x * x, axis=1, keepdims=False), [x], {}).shape == (3,)
    refused = [
        lambda x: x if x.shape == (3, 4) and x > 0 else -x,
        lambda x: np.sort(x),
        lambda x: x[0],
        lambda x: np.asarray(x) + 1.0,
        lambda x: np.frexp(x)[0],
        lambda x: np.add.reduce(x, where=x > 0),
        lambda x: 3.0,
    ]
    for body in refused:
        with pytest.raises(Unreadable):
            read(b, body, [x], {})


FUSED = {
    "softmax": (lambda x: ag.softmax(x), (6, 40), 1),
    "log-softmax": (lambda x: ag.log_softmax(x), (6, 40), 1),
    "standardise": (lambda x: (x - x.mean(-1, keepdims=True)) / ag.sqrt(x.var(-1, keepdims=True) + 1e-5), (6, 40), 1),
    "elementwise": (lambda x: ag.tanh(x) * ag.sigmoid(x) + ag.relu(x), (6, 40), 1),
    "sum of columns": (lambda x: ag.exp(x).sum(0), (6, 40), 1),
    "transposed": (lambda x: ag.exp(x).mT + x.mT, (6, 40), 2),
    "softmax over columns": (lambda x: ag.softmax(x, 0), (6, 40), 3),
}


@pytest.mark.parametrize("name", FUSED)
def test_how_many_kernels_it_takes(name):
    f, shape, count = FUSED[name]
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    compiled = compile_program(program_of(f, x))
    compiled.machine.inputs[0][...] = x
    compiled.machine.run()
    np.testing.assert_allclose(compiled.machine.outputs[0], f(ag.tensor(x)).numpy(), rtol=2e-6, atol=1e-6)
    assert len(compiled.machine.entries) <= count


def test_gradients_of_two_slices_are_one_array_written_in_parts():
    x = np.ones((6, 4), np.float32)

    def f(x):
        x = x.detach().requires_grad_()
        return ag.gradients((ag.exp(x[:2]).sum() + ag.tanh(x[2:]).sum()), x)

    program = program_of(f, x)
    place(program)
    assert ops_of(program).count("assemble") == 1
    assert "add" not in [v.op for v in program.values() if v.shape == (6, 4)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 80), st.integers(0, 30), st.integers(0, 30)), max_size=60), st.integers(0, 60))
def test_the_arena_gives_no_byte_twice(lifetimes, by_size):
    """Blocks of any lifetimes, so many of them placed by size and the others as they come."""
    blocks = [Block(ALIGNMENT * n, first, first + lasting) for n, first, lasting in lifetimes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arena, "MOST", by_size)
        size = assign(blocks)
    for k, a in enumerate(blocks):
        assert 0 <= a.start <= a.start + a.size <= size
        for b in blocks[:k]:
            apart = a.start + a.size <= b.start or b.start + b.size <= a.start
            assert apart or a.last < b.first or b.last < a.first
    assert max(in_use(blocks)) <= size <= sum(b.size for b in blocks)


def test_blocks_are_placed_so_that_no_hole_is_left():
    """As they come, the last would find two holes that are too small for it."""
    blocks = [Block(64, 0, 1), Block(64, 0, 3), Block(64, 0, 1), Block(64, 0, 3), Block(128, 2, 3)]
    assert arena._by_time(blocks) == 384 and assign(blocks) == 256
    many = [Block(64 * (1 + k % 7), k, k + k % 13) for k in range(20_000)]
    start = time.perf_counter()
    assert assign(many) < 3 * max(in_use(many))
    assert time.perf_counter() - start < 2.0


def deep(more=lambda gradient: 0.0):
    """The program of a training step of eight layers, and the layers' weights."""
    rng = np.random.default_rng(0)
    weights = [ag.tensor(rng.standard_normal((32, 32)).astype(np.float32), requires_grad=True) for _ in range(8)]
    x = ag.tensor(rng.standard_normal((256, 32)).astype(np.float32))

    def step():
        y = x
        for w in weights:
            y = ag.relu(y @ w)
        loss = (y * y).sum()
        loss.backward()
        for w in weights:
            ag.assign(w, w - 0.1 * w.grad)
        return loss + more(weights[0].grad)

    captured = capture(step, [])
    gradients = [(w.grad.numpy(), captured.record.value_of(w.grad)) for w in weights]
    return lower(captured, captured.outputs, gradients)[0]


def test_gradients_of_weights_are_computed_while_their_operands_are_there():
    program = deep()
    before = place(program)
    after = schedule(program)
    assert set(after) == set(before) and after != before
    seen = set()
    for v in after:
        assert seen.issuperset(v.inputs)
        seen.add(v)
    products = [k for k, v in enumerate(after) if v.op == "matmul"]
    updates = [k for k, v in enumerate(after) if v.op == "subtract"]
    assert max(products) < min(updates)

    def most(values):
        return max(arena_in_use(plan(program, values, clusters := fuse(values), 32), len(clusters)))

    layer = 256 * 32 * 4
    assert most(after) <= 10 * layer < 13 * layer < most(before)


def test_no_product_moves_before_what_may_fail():
    """The states would have to wait for it in memory of their own."""
    program = deep(lambda gradient: ag.sort(gradient)[0, 0])
    place(program)
    values = schedule(program)
    kinds = [v.op for v in values]
    assert kinds.index("opaque") < kinds.index("subtract") and "matmul" in kinds[kinds.index("opaque") :]
    assert len(plan(program, values, fuse(values), 32).copied) == 1  # the one that is read by what may fail


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_reshaped_strides_are_numpys(shape, data):
    array = np.arange(int(np.prod(shape)))
    a = array.reshape(shape).transpose(data.draw(st.permutations(range(len(shape)))))
    new = data.draw(st.permutations([*a.shape, 1]))
    found = reshaped(a.shape, tuple(s // 8 for s in a.strides), tuple(new))
    copied = not np.shares_memory(a.reshape(new), array)
    assert (found is None) == copied
    if found is not None:
        np.testing.assert_array_equal(
            np.lib.stride_tricks.as_strided(array, new, [8 * s for s in found]), a.reshape(new)
        )
        steps = [s for n, s in zip(new, found, strict=True) if n > 1]
        finer = refined(tuple(new), found, new)
        assert [s for n, s in zip(new, finer, strict=True) if n > 1] == steps


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1, 2, 3, 5, 16, 17, 33, 64, 70]), st.sampled_from([1, 2, 7, 16, 48, 100, 161, 330]),
    st.sampled_from([1, 2, 10, 15, 16, 32, 65, 129]), st.booleans(), st.booleans(), st.sampled_from([np.float32, np.float64]),
    st.sampled_from([(), (2,), (2, 3)]), st.booleans(),
)  # fmt: skip
def test_products_of_any_shape_and_layout(n, k, m, turned_a, turned_b, dtype, lead, shared):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((*lead, *((k, n) if turned_a else (n, k)))).astype(dtype)
    b = rng.standard_normal((*(() if shared else lead), *((m, k) if turned_b else (k, m)))).astype(dtype)
    f = lambda a, b: ag.matmul(a.mT if turned_a else a, b.mT if turned_b else b) + 0.0
    machine = compile_program(program_of(f, a, b)).machine
    machine.inputs[0][...], machine.inputs[1][...] = a, b
    machine.forget()
    machine.inputs[0][...], machine.inputs[1][...] = a, b
    machine.run()
    expected = np.matmul(np.swapaxes(a, -1, -2) if turned_a else a, np.swapaxes(b, -1, -2) if turned_b else b)
    np.testing.assert_allclose(machine.outputs[0], expected, rtol=0, atol=30 * np.finfo(dtype).eps * np.sqrt(k) * 4)


@pytest.mark.parametrize("width", [16, 32, 64])
def test_narrower_vectors(monkeypatch, width):
    library.start()
    if width > library.vector_bytes:
        pytest.skip(f"this processor has vectors of {library.vector_bytes} bytes")
    monkeypatch.setattr(library, "vector_bytes", width)
    for seed in range(500, 520):
        run(seed)


@pytest.mark.parametrize("threads", [2, 3])
def test_kernels_in_parts(monkeypatch, threads):
    """Every kernel cut into as many parts as it can be; a run gives the same bits again."""
    monkeypatch.setattr(machine, "WORTH_SHARING", 0)
    before = ag.get_num_threads()
    ag.set_num_threads(threads)
    try:
        shared = 0
        for seed in range(600, 640):
            found = run(seed)
            shared += sum(s.machine.threads == threads for known in found.signatures.values() for s in known)
        assert shared > 20
        f = ag.compile(
            lambda x: ((x.T @ x).sum(0), ag.softmax(x).sum(0), ag.exp(x).mean(), ag.max(x, 0)), verify="never"
        )
        x = np.random.default_rng(0).standard_normal((700, 90)).astype(np.float32)
        f(x)
        first, again = f(x), f(x)
        for a, b, e in zip(first, again, f.step(ag.tensor(x)), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
            np.testing.assert_allclose(a.numpy(), e.numpy(), rtol=1e-4, atol=1e-4)
    finally:
        ag.set_num_threads(before)


def test_planning_is_near_linear():
    """Four times the operations take less than seven times as long; values are large enough to be computed again."""

    def planned(n):
        b = Builder()
        x = b.input(0, (128, 16), F32)
        w = b.memory(np.eye(16, dtype=np.float32))
        h, slopes, program = x, [], Program()
        for k in range(n // 7):
            a = b.matmul(h, w) if k % 4 == 0 else h
            h = b.apply("multiply", b.apply("tanh", b.apply("add", a, x)), 0.5)
            slopes.append(b.apply("subtract", 1.0, b.apply("multiply", h, h)))
        for slope in reversed(slopes):
            h = b.apply("add", b.apply("multiply", h, slope), x)
        program.inputs, program.outputs = [x], [h]
        with collecting_later():
            start = time.thread_time()
            values = place(program)
            clusters = fuse(values)
            assert Again(program, clusters).changed
            values = unplaced(program)
            plan(program, values, fuse(values), 64)
            return time.thread_time() - start

    planned(400)
    small, large = min(planned(2500) for _ in range(3)), min(planned(10_000) for _ in range(3))
    assert large < 7 * small
    assert large < 3  # half a second on a quiet machine


def test_access_of_views():
    b = Builder()
    x = b.input(0, (4, 6), F32)
    root, offset, strides = access(b.slice(b.transpose(x, (1, 0)), (slice(1, None, 2), -1)))
    assert (root, offset, strides) == (x, 3 * 6 + 1, (2,))
    assert is_flat((4, 6), x.layout)


@pytest.mark.parametrize("axis", [None, 1])
def test_long_sums_keep_their_digits(axis):
    x = np.tile(np.float32([1.3, 0.0753]), 2_000_000).reshape(1, -1)  # one running sum of these loses four digits
    total = ag.compile(lambda x: ((x * 1.0).sum(axis), x.max(axis), (x * 2.0).mean(axis)))
    for _ in range(3):
        found = [float(np.squeeze(t.numpy())) for t in total(x)]
    exact = x.astype(np.float64)
    np.testing.assert_allclose(found, [exact.sum(), exact.max(), 2 * exact.mean()], rtol=3e-6)


@pytest.mark.parametrize("name", ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"])
@pytest.mark.parametrize("signed", [np.int8, np.int64])
def test_comparisons_of_signed_and_unsigned_numbers_are_exact(name, signed):
    x, y = np.array([-1, 5, 127, 0], signed), np.array([2**64 - 1, 5, 2**63, 2**63 - 1], np.uint64)
    step = ag.compile(getattr(ag, name), verify="never")
    for _ in range(2):
        np.testing.assert_array_equal(step(x, y).numpy(), getattr(np, name)(x, y))
