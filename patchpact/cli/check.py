"""Check a scenario or a service graph: its consistency, sizes, parameters and assumptions.

With --game it is also played, to see whether the game is worth playing: how far the best policy is above the
plain ones, whether selfishness costs, whether the voters disagree. Exit status 1 where it falls short.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping
from typing import Any

from patchpact.cli.arguments import add_json, add_settings, whole_number
from patchpact.cli.output import listing, print_json, table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("scenario", metavar="SCENARIO", help="a bundled id, a YAML scenario or a node-link JSON graph")
    parser.add_argument("--game", action="store_true", help="play it as well (minutes)")
    parser.add_argument(
        "--episodes",
        type=whole_number(2),
        default=256,
        metavar="N",
        help="worlds played by --game (default 256)",
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, metavar="K", help="the first of their seeds")
    add_settings(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what the scenario is and whether it holds; 1 if --game finds it wanting."""
    from patchpact.envs.core.pack import pack
    from patchpact.scenarios import AssumptionWarning, ScenarioError, load_scenario

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)  # the assumptions are printed below
        scenario = load_scenario(args.scenario, **dict(args.settings))
    try:
        pack([scenario])  # knows the names of rules and roles
    except ScenarioError as error:
        raise ScenarioError(str(args.scenario), error.field, error.problem, error.mend) from None
    report = describe(scenario)
    if args.game:
        from patchpact.training.game_check import check_game

        report["game"] = check_game(scenario, episodes=args.episodes, seed=args.seed)
    if args.json:
        print_json(report)
    else:
        _print(report)
    game = report.get("game", {})
    return 0 if game.get("passed", True) else 1


def describe(scenario: Any) -> dict[str, Any]:
    """A checked scenario: id, title, sizes, parameters with their values, assumptions and sources."""
    from patchpact.envs.core.pack import choices
    from patchpact.scenarios import parameter_rows, summary

    parameters = []
    for row in parameter_rows():
        name = row.pop("name")
        if row["type"] == "rule":
            row["low"], row["high"] = "|".join(choices(name)), ""
        parameters.append({"name": name, "value": scenario.parameters[name], **row})
    return {
        "id": scenario.id,
        "title": scenario.title,
        "consistent": True,
        "summary": summary(scenario).as_dict(),
        "agents": [
            {name: getattr(agent, name) for name in ("name", "role", "label", "vote_weight", "budget_keur")}
            for agent in scenario.agents
        ],
        "parameters": parameters,
        "assumptions": list(scenario.assumptions),
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
    for title in ("assumptions", "sources"):
        if report[title]:
            print(f"\n{title.capitalize()}\n\n{listing(report[title])}")
    if "game" in report:
        print("\nThe game")
        _print_game(report["game"])


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
