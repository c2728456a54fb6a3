"""What would come of every world if a greedy player took over now, on the very same future.

For training alone: it reads the future, which no policy may. The result is a baseline of high value: all draws
of a world are keyed and independent of actions, so what is left of a difference to it is what the actions did (an
input-driven baseline: Mao et al., "Variance reduction for reinforcement learning in input-driven
environments", ICLR 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from patchpact.envs.core.engine import Engine
from patchpact.scenarios import Scenario

_PLAYED_ON = ("world", "service", "patch", "cve", "attempt", "flow", "agent", "row", "weight", "terminated")
"""What a world goes on from where nobody looks."""
_FELT = ("own", "before_downtime")
"""What it goes on from besides where agents know what they expect for themselves."""


class Finish:
    """Room for copies of all worlds of a batch.

    Args:
        scenarios: of the batch.
        num_envs: its worlds.
        threads: threads for steps.
        selfish: whether who takes over plays for himself, or all for what gains most for all.
    """

    def __init__(self, scenarios: Sequence[Scenario], num_envs: int, threads: int = 1, selfish: bool = False) -> None:
        self._engine = Engine(scenarios, num_envs, threads=threads, autoreset=False)
        self._selfish = selfish

    def __call__(self, source: Engine) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Finish copies of the worlds of ``source``, which has the same scenarios.

        Returns:
            Welfare of the whole episode ``(num_envs,)`` and each agent's account ``(num_envs, agents)``, both in k€
            and with what was earned before. An ended world of an engine that resets is one at its next start.
        """
        state = self._engine.state
        for name in (*_PLAYED_ON, *(_FELT if self._selfish else ())):
            np.copyto(getattr(state, name), getattr(source.state, name))
        self._engine.play_out(self._selfish)
        agents = self._engine.num_agents
        return state.world["welfare_keur"].copy(), state.agent["account"][:, :agents].copy()

    def close(self) -> None:
        """Stop the threads."""
        self._engine.close()
