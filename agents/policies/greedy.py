"""The compiled greedy player as a policy for all agents: what ``net-gain`` does, far faster.

Training measures advantages against it and can imitate it; evaluations have ``net-gain``, which acts alike.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from patchpact.agents.policies.base import Actions, Joint, Observations
from patchpact.agents.roles.compiled import COMPILER_OPTIONS
from patchpact.envs.core import cache, greedy
from patchpact.envs.core.records import State, Static
from patchpact.envs.vector import VectorEnv


def _act_all(S: Static, st: State, actions: NDArray[np.int64]) -> None:
    for k in range(actions.shape[0]):
        greedy.act(S, st, k, actions[k], False)


with cache.kernel_cache():
    _kernel = njit(cache=True, nogil=True, **COMPILER_OPTIONS)(_act_all)


class Greedy:
    """A ``JointPolicy``: the proposer nominates what gains most for all, and everybody accepts.

    Args:
        worlds: the batch it plays.
    """

    def __init__(self, worlds: VectorEnv) -> None:
        self._worlds = worlds

    def act(self, observations: Observations, rng: np.random.Generator) -> Actions:
        """See ``JointPolicy.act``."""
        engine = self._worlds.engine
        actions = np.zeros((engine.num_envs, engine.num_agents), np.int64)
        _kernel(engine.static, engine.state, actions)
        return self._worlds.by_role(actions)


GREEDY = Joint("greedy", Greedy)
