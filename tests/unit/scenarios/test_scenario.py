"""A Scenario is a value: it cannot change, it travels, and its graph comes back."""

import copy
import pickle
import warnings
from dataclasses import FrozenInstanceError, replace

import pytest

from patchpact.scenarios import AssumptionWarning, Scenario, ScenarioError, load_scenario, scenario_ids


@pytest.fixture
def toy() -> Scenario:
    return load_scenario("toy-v1")


def test_immutable(toy: Scenario) -> None:
    with pytest.raises(FrozenInstanceError):
        toy.id = "other"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        toy.services[0].name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        toy.parameters["windows"] = 1  # type: ignore[index]
    for name in ("services", "edges", "entrypoints", "findings", "patches", "agents", "assumptions", "sources"):
        assert isinstance(getattr(toy, name), tuple)


def test_what_went_in_does_not_change_it(toy: Scenario) -> None:
    parameters, services, sources = dict(toy.parameters), list(toy.services), ["a"]
    made = replace(toy, parameters=parameters, services=services, sources=sources)  # type: ignore[arg-type]
    parameters["windows"] = 99
    services.clear()
    sources.append("b")
    assert made == replace(toy, sources=("a",))


@pytest.mark.parametrize("id_", scenario_ids())
def test_pickle_and_copy(id_: str) -> None:
    scenario = load_scenario(id_)
    for made in (pickle.loads(pickle.dumps(scenario)), copy.deepcopy(scenario)):  # noqa: S301
        assert made == scenario
        assert hash(made) == hash(scenario)
        with pytest.raises(TypeError):
            made.parameters["windows"] = 1  # type: ignore[index]


def test_records_stand_by_uid(toy: Scenario) -> None:
    for name in ("services", "edges", "entrypoints", "findings", "patches", "agents"):
        rows = getattr(toy, name)
        assert replace(toy, **{name: rows[::-1]}) == toy
        assert [row.uid for row in rows] == sorted(row.uid for row in rows)


@pytest.mark.parametrize("id_", scenario_ids())
def test_the_graph_comes_back(id_: str) -> None:
    """Services, calls and flows as they were; what a graph does not hold is drawn and said so."""
    scenario = load_scenario(id_)
    graph = scenario.graph()
    assert list(graph) == [service.name for service in scenario.services]
    with pytest.warns(AssumptionWarning):
        again = load_scenario(graph)
    assert again.id == scenario.id
    assert again.services == scenario.services
    assert again.edges == scenario.edges

    def flows(world: Scenario) -> set[tuple[str, float, float]]:
        return {(e.service, e.requests_per_hour, e.revenue_keur_per_hour) for e in world.entrypoints}

    assert flows(again) == flows(scenario)


def test_flows_of_one_service_add_up_in_the_graph(toy: Scenario) -> None:
    first = toy.entrypoints[0]
    twice = replace(toy, entrypoints=(first, replace(first, uid=7)))
    assert twice.graph().nodes[first.service]["revenue_keur_per_hour"] == 2 * first.revenue_keur_per_hour


def test_with_parameters(toy: Scenario) -> None:
    made = toy.with_parameters(windows=9, quota=0.5)
    assert (made.parameters["windows"], made.parameters["quota"]) == (9, 0.5)
    assert toy.parameters["windows"] == 3
    assert made.services == toy.services
    assert toy.with_parameters() == toy
    for wrong, part in (
        ({"widows": 9}, "toy-v1: widows: unknown parameter; did you mean 'windows'?"),
        ({"windows": 1.5}, "toy-v1: windows: 1.5 is not a whole number"),
        ({"value_enabled": 1}, "toy-v1: value_enabled: 1 is no switch"),
        ({"share_it": 0.9, "share_business": 0.9}, "toy-v1: share_it: share_it + share_business + share_vendor"),
    ):
        with pytest.raises(ScenarioError) as caught:
            toy.with_parameters(**wrong)  # type: ignore[arg-type]
        assert part in str(caught.value)


def test_a_changed_default_loss_reaches_the_services_that_had_it() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        scenario = load_scenario("boutique-v1")
    name = "loss_payment_keur"
    changed = scenario.with_parameters(**{name: 7.0})
    for before, after in zip(scenario.services, changed.services, strict=True):
        assert after.loss_keur == (7.0 if before.data_sensitivity == "payment" else before.loss_keur)
    assert {service.loss_keur for service in changed.services if service.kind == "external"} == {0.0}


def test_agents_of(toy: Scenario) -> None:
    assert [agent.name for agent in toy.agents_of("vendor")] == ["vendor_0"]
    assert toy.agents_of("auditor") == ()
