"""Run an ablation study, or say what it found: arms of a game, agents trained anew in each, the same draws for all.

A study is a bundled design (symbiosis, core) or a YAML file. Its folder keeps a row an episode; a study that was
stopped or killed goes on in it. The verdict on each claim (supported, refuted, undecided) follows from the raw
episodes and the design's criteria by code. --small checks the plumbing in minutes and can only say undecided.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from patchpact.cli.arguments import UsageError, add_json, whole_number
from patchpact.cli.output import print_json, table

if TYPE_CHECKING:
    from patchpact.training.study.verdict import Verdict


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("study", metavar="STUDY", help="a bundled design (symbiosis, core) or a YAML file")
    parser.add_argument("--out", metavar="DIR", help="the folder; what was interrupted goes on in it")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--small", action="store_true", help="the small form: minutes, decides nothing")
    form.add_argument(
        "--pilot", action="store_true", help="the pilot: for --power, other seeds and draws, decides nothing"
    )
    parser.add_argument("--jobs", type=whole_number(1), default=1, metavar="N", help="processes (default 1)")
    parser.add_argument(
        "--ray", action="store_true", help="spread cells over the Ray cluster that RAY_ADDRESS names, or over --jobs"
    )
    parser.add_argument("--check", action="store_true", help="only say whether this version can play the design")
    parser.add_argument("--report", metavar="DIR", help="only write the report and tables of a study's folder")
    parser.add_argument(
        "--power", metavar="DIR", help="only compute, from a pilot's folder, how many seeds and draws the margin needs"
    )
    parser.add_argument(
        "--publish", nargs=2, metavar=("DIR", "TARGET"), help="only write what the verdict on DIR rests on to TARGET"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Do what is asked; see the module's docstring."""
    asked = [name for name in ("out", "check", "report", "power", "publish") if getattr(args, name)]
    if len(asked) != 1:
        raise UsageError("say one of --out DIR (run it), --check, --report DIR, --power DIR, --publish DIR TARGET")
    does = {"out": _run, "check": _check, "report": _report, "power": _power, "publish": _publish}
    return does[asked[0]](args)


def _run(args: argparse.Namespace) -> int:
    from patchpact.training.study.design import load_design
    from patchpact.training.study.runner import run_study

    design = load_design(args.study)
    form = "small" if args.small else "pilot" if args.pilot else "full"
    folder = run_study(design, form, args.out, args.jobs, args.ray, progress=sys.stderr.isatty() and not args.json)
    return _conclude(args, folder)


def _check(args: argparse.Namespace) -> int:
    from patchpact.training.study.cells import check_settings
    from patchpact.training.study.design import load_design
    from patchpact.training.study.worlds import require

    design = load_design(args.study)
    forms = {}
    for form in design.forms:
        check_settings(design, form)
        require(design, form)
        cells = list(design.cells(form))
        forms[form] = {"cells": len(cells), "trainings": sum(cell.learned for cell in cells)}
    found = {"study": design.file.id, "digest": design.digest, "arms": len(design.file.arms), "forms": forms}
    if args.json:
        print_json(found)
    else:
        sizes = ", ".join(f"{form} form {n['cells']} cells ({n['trainings']} trainings)" for form, n in forms.items())
        print(f"{design.source}: {found['arms']} arms, {sizes}; digest {design.digest}")
    return 0


def _report(args: argparse.Namespace) -> int:
    folder = Path(args.report)
    _same(args, folder)
    return _conclude(args, folder)


def _conclude(args: argparse.Namespace, folder: Path) -> int:
    from patchpact.training.reports.study import write_study_report

    verdict = write_study_report(folder)
    _say(args, verdict)
    if not args.json:
        print(f"\n{folder / 'report.html'}: written, its tables in report.md and tables/")
    return 0


def _power(args: argparse.Namespace) -> int:
    import yaml

    from patchpact.training.study.design import load_design
    from patchpact.training.study.power import power

    found = power(load_design(args.study), args.power)
    if args.json:
        print_json(found)
    else:
        print(yaml.safe_dump({"power": found}, sort_keys=False, allow_unicode=True, width=110), end="")
    return 0


def _publish(args: argparse.Namespace) -> int:
    from patchpact.training.study.publish import publish

    folder, target = map(Path, args.publish)
    _same(args, folder)
    publish(folder, target)
    size = sum(file.stat().st_size for file in target.rglob("*.parquet"))
    if args.json:
        print_json({"folder": str(target), "bytes": size})
    else:
        print(f"{target}: written, {size / 1e6:.1f} MB; its report: patchpact study {args.study} --report {target}")
    return 0


def _same(args: argparse.Namespace, folder: Path) -> None:
    """The folder must be of the study that was named."""
    from patchpact.training.study.design import load_design
    from patchpact.training.study.runner import read_manifest

    held, asked = read_manifest(folder).get("study"), load_design(args.study).file.id
    if held != asked:
        raise UsageError(f"{folder}: holds the study {held}, not {asked}; name the one or the other")


def _say(args: argparse.Namespace, verdict: Verdict) -> None:
    if args.json:
        print_json(verdict)
        return
    rows = [{"claim": one.id, "title": one.title, "verdict": one.verdict, "why": one.why} for one in verdict.rulings]
    rows += [
        {"claim": name, "title": why, "verdict": "not tested", "why": ""} for name, why in verdict.not_tested.items()
    ]
    print(table([{**row, "why": _short(row["why"])} for row in rows]))
    for line in (*verdict.obstacles, *verdict.notes):
        print(f"- {line}")


def _short(text: str, limit: int = 70) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
