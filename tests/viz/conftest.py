"""The gallery's records, each made once."""

import functools
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import gallery


@functools.cache
def _made(name):
    return gallery.records()[name]()


@pytest.fixture(scope="session")
def records():
    """records(name) -> (record, model)."""
    return _made
