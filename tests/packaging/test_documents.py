"""What the README and CONTRIBUTING.md show works as it stands there."""

import re
import sys
from pathlib import Path

import pytest

from patchpact.cli.main import main
from patchpact.cli.registry import COMMANDS

DOCUMENTS = ("README.md", "CONTRIBUTING.md")


def blocks(repository: Path, document: str, language: str) -> list[str]:
    text = (repository / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("number", [0, 1])
def test_the_readme_s_python_runs(repository: Path, number: int) -> None:
    exec(compile(blocks(repository, "README.md", "python")[number], "README.md", "exec"), {})


def test_the_yaml_scenario_loads_without_a_word_missing(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (text,) = blocks(repository, "CONTRIBUTING.md", "yaml")
    file = tmp_path / "shop-v1.yaml"
    file.write_text(text, encoding="utf-8")
    assert main(["check", str(file)]) == 0, capsys.readouterr().err


def test_the_importer_reads(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from patchpact.scenarios.importers.reading import Root

    _, text = blocks(repository, "CONTRIBUTING.md", "python")
    (tmp_path / "arrows.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import arrows  # type: ignore[import-not-found]

    (tmp_path / "shop.arrows").write_text("web -> cart\ncart -> db\n", encoding="utf-8")
    graph = arrows.read([tmp_path / "shop.arrows"], Root(tmp_path))
    assert [(edge.source, edge.target) for edge in graph.edges] == [("web", "cart"), ("cart", "db")]
    assert [node.id for node in graph.nodes] == ["web", "cart", "db"]
    del sys.modules["arrows"]


def test_the_voting_rule_compiles(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    text, _ = blocks(repository, "CONTRIBUTING.md", "python")
    (tmp_path / "three_quarters.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import three_quarters  # type: ignore[import-not-found]

    for ballots, expected in [([1, 1, 1, -1], True), ([1, -1, 0], False), ([0, 0], False), ([1, 0, 0], True)]:
        votes = np.array(ballots)
        assert three_quarters.passes(votes, np.ones_like(votes), votes == 9, 0.5) == expected
    del sys.modules["three_quarters"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_commands_and_targets_exist(repository: Path, document: str) -> None:
    text = (repository / document).read_text(encoding="utf-8")
    known = {command.name for command in COMMANDS} | {"COMMAND"}
    assert set(re.findall(r"(?:`|^)patchpact ([a-z]+)", text, re.MULTILINE)) <= known
    targets = set(re.findall(r"^([a-z-]+):", (repository / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) <= targets


def test_the_results_have_a_place(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    assert text.count("<!-- results:begin -->") == text.count("<!-- results:end -->") == 1
