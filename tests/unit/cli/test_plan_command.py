"""``patchpact plan`` prints or writes a plan, and says what is wrong in one line."""

import csv
import json
from pathlib import Path

import pytest

from patchpact.cli.main import main

FEW = ("--rollouts", "2")


def test_it_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--scenario", "toy-v1", "--policy", "net-gain", *FEW]) == 0
    out, err = capsys.readouterr()
    assert not err
    assert "planned by net-gain" in out
    assert "api/api-runtime" in out
    assert "cvss-first" in out
    assert "costs more than it saves" in out


def test_it_writes_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / f"plan.{ending}" for ending in ("html", "md", "csv", "json")]
    outs = [part for file in files for part in ("--out", str(file))]
    assert main(["plan", "--scenario", "boutique-v1", "--policy", "myopic-selfish", *FEW, *outs]) == 0
    assert capsys.readouterr().out == "".join(f"{file}: written\n" for file in files)
    told = json.loads(files[3].read_text())
    patches = [one["patch"] for window in told["windows"] for one in window["patches"]]
    with files[2].open(encoding="utf-8", newline="") as stream:
        assert [row["patch"] for row in csv.DictReader(stream)] == patches
    assert all(name in files[0].read_text(encoding="utf-8") for name in patches)
    assert told["policy"] == "myopic-selfish"
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_json_and_settings(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["plan", "--scenario", "toy-v1", *FEW, "--seed", "5", "--baseline", "epss-first", "--json"]
    assert main([*command, "--set", "windows=2"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["seed"], told["rollouts"], told["baseline"], len(told["windows"])) == (5, 2, "epss-first", 2)


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["--policy", "net-gian"], "did you mean 'net-gain'?"),
        (["--policy", "informd"], "did you mean 'informed'?"),
        (["--baseline", "cvs-first"], "did you mean 'cvss-first'?"),
        (["--policy", "clairvoyant"], "name a policy or planner"),
        (["--rollouts", "1"], "whole number from 2 on"),
        (["--seed", "-1"], "whole number from 0 on"),
        (["--out", "plan.pdf"], "is no .html or .md or .csv or .json file; name one"),
        (["--out", "no/such/folder/plan.md"], "make it first"),
        (["--set", "window=3"], "did you mean"),
        (["--rollout", "3"], "did you mean --rollouts?"),
    ],
)
def test_bad_arguments(arguments: list[str], mend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--scenario", "toy-v1", *arguments]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert err.startswith("patchpact plan: ")
    assert mend in err


def test_bad_scenarios(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for scenario, mend in (("botique-v1", "did you mean 'boutique-v1'?"), (str(tmp_path / "none.yaml"), "none.yaml")):
        assert main(["plan", "--scenario", scenario]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and mend in err
    assert main(["plan"]) == 2
    assert "--scenario" in capsys.readouterr().err


def test_what_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.html").mkdir()
    assert main(["plan", "--scenario", "toy-v1", *FEW, "--out", str(tmp_path / "plan.html")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "is a folder; name a file in it" in err
