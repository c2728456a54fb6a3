"""The rounds of federated training in a run folder: ask tenants, charge, release, save; stop and go on at any point.

The whole federation is played in this process, tenants one after the other. ``checkpoints/last`` holds the server's
state and, in ``tenants/``, what stays with each tenant: its value networks, where there are any. The order within a
round is what keeps the account true: tenants train (a function of what was released before, so that a killed round is
trained again exactly), then the round is charged, on disk, and only then noise is drawn and the new policy written. A
kill between the two loses the round and not its charge: it is charged again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from patchpact.scenarios import CORE_ROLES, Scenario, load_scenario, scenario_ids
from patchpact.scenarios.errors import closest
from patchpact.training.config import TrainConfig
from patchpact.training.federated.settings import FederatedConfig
from patchpact.training.federated.subspace import FIRST_NUMBER, directions, public_scenarios
from patchpact.training.federated.tenants import federated, in_public, roles_of, tenant_scenarios
from patchpact.training.folder import CheckpointState, RunFolder

if TYPE_CHECKING:
    import threading

    from torch import Tensor

    from patchpact.training.federated.imitating import ImitatingTrainer
    from patchpact.training.federated.server import Server
    from patchpact.training.federated.weights import Layout, Networks, Vector
    from patchpact.training.rllib.tenant_trainer import TenantTrainer
    from patchpact.training.validate import Validation

SERVER_FILE = "server.safetensors"
TENANTS_FOLDER = "tenants"


def settled(config: TrainConfig) -> TrainConfig:
    """The settings with what follows from them: rollout length, timesteps of a tenant, noise multiplier.

    Raises:
        ValueError: one line, for settings that do not go together, or no package for the accounting.
    """
    from patchpact.training.federated.server import noise_multiplier

    settings = federated(config)
    for name in settings.public:
        if name not in scenario_ids():
            mend = closest(name, scenario_ids())
            raise ValueError(f"public: {name!r} is no bundled scenario, so may be somebody's data; {mend}")
        load_scenario(name, **config.world_overrides)
    tenants = tenant_scenarios(config)
    others = sorted({agent.role for one in tenants for agent in one.agents} - set(CORE_ROLES))
    if settings.subspace and others:
        raise ValueError(f"subspace: no drawn world has {' and '.join(others)}, which would learn nothing; use 0")
    length = config.rollout_length or max(
        2 * int(one.parameters["windows"]) * int(one.parameters["motions_per_window"]) for one in tenants
    )
    config = replace(config, rollout_length=length)
    timesteps = settings.rounds * settings.local_iterations * config.steps_per_iteration
    if config.timesteps not in (TrainConfig.timesteps, timesteps):
        raise ValueError(f"timesteps: {config.timesteps} were given; a federated run has rounds, give those")
    try:
        settings = replace(settings, noise_multiplier=noise_multiplier(settings))
    except ModuleNotFoundError as error:
        raise ValueError(
            f"epsilon: {error.name} is missing, which accounts for it; pip install patchpact[platform]"
        ) from None
    return replace(config, timesteps=timesteps, federated=settings)


def local_trainer(config: TrainConfig) -> TenantTrainer | ImitatingTrainer:
    """What trains each tenant in turn, as the settings say."""
    if federated(config).local == "imitate":
        from patchpact.training.federated.imitating import ImitatingTrainer

        return ImitatingTrainer(roles_of(config))
    from patchpact.training.rllib.tenant_trainer import TenantTrainer

    return TenantTrainer(roles_of(config))


class Rounds:
    """The rounds of a run in this process.

    Args:
        folder: of the run.
        config: its settings, settled.
        trainer: trains each tenant.
        validation: public worlds.

    Raises:
        LedgerError: one line, for an account that is none of this run.
    """

    def __init__(
        self, folder: RunFolder, config: TrainConfig, trainer: TenantTrainer | ImitatingTrainer, validation: Validation
    ) -> None:
        from patchpact.training.federated.server import Server, open_ledger
        from patchpact.training.federated.weights import Layout

        self.folder, self.config, self.trainer, self.validation = folder, config, trainer, validation
        self.settings: FederatedConfig = federated(config)
        self.scenarios: list[Scenario] = tenant_scenarios(config)
        self.done = 0
        self.seconds_before, self.start = 0.0, time.monotonic()
        self.validated: float | None = None
        self.norm = 0.0
        first = trainer.networks()
        self.layout: Layout = Layout.of(first)
        weights = self.layout.vector(first)
        ledger = open_ledger(self.settings, folder.path)
        self.server: Server = Server(self.settings, len(self.scenarios), weights, np.zeros_like(weights), ledger)
        self.values = [trainer.value_states() for _ in self.scenarios]
        found = folder.checkpoint("last")
        if found is not None:
            self._restore(*found)
        best = folder.checkpoint("best")
        self.best = best[1].validation if best is not None else None
        folder.cut_progress(self._state.iteration)
        if found is None:
            self._begin()
        elif self.done and not any(int(row["round"]) == self.done for row in folder.progress()):
            self._after(self._state.seconds)  # killed between saving the round and telling of it

    @property
    def _state(self) -> CheckpointState:
        """What a checkpoint written now says of itself; iterations and timesteps are those of a tenant."""
        iteration = self.done * self.settings.local_iterations
        seconds = round(self.seconds_before + time.monotonic() - self.start, 3)
        return CheckpointState(iteration, iteration * self.config.steps_per_iteration, seconds, self.validated)

    def _begin(self) -> None:
        """The public start: a warm start if asked, scored, saved as round 0; it is the best until a round is better."""
        if self.config.imitate != "none" and self.settings.local == "ppo":
            from patchpact.training.imitation import imitate

            networks, rows = imitate(in_public(self.config), self.layout.networks(self.server.weights))
            self.server.weights = self.layout.vector(networks)
            self.folder.write_imitation(rows)
        self.best = self.validated = self._score()
        self.folder.save_checkpoint("best", self._state, self._fill_policy)
        self.folder.publish_policy()
        self.folder.save_checkpoint("last", self._state, self._fill)

    def run(self, progress: bool, stop: threading.Event) -> bool:
        """Go through the rounds to the end, or until asked to stop; whether the end was reached.

        Raises:
            BudgetError: one line, where the budget ends before the rounds do; what was released is saved.
        """
        steps = self.settings.local_iterations * self.config.steps_per_iteration * len(self.scenarios)
        bar = tqdm(
            total=self.settings.rounds * steps,
            initial=self.done * steps,
            desc="training",
            unit="step",
            unit_scale=True,
            disable=not progress,
            dynamic_ncols=True,
        )
        with bar:
            while self.done < self.settings.rounds:
                self._round()
                bar.set_postfix_str(f"epsilon {self.server.epsilon:.3g}")
                bar.update(steps)
                if stop.is_set() and self.done < self.settings.rounds:
                    bar.close()
                    print(
                        f"stopped after round {self.done} of {self.settings.rounds};"
                        f" {self.folder.path} is saved, resume it to go on",
                        file=sys.stderr,
                        flush=True,
                    )
                    return False
        return True

    def _round(self) -> None:
        self.server.check()  # before hours of training that could not be released
        before = self._state.seconds
        updates, values = [], list(self.values)
        sent = self.layout.networks(self.server.weights)
        origin = self.layout.vector(sent)
        for number in self.server.taking_part():
            policies, values[number] = self.trainer.train_on(
                [self.scenarios[number]],
                sent,
                self.values[number],
                int(number),
                self._state.iteration,
                self.settings.local_iterations,
            )
            updates.append(self.layout.vector(policies) - origin)
        self.norm = self.server.step(updates, self._directions(sent, origin))
        self.values = values
        self.done += 1
        self.folder.save_checkpoint("last", self._state, self._fill)  # at once: it is paid for
        self._after(before)

    def _directions(self, sent: Networks, origin: Vector) -> NDArray[np.float64] | None:
        """What updates on public worlds span; None for every weight."""
        if not self.settings.subspace:
            return None
        done, iterations = self._state.iteration, self.settings.local_iterations
        found = []
        for number, scenario in enumerate(public_scenarios(self.config, self.settings.subspace, self.done)):
            trained, _ = self.trainer.train_on([scenario], sent, {}, FIRST_NUMBER + number, done, iterations)
            found.append(self.layout.vector(trained) - origin)
        return directions(found)

    def _after(self, before: float) -> None:
        """Score where it is due, and add a line to the progress table: of released and public things alone.

        Where tenants are drawn by unseen coins, how long a round took would tell how many came.
        """
        validation: float | str = ""
        if self.done % self.config.validate_every == 0 or self.done == self.settings.rounds:
            validation = self.validated = self._score()
            if self.best is None or not validation <= self.best:  # anything is better than NaN
                self.best = validation
                self.folder.save_checkpoint("best", self._state, self._fill_policy)
                self.folder.publish_policy()
        state = self._state
        told = self.settings.participation == 1.0
        steps = len(self.scenarios) * self.settings.local_iterations * self.config.steps_per_iteration
        self.folder.append_progress(
            {
                "iteration": state.iteration,
                "timesteps": state.timesteps,
                "seconds": state.seconds if told else "",
                "env_steps_per_second": steps / max(1e-9, state.seconds - before) if told else "",
                "validation": validation,
                "round": self.done,
                "epsilon": self.server.epsilon,
                "delta": self.settings.delta if self.settings.private else "",
                "update_norm": self.norm,
            }
        )

    def _score(self) -> float:
        from patchpact.training.validate import learned_policies

        return self.validation.welfare(learned_policies(self.layout.networks(self.server.weights), self.config))

    def _fill_policy(self, place: Path) -> None:
        """Write the policy, and nothing of any tenant."""
        from patchpact.agents.policies.learned import save_policy
        from patchpact.agents.roles import action_names

        config, networks = self.config, self.layout.networks(self.server.weights)
        names = {role: action_names(role) for role in networks}
        save_policy(place / "policy", networks, names, config.hidden, config.network, config.memory)

    def _fill(self, place: Path) -> None:
        """Write a checkpoint's content: policy, server, and what stays with the tenants."""
        from safetensors.numpy import save_file
        from safetensors.torch import save_file as save_tensors

        self._fill_policy(place)
        server = {"weights": self.server.weights, "momentum": self.server.momentum, "norm": np.array([self.norm])}
        save_file(server, place / SERVER_FILE)
        for number, values in enumerate(self.values):
            if values:
                (place / TENANTS_FOLDER).mkdir(exist_ok=True)
                save_tensors(_flat(values), place / TENANTS_FOLDER / f"{number}.safetensors")

    def _restore(self, place: Path, state: CheckpointState) -> None:
        from safetensors.numpy import load_file
        from safetensors.torch import load_file as load_tensors

        kept = load_file(place / SERVER_FILE)
        self.server.weights, self.server.momentum = kept["weights"], kept["momentum"]
        self.norm = float(kept["norm"][0])
        self.done = state.iteration // self.settings.local_iterations
        self.seconds_before, self.validated = state.seconds, state.validation
        if self.values[0]:
            files = [place / TENANTS_FOLDER / f"{number}.safetensors" for number in range(len(self.scenarios))]
            self.values = [_by_role(load_tensors(file)) for file in files]


def _flat(states: Networks) -> dict[str, Tensor]:
    return {f"{role}/{name}": tensor for role, state in states.items() for name, tensor in state.items()}


def _by_role(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    found: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        role, _, name = key.partition("/")
        found.setdefault(role, {})[name] = tensor
    return found
