"""From a compose file and a Trivy report to a plan in three commands."""

import csv
import json
from pathlib import Path

import pytest

from patchpact.cli.main import main

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"


def test_three_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph, scenario, plan = (tmp_path / name for name in ("shop.json", "shop.yaml", "plan.json"))
    assert main(["import", "graph", str(SHOP / "compose.yaml"), "--out", str(graph)]) == 0
    content = json.loads(graph.read_text())
    assert len(content["nodes"]) == 6
    assert {(edge["source"], edge["target"]) for edge in content["edges"]} >= {
        ("storefront", "basket"), ("basket", "basket-cache"), ("checkout", "orders-db"),
    }  # fmt: skip

    findings = str(SHOP / "trivy.json")
    command = ["import", "scenario", "--graph", str(graph), "--findings", findings, "--out", str(scenario)]
    assert main(command) == 0
    with scenario.with_name("shop_findings.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["service"] for row in rows} == {node["id"] for node in content["nodes"]}
    assert "CVE-2021-44228" in {row["cve"] for row in rows if row["service"] == "checkout"}

    capsys.readouterr()
    assert main(["plan", "--scenario", str(scenario), "--rollouts", "4", "--out", str(plan)]) == 0
    told = json.loads(plan.read_text())
    assert "log4j-core" in json.dumps(told)
    assert "not-a-real-one" not in "".join(
        path.read_text() for path in tmp_path.iterdir()
    )  # the compose file's password
