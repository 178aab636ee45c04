"""`ag.compile` as users meet it: states in both directions, guards, refusals, faults."""

import gc
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn
from autograd_nn.compiler import primitives, verify


def signatures(step):
    return [s for found in step.signatures.values() for s in found]


class Training:
    """A small classifier with Adam, and batches."""

    def __init__(self, optimizer=ag.optim.Adam, dropout=0.0, **settings):
        ag.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 3))
        self.optimizer = optimizer(self.model.parameters(), **({"lr": 0.01} | settings))

    def step(self, x, labels):
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(x), labels)
        loss.backward()
        self.optimizer.step()
        return loss

    def states(self):
        moments = [t for entries in self.optimizer.state.values() for t in entries.values()]
        return [*self.model.parameters(), *moments]


def batches(n, size=8):
    rng = np.random.default_rng(1)
    return [(rng.standard_normal((size, 5)).astype(np.float32), rng.integers(0, 3, size)) for _ in range(n)]


def same(a, b, rtol=1e-5):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=rtol)


OPTIMIZERS = [
    (ag.optim.SGD, {}),
    (ag.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (ag.optim.Adam, {"weight_decay": 0.01}),
    (ag.optim.Adam, {"amsgrad": True}),
    (ag.optim.AdamW, {}),
    (ag.optim.Adamax, {}),
    (ag.optim.NAdam, {}),
    (ag.optim.RAdam, {}),
    (ag.optim.Adagrad, {}),
    (ag.optim.Adadelta, {}),
    (ag.optim.RMSprop, {"momentum": 0.9, "centered": True}),
]


@pytest.mark.parametrize(("optimizer", "settings"), OPTIMIZERS)
def test_a_training_step_is_the_eager_one(optimizer, settings):
    eager, compiled = Training(optimizer, **settings), Training(optimizer, **settings)
    step = ag.compile(compiled.step)
    for x, labels in batches(8):
        same(eager.step(ag.tensor(x), ag.tensor(labels)).item(), step(x, labels).item())
    for s, t in zip(eager.states(), compiled.states(), strict=True):
        same(s.numpy(), t.numpy())
    for p, q in zip(eager.model.parameters(), compiled.model.parameters(), strict=True):
        same(p.grad.numpy(), q.grad.numpy())
    assert len(signatures(step)) == 1


def test_states_are_seen_in_both_directions():
    """What eager code writes, the compiled step reads, and the other way round; the learning rate is one such."""
    eager, compiled = Training(), Training()
    step = ag.compile(compiled.step)
    for k, (x, labels) in enumerate(batches(9)):
        for t in (eager, compiled):
            t.optimizer.param_groups[0]["lr"] = 0.01 / (k + 1)
            if k == 4:
                t.model.load_state_dict({n: p * 0.5 for n, p in t.model.state_dict().items()})
            if k == 6:
                with ag.no_grad():
                    t.model[0].weight *= 2.0
        eager.step(ag.tensor(x), ag.tensor(labels))
        if k % 3 == 2:  # an eager step between
            compiled.step(ag.tensor(x), ag.tensor(labels))
        else:
            step(x, labels)
    for s, t in zip(eager.states(), compiled.states(), strict=True):
        same(s.numpy(), t.numpy(), 1e-4)
    assert len(signatures(step)) == 1


def test_a_write_is_known_to_graphs_that_kept_the_old_value():
    t = Training()
    step = ag.compile(t.step)
    x, labels = batches(1)[0]
    step(x, labels)
    out = t.model(ag.tensor(x)).sum()
    step(x, labels)
    with pytest.raises(RuntimeError, match="changed since"):
        out.backward()


def test_gradients_accumulate_where_nobody_clears_them():
    w = ag.tensor([1.0, 2.0], requires_grad=True)

    @ag.compile
    def step(x):
        loss = (w * x).sum()
        loss.backward()
        return loss

    x = np.array([3.0, 5.0], np.float32)
    for k in range(1, 5):
        step(x)
        same(w.grad.numpy(), k * x)
    w.grad = None
    step(x)
    same(w.grad.numpy(), x)
    w.grad = ag.tensor([10.0, 10.0])
    step(x)
    same(w.grad.numpy(), 10.0 + x)
    step(x)
    same(w.grad.numpy(), 10.0 + 2 * x)


def test_a_gradient_that_the_step_sets():
    """Clipping: w.grad = w.grad * scale."""
    w = ag.tensor([3.0, 4.0], requires_grad=True)

    @ag.compile
    def step(x):
        w.grad = None
        (w * x).sum().backward()
        norm = ag.sqrt((w.grad * w.grad).sum())
        w.grad = w.grad / ag.maximum(norm, 1.0)
        ag.assign(w, w - w.grad)

    step(np.float32([3.0, 4.0]))
    same(w.grad.numpy(), [0.6, 0.8])
    step(np.float32([0.0, 10.0]))
    same(w.grad.numpy(), [0.0, 1.0])
    same(w.numpy(), [2.4, 2.2])


def test_inference_and_training_are_two_variants():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 4)).astype(np.float32)
    run = ag.compile(lambda x: model(x))
    for mode in (None, True, False, True, False):  # it trains until told otherwise
        if mode is not None:
            model.train(mode)
        other = {n: t.copy() for n, t in model.state_dict().items()}
        found = run(x)
        after = {n: t.numpy().copy() for n, t in model.state_dict().items()}
        model.load_state_dict(other)
        same(model(ag.tensor(x)).numpy(), found.numpy())
        for name, t in model.state_dict().items():
            same(t.numpy(), after[name])
    assert len(signatures(run)) <= 3


def test_arguments_of_other_shapes_dtypes_structures_and_numbers():
    @ag.compile
    def f(pair, scale=1.0, *, flip=False):
        a, b = pair["a"], pair["b"]
        out = (a - b if flip else a + b) * scale
        return {"out": out, "all": (out.sum(), "text", 3)}

    a, b = np.arange(6.0, dtype=np.float32).reshape(2, 3), np.ones(3, np.float32)
    for scale in (1.0, 2.0, 1.0):
        for flip in (False, True):
            for dtype in (np.float32, np.float64):
                x, y = a.astype(dtype), b.astype(dtype)
                found = f({"a": x, "b": y}, scale, flip=flip)
                expected = (x - y if flip else x + y) * scale
                same(found["out"].numpy(), expected)
                assert found["out"].dtype == dtype
                same(found["all"][0].numpy(), expected.sum())
                assert found["all"][1:] == ("text", 3)
    assert len(signatures(f)) == 8
    assert f({"a": a[:, ::-1], "b": b[::-1]})["out"].tolist() == (a[:, ::-1] + b[::-1]).tolist()  # any strides


SCALE = 2.0


def test_numbers_in_the_closure_and_in_globals_are_guarded():
    global SCALE
    power = 2

    @ag.compile
    def f(x):
        return x**power * SCALE

    x = np.float32([1.0, 3.0])
    same(f(x).numpy(), 2.0 * x**2)
    power = 3
    same(f(x).numpy(), 2.0 * x**3)
    SCALE = 5.0
    try:
        same(f(x).numpy(), 5.0 * x**3)
    finally:
        SCALE = 2.0


def test_a_tensor_that_is_replaced_is_noticed():
    class Holder:
        weight = None

    holder = Holder()
    holder.weight = ag.tensor([1.0, 2.0])
    f = ag.compile(lambda x: x * holder.weight)
    x = np.float32([1.0, 1.0])
    same(f(x).numpy(), [1.0, 2.0])
    holder.weight = ag.tensor([5.0, 7.0])
    same(f(x).numpy(), [5.0, 7.0])
    ag.assign(holder.weight, [0.0, 1.0])
    same(f(x).numpy(), [0.0, 1.0])
    assert len(signatures(f)) == 2


def test_something_that_changes_every_time_is_named():
    class Counter:
        n = 0

    counter = Counter()

    @ag.compile
    def f(x):
        counter.n += 1
        return x * counter.n

    with pytest.raises(ag.CompileError, match=r"counter\.n"):
        for _ in range(200):
            f(np.ones(2, np.float32))


def _float(w, x):
    return w * float(x.sum())


def _branch(w, x):
    return w if x.sum() > 0 else -w


def _item(w, x):
    return w * x.sum().item()


def _numpy(w, x):
    return w * np.asarray(x.detach())


def _leaf_of_a_value(w, x):
    return w * ag.tensor(x.detach())


@pytest.mark.parametrize("looks", [_float, _branch, _item, _numpy, _leaf_of_a_value])
def test_a_step_that_looks_at_values_is_refused(looks):
    w = ag.tensor([1.0, 2.0], requires_grad=True)

    @ag.compile
    def step(x):
        looks(w, x).sum().backward()
        ag.assign(w, w - w.grad)

    with pytest.raises(ag.CompileError, match=rf"test_compile\.py:{looks.__code__.co_firstlineno + 1}"):
        step(np.float32([1.0, 2.0]))
    assert w.tolist() == [1.0, 2.0]
    assert w.grad is None


def test_a_gradient_left_on_an_argument_is_refused():
    f = ag.compile(lambda x: (x * x).sum().backward())
    with pytest.raises(ag.CompileError, match="gradient on one of its arguments"):
        f(ag.tensor([1.0], requires_grad=True))

    def grad(x):
        return ag.gradients((x * x).sum(), x)

    same(ag.compile(grad)(ag.tensor([1.0, 3.0], requires_grad=True)).numpy(), [2.0, 6.0])


def test_an_error_inside_the_step_leaves_everything_as_it_was():
    t = Training()
    x, labels = batches(1)[0]
    failing = []

    def step(x, labels):
        loss = t.step(x, labels)
        if failing:
            raise ValueError("from inside")
        return loss

    failing.append(1)
    before = [p.numpy().copy() for p in t.model.parameters()]
    with pytest.raises(ValueError, match="from inside"):
        ag.compile(step)(x, labels)
    for p, b in zip(t.model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.numpy(), b)
        assert p.grad is None


def test_a_label_out_of_range_raises_before_anything_is_written():
    t = Training()
    step = ag.compile(t.step)
    x, labels = batches(1)[0]
    for _ in range(3):
        step(x, labels)
    before = [s.numpy().copy() for s in t.states()]
    with pytest.raises(ValueError, match="but there are 3 classes"):
        step(x, labels + 3)
    for s, b in zip(t.states(), before, strict=True):
        np.testing.assert_array_equal(s.numpy(), b)


def test_a_shape_that_changes_in_training():
    eager, compiled = Training(), Training()
    step = ag.compile(compiled.step)
    for size in (8, 8, 5, 8, 5):
        x, labels = batches(1, size)[0]
        same(eager.step(ag.tensor(x), ag.tensor(labels)).item(), step(x, labels).item())
    assert len(signatures(step)) == 2


def test_random_numbers_are_the_eager_ones():
    ag.manual_seed(3)
    f = ag.compile(lambda x: x * (ag.rand(x.shape) < 0.5) + ag.randn(x.shape))
    x = np.ones(100, np.float32)
    found = [f(x).numpy() for _ in range(3)]
    ag.manual_seed(3)
    for out in found:
        np.testing.assert_array_equal(out, (ag.tensor(x) * (ag.rand(x.shape) < 0.5) + ag.randn(x.shape)).numpy())
    ag.manual_seed(3)
    np.testing.assert_array_equal(f(x).numpy(), found[0])


def test_memory_that_the_step_makes_and_memory_that_it_keeps():
    kept = {}

    @ag.compile
    def f(x):
        total = ag.zeros(2)  # each time anew
        if "state" not in kept:
            kept["state"] = ag.zeros(2)  # once
        with ag.no_grad():
            for _ in range(2):
                total += x
            kept["state"] += total
        return total

    x = np.float32([1.0, 2.0])
    for k in range(1, 5):
        same(f(x).numpy(), 2 * x)
        same(kept["state"].numpy(), 2 * k * x)


def test_a_view_of_a_state_sees_and_makes_writes():
    w = ag.tensor(np.arange(6.0, dtype=np.float32).reshape(2, 3))

    @ag.compile
    def f(x):
        before = w.mT
        row = w[0]
        ag.assign(w, w + x)
        row += 100.0
        w[1, 2] = 7.0
        return before * 1.0, row + 0.0

    expected = np.arange(6.0).reshape(2, 3)
    for _ in range(3):
        transposed, row = f(np.float32(1.0))
        expected = expected + 1.0
        expected[0] += 100.0
        expected[1, 2] = 7.0
        same(w.numpy(), expected)
        same(transposed.numpy(), expected.T)
        same(row.numpy(), expected[0])


@pytest.mark.parametrize("verify", ["first", "always"])
def test_a_wrong_kernel_is_found_and_named(monkeypatch, verify):
    """The comparison catches a planted error: cos in place of sin."""
    w = ag.tensor([1.0, 2.0], requires_grad=True)

    @ag.compile(verify=verify)
    def step(x):
        loss = ag.exp(ag.sin(w * x)).sum()
        loss.backward()
        ag.assign(w, w - 0.1 * w.grad)
        w.grad = None
        return loss

    monkeypatch.setitem(primitives.ELEMENTWISE, "sin", primitives.ELEMENTWISE["cos"])
    with pytest.raises(ag.CompileError, match=r"first at sin.*test_compile"):
        step(np.float32([0.5, 0.25]))
    assert w.tolist() == [1.0, 2.0]
    assert w.grad is None


def test_nan_and_infinities_pass_as_they_do_in_numpy():
    x = np.float32([np.nan, np.inf, -np.inf, 0.0, -0.0, 88.8, -104.0, 1e-40, 3e38])
    for f in (
        np.exp,
        np.log,
        np.tanh,
        np.sqrt,
        np.abs,
        lambda a: np.maximum(a, 1.0),
        lambda a: a / 0.0,
        np.sum,
        np.max,
    ):
        with np.errstate(all="ignore"):
            expected = f(x)
            found = ag.compile(f)(x).numpy()
            again = ag.compile(f, verify="never")
            again(x)
            found = again(x).numpy()
        np.testing.assert_allclose(found, expected, rtol=3e-6)


def test_compiled_inside_a_record_or_a_check_runs_as_it_is():
    f = ag.compile(lambda x: ag.sin(x) * 2.0)
    x = ag.tensor([0.5, 1.0])
    f(x)
    with ag.record(x) as r:
        f(x)
    assert [e.name for e in r.entries] == ["sin", "multiply"]


def test_explain_says_what_was_made():
    t = Training()
    step = ag.compile(t.step)
    step(*batches(1)[0])
    text = step.explain()
    for part in ("kernel calls", "arena", "computed in place", "matmul", "maximum_over", "guards", "training = True"):
        assert part in text
    f = ag.compile(lambda x: ag.sort(x))
    f(np.float32([2.0, 1.0]))
    assert "opaque, called as they are" in f.explain()


def test_many_steps_leave_memory_flat():
    t = Training()
    step = ag.compile(t.step)
    x, labels = batches(1)[0]
    for _ in range(10):
        step(x, labels)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(10_000):
        step(x, labels)
    gc.collect()
    assert sys.getallocatedblocks() - before < 100


def test_explaining_leaves_the_states_as_they_were():
    t = Training()
    step = ag.compile(t.step)
    for x, labels in batches(3):
        step(x, labels)
    before = [s.numpy().copy() for s in t.states()]
    explanation = step.explain()
    for s, expected in zip(t.states(), before, strict=True):
        np.testing.assert_array_equal(s.numpy(), expected)
    assert all(v > 0 for v in explanation.times[0].values())
    picture = explanation.plot()
    assert [a.get_title(loc="left")[:9] for a in picture.axes] == ["The arena", "Microseco"]
    assert picture._repr_png_()[:4] == b"\x89PNG"


def test_arguments_of_compile_are_checked():
    with pytest.raises(TypeError, match="takes a function"):
        ag.compile(3)
    with pytest.raises(ValueError, match="verify"):
        ag.compile(lambda x: x, verify="sometimes")


@pytest.mark.parametrize("verify", ["first", "never"])
def test_a_resumed_run_continues_bit_for_bit(tmp_path, verify):
    def continued(t, step, n):
        return [step(x, labels).item() for x, labels in batches(n)], [s.numpy().copy() for s in t.states()]

    whole = Training(dropout=0.3)
    step = ag.compile(whole.step, verify=verify)
    continued(whole, step, 5)
    ag.save({"model": whole.model.state_dict(), "optimizer": whole.optimizer.state_dict()}, tmp_path / "half")
    random = ag.get_rng_state()
    expected = continued(whole, step, 7)
    resumed = Training(dropout=0.3)
    saved = ag.load(tmp_path / "half")
    resumed.model.load_state_dict(saved["model"])
    resumed.optimizer.load_state_dict(saved["optimizer"])
    ag.set_rng_state(random)
    found = continued(resumed, ag.compile(resumed.step, verify=verify), 7)
    assert found[0] == expected[0]
    for a, b in zip(found[1], expected[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_steps_in_several_python_threads_share_the_pool():
    """Chains long enough to be cut into parts: whoever finds the pool taken runs his parts alone, with the same bits."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((256, 300)).astype(np.float32)

    def made(k):
        w = ag.tensor(rng.standard_normal((300, 300)).astype(np.float32) / 20)
        return ag.compile(lambda x: ag.softmax(ag.tanh(x @ w) @ w.mT).sum(0) * k, verify="never")

    before = ag.get_num_threads()
    ag.set_num_threads(2)
    try:
        steps = [made(k) for k in range(4)]
        expected = [step(x).numpy() for step in steps]
        assert all(s.machine.threads == 2 for step in steps for s in signatures(step))
        with ThreadPoolExecutor(4) as pool:
            for _ in range(20):
                for found, e in zip(pool.map(lambda step: step(x).numpy(), steps), expected, strict=True):
                    np.testing.assert_array_equal(found, e)
        ag.set_num_threads(1)  # cut anew, for one thread
        np.testing.assert_allclose(steps[0](x).numpy(), expected[0], rtol=1e-4, atol=1e-5)
        assert [s.machine.threads for s in signatures(steps[0])] == [2, 1]
    finally:
        ag.set_num_threads(before)


@pytest.mark.parametrize("bits", [1, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_replay_moves_every_number_and_nothing_else(dtype, bits):
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal((3, verify.BLOCK)).astype(dtype)
    moved = verify.Moving(0, bits)
    found = moved(numbers.T)
    eps = np.finfo(dtype).eps
    change = (found / numbers.T - 1) / (bits * eps)
    assert np.all((np.abs(change) > 0.4) & (np.abs(change) < 1.6)) and abs(np.sign(change).mean()) < 0.02
    assert not np.array_equal(found[: verify.BLOCK // 3], moved(numbers.T)[: verify.BLOCK // 3])
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    np.testing.assert_array_equal(moved(special).view(f"i{special.itemsize}"), special.view(f"i{special.itemsize}"))
    whole = np.arange(5)
    assert moved(whole) is whole and moved(dtype(2.0)) in (dtype(2.0 - 2 * bits * eps), dtype(2.0 + 2 * bits * eps))


@pytest.mark.parametrize(
    ("x", "y", "slack", "same"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0, True),
        ([1.0, 2.0], [1.0, 2.0001], 0.0, True),
        ([1.0, 2.0], [1.0, 2.001], 0.0, False),
        ([1.0, 2.0], [1.0, 2.001], 0.002, True),
        ([1e-6, 2.0], [2e-6, 2.0], 0.0, True),  # against the largest element
        ([np.nan, 2.0], [np.nan, 2.0], 0.0, True),
        ([np.nan, 2.0], [2.0, np.nan], 1.0, False),
        ([np.inf, 2.0], [-np.inf, 2.0], 1.0, False),
        ([np.inf, 2.0], [3e38, 2.0], 1.0, False),
        ([-np.inf, 2.0], [-np.inf, 2.1], 0.0, False),
        ([np.nan, np.nan], [np.nan, np.nan], 0.0, True),
        ([3e38, 1.0], [-3e38, 1.0], 0.0, False),
        ([], [], 0.0, True),
    ],
)
def test_what_agrees_but_for_rounding(x, y, slack, same):
    far = [[0.0] * (verify.BLOCK + 3), []]  # the difference stands in the first or the second block
    for before, after in (far, far[::-1], ([], [])):
        a, b = (np.array([*before, *row, *after], np.float32) for row in (x, y))
        assert verify.agrees(a, b, slack) is same
    assert not verify.agrees(np.zeros(2, np.float32), np.zeros(2)) and not verify.agrees(np.zeros(2), np.zeros(3))


def test_replays_stop_where_rounding_is_explained(monkeypatch):
    """Each replay is one more run of the step: the next is made only where those before leave a difference unexplained."""
    made = []
    replayed = verify.replayed
    monkeypatch.setattr(verify, "replayed", lambda *given: made.append(1) or replayed(*given))
    x = ag.tensor(np.linspace(0.1, 1, 50, dtype=np.float32), requires_grad=True)
    with ag.record() as record:
        y = ag.exp(x) * 3.0
    value = record.value_of(y)
    right, near, wrong = y.numpy(), y.numpy() * np.float32(1 + 1e-6), y.numpy() * np.float32(1.01)
    assert verify._explained(record, [(right, near, value)]) and len(made) == 1
    assert not verify._explained(record, [(right, wrong, value)]) and len(made) == 1 + len(verify.REPLAYS)
    slacks = [found[value] for found in verify._rounding(record, {value: right})]
    assert slacks[0] > 0 and slacks == sorted(slacks)
