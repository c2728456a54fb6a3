"""Do service agents do better than the vote? Writes `docs/service_agents.csv`, and the results in the page beside it.

    .venv/bin/python tools/service_agents.py [WORLDS [RUN...]]

RUN are folders of `patchpact services train --scenario mvp2-v1 --seed K --evaluation-episodes 0 --out RUN`, one for
each training seed; without any, three are trained (seeds 0, 1, 2) into `runs/service_agents/`, and what is there
already is taken. Every policy meets the same WORLDS (512) worlds of each graph, on drawn losses and on expected ones,
which are far less noisy. The learned policy was trained on the graph of boutique-v1 alone; the other graphs it has
never seen. Its figures are over training runs and worlds (two-level bootstrap), all others over worlds.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from patchpact.cli.output import between_marks, table
from patchpact.envs.services import COUPLING_KEUR
from patchpact.scenarios import load_scenario
from patchpact.training import stats
from patchpact.training.config import TrainConfig
from patchpact.training.folder import write_table
from patchpact.training.services import DEFAULTS, Played, side_by_side, train_services

ROOT = Path(__file__).resolve().parents[1]
TABLE, PAGE = ROOT / "docs" / "service_agents.csv", ROOT / "docs" / "service_agents.md"
GRAPHS = ("boutique-v1", "robot-shop-v1", "sock-shop-v1", "generated-v1")
FIRST_SEED = 1000
LEARNED = "services-learned"
REFERENCES = {
    "welfare": "", "gain": "do-nothing", "over_vote": "net-gain", "over_full": "net-gain-full",
    "over_rule": "services-batch",
}  # fmt: skip
"""Columns, and the policy in the same worlds that each is measured from."""
SHOWN = {
    "welfare, k€": "welfare", "over `net-gain`": "over_vote",
    "over `net-gain-full`": "over_full", "over `services-batch`": "over_rule",
}  # fmt: skip


def trained() -> list[Path]:
    folders = []
    for seed in range(3):
        folder = ROOT / "runs" / "service_agents" / f"boutique-v1-{seed}"
        if not (folder / "policy" / "policy.json").is_file():
            train_services(
                TrainConfig(scenario="mvp2-v1", out=str(folder), seed=seed, evaluation_episodes=0, **DEFAULTS)
            )
        folders.append(folder)
    return folders


def rows(graph: str, losses: str, worlds: int, runs: Sequence[Path]) -> list[dict[str, object]]:
    """Every policy on one graph under one way of booking losses."""
    world = load_scenario(graph, incident_loss=losses)
    found = side_by_side(world, list(runs), range(FIRST_SEED, FIRST_SEED + worlds))
    groups = {name: [played] for name, played in found.items() if name not in map(str, runs)}
    groups[LEARNED] = [found[str(run)] for run in runs]
    zero = {key: found[name].totals["welfare_keur"] for key, name in REFERENCES.items() if name}
    zero["welfare"] = np.zeros(worlds)
    return [
        _row(name, group, zero, {"scenario": graph, "losses": losses, "worlds": worlds})
        for name, group in groups.items()
    ]


def _row(
    name: str, group: Sequence[Played], zero: Mapping[str, np.ndarray], head: Mapping[str, object]
) -> dict[str, object]:
    welfare = np.stack([played.totals["welfare_keur"] for played in group])
    row: dict[str, object] = {
        **head, "seed": FIRST_SEED, "policy": name,
        "agents": "stakeholders" if group[0].pairs is None else "services",
        "training_runs": len(group) if name == LEARNED else 0,
    }  # fmt: skip
    for key in REFERENCES:
        estimate = stats.mean_gain([(welfare, zero[key])])
        row |= {f"{key}_keur": estimate.value, f"{key}_low": estimate.low, f"{key}_high": estimate.high}
    pairs = [float(played.pairs.mean()) for played in group if played.pairs is not None]
    row["coupled_pairs"] = float(np.mean(pairs)) if pairs else ""
    row["objective_keur"] = float(welfare.mean()) - COUPLING_KEUR * float(np.mean(pairs)) if pairs else ""
    for total in ("patches_done", "effort_keur", "spend_keur", "downtime_keur", "damage_keur"):
        row[total] = float(np.mean([played.totals[total].mean() for played in group]))
    return row


def _said(row: Mapping[str, object], key: str) -> str:
    value, low, high = (float(str(row[f"{key}_{part}"])) for part in ("keur", "low", "high"))
    return f"{value:.1f} ({low:.1f} to {high:.1f})"


def results(found: Sequence[Mapping[str, object]], worlds: int, runs: int) -> str:
    parts = [
        f"{date.today().isoformat()}, `python tools/service_agents.py {worlds}`: {runs} training seeds;"
        f"\n{worlds} worlds, seeds from {FIRST_SEED}; k€ an episode with 95% intervals, differences paired by world."
    ]
    for losses in ("expected", "sampled"):
        for graph in GRAPHS:
            shown = []
            for row in found:
                if (row["scenario"], row["losses"]) != (graph, losses):
                    continue
                cells: dict[str, object] = {"policy": f"`{row['policy']}`"}
                cells |= {head: _said(row, key) for head, key in SHOWN.items()}
                for total in ("coupled_pairs", "patches_done", "downtime_keur", "damage_keur"):
                    cells[total.replace("_keur", ", k€").replace("_", " ")] = (
                        "-" if row[total] == "" else f"{float(str(row[total])):.1f}"
                    )
                shown.append(cells)
            if shown:
                parts.append(f"### {graph}, {losses} losses\n\n{table(shown, markdown=True)}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    folders = [Path(text) for text in sys.argv[2:]] or trained()
    everything: list[dict[str, object]] = []
    for losses in ("expected", "sampled"):
        for graph in GRAPHS:
            everything += rows(graph, losses, count, folders)
            print(graph, losses, flush=True)
            write_table(TABLE, everything, ".3f")
    text = between_marks(PAGE.read_text(encoding="utf-8"), "results", results(everything, count, len(folders)))
    PAGE.write_text(text, encoding="utf-8")
