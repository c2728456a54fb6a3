"""A plan is an episode that can be played again, its money adds up, and its reasons hold."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import networkx as nx
import numpy as np
import pytest

import patchpact
from patchpact.agents.policies import make_policy
from patchpact.agents.roles import action_names, layout
from patchpact.envs.parallel import PatchpactEnv
from patchpact.envs.view import NATURE
from patchpact.scenarios import AssumptionWarning, Scenario, load_scenario
from patchpact.training.evaluate import agents_of, play
from patchpact.training.plans import DEFAULT_BASELINE, DEFAULT_POLICY, Plan, document, reasons, rollouts
from patchpact.training.plans.features import why
from patchpact.training.plans.records import PlannedPatch, Rejected
from patchpact.training.plans.rollouts import TAKEN_AS, roll_out

FEW = 8


def world_of(scenario: str, **parameters: object) -> Scenario:
    return load_scenario(scenario, **parameters).with_parameters(**TAKEN_AS)


@cache
def planned(scenario: str, policy: str = "net-gain", **parameters: object) -> Plan:
    return patchpact.plan(load_scenario(scenario, **parameters), policy, rollouts=FEW)


def motions(plan: Plan) -> list[PlannedPatch | Rejected]:
    return [motion for window in plan.windows for motion in (*window.patches, *window.rejected)]


@pytest.mark.parametrize("scenario", ["toy-v1", "boutique-v1", "generated-v1"])
@pytest.mark.parametrize("policy", ["net-gain", "myopic-selfish", "ssvc+stop"])
def test_the_central_episode_can_be_played_again(scenario: str, policy: str) -> None:
    plan = planned(scenario, policy)
    totals = play(world_of(scenario), make_policy(policy), [plan.central_seed])
    assert plan.totals == {name: totals[name][0] for name in plan.totals}
    accounts = [one.account_keur for one in plan.stakeholders]
    np.testing.assert_allclose(accounts, totals["accounts_keur"][0], atol=1e-9)
    assert tuple(one.name for one in plan.stakeholders) == agents_of(load_scenario(scenario))
    assert len(motions(plan)) == plan.totals["motions_proposed"]
    assert len(plan.patches) == plan.totals["motions_passed"]
    assert sum(one.outcome == "done" for one in plan.patches) == plan.totals["patches_done"]
    assert sum(one.outcome in ("rolled back", "caught") for one in plan.patches) == plan.totals["patches_failed"]
    assert dict(plan.taken_as) == dict(TAKEN_AS)


@pytest.mark.parametrize("scenario", ["toy-v1", "boutique-v1", "generated-v1"])
@pytest.mark.parametrize("policy", ["net-gain", "random", "cvss-first"])
def test_money_adds_up(scenario: str, policy: str) -> None:
    plan = planned(scenario, policy)
    totals = plan.totals
    for part, total in (("work", "spend"), ("downtime", "downtime"), ("fines", "fines")):
        assert sum(getattr(w, f"{part}_keur") for w in plan.windows) == pytest.approx(totals[f"{total}_keur"])
    loss = sum(window.loss_keur for window in plan.windows)
    assert loss + totals["tail_keur"] == pytest.approx(totals["damage_keur"])

    flows = [flow for window in plan.windows for flow in window.flows] + list(plan.tail_flows)
    flows += [flow for patch in plan.patches for flow in patch.flows]
    used_up = sum(flow.keur for flow in flows if flow.taker == NATURE)
    assert used_up == pytest.approx(-totals["welfare_keur"])
    balance = {one.name: 0.0 for one in plan.stakeholders}
    for flow in flows:
        for party, sign in ((flow.giver, -1.0), (flow.taker, 1.0)):
            if party in balance:
                balance[party] += sign * flow.keur
    assert balance == pytest.approx({one.name: one.account_keur for one in plan.stakeholders})
    assert sum(flow.keur for flow in plan.tail_flows if flow.kind == "damage") == pytest.approx(totals["tail_keur"])

    for window in plan.windows:
        lost = sum(flow.keur for flow in window.flows if flow.kind == "downtime")
        if window.patches:
            assert sum(patch.downtime_keur for patch in window.patches) == pytest.approx(lost)
        work = sum(patch.cost_keur for patch in window.patches) + sum(lever.keur for lever in window.levers)
        assert work == pytest.approx(window.work_keur + window.downtime_keur, rel=1e-4)


@pytest.mark.parametrize("policy", ["net-gain", "cvss-first", "random"])
def test_every_patch_pays_for_itself(policy: str) -> None:
    """What a patch books is its own: its labour is its true hours, its fee goes from its owner to its vendor."""
    plan, world = planned("boutique-v1", policy), world_of("boutique-v1")
    patches = {patch.uid: patch for patch in world.patches}
    owners = {service.name: service.owner for service in world.services}
    for one in plan.patches:
        found = {flow.kind: flow for flow in one.flows}
        labour = found["effort"].keur / float(world.parameters["labour_keur_per_hour"])
        assert labour == pytest.approx(one.effort_hours, rel=1e-3)
        upgrade = one.mode != "mitigate" and one.outcome != "held up"
        assert ("fee" in found) == upgrade
        if upgrade:
            assert (found["fee"].giver, found["fee"].taker) == (owners[one.service], patches[one.uid].vendor)


def test_parts_make_up_the_core_s_own_gain() -> None:
    world = world_of("boutique-v1")
    env = PatchpactEnv(world)
    env.reset(seed=3)
    engine = env.engine
    head, rows = engine.static.scenario[0], engine.state.row[0]
    left = int(head["windows"] + head["tail_windows"])
    factors = {"full": 1.0} | {mode: float(world.parameters[f"{mode}_effort"]) for mode in layout.MODES[1:]}
    for row in range(layout.AGENDA_ROWS):
        patch = world.patches[int(rows[row]["patch"])]
        for mode, name in enumerate(layout.MODES):
            told = why(engine, row, mode, 0, None)
            assert told.net_gain_keur - told.part("unlocks") == pytest.approx(float(rows[row]["public"][mode]))
            labour = patch.effort_hours * factors[name] * float(world.parameters["labour_keur_per_hour"])
            assert told.part("labour") == pytest.approx(-labour)
            upgrade = name != "mitigate"
            assert told.part("support") == pytest.approx(-float(world.parameters["support_keur"]) * upgrade)
            assert told.part("downtime") <= 0.0 and (upgrade or told.part("downtime") == 0.0)
            assert (told.part("rollback") < 0.0) == (name in ("full", "emergency"))
            risk = float(engine.state.patch["risk"][int(rows[row]["patch"])])
            keeps = (left - 0.5 + 0.5 * (name == "emergency")) * (1.0 - patch.regression_probability)
            if upgrade:
                assert told.part("risk removed") == pytest.approx(risk * keeps, abs=1e-9)
            assert sum(part.share for part in told.parts) == pytest.approx(1.0)
            assert told.nudges == ()


def test_the_first_nomination_of_net_gain_has_the_highest_gain() -> None:
    plan = planned("boutique-v1")
    first = plan.windows[0].patches[0]
    env = PatchpactEnv(world_of("boutique-v1"))
    env.reset(seed=plan.central_seed)
    state = env.engine.state
    places = [int(j) for j in state.row["patch"][0]]
    uids = [env.scenario.patches[j].uid for j in places]
    row = uids.index(first.uid)
    legal = state.row["feasible"][0] != 0
    left = plan.tail_windows + len(plan.windows)
    gains = state.row["public"][0] + np.array([1, 1, 0, 1]) * state.row["unlocked"][0][:, None] * left
    assert first.why.net_gain_keur == pytest.approx(gains[row, layout.MODES.index(first.mode)])
    assert first.why.net_gain_keur == pytest.approx(gains[legal].max())
    assert all(vote.vote == "accept" and math.isfinite(vote.own_gain_keur) for vote in first.votes)


def test_the_baseline_meets_the_same_worlds() -> None:
    plan = planned("boutique-v1")
    assert (plan.policy, plan.baseline) == ("net-gain", DEFAULT_BASELINE)
    assert patchpact.plan("toy-v1", rollouts=2).policy == DEFAULT_POLICY
    for outcome, policy in zip(plan.outcomes, (plan.policy, plan.baseline, "do-nothing"), strict=True):
        totals = play(world_of("boutique-v1"), make_policy(policy), range(FEW))
        assert outcome.loss.mean == pytest.approx(totals["damage_keur"].mean())
        assert outcome.total.mean == pytest.approx((totals["fines_keur"] - totals["welfare_keur"]).mean())
        assert outcome.accounts[0][1].mean == pytest.approx(totals["accounts_keur"][:, 0].mean())
        drawn = play(world_of("boutique-v1").with_parameters(incident_loss="sampled"), make_policy(policy), range(FEW))
        assert outcome.drawn_loss.mean == pytest.approx(drawn["damage_keur"].mean())
        for name in ("work", "downtime", "fines"):
            assert getattr(outcome, name).low <= getattr(outcome, name).median <= getattr(outcome, name).high
    ours, theirs, _ = plan.outcomes
    for gap in plan.differences:
        assert gap.mean == pytest.approx(getattr(ours, gap.name).mean - getattr(theirs, gap.name).mean, abs=1e-9)
        assert gap.low <= gap.mean <= gap.high
    same = patchpact.plan("toy-v1", "net-gain", "net-gain", rollouts=4)
    assert all(gap.mean == gap.low == gap.high == 0.0 for gap in same.differences)


def test_it_is_the_same_for_a_seed() -> None:
    once, again = (patchpact.plan("boutique-v1", "random", rollouts=4, seed=7) for _ in range(2))
    assert document(once) == document(again)
    assert document(once) != document(patchpact.plan("boutique-v1", "random", rollouts=4, seed=8))


def test_the_central_world_differs_least_from_the_others() -> None:
    played = roll_out(world_of("boutique-v1"), make_policy("net-gain"), range(FEW))
    windows = range(played.open_risk.shape[1] - 1)

    def entries(when: Any) -> Any:
        return np.stack([(when >= 0) & (when <= t) for t in windows], -1).reshape(len(when), -1)

    schedules = np.concatenate([entries(played.done), entries(played.eased)], 1)
    distances = np.array([[(one != other).sum() for other in schedules] for one in schedules]).sum(1)
    assert played.central() == distances.argmin()
    assert distances[played.central()] < distances.max()


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of("boutique-v1")
    whole = roll_out(world, make_policy("net-gain"), range(5))
    monkeypatch.setattr(rollouts, "PATCHES_AT_ONCE", 2 * len(world.patches))
    parts = roll_out(world, make_policy("net-gain"), range(5))
    for name in ("done", "eased", "open_risk", "accounts", "drawn_loss"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    by_world = sorted(zip(whole.world, whole.window, whole.patch, whole.money.cost, strict=True))
    assert by_world == sorted(zip(parts.world, parts.window, parts.patch, parts.money.cost, strict=True))
    assert parts.central() == whole.central()


def test_shares_are_those_of_the_worlds() -> None:
    plan, world = planned("boutique-v1"), world_of("boutique-v1")
    played = roll_out(world, make_policy("net-gain"), range(FEW))
    places = {patch.uid: n for n, patch in enumerate(world.patches)}
    for window in plan.windows:
        for one in window.patches:
            place = places[one.uid]
            inside = (played.done[:, place] >= 0) & (played.done[:, place] < window.window)
            if one.mode == "mitigate":
                inside |= (played.eased[:, place] >= 0) & (played.eased[:, place] < window.window)
            assert one.share_by_then == inside.mean() > 0.0
            assert one.share_by_then <= one.share_by_end
            assert one.risk_removed.low <= one.risk_removed.median <= one.risk_removed.high
            assert one.median_window is not None or one.mode == "mitigate" or one.outcome != "done"
    for row in plan.schedule:
        assert list(row.share_by_window) == sorted(row.share_by_window)
        assert row.share_by_window[-1] > 0.0
    done = {one.uid: window.window for window in plan.windows for one in window.patches if one.outcome == "done"}
    assert {row.uid: row.planned for row in plan.schedule if row.planned is not None} == done


def test_windows_say_what_they_are() -> None:
    plan = planned("boutique-v1")
    assert [window.firmness for window in plan.windows[:4]] == ["now", "next", "next", "forecast"]
    assert [window.window for window in plan.windows] == list(range(1, 13))
    assert plan.windows[2].first_day == 14.0
    assert all(window.risk_removed.mean > 0.0 for window in plan.windows)
    for before, after in zip(plan.windows, plan.windows[1:], strict=False):
        assert before.risk_after == after.risk_before


def test_what_is_left_open_is_all_that_is_not_in() -> None:
    for policy in ("net-gain", "myopic-selfish", "do-nothing"):
        plan = planned("boutique-v1", policy)
        last = plan.windows[-1]
        assert (
            last.open_patches
            == len(plan.left_open)
            == len(load_scenario("boutique-v1").patches) - plan.totals["patches_done"]
        )
        for window in plan.windows:
            assert sum(count for _, count in window.reasons) == window.open_patches
            assert {name for name, _ in window.reasons} <= set(reasons.REASONS)
            risks = [one.risk_keur for one in window.left_open]
            assert risks == sorted(risks, reverse=True)


def test_a_mitigated_patch_is_told_by_what_it_brings_since() -> None:
    one, other = reasons.Facts.none(2), reasons.Facts.none(2)
    for facts, best in ((one, [5.0, 5.0]), (other, [-0.6, -0.6])):
        facts.shown[:], facts.best[:], facts.could[:], facts.open[:] = 1, best, np.array(best) > 0.0, True
    one.nominated[0] = 1  # passed, in mode mitigate
    both = one.then(other)
    assert [reasons.REASONS[place] for place in both.reasons()] == [reasons.TOO_DEAR, reasons.OTHERS]
    patch = load_scenario("toy-v1").patches[0]
    assert reasons.detail(patch, reasons.TOO_DEAR, both, 0, (), []) == (
        "was mitigated once; the fix would cost 0.6 k€ more than it saves"
    )
    assert one.then(reasons.Facts.none(2)).best[0] == 5.0, "windows in which it was not on the table say nothing"


def test_reasons_hold() -> None:
    world = load_scenario("boutique-v1")
    patches = {patch.uid: patch for patch in world.patches}
    seen = set()
    for policy in ("net-gain", "myopic-selfish", "do-nothing", "random"):
        plan = planned("boutique-v1", policy)
        for window in plan.windows:
            down = {one.patch: one.blocked_by for one in window.rejected}
            for one in window.left_open:
                seen.add(one.reason)
                patch = patches[one.uid]
                if one.reason == reasons.VOTED_DOWN:
                    assert down[one.patch] and set(down[one.patch]) <= set(one.blocked_by)
                    assert all(name in one.detail for name in one.blocked_by)
                else:
                    assert one.patch not in down
                if one.reason == reasons.NO_RELEASE:
                    assert patch.release_window >= window.window or patch.release_window < 0
                if one.reason == reasons.PREREQUISITE:
                    assert any(patches[uid].name in one.detail for uid in patch.requires)
                if one.reason == reasons.NOT_SHOWN:
                    assert one.shown == 0 and math.isnan(one.best_gain_keur)
                if one.reason == reasons.TOO_DEAR:
                    assert one.best_gain_keur <= 0.0 < one.shown
                if one.reason == reasons.OTHERS:
                    assert one.best_gain_keur > 0.0 and not one.nominated
    assert seen >= {reasons.VOTED_DOWN, reasons.NO_RELEASE, reasons.PREREQUISITE, reasons.NOT_SHOWN, reasons.TOO_DEAR,
                    reasons.OTHERS, reasons.MITIGATED}  # fmt: skip


def test_budgets_run_out() -> None:
    world = load_scenario("boutique-v1")
    poor = tuple(agent if agent.role == "vendor" else replace(agent, budget_keur=0.0) for agent in world.agents)
    plan = patchpact.plan(replace(world, agents=poor), "do-nothing", rollouts=2)
    found = {one.reason: one for window in plan.windows for one in window.left_open}
    assert "budget" in found[reasons.NO_BUDGET].detail
    assert found[reasons.NO_BUDGET].best_gain_keur > 0.0


def test_who_voted_down_what() -> None:
    plan = planned("boutique-v1", "myopic-selfish")
    rejected = [one for window in plan.windows for one in window.rejected]
    assert rejected
    for one in rejected:
        cast = {vote.agent: vote for vote in one.votes}
        assert one.blocked_by
        assert all(cast[name].vote == "reject" and cast[name].own_gain_keur <= 0.0 for name in one.blocked_by)


def test_without_votes_owners_decide() -> None:
    plan = planned("boutique-v1", governance_enabled=False)
    assert not plan.governance
    assert plan.patches
    assert all(not one.votes for one in plan.patches)
    assert not any(window.rejected for window in plan.windows)
    assert sum(one.cost_keur for one in plan.patches) == pytest.approx(
        plan.totals["spend_keur"] + plan.totals["downtime_keur"]
    )


def test_without_the_value_network_work_costs_and_no_fee_is_paid() -> None:
    plan = planned("boutique-v1", value_enabled=False)
    assert plan.patches
    kinds = {flow.kind for one in plan.patches for flow in one.flows}
    assert "effort" in kinds and "fee" not in kinds
    assert any(one.why.part("labour") < 0.0 for one in plan.patches)


def test_without_a_tail_nothing_is_said_of_what_follows() -> None:
    plan = planned("toy-v1", tail_windows=0)
    assert math.isnan(plan.windows[-1].risk_after.mean)
    assert not plan.tail_flows
    told = document(plan)
    assert told["windows"][-1]["risk_after"]["mean"] is None
    json.dumps(told, allow_nan=False)


def test_levers_and_side_payments_are_told() -> None:
    plans = [planned(scenario, "random") for scenario in ("boutique-v1", "generated-v1")]
    flows = [flow for plan in plans for one in plan.patches for flow in one.flows]
    assert any(flow.kind == "side_payment" for flow in flows)
    assert any(lever.keur > 0.0 for plan in plans for window in plan.windows for lever in window.levers)


class Linear:
    """A policy whose logits are linear in the rows' features."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.weights = np.zeros(layout.ROW_WIDTH)
        self.weights[layout.row_feature("cvss")] = 2.0
        self.weights[layout.row_feature("risk")] = -0.5

    def logits(self, observation: Any, mask: Any) -> Any:
        rows = observation[:, : layout.SLOTS_START].reshape(len(observation), layout.AGENDA_ROWS, -1)
        scores = np.repeat(rows @ self.weights, len(layout.MODES), 1)
        found = np.zeros((len(observation), len(action_names(self.role))))
        found[:, layout.NOMINATE_START : layout.VOTE_START] = scores
        assert mask.shape == found.shape
        return np.where(mask != 0, found, -1e9)

    def act(self, observation: Any, mask: Any, rng: Any) -> Any:
        return make_policy("net-gain")(self.role).act(observation, mask, rng)  # type: ignore[operator]


def test_occlusion_of_a_linear_policy_is_exact() -> None:
    def linear(role: str) -> Linear:
        return Linear(role)

    plan = patchpact.plan("boutique-v1", linear, rollouts=2)
    assert plan.policy == "linear"
    env = PatchpactEnv(world_of("boutique-v1"))
    env.reset(seed=plan.central_seed)
    first = plan.windows[0].patches[0]
    uids = [env.scenario.patches[int(j)].uid for j in env.engine.state.row["patch"][0]]
    proposer = env.possible_agents.index(first.proposer)
    seen = env.engine.state.observation[0, proposer]
    rows = seen[: layout.SLOTS_START].reshape(layout.AGENDA_ROWS, -1)
    mine = rows[uids.index(first.uid)]
    mean = rows[rows[:, 0] > 0].mean(0)
    expected = {
        name: weight * (mine - mean)[layout.row_feature(name)] for name, weight in (("cvss", 2.0), ("risk", -0.5))
    }
    assert {one.feature: one.change for one in first.why.nudges} == pytest.approx(expected, rel=1e-4)
    sizes = [abs(one.change) for one in first.why.nudges]
    assert sizes == sorted(sizes, reverse=True)


def test_a_learned_policy_plans_from_its_folder(tmp_path: Any) -> None:
    pytest.importorskip("torch")
    from patchpact.agents.policies.learned import save_policy
    from patchpact.agents.policies.networks import build_policy_network, lean_towards_gains

    networks, actions = {}, {}
    for role in ("it", "business", "vendor"):
        network = build_policy_network(action_names(role), 8)
        lean_towards_gains(network, 2.0, 1.0)
        networks[role], actions[role] = network.state_dict(), list(action_names(role))
    save_policy(tmp_path / "policy", networks, actions, 8)
    plan = patchpact.plan("boutique-v1", tmp_path, rollouts=4)
    assert plan.patches
    assert plan.policy == str(tmp_path)
    assert all(one.why.nudges for one in plan.patches)


def test_planners_plan_too() -> None:
    plan = patchpact.plan("toy-v1", "rolling-horizon", rollouts=2)
    assert plan.patches
    assert not any(one.why.nudges for one in plan.patches)


def test_a_bare_graph_gets_a_plan() -> None:
    graph = nx.DiGraph([("web", "shop"), ("shop", "stock"), ("shop", "mail")])
    graph.nodes["web"]["exposed"] = True
    with pytest.warns(AssumptionWarning):
        plan = patchpact.plan(graph, "cvss-first", "net-gain", rollouts=4)
    assert plan.assumptions
    assert plan.patches
    assert {one.service for one in plan.patches} <= {"web", "shop", "stock", "mail"}


def test_the_riskiest_findings_come_first() -> None:
    rows = planned("boutique-v1").priority
    risks = [row["risk_keur"] for row in rows]
    assert risks == sorted(risks, reverse=True)
    for row in rows[:20]:
        assert row["risk_keur"] <= row["probability"] * row["exploitability"] * row["loss_keur"] * (1 + 1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: patchpact.plan("boutique-v1", "net-gian"), "policy: 'net-gian'.*did you mean 'net-gain'"),
        (lambda: patchpact.plan("boutique-v1", baseline="cvs-first"), "baseline: .*did you mean 'cvss-first'"),
        (lambda: patchpact.plan("boutique-v1", "clairvoyant"), "cannot be played"),
        (lambda: patchpact.plan("botique-v1"), "did you mean 'boutique-v1'"),
        (lambda: patchpact.plan("toy-v1", rollouts=1), "at least 2"),
        (lambda: patchpact.plan("toy-v1", seed=-1), "from 0 on"),
    ],
)
def test_errors_are_one_line(call: Callable[[], Plan], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
