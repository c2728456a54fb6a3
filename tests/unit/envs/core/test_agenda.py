"""What comes to the table: by risk, with what it needs first, and nobody starves."""

import math

import numpy as np
import pytest
import small_worlds as sw

from patchpact.agents.roles import layout
from patchpact.envs.core.engine import Engine
from patchpact.scenarios import Scenario, load_scenario, scenario_ids

ROWS = layout.AGENDA_ROWS


def crowded(count: int = 60, chains: bool = True) -> Scenario:
    """The first eight carry the risk and each needs three low-risk ones of its own."""
    findings = [sw.finding(n, 0, epss=0.5 if n < 8 else 0.001 + 1e-5 * n) for n in range(count)]
    requires = {n: tuple(8 + 3 * n + m for m in range(3)) if chains and n < 8 else () for n in range(count)}
    patches = [sw.patch(n, 0, requires=requires[n]) for n in range(count)]
    return sw.scenario([sw.service(0)], (), findings, patches, windows=40)


def test_nothing_starves_even_when_prerequisites_crowd_the_table():
    world = crowded()
    table = sw.Table(world)
    last = np.full(60, -1)
    longest = 0
    for window in range(40):
        shown = table.state.row["patch"][0]
        longest = max(longest, int((window - last).max()))
        last[shown[shown >= 0]] = window
        table.wait(window + 1)
    assert longest <= math.ceil(60 / (ROWS // 4)) + 1


@pytest.mark.parametrize("name", [n for n in scenario_ids() if "large" not in n])
def test_every_open_patch_of_a_scenario_comes_to_the_table_in_time(name):
    world = load_scenario(name, windows=30, initially_known_share=1.0)
    table = sw.Table(world)
    seen: set[int] = set()
    for window in range(math.ceil(len(world.patches) / (ROWS // 4)) + 1):
        seen |= set(table.state.row["patch"][0].tolist())
        table.wait(window + 1)
    open_now = np.flatnonzero(table.state.patch["known"] > 0)
    assert set(open_now.tolist()) <= seen


def test_the_riskiest_are_always_there_with_what_they_need():
    table = sw.Table(crowded())
    for window in range(5):
        shown = set(table.state.row["patch"][0].tolist())
        assert set(range(8)) <= shown
        risk = table.state.patch["risk"][:8]
        for number in np.argsort(-risk)[:1]:
            assert set(table.engine.scenarios[0].patches[number].requires) <= shown
        table.wait(window + 1)


def test_without_prerequisites_half_the_rows_wait():
    table = sw.Table(crowded(chains=False))
    shown = table.state.row["patch"][0]
    assert (shown >= 0).all() and len(set(shown.tolist())) == ROWS
    assert (shown >= 8).sum() == ROWS // 2


def test_rows_come_in_an_order_that_says_nothing():
    """Over seeds and windows the riskiest patch stands anywhere."""
    world = crowded()
    engine = Engine([world], 200)
    engine.reset(np.arange(200, dtype=np.uint64))
    first = int(np.argmax(engine.state.patch["risk"][:60]))
    places = np.nonzero(engine.state.row["patch"] == first)[1]
    counts = np.bincount(places, minlength=ROWS)
    assert len(places) == 200
    assert ((counts - 12.5) ** 2 / 12.5).sum() < 55.0, "chi-squared, 15 degrees of freedom, p = 2e-6"


def test_done_patches_leave_and_unknown_ones_stay_away():
    world = sw.one_service(3, windows=4, motions_per_window=2)
    late = sw.replace(world, findings=(*world.findings[:2], sw.replace(world.findings[2], known_window=2)))
    table = sw.Table(late)
    on_table = []
    table.motion(0)
    for window in range(1, 4):
        table.wait(window)
        on_table.append({p for p in table.state.row["patch"][0].tolist() if p >= 0})
    assert on_table == [{1}, {1, 2}, {1, 2}]


def test_an_unknown_prerequisite_comes_with_what_needs_it():
    world = sw.one_service(2, windows=3)
    findings = (world.findings[0], sw.replace(world.findings[1], known_window=2))
    patches = (sw.replace(world.patches[0], requires=(1,)), world.patches[1])
    table = sw.Table(sw.replace(world, findings=findings, patches=patches))
    assert {0, 1} <= set(table.state.row["patch"][0].tolist())


def test_unlocked_risk_is_shared_among_what_is_missing():
    """Two steps deep: what b and c carry is credited to a; c also needs d."""
    world = sw.one_service(4, windows=3, motions_per_window=2)
    requires = {0: (), 1: (0,), 2: (1, 3), 3: ()}
    patches = [sw.replace(p, requires=requires[p.uid]) for p in world.patches]
    table = sw.Table(sw.replace(world, patches=patches))
    risk = table.state.patch["risk"]
    unlocked = {n: float(table.state.row["unlocked"][0, table.row(n)]) for n in range(4)}
    assert unlocked == pytest.approx({0: risk[1] + risk[2] / 2, 1: risk[2] / 2, 2: 0.0, 3: risk[2] / 2}, rel=1e-12)
    table.motion(0)
    assert float(table.state.row["unlocked"][0, table.row(1)]) == pytest.approx(float(risk[2]) / 2)


def test_slots_name_the_services_through_which_most_enters():
    world = load_scenario("boutique-v1")
    table = sw.Table(world)
    service = table.state.service
    entry = service["adjoint"] * (1 - service["q"]) * (1 - service["base"]) / service["base"]
    expected = np.argsort(-entry, kind="stable")[: layout.ENTITY_SLOTS]
    shown = table.state.slot[0]
    shown = shown[shown >= 0]
    assert shown.tolist() == expected[: len(shown)].tolist()
    assert len(shown) == min(layout.ENTITY_SLOTS, int((entry > 0).sum()))
