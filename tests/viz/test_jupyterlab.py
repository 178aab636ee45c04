"""JupyterLab itself, where it is installed: an untrusted notebook shows the static picture, a trusted one the viewer."""

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request

import browser
import pytest

import autograd_nn as ag

LAB = shutil.which("jupyter-lab")
pytestmark = [
    browser.needed,
    pytest.mark.skipif(LAB is None, reason="JupyterLab is not installed (pip install jupyterlab)"),
]


@pytest.fixture(scope="module")
def lab(records, tmp_path_factory):
    """The address of a server of two notebooks with a picture in each: one trusted, the other not."""
    nbformat = pytest.importorskip("nbformat")
    folder = tmp_path_factory.mktemp("lab")
    bundle, _ = ag.graph(records("mlp")[0])._repr_mimebundle_()
    output = nbformat.v4.new_output("execute_result", bundle, execution_count=1)
    for name in ("trusted", "untrusted"):
        cells = [
            nbformat.v4.new_code_cell("g", outputs=[output], execution_count=1),
            nbformat.v4.new_markdown_cell(name),
        ]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}  # or JupyterLab asks for one
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / f"{name}.ipynb")
    places = ("DATA", "CONFIG", "RUNTIME")
    env = {**os.environ, **{f"JUPYTER_{place}_DIR": str(folder / f".{place.lower()}") for place in places}}
    trust = [LAB.replace("jupyter-lab", "jupyter-trust"), str(folder / "trusted.ipynb")]
    subprocess.run(trust, env=env, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", "--IdentityProvider.token=", "--ServerApp.ip=127.0.0.1"]
    options += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([LAB, *options], env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        for _ in range(120):
            assert server.poll() is None, (folder / "log").read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/lab/tree"
    finally:
        server.terminate()
        server.wait(30)


def outputs(page):
    """The HTML of a page's cell outputs, and of how many images and viewers."""
    images = re.findall(r"<img[^>]*data:image/svg[^>]*>", page)
    return images, page.count('class="ag-viewer"')


def test_an_untrusted_notebook_shows_the_static_picture(lab, tmp_path):
    flags = ("--window-size=1300,1000", "--virtual-time-budget=30000")
    page, complaints = browser.visit(f"{lab}/untrusted.ipynb?reset", tmp_path / "a", *flags, "--dump-dom")
    images, viewers = outputs(page)
    assert (len(images), viewers) == (1, 0), complaints[-2000:]
    assert "onload" not in images[0]
    from PIL import Image

    shot = tmp_path / "shot.png"
    browser.visit(f"{lab}/untrusted.ipynb?reset", tmp_path / "b", *flags, f"--screenshot={shot}")
    with Image.open(shot) as picture:
        counts = {colour: n for n, colour in picture.convert("RGB").getcolors(1 << 22)}
    assert counts[0xD9, 0xEC, 0xD3] > 500  # parameters are green, and are seen


def test_a_trusted_notebook_shows_the_viewer(lab, tmp_path):
    flags = ("--window-size=1300,1000", "--virtual-time-budget=30000", "--dump-dom")
    page, complaints = browser.visit(f"{lab}/trusted.ipynb?reset", tmp_path / "a", *flags)
    assert outputs(page) == ([], 1), complaints[-2000:]
    assert page.count("data-box=") == 5
