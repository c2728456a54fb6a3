"""docs/platform.md: its results are the table's, and its code runs as it stands there."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from patchpact.ecosystem.modules import load_modules
from patchpact.ecosystem.service.uploads import view_of

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "platform.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_results_are_the_table_s() -> None:
    spec = importlib.util.spec_from_file_location("write_platform", ROOT / "tools" / "write_platform.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page(PAGE, load_modules()) == PAGE


def test_the_upload_is_read() -> None:
    (text,) = blocks("json")
    view = view_of(json.loads(text), "t")
    assert view.calendar == ("normal", "quiet", "peak") and len(view.scenario.patches) == 1


@pytest.mark.parametrize("number", [0, 1])
def test_the_python_runs(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    found: dict = {}
    exec(compile(blocks("python")[number], "platform.md", "exec"), found)
    if number == 1:
        found["service"].upload("me", json.loads(blocks("json")[0]))
        (plan,) = found["service"].plans("me", "one-by-one")
        assert plan.steps[0].patch == "web/http"


def test_commands_are_there() -> None:
    from patchpact.cli.registry import COMMANDS

    known = {command.name for command in COMMANDS}
    assert set(re.findall(r"(?:`|^)patchpact ([a-z]+)", PAGE, re.MULTILINE)) <= known
