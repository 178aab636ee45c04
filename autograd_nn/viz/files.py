"""Writing a file so that a failure loses nothing: beside it first, then in its place."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(path: Path, content: bytes) -> Path:
    """Write content to the path; what was there stays until the new file is complete.

    Raises OSError, with the path and a likely fix, if it cannot be written.
    """
    directory = path.parent
    if not directory.is_dir():
        raise FileNotFoundError(
            f"save: the directory {str(directory)!r} does not exist, so {path.name!r} cannot be written there"
        )
    if path.is_dir():
        raise IsADirectoryError(f"save: {str(path)!r} is a directory; give the path of a file")
    try:
        descriptor, beside = tempfile.mkstemp(dir=directory, prefix=path.name, suffix=".partial")
    except OSError as error:
        raise type(error)(f"save: cannot write to {str(directory)!r}: {error.strerror or error}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return path
