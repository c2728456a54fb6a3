"""Train service agents and set them beside the stakeholders' vote, on the same graph and the same draws.

Of ``TrainConfig`` these settings count: ``scenario`` (one), ``out``, ``timesteps`` (windows of one world), ``seed``,
``overrides``, ``incident_loss``, ``num_envs``, ``minibatch``, ``epochs``, ``lr``, ``lr_end``, ``gamma``,
``gae_lambda``, ``clip``, ``entropy``, ``entropy_end``, ``grad_clip``, ``hidden``, ``prior``, ``threads``,
``validate_every``, ``validation_episodes``, ``evaluation_episodes``, ``evaluation_seed``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from patchpact.agents.policies import Cast, Joint, JointPolicy, Oracle
from patchpact.agents.policies.services import ServicePlayers, service_rules
from patchpact.envs.services import COUPLING_KEUR, SERVICE_GAME, SERVICE_GRAPH, checked_penalty
from patchpact.envs.vector import VectorEnv
from patchpact.scenarios import Scenario, load_scenario
from patchpact.training import stats
from patchpact.training.config import VALIDATION_SEEDS_START, TrainConfig
from patchpact.training.evaluate import find_policy, play
from patchpact.training.folder import RunFolder, replace_folder, write_text

ROLE = "service"
SETTINGS_FILE = "services.json"
DEFAULTS: dict[str, Any] = {
    "timesteps": 140_000, "num_envs": 192, "epochs": 4, "minibatch": 2048, "lr": 1e-3, "lr_end": 1e-4,
    "gae_lambda": 0.0, "entropy": 0.002, "validate_every": 5,
}  # fmt: skip
"""Settings of ``TrainConfig`` that suit service agents better than its own (found by trial on boutique-v1)."""
VOTES = ("do-nothing", "net-gain", "net-gain-full", "pretrained")
"""The vote's side of a comparison."""


def graph_of(scenario: Any) -> Any:
    """``"boutique-v1"`` for ``"mvp2-v1"``, anything else as it is."""
    return SERVICE_GRAPH if isinstance(scenario, str) and scenario == SERVICE_GAME else scenario


def train_services(config: TrainConfig, coupling_keur: float = COUPLING_KEUR, *, progress: bool = True) -> Path:
    """Train one policy that all services share, and return the run folder.

    The folder holds ``services.json`` (settings), ``progress.csv``, ``policy/`` (the best on validation worlds by
    welfare less penalties, replaced as soon as there is a better one) and ``evaluation.json``. A run that is stopped
    keeps all of that; it cannot be resumed.

    Args:
        config: see the module; ``DEFAULTS`` are not applied here.
        coupling_keur: penalty for each uncoordinated coupled pair of a window.
        progress: show a bar.

    Raises:
        RunError: one line, where the folder is not empty or cannot be written.
        ValueError: one line, for bad settings or a bad scenario.
    """
    coupling_keur = checked_penalty(coupling_keur)
    if len(config.scenarios) != 1:
        raise ValueError("scenario: services are trained on one graph; name one")
    source = graph_of(config.scenarios[0])
    world = load_scenario(source, **config.world_overrides)
    folder = RunFolder(config.out)
    _create(folder, config, coupling_keur)
    with _held(folder):
        _iterate(folder, config, world, coupling_keur, progress)
        if config.evaluation_episodes:
            drawn = load_scenario(source, **config.overrides)
            rows = compare_services(
                drawn, [folder.path], config.evaluation_episodes, config.evaluation_seed, coupling_keur=coupling_keur
            )
            write_text(folder.path / "evaluation.json", json.dumps(rows, indent=1) + "\n")
    return folder.path


@contextmanager
def _held(folder: RunFolder) -> Iterator[None]:
    folder.lock()
    try:
        yield
    finally:
        folder.unlock()


def _create(folder: RunFolder, config: TrainConfig, coupling_keur: float) -> None:
    folder.make()
    settings = {**asdict(config), "coupling_keur": coupling_keur}
    write_text(folder.path / SETTINGS_FILE, json.dumps(settings, indent=1) + "\n")


def _iterate(folder: RunFolder, config: TrainConfig, world: Scenario, coupling_keur: float, progress: bool) -> None:
    from patchpact.training.rllib.services import ServicesTrainer
    from patchpact.training.run import caller_streams_kept

    steps = config.num_envs * int(world.parameters["windows"])
    iterations = math.ceil(config.timesteps / steps)
    with caller_streams_kept():
        keep = _KeepBest(folder, config, world, coupling_keur)
        trainer = ServicesTrainer(config, world, coupling_keur)
        bar = tqdm(total=iterations * steps, desc="training", unit="window", unit_scale=True, disable=not progress)
        try:
            keep(trainer.networks()[ROLE])
            for done in range(1, iterations + 1):
                numbers = trainer.step()
                bar.update(steps)
                if done % config.validate_every == 0 or done == iterations:
                    objective = keep(trainer.networks()[ROLE])
                    folder.append_progress(
                        {"iteration": done, "timesteps": done * steps, "validation_keur": objective, **numbers}
                    )
                    bar.set_postfix_str(f"validation {objective:.0f} k€")
        finally:
            bar.close()
            trainer.close()
            keep.close()


class _KeepBest:
    """Keeps the policy that did best on the validation worlds, which are the same each time."""

    def __init__(self, folder: RunFolder, config: TrainConfig, world: Scenario, coupling_keur: float) -> None:
        from patchpact.training.service_rollout import ServiceSampler

        self._folder, self._hidden = folder, config.hidden
        self._trained = {"scenario": world.id, "seed": config.seed, "coupling_keur": coupling_keur}
        self._worlds = ServiceSampler(world, config.validation_episodes, coupling_keur)
        self._seeds = np.arange(config.validation_episodes, dtype=np.uint64) + np.uint64(VALIDATION_SEEDS_START)
        self._best = -math.inf

    def __call__(self, state: Mapping[str, Any]) -> float:
        """Welfare less penalties (k€) of the network with this state, which is kept if it is the best so far."""
        from patchpact.agents.policies.service_learned import ServiceNetwork, save_service_policy
        from patchpact.training.service_rollout import player_of

        network = ServiceNetwork(self._hidden)
        network.load_state_dict(state)
        objective = float(self._worlds.objective_keur(player_of(network), self._seeds).mean())
        if objective > self._best:
            self._best = objective

            def fill(place: Path) -> None:
                save_service_policy(place, state, self._hidden, self._trained)

            replace_folder(self._folder.policy, fill)
        return objective

    def close(self) -> None:
        """Stop the worlds' threads."""
        self._worlds.close()


def compare_services(
    scenario: Any,
    policies: Sequence[str | Path | Cast | Oracle] = (),
    episodes: int = 256,
    seed: int = 0,
    *,
    coupling_keur: float = COUPLING_KEUR,
    **overrides: Any,
) -> list[dict[str, Any]]:
    """The vote and service agents side by side: every policy meets the same worlds.

    Args:
        scenario: what ``make`` takes; ``"mvp2-v1"`` stands for its graph.
        policies: further ones beside ``VOTES`` and the services' rules of thumb: names or run folders of either game.
        episodes: worlds for each policy.
        seed: the first of their seeds.
        coupling_keur: penalty by which ``objective_keur`` of service agents falls short of their welfare.
        overrides: parameters by name; ``incident_loss`` is ``"sampled"`` unless told otherwise.

    Returns:
        An object for each policy: ``policy``, ``agents`` (``stakeholders`` or ``services``), ``welfare_keur`` with
        its 95% interval ``welfare_low``, ``welfare_high``; ``gain_*`` over doing nothing, ``over_vote_*`` over
        ``net-gain`` and ``over_full_*`` over ``net-gain-full``, all paired; ``coupled_pairs`` an episode and
        ``objective_keur`` (None of stakeholders, whose game has no such penalty); and means of patches, effort,
        downtime and damage.
    """
    if episodes < 2:
        raise ValueError(f"episodes: {episodes} is less than 2; intervals need two or more")
    coupling_keur = checked_penalty(coupling_keur)
    world = load_scenario(graph_of(scenario), **{"incident_loss": "sampled", **overrides})
    played = side_by_side(world, policies, range(seed, seed + episodes))
    anchors = ("do-nothing", "net-gain", "net-gain-full")
    idle, vote, full = (played[name].totals["welfare_keur"] for name in anchors)
    rows = []
    for name, (totals, pairs) in played.items():
        row: dict[str, Any] = {
            "scenario": world.id, "policy": name, "agents": "stakeholders" if pairs is None else "services",
            "episodes": episodes, "seed": seed,
        }  # fmt: skip
        welfare = totals["welfare_keur"]
        zeros = {"welfare": np.zeros(episodes), "gain": idle, "over_vote": vote, "over_full": full}
        for key, zero in zeros.items():
            estimate = stats.mean(welfare - zero)
            row |= {f"{key}_keur": estimate.value, f"{key}_low": estimate.low, f"{key}_high": estimate.high}
        row["coupled_pairs"] = None if pairs is None else float(pairs.mean())
        row["objective_keur"] = None if pairs is None else float((welfare - coupling_keur * pairs).mean())
        for total in ("patches_done", "effort_keur", "downtime_keur", "damage_keur"):
            row[total] = float(totals[total].mean())
        rows.append(row)
    return rows


class Played(NamedTuple):
    """Episodes of a policy."""

    totals: dict[str, NDArray[np.float64]]  # (episodes,) by name
    pairs: NDArray[np.int64] | None  # (episodes,) uncoordinated coupled pairs, None where no services play


def side_by_side(
    world: Scenario, policies: Sequence[str | Path | Cast | Oracle], seeds: Sequence[int]
) -> dict[str, Played]:
    """``VOTES``, the services' rules of thumb and ``policies``, each in the worlds of these seeds, by name."""
    cast = [find_policy(policy) for policy in dict.fromkeys([*VOTES, *service_rules(), *policies])]
    return {name: _played(world, policy, seeds) for name, policy in cast}


def _played(world: Scenario, policy: Cast | Oracle, seeds: Sequence[int]) -> Played:
    made: list[JointPolicy] = []
    if isinstance(policy, Joint):
        make = policy.make

        def noted(worlds: VectorEnv) -> JointPolicy:
            made.append(make(worlds))
            return made[-1]

        policy = Joint(policy.name, noted)
    totals = play(world, policy, seeds)
    pairs = [players.pairs for players in made if isinstance(players, ServicePlayers)]
    return Played(totals, np.concatenate(pairs) if pairs else None)
