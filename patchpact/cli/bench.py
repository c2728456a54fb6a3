"""Measure speed: of the compiled core (`core`), of the PettingZoo face (`env`), of training (`train`), of the core on
drawn graphs from 10 to 10,000 services (`scale`), of the core with all measured tables looked up and with none
(`tables`), with all roles and with the first three (`roles`), or of the service to tenants over HTTP (`serve`).

Random legal actions are drawn (but for `train`), observations and masks are written, and worlds start anew as they
end. An env-step is one step of one world, in which all agents act. `train` sets the batched runner beside RLlib's own
and beside a plain PyTorch loop.
"""

from __future__ import annotations

import argparse
from typing import Any

from patchpact.cli.arguments import add_json, add_settings, positive_number, whole_number
from patchpact.cli.output import print_json, table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "what", choices=("core", "env", "train", "scale", "tables", "roles", "serve"), help="what is measured"
    )
    parser.add_argument(
        "--scenario",
        action="append",
        default=[],
        metavar="S",
        help="may be repeated (default boutique-v1, for tables and roles symbiosis-v1)",
    )
    parser.add_argument(
        "--num-envs",
        type=whole_number(1),
        default=256,
        metavar="N",
        help="worlds side by side, core, train, tables and roles (default 256)",
    )
    parser.add_argument(
        "--threads",
        type=whole_number(1),
        metavar="N",
        help="threads, core (default: as many as cores) and train (default 1)",
    )
    parser.add_argument(
        "--seconds", type=positive_number, default=5.0, metavar="T", help="how long to measure (default 5)"
    )
    parser.add_argument("--tenants", type=whole_number(1), default=8, metavar="N", help="serve only (default 8)")
    parser.add_argument(
        "--clients", type=whole_number(1), default=8, metavar="N", help="open connections, serve only (default 8)"
    )
    parser.add_argument("--network", choices=("flat", "rows"), default="flat", help="train only (default flat)")
    parser.add_argument(
        "--profile", action="store_true", help="train only: seconds of an iteration by phase, of the batched runner"
    )
    add_settings(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Measure and print a row for each scenario, runner, size or phase."""
    from patchpact.envs import bench
    from patchpact.scenarios import load_scenario
    from patchpact.scenarios.machine import cores

    rows: list[dict[str, Any]] = []
    for scenario in args.scenario or ["symbiosis-v1" if args.what in ("tables", "roles") else "boutique-v1"]:
        world = load_scenario(scenario, **dict(args.settings))
        if args.what == "core":
            threads = args.threads or cores()
            rows.append(bench.bench_core(world, num_envs=args.num_envs, threads=threads, seconds=args.seconds))
        elif args.what == "scale":
            rows += bench.bench_scale(world, seconds=args.seconds)
        elif args.what == "tables":
            rows.append(bench.bench_tables(world, num_envs=args.num_envs, seconds=args.seconds))
        elif args.what == "roles":
            rows.append(bench.bench_roles(world, num_envs=args.num_envs, seconds=args.seconds))
        elif args.what == "serve":
            from patchpact.ecosystem.service.load import bench_serve

            rows += bench_serve(world, tenants=args.tenants, clients=args.clients, seconds=args.seconds)
        elif args.what == "train" and args.profile:
            from dataclasses import replace

            from patchpact.training.bench import SETTINGS
            from patchpact.training.phases import profile_train

            threads = args.threads or 1
            rows += profile_train(
                replace(SETTINGS, scenario=scenario, num_envs=args.num_envs, network=args.network, threads=threads)
            )
        elif args.what == "train":
            from patchpact.training.bench import bench_train

            rows += bench_train(scenario, args.num_envs, args.network, args.threads or 1, args.seconds)
        else:
            rows.append(bench.bench_env(world, seconds=args.seconds))
    if args.json:
        print_json(rows)
    else:
        print(table(rows))
    return 0
