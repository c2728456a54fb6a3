"""Compare policies side by side: every policy meets the same worlds, with the same draws."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from patchpact.cli.arguments import UsageError, add_json, add_settings, whole_number
from patchpact.cli.outfile import out_file
from patchpact.cli.output import print_json, table

COLUMNS = (
    "scenario",
    "policy",
    "episodes",
    "welfare_keur",
    "welfare_low",
    "welfare_high",
    "gain_keur",
    "gain_low",
    "gain_high",
    "ahead_keur",
    "ahead_low",
    "ahead_high",
    "risk_left_keur",
    "downtime_hours",
    "spend_keur",
)

LEDGER_COLUMNS = (
    "scenario",
    "policy",
    "episodes",
    "giver",
    "giver_role",
    "taker",
    "taker_role",
    "kind",
    "network",
    "keur_per_episode",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--scenario",
        action="append",
        default=[],
        metavar="S",
        help="a bundled id, a YAML scenario or a node-link JSON graph; may be repeated",
    )
    parser.add_argument("--all-scenarios", action="store_true", help="every bundled scenario")
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="P",
        help="a policy's name or a run folder; may be repeated",
    )
    parser.add_argument("--baselines", action="store_true", help="every policy that needs no training")
    parser.add_argument(
        "--versus",
        metavar="P",
        help="show how far each is ahead of this one, world by world: a narrower interval than two means have",
    )
    parser.add_argument(
        "--episodes",
        type=whole_number(1),
        default=128,
        metavar="N",
        help="worlds for each policy (default 128)",
    )
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, metavar="K", help="the first of their seeds (default 0)"
    )
    add_settings(parser)
    parser.add_argument(
        "--ledger",
        metavar="FILE.csv",
        help="write who paid whom there: giver, taker, kind, network and k€ an episode, for each policy",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print a Markdown table")
    add_json(form)  # type: ignore[arg-type]


def run(args: argparse.Namespace) -> int:
    """Evaluate and print a row per scenario and policy."""
    from patchpact.scenarios import scenario_ids
    from patchpact.training import evaluate

    file = None if args.ledger is None else out_file(args.ledger, (".csv",), "--ledger")
    scenarios = [*args.scenario, *(scenario_ids() if args.all_scenarios else ())]
    if not scenarios:
        raise UsageError("no scenario; add --scenario S (patchpact scenarios lists them)")
    policies = list(dict.fromkeys([*args.policy, *(_baselines() if args.baselines else ())]))
    if not policies:
        raise UsageError(f"no policy; add --policy P, one of {', '.join(_baselines())}, or a run folder")
    rows: list[dict[str, Any]] = []
    ledger: list[dict[str, Any]] | None = None if file is None else []
    for scenario in dict.fromkeys(scenarios):
        rows += evaluate(scenario, policies, args.episodes, args.seed, ledger, args.versus, **dict(args.settings))
    if file is not None:
        from patchpact.training.folder import write_table

        write_table(file, [{name: str(flow[name]) for name in flow} for flow in ledger or ()], columns=LEDGER_COLUMNS)
    if args.json:
        print_json(rows)
    else:
        print(table(rows, columns(rows), markdown=args.markdown))
        if not args.markdown:
            text = "\nWelfare in k€ per episode with its 95% interval; gain: over doing nothing in the same worlds"
            print(text + (f"; ahead: of {args.versus} in them." if args.versus else "."))
    return 0


def columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The usual columns that the rows have."""
    return [name for name in COLUMNS if any(name in row for row in rows)]


def _baselines() -> tuple[str, ...]:
    from patchpact.agents.policies import policy_names

    names: tuple[str, ...] = tuple(policy_names())
    return names
