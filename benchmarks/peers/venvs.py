"""A virtual environment for each peer, kept between runs, apart from the project's own."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = HERE.parents[1] / "build" / "peers"
MARK = ".installed"
SECONDS_TO_INSTALL = 1800


class NotInstalled(RuntimeError):
    """Why a peer is not there, in a line."""


def requirements(name: str) -> Path:
    """The peer's pinned requirements."""
    return HERE / "requirements" / f"{name}.txt"


def install(name: str, home: Path = HOME) -> Path:
    """The interpreter of the peer's environment, set up first if its requirements are new.

    Raises:
        NotInstalled: pip did not find or could not build what is asked for.
    """
    file = requirements(name)
    wanted = hashlib.sha256(file.read_bytes() + sys.version.encode()).hexdigest()
    folder = home / name
    python = folder / "bin" / "python"
    mark = folder / MARK
    if python.exists() and mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
        return python
    venv.EnvBuilder(clear=True, with_pip=True).create(folder)
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--no-compile",
        "-r",
        str(file),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_INSTALL, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"pip took longer than {SECONDS_TO_INSTALL} s") from None
    if done.returncode:
        raise NotInstalled(reason(done.stderr))
    mark.write_text(wanted, encoding="utf-8")
    return python


def look_up(name: str) -> str:
    """What pip answers to a peer that has no driver here, as none of its releases is on the package index.

    Nothing is installed, and no code of a package runs: whoever takes the free name must not get in by this.
    """
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--dry-run", "--no-deps"]
    command += ["--only-binary=:all:", "--ignore-installed", "-r", str(requirements(name))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_INSTALL, check=False)
    return (
        reason(done.stderr) if done.returncode else "the name is on the package index now, but nothing here measures it"
    )


def reason(text: str) -> str:
    """The line of pip's (or a program's) complaint that says why, without addresses and places of this machine."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:") or re.match(r"[\w.]*(Error|Exception)\b", line)]
    chosen = (errors or lines or ["no word why"])[0 if errors and errors[0].startswith("ERROR:") else -1]
    chosen = re.sub(r"\w+://\S+", "(address)", chosen.removeprefix("ERROR: "))
    chosen = re.sub(r"(?<![\w.])/[\w./+-]+", "(path)", chosen)
    return chosen if len(chosen) <= 200 else chosen[:199] + "…"
