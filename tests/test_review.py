"""What an adversarial reading of the engine found: each was once a wrong gradient, a lost one, or a write nobody saw."""

import copy
import gc

import numpy as np
import pytest

import autograd_nn as ag


def leaf(values):
    return ag.tensor(np.asarray(values, np.float64), requires_grad=True)


@pytest.mark.parametrize("change", ["argument", "captured", "array", "in place"])
def test_checkpoint_notices_changed_inputs(change):
    x, w, a = leaf([0.0]), leaf([0.0]), np.zeros(1)
    h = w * 1.0
    f = {
        "argument": lambda: ag.checkpoint(ag.exp, x),
        "captured": lambda: ag.checkpoint(lambda: ag.exp(x)),
        "array": lambda: ag.checkpoint(lambda x: ag.exp(x + a), x),
        "in place": lambda: ag.checkpoint(lambda: ag.exp(h)),
    }[change]
    y = f().sum()
    ag.assign(x, [5.0])
    a += 5.0
    h += 5.0
    if change == "array":
        ag.assign(x, [0.0])
    with pytest.raises(RuntimeError, match="gave other values when it was recomputed"):
        y.backward()


def test_checkpoint_restores_the_default_dtype_and_notices_other_generators():
    x = leaf([1.0])
    with ag.default_dtype("float64"):
        y = ag.checkpoint(lambda x: ag.exp(x * ag.tensor(0.1)), x).sum()
    y.backward()
    assert x.grad.item() == 0.1 * np.exp(0.1)
    g = ag.random.Generator(3)
    y = ag.checkpoint(lambda x: ag.exp(x * ag.rand(1, dtype="float64", generator=g)), x).sum()
    with pytest.raises(RuntimeError, match="gave other values"):
        y.backward()


NAMES = [
    "data",
    "t",
    "n",
    "dtype",
    "mode",
    "op",
    "forward",
    "Tensor",
    "sequence",
    "x_node",
    "node_x",
    "parents",
    "saved",
    "node",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_may_be_an_input_or_a_parameter(name):
    scope = {"ag": ag}
    exec(
        f"@ag.op\ndef f({name}, other, /, isinstance=2.0):\n    return {name} * other * isinstance\n"
        f"f.vjp({name}=lambda g, other, isinstance: g * other * isinstance,"
        f"      other=lambda g, {name}, isinstance: g * {name} * isinstance)",
        scope,
    )
    x, y = leaf([3.0, 4.0]), leaf([5.0, 6.0])
    scope["f"](x, y).sum().backward()
    assert x.grad.tolist() == [10.0, 12.0]
    assert y.grad.tolist() == [6.0, 8.0]


def test_builtins_as_names_of_lists_and_parameters():
    @ag.op
    def joined(*tuple, any, len, type):
        return np.concatenate(tuple) * any * len * type

    joined.vjp(tuple=lambda g, tuple_shapes, any, len, type: [g[i : i + 1] * any * len * type for i in range(2)])
    x, y = leaf([1.0]), leaf([2.0])
    joined(x, y, any=2.0, len=3.0, type=4.0).sum().backward()
    assert (x.grad.item(), y.grad.item()) == (24.0, 24.0)


def test_gradients_alias_nothing():
    @ag.op(outputs=("a", "b"))
    def pair(x, /):
        return x * 1.0, x * 2.0

    pair.vjp(x=lambda g: g[0] if g[1] is None else g[0] + 2 * g[1])
    x, u = leaf([1.0, 1.0]), np.ones(2)
    pair(x).a.backward(u)
    assert not np.shares_memory(x.grad.numpy(), u)

    buffer, zeros = np.zeros(2), np.zeros(2)

    @ag.op
    def tripled(x, /):
        return x * 3.0

    tripled.vjp(x=lambda g: np.multiply(g, 3.0, out=buffer))
    x, y = leaf([1.0, 1.0]), leaf([1.0, 1.0])
    tripled(x).sum().backward()
    (tripled(y) * 2.0).sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([3.0, 3.0], [6.0, 6.0])

    @ag.op
    def flat(x, /):
        return x * 0.0

    flat.vjp(x=lambda g: zeros)
    x = leaf([1.0, 1.0])
    flat(x).sum().backward()
    (x * 5.0).sum().backward()
    assert zeros.tolist() == [0.0, 0.0]

    @ag.op(kind="fused")
    def summed(x, y, /):
        return x + y

    def joint(g, wanted):
        d = g * 1.0
        return d.reshape(-1), d

    summed.joint_vjp(joint)
    a, b = leaf([[1.0, 1.0]]), leaf([[1.0, 1.0]])
    flat_a = a.reshape(2)
    (ag.reshape(summed(flat_a, b.reshape(2)), 2).sum() + (b * 10.0).sum()).backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([[1.0, 1.0]], [[11.0, 11.0]])


def test_hooks_cannot_change_what_others_get():
    a, b, u = leaf([1.0, 1.0]), leaf([1.0, 1.0]), np.ones(2)
    a.register_hook(lambda g: g.__imul__(2.0))
    (a + b).backward(u)
    assert (a.grad.tolist(), b.grad.tolist(), u.tolist()) == ([2.0, 2.0], [1.0, 1.0], [1.0, 1.0])
    kept = []
    x = leaf([1.0])
    x.register_hook(kept.append)
    (x * 1.0).sum().backward()
    with pytest.raises(ValueError, match="read-only"):
        ag.assign(kept[0], 99.0)
    with ag.record():
        (x * 1.0).sum().backward()
    assert x.grad.tolist() == [2.0]


def test_results_of_hooks_are_cast_and_checked():
    w = ag.tensor([1.0], requires_grad=True)
    w.register_hook(lambda g: np.array([2.5]))
    (w * 1.0).sum().backward()
    assert w.grad.dtype == np.float32
    with ag.record():
        (w * 1.0).sum().backward()
    assert w.grad.tolist() == [5.0]
    v = ag.tensor(1.0, requires_grad=True)
    v.register_hook(lambda g: 3.0)
    (v * 1.0).backward()
    assert v.grad.item() == 3.0
    v.register_hook(lambda g: 1j)
    with pytest.raises(TypeError, match="hook: returned a cotangent of complex128"):
        (v * 1.0).backward()


def test_rules_that_return_too_few_cotangents():
    @ag.op
    def listed(*xs):
        return xs[0] + xs[1]

    listed.vjp(xs=lambda g: [g])
    with pytest.raises(
        RuntimeError, match=r"listed: its rule for 'xs' returned 1 cotangents for 2 arrays; the fault is in listed.vjp"
    ):
        listed(leaf([1.0]), leaf([1.0])).sum().backward()

    @ag.op(kind="fused")
    def product(x, y, /):
        return x * y

    product.joint_vjp(lambda g, y, wanted: (g * y,))
    with pytest.raises(RuntimeError, match="product: its joint rule returned 1 cotangents for 2 arrays"):
        product(leaf([1.0]), leaf([1.0])).sum().backward()


def test_results_that_cannot_carry_the_gradient_are_refused():
    x = leaf([1.0])
    for f in (lambda: x * (1 + 1j), lambda: x * np.array([1j]), lambda: x.astype("complex128")):
        with pytest.raises(TypeError, match=r"an input requires a gradient, but the result is complex128"):
            f()
    i = ag.zeros(3, dtype="int64")
    with pytest.raises(TypeError, match="setitem: a float64 value does not fit a int64 Tensor"):
        i[0] = leaf(2.7)

    @ag.op
    def doubled(x, /):
        return x * 2.0

    doubled.vjp(x=lambda g: g * (1 + 0j))
    with pytest.raises(RuntimeError, match=r"doubled: its rule for 'x' returned shape .*complex128"):
        doubled(x).sum().backward()
    with pytest.raises(TypeError, match="backward: a cotangent is real, not complex128"):
        (x * 2.0).backward(np.array([1j]))


def test_rule_that_returns_a_captured_tensor():
    w = leaf([2.0])

    @ag.op
    def scaled(x, /):
        return x * 2.0

    scaled.vjp(x=lambda g: w * g)
    with pytest.raises(RuntimeError, match="scaled: its rule for 'x' returned Tensor"):
        scaled(leaf([1.0])).sum().backward()


def test_accumulating_into_a_gradient_somebody_uses():
    w, v = leaf([3.0]), leaf([2.0])
    (w * w).sum().backward()
    w.grad.name = "g"
    z = (v * w.grad).sum()
    (w * w).sum().backward()
    with pytest.raises(RuntimeError, match="needs the value its input 'y' had"):
        z.backward()
    w = leaf(3.0)
    (w * w).backward()
    w.grad.name = "g"
    flat = w.grad.reshape(1)
    (w * w).backward()
    assert (w.grad.item(), w.grad.data.item(), flat.item(), w.grad.item()) == (12.0, 12.0, 12.0, 12.0)


def test_a_gradient_that_was_set_is_owned():
    s = ag.tensor([1.0], dtype=np.float64)
    w, u = leaf([3.0]), leaf([3.0])
    w.grad = s
    u.grad = s
    (w * w).sum().backward()
    assert (w.grad.item(), u.grad.item(), s.item()) == (7.0, 1.0, 1.0)
    with pytest.raises(TypeError, match="grad: a recorded result cannot be a gradient"):
        w.grad = u * 1.0
    w.grad = ag.broadcast_to(s, (1,))
    (w * w).sum().backward()
    assert w.grad.item() == 7.0


def test_recorded_gradients_are_tensors_of_their_own():
    a, b, c = leaf([1.0, 1.0]), leaf([1.0, 1.0]), ag.tensor(np.ones(2))
    ga, gb = ag.gradients(a + b, [a, b], c, create_graph=True)
    ga *= 5.0
    assert (gb.tolist(), c.tolist()) == ([1.0, 1.0], [1.0, 1.0])
    h = a * a
    d, e = ag.gradients((h * h).sum(), [h, a], create_graph=True)
    d *= 3.0
    assert e.tolist() == [4.0, 4.0]


def test_take_refuses_masks():
    with pytest.raises(IndexError, match=r"take: the indices are bool, not integers; a mask selects with x\[mask\]"):
        ag.take(leaf([1.0, 2.0]), np.array([True, True]), axis=0)


def test_new_rules_forget_old_accumulate_forms():
    @ag.op
    def first(x, /):
        return x[:1] * 1.0

    first.vjp(x=lambda g, x_shape: np.zeros(x_shape)).accumulate(x=lambda total, g: None)
    first.vjp(x=lambda g, x_shape: np.full(x_shape, 100.0))
    x = leaf([1.0, 1.0])
    first(x).sum().backward()
    assert x.grad.tolist() == [100.0, 100.0]
    with pytest.raises(TypeError, match="accumulate: 'xs' is a list of arrays"):
        ag.op(lambda *xs: xs[0]).vjp(xs=lambda g, xs_shapes: [g] * len(xs_shapes)).accumulate(xs=lambda total, g: None)


def test_an_accumulated_input_runs_no_rule():
    calls = []

    @ag.op
    def first(x, /):
        return x[:1] * 1.0

    def add_first(total, g):
        total[:1] += g

    first.vjp(x=lambda g, x_shape: calls.append(1)).accumulate(x=add_first)
    x = leaf([1.0, 1.0])
    first(x).sum().backward()
    assert (x.grad.tolist(), calls) == ([1.0, 0.0], [])


def test_outputs_that_a_rule_reads_are_the_outputs_there_are():
    @ag.op(outputs=("a", "b"))
    def f(x, /):
        return np.exp(x), np.sin(x)

    f.vjp(x=lambda g, out, x: (0.0 if g[0] is None else g[0] * out[0]) + (0.0 if g[1] is None else g[1] * ag.cos(x)))
    x = leaf([0.5])
    o = f(x)
    gx = ag.gradients(o.a.sum(), x, create_graph=True)
    assert ag.gradients(gx.sum(), o.a).tolist() == [1.0]


def test_mixed_derivatives_of_power():
    for order in ((0, 1), (1, 0)):
        xs = [leaf([2.0]), leaf([0.0])]
        first = ag.gradients((xs[0] ** xs[1]).sum(), xs[order[0]], create_graph=True)
        assert ag.gradients(first.sum(), xs[order[1]]).item() == 0.5


def test_unused_input_of_a_composition_has_gradient_zero():
    @ag.op(kind="fused")
    def left(x, y, /):
        return x * 2.0

    x, y = leaf([1.0]), leaf([np.inf])
    left(x, y).sum().backward()
    assert y.grad.tolist() == [0.0]


def test_opaque_operations_that_return_their_input():
    @ag.op
    def same(x, /):
        return x

    @ag.op
    def head(x, /):
        return x[:1]

    same.vjp(x=lambda g: g)
    head.vjp(x=lambda g, x_shape: np.concatenate([g, np.zeros(x_shape[0] - 1)]))
    x = ag.tensor([1.0, 2.0])
    h, s = head(x), same(x)
    h += 5.0
    s[0] = 9.0
    assert x.tolist() == [1.0, 2.0]


def test_no_cycles_through_adjoints():
    gc.collect()
    gc.disable()
    try:
        before = {id(o) for o in gc.get_objects()}
        x = leaf(1.0)
        y = ag.sin(x)
        z = y * y * x + ag.topk(leaf([1.0, 2.0]), 1).values.sum()
        g = ag.gradients(z, x, create_graph=True)
        with ag.record():
            (x * x).backward()
        del x, y, z, g
        assert [o for o in gc.get_objects() if id(o) not in before and type(o).__name__ == "Node"] == []
    finally:
        gc.enable()


def test_one_element_of_an_unrecorded_tensor_is_a_view():
    x = ag.zeros(3)
    v = x[1]
    v[...] = 9.0
    ag.assign(x[0], 5.0)
    assert x.tolist() == [5.0, 9.0, 0.0]
    assert (x[1] * 2.0).item() == 18.0


def test_records_of_lists_numbers_and_shared_memory():
    x, state = ag.ones(2), ag.zeros((), dtype="uint8")
    base = ag.zeros(3)
    view = base[1:]
    with ag.record(x) as r:
        y = x + [0.1, 0.2]
        ag.assign(state, 3)
    assert r.entries[0].run([np.ones(2, np.float32), r.entries[0].inputs[1].data])[0].dtype == np.float32
    assert (y.dtype, state.item()) == (np.float32, 3)
    memory = np.zeros((), np.uint8)
    r.entries[1].run([memory, r.entries[1].inputs[1]])
    assert memory == 3
    with pytest.raises(RuntimeError, match="shares its memory with"), ag.record():
        ag.assign(view, [1.0, 2.0])
        base.sum()
    with ag.record() as r, pytest.raises(ValueError, match="does not fit"):
        ag.assign(base, np.ones(2))
    assert isinstance(r.entries[-1].error, ValueError)


def test_fused_operations_with_several_outputs_and_residuals():
    @ag.op(kind="fused", outputs=("s", "c"))
    def sines(x, /):
        return ag.sin(x), ag.cos(x)

    @sines.fast(residuals=("kept",))
    def _sines(x):
        return (np.sin(x), np.cos(x)), (x * 1.0,)

    def joint(g, kept, wanted):
        s = 0.0 if g[0] is None else g[0] * np.cos(kept)
        return (s - (0.0 if g[1] is None else g[1] * np.sin(kept)),)

    sines.joint_vjp(joint)
    a = np.array([0.3, 0.4])
    assert sines(a).s.tolist() == np.sin(a).tolist()
    x = leaf(a)
    with ag.record() as r:
        out = sines(x)
        (out.s * out.c).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.cos(2 * a))
    assert len(r.entries[0].outputs) == len(r.entries[0].run([a])) == 3
    d = ag.gradients((sines(x).s * sines(x).c).sum(), x, create_graph=True)
    np.testing.assert_allclose(ag.gradients(d.sum(), x).numpy(), -2 * np.sin(2 * a))


def test_expanded_compositions_check_their_inputs_too():
    with pytest.raises(ValueError, match="labels run from -1"), ag.record(expand=True):
        ag.cross_entropy(leaf([[1.0, 2.0]]), np.array([-1]))


def test_gradients_touch_no_state():
    x = leaf([1.0])
    h = x * 2.0
    h.retain_grad()
    assert ag.gradients((h * h).sum(), x).tolist() == [8.0]
    assert h.grad is None
    assert ag.gradients((x * 2.0).sum(), []) == ()


def test_scatter_add_promotes():
    out = ag.scatter_add(ag.tensor([1, 2]), [0], [0.5])
    assert (out.dtype, out.tolist()) == (np.float64, [1.5, 2.0])


def test_masked_arrays_are_refused():
    for f in (lambda m, t: m * t, lambda m, t: t * m):
        with pytest.raises(
            TypeError, match=r"masked arrays are not differentiated|np.asarray of a leaf that requires a gradient"
        ):
            f(np.ma.array([1.0, 2.0], mask=[True, False]), leaf([1.0, 2.0]))


def test_copies_of_subclasses_keep_their_attributes():
    class Named(ag.Tensor):
        def __init__(self, data):
            self._initialise(data, requires_grad=True)

    p = Named([1.0])
    p.tag = {"a": 1}
    q = copy.deepcopy(p)
    assert (type(q), q.tag, q.tag is p.tag) == (Named, {"a": 1}, False)
    assert copy.copy(p).tag is p.tag


@pytest.mark.parametrize(("a", "b"), [((1, 3, 0), (0, 4)), ((2, 3, 4), (4, 0)), ((2, 3, 0), (0,))])
def test_empty_products(a, b):
    x, y = leaf(np.ones(a)), leaf(np.ones(b))
    (x @ y).sum().backward()
    assert (x.grad.shape, y.grad.shape) == (a, b)
    assert not y.grad.numpy().any()


def test_recorded_writes_into_memory_from_numpy():
    w = leaf(2.0)
    x = ag.from_numpy(np.arange(4.0).reshape(2, 2))
    x[0, 0] = w
    x.sum().backward()
    assert w.grad.item() == 1.0


def test_integers_and_python_numbers():
    np.testing.assert_allclose(ag.softmax(ag.tensor([0, 0])).numpy(), [0.5, 0.5])
    assert ag.cross_entropy(ag.tensor([[0, 0]]), np.array([1])).dtype == np.float64
    assert ag.mean(3.0) == 3.0
    assert ag.reshape(3.0, (1, 1)).shape == (1, 1)
    with pytest.raises(TypeError, match="runs outside the decorator"):

        @ag.no_grad()
        def generator():
            yield 1


def test_messages():
    x = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match="backward: cannot take str"):
        x.sum().backward("a")
    with pytest.raises(TypeError, match="topk: "):
        ag.topk(x, 1, axis="a")
    with pytest.raises(ValueError, match=r"(?s)add: shapes do not broadcast.*\(3,\)  list"):
        x + [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="tensor: cannot make an array of list data"):
        ag.tensor([[1], [1, 2]])
    with pytest.raises(TypeError, match="tensor: cannot make numbers of str data"):
        ag.tensor("abc")
