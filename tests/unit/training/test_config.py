"""Run settings: round trip and one-line refusals."""

import pytest

from patchpact.training import TrainConfig
from patchpact.training.run import with_rollout_length


def test_round_trip() -> None:
    config = TrainConfig(scenario=("a", "b"), reward=0.5, overrides={"windows": 4})
    assert TrainConfig.from_json(config.to_json()) == config


def test_reward_shares() -> None:
    assert TrainConfig(reward="own").welfare_share == 0.0
    assert TrainConfig(reward="welfare").welfare_share == 1.0
    assert TrainConfig(reward="0.3").welfare_share == 0.3


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"timesteps": 0}, "timesteps"),
        ({"reward": "greed"}, "reward"),
        ({"reward": 1.5}, "reward"),
        ({"lr": -1.0}, "lr"),
        ({"num_envs": 2.5}, "num_envs"),
        ({"incident_loss": "none"}, "incident_loss"),
        ({"scenario": ()}, "scenario"),
        ({"critic": "global", "baseline": "value"}, "critic"),
        ({"critic": "central"}, "critic"),
        ({"critic": "central", "baseline": "value", "runner": "stock"}, "critic"),
        ({"memory": "lstm"}, "memory"),
        ({"memory": "gru", "baseline": "value", "runner": "stock"}, "memory"),
        ({"memory_length": 0}, "memory_length"),
        ({"imitate_timesteps": 0}, "imitate_timesteps"),
        ({"scenario": ("toy-v1", "boutique-v1"), "graphs": 3, "num_envs": 4}, "num_envs"),
    ],
)
def test_bad_values_are_named(values: dict, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        TrainConfig(**values)


def test_unknown_setting_suggests_the_closest() -> None:
    with pytest.raises(ValueError, match="did you mean 'timesteps'"):
        TrainConfig.from_json('{"timestep": 3}')


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"runner": "stock", "baseline": "value", "num_learners": 1}, "num_learners"),
        ({"runner": "stock", "baseline": "value", "num_gpus_per_learner": 1}, "num_gpus_per_learner"),
        ({"num_gpus_per_learner": -1}, "num_gpus_per_learner"),
        ({"num_learners": 1.5}, "num_learners"),
        ({"ray_address": "ray://10.0.0.5:10001"}, "ray_address"),
    ],
)
def test_places_that_cannot_be_are_refused(values: dict, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        TrainConfig(**values)


def test_a_rollout_is_as_long_as_the_longest_episode_drawn_graphs_included() -> None:
    short, drawn = TrainConfig(scenario="toy-v1"), TrainConfig(scenario="toy-v1", graphs=2)
    assert with_rollout_length(short).rollout_length == 2 * 3 * 2
    assert with_rollout_length(drawn).rollout_length == 2 * 12 * 4


def test_rllib_s_evaluation_is_no_setting_of_a_run() -> None:
    with pytest.raises(ValueError, match="evaluation_interval: unknown setting"):
        TrainConfig.from_json('{"evaluation_interval": 1}')
