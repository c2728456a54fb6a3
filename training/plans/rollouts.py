"""A policy in many worlds of a scenario: what is carried out when, what it costs, what risk is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import Cast
from patchpact.agents.roles import layout
from patchpact.envs.core.engine import REWARD_SCALE_KEUR, Engine
from patchpact.envs.core.records import TOTALS
from patchpact.scenarios import Scenario
from patchpact.training.evaluate import WORLDS_AT_ONCE, begin
from patchpact.training.plans.features import Money, money_of

Floats = NDArray[np.float64]

MITIGATE = layout.MODES.index("mitigate")
BY_WINDOW = ("spend_keur", "downtime_keur", "downtime_hours", "fines_keur", "damage_keur")
"""Totals that are also kept window by window, the tail's damage apart."""
PATCHES_AT_ONCE = 2_000_000
"""Patches of all worlds of a batch together, at most: some hundred bytes each."""


@dataclass(frozen=True)
class Rollouts:
    """N worlds, P patches, W windows, A agents, M motions that passed.

    Attributes:
        totals: by name ``(N,)``; losses are expectations.
        drawn_loss: incidents as drawn, in the same worlds under the same actions ``(N,)``.
        accounts: ``(N, A)`` k€.
        by_window: for each of ``BY_WINDOW`` ``(N, W)``.
        open_risk: expected loss a window as each window opens, and after the last ``(N, W + 1)``.
        done: window in which a patch is in ``(N, P)``, from 0; -1 if never.
        eased: window of its first mitigation, alike.
        world, patch, mode, window: of each motion that passed ``(M,)``.
        money: what it was expected to bring and cost ``(M,)``.
        actions: everybody's ``(steps, A)``, a list by world.
    """

    totals: dict[str, Floats]
    drawn_loss: Floats
    accounts: Floats
    by_window: dict[str, Floats]
    open_risk: Floats
    done: NDArray[np.int16]
    eased: NDArray[np.int16]
    world: NDArray[np.int64]
    patch: NDArray[np.int64]
    mode: NDArray[np.int64]
    window: NDArray[np.int64]
    money: Money
    actions: list[NDArray[np.int64]]

    def when(self, eased: bool = False) -> NDArray[np.int16]:
        """``done``; with ``eased`` the window in which a patch is in or first mitigated ``(N, P)``."""
        if not eased:
            return self.done
        both = np.minimum(self.done, self.eased)
        return np.where(both >= 0, both, np.maximum(self.done, self.eased))

    def share_by(self, window: int, eased: bool = False) -> Floats:
        """Share of worlds in which each patch is in (or mitigated) by the end of the window, from 0 ``(P,)``."""
        when = self.when(eased)
        return np.asarray(((when >= 0) & (when <= window)).mean(0))

    def median_window(self, patch: int, eased: bool = False) -> int | None:
        """The window, from 0, in which it is in (or mitigated), over the worlds in which it ever is; the later of two
        middle ones."""
        when = self.when(eased)[:, patch]
        windows = np.sort(when[when >= 0])
        return int(windows[len(windows) // 2]) if len(windows) else None

    def central(self) -> int:
        """The world whose schedule differs least from all others', the first among equals.

        A schedule says for each patch and window whether it is in (or mitigated) by the end of it; two differ by the
        number of entries in which they disagree. The mean distance to all is that to the shares, entry by entry.
        """
        distance = np.zeros(len(self.done))
        for when in (self.done, self.eased):
            for window in range(self.open_risk.shape[1] - 1):
                inside = (when >= 0) & (when <= window)
                distance += np.abs(inside - inside.mean(0)).sum(1)
        return int(distance.argmin())


TAKEN_AS: Mapping[str, str | float] = {"incident_loss": "expected", "initially_known_share": 1.0}
"""Parameters under which worlds are planned. Losses are booked as expectations, which changes nothing that anybody
sees or decides. Findings without a stated window are known at once: whoever plans has them on the list."""


def roll_out(scenario: Scenario, policy: Cast, seeds: Sequence[int]) -> Rollouts:
    """Play the policy in the worlds of these seeds.

    The worlds are those of ``evaluate.play``. A second copy of each takes the same actions with incidents drawn.

    Args:
        scenario: with the parameters of ``TAKEN_AS``.
        policy: who plays all agents.
        seeds: of the worlds.
    """
    most = max(min(PATCHES_AT_ONCE // max(len(scenario.patches), 1), WORLDS_AT_ONCE), 1)
    pieces = [_together(scenario, policy, seeds[n : n + most]) for n in range(0, len(seeds), most)]
    for n, piece in enumerate(pieces):
        piece.world[:] += n * most
    return pieces[0] if len(pieces) == 1 else _joined(pieces)


def _joined(pieces: Sequence[Rollouts]) -> Rollouts:
    def over(values: Sequence[Any]) -> Any:
        if isinstance(values[0], dict):
            return {name: np.concatenate([value[name] for value in values]) for name in values[0]}
        if isinstance(values[0], Money):
            return Money(*(np.concatenate(parts) for parts in zip(*values, strict=True)))
        if isinstance(values[0], list):
            return [one for value in values for one in value]
        return np.concatenate(values)

    return Rollouts(
        **{name: over([getattr(piece, name) for piece in pieces]) for name in Rollouts.__dataclass_fields__}
    )


def _together(scenario: Scenario, policy: Cast, seeds: Sequence[int]) -> Rollouts:
    worlds, players, observations = begin(scenario, policy, seeds)
    state, static = worlds.engine.state, worlds.engine.static
    drawn = Engine([scenario.with_parameters(incident_loss="sampled")], len(seeds), autoreset=False)
    drawn.reset(np.array(seeds, np.uint64))
    count, windows, agents = len(seeds), int(scenario.parameters["windows"]), worlds.engine.num_agents
    accounts, open_risk = np.zeros((count, agents)), np.zeros((count, windows + 1))
    so_far = {name: np.zeros((count, windows + 1)) for name in BY_WINDOW}
    eased = np.full((count, len(scenario.patches)), -1, np.int16)
    motions: list[NDArray[np.int64]] = []
    moneys: list[Money] = []
    actions: list[NDArray[np.int64]] = []
    open_risk[:, 0] = state.world["open_risk"]
    running = np.ones(count, np.bool_)
    while running.any():
        before, rows = state.world.copy(), state.row.copy()
        observations, _, terminations, _, _ = worlds.step(players(observations))
        drawn.step(state.chosen)
        actions.append(state.chosen.copy())
        accounts += state.reward * REWARD_SCALE_KEUR * running[:, None]
        passed = np.flatnonzero(running & (state.world["motions_passed"] > before["motions_passed"]))
        if len(passed):
            row, mode = motion_of(before[passed], state.chosen[passed])
            patch, window = rows[passed, row]["patch"], before["t"][passed]
            motions.append(np.stack([passed, patch, mode, window], 1))
            regression = state.patch["public_regression"].reshape(count, -1)[passed, patch]
            moneys.append(money_of(static, before["t"][passed], rows[passed, row], patch, mode, regression))
            first = (mode == MITIGATE) & (eased[passed, patch] < 0)
            eased[passed[first], patch[first]] = window[first]
        moved = np.flatnonzero(running & (state.world["t"] > before["t"]))
        now = state.world["t"][moved]
        open_risk[moved, now] = state.world["open_risk"][moved]
        for name in BY_WINDOW:
            so_far[name][moved, now] = state.world[name][moved]
        running &= ~terminations
    totals = {name: np.array(state.world[name]) for name in TOTALS}
    so_far["damage_keur"][:, -1] -= totals["tail_keur"]
    patches = state.patch.reshape(count, -1)
    days = float(scenario.parameters["window_days"])
    done = np.where(patches["done"] != 0, np.floor(patches["done_day"] / days + 1e-9), -1).astype(np.int16)
    which = np.concatenate(motions) if motions else np.zeros((0, 4), np.int64)
    money = Money(*(np.concatenate(parts) for parts in zip(*moneys, strict=True))) if moneys else Money.none()
    worlds.close()
    drawn.close()
    world, patch, mode, window = which.T.copy()
    return Rollouts(
        totals=totals,
        drawn_loss=np.array(drawn.state.world["damage_keur"]),
        accounts=accounts,
        by_window={name: np.diff(values, axis=1) for name, values in so_far.items()},
        open_risk=open_risk,
        done=done,
        eased=eased,
        world=world,
        patch=patch,
        mode=mode,
        window=window,
        money=money,
        actions=list(np.stack(actions, 1)),
    )


def motion_of(world: NDArray[np.void], chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Agenda row and mode of the motion that a step decided.

    Args:
        world: the worlds' records before the step ``(n,)``.
        chosen: everybody's actions in it ``(n, A)``. Without governance a nomination is carried out unasked.
    """
    voted = world["voting"] != 0
    nominated = np.maximum(chosen[np.arange(len(world)), world["proposer"]] - layout.NOMINATE_START, 0)
    modes = len(layout.MODES)
    row = np.where(voted, world["row"], nominated // modes)
    return row, np.where(voted, world["mode"], nominated % modes)
