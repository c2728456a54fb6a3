"""Settings of federated training: what does not go together is told in one line."""

from dataclasses import replace
from typing import Any

import pytest

from patchpact.training.config import TrainConfig
from patchpact.training.federated.settings import FederatedConfig

TENANTS = FederatedConfig(tenants=4)
RUN = TrainConfig(federated=TENANTS)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tenants": 1}, "tenants: 1 is alone"),
        ({"rounds": 0}, "rounds: 0 is not a whole number from 1 on"),
        ({"epsilon": -1.0}, "epsilon: -1.0 is not a number from 0 to 1000"),
        ({"epsilon": float("nan")}, "epsilon: nan is not a number"),
        ({"update_clip": 0.0}, "update_clip: 0 bounds no tenant's influence"),
        ({"delta": 0.25}, "delta: 0.25 is not below 1/4"),
        ({"delta": 0.0}, "delta: 0.0 is not between 0 and 1"),
        ({"epsilon": 0.0, "noise_multiplier": 1.0}, "noise_multiplier: noise without a budget"),
        ({"participation": 0.0}, "participation: 0 asks nobody"),
        ({"server_momentum": 1.0}, "server_momentum: 1 never stops"),
        ({"public": ()}, "public: none given"),
        ({"local": "guess"}, "local: 'guess' is not ppo or imitate"),
        ({"subspace": -1}, "subspace: -1 is not a whole number"),
    ],
)
def test_bad_settings(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told) as error:
        replace(TENANTS, **given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"scenario": ("toy-v1", "boutique-v1")}, "tenants: drawn ones and scenarios were given"),
        ({"federated": FederatedConfig()}, "scenario: federated training needs two tenants or more"),
        ({"federated": FederatedConfig(), "scenario": ("toy-v1", "toy-v1")}, "scenario: one stands twice"),
        (
            {"federated": FederatedConfig(public=("toy-v1",)), "scenario": ("toy-v1", "boutique-v1")},
            "public: 'toy-v1' is a tenant's scenario; scores on it would be private",
        ),
        ({"federated": FederatedConfig(delta=0.5), "scenario": ("toy-v1", "boutique-v1")}, "delta: 0.5 is not below"),
        ({"num_env_runners": 2}, "num_env_runners: 2 with federated training"),
        ({"federated": replace(TENANTS, local="imitate")}, "local: 'imitate' needs a teacher"),
        ({"baseline": "value"}, "subspace: directions are found with baseline 'rollout'"),
        ({"graphs": 2}, "graphs: a tenant trains on its own worlds"),
        (
            {"runner": "stock", "baseline": "value", "federated": replace(TENANTS, subspace=0)},
            "runner: federated training needs the batched runner",
        ),
        ({"federated": {"round": 3}}, "federated: round: unknown setting; did you mean 'rounds'"),
    ],
)
def test_what_does_not_go_together(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(RUN, **given)


def test_settings_are_written_and_read() -> None:
    run = replace(RUN, federated=FederatedConfig(tenants=9, public=("toy-v1", "generated-v1"), epsilon=2.0))
    assert TrainConfig.from_json(run.to_json()) == run
    assert TrainConfig.from_json(TrainConfig().to_json()).federated is None


def test_scores_are_of_public_worlds_alone() -> None:
    run = TrainConfig(scenario=("toy-v1", "boutique-v1"), federated=FederatedConfig())
    assert run.scored == ("generated-v1",)
    assert TrainConfig(scenario="toy-v1").scored == ("toy-v1",)
