"""Measure speed: of the compiled core (`core`) or of the PettingZoo face (`env`).

Random legal actions are drawn, observations and masks are written, and worlds start anew as they end. An
env-step is one step of one world, in which all agents act.
"""

from __future__ import annotations

import argparse
import os

from patchpact.cli.arguments import add_json, add_settings, positive_number, whole_number
from patchpact.cli.output import print_json, table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("what", choices=("core", "env"), help="the compiled core, or the PettingZoo face")
    parser.add_argument(
        "--scenario", action="append", default=[], metavar="S", help="may be repeated (default boutique-v1)"
    )
    parser.add_argument(
        "--num-envs",
        type=whole_number(1),
        default=256,
        metavar="N",
        help="worlds side by side, core only (default 256)",
    )
    parser.add_argument(
        "--threads", type=whole_number(1), metavar="N", help="threads, core only (default: as many as cores)"
    )
    parser.add_argument(
        "--seconds", type=positive_number, default=5.0, metavar="T", help="how long to measure (default 5)"
    )
    add_settings(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Measure and print a row per scenario."""
    from patchpact.envs import bench
    from patchpact.scenarios import load_scenario

    rows = []
    for scenario in args.scenario or ["boutique-v1"]:
        world = load_scenario(scenario, **dict(args.settings))
        if args.what == "core":
            threads = args.threads or len(os.sched_getaffinity(0))
            rows.append(bench.bench_core(world, num_envs=args.num_envs, threads=threads, seconds=args.seconds))
        else:
            rows.append(bench.bench_env(world, seconds=args.seconds))
    if args.json:
        print_json(rows)
    else:
        print(table(rows))
    return 0
