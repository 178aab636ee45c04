"""Writing a file so that a failure loses nothing: beside it first, then in its place."""

from __future__ import annotations

import os
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
    beside = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    except OSError as error:
        raise type(error)(f"save: cannot write {str(path)!r}: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
    return path
