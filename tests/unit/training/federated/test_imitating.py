"""Tenants that imitate a teacher: what comes of it depends on what it is given alone, and all files are a run's."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("dp_accounting")
from patchpact.agents.policies.learned import load_policy
from patchpact.training import TrainConfig, train
from patchpact.training.federated.imitating import ImitatingTrainer
from patchpact.training.federated.run import settled
from patchpact.training.federated.settings import FederatedConfig
from patchpact.training.federated.tenants import roles_of, tenant_scenarios
from patchpact.training.federated.weights import Layout
from patchpact.training.folder import RunFolder

SMALL = TrainConfig(
    overrides={"services": 4, "vendors": 1, "windows": 2, "motions_per_window": 2},
    imitate="net-gain", num_envs=4, minibatch=32, optimizer="sgd", lr=0.5, hidden=4, prior=0.0, seed=5,
    validate_every=1, validation_episodes=2, evaluation_episodes=2, evaluation_policies=("do-nothing",),
    federated=FederatedConfig(tenants=3, rounds=2, local="imitate", subspace=2, update_clip=1.0, epsilon=4.0),
)  # fmt: skip


def test_a_tenant_learns_from_its_own_worlds_alone() -> None:
    config = settled(SMALL)
    trainer = ImitatingTrainer(roles_of(config))
    start, tenants = trainer.networks(), tenant_scenarios(config)
    layout = Layout.of(start)
    before = layout.vector(start)
    first, values = trainer.train_on([tenants[0]], start, {}, 0, 0, 1)
    other, _ = trainer.train_on([tenants[1]], start, {}, 1, 0, 1)
    again, _ = trainer.train_on([tenants[0]], start, {}, 0, 0, 1)
    assert values == {}, "there is no value network"
    assert (layout.vector(start) == before).all(), "what was sent stays as it is"
    assert (layout.vector(again) == layout.vector(first)).all()
    assert (layout.vector(other) != layout.vector(first)).any()
    assert np.linalg.norm(layout.vector(first) - before) > 0.01
    assert (layout.vector(ImitatingTrainer(roles_of(config)).networks()) == before).all(), "the start is the seed's"


def test_a_run_of_it_is_a_run(tmp_path: Path) -> None:
    run = train(replace(SMALL, out=str(tmp_path / "run")), progress=False)
    rows = RunFolder(run).progress()
    assert [row["round"] for row in rows] == ["1", "2"]
    assert float(rows[0]["epsilon"]) < float(rows[1]["epsilon"]) <= 4.0
    assert len(json.loads((run / "ledger.json").read_text())["entries"]) == 2
    assert "Mean welfare on public worlds" in (run / "report.html").read_text()
    assert set(load_policy(run)) == {"it", "business", "vendor"}
    scored = json.loads((run / "evaluation.json").read_text())
    assert [row["epsilon"] for row in scored] == ["", rows[-1]["epsilon"]]
    best = RunFolder(run).checkpoint("best")
    assert best is not None
    assert best[1].validation is not None
    assert all(best[1].validation >= float(row["validation"]) - 1e-3 for row in rows), "the start is round 0"


def test_who_takes_part_by_coin_is_not_told(tmp_path: Path) -> None:
    sampled = replace(SMALL.federated, participation=0.5, epsilon=8.0, rounds=1, noise_multiplier=5.0)
    run = train(replace(SMALL, out=str(tmp_path / "run"), federated=sampled, evaluation_episodes=0), progress=False)
    row = RunFolder(run).progress()[0]
    assert row["seconds"] == row["env_steps_per_second"] == ""
    entry = json.loads((run / "ledger.json").read_text())["entries"][0]
    assert entry["sampling_probability"] == 0.5
