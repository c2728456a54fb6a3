"""Is it worth a tenant's while to train with others, privately? Writes `docs/federated_policies.csv` and `.md`.

    .venv/bin/python tools/federated_policies.py RUNS [SEEDS]

For each of SEEDS seeds (default 5) 16 tenants are drawn, each with a graph of its own, and a policy is trained: by each
tenant alone, by all in one place, by the server on public worlds without any tenant, and federated at some epsilons.
All start from the same blank policy (`prior` 0) and imitate `net-gain` on their worlds: PPO would need far more steps.
Every tenant plays equally many env-steps in each; the noise of the federated runs is fresh. Federated policies are
those of the last round, not the best.
Trained policies are kept in the folder RUNS; what is finished is not trained again.

A score is what a policy gains over doing nothing, over what the rule `net-gain` gains, both summed over the tenants'
own worlds (held-out seeds, expected losses): 0 is doing nothing, 1 is `net-gain`. Intervals are Student's t over seeds.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from patchpact.agents.policies import make_policy
from patchpact.agents.policies.base import Policy
from patchpact.agents.policies.learned import load_policy, save_policy
from patchpact.agents.roles import action_names
from patchpact.cli.output import between_marks, table
from patchpact.scenarios import Scenario
from patchpact.training import TrainConfig, train
from patchpact.training.evaluate import play
from patchpact.training.federated.imitating import ImitatingTrainer
from patchpact.training.federated.run import settled
from patchpact.training.federated.settings import FederatedConfig
from patchpact.training.federated.subspace import FIRST_NUMBER, public_scenarios
from patchpact.training.federated.tenants import federated, roles_of, tenant_scenarios
from patchpact.training.federated.weights import Layout, Networks
from patchpact.training.folder import write_table, write_text

DOCS = Path(__file__).resolve().parents[1] / "docs"
EPISODES = range(32)
FEDERATED = FederatedConfig(tenants=16, rounds=3, local="imitate", epsilon=0.0, update_clip=1.5, delta=1e-3, subspace=8)
BASE = TrainConfig(
    overrides={"services": 12, "tenants": 1, "vendors": 1, "windows": 4, "motions_per_window": 2},
    imitate="net-gain", num_envs=8, minibatch=64, optimizer="sgd", lr=1.0, prior=0.0, hidden=8,
    validate_every=3, validation_episodes=8, evaluation_episodes=0, federated=FEDERATED,
)  # fmt: skip
EPSILONS = ((0.0, 8), (8.0, 8), (4.0, 8), (2.0, 8), (8.0, 0), (4.0, 0), (2.0, 0))
"""Epsilon (0: without noise), and directions (0: every weight)."""
Scores = dict[str, float]


def _key(epsilon: float, directions: int) -> str:
    return f"federated-{epsilon:g}-{directions}"


class Seed:
    """All trainings of one seed."""

    def __init__(self, runs: Path, seed: int) -> None:
        self.folder = runs / f"seed-{seed}"
        self.config = settled(replace(BASE, seed=seed))
        self.tenants = tenant_scenarios(self.config)

    def federated(self, epsilon: float, subspace: int) -> Path:
        """A run of `patchpact train --federated`; the policy of its last round."""
        out = self.folder / _key(epsilon, subspace)
        settings = replace(FEDERATED, epsilon=epsilon, subspace=subspace)
        config = replace(BASE, seed=self.config.seed, out=str(out), federated=settings)
        train(config, resume=(out / "config.json").exists(), progress=False)
        return out

    def others(self) -> None:
        """Train alone, pooled and on public worlds, from the start of the federated runs."""
        if (self.folder / "others.json").exists():
            return
        config, done = self.config, time.monotonic()
        iterations = federated(config).rounds
        trainer = ImitatingTrainer(roles_of(config))
        start = trainer.networks()
        layout = Layout.of(start)
        start = layout.networks(layout.vector(start))
        self._save("start", start)
        for number, tenant in enumerate(self.tenants):
            self._save(f"alone-{number}", trainer.train_on([tenant], start, {}, number, 0, iterations)[0])
        self._save("public", _public(trainer, layout, start, config))
        wide = replace(config, num_envs=config.num_envs * len(self.tenants))
        trainer = ImitatingTrainer(roles_of(wide))
        self._save("pooled", trainer.train_on(self.tenants, start, {}, 0, 0, iterations)[0])
        (self.folder / "others.json").write_text(json.dumps({"seconds": time.monotonic() - done}))

    def _save(self, name: str, networks: Networks) -> None:
        names = {role: action_names(role) for role in networks}
        save_policy(self.folder / name, networks, names, self.config.hidden, self.config.network)

    def scores(self) -> Scores:
        """By way of training the score."""
        kept = self.folder / "scores.json"
        found: Scores = json.loads(kept.read_text()) if kept.exists() else {}
        if set(found) >= set(WAYS):
            return found
        self.others()
        runs = {_key(*one): self.federated(*one) / "checkpoints" / "last" / "policy" for one in EPSILONS}
        runs |= {name: self.folder / name for name in ("start", "pooled", "public")}
        rules = [make_policy(name) for name in ("do-nothing", "net-gain")]
        idle, rule = (self._welfare(lambda n, c=cast: c) for cast in rules)

        def score(place: Callable[[int], Path]) -> float:
            return float((self._welfare(lambda n: load_policy(place(n))) - idle).sum() / (rule - idle).sum())

        found |= {name: score(lambda n, p=place: p) for name, place in runs.items() if name not in found}
        if "alone" not in found:
            found["alone"] = score(lambda n: self.folder / f"alone-{n}")
        kept.write_text(json.dumps(found, indent=1))
        return found

    def _welfare(self, cast: Callable[[int], Callable[[str], Policy]]) -> np.ndarray:
        """Mean welfare of each tenant (k€) with the policy of its number."""
        return np.array([_mean(tenant, cast(n)) for n, tenant in enumerate(self.tenants)])


def _mean(tenant: Scenario, cast: Any) -> float:
    return float(play(tenant, cast, EPISODES)["welfare_keur"].mean())


def _public(trainer: ImitatingTrainer, layout: Layout, start: Networks, config: TrainConfig) -> Networks:
    """What the server has without any tenant: the plain average of the public worlds that give directions."""
    settings, weights = federated(config), layout.vector(start)
    for done in range(settings.rounds):
        sent = layout.networks(weights)
        worlds = public_scenarios(config, settings.subspace, done)
        after = [
            layout.vector(trainer.train_on([world], sent, {}, FIRST_NUMBER + n, done, 1)[0])
            for n, world in enumerate(worlds)
        ]
        weights = np.mean(after, 0)
    return layout.networks(weights)


WAYS = {
    "start": "nothing: the policy all start from",
    "alone": "each tenant alone",
    "public": "the server alone, on 8 public worlds a round",
    "pooled": "all in one place",
    _key(0.0, 8): "federated, clipped, no noise, 8 directions",
    _key(8.0, 8): "federated, 8 directions",
    _key(4.0, 8): "federated, 8 directions",
    _key(2.0, 8): "federated, 8 directions",
    _key(8.0, 0): "federated, every weight",
    _key(4.0, 0): "federated, every weight",
    _key(2.0, 0): "federated, every weight",
}


def rows_of(found: list[Scores]) -> list[dict[str, str]]:
    """A line for each way of training: means over seeds, and paired differences to training alone."""
    rows = []
    for name, way in WAYS.items():
        epsilon = name.split("-")[1] if name.startswith("federated") else ""
        scores = np.array([one[name] for one in found])
        alone = np.array([one["alone"] for one in found])
        row = {"way": way, "epsilon": "none" if epsilon == "0" else epsilon, "seeds": str(len(found))}
        for column, values in (("score", scores), ("over_alone", scores - alone)):
            half = stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values))
            bounds = {"": values.mean(), "_low": values.mean() - half, "_high": values.mean() + half}
            row |= {f"{column}{end}": f"{value:.3f}" for end, value in bounds.items()}
        row["scores"] = " ".join(f"{value:.3f}" for value in scores)
        rows.append(row)
    return rows


def results(rows: list[dict[str, str]], command: str) -> str:
    """The results in Markdown."""
    shown = [
        {
            "trained": row["way"],
            "ε": row["epsilon"],
            "score": f"{row['score']} ({row['score_low']} to {row['score_high']})",
            "over alone": f"{row['over_alone']} ({row['over_alone_low']} to {row['over_alone_high']})",
            "by seed": row["scores"],
        }
        for row in rows
    ]
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "dp-accounting"))
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    said = f"`{command}`, {datetime.now(UTC).date()}, {where}, {libraries}; {rows[0]['seeds']} seeds."
    return f"{said}\n\n{table(shown, markdown=True)}"


def main(runs: Path, seeds: int) -> None:
    found = []
    for seed in range(seeds):
        found.append(Seed(runs, seed).scores())
        print(seed, {name: round(one, 3) for name, one in found[-1].items()}, flush=True)
    rows = rows_of(found)
    write_table(DOCS / "federated_policies.csv", rows)
    page = DOCS / "federated_policies.md"
    command = f"tools/federated_policies.py RUNS {seeds}"
    block = f"\n{results(rows, command)}\n"
    write_text(page, between_marks(page.read_text(encoding="utf-8"), "results", block))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5)
