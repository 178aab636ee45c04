"""Saving: what comes back, PyTorch's files and back, hostile files, a killed process, a resumed run."""

import json
import os
import random
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import autograd_nn as ag
from autograd_nn import nn

HERE = Path(__file__).parent


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


def same(a, b):
    """The same structure of the same types, arrays of the same bits."""
    if isinstance(a, (ag.Tensor, np.ndarray, np.generic)):
        assert type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
    elif isinstance(a, dict):
        assert type(b) is dict and list(a) == list(b) and [type(k) for k in a] == [type(k) for k in b]
        for k in a:
            same(a[k], b[k])
    elif isinstance(a, (list, tuple)):
        assert type(a) is type(b) and len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    else:
        assert type(a) is type(b) and repr(a) == repr(b)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"w": np.arange(6.0).reshape(2, 3), "b": ag.ones(2)},
        {"a": {"b": [1, 2.5, (None, True, "text")], 3: {}, 0.5: [], None: (), True: -(10**30)}},
        [np.float32(2.5), np.int64(3), np.bool_(True)],
        np.ones((2, 0, 3)),
        ag.tensor(3.5),
        7,
        {"floats": [float("inf"), float("-inf"), float("nan"), -0.0, 1e-320, 0.1]},
        {"a.b": np.ones(1), "a": {"b": np.zeros(1)}, "": {"": [np.ones(2)]}},
        {"types": [np.ones(2, t) for t in "?bBhHiIlLefdF"]},
        {"unicode \u00e4 \U0001f642": {"\u0000": ag.zeros(1)}},
        {"value": {"tensor": "no tensor", "dict": [1]}},
    ],
    ids=lambda state: repr(state)[:40],
)
def test_what_is_saved_comes_back(state, path):
    ag.save(state, path)
    same(state, ag.load(path))
    assert os.listdir(path.parent) == [path.name]


def test_arrays_laid_out_in_any_way(path):
    base = np.arange(24.0).reshape(4, 6)
    state = {
        "columns": np.asfortranarray(base), "steps": base[::2, ::-1], "broadcast": np.broadcast_to(base[0], (3, 6)),
        "swapped": base.astype(">f8"), "transposed": ag.tensor(base).mT, "scalar": np.array(3.0),
    }  # fmt: skip
    ag.save(state, path)
    loaded = ag.load(path)
    for name, value in state.items():
        np.testing.assert_array_equal(np.asarray(loaded[name]), np.asarray(value))
        memory = loaded[name].data if isinstance(loaded[name], ag.Tensor) else loaded[name]
        assert memory.flags.c_contiguous and memory.flags.writeable and memory.dtype.isnative


def test_what_occurs_twice_is_saved_once_and_loaded_as_one(path):
    w = ag.ones(1000)
    ag.save({"model": {"encoder": w, "decoder": w}, "step": [w]}, path)
    assert path.stat().st_size < 2 * w.nbytes
    loaded = ag.load(path)
    assert loaded["model"]["encoder"] is loaded["model"]["decoder"] is loaded["step"][0]


def test_a_flat_dict_keeps_every_name_even_of_tied_weights(path):
    """Another library looks for names, not for our structure."""
    w = ag.ones(3)
    ag.save({"encoder": w, "decoder": w}, path)
    from safetensors.numpy import load_file

    assert sorted(load_file(path)) == ["decoder", "encoder"]


def test_parameters_and_their_gradients(path):
    """A Parameter is saved as its value and comes back as a plain Tensor."""
    p = nn.Parameter(ag.ones(2))
    (p * p).sum().backward()
    ag.save({"p": p, "more": 1}, path)
    loaded = ag.load(path)["p"]
    assert type(loaded) is ag.Tensor and not loaded.requires_grad and loaded.tolist() == [1.0, 1.0]


def test_saving_over_a_link_and_with_the_usual_permissions(path):
    if os.name != "posix":
        pytest.skip("links and permissions are POSIX's")
    plain = path.with_name("plain")
    plain.write_text("x")
    link = path.with_name("link")
    link.symlink_to(path)
    ag.save({"a": np.ones(1)}, link)
    assert link.is_symlink() and path.is_file()
    assert path.stat().st_mode == plain.stat().st_mode
    path.chmod(0o640)
    ag.save({"a": np.ones(1)}, path)
    assert path.stat().st_mode & 0o777 == 0o640


# ---- PyTorch -------------------------------------------------------------------------------------------------------


def test_pytorch_weights_there_and_back(path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    def model(library):
        layers = library.nn
        return layers.Sequential(layers.Linear(4, 8), layers.BatchNorm1d(8), layers.ReLU(), layers.Linear(8, 2))

    theirs, ours = model(torch), model(ag)
    theirs(torch.randn(16, 4))  # running statistics of its own
    save_file(theirs.state_dict(), path)
    ours.load_state_dict(ag.load(path))
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    theirs.eval(), ours.eval()
    expected = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours(x).detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    ag.save(ours.state_dict(), path)
    other = model(torch)
    other.load_state_dict(load_file(path))
    np.testing.assert_array_equal(other.eval()(torch.tensor(x)).detach().numpy(), expected)


def test_half_precisions(path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    values = torch.tensor([1.0, -2.5, 3.14159, float("inf"), 1e-30, 65504.0])
    save_file({"bf16": values.bfloat16(), "f16": values.half(), "odd": torch.ones(3, dtype=torch.uint8)}, path)
    loaded = ag.load(path)
    np.testing.assert_array_equal(loaded["bf16"].numpy(), values.bfloat16().float().numpy())
    np.testing.assert_array_equal(loaded["f16"].numpy(), values.half().numpy())
    assert loaded["bf16"].dtype == np.float32 and loaded["f16"].dtype == np.float16
    save_file({"x": values.to(torch.float8_e5m2)}, path)
    with pytest.raises(ValueError, match=r"'x' in .* is F8_E5M2, which NumPy has no type for"):
        ag.load(path)


# ---- what cannot be saved or loaded --------------------------------------------------------------------------------


def circle():
    state = {"a": [1]}
    state["a"].append(state)
    return state


@pytest.mark.parametrize(
    ("state", "kind", "message"),
    [
        ({"model": {"f": len}}, TypeError, "model.f is of type builtin_function_or_method; what can be saved"),
        ({"x": [1, {2}]}, TypeError, "x.1 is of type set"),
        (object(), TypeError, "the state is of type object"),
        ({(1, 2): 3}, TypeError, "a key of type tuple"),
        ({"x": np.ones(2, np.longdouble)}, TypeError, "x is .*, which safetensors has no type for"),
        ({"x": np.array(["a"])}, TypeError, "x is <U1"),
        ({"x": np.array([object()])}, TypeError, "x is object"),
        (circle(), ValueError, "a.1 contains itself"),
    ],
)
def test_what_cannot_be_saved_leaves_the_old_file(state, kind, message, path):
    ag.save({"old": np.ones(2)}, path)
    with pytest.raises(kind, match=message):
        ag.save(state, path)
    assert ag.load(path)["old"].tolist() == [1.0, 1.0]
    assert os.listdir(path.parent) == [path.name]


def test_a_failed_write_leaves_nothing_behind(path, monkeypatch):
    ag.save({"old": np.ones(2)}, path)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        ag.save({"new": np.ones(2)}, path)
    assert list(ag.load(path)) == ["old"] and os.listdir(path.parent) == [path.name]


def test_paths_that_are_none(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a directory; give the path of a file"):
        ag.save({}, tmp_path)
    with pytest.raises(IsADirectoryError, match="is a directory; give the path of a file"):
        ag.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        ag.save({}, tmp_path / "none" / "x")
    with pytest.raises(FileNotFoundError):
        ag.load(tmp_path / "none")


def file_of(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def described(structure, version=1, **tensors):
    ours = json.dumps({"version": version, "structure": structure})
    return file_of({"__metadata__": {"autograd_nn": ours}, **tensors}, b"\0" * 8 if tensors else b"")


DEEP = "[" * 100_000 + "]" * 100_000
HOSTILE = {
    "empty": b"",
    "short": b"\1\0",
    "no header": struct.pack("<Q", 100),
    "huge header": struct.pack("<Q", 1 << 62) + b"{}",
    "hundred megabytes of header": struct.pack("<Q", 100_000_001) + b" " * 1000,
    "not JSON": file_of(b"{nonsense"),
    "not UTF-8": file_of(b"\xff\xfe{}"),
    "a list": file_of([]),
    "deep": file_of(DEEP.encode()),
    "overlapping": file_of({"a": F32, "b": F32}, b"\0" * 8),
    "a hole": file_of({"a": F32, "b": {**F32, "data_offsets": [16, 24]}}, b"\0" * 24),
    "beyond the end": file_of({"a": {**F32, "shape": [200], "data_offsets": [0, 800]}}, b"\0" * 8),
    "cut short": file_of({"a": F32}, b"\0" * 7),
    "too long": file_of({"a": F32}, b"\0" * 9),
    "wrong size": file_of({"a": {**F32, "shape": [3]}}, b"\0" * 8),
    "negative": file_of({"a": {**F32, "shape": [-2]}}, b"\0" * 8),
    "overflow": file_of({"a": {**F32, "shape": [1 << 62, 1 << 62]}}, b"\0" * 8),
    "backwards": file_of({"a": {**F32, "data_offsets": [8, 0]}}, b"\0" * 8),
    "unknown type": file_of({"a": {**F32, "dtype": "PICKLE"}}, b"\0" * 8),
    "a pickle": b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
    "structure: not JSON": file_of({"__metadata__": {"autograd_nn": "{"}}),
    "structure: a number": file_of({"__metadata__": {"autograd_nn": "3"}}),
    "structure: deep": file_of({"__metadata__": {"autograd_nn": DEEP}}),
    "structure: deep lists": described(json.loads('{"list":[' * 300 + "]}" * 300)),
    "structure: no such array": described({"tensor": "b"}, a=F32),
    "structure: unhashable name": described({"tensor": ["a"]}, a=F32),
    "structure: unknown kind": described({"pickle": "a"}),
    "structure: two kinds": described({"list": [], "tuple": []}),
    "structure: bare list": described([1, 2]),
    "structure: a dict of no pairs": described({"dict": [[1]]}),
    "structure: a dict of numbers": described({"dict": 3}),
    "structure: a key that is a list": described({"dict": [[{"list": []}, 1]]}),
    "structure: a list that is a string": described({"list": "abc"}),
    "structure: no float": described({"float": "seven"}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_and_the_model_is_as_it_was(name, path):
    path.write_bytes(HOSTILE[name])
    model = nn.Linear(2, 2)
    before = {k: np.array(t.numpy()) for k, t in model.state_dict().items()}
    if name == "structure: deep lists":  # no harm in them
        assert ag.load(path)
        return
    with pytest.raises(ValueError, match=r"load: .*state\.safetensors"):
        model.load_state_dict(ag.load(path))
    for k, t in model.state_dict().items():
        np.testing.assert_array_equal(t.numpy(), before[k])


def test_any_cut_of_a_file_is_refused(path):
    ag.save({"w": np.arange(5.0), "n": [1, 2]}, path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is no whole safetensors file"):
            ag.load(path)


def test_a_damaged_byte_is_refused_or_harmless(path):
    """Whatever is flipped, there is an answer or a ValueError, never another exception."""
    ag.save({"w": np.arange(3.0), "list": [1, (2.5, None)], "s": "text"}, path)
    whole = path.read_bytes()
    rng = random.Random(0)
    for _ in range(600):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            ag.load(path)
        except ValueError as error:
            assert str(error).startswith("load: ")


def test_a_later_version_is_said_to_be_one(path):
    path.write_bytes(described({}, version=2))
    with pytest.raises(
        ValueError, match="has version 2 of the format, this is version 1; a newer autograd_nn can read it"
    ):
        ag.load(path)


# ---- processes -----------------------------------------------------------------------------------------------------


def start(*arguments):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_kill_while_saving_leaves_the_old_file(where, path):
    """Killed when the new file is written and before it is the file: first before it is flushed, then before it is renamed."""
    process = start(HERE / "saving.py", path, 10_000, where)
    assert process.stdout.readline() == "saved\n"
    assert process.stdout.readline() == "here\n"
    process.kill()
    process.wait()
    process.stdout.close()
    loaded = ag.load(path)
    assert loaded["number"] == 0 and not loaded["array"].any()
    assert len(os.listdir(path.parent)) == 2, "what the killed process had written lies beside it"


def test_a_kill_at_any_time_leaves_a_whole_file(path):
    for k in range(4):
        process = start(HERE / "saving.py", path, 300_000, "anywhere")
        assert process.stdout.readline() == "saved\n"
        time.sleep(0.03 + 0.04 * k)
        process.kill()
        process.wait()
        process.stdout.close()
        loaded = ag.load(path)
        assert (loaded["array"] == loaded["number"]).all() and loaded["array"].size == 300_000


def test_a_resumed_run_is_the_run_that_was_not_interrupted(tmp_path):
    """Ten steps, and five, saved, loaded in another process, and five more: the same bits."""

    def run(*arguments):
        process = start(HERE / "training.py", *arguments)
        output = process.communicate()[0]
        assert process.returncode == 0
        return output

    straight = run(10, "-", "-")
    run(5, tmp_path / "half", "-")
    assert run(5, "-", tmp_path / "half") == straight


def test_an_array_named_as_the_metadata_is(tmp_path):
    ag.save({"__metadata__": np.ones(2)}, tmp_path / "file")
    np.testing.assert_array_equal(ag.load(tmp_path / "file")["__metadata__"], np.ones(2))
