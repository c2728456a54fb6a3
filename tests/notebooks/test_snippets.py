"""What CONTRIBUTING.md shows of a role, a baseline and the README's picture works as it stands there."""

import inspect
import re
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest

import patchpact
from patchpact.agents.roles import ROLE_MODULES
from patchpact.agents.roles.ledger import KINDS


@pytest.fixture(scope="module")
def snippets(repository: Path) -> list[str]:
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.findall(r"^```py\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def executed(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "shown"}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    return names


def test_the_role_has_what_a_role_needs(snippets: list[str]) -> None:
    role = executed(snippets[0])
    assert role["NAME"] not in {module.NAME for module in ROLE_MODULES}
    assert len(role["LEVERS"]) == len(role["LEVER_KINDS"])
    assert set(role["LEVER_KINDS"]) <= set(KINDS)
    for module in ROLE_MODULES:
        for function in ("interest", "mask_levers", "apply_lever"):
            asked = inspect.signature(getattr(module, function).py_func)
            assert inspect.signature(role[function].py_func) == asked
    arguments = dict.fromkeys(inspect.signature(role["interest"].py_func).parameters, 0.0)
    assert role["interest"](*{**arguments, "gain": 7.0}.values()) == 7.0


def test_the_baseline_plays(snippets: list[str]) -> None:
    (policy,) = (
        value for name, value in executed(snippets[1]).items() if getattr(value, "NAME", None) == "shortest-first"
    )
    (row,) = patchpact.evaluate("toy-v1", [policy], episodes=2)
    assert row["patches_done"] > 0


def test_the_picture_in_the_readme(
    snippets: list[str], repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = repository / "docs" / "boutique.png"
    assert kept.stat().st_size < 250_000
    assert "](docs/boutique.png)" in (repository / "README.md").read_text(encoding="utf-8")
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    executed(snippets[2])
    made = matplotlib.image.imread(tmp_path / "docs" / "boutique.png")
    assert made.shape == matplotlib.image.imread(kept).shape
