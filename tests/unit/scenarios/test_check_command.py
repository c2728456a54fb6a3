"""`patchpact check` finds unknown rules and roles, and shows the registered ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patchpact.cli.main import main
from patchpact.envs.core.pack import choices
from patchpact.scenarios import PARAMETERS

RULES = [parameter.name for parameter in PARAMETERS.values() if parameter.type == "rule"]


@pytest.mark.parametrize("name", RULES)
def test_registered_names_are_the_range_of_a_rule(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "toy-v1", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["parameters"]}
    assert rows[name]["low"].split("|") == list(choices(name))
    assert rows[name]["value"] in choices(name)
    assert main(["check", "toy-v1"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.split()[:1] == [name])
    assert "|".join(choices(name)) in line


@pytest.mark.parametrize("name", RULES)
def test_an_unknown_rule_is_an_error(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = choices(name)[0] + "x"
    assert main(["check", "toy-v1", "--set", f"{name}={wrong}"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert len(err.splitlines()) == 1
    assert f"toy-v1: {PARAMETERS[name].network}.{name}: '{wrong}' is unknown; did you mean" in err


def test_the_file_is_named(
    shop: dict[str, Any], write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(shop | {"governance": {"voting": "majorty"}})
    assert main(["check", str(path)]) == 2
    assert f"{path}: governance.voting: 'majorty' is unknown; did you mean 'majority'?" in capsys.readouterr().err
    shop["agents"].append({"name": "vendr_0"})
    path = write(shop)
    assert main(["check", str(path)]) == 2
    assert f"{path}: agents.vendr_0.role: 'vendr' is unknown; did you mean 'vendor'?" in capsys.readouterr().err


def test_assumptions_are_listed(
    shop: dict[str, Any], write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    del shop["graph"]["nodes"][0]["replicas"]
    assert main(["check", str(write(shop))]) == 0
    out, err = capsys.readouterr()
    assert "replicas of services (1): 1 for stores and queues, 2 for others" in out
    assert not err
