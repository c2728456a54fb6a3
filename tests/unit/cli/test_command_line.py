"""What all commands keep to: help, one-line errors with a mend, exit statuses, quiet ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from patchpact import __version__
from patchpact.cli import main as main_module
from patchpact.cli.main import main
from patchpact.cli.registry import COMMANDS, Command


def fake(monkeypatch: pytest.MonkeyPatch, action: Any) -> None:
    """A command ``do`` that does ``action``."""

    def run(args: Any) -> int:
        return action() or 0

    module = SimpleNamespace(__doc__="Do.", configure=lambda parser: None, run=run)
    monkeypatch.setattr(main_module, "COMMANDS", (*COMMANDS, Command("do", "do", "do it")))
    real = main_module.import_module
    monkeypatch.setattr(main_module, "import_module", lambda name: module if name == "do" else real(name))


def raising(error: BaseException) -> Any:
    def action() -> int:
        raise error

    return action


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"usage: patchpact {command}")
    assert not err


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        assert main(arguments) == 0
        out = capsys.readouterr().out
        assert all(f"  {command.name}" in out for command in COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"patchpact {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["scenaros"], "did you mean scenarios?"),
        (["--versio"], "did you mean --version?"),
        (["xyz"], "see patchpact --help"),
        (["scenarios", "--jsn"], "did you mean --json?"),
        (["scenarios", "extra"], "see patchpact scenarios --help"),
        (["check"], "see patchpact check --help"),
        (["check", "boutique-v"], "did you mean 'boutique-v1'?"),
        (["check", "no/such.yaml"], ";"),
        (["check", "toy-v1", "--set", "widows=3"], "did you mean 'windows'?"),
        (["check", "toy-v1", "--set", "windows"], "is not NAME=VALUE"),
        (["check", "toy-v1", "--set", "windows=-1"], "write a whole number"),
        (["check", "toy-v1", "--episodes", "many"], "is not a whole number from 2 on"),
        (["bench", "cor"], "choose from"),
        (["bench", "core", "--seconds", "nan"], "is not a number above 0"),
        (["train", "--timesteps", "-5"], "is not a whole number"),
        (["train", "--timestep", "5"], "did you mean --timesteps?"),
        (["train", "--reward", "most"], "own, welfare"),
        (["train", "--resume"], "--resume --out DIR"),
        (["train", "--resume", "a", "--out", "b"], "name the run once"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str],
    mend: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert err.startswith("patchpact")
    assert mend in err
    assert not list(tmp_path.iterdir())


def test_resume_where_no_run_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["train", "--resume", "--out", str(tmp_path / "none")]) == 2
    assert "no run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (KeyboardInterrupt(), 130, "patchpact do: stopped"),
        (ValueError("file: field: wrong; mend it"), 2, "patchpact do: file: field: wrong; mend it"),
        (ValueError("two\nlines"), 2, "patchpact do: two lines"),
        (OSError(28, "No space left on device", "out"), 2, "patchpact do: out: no space left on the disk"),
        (OSError(28, "No space left on device"), 2, "patchpact do: no space left on the disk"),
        (PermissionError(13, "Permission denied", "out"), 2, "out: Permission denied; check the permissions"),
        (ModuleNotFoundError("No module named 'ray'", name="ray"), 2, "pip install 'patchpact[train]'"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
    ],
)
def test_failures(
    error: BaseException,
    status: int,
    text: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake(monkeypatch, raising(error))
    assert main(["do"]) == status
    err = capsys.readouterr().err
    assert text in err
    assert err.count("\n") == (1 if text else 0)


@pytest.mark.parametrize("error", [KeyError("x"), AssertionError(), ModuleNotFoundError("x", name="other")])
def test_faults_of_our_own_keep_their_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, raising(error))
    with pytest.raises(type(error)):
        main(["do"])


def test_warnings_tell_no_place_in_the_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import warnings

    fake(monkeypatch, lambda: warnings.warn("mind this", UserWarning, stacklevel=1))
    assert main(["do"]) == 0
    assert capsys.readouterr().err == "patchpact: warning: mind this\n"


def test_the_console_script_and_the_module_agree(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "patchpact", "--version"]
    assert subprocess.check_output(command, cwd=tmp_path, text=True) == f"patchpact {__version__}\n"
    script = Path(sys.executable).with_name("patchpact")
    if script.exists():
        assert subprocess.check_output([script, "--version"], cwd=tmp_path, text=True) == f"patchpact {__version__}\n"


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "patchpact", "scenarios"]
    done = subprocess.run(command, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert done.returncode == 141
    assert not done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "patchpact", "scenarios", "--json"]
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no space left" in done.stderr


def test_ctrl_c_is_one_line(tmp_path: Path) -> None:
    code = """
import sys, time
from types import ModuleType
import patchpact.cli.main as m
from patchpact.cli.registry import Command
do = ModuleType("do", "Do.")
do.configure = lambda parser: None
def run(args):
    print("ready", flush=True)
    time.sleep(60)
do.run = run
sys.modules["do"] = do
m.COMMANDS = (Command("do", "do", "do it"),)
sys.argv = ["patchpact", "do"]
m.entry_point()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background shells start us deaf to it
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == "patchpact do: stopped\n"


def test_scenarios_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenarios", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) >= 7
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert {"id", "title", "services", "edges", "patches", "findings", "agents"} <= set(row)


def test_check_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "toy-v1", "--json", "--set", "loss_multiplier=2"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["id"] == "toy-v1"
    assert report["consistent"] is True
    values = {row["name"]: row["value"] for row in report["parameters"]}
    assert values["loss_multiplier"] == 2
    assert {"unit", "default", "low", "high", "source", "description"} <= set(report["parameters"][0])


def test_check_prints_all(capsys: pytest.CaptureFixture[str]) -> None:
    from patchpact.scenarios import PARAMETERS

    assert main(["check", "toy-v1"]) == 0
    out = capsys.readouterr().out
    assert "is consistent" in out
    assert all(name in out for name in PARAMETERS)


def test_check_of_an_own_graph_lists_the_assumptions(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    graph = {
        "directed": True,
        "nodes": [{"id": "web", "exposed": True}, {"id": "db"}],
        "edges": [{"source": "web", "target": "db"}],
    }
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(graph), encoding="utf-8")
    assert main(["check", str(file)]) == 0
    out, err = capsys.readouterr()
    assert "Assumptions" in out
    assert not err


@pytest.mark.parametrize(("passed", "status"), [(True, 0), (False, 1)])
def test_check_game_tells_by_its_status(
    passed: bool, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def check_game(scenario: Any, episodes: int, seed: int) -> dict[str, Any]:
        return {
            "scenario": scenario.id,
            "episodes": episodes,
            "seed": seed,
            "passed": passed,
            "checks": [{"name": "best heuristic", "value": 0.5, "passed": passed}],
            "scores": {"random": {"score": 0.1}, "greedy": {"score": float("nan")}},
        }

    monkeypatch.setitem(sys.modules, "patchpact.training.game_check", SimpleNamespace(check_game=check_game))
    assert main(["check", "toy-v1", "--game", "--episodes", "4"]) == status
    assert "best heuristic" in capsys.readouterr().out
    assert main(["check", "toy-v1", "--game", "--episodes", "4", "--json"]) == status
    game = json.loads(capsys.readouterr().out)["game"]
    assert game["episodes"] == 4
    assert game["scores"]["greedy"]["score"] is None


@pytest.mark.parametrize("command", ["benchmark", "evaluate", "plan", "report", "study"])
def test_help_loads_no_world(command: str) -> None:
    said = "import sys; from patchpact.cli.main import main; main(sys.argv[1:]); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", said, command, "--help"], check=True, capture_output=True)
