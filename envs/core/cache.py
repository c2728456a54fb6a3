"""Where compiled code is kept between processes.

Numba checks only the file that holds a cached function, not the functions it calls. The kernels' cache therefore
lies in a folder named after what they are made of: sources and library versions. Parameters need no mention: their
names and types are part of the arrays' types, which Numba checks, and their values are data.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy as np

_DAYS_KEPT = 30


def fingerprint() -> str:
    """A name for this state of the sources and libraries."""
    package = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for folder in ("envs/core", "agents/roles"):
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_root() -> Path:
    """``PATCHPACT_CACHE_DIR``, else ``patchpact`` in the user's cache folder, else a temporary one."""
    chosen = os.environ.get("PATCHPACT_CACHE_DIR")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "patchpact"
    for root in (Path(chosen) if chosen else base, Path(tempfile.gettempdir()) / f"patchpact-{os.getuid()}"):
        try:
            root.mkdir(parents=True, exist_ok=True)
            probe = root / f".write-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError:
            continue
        return root
    return Path(tempfile.mkdtemp(prefix="patchpact-"))


def _forget_old(root: Path, current: Path) -> None:
    limit = time.time() - _DAYS_KEPT * 86400
    for folder in root.glob("kernels-*"):
        if folder != current and folder.stat().st_mtime < limit:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def kernel_cache() -> Iterator[None]:
    """Functions decorated with ``cache=True`` inside keep their code in patchpact's own folder."""
    root = cache_root()
    folder = root / f"kernels-{fingerprint()}"
    folder.mkdir(exist_ok=True)
    os.utime(folder)
    _forget_old(root, folder)
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before
