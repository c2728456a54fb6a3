"""Where the time of a training iteration goes, phase by phase.

Methods are wrapped from outside while they are measured, so training itself carries no clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """Seconds by phase; time in a phase inside another counts for the inner one alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inside: list[float] = []  # of each open phase, seconds of the phases inside it

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens inside for a phase."""
        start = time.perf_counter()
        self._inside.append(0.0)
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + elapsed - self._inside.pop()
            if self._inside:
                self._inside[-1] += elapsed

    def wrap(self, owner: Any, method: str, name: str) -> None:
        """Count every call of the owner's method for a phase."""
        plain: Callable[..., Any] = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.phase(name):
                return plain(*args, **kwargs)

        setattr(owner, method, timed)

    def wrap_iterator(self, owner: Any, method: str, name: str) -> None:
        """Count what the iterator that the owner's method returns takes for its items."""
        plain: Callable[..., Iterator[Any]] = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Iterator[Any]:
            items = plain(*args, **kwargs)
            while True:
                with self.phase(name):
                    item = next(items, None)
                if item is None:
                    return
                yield item

        setattr(owner, method, timed)


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
        with clock.phase("rest"):
            for _ in range(iterations):
                trainer.step()
    finally:
        trainer.close()
    total = sum(clock.seconds.values())
    seconds = {phase: clock.seconds.get(phase, 0.0) for phase in PHASES}
    return [{"phase": p, "seconds": value / iterations, "share": value / total} for p, value in seconds.items()]


def _watch(clock: Clock, algorithm: Any) -> None:
    runner = algorithm.env_runner_group.local_env_runner
    sampler = runner.sampler
    clock.wrap(runner, "sample", "sampling: rest")
    clock.wrap(sampler, "_decide", "sampling: forward")
    clock.wrap(sampler._engine, "step", "sampling: environment")
    clock.wrap(sampler._engine, "reset", "sampling: environment")
    clock.wrap(sampler, "_greedy_total", "sampling: greedy play-outs")
    clock.wrap(sampler, "_keep", "sampling: packing")
    clock.wrap(sampler, "_see_beyond", "sampling: packing")
    clock.wrap(sampler, "_valued", "sampling: values")
    clock.wrap(sampler, "_learnable", "sampling: advantages")
    clock.wrap(algorithm.learner_group, "update", "update: rest")

    def watch(learner: Any) -> None:
        clock.wrap_iterator(learner, "_create_iterator_if_necessary", "update: minibatches")
        clock.wrap(learner.module, "forward_train", "update: forward and loss")
        clock.wrap(learner, "compute_losses", "update: forward and loss")
        clock.wrap(learner, "compute_gradients", "update: backward")
        clock.wrap(learner, "postprocess_gradients", "update: clipping")
        clock.wrap(learner, "apply_gradients", "update: optimizer step")

    algorithm.learner_group.foreach_learner(watch)
    clock.wrap(algorithm, "_weights", "weights to runner")
    clock.wrap(runner, "set_state", "weights to runner")
