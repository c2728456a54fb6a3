"""Where a run's ray comes from: a cluster that is there, or one of this process's own."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import ray
import torch

from patchpact.training.config import TrainConfig

STARTS, PAUSE_S = 8, 5.0
"""How often ray is started here before its failure is told, and seconds between tries."""
TOO_SLOW = "timed out during startup"
"""What ray says where its processes are not up within half a minute, which a busy machine may take."""
ANSWER_S = 10.0
"""How long a cluster is given to answer."""


def start_ray(config: TrainConfig) -> None:
    """Join the cluster at ``config.ray_address`` or else at ``RAY_ADDRESS``; without either, start ray in this machine.

    Raises ``ValueError`` (one line) if no cluster answers there, or for a GPU that is not there.
    """
    if config.num_gpus_per_learner and not config.num_learners and not torch.cuda.is_available():
        raise ValueError(
            f"num_gpus_per_learner: torch sees no GPU in this machine ({torch.__version__});"
            " leave it out, or with num_learners=1 let the cluster find a machine with one"
        )
    address = config.ray_address or os.environ.get("RAY_ADDRESS", "")
    if address in ("", "local"):
        start_local(1 + config.num_env_runners + config.num_learners)
        there = float(ray.cluster_resources().get("GPU", 0))
        if config.num_learners * config.num_gpus_per_learner > there:
            ray.shutdown()
            raise ValueError(
                f"num_gpus_per_learner: {config.num_learners} x {config.num_gpus_per_learner:g} GPUs asked,"
                f" this machine has {there:g}; ask for fewer"
            )
    else:
        join(address, "ray_address" if config.ray_address else "RAY_ADDRESS")
        _tell_what_is_missing(config, address)


def start_local(cpus: int) -> None:
    """A ray of this process's own, whatever else runs on this machine, which under load may need several tries."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    for left in reversed(range(STARTS)):
        before = _children()
        try:
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
            return
        except Exception as error:  # ray raises no kind of its own here
            ray.shutdown()
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


def join(address: str, name: str) -> None:
    """Join the cluster there. Raises ``ValueError``, which calls the setting by its name, if none answers."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    mend = "start one with `ray start --head`, or leave it out to train in this machine alone"
    host, _, port = address.rpartition(":")
    if address != "auto":
        # ray itself would try for minutes and then end the process.
        try:
            socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
        except (OSError, ValueError) as error:
            raise ValueError(f"{name}: no ray cluster answers at {address!r} ({error}); {mend}") from None
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ValueError(f"{name}: {address!r}: {' '.join(str(error).split())}; {mend}") from None


def _tell_what_is_missing(config: TrainConfig, address: str) -> None:
    """One line where the cluster is too small now: it may grow, and ray waits for that without a word."""
    there = ray.cluster_resources()
    learners_cpus = config.num_learners if not config.num_gpus_per_learner else 0
    for unit, asked in (
        ("CPU", config.num_env_runners + learners_cpus),
        ("GPU", config.num_learners * config.num_gpus_per_learner),
    ):
        has = there.get(unit, 0)
        if has < asked:
            print(
                f"patchpact: the cluster at {address} has {has:g} {unit}s and the run asks for {asked:g};"
                " it starts once the cluster has grown",
                file=sys.stderr,
                flush=True,
            )
