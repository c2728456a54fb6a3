"""Flower's FedAvg strategy averages as our own line does. Flower is installed apart: few need it."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
COMPARE = """
import numpy as np
from patchpact.ecosystem.federated.fedavg import train, weighted_average
from patchpact.ecosystem.federated.flower import flower_average
from patchpact.ecosystem.federated.market import Market, draw_persons, draw_tenants
from patchpact.ecosystem.federated.model import Training, examples
from patchpact.ecosystem.federated.noise import SeededNoise

rng = np.random.default_rng(0)
persons, _ = draw_persons(Market(), draw_tenants(Market(), 4, rng), np.array([50, 200, 400, 90]), rng)
for training in (Training(rounds=6), Training(rounds=6, participation=0.5)):
    own, flower = (
        train(examples(persons), np.array([50.0, 200.0, 400.0, 90.0]), training, 0.0, SeededNoise(1), None, average=one)
        for one in (weighted_average, flower_average)
    )
    assert np.abs(own.weights).max() > 1e-3
    np.testing.assert_allclose(flower.weights, own.weights, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(flower.without, own.without, rtol=0.0, atol=1e-12)
"""


def test_without_flower_one_line_says_how_to_get_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from patchpact.cli.main import main

    if find_spec("flwr") is not None:
        pytest.skip("it is installed")
    lines = ["tenant,person,group,touches,treated,converted,order_eur,activity,tenure"]
    lines += [f"t{n % 2},p{n},0,web,{n % 2},{n // 2 % 2},{20.0 * (n // 2 % 2)},0.5,0.5" for n in range(40)]
    (tmp_path / "persons.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert main(["calibrate", "federated", "--data", str(tmp_path / "persons.csv"), "--average", "flower"]) == 2
    assert "install it with: pip install 'patchpact[flower]'" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["persons.csv"], "nothing was charged"
    assert main(["calibrate", "federated", "--average", "flower"]) == 2
    assert "--average: belong to --data" in capsys.readouterr().err


@pytest.mark.slow
def test_flower_averages_as_we_do(tmp_path: Path) -> None:
    install = [
        "install",
        "-q",
        "-c",
        str(ROOT / "constraints.txt"),
        "--target",
        str(tmp_path / "flower"),
        "flwr>=1.41,<2",
    ]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, timeout=900)
    paths = os.pathsep.join([str(tmp_path / "flower"), os.environ.get("PYTHONPATH", "")])
    subprocess.run([sys.executable, "-c", COMPARE], check=True, timeout=300, env={**os.environ, "PYTHONPATH": paths})
