"""Pieces of work over processes: what a death loses, and when it is given up."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from patchpact.scenarios.machine import cores
from patchpact.training import jobs
from patchpact.training.folder import RunError

# The processes import what they do by name, and tests are no importable package: a module of its own.
PIECES = '''"""Pieces of work."""

import os


def work(place, piece):
    """Leaves a mark; the piece ``once`` kills its process the first time, ``always`` every time."""
    with (place / piece).open("a") as stream:
        stream.write("x")
    if piece == "always" or (piece == "once" and (place / piece).read_text() == "x"):
        os._exit(9)
    if piece == "bad":
        raise ValueError("bad piece")


def say_threads(place, piece):
    """Writes how many threads torch takes."""
    import torch

    (place / piece).write_text(str(torch.get_num_threads()))
'''


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """What a process does with a piece, its marks in ``tmp_path``."""
    (tmp_path / "pieces_of_jobs.py").write_text(PIECES, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(jobs, "PAUSE_S", 0.0)
    yield partial(importlib.import_module("pieces_of_jobs").work, tmp_path)
    del sys.modules["pieces_of_jobs"]


def test_a_process_that_dies_is_replaced_and_its_piece_done_again(tmp_path: Path, work: Callable[[str], None]) -> None:
    pieces = ["a", "once", "b", "c"]
    assert sorted(jobs.in_processes(work, pieces, 2)) == sorted(pieces)
    assert (tmp_path / "once").read_text() == "xx"
    assert all((tmp_path / piece).is_file() for piece in pieces)


def test_processes_that_die_every_time_are_given_up(tmp_path: Path, work: Callable[[str], None]) -> None:
    with pytest.raises(RunError, match=r"died 3 times .* the same command goes on"):
        list(jobs.in_processes(work, ["always"], 1))
    assert (tmp_path / "always").read_text() == "xxx"


def test_an_exception_in_a_piece_is_told_and_not_tried_again(tmp_path: Path, work: Callable[[str], None]) -> None:
    with pytest.raises(ValueError, match="bad piece"):
        list(jobs.in_processes(work, ["bad"], 1))
    assert (tmp_path / "bad").read_text() == "x"


def test_processes_share_the_cores(
    tmp_path: Path, work: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert list(jobs.in_processes(partial(sys.modules["pieces_of_jobs"].say_threads, tmp_path), ["a"], 2)) == ["a"]
    assert int((tmp_path / "a").read_text()) == max(cores() // 2, 1)
