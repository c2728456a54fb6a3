"""Pieces find a runner that lives, in whatever order runners die and come back."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ray")
import ray
from ray.rllib.utils.actor_manager import RemoteCallResults, ResultOrError

from patchpact.training.faults import RunnerFault
from patchpact.training.rllib import remote
from patchpact.training.rllib.remote import Failure, Piece, RemoteRunners

PIECES = [Piece(seed=7, iteration=3, number=number) for number in (1, 2, 3)]
SILENCE = object()
DIED = ray.exceptions.ActorUnavailableError("the machine is gone", None)


class Gone(ray.exceptions.ActorDiedError):
    """Stands for ray's, which only ray can make."""

    def __init__(self) -> None:
        Exception.__init__(self)

    def __str__(self) -> str:
        return "no module named patchpact"


class Manager:
    """Stands for RLlib's: ``answers`` says what a runner answers to a piece, ``pings`` what it answers to a ping."""

    def __init__(self, runners: int, answers: Callable[[int, Piece], Any], pings: Callable[[int], Any]) -> None:
        self.healthy = dict.fromkeys(range(1, runners + 1), True)
        self.answers, self.pings = answers, pings
        self.calls: list[tuple[int, Piece]] = []
        self.waiting: dict[str, list[tuple[int, Piece | None]]] = {remote.TAG: [], remote.PING: []}

    def actor_ids(self) -> list[int]:
        return list(self.healthy)

    def healthy_actor_ids(self) -> list[int]:
        return [runner for runner, well in self.healthy.items() if well]

    def num_actors(self) -> int:
        return len(self.healthy)

    def num_healthy_actors(self) -> int:
        return len(self.healthy_actor_ids())

    def is_actor_healthy(self, runner: int) -> bool:
        return self.healthy[runner]

    def foreach_actor_async(
        self, _: Any, tag: str, remote_actor_ids: list[int], kwargs: Any = None, healthy_only: bool = True
    ) -> None:
        for runner in remote_actor_ids:
            self.waiting[tag].append((runner, kwargs["piece"] if kwargs else None))

    def fetch_ready_async_reqs(
        self, tags: str, timeout_seconds: float, mark_healthy: bool = False
    ) -> RemoteCallResults:
        found = RemoteCallResults()
        for runner, piece in self.waiting[tags]:
            if piece is not None:
                self.calls.append((runner, piece))
            answer = self.pings(runner) if piece is None else self.answers(runner, piece)
            if answer is not SILENCE:
                self._add(found, runner, answer)
        self.waiting[tags] = []
        return found

    def set_actor_state(self, runner: int, healthy: bool) -> None:
        self.healthy[runner] = healthy

    def _add(self, found: RemoteCallResults, runner: int, answer: Any) -> None:
        failed = isinstance(answer, Exception)
        self.healthy[runner] = not failed
        found.add_result(runner, ResultOrError(error=answer) if failed else ResultOrError(result=answer), "")


def numbered(_: int, piece: Piece) -> str:
    return f"piece {piece.number}"


def play(manager: Manager) -> list[Any]:
    return RemoteRunners(SimpleNamespace(_worker_manager=manager)).play(PIECES, {})


@pytest.fixture(autouse=True)
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "put", lambda weights: weights)
    monkeypatch.setattr(remote, "WAIT_S", 0.0)


def test_each_runner_plays_its_piece() -> None:
    manager = Manager(3, numbered, lambda _: "pong")
    assert play(manager) == ["piece 1", "piece 2", "piece 3"]
    assert manager.calls == [(1, PIECES[0]), (2, PIECES[1]), (3, PIECES[2])]


def test_one_runner_that_is_left_plays_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    manager = Manager(3, lambda runner, piece: numbered(runner, piece) if runner == 2 else DIED, lambda _: DIED)
    assert play(manager) == ["piece 1", "piece 2", "piece 3"]
    assert capsys.readouterr().err.count("its steps are played again") == 2


def test_a_runner_that_is_back_plays_again() -> None:
    dead = {1, 2, 3}

    def answer(runner: int, piece: Piece) -> Any:
        if runner in dead:
            dead.discard(runner)
            return DIED
        return numbered(runner, piece)

    manager = Manager(3, answer, lambda _: "pong")
    assert play(manager) == ["piece 1", "piece 2", "piece 3"]
    assert len(manager.calls) == 6


def test_an_exception_is_told_with_its_traceback_and_machine() -> None:
    failure = Failure("Traceback ...\nKeyError: 'web'\n", "10.0.0.7")
    with pytest.raises(RunnerFault, match=r"runner 1 on 10\.0\.0\.7 failed:\nTraceback \.\.\.\nKeyError: 'web'$"):
        play(Manager(3, lambda *_: failure, lambda _: "pong"))


def test_steps_that_kill_every_runner_end_the_run() -> None:
    def answer(runner: int, piece: Piece) -> Any:
        return DIED if piece.number == 2 else numbered(runner, piece)

    manager = Manager(3, answer, lambda _: "pong")
    with pytest.raises(RunnerFault, match=f"died {remote.LOSSES} times over the same steps.*the machine is gone"):
        play(manager)


def test_runners_that_are_gone_for_good_end_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunnerFault, match=r"no runner is left and ray brings none back:\n.*no module named patchpact"):
        play(Manager(3, lambda *_: DIED, lambda _: Gone()))
    assert "runner 1 is gone for good: no module named patchpact" in capsys.readouterr().err


def test_a_runner_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(remote, "STALL_S", 0.02)
    manager = Manager(3, lambda runner, piece: SILENCE if runner == 2 else numbered(runner, piece), lambda _: SILENCE)
    assert play(manager) == ["piece 1", "piece 2", "piece 3"]
    assert [piece.number for runner, piece in manager.calls if runner == 2] == [2], "it gets nothing more"
    assert "runner 2 was silent for 0 s; it is given up" in capsys.readouterr().err


def test_a_run_whose_runners_all_hang_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "STALL_S", 0.02)
    with pytest.raises(RunnerFault, match=r"no runner is left.*\n.*was silent for 0 s"):
        play(Manager(3, lambda *_: SILENCE, lambda _: SILENCE))


def test_a_run_without_runners_ends_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE_S", 0.05)
    with pytest.raises(RunnerFault, match=r"no runner for 0 s; the last error was: .*the machine is gone"):
        play(Manager(3, lambda *_: DIED, lambda _: DIED))
