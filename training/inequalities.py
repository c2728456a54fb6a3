"""Inequalities under which the trivial strategies of the wider game do not pay, for the parameters of a scenario.

They look at one choice at a time, at the margin, and only at what is named; whether a strategy is beaten in play is
another question (``tools/trivial_strategies.py``). A scenario is held to those alone whose feature it has. Money is
k€ a window.

- Claiming the most dies iff q (min(F, E) + T) > b: q the chance of an audit when the auditor looks often, F the
  penalty, E the firm's equity, T goodwill and the demand that lost trust costs, b what a claimed level brings.
- Claiming nothing dies iff b > 0.
- Insured, never patching dies iff ((1 - c) + c (1 + l) s) r > 1 on more than a tenth of plans: c the part covered, l
  the loading, s the pass-through of risk into premiums, r a plan's benefit to the owner over its cost to it.
- Always proving one's claims dies iff a proof costs more than it brings, b (1 - haircut) of a claimed level.
- The highest module price dies iff firms' demand is elastic there: a lower price earns the platform more.
- Pooling without noise dies iff the expected harm of leaks is above what measurement brings.
- Proving one's interactions, or not, is no rule for all iff a proof brings some firms more than it costs, others less.
- Moderating nothing, or all, dies iff harm less lost margin is best in between.
- Targeting all by gain, or all evenly, dies iff what evenness costs is above the expected harm of complaints for some
  firms and below it for others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.stewards import STEWARDS
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.modes import FULL
from patchpact.envs.core.records import EPSILON_TIERS, POOL_SIZES
from patchpact.envs.core.responsibility import RESPONSIBILITY_RULES
from patchpact.scenarios import AgentSpec, Scenario
from patchpact.training import stats
from patchpact.training.audit_game import AuditGame
from patchpact.training.evaluate import agents_of
from patchpact.training.stats import Estimate

PATCHING_AT_LEAST = 0.1
"""Share of plans that an insured firm must want."""
HOURS_A_DAY = 24.0


def inequalities(scenario: Scenario, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """The inequalities that apply.

    Args:
        scenario: whose parameters and agents are looked at.
        seeds: of worlds whose first agenda gives plans and premiums.

    Returns:
        A row each, as ``game_check.check_game`` has them: ``check`` in words, ``value`` with its interval where it is
        an estimate, ``bound``, ``holds``.
    """
    p = scenario.parameters
    firms = [agent for agent in scenario.agents if agent.role == "business"]
    roles = {agent.role for agent in scenario.agents}
    disclosing = bool(p["disclosure_enabled"] and p["responsibility_enabled"] and firms)
    insuring = "market" in roles and bool(p["responsibility_enabled"])
    offering = bool(p["modules_enabled"] and p["value_enabled"])
    if not (disclosing or insuring or offering):
        return []
    engine = Engine([scenario], len(seeds))
    engine.reset(np.array(seeds, np.uint64))
    found: list[dict[str, Any]] = []
    if disclosing:
        benefits = _benefits(scenario, firms, engine if insuring else None)
        if "esg" in roles and p["governance_enabled"]:
            found.append(_most(scenario, firms, benefits))
        least = min(benefits, key=benefits.__getitem__)
        name = f"claiming nothing forgoes (k€ a window, {least}, who gains least by a claim)"
        found.append(_row(name, _exact(benefits[least]), "> 0", benefits[least] > 0.0))
        if p["proofs_enabled"]:
            found.append(_proving(engine.static.scenario[0], benefits))
    if insuring and firms:
        found.append(_patching(scenario, engine))
    if offering and any(agent.platform for agent in firms):
        found += _modules(scenario, engine.static.scenario[0], firms)
    return found


def _row(check: str, value: Estimate, bound: str, holds: bool) -> dict[str, Any]:
    figures = {"value": value.value, "low": value.low, "high": value.high}
    return {"check": check, **figures, "bound": bound, "holds": bool(holds)}


def _exact(value: float) -> Estimate:
    return Estimate(value, value, value)


def _margin(scenario: Scenario, firm: AgentSpec) -> float:
    """A window's margin on the firm's flows by public figures, in a normal season."""
    hours = HOURS_A_DAY * float(scenario.parameters["window_days"])
    revenue = sum(entry.revenue_keur_per_hour for entry in scenario.entrypoints if entry.owner == firm.name)
    return revenue * hours * float(scenario.parameters["profit_margin"])


def _lost_trust(scenario: Scenario, trust: float, margin: float) -> float:
    """What a loss of trust costs in demand until it is back: the whole episode at most."""
    p = scenario.parameters
    recovery = float(p["trust_recovery"])
    lasts = min(1.0 / recovery, float(p["windows"])) if recovery > 0.0 else float(p["windows"])
    return trust * float(p["demand_trust_coefficient"]) * margin * lasts


def _benefits(scenario: Scenario, firms: Sequence[AgentSpec], engine: Engine | None) -> dict[str, float]:
    """What a rating of 1 brings each firm over one of 0: interest, premium, module prices."""
    p = scenario.parameters
    found = {}
    columns = {name: n for n, name in enumerate(agents_of(scenario))}
    for firm in firms:
        benefit = AuditGame.of(scenario, firm.name).benefit if p["value_enabled"] else 0.0
        if engine:  # a premium is in proportion to (1.5 - rating), and rated .5 at the start
            benefit += float(engine.state.agent["premium"][:, columns[firm.name]].mean())
        if p["modules_enabled"] and p["value_enabled"] and not firm.platform:
            benefit += len(STEWARDS.modules) * float(p["module_price_keur"]) * float(p["module_preferential"])
        found[firm.name] = benefit
    return found


def _most(scenario: Scenario, firms: Sequence[AgentSpec], benefits: dict[str, float]) -> dict[str, Any]:
    """The firm for which a false claim is cheapest."""
    p = scenario.parameters
    ratios = {}
    for firm in firms:
        game = AuditGame.of(scenario, firm.name)
        distrust = _lost_trust(scenario, float(p["trust_loss_gap"]), _margin(scenario, firm))
        price = float(p["audit_often"]) * (game.penalty_for(1.0) + game.reputation + distrust)
        ratios[firm.name] = price / benefits[firm.name] if benefits[firm.name] > 0.0 else math.inf
    least = min(ratios, key=ratios.__getitem__)
    name = f"a false claim costs, audited often, so many times what it brings ({least}, for whom least)"
    return _row(name, _exact(ratios[least]), "> 1", ratios[least] > 1.0)


def _proving(sc: Any, benefits: dict[str, float]) -> dict[str, Any]:
    brings = {name: 0.25 * benefit * (1.0 - float(sc["unproven_haircut"])) for name, benefit in benefits.items()}
    least = min(brings, key=brings.__getitem__)
    ratio = float(sc["proof_cost_keur"]) / brings[least] if brings[least] > 0.0 else math.inf
    name = f"a proof of the lowest level costs so many times what it brings ({least}, whom it brings least)"
    return _row(name, _exact(ratio), "> 1", ratio > 1.0)


def kept(scenario: Scenario) -> float:
    """Share of a loss avoided that an insured firm keeps: uncovered, or as a lower premium."""
    p = scenario.parameters
    covered = float(p["insurance_coverage"]) * (1.0 - float(p["insurance_deductible"]))
    return (1.0 - covered) + covered * (1.0 + float(p["insurance_loading"])) * float(p["insurance_pass_through"])


def ratios(engine: Engine) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Benefit over cost to the owner of every plan in full mode on the first agenda, uninsured, and its world.

    A plan that costs its owner nothing has an infinite ratio.
    """
    state, static = engine.state, engine.static
    world, row = np.nonzero(state.row["patch"] >= 0)
    patch = state.row["patch"][world, row]
    sc = static.scenario[0]
    share = _share_of_owner(sc)
    now = state.patch[state.world["p0"][world] + patch]
    left = sc["windows"] + sc["tail_windows"] - 0.5
    brings = share * (1.0 - now["public_regression"]) * now["risk"] * left
    cost = brings - state.own[world, static.patch["owner"][patch], row, FULL]
    return np.where(cost > 1e-9, brings / np.maximum(cost, 1e-9), np.inf), world


def _share_of_owner(sc: Any) -> float:
    rule = RESPONSIBILITY_RULES[int(sc["responsibility_rule"])]
    shares = rule.shares.py_func(sc["share_it"], sc["share_business"], sc["share_vendor"], True)
    return float(shares[1])


def _patching(scenario: Scenario, engine: Engine) -> dict[str, Any]:
    ratio, world = ratios(engine)
    wanted = kept(scenario) * ratio > 1.0
    count = np.bincount(world, minlength=engine.num_envs).astype(np.float64)
    share = stats.score(
        np.bincount(world[wanted], minlength=engine.num_envs).astype(np.float64), np.zeros(len(count)), count
    )
    name = "share of plans that an insured owner still wants, premiums by risk"
    return _row(name, share, f"> {PATCHING_AT_LEAST}", share.value > PATCHING_AT_LEAST)


def _modules(scenario: Scenario, sc: Any, firms: Sequence[AgentSpec]) -> Iterator[dict[str, Any]]:
    """Of pooled measurement, as the core looks it up: at the tier that the platform starts with, and without noise."""
    p = scenario.parameters
    found = (
        sc["measurement_uplift"] * sc["curve"].reshape(EPSILON_TIERS, POOL_SIZES)[:, min(len(firms), POOL_SIZES) - 1]
    )
    worth = {firm.name: float(found[sc["epsilon_start"]]) * _margin(scenario, firm) for firm in firms}
    small = [worth[firm.name] for firm in firms if firm.size == "small" and not firm.platform]
    if small:
        price, step = float(p["module_price_keur"]), float(p["module_price_step"])
        earned = [at * sum(value > at for value in small) for at in (price / step, price, price * step)]
        ratio = max(earned[:2]) / earned[2] if earned[2] > 0.0 else math.inf if max(earned[:2]) > 0.0 else 0.0
        name = "a lower price of measurement earns so many times what the highest does, of small firms"
        yield _row(name, _exact(ratio), "> 1", ratio > 1.0)
    if p["responsibility_enabled"]:
        chance = float(sc["leak_rate"][-1])
        anywhere = 1.0 - (1.0 - chance) ** len(firms)
        distrust = sum(_lost_trust(scenario, float(p["trust_loss_leak"]), _margin(scenario, firm)) for firm in firms)
        harm = anywhere * (float(p["leak_keur"]) + distrust)
        total = float(found[-1]) * sum(_margin(scenario, firm) for firm in firms)
        ratio = harm / total if total > 0.0 else math.inf
        name = "leaks of pooled data without noise cost so many times what measurement brings"
        yield _row(name, _exact(ratio), "> 1", ratio > 1.0)
    hosted = [firm for firm in firms if not firm.platform]
    if p["hosting_enabled"] and hosted:
        worst = float(p["moderation_loss"]) * sum(_margin(scenario, firm) for firm in hosted)
        best = len(hosted) * float(p["content_harm_keur"]) / (2.0 * worst) if worst > 0.0 else math.inf
        yield _row("strictness at which content costs all together least", _exact(best), "in (0, 1)", 0.0 < best < 1.0)
    disclosing = p["disclosure_enabled"] and p["responsibility_enabled"]
    if p["creators_enabled"] and p["proofs_enabled"] and disclosing and hosted:
        share = _proof_pays(scenario, sc, hosted)
        name = "proofs of interactions that pay where nobody else proves (share of firms)"
        yield _row(name, _exact(share), "in (0, 1)", 0.0 < share < 1.0)
    if p["responsibility_enabled"] and p["pooling_enabled"]:
        share = _by_gain(scenario, sc, firms)
        yield _row("firms that targeting by gain pays (share)", _exact(share), "in (0, 1)", 0.0 < share < 1.0)


def _proof_pays(scenario: Scenario, sc: Any, firms: Sequence[AgentSpec]) -> float:
    """Of the firms, all of which measure and claim what is so, how many a proof brings more than it costs.

    At list prices, and of the payout alone: what a proof adds to the rating is ``_proving``'s.
    """
    p = scenario.parameters
    pool = float(p["creator_share"]) * float(p["module_price_keur"]) * len(firms)
    margins = [_margin(scenario, firm) for firm in firms]
    haircut, total = float(sc["unproven_haircut"]), sum(margins)
    pays = []
    for own in margins:
        if own > 0.0:
            unproven = own / total if haircut > 0.0 else 0.0
            brings = pool * (own / (own + haircut * (total - own)) - unproven)
            pays.append(brings > float(sc["proof_cost_keur"]))
    return sum(pays) / len(pays) if pays else 0.0


def _by_gain(scenario: Scenario, sc: Any, firms: Sequence[AgentSpec]) -> float:
    """Of the firms, all of which measure, how many lose more by targeting evenly than by complaints."""
    p = scenario.parameters
    place = int(sc["epsilon_start"]) * POOL_SIZES + min(len(firms), POOL_SIZES) - 1
    costs = float(sc["measurement_uplift"]) * float(sc["curve"][place] - sc["even_curve"][place])
    trust = float(p["trust_loss_breach"]) * min(float(p["parity_keur"]) / float(p["trust_breach_keur"]), 1.0)
    chance = float(p["parity_complaint"]) * float(sc["uneven"][place])
    pays = [
        costs * margin > chance * (float(p["parity_keur"]) + _lost_trust(scenario, trust, margin))
        for margin in (_margin(scenario, firm) for firm in firms)
    ]
    return sum(pays) / len(pays)
