"""What planners for all agents share: whoever proposes follows the plan, and everybody accepts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import ACCEPT, Actions, Observations
from patchpact.agents.roles import ROLES, action_names, layout
from patchpact.envs.core.engine import Engine
from patchpact.envs.vector import VectorEnv


def accept_all(agents: NDArray[np.void]) -> NDArray[np.int64]:
    """The vote of agents (the core's records, of any shape) who accept wherever they may vote."""
    return np.where(agents["may_vote"] != 0, ACCEPT, layout.ABSTAIN)


def actions_by_name(engine: Engine) -> list[dict[str, int]]:
    """The numbers of each agent's actions by name, of an engine of one scenario."""
    return [{name: n for n, name in enumerate(action_names(ROLES[role]))} for role in engine.static.agent["role"]]


class Planner:
    """A ``JointPolicy`` that decides world by world; a planner is a subclass with ``propose``.

    Args:
        worlds: the batch it plays, of one scenario.

    Raises:
        ValueError: a batch of several scenarios.
    """

    def __init__(self, worlds: VectorEnv) -> None:
        if len(worlds.scenarios) != 1:
            raise ValueError("worlds: a planner plays worlds of one scenario; make a batch for each")
        self._worlds, self._engine = worlds, worlds.engine

    def propose(self, k: int) -> NDArray[np.int64]:
        """Everybody's actions ``(agents,)`` where world k waits for a nomination."""
        raise NotImplementedError

    def act(self, observations: Observations, rng: np.random.Generator) -> Actions:
        """See ``JointPolicy.act``."""
        state = self._engine.state
        chosen = np.zeros((self._worlds.num_envs, self._engine.num_agents), np.int64)
        for k, world in enumerate(state.world):
            if world["over"]:
                continue
            if world["voting"]:
                chosen[k] = accept_all(state.agent[k])
            else:
                chosen[k] = self.propose(k)
        return self._worlds.by_role(chosen)
