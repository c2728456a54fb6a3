"""Some 35% of patches wait for another, by rules that know no names of services, and never in a circle."""

import graphlib

import numpy as np
import pytest

from patchpact.scenarios import Patch, Scenario, Service, generate, load_scenario, scenario_ids
from patchpact.scenarios.notes import Notes
from patchpact.scenarios.prerequisites import add_prerequisites


def share(scenario: Scenario) -> float:
    return float(np.mean([bool(patch.requires) for patch in scenario.patches]))


def test_share_in_drawn_worlds() -> None:
    assert np.mean([share(generate(60, seed)) for seed in range(20)]) == pytest.approx(0.35, abs=0.03)


@pytest.mark.parametrize("id_", sorted({*scenario_ids()} - {"teastore-v1"}))
def test_share_in_bundled_worlds(id_: str) -> None:
    assert 0.25 < share(load_scenario(id_)) < 0.55


def test_no_rule_applies_where_each_service_has_one_patch() -> None:
    scenario = load_scenario("teastore-v1")
    assert len({patch.service for patch in scenario.patches}) == len(scenario.patches)
    assert share(scenario) == 0.0


@pytest.mark.parametrize("id_", scenario_ids())
def test_an_order_exists(id_: str) -> None:
    scenario = load_scenario(id_)
    order = graphlib.TopologicalSorter({patch.uid: patch.requires for patch in scenario.patches})
    assert len(list(order.static_order())) == len(scenario.patches)


def test_the_next_release_comes_after_the_one_that_is_out() -> None:
    scenario = load_scenario("boutique-v1")
    out = {(p.service, p.component): p.uid for p in scenario.patches if not p.name.endswith(" (next release)")}
    late = [patch for patch in scenario.patches if patch.name.endswith(" (next release)")]
    assert late
    for patch in late:
        assert patch.release_window > 0
        first = out.get((patch.service, patch.component))
        assert first is None or first in patch.requires


SERVICE = Service(0, "web", "service", True, "business_0", "main", "low", 1, 5.0, 0.0)


def patch(uid: int, component: str, ecosystem: str = "library") -> Patch:
    return Patch(uid, f"web/{component}", "web", component, ecosystem, "1", "2", None, (), 1, 1, 0, (), 0, 0)


def required(patches: list[Patch], seed: int) -> dict[int, tuple[int, ...]]:
    made = add_prerequisites(patches, {"web": SERVICE}, [], seed, Notes())
    return {patch.uid: patch.requires for patch in made}


def test_runtime_and_library_wait_for_each_other_but_not_both() -> None:
    seen = {tuple(sorted(required([patch(0, "node", "runtime"), patch(1, "qs")], seed).items())) for seed in range(60)}
    assert seen == {((0, ()), (1, ())), ((0, (1,)), (1, ())), ((0, ()), (1, (0,)))}


def test_a_framework_comes_before_its_plugins() -> None:
    patches = [patch(0, "express"), patch(1, "body-parser"), patch(2, "left-pad")]
    seen = {tuple(sorted(required(patches, seed).items())) for seed in range(40)}
    assert seen == {((0, ()), (1, (0,)), (2, ())), ((0, ()), (1, ()), (2, ()))}


def test_many_components_of_one_service_in_reasonable_time() -> None:
    patches = [patch(uid, f"component-{uid}", "runtime" if uid == 0 else "library") for uid in range(20_000)]
    assert len(required(patches, 0)) == 20_000
