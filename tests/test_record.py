"""Records: complete programs, in which the walk and every assignment are entries."""

import re

import numpy as np
import pytest

import autograd_nn as ag


def replay(record, inputs, states, steps):
    """Run a record's program again with nothing but NumPy; `inputs` gives the arrays of each step.

    `states` maps each state to its memory, which the program writes into. Returns the memory of every value.
    """
    memory = {}
    for value in record.values:
        if value.producer is None:
            memory[value] = states.get(value, value.data)
    for step in range(steps):
        for value, array in zip(record.inputs, inputs[step], strict=True):
            memory[value] = array
        for entry in record.entries:
            arrays = [memory.get(x, x) for x in entry.inputs]
            if entry.name == "assign":
                np.copyto(arrays[0], arrays[1])
            elif entry.name != "gradient":
                for value, out in zip(entry.outputs, entry.run(arrays), strict=True):
                    if value is not None:
                        memory[value] = out
    return memory


class Training:
    """A two-layer perceptron trained with Adam through `assign`; everything that changes is a state."""

    def __init__(self):
        rng = np.random.default_rng(0)
        draw = lambda *shape: ag.tensor(rng.standard_normal(shape).astype(np.float32), requires_grad=True)
        self.parameters = [draw(8, 16), draw(16), draw(16, 3), draw(3)]
        self.m = [ag.zeros(p.shape) for p in self.parameters]
        self.v = [ag.zeros(p.shape) for p in self.parameters]
        self.t = ag.tensor(0.0, name="t")
        self.lr = ag.tensor(0.01, name="lr")

    def step(self, x, labels):
        w1, b1, w2, b2 = self.parameters
        loss = ag.cross_entropy(ag.relu(x @ w1 + b1) @ w2 + b2, labels)
        loss.backward()
        with ag.no_grad():
            self.t += 1.0
            scale = self.lr * ag.sqrt(1.0 - 0.999**self.t) / (1.0 - 0.9**self.t)
            for p, m, v in zip(self.parameters, self.m, self.v, strict=True):
                ag.assign(m, 0.9 * m + 0.1 * p.grad)
                ag.assign(v, 0.999 * v + 0.001 * p.grad * p.grad)
                ag.assign(p, p - scale * m / (ag.sqrt(v) + 1e-8))
                p.grad = None
        return loss

    def states(self):
        return [*self.parameters, *self.m, *self.v, self.t]


@pytest.mark.parametrize("expand", [False, True])
def test_a_training_step_is_a_complete_program(expand):
    """Ten steps replayed with NumPy from the record alone give the bits that ten recorded steps gave."""
    rng = np.random.default_rng(1)
    batches = [(rng.standard_normal((32, 8)).astype(np.float32), rng.integers(0, 3, 32)) for _ in range(10)]
    training = Training()
    x, labels = ag.tensor(batches[0][0]), ag.tensor(batches[0][1])
    with ag.record(x, labels, expand=expand) as r:
        loss_value = training.step(x, labels)
    assert len(r.states) == 13
    assert {v.name for v in r.values if v.producer is None and v.name} == {"t", "lr"}
    states = {v: v.initial.copy() for v in r.states}
    memory = replay(r, batches, states, 10)
    for batch in batches[1:]:
        with ag.record(expand=expand):
            loss = training.step(ag.tensor(batch[0]), ag.tensor(batch[1]))
    for state in training.states():
        np.testing.assert_array_equal(states[r.value_of(state)], state.numpy())
    assert memory[r.value_of(loss_value)] == loss.item()


def test_a_recorded_step_equals_a_plain_one():
    rng = np.random.default_rng(1)
    x, labels = rng.standard_normal((32, 8)).astype(np.float32), rng.integers(0, 3, 32)
    plain, recorded = Training(), Training()
    for _ in range(3):
        a = plain.step(ag.tensor(x), ag.tensor(labels))
        with ag.record():
            b = recorded.step(ag.tensor(x), ag.tensor(labels))
        assert a.item() == b.item()
    for s, t in zip(plain.states(), recorded.states(), strict=True):
        np.testing.assert_array_equal(s.numpy(), t.numpy())


def test_fused_operations_are_single_entries_unless_expanded():
    z = ag.tensor(np.ones((2, 3)), requires_grad=True)
    labels = np.array([0, 1])
    with ag.record() as r:
        ag.cross_entropy(z, labels).backward()
    assert [e.name for e in r.entries] == ["cross_entropy", "cross_entropy_derivative", "gradient"]
    assert r.entries[1].derivative_of is r.entries[0]
    with ag.record(expand=True) as r:
        ag.cross_entropy(z, labels).backward()
    names = [e.name for e in r.entries]
    assert "cross_entropy" not in names
    assert {"max", "exp", "log", "take_along_axis", "untake_along_axis"} <= set(names)


def test_entries_know_their_line_module_time_and_cause():
    from autograd_nn.engine import modes

    x = ag.tensor([1.0, 2.0], requires_grad=True)
    with ag.record() as r:
        with modes.change(scope=("net.first", 0)):
            y = ag.sin(x)
        y.sum().backward()
    sine = r.entries[0]
    assert re.search(r"test_record\.py:\d+$", sine.line)
    assert sine.scope == ("net.first", 0)
    assert sine.seconds > 0
    cosine = next(e for e in r.entries if e.name == "cos")
    assert cosine.derivative_of is sine
    assert "sin(%0)" in str(r)


def test_an_operation_that_raised_is_the_last_entry():
    x = ag.ones((2, 3))
    with pytest.raises(ValueError, match="matmul"), ag.record(x) as r:
        ag.exp(x) @ x
    assert [e.name for e in r.entries] == ["exp", "matmul"]
    assert isinstance(r.entries[-1].error, ValueError)
    assert r.entries[-1].outputs == ()
    assert "raised ValueError" in str(r)


def test_values_that_left_the_graph_are_noted():
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    with ag.record(x) as r:
        y = (x * x).sum()
        if y > 1.0:
            float(y)
        y.numpy()
    assert [n.what for n in r.notes] == ["bool()", "float()", "data"]
    assert all("test_record.py" in n.line for n in r.notes)


def test_random_draws_are_part_of_the_program():
    ag.manual_seed(3)
    x = ag.ones(4)
    with ag.record(x) as r:
        y = x * ag.rand(4)
    first = y.numpy().copy()
    assert [e.name for e in r.entries] == ["uniform", "add", "assign", "multiply"]
    states = {v: v.initial.copy() for v in r.states}
    out = r.entries[-1].outputs[0]
    np.testing.assert_array_equal(replay(r, [[np.ones(4, np.float32)]], states, 1)[out], first)
    again = replay(r, [[np.ones(4, np.float32)]], states, 1)[out]
    np.testing.assert_array_equal(again, ag.rand(4).numpy())
    assert not np.array_equal(again, first)


def test_gradient_accumulation_and_item_assignment():
    x = ag.tensor([1.0, 2.0, 3.0])
    w = ag.tensor([4.0, 5.0, 6.0], requires_grad=True)
    buffer = ag.zeros(3)
    with ag.record(x) as r:
        for _ in range(2):
            (x * w).sum().backward()
        h = w * 1.0
        h[0] = x[1]
        h.sum().backward()
        buffer[1] = 7.0
        buffer += 1.0
    assert w.grad.tolist() == [2.0, 5.0, 7.0]
    assert buffer.tolist() == [1.0, 8.0, 1.0]
    states = {v: v.initial.copy() for v in r.states}
    memory = replay(r, [[x.numpy()]], states, 1)
    np.testing.assert_array_equal(memory[r.value_of(w.grad)], w.grad.numpy())
    np.testing.assert_array_equal(memory[r.value_of(buffer)], buffer.numpy())


def test_scalars_and_booleans_have_values_of_their_own():
    a, b = ag.tensor(2.0, requires_grad=True), ag.tensor(3.0)
    with ag.record(a, b) as r:
        p, q = a < b, a > b
        c = ag.where(p, a * b, a + b) + ag.where(q, a, b)
        c.backward()
    assert r.value_of(p) is not r.value_of(q)
    memory = replay(r, [[np.float32(5.0), np.float32(3.0)]], {}, 1)
    assert memory[r.value_of(c)] == 5.0 + 3.0 + 5.0


def test_recording_does_not_change_results_or_leave_traces():
    x = ag.tensor([0.5, 1.5], requires_grad=True)
    with ag.record():
        y = ag.tanh(x)
    assert [e for e in dir(y) if "record" in e] == []
    y.sum().backward()
    plain = x.grad.numpy().copy()
    x.grad = None
    ag.tanh(x).sum().backward()
    np.testing.assert_array_equal(plain, x.grad.numpy())


def test_the_tensors_from_outside():
    x, w, state = ag.tensor([1.0, 2.0], requires_grad=True), ag.tensor([3.0, 4.0]), ag.zeros((2,))
    view = x.detach()
    with ag.record(x) as r:
        y = ag.exp(x * w) + view
        with ag.no_grad():
            ag.assign(state, y)
        y.sum().backward()
    assert [[t is u for u in (x, w, view, state)].index(True) for t in r.outside[:4]] == [0, 1, 2, 3]
    assert all(t.node is not y.node for t in r.outside)


def test_a_gradient_that_is_set_is_followed():
    """`w.grad = w.grad * 0.5` (clipping, say) is part of the program, not a constant of it."""
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    with ag.record() as r:
        (w * w).sum().backward()
        w.grad = w.grad * 0.5
        ag.assign(w, w - w.grad)
    assert not [v for v in r.constants if v.shape == (2,)]
    with ag.record() as r:
        ag.tensor(w.detach())
    assert [n.what for n in r.notes] == ["ag.tensor()"]
