"""What a nomination was worth and why: its parts in money, its places on the agenda, and what a learned policy
made of its features."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import Seen
from patchpact.agents.roles import action_names, layout
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.records import Static
from patchpact.envs.modes import effort_factor
from patchpact.training.plans.records import Nudge, Part, Rank, Why

Floats = NDArray[np.float64]

MITIGATE, CANARY = layout.MODES.index("mitigate"), layout.MODES.index("canary")
NO_DEADLINE = 1e9
STRONGEST = 5
"""Occluded features that are told."""


class Money(NamedTuple):
    """What motions are expected to bring and cost by public figures, k€ ``(motions,)``.

    ``risk_removed`` is the expected loss avoided until the end of the tail, ``unlocks`` that of patches which wait
    for this one. The core's ``public`` gain is ``risk_removed`` less the four costs.
    """

    risk_removed: Floats
    unlocks: Floats
    labour: Floats
    downtime: Floats
    support: Floats
    rollback: Floats

    @classmethod
    def none(cls) -> Money:
        """Of no motion."""
        return cls(*(np.zeros(0) for _ in cls._fields))

    @property
    def cost(self) -> Floats:
        """All that is used up."""
        return self.labour + self.downtime + self.support + self.rollback


def money_of(
    static: Static,
    window: NDArray[np.int64],
    rows: NDArray[np.void],
    patch: NDArray[np.int64],
    mode: NDArray[np.int64],
    regression: Floats,
) -> Money:
    """The parts of motions' public gains, taken from the agenda's own figures (``core.rows``).

    Args:
        static: of a batch of one scenario.
        window: now, from 0 ``(n,)``.
        rows: agenda rows when it was decided ``(n,)``.
        patch, mode: of the motions ``(n,)``.
        regression: public regression probability ``(n,)``.
    """
    head = static.scenario[0]
    here = np.arange(len(rows))
    factor = np.array([effort_factor(head, n) for n in range(len(layout.MODES))])[mode]
    upgrade, undone = mode != MITIGATE, (mode != MITIGATE) & (mode != CANARY)
    support_all = np.where(static.patch["vendor"][patch] >= 0, float(head["support_keur"]), 0.0)
    undo_revenue = rows["fixed_cost"] - rows["effort"] - support_all
    labour = rows["effort"] * factor
    downtime = rows["before_downtime"][here, mode] - rows["public"][here, mode]
    support = support_all * upgrade
    rollback = undone * (undo_revenue + regression * float(head["rollback_effort"]) * rows["effort"])
    left = head["windows"] + head["tail_windows"] - window
    risk_removed = rows["public"][here, mode] + labour + downtime + support + rollback
    return Money(risk_removed, rows["unlocked"] * left * upgrade, labour, downtime, support, rollback)


def gains_of_rows(engine: Engine) -> Floats:
    """The public net gain of each agenda row in each mode, what it unlocks included ``(rows, modes)``, k€."""
    head, world, rows = engine.static.scenario[0], engine.state.world[0], engine.state.row[0]
    left = int(head["windows"] + head["tail_windows"] - world["t"])
    upgrades = np.arange(len(layout.MODES)) != MITIGATE
    return np.asarray(rows["public"] + upgrades * (rows["unlocked"] * left)[:, None])


def why(engine: Engine, row: int, mode: int, proposer: int, policy: Any) -> Why:
    """The features of a nomination, from the world in which it is made, before the step.

    Args:
        engine: of one world.
        row, mode: what is nominated.
        proposer: by which agent.
        policy: the proposer's, for what a learned policy made of the features; None for rules and planners.
    """
    static, state = engine.static, engine.state
    head, world = static.scenario[0], state.world[0]
    patch = int(state.row[0, row]["patch"])
    p = state.patch[patch]
    one = np.array([row])
    money = money_of(
        static, world["t"], state.row[0][one], np.array([patch]), np.array([mode]), np.array([p["public_regression"]])
    )
    signed = {"risk removed": money.risk_removed[0], "unlocks": money.unlocks[0]} | {
        name: -getattr(money, name)[0] for name in ("labour", "downtime", "support", "rollback")
    }
    size = sum(abs(value) for value in signed.values()) or 1.0
    seen = Seen(state.observation[0, proposer][None], state.mask[0, proposer][None])
    return Why(
        parts=tuple(Part(name, float(value) + 0.0, float(abs(value) / size)) for name, value in signed.items()),
        fine_avoided_keur=_fine(head, world, float(p["due"])),
        due_day=float(p["due"]) if p["due"] < NO_DEADLINE else None,
        findings=int(p["known"]),
        cvss=float(p["cvss"]),
        epss=float(p["epss"]),
        kev=bool(p["kev"]),
        ranks=_ranks(seen, row, gains_of_rows(engine).max(1)),
        nudges=_nudges(seen, row, mode, policy) if hasattr(policy, "logits") else (),
    )


def _fine(head: Any, world: Any, due: float) -> float:
    """Fines until the end of the episode for a patch that stays open, against one in the middle of this window."""
    if not head["governance_enabled"] or due >= NO_DEADLINE:
        return 0.0
    middle = (int(world["t"]) + 0.5) * float(head["window_days"])
    last = int(head["windows"]) * float(head["window_days"])
    return float(head["fine_keur_per_day"]) * max(last - max(due, middle), 0.0)


def _ranks(seen: Seen, row: int, gains: Floats) -> tuple[Rank, ...]:
    present = seen.row("present")[0] > 0.0
    figures = {
        "net gain": gains,
        "risk": seen.row("risk")[0],
        "CVSS": seen.row("cvss")[0],
        "EPSS": seen.row("epss")[0],
    }
    of = int(present.sum())
    return tuple(
        Rank(name, 1 + int((values[present] > values[row] + 1e-12).sum()), of) for name, values in figures.items()
    )


def _nudges(seen: Seen, row: int, mode: int, policy: Any) -> tuple[Nudge, ...]:
    """Occlusion: each feature of the row set to the agenda's mean, all else as it was."""
    action = layout.NOMINATE_START + len(layout.MODES) * row + mode
    rows = seen.observation[0, : layout.SLOTS_START].reshape(layout.AGENDA_ROWS, layout.ROW_WIDTH)
    mean = rows[rows[:, layout.row_feature("present")] > 0.0].mean(0)
    hidden = np.repeat(seen.observation, layout.ROW_WIDTH, 0)
    features = np.arange(layout.ROW_WIDTH)
    hidden[features, row * layout.ROW_WIDTH + features] = mean
    width = len(action_names(policy.role))  # masks are as wide as the role with most actions
    mask = seen.mask[:, :width]
    as_it_was = policy.logits(seen.observation, mask)
    if as_it_was.shape[1] != width:  # it was trained under an older layout, and numbers its actions otherwise
        return ()
    changes = as_it_was[0, action] - policy.logits(hidden, np.repeat(mask, layout.ROW_WIDTH, 0))[:, action]
    order = np.argsort(-np.abs(changes), kind="stable")[:STRONGEST]
    return tuple(Nudge(layout.ROW_FEATURES[n].name, float(changes[n])) for n in order if abs(changes[n]) > 1e-6)
