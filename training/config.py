"""Settings of one training run, as they stand in the run folder's ``config.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from patchpact.agents.roles import ROLES
from patchpact.scenarios import CORE_ROLES, load_scenario
from patchpact.training.federated.settings import MIN_TENANTS, FederatedConfig, check_delta

TRAINING_SEEDS_START = 2**31
"""Worlds seen in training have seeds from here to 2**32."""
PLACES = ("ray_address", "num_gpus_per_learner")
"""Settings that say where a run is trained, not what comes of it: a run may be resumed with others."""
VALIDATION_SEEDS_START = 2**30
"""Validation worlds have seeds from here on; evaluations start at small seeds, so the three never meet."""


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        scenario: id or path of a scenario, or several, drawn anew for every episode.
        out: the run folder.
        timesteps: env-steps to train for (one step of one world, in which all agents act); whole iterations
            are run until at least as many are done.
        seed: of weights, worlds and exploration; equal seeds give equal curves with equal settings and versions.
        reward: ``"own"`` (the agent's account), ``"welfare"`` (the whole world's welfare change, for every agent) or
            the share of welfare in a mix of the two, 0 to 1.
        overrides: scenario parameters changed in training and validation.
        incident_loss: ``"expected"`` trains and validates on expected incident losses (less noise, an upper bound of
            the mean); ``"sampled"`` on drawn ones. Evaluation is always on drawn ones.
        graphs: further worlds of each iteration, on graphs drawn anew for it (``generated-v1`` with 6 to 40 services,
            1 to 3 tenants, 1 to 3 vendors), so that what is learned holds on graphs never seen.
        runner: ``"batched"`` steps all worlds of a runner together, on arrays; ``"stock"`` is RLlib's own runner.
        baseline: what advantages are measured against: ``"rollout"``, what a greedy player would still earn from each
            state on the very same future, who plays for all, or with a reward below ``0.5`` everyone for himself (needs
            ``gamma`` 1 and the batched runner); or ``"value"``, a value network.
        critic: what a value network sees: ``"own"``, the agent's observation, or ``"central"``, beside it what all
            others know alone and what is hidden from all (MAPPO; needs baseline ``"value"`` and the batched runner).
        network: ``"rows"`` scores every agenda row with shared weights; ``"flat"`` is a plain network.
        memory: of a policy: ``"none"``, or ``"gru"``, a recurrent unit over the agent's own decisions (needs the
            batched runner; a value network has none).
        memory_length: decisions through which gradients of a memory go back.
        imitate: before PPO, learn to act as this teacher does (DAgger): a baseline or planner by name, a folder of a
            learned policy, or ``"greedy"``, the compiled greedy player; ``"none"`` starts from scratch.
        imitate_timesteps: env-steps played for that, not counted among ``timesteps``; rounds of an episode in each of
            ``num_envs`` worlds are played until at least as many are done.
        num_envs: worlds that one runner steps side by side.
        num_env_runners: remote ray actors that sample, one CPU each; 0 samples in this process.
        num_learners: remote ray actors that update the networks, each with its share of a minibatch; 0 updates in this
            process, one gives the same curve from another machine.
        num_gpus_per_learner: GPUs of a learner, or of this process where it learns itself; 0 learns on the CPU.
        ray_address: a ray cluster to train on, such as "10.0.0.5:6379"; without it the one that RAY_ADDRESS names,
            else this machine alone. It is not kept in the run folder.
        rollout_length: env-steps of each world in an iteration; every iteration starts new worlds, so
            less than an episode would never show the late windows. 0 becomes the longest episode.
        minibatch: decisions of a role in a gradient step.
        epochs: passes over an iteration's decisions.
        optimizer: ``"adam"``, or ``"sgd"``, plain gradient steps, which want a far larger ``lr`` and suit averages of
            many tenants' updates: Adam's first steps are as long for a weight that hardly matters as for any other.
        lr: step size at the start; it falls linearly to ``lr_end`` at ``timesteps``.
        lr_end: step size at the end.
        gamma: discount per env-step; 1 by default, since episodes have a fixed horizon.
        gae_lambda: of generalised advantage estimation, per decision (steps with one legal action are skipped).
        clip: PPO's ratio clip.
        entropy: entropy bonus at the start; it falls linearly to ``entropy_end`` at ``timesteps``.
        entropy_end: entropy bonus at the end.
        anchor: weight of the divergence (KL) from the policy that ``prior`` makes in the loss, where decisions move so
            little money that noise would decide them; 0 leaves it out.
        grad_clip: largest gradient norm, for the policy and the value network apart.
        hidden: width of the networks' hidden layers.
        prior: how strongly a new policy leans towards what the observed estimates call a gain: it starts as the greedy
            rule with some chance, the less the stronger; 0 starts blank.
        threads: torch threads of this process.
        checkpoint_every: iterations between checkpoints.
        validate_every: iterations between validations; the best one becomes ``checkpoints/best`` and ``policy/``.
        validation_episodes: worlds in a validation, the same each time.
        evaluation_episodes: worlds in the evaluation after training; 0 leaves it out.
        evaluation_seed: its first seed.
        evaluation_policies: names of the policies that the learned one is evaluated beside.
        federated: settings of federated training (see ``FederatedConfig``), or None for training in one place. Then
            every scenario is a tenant's, ``timesteps`` are a tenant's, and scores are of public worlds alone.
    """

    scenario: str | tuple[str, ...] = "boutique-v1"
    out: str = "runs/run"
    timesteps: int = 300_000
    seed: int = 0
    reward: str | float = "welfare"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    incident_loss: str = "expected"
    graphs: int = 0
    runner: str = "batched"
    baseline: str = "rollout"
    critic: str = "own"
    network: str = "rows"
    memory: str = "none"
    memory_length: int = 16
    imitate: str = "none"
    imitate_timesteps: int = 50_000
    num_envs: int = 128
    num_env_runners: int = 0
    num_learners: int = 0
    num_gpus_per_learner: float = 0.0
    ray_address: str = ""
    rollout_length: int = 0
    minibatch: int = 2048
    epochs: int = 2
    optimizer: str = "adam"
    lr: float = 1e-3
    lr_end: float = 1e-4
    gamma: float = 1.0
    gae_lambda: float = 0.9
    clip: float = 0.2
    entropy: float = 0.002
    entropy_end: float = 0.0
    anchor: float = 0.0
    grad_clip: float = 0.5
    hidden: int = 64
    prior: float = 4.0
    threads: int = 1
    checkpoint_every: int = 5
    validate_every: int = 5
    validation_episodes: int = 128
    evaluation_episodes: int = 128
    evaluation_seed: int = 0
    evaluation_policies: tuple[str, ...] = ("do-nothing", "random", "risk-per-cost", "risk-per-cost-chain")
    federated: FederatedConfig | None = None

    def __post_init__(self) -> None:
        for name in ("scenario", "evaluation_policies"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        federated: object = self.federated
        if isinstance(federated, Mapping):  # as it was read from a file
            object.__setattr__(self, "federated", _federated(federated))
        if isinstance(self.reward, str) and self.reward not in ("own", "welfare"):
            try:
                object.__setattr__(self, "reward", float(self.reward))
            except ValueError:
                raise ValueError(f"reward: {self.reward!r} is not own, welfare or a share from 0 to 1") from None
        _check(self)

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The scenarios as a tuple, also when there is one."""
        return (self.scenario,) if isinstance(self.scenario, str) else self.scenario

    @property
    def scored(self) -> tuple[str, ...]:
        """Scenarios on which policies are validated and evaluated: with federated training, public ones alone."""
        return self.federated.public if self.federated is not None else self.scenarios

    @property
    def welfare_share(self) -> float:
        """Share of welfare in the training reward, 0 to 1."""
        if isinstance(self.reward, str):
            return 1.0 if self.reward == "welfare" else 0.0
        return self.reward

    @property
    def world_overrides(self) -> dict[str, Any]:
        """Scenario parameters changed in training and validation, how losses are booked among them."""
        return {"incident_loss": self.incident_loss, **self.overrides}

    @property
    def steps_per_iteration(self) -> int:
        """Env-steps of one iteration."""
        return self.num_envs * self.rollout_length * max(1, self.num_env_runners)

    @property
    def iterations(self) -> int:
        """Iterations of the whole run."""
        return math.ceil(self.timesteps / self.steps_per_iteration)

    def to_json(self) -> str:
        """The settings as JSON, readable by ``from_json``."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, place: str = "config.json") -> TrainConfig:
        """Read settings. Raises ``ValueError`` (one line) for an unknown name or a bad value."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{place}: not JSON ({error})") from None
        known = [f.name for f in fields(cls)]
        for name in values:
            if name not in known:
                close = get_close_matches(name, known, 1)
                mend = f"; did you mean {close[0]!r}?" if close else ""
                raise ValueError(f"{place}: {name}: unknown setting{mend}")
        try:
            return cls(**values)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None

    @classmethod
    def load(cls, run: Path) -> TrainConfig:
        """The settings of the run folder ``run``."""
        file = run / "config.json"
        try:
            return cls.from_json(file.read_text(encoding="utf-8"), str(file))
        except OSError as error:
            raise ValueError(f"{file}: cannot be read: {error.strerror}") from None


def _federated(values: Mapping[str, Any]) -> FederatedConfig:
    known = [f.name for f in fields(FederatedConfig)]
    for name in values:
        if name not in known:
            close = get_close_matches(name, known, 1)
            mend = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"federated: {name}: unknown setting{mend}")
    return FederatedConfig(**values)


def _check_federated(config: TrainConfig, federated: FederatedConfig) -> None:
    """Raise ``ValueError`` for settings that do not go with federated training."""
    if config.runner != "batched":
        raise ValueError("runner: federated training needs the batched runner; leave runner='stock' out")
    for name in ("num_env_runners", "num_learners"):
        if getattr(config, name):
            raise ValueError(f"{name}: {getattr(config, name)} with federated training; tenants train in this process")
    if config.graphs and (config.imitate == "none" or federated.local == "imitate"):
        raise ValueError("graphs: a tenant trains on its own worlds; leave it out, or ask for tenants=N drawn ones")
    if federated.local == "imitate" and config.imitate == "none":
        raise ValueError("local: 'imitate' needs a teacher; give imitate, as imitate='net-gain'")
    if federated.subspace and config.baseline != "rollout":
        raise ValueError("subspace: directions are found with baseline 'rollout'; use that, or subspace 0")
    if federated.tenants and config.scenarios != (TrainConfig.scenario,):
        raise ValueError("tenants: drawn ones and scenarios were given; give one of the two")
    if not federated.tenants:
        if len(config.scenarios) < MIN_TENANTS:
            raise ValueError("scenario: federated training needs two tenants or more; repeat it, or give tenants=N")
        if len(set(config.scenarios)) < len(config.scenarios):
            raise ValueError("scenario: one stands twice; a tenant is asked once a round")
        check_delta(federated, len(config.scenarios))
        both = sorted(set(config.scenarios) & set(federated.public))
        if both:
            raise ValueError(f"public: {both[0]!r} is a tenant's scenario; scores on it would be private, name another")


def _check(config: TrainConfig) -> None:
    """Raise ``ValueError`` naming the first setting that is out of its range."""
    if not config.scenarios:
        raise ValueError("scenario: none given")
    if config.federated is not None:
        _check_federated(config, config.federated)
    choices = {
        "incident_loss": ("expected", "sampled"), "runner": ("batched", "stock"), "baseline": ("rollout", "value"),
        "critic": ("own", "central"), "network": ("rows", "flat"), "memory": ("none", "gru"),
        "optimizer": ("adam", "sgd"),
    }  # fmt: skip
    for name, known in choices.items():
        if getattr(config, name) not in known:
            raise ValueError(f"{name}: {getattr(config, name)!r} is not {' or '.join(known)}")
    if config.runner == "stock" and (config.baseline == "rollout" or config.graphs):
        name = "baseline" if config.baseline == "rollout" else "graphs"
        raise ValueError(f"{name}: {getattr(config, name)!r} needs the batched runner; leave runner='stock' out")
    if config.critic == "central" and (config.runner == "stock" or config.baseline != "value"):
        raise ValueError("critic: 'central' needs baseline 'value' and the batched runner")
    if config.memory != "none" and config.runner == "stock":
        raise ValueError(f"memory: {config.memory!r} needs the batched runner; leave runner='stock' out")
    for name in ("num_learners", "num_gpus_per_learner"):
        if config.runner == "stock" and getattr(config, name):
            raise ValueError(f"{name}: {getattr(config, name)!r} needs the batched runner; leave runner='stock' out")
    if "://" in config.ray_address:
        raise ValueError(
            f"ray_address: {config.ray_address!r} is a client's or a job server's address; give the cluster's own"
            " as host:port, or submit the command with `ray job submit`"
        )
    if config.baseline == "rollout" and config.gamma != 1.0:
        raise ValueError(f"gamma: {config.gamma!r} does not go with baseline 'rollout'; use 1, or baseline 'value'")
    at_least = {
        "timesteps": 1, "seed": 0, "num_envs": 1, "num_env_runners": 0, "num_learners": 0, "rollout_length": 0,
        "minibatch": 1, "epochs": 1, "hidden": 1, "threads": 1, "graphs": 0,
        "memory_length": 1, "imitate_timesteps": 1, "checkpoint_every": 1, "validate_every": 1,
        "validation_episodes": 1, "evaluation_episodes": 0, "evaluation_seed": 0,
    }  # fmt: skip
    for name, low in at_least.items():
        value = getattr(config, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise ValueError(f"{name}: {value!r} is not a whole number from {low} on")
    worlds = len(config.scenarios) + config.graphs
    if config.federated is None and config.num_envs < worlds:
        raise ValueError(
            f"num_envs: {config.num_envs} worlds for {worlds} scenarios and drawn graphs leave some out;"
            f" give {worlds} or more"
        )
    ranges = {
        "lr": (0.0, 1.0), "lr_end": (0.0, 1.0), "gamma": (0.0, 1.0), "gae_lambda": (0.0, 1.0), "clip": (0.0, 10.0),
        "entropy": (0.0, 10.0), "entropy_end": (0.0, 10.0), "grad_clip": (0.0, math.inf),
        "welfare_share": (0.0, 1.0), "prior": (0.0, 100.0), "anchor": (0.0, 100.0), "num_gpus_per_learner": (0.0, 64.0),
    }  # fmt: skip
    for name, (lowest, highest) in ranges.items():
        number = getattr(config, name)
        if not isinstance(number, int | float) or not lowest <= number <= highest:
            shown = "reward" if name == "welfare_share" else name
            raise ValueError(f"{shown}: {number!r} is not a number from {lowest:g} to {highest:g}")


def roles_played(config: TrainConfig) -> tuple[str, ...]:
    """Roles that agents of the run's scenarios play, in the package's order."""
    played = {agent.role for one in config.scenarios for agent in load_scenario(one, **config.overrides).agents}
    if config.graphs:
        played |= set(CORE_ROLES)
    return tuple(role for role in ROLES if role in played)
