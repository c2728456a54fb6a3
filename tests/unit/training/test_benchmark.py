"""A benchmark's folder: complete rows whatever happens, refused where it holds something else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from patchpact.agents.policies import make_policy
from patchpact.agents.policies.registry import PRETRAINED_FOLDER
from patchpact.scenarios import ScenarioError
from patchpact.training import benchmark as module
from patchpact.training.benchmark import benchmark, contestants
from patchpact.training.evaluate import play
from patchpact.training.folder import RunError, claim
from patchpact.training.suite import load_suite, suite_ids

SUITE = """
id: two-toys
title: Two toys
description: For tests.
train_seeds: {first: 1000, count: 10}
validation_seeds: {first: 2000, count: 10}
test_seeds: {first: 0, count: 70}
planner_episodes: 2
yardstick_episodes: 2
stories: [net-gain]
tracks:
- name: near
  description: One.
  worlds: [{scenario: toy-v1}]
- name: far
  description: Another.
  worlds: [{scenario: toy-v1, label: short toy, set: {windows: 2}, episodes: 3}]
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    file = tmp_path / "suite.yaml"
    file.write_text(SUITE, encoding="utf-8")
    return file


def rows(folder: Path) -> pd.DataFrame:
    found = pd.read_parquet(folder / "episodes")
    return found.sort_values(["scenario", "policy", "seed"]).reset_index(drop=True)


def test_a_row_an_episode_with_the_welfare_that_play_gives(suite: Path, tmp_path: Path) -> None:
    folder = benchmark(suite, ["do-nothing", "net-gain", "random"], tmp_path / "out")
    found = rows(folder)
    assert len(found) == 3 * (70 + 3)
    assert not found.duplicated(["scenario", "policy", "seed"]).any()
    cell = load_suite(suite).cells(("far",))[0]
    expected = play(cell.scenario, make_policy("net-gain"), range(3))
    mine = found[(found["scenario"] == "short toy") & (found["policy"] == "net-gain")]
    assert mine["welfare_keur"].tolist() == expected["welfare_keur"].tolist()
    assert [len(accounts) for accounts in mine["accounts_keur"]] == [len(mine["agents"].iloc[0])] * 3
    assert mine["training_seed"].isna().all() and mine["bound_keur"].isna().all()
    manifest = json.loads((folder / "benchmark.json").read_text())
    assert manifest["suite"] == "two-toys" and set(manifest["policies"]) == {"do-nothing", "net-gain", "random"}
    assert sorted(file.name for file in (folder / "stories").iterdir()) == [
        "short-toy__net-gain.json", "toy-v1__net-gain.json",
    ]  # fmt: skip
    exported = json.loads((folder / "marl_eval.json").read_text())["two-toys"]["short toy"]["net-gain"]["seed_0"]
    assert exported["absolute_metrics"]["welfare_keur"] == mine["welfare_keur"].tolist()


def test_it_goes_on_where_it_stopped_and_jobs_change_nothing(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rows(benchmark(suite, ["do-nothing", "random", "kev-first"], tmp_path / "whole", jobs=2))
    played: list[str] = []
    plain = module._play_piece

    def stop_at_the_third(piece: module.Piece, folder: Path) -> None:
        if len(played) == 2:
            raise KeyboardInterrupt
        played.append(piece.file)
        plain(piece, folder)

    monkeypatch.setattr(module, "_play_piece", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        benchmark(suite, ["do-nothing", "random", "kev-first"], tmp_path / "cut")
    (tmp_path / "cut" / "episodes" / ".half.parquet.1.new").write_bytes(b"half")
    monkeypatch.setattr(module, "_play_piece", plain)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "cut" / "episodes").glob("*.parquet")}
    assert len(before) == 2
    resumed = rows(benchmark(suite, ["do-nothing", "random"], tmp_path / "cut"))
    assert "random" in set(resumed["policy"])
    resumed = rows(benchmark(suite, ["do-nothing", "random", "kev-first"], tmp_path / "cut"))
    pd.testing.assert_frame_equal(whole, resumed)
    assert all(file.stat().st_mtime_ns == when for file, when in before.items())
    assert not list((tmp_path / "cut" / "episodes").glob("*.new"))


def test_a_folder_of_another_benchmark_is_refused(suite: Path, tmp_path: Path) -> None:
    folder = benchmark(suite, ["do-nothing"], tmp_path / "out", episodes=1)
    with pytest.raises(RunError, match="with episodes 1, this is None"):
        benchmark(suite, ["do-nothing"], folder)
    suite.write_text(SUITE.replace("count: 70", "count: 71"), encoding="utf-8")
    with pytest.raises(RunError, match="with digest"):
        benchmark(suite, ["do-nothing"], folder, episodes=1)
    (folder / "benchmark.json").write_text("[]")
    with pytest.raises(RunError, match=r"benchmark\.json: is no benchmark's"):
        benchmark(suite, ["do-nothing"], folder)
    (folder / "benchmark.json").unlink()
    with pytest.raises(RunError, match=r"no benchmark\.json"):
        benchmark(suite, ["do-nothing"], folder)


def test_two_at_once_in_one_folder_are_refused(suite: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with claim(tmp_path / "out", "held"), pytest.raises(RunError, match="another benchmark writes"):
        benchmark(suite, ["do-nothing"], tmp_path / "out")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id: two-toys", "id: Two Toys", r"suite\.yaml: id: "),
        ("title: Two toys", "title: Two toys\nwindow: 3", "window: "),
        ("{scenario: toy-v1}", "{scenario: toy-v2}", "toy-v1"),
        ("{first: 1000, count: 10}", "{first: 1000}", r"train_seeds\.count"),
        ("{first: 1000, count: 10}", "{first: 60, count: 10}", "train_seeds: shares seeds with test_seeds"),
        ("label: short toy", "label: toy-v1", "'toy-v1' stands twice"),
        ("set: {windows: 2}", "set: {windoes: 2}", "windows"),
        ("name: near", "name: ''", r"tracks\[0\]\.name"),
        ("tracks:", "tracks: &t", "anchor"),
    ],
)
def test_a_broken_suite_gets_one_line(suite: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SUITE
    suite.write_text(SUITE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ScenarioError, match=message) as error:
        load_suite(suite).cells()
    assert "\n" not in str(error.value)


def test_unknown_names_suggest_the_closest(suite: Path, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="patchpact-bench-v1"):
        load_suite("patchpact-bench-v2")
    with pytest.raises(ScenarioError, match="near"):
        benchmark(suite, ["do-nothing"], tmp_path / "out", tracks=["nearr"])
    with pytest.raises(ValueError, match="net-gain"):
        contestants(["net-gian"])
    with pytest.raises(ValueError, match="jobs: 0"):
        benchmark(suite, ["do-nothing"], tmp_path / "out", jobs=0)


def test_the_bundled_suites_keep_test_worlds_apart() -> None:
    assert set(suite_ids()) == {"patchpact-bench-v1", "patchpact-smoke-v1"}
    suite = load_suite("patchpact-bench-v1")
    by_track: dict[str, set[str]] = {}
    for track in suite.file.tracks:
        by_track[track.name] = {f"{world.scenario}{world.set}" for world in track.worlds}
    trained = by_track["in-distribution"] | by_track["unseen-seeds"]
    assert not trained & (by_track["unseen-graphs"] | by_track["unseen-findings"])
    cells = suite.cells()
    assert len(cells) == len({cell.label for cell in cells}) >= 20
    for cell in cells:
        in_training = cell.seeds[0] >= suite.file.train_seeds.first
        assert in_training == (cell.track == "in-distribution")
        assert len(cell.seeds) >= 10 and cell.scenario.parameters["incident_loss"] == "sampled"


def test_a_run_s_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = shutil.copytree(PRETRAINED_FOLDER, tmp_path / "lr=0.1+more")
    (one,) = contestants([str(folder)])
    assert (one.label, one.source) == ("lr=0.1+more", str(folder))
