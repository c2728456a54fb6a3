"""The commands: name, module and one line of help. Modules are imported when their command is called."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command; ``module`` has ``configure(parser)`` and ``run(args) -> exit status``."""

    name: str
    module: str
    help: str


COMMANDS: tuple[Command, ...] = (
    Command("scenarios", "patchpact.cli.scenarios", "list the bundled scenarios"),
    Command("check", "patchpact.cli.check", "check a scenario or graph, and show its parameters and assumptions"),
    Command("import", "patchpact.cli.imports", "read deployment files, traces and scanner reports"),
    Command("train", "patchpact.cli.train", "train agents with RLlib"),
    Command("services", "patchpact.cli.services", "every service an agent: train, and compare with the vote"),
    Command("plan", "patchpact.cli.plan", "negotiate a patch plan: what, when, who pays, and why"),
    Command("evaluate", "patchpact.cli.evaluate", "compare policies side by side on the same draws"),
    Command("benchmark", "patchpact.cli.benchmark", "play a suite of worlds with any number of policies"),
    Command("equilibrium", "patchpact.cli.equilibrium", "exploitability, price of anarchy, blocking coalitions"),
    Command("calibrate", "patchpact.cli.calibrate", "measure what the platform's parts cost, and write the tables"),
    Command("claim", "patchpact.cli.claim", "sign, prove and verify claims about findings without showing them"),
    Command("study", "patchpact.cli.study", "run an ablation study: arms, retrained agents, a verdict by code"),
    Command("report", "patchpact.cli.report", "write the report of a benchmark or a training run"),
    Command("bench", "patchpact.cli.bench", "measure the simulator's speed"),
    Command("serve", "patchpact.cli.serve", "serve patch plans to many tenants over HTTP"),
)
