"""Service agents: every microservice decides to patch, defer or batch, and nobody votes (the game mvp2-v1).

train trains one policy that all services share, with a central critic, by RLlib. compare sets the vote of
stakeholders, rules of thumb for services and learned policies side by side: same graph, same draws, same k€.
"""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from patchpact.cli.arguments import Part, UsageError, add_json, add_settings, whole_number
from patchpact.cli.output import print_json, say, table

COLUMNS = (
    "policy", "agents", "welfare_keur", "welfare_low", "welfare_high", "over_vote_keur", "over_vote_low",
    "over_vote_high", "over_full_keur", "coupled_pairs", "objective_keur", "patches_done", "downtime_keur",
    "damage_keur",
)  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the two parts and their arguments."""
    parts = parser.add_subparsers(dest="part", metavar="train|compare", parser_class=Part)
    train = parts.add_parser("train", help="train a policy for services (needs patchpact[train])")
    _add_shared(train)
    train.add_argument("--out", required=True, metavar="DIR", help="the run folder; must be new or empty")
    train.add_argument("--timesteps", type=whole_number(1), default=None, metavar="N", help="windows (default 140,000)")
    train.add_argument("--seed", type=whole_number(0), default=0, metavar="K", help="of the training (default 0)")
    train.add_argument("--num-envs", type=whole_number(1), default=None, metavar="N", help="worlds side by side")
    train.add_argument(
        "--evaluation-episodes", type=whole_number(0), default=128, metavar="N",
        help="worlds of the comparison after training (default 128; 0 leaves it out)",
    )  # fmt: skip
    train.add_argument("--quiet", action="store_true", help="no progress bar")
    add_json(train)
    compare = parts.add_parser("compare", help="the vote, rules of thumb and learned policies in the same worlds")
    _add_shared(compare)
    compare.add_argument(
        "--policy", action="append", default=[], metavar="P",
        help="a further policy's name or a run folder of either game; may be repeated",
    )  # fmt: skip
    compare.add_argument("--episodes", type=whole_number(2), default=256, metavar="N", help="worlds (default 256)")
    compare.add_argument("--seed", type=whole_number(0), default=0, metavar="K", help="the first seed (default 0)")
    form = compare.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print a Markdown table")
    add_json(form)  # type: ignore[arg-type]


def _add_shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scenario", default="mvp2-v1", metavar="S",
        help="a bundled id, a YAML scenario or a node-link JSON graph (default mvp2-v1: the graph of boutique-v1)",
    )  # fmt: skip
    parser.add_argument(
        "--coupling-keur", type=_penalty, default=None, metavar="X",
        help="penalty for each uncoordinated pair of coupled services in a window (default 1; 0 switches it off)",
    )  # fmt: skip
    add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Train or compare."""
    from patchpact.envs.services import COUPLING_KEUR

    if args.part is None:
        raise UsageError("no part; say train or compare, see patchpact services --help")
    penalty = COUPLING_KEUR if args.coupling_keur is None else args.coupling_keur
    return _train(args, penalty) if args.part == "train" else _compare(args, penalty)


def _train(args: argparse.Namespace, penalty: float) -> int:
    from patchpact.training.config import TrainConfig
    from patchpact.training.services import DEFAULTS, train_services

    given: dict[str, Any] = {name: value for name in ("timesteps", "num_envs") if (value := getattr(args, name))}
    config = TrainConfig(
        **{**DEFAULTS, **given},
        scenario=args.scenario, out=args.out, seed=args.seed, overrides=dict(args.settings),
        evaluation_episodes=args.evaluation_episodes,
    )  # fmt: skip
    folder = train_services(config, penalty, progress=not args.quiet)
    compare = ["patchpact", "services", "compare", "--scenario", args.scenario, "--policy", str(folder)]
    summary = {"run": str(folder), "policy": str(folder / "policy"), "compare": compare}
    say(args.json, summary, f"{folder}: trained; compare it: {shlex.join(compare)}")
    return 0


def _compare(args: argparse.Namespace, penalty: float) -> int:
    from patchpact.training.services import compare_services

    rows = compare_services(
        args.scenario, args.policy, args.episodes, args.seed, coupling_keur=penalty, **dict(args.settings)
    )
    if args.json:
        print_json(rows)
        return 0
    print(table(rows, COLUMNS, markdown=args.markdown))
    if not args.markdown:
        print(
            "\nWelfare in k€ per episode with its 95% interval; over_vote: above net-gain in the same worlds,"
            "\nover_full: above net-gain-full, the vote with full mode alone, which is all that service agents have;"
            "\nobjective: welfare less the penalty for coupled pairs, which service agents are trained on."
        )
    return 0


def _penalty(text: str) -> float:
    """An argument type: a finite number from 0 on."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return number
