"""The vector face: many worlds stepped at once, with arrays by role."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import gymnasium as gym
import networkx as nx
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from patchpact.agents.roles import ROLES, action_names, layout
from patchpact.envs.core import pack
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.records import TOTALS
from patchpact.scenarios import Scenario, load_scenario

Source: TypeAlias = str | Path | Scenario | nx.DiGraph
Observations = dict[str, dict[str, NDArray[Any]]]


class VectorEnv:
    """``num_envs`` worlds; world ``k`` has the ``k``-th scenario in turn.

    Arrays are by role, ``(num_envs, agents_of_role, ...)``. Where scenarios have different numbers of agents, a role's
    arrays are as wide as its largest number; seats that nobody takes (``seats``) see zeros, can only pass, and earn 0.

    Args:
        scenarios: complete scenarios.
        num_envs: worlds side by side, at least 1.
        threads: threads for a step.
        autoreset: start the next episode in the step that ends one (Gymnasium's ``SAME_STEP``), the last observation
            in ``infos["final_obs"]``; off, an ended world stands still until ``reset``.
        copy: whether results are copies; off, they are views that the next step overwrites (faster), where all
            scenarios seat the same numbers of agents.
        ledger_size: entries kept of each world's ledger of the last step (``engine.state.ledger``).
    """

    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        num_envs: int,
        threads: int = 1,
        autoreset: bool = True,
        copy: bool = True,
        ledger_size: int = 0,
    ) -> None:
        self.engine = Engine(scenarios, num_envs, threads=threads, autoreset=autoreset, ledger_size=ledger_size)
        self.scenarios = self.engine.scenarios
        self.num_envs = num_envs
        self.autoreset = autoreset
        self._columns = _columns(self.scenarios, num_envs)
        self._slices = self.engine.role_slices if _alike(self.scenarios) else None
        self._copy = copy
        self.roles = tuple(role for role in ROLES if role in self._columns)
        self.seats = {role: columns >= 0 for role, columns in self._columns.items()}
        self._sizes = {role: len(action_names(role)) for role in self.roles}
        self._actions = np.zeros((num_envs, self.engine.num_agents), np.int64)
        self._seeds = np.random.default_rng()
        self._ready = False
        self.observation_spaces = {role: self._observation_space(role) for role in self.roles}
        self.action_spaces: dict[str, gym.spaces.Discrete[Any]] = {
            role: gym.spaces.Discrete(size) for role, size in self._sizes.items()
        }

    def _observation_space(self, role: str) -> gym.spaces.Dict:
        box = gym.spaces.Box(-layout.CLIP, layout.CLIP, (layout.OBSERVATION_SIZE,), np.float32)
        mask = gym.spaces.Box(0, 1, (self._sizes[role],), np.int8)
        return gym.spaces.Dict({"observation": box, "action_mask": mask})

    def observation_space(self, role: str) -> gym.spaces.Dict:
        """The space of one agent of the role."""
        return self.observation_spaces[role]

    def action_space(self, role: str) -> gym.spaces.Discrete[Any]:
        """The space of one agent of the role."""
        return self.action_spaces[role]

    def agents_of(self, role: str) -> int:
        """How many agents of the role a world has at most."""
        return int(self._columns[role].shape[1])

    def reset(
        self, seed: int | Sequence[int] | NDArray[Any] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Start an episode in every world.

        Args:
            seed: world ``k`` gets ``seed + k``, or the ``k``-th of a sequence. World by world the draws are those of
                ``make(...).reset(seed=...)``. ``None``: fresh worlds from the stream that the last seed began.
            options: ignored.

        Returns:
            Observations by role, ``{"observation": (num_envs, agents, D) float32, "action_mask": (num_envs, agents, n)
            int8}``, and infos (empty).

        Raises:
            ValueError: a seed out of range, or not one for each world.
        """
        self.engine.reset(self._world_seeds(seed))
        self._ready = True
        return self._observations(self.engine.state.observation), {}

    def _world_seeds(self, seed: int | Sequence[int] | NDArray[Any] | None) -> NDArray[np.uint64]:
        if seed is None:
            return self._seeds.integers(2**63, size=self.num_envs).astype(np.uint64)
        if np.ndim(seed) == 0:
            first = int(seed)  # type: ignore[arg-type]
            seeds = [first + k for k in range(self.num_envs)]
        else:
            seeds = [int(one) for one in seed]  # type: ignore[union-attr]
            if len(seeds) != self.num_envs:
                raise ValueError(
                    f"seed: {len(seeds)} seeds for {self.num_envs} worlds; give one for each, or one number"
                )
        if min(seeds) < 0 or max(seeds) >= 2**63:
            raise ValueError("seed: out of range; give whole numbers from 0 to 2**63 - 1")
        self._seeds = np.random.default_rng(seeds[0])
        return np.array(seeds, np.uint64)

    def step(
        self, actions: dict[str, NDArray[Any]]
    ) -> tuple[Observations, dict[str, NDArray[np.float64]], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One env-step of every world.

        Args:
            actions: by role, ``(num_envs, agents)`` whole numbers. Illegal ones become pass or abstain.

        Returns:
            Observations by role (of the next episode where one ended); rewards by role ``(num_envs, agents)``;
            terminations and truncations ``(num_envs,)`` (a world ends for all its agents; never truncated); infos
            with ``welfare_keur`` ``(num_envs,)``, ``illegal_action`` by role, and, where worlds ended (``_final_obs``
            says which), ``final_obs`` by role and ``episode``, the totals by name ``(num_envs,)``.

        Raises:
            RuntimeError: before the first ``reset``.
            ValueError: a role without actions, actions of another shape, or no whole numbers.
        """
        if not self._ready:
            raise RuntimeError("step before reset; call reset(seed=...) first")
        for role, columns in self._columns.items():
            given = np.asarray(actions[role]) if role in actions else None
            if given is None or given.shape != columns.shape or given.dtype.kind not in "iub":
                got = "none" if given is None else f"{given.dtype} of shape {given.shape}"
                raise ValueError(f"actions[{role!r}]: {got}; give whole numbers of shape {columns.shape}")
            if self._slices is not None:
                self._actions[:, self._slices[role]] = given
            else:
                worlds, places = np.nonzero(columns >= 0)
                self._actions[worlds, columns[worlds, places]] = given[worlds, places]
        self.engine.step(self._actions)
        state = self.engine.state
        ended = state.terminated.copy()
        infos: dict[str, Any] = {
            "welfare_keur": state.world["welfare"].copy(),
            "illegal_action": {role: self._pick(state.illegal, role, True) == 1 for role in self.roles},
        }
        if ended.any():
            final = state.final_observation if self.autoreset else state.observation
            infos["final_obs"] = {role: self._pick(final, role, True) for role in self.roles}
            infos["_final_obs"] = ended
            infos["episode"] = dict(zip(TOTALS, state.totals.T.copy(), strict=True))
            infos["_episode"] = ended
        rewards = {role: self._pick(state.reward, role) for role in self.roles}
        return self._observations(state.observation), rewards, ended, np.zeros_like(ended), infos

    def _observations(self, observation: NDArray[Any]) -> Observations:
        result: Observations = {}
        for role in self.roles:
            mask = self._pick(self.engine.state.mask[..., : self._sizes[role]], role)
            if self._slices is None:
                mask[..., layout.PASS] |= ~self.seats[role]
            result[role] = {"observation": self._pick(observation, role), "action_mask": mask}
        return result

    def by_role(self, array: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The columns of each role of an array over all the core's agents ``(num_envs, num_agents, ...)``, copied."""
        return {role: self._pick(array, role, True) for role in self.roles}

    def _pick(self, array: NDArray[Any], role: str, copy: bool | None = None) -> NDArray[Any]:
        """The role's columns of an array ``(num_envs, all agents, ...)``."""
        if self._slices is not None:
            part = array[:, self._slices[role]]
            return part.copy() if (self._copy if copy is None else copy) else part
        columns = self._columns[role]
        picked = array[np.arange(self.num_envs)[:, None], np.maximum(columns, 0)]
        picked[columns < 0] = 0
        return picked

    def close(self) -> None:
        """Stop the threads."""
        self.engine.close()


def _alike(scenarios: Sequence[Scenario]) -> bool:
    """Whether all scenarios seat the same roles in the same numbers."""
    return len({tuple(agent.role for agent in pack.seats(scenario)) for scenario in scenarios}) == 1


def _columns(scenarios: Sequence[Scenario], num_envs: int) -> dict[str, NDArray[np.int64]]:
    """The core's columns of each role's agents in every world ``(num_envs, agents)``; -1 where a seat is empty."""
    found = {}
    for role in ROLES:
        places = [[n for n, agent in enumerate(pack.seats(s)) if agent.role == role] for s in scenarios]
        width = max(map(len, places))
        if width:
            table = np.array([row + [-1] * (width - len(row)) for row in places], np.int64)
            found[role] = table[np.arange(num_envs) % len(scenarios)]
    return found


def make_vec(
    scenario: Source | Sequence[Source],
    num_envs: int = 1,
    *,
    threads: int = 1,
    autoreset: bool = True,
    copy: bool = True,
    **overrides: Any,
) -> VectorEnv:
    """Many worlds at once, with arrays by role.

    Args:
        scenario: what ``make`` takes, or a sequence of it: worlds of different graphs then share the batch, in turn.
        num_envs: worlds side by side.
        threads: threads for a step; results do not depend on it.
        autoreset: see ``VectorEnv``.
        copy: see ``VectorEnv``.
        overrides: parameters by name, for all scenarios.

    Raises:
        ValueError: one line that names the place, the field and the mend.
    """
    sources = list(scenario) if isinstance(scenario, list | tuple) else [scenario]
    if not sources:
        raise ValueError("scenario: an empty list; give at least one scenario")
    scenarios = [load_scenario(source, **overrides) for source in sources]
    return VectorEnv(scenarios, num_envs, threads=threads, autoreset=autoreset, copy=copy)
