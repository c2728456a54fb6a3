"""The files that commands write: named wrongly they are told before the work, written they are whole."""

from __future__ import annotations

import errno
from collections.abc import Collection
from pathlib import Path

from patchpact.cli.arguments import UsageError


def out_file(name: str, suffixes: Collection[str], option: str = "--out") -> Path:
    """The file to write. Raises ``UsageError`` for another suffix, a folder, or one in a folder that is not there."""
    path = Path(name)
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{option} {name}: is no {' or '.join(suffixes)} file; name one")
    if path.is_dir():
        raise UsageError(f"{option} {name}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"{option} {name}: no folder {path.parent}; make it first")
    return path


def write_file(path: Path, text: str) -> None:
    """Replace the file by the text in one step, or leave it as it was.

    Raises:
        UsageError: one line, for a full disk or a folder that cannot be written.
    """
    from patchpact.scenarios.writing import replace_text

    try:
        replace_text(path, text)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        reason = "no space left on the disk" if full else (error.strerror or str(error))
        mend = "make room and run it again" if full else "check the folder's permissions, or name another"
        raise UsageError(f"{path}: cannot be written ({reason}); nothing was changed; {mend}") from None
