"""What a user is told who mistakes something: the operation or layer, what was given, and the likely fix."""

import pickle
import zipfile

import pytest

import autograd_nn as ag
from autograd_nn import nn


class Net(nn.Module):
    def __init__(self):
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(10, 4))

    def forward(self, x):
        return self.features(x)


net = Net()
WRONG_FEATURES = r"7 in its last axis.*takes 10 features[\s\S]*\(2, 7\)[\s\S]*\(4, 10\)[\s\S]*in module Net.features.1"
MISTAKES = [
    (lambda: net(ag.ones((2, 7))), ValueError, WRONG_FEATURES),
    (lambda: nn.Linear(10, 4)(None), TypeError, "the input.* is None; does a forward before it return"),
    (lambda: nn.Linear(10, 4)("text"), TypeError, "is a str\n  in module Linear"),
    (lambda: net(ag.ones((2, 10), dtype=int)), TypeError, r"is int64 and the weight float32; pass x.astype"),
    (lambda: nn.Linear(10.0, 4), TypeError, r"\(4, 10.0\): its lengths are whole numbers, not float"),
    (lambda: nn.Linear(-1, 4), ValueError, "no length is negative"),
    (lambda: nn.Conv2d(3, 8, (3, 3, 3)), ValueError, r"\(3, 3, 3\) is to be one number, or one for each of 2"),
    (lambda: nn.Sequential([nn.ReLU()]), TypeError, r"is a list; unpack it: Sequential\(\*layers\)"),
    (lambda: nn.Sequential(nn.ReLU), TypeError, r"is the class ReLU; make one"),
    (lambda: net.to("cuda"), ValueError, "computes on the cpu"),
    (lambda: nn.Linear(2, 2, device="cuda"), ValueError, "computes on the cpu"),
    (lambda: ag.optim.Adam(net), TypeError, r"are a Net, no list of Tensors; pass its parameters\(\)"),
    (lambda: ag.optim.Adam(3), TypeError, "are an int, no list of Tensors$"),
    (lambda: ag.data.DataLoader(3), TypeError, r"the dataset \(int\) has neither"),
    (lambda: net.load_state_dict({"model": {}, "epoch": 3}), RuntimeError, r"'model' \(which is a mapping: is it the"),
    (lambda: nn.ModuleList([nn.ReLU()])(1), NotImplementedError, "ModuleList defines no forward"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "kind", "words"), MISTAKES)
def test_it_is_said_what_is_wrong(mistake, kind, words):
    with pytest.raises(kind, match=words):
        mistake()


def test_everything_that_a_state_has_wrong_is_said_at_once():
    state = {**net.state_dict(), "features.1.wieght": ag.ones((4, 10)), "features.1.bias": ag.ones(5)}
    del state["features.1.weight"]
    with pytest.raises(RuntimeError) as found:
        net.load_state_dict(state)
    assert str(found.value).splitlines()[1:] == [
        "  unexpected 'features.1.wieght' (did you mean 'features.1.weight'?)",
        "  missing 'features.1.weight'",
        "  'features.1.bias' has shape (5,) in the state, (4,) in the module",
    ]


def zipped(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"")


OTHERS = {
    "torch.save's": (zipped, "torch.save writes; in PyTorch, safetensors.torch.save_file"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "it is a pickle.*never opened"),
    "NumPy's": (lambda path: path.write_bytes(b"\x93NUMPY" + bytes(50)), "np.load reads it"),
    "Keras's": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)), "h5py"),
    "empty": (lambda path: path.write_bytes(b""), "it is empty"),
    "text": (lambda path: path.write_text("hello " * 20), "no whole safetensors file"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_file_of_another_kind_is_named_and_what_to_do_with_it(kind, tmp_path):
    write, words = OTHERS[kind]
    path = tmp_path / "model.pt"
    write(path)
    with pytest.raises(ValueError, match=words):
        ag.load(path)


def test_a_path_that_cannot_be_written(tmp_path, monkeypatch):
    def refused(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(PermissionError, match=r"save: .*model.safetensors cannot be written: Permission denied"):
        ag.save({"a": ag.ones(1)}, tmp_path / "model.safetensors")


def test_labels_that_are_no_integers_are_told_to_be():
    with pytest.raises(ValueError, match=r"labels are integers, target\.astype\('int64'\)"):
        nn.CrossEntropyLoss()(ag.ones((2, 3)), ag.tensor([0.0, 2.0]))


@pytest.mark.parametrize("name", ["zeros", "ones", "empty"])
@pytest.mark.parametrize("second", [0, 3])
def test_a_shape_in_several_arguments(name, second):
    with pytest.raises(TypeError, match=rf"{name}: the shape is one argument, a tuple: {name}\(\(2, {second}\)\)"):
        getattr(ag, name)(2, second)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_padding_that_keeps_the_size_has_no_stride(axes):
    kind = getattr(nn, f"Conv{axes}d")
    with pytest.raises(ValueError, match=r"padding 'same' needs stride 1"):
        kind(3, 8, 3, stride=2, padding="same")
    assert kind(3, 8, 3, stride=1, padding="same")(ag.ones((1, 3, *[5] * axes))).shape == (1, 8, *[5] * axes)
