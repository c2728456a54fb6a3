"""RLlib's env runner over all worlds at once: sampling without a Python object for each step."""

from __future__ import annotations

import random
import traceback
from typing import Any

import gymnasium as gym
import numpy as np
import ray
import torch
from ray.rllib.core import COMPONENT_RL_MODULE
from ray.rllib.core.columns import Columns
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES
from ray.rllib.env.env_runner import EnvRunner
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.checkpoints import Checkpointable
from ray.rllib.utils.metrics import (
    EPISODE_LEN_MEAN,
    EPISODE_RETURN_MEAN,
    NUM_AGENT_STEPS_SAMPLED,
    NUM_ENV_STEPS_SAMPLED,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
    NUM_EPISODES,
    WEIGHTS_SEQ_NO,
)

from patchpact.agents.roles import action_names
from patchpact.scenarios import Scenario, load_scenario
from patchpact.training.decisions import Decisions, Played, Player
from patchpact.training.graphs import drawn_scenarios
from patchpact.training.rllib.module import MEMORY
from patchpact.training.rllib.remote import Failure, Piece, host_name
from patchpact.training.rllib.spaces import packed_space
from patchpact.training.rollout import Sampler


def seed_streams(seeds: np.random.SeedSequence) -> None:
    """Seed the global random streams, which RLlib uses for exploration and shuffling."""
    words = seeds.generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))  # noqa: NPY002 - RLlib draws from it
    torch.manual_seed(int(words[2]))


class BatchedRunner(EnvRunner, Checkpointable):
    """Steps ``num_envs_per_env_runner`` worlds side by side on the compiled core.

    One forward pass a role a step serves all worlds; advantages are worked out here, on arrays. Every iteration starts
    new worlds, so that a resumed run repeats what an unbroken one does.

    Of the configuration it reads ``env_config`` (see ``trainer.env_config``), ``gamma``,
    ``lambda_`` and the modules.
    """

    def __init__(self, *, config: Any, **kwargs: Any) -> None:
        super().__init__(config=config, **kwargs)
        self._weights_number = 0
        self.module: Any = None
        self.sampler: Sampler | None = None
        if self.worker_index:
            torch.set_num_threads(1)
        self._start(np.random.SeedSequence([int(self._seed or 0), self.worker_index or 0]))
        self.make_module()
        if self.worker_index or not self.config.num_env_runners:
            self.make_env()

    def _start(self, sequence: np.random.SeedSequence) -> None:
        worlds, actions, graphs = sequence.spawn(3)
        self._worlds = np.random.default_rng(worlds)
        self._actions = torch.Generator().manual_seed(int(actions.generate_state(1)[0]))
        self._graphs = np.random.default_rng(graphs)

    def make_env(self) -> None:
        """See ``EnvRunner.make_env``."""
        given = self.config.env_config
        self._fixed = [load_scenario(source, **changes) for source, changes in given["worlds"]]
        self.sampler = Sampler(
            [*self._fixed, *self._drawn()],
            self.config.num_envs_per_env_runner,
            int(given["rollout_length"]),
            float(given["welfare_share"]),
            against_greedy=given["baseline"] == "rollout",
            threads=int(given["threads"]) if not self.worker_index else 1,
            central=given["critic"] == "central",
            memory=int(given["memory"]),
            sequence=int(given["memory_length"]),
        )

    def _drawn(self) -> list[Scenario]:
        given = self.config.env_config
        return drawn_scenarios(int(given["graphs"]), self._graphs, given["overrides"])

    def make_module(self) -> None:
        """See ``EnvRunner.make_module``."""
        spec = self.config.get_multi_rl_module_spec(spaces=self.get_spaces(), inference_only=False)
        self.module = spec.build()

    def begin(self, piece: Piece) -> None:
        """Seed worlds, actions, graphs and global streams for ``piece`` (call before it)."""
        sequence = np.random.SeedSequence([piece.seed, piece.iteration, piece.number])
        streams, mine = sequence.spawn(2)
        seed_streams(streams)
        self._start(mine)
        if self.sampler is not None and self.config.env_config["graphs"]:
            self.sampler.replace([*self._fixed, *self._drawn()])

    def sample(
        self,
        *,
        num_timesteps: int | None = None,
        num_episodes: int | None = None,
        explore: bool | None = None,
        **_: Any,
    ) -> list[MultiAgentBatch]:
        """Rollouts until as many steps or episodes are done as asked; one by default.

        Returns:
            A batch for each rollout: of each role its decisions, with advantages and value targets.
        """
        if self.sampler is None:  # beside remote runners this process plays only where RLlib evaluates in it
            self.make_env()
        assert self.sampler is not None
        explore = self.config.explore if explore is None else explore
        players = {role: self._player(role) for role in self.sampler.roles}
        batches: list[MultiAgentBatch] = []
        steps = episodes = 0
        while not batches or steps < (num_timesteps or 0) or episodes < (num_episodes or 0):
            if batches:  # the sampler will write over what it gave
                batches[-1] = _copied(batches[-1])
            played = self.sampler.play(
                players,
                self._worlds,
                self._actions,
                gamma=self.config.gamma,
                gae_lambda=self.config.lambda_,
                explore=explore,
                learn=not self.config.in_evaluation,
            )
            self._log(played)
            steps += played.env_steps
            episodes += len(played.welfare_keur)
            rows = {role: rows_of(decisions) for role, decisions in played.decisions.items()}
            batches.append(MultiAgentBatch(rows, env_steps=played.env_steps))
        return batches

    def play(self, piece: Piece, weights: dict[str, Any]) -> tuple[list[MultiAgentBatch], Any] | Failure:
        """``piece`` played with ``weights`` (a state of this runner), or the traceback of what went wrong."""
        try:
            self.set_state(weights)
            self.begin(piece)
        except Exception:  # whatever it is, the user must read it
            return Failure(traceback.format_exc(), host_name())
        return self.sample_or_say_why_not()

    def sample_or_say_why_not(self) -> tuple[list[MultiAgentBatch], Any] | Failure:
        """``sample`` and its metrics, or the traceback of what went wrong."""
        try:
            return self.sample(), self.get_metrics()
        except Exception:  # whatever it is, the user must read it
            return Failure(traceback.format_exc(), host_name())

    def _player(self, role: str) -> Player:
        module = self.module[role].unwrapped()
        values = None if module.value is None else lambda packed: module.compute_values({Columns.OBS: packed})
        return Player(module.logits, values, module.recall if self.config.env_config["memory"] else None)

    def _log(self, played: Played) -> None:
        self.num_env_steps_sampled_lifetime += played.env_steps
        log = self.metrics.log_value
        log(NUM_ENV_STEPS_SAMPLED, played.env_steps, reduce="sum")
        log(NUM_ENV_STEPS_SAMPLED_LIFETIME, played.env_steps, reduce="lifetime_sum", with_throughput=True)
        log((NUM_AGENT_STEPS_SAMPLED, "all"), played.agent_steps, reduce="sum")
        episodes = len(played.welfare_keur)
        if not episodes:
            return
        log(NUM_EPISODES, episodes, reduce="sum")
        log("welfare_keur_sum", float(played.welfare_keur.sum()), reduce="sum")
        log("welfare_keur_count", episodes, reduce="sum")
        log(EPISODE_LEN_MEAN, float(played.lengths.mean()), window=1)
        log(EPISODE_RETURN_MEAN, float(sum(one.mean() for one in played.returns.values() if len(one))), window=1)
        for role, returns in played.returns.items():
            if len(returns):
                log(("module_episode_returns_mean", role), float(returns.mean()), window=1)

    def get_metrics(self) -> Any:
        """See ``EnvRunner.get_metrics``."""
        return self.metrics.reduce()

    def get_spaces(self) -> dict[str, tuple[gym.Space[Any], gym.Space[Any]]]:
        """See ``EnvRunner.get_spaces``; the agents of a role share its spaces."""
        roles = self.config.env_config["roles"]
        central = self.config.env_config["critic"] == "central"
        seen = gym.spaces.Dict({role: packed_space(role, central) for role in roles})
        done = gym.spaces.Dict({role: gym.spaces.Discrete(len(action_names(role))) for role in roles})
        by_role = {role: (seen[role], done[role]) for role in roles}
        return {INPUT_ENV_SPACES: (seen, done), INPUT_ENV_SINGLE_SPACES: (seen, done), **by_role}

    def assert_healthy(self) -> None:
        """See ``EnvRunner.assert_healthy``."""
        assert self.module is not None

    def get_state(self, components: Any = None, *, not_components: Any = None, **kwargs: Any) -> dict[str, Any]:
        """See ``Checkpointable.get_state``: weights and the count of steps; worlds are new in every iteration."""
        state: dict[str, Any] = {NUM_ENV_STEPS_SAMPLED_LIFETIME: self.num_env_steps_sampled_lifetime}
        if self._check_component(COMPONENT_RL_MODULE, components, not_components):
            state[COMPONENT_RL_MODULE] = self.module.get_state(
                components=self._get_subcomponents(COMPONENT_RL_MODULE, components),
                not_components=self._get_subcomponents(COMPONENT_RL_MODULE, not_components),
                **kwargs,
            )
            state[WEIGHTS_SEQ_NO] = self._weights_number
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """See ``Checkpointable.set_state``."""
        if COMPONENT_RL_MODULE in state:
            number = state.get(WEIGHTS_SEQ_NO, 0)
            if number == 0 or self._weights_number != number:
                weights = state[COMPONENT_RL_MODULE]
                self.module.set_state(ray.get(weights) if isinstance(weights, ray.ObjectRef) else weights)
            if number > 0:
                self._weights_number = number
        if NUM_ENV_STEPS_SAMPLED_LIFETIME in state:
            self.num_env_steps_sampled_lifetime = state[NUM_ENV_STEPS_SAMPLED_LIFETIME]

    def get_ctor_args_and_kwargs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """See ``Checkpointable.get_ctor_args_and_kwargs``."""
        return (), {"config": self.config}

    def get_checkpointable_components(self) -> list[tuple[str, Any]]:
        """See ``Checkpointable.get_checkpointable_components``."""
        return [(COMPONENT_RL_MODULE, self.module)]

    def stop(self) -> None:
        """Stop the core's threads."""
        if self.sampler is not None:
            self.sampler.close()


def _copied(batch: MultiAgentBatch) -> MultiAgentBatch:
    rows = {
        role: SampleBatch({name: column.clone() for name, column in part.items()})
        for role, part in batch.policy_batches.items()
    }
    return MultiAgentBatch(rows, env_steps=batch.env_steps())


def rows_of(decisions: Decisions) -> SampleBatch:
    """A role's decisions as RLlib's batch; advantages scaled to a standard deviation of 1.

    A row is a decision, or where the policy remembers a padded sequence of them (see ``RoleModule``).
    """
    advantages = decisions.advantages
    if len(advantages) > 1:
        advantages = (advantages - advantages.mean()) / advantages.std().clamp(min=1e-6)
    columns = {
        Columns.OBS: decisions.packed,
        Columns.ACTIONS: decisions.actions,
        Columns.ACTION_LOGP: decisions.logp,
        Columns.ACTION_DIST_INPUTS: decisions.logits,
        Postprocessing.ADVANTAGES: advantages,
        Postprocessing.VALUE_TARGETS: decisions.targets,
    }
    if decisions.sequences is None:
        return SampleBatch(columns)
    index = torch.from_numpy(decisions.sequences.index)
    padded = {name: column[index.clamp(min=0)] for name, column in columns.items()}
    return SampleBatch({**padded, Columns.LOSS_MASK: index >= 0, MEMORY: decisions.sequences.memory})
