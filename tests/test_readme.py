"""The README's programs run, and print what they say."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: re.sub(r"\W+", "-", p.strip().splitlines()[-1])[:30])
def test_programs_run(program, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed
    accuracy = re.search(r"accuracy ([\d.]+)", printed)
    assert accuracy is None or float(accuracy[1]) > 0.95


def test_there_are_programs_and_commands():
    assert len(PROGRAMS) == 8
    assert len(re.findall(r"^python -m pip install .*", README, re.MULTILINE)) == 2
