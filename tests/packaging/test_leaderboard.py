"""The README's leaderboard is what its data give."""

import json
import re
from pathlib import Path

from patchpact.training.reports.leaderboard import table
from patchpact.training.suite import load_suite


def test_the_readme_shows_what_the_episodes_give(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"<!-- leaderboard:begin -->\n(.*?)\n<!-- leaderboard:end -->", text, re.DOTALL)
    assert shown == table(repository / "docs" / "leaderboard")


def test_the_leaderboard_says_how_it_was_made(repository: Path) -> None:
    manifest = json.loads((repository / "docs" / "leaderboard" / "benchmark.json").read_text(encoding="utf-8"))
    suite = load_suite(manifest["suite"])
    assert manifest["digest"] == suite.digest
    assert manifest["commands"] and manifest["machine"]["cpus"] and manifest["test_seeds"]["count"] == 128
