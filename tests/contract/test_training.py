"""What a run promises: legal actions, files, a policy that needs neither ray nor pickle, exact resumption."""

import csv
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray")
from patchpact.agents.policies.learned import load_policy
from patchpact.agents.roles import ROLES, action_names, layout
from patchpact.training import RunError, TrainConfig, resume, train
from patchpact.training.folder import RunFolder
from patchpact.training.run import with_rollout_length

TINY = TrainConfig(
    scenario="toy-v1",
    num_envs=4,
    overrides={"windows": 2, "motions_per_window": 4},
    timesteps=3 * 4 * 16,
    minibatch=32,
    epochs=2,
    hidden=8,
    checkpoint_every=1,
    validate_every=2,
    validation_episodes=4,
    evaluation_episodes=0,
    seed=3,
)
CURVE = (
    "iteration",
    "timesteps",
    "validation",
    "welfare_keur",
    "it_entropy",
    "business_entropy",
    "vendor_entropy",
)


def curve(run: Path) -> list[list[str]]:
    with (run / "progress.csv").open() as stream:
        return [[row[name] for name in CURVE] for row in csv.DictReader(stream)]


def states(role: str, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    mask = (rng.random((size, len(action_names(role)))) < 0.2).astype(np.int8)
    mask[:, 0] = 1
    return rng.normal(size=(size, layout.OBSERVATION_SIZE)).astype(np.float32), mask


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(replace(TINY, out=str(tmp_path_factory.mktemp("runs") / "run")), progress=False)


def test_run_folder_is_complete(run: Path) -> None:
    assert len(curve(run)) == 3
    assert TrainConfig.load(run) == with_rollout_length(replace(TINY, out=str(run)))
    for name in ("last", "best"):
        assert RunFolder(run).checkpoint(name) is not None
    assert "<svg" in (run / "report.html").read_text()
    assert sorted(p.name for p in (run / "policy").iterdir()) == sorted(
        ["policy.json", *(f"{role}.safetensors" for role in load_policy(run))]
    )


def test_a_run_is_never_overwritten(run: Path) -> None:
    with pytest.raises(RunError, match="holds a run already"):
        train(replace(TINY, out=str(run)))
    with pytest.raises(RunError, match="seed: the run has 3, not 4"):
        train(replace(TINY, out=str(run), seed=4), resume=True)


def test_resuming_a_finished_run_changes_nothing(run: Path) -> None:
    before = (run / "policy" / "it.safetensors").read_bytes(), curve(run)
    resume(run, progress=False)
    assert ((run / "policy" / "it.safetensors").read_bytes(), curve(run)) == before


def test_policy_needs_neither_ray_nor_pickle_and_acts_the_same(run: Path, tmp_path: Path) -> None:
    script = """
import builtins, json, pickle, sys
import numpy as np

def refuse(*_, **__):
    raise AssertionError("unpickled")

class Refuser:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "ray":
            raise ImportError("ray is not to be imported")

sys.meta_path.insert(0, Refuser())
import torch
pickle.load = pickle.loads = pickle.Unpickler = pickle._Unpickler = refuse
from patchpact.agents.policies.learned import load_policy

policies = load_policy(sys.argv[1])
states = np.load(sys.argv[2])
rng = np.random.default_rng(0)
acts = {r: policies[r].act(states[r], states[r + "_mask"], rng).tolist() for r in policies}
assert "ray" not in sys.modules
print(json.dumps(acts))
"""
    policies = load_policy(run)
    drawn = {role: states(role) for role in policies}
    arrays = {
        name: array for role, (seen, mask) in drawn.items() for name, array in ((role, seen), (f"{role}_mask", mask))
    }
    np.savez(tmp_path / "states.npz", **arrays)
    output = subprocess.run(
        [sys.executable, "-c", script, str(run), str(tmp_path / "states.npz")], capture_output=True, text=True
    )
    assert output.returncode == 0, output.stderr
    rng = np.random.default_rng(0)
    assert json.loads(output.stdout) == {role: policies[role].act(*drawn[role], rng).tolist() for role in policies}


def test_module_and_export_agree_and_sampled_actions_are_legal(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from patchpact.agents.policies.learned import save_policy
    from patchpact.training.rllib.module import unpack
    from patchpact.training.rllib.remote import Piece
    from patchpact.training.rllib.trainer import Trainer

    trainer = Trainer(with_rollout_length(TINY))
    try:
        trainer.step()
        save_policy(tmp_path, trainer.networks(), {r: action_names(r) for r in ROLES}, TINY.hidden)
        policies = load_policy(tmp_path)
        runner = trainer.algorithm.env_runner
        runner.begin(Piece(0, 7, 0))
        seen = 0
        for batch in runner.sample():
            for role, rows in batch.policy_batches.items():
                observation, mask = unpack(rows["obs"])
                assert mask[torch.arange(len(rows["actions"])), rows["actions"]].all()
                assert (mask.sum(1) > 1).all()
                seen += len(rows["actions"])
                output = runner.module[role].forward_inference({"obs": rows["obs"]})
                exported = policies[role].logits(observation.numpy(), mask.numpy())
                assert np.allclose(output["action_dist_inputs"].numpy(), exported, atol=1e-5)
        assert seen >= 4 * 16
        runner.begin(Piece(0, 7, 0))
        (alone,) = runner.sample()
        kept = {
            role: {name: column.clone() for name, column in rows.items()} for role, rows in alone.policy_batches.items()
        }
        runner.begin(Piece(0, 7, 0))
        first, second = runner.sample(num_timesteps=alone.env_steps() + 1)
        for role, columns in kept.items():
            assert all(torch.equal(first.policy_batches[role][name], column) for name, column in columns.items())
        assert not torch.equal(first.policy_batches["it"]["obs"][:8], second.policy_batches["it"]["obs"][:8])
    finally:
        trainer.close()


def test_what_cannot_be_built_leaves_no_ray_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    from patchpact.training.rllib import trainer

    class Broken:
        def build_algo(self) -> None:
            raise RuntimeError("no memory")

    monkeypatch.setattr(trainer, "build_config", lambda *_: Broken())
    if ray.is_initialized():
        pytest.skip("another test holds ray")
    with pytest.raises(RuntimeError, match="no memory"):
        trainer.Trainer(with_rollout_length(TINY))
    assert not ray.is_initialized()


def start(config: TrainConfig, resuming: bool = False) -> "subprocess.Popen[str]":
    script = (
        "import sys; from patchpact.training import *;"
        " train(TrainConfig.from_json(sys.argv[1]), resume=sys.argv[2] == 'resume', progress=False)"
    )
    command = [sys.executable, "-c", script, config.to_json(), "resume" if resuming else "new"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_equal_seeds_give_equal_curves(run: Path, tmp_path: Path) -> None:
    process = start(replace(TINY, out=str(tmp_path / "again")))
    assert process.wait(timeout=120) == 0
    assert curve(tmp_path / "again") == curve(run)


def wait_for_lines(run: Path, lines: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (run / "progress.csv").exists() and len(curve(run)) >= lines:
            return
        time.sleep(0.05)
    pytest.fail("the run does not come on")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_exactly(number: signal.Signals, tmp_path: Path) -> None:
    config = replace(TINY, timesteps=8 * 4 * 16, checkpoint_every=2)
    whole = train(replace(config, out=str(tmp_path / "whole")), progress=False)
    stopped = replace(config, out=str(tmp_path / "stopped"))
    process = start(stopped)
    wait_for_lines(Path(stopped.out), 3)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    if number == signal.SIGINT:
        assert process.returncode == 0
        assert "stopped after iteration" in errors
    found = RunFolder(stopped.out).checkpoint("last")
    assert found is not None
    assert found[1].iteration < 8
    resume(stopped.out, progress=False)
    assert curve(Path(stopped.out)) == curve(whole)
    for role in load_policy(whole):
        weights = [(place / "policy" / f"{role}.safetensors").read_bytes() for place in (whole, Path(stopped.out))]
        assert weights[0] == weights[1]


@pytest.mark.slow
def test_full_disk_gives_one_line_and_resumes(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from patchpact.training.rllib.trainer import Trainer

    out = str(tmp_path / "full")
    save = Trainer.save

    def fail_late(self: Trainer, folder: Path) -> None:
        if self.iteration == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(self, folder)

    monkeypatch.setattr(Trainer, "save", fail_late)
    with pytest.raises(RunError, match="no space left on the disk"):
        train(replace(TINY, out=out), progress=False)
    monkeypatch.setattr(Trainer, "save", save)
    found = RunFolder(out).checkpoint("last")
    assert found is not None
    assert found[1].iteration == 1
    resume(out, progress=False)
    assert curve(Path(out)) == curve(run)


MAPPO = {"baseline": "value", "critic": "central"}
GRU = {"memory": "gru", "memory_length": 4}


@pytest.mark.parametrize(
    "change",
    [
        {"baseline": "value"},
        pytest.param({"network": "flat", "baseline": "value"}, marks=pytest.mark.slow),
        pytest.param({"graphs": 2}, marks=pytest.mark.slow),
        {**MAPPO, "graphs": 2},
        {**GRU, **MAPPO, "network": "flat", "imitate": "greedy", "imitate_timesteps": 32, "anchor": 0.1},
    ],
)
def test_kinds_of_runs_train_and_load(change: dict, tmp_path: Path) -> None:
    run = train(replace(TINY, timesteps=4 * 16, out=str(tmp_path / "run"), **change), progress=False)
    assert len(curve(run)) == 1
    drawn = states("it")
    assert drawn[1][np.arange(len(drawn[1])), load_policy(run)["it"].act(*drawn, np.random.default_rng(0))].all()


def test_a_role_that_has_nothing_to_decide_is_left_as_it_is(tmp_path: Path) -> None:
    """Without responsibility and governance the auditor has no lever, and does not vote."""
    off = {"windows": 2, "motions_per_window": 4, "responsibility_enabled": False, "governance_enabled": False}
    tiny = replace(TINY, scenario="symbiosis-v1", overrides=off, timesteps=4 * 16, epochs=1)
    moved = _moved(tiny, tmp_path)
    assert moved["esg"] == 0.0
    assert moved["it"] > 1e-5


@pytest.mark.slow
def test_an_agent_that_nothing_touches_stays_where_it_starts(tmp_path: Path) -> None:
    """With governance alone nothing is paid or charged to market and auditor, and the auditor votes all the same.

    A bonus for entropy would then be its whole gradient, hence 0 in studies.
    """
    off = {f"{name}_enabled": False for name in ("value", "responsibility")}
    world = {"windows": 2, "motions_per_window": 4, **off}
    tiny = replace(TINY, scenario="symbiosis-v1", overrides=world, timesteps=4 * 16, epochs=1, reward="own")
    moved = _moved(replace(tiny, entropy=0.0), tmp_path / "none")
    assert moved["market"] == moved["esg"] == 0.0
    assert moved["it"] > 1e-5  # what happens in the world costs it something all the same
    assert _moved(replace(tiny, entropy=0.002, entropy_end=0.002), tmp_path / "some")["esg"] > 1e-5


def test_an_anchor_holds_a_policy_where_it_starts(tmp_path: Path) -> None:
    """What it starts as is the same with and without; how far training takes it is not."""
    import torch

    from patchpact.agents.policies.networks import leaning_network

    drawn = states("it")
    start = leaning_network(action_names("it"), "rows", TINY.prior, 1.0)
    begun, gone = [], []
    for anchor in (0.0, 10.0):
        config = replace(TINY, lr=0.02, lr_end=0.02, anchor=anchor, out=str(tmp_path / str(anchor)))
        run = train(config, progress=False)
        begun.append(curve(run)[0][3])  # welfare while the first iteration was sampled
        with torch.no_grad():
            there = torch.log_softmax(start(*map(torch.from_numpy, drawn)), -1)
            here = torch.log_softmax(torch.from_numpy(load_policy(run)["it"].logits(*drawn)), -1)
        gone.append(float((here.exp() * (here - there)).sum(-1).mean()))
    assert begun[0] == begun[1]
    assert gone[1] < 0.5 * gone[0]


def _moved(config: TrainConfig, place: Path) -> dict[str, float]:
    """By role, how far the weight that moved most is from where training started."""
    still = replace(config, lr=1e-9, lr_end=1e-9, out=str(place / "still"))
    before = load_policy(train(still, progress=False))
    after = load_policy(train(replace(config, out=str(place / "run")), progress=False))
    return {
        role: max(
            float((one - other).detach().abs().max())
            for one, other in zip(before[role].network.parameters(), after[role].network.parameters(), strict=True)
        )
        for role in after
    }


@pytest.mark.slow
@pytest.mark.parametrize("change", [MAPPO, {**GRU, "anchor": 0.1}, {"imitate": "net-gain", "imitate_timesteps": 100}])
def test_variants_resume_bit_identically(change: dict, tmp_path: Path) -> None:
    """Stopped after two of four iterations. A constant step size: it would depend on where the run was to end."""
    config = replace(TINY, timesteps=4 * 4 * 16, lr_end=TINY.lr, entropy_end=TINY.entropy, **change)
    whole = train(replace(config, out=str(tmp_path / "whole")), progress=False)
    part = train(replace(config, timesteps=2 * 4 * 16, out=str(tmp_path / "part")), progress=False)
    resume(part, timesteps=config.timesteps, progress=False)
    assert len(curve(whole)) == 4
    assert curve(part) == curve(whole)
    for role in load_policy(whole):
        files = [run / "checkpoints" / "last" / "policy" / f"{role}.safetensors" for run in (whole, part)]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_policy_with_a_memory_and_a_central_critic_acts_as_inside_training(tmp_path: Path) -> None:
    """Same logits on the recorded decisions; the critic stays behind."""
    torch = pytest.importorskip("torch")
    from patchpact.agents.policies.learned import save_policy
    from patchpact.training.rllib.module import unpack
    from patchpact.training.rllib.remote import Piece
    from patchpact.training.rllib.trainer import Trainer

    trainer = Trainer(with_rollout_length(replace(TINY, **GRU, **MAPPO)))
    try:
        trainer.step()
        save_policy(tmp_path, trainer.networks(), {r: action_names(r) for r in ROLES}, TINY.hidden, "rows", "gru")
        policies = load_policy(tmp_path)
        runner = trainer.algorithm.env_runner
        runner.begin(Piece(0, 7, 0))
        (batch,) = runner.sample()
        for role, rows in batch.policy_batches.items():
            policy, actions = policies(role), len(action_names(role))
            starts = (rows["memory_before"] == 0).all(1)
            assert 0 < int(starts.sum()) < len(starts)
            for place in range(rows["obs"].shape[1]):
                here = starts & rows["loss_mask"][:, place]
                observation, mask = unpack(rows["obs"][:, place], actions)
                exported = policy.logits(observation.numpy(), mask.numpy())
                inside = rows["action_dist_inputs"][:, place].numpy()
                assert np.allclose(exported[here], inside[here], atol=1e-5)
                assert mask[here][torch.arange(int(here.sum())), rows["actions"][here, place]].all()
    finally:
        trainer.close()


@pytest.mark.parametrize("trained", [False, True])
def test_networks_that_are_taken_reach_learner_and_runner(trained: bool) -> None:
    torch = pytest.importorskip("torch")
    from patchpact.training.rllib.trainer import Trainer

    trainer = Trainer(with_rollout_length(TINY))
    try:
        if trained:
            trainer.step()
        changed = {
            role: {name: value + 0.5 for name, value in state.items()} for role, state in trainer.networks().items()
        }
        trainer.take_networks(changed)
        for role, state in trainer.networks().items():
            inside = trainer.algorithm.env_runner.module[role].unwrapped().policy.state_dict()
            for name, value in state.items():
                assert torch.equal(value, changed[role][name])
                assert torch.equal(inside[name], value)
    finally:
        trainer.close()


def test_the_stock_runner_still_trains(tmp_path: Path) -> None:
    stock = replace(TINY, runner="stock", baseline="value", timesteps=4 * 16, out=str(tmp_path / "run"))
    assert len(curve(train(stock, progress=False))) == 1


def test_an_exception_in_a_runner_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from patchpact.training.rllib.trainer import Trainer
    from patchpact.training.rollout import Sampler

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault of the world")

    trainer = Trainer(with_rollout_length(TINY))
    try:
        monkeypatch.setattr(Sampler, "play", fail)
        with pytest.raises(RuntimeError, match=r"a runner failed:[\s\S]*ZeroDivisionError: a fault of the world"):
            trainer.step()
    finally:
        trainer.close()


@pytest.mark.slow
def test_a_killed_runner_comes_back_and_no_step_is_lost(tmp_path: Path) -> None:
    import os

    from patchpact.training.rllib.trainer import Trainer

    config = with_rollout_length(replace(TINY, num_env_runners=2, timesteps=6 * 2 * 4 * 16))
    trainer = Trainer(config)
    try:
        trainer.step()
        group = trainer.algorithm.env_runner_group
        ids = group.foreach_env_runner(lambda _: os.getpid(), local_env_runner=False)
        assert len(ids) == 2
        os.kill(ids[0], signal.SIGKILL)
        for _ in range(5):
            trainer.step()
        sampled = trainer.algorithm.metrics.peek(("env_runners", "num_env_steps_sampled_lifetime"))
        assert sampled >= config.iterations * config.steps_per_iteration
        deadline = time.monotonic() + 60
        while group.num_healthy_remote_workers() < 2 and time.monotonic() < deadline:
            trainer.step()
        assert group.num_healthy_remote_workers() == 2
    finally:
        trainer.close()
