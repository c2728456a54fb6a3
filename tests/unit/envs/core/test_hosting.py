"""What a platform answers for that hosts firms: isolation that fails, content that it lets pass or takes down."""

from functools import partial

import numpy as np
import pytest
import small_worlds as sw
from small_worlds import PLATFORM, SECOND, SHOP

from patchpact.agents.roles import layout
from patchpact.ecosystem.modules.catalogue import PARAMETERS
from patchpact.ecosystem.modules.economics import isolation_failure_probability
from patchpact.envs.core.engine import Engine
from patchpact.scenarios.parameters import default_parameters

ON = {"modules_enabled": True, "hosting_enabled": True, "isolation_failure": 0.0}
MARGIN = 0.1 * 24.0 * 7.0
"""Of the shop, k€ a window."""


def market(**changes):
    return sw.market_of_two(**{**ON, **changes})


def hosted(*levers, firms=(SHOP,), **changes):
    """A table at which firms take a module and, one motion after the other, levers are pulled; a window is over."""
    return sw.first_window(partial(market, **changes), dict.fromkeys(firms, "module:prioritise"), *levers)


@pytest.mark.parametrize(("level", "strictness"), [("none", 0.0), ("some", 0.5), ("full", 1.0)])
def test_strictness_trades_harm_against_lost_margin(level, strictness):
    levers = [{PLATFORM: f"strictness:{level}"}] if level != "none" else []
    table = hosted(*levers, content_harm_keur=0.4, moderation_loss=0.02)
    passed = (1.0 - strictness) * 0.4
    assert table.world["damage_keur"] == pytest.approx(passed)
    assert table.paid(PLATFORM, "content") == pytest.approx(-passed)
    assert table.paid(SHOP, "moderation") == pytest.approx(-(strictness**2) * 0.02 * MARGIN)
    assert table.paid(PLATFORM, "moderation") == 0.0, "its own content is not hosted for others"


def test_a_failed_isolation_costs_the_platform_its_harm_and_the_hosted_firms_trust():
    failing = {"isolation_failure": 1.0, "isolation_keur": 8.0, "trust_breach_keur": 16.0, "trust_loss_breach": 0.2}
    failing |= {"content_harm_keur": 0.0, "trust_recovery": 0.0, "trust_spillover": 0.0}
    table = hosted(firms=(SHOP, SECOND), **failing)
    assert table.paid(PLATFORM, "isolation") == pytest.approx(-16.0)
    assert table.world["damage_keur"] == pytest.approx(16.0)
    assert table.state.agent["trust"][0, [PLATFORM, SHOP, SECOND]] == pytest.approx([0.9, 0.8, 0.8])
    nobody_answers = hosted(firms=(SHOP, SECOND), **failing, responsibility_enabled=False)
    assert nobody_answers.paid(PLATFORM, "isolation") == 0.0
    assert nobody_answers.world["damage_keur"] == pytest.approx(16.0)
    alone = hosted(firms=(SHOP, PLATFORM), **failing)
    assert alone.world["damage_keur"] == 0.0, "there is nobody to see what is shown"


@pytest.mark.parametrize("module", [None, "placebo"])
def test_who_takes_nothing_is_not_hosted(module):
    table = sw.Table(market(isolation_failure=1.0, placebo_enabled=True))
    table.step(dict.fromkeys((SHOP, SECOND), f"module:{module}") if module else {})
    table.step()
    assert table.world["t"] == 1
    assert table.world["damage_keur"] == 0.0
    assert table.paid(PLATFORM, "content") == table.paid(PLATFORM, "isolation") == 0.0


def test_isolation_fails_as_often_as_the_platforms_economics_say():
    """Windows of 3,000 against the closed form for two tenants."""
    rate = PARAMETERS["isolation_failure"]
    world = market(
        isolation_failure=100.0 * rate, isolation_keur=0.5, content_harm_keur=0.0, windows=100, tail_windows=0
    )
    engine = Engine([world], 30, autoreset=False)
    engine.reset(np.arange(30, dtype=np.uint64))
    actions = sw.no_ops(engine)
    actions[:, [SHOP, SECOND]] = sw.ACTION_NAMES["business"].index("module:prioritise")
    engine.step(actions)
    sw.idle(engine)
    expected = 1.0 - (1.0 - 200.0 * rate) ** 7
    failures = engine.state.world["damage_keur"].sum()
    assert abs(failures - 3000 * expected) <= 4.0 * np.sqrt(3000 * expected * (1.0 - expected))
    small = 1.0 - (1.0 - 2.0 * float(default_parameters()["isolation_failure"])) ** 7
    assert small == pytest.approx(isolation_failure_probability(2))


def test_strictness_is_the_platforms_to_move_once_a_window_and_seen_by_all():
    table = sw.Table(sw.market_place(**ON, motions_per_window=3))
    assert not table.legal(SHOP, "strictness:full") and not table.legal(PLATFORM, "strictness:none")
    table.step({PLATFORM: "strictness:full"})
    assert not table.legal(PLATFORM, "strictness:some")
    seen = table.state.observation[0][: table.engine.num_agents, layout.global_feature("strictness")]
    assert seen.tolist() == [1.0] * table.engine.num_agents
    without = sw.Table(sw.market_place(modules_enabled=True))
    assert not without.legal(PLATFORM, "strictness:full")
