"""Modules are measured on the same worlds, and their parts add up."""

import json
from pathlib import Path

import numpy as np
import pytest

from patchpact.cli.main import main
from patchpact.ecosystem.modules import IN_PLAY, load_modules
from patchpact.scenarios import load_scenario
from patchpact.training import module_worth as worth


@pytest.fixture(scope="module")
def played() -> worth.Played:
    return worth.play_all([load_scenario("teastore-v1")], 16)[0]


def test_every_combination_is_played(played: worth.Played) -> None:
    assert len(worth.SUBSETS) == 2 ** len(IN_PLAY) == len(played.account) == len(played.welfare)
    assert all(values.shape == (16,) and np.isfinite(values).all() for values in played.account.values())


def test_averages_over_orders_add_up_world_by_world(played: worth.Played) -> None:
    total = sum(worth.shapley(played.account, module) for module in IN_PLAY)
    np.testing.assert_allclose(total, worth.bundle(played.account))
    alone = sum(worth.alone(played.account, module) for module in IN_PLAY)
    np.testing.assert_allclose(worth.synergy(played.account), worth.bundle(played.account) - alone)


def test_toy_games_of_modules() -> None:
    """Closed forms: modules that add up have no synergy; two that do the same job share it."""
    adds = {s: np.array([float(len(s))]) for s in worth.SUBSETS}
    assert worth.synergy(adds) == 0 and worth.shapley(adds, "scan") == pytest.approx(1.0)
    twins = {s: np.array([6.0 * bool(s & {"scan", "prioritise"})]) for s in worth.SUBSETS}
    assert worth.synergy(twins) == pytest.approx(-6.0)
    assert worth.shapley(twins, "scan") == pytest.approx(3.0) and worth.last(twins, "scan") == 0
    both = {s: np.array([6.0 * (s >= {"scan", "prioritise"})]) for s in worth.SUBSETS}
    assert worth.synergy(both) == pytest.approx(6.0)


def test_a_scan_changes_nothing_for_who_does_not_judge(played: worth.Played) -> None:
    for modules in worth.SUBSETS:
        np.testing.assert_array_equal(played.accepting[modules], played.accepting[modules | {"scan"}])
    assert np.any(worth.alone(played.account, "scan") != 0)


def test_scenarios_that_are_played_together_fare_as_alone(played: worth.Played) -> None:
    together = worth.play_all([load_scenario("robot-shop-v1"), load_scenario("teastore-v1")], 16)[1]
    for modules in worth.SUBSETS:
        np.testing.assert_allclose(together.account[modules], played.account[modules])
        np.testing.assert_allclose(together.welfare[modules], played.welfare[modules])


def test_it_is_what_evaluation_says() -> None:
    from functools import partial

    from patchpact.ecosystem.modules import Team
    from patchpact.training.evaluate import play

    scenario = load_scenario("robot-shop-v1")
    ((account, welfare),) = worth._outcomes([scenario], frozenset({"forecast"}), True, 4)
    totals = play(scenario, partial(Team, modules=("forecast",)), range(4))
    np.testing.assert_allclose(welfare * scenario.parameters["windows"], totals["welfare_keur"])
    own = totals["accounts_keur"][:, :2].sum(1)  # it_0 and business_0
    np.testing.assert_allclose(account * scenario.parameters["windows"], own)


@pytest.mark.slow
def test_the_estimate_of_a_scan_is_that_of_the_plain_difference() -> None:
    """Over many worlds the corrected and the plain difference agree, and the corrected one is steadier."""
    scenario = load_scenario("teastore-v1")
    known = scenario.with_parameters(signal_log_sd=scenario.parameters["reachability_log_sd"])
    none = frozenset()
    pair = [worth._outcomes([one], none, True, 1024)[0][0] for one in (known, scenario)]
    plain = pair[0] - pair[1]
    corrected = worth.alone(worth.play_all([scenario], 1024)[0].account, "scan")
    assert abs(plain.mean() - corrected.mean()) < 3.0 * np.hypot(plain.std(), corrected.std()) / 32
    assert corrected.std() < plain.std()


def test_the_command_writes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "modules.csv"
    assert main(["calibrate", "modules", "--small", "--episodes", "4", "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    table = load_modules(out)
    assert table.figure("synergy", "account").basis == "measured"
    assert any("assumed" in note for note in said["notes"])


def test_too_few_worlds_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "modules", "--small", "--episodes", "1", "--out", str(tmp_path / "m.csv")]) == 2
    assert "at least two" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_worth_to_tenants_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, out = tmp_path / "own.json", tmp_path / "m.csv"
    graph = {"nodes": [{"id": "web"}, {"id": "db"}], "edges": [{"source": "web", "target": "db"}]}
    own.write_text(json.dumps(graph), encoding="utf-8")
    command = ["calibrate", "modules", "--small", "--episodes", "4", "--out", str(out)]
    assert main([*command, "--data", str(own), "teastore-v1"]) == 0
    assert f"--data {own} teastore-v1" in out.read_text(encoding="utf-8")
    assert load_modules(out).groups()[:2] == ("all", "small")
    capsys.readouterr()
    assert main([*command, "--data", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml" in capsys.readouterr().err
