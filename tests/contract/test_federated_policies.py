"""What federated training promises: plain averages without noise, policies alone leave, an account that stays true."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ray")
pytest.importorskip("dp_accounting")
import ray
from safetensors.numpy import load_file

from patchpact.agents.policies.learned import load_policy
from patchpact.cli.main import main
from patchpact.ecosystem.federated.ledger import BudgetError, Ledger
from patchpact.training import TrainConfig, resume, train
from patchpact.training.federated import run as rounds
from patchpact.training.federated import server as module
from patchpact.training.federated.run import settled
from patchpact.training.federated.server import Server
from patchpact.training.federated.settings import FederatedConfig
from patchpact.training.federated.tenants import roles_of, tenant_scenarios
from patchpact.training.federated.weights import Layout
from patchpact.training.rllib.connect import start_ray
from patchpact.training.rllib.tenant_trainer import TenantTrainer

NO_PROMISE = FederatedConfig(tenants=2, rounds=1, epsilon=0.0, update_clip=0.0, subspace=0)
PRIVATE = replace(NO_PROMISE, rounds=3, epsilon=8.0, update_clip=0.3, subspace=2)
TINY = TrainConfig(
    overrides={"services": 4, "vendors": 1, "windows": 2, "motions_per_window": 2},
    num_envs=2, minibatch=512, epochs=1, hidden=4, validate_every=2, validation_episodes=2, evaluation_episodes=0,
    seed=3, federated=NO_PROMISE,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_ray() -> Iterator[None]:
    start_ray(TINY)
    yield
    ray.shutdown()


def weights(run: Path) -> np.ndarray:
    return load_file(run / "checkpoints" / "last" / "server.safetensors")["weights"]


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "progress.csv").open() as stream:
        return list(csv.DictReader(stream))


def run_of(folder: Path, **changes: Any) -> TrainConfig:
    return replace(TINY, out=str(folder / "run"), **changes)


def test_one_round_is_the_plain_average_of_local_updates(tmp_path: Path) -> None:
    run = train(run_of(tmp_path), progress=False)
    config = settled(run_of(tmp_path))
    trainer = TenantTrainer(roles_of(config))
    start = trainer.networks()
    layout = Layout.of(start)
    before, start = layout.vector(start), layout.networks(layout.vector(start))
    updates = []
    for number, scenario in enumerate(tenant_scenarios(config)):
        after, _ = trainer.train_on([scenario], start, {}, number, 0, 1)
        updates.append(layout.vector(after) - before)
    again, _ = trainer.train_on([tenant_scenarios(config)[0]], start, {}, 0, 0, 1)
    trainer.close()
    assert np.abs(updates[0] - updates[1]).max() > 1e-4, "tenants differ"
    assert (layout.vector(again) - before == updates[0]).all(), "nothing of the tenant before is left in the trainer"
    np.testing.assert_allclose(weights(run) - before, np.mean(updates, 0), atol=1e-6)
    assert len(load_policy(run)) == 3 and (run / "report.html").exists()
    assert rows(run)[-1]["epsilon"] == "inf"


def test_policies_alone_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    came: list[list[np.ndarray]] = []
    step = Server.step

    def listen(self: Server, updates: Any, directions: Any) -> float:
        came.append(list(updates))
        return step(self, updates, directions)

    monkeypatch.setattr(Server, "step", listen)
    run = train(run_of(tmp_path, baseline="value", critic="central"), progress=False)
    policies = [load_file(file) for file in sorted((run / "policy").glob("*.safetensors"))]
    size = sum(tensor.size for policy in policies for tensor in policy.values())
    assert [len(update) for update in came[0]] == [size, size] and len(weights(run)) == size
    checkpoints = run / "checkpoints"
    own = [load_file(file) for file in sorted((checkpoints / "last" / "tenants").iterdir())]
    assert len(own) == 2
    assert any((own[0][name] != own[1][name]).any() for name in own[0]), "each tenant has a value network of its own"
    assert not (checkpoints / "best" / "tenants").exists() and not (run / "policy" / "tenants").exists()
    told = set(rows(run)[0])
    assert told == {
        "iteration", "timesteps", "seconds", "env_steps_per_second", "validation", "round", "epsilon", "delta",
        "update_norm",
    }, "nothing of what tenants earn"  # fmt: skip


@pytest.mark.slow
def test_a_killed_run_goes_on_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    federated = replace(NO_PROMISE, rounds=3, server_momentum=0.5)
    unbroken = train(run_of(tmp_path / "a", federated=federated, baseline="value"), progress=False)
    with monkeypatch.context() as patched:
        patched.setattr(Server, "step", _fails_at(2, Server.step))
        with pytest.raises(RuntimeError, match="killed"):
            train(run_of(tmp_path / "b", federated=federated, baseline="value"), progress=False)
    with monkeypatch.context() as patched:  # the next time between saving the round and telling of it
        patched.setattr(rounds.Rounds, "_after", _fails_at(1, rounds.Rounds._after))
        with pytest.raises(RuntimeError, match="killed"):
            resume(tmp_path / "b" / "run", progress=False)
    broken = resume(tmp_path / "b" / "run", progress=False)
    assert (weights(broken) == weights(unbroken)).all()
    names = ("iteration", "timesteps", "round", "validation", "update_norm")
    assert [[r[n] for n in names] for r in rows(broken)] == [[r[n] for n in names] for r in rows(unbroken)]
    for number in range(2):
        files = [run / "checkpoints" / "last" / "tenants" / f"{number}.safetensors" for run in (broken, unbroken)]
        assert files[0].read_bytes() == files[1].read_bytes()


def _fails_at(call: int, function: Any) -> Any:
    calls = []

    def failing(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            raise RuntimeError("killed")
        return function(*given)

    return failing


@pytest.mark.slow
def test_a_round_killed_after_its_charge_is_paid_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = run_of(tmp_path, federated=PRIVATE, evaluation_episodes=2, evaluation_policies=("do-nothing",))
    with monkeypatch.context() as patched:
        patched.setattr(module, "gaussian", _fails_at(2, module.gaussian))
        with pytest.raises(RuntimeError, match="killed"):
            train(config, progress=False)
    run = Path(config.out)
    account = json.loads((run / "ledger.json").read_text())
    assert len(account["entries"]) == 2 and len(rows(run)) == 1
    assert account["unit"].startswith("a tenant")
    for _ in range(2):  # round 2 is charged again, round 3 does not fit any more, and never will
        with pytest.raises(BudgetError, match=r"budget: epsilon .* is spent"):
            resume(run, progress=False)
        assert [row["round"] for row in rows(run)] == ["1", "2"]
    found = Ledger(run / "ledger.json", 8.0, PRIVATE.delta, account["unit"])
    assert len(found.releases) == 3
    assert float(rows(run)[-1]["epsilon"]) == pytest.approx(found.spent(), rel=1e-4) and found.spent() <= 8.0
    assert len(load_policy(run)) == 3 and (run / "report.html").exists(), "what was released can be used"
    first = json.loads((run / "evaluation.json").read_text())
    assert [row["epsilon"] for row in first] == ["", rows(run)[-1]["epsilon"]], "the price stands beside the score"


@pytest.mark.slow
def test_runs_on_the_same_tenants_share_an_account(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = replace(PRIVATE, rounds=1, ledger=str(tmp_path / "account.json"))
    first = train(run_of(tmp_path / "a", federated=shared), progress=False)
    before = (tmp_path / "account.json").read_bytes()
    with pytest.raises(BudgetError):
        train(run_of(tmp_path / "b", federated=shared), progress=False)
    assert (tmp_path / "account.json").read_bytes() == before and not (tmp_path / "b").exists()
    again = train(run_of(tmp_path / "c", federated=replace(shared, ledger="")), progress=False)
    assert (weights(first) != weights(again)).mean() > 0.1, "equal seeds, other noise, in all that was trained"
    arguments = ["train", "--federated", "--tenants", "2", "--rounds", "1", "--subspace", "0", "--quiet"]
    given = ["--ledger", shared.ledger, "--out", str(tmp_path / "d"), "--num-envs", "2", "--hidden", "4"]
    changes = [f"--set={name}={value}" for name, value in TINY.overrides.items()]
    assert main([*arguments, *given, *changes]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and "budget: epsilon" in told[0] and "account.json" in told[0]
