"""What policies cost and leave at risk, who bears it and who blocks what."""

from __future__ import annotations

import math
from collections.abc import Mapping

from patchpact.training.reports import charts, page
from patchpact.training.reports.page import Column, Table, number
from patchpact.training.reports.pieces import folded_after_some
from patchpact.training.reports.results import Results

SHAPES = {"rule": "circle", "planner": "square", "learned": "square", "reference": "diamond"}


def cost_section(r: Results, numbers: Mapping[str, int]) -> list[str]:
    """Cost beside risk left and damage; ``numbers`` are those of the leaderboard."""
    rows, left, damage = [], [], []
    for policy, n in numbers.items():
        cost = r.mean(policy, "spend_keur") + r.mean(policy, "downtime_keur")
        values = {"left": r.mean(policy, "risk_left_keur"), "damage": r.mean(policy, "damage_keur")}
        shape = SHAPES.get(r.kind(policy), "circle")
        left.append(charts.Point(n, policy, cost, values["left"], shape))
        damage.append(charts.Point(n, policy, cost, values["damage"], shape))
        row = {"number": str(n), "policy": policy, "kind": r.kind(policy), "cost": number(cost, 1)}
        rows.append({**row, **{name: number(value, 1) for name, value in values.items()}})
    if not any(math.isfinite(point.x) for point in left):
        return [page.paragraph("The episodes tell neither spending nor downtime, so cost cannot be set beside risk.")]
    fronts = ([p.number for p in charts.front(left)], [p.number for p in charts.front(damage)])
    for row, n in zip(rows, numbers.values(), strict=True):
        row["front"] = " and ".join(w for w, f in zip(("risk left", "damage"), fronts, strict=True) if n in f) or "no"
    columns = [
        Column("number", "#"),
        Column("policy", "policy", text=True),
        Column("kind", "kind", text=True),
        Column("cost", "cost, k€"),
        Column("left", "risk left, k€"),
        Column("damage", "damage, k€"),
        Column("front", "on the front of", text=True),
    ]
    axis = "spent on work and lost to downtime, k€ an episode"
    figures = [
        page.figure(
            "Risk left is the public estimate of the loss over the tail.",
            lambda width: charts.scatter(left, width, "Cost against risk left", (axis, "risk left, k€")),
        ),
        page.figure(
            "Damage is what compromises cost, users' losses and the tail included.",
            lambda width: charts.scatter(damage, width, "Cost against damage", (axis, "damage, k€ an episode")),
        ),
    ]
    text = (
        "Down and left is better. The dashed line joins the policies that no other beats in both. Circles are"
        " rules, squares planners and learned policies, diamonds references; numbers are those of the table below,"
        " means over scenarios."
    )
    table = Table("Cost, risk left and damage, means an episode", columns, rows, headed=2)
    return [page.paragraph(text), *figures, page.folded("The figures", table.html())]


def people_section(r: Results) -> list[str]:
    """Accounts by role with their inequality, and failed motions by who rejected them."""
    if not len(r.people):
        return [page.paragraph("The episodes tell no accounts of agents, so nothing can be said of fairness.")]
    roles = list(dict.fromkeys(r.people["role"]))
    columns = [Column("policy", "policy", text=True), Column("gini", "Gini"), Column("nash", "Nash welfare, k€")]
    columns += [Column(role, f"{role}, k€") for role in roles]
    accounts, blocked, shades = [], [], {}
    sums = {s.policy: r.by_role(s.policy, "blocked") for s in r.standings}
    most = max((v for by in sums.values() for v in by.values() if math.isfinite(v)), default=0.0)
    for n, standing in enumerate(r.standings):
        policy = standing.policy
        by_role = r.by_role(policy, "account_keur")
        row = {"policy": policy, "gini": number(r.gini(policy)), "nash": number(r.nash(policy), 1)}
        accounts.append({**row, **{role: number(by_role.get(role), 1) for role in roles}})
        proposed, passed = r.mean(policy, "motions_proposed"), r.mean(policy, "motions_passed")
        row = {"policy": policy, "proposed": number(proposed, 1), "failed": number(proposed - passed, 1)}
        blocked.append({**row, **{role: number(sums[policy].get(role), 1) for role in roles}})
        for role in roles:
            share = sums[policy].get(role, 0.0) / most if most else 0.0
            if share > 0.1:
                shades[n, role] = "b3" if share > 0.66 else "b2" if share > 0.33 else "b1"
    parts = [
        page.paragraph(
            "Accounts are what agents have gained or lost at the end, users and nature left out; several agents"
            " of a role are added up. The Gini tells how unequally the agents bear the cost: 0 where all bear the"
            " same, near 1 where one bears all. Nash welfare is the geometric mean of the agents' gains over doing"
            " nothing, and 0 where anyone loses by it."
        ),
        *folded_after_some(Table("Accounts at the end by role, means an episode", columns, accounts)),
    ]
    if any(sums.values()) and any(math.isfinite(v) for by in sums.values() for v in by.values()):
        columns = [Column("policy", "policy", text=True), Column("proposed", "motions"), Column("failed", "failed")]
        columns += [Column(role, f"blocked by {role}") for role in roles]
        parts += [
            "<h3>Who blocked what</h3>",
            page.paragraph(
                "A motion that failed counts for each agent that rejected it; an ask that nobody filled rejects."
            ),
            *folded_after_some(
                Table("Failed motions that a role's agents rejected, means an episode", columns, blocked, shades)
            ),
        ]
    else:
        parts.append(page.paragraph("The episodes do not tell who rejected what."))
    return parts
