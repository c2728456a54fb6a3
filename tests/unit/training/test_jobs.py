"""Pieces of work over processes: what a death loses, and when it is given up."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from patchpact.training import jobs
from patchpact.training.folder import RunError


def work(place: Path, piece: str) -> None:
    """Leaves a mark; the piece ``once`` kills its process the first time, ``always`` every time."""
    with (place / piece).open("a") as stream:
        stream.write("x")
    if piece == "always" or (piece == "once" and (place / piece).read_text() == "x"):
        os._exit(9)
    if piece == "bad":
        raise ValueError("bad piece")


def test_a_process_that_dies_is_replaced_and_its_piece_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PAUSE_S", 0.0)
    pieces = ["a", "once", "b", "c"]
    assert sorted(jobs.in_processes(partial(work, tmp_path), pieces, 2)) == sorted(pieces)
    assert (tmp_path / "once").read_text() == "xx"
    assert all((tmp_path / piece).is_file() for piece in pieces)


def test_processes_that_die_every_time_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "PAUSE_S", 0.0)
    with pytest.raises(RunError, match=r"died 3 times .* the same command goes on"):
        list(jobs.in_processes(partial(work, tmp_path), ["always"], 1))
    assert (tmp_path / "always").read_text() == "xxx"


def test_an_exception_in_a_piece_is_told_and_not_tried_again(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bad piece"):
        list(jobs.in_processes(partial(work, tmp_path), ["bad"], 1))
    assert (tmp_path / "bad").read_text() == "x"
