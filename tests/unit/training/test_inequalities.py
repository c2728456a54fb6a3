"""The inequalities of the wider game follow the parameters, and only where a scenario has the feature."""

import math
from itertools import pairwise

import numpy as np
import pytest

from patchpact.agents.roles import ACTION_NAMES, ROLES, layout
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.modes import FULL
from patchpact.envs.core.records import EPSILON_TIERS, POOL_SIZES
from patchpact.envs.core.tables import measured_curves
from patchpact.scenarios import load_scenario
from patchpact.scenarios.tables import bundled, read_table
from patchpact.training.inequalities import inequalities, kept, ratios

SEEDS = range(8)
CREATORS = {"creators_enabled": True, "proofs_enabled": True}


def found(**over):
    rows = inequalities(load_scenario("symbiosis-v1", **over), SEEDS)
    assert all(set(row) == {"check", "value", "low", "high", "bound", "holds"} for row in rows)
    return {row["check"].split(" ")[0] + " " + row["check"].split(" ")[1]: row for row in rows}


def test_a_scenario_without_the_wider_game_has_none():
    assert inequalities(load_scenario("toy-v1"), SEEDS) == []


@pytest.mark.parametrize("scenario", ["symbiosis-v1", "boutique-market-v1", "boutique-esg-v1"])
def test_they_hold_in_every_bundled_scenario_that_has_the_wider_game(scenario):
    rows = inequalities(load_scenario(scenario), range(32))
    assert rows and [row["check"] for row in rows if not row["holds"]] == []


def test_those_that_apply():
    assert set(found()) == {"a false", "claiming nothing", "share of", "a lower", "leaks of"}
    assert "a proof" in found(proofs_enabled=True)
    assert "firms that" in found(pooling_enabled=True)
    assert "strictness at" in found(hosting_enabled=True)
    assert "proofs of" in found(**CREATORS)
    assert "proofs of" not in found(creators_enabled=True), "there are none"
    assert "proofs of" not in found(**CREATORS, disclosure_enabled=False), "nobody claims anything"
    assert set(found(modules_enabled=False)) == {"a false", "claiming nothing", "share of"}
    assert set(found(disclosure_enabled=False)) == {"share of", "a lower", "leaks of"}
    assert "a false" not in found(governance_enabled=False), "nobody audits"
    assert set(found(responsibility_enabled=False)) == {"a lower"}


@pytest.mark.parametrize(
    ("check", "over", "holds"),
    [
        ("a false", {}, True),
        ("a false", {"gap_penalty_keur": 0.0, "trust_loss_gap": 0.0}, False),
        ("a false", {"audit_often": 0.0}, False),
        ("claiming nothing", {}, True),
        ("claiming nothing", {"debt_ratio": 0.0, "module_preferential": 0.0, "insurance_coverage": 0.0}, False),
        ("share of", {"insurance_coverage": 1.0, "insurance_deductible": 0.0, "insurance_pass_through": 0.0}, False),
        ("a lower", {}, True),
        ("a lower", {"measurement_uplift": 10.0}, False),
        ("a lower", {"measurement_uplift": 0.0}, False),
        ("leaks of", {}, True),
        ("leaks of", {"leak_keur": 0.0, "trust_loss_leak": 0.0}, False),
        ("strictness at", {"hosting_enabled": True}, True),
        ("strictness at", {"hosting_enabled": True, "content_harm_keur": 0.0}, False),
        ("strictness at", {"hosting_enabled": True, "moderation_loss": 0.0}, False),
        ("proofs of", CREATORS, True),
        ("proofs of", {**CREATORS, "proof_cost_keur": 0.0}, False),
        ("proofs of", {**CREATORS, "proof_cost_keur": 9.0}, False),
        ("firms that", {"pooling_enabled": True}, True),
        ("firms that", {"pooling_enabled": True, "parity_complaint": 0.0}, False),
        ("firms that", {"pooling_enabled": True, "parity_complaint": 1.0}, False),
    ],
)
def test_each_can_hold_and_can_fail(check, over, holds):
    assert found(**over)[check]["holds"] is holds


def test_a_proof_dies_where_it_costs_more_than_it_brings():
    cheap, dear = (found(proofs_enabled=True, proof_cost_keur=cost)["a proof"] for cost in (0.015, 15.0))
    assert dear["value"] == pytest.approx(1000.0 * cheap["value"])
    assert dear["holds"]


def test_what_an_insured_firm_keeps():
    """c = .8 (1 - .1) = .72: .28 and, with premiums by risk, .72 x 1.3 of the rest."""
    assert kept(load_scenario("symbiosis-v1", insurance_pass_through=0.0)) == pytest.approx(0.28)
    assert kept(load_scenario("symbiosis-v1", insurance_pass_through=1.0)) == pytest.approx(0.28 + 0.72 * 1.3)


def test_more_pass_through_more_patching():
    shares = [found(insurance_pass_through=at)["share of"]["value"] for at in (0.0, 0.7)]
    assert math.isfinite(shares[0])
    assert shares[0] <= shares[1] <= 1.0


def first_plans(insured, **over):
    """The world, and of every plan after a window in which nobody acts but insures: the owner's gain, its ratio."""
    world = load_scenario("symbiosis-v1", **over)
    engine = Engine([world], 64)
    engine.reset(np.arange(64, dtype=np.uint64))
    roles = [ROLES[role] for role in engine.static.agent["role"]]
    levers = {"business": "insure:on", "market": "premium:by_risk"} if insured else {}
    while (engine.state.world["t"] < 1).any():
        voting = engine.state.world["voting"][:, None].astype(bool)
        actions = np.where(voting, layout.ABSTAIN, layout.PASS) * np.ones((1, len(roles)), np.int64)
        for n, role in enumerate(roles):
            if role in levers:
                actions[:, n] = ACTION_NAMES[role].index(levers[role])
        levers = {}
        engine.step(actions)
    worlds, row = np.nonzero(engine.state.row["patch"] >= 0)
    owner = engine.static.patch["owner"][engine.state.row["patch"][worlds, row]]
    return world, engine.state.own[worlds, owner, row, FULL], ratios(engine)[0]


def test_moral_hazard_in_the_game_has_the_formula_s_shape():
    """The share of plans efficient for their owner that it still wants once insured rises with the pass-through.

    To all where what it keeps is more than the whole loss; never below the formula's, which leaves out what else a
    patch spares its owner (trust, and with it demand).
    """
    _, alone, ratio = first_plans(False)
    efficient = (ratio > 1.0) & np.isfinite(ratio)
    assert (alone[efficient] > 0.0).all() and efficient.sum() > 50
    played, formula = [], []
    for at in (0.0, 0.3, 0.7, 1.0):
        world, own, _ = first_plans(True, insurance_pass_through=at)
        played.append((own[efficient] > 0.0).mean())
        formula.append((kept(world) * ratio[efficient] > 1.0).mean())
    assert all(a < b for shares in (played, formula) for a, b in pairwise(shares) if a < 1.0)
    assert played[0] < 0.5 and formula[0] < 0.2 and played[-1] == formula[-1] == 1.0
    assert all(one >= other for one, other in zip(played, formula, strict=True))


def test_pooled_measurement_is_what_the_core_looks_up():
    """Leaks a week without noise over what is found without it: from the table, and from the formulas."""
    (hazard,) = {
        row["leak_hazard_per_day"] for row in read_table(bundled("federated")).rows if row["epsilon"] == "none"
    }
    leaks = {
        True: 1.0 - (1.0 - float(hazard)) ** 7.0,
        False: 0.001 * np.exp(0.3 * 12.0),
    }
    brought = {True: measured_curves().found.reshape(EPSILON_TIERS, POOL_SIZES)[-1, 5], False: 1.0 - np.exp(-6 / 3.0)}
    values = {on: found(measurement_table=on)["leaks of"]["value"] for on in (True, False)}
    anywhere = {on: 1.0 - (1.0 - leaks[on]) ** 6 for on in values}
    expected = anywhere[True] / brought[True] / (anywhere[False] / brought[False])
    assert values[True] / values[False] == pytest.approx(expected, rel=1e-6)
