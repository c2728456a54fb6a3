"""What the services of a batch of worlds see when a window opens, read off the compiled core's own figures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.roles import layout
from patchpact.envs.core.engine import Engine
from patchpact.envs.service_layout import (
    CANDIDATE_COLUMNS,
    GLOBAL_COLUMNS,
    GLOBALS_START,
    PATCH,
    SELF_START,
    SERVICE_ACTIONS,
    SERVICE_SIZE,
    SIDE_WIDTH,
    SIDES_START,
)
from patchpact.envs.truth import TRUTHS, hidden_truth

FULL = layout.MODES.index("full")
DOWNTIME = layout.row_feature("downtime_cost")
EFFORT = layout.row_feature("effort")


class Candidates(NamedTuple):
    """Of n worlds, the patch that each service would carry out."""

    row: NDArray[np.int64]  # (n, services) its agenda row, -1 where there is none
    value: NDArray[np.float64]  # (n, services) k€, minus infinity where there is none


class Look(NamedTuple):
    """What the services of n worlds see."""

    observation: NDArray[np.float32]  # (n, services, SERVICE_SIZE)
    mask: NDArray[np.int8]  # (n, services, 3)


class ServiceView:
    """Looks at the worlds of an engine through their services' eyes.

    A service's candidate is, of its patches on the agenda that can be carried out now in full mode, the one of highest
    value: public net gain plus the risk it unlocks over all windows left, which is what ``net-gain`` ranks by.

    Args:
        engine: worlds of one scenario.

    Raises:
        ValueError: an engine of several scenarios.
    """

    def __init__(self, engine: Engine) -> None:
        if len(engine.scenarios) != 1:
            raise ValueError("scenario: services of one graph play at a time; make a batch for each scenario")
        self.engine = engine
        self.scenario = engine.scenarios[0]
        self.names = tuple(service.name for service in self.scenario.services)
        count = len(self.names)
        head, static = engine.static.scenario[0], engine.static
        self.owner = static.service["owner"].astype(np.int64)
        self._exposed = static.service["exposed"] != 0
        self._service_of_patch = static.patch["service"].astype(np.int64)
        number = {name: n for n, name in enumerate(self.names)}
        calls = np.zeros((count, count), np.bool_)  # caller, callee
        for edge in self.scenario.edges:
            calls[number[edge.source], number[edge.target]] = edge.source != edge.target
        self.coupled = calls | calls.T  # (services, services)
        others = ~self.coupled & ~np.eye(count, dtype=np.bool_)
        self._sides = (calls.T, calls, others)
        self._scale = float(head["money_scale"])
        self._left = int(head["windows"]) + int(head["tail_windows"])
        self._motions = int(head["motions_per_window"])
        self._night = (float(head["night_factor"]), float(head["night_price_keur"]))

    def candidates(self, worlds: NDArray[np.int64]) -> Candidates:
        """What each service of these worlds would carry out now."""
        state = self.engine.state
        rows = state.row[worlds]
        patch = rows["patch"]
        left = self._left - state.world["t"][worlds]
        value = rows["public"][:, :, FULL] + rows["unlocked"] * left[:, None]
        value = np.where((patch >= 0) & (rows["feasible"][:, :, FULL] != 0), value, -np.inf)
        mine = self._service_of_patch[np.maximum(patch, 0)][:, None, :] == np.arange(len(self.names))[:, None]
        by_service = np.where(mine, value[:, None, :], -np.inf)  # (n, services, rows)
        row = by_service.argmax(2)
        best = np.take_along_axis(by_service, row[:, :, None], 2)[:, :, 0]
        return Candidates(np.where(np.isfinite(best), row, -1), best)

    def look(self, worlds: NDArray[np.int64]) -> Look:
        """What the services of these worlds see; sensible when a window opens."""
        state = self.engine.state
        n, count = len(worlds), len(self.names)
        found = self.candidates(worlds)
        able = found.row >= 0
        seen = state.observation[worlds]  # (n, agents, D)
        features = seen[:, :, : layout.SLOTS_START].reshape(n, -1, layout.AGENDA_ROWS, layout.ROW_WIDTH)
        mine = features[np.arange(n)[:, None], self.owner, np.maximum(found.row, 0)] * able[:, :, None]
        out = np.zeros((n, count, SERVICE_SIZE), np.float32)
        out[:, :, :SELF_START] = mine[:, :, list(CANDIDATE_COLUMNS)]
        value = np.where(able, found.value, 0.0) / self._scale
        downtime = mine[:, :, DOWNTIME].astype(np.float64)
        compromise = state.service["q"].reshape(-1, count)[worlds]
        higher = able[:, None, :] & (found.value[:, None, :] > found.value[:, :, None])  # (n, services, those ahead)
        hours = mine[:, :, EFFORT].astype(np.float64)
        factor, price = self._night
        patch = state.row["patch"][worlds]
        on_agenda = (self._service_of_patch[np.maximum(patch, 0)][:, None, :] == np.arange(count)[:, None]) & (
            patch >= 0
        )[:, None, :]
        mine_alone = (
            value,
            ((1.0 - factor) * downtime - price / self._scale) * able,
            0.25 * on_agenda.sum(2),
            np.broadcast_to(self._exposed, able.shape),
            compromise,
            self._entry_risk(worlds) / self._scale,
            higher.sum(2) / self._motions,
            (higher @ hours[:, :, None])[:, :, 0] + hours,
        )
        for place, entry in enumerate(mine_alone):
            out[:, :, SELF_START + place] = entry
        gain = np.maximum(value, 0.0)
        for side, linked in enumerate(self._sides):
            start = SIDES_START + side * SIDE_WIDTH
            of_others = (
                np.broadcast_to(linked.sum(1) / 8.0, able.shape),
                able.astype(np.float64) @ linked.T / 8.0,
                _highest(gain, linked),
                gain @ linked.T,
                _highest(downtime, linked),
                _highest(compromise, linked),
            )
            for place, entry in enumerate(of_others):
                out[:, :, start + place] = entry
        out[:, :, GLOBALS_START:] = seen[:, :1, list(GLOBAL_COLUMNS)]
        np.clip(out, -layout.CLIP, layout.CLIP, out=out)
        mask = np.ones((n, count, len(SERVICE_ACTIONS)), np.int8)
        mask[:, :, PATCH:] = able[:, :, None]
        return Look(out, mask)

    def truth(self, worlds: NDArray[np.int64]) -> NDArray[np.float32]:
        """What no service sees of its candidate ``(n, services, len(TRUTHS))``, for central critics; see ``truth``."""
        row = self.candidates(worlds).row
        hidden = hidden_truth(self.engine)[worlds]
        picked: NDArray[np.float32] = np.take_along_axis(hidden, np.maximum(row, 0)[:, :, None], 1)
        return picked * (row >= 0)[:, :, None].astype(np.float32)

    def state(self, worlds: NDArray[np.int64], look: Look) -> NDArray[np.float32]:
        """All services' observations with the truth of their candidates ``(n, services * STATE_WIDTH)``."""
        whole = np.concatenate([look.observation, self.truth(worlds)], 2)
        return whole.reshape(len(worlds), -1)

    def _entry_risk(self, worlds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Public expected loss a window (k€) that enters through each service, as the core's agenda reckons it."""
        s = self.engine.state.service.reshape(-1, len(self.names))[worlds]
        risk: NDArray[np.float64] = s["adjoint"] * (1.0 - s["q"]) * (1.0 - s["base"]) / np.maximum(s["base"], 1e-12)
        return risk


STATE_WIDTH = SERVICE_SIZE + len(TRUTHS)
"""Entries of a service in the state."""


def _highest(values: NDArray[np.float64], linked: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The highest of the values ``(n, services)`` of those linked to each service, 0 where nobody is."""
    highest: NDArray[np.float64] = np.where(linked[None], values[:, None, :], 0.0).max(2, initial=0.0)
    return highest
