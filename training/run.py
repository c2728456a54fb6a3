"""Train a run folder to its end: iterate, validate, save, export, evaluate; stop and go on at any point."""

from __future__ import annotations

import json
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from patchpact.ecosystem.federated.ledger import BudgetError
from patchpact.scenarios import AssumptionWarning, load_scenario
from patchpact.training.config import PLACES, TrainConfig
from patchpact.training.folder import CheckpointState, RunError, RunFolder, write_text
from patchpact.training.graphs import GRAPHS_OF
from patchpact.training.reports.run import write_run_report

if TYPE_CHECKING:
    from patchpact.training.rllib.trainer import Trainer
    from patchpact.training.validate import Validation


def train(config: TrainConfig, *, resume: bool = False, progress: bool = True) -> Path:
    """Train agents and return the run folder.

    The first Ctrl-C (or a termination signal) lets the iteration end, saves, prints one line and returns; the
    run is then unfinished and goes on with ``resume``.

    Args:
        config: the settings; ``config.out`` is the run folder.
        resume: go on from the last complete checkpoint in ``config.out``. The folder's settings hold; only
            ``timesteps`` and where it is trained (``config.PLACES``) may differ.
        progress: show a progress bar with the time left.

    Raises:
        RunError: one line, if the folder holds a run and ``resume`` is false, holds none and it is true, is
            in use, or cannot be written (what was saved stays complete).
        ValueError: one line, for bad settings, a bad scenario, or no cluster at the address given.
        BudgetError: one line, where the privacy budget of federated training allows no further round.
        RunnerFault: an exception in a runner, with its traceback, or no runner left.
    """
    folder = RunFolder(config.out)
    config = _settled(config)
    if config.imitate != "none":
        from patchpact.training.imitation import find_teacher

        find_teacher(config.imitate)  # an unknown name is told before anything is written
    if resume:
        folder.config()  # there is a run
    else:
        if config.federated is not None:
            from patchpact.training.federated.server import admit

            admit(config.federated)
        folder.create(replace(config, ray_address=""))  # the cluster may be gone when the run is resumed
    folder.lock()
    try:
        if resume:
            config = _settings_to_resume(folder, config)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AssumptionWarning)  # told once, when the rollout's length was worked out
            _train_to_end(folder, config, progress)
    except KeyboardInterrupt:
        _say(f"stopped; {folder.path} keeps what was saved, resume it to go on")
    finally:
        folder.unlock()
    return folder.path


def _settled(config: TrainConfig) -> TrainConfig:
    if config.federated is None:
        return with_rollout_length(config)
    from patchpact.training.federated.run import settled

    return settled(config)


def with_rollout_length(config: TrainConfig) -> TrainConfig:
    """Replace a ``rollout_length`` of 0 by the longest episode of the scenarios, drawn ones included, in env-steps.

    Raises ``ValueError`` (one line) for a bad scenario.
    """
    worlds = [load_scenario(scenario, **config.overrides).parameters for scenario in config.scenarios]
    if config.graphs:
        worlds.append(load_scenario(GRAPHS_OF, **config.overrides).parameters)
    longest = max(2 * int(p["windows"]) * int(p["motions_per_window"]) for p in worlds)
    return replace(config, rollout_length=config.rollout_length or longest)


def resume(out: str | Path, *, timesteps: int | None = None, progress: bool = True) -> Path:
    """Go on with the run in ``out`` to its end, or to ``timesteps``; see ``train``."""
    config = replace(RunFolder(out).config(), out=str(out))
    if timesteps is not None:
        config = replace(config, timesteps=timesteps)
    return train(config, resume=True, progress=progress)


def _settings_to_resume(folder: RunFolder, asked: TrainConfig) -> TrainConfig:
    """The folder's settings with the timesteps and places asked; they must agree with ``asked`` in all else."""
    kept = replace(folder.config(), out=asked.out, **{name: getattr(asked, name) for name in PLACES})
    longer = replace(kept, timesteps=asked.timesteps)
    for name, value in vars(asked).items():
        if getattr(longer, name) != value:
            raise RunError(
                f"{folder.path}: config.json: {name}: the run has {getattr(kept, name)!r}, not {value!r};"
                " resume it with its own settings or start another"
            )
    if longer != kept:
        write_text(folder.path / "config.json", replace(longer, ray_address="").to_json())
        folder.evaluation_file.unlink(missing_ok=True)
    return longer


def _train_to_end(folder: RunFolder, config: TrainConfig, progress: bool) -> None:
    found = folder.checkpoint("last")
    done = found[1].iteration if found else 0
    try:
        if done < config.iterations and not _iterate(folder, config, progress):
            return
    except BudgetError:  # of federated training: what was released is the run's, and is evaluated like any
        if folder.checkpoint("last") is not None:
            _conclude(folder, config)
        raise
    _conclude(folder, config)


def _conclude(folder: RunFolder, config: TrainConfig) -> None:
    """Publish the policy, evaluate it and write the report."""
    folder.publish_policy()
    if config.evaluation_episodes and not folder.evaluation_file.exists():
        results = _evaluate(folder, config)
        write_text(folder.evaluation_file, json.dumps(results, indent=1) + "\n")
    write_run_report(folder.path)


def _iterate(folder: RunFolder, config: TrainConfig, progress: bool) -> bool:
    """Run iterations to the end; False if stopped before."""
    if config.federated is not None:
        return _iterate_federated(folder, config, progress)
    from patchpact.training.rllib.trainer import Trainer
    from patchpact.training.validate import Validation

    with caller_streams_kept():
        validation = Validation(config)
        trainer = Trainer(config)
        try:
            return _Loop(folder, config, trainer, validation).run(progress)
        finally:
            trainer.close()


def _iterate_federated(folder: RunFolder, config: TrainConfig, progress: bool) -> bool:
    """Go through the rounds to the end; False if stopped before."""
    from patchpact.training.federated.run import Rounds, local_trainer
    from patchpact.training.validate import Validation

    with caller_streams_kept():
        validation = Validation(config)
        trainer = local_trainer(config)
        try:
            rounds = Rounds(folder, config, trainer, validation)
            with _stop_signals() as stop:
                return rounds.run(progress, stop)
        finally:
            trainer.close()


class _Loop:
    """The iterations of a run in this process."""

    def __init__(self, folder: RunFolder, config: TrainConfig, trainer: Trainer, validation: Validation) -> None:
        self.folder, self.config, self.trainer, self.validation = folder, config, trainer, validation
        self.seconds_before = 0.0
        self.validated: float | None = None
        self.start = time.monotonic()
        found = folder.checkpoint("last")
        if found is not None:
            place, state = found
            trainer.restore(place / "rllib", state.iteration)
            self.seconds_before, self.validated = state.seconds, state.validation
        best = folder.checkpoint("best")
        self.best = best[1].validation if best is not None else None
        folder.cut_progress(trainer.iteration)
        if found is None and config.imitate != "none":
            self._imitate()

    def _imitate(self) -> None:
        """Start from a teacher's ways. The state then is that of iteration 0, also kept as ``imitated``, and the best
        one until another validates better."""
        from patchpact.training.imitation import imitate

        networks, rounds = imitate(self.config, self.trainer.networks())
        self.trainer.take_networks(networks)
        self.folder.write_imitation(rounds)
        self.best = self.validated = self._validate()
        for name in ("imitated", "best", "last"):
            self.folder.save_checkpoint(name, self.state, self._fill)

    @property
    def state(self) -> CheckpointState:
        """What a checkpoint written now says of itself."""
        done = self.trainer.iteration
        seconds = self.seconds_before + time.monotonic() - self.start
        return CheckpointState(done, done * self.config.steps_per_iteration, round(seconds, 3), self.validated)

    def run(self, progress: bool) -> bool:
        """Iterate to the end, or until asked to stop; whether the end was reached."""
        config = self.config
        total = config.iterations * config.steps_per_iteration
        bar = tqdm(
            total=total,
            initial=self.state.timesteps,
            desc="training",
            unit="step",
            unit_scale=True,
            disable=not progress,
            dynamic_ncols=True,
        )
        with bar, _stop_signals() as stop:
            while self.trainer.iteration < config.iterations:
                before = self.state.seconds
                numbers = self.trainer.step()
                self._after_iteration(
                    numbers, before, last=self.trainer.iteration == config.iterations or stop.is_set()
                )
                bar.set_postfix_str(f"welfare {numbers['welfare_keur']:.0f} k€")
                bar.update(config.steps_per_iteration)
                if stop.is_set() and self.trainer.iteration < config.iterations:
                    bar.close()
                    _say(
                        f"stopped after iteration {self.trainer.iteration} of {config.iterations};"
                        f" {self.folder.path} is saved, resume it to go on"
                    )
                    return False
        return True

    def _after_iteration(self, numbers: dict[str, float], before: float, last: bool) -> None:
        """Validate and save where it is due, and add a line to the progress table."""
        done, config = self.trainer.iteration, self.config
        speed = config.steps_per_iteration / max(1e-9, self.state.seconds - before)
        validation: float | str = ""
        if done % config.validate_every == 0 or done == config.iterations:
            validation = self.validated = self._validate()
            if self.best is None or not validation <= self.best:  # anything is better than NaN
                self.best = validation
                self.folder.save_checkpoint("best", self.state, self._fill)
                self.folder.publish_policy()
        row = {
            "iteration": done,
            "timesteps": self.state.timesteps,
            "seconds": self.state.seconds,
            "env_steps_per_second": speed,
            "validation": validation,
            **numbers,
        }
        self.folder.append_progress(row)
        if done % config.checkpoint_every == 0 or last:
            self.folder.save_checkpoint("last", self.state, self._fill)

    def _validate(self) -> float:
        from patchpact.training.validate import learned_policies

        return self.validation.welfare(learned_policies(self.trainer.networks(), self.config))

    def _fill(self, place: Path) -> None:
        """Write a checkpoint's content: RLlib's state and the policies of now."""
        from patchpact.agents.policies.learned import save_policy
        from patchpact.agents.roles import action_names

        self.trainer.save(place / "rllib")
        names = {role: action_names(role) for role in self.trainer.roles}
        config, networks = self.config, self.trainer.networks()
        save_policy(place / "policy", networks, names, config.hidden, config.network, config.memory)


def _evaluate(folder: RunFolder, config: TrainConfig) -> list[dict[str, Any]]:
    """The learned policy beside others, on each scenario, same draws; of a federated one also its epsilon and delta."""
    from patchpact.training.evaluate import evaluate

    policies = [*config.evaluation_policies, str(folder.path)]
    results: list[dict[str, Any]] = []
    for scenario in config.scored:
        results += evaluate(scenario, policies, config.evaluation_episodes, config.evaluation_seed, **config.overrides)
    if config.federated is not None and (rounds := folder.progress()):
        cost = {name: rounds[-1][name] for name in ("epsilon", "delta")}
        results = [
            {**row, **(cost if row["policy"] == str(folder.path) else dict.fromkeys(cost, ""))} for row in results
        ]
    return results


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event set by the first Ctrl-C or termination signal; a second one interrupts at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def caller_streams_kept() -> Iterator[None]:
    """Give the caller's global random streams back: RLlib draws from them and training seeds them."""
    import numpy as np
    import torch

    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
        torch.set_rng_state(kept[2])
        torch.set_num_threads(threads)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
