"""Verdicts where the truth is known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from synthetic import changed, core, levels, raw_of

from patchpact.training import stats
from patchpact.training.study.design import IDLE, LEARNED, WORSE_OFF
from patchpact.training.study.effects import differences, effect, holm
from patchpact.training.study.raw import Raw
from patchpact.training.study.verdict import Ruling, judge


def rulings(raw: Raw, **more: list[str]) -> dict[str, Ruling]:
    return {one.id: one for one in judge(core(), raw, **more).rulings}  # type: ignore[arg-type]


def test_where_each_network_holds_up_the_others_the_claims_are_supported() -> None:
    found = rulings(raw_of(levels(full=100.0, pair=50.0, one=20.0)))
    assert {name: one.verdict for name, one in found.items()} == dict.fromkeys(("X2", "X4", "V1"), "supported")
    assert {finding.outcome for one in found.values() for finding in one.findings} == {"holds"}
    assert found["X4"].mechanisms


def test_one_network_without_effect_refutes_the_claim_about_any() -> None:
    welfare = levels(full=100.0, pair=50.0, one=20.0) | {"no-governance": 99.9}
    found = rulings(raw_of(welfare))["X4"]
    assert found.verdict == "refuted"
    outcomes = {one.name: one.outcome for one in found.findings}
    assert outcomes["the gain falls without governance"] == "fails"
    assert outcomes["the gain falls without value"] == "holds"


def test_a_network_whose_removal_helps_refutes() -> None:
    welfare = levels(full=100.0, pair=50.0, one=20.0) | {"no-responsibility": 130.0}
    found = rulings(raw_of(welfare))
    assert found["X4"].verdict == found["X2"].verdict == "refuted"
    (one,) = found["X2"].findings
    assert one.outcome == "fails" and one.why == "of the wrong sign"


def test_a_difference_within_the_margin_is_none_however_sure() -> None:
    welfare = levels(full=100.0, pair=50.0, one=20.0) | {"no-value": 97.0}
    (one,) = (
        one for one in rulings(raw_of(welfare, noise=0.2))["X4"].findings if one.name == "the gain falls without value"
    )
    assert one.effect.low > 0.0 and one.effect.high < one.margin == pytest.approx(5.0, abs=0.3)
    assert one.outcome == "fails" and one.why == "at most negligible"


def test_a_loss_of_the_network_s_own_lines_is_no_spillover() -> None:
    # Every network brings 40 by its own lines and does nothing else: welfare falls without it, all else does not.
    welfare = {arm: 20.0 + 40.0 * n for arm, n in zip(levels(3, 2, 1, 0), levels(3, 2, 1, 0).values(), strict=True)}
    found = rulings(raw_of(welfare, own_line=40.0))["X4"]
    outcomes = {one.name: one.outcome for one in found.findings}
    assert outcomes["the gain falls without value"] == "holds"
    assert outcomes["all but value's own lines suffers without value"] == "fails"
    assert outcomes["value and governance reinforce each other"] == "fails"  # they only add up
    assert found.verdict == "refuted"


def test_noise_decides_nothing() -> None:
    raw = raw_of(levels(full=100.0, pair=50.0, one=20.0), noise=5000.0, draws=64)
    assert {one.verdict for one in rulings(raw).values()} == {"undecided"}
    assert {finding.outcome for one in rulings(raw).values() for finding in one.findings} == {"unclear"}


def test_noise_without_effect_is_not_called_absence() -> None:
    found = rulings(raw_of(levels(full=100.0, pair=100.0, one=100.0, none=100.0), noise=400.0, draws=64))
    gain = judge(core(), raw_of(levels(100.0, 100.0, 100.0, 100.0), noise=400.0, draws=64)).gain
    assert gain.low > 0.0, "the arm gains, so that what follows is about the effects"
    assert found["X4"].verdict == "undecided"


def test_without_a_gain_over_doing_nothing_there_is_no_scale() -> None:
    found = rulings(raw_of(levels(full=0.0, pair=-50.0, one=-100.0, none=-150.0), noise=8.0))
    assert {one.verdict for one in found.values()} == {"undecided"}
    assert "does not exclude 0" in found["X2"].findings[0].why


def test_a_placebo_that_moves_welfare_stops_everything() -> None:
    verdict = judge(core(), raw_of(levels(full=100.0, pair=50.0, one=20.0) | {"placebo": 70.0}))
    assert {one.verdict for one in verdict.rulings} == {"undecided"}
    assert "unsound" in verdict.obstacles[0]
    assert verdict.placebo.value == pytest.approx(30.0, abs=1.0)


def test_obstacles_stop_everything() -> None:
    raw = raw_of(levels(full=100.0, pair=50.0, one=20.0))
    assert {one.why for one in rulings(raw, obstacles=["too small"]).values()} == {"too small"}
    assert {one.verdict for one in rulings(raw, obstacles=["too small"]).values()} == {"undecided"}


def test_a_missing_arm_is_unclear_not_skipped() -> None:
    raw = raw_of({arm: at for arm, at in levels(100.0, 50.0, 20.0).items() if arm != "only-value"})
    found = rulings(raw)
    assert found["V1"].verdict == "undecided"
    assert found["V1"].findings[0].why == "not measured"


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    adjusted = holm([0.02, math.nan, 0.5])
    assert adjusted[0] == pytest.approx(0.04) and math.isnan(adjusted[1]) and adjusted[2] == 0.5


def test_many_predictions_cost_some_of_their_certainty() -> None:
    """An effect that alone would hold does not, among many."""
    welfare = levels(full=100.0, pair=100.0, one=100.0, none=100.0) | {"no-value": 72.0}
    raw = raw_of(welfare, noise=100.0, draws=64, seed=3)
    alone = effect(differences(raw, {("full", LEARNED): 1.0, ("no-value", LEARNED): -1.0}, "welfare_keur"))
    assert alone.p_above < 0.025
    one = rulings(raw)["X4"].findings[0]
    assert one.p_above > alone.p_above


def test_pairing_takes_out_what_arms_share() -> None:
    weights = {("full", LEARNED): 1.0, ("no-value", LEARNED): -1.0}
    raw = raw_of(levels(100.0, 50.0, 20.0), shared=1000.0)
    paired = effect(differences(raw, weights, "welfare_keur")).estimate
    assert paired.value == pytest.approx(50.0, abs=1.0)
    assert paired.high - paired.low < 2.0


def test_runs_that_not_all_arms_have_are_left_out() -> None:
    raw = raw_of(levels(100.0, 50.0, 20.0), seeds=4)
    key = ("no-value", "bank", LEARNED)
    held = raw.cells[key]
    fewer = dataclasses.replace(
        held,
        runs=(1, 3),
        totals={name: values[[1, 3]] for name, values in held.totals.items()},
        lines=held.lines[[1, 3]],
        accounts=held.accounts[[1, 3]],
    )
    cells = differences(
        Raw({**raw.cells, key: fewer}, raw.topologies), {("full", LEARNED): 1, key[::2]: -1}, "welfare_keur"
    )
    assert cells is not None
    assert [len(cell) for cell in cells] == [4, 4, 2]
    full = raw.cells["full", "bank", LEARNED].totals["welfare_keur"]
    assert np.allclose(cells[2], (full - held.totals["welfare_keur"])[[1, 3]])


def test_the_false_alarm_rate_of_a_study_without_effects() -> None:
    """Over 200 made-up studies with nothing to find, a prediction holds in about the share that was promised."""
    alarms = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        cells = [rng.normal(0, 1, (10, 1)) + rng.normal(0, 3, 64) + rng.normal(0, 1, (10, 64)) for _ in range(3)]
        alarms += effect(cells).p_above < 0.025
    assert alarms <= 12  # 5 expected; more than 12 has a chance of 0.2%


def test_a_draw_is_one_world_in_all_topologies() -> None:
    """Three topologies that fare alike tell no more than one."""
    rng = np.random.default_rng(5)
    cell = rng.normal(4.0, 1.0, (10, 1)) + rng.normal(0.0, 30.0, 64) + rng.normal(0.0, 1.0, (10, 64))
    assert effect([cell] * 3) == effect([cell])


def test_topologies_that_fare_alike_raise_no_false_alarms() -> None:
    """Over 200 made-up studies without an effect, whose draws move all topologies together."""
    alarms = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        draws, runs = rng.normal(0.0, 30.0, 64), rng.normal(0.0, 1.0, (10, 1))
        alarms += effect([runs + draws + rng.normal(0.0, 3.0, (10, 64)) for _ in range(3)]).p_above < 0.025
    assert alarms <= 12


def test_other_draws_in_a_topology_are_not_set_beside_these() -> None:
    raw = raw_of(levels(100.0, 50.0, 20.0))
    other = {
        key: dataclasses.replace(one, draws=tuple(range(1, 129))) for key, one in raw.cells.items() if "bank" in key
    }
    weights = {("full", LEARNED): 1.0, ("full", IDLE): -1.0}
    assert differences(Raw(raw.cells, raw.topologies), weights, "welfare_keur") is not None
    assert differences(Raw({**raw.cells, **other}, raw.topologies), weights, "welfare_keur") is None
    assert raw.holds("full", "bank", LEARNED, 0, tuple(range(128)))
    assert not raw.holds("full", "bank", LEARNED, 0, tuple(range(64)))


def test_gini_of_a_run_and_the_chance_of_its_draws() -> None:
    raw = raw_of(levels(100.0, 50.0, 20.0))
    assert np.allclose(raw.values(("full", "bank", LEARNED), "gini"), 2.0 / 9.0)  # gains as 1 : 2 : 3 in every draw
    rng = np.random.default_rng(0)
    key, draws = ("full", "bank", LEARNED), 128
    gains = rng.gamma(0.5, np.array([1.0, 2.0, 6.0]), (1, draws, 3))
    played = dataclasses.replace(raw.cells[key], runs=(0,), accounts=gains)
    idle = dataclasses.replace(raw.cells["full", "bank", IDLE], accounts=np.zeros((1, draws, 3)))
    changed_raw = Raw({key: played, ("full", "bank", IDLE): idle}, ("bank",))
    values = changed_raw.values(key, "gini")[0]
    assert values.mean() == pytest.approx(float(stats.gini(gains[0].mean(0))))
    resampled = [float(stats.gini(gains[0, rng.integers(draws, size=draws)].mean(0))) for _ in range(2000)]
    assert values.std() / math.sqrt(draws) == pytest.approx(np.std(resampled), rel=0.15)


def test_what_a_switch_does_to_those_who_do_nothing_is_in_no_effect() -> None:
    raw = raw_of(levels(full=100.0, pair=50.0, one=20.0))
    poorer = {
        key: dataclasses.replace(one, totals={**one.totals, "welfare_keur": one.totals["welfare_keur"] - 40.0})
        for key, one in raw.cells.items()
        if key[0] == "no-value"
    }
    changed_raw = Raw({**raw.cells, **poorer}, raw.topologies)
    assert rulings(changed_raw)["X4"].findings[0].effect.value == pytest.approx(50.0, abs=1.0)
    weights = {("full", LEARNED): 1.0, ("no-value", LEARNED): -1.0}
    assert effect(differences(changed_raw, weights, "welfare_keur")).estimate.value == pytest.approx(90.0, abs=1.0)


def test_a_gain_needs_those_who_do_nothing() -> None:
    raw = raw_of(levels(100.0, 50.0, 20.0))
    cells = {key: one for key, one in raw.cells.items() if key[2] != IDLE}
    for measure in ("gain_keur", "gini"):
        assert differences(Raw(cells, raw.topologies), {("full", LEARNED): 1.0}, measure) is None


def test_a_claim_with_other_criteria() -> None:
    lenient = changed(core(), ("margin: 0.05", "margin: 0.6"))
    found = {one.id: one for one in judge(lenient, raw_of(levels(100.0, 50.0, 20.0))).rulings}
    assert found["X4"].verdict == "refuted"  # a loss of half lies within a margin of 60%


def test_who_is_worse_off_than_idle_is_counted_run_by_run() -> None:
    raw = raw_of(levels(full=100.0, pair=50.0, one=20.0))
    key = next(key for key in raw.cells if key[0] == "full" and key[2] == LEARNED)
    cell, idle = raw.cells[key], raw.cells["full", key[1], IDLE]
    agents = 4
    shape = (*cell.totals["welfare_keur"].shape, agents)
    accounts = np.broadcast_to([1.0, -1.0, -2.0, 0.0], shape).copy()
    accounts[0, :, 0] = -1.0  # in the first training one more
    cells = dict(raw.cells) | {
        key: dataclasses.replace(cell, accounts=accounts),
        ("full", key[1], IDLE): dataclasses.replace(idle, accounts=np.zeros((1, shape[1], agents))),
    }
    found = Raw(cells, raw.topologies).values(key, WORSE_OFF)
    assert found.shape == shape[:2]
    assert found[0].tolist() == [0.75] * shape[1] and found[1].tolist() == [0.5] * shape[1]
