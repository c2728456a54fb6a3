"""Training on a Ray cluster of two nodes: runners and nodes that die cost time alone, and faults are told."""

import csv
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("ray")
import ray
from ray._private.state import GlobalState
from ray._raylet import GcsClientOptions

from patchpact.training import TrainConfig, train

pytestmark = pytest.mark.cluster

PATIENCE_S = 900.0
"""Timeouts are wide: what is measured here is not speed."""
OPEN = {"RAY_AUTH_MODE": "disabled"}
"""Else ray's commands take the token of this user's clusters, if there is one, for some processes and not for others."""
WORLDS, STEPS, ITERATIONS = 4, 16, 30
CONFIG = TrainConfig(
    scenario="toy-v1",
    overrides={"windows": 2, "motions_per_window": 4},
    num_envs=WORLDS,
    num_env_runners=2,
    timesteps=ITERATIONS * 2 * WORLDS * STEPS,
    minibatch=32,
    hidden=8,
    checkpoint_every=5,
    validate_every=ITERATIONS,
    validation_episodes=4,
    evaluation_episodes=0,
    seed=3,
)


NODE = """
import sys, time
import ray._private.services as services
from ray.scripts.scripts import main

asked = services.get_node

def patient(*arguments):
    deadline = time.monotonic() + 60
    while True:
        try:
            return asked(*arguments)
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)

services.get_node = patient
sys.argv[0] = "ray"
main()
"""
"""``ray`` that gives a node 60 s to come up instead of 30."""


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("", 0))
        return [probe.getsockname()[1] for probe in probes]


class Nodes:
    """A head and a worker node with one CPU each, so that each has one of two runners."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def start(self) -> None:
        port = free_ports(1)[0]
        self.address = f"{ray.util.get_node_ip_address()}:{port}"
        self._up("head", "--head", f"--port={port}", "--include-dashboard=false")
        self.state = GlobalState()
        self.state._initialize_global_state(
            GcsClientOptions.create(self.address, None, allow_cluster_id_nil=True, fetch_cluster_id_if_nil=False)
        )
        self.add_worker()

    def _up(self, name: str, *options: str) -> None:
        command = [sys.executable, "-c", NODE, "start", "--block", "--num-cpus=1", *options]
        command += ["--object-store-memory=100000000", "--min-worker-port=0", "--max-worker-port=0"]
        # A node that chooses these ports waits for its agents to tell it, and gives up after 15 s.
        agents = ("runtime-env-agent-port", "dashboard-agent-grpc-port", "dashboard-agent-listen-port",
                  "metrics-export-port")  # fmt: skip
        command += [f"--{one}={port}" for one, port in zip(agents, free_ports(len(agents)), strict=True)]
        for _ in range(4):
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                env={**os.environ, **OPEN},
            )  # fmt: skip
            self._processes[name] = process
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if "Ray runtime started" in line:
                    threading.Thread(target=process.stdout.read, daemon=True).start()
                    return
            self._down(name)
        pytest.fail(f"the {name} node does not start: {''.join(said)[-2000:]}")

    def _down(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def add_worker(self) -> None:
        if "worker" not in self._processes:
            self._up("worker", f"--address={self.address}")

    def remove_worker(self) -> None:
        self._down("worker")

    def close(self) -> None:
        if hasattr(self, "state"):
            self.state.disconnect()
        for name in ("worker", "head"):
            self._down(name)

    def runners(self) -> dict[str, int]:
        """Process ids of the runners that live, by the id of their node."""
        table = self.state.actor_table(None).values()
        alive = [row for row in table if row["State"] == "ALIVE" and "BatchedRunner" in row["ActorClassName"]]
        return {row["Address"]["NodeID"]: row["Pid"] for row in alive}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    made = Nodes()
    try:
        made.start()
        yield made
    finally:
        made.close()


def start(nodes: Nodes, out: Path, by_flag: bool = False) -> "subprocess.Popen[str]":
    """``patchpact train`` in a process of its own that joins the cluster."""
    config = replace(CONFIG, out=str(out))
    options = [part for name, value in config.overrides.items() for part in ("--set", f"{name}={value}")]
    for name in ("num_envs", "num_env_runners", "timesteps", "minibatch", "hidden", "checkpoint_every",
                 "validate_every", "validation_episodes", "evaluation_episodes", "seed", "scenario", "out"):  # fmt: skip
        options += [f"--{name.replace('_', '-')}", str(getattr(config, name))]
    environment = {**os.environ, **OPEN}
    if by_flag:
        options += ["--ray-address", nodes.address]
    else:
        environment["RAY_ADDRESS"] = nodes.address
    return subprocess.Popen(
        [sys.executable, "-m", "patchpact", "train", "--quiet", *options],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    """Wait for a good end; what it said on stderr."""
    try:
        _, errors = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail(f"the run does not end: {process.communicate()[1][-3000:]}")
    assert process.returncode == 0, errors[-3000:]
    return errors


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "progress.csv").open() as stream:
        return list(csv.DictReader(stream))


def curve(run: Path) -> list[dict[str, str]]:
    """All numbers of a run but how long it took."""
    clock = ("seconds", "env_steps_per_second")
    return [{name: value for name, value in row.items() if name not in clock} for row in rows(run)]


def wait_until(ready: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"the run does not come on: {process.communicate()[1][-3000:]}")
        time.sleep(0.02)


def wait_for_rows(run: Path, process: "subprocess.Popen[str]", count: int = 3) -> None:
    wait_until(lambda: (run / "progress.csv").exists() and len(rows(run)) >= count, process)
    assert len(rows(run)) < ITERATIONS - 5, "the run is over too soon to be disturbed"


@pytest.fixture(scope="module")
def undisturbed(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cluster") / "undisturbed"
    process = start(nodes, out, by_flag=True)
    found: list[dict[str, int]] = []
    wait_until(lambda: len(found[-1:] and found[-1]) == 2 or bool(found.append(nodes.runners())), process)
    finish(process)
    return out


def test_it_trains_on_both_nodes(undisturbed: Path) -> None:
    table = rows(undisturbed)
    assert TrainConfig.load(undisturbed).ray_address == ""
    assert int(table[-1]["timesteps"]) == CONFIG.timesteps
    assert {int(row["episodes"]) for row in table} == {2 * WORLDS}


def test_where_a_run_is_trained_changes_nothing(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "alone"
    train(replace(CONFIG, out=str(out)), progress=False)
    assert curve(out) == curve(undisturbed)


def test_a_killed_runner_costs_no_step(nodes: Nodes, undisturbed: Path, tmp_path: Path) -> None:
    process = start(nodes, tmp_path / "run")
    wait_for_rows(tmp_path / "run", process)
    before = nodes.runners()
    assert len(before) == 2
    os.kill(next(iter(before.values())), signal.SIGKILL)
    finish(process)
    assert curve(tmp_path / "run") == curve(undisturbed)


def test_a_lost_node_costs_no_step(nodes: Nodes, undisturbed: Path, tmp_path: Path) -> None:
    process = start(nodes, tmp_path / "run")
    wait_for_rows(tmp_path / "run", process)
    assert len(nodes.runners()) == 2
    nodes.remove_worker()
    try:
        errors = finish(process)
    finally:
        nodes.add_worker()
    assert "its steps are played again" in errors
    assert curve(tmp_path / "run") == curve(undisturbed)


FAULTY = """
import sys
import ray
from patchpact.cli.main import main

def spoil():
    from patchpact.training.rollout import Sampler

    def fail(*_, **__):
        raise ZeroDivisionError("a fault of the world")

    Sampler.play = fail

ray.init(sys.argv[1], log_to_driver=False, runtime_env={"worker_process_setup_hook": spoil})
sys.exit(main(["train", "--scenario", "toy-v1", "--num-envs", "2", "--num-env-runners", "2", "--timesteps", "1",
               "--validation-episodes", "2", "--evaluation-episodes", "0", "--quiet", "--out", sys.argv[2]]))
"""


def test_an_exception_in_a_remote_runner_is_told_once(nodes: Nodes, tmp_path: Path) -> None:
    command = [sys.executable, "-c", FAULTY, nodes.address, str(tmp_path / "run")]
    environment = {**os.environ, **OPEN}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("Traceback (most recent call last)") == 1
    assert done.stderr.count("ZeroDivisionError: a fault of the world") == 1
    assert "patchpact train: runner " in done.stderr


def test_an_address_without_a_cluster_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "patchpact", "train", "--ray-address", "127.0.0.1:9", "--out", str(tmp_path / "r")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 2
    assert "ray_address: no ray cluster answers at '127.0.0.1:9'" in done.stderr
