"""List the bundled scenarios."""

from __future__ import annotations

import argparse
from typing import Any

from patchpact.cli.arguments import add_json
from patchpact.cli.output import print_json, table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the scenarios."""
    rows = [describe(id_) for id_ in _ids()]
    if args.json:
        print_json(rows)
    else:
        print(table(rows))
        print("\npatchpact check ID tells more of one; a file of yours stands wherever an ID does.")
    return 0


def _ids() -> tuple[str, ...]:
    from patchpact.scenarios import scenario_ids

    ids: tuple[str, ...] = scenario_ids()
    return ids


def describe(id_: str) -> dict[str, Any]:
    """One bundled scenario: id, title and sizes."""
    from patchpact.scenarios import load_scenario

    scenario = load_scenario(id_)
    return {
        "id": scenario.id,
        "title": scenario.title,
        "services": len(scenario.services),
        "edges": len(scenario.edges),
        "findings": len(scenario.findings),
        "patches": len(scenario.patches),
        "agents": len(scenario.agents),
    }
