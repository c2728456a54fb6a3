"""Who stands where: leaderboard, performance profiles, who beats whom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from patchpact.training.reports import charts, page
from patchpact.training.reports.page import NOTHING, Column, Table, code, number
from patchpact.training.reports.pieces import ROWS_SHOWN, estimated, folded_after_some
from patchpact.training.reports.results import IDLE, INFORMED, Results
from patchpact.training.stats import Estimate

COMPARED = 12
"""Policies in the table of who beats whom."""
THRESHOLDS = [round(-0.5 + 0.01 * n, 2) for n in range(171)]
SCORE_FLOOR = -0.75
"""Scores below are cut off in the chart, so that a hopeless policy does not squeeze the others."""


def leaderboard(results: Results, caption: str) -> Table:
    """Standings as a table."""
    best_rule = results.best_rule
    columns = [
        Column("number", "#"),
        Column("policy", "policy", text=True),
        Column("kind", "kind", text=True),
        Column("score", f"score against {INFORMED} (IQM)"),
        Column("bound", "score against the bound (IQM)"),
        Column("gain", "mean gain, k€"),
        Column("chance", "P(better than the best rule)"),
        Column("runs", "runs"),
        Column("scenarios", "scenarios"),
        Column("episodes", "episodes"),
    ]
    rows = []
    place = 0
    for standing in results.standings:
        reference = standing.kind == "reference"
        place += not reference
        chance = (
            results.improvement(standing.policy, best_rule) if best_rule else Estimate(math.nan, math.nan, math.nan)
        )
        rows.append(
            {
                "number": "ref." if reference else str(place),
                "policy": standing.policy,
                "kind": standing.kind,
                "score": estimated(standing.score),
                "bound": estimated(standing.bound),
                "gain": estimated(standing.gain, 1, signed=True),
                "chance": "itself" if standing.policy == best_rule else estimated(chance),
                "runs": str(standing.runs),
                "scenarios": str(standing.scenarios),
                "episodes": f"{standing.episodes:,}",
            }
        )
    return Table(caption, columns, rows, headed=2)


def leaderboard_section(r: Results, tracks: Mapping[str, Results], told: Mapping[str, str]) -> list[str]:
    """The leaderboard, over all scenarios and track by track; ``told`` says what the tracks are."""
    parts = [
        page.paragraph(
            "The score of a scenario is (welfare − doing nothing) / (",
            code(INFORMED),
            " − doing nothing), with sums over worlds before the ratio. Over scenarios and runs the interquartile"
            " mean (IQM) is taken, which neither the best nor the worst quarter moves. Intervals resample worlds"
            " within each scenario, all policies together.",
        )
    ]
    defined = [s for s in r.standings if math.isfinite(getattr(s, r.measure).value)]
    axis = {
        "score": f"score against {INFORMED}, with its 95% interval",
        "gain": "gain over doing nothing, k€ an episode, with its 95% interval",
        "welfare": "welfare, k€ an episode, with its 95% interval",
    }[r.measure]
    marks = {"score": [(0.0, IDLE), (1.0, INFORMED)], "gain": [(0.0, IDLE)], "welfare": []}[r.measure]
    digits = 2 if r.measure == "score" else 1
    floor = SCORE_FLOOR if r.measure == "score" else -math.inf
    bars = [_bar(s.policy, getattr(s, r.measure), n == 0) for n, s in enumerate(defined[: 2 * ROWS_SHOWN])]
    if bars:
        title = f"{axis[0].upper()}{axis[1:]}, by policy"
        caption = "The dot is the estimate, the line its interval; a triangle points to what lies beyond the chart."
        parts.append(page.figure(caption, lambda width: charts.forest(bars, width, title, axis, marks, floor, digits)))
    parts += folded_after_some(leaderboard(r, "All scenarios, from the best policy on; references last"))
    for track, results in tracks.items():
        parts.append(f"<h3>{page.html(f'Track {track}')}</h3>")
        if told.get(track):
            parts.append(page.paragraph(told[track]))
        parts += folded_after_some(leaderboard(results, f"Track {track}"))
    return parts


def profiles_section(r: Results) -> list[str]:
    """Shares of scenarios and runs above each score."""
    if r.measure != "score":
        return [page.paragraph("No score is defined here, so there are no profiles.")]
    profiles = []
    for n, policy in enumerate(r.ranked):
        found = r.profile(policy, THRESHOLDS)
        if math.isfinite(found[0].value):
            band = [(at.low, at.high) for at in found] if n == 0 else None
            profiles.append(charts.Series(policy, [at.value for at in found], band))
    caption = (
        "Share of scenarios and runs with a score above each threshold. Further right is better; where two lines"
        " cross, neither policy is better throughout. The pale band is the 95% interval of the first."
    )

    def draw(width: int) -> str:
        axes = (f"score against {INFORMED}", "share above it")
        return charts.lines(THRESHOLDS, profiles, width, "Performance profiles", axes, (0.0, 1.0), steps=True)

    return [page.figure(caption, draw)]


def duels_section(r: Results, numbers: Mapping[str, int]) -> list[str]:
    """How likely each policy earns more than each other; ``numbers`` are those of the leaderboard."""
    names = r.ranked[:COMPARED]
    if len(names) < 2:
        return [page.paragraph("There is one policy only, so there is nothing to compare.")]
    columns = [Column("policy", "better than", text=True)]
    columns += [Column(other, f"{numbers[other]}") for other in names]
    rows, shades = [], {}
    for n, one in enumerate(names):
        row: dict[str, Any] = {"policy": f"{numbers[one]} {one}"}
        for other in names:
            chance = r.improvement(one, other)
            sure = chance.low > 0.5 or chance.high < 0.5
            row[other] = NOTHING if one == other else number(chance.value) + ("*" if sure else "")
            if chance.low > 0.5:
                shades[n, other] = "b3" if chance.value >= 0.75 else "b2" if chance.value >= 0.6 else "b1"
        rows.append(row)
    text = (
        "How likely the policy of the row earns more welfare in a world than that of the column (numbers as in the"
        " leaderboard); ties count half, scenarios weigh the same. A star: the 95% interval leaves out 0.5. Where"
        " little is compromised in most worlds, who spends least wins most of them; a policy that wins rarely can"
        " be ahead in the mean all the same, by what it saves in the bad ones."
    )
    if len(r.ranked) > COMPARED:
        text += f" The {COMPARED} best policies are shown."
    return [
        page.paragraph(text),
        Table(
            "Probability of improvement; 95% intervals are in the leaderboard for the best rule",
            columns,
            rows,
            shades,
        ).html(),
    ]


def _bar(policy: str, estimate: Estimate, strong: bool) -> charts.Bar:
    return charts.Bar(policy, estimate.value, estimate.low, estimate.high, strong)
