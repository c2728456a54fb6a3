"""Ray for many trainings: one that is held from the first to the last, or a cluster that takes a task each."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import ray

Item = TypeVar("Item")
STARTS, PAUSE_S = 8, 5.0
TOO_SLOW = "timed out during startup"
"""What ray says where its processes are not up within half a minute."""


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


def _start(cpus: int | None) -> None:
    """Start or join ray; a machine under load may need more than one try."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    where: dict[str, Any] = {}
    if "RAY_ADDRESS" not in os.environ:  # a ray of our own, whatever else runs on this machine
        where = {"address": "local", "num_cpus": cpus, "include_dashboard": False}
    for left in reversed(range(STARTS)):
        before = _children()
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
            return
        except Exception as error:  # ray's own, of no class of its own
            if not left or TOO_SLOW not in str(error):
                raise
            for process in _children() - before:  # ray leaves what it had started
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(PAUSE_S)


def _children() -> set[int]:
    """Processes that this one started; empty where the system does not tell."""
    try:
        told = [(task / "children").read_text().split() for task in Path("/proc/self/task").iterdir()]
    except OSError:
        return set()
    return {int(one) for processes in told for one in processes}


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
        _start(None if "RAY_ADDRESS" in os.environ else jobs)
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
