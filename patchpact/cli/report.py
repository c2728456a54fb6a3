"""Write the report of a benchmark or a training run: one page, report.html, that needs nothing but itself.

A benchmark folder also gets report.md, its tables in Markdown. What was there is replaced.
"""

from __future__ import annotations

import argparse

from patchpact.cli.arguments import UsageError, add_json
from patchpact.cli.outfile import out_file
from patchpact.cli.output import say


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", metavar="DIR", help="a benchmark folder or a run folder")
    parser.add_argument(
        "--out", metavar="FILE", help="the page's file (default DIR/report.html); of a benchmark the Markdown beside it"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Write the report and say where."""
    from pathlib import Path

    folder = Path(args.folder)
    if not folder.is_dir():
        raise UsageError(f"{folder}: is no folder; name a benchmark folder or a run folder")
    out = None if args.out is None else out_file(args.out, (".html",))
    if (folder / "benchmark.json").is_file():
        from patchpact.training.reports.benchmark import write_benchmark_report

        file = write_benchmark_report(folder, out, progress=True)
        tables = file.with_suffix(".md")
        size = f"{file.stat().st_size / 1e6:.1f} MB"
        say(args.json, {"report": str(file), "tables": str(tables)}, f"{file}: written, {size}; its tables in {tables}")
    elif (folder / "config.json").is_file():
        from patchpact.training.reports.run import write_run_report

        file = write_run_report(folder, out)
        say(args.json, {"report": str(file)}, f"{file}: written")
    else:
        raise UsageError(
            f"{folder}: holds neither benchmark.json nor config.json; name a folder that patchpact benchmark or"
            " patchpact train wrote"
        )
    return 0
