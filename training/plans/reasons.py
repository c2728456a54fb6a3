"""Why a patch is still open: voted down, rolled back, only mitigated, without a release, waiting for another patch,
never on the agenda, not worth its cost, out of reach of hours and budgets, or not nominated."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.roles import layout
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.records import NEVER
from patchpact.scenarios import Patch
from patchpact.training.plans.features import MITIGATE, gains_of_rows

VOTED_DOWN, FAILED, MITIGATED, NO_RELEASE, PREREQUISITE, NOT_SHOWN, TOO_DEAR, FROZEN, NO_HOURS, NO_BUDGET, OTHERS = (
    "voted down", "tried, not in", "mitigated only", "no release yet", "prerequisite missing", "not on the agenda",
    "costs more than it saves", "change freeze", "no hours left", "no budget left", "not nominated",
)  # fmt: skip
REASONS: tuple[str, ...] = (
    VOTED_DOWN, FAILED, MITIGATED, NO_RELEASE, PREREQUISITE, NOT_SHOWN, TOO_DEAR, FROZEN, NO_HOURS, NO_BUDGET, OTHERS,
)  # fmt: skip
"""The first that holds is the reason: the negotiation's own doings first, then what kept it from the table, then what
made it unattractive or impossible there."""


@dataclass
class Facts:
    """What one window, or several, say of each patch ``(P,)``.

    Attributes:
        shown: windows in which it was on the agenda.
        best: highest public net gain, what it unlocks included, k€; minus infinity where it was not shown.
        could: whether it could be nominated in some mode that brings more than it costs.
        frozen, hours, budget: whether a freeze, hours or a budget kept it from that.
        nominated, rejected, tried: motions: all, those that failed, and those that passed in a mode but mitigate.
        open, mitigated, unreleased, waiting: at the end: known and not in; a mitigation in force; no fix out; some
            prerequisite not in.
        risk: expected loss a window that it would remove, at the end, k€.
        release: window in which the fix comes, from 0, as far as is known at the end.
    """

    shown: NDArray[np.int64]
    best: NDArray[np.float64]
    could: NDArray[np.bool_]
    frozen: NDArray[np.bool_]
    hours: NDArray[np.bool_]
    budget: NDArray[np.bool_]
    nominated: NDArray[np.int64]
    rejected: NDArray[np.int64]
    tried: NDArray[np.int64]
    open: NDArray[np.bool_]
    mitigated: NDArray[np.bool_]
    unreleased: NDArray[np.bool_]
    waiting: NDArray[np.bool_]
    risk: NDArray[np.float64]
    release: NDArray[np.int64]

    @classmethod
    def none(cls, patches: int) -> Facts:
        """Before anything was seen."""
        kinds = {"NDArray[np.int64]": np.int64, "NDArray[np.bool_]": np.bool_, "NDArray[np.float64]": np.float64}
        found = cls(*(np.zeros(patches, kinds[str(one.type)]) for one in fields(cls)))
        found.best[:] = -np.inf
        return found

    def look(self, engine: Engine) -> None:
        """Take in the agenda of one world that waits for a nomination."""
        static, state = engine.static, engine.state
        world, rows = state.world[0], state.row[0]
        here = np.flatnonzero(rows["patch"] >= 0)
        patch = rows["patch"][here]
        gains = gains_of_rows(engine)[here]
        best, feasible = gains.max(1), rows["feasible"][here] != 0
        self.shown[patch] = 1
        self.best[patch] = np.maximum(self.best[patch], best)
        self.could[patch] |= (feasible & (gains > 0.0)).any(1)
        barred = ~feasible.any(1) & (best > 0.0)
        owner, it = state.agent[0][static.patch["owner"][patch]], static.patch["it"][patch]
        budget = np.where(it >= 0, state.agent["budget"][0][np.maximum(it, 0)], np.inf)
        self.frozen[patch] |= barred & (owner["freeze"] != 0)
        self.hours[patch] |= barred & (world["capacity_left"] < static.patch["effort"][patch])
        self.budget[patch] |= barred & ((budget < rows["effort"][here]) | (owner["budget"] < rows["fee"][here]))

    def close(
        self, engine: Engine, window: int, known: NDArray[np.bool_], motions: list[tuple[int, int, bool]]
    ) -> None:
        """Take in what the window came to, and how things stand as the next opens.

        Args:
            engine: of one world.
            window: that has closed, from 0.
            known: patches with a finding that was known in it ``(P,)``.
            motions: patch, mode and whether it passed, of each.
        """
        for patch, mode, passed in motions:
            self.nominated[patch] += 1
            self.rejected[patch] += not passed
            self.tried[patch] += passed and mode != MITIGATE
        p, day = engine.state.patch, (window + 1) * float(engine.static.scenario[0]["window_days"])
        self.open[:] = known & (p["done"] == 0)
        self.mitigated[:] = (p["mitigated_from"] <= day) & (day < p["mitigated_until"])
        self.unreleased[:] = p["release"] > window
        self.release[:] = p["release"]
        self.risk[:] = p["risk"]
        static = engine.static.patch
        needing = np.repeat(np.arange(len(static)), static["need1"] - static["need0"])
        self.waiting[:] = False
        self.waiting[needing[p["done"][engine.static.needs] == 0]] = True

    def then(self, later: Facts) -> Facts:
        """This and later windows together: what happened adds up, how things stand is the later.

        Once a patch is mitigated, what it would bring is what it brings since: most of its risk is gone.
        """
        since = (self.mitigations > 0) & (later.shown > 0)
        return Facts(
            shown=self.shown + later.shown,
            best=np.where(since, later.best, np.maximum(self.best, later.best)),
            could=np.where(since, later.could, self.could | later.could),
            frozen=self.frozen | later.frozen,
            hours=self.hours | later.hours,
            budget=self.budget | later.budget,
            nominated=self.nominated + later.nominated,
            rejected=self.rejected + later.rejected,
            tried=self.tried + later.tried,
            **{
                name: getattr(later, name) for name in ("open", "mitigated", "unreleased", "waiting", "risk", "release")
            },
        )

    @property
    def mitigations(self) -> NDArray[np.int64]:
        """Motions that passed in mode mitigate ``(P,)``."""
        return self.nominated - self.rejected - self.tried

    def reasons(self) -> NDArray[np.int64]:
        """The place in ``REASONS`` of why each patch is open ``(P,)``; of no meaning where it is not."""
        holds = {
            VOTED_DOWN: self.rejected > 0,
            FAILED: self.tried > 0,
            MITIGATED: self.mitigated,
            NO_RELEASE: self.unreleased,
            PREREQUISITE: self.waiting,
            NOT_SHOWN: self.shown == 0,
            TOO_DEAR: self.best <= 0.0,
            FROZEN: self.frozen & ~self.could,
            NO_HOURS: self.hours & ~self.could,
            NO_BUDGET: self.budget & ~self.could,
        }
        places = [np.full(len(self.open), n) for n in range(len(holds))]
        return np.asarray(np.select([holds[name] for name in REASONS[:-1]], places, len(REASONS) - 1))


def detail(patch: Patch, reason: str, facts: Facts, j: int, blocked_by: tuple[str, ...], missing: list[str]) -> str:
    """The reason in words.

    Args:
        patch: that is open.
        reason: as ``Facts.reasons`` has it.
        facts: of the windows that are told of.
        j: the patch's place in the scenario.
        blocked_by: who rejected its motions.
        missing: patches that it requires and that are not in.
    """
    best = float(facts.best[j])
    if reason == VOTED_DOWN:
        who = ", ".join(blocked_by) or "too few accepted"
        return f"voted down {_times(int(facts.rejected[j]))} ({who})"
    if reason == FAILED:
        return f"carried out {_times(int(facts.tried[j]))} and not in: rolled back, caught or held up"
    if reason == MITIGATED:
        return "a mitigation is in force, the fix is not in"
    if reason == NO_RELEASE:
        release = int(facts.release[j])
        return "no fix is announced" if release == NEVER else f"the fix is expected in window {release + 1}"
    if reason == PREREQUISITE:
        return f"needs {', '.join(missing[:3])}" + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    if reason == NOT_SHOWN:
        return f"not among the {layout.AGENDA_ROWS} patches on the table"
    if reason == TOO_DEAR:
        eased = f"was mitigated {_times(int(facts.mitigations[j]))}; the fix " if facts.mitigations[j] > 0 else ""
        return f"{eased}would cost {-best:,.1f} k€ more than it saves"
    worth = f"would bring {best:,.1f} k€"
    if reason == FROZEN:
        return f"{worth}, but {patch.service} is frozen"
    if reason == NO_HOURS:
        return f"{worth}, but takes {patch.effort_hours:,.1f} h, more than was left"
    if reason == NO_BUDGET:
        return f"{worth}, but is beyond the budget that was left"
    return f"{worth}, but others were nominated"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
