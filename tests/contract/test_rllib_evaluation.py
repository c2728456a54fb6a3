"""RLlib's own evaluation plays on the batched runner; patchpact's runs validate with ``training.validate`` instead."""

from typing import Any

import pytest

pytest.importorskip("ray")
from patchpact.training import TrainConfig
from patchpact.training.config import roles_played
from patchpact.training.rllib.connect import start_ray
from patchpact.training.rllib.trainer import build_config
from patchpact.training.run import with_rollout_length

CONFIG = TrainConfig(
    scenario="toy-v1", overrides={"windows": 2, "motions_per_window": 4}, num_envs=4, minibatch=32, hidden=8
)


def evaluated(training_runners: int, evaluation_runners: int, **options: Any) -> dict[str, Any]:
    """What RLlib's evaluation tells after one iteration of training."""
    import ray

    config = with_rollout_length(CONFIG)
    start_ray(TrainConfig(num_env_runners=training_runners + evaluation_runners))
    try:
        made = build_config(config, roles_played(config)).env_runners(num_env_runners=training_runners)
        algorithm = made.evaluation(
            evaluation_interval=1, evaluation_num_env_runners=evaluation_runners, **options
        ).build_algo()
        result = algorithm.train()
        algorithm.stop()
    finally:
        ray.shutdown()
    assert result["env_runners"]["num_env_steps_sampled"] == 4 * 16 * max(1, training_runners)
    found: dict[str, Any] = result["evaluation"]["env_runners"]
    return found


@pytest.mark.slow
def test_in_this_process() -> None:
    found = evaluated(0, 0, evaluation_duration=10, evaluation_duration_unit="episodes")
    assert found["num_episodes"] == 12  # whole rollouts of 4 worlds, each an episode
    assert found["num_env_steps_sampled"] == 12 * 16
    assert found["welfare_keur_count"] == 12
    assert found["welfare_keur_sum"] < 0.0


@pytest.mark.cluster
def test_in_runners_of_its_own_beside_training() -> None:
    options = {"explore": False}
    found = evaluated(1, 2, evaluation_duration=16, evaluation_duration_unit="episodes", evaluation_config=options,
                      evaluation_parallel_to_training=True)  # fmt: skip
    assert found["num_episodes"] == 16
    assert found["num_env_steps_sampled"] == 16 * 16
