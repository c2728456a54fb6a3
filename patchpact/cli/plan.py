"""Negotiate a patch plan: what to patch now and later, in which mode, who votes how, who pays, and why.

It works on any scenario at once, without training, and sets the plan beside the team's own order in money and risk.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from patchpact.cli.arguments import add_json, add_settings, whole_number
from patchpact.cli.outfile import out_file
from patchpact.cli.output import table

if TYPE_CHECKING:
    from patchpact.training.plans import Plan
    from patchpact.training.plans.records import PlannedPatch

MOST_OPEN = 10
"""Patches left open that the terminal names."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--scenario", required=True, metavar="S", help="a bundled id, a YAML scenario or a node-link JSON graph"
    )
    parser.add_argument("--policy", metavar="P", help="who plans: a policy's name or a run folder (default net-gain)")
    parser.add_argument("--baseline", metavar="P", help="the order to compare with (default cvss-first)")
    parser.add_argument(
        "--rollouts", type=whole_number(2), metavar="N", help="worlds played for intervals (default 128)"
    )
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, metavar="K", help="the first of their seeds (default 0)"
    )
    parser.add_argument(
        "--out",
        action="append",
        default=[],
        metavar="FILE",
        help="write the plan: .html, .md, .csv or .json; may be repeated (default: print a table)",
    )
    add_settings(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Plan, and write or print."""
    from patchpact.scenarios import load_scenario
    from patchpact.training import plans
    from patchpact.training.reports.plan import FORMS, write_plan
    from patchpact.training.reports.plan_text import cleaned, to_json

    files = [out_file(name, FORMS) for name in args.out]  # before minutes of planning
    plan = plans.plan(
        load_scenario(args.scenario, **dict(args.settings)),
        plans.DEFAULT_POLICY if args.policy is None else args.policy,
        plans.DEFAULT_BASELINE if args.baseline is None else args.baseline,
        plans.ROLLOUTS if args.rollouts is None else args.rollouts,
        args.seed,
    )
    for file in files:
        write_plan(plan, file)
    if args.json:
        print(to_json(plan), end="")
    elif files:
        print("\n".join(f"{file}: written" for file in files))
    else:
        print_plan(cleaned(plan))
    return 0


def print_plan(plan: Plan) -> None:
    """A table for people; every text of the plan is ``cleaned`` already."""
    from patchpact.training.reports import plan_tables as tables

    print(f"{plan.title or plan.scenario}: planned by {plan.policy}, intervals over {plan.rollouts} worlds\n")
    rows = [_row(window.window, patch) for window in plan.windows for patch in window.patches]
    print(table(rows) if rows else "Nothing is patched.")
    print(
        "\nWindow 1 can be carried out as it stands; later ones are a forecast. Cost and risk removed: k€, median and"
    )
    print("middle 90% of the worlds. In by then: share of the worlds in which the patch is in by that window.")
    rejected = sum(len(window.rejected) for window in plan.windows)
    if rejected:
        print(f"Motions that were voted down: {rejected}.")
    compared = tables.compared(plan)
    print(f"\n{tables.versus(plan)}\n")
    print(table([{column.head: str(row[column.key]) for column in compared.columns} for row in compared.rows]))
    if plan.left_open:
        print(f"\nLeft open after the last window: {len(plan.left_open)}; the riskiest\n")
        print(
            table(
                [
                    {"patch": short(one.patch), "k€ a window": one.risk_keur, "why": one.reason, "": short(one.detail)}
                    for one in plan.left_open[:MOST_OPEN]
                ]
            )
        )
    if plan.assumptions:
        print(f"\nThe scenario takes {len(plan.assumptions)} things for granted; patchpact check lists them.")
    print("\n--out plan.html tells all: votes, payments, reasons.")


def _row(window: int, patch: PlannedPatch) -> dict[str, Any]:
    from patchpact.training.reports import plan_tables as tables

    return {
        "window": window,
        "patch": short(patch.patch),
        "to": short(patch.fixed_version, 16),
        "mode": patch.mode,
        "day": f"{patch.day:.1f}",
        "proposer": patch.proposer,
        "cost": str(tables.usual(patch.cost)),
        "risk removed": str(tables.usual(patch.risk_removed)),
        "in by then": tables.percent(patch.share_by_then),
        "why": tables.because(patch).split(", ")[0],
    }


def short(text: str, most: int = 48) -> str:
    """A text for a narrow column: the middle of a long one is left out."""
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-most // 2 :]}"
