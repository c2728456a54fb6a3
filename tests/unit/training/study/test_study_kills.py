"""A study with real trainings that is killed and goes on ends with the rows of one that was left alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tiny import TINY

pytestmark = pytest.mark.slow

PATIENCE_S = 900.0
PROGRAM = """
import sys
from patchpact.training.study.design import load_design
from patchpact.training.study.runner import run_study

if __name__ == "__main__":
    run_study(load_design(sys.argv[1]), "small", sys.argv[2], jobs=int(sys.argv[3]), command="killed")
"""


@pytest.fixture
def design(tmp_path: Path) -> Path:
    """Three arms, eight iterations a training."""
    text = re.sub(r"- \{name: (no-value|no-governance|half),.*\n", "", TINY)
    text = re.sub(r"  pilot:\n(?:    .*\n)+", "", text)  # it names arms that are not there now
    file = tmp_path / "tiny.yaml"
    file.write_text(text.replace("timesteps: 64, draws: 4}", "timesteps: 256, draws: 4}"), encoding="utf-8")
    return file


def start(design: Path, out: Path, jobs: int = 1) -> subprocess.Popen[bytes]:
    program = design.with_name("program.py")
    program.write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, str(program), str(design), str(out), str(jobs)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)


def until(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    last = time.monotonic() + PATIENCE_S
    while not reached():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < last
        time.sleep(0.02)


def finish(process: subprocess.Popen[bytes]) -> None:
    status = process.wait(timeout=PATIENCE_S)
    assert status == 0, process.stderr.read() if process.stderr else ""


def trained(out: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in (out / "episodes").glob("*__learned__*.parquet")}


def test_killed_in_a_training_and_between_trainings(design: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    finish(start(design, whole))
    process = start(design, out)
    until(process, lambda: bool(list(out.glob("runs/*/checkpoints/last/state.json"))))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not trained(out), "the kill came too late to meet a training"
    process = start(design, out)
    until(process, lambda: len(trained(out)) == 1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = trained(out)
    finish(start(design, out))
    after = trained(out)
    assert len(after) == 3 and before.items() <= after.items()
    names = sorted(file.name for file in (whole / "episodes").iterdir())
    assert sorted(file.name for file in (out / "episodes").iterdir()) == names
    for name in names:
        assert pq.read_table(out / "episodes" / name).equals(pq.read_table(whole / "episodes" / name)), name
    assert not list(out.glob("runs/*/checkpoints")) and list(out.glob("runs/*/policy/*.safetensors"))
    # The arms that differ in nothing that counts trained to the same policy: seeds pair them.
    alike = [pq.read_table(out / "episodes" / f"{arm}__toy__learned__00.parquet") for arm in ("full", "placebo")]
    assert alike[0]["welfare_keur"].equals(alike[1]["welfare_keur"])


@pytest.mark.parametrize("spread", ["jobs", "ray"])
def test_spread_over_processes_and_over_ray(design: Path, tmp_path: Path, spread: str) -> None:
    from patchpact.cli.main import main

    out = tmp_path / "out"
    command = ["study", str(design), "--small", "--out", str(out), "--jobs", "2", "--json"]
    status = subprocess.run(
        [sys.executable, "-m", "patchpact", *command, *(["--ray"] if spread == "ray" else [])],
        capture_output=True,
        timeout=PATIENCE_S,
        text=True,
        check=False,
    )
    assert status.returncode == 0, status.stderr
    assert '"undecided"' in status.stdout
    assert len(trained(out)) == 3 and (out / "report.html").is_file()
    assert main(["study", str(design), "--report", str(out)]) == 0
