"""Scenario by scenario: who is best, all policies, whether the expected order holds."""

from __future__ import annotations

from typing import Any

from patchpact.training.reports import page
from patchpact.training.reports.page import NOTHING, Column, Html, Table, number
from patchpact.training.reports.pieces import estimated
from patchpact.training.reports.results import INFORMED, Claim, Results

WORDS = {"holds": "✓ holds", "not told apart": "≈ not told apart", "violated": "✗ violated", "missing": "– missing"}
TONES = {"holds": "good", "not told apart": "warn", "violated": "bad", "missing": ""}


def scenario_table(r: Results, scenario: str) -> Table:
    """All policies on one scenario."""
    columns = [
        Column("policy", "policy", text=True),
        Column("welfare", "welfare, k€"),
        Column("gain", "gain, k€"),
        Column("score", f"score against {INFORMED}"),
        Column("bound", "score against the bound"),
        Column("left", "risk left, k€"),
        Column("damage", "damage, k€"),
        Column("spend", "spent, k€"),
        Column("downtime", "downtime, h"),
        Column("missed", "deadlines missed"),
        Column("episodes", "episodes"),
    ]
    rows = []
    for policy in r.on(scenario):
        welfare, gain = r.welfare_of(scenario, policy), r.gain(scenario, policy)
        score, bound = r.score(scenario, policy), r.bound_score(scenario, policy)
        rows.append(
            {
                "policy": policy,
                "welfare": estimated(welfare, 1),
                "gain": estimated(gain, 1, signed=True),
                "score": estimated(score),
                "bound": estimated(bound),
                "left": number(r.mean(policy, "risk_left_keur", scenario), 1),
                "damage": number(r.mean(policy, "damage_keur", scenario), 1),
                "spend": number(r.mean(policy, "spend_keur", scenario), 1),
                "downtime": number(r.mean(policy, "downtime_hours", scenario), 1),
                "missed": number(r.mean(policy, "deadlines_missed", scenario), 1),
                "episodes": f"{r.episodes_of(policy, scenario):,}",
            }
        )
    return Table(f"{scenario}: means an episode", columns, rows)


def overview(r: Results) -> Table:
    """The best policy of each scenario."""
    columns = [
        Column("scenario", "scenario", text=True),
        Column("best", "best policy", text=True),
        Column("score", f"score against {INFORMED}"),
        Column("gain", "gain, k€"),
        Column("second", "second", text=True),
        Column("ahead", "ahead by, k€"),
        Column("sure", "told apart", text=True),
    ]
    rows = []
    for scenario in r.scenarios:
        ranked = [policy for policy in r.on(scenario) if r.kind(policy) != "reference"]
        if not ranked:
            rows.append({"scenario": scenario, "best": "references only", "second": NOTHING, "sure": NOTHING})
            continue
        score = r.score(scenario, ranked[0])
        row = {
            "scenario": scenario,
            "best": ranked[0],
            "score": estimated(score),
            "gain": estimated(r.gain(scenario, ranked[0]), 1, signed=True),
            "second": ranked[1] if len(ranked) > 1 else "nobody else played",
            "sure": NOTHING,
        }
        if len(ranked) > 1:
            claim = r.claim(scenario, ranked[0], ranked[1])
            row["ahead"] = number(claim.difference, 1, signed=True)
            row["sure"] = "yes" if claim.verdict == "holds" else "no"
        rows.append(row)
    return Table("The best policy of each scenario", columns, rows)


def scenarios_section(r: Results) -> list[str]:
    """The best of each scenario, and all policies of each, folded."""
    parts = [overview(r).html()]
    for scenario in r.scenarios:
        parts.append(page.folded(f"{scenario}: all policies", scenario_table(r, scenario).html()))
    return parts


def order_section(r: Results) -> list[str]:
    """Whether rules, planners, references and the bound stand in the expected order."""
    heads = {
        "rules": "the best rule is above random",
        "planner": "the best planner is above the best rule",
        "informed": f"{INFORMED} is above all players",
        "bound": "nobody is above the bound",
    }
    columns = [
        Column("scenario", "scenario", text=True),
        *(Column(key, head, text=True) for key, head in heads.items()),
    ]
    rows, shades = [], {}
    for n, scenario in enumerate(r.scenarios):
        row: dict[str, Any] = {"scenario": scenario}
        for key, claim in r.order(scenario).items():
            row[key] = _claim(claim)
            if TONES[claim.verdict]:
                shades[n, key] = TONES[claim.verdict]
        rows.append(row)
    text = (
        "An order holds, or is violated, where the 95% interval of the mean difference in the same worlds leaves"
        " out 0; else the two are not told apart. No welfare may be above the proven bound of its world."
    )
    return [page.paragraph(text), Table("Does the order hold?", columns, rows, shades).html()]


def _claim(claim: Claim) -> Html:
    text = f' <span class="soft">{page.html(claim.text)}</span>' if claim.text else ""
    return Html(f"<strong>{WORDS[claim.verdict]}</strong>{text}")
