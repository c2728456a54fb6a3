"""Train agents with RLlib. The run folder holds settings, progress, checkpoints, policy and evaluation.

Ctrl-C saves and stops (exit status 130). --resume goes on from the last checkpoint with the folder's own
settings; only --timesteps, --ray-address and --num-gpus-per-learner may differ. An exception in a
runner ends the command with its traceback (exit status 1); what was saved stays.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from dataclasses import MISSING, fields, replace
from typing import Any

from patchpact.cli.arguments import UsageError, add_settings, positive_number, whole_number
from patchpact.training.config import TrainConfig
from patchpact.training.faults import RunnerFault

FAULT = 1
INTERRUPTED = 130
SPECIAL = ("scenario", "overrides")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add an option for each field of ``TrainConfig``, with the help of its docstring."""
    texts = _field_texts()
    parser.add_argument(
        "--scenario",
        action="append",
        default=argparse.SUPPRESS,
        metavar="S",
        help="a bundled id, a YAML scenario or a node-link JSON graph; repeated: one drawn for each episode"
        f" (default {TrainConfig.scenario})",
    )
    for field in fields(TrainConfig):
        if field.name in SPECIAL:
            continue
        default = field.default if field.default is not MISSING else None
        shown = ", ".join(default) if isinstance(default, tuple) else default
        help_ = f"{texts.get(field.name, '')} (default {shown})".replace("%", "%%").strip()
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            dest=field.name,
            default=argparse.SUPPRESS,
            metavar=field.name.upper(),
            help=help_,
            **_reading(default, field.name),
        )
    add_settings(parser)
    parser.add_argument(
        "--resume",
        nargs="?",
        const="",
        default=None,
        metavar="DIR",
        help="go on with the run in --out (or in DIR)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Train to the end; 130 if stopped before, 1 if a runner failed."""
    from patchpact.training import train

    given = settings_of(args)
    if args.resume is None:
        config = TrainConfig(**given)
    else:
        out = args.resume or given.get("out")
        if args.resume and "out" in given and given["out"] != args.resume:
            raise UsageError(f"--resume {args.resume} and --out {given['out']} differ; name the run once")
        if not out:
            raise UsageError("--resume: no run named; name its folder, as in --resume --out DIR")
        config = _kept(out, given)
    try:
        folder = train(config, resume=args.resume is not None, progress=not args.quiet)
    except RunnerFault as fault:
        print(f"patchpact train: {fault}\n{config.out} keeps what was saved", file=sys.stderr, flush=True)
        return FAULT
    if not finished(folder):
        return INTERRUPTED
    compare = f"patchpact evaluate --scenario {config.scenarios[0]} --policy {folder} --baselines"
    print(f"{folder}: trained; compare it with: {compare}")
    return 0


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """The settings given on the command line, by field of ``TrainConfig``."""
    names = {field.name for field in fields(TrainConfig)}
    given = {name: value for name, value in vars(args).items() if name in names}
    if "scenario" in given:
        several = given["scenario"]
        given["scenario"] = several[0] if len(several) == 1 else tuple(several)
    if args.settings:
        given["overrides"] = dict(args.settings)
    return given


def finished(folder: Any) -> bool:
    """Whether the run reached its end: all iterations, and the evaluation if one is asked."""
    from patchpact.training.folder import RunFolder

    run_folder = RunFolder(folder)
    config = run_folder.config()
    found = run_folder.checkpoint("last")
    trained = found is not None and found[1].iteration >= config.iterations
    return trained and (not config.evaluation_episodes or run_folder.evaluation_file.exists())


def _kept(out: str, given: dict[str, Any]) -> TrainConfig:
    """The settings of the run in ``out`` with those given on top; ``train`` refuses what may not differ."""
    from patchpact.training.folder import RunFolder

    return replace(RunFolder(out).config(), **{**given, "out": out})


def _reading(default: Any, name: str) -> dict[str, Any]:
    """How argparse reads a field, told from its default."""
    if isinstance(default, bool):
        return {"action": argparse.BooleanOptionalAction, "metavar": None}
    if isinstance(default, int):
        return {"type": whole_number(0)}
    if isinstance(default, float):
        return {"type": positive_number if name == "lr" else float}
    if isinstance(default, tuple):
        return {"type": lambda text: tuple(part.strip() for part in text.split(",") if part.strip())}
    return {}


def _field_texts() -> dict[str, str]:
    """The text of each field from the ``Attributes`` of ``TrainConfig``'s docstring."""
    section = inspect.cleandoc(TrainConfig.__doc__ or "").partition("Attributes:")[2]
    texts = {}
    for match in re.finditer(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE):
        texts[match[1]] = " ".join(match[2].split()).replace("``", "").rstrip(".")
    return texts
