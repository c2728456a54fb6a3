"""What is sent to runners on other machines."""

from pathlib import Path

import pytest

pytest.importorskip("ray")
from patchpact.scenarios import Scenario
from patchpact.training import TrainConfig
from patchpact.training.rllib.trainer import env_config


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_file_of_the_user_s_goes_along_a_bundled_one_by_name(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    file.write_text('{"nodes": [{"id": "web"}, {"id": "db"}], "links": [{"source": "web", "target": "db"}]}')
    config = TrainConfig(scenario=("toy-v1", str(file)), overrides={"windows": 3})
    (bundled, changes), (own, none) = env_config(config, ["it"])["worlds"]
    assert (bundled, changes) == ("toy-v1", {"incident_loss": "expected", "windows": 3})
    assert isinstance(own, Scenario)
    assert own.parameters["windows"] == 3
    assert none == {}
