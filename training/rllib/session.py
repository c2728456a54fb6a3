"""Ray for many trainings: one that is held from the first to the last, or a cluster that takes a task each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import ray

from patchpact.training.rllib.connect import join, start_local

Item = TypeVar("Item")


def hold(cpus: int = 1) -> None:
    """Start ray, once, for all trainings of this process; it ends with the process."""
    if not ray.is_initialized():
        _start(cpus)


@contextmanager
def held(cpus: int = 1) -> Iterator[None]:
    """Start ray once for all trainings inside; each would start its own, which takes some seconds."""
    if ray.is_initialized():
        yield
        return
    _start(cpus)
    try:
        yield
    finally:
        ray.shutdown()


def _start(cpus: int) -> None:
    """Join the cluster that ``RAY_ADDRESS`` names, or start a ray of our own with so many CPUs."""
    address = os.environ.get("RAY_ADDRESS", "")
    if address in ("", "local"):
        start_local(cpus)
    else:
        join(address, "RAY_ADDRESS")


def spread(work: Callable[[Item], Any], items: Sequence[Item], jobs: int) -> Iterator[tuple[Item, Any]]:
    """Do ``work`` on every item, one CPU each, on the cluster that ``RAY_ADDRESS`` names or on this machine.

    Args:
        work: a function of one item that the workers can import.
        items: of the work.
        jobs: CPUs of this machine's ray where no cluster is named.

    Yields:
        Items with their results, as they are done. A worker that dies is replaced and its item done again.

    Raises:
        RuntimeError: the work itself failed, with its traceback.
    """
    if not ray.is_initialized():
        _start(jobs)
    try:
        task = ray.remote(num_cpus=1, max_retries=3)(work)
        waiting = {task.remote(item): item for item in items}
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1)
            for one in done:
                item = waiting.pop(one)
                try:
                    result = ray.get(one)
                except ray.exceptions.RayTaskError as error:
                    raise RuntimeError(f"a task failed:\n{error}") from None
                yield item, result
    finally:
        ray.shutdown()
