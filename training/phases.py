"""Where the time of a training iteration goes, phase by phase.

Methods are wrapped from outside while they are measured, so training itself carries no clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from patchpact.training.config import TrainConfig
from patchpact.training.run import with_rollout_length

PHASES = (
    "sampling: forward", "sampling: environment", "sampling: greedy play-outs", "sampling: packing",
    "sampling: values", "sampling: advantages", "sampling: rest", "update: minibatches", "update: forward and loss",
    "update: backward", "update: clipping", "update: optimizer step", "update: rest", "weights to runner", "rest",
)  # fmt: skip
"""Rest: what is in no other phase of its part."""


class Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def add(self, phase: str, start: float) -> None:
        """Count the time since ``start`` for a phase."""
        self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start

    def wrap(self, owner: Any, name: str, phase: str) -> None:
        """Count every call of the owner's method for a phase."""
        method: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                self.add(phase, start)

        setattr(owner, name, timed)

    def wrap_iterator(self, owner: Any, name: str, phase: str) -> None:
        """Count what the iterator that the owner's method returns takes for its items."""
        method: Callable[..., Iterator[Any]] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Iterator[Any]:
            items = method(*args, **kwargs)
            while True:
                start = time.perf_counter()
                item = next(items, None)
                self.add(phase, start)
                if item is None:
                    return
                yield item

        setattr(owner, name, timed)


def profile_train(config: TrainConfig, iterations: int = 3) -> list[dict[str, Any]]:
    """Seconds of an iteration by phase, in this process.

    Args:
        config: the run's settings; the batched runner, without remote ones. Nothing is written to ``config.out``.
        iterations: to average over; one more comes before, unmeasured.

    Returns:
        A row for each phase: ``phase``, ``seconds`` of an iteration, ``share`` of the whole.

    Raises:
        ValueError: one line, for the stock runner or remote ones.
    """
    if config.runner != "batched" or config.num_env_runners:
        raise ValueError("profile: the phases are those of the batched runner in this process")
    from patchpact.training.rllib.trainer import Trainer

    trainer = Trainer(with_rollout_length(config))
    try:
        trainer.step()
        clock = Clock()
        _watch(clock, trainer.algorithm)
        start = time.perf_counter()
        for _ in range(iterations):
            trainer.step()
        clock.add("all", start)
    finally:
        trainer.close()
    return _rows(clock.seconds, iterations)


def _watch(clock: Clock, algorithm: Any) -> None:
    runner = algorithm.env_runner_group.local_env_runner
    sampler = runner.sampler
    clock.wrap(runner, "sample", "sampling")
    clock.wrap(sampler, "_decide", "sampling: forward")
    clock.wrap(sampler._engine, "step", "sampling: environment")
    clock.wrap(sampler._engine, "reset", "sampling: environment")
    clock.wrap(sampler, "_greedy_total", "sampling: greedy play-outs")
    clock.wrap(sampler, "_keep", "sampling: packing")
    clock.wrap(sampler, "_see_beyond", "sampling: packing")
    clock.wrap(sampler, "_valued", "sampling: values")
    clock.wrap(sampler, "_learnable", "sampling: advantages")
    clock.wrap(algorithm.learner_group, "update", "update")

    def watch(learner: Any) -> None:
        clock.wrap_iterator(learner, "_create_iterator_if_necessary", "update: minibatches")
        clock.wrap(learner.module, "forward_train", "update: forward and loss")
        clock.wrap(learner, "compute_losses", "update: forward and loss")
        clock.wrap(learner, "compute_gradients", "update: backward")
        clock.wrap(learner, "postprocess_gradients", "update: clipping")
        clock.wrap(learner, "apply_gradients", "update: optimizer step")

    algorithm.learner_group.foreach_learner(watch)
    clock.wrap(algorithm.env_runner_group, "sync_weights", "weights to runner")


def _rows(seconds: dict[str, float], iterations: int) -> list[dict[str, Any]]:
    """A row for each phase, what is left of a part as its rest."""
    found = {phase: seconds.get(phase, 0.0) for phase in PHASES}
    for part in ("sampling", "update"):
        inside = sum(value for phase, value in found.items() if phase.startswith(f"{part}:"))
        found[f"{part}: rest"] = seconds[part] - inside
    found["rest"] = seconds["all"] - seconds["sampling"] - seconds["update"] - found["weights to runner"]
    return [
        {"phase": phase, "seconds": value / iterations, "share": value / seconds["all"]}
        for phase, value in found.items()
    ]
