"""The demonstration and the command line: `python -m autograd_nn demo`, the digits it reads and the check it makes."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from matplotlib.colors import to_rgb

import autograd_nn as ag
from autograd_nn import demo
from autograd_nn.__main__ import COMMANDS, main
from autograd_nn.data.digits import load_digits, split_digits
from autograd_nn.demo.curve import TEST, TRAIN
from autograd_nn.demo.network import evaluate

ROOT = Path(__file__).resolve().parent.parent


def python(*arguments, cwd):
    """Run Python on this checkout. One thread for matrix products: on a busy machine more of them wait for each other."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)


def accuracy(output):
    return float(re.search(r"^Accuracy +([\d.]+)%", output, re.MULTILINE)[1]) / 100


# ---- the whole of it -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The demonstration as a user runs it, in an empty directory."""
    directory = tmp_path_factory.mktemp("demo")
    return directory, python("-m", "autograd_nn", "demo", cwd=directory)


def test_demo_succeeds_and_reads_the_digits(finished):
    _, run = finished
    assert run.returncode == 0, run.stderr
    assert 0.985 <= accuracy(run.stdout) < 1.0
    assert "1,438 images to learn from, 359 held out" in run.stdout
    assert re.search(r"Gradients   (PASS|KINK), .*; worst relative error \d\.\de-\d\d", run.stdout)


def test_demo_shows_its_progress(finished):
    _, run = finished
    assert "25/25" in run.stderr and "loss" in run.stderr and "test accuracy" in run.stderr


def test_demo_draws_the_training_curve(finished):
    directory, run = finished
    assert sorted(p.name for p in directory.iterdir()) == [
        "digits.safetensors", "graph.html", "graph.svg", "training_curve.png",
    ]  # fmt: skip
    assert "Picture     training_curve.png" in run.stdout
    picture = image.imread(directory / "training_curve.png")[..., :3]
    assert picture.shape == (960, 1200, 3)
    for color in (TRAIN, TEST):  # both lines are there, in both halves
        close = np.abs(picture - to_rgb(color)).max(-1) < 0.02
        assert close[:480].sum() > 500 and close[480:].sum() > 500


def test_demo_saves_weights_that_read_the_digits(finished):
    directory, run = finished
    model = demo.DigitReader()
    model.load_state_dict(ag.load(directory / "digits.safetensors"))
    assert evaluate(model, split_digits()[1])[1] == pytest.approx(accuracy(run.stdout), abs=1e-4)


# ---- its options ---------------------------------------------------------------------------------------------------


def test_the_seed_decides_everything(tmp_path):
    def results(seed):
        arguments = [
            "-m",
            "autograd_nn",
            "demo",
            "--quiet",
            "--epochs",
            "2",
            "--seed",
            seed,
            "--output",
            f"{tmp_path}/made/here",
        ]
        run = python(*arguments, cwd=tmp_path)
        assert run.returncode == 0 and run.stderr == ""
        kept = [line for line in run.stdout.splitlines() if not line.startswith("Trained")]  # which tells the time
        return kept, (tmp_path / "made" / "here" / "training_curve.png").read_bytes()

    first, again, other = results("3"), results("3"), results("4")
    assert first == again
    assert first != other
    assert accuracy("\n".join(first[0])) > 0.85


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_an_output_that_cannot_be_written_is_refused_before_training(tmp_path, capsys, place):
    (tmp_path / "file").write_text("in the way")
    assert main(["demo", "--output", str(tmp_path / place)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"autograd_nn demo: cannot write to {tmp_path / place}: ")


def test_a_picture_that_cannot_be_saved_is_said_and_loses_nothing(tmp_path, capsys, monkeypatch):
    def full(history, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo, "save_curve", full)
    assert main(["demo", "--quiet", "--epochs", "1", "--output", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "Gradients" in said.out and "No space left on device" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--epochs", "0"], "argument --epochs: '0' is not a whole number above 0"),
        (["demo", "--epochs", "many"], "argument --epochs: 'many' is not a whole number above 0"),
        (["demo", "--seed", "-1"], "argument --seed: "),
        (["demo", "--seed", str(1 << 64)], "is not a whole number from 0 to 2^64 - 1"),
        (["demo", "--epoch-count", "3"], "unrecognized arguments: --epoch-count"),
        (["demonstrate"], "invalid choice: 'demonstrate'"),
    ],
)
def test_bad_requests(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_interrupted(tmp_path, capsys, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(demo, "train", interrupted)
    assert main(["demo", "--quiet", "--output", str(tmp_path)]) == 130
    assert capsys.readouterr().err.strip() == "Interrupted."
    assert list(tmp_path.iterdir()) == []


# ---- the command line around it ------------------------------------------------------------------------------------


def test_help_lists_every_command(tmp_path):
    asked, nothing_given = (
        python("-m", "autograd_nn", "--help", cwd=tmp_path),
        python("-m", "autograd_nn", cwd=tmp_path),
    )
    assert asked.returncode == nothing_given.returncode == 0
    assert asked.stdout == nothing_given.stdout
    for name in COMMANDS:
        assert re.search(rf"^ +{name} ", asked.stdout, re.MULTILINE)


def test_help_of_a_command(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["demo", "--help"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    assert all(option in said for option in ("--epochs", "--seed", "--output", "--quiet"))


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"autograd_nn {ag.__version__}\n"


def test_nothing_heavy_is_imported_unasked(tmp_path):
    program = """
        import sys, autograd_nn
        from autograd_nn.__main__ import main
        main([])
        loaded = {"matplotlib", "tqdm", "numba", "autograd_nn.demo"} & set(sys.modules)
        sys.exit(f"loaded: {loaded}" if loaded else 0)
    """
    run = python("-c", "\n".join(line.strip() for line in program.splitlines()), cwd=tmp_path)
    assert run.returncode == 0, run.stderr


# ---- the gradient check --------------------------------------------------------------------------------------------


def relu_with_slope(factor):
    @ag.op(kind="elementwise")
    def relu(x, /):
        return np.maximum(x, 0)

    return relu.vjp(x=lambda g, out: factor * g * (out > 0))


@pytest.mark.parametrize("factor", [1.0001, 0.0, -1.0])
def test_a_wrong_derivative_fails_the_demo(factor, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ag.nn.functional, "relu", relu_with_slope(factor))
    assert main(["demo", "--quiet", "--epochs", "1", "--output", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "Gradients   FAIL" in said
    assert "relu" in said  # the report names it
    assert (tmp_path / "training_curve.png").exists()


def test_weights_that_became_nan_fail_the_demo(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ag.nn.functional, "relu", relu_with_slope(np.nan))
    assert main(["demo", "--quiet", "--epochs", "1", "--output", str(tmp_path)]) == 1
    assert not re.search("Gradients   (PASS|KINK)", capsys.readouterr().out)


def test_a_right_derivative_in_its_place_passes(tmp_path, monkeypatch):
    monkeypatch.setattr(ag.nn.functional, "relu", relu_with_slope(1.0))
    assert main(["demo", "--quiet", "--epochs", "1", "--output", str(tmp_path)]) == 0


# ---- the digits ----------------------------------------------------------------------------------------------------


def test_digits_are_all_there():
    images, labels = load_digits()
    assert (images.shape, images.dtype, images.min(), images.max()) == ((1797, 8, 8), np.float32, 0.0, 1.0)
    assert (labels.shape, labels.dtype) == ((1797,), np.int64)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    original = (images * 16).astype(np.uint8).tobytes() + labels.astype(np.uint8).tobytes()
    # Taken of scikit-learn's copy: sha256 of the images and then the labels as 8-bit integers.
    assert hashlib.sha256(original).hexdigest() == "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"


def test_the_held_out_fifth():
    (images, labels), (test_images, test_labels) = split_digits()
    assert (len(labels), len(test_labels)) == (1438, 359)
    counts, test_counts = np.bincount(labels), np.bincount(test_labels)
    assert np.all(np.abs(test_counts - (counts + test_counts) / 5) < 0.5)
    parts = np.concatenate([images, test_images])  # together they are the whole, each image once
    key = lambda stack: sorted(image.tobytes() for image in stack)
    assert key(parts) == key(load_digits().images)
    for first, again in zip(
        (images, labels, test_images, test_labels), (*split_digits()[0], *split_digits()[1]), strict=True
    ):
        np.testing.assert_array_equal(first, again)


def test_the_digits_say_where_they_are_from():
    text = (ROOT / "autograd_nn" / "data" / "digits-attribution.txt").read_text()
    for needed in (
        "Alpaydin",
        "Kaynak",
        "10.24432/C50P49",
        "https://creativecommons.org/licenses/by/4.0/",
        "What was changed",
    ):
        assert needed in text
