"""The leaderboard as one Markdown table: what a README shows of a benchmark."""

from __future__ import annotations

from pathlib import Path

from patchpact.training.reports.reading import read
from patchpact.training.reports.results import IDLE, RANDOM, Results
from patchpact.training.stats import Estimate


def table(folder: str | Path) -> str:
    """Policies without their variants, but for those with a stop rule, from the best on; references last.

    Args:
        folder: what ``patchpact benchmark`` wrote, or the repository's ``docs/leaderboard``.
    """
    benchmark = read(folder)
    episodes = benchmark.episodes
    shown = [name for name in episodes["policy"].unique() if "+selfish" not in name]
    results = Results(episodes[episodes["policy"].isin(shown)].reset_index(drop=True))
    lines = [
        "| policy | kind | score against `informed` | score against the bound | gain, k€ an episode |",
        "|---|---|--:|--:|--:|",
    ]
    for one in results.standings:
        kind = "" if one.policy in (IDLE, RANDOM) else one.kind
        cells = (one.policy, kind, _shown(one.score, 2), _shown(one.bound, 2), _shown(one.gain, 0))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _shown(estimate: Estimate, digits: int) -> str:
    if estimate.value != estimate.value:
        return "–"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
