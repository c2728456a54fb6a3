"""What a driver and `run.py` agree on: requests on standard input, the clock, and one line of JSON for each.

    python DRIVER --seconds 10 --batch 1024 --threads 1
    python DRIVER --threads 1 --serve            # then a line a request: {"batch": 1024, "seconds": 10}

A driver steps ``batch`` worlds with random actions for about ``seconds`` and prints one JSON object in a line.
An env-step is one step of one world in which all agents act; agent-steps are env-steps times the agents that acted.
Episodes start anew as they end, inside the measured time; imports, compiling and the first pieces of play are outside.
A driver that serves stays between requests, so that many can take turns without each starting anew.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

NUMBERS = ("seconds", "cpu_seconds", "env_steps", "agent_steps", "env_steps_per_second", "agent_steps_per_second")
WORDS = ("task", "counts")
ALL_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


class BadReport(ValueError):
    """What a driver printed is no measurement."""


@dataclass(frozen=True)
class Play:
    """A batch of worlds, ready to be stepped.

    Attributes:
        piece: plays a piece (resets included) and returns the env-steps and agent-steps in it.
        agents: of one world.
        task: which task of the peer's this is.
        counts: what one env-step of it does, in a line.
        packages: installed packages whose versions matter.
        shares: seconds spent so far in named parts of ``piece``.
    """

    piece: Callable[[], tuple[int, int]]
    agents: int
    task: str
    counts: str
    packages: tuple[str, ...]
    shares: Callable[[], dict[str, float]] | None = None


def confine(threads: int) -> None:
    """Keep all threads of this process to as many cores: the one it runs on now, and those after it; 0: to none."""
    if not ALL_CORES or not os.path.isdir("/proc/self/task"):
        return
    cores = ALL_CORES
    if threads:
        _set(ALL_CORES)
        here = ctypes.CDLL(None).sched_getcpu()
        first = ALL_CORES.index(here) if here in ALL_CORES else 0
        cores = [ALL_CORES[(first + k) % len(ALL_CORES)] for k in range(min(threads, len(ALL_CORES)))]
    _set(cores)


def _set(cores: list[int]) -> None:
    for task in os.listdir("/proc/self/task"):
        try:
            os.sched_setaffinity(int(task), cores)
        except ProcessLookupError:  # a thread that has just ended
            continue


def drive(build: Callable[[int, int, int], Play]) -> None:
    """The whole of a driver: read arguments, build worlds, measure, print.

    Args:
        build: makes a ``Play`` of (worlds, threads, seed). It imports what it needs, under the limit on cores, so
            that libraries make their pools no larger.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to measure")
    parser.add_argument("--batch", type=int, default=1, help="worlds side by side")
    parser.add_argument("--threads", type=int, default=1, help="cores that the process may use")
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--serve", action="store_true", help="read requests from standard input")
    args = parser.parse_args()
    plays: dict[int, Play] = {}

    def answer(batch: int, seconds: float) -> None:
        confine(args.threads)
        if batch not in plays:
            play = build(batch, args.threads, args.seed)
            # What compiles at the first call may do so again when it is given its own results.
            play.piece()
            play.piece()
            plays[batch] = play
            confine(args.threads)
        found = measure(plays[batch], seconds)
        confine(0)
        print(json.dumps(found | {"batch": batch, "threads": args.threads}), flush=True)

    if not args.serve:
        answer(args.batch, args.seconds)
        return
    for line in sys.stdin:
        request = json.loads(line)
        answer(request["batch"], request["seconds"])


def measure(play: Play, wanted: float) -> dict[str, Any]:
    """Play pieces until ``wanted`` seconds are over, and say what that came to."""
    env_steps = agent_steps = 0
    seconds = 0.0
    before = play.shares() if play.shares else {}
    cpu = time.process_time()
    begin = time.perf_counter()
    while seconds < wanted:
        env, agent = play.piece()
        env_steps += env
        agent_steps += agent
        seconds = time.perf_counter() - begin
    cpu = time.process_time() - cpu
    found: dict[str, Any] = {
        "task": play.task,
        "counts": play.counts,
        "agents": play.agents,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "env_steps": env_steps,
        "agent_steps": agent_steps,
        "env_steps_per_second": env_steps / seconds,
        "agent_steps_per_second": agent_steps / seconds,
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in play.packages},
    }
    if play.shares:
        found["shares"] = {name: (part - before[name]) / seconds for name, part in play.shares().items()}
    return found


def read_report(text: str, batch: int, threads: int) -> dict[str, Any]:
    """The measurement in a driver's line.

    Raises:
        BadReport: it is no JSON object, lacks a field, says that something else was measured, or its
            figures contradict each other.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise BadReport("what it printed is no JSON object")
    for name in NUMBERS:
        value = found.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value <= 0:
            raise BadReport(f"{name}: {value!r}; a number above 0 is wanted")
    for name in WORDS:
        if not isinstance(found.get(name), str) or not found[name]:
            raise BadReport(f"{name}: {found.get(name)!r}; words are wanted")
    if not isinstance(found.get("versions"), dict):
        raise BadReport("versions: missing")
    if (found.get("batch"), found.get("threads")) != (batch, threads):
        raise BadReport(f"measured batch {found.get('batch')} on {found.get('threads')} threads, not what was asked")
    agents = found.get("agents")
    if not isinstance(agents, int) or not 0 < found["agent_steps"] <= found["env_steps"] * agents:
        raise BadReport(f"{found['agent_steps']} agent-steps in {found['env_steps']} env-steps of {agents} agents")
    for steps in ("env_steps", "agent_steps"):
        if not math.isclose(found[f"{steps}_per_second"], found[steps] / found["seconds"], rel_tol=1e-6):
            raise BadReport(f"{steps}_per_second: not {steps} over seconds")
    return found
