"""How fast training is: RLlib's own runner, the batched one, and a plain PyTorch loop on the same core.

All three train the same network with the same PPO settings on the same worlds; they differ in how steps reach the
update. ``sampling`` is a rollout with its advantages, ``end_to_end`` a whole iteration.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from patchpact.agents.policies.networks import build_policy_network, build_value_network
from patchpact.agents.roles import action_names, layout
from patchpact.scenarios import load_scenario
from patchpact.training.config import TrainConfig
from patchpact.training.decisions import Player
from patchpact.training.rollout import Sampler
from patchpact.training.run import with_rollout_length

STOCK_ENVS = (1, 8, 64)
SETTINGS = TrainConfig(baseline="value", network="flat", prior=0.0, minibatch=4096, epochs=4, gae_lambda=0.95)
"""The settings of all three; a minibatch is never larger than what an iteration brings."""


def bench_train(
    scenario: str, num_envs: int = 256, network: str = "flat", threads: int = 1, seconds: float = 10.0
) -> list[dict[str, Any]]:
    """Measure sampling and training.

    Args:
        scenario: an id or a path.
        num_envs: worlds of the batched runner and of the plain loop; the stock runner is measured with 1, 8 and 64.
        network: ``"flat"``, two hidden layers of 64, or ``"rows"``, the row scorer.
        threads: torch threads.
        seconds: to measure each figure for, about.

    Returns:
        A row for each way: ``runner``, ``num_envs``, ``network``, ``threads``, ``sampling`` and ``end_to_end`` in
        env-steps/s, and both over the best figures of the stock runner.
    """
    base = replace(SETTINGS, scenario=scenario, network=network, threads=threads)
    rows = [_rllib(replace(base, runner="stock", num_envs=n), seconds) for n in STOCK_ENVS]
    best = {name: max(row[name] for row in rows) for name in ("sampling", "end_to_end")}
    rows.append(_rllib(replace(base, num_envs=num_envs), seconds))
    rows.append(_plain(replace(base, num_envs=num_envs), seconds))
    for row in rows:
        for name, value in best.items():
            row[f"{name}_over_stock"] = row[name] / value
    return rows


def _rate(work: Callable[[], int], seconds: float) -> float:
    """Env-steps per second of ``work``, which returns its env-steps; once before the clock starts."""
    work()
    start, steps = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds or not steps:
        steps += work()
    return steps / elapsed


def _row(config: TrainConfig, runner: str, sampling: float, end_to_end: float) -> dict[str, Any]:
    return {
        "runner": runner,
        "num_envs": config.num_envs,
        "network": config.network,
        "threads": config.threads,
        "sampling": sampling,
        "end_to_end": end_to_end,
    }


def _rllib(config: TrainConfig, seconds: float) -> dict[str, Any]:
    from patchpact.training.rllib.trainer import Trainer

    config = with_rollout_length(config)
    trainer = Trainer(config)
    try:
        runner = trainer.algorithm.env_runner_group.local_env_runner

        def sample() -> int:
            runner.sample()
            return config.steps_per_iteration

        def iterate() -> int:
            trainer.step()
            return config.steps_per_iteration

        trainer.step()  # seeds its streams
        sampling = _rate(sample, seconds)
        runner.get_metrics()
        return _row(config, config.runner, sampling, _rate(iterate, seconds))
    finally:
        trainer.close()


def _plain(config: TrainConfig, seconds: float) -> dict[str, Any]:
    """PPO by hand: the same rollouts, losses, epochs and minibatches, with nothing of RLlib."""
    config = with_rollout_length(config)
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    scenarios = [load_scenario(one, **config.world_overrides) for one in config.scenarios]
    sampler = Sampler(scenarios, config.num_envs, config.rollout_length, config.welfare_share, threads=config.threads)
    networks = {
        role: (
            build_policy_network(action_names(role), config.hidden, config.network),
            build_value_network(config.hidden, config.network),
        )
        for role in sampler.roles
    }
    players = {role: _player(*pair) for role, pair in networks.items()}
    parameters = {role: [p for one in pair for p in one.parameters()] for role, pair in networks.items()}
    optimizers = {role: torch.optim.Adam(found, config.lr) for role, found in parameters.items()}
    seeds, draws = np.random.default_rng(config.seed), torch.Generator().manual_seed(config.seed)

    def rollout() -> Any:
        return sampler.play(players, seeds, draws, config.gamma, config.gae_lambda)

    def sample() -> int:
        return int(rollout().env_steps)

    def iterate() -> int:
        played = rollout()
        for role, decisions in played.decisions.items():
            scaled = (decisions.advantages - decisions.advantages.mean()) / decisions.advantages.std()
            columns = (decisions.packed, decisions.actions, decisions.logp, scaled, decisions.targets)
            for _ in range(config.epochs):
                for rows in torch.randperm(len(scaled)).split(config.minibatch):
                    loss = _loss(players[role], [column[rows] for column in columns], config)
                    optimizers[role].zero_grad(set_to_none=True)
                    loss.backward()
                    for network in networks[role]:
                        nn.utils.clip_grad_norm_(network.parameters(), config.grad_clip)
                    optimizers[role].step()
        return int(played.env_steps)

    found = _row(config, "plain PyTorch", _rate(sample, seconds), _rate(iterate, seconds))
    sampler.close()
    return found


def _player(policy: nn.Module, value: nn.Module) -> Player:
    size = layout.OBSERVATION_SIZE
    return Player(lambda packed: policy(packed[:, :size], packed[:, size:]), lambda packed: value(packed[:, :size]))


def _loss(player: Player, rows: Sequence[Tensor], config: TrainConfig) -> Tensor:
    """PPO's loss of a minibatch: packed observations, actions, log-probabilities, advantages, value targets."""
    packed, actions, before, advantages, targets = rows
    logp = torch.log_softmax(player.logits(packed), -1)
    ratio = (logp.gather(1, actions[:, None])[:, 0] - before).exp()
    surrogate = torch.min(advantages * ratio, advantages * ratio.clamp(1.0 - config.clip, 1.0 + config.clip))
    entropy = -(logp.exp() * logp).sum(-1)
    assert player.values is not None
    error = (player.values(packed) - targets).square()
    return (-surrogate + 0.5 * error - config.entropy * entropy).mean()
