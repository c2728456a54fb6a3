"""``patchpact bench`` and ``patchpact evaluate`` print what machines and people expect."""

import json

import pytest

from patchpact.cli.main import main


@pytest.mark.parametrize("what", ["core", "env"])
def test_bench(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bench", what, "--scenario", "toy-v1", "--num-envs", "8", "--threads", "2", "--seconds", "0.1"]
    assert main([*arguments, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["scenario"] == "toy-v1"
    assert row["num_envs"] == (8 if what == "core" else 1)
    assert row["threads"] == (2 if what == "core" else 1)
    assert row["env_steps_per_second"] > row["windows_per_second"] > 0
    assert main(arguments) == 0
    assert "env_steps_per_second" in capsys.readouterr().out


def test_evaluate(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", "--scenario", "toy-v1", "--policy", "random", "--policy", "kev-first", "--episodes", "4"]
    assert main([*arguments, "--seed", "5", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["policy"] for row in rows] == ["random", "kev-first"]
    needed = "scenario policy episodes welfare_keur welfare_low welfare_high risk_left_keur downtime_hours spend_keur"
    for row in rows:
        assert set(needed.split()) <= set(row)
    assert main([*arguments, "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("| scenario")
    assert main([*arguments, "--versus", "random"]) == 0
    said = capsys.readouterr().out
    assert "ahead_keur" in said and said.rstrip().endswith("; ahead: of random in them.")


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["evaluate"], "add --scenario"),
        (["evaluate", "--scenario", "toy-v1"], "add --policy"),
        (["evaluate", "--scenario", "toy-v1", "--policy", "radnom"], "did you mean 'random'"),
        (["evaluate", "--scenario", "toy-v1", "--policy", "random", "--episodes", "0"], "whole number from 1"),
    ],
)
def test_bad_input(arguments: list[str], mend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert mend in err
