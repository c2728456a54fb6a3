"""Train agents with RLlib. The run folder holds settings, progress, checkpoints, policy and evaluation.

Ctrl-C saves and stops (exit status 130). --resume goes on from the last checkpoint with the folder's own
settings; only --timesteps, --ray-address and --num-gpus-per-learner may differ. An exception in a
runner ends the command with its traceback (exit status 1); what was saved stays.

--federated: every --scenario is a tenant, or --tenants N draws graphs for N of them. Each trains on its own worlds;
what leaves is a clipped update of the policies, in a sum with noise, and epsilon is accounted for a whole tenant
(docs/federated_policies.md).
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import shlex
import sys
from dataclasses import MISSING, fields, replace
from typing import Any

from patchpact.cli.arguments import UsageError, add_json, add_settings, positive_number, whole_number
from patchpact.cli.output import say
from patchpact.training.config import TrainConfig
from patchpact.training.faults import RunnerFault
from patchpact.training.federated.settings import FederatedConfig

FAULT = 1
INTERRUPTED = 130
SPECIAL = ("scenario", "overrides", "federated")
FEDERATED = tuple(field.name for field in fields(FederatedConfig))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add an option for each field of ``TrainConfig``, with the help of its docstring."""
    parser.add_argument(
        "--scenario",
        action="append",
        default=argparse.SUPPRESS,
        metavar="S",
        help="a bundled id, a YAML scenario or a node-link JSON graph; repeated: one drawn for each episode"
        f" (default {TrainConfig.scenario})",
    )
    _add_fields(parser, TrainConfig)
    group = parser.add_argument_group("federated training")
    group.add_argument(
        "--federated", dest="with_tenants", action="store_true", help="train with tenants that keep their worlds"
    )
    _add_fields(group, FederatedConfig)
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
    add_json(parser)


def _add_fields(parser: argparse._ActionsContainer, settings: type[TrainConfig | FederatedConfig]) -> None:
    texts = _field_texts(settings)
    for field in fields(settings):
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


def run(args: argparse.Namespace) -> int:
    """Train to the end; 130 if stopped before, 1 if a runner failed."""
    from patchpact.training import train
    from patchpact.training.folder import RunFolder
    from patchpact.training.reports.files import read_json

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
    compare = ["patchpact", "evaluate", "--scenario", str(config.scored[0]), "--policy", str(folder), "--baselines"]
    for name, value in config.overrides.items():
        compare += ["--set", f"{name}={json.dumps(value)}"]
    evaluation = RunFolder(folder).evaluation_file
    rows = read_json(evaluation) if args.json and evaluation.exists() else []
    summary = {"run": str(folder), "policy": str(folder / "policy"), "evaluation": rows, "compare": compare}
    say(args.json, summary, f"{folder}: trained{_price(folder)}; compare it with: {shlex.join(compare)}")
    return 0


def _price(folder: Any) -> str:
    """What a federated run cost each tenant, and its score; nothing of another run."""
    from patchpact.training.folder import RunFolder

    run_folder = RunFolder(folder)
    federated, best = run_folder.config().federated, run_folder.checkpoint("best")
    if federated is None or best is None:
        return ""
    score = f", welfare {best[1].validation:.3g} (money units, public worlds, the best of the rounds)"
    if not federated.private:
        return f"{score} without any privacy (epsilon infinite)"
    spent = float(run_folder.progress()[-1]["epsilon"])
    return f"{score} at epsilon {spent:.3g} of {federated.epsilon:g}, delta {federated.delta:g}, for a tenant"


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """The settings given on the command line, by field of ``TrainConfig``."""
    names = {field.name for field in fields(TrainConfig)}
    given = {name: value for name, value in vars(args).items() if name in names}
    if "scenario" in given:
        several = given["scenario"]
        given["scenario"] = several[0] if len(several) == 1 else tuple(several)
    if args.settings:
        given["overrides"] = dict(args.settings)
    federated = {name: value for name, value in vars(args).items() if name in FEDERATED}
    if args.with_tenants:
        if "timesteps" in given:
            raise UsageError("--timesteps: a federated run has rounds; use --rounds and --local-iterations")
        if federated.get("tenants") and "scenario" in given:
            raise UsageError("--tenants draws graphs and --scenario names some; give one of the two")
        given["federated"] = FederatedConfig(**federated)
    elif federated:
        raise UsageError(f"--{next(iter(federated)).replace('_', '-')}: is of federated training; add --federated")
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


def _field_texts(settings: type) -> dict[str, str]:
    """The text of each field from the ``Attributes`` of the docstring."""
    section = inspect.cleandoc(settings.__doc__ or "").partition("Attributes:")[2]
    texts = {}
    for match in re.finditer(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE):
        texts[match[1]] = " ".join(match[2].split()).replace("``", "").rstrip(".")
    return texts
