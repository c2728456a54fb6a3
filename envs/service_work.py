"""Carries out what services choose, by the compiled core's own motions: nothing is simulated a second time.

In every window each service chooses one of

- ``patch``: carry out its candidate (``service_view``) now, in full mode;
- ``batch``: the same, but together: where at least two services batch, the owners of the revenue flows through them
  buy night hours, and the batch is carried out in the window's shared maintenance; a service that batches alone waits;
- ``defer``: nothing.

Whoever the recognition rule names proposes, and everybody accepts: there is no vote to lose, and the limits are those
of the vote: ``motions_per_window``, the hours, the budgets, the agenda. Where several services want to work, the one
of highest value goes first, at each motion anew (the plan changes what further downtime costs); equal values go by
the services' order in the scenario. Who finds no motion or no hours left waits, and may choose again in the next
window. Night hours are bought before anything is planned, as the core asks: where their buyer is the one who
proposes first, that motion is spent on it; in a window of a single motion it is not, and the batch works by day.
Downtime is shared by whatever is carried out in the same window, as the core has it. Without the governance network
owners propose in turn, and only what is theirs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.roles import ROLE_INDEX, action_names, layout
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.greedy import ACCEPT
from patchpact.envs.service_layout import BATCH, DEFER
from patchpact.envs.service_view import FULL, ServiceView

NIGHT_HOURS = action_names("business").index("night_hours")
NOMINATE_FULL = layout.NOMINATE_START + len(layout.MODES) * np.arange(layout.AGENDA_ROWS) + FULL
NOBODY = -1


class ServiceWork:
    """What the services of a batch of worlds want, until it is done or the window closes.

    Args:
        view: of the worlds.

    ``carried`` tells for each world which services were carried out since the window's ``begin`` ``(worlds,
    services)``, once ``note`` was called after the core's last step.
    """

    def __init__(self, view: ServiceView) -> None:
        self._view, self._engine = view, view.engine
        engine: Engine = view.engine
        count = (engine.num_envs, len(view.names))
        self._wants = np.zeros(count, np.bool_)
        self._together = np.zeros(count, np.bool_)
        self.carried = np.zeros(count, np.bool_)
        self._pending = np.full(engine.num_envs, NOBODY)
        self._passed = np.zeros(engine.num_envs)
        self._hours = np.zeros((engine.num_envs, engine.num_agents), np.bool_)
        static = engine.static
        self._flow_owners = np.zeros((count[1], engine.num_agents), np.bool_)
        for service, record in enumerate(static.service):
            for link in static.link[record["link0"] : record["link1"]]:
                self._flow_owners[service, static.flow["owner"][link["flow"]]] = True
        self._owns = self._flow_owners.any(0) & (static.agent["role"] == ROLE_INDEX["business"])

    def begin(self, worlds: NDArray[np.int64], actions: NDArray[np.int64], mask: NDArray[np.int8]) -> None:
        """Take the services' choices in worlds whose window has just opened.

        Args:
            worlds: their numbers ``(n,)``.
            actions: ``(n, services)``; an illegal one becomes ``defer``.
            mask: what is legal ``(n, services, 3)``.
        """
        known = np.where((actions >= 0) & (actions < mask.shape[2]), actions, DEFER)
        legal = np.take_along_axis(mask, known[:, :, None], 2)[:, :, 0] != 0
        chosen = np.where(legal, known, DEFER)
        batches = chosen == BATCH
        batches &= batches.sum(1, keepdims=True) > 1
        self._wants[worlds] = batches | ((chosen != DEFER) & (chosen != BATCH))
        self._together[worlds] = batches
        self.carried[worlds] = False
        self._pending[worlds] = NOBODY
        self._passed[worlds] = self._engine.state.world["motions_passed"][worlds]
        self._hours[worlds] = (batches.astype(np.float64) @ self._flow_owners > 0) & self._owns

    def note(self) -> None:
        """Take note of what the core's last step made of the motions on the table."""
        world = self._engine.state.world
        passed = world["motions_passed"] > self._passed
        settled = (self._pending != NOBODY) & (passed | (world["voting"] == 0))
        done = np.flatnonzero(settled & passed)
        self.carried[done, self._pending[done]] = True
        self._pending[settled] = NOBODY
        self._passed[:] = world["motions_passed"]

    def next(self) -> NDArray[np.int64]:
        """Everybody's actions in the core's next step ``(worlds, agents)``."""
        self.note()
        state = self._engine.state
        voting = state.world["voting"] != 0
        actions = np.full(state.chosen.shape, layout.PASS, np.int64)
        may_vote = state.agent["may_vote"] != 0
        actions[voting] = np.where(may_vote[voting], ACCEPT, layout.ABSTAIN)
        worlds = np.flatnonzero(~voting & (state.world["over"] == 0) & self._wants.any(1))
        if len(worlds):
            self._propose(worlds, actions)
        return actions

    def _propose(self, worlds: NDArray[np.int64], actions: NDArray[np.int64]) -> None:
        state = self._engine.state
        proposer = state.world["proposer"][worlds]
        buys = self._hours[worlds] & (state.mask[worlds, :, NIGHT_HOURS] != 0)
        last = state.world["motion"][worlds] + 1 >= self._engine.static.scenario["motions_per_window"][0]
        buys[last, proposer[last]] = False
        self._hours[worlds] &= ~buys
        buyer, agent = np.nonzero(buys)
        actions[worlds[buyer], agent] = NIGHT_HOURS
        free = ~buys[np.arange(len(worlds)), proposer]
        worlds, proposer = worlds[free], proposer[free]
        found = self._view.candidates(worlds)
        nomination = NOMINATE_FULL[np.maximum(found.row, 0)]
        legal = (found.row >= 0) & (state.mask[worlds[:, None], proposer[:, None], nomination] != 0)
        value = np.where(legal & self._wants[worlds], found.value, -np.inf)
        first = value.argmax(1)
        here = np.isfinite(value[np.arange(len(worlds)), first])
        worlds, first = worlds[here], first[here]
        actions[worlds, proposer[here]] = nomination[here, first]
        self._pending[worlds] = first
        self._wants[worlds, first] = False

    def coupled_pairs(self) -> NDArray[np.int64]:
        """Pairs of services that call each other and were both carried out in the window, uncoordinated ``(worlds,)``.

        Two services of the same shared maintenance are coordinated and do not count.
        """
        loose = ~(self._together[:, :, None] & self._together[:, None, :])
        both = self.carried[:, :, None] & self.carried[:, None, :] & loose & self._view.coupled
        pairs: NDArray[np.int64] = both.sum((1, 2)) // 2
        return pairs
