"""What a plan says, as frozen records.

Money is in k€; windows count from 1, days from the start of the first window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from patchpact.scenarios.jsonable import plain

FORMAT = 1
"""Of the JSON document; grows when its shape changes."""

NOW, NEXT, FORECAST = "now", "next", "forecast"
"""How firm a window of the plan is. The first can be carried out as it stands. For the two after it the revenue season
is announced; what becomes known meanwhile may change them. All later ones are a forecast: plan again by then."""


@dataclass(frozen=True)
class Spread:
    """A figure over the rollouts: mean, median, 5th and 95th percentile. NaN where there is none.

    Rare great losses can lift a mean above the 95th percentile: the median says what is usual, means add up.
    """

    mean: float
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """The plan less the baseline in the same worlds.

    Attributes:
        name: of the figure, as in ``Outcome``.
        mean, low, high: the mean difference and its 95% interval (paired).
        lower: share of the worlds in which the plan's figure is lower than the baseline's.
    """

    name: str
    mean: float
    low: float
    high: float
    lower: float


@dataclass(frozen=True)
class Flow:
    """Money from one party to another, k€. ``nature`` is what work and damage use up, ``outside`` all who are no
    agents; ``kind`` is one of ``patchpact.agents.roles.ledger.KINDS``."""

    kind: str
    giver: str
    taker: str
    keur: float


@dataclass(frozen=True)
class Vote:
    """An agent's vote on a motion, and by how much it expected its own account to change (k€, before payments)."""

    agent: str
    vote: str
    own_gain_keur: float


@dataclass(frozen=True)
class Part:
    """A part of a motion's net gain, by public figures: what it brings (> 0) or costs (< 0), and its share of the sum
    of all parts' sizes."""

    name: str
    keur: float
    share: float


@dataclass(frozen=True)
class Rank:
    """The patch's place on the agenda of its moment, from 1, by a figure; equal ones share the better place."""

    name: str
    place: int
    of: int


@dataclass(frozen=True)
class Nudge:
    """What a learned policy made of a row feature: by how much the logit of its nomination falls when the feature is
    set to the mean of the rows on the agenda (occlusion; one feature at a time, so shared effects show in none)."""

    feature: str
    change: float


@dataclass(frozen=True)
class Why:
    """The features that decided.

    Attributes:
        parts: the net gain by public figures: ``risk removed``, ``unlocks``, ``labour``, ``downtime``, ``support``,
            ``rollback``. The motion's net gain is their sum.
        fine_avoided_keur: fines for the missed deadline until the end, if it stayed open; paid by IT, no part of the
            net gain, since a fine is a transfer.
        due_day: earliest deadline, None where there is none.
        findings: open findings that the patch removes.
        cvss, epss, kev: the worst of them.
        ranks: places on the agenda.
        nudges: the strongest effects first; empty for rules and planners.
    """

    parts: tuple[Part, ...]
    fine_avoided_keur: float
    due_day: float | None
    findings: int
    cvss: float
    epss: float
    kev: bool
    ranks: tuple[Rank, ...]
    nudges: tuple[Nudge, ...]

    def part(self, name: str) -> float:
        """A part by its name, k€."""
        return next(part.keur for part in self.parts if part.name == name)

    @property
    def net_gain_keur(self) -> float:
        """The sum of the parts, k€."""
        return sum(part.keur for part in self.parts)


@dataclass(frozen=True)
class PlannedPatch:
    """One motion that passed: work in a window.

    Attributes:
        order: its turn in the window, from 1.
        uid, patch, service, component, version, fixed_version: of the patch.
        mode: ``full``, ``canary``, ``mitigate`` or ``emergency``.
        day: on which the work begins.
        effort_hours, downtime_minutes: of the work and of the service's own outage.
        regression_probability: public estimate that it must be rolled back.
        outcome: in the central episode: ``done``, ``mitigated``, ``rolled back``, ``caught`` (by the canary) or
            ``held up`` (a prerequisite failed).
        proposer, votes: who brought the motion and how all voted.
        quote_keur: of which 10% or 30% can be paid or asked in the vote.
        flows: who pays whom for this patch, side payments included.
        downtime_keur: its part of the window's lost revenue, by the downtime that it was estimated to add.
        cost_keur: what the work used up: labour, support, rollback, downtime; fees and payments are transfers.
        risk_removed: expected loss avoided until the end of the tail, k€, by public figures when it was decided;
            over the rollouts in which it is decided.
        cost: expected labour, downtime, support and rollback, k€, over the same rollouts.
        share_by_then: share of the rollouts in which the same patch is in by the end of this window (or, where the
            plan mitigates, at least mitigated).
        share_by_end: the same by the end of the last window.
        median_window: in which it is in, over the rollouts in which it ever is; None if in none.
        why: the features that decided.
    """

    order: int
    uid: int
    patch: str
    service: str
    component: str
    version: str
    fixed_version: str
    mode: str
    day: float
    effort_hours: float
    downtime_minutes: float
    regression_probability: float
    outcome: str
    proposer: str
    votes: tuple[Vote, ...]
    quote_keur: float
    flows: tuple[Flow, ...]
    downtime_keur: float
    cost_keur: float
    risk_removed: Spread
    cost: Spread
    share_by_then: float
    share_by_end: float
    median_window: int | None
    why: Why


@dataclass(frozen=True)
class Rejected:
    """A motion that was voted down; ``blocked_by`` are those who rejected (an ask that nobody filled rejects)."""

    patch: str
    mode: str
    proposer: str
    votes: tuple[Vote, ...]
    blocked_by: tuple[str, ...]
    quote_keur: float
    why: Why


@dataclass(frozen=True)
class Lever:
    """A lever that an agent pulled, and its price in k€."""

    agent: str
    lever: str
    keur: float


@dataclass(frozen=True)
class LeftOpen:
    """A patch whose findings are known and that is not in.

    Attributes:
        uid, patch, service, component, version, fixed_version: of the patch.
        risk_keur: expected loss a window that it would remove, public estimate.
        reason: one of ``patchpact.training.plans.reasons.REASONS``.
        detail: the reason in words.
        blocked_by: who voted it down.
        nominated: how often.
        shown: in how many windows it was on the agenda.
        best_gain_keur: its highest public net gain over modes and moments, what it unlocks included; NaN if it was
            never on the agenda.
        share_by_end: share of the rollouts in which it is in by the end of the last window.
    """

    uid: int
    patch: str
    service: str
    component: str
    version: str
    fixed_version: str
    risk_keur: float
    reason: str
    detail: str
    blocked_by: tuple[str, ...]
    nominated: int
    shown: int
    best_gain_keur: float
    share_by_end: float


@dataclass(frozen=True)
class PlanWindow:
    """One window of the plan: the central episode, with intervals over the rollouts.

    Attributes:
        window: from 1.
        first_day: on which it opens.
        firmness: ``now``, ``next`` or ``forecast``.
        season: revenue relative to the usual.
        patches, rejected, levers: what was decided.
        flows: money that belongs to no single patch: lost revenue, fines, expected damage and who is liable for it,
            levers.
        work_keur, downtime_keur, fines_keur, loss_keur: of this window in the central episode; ``work_keur`` is
            labour, support, rollback labour and levers, ``loss_keur`` the expected loss to incidents.
        work, downtime, downtime_hours, loss: the same over rollouts, k€ and hours.
        risk_before, risk_after: expected loss a window of all that is open, k€, as the window and the next open.
        risk_removed: by how much the work up to the end of this window lowers the expected loss a window, against
            nobody doing anything in the same world, as the next window opens.
        open_patches: how many are known and open at its end.
        left_open: the riskiest of them.
        reasons: how many are open for each reason.
    """

    window: int
    first_day: float
    firmness: str
    season: float
    patches: tuple[PlannedPatch, ...]
    rejected: tuple[Rejected, ...]
    levers: tuple[Lever, ...]
    flows: tuple[Flow, ...]
    work_keur: float
    downtime_keur: float
    fines_keur: float
    loss_keur: float
    work: Spread
    downtime: Spread
    downtime_hours: Spread
    loss: Spread
    risk_before: Spread
    risk_after: Spread
    risk_removed: Spread
    open_patches: int
    left_open: tuple[LeftOpen, ...]
    reasons: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Scheduled:
    """When a patch is in, over the rollouts: the share of them by the end of each window, in any mode but mitigate.

    ``planned`` is the window of the plan in which it is carried out, None if it is left open.
    """

    uid: int
    patch: str
    planned: int | None
    median_window: int | None
    share_by_window: tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """What an episode of a policy comes to, over the rollouts. All in k€ but hours and counts.

    Attributes:
        policy: ``plan``, ``baseline`` or ``do nothing``.
        work: labour, support, rollbacks, levers.
        downtime, downtime_hours: revenue lost to maintenance and rollbacks, and the flow hours.
        fines: for missed deadlines.
        money: the sum of work, downtime and fines.
        loss: expected loss to incidents, the tail included: the noisy-OR estimate, an upper bound of the mean.
        total: money and loss.
        drawn_loss: incidents as they are drawn in the same worlds: the same in the mean, but for the bound's bias,
            and far more scattered.
        risk_left: expected loss over the tail of what is open at the end.
        patches_done, deadlines_missed: counts.
        risk_by_window: expected loss a window of all that is open, as each window opens and after the last.
        accounts: the change of each agent's account.
    """

    policy: str
    work: Spread
    downtime: Spread
    downtime_hours: Spread
    fines: Spread
    money: Spread
    loss: Spread
    total: Spread
    drawn_loss: Spread
    risk_left: Spread
    patches_done: Spread
    deadlines_missed: Spread
    risk_by_window: tuple[Spread, ...]
    accounts: tuple[tuple[str, Spread], ...]


@dataclass(frozen=True)
class Stakeholder:
    """An agent at the table, and its account at the end of the central episode, k€."""

    name: str
    role: str
    label: str
    account_keur: float


@dataclass(frozen=True)
class Plan:
    """A patch plan: one negotiated episode, and how it fares in many worlds.

    The future is unknown, so the plan is the negotiation of ``policy`` in ONE world, the central one: that world of
    the rollouts whose schedule (which patches are in by the end of which window) differs least from all others. Other
    worlds give the intervals. The first window is what to do now; see ``NOW``.

    Attributes:
        format: of the JSON document.
        scenario, title, policy, baseline: what was planned, and by whom.
        rollouts, seed, central_seed: worlds, the first of their seeds, and the central one's.
        window_days, tail_windows, motions_per_window: of the scenario.
        taken_as: parameters under which it was planned, whatever the scenario says: losses are expectations, and
            findings without a stated window are known at once, since whoever plans has them on the list.
        governance: whether anybody votes; without, owners carry out what they nominate.
        stakeholders: who sits at the table.
        windows: the plan.
        tail_flows: expected damage after the last window of what is left open, and who is liable.
        totals: of the central episode, by the names of ``patchpact.envs.core.records.TOTALS``.
        left_open: all that is known and open after the last window, the riskiest first.
        schedule: all patches that are in, in the plan or in some rollout.
        outcomes: the plan, the baseline and doing nothing in the same worlds.
        differences: the plan less the baseline.
        priority: the riskiest findings by probability x exploitability x loss (``patchpact.envs.priority``).
        assumptions: what the scenario took for granted.
    """

    format: int
    scenario: str
    title: str
    policy: str
    baseline: str
    rollouts: int
    seed: int
    central_seed: int
    window_days: float
    tail_windows: int
    motions_per_window: int
    taken_as: Mapping[str, str | float]
    governance: bool
    stakeholders: tuple[Stakeholder, ...]
    windows: tuple[PlanWindow, ...]
    tail_flows: tuple[Flow, ...]
    totals: Mapping[str, float]
    left_open: tuple[LeftOpen, ...]
    schedule: tuple[Scheduled, ...]
    outcomes: tuple[Outcome, ...]
    differences: tuple[Difference, ...]
    priority: tuple[Mapping[str, Any], ...]
    assumptions: tuple[str, ...]

    @property
    def patches(self) -> tuple[PlannedPatch, ...]:
        """All planned patches in order."""
        return tuple(patch for window in self.windows for patch in window.patches)


def document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON knows it: objects, lists, texts and finite numbers; what is undefined is null."""
    found: dict[str, Any] = plain(plan)
    return found
