"""The symbiosis study's arms without differential privacy, federation and proofs: what each really switches off."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from patchpact.agents.roles import ACTION_NAMES, ROLES, layout
from patchpact.agents.roles.ledger import KINDS
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.pack import pack
from patchpact.envs.core.records import EPSILON_TIERS, POOL_SIZES
from patchpact.scenarios import Scenario
from patchpact.scenarios.tables import bundled, read_table
from patchpact.training.study.design import IDLE, load_design
from patchpact.training.study.worlds import world_of

FIRMS = 6
"""Of symbiosis-v1."""
NOISELESS = EPSILON_TIERS - 1
MECHANISMS = {"measurement_table", "measurement_pool", "measurement_uplift", "leak_by_epsilon", "leak_probability"}


@cache
def worlds(topology: str = "hub") -> dict[str, Scenario]:
    cells = load_design("symbiosis").cells("full")
    return {cell.arm: world_of(cell) for cell in cells if cell.player == IDLE and cell.topology == topology}


@cache
def pooled(arm: str) -> tuple[Any, Any]:
    """Share of the margin that measurement adds ``(tiers, pool sizes)``, and a leak's chance a firm and window."""
    (head,) = pack([worlds()[arm]]).scenario
    found = head["curve"].reshape(EPSILON_TIERS, POOL_SIZES)
    return head["measurement_uplift"] * found, np.array(head["leak_rate"])


def played(arm: str, tier: str, subscribers: int = FIRMS, episodes: int = 40) -> tuple[Any, float]:
    """What measurement brought each firm ``(episodes, firms)`` and what leaks cost all together, k€."""
    engine = Engine([worlds()[arm]], episodes, autoreset=False)
    engine.reset(np.arange(episodes, dtype=np.uint64))
    names = ACTION_NAMES["business"]
    firms = [n for n, role in enumerate(engine.static.agent["role"]) if ROLES[role] == "business"]
    steps = [
        {firm: names.index("module:measurement") for firm in firms[:subscribers]},
        {firms[0]: names.index(f"epsilon:{tier}")} if tier != "4" else {},
    ]
    parts = np.zeros(engine.state.parts.shape)
    while not engine.state.world["over"].all():
        voting = engine.state.world["voting"][:, None].astype(bool)
        actions = np.where(voting, layout.ABSTAIN, layout.PASS) * np.ones((1, engine.num_agents), np.int64)
        for firm, action in (steps.pop(0) if steps else {}).items():
            assert engine.state.mask[:, firm, action].all()
            actions[:, firm] = action
        engine.step(actions)
        parts += engine.state.parts
    return parts[:, firms, KINDS.index("uplift")], float(parts[:, firms[0], KINDS.index("leak")].sum())


def test_the_full_arm_has_all_three() -> None:
    for topology in ("hub", "chain", "mesh"):
        found = worlds(topology)["full"].parameters
        assert found["measurement_table"] and found["proofs_enabled"] and found["modules_enabled"]


@pytest.mark.parametrize("topology", ["hub", "chain", "mesh"])
def test_each_arm_changes_its_own_mechanism_alone(topology: str) -> None:
    full = worlds(topology)["full"].parameters
    alone = {"no-dp": {"noise_enabled"}, "no-federation": MECHANISMS, "no-proofs": {"proofs_enabled"}}
    for arm, own in alone.items():
        here = worlds(topology)[arm].parameters
        assert {name for name, value in here.items() if value != full[name]} <= own
        assert here != full


def test_without_privacy_the_tier_moves_nothing() -> None:
    noisy, none = played("no-dp", "0.5"), played("no-dp", "none")
    assert np.array_equal(noisy[0], none[0]) and noisy[1] == none[1]
    full, open_ = played("full", "0.5"), played("full", "none")
    assert full[0].sum() < open_[0].sum() and full[1] > open_[1], "costs are negative"


def test_without_privacy_pooled_data_are_those_of_the_row_without_noise() -> None:
    (mine, leak), (full, full_leak) = pooled("no-dp"), pooled("full")
    assert np.array_equal(mine, np.tile(full[NOISELESS], (EPSILON_TIERS, 1)))
    assert np.array_equal(leak, np.full(EPSILON_TIERS, full_leak[NOISELESS]))
    assert leak.min() > 30.0 * full_leak[3], "the tier that firms begin with"


def test_without_privacy_play_is_that_of_the_tier_without_noise() -> None:
    mine, open_ = played("no-dp", "4"), played("full", "none")
    assert np.array_equal(mine[0], open_[0]) and mine[1] == open_[1]


def test_without_federation_each_finds_what_it_finds_alone() -> None:
    mine, leak = pooled("no-federation")
    assert np.ptp(mine) / mine.mean() < 1e-4, "however many measure, and at whatever tier"
    rows = read_table(bundled("federated")).rows
    mine_too = [row for row in rows if row["persons_per_tenant"] == "1000" and row["epsilon"] == "none"]
    tenants, alone = ([float(row[name]) for row in mine_too] for name in ("tenants", "alone_value_share"))
    measured = np.interp(np.arange(1, FIRMS + 1), tenants, alone)
    share = mine[0, 0] / worlds()["full"].parameters["measurement_uplift"]
    assert measured.min() - 0.005 < share < measured.max() + 0.005
    assert not leak.any()


def test_without_federation_a_firm_earns_the_same_however_many_measure() -> None:
    some, leaked = played("no-federation", "none", subscribers=2)
    every, leaked_too = played("no-federation", "none")
    assert leaked == leaked_too == 0.0
    assert some[:, :2] == pytest.approx(every[:, :2], rel=1e-4) and every[:, 1].min() > 0.0
    few, many = played("full", "4", subscribers=2)[0], played("full", "4")[0]
    assert (many[:, 1] > few[:, 1]).all()


def test_without_proofs_nobody_can_prove() -> None:
    prove = ACTION_NAMES["business"].index("prove:on")
    legal = {}
    for arm in ("full", "no-proofs"):
        engine = Engine([worlds()[arm]], 1, autoreset=False)
        engine.reset(np.zeros(1, np.uint64))
        firms = [n for n, role in enumerate(engine.static.agent["role"]) if ROLES[role] == "business"]
        legal[arm] = engine.state.mask[0, firms, prove].tolist()
    assert legal == {"full": [1] * FIRMS, "no-proofs": [0] * FIRMS}


def test_a_claim_stands_on_each_of_the_arms() -> None:
    claims = load_design("symbiosis").file.claims
    for arm in ("no-modules", "no-dp", "no-federation", "no-proofs"):
        assert [claim.id for claim in claims if any(arm in test.over for test in claim.tests)], arm


@pytest.mark.parametrize("topology", ["hub", "chain", "mesh"])
def test_with_firms_removed_the_world_is_the_same_but_for_them(topology: str) -> None:
    """Small firms and the large one match in services and patches; of all others nothing is drawn anew."""
    here = worlds(topology)
    full = here["full"]
    removed = {}
    for arm in ("without-small", "without-large", "without-random"):
        left = {service.name for service in here[arm].services}
        removed[arm] = {service.name for service in full.services} - left
        assert [one for one in full.findings if one.service in left] == list(here[arm].findings)
        assert [one.uid for one in full.patches if one.service in left] == [one.uid for one in here[arm].patches]
        assert here[arm].parameters == full.parameters
    assert {len(gone) for gone in removed.values()} == {5}
    owners = {service.name: service.owner for service in full.services}
    sizes = {agent.name: agent.size for agent in full.agents if agent.role == "business" and not agent.platform}
    for arm, size in (("without-small", "small"), ("without-large", "large")):
        assert {sizes[owners[name]] for name in removed[arm]} == {size}
        assert removed[arm] == {name for name in owners if owners[name] in {owners[gone] for gone in removed[arm]}}
    assert {owners[name] for name in removed["without-random"]} <= set(sizes)
    patches = {arm: sum(patch.service in gone for patch in full.patches) for arm, gone in removed.items()}
    assert patches["without-small"] == patches["without-large"]
    others = [worlds(place)["without-random"] for place in ("hub", "chain", "mesh") if place != topology]
    assert all(
        {s.name for s in other.services} != {s.name for s in here["without-random"].services} for other in others
    )
