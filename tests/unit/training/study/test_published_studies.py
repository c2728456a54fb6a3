"""What is published of the symbiosis study belongs to the design that was committed before it."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from patchpact.training.study.design import load_design
from patchpact.training.study.raw import cells_of
from patchpact.training.study.runner import read_manifest
from patchpact.training.study.verdict import judge_study, read_study

DESIGN = load_design("symbiosis")


@pytest.mark.parametrize("name", ["study_pilot", "study_symbiosis"])
def test_it_is_of_the_bundled_design(repository: Path, name: str) -> None:
    folder = repository / "docs" / name
    manifest = read_manifest(folder)
    assert manifest["digest"] == DESIGN.digest and manifest["registered"]["as_committed"]
    began, committed = (datetime.fromisoformat(at) for at in (manifest["started"], manifest["registered"]["date"]))
    assert began > committed
    assert all(command.startswith("patchpact study symbiosis ") for command in manifest["commands"])
    assert not re.search(r'[" ]/\w', (folder / "study.json").read_text(encoding="utf-8"))
    form = {(cell.arm, cell.topology, cell.player, cell.training_seed) for cell in DESIGN.cells(manifest["form"])}
    held = [cell for file in (folder / "episodes").iterdir() for cell in cells_of(file)]
    assert len(set(held)) == len(held) and set(held) <= form


def test_the_pilot_is_whole_and_decides_nothing(repository: Path) -> None:
    study = read_study(repository / "docs" / "study_pilot")
    assert study.missing == 0
    assert {one.verdict for one in judge_study(study).rulings} == {"undecided"}
    assert DESIGN.file.power["pilot"]["training_seeds"] == 3


def test_pages_say_how_much_is_played(repository: Path) -> None:
    folder = repository / "docs" / "study_symbiosis"
    trained = sum(cell[3] >= 0 for file in (folder / "episodes").iterdir() for cell in cells_of(file))
    everything = sum(cell.learned for cell in DESIGN.cells("full"))
    for page in ("README.md", "docs/study_training.md"):
        text = " ".join((repository / page).read_text(encoding="utf-8").split())
        assert f"{trained} of {everything} trainings" in text, page
