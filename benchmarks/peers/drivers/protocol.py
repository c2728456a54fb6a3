"""What a driver and `run.py` agree on: the arguments, the clock, and one line of JSON.

    python DRIVER --seconds 10 --batch 1024 --threads 1 --seed 0

A driver steps ``batch`` worlds with random actions for about ``seconds`` and prints one JSON object as its last line.
An env-step is one step of one world in which all agents act; agent-steps are env-steps times the agents that acted.
Episodes start anew as they end, inside the measured time; imports, compiling and the first piece of play are outside.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

NUMBERS = ("seconds", "cpu_seconds", "env_steps", "agent_steps", "env_steps_per_second", "agent_steps_per_second")
WORDS = ("task", "counts")


class BadReport(ValueError):
    """What a driver printed is no measurement."""


def start() -> argparse.Namespace:
    """Read the arguments and keep this process to as many cores as it may have threads: call it before imports."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to measure")
    parser.add_argument("--batch", type=int, default=1, help="worlds side by side")
    parser.add_argument("--threads", type=int, default=1, help="cores that the process may use")
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    return args


def measure(
    args: argparse.Namespace,
    play: Callable[[], tuple[int, int]],
    agents: int,
    task: str,
    counts: str,
    packages: tuple[str, ...],
    shares: Callable[[], dict[str, float]] | None = None,
) -> None:
    """Call ``play`` until ``args.seconds`` are over and print what it came to.

    Args:
        args: from ``start``.
        play: plays a piece (resets included) and returns the env-steps and agent-steps in it. Called twice before the
            clock starts: what compiles at the first call may do so again when it is given its own results.
        agents: of one world.
        task: which task of the peer's this is.
        counts: what one env-step of it does, in a line.
        packages: installed packages whose versions matter.
        shares: after the clock has stopped: seconds spent in named parts of the measured time.
    """
    play()
    play()
    env_steps = agent_steps = 0
    seconds = 0.0
    cpu = time.process_time()
    begin = time.perf_counter()
    while seconds < args.seconds:
        env, agent = play()
        env_steps += env
        agent_steps += agent
        seconds = time.perf_counter() - begin
    cpu = time.process_time() - cpu
    found: dict[str, Any] = {
        "task": task,
        "counts": counts,
        "agents": agents,
        "batch": args.batch,
        "threads": args.threads,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "env_steps": env_steps,
        "agent_steps": agent_steps,
        "env_steps_per_second": env_steps / seconds,
        "agent_steps_per_second": agent_steps / seconds,
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in packages},
    }
    if shares is not None:
        found["shares"] = {name: part / seconds for name, part in shares().items()}
    print(json.dumps(found), flush=True)


def read_report(text: str, batch: int, threads: int) -> dict[str, Any]:
    """The measurement in a driver's output.

    Raises:
        BadReport: the last line is no JSON object, lacks a field, says that something else was measured, or its
            figures contradict each other.
    """
    lines = text.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else None
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise BadReport("the last line that it printed is no JSON object")
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
