"""YAML files that come with the package, or that a user has: suites and study designs."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from patchpact.scenarios import ScenarioError
from patchpact.scenarios.errors import closest
from patchpact.scenarios.files import read_text


def ids(folder: str) -> tuple[str, ...]:
    """Names of the files in this folder of ``patchpact.training``, without ending."""
    return tuple(sorted(file.stem for file in _home(folder).glob("*.yaml")))


def find(name: str | Path, folder: str, kind: str) -> tuple[str, str, Path]:
    """A bundled file by its id, or a YAML file by its path.

    Returns:
        Its text, what errors call it, and the folder that it lies in.

    Raises:
        ScenarioError: one line that names what was asked for, as a ``kind``.
    """
    given, path = str(name), Path(name)
    if given in ids(folder):
        path = _home(folder) / f"{given}.yaml"
        return read_text(path, path.name), path.name, path.parent
    if path.suffix not in (".yaml", ".yml"):
        raise ScenarioError(given, kind, f"no such {kind}", closest(given, ids(folder)))
    return read_text(path, given), given, path.resolve().parent


def _home(folder: str) -> Path:
    return Path(str(resources.files("patchpact.training"))) / folder
