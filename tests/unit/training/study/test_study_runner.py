"""Running, resuming, reading and reporting, with trainings that cost nothing."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import types
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tiny import TINY

from patchpact.agents.policies import make_policy
from patchpact.agents.policies.registry import PRETRAINED_FOLDER
from patchpact.agents.roles.ledger import KINDS, NETWORK_OF_KIND, NETWORKS
from patchpact.training.config import TrainConfig
from patchpact.training.evaluate import play
from patchpact.training.folder import CheckpointState, RunError, RunFolder
from patchpact.training.reports.files import ReportError
from patchpact.training.reports.study import write_study_report
from patchpact.training.study import cells as of_cells
from patchpact.training.study import runner
from patchpact.training.study.design import LEARNED, parse_design
from patchpact.training.study.power import power, variances
from patchpact.training.study.publish import publish
from patchpact.training.study.raw import read_raw
from patchpact.training.study.verdict import judge_study, read_study
from patchpact.training.study.worlds import world_of

DESIGN = parse_design(TINY, "tiny.yaml", None)


@pytest.fixture(autouse=True)
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings end at once with the policy that comes with the package; no ray."""
    session = types.ModuleType("session")
    session.held = contextlib.nullcontext  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "patchpact.training.rllib.session", session)
    monkeypatch.setattr(of_cells, "_trained", lambda cell, run: PRETRAINED_FOLDER)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "tiny"


@pytest.fixture
def done(kept: Path) -> Path:
    """A finished full form; nobody changes it."""
    return runner.run_study(DESIGN, "full", kept, command="test")


def written(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in (folder / "episodes").iterdir()}


def test_every_cell_once(done: Path) -> None:
    cells = list(DESIGN.cells("full"))
    assert sorted(written(done)) == sorted(f"{cell.name}.parquet" for cell in cells)
    before = written(done)
    runner.run_study(DESIGN, "full", done, command="test")
    assert written(done) == before
    manifest = json.loads((done / "study.json").read_text(encoding="utf-8"))
    assert manifest["digest"] == DESIGN.digest and manifest["finished"]
    assert manifest["registered"] is None  # a text in memory is in no checkout
    assert len(manifest["commits"]) == 1


def test_remarks_that_came_later_reach_the_folder_and_its_report(done: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(done, tmp_path / "copy"))
    later = parse_design(TINY + "\nremarks: [a margin is too wide]\n", "tiny.yaml", None)
    runner.run_study(later, "full", folder, command="test")
    write_study_report(folder)
    assert "a margin is too wide" in (folder / "report.md").read_text(encoding="utf-8")
    assert not judge_study(read_study(folder)).notes[1:]


def test_a_cell_that_is_there_is_not_played_again(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def play(*_: object) -> None:
        raise AssertionError("played again")

    monkeypatch.setattr(runner, "play_cell", play)
    runner._play(done, next(iter(DESIGN.cells("full"))))


def test_rows_are_those_of_an_evaluation(done: Path) -> None:
    cell = next(cell for cell in DESIGN.cells("full") if (cell.arm, cell.player) == ("no-governance", "net-gain"))
    rows = pq.read_table(runner.file_of(done, cell))
    world = world_of(cell)
    expected = play(world, make_policy("net-gain"), cell.draws)
    luck = np.asarray(rows["luck_keur"])
    told = {name: np.asarray(rows[name]) for name in ("welfare_keur", "damage_keur", "patches_done", "fines_keur")}
    assert luck.any()
    told |= {"welfare_keur": told["welfare_keur"] + luck, "damage_keur": told["damage_keur"] - luck}
    for name, values in told.items():
        np.testing.assert_allclose(values, expected[name])
    played = read_raw(done).cells["no-governance", cell.topology, "net-gain"]
    np.testing.assert_allclose(played.totals["welfare_keur"][0], told["welfare_keur"])
    np.testing.assert_allclose(played.totals["damage_keur"][0], told["damage_keur"])
    np.testing.assert_allclose(played.lines[0].sum(1), told["welfare_keur"], atol=1e-9)
    np.testing.assert_allclose(np.array(rows["accounts_keur"].to_pylist()), expected["accounts_keur"])
    assert rows["training_seed"].null_count == len(cell.draws)
    assert rows["seed"].to_pylist() == list(cell.draws)


def test_the_ledger_adds_up(done: Path) -> None:
    moved = 0.0
    for file in (done / "episodes").iterdir():
        rows = pq.read_table(file)
        lines = np.array(rows["welfare_lines_keur"].to_pylist())
        np.testing.assert_allclose(lines.sum(1), np.asarray(rows["welfare_keur"]), atol=1e-9)
        by_party = {network: np.array(rows[f"{network}_keur"].to_pylist()) for network in NETWORKS}
        accounts = np.array(rows["accounts_keur"].to_pylist())
        np.testing.assert_allclose(sum(by_party.values())[:, : accounts.shape[1]], accounts, atol=1e-9)
        for network in NETWORKS:
            np.testing.assert_allclose(by_party[network].sum(1), 0.0, atol=1e-9)
            kinds = [kind for kind in KINDS if NETWORK_OF_KIND[kind] == network]
            total = sum(np.array(rows[f"kind_{kind}_keur"].to_pylist()) for kind in kinds)
            np.testing.assert_allclose(total, by_party[network], rtol=1e-5, atol=1e-4)
        arm = rows["arm"][0].as_py()
        if arm in ("no-value", "no-responsibility", "no-governance"):
            assert not by_party[arm.removeprefix("no-")].any()
        moved += np.abs(by_party["responsibility"]).sum()
    assert moved > 0.0


def test_a_lost_cell_alone_is_played_again(done: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(done, tmp_path / "copy"))
    cell = next(cell for cell in DESIGN.cells("full") if cell.learned)
    lost = runner.file_of(folder, cell)
    rows = pq.read_table(lost)
    before = written(folder)
    lost.unlink()
    (folder / "episodes" / ".half.parquet.1.new").write_bytes(b"torn")
    runner.run_study(DESIGN, "full", folder, command="test")
    after = written(folder)
    assert {name for name in after if after[name] != before.get(name)} == {lost.name}
    assert pq.read_table(lost).equals(rows)


def test_what_is_played_is_what_training_ended_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the checkpoint that a validation of welfare liked best: agents learn for their own accounts."""
    monkeypatch.undo()
    cell = next(cell for cell in DESIGN.cells("full") if cell.learned)
    run = RunFolder(tmp_path / cell.name)
    run.create(of_cells.with_rollout_length(of_cells.config_of(cell, run.path)))

    def trained(config: TrainConfig, **_: object) -> None:
        for name, iteration in (("best", 0), ("last", config.iterations)):
            state = CheckpointState(iteration, 64, 1.0, 0.0)
            run.save_checkpoint(name, state, partial(mark, name))
        run.publish_policy()

    def mark(name: str, place: Path) -> None:
        (place / "policy").mkdir(parents=True)
        (place / "policy" / "policy.json").write_text(name, encoding="utf-8")

    monkeypatch.setattr(of_cells, "train", trained)
    assert (of_cells._trained(cell, run.path) / "policy" / "policy.json").read_text(encoding="utf-8") == "last"


def test_a_stop_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def stopping(cell: of_cells.Cell, run: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise of_cells.Stopped(cell.name)
        return PRETRAINED_FOLDER

    monkeypatch.setattr(of_cells, "_trained", stopping)
    with pytest.raises(KeyboardInterrupt):
        runner.run_study(DESIGN, "small", tmp_path / "out", command="test")
    held = written(tmp_path / "out")
    cells = list(DESIGN.cells("small"))
    assert len(held) == sum(not cell.learned for cell in cells) + 1
    runner.run_study(DESIGN, "small", tmp_path / "out", command="test")
    assert len(written(tmp_path / "out")) == len(cells) and held.items() <= written(tmp_path / "out").items()


def test_another_study_is_refused(done: Path) -> None:
    other = parse_design(TINY.replace("margin: 0.05", "margin: 0.1"), "tiny.yaml", None)
    with pytest.raises(RunError, match="holds a study with digest"):
        runner.run_study(other, "full", done)
    with pytest.raises(RunError, match="holds a study with form full, this is small"):
        runner.run_study(DESIGN, "small", done)


def test_the_report_is_made_anew_from_raw_files_alone(done: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(done, tmp_path / "copy"))
    verdict = write_study_report(folder)
    names = [
        "report.md",
        "report.html",
        "verdict.json",
        *sorted(f"tables/{f.name}" for f in (folder / "tables").iterdir()),
    ]
    first = {name: (folder / name).read_bytes() for name in names}
    shutil.rmtree(folder / "tables")
    for name in names[:3]:
        (folder / name).unlink()
    write_study_report(folder)
    assert {name: (folder / name).read_bytes() for name in names} == first
    told = json.loads(first["verdict.json"])
    assert [one["verdict"] for one in told["rulings"]] == [one.verdict for one in verdict.rulings]
    page = first["report.html"].decode()
    assert "http" not in page.replace("http-equiv", "") and "<script" not in page
    for text in ("Claims and verdicts", "not tested", "there are no small firms", "Gain of trained agents by strength"):
        assert text in page
    assert "tables/arms.csv" in names and b"no-governance" in first["tables/arms.csv"]
    assert any("nothing tells" in note for note in verdict.notes)
    assert "is no breakdown yet" in page and "without responsibility it is" in page


def test_a_part_of_the_cells_decides_nothing(done: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(done, tmp_path / "copy"))
    runner.file_of(folder, next(cell for cell in DESIGN.cells("full") if cell.learned)).unlink()
    verdict = judge_study(read_study(folder))
    assert {one.verdict for one in verdict.rulings} == {"undecided"}
    assert "1 of" in verdict.obstacles[0] and "not played yet" in verdict.obstacles[0]


def test_the_small_form_says_undecided(tmp_path: Path) -> None:
    folder = runner.run_study(DESIGN, "small", tmp_path / "small", command="test")
    verdict = write_study_report(folder)
    assert {one.verdict for one in verdict.rulings} == {"undecided"}
    assert any("the small form has 1 training seeds, the criteria ask for 2" in line for line in verdict.obstacles)


def test_the_pilot_says_undecided_and_serves_for_power(tmp_path: Path) -> None:
    text = TINY.replace("training_seeds: 1\n    exploratory", "training_seeds: 2\n    exploratory")
    text = text.replace("least_training_seeds: 2", "least_training_seeds: 3")
    design = parse_design(
        text.replace("[full, no-value, half]", "[full, no-responsibility, placebo]"), "tiny.yaml", None
    )
    folder = runner.run_study(design, "pilot", tmp_path / "pilot", command="test")
    assert {one.verdict for one in judge_study(read_study(folder)).rulings} == {"undecided"}
    found = power(design, folder)
    assert found["pilot"] | {"form": "pilot", "training_seeds": 2, "missing_cells": 0} == found["pilot"]
    assert [one["claim"] for one in found["predictions"]] == ["X2"]


def test_other_worlds_are_refused_and_other_code_is_told(done: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(done, tmp_path / "copy"))
    file = folder / "study.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(manifest | {"commits": ["abc1234", "def5678"]}), encoding="utf-8")
    assert any("2 versions of the code" in note and "abc1234" in note for note in judge_study(read_study(folder)).notes)
    file.write_text(json.dumps(manifest | {"worlds": "0" * 16}), encoding="utf-8")
    with pytest.raises(RunError, match="holds a study with worlds 0000000000000000, this is"):
        runner.run_study(DESIGN, "full", folder, command="test")


def test_a_changed_design_in_the_folder_is_told(done: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(done, tmp_path / "copy"))
    (folder / "design.yaml").write_text(TINY.replace("margin: 0.05", "margin: 0.2"), encoding="utf-8")
    verdict = judge_study(read_study(folder))
    assert "no pre-registration" in verdict.obstacles[0]
    assert {one.verdict for one in verdict.rulings} == {"undecided"}


def test_damaged_raw_files_are_one_line(done: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(done, tmp_path / "copy"))
    file = sorted((folder / "episodes").iterdir())[0]
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ReportError, match="is no study's file") as caught:
        read_raw(folder)
    assert "\n" not in str(caught.value)


def test_raw_arrays_stand_run_by_draw(done: Path) -> None:
    raw = read_raw(done)
    assert set(raw.topologies) == {"toy", "short"}
    played = raw.cells["full", "toy", LEARNED]
    assert played.runs == (0, 1) and played.totals["welfare_keur"].shape == (2, 4)
    assert raw.values(("full", "toy", LEARNED), "welfare_keur", "value").shape == (2, 4)


def test_what_is_published_gives_the_same_verdict_from_a_tenth_of_the_columns(done: Path, tmp_path: Path) -> None:
    place = publish(done, tmp_path / "published")
    publish(done, place)  # again: in its place
    assert {f"{LEARNED}__0.parquet", f"{LEARNED}__1.parquet", "net-gain.parquet"} <= set(written(place))
    ours, theirs = judge_study(read_study(done)), judge_study(read_study(place))
    assert [(one.id, one.verdict) for one in ours.rulings] == [(one.id, one.verdict) for one in theirs.rulings]
    assert ours.obstacles == theirs.obstacles and read_study(place).missing == 0
    whole, part = read_raw(done), read_raw(place)
    assert set(whole.cells) == set(part.cells)
    for key, played in whole.cells.items():
        assert (played.runs, played.draws) == (part.cells[key].runs, part.cells[key].draws)
        for measure in DESIGN.file.measures:
            np.testing.assert_allclose(part.values(key, measure), whole.values(key, measure), rtol=1e-5, atol=1e-4)
    assert "kind_fee_keur" not in pq.read_schema(place / "episodes" / "net-gain.parquet").names
    assert write_study_report(place).rulings


def test_what_was_published_goes_on(done: Path, tmp_path: Path) -> None:
    """A checkout of part of a study is enough to play the rest of it."""
    part = Path(shutil.copytree(done, tmp_path / "part"))
    lost = [cell for cell in DESIGN.cells("full") if cell.training_seed == 1]
    rows = {cell.name: pq.read_table(runner.file_of(part, cell)) for cell in lost}
    for cell in lost:
        runner.file_of(part, cell).unlink()
    on = publish(part, tmp_path / "on")
    assert lost and read_study(on).missing == len(lost)
    first = {name: (on / "episodes" / name).read_bytes() for name in written(on)}
    runner.run_study(DESIGN, "full", on, command="test")
    assert set(written(on)) - set(first) == {f"{cell.name}.parquet" for cell in lost}
    for cell in lost:
        assert pq.read_table(runner.file_of(on, cell)).equals(rows[cell.name])
    assert read_study(on).missing == 0
    again, whole = publish(on, tmp_path / "again"), publish(done, tmp_path / "whole")
    assert set(written(again)) - set(first) == {f"{LEARNED}__1.parquet"}  # what was published before stays as it is
    assert all((place / "episodes" / name).read_bytes() == first[name] for name in first for place in (again, whole))
    ours, theirs = judge_study(read_study(again)), judge_study(read_study(whole))
    assert [ruling.findings for ruling in ours.rulings] == [ruling.findings for ruling in theirs.rulings]


def test_a_torn_file_of_a_published_study_is_named(done: Path, tmp_path: Path) -> None:
    torn = publish(done, tmp_path / "torn")
    (torn / "episodes" / "net-gain.parquet").write_bytes(b"PAR1")
    with pytest.raises(ReportError, match=r"net-gain\.parquet: is no study's file"):
        runner.run_study(DESIGN, "full", torn, command="test")


def test_a_study_is_not_published_over_itself(done: Path) -> None:
    before = written(done)
    with pytest.raises(RunError, match="name another"):
        publish(done, done)
    assert written(done) == before


def test_variances_are_found_again() -> None:
    rng = np.random.default_rng(1)
    cell = rng.normal(0, 3, (40, 1)) + rng.normal(0, 5, (1, 400)) + rng.normal(0, 2, (40, 400))
    assert np.sqrt(variances(cell)) == pytest.approx([3.0, 5.0, 2.0], rel=0.25)


def test_power_asks_for_more_where_the_margin_is_smaller(done: Path) -> None:
    found = power(DESIGN, done)
    (one,) = found["predictions"]
    assert found["pilot"]["training_seeds"] == 2 and one["claim"] == "X2"
    assert one["margin_keur"] == pytest.approx(0.05 * one["gain_keur"], rel=1e-3)
    stricter = parse_design(TINY.replace("margin: 0.05", "margin: 0.0001"), "tiny.yaml", None)
    (other,) = power(stricter, done)["predictions"]
    assert other["margin_keur"] < one["margin_keur"] and one["enough"] >= other["enough"]
    with pytest.raises(RunError, match="holds no study"):
        power(DESIGN, done / "episodes")
