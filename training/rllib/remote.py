"""Sampling by runners in other processes and on other machines, any of which may die at any moment.

An iteration is so many pieces as the run has runners. What a piece holds is a function of the run's seed, the
iteration, the piece's number and the weights, whoever plays it: a piece that died with its runner is played again by
another, and the run's curve is the same as if nothing had happened. Weights travel with every piece, so that a runner
that came back never plays with those it was born with.

Of RLlib's ``EnvRunnerGroup`` this uses its actor manager, ``_worker_manager``, for what the group's own methods drop:
why a call failed.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray

from patchpact.training.faults import RunnerFault

TAG, PING = "piece", "ping"
WAIT_S = 0.5
"""How long to wait for results before looking after the runners that died."""
DEATHS = 5
"""After so many pings that ray answers with a death a runner is gone for good: of one that restarts it says so once."""
PATIENCE_S = 600.0
"""How long an iteration goes without any runner: an autoscaler's new machine takes minutes (assumption)."""
STALL_S = 3600.0
"""How long a piece may take: a runner that is silent for longer hangs, and is given up (assumption; compiling the core
anew takes minutes, a piece seconds)."""
LOSSES = 6
"""How often the same steps may die with their runner: more is no accident (memory, say) and would never end."""


@dataclass(frozen=True)
class Piece:
    """A part of an iteration that one runner plays; ``number`` counts from 1, 0 is what this process plays itself."""

    seed: int
    iteration: int
    number: int


@dataclass(frozen=True)
class Failure:
    """What went wrong in a runner, as text: an exception would only end its process, unseen."""

    text: str
    host: str


def _play(runner: Any, piece: Piece, weights: dict[str, Any]) -> Any:
    """Sent to a runner."""
    return runner.play(piece, weights)


def _ping(runner: Any) -> str:
    return str(runner.ping())


class RemoteRunners:
    """Plays pieces on the runners of a group that live.

    Args:
        group: RLlib's group of runners.
    """

    def __init__(self, group: Any) -> None:
        self._manager = group._worker_manager
        self._died: Counter[int] = Counter()
        self._gone: set[int] = set()
        self._last_error = "none of them ever answered"

    def play(self, pieces: Sequence[Piece], weights: dict[str, Any]) -> list[Any]:
        """Results of ``pieces``, in their order, played with ``weights`` (a state for the runners).

        Raises:
            RunnerFault: an exception in a runner; or the same piece lost ``LOSSES`` times; or no runner left; or none
                for ``PATIENCE_S`` seconds.
        """
        reference = ray.put(weights)
        todo, playing, played = deque(pieces), dict[int, Piece](), dict[int, Any]()
        begun: dict[int, float] = {}
        losses: Counter[int] = Counter()
        alive = time.monotonic()
        told = False
        while len(played) < len(pieces):
            for runner in self._manager.healthy_actor_ids():
                if todo and runner not in playing:
                    playing[runner], begun[runner] = todo.popleft(), time.monotonic()
                    kwargs = {"piece": playing[runner], "weights": reference}
                    self._manager.foreach_actor_async(_play, tag=TAG, kwargs=kwargs, remote_actor_ids=[runner])
            for found in self._manager.fetch_ready_async_reqs(tags=TAG, timeout_seconds=WAIT_S):
                if found.actor_id not in playing:  # given up, and late
                    continue
                piece = playing.pop(found.actor_id)
                if not found.ok:
                    self._last_error = str(found.get())
                    losses[piece.number] += 1
                    self._lost(found.actor_id, losses[piece.number])
                    todo.append(piece)
                elif isinstance(found.get(), Failure):
                    failure = found.get()
                    raise RunnerFault(f"runner {found.actor_id} on {failure.host} failed:\n{failure.text.strip()}")
                else:
                    played[piece.number] = found.get()
            for runner in [one for one in playing if time.monotonic() - begun[one] > STALL_S]:
                todo.append(playing.pop(runner))
                self._give_up(runner)
            if len(played) < len(pieces):
                self.look_after()
            if self._manager.num_healthy_actors():
                alive, told = time.monotonic(), False
                continue
            without_s = time.monotonic() - alive
            if without_s > PATIENCE_S:
                raise RunnerFault(f"no runner for {PATIENCE_S:.0f} s; the last error was: {self._last_error}")
            if not told:
                told = True
                _say(f"no runner is left; waiting up to {PATIENCE_S:.0f} s for one to come back")
            time.sleep(WAIT_S)
        return [played[piece.number] for piece in pieces]

    def look_after(self) -> list[int]:
        """Take runners back that ray has started anew; which ones.

        Raises ``RunnerFault`` if all are gone for good.
        """
        ill = [one for one in self._manager.actor_ids() if not self._manager.is_actor_healthy(one)]
        ill = [one for one in ill if one not in self._gone]
        if ill:  # a runner that is not back yet may answer late or never: nobody waits for it
            self._manager.foreach_actor_async(_ping, tag=PING, remote_actor_ids=ill, healthy_only=False)
        back = []
        for ping in self._manager.fetch_ready_async_reqs(tags=PING, timeout_seconds=0.0, mark_healthy=True):
            if ping.ok:
                back.append(ping.actor_id)
                self._died[ping.actor_id] = 0
            elif isinstance(ping.get(), ray.exceptions.ActorDiedError):
                self._last_error = str(ping.get())
                self._died[ping.actor_id] += 1
                if self._died[ping.actor_id] == DEATHS:
                    self._gone.add(ping.actor_id)
                    _say(f"runner {ping.actor_id} is gone for good: {_first_line(ping.get())}")
            else:
                self._died[ping.actor_id] = 0
        if len(self._gone) == self._manager.num_actors():
            raise RunnerFault(f"no runner is left and ray brings none back:\n{self._last_error}")
        return back

    def _give_up(self, runner: int) -> None:
        self._manager.set_actor_state(runner, healthy=False)
        self._gone.add(runner)
        self._last_error = f"runner {runner} was silent for {STALL_S:.0f} s"
        _say(f"{self._last_error}; it is given up and its steps are played again")

    def _lost(self, runner: int, times: int) -> None:
        if times >= LOSSES:
            raise RunnerFault(
                f"runners died {times} times over the same steps, which is no accident (too little memory?);"
                f" the last one: {self._last_error}"
            )
        _say(f"runner {runner} was lost; its steps are played again")


def host_name() -> str:
    """This machine's address in the cluster, as ray knows it."""
    with suppress(Exception):
        return str(ray.util.get_node_ip_address())
    return "this machine"


def _first_line(error: Any) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _say(line: str) -> None:
    print(f"patchpact: {line}", file=sys.stderr, flush=True)
