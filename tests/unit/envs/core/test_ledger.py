"""Money: every flow has two ends and belongs to one network, whose switch alone removes it."""

import numpy as np
import pytest
import small_worlds as sw

from patchpact.agents.roles import ROLE_MODULES
from patchpact.agents.roles.ledger import KIND_INDEX, KINDS, NETWORK_OF_KIND, NETWORKS, RESTS_ON
from patchpact.envs.core.engine import Engine
from patchpact.scenarios import load_scenario

SWITCHES = ("value", "responsibility", "governance")


def kinds_booked(**over) -> set[str]:
    """Kinds that flow in random legal play of 64 threatened worlds of the wider game."""
    world = load_scenario(
        "symbiosis-v1", windows=4, attempt_multiplier=300.0, initially_known_share=1.0, reputation_keur=5.0,
        leak_probability=0.05, proofs_enabled=True, recognition="second_price", forecast_gain=0.01,
        pooling_enabled=True, parity_complaint=0.5, hosting_enabled=True, isolation_failure=0.05,
        creators_enabled=True, **over,
    )  # fmt: skip
    agents = tuple(sw.replace(a, budget_keur=300.0, equity_keur=9000.0) for a in world.agents)
    late = tuple(sw.replace(p, release_window=9 if p.uid % 5 == 0 else p.release_window) for p in world.patches)
    engine = Engine([sw.replace(world, agents=agents, patches=late)], 64)
    engine.reset(np.arange(64, dtype=np.uint64))
    actions = np.zeros((64, engine.num_agents), np.int64)
    total = np.zeros(len(KINDS))
    for turn in range(60):
        engine.step_at_random(1, turn, actions)
        total += np.abs(engine.state.parts).sum((0, 1))
    return {kind for kind, amount in zip(KINDS, total, strict=True) if amount > 0.0}


def test_with_all_networks_on_every_kind_flows():
    assert kinds_booked() == set(KINDS)


@pytest.mark.parametrize("network", SWITCHES)
def test_a_switch_removes_exactly_the_kinds_of_its_network(network):
    kept = {kind for kind in KINDS if network not in (NETWORK_OF_KIND[kind], RESTS_ON.get(kind))}
    assert kinds_booked(**{f"{network}_enabled": False}) == kept


def test_with_all_networks_off_work_still_costs_and_damage_is_done():
    off = {f"{network}_enabled": False for network in SWITCHES}
    assert kinds_booked(**off) == {kind for kind in KINDS if NETWORK_OF_KIND[kind] == "world"}


def test_every_kind_belongs_to_one_network_and_every_lever_has_a_kind():
    assert set(NETWORK_OF_KIND.values()) <= set(NETWORKS)
    assert len(set(KINDS)) == len(KINDS) == len(KIND_INDEX)
    for module in ROLE_MODULES:
        assert len(module.LEVERS) == len(module.LEVER_KINDS)
        assert set(module.LEVER_KINDS) <= set(KINDS)


PLAN = {(0, 0): (0, "full"), (0, 1): (1, "canary"), (1, 0): (2, "mitigate"), (2, 0): (3, "emergency")}


def played(**over) -> np.ndarray:
    """Flows of one plan by party and kind; business proposes in every turn, so it also runs without governance."""
    world = sw.one_service(
        5, windows=4, motions_per_window=2, recognition="weighted", voting="majority", deadlines="bod26_04",
        incident_loss="expected", patch_changes={"regression_probability": 0.5},
        agents=tuple(sw.replace(a, vote_weight=int(a.role == "business")) for a in sw.seats()), **over,
    )  # fmt: skip
    table = sw.Table(world, seed=2)
    while not table.over:
        step = PLAN.get((int(table.world["t"]), int(table.world["motion"])))
        _ = table.motion(*step) if step else table.step()
    return table.parts


@pytest.mark.parametrize("network", SWITCHES)
def test_the_same_plan_moves_the_same_money_in_the_other_networks(network):
    """No amount of a kind hangs on another network's switch."""
    on, off = played(), played(**{f"{network}_enabled": False})
    for kind in KINDS:
        column = KIND_INDEX[kind]
        if NETWORK_OF_KIND[kind] == network:
            assert not off[:, column].any(), kind
        else:
            assert off[:, column] == pytest.approx(on[:, column], rel=1e-12), kind
    assert on[:, [KIND_INDEX[k] for k in KINDS if NETWORK_OF_KIND[k] == network]].any()


@pytest.mark.parametrize("network", SWITCHES)
def test_work_costs_whatever_network_is_off(network):
    table = sw.Table(sw.one_service(motions_per_window=2, **{f"{network}_enabled": False}))
    before = float(table.state.agent["budget"][0, 0])
    table.step({0: "overtime"})
    assert table.state.agent["budget"][0, 0] < before
    assert table.paid(0, "overtime") < 0.0
    assert table.world["overtime"] == 1


def test_a_short_ledger_keeps_the_first_entries_and_all_the_money():
    world = load_scenario("boutique-v1")
    long, short = sw.Table(world, 3, ledger_size=5000), sw.Table(world, 3, ledger_size=2)
    for table in (long, short):
        table.wait(1)
    assert np.array_equal(long.parts, short.parts)
    count = int(short.world["ledger_n"])
    assert count == min(2, int(long.world["ledger_n"]))
    assert np.array_equal(long.state.ledger[0, :count], short.state.ledger[0, :count])
