"""`check_scenario` finds what a Scenario built by hand has wrong; `summary` counts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from patchpact.scenarios import Scenario, ScenarioError, check_scenario, load_scenario, scenario_ids, summary


@pytest.fixture
def toy() -> Scenario:
    return load_scenario("toy-v1")


def changed(scenario: Scenario, kind: str, index: int, /, **values: Any) -> Scenario:
    rows = list(getattr(scenario, kind))
    rows[index] = replace(rows[index], **values)
    return replace(scenario, **{kind: tuple(rows)})


def without(scenario: Scenario, kind: str, index: int) -> Scenario:
    rows = list(getattr(scenario, kind))
    del rows[index]
    return replace(scenario, **{kind: tuple(rows)})


def doubled(scenario: Scenario, kind: str, /, **values: Any) -> Scenario:
    rows = getattr(scenario, kind)
    return replace(scenario, **{kind: (*rows, replace(rows[0], **values))})


@pytest.mark.parametrize("id_", scenario_ids())
def test_bundled_scenarios_hold(id_: str) -> None:
    check_scenario(load_scenario(id_))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda s: replace(s, services=()), "services: none"),
        (
            lambda s: changed(s, "services", 0, kind="servce"),
            "services.web.kind: no kind 'servce'; did you mean 'service'?",
        ),
        (
            lambda s: changed(s, "services", 0, data_sensitivity="x"),
            "services.web.data_sensitivity: no data_sensitivity 'x'",
        ),
        (
            lambda s: changed(s, "services", 0, replicas=0),
            "services.web.replicas: 0 is not allowed; write a whole number from 1 on",
        ),
        (lambda s: changed(s, "services", 0, loss_keur=float("nan")), "services.web.loss_keur: nan is not allowed"),
        (lambda s: changed(s, "services", 0, loss_keur=None), "services.web.loss_keur: None is not allowed"),
        (lambda s: changed(s, "services", 0, deploy_minutes="5"), "services.web.deploy_minutes: '5' is not allowed"),
        (lambda s: changed(s, "services", 0, owner="it_0"), "services.web.owner: no business agent 'it_0'"),
        (lambda s: changed(s, "services", 0, name="api"), "services.name: 'api' stands twice"),
        (lambda s: doubled(s, "services", name="other"), "services.uid: 0 stands twice"),
        (
            lambda s: changed(s, "edges", 0, target="dbb"),
            "edges.web -> dbb.target: no service 'dbb'; did you mean 'db'?",
        ),
        (lambda s: changed(s, "edges", 0, target="web"), "edges.web -> web: calls itself"),
        (lambda s: doubled(s, "edges", uid=9), "edges: ('web', 'api') stands twice"),
        (lambda s: changed(s, "edges", 0, call_probability=1.5), "edges.web -> api.call_probability: 1.5"),
        (lambda s: changed(s, "edges", 0, kind="rpc"), "edges.web -> api.kind: no kind 'rpc'; did you mean 'grpc'?"),
        (lambda s: changed(s, "entrypoints", 0, service="x"), "entrypoints.x.service: no service 'x'"),
        (lambda s: changed(s, "entrypoints", 0, owner="x"), "entrypoints.web.owner: no business agent 'x'"),
        (
            lambda s: changed(s, "entrypoints", 0, revenue_keur_per_hour=-1.0),
            "entrypoints.web.revenue_keur_per_hour: -1.0",
        ),
        (
            lambda s: changed(s, "findings", 0, epss=1.1),
            "findings.TOY-0.epss: 1.1 is not allowed; write a number in 0..1",
        ),
        (lambda s: changed(s, "findings", 0, cvss=float("inf")), "findings.TOY-0.cvss: inf"),
        (
            lambda s: changed(s, "findings", 0, technical_impact="full"),
            "findings.TOY-0.technical_impact: no technical_impact",
        ),
        (lambda s: changed(s, "findings", 0, service="x"), "findings.TOY-0.service: no service 'x'"),
        (lambda s: changed(s, "findings", 0, uid=1), "findings.uid: 1 stands twice"),
        (lambda s: changed(s, "patches", 0, service="x"), "patches.web/web-library.service: no service 'x'"),
        (lambda s: changed(s, "patches", 0, vendor="x"), "patches.web/web-library.vendor: no vendor agent 'x'"),
        (
            lambda s: changed(s, "patches", 0, findings=(99,)),
            "patches.web/web-library.findings: no finding of 'web' with uid 99",
        ),
        (lambda s: changed(s, "patches", 0, findings=(0, 5)), "no finding of 'web' with uid 5"),
        (lambda s: changed(s, "patches", 0, findings=(0, 0)), "finding 0 has another patch; keep one of the two"),
        (
            lambda s: changed(s, "patches", 1, findings=(0, 1)),
            "patches.web/web-runtime.findings: finding 0 has another patch",
        ),
        (lambda s: without(s, "patches", 0), "findings.TOY-0: no patch removes finding 0"),
        (lambda s: changed(s, "patches", 0, requires=(99,)), "patches.web/web-library.requires: no patch with uid 99"),
        (
            lambda s: changed(s, "patches", 2, requires=(3,)),
            "prerequisites in a circle: api/api-runtime -> api/api-library",
        ),
        (
            lambda s: changed(s, "patches", 0, release_window=0.5),
            "release_window: 0.5 is not allowed; write a whole number",
        ),
        (lambda s: changed(s, "patches", 0, effort_hours=-1), "effort_hours: -1"),
        (lambda s: without(s, "agents", 2), "agents: nobody plays the role vendor; add vendor_0"),
        (lambda s: changed(s, "agents", 0, name="vendor_0"), "agents.name: 'vendor_0' stands twice"),
        (lambda s: changed(s, "agents", 0, vote_weight=-1), "agents.it_0.vote_weight: -1"),
        (lambda s: changed(s, "agents", 0, budget_keur=float("-inf")), "agents.it_0.budget_keur: -inf"),
        (lambda s: replace(s, parameters={**s.parameters, "windows": 0}), "windows: 0 is out of range"),
        (lambda s: replace(s, parameters={**s.parameters, "widows": 3}), "widows: unknown parameter"),
        (
            lambda s: replace(s, parameters={k: v for k, v in s.parameters.items() if k != "quota"}),
            "parameters.quota: missing",
        ),
    ],
)
def test_what_is_wrong_is_named(change: Callable[[Scenario], Scenario], part: str, toy: Scenario) -> None:
    wrong = change(toy)
    for call in (check_scenario, load_scenario):
        with pytest.raises(ScenarioError) as caught:
            call(wrong)
        line = str(caught.value)
        assert line.startswith("toy-v1: ")
        assert part in line


def test_nobody_with_a_vote(toy: Scenario) -> None:
    mute = replace(toy, agents=tuple(replace(agent, vote_weight=0) for agent in toy.agents))
    with pytest.raises(ScenarioError, match="every vote_weight is 0"):
        check_scenario(mute)


def test_the_place_can_be_named(toy: Scenario) -> None:
    with pytest.raises(ScenarioError, match=r"^my graph: services: none"):
        check_scenario(replace(toy, services=()), "my graph")


def test_a_long_chain_of_prerequisites(toy: Scenario) -> None:
    """No recursion: chains may be as long as they like."""
    first = replace(toy.patches[0], findings=())
    chain = tuple(
        replace(first, uid=100 + k, name=f"p{k}", requires=(100 + k - 1,) if k else ()) for k in range(20_000)
    )
    check_scenario(replace(toy, patches=(*toy.patches, *chain)))
    ring = (replace(chain[0], requires=(chain[-1].uid,)), *chain[1:])
    with pytest.raises(ScenarioError, match=r"circle: p\d+ -> .* -> \.\.\.; leave one out"):
        check_scenario(replace(toy, patches=(*toy.patches, *ring)))


def test_summary(toy: Scenario) -> None:
    assert summary(toy).as_dict() == {
        "services": 3,
        "exposed": 1,
        "edges": 2,
        "edges_per_service": 2 / 3,
        "entrypoints": 2,
        "revenue_keur_per_hour": sum(e.revenue_keur_per_hour for e in toy.entrypoints),
        "findings": 7,
        "cves": 7,
        "kev": 1,
        "patches": 7,
        "patches_with_prerequisite": 3 / 7,
        "patches_unreleased": 0.0,
        "effort_hours": sum(p.effort_hours for p in toy.patches),
        "agents": 3,
    }


def test_summary_without_patches(toy: Scenario) -> None:
    empty = summary(replace(toy, patches=(), findings=()))
    assert (empty.patches, empty.patches_with_prerequisite, empty.effort_hours) == (0, 0.0, 0)
