"""A team with modules plays as the policies that they stand for."""

from functools import partial

import numpy as np
import pytest

from patchpact.agents.policies import make_policy
from patchpact.ecosystem.modules import Team
from patchpact.scenarios import load_scenario
from patchpact.training.evaluate import play


@pytest.mark.parametrize(
    ("modules", "policy"),
    [
        ((), "cvss-first"),
        (("prioritise",), "net-gain"),
        (("prioritise", "forecast"), "net-gain-patient"),
        (("scan", "patch-bot"), "cvss-first"),  # they change the world, not the rule
    ],
)
def test_where_nobody_judges_it_is_the_policy(modules: tuple[str, ...], policy: str) -> None:
    scenario = load_scenario("robot-shop-v1")
    team = play(scenario, partial(Team, modules=modules, judges=False), range(8))
    same = play(scenario, make_policy(policy), range(8))
    for name in ("welfare_keur", "patches_done", "motions_passed"):
        np.testing.assert_array_equal(team[name], same[name])


def test_it_alone_judges() -> None:
    scenario = load_scenario("robot-shop-v1")
    judged = play(scenario, Team, range(8))
    accepted = play(scenario, partial(Team, judges=False), range(8))
    assert judged["patches_done"].sum() < accepted["patches_done"].sum()
    assert not judged["illegal_actions"].any()
