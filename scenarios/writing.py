"""Writing files so that a kill or a full disk at any moment leaves the old content or the new one, never a part."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(file: Path, private: bool = False) -> Iterator[IO[bytes]]:
    """A stream whose content replaces ``file`` in one step once it is on the disk, or not at all.

    Several may write the same file at once: one of them is last. A link keeps its place, what it points to is replaced.
    What a kill leaves beside it ends in ``.new``.

    Args:
        file: need not exist; its folder must.
        private: only its owner may read it.

    Raises:
        OSError: it cannot be written; it is as it was.
    """
    file = Path(os.path.realpath(file))
    beside = file.with_name(f".{file.name[:100]}.{threading.get_native_id()}.new")
    try:
        with open(beside, "wb", opener=lambda name, flags: os.open(name, flags, 0o600 if private else 0o666)) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)  # the renaming itself, too
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def replace_text(file: Path, text: str, private: bool = False) -> None:
    """Replace ``file`` by ``text`` in UTF-8, as ``replacing`` does."""
    with replacing(file, private) as stream:
        stream.write(text.encode("utf-8"))
