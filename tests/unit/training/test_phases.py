"""Phases of an iteration: all of its time, none of it twice."""

import time

import pytest

from patchpact.training.config import TrainConfig
from patchpact.training.phases import PHASES, Clock, profile_train

SMALL = TrainConfig(
    scenario="toy-v1",
    overrides={"windows": 2, "motions_per_window": 2},
    num_envs=4,
    minibatch=16,
    hidden=8,
)


class Worker:
    def work(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    def items(self):
        for n in range(3):
            time.sleep(0.01)
            yield n


def test_calls_and_items_are_counted() -> None:
    worker, clock = Worker(), Clock()
    clock.wrap(worker, "work", "a")
    clock.wrap_iterator(worker, "items", "b")
    assert worker.work(0.02) == 0.02
    found = []
    for item in worker.items():
        time.sleep(0.05)  # what is done with an item is not the iterator's
        found.append(item)
    assert found == [0, 1, 2]
    assert clock.seconds["a"] >= 0.02
    assert clock.seconds["b"] >= 0.03
    before = dict(clock.seconds)
    Worker().work(0.0)
    assert clock.seconds == before


def test_only_the_batched_runner_has_these_phases() -> None:
    with pytest.raises(ValueError, match="profile: "):
        profile_train(TrainConfig(runner="stock", baseline="value"))


@pytest.mark.parametrize(
    "change", [{}, pytest.param({"baseline": "value", "critic": "central", "memory": "gru"}, marks=pytest.mark.slow)]
)
def test_shares_add_up(change: dict) -> None:
    pytest.importorskip("ray")
    from dataclasses import replace

    rows = {row["phase"]: row for row in profile_train(replace(SMALL, **change), iterations=1)}
    assert tuple(rows) == PHASES
    assert sum(row["share"] for row in rows.values()) == pytest.approx(1.0)
    assert all(row["seconds"] >= -1e-6 for row in rows.values()), "something is counted twice"
    never = "sampling: values" if not change else "sampling: greedy play-outs"
    for phase in PHASES:
        assert rows[phase]["seconds"] > 0.0 or phase == never, phase
    assert rows[never]["seconds"] == 0.0
