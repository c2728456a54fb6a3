"""Modules propose plans by one protocol, from public figures alone."""

from dataclasses import replace

import pytest
import shops

from patchpact.ecosystem.service import RECOMMENDERS, Offer, PlanScore, TenantView, local
from patchpact.ecosystem.service.uploads import view_of
from patchpact.scenarios import load_scenario

PEAK = ("peak", "quiet", "quiet")


@pytest.fixture(scope="module")
def boutique() -> TenantView:
    return TenantView.of(load_scenario("boutique-v1"))


@pytest.mark.parametrize("name", list(RECOMMENDERS))
def test_plans_are_ordered_patches_with_money_and_reason(name: str, boutique: TenantView) -> None:
    offer = RECOMMENDERS[name]
    if not offer.available:
        pytest.skip(f"needs {offer.needs}")
    plans = offer.recommender.recommend(boutique, 3)
    assert 1 <= len(plans) <= 3
    patches = {patch.name: patch for patch in boutique.scenario.patches}
    for plan in plans:
        assert plan.recommender == name and plan.reason
        assert plan.cost_keur == pytest.approx(sum(step.cost_keur for step in plan.steps))
        assert plan.gain_keur == pytest.approx(sum(step.gain_keur for step in plan.steps))
        assert len({step.patch for step in plan.steps}) == len(plan.steps)
        for step in plan.steps:
            patch = patches[step.patch]
            assert (patch.service, patch.component, patch.fixed_version) == (
                step.service,
                step.component,
                step.fixed_version,
            )
            assert step.mode in ("full", "canary", "mitigate", "emergency")
            assert step.cost_keur > 0 and "CVSS" in step.reason
    hours = sum(patches[step.patch].effort_hours for step in plans[0].steps if step.mode == "full")
    assert hours <= boutique.scenario.parameters["capacity_hours"]
    leads = [plan.steps[0].patch for plan in plans]
    for number, plan in enumerate(plans):
        assert not {step.patch for step in plan.steps} & set(leads[:number])
    assert plans == offer.recommender.recommend(boutique, 3)


def test_recommenders_disagree(boutique: TenantView) -> None:
    firsts = {name: RECOMMENDERS[name].recommender.recommend(boutique, 1)[0] for name in ("cvss-first", "net-gain")}
    assert firsts["net-gain"].gain_keur > firsts["cvss-first"].gain_keur
    assert {step.mode for step in firsts["cvss-first"].steps} == {"full"}


def test_gain_and_cost_add_up_to_the_loss_avoided() -> None:
    """Against the formula, for the first step of plans, before anything else is planned."""
    from patchpact.envs.core.engine import Engine

    view = TenantView.of(load_scenario("toy-v1"))
    engine = Engine([view.scenario], 1, autoreset=False)
    import numpy as np

    engine.reset(np.array([view.seed], np.uint64))
    parameters = view.scenario.parameters
    left = parameters["windows"] + parameters["tail_windows"] - 0.5
    numbers = {patch.name: number for number, patch in enumerate(view.scenario.patches)}
    seen = set()
    for name in ("risk-per-cost-chain", "net-gain", "cvss-first"):
        for plan in RECOMMENDERS[name].recommender.recommend(view, 4):
            step = plan.steps[0]
            p = engine.state.patch[numbers[step.patch]]
            sure = (1.0 - p["public_regression"]) * p["risk"]
            brief = min(parameters["mitigate_windows"], left)
            avoided = {
                "full": sure * left,
                "canary": sure * left,
                "emergency": sure * (left + 0.5),
                "mitigate": (1.0 - parameters["mitigate_hazard"]) * p["risk"] * brief,
            }[step.mode]
            assert step.gain_keur + step.cost_keur == pytest.approx(avoided, rel=1e-9)
            seen.add(step.mode)
    assert len(seen) > 1


def test_nothing_hidden_is_acted_on() -> None:
    """Whatever spreads of private values the scenario has, the plans are the same."""
    toy = load_scenario("toy-v1")
    wild = toy.with_parameters(
        reachability_log_sd=2.0, signal_log_sd=2.0, effort_log_sd=1.0, regression_log_sd=1.0, revenue_log_sd=1.0
    )
    for name, offer in RECOMMENDERS.items():
        if offer.available:
            plans = [offer.recommender.recommend(TenantView.of(scenario), 3) for scenario in (toy, wild)]
            assert plans[0] == plans[1], name


def test_the_calendar_counts(boutique: TenantView) -> None:
    peak = TenantView.of(load_scenario("boutique-v1"), PEAK)
    net, patient = (RECOMMENDERS[name].recommender for name in ("net-gain", "net-gain-patient"))
    assert net.recommend(peak, 1)[0].cost_keur > net.recommend(boutique, 1)[0].cost_keur
    assert net.recommend(boutique, 2) == [
        replace(p, recommender="net-gain", reason=q.reason)
        for p, q in zip(patient.recommend(boutique, 2), net.recommend(boutique, 2), strict=True)
    ]
    assert patient.recommend(peak, 1)[0].steps != net.recommend(peak, 1)[0].steps


@pytest.mark.parametrize("calendar", [("peak",), ("peak", "quiet", "later"), "peak"])
def test_a_calendar_is_three_seasons(calendar: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="give three of quiet, normal, peak"):
        TenantView.of(load_scenario("toy-v1"), calendar)


def test_hybrid_priority_follows_the_scanners_verdict() -> None:
    """A finding that the tools take for a false alarm falls behind."""
    sure = shops.shop()
    first = RECOMMENDERS["hybrid-priority"].recommender.recommend(view_of(sure, "t"), 1)[0].steps[0].patch
    doubtful = shops.shop()
    for finding in doubtful["findings"]:
        if f"{finding['service']}/{finding['component']}" == first:
            finding["confidence"] = 0.001
    second = RECOMMENDERS["hybrid-priority"].recommender.recommend(view_of(doubtful, "t"), 1)[0].steps[0].patch
    assert first != second


def test_a_new_recommender_is_a_class_and_a_line() -> None:
    class Nothing:
        name = "wait-and-see"

        def recommend(self, view: TenantView, k: int) -> list[PlanScore]:
            return [PlanScore.of(self.name, (), f"{len(view.scenario.findings)} findings, none is worth it")][:k]

    service = local(offers={**RECOMMENDERS, "wait-and-see": Offer(Nothing(), "forecast")})
    service.upload("me", shops.shop())
    (plan,) = service.plans("me", "wait-and-see")
    assert plan.reason.startswith("3 findings") and plan.cost_keur == 0


def test_k_is_at_least_one(boutique: TenantView) -> None:
    with pytest.raises(ValueError, match="at least one plan"):
        RECOMMENDERS["net-gain"].recommender.recommend(boutique, 0)
