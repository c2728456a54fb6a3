"""Where the networks are updated, here, in another process or on a GPU, changes nothing but the time it takes."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray")
import torch

from patchpact.agents.policies.learned import load_policy
from patchpact.training import TrainConfig, resume, train

TINY = TrainConfig(
    scenario="toy-v1",
    overrides={"windows": 2, "motions_per_window": 4},
    num_envs=4,
    timesteps=3 * 4 * 16,
    minibatch=32,
    hidden=8,
    checkpoint_every=1,
    validate_every=3,
    validation_episodes=4,
    evaluation_episodes=0,
    seed=3,
)


def numbers(run: Path) -> np.ndarray:
    """The progress table without the clock; empty entries are NaN."""
    clock = ("seconds", "env_steps_per_second")
    with (run / "progress.csv").open() as stream:
        table = list(csv.DictReader(stream))
    return np.array([[float(value or "nan") for name, value in row.items() if name not in clock] for row in table])


def curve(folder: Path, config: TrainConfig = TINY, **changes: object) -> np.ndarray:
    return numbers(train(replace(config, out=str(folder), **changes), progress=False))


@pytest.mark.cluster
def test_a_learner_elsewhere_gives_the_same_curve(tmp_path: Path) -> None:
    here, there = curve(tmp_path / "here"), curve(tmp_path / "there", num_learners=1)
    np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-5)


@pytest.mark.cluster
def test_two_learners_train_together(tmp_path: Path) -> None:
    found = curve(tmp_path / "two", num_learners=2, baseline="value")
    assert len(found) == 3
    assert load_policy(tmp_path / "two")["it"].logits is not None


def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="num_gpus_per_learner: torch sees no GPU"):
        train(replace(TINY, num_gpus_per_learner=1, out=str(tmp_path / "run")), progress=False)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("learners", [0, 1])
@pytest.mark.parametrize("baseline", ["rollout", "value"])
def test_a_gpu_gives_the_same_curve_up_to_rounding(learners: int, baseline: str, tmp_path: Path) -> None:
    cpu = curve(tmp_path / "cpu", baseline=baseline)
    gpu = curve(tmp_path / "gpu", baseline=baseline, num_learners=learners, num_gpus_per_learner=1.0)
    np.testing.assert_allclose(gpu[0], cpu[0], rtol=1e-3, atol=1e-3)  # later, rounding may turn an action
    resume(tmp_path / "gpu", timesteps=2 * TINY.timesteps, progress=False)
    assert len(numbers(tmp_path / "gpu")) == 6
    weights = [p for role in load_policy(tmp_path / "gpu").values() for p in role.network.parameters()]
    assert all(torch.isfinite(p).all() and p.device.type == "cpu" for p in weights)
