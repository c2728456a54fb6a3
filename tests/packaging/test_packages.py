"""The lists in pyproject.toml hold all that is there, and importing stays light."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import patchpact


@pytest.fixture(scope="module")
def pyproject(repository: Path) -> dict:
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folders(pyproject: dict) -> dict[str, str]:
    """Package -> folder, from the folders that have an ``__init__.py``."""
    root = Path(__file__).resolve().parents[2]
    found = {}
    for top in ("patchpact", "scenarios", "agents", "envs", "ecosystem", "training"):
        for file in (root / top).rglob("__init__.py"):
            folder = file.parent.relative_to(root).as_posix()
            dotted = folder.replace("/", ".")
            found[dotted if top == "patchpact" else f"patchpact.{dotted}"] = folder
    return found


def test_every_package_is_listed(pyproject: dict, folders: dict[str, str]) -> None:
    listed = pyproject["tool"]["setuptools"]["packages"]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(folders)


def test_every_package_has_its_folder(pyproject: dict, folders: dict[str, str]) -> None:
    assert pyproject["tool"]["setuptools"]["package-dir"] == folders


def test_no_code_outside_packages(repository: Path, folders: dict[str, str]) -> None:
    for top in ("patchpact", "scenarios", "agents", "envs", "ecosystem", "training"):
        for file in (repository / top).rglob("*.py"):
            folder = file.parent.relative_to(repository).as_posix()
            assert folder in folders.values(), f"{folder} has no __init__.py: it would be missing from the wheel"


def test_constraints_are_exact_and_complete(pyproject: dict, repository: Path) -> None:
    pins = {}
    for line in (repository / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)", line)
            assert match, f"constraints.txt: {line!r} is not name==version"
            pins[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    project = pyproject["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    for need in [Requirement(text) for texts in lists for text in texts]:
        pin = pins.get(re.sub(r"[-_.]+", "-", need.name).lower())
        assert pin is not None, f"constraints.txt has no {need.name}"
        assert need.specifier.contains(Version(pin)), f"constraints.txt: {need.name}=={pin} is not {need.specifier}"


def test_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", patchpact.__version__)
    try:
        assert version("patchpact") == patchpact.__version__
    except PackageNotFoundError:
        pytest.skip("not installed")


@pytest.mark.parametrize("name", patchpact.__all__)
def test_public_names(name: str) -> None:
    assert getattr(patchpact, name) is not None
    assert name in dir(patchpact)


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = patchpact.nothing


def loaded_by(statement: str, folder: Path) -> tuple[set[str], float]:
    """Top-level modules in a fresh process after a statement, and the statement's seconds."""
    code = f"""
import json, sys, time
start = time.perf_counter()
{statement}
took = time.perf_counter() - start
print(json.dumps([sorted({{name.split('.')[0] for name in sys.modules}}), took]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    names, took = json.loads(done.stdout)
    return set(names), took


def test_import_is_light(tmp_path: Path) -> None:
    names, took = loaded_by("import patchpact", tmp_path)
    assert not names & {"ray", "torch", "numba", "matplotlib", "pandas"}
    assert took < 1.0


@pytest.mark.parametrize("room", ["scenarios", "agents.roles", "envs", "agents.policies", "training"])
def test_rooms_need_neither_ray_nor_torch(room: str, tmp_path: Path) -> None:
    names, _ = loaded_by(f"import patchpact.{room}", tmp_path)
    assert not names & {"ray", "torch"}
