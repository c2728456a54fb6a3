"""The options of ``patchpact train`` follow the fields of ``TrainConfig``."""

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import patchpact.training
from patchpact.cli import train
from patchpact.cli.arguments import Parser, UsageError, setting
from patchpact.cli.main import main
from patchpact.training.config import TrainConfig
from patchpact.training.federated.settings import FederatedConfig
from patchpact.training.folder import CheckpointState, RunFolder


def parser() -> Parser:
    made = Parser(prog="patchpact train")
    train.configure(made)
    return made


def given(*arguments: str) -> dict[str, Any]:
    return train.settings_of(parser().parse(arguments))


def test_every_setting_has_an_option_with_help() -> None:
    options = {action.dest: action for action in parser()._actions}
    for field in fields(TrainConfig):
        option = options[{"overrides": "settings", "federated": "with_tenants"}.get(field.name, field.name)]
        assert option.help
        assert not option.help.startswith("(default"), f"{field.name}: no text in the docstring of TrainConfig"


def test_nothing_given_nothing_set() -> None:
    assert given() == {}
    assert TrainConfig(**given()) == TrainConfig()


def test_values_are_read() -> None:
    settings = given(
        *("--scenario", "toy-v1", "--timesteps", "1e6", "--seed", "3", "--out", "runs/x", "--reward", "0.5"),
        *(
            "--lr",
            "3e-4",
            "--evaluation-policies",
            "random, do-nothing",
            "--set",
            "windows=3",
            "--set",
            "voting=veto",
        ),
        *("--set", "value_enabled=false", "--set", "breadth_median=2e-4"),
    )
    config = TrainConfig(**settings)
    assert config.scenario == "toy-v1"
    assert config.timesteps == 1_000_000
    assert config.seed == 3
    assert config.out == "runs/x"
    assert config.welfare_share == 0.5
    assert config.lr == 3e-4
    assert config.evaluation_policies == ("random", "do-nothing")
    assert config.overrides == {
        "windows": 3,
        "voting": "veto",
        "value_enabled": False,
        "breadth_median": 2e-4,
    }


def test_several_scenarios() -> None:
    assert given("--scenario", "toy-v1", "--scenario", "boutique-v1")["scenario"] == ("toy-v1", "boutique-v1")


def test_abbreviations_are_refused() -> None:
    with pytest.raises(UsageError, match="did you mean --timesteps"):
        given("--timestep", "3")


def test_options_are_not_taken_from_the_help_text() -> None:
    assert all(isinstance(action, argparse.Action) for action in parser()._actions)
    parser().format_help()  # a stray % in a text would raise here


class Trained:
    """Stands in for ``train``: notes its arguments and leaves a run folder that reached ``iteration``."""

    def __init__(self, out: Path, iteration: int) -> None:
        self.out, self.iteration = out, iteration
        self.config: TrainConfig | None = None
        self.resume = False

    def __call__(self, config: TrainConfig, *, resume: bool = False, progress: bool = True) -> Path:
        self.config, self.resume = config, resume
        folder = RunFolder(self.out)
        if not resume:
            folder.create(config)
        state = CheckpointState(self.iteration, self.iteration, 1.0, None)
        folder.save_checkpoint("last", state, lambda place: None)
        return self.out


SMALL = [
    "--num-envs",
    "1",
    "--rollout-length",
    "8",
    "--timesteps",
    "16",
    "--evaluation-episodes",
    "0",
    "--seed",
    "5",
]


def test_the_status_tells_whether_the_run_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = ["train", "--out", str(out), *SMALL]
    stopped = Trained(out, 1)
    monkeypatch.setattr(patchpact.training, "train", stopped)
    assert main(arguments) == 130
    assert not stopped.resume

    resumed = Trained(out, 2)
    monkeypatch.setattr(patchpact.training, "train", resumed)
    assert main(["train", "--resume", str(out)]) == 0
    assert resumed.resume
    assert resumed.config is not None
    assert resumed.config.seed == 5, "a resumed run keeps its own settings"
    assert str(out) in capsys.readouterr().out
    assert main(["train", "--resume", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["run"], said["policy"], said["evaluation"]) == (str(out), str(out / "policy"), [])
    assert said["compare"][:4] == ["patchpact", "evaluate", "--scenario", "boutique-v1"]


def test_resume_takes_a_new_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    monkeypatch.setattr(patchpact.training, "train", Trained(out, 2))
    assert main(["train", "--out", str(out), *SMALL]) == 0
    longer = Trained(out, 4)
    monkeypatch.setattr(patchpact.training, "train", longer)
    assert main(["train", "--resume", "--out", str(out), "--timesteps", "32"]) == 0
    assert longer.config is not None
    assert longer.config.timesteps == 32


def test_federated_settings_are_read() -> None:
    options = {action.dest: action for action in parser()._actions}
    for field in fields(FederatedConfig):
        assert not str(options[field.name].help).startswith("(default"), f"{field.name}: no text in the docstring"
    settings = given("--federated", "--tenants", "16", "--epsilon", "2", "--participation", "0.5", "--public", "toy-v1")
    expected = FederatedConfig(tenants=16, epsilon=2.0, participation=0.5, public=("toy-v1",))
    assert TrainConfig(**settings).federated == expected


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--epsilon", "2"), "--epsilon: is of federated training; add --federated"),
        (("--federated", "--tenants", "4", "--timesteps", "99"), "--timesteps: a federated run has rounds"),
        (("--federated", "--tenants", "4", "--scenario", "toy-v1"), "--tenants draws graphs"),
        (("--federated", "--tenants", "4", "--delta", "0.3"), "delta: 0.3 is not below 1/4"),
        (("--federated", "--tenants", "4", "--public", "mine.yaml"), "public: 'mine.yaml' is no bundled scenario"),
        (("--federated",), "scenario: federated training needs two tenants or more"),
        (("--federated", "--tenants", "4", "--epsilon", "1e-9", "--delta", "1e-12"), "epsilon: 1e-09 is too little"),
    ],
)
def test_bad_federated_settings_are_told_in_a_line(
    arguments: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["train", *arguments, "--out", str(out)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and told in lines[0]
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 1e-3), ("2", 2), ("true", True), ("no", "no"), ("012", "012"), ("2026-01-01", "2026-01-01"), ("", None)],
)
def test_settings_are_read_as_files_are(text: str, value: object) -> None:
    assert setting(f"name={text}") == ("name", value)


@pytest.mark.parametrize("text", [".nan", ".inf", "[1, 2", "&a 1", "!!python/object:os.system x"])
def test_settings_that_no_file_may_have(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="name="):
        setting(f"name={text}")
