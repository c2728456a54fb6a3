"""How a module proposes plans: the protocol, what it may see of a tenant, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np

from patchpact.agents.roles import layout
from patchpact.envs.core.engine import Engine
from patchpact.scenarios import Scenario, load_scenario
from patchpact.scenarios.errors import ScenarioError

SEASONS = ("quiet", "normal", "peak")
CALENDAR = ("normal", "normal", "normal")
"""Seasons of this window and the two after, where the tenant states none."""
_HIDDEN = ("reachability_log_sd", "signal_log_sd", "effort_log_sd", "regression_log_sd", "revenue_log_sd")
_SEEDS = 4096
_DRAWN = {"season_low_probability": 0.2, "season_high_probability": 0.2}
"""So that every calendar is among the first seeds'."""
MODES = layout.MODES


@dataclass(frozen=True)
class PatchStep:
    """One patch of a plan, in the order in which it is decided."""

    patch: str
    service: str
    component: str
    fixed_version: str
    mode: str
    """``full``, ``canary``, ``mitigate`` or ``emergency``."""
    cost_keur: float
    """Work, downtime, support and the rollback to expect, beside what was decided before it."""
    gain_keur: float
    """Loss avoided until the end of the tail, less the cost; may be negative, if a rule looks at something else."""
    unlocks_keur: float
    """Loss that patches which wait for this one could avoid, not in the gain."""
    reason: str


@dataclass(frozen=True)
class PlanScore:
    """A plan for the coming window and what it is expected to bring, by public figures."""

    recommender: str
    steps: tuple[PatchStep, ...]
    cost_keur: float
    gain_keur: float
    reason: str

    @classmethod
    def of(cls, recommender: str, steps: Sequence[PatchStep], reason: str) -> PlanScore:
        """The sums over the steps."""
        cost, gain = (sum(getattr(step, name) for step in steps) for name in ("cost_keur", "gain_keur"))
        return cls(recommender, tuple(steps), cost, gain, reason)


@dataclass(frozen=True)
class TenantView:
    """What a recommender may see of a tenant: its scenario and calendar, and of no other tenant anything.

    All findings count as known, and nothing is hidden: private values equal their public estimates, so that no module
    acts on knowledge that was drawn. ``seed`` starts a world whose announced seasons are those of the calendar; all
    else that it draws lies after the window that is planned, but for who proposes.
    """

    scenario: Scenario
    calendar: tuple[str, str, str] = CALENDAR

    @classmethod
    def of(cls, scenario: Scenario, calendar: Sequence[str] = CALENDAR) -> TenantView:
        """The view of a tenant's scenario.

        Raises:
            ScenarioError: one line, for a calendar that is not three of ``SEASONS``.
        """
        first, second, third = _checked(calendar)
        known = tuple(replace(finding, known_window=0) for finding in scenario.findings)
        plain = replace(scenario, findings=known).with_parameters(**dict.fromkeys(_HIDDEN, 0.0), **_DRAWN)
        return cls(plain, (first, second, third))

    @property
    def seed(self) -> int:
        """Of a world with this calendar."""
        return _seed_of(self.calendar)


def _checked(calendar: Sequence[str]) -> tuple[str, str, str]:
    if isinstance(calendar, str) or len(calendar) != 3 or any(season not in SEASONS for season in calendar):
        mend = f"give three of {', '.join(SEASONS)}: this window and the two after"
        raise ScenarioError("tenant", "calendar", "not three seasons", mend)
    return (calendar[0], calendar[1], calendar[2])


@lru_cache(maxsize=27)
def _seed_of(calendar: tuple[str, str, str]) -> int:
    """The first seed whose seasons are these; they are drawn from the seed alone, so any graph will do to look."""
    probe = load_scenario("toy-v1", season_low=0.0, season_high=2.0, **_DRAWN)
    engine = Engine([probe], _SEEDS, autoreset=False)
    engine.reset(np.arange(_SEEDS, dtype=np.uint64))
    wanted = np.array([float(SEASONS.index(season)) for season in calendar])
    return int(np.flatnonzero((engine.state.world["season"] == wanted).all(1))[0])


class Recommender(Protocol):
    """A module that proposes patch plans. It is asked from several threads at once and keeps nothing of a tenant."""

    @property
    def name(self) -> str:
        """As tenants ask for it."""

    def recommend(self, view: TenantView, k: int) -> list[PlanScore]:
        """At most ``k`` plans for the coming window, best first; fewer where there are not as many, or none."""
