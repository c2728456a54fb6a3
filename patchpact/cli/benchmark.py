"""Play a suite of worlds with any number of policies; what is done already is not played again.

The folder holds a row an episode (Parquet), single episodes told window by window, and an export for marl-eval;
patchpact report makes a page of it. Policies: names of baselines and planners, run folders, LABEL=FOLDER+FOLDER for
several training runs of one kind, rules for every baseline, all for planners and references too.
"""

from __future__ import annotations

import argparse

from patchpact.cli.arguments import UsageError, add_json, whole_number
from patchpact.cli.output import print_json, table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--suite", default="patchpact-bench-v1", metavar="S", help="a bundled suite or a YAML file (patchpact-bench-v1)"
    )
    parser.add_argument(
        "--policies", action="append", default=[], metavar="P,P...", help="names or run folders; may be repeated"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder; what was interrupted goes on in it")
    parser.add_argument("--jobs", type=whole_number(1), default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--tracks", default="", metavar="T,T...", help="only these tracks")
    parser.add_argument("--episodes", type=whole_number(1), metavar="N", help="at most so many worlds of each scenario")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Play what is missing and print who stands where."""
    import sys

    from patchpact.training.benchmark import benchmark
    from patchpact.training.reports.reading import read
    from patchpact.training.reports.results import Results

    policies = [name for text in args.policies for name in text.split(",") if name]
    if not policies:
        raise UsageError("no policy; add --policies rules, or names and run folders with commas between")
    tracks = [name for name in args.tracks.split(",") if name]
    shown = sys.stderr.isatty()
    folder = benchmark(args.suite, policies, args.out, args.jobs, tracks, args.episodes, progress=shown)
    rows = [
        {
            "policy": one.policy,
            "kind": one.kind,
            "episodes": one.episodes,
            "score": one.score.value,
            "score_low": one.score.low,
            "score_high": one.score.high,
            "gain_keur": one.gain.value,
            "gain_low": one.gain.low,
            "gain_high": one.gain.high,
        }
        for one in Results(read(folder).episodes).standings
    ]
    if args.json:
        print_json(rows)
    else:
        print(table(rows))
        print(f"\nScore: interquartile mean, 0 for doing nothing, 1 for informed. Next: patchpact report {folder}")
    return 0
