"""From a scenario and a policy to a plan: rollouts, the central episode, and how they fare against the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from patchpact.agents.policies import Cast, Joint, Oracle, make_policy
from patchpact.envs.core import pack
from patchpact.envs.core.records import TOTALS
from patchpact.envs.priority import priority
from patchpact.envs.view import NATURE
from patchpact.scenarios import Patch, Scenario, load_scenario
from patchpact.training import stats
from patchpact.training.evaluate import find_policy
from patchpact.training.plans import episode as episodes
from patchpact.training.plans import reasons
from patchpact.training.plans.episode import Episode, Motion, summed
from patchpact.training.plans.records import (
    FORECAST,
    FORMAT,
    NEXT,
    NOW,
    Difference,
    LeftOpen,
    Lever,
    Outcome,
    Plan,
    PlannedPatch,
    PlanWindow,
    Rejected,
    Scheduled,
    Spread,
    Stakeholder,
    Vote,
)
from patchpact.training.plans.rollouts import MITIGATE, TAKEN_AS, Floats, Rollouts, roll_out
from patchpact.training.story import record

DEFAULT_POLICY = "net-gain"
"""Whoever plans, where nobody is named: the rule that is hard to beat on every graph."""
DEFAULT_BASELINE = "cvss-first"
"""The order of most reports, and of most teams."""
ROLLOUTS = 128
ANNOUNCED_WINDOWS = 2
"""Windows after the present one whose revenue season is announced (``envs.core.window``)."""
MOST_LEFT_OPEN = 12
"""Patches that a window names as left open; the plan's own list has all."""
MOST_FINDINGS = 1000
"""Of the ranking of findings, the riskiest."""
COMPARED = ("total", "money", "work", "downtime", "fines", "downtime_hours", "loss", "drawn_loss", "risk_left")
"""Figures of ``Outcome`` that are set against the baseline's."""


def plan(
    scenario: str | Path | Scenario | nx.DiGraph,
    policy: str | Path | Cast = DEFAULT_POLICY,
    baseline: str | Path | Cast = DEFAULT_BASELINE,
    rollouts: int = ROLLOUTS,
    seed: int = 0,
) -> Plan:
    """Negotiate a patch plan, without training.

    Args:
        scenario: what ``patchpact.make`` takes.
        policy: who plans: the name of a baseline or planner, a run folder, or a function from role to policy.
        baseline: the order that the plan is compared with, alike.
        rollouts: worlds that are played for intervals, at least 2; the plan is the negotiation in the most typical.
        seed: the first of their seeds.

    Returns:
        The plan (see ``Plan``): money in k€, windows from 1.

    Raises:
        ValueError: one line, for an unknown policy or scenario or a bad number.
    """
    if rollouts < 2:
        raise ValueError(f"rollouts: {rollouts} is too few for an interval; ask for at least 2")
    if not 0 <= seed < 2**63 - rollouts:
        raise ValueError(f"seed: {seed} is out of range; give a whole number from 0 on")
    name, cast = _player(policy, "policy")
    other_name, other = _player(baseline, "baseline")
    world = load_scenario(scenario).with_parameters(**TAKEN_AS)
    seeds = range(seed, seed + rollouts)
    idle = roll_out(world, make_policy("do-nothing"), seeds)
    ours = roll_out(world, cast, seeds)
    theirs = ours if other is cast or other_name == name else roll_out(world, other, seeds)
    return _Maker(world, cast, ours, idle, seeds).plan(name, other_name, theirs, seed)


def _player(policy: str | Path | Cast, what: str) -> tuple[str, Cast]:
    try:
        name, cast = find_policy(policy)
    except ValueError as error:
        raise ValueError(f"{what}{str(error).removeprefix('policy')}") from None
    if isinstance(cast, Oracle):
        raise ValueError(f"{what}: {name!r} cannot be played, it knows the future; name a policy or planner")
    return name, cast


def spread(values: Floats) -> Spread:
    """Mean, median and middle 90% of the rollouts ``(N,)``."""
    if not len(values) or not np.isfinite(values).all():
        return Spread(*[float("nan")] * 4)
    low, median, high = np.percentile(values, [5.0, 50.0, 95.0])
    return Spread(float(values.mean()), float(median), float(low), float(high))


class _Maker:
    """One plan in the making."""

    def __init__(self, world: Scenario, cast: Cast, ours: Rollouts, idle: Rollouts, seeds: Sequence[int]) -> None:
        self.world, self.ours, self.idle = world, ours, idle
        self.central = ours.central()
        self.seed = int(seeds[self.central])
        actions = ours.actions[self.central]
        self.story = record(world, episodes.replay(actions), self.seed)
        self.episode: Episode = episodes.read(world, self.seed, actions, None if isinstance(cast, Joint) else cast)
        self.agents = [name for name, _ in self.story["agents"]]
        self.windows = int(world.parameters["windows"])
        self.places = {patch.uid: n for n, patch in enumerate(world.patches)}
        self.shares = [ours.share_by(n) for n in range(self.windows)]
        self.with_eased = [ours.share_by(n, eased=True) for n in range(self.windows)]

    def plan(self, policy: str, baseline: str, theirs: Rollouts, seed: int) -> Plan:
        """All of it."""
        parameters = self.world.parameters
        labels = {agent.name: agent.label for agent in pack.seats(self.world)}
        outcomes = (
            self._outcome("plan", self.ours),
            self._outcome("baseline", theirs),
            self._outcome("do nothing", self.idle),
        )
        accounts = self.ours.accounts[self.central]
        facts = reduce(reasons.Facts.then, (window.facts for window in self.episode.windows))
        return Plan(
            format=FORMAT,
            scenario=self.world.id,
            title=self.world.title,
            policy=policy,
            baseline=baseline,
            rollouts=len(self.ours.done),
            seed=seed,
            central_seed=self.seed,
            window_days=float(parameters["window_days"]),
            tail_windows=int(parameters["tail_windows"]),
            motions_per_window=int(parameters["motions_per_window"]),
            taken_as=TAKEN_AS,
            governance=bool(parameters["governance_enabled"]),
            stakeholders=tuple(
                Stakeholder(name, role, labels[name], float(keur))
                for (name, role), keur in zip(self.story["agents"], accounts, strict=True)
            ),
            windows=tuple(self._window(n) for n in range(self.windows)),
            tail_flows=self.episode.tail,
            totals={name: float(self.ours.totals[name][self.central]) for name in TOTALS},
            left_open=self._left_open(facts, range(self.windows))[0],
            schedule=self._schedule(),
            outcomes=outcomes,
            differences=tuple(_difference(name, self.ours, theirs) for name in COMPARED),
            priority=tuple(priority(self.world)[:MOST_FINDINGS]),
            assumptions=self.world.assumptions,
        )

    # Windows

    def _window(self, n: int) -> PlanWindow:
        told, read = self.story["story"][n], self.episode.windows[n]
        carried = iter(told["plan"])
        patches: list[PlannedPatch] = []
        rejected: list[Rejected] = []
        outage = self._outages(n)
        for motion, said in zip(read.motions, told["motions"], strict=True):
            votes = tuple(
                Vote(self.agents[who], vote, motion.own_gains.get(self.agents[who], float("nan")))
                for who, vote in said["votes"]
            )
            if motion.passed:
                item = next(carried)
                patches.append(self._planned(n, len(patches) + 1, motion, said, votes, item, outage[len(patches)]))
            else:
                blocked = tuple(self.agents[who] for who in said["blocked_by"])
                rejected.append(
                    Rejected(
                        self.world.patches[motion.patch].name,
                        said["mode"],
                        self.agents[motion.proposer],
                        votes,
                        blocked,
                        float(said["quote_keur"]),
                        motion.why,
                    )
                )
        open_risk = self._open_risk(self.ours)
        relief = self._open_risk(self.idle) - open_risk
        by_window = self.ours.by_window
        standing, counted = self._left_open(read.facts, range(n, n + 1), MOST_LEFT_OPEN)
        kinds = {name: float(by_window[name][self.central, n]) for name in by_window}
        return PlanWindow(
            window=n + 1,
            first_day=n * float(self.world.parameters["window_days"]),
            firmness=NOW if n == 0 else NEXT if n <= ANNOUNCED_WINDOWS else FORECAST,
            season=float(told["season"]),
            patches=tuple(patches),
            rejected=tuple(rejected),
            levers=tuple(Lever(self.agents[who], lever, float(keur)) for who, lever, keur in told["levers"]),
            flows=summed(read.flows),
            work_keur=kinds["spend_keur"],
            downtime_keur=kinds["downtime_keur"],
            fines_keur=kinds["fines_keur"],
            loss_keur=kinds["damage_keur"],
            work=spread(by_window["spend_keur"][:, n]),
            downtime=spread(by_window["downtime_keur"][:, n]),
            downtime_hours=spread(by_window["downtime_hours"][:, n]),
            loss=spread(by_window["damage_keur"][:, n]),
            risk_before=spread(open_risk[:, n]),
            risk_after=spread(open_risk[:, n + 1]),
            risk_removed=spread(relief[:, n + 1]),
            open_patches=sum(count for _, count in counted),
            left_open=standing,
            reasons=counted,
        )

    def _open_risk(self, played: Rollouts) -> Floats:
        """As each window opens and after the last ``(N, W + 1)``, undefined where nothing is reckoned beyond it."""
        risk = played.open_risk.copy()
        if not self.world.parameters["tail_windows"]:
            risk[:, -1] = np.nan
        return risk

    def _outages(self, n: int) -> list[float]:
        """Each planned patch's part of the window's planned downtime, k€: by what it was estimated to add."""
        read = self.episode.windows[n]
        lost = sum(flow.keur for flow in read.flows if flow.kind == "downtime")
        added = np.array([max(-motion.why.part("downtime"), 0.0) for motion in read.motions if motion.passed])
        weights = added if added.sum() > 0.0 else np.ones_like(added)
        return [float(lost * weight / weights.sum()) for weight in weights]

    def _planned(
        self,
        n: int,
        order: int,
        motion: Motion,
        said: Mapping[str, Any],
        votes: tuple[Vote, ...],
        item: Mapping[str, Any],
        downtime_keur: float,
    ) -> PlannedPatch:
        place, patch = motion.patch, self.world.patches[motion.patch]
        mitigates = motion.mode == MITIGATE
        shares = self.with_eased if mitigates else self.shares
        alike = (self.ours.patch == place) & ((self.ours.mode == MITIGATE) == mitigates)
        median = self.ours.median_window(place, eased=mitigates)
        flows = summed(motion.flows)
        return PlannedPatch(
            order=order,
            **_named(patch),
            mode=said["mode"],
            day=float(item["day"]),
            effort_hours=float(item["effort_hours"]),
            downtime_minutes=float(item["downtime_minutes"]),
            regression_probability=patch.regression_probability,
            outcome=item["outcome"],
            proposer=self.agents[motion.proposer],
            votes=votes,
            quote_keur=float(said["quote_keur"]),
            flows=flows,
            downtime_keur=downtime_keur,
            cost_keur=downtime_keur + sum(flow.keur for flow in flows if flow.taker == NATURE),
            risk_removed=spread(self.ours.money.risk_removed[alike]),
            cost=spread(self.ours.money.cost[alike]),
            share_by_then=float(shares[n][place]),
            share_by_end=float(shares[-1][place]),
            median_window=None if median is None else median + 1,
            why=motion.why,
        )

    # What is left

    def _left_open(
        self, facts: reasons.Facts, windows: range, most: int | None = None
    ) -> tuple[tuple[LeftOpen, ...], tuple[tuple[str, int], ...]]:
        """What is open after these windows, the riskiest first; and how many for each reason, the commonest first."""
        open_now, why = np.flatnonzero(facts.open), facts.reasons()
        counts = np.bincount(why[open_now], minlength=len(reasons.REASONS))
        counted = [(reasons.REASONS[n], int(counts[n])) for n in np.argsort(-counts, kind="stable") if counts[n]]
        blockers = self._blockers(windows)
        done = self.ours.done[self.central]
        inside = (done >= 0) & (done < windows.stop)
        found = []
        for j in open_now[np.argsort(-facts.risk[open_now], kind="stable")][:most]:
            patch, reason = self.world.patches[j], reasons.REASONS[why[j]]
            missing = [self.places[uid] for uid in patch.requires]
            names = [self.world.patches[place].name for place in missing if not inside[place]]
            blocked_by = blockers.get(int(j), ())
            found.append(
                LeftOpen(
                    **_named(patch),
                    risk_keur=float(facts.risk[j]),
                    reason=reason,
                    detail=reasons.detail(patch, reason, facts, int(j), blocked_by, names),
                    blocked_by=blocked_by,
                    nominated=int(facts.nominated[j]),
                    shown=int(facts.shown[j]),
                    best_gain_keur=float(facts.best[j]) if facts.shown[j] else float("nan"),
                    share_by_end=float(self.shares[-1][j]),
                )
            )
        return tuple(found), tuple(counted)

    def _blockers(self, windows: range) -> dict[int, tuple[str, ...]]:
        """By patch, who rejected its motions in these windows."""
        found: dict[int, dict[str, None]] = {}
        for n in windows:
            motions = zip(self.episode.windows[n].motions, self.story["story"][n]["motions"], strict=True)
            for motion, said in motions:
                for who in said.get("blocked_by", ()):
                    found.setdefault(motion.patch, {})[self.agents[who]] = None
        return {patch: tuple(names) for patch, names in found.items()}

    def _schedule(self) -> tuple[Scheduled, ...]:
        """Patches that are in somewhere: those of the plan by their window, then the others by their share."""
        done, by_end = self.ours.done[self.central], self.shares[-1]
        order = sorted(
            np.flatnonzero(by_end > 0.0).tolist(),
            key=lambda j: (done[j] < 0, done[j] if done[j] >= 0 else -by_end[j], -by_end[j], j),
        )
        found = []
        for j in order:
            median = self.ours.median_window(j)
            found.append(
                Scheduled(
                    uid=self.world.patches[j].uid,
                    patch=self.world.patches[j].name,
                    planned=int(done[j]) + 1 if done[j] >= 0 else None,
                    median_window=None if median is None else median + 1,
                    share_by_window=tuple(float(share[j]) for share in self.shares),
                )
            )
        return tuple(found)

    # What it comes to

    def _outcome(self, name: str, played: Rollouts) -> Outcome:
        return Outcome(
            policy=name,
            **{figure: spread(values) for figure, values in _figures(played).items()},
            risk_by_window=tuple(spread(risk) for risk in self._open_risk(played).T),
            accounts=tuple((agent, spread(played.accounts[:, n])) for n, agent in enumerate(self.agents)),
        )


def _figures(played: Rollouts) -> dict[str, Floats]:
    """The figures of an ``Outcome`` in every world."""
    totals = played.totals
    work, downtime, fines, loss = (
        totals[name] for name in ("spend_keur", "downtime_keur", "fines_keur", "damage_keur")
    )
    # Labour and support of rollbacks stand in the spend, their lost revenue in the downtime.
    money = work + downtime + fines
    return {
        "work": work,
        "downtime": downtime,
        "downtime_hours": totals["downtime_hours"],
        "fines": fines,
        "money": money,
        "loss": loss,
        "total": money + loss,
        "drawn_loss": played.drawn_loss,
        "risk_left": totals["risk_left_keur"],
        "patches_done": totals["patches_done"],
        "deadlines_missed": totals["deadlines_missed"],
    }


def _difference(name: str, ours: Rollouts, theirs: Rollouts) -> Difference:
    less = _figures(ours)[name] - _figures(theirs)[name]
    return Difference(name, *stats.mean(less), float((less < 0.0).mean()))


def _named(patch: Patch) -> dict[str, Any]:
    """What names a patch in all records."""
    return {
        "uid": patch.uid,
        "patch": patch.name,
        "service": patch.service,
        "component": patch.component,
        "version": patch.version,
        "fixed_version": patch.fixed_version,
    }
