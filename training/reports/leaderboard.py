"""The leaderboard as one Markdown table: what a README shows of a benchmark."""

from __future__ import annotations

import math
from pathlib import Path

from patchpact.training.reports.reading import read
from patchpact.training.reports.results import IDLE, RANDOM, Results
from patchpact.training.stats import Estimate

SCORED_AT_LEAST = 0.5
"""Share of the scenarios that must have a score before scores are shown: a few say nothing about a suite."""


def table(folder: str | Path) -> str:
    """Policies without their variants, but for those with a stop rule, by mean gain; references last.

    Scores against ``informed`` are shown, and rank, only where at least half of the scenarios have one.

    Args:
        folder: what ``patchpact benchmark`` wrote, or the repository's ``docs/leaderboard``.
    """
    episodes = read(folder).episodes
    shown = [name for name in episodes["policy"].unique() if "+selfish" not in name]
    results = Results(episodes[episodes["policy"].isin(shown)].reset_index(drop=True))
    scored = len(results.scenarios) - len(results.undefined)
    with_scores = scored >= SCORED_AT_LEAST * len(results.scenarios)
    standings = list(results.standings)
    if not with_scores:
        standings.sort(key=lambda one: (one.kind == "reference", -one.gain.value))
    lines = [
        "| policy | kind | episodes | gain, k€ an episode |" + (" score against `informed` |" if with_scores else ""),
        "|---|---|--:|--:|" + ("--:|" if with_scores else ""),
    ]
    for one in standings:
        kind = "" if one.policy in (IDLE, RANDOM) else one.kind
        cells = [
            one.policy,
            kind,
            f"{one.episodes:,}",
            _shown(one.gain, 0),
            *([_shown(one.score, 2)] if with_scores else []),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Scenarios with a score against `informed`: {scored} of {len(results.scenarios)}."]
    return "\n".join(lines)


def _shown(estimate: Estimate, digits: int) -> str:
    if math.isnan(estimate.value):
        return "–"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
