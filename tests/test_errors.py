"""Errors are part of the interface: what each says, and that nothing is changed by it."""

import numpy as np
import pytest

import autograd_nn as ag


def leaf(*shape):
    return ag.tensor(np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape), requires_grad=True)


def raises(kind, *parts):
    """Expect an exception whose message has each of these parts."""
    return pytest.raises(kind, match="(?s)" + "".join(f"(?=.*{p})" for p in parts))


def test_shape_mismatch_of_elementwise():
    with raises(
        ValueError, "add: shapes do not broadcast: axis -1 is 3 in x and 4 in y", r"x +\(2, 3\)  float64", "reshape"
    ):
        leaf(2, 3) + leaf(2, 4)
    with raises(ValueError, "where: ", "axis -2 is 2 in condition and 5 in x"):
        ag.where(np.ones((2, 1), bool), leaf(5, 3), 0.0)


def test_shape_mismatch_of_matmul_suggests_the_transpose():
    with raises(
        ValueError, "matmul: the inner axes differ: axis -1 of x is 3, axis -2 of y is 2", r"did you mean x @ y.mT\?"
    ):
        leaf(2, 3) @ leaf(2, 3)
    with raises(ValueError, r"did you mean x.mT @ y\?"):
        leaf(2, 3) @ leaf(2, 4)
    with raises(ValueError, "a scalar has no matrix product; multiply with \\*"):
        leaf(2, 3) @ 2.0


def test_shape_messages_of_other_operations():
    with raises(ValueError, "reshape: 6 elements do not fit a shape of 8", r"with shape=\(2, 4\)"):
        leaf(2, 3).reshape(2, 4)
    with raises(ValueError, "concatenate: the shapes differ outside axis 0", r"xs\[1\]"):
        ag.concatenate([leaf(2, 3), leaf(2, 4)])
    with raises(ValueError, "concatenate: there are no arrays"):
        ag.concatenate([])
    with raises(ValueError, "stack: the shapes must be equal"):
        ag.stack([leaf(2), leaf(3)])
    with raises(ValueError, r"transpose: axes \(0, 0\) are not a permutation of the 2 axes"):
        leaf(2, 3).transpose((0, 0))
    with raises(ValueError, "topk: k = 5 of an axis of length 3"):
        ag.topk(leaf(3), 5)
    with raises(ValueError, "max: of an empty array has no value"):
        ag.zeros((0,)).max()
    with raises(ValueError, r"sum: .*axis 2 is out of bounds", r"x +\(2, 3\)"):
        leaf(2, 3).sum(axis=2)
    with raises(IndexError, r"index 7 is out of bounds"):
        leaf(3)[7]
    with raises(IndexError, r"index: too many indices \(3\) for 2 axes"):
        leaf(2, 3)[np.array([0]), 0, 0]
    with raises(IndexError, "an index must be integers, booleans, a slice, None or Ellipsis, not float64"):
        leaf(3)[np.array([0.5])]


def test_labels():
    with raises(ValueError, "cross_entropy: labels run from 0 to 3, but there are 3 classes"):
        ag.cross_entropy(leaf(2, 3), np.array([0, 3]))
    with raises(ValueError, r"cross_entropy: labels of shape \(3,\) for logits of \(2, 3\)"):
        ag.cross_entropy(leaf(2, 3), np.array([0, 1, 2]))
    with raises(TypeError, "cross_entropy: labels are class numbers, integers, not float64"):
        ag.cross_entropy(leaf(2, 3), np.array([0.0, 1.0]))
    with raises(ValueError, "reduction 'avg' is not 'mean', 'sum' or 'none'"):
        ag.cross_entropy(leaf(2, 3), np.array([0, 1]), reduction="avg")


def test_wrong_dtype():
    with raises(TypeError, "bitwise_and: ", "float64"):
        leaf(3) & 1
    with raises(TypeError, "add: cannot take str; pass a Tensor, an array or a number"):
        leaf(3) + "one"
    with raises(TypeError, "add: cannot take object"):
        leaf(3) + object()


def test_requires_grad_on_integers_and_complex():
    with raises(TypeError, "a int64 Tensor carries no gradient", r"astype\('float32'\)"):
        ag.tensor([1, 2], requires_grad=True)
    with raises(TypeError, "a bool Tensor carries no gradient"):
        ag.tensor([True]).requires_grad_()
    with raises(TypeError, "a complex128 Tensor carries no gradient"):
        ag.tensor([1j], requires_grad=True)


def test_backward_from_a_non_scalar():
    with raises(RuntimeError, r"backward: a Tensor of shape \(2, 3\) is no single number", r"\.sum\(\)"):
        (leaf(2, 3) * 2.0).backward()
    with raises(ValueError, r"backward: the cotangent has shape \(3,\), the Tensor \(2, 3\)"):
        (leaf(2, 3) * 2.0).backward(np.ones(3))


def test_backward_without_a_graph():
    with raises(RuntimeError, "backward: this Tensor has no graph", "requires_grad=True"):
        ag.ones(()).backward()


def test_backward_twice():
    x = leaf(3)
    y = (x * x).sum()
    y.backward()
    with raises(RuntimeError, "the graph below sum was released by an earlier walk", "retain_graph=True"):
        y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.numpy())
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 6 * x.numpy())


def test_value_changed_by_assign():
    x, w = leaf(3), leaf(3)
    y = (x * w).sum()
    ag.assign(w, np.zeros(3))
    with raises(
        RuntimeError, "backward: multiply needs the value its input 'y' had, but it was changed", r"y.copy\(\)"
    ):
        y.backward()
    assert x.grad is None
    z = (x + w).sum()  # keeps nothing, so w may change
    ag.assign(w, np.ones(3))
    z.backward()


def test_rule_of_the_wrong_shape_is_the_ops_fault():
    @ag.op(kind="elementwise")
    def lopsided(x, y, /):
        return x * y

    lopsided.vjp(x=lambda g, y: g * y, y=lambda g, x: g * x)
    with raises(
        RuntimeError,
        r"lopsided: its rule for 'y' returned shape \(2, 3\) for an input of shape \(3,\)",
        "broadcasts=True",
    ):
        lopsided(leaf(2, 3), leaf(3)).sum().backward()

    @ag.op
    def forgetful(x, /):
        return x * 2.0

    forgetful.vjp(x=lambda g: None)
    with raises(RuntimeError, "forgetful: its rule for 'x' returned NoneType", r"the fault is in forgetful.vjp"):
        forgetful(leaf(2)).sum().backward()


def test_rule_that_raises_names_the_operation():
    @ag.op
    def broken(x, /):
        return x * 2.0

    broken.vjp(x=lambda g: g.nonsense)
    with pytest.raises(AttributeError) as caught:
        broken(leaf(2)).sum().backward()
    assert caught.value.__notes__ == ["while differentiating broken"]


def test_definition_of_an_operation():
    def new():
        @ag.op
        def scaled(x, y=None, /, factor=1.0):
            return x * factor

        return scaled

    with raises(TypeError, "scaled.vjp: no rule for 'y'; every array input gets a rule or ag.nondifferentiable"):
        new().vjp(x=lambda g: g)
    with raises(TypeError, "scaled.vjp: there is no array input 'z'; the inputs are 'x', 'y'"):
        new().vjp(x=lambda g: g, y=lambda g: g, z=lambda g: g)
    with raises(TypeError, "the rule for 'x' names 'faktor', which is not one of", "'factor'"):
        new().vjp(x=lambda g, faktor: g * faktor, y=lambda g: g)
    with raises(TypeError, "takes rules by the name of their input"):
        new().vjp(lambda g: g)
    with raises(TypeError, "the name 'g' is reserved"):
        ag.op(lambda g, /: g)
    with raises(TypeError, "the name 'x_shape' is reserved"):
        ag.op(lambda x, /, x_shape: x)
    with raises(TypeError, "no array inputs; arrays stand before the slash"):
        ag.op(lambda axis=0: axis)
    with raises(TypeError, "parameters are named one by one"):
        ag.op(lambda x, /, **rest: x)
    with raises(TypeError, "kind 'elementwize' is not one of"):
        ag.op(kind="elementwize")(lambda x, /: x)
    with raises(TypeError, "can only have the default None"):
        ag.op(lambda x=2.0, /: x)
    with raises(TypeError, r"only @op\(kind=\"fused\"\)"):
        new().joint_vjp(lambda g, wanted: None)


def test_operation_without_a_rule():
    @ag.op
    def ruleless(x, /):
        return x * 2.0

    assert ruleless(ag.ones((2,))).tolist() == [2.0, 2.0]
    with raises(TypeError, "ruleless has no derivative rule", r"ruleless.vjp\(x=...\)"):
        ruleless(leaf(2))


def test_tensor_as_a_parameter():
    with raises(
        TypeError, "sum: a Tensor was passed as the parameter 'axis'", "the array inputs are x", r"axis=t.item\(\)"
    ):
        ag.sum(leaf(2, 3), ag.tensor(1))
    with raises(TypeError, "softmax: a Tensor was passed as the parameter 'axis'"):
        ag.softmax(np.ones(3), ag.tensor(0))


def test_differentiating_with_respect_to_an_index():
    @ag.op
    def weighted(x, k, /):
        return x * k

    weighted.vjp(x=lambda g, k: g * k, k=ag.nondifferentiable)
    with raises(TypeError, "weighted: cannot differentiate with respect to 'k'", r"k.detach\(\)"):
        weighted(leaf(2), leaf(2))


def test_writes_that_would_lose_a_gradient():
    w = leaf(3)
    before = w.numpy().copy()
    with raises(RuntimeError, "add: in-place on a leaf that requires a gradient", r"ag.no_grad\(\)"):
        w += 1.0
    with raises(RuntimeError, "setitem: writing into a leaf that requires a gradient", r"x.copy\(\)"):
        w[0] = 5.0
    with raises(RuntimeError, "setitem: this Tensor is a view"):
        (w * 1.0)[0:2][0] = 1.0
    h = w * 2.0
    with raises(RuntimeError, "in-place under no_grad on a recorded result"), ag.no_grad():
        h += 1.0
    with raises(RuntimeError, "writing under no_grad into a recorded result"), ag.no_grad():
        h[0] = 1.0
    with raises(ValueError, "read-only"):
        h.data[0] = 1.0
    np.testing.assert_array_equal(w.numpy(), before)
    np.testing.assert_array_equal(h.numpy(), 2 * before)


def test_in_place_that_does_not_fit():
    x = ag.tensor([1, 2])
    with raises(TypeError, "divide: in-place on int64 cannot hold float64"):
        x /= 2
    with raises(ValueError, r"add: in-place on shape \(2,\) cannot give shape \(3, 2\)"):
        x += np.ones((3, 2), np.int64)
    with raises(TypeError, r"assign: a value of shape \(\) and dtype float does not fit a state of \(2,\), int64"):
        ag.assign(x, 0.5)
    with raises(ValueError, r"assign: a value of shape \(3,\)"):
        ag.assign(x, np.ones(3, np.int64))
    with raises(TypeError, r"assign: cannot write into a recorded result \(of multiply\)"):
        ag.assign(leaf(2) * 2.0, 0.0)
    assert x.tolist() == [1, 2]


def test_leaving_the_graph_silently_is_refused():
    h = leaf(3) * 2.0
    with raises(TypeError, "np.asarray of the recorded result of multiply", r"t.numpy\(\)"):
        np.asarray(h)
    with raises(TypeError, "np.asarray of a leaf that requires a gradient"):
        np.array(leaf(3))
    with raises(TypeError, "tensor: the data is a Tensor that requires a gradient"):
        ag.tensor(leaf(3))
    with raises(TypeError, "np.add: cannot write the result of an operation on a Tensor into out="):
        np.add(h, 1.0, out=np.zeros(3))
    array = np.zeros(3)
    with raises(TypeError, "np.add: cannot write the result"):
        array += h
    assert array.tolist() == [0.0, 0.0, 0.0]
    with raises(TypeError, "np.sin: where= is not differentiable here; call ag.sin without it"):
        np.sin(h, where=np.array([True, False, True]))
    with raises(TypeError, "np.subtract.reduce is not differentiable here: it depends on the order of its operands"):
        np.subtract.reduce(h)
    with raises(TypeError, "np.spacing is not differentiable here", r"t.numpy\(\)"):
        np.spacing(h)
    with raises(TypeError, "np.concatenate on a Tensor: .*casting"):
        np.concatenate([h, h], casting="unsafe")
    with raises(TypeError, "np.linalg.eig is not differentiable here"):
        np.linalg.eig(leaf(2, 2))


def test_numbers_from_tensors():
    with raises(TypeError, r"float: a Tensor of shape \(3,\) is no single number"):
        float(leaf(3))
    with raises(ValueError, r"bool: the truth of a Tensor of shape \(3,\) is ambiguous", "ag.where"):
        bool(leaf(3) > 1)
    with raises(ValueError, r"item: a Tensor of shape \(3,\) has 3 elements"):
        leaf(3).item()
    with raises(TypeError, "a float64 Tensor cannot be an index"):
        [1, 2][leaf(1).sum()]
    with raises(TypeError, "len: a 0-d Tensor"):
        len(ag.ones(()))
    with raises(ValueError, "mT: a Tensor of shape .* has no matrix axes"):
        _ = leaf(3).mT


def test_gradients():
    x, other = leaf(3), ag.tensor([1.0], requires_grad=True, name="other")
    y = (x * x).sum()
    with raises(RuntimeError, r"gradients: y does not depend on xs\[1\] \(other\); pass allow_unused=True"):
        ag.gradients(y, [x, other], retain_graph=True)
    g, none = ag.gradients(y, [x, other], allow_unused=True)
    assert none is None
    np.testing.assert_array_equal(g.numpy(), 2 * x.numpy())
    with raises(RuntimeError, r"gradients: xs\[0\] requires no gradient"):
        ag.gradients(y, [ag.ones(3)])
    with raises(TypeError, r"gradients: xs\[0\] is ndarray, not a Tensor"):
        ag.gradients(y, [np.ones(3)])


def test_gradient_setter():
    x = leaf(3)
    with raises(ValueError, r"grad: a gradient of shape \(2,\)"):
        x.grad = np.ones(2)
    with raises(RuntimeError, "only a leaf's gradient can be set"):
        (x * 1.0).grad = np.ones(3)


def test_modes_and_odds():
    with raises(TypeError, "the default dtype must be floating, not int64"):
        ag.set_default_dtype("int64")
    with raises(RuntimeError, "a record is already running here"), ag.record(), ag.record():
        pass
    with raises(TypeError, "record: input 0 is ndarray"):
        ag.record(np.ones(3))
    with raises(TypeError, "from_numpy shares the memory of an ndarray, not of list"):
        ag.from_numpy([1.0])
    with raises(ValueError, "device 'cuda' does not exist here"):
        ag.ones(2).to("cuda")
    with raises(TypeError, "cannot make numbers of list data"):
        ag.tensor([object()])
    with raises(RuntimeError, "register_hook: this Tensor requires no gradient"):
        ag.ones(2).register_hook(print)
    with raises(RuntimeError, "retain_grad: this Tensor requires no gradient"):
        ag.ones(2).retain_grad()
    with raises(RuntimeError, r"requires_grad of a recorded result \(of multiply\) cannot be turned off"):
        (leaf(2) * 2.0).requires_grad_(False)


def test_hook_of_the_wrong_shape():
    x = leaf(3)
    h = x * 2.0
    h.register_hook(lambda g: g.sum())
    with raises(ValueError, r"hook: returned a cotangent of shape \(\) for a Tensor of shape \(3,\)"):
        h.sum().backward()


def test_checkpoint_that_does_something_else():
    flips = iter([True, False])
    x = leaf(3)
    y = ag.checkpoint(lambda x: ag.sin(x) if next(flips) else ag.cos(x), x)
    with raises(RuntimeError, "checkpoint: '<lambda>' ran other operations when it was recomputed"):
        y.sum().backward()


def test_copying_a_recorded_result():
    import copy
    import pickle

    with raises(TypeError, r"a recorded result \(of multiply\) cannot be copied or pickled", r"t.detach\(\)"):
        pickle.dumps(leaf(2) * 2.0)
    with raises(TypeError, "cannot be copied"):
        copy.deepcopy(leaf(2) * 2.0)


def test_errors_name_the_module_that_ran():
    from autograd_nn.engine import modes

    with modes.change(scope=("net.layers.0", 1)), raises(ValueError, "in module net.layers.0"):
        leaf(2, 3) @ leaf(2, 3)


def test_several_outputs_that_were_not_declared():
    @ag.op
    def both(x, /):
        return np.sin(x), np.cos(x)

    both.vjp(x=lambda g, x: g * ag.cos(x))
    for x in (leaf(3), ag.ones(3)):
        with raises(
            TypeError, "both: returned a tuple of 2 and is defined with one output", r"outputs=\('part0', 'part1'\)"
        ):
            both(x)
