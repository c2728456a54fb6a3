"""Explain any file: a scenario, a service graph or a report; what is missing, odd and assumed, with sources.

Scenarios (ids, YAML, node-link JSON) are checked for consistency, with sizes, parameters and assumptions. With
--game they are also played, to see whether the game is worth playing: how far the best policy is above the
plain ones, whether selfishness costs, whether the voters disagree. Exit status 1 where it falls short. Any other
file that `patchpact import` reads is explained as it would be imported.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from patchpact.cli.arguments import UsageError, add_json, add_settings, whole_number
from patchpact.cli.output import listing, print_json, table
from patchpact.scenarios.importers.plain import one_line

MOST_FINDINGS = 20
"""Findings listed with --findings."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="bundled ids, YAML scenarios, node-link JSON graphs, and whatever patchpact import reads",
    )
    parser.add_argument("--game", action="store_true", help="play scenarios as well (minutes)")
    parser.add_argument(
        "--episodes",
        type=whole_number(2),
        default=256,
        metavar="N",
        help="worlds played by --game (default 256)",
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, metavar="K", help="the first of their seeds")
    parser.add_argument(
        "--findings",
        action="store_true",
        help=f"rank a scenario's findings by probability x exploitability x loss (the first {MOST_FINDINGS})",
    )
    add_settings(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what each file is and whether it holds; 1 if --game finds a scenario wanting."""
    from patchpact.scenarios.importers.explain import kind_of

    reports = []
    for number, file in enumerate(args.files):
        report = _scenario(args, file) if kind_of(file) == "scenario" else _explained(args, file, kind_of(file))
        reports.append(report)
        if args.json:
            continue
        if number:
            print()
        if len(args.files) > 1:
            print(f"# {one_line(str(file), 300)}\n")
        (_print if report["kind"] == "scenario" else _print_explained)(report)
    if args.json:
        print_json(reports[0] if len(reports) == 1 else reports)
    return 0 if all(report.get("game", {}).get("passed", True) for report in reports) else 1


def _scenario(args: argparse.Namespace, source: str) -> dict[str, Any]:
    from patchpact.envs.core.pack import pack
    from patchpact.scenarios import AssumptionWarning, ScenarioError, load_scenario

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)  # the assumptions are printed below
        scenario = load_scenario(source, **dict(args.settings))
    try:
        pack([scenario])  # knows the names of rules and roles
    except ScenarioError as error:
        raise ScenarioError(source, error.field, error.problem, error.mend) from None
    report = describe(scenario)
    if args.findings:
        from patchpact.envs.priority import priority

        report["findings"] = priority(scenario)
    if args.game:
        from patchpact.training.game_check import check_game

        report["game"] = check_game(scenario, episodes=args.episodes, seed=args.seed)
    return report


def _explained(args: argparse.Namespace, source: str, kind: str) -> dict[str, Any]:
    """A graph's sources or a report, as the import reads it."""
    from patchpact.scenarios.importers.explain import explain_findings, explain_graph

    for option, used in (("--game", args.game), ("--findings", args.findings), ("--set", args.settings)):
        if used:
            article = "a graph" if kind == "graph" else "a report"
            raise UsageError(
                f"{option}: {source} is {article}, not a scenario; make one with patchpact import scenario"
            )
    explanation = (explain_graph if kind == "graph" else explain_findings)(Path(source))
    return {"file": source, **explanation.as_dict()}


def describe(scenario: Any) -> dict[str, Any]:
    """A checked scenario: id, title, sizes, parameters with their values, oddities, assumptions and sources."""
    from patchpact.envs.core.pack import choices
    from patchpact.scenarios import parameter_rows, summary
    from patchpact.scenarios.importers.explain import assumed, oddities
    from patchpact.scenarios.rule_sets import bounds_in_force

    parameters = []
    for row in parameter_rows():
        name = row.pop("name")
        if row["type"] == "rule":
            row["low"], row["high"] = "|".join(choices(name)), ""
        parameters.append({"name": name, "value": scenario.parameters[name], **row})
    return {
        "kind": "scenario",
        "id": scenario.id,
        "title": scenario.title,
        "consistent": True,
        "summary": summary(scenario).as_dict(),
        "agents": [
            {name: getattr(agent, name) for name in ("name", "role", "label", "vote_weight", "budget_keur")}
            for agent in scenario.agents
        ],
        "parameters": parameters,
        "rule_sets": [{name: getattr(one, name) for name in ("id", "title", "source")} for one in scenario.rule_sets],
        "bounds": bounds_in_force(scenario.rule_sets, scenario.parameters),
        "odd": list(oddities(scenario)),
        "assumptions": list(scenario.assumptions),
        "assumed": [dict(row) for row in assumed(scenario.assumptions)],
        "sources": list(scenario.sources),
    }


def _print(report: Mapping[str, Any]) -> None:
    print(f"{report['id']}: {report['title']}\n\nThe scenario is consistent.\n")
    print(table([{"of the scenario": name, "": value} for name, value in report["summary"].items()]))
    print()
    print(table(report["agents"]))
    print("\nParameters (a changed one is marked *)\n")
    rows = []
    for row in report["parameters"]:
        bounds = f"{row['low']:g}..{row['high']:g}" if isinstance(row["low"], int | float) else row["low"]
        rows.append(
            {
                "": "*" if row["value"] != row["default"] else "",
                "name": row["name"],
                "value": f"{row['value']:g}" if isinstance(row["value"], float) else str(row["value"]),
                "range": "" if row["type"] == "bool" else bounds,
                "unit": row["unit"],
                "description": row["description"],
                "source": f"{row['source']} ({row['confidence']})",
            }
        )
    print(table(rows))
    if report["rule_sets"]:
        _print_rule_sets(report)
    _print_list("Odd, or to be known", report["odd"])
    _print_list("Assumptions", _with_sources(report["assumed"]))
    _print_list("Sources", report["sources"])
    if "findings" in report:
        _print_findings(report["findings"])
    if "game" in report:
        print("\nThe game")
        _print_game(report["game"])


def _print_rule_sets(report: Mapping[str, Any]) -> None:
    lines = [f"{one['id']}: {one['title']} [{one['source']}]" for one in report["rule_sets"]]
    _print_list("Rule sets in force (no two contradict)", lines)
    rows = [
        {
            "set": _plain(row["set"]),
            "parameter": row["parameter"],
            "bound": row["bound"],
            "value": str(row["value"]).lower(),
            "default": str(row["default"]).lower(),
            "binds": "binds" if row["binds"] else "",
            "why": _plain(row["why"]),
        }
        for row in report["bounds"]
    ]
    print(f"\nTheir bounds (one binds where the value lies at its edge)\n\n{table(rows)}")


def _print_findings(rows: Sequence[Mapping[str, Any]]) -> None:
    columns = ("rank", "service", "component", "cve", "probability", "exploitability", "loss_keur", "risk_keur")
    print("\nFindings by risk: probability x exploitability (a window) x loss on this graph (k€)\n")
    shown = [{name: _plain(row[name]) for name in columns} for row in rows[:MOST_FINDINGS]]
    print(table(shown, columns))
    if len(rows) > MOST_FINDINGS:
        print(f"... and {len(rows) - MOST_FINDINGS} more; --json has all, and all parts")


def _print_explained(report: Mapping[str, Any]) -> None:
    """A graph's sources or a report."""
    print(f"{one_line(report['file'], 300)}: {report['kind']}, read as {report['format']}\n")
    print(table([{"of it": _plain(name), "": _plain(value)} for name, value in report["facts"].items()]))
    _print_list("Missing", report["missing"])
    _print_list("Odd, or to be known", report["odd"])
    _print_list("Suppressed", report["suppressed"])
    _print_list("Would be assumed", _with_sources(report["assumed"]))


def _with_sources(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Assumptions, each with where its default comes from."""
    return [f"{row['what']} ({row['count']}): {row['how']} [{row['source']}]" for row in rows]


def _print_list(title: str, lines: Sequence[str]) -> None:
    if lines:
        print(f"\n{title}\n\n{listing([one_line(line, 2_000) for line in lines])}")


def _plain(value: Any) -> Any:
    """A text that others chose without anything that a terminal would obey; numbers as they are."""
    return one_line(value, 400) if isinstance(value, str) else value


def _print_game(game: Mapping[str, Any]) -> None:
    """Lists of rows as tables, single figures together in one."""
    single = []
    for name, value in game.items():
        if isinstance(value, list | tuple) and value and all(isinstance(row, Mapping) for row in value):
            print(f"\n{name}\n\n{table(value)}")
        elif isinstance(value, Mapping):
            rows = [
                {name: key, **item} if isinstance(item, Mapping) else {name: key, "": item}
                for key, item in value.items()
            ]
            if rows:
                print(f"\n{table(rows)}")
        elif isinstance(value, list | tuple):
            single.append({"of the game": name, "": ", ".join(map(str, value)) or "none"})
        else:
            single.append({"of the game": name, "": value})
    if single:
        print(f"\n{table(single)}")
