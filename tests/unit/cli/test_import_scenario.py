"""`patchpact import scenario` and `patchpact check` on what it read and wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from patchpact.cli.main import main

SHOP = Path(__file__).resolve().parents[3] / "examples" / "shop"
REPORTS = [str(SHOP / name) for name in ("trivy.json", "semgrep.sarif", "zap.json", "openvex.json")]


def imported(out: Path, *more: str) -> int:
    return main(
        ["import", "scenario", "--graph", str(SHOP / "graph.json"), "--findings", *REPORTS, "--out", str(out), *more]
    )


def test_import_prints_what_was_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(tmp_path / "s.yaml") == 0
    out, err = capsys.readouterr()
    assert not err
    assert "6 services, 8 calls" in out
    assert "unmatched (1): " in out
    assert "suppressed: CVE-2021-45046 by Corner Shop security" in out


def test_import_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(tmp_path / "s.yaml", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["counts"]["services"] == 6
    assert [entry["id"] for entry in report["suppressed"]] == ["CVE-2021-45046"]
    assert len(report["unmatched"]) == report["counts"]["unmatched"] == 1


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mapping = tmp_path / "map.yaml"
    mapping.write_text("- {service: baskt, image: x}\n")
    assert imported(tmp_path / "s.yaml", "--mapping", str(mapping)) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert f"{mapping}: [0].service: no service 'baskt' in the graph; did you mean 'basket'?" in err
    assert list(tmp_path.iterdir()) == [mapping]


def checked(capsys: pytest.CaptureFixture[str], *files: str) -> Any:
    assert main(["check", *files, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_check_explains_the_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(tmp_path / "s.yaml", "--json")
    capsys.readouterr()
    report = checked(capsys, str(tmp_path / "s.yaml"))
    assert report["kind"] == "scenario"
    assert report["consistent"]
    sources = {row["what"]: row["source"] for row in report["assumed"]}
    assert len(sources) <= len(report["assumptions"])
    assert "ASSUMPTION" in sources["effort_hours of patches"]
    assert main(["check", str(tmp_path / "s.yaml")]) == 0
    assert "[modelling choice (ASSUMPTION)]" in " ".join(capsys.readouterr().out.split())


def test_check_takes_any_files(capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(SHOP / "compose.yaml"), REPORTS[0], "toy-v1"]
    reports = checked(capsys, *files)
    assert [report["kind"] for report in reports] == ["graph", "findings", "scenario"]
    assert reports[0]["facts"]["calls"] == 8
    assert main(["check", *files]) == 0
    out = capsys.readouterr().out
    assert f"# {files[1]}" in out
    assert "a fixed version: 1 of 17 findings" in " ".join(out.split())
    assert "The scenario is consistent." in out


@pytest.mark.parametrize("option", [["--game"], ["--findings"], ["--set", "windows=3"]])
def test_options_of_scenarios_are_refused_elsewhere(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", REPORTS[0], *option]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"{option[0]}: {REPORTS[0]} is a report, not a scenario; make one with patchpact import scenario" in err


def test_check_ranks_findings(capsys: pytest.CaptureFixture[str]) -> None:
    report = checked(capsys, "toy-v1", "--findings")
    risks = [row["risk_keur"] for row in report["findings"]]
    assert risks == sorted(risks, reverse=True)
    assert main(["check", "toy-v1", "--findings"]) == 0
    out = capsys.readouterr().out
    assert "Findings by risk: probability x exploitability (a window) x loss on this graph" in out
    assert report["findings"][0]["cve"] in out


def test_names_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = json.loads(Path(REPORTS[0]).read_text())
    report["Resources"][0]["Results"][0]["Vulnerabilities"][0]["Severity"] = "\x1b]0;owned\x07"
    hostile = tmp_path / "trivy.json"
    hostile.write_text(json.dumps(report))
    assert main(["check", str(hostile)]) == 0
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "\x07" not in out + err
