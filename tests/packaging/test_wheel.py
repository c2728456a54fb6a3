"""The built wheel, installed into an empty folder, works without the repository."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def run(*command: str, **kwargs: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr[-2000:]
    return str(done.stdout)


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build leaves files beside the sources, and takes old ones up."""
    copy = tmp_path_factory.mktemp("source") / "patchpact"
    skip = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "runs", "*.egg-info", "tests", "notebooks")
    shutil.copytree(repository, copy, ignore=skip)
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy))
    (file,) = out.glob("patchpact-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose first place for modules is the installed wheel."""
    target = tmp_path_factory.mktemp("installed")
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(target),
        str(wheel),
    )
    return {**os.environ, "PYTHONPATH": str(target), "PYTHONSAFEPATH": "1"}


def test_every_file_is_in_the_wheel(wheel: Path, repository: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for top in ("patchpact", "scenarios", "agents", "envs", "ecosystem", "training"):
        for file in (repository / top).rglob("*"):
            if file.is_dir() or "__pycache__" in file.parts:
                continue
            path = file.relative_to(repository).as_posix()
            assert (path if top == "patchpact" else f"patchpact/{path}") in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "notebooks/", "scenarios/", "envs/")) for name in names)


def test_scenarios_load_from_outside(installed: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import patchpact, patchpact.scenarios as s; assert s.scenario_ids();"
        "print(patchpact.__file__, s.__file__, *[len(s.load_scenario(i).patches) for i in s.scenario_ids()])"
    )
    package, scenarios, *patches = run(sys.executable, "-c", code, env=installed, cwd=tmp_path).split()
    assert package.startswith(installed["PYTHONPATH"])
    assert scenarios.startswith(installed["PYTHONPATH"])
    assert all(int(count) > 0 for count in patches)


def test_an_episode_runs_from_outside(installed: dict[str, str], tmp_path: Path) -> None:
    code = """
import patchpact
env = patchpact.make("toy-v1")
observations, infos = env.reset(seed=1)
while env.agents:
    actions = {agent: int(seen["action_mask"].argmax()) for agent, seen in observations.items()}
    observations, rewards, terminations, truncations, infos = env.step(actions)
print("ended")
"""
    assert run(sys.executable, "-c", code, env=installed, cwd=tmp_path).split() == ["ended"]


def test_the_command_line_runs_from_outside(installed: dict[str, str], tmp_path: Path) -> None:
    listed = run(sys.executable, "-m", "patchpact", "scenarios", env=installed, cwd=tmp_path)
    assert "boutique-v1" in listed
