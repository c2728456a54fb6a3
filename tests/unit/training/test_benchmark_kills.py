"""A benchmark that is killed again and again ends with the rows of one that was left alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from patchpact.training.benchmark import benchmark

pytestmark = pytest.mark.slow

KILLS = 100
POLICIES = ("do-nothing", "random", "net-gain", "cvss-first", "epss-first+stop", "risk-per-cost", "myopic-selfish")
SUITE = """
id: kills
title: Toys
description: For tests.
train_seeds: {{first: 100000, count: 10}}
validation_seeds: {{first: 200000, count: 10}}
test_seeds: {{first: 0, count: {count}}}
stories: [net-gain, random]
tracks:
- name: toys
  description: Toys of several lengths.
  worlds:
  - {{scenario: toy-v1}}
  - {{scenario: toy-v1, label: two, set: {{windows: 2}}}}
  - {{scenario: toy-v1, label: four, set: {{windows: 4}}}}
"""
PROGRAM = """
import sys
from patchpact.training.benchmark import benchmark

if __name__ == "__main__":
    print("ready", flush=True)
    benchmark(sys.argv[1], sys.argv[4:], sys.argv[2], jobs=int(sys.argv[3]), command="killed")
"""


def rows(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "episodes").sort_values(["scenario", "policy", "seed"]).reset_index(drop=True)


def start(program: Path, suite: Path, out: Path, jobs: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(program), str(suite), str(out), str(jobs), *POLICIES]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def end_of(process: subprocess.Popen[str], patience: float) -> int | None:
    try:
        return process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        return None


def kept(folder: Path) -> dict[str, int]:
    """Complete files with the time they were written."""
    return {file.name: file.stat().st_mtime_ns for file in (folder / "episodes").glob("*.parquet")}


@pytest.mark.parametrize(("jobs", "kills"), [(1, KILLS - 15), (2, 15)])
def test_killed_at_any_moment_no_row_is_lost_or_repeated(tmp_path: Path, jobs: int, kills: int) -> None:
    """SIGKILL at random moments; pieces once complete are never written again."""
    suite, program = tmp_path / "kills.yaml", tmp_path / "program.py"
    # Enough pieces that a kill nearly always meets work: some 40 for each policy.
    suite.write_text(SUITE.format(count=900), encoding="utf-8")
    program.write_text(PROGRAM, encoding="utf-8")
    whole = rows(benchmark(suite, POLICIES, tmp_path / "whole", command="left alone"))
    out = tmp_path / "out"
    moments = random.Random(5)
    struck, reached = 0, dict[str, int]()
    for attempt in range(kills):
        process = start(program, suite, out, jobs)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        ended = end_of(process, moments.uniform(0.0, 0.35 if jobs == 1 else 4.0))
        if ended is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            struck += 1
            time.sleep(0.0 if jobs == 1 else 0.8)  # its workers see within half a second that it is gone
        else:
            assert ended == 0, process.stderr.read() if process.stderr else ""
        now = kept(out) if out.exists() else {}
        for name, written in reached.items():
            assert now[name] == written, f"{name} was lost or written again after kill {attempt}"
        reached = now
        # Whatever is there is whole, and none of it twice.
        if reached:
            found = rows(out)
            assert not found.duplicated(["scenario", "policy", "seed"]).any()
    assert struck > kills // 2, "hardly any kill met work; make the runs longer"
    last = start(program, suite, out, jobs)
    assert last.wait(timeout=300) == 0, last.stderr.read() if last.stderr else ""
    pd.testing.assert_frame_equal(rows(out), whole)
    assert not [*out.rglob("*.new"), *out.rglob("*.part")]
    assert sorted(file.name for file in (out / "stories").iterdir()) == sorted(
        file.name for file in (tmp_path / "whole" / "stories").iterdir()
    )
