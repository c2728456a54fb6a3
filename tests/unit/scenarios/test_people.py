"""Roles come from names; others than the core's are left to the registry of roles."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patchpact.envs.core.pack import pack
from patchpact.scenarios import ScenarioError, load_scenario
from patchpact.scenarios.people import is_platform


def test_platforms() -> None:
    assert is_platform("image", "postgres")
    assert is_platform("Go", "stdlib")
    assert not is_platform("Go", "golang.org/x/net")
    assert not is_platform("library", "lib")


def test_a_role_of_another_room_is_taken_and_checked_there(shop: dict[str, Any], write: Callable[..., Path]) -> None:
    shop["agents"].append({"name": "busines_0"})
    scenario = load_scenario(write(shop))
    assert scenario.agents_of("busines")
    with pytest.raises(ScenarioError, match="did you mean 'business'"):
        pack([scenario])


def test_an_unknown_rule_is_found_when_a_world_is_made() -> None:
    scenario = load_scenario("toy-v1", voting="majorty")
    with pytest.raises(
        ScenarioError, match=r"toy-v1: governance\.voting: 'majorty' is unknown; did you mean 'majority'"
    ):
        pack([scenario])
