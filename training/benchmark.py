"""Run a suite: every policy on every world, a row an episode, so that a kill at any moment loses no finished piece.

A benchmark's folder::

    benchmark.json     suite, its digest, version, command, machine, policies
    episodes/*.parquet a row an episode; one file for each piece of work, there as soon as the piece is done
    stories/*.json     single episodes, told window by window
    marl_eval.json     the same episodes for marl-eval (Gorsane et al., 2022, "Towards a standardised performance
                       evaluation protocol for cooperative MARL")

Pieces are cut alike whatever the number of jobs, and a piece's rows depend on it alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from patchpact.agents import policies as bundled
from patchpact.agents.policies import PLANNERS, PRETRAINED, REFERENCES, Oracle, policy_names
from patchpact.agents.policies.registry import PRETRAINED_FOLDER
from patchpact.envs.core import cache
from patchpact.scenarios.machine import facts
from patchpact.training import story
from patchpact.training.evaluate import agents_of, find_policy, play
from patchpact.training.folder import RunError, claim, commit, replacing, write_text, writing
from patchpact.training.jobs import in_processes
from patchpact.training.suite import Cell, Suite, load_suite

PIECE, PLANNED_PIECE, SOLVED_PIECE = 64, 8, 4
"""Worlds of one piece of work: of rules and learned policies, of planners, of references that solve each world."""
LONG = (*PLANNERS, *REFERENCES)
SOMETIMES = {
    "bound_keur": pa.float64(),
    "accounts_keur": pa.list_(pa.float64()),
    "blocked": pa.list_(pa.float64()),
}
"""Columns that not every policy fills."""
EVERY_RULE, EVERYTHING = "rules", "all"


@dataclass(frozen=True)
class Contestant:
    """A policy with the name it has in tables; one for each run where a policy was trained several times."""

    label: str
    source: str
    run: int = 0

    @property
    def name(self) -> str:
        """Of its files."""
        return self.label if self.run == 0 else f"{self.label}+{self.run}"


@dataclass(frozen=True)
class Piece:
    """Some worlds of a cell for one policy; or, for ``story``, its first."""

    suite: str
    cell: Cell
    contestant: Contestant
    first: int
    count: int
    story: bool
    file: str


def contestants(policies: Sequence[str]) -> list[Contestant]:
    """Policies as written: a baseline, ``rules`` (all), ``all`` (with planners and references), a run folder, or

    ``LABEL=FOLDER+FOLDER...`` for several training runs of one kind. Raises ``ValueError`` for what is none of these.
    """
    found: list[Contestant] = []
    for text in policies:
        label, equals, folders = text.partition("=")
        if text in (EVERY_RULE, EVERYTHING):
            names = (*policy_names(), *(LONG if text == EVERYTHING else ()))
            found += [Contestant(name, name) for name in names]
        elif equals and not Path(text).is_dir():
            found += [Contestant(label, folder, run) for run, folder in enumerate(folders.split("+"))]
            for folder in folders.split("+"):
                find_policy(folder)
        else:
            name, _ = find_policy(text)
            found.append(Contestant(Path(name).name if Path(text).is_dir() else name, text))
    unique = {one.name: one for one in found}
    for one in found:
        if unique[one.name].source != one.source:
            raise ValueError(f"policies: {one.label!r} names two; write LABEL=FOLDER for one of them")
    return list(unique.values())


def benchmark(
    suite: str | Path,
    policies: Sequence[str],
    out: str | Path,
    jobs: int = 1,
    tracks: Sequence[str] = (),
    episodes: int | None = None,
    progress: bool = False,
    command: str | None = None,
) -> Path:
    """Play a suite. Pieces that the folder holds already are not played again.

    Args:
        suite: a bundled suite's id or a YAML file.
        policies: see ``contestants``; ``do-nothing``, the suite's references and the rest may come in later calls.
        out: the folder.
        jobs: processes.
        tracks: only these.
        episodes: at most so many worlds of each cell.
        progress: show a bar.
        command: noted in the folder; the command line if left out.

    Returns:
        The folder.

    Raises:
        RunError: the folder holds another benchmark, is in use or cannot be written.
        ValueError: an unknown policy, track or scenario, or a bad number.
    """
    if jobs < 1:
        raise ValueError(f"jobs: {jobs} is less than 1; ask for at least one process")
    plan = load_suite(suite)
    cells = plan.cells(tuple(tracks))
    cast = contestants(policies)
    folder = Path(out)
    with writing(folder):
        (folder / "episodes").mkdir(parents=True, exist_ok=True)
        (folder / "stories").mkdir(exist_ok=True)
    with claim(folder, "another benchmark writes to it"):
        _open(folder, plan, cast, episodes, command or shlex.join(["patchpact", *sys.argv[1:]]))
        pieces = list(_pieces(plan, cells, cast, episodes))
        due = [piece for piece in pieces if not (folder / piece.file).is_file()]
        _work_off(due, pieces, folder, jobs, progress)
        write_text(folder / "marl_eval.json", json.dumps(marl_eval(folder, plan.id)))
        _note(folder, finished=datetime.now(UTC).isoformat(timespec="seconds"))
    return folder


def _pieces(plan: Suite, cells: Sequence[Cell], cast: Sequence[Contestant], episodes: int | None) -> Iterator[Piece]:
    for one in cast:
        long = one.source in LONG
        size = SOLVED_PIECE if one.source == "clairvoyant" else PLANNED_PIECE if long else PIECE
        for cell in cells:
            most = cell.planner_episodes if long else len(cell.seeds)
            if one.source == "informed":
                most = cell.yardstick_episodes
            count = min(most, episodes or most)
            name = f"{_slug(cell.label)}__{_slug(one.name)}"
            for first in range(0, count, size):
                file = f"episodes/{name}__{first:05d}.parquet"
                yield Piece(plan.id, cell, one, first, min(size, count - first), False, file)
            told = one.source in plan.file.stories or one.source not in (*policy_names(), *LONG)
            if told and one.run == 0:
                yield Piece(plan.id, cell, one, 0, 1, True, f"stories/{name}.json")


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", text).strip("-")


def _open(folder: Path, plan: Suite, cast: Sequence[Contestant], episodes: int | None, command: str) -> None:
    """Note what is played; refuse a folder that holds something else."""
    file = folder / "benchmark.json"
    manifest: dict[str, Any] = {}
    identity = {"suite": plan.id, "digest": plan.digest, "rules": cache.fingerprint(), "episodes": episodes}
    if file.is_file():
        try:
            manifest = json.loads(file.read_text(encoding="utf-8"))
            held = {name: manifest[name] for name in identity}
            known = dict(manifest["policies"])
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{file}: is no benchmark's ({error}); name another folder") from None
        for name, value in identity.items():
            if held[name] != value:
                raise RunError(
                    f"{folder}: holds a benchmark with {name} {held[name]}, this is {value}; name another folder"
                )
    elif any((folder / "episodes").glob("*.parquet")):
        raise RunError(f"{folder}: holds episodes but no benchmark.json; name another folder")
    else:
        known = {}
    for one in cast:
        digest = _digest_of(one.source)
        if known.setdefault(one.name, digest) != digest:
            raise RunError(
                f"{folder}: holds another {one.name!r} (its files changed); name another folder or LABEL=..."
            )
    manifest |= identity | {
        "title": plan.file.title,
        "version": version("patchpact"),
        "commit": manifest.get("commit") or commit(),
        "commands": list(dict.fromkeys([*manifest.get("commands", []), command])),
        "command": command,
        "policies": known,
        "tracks": {track.name: track.description for track in plan.file.tracks},
        "test_seeds": plan.file.test_seeds.model_dump(),
        "train_seeds": plan.file.train_seeds.model_dump(),
        "planner_episodes": plan.file.planner_episodes,
        "yardstick_episodes": plan.file.yardstick_episodes,
        "started": manifest.get("started") or datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts() | {"numpy": np.__version__, "numba": numba.__version__},
    }
    write_text(file, json.dumps(manifest, indent=1))


def _note(folder: Path, **more: Any) -> None:
    manifest = json.loads((folder / "benchmark.json").read_text(encoding="utf-8"))
    write_text(folder / "benchmark.json", json.dumps(manifest | more, indent=1))


def _digest_of(source: str) -> str:
    """Of a policy's meaning: the code of the bundled policies, or the files of a learned one."""
    digest = hashlib.sha256()
    folder = PRETRAINED_FOLDER if source == PRETRAINED else Path(source)
    learned = folder.is_dir()
    home = folder if learned else Path(bundled.__file__).parent
    for file in sorted(home.rglob("*.safetensors" if learned else "*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _work_off(due: Sequence[Piece], pieces: Sequence[Piece], folder: Path, jobs: int, progress: bool) -> None:
    """Play what is due, the long pieces first, so that no job is left alone with one."""
    due = sorted(due, key=lambda piece: (piece.contestant.source not in LONG, piece.story))
    total = sum(piece.count for piece in pieces)
    done = total - sum(piece.count for piece in due)
    bar = tqdm(total=total, initial=done, unit="episode", disable=not progress, smoothing=0.05, dynamic_ncols=True)
    with bar:
        if jobs == 1 or len(due) < 2:
            for piece in due:
                _play_piece(piece, folder)
                bar.update(piece.count)
            return
        _play_piece(due[-1], folder)  # compiles, where nothing is cached yet
        bar.update(due[-1].count)
        for piece in in_processes(partial(_play_piece, folder=folder), due[:-1], jobs):
            bar.update(piece.count)


def _play_piece(piece: Piece, folder: Path) -> None:
    cell = piece.cell
    _, policy = find_policy(piece.contestant.source)
    seeds = cell.seeds[piece.first : piece.first + piece.count]
    file = folder / piece.file
    if piece.story:
        if not isinstance(policy, Oracle):
            told = story.record(cell.scenario, policy, seeds[0], piece.contestant.label)
            told |= {"scenario": cell.label, "policy": piece.contestant.label}
            write_text(file, json.dumps(told, allow_nan=False))
        return
    totals = play(cell.scenario, policy, seeds)
    learned = Path(piece.contestant.source).is_dir()
    rows = len(seeds)
    columns: dict[str, Any] = {
        "suite": [piece.suite] * rows,
        "track": [cell.track] * rows,
        "scenario": [cell.label] * rows,
        "policy": [piece.contestant.label] * rows,
        "training_seed": pa.array([piece.contestant.run if learned else None] * rows, pa.int64()),
        "seed": list(seeds),
        "agents": [list(agents_of(cell.scenario))] * rows,
    }
    columns |= {name: values.tolist() for name, values in totals.items()}
    for name, kind in SOMETIMES.items():  # every file has every column, or readers drop those that the first one lacks
        columns.setdefault(name, pa.nulls(rows, kind))
    with replacing(file) as stream:
        pq.write_table(pa.table(columns), stream)


def marl_eval(folder: Path, environment: str) -> dict[str, Any]:
    """All episodes in the form of marl-eval: environment, task, algorithm, run, metrics."""
    import pandas as pd

    rows = pd.read_parquet(folder / "episodes")
    rows["training_seed"] = rows["training_seed"].fillna(0).astype(int)
    tasks: dict[str, Any] = {}
    for (task, algorithm, run), group in rows.sort_values("seed").groupby(["scenario", "policy", "training_seed"]):
        welfare = {"welfare_keur": group["welfare_keur"].tolist()}
        steps = {"step_1": {"step_count": 0, "elapsed_time": 0, **welfare}, "absolute_metrics": welfare}
        tasks.setdefault(str(task), {}).setdefault(str(algorithm), {})[f"seed_{run}"] = steps
    return {environment: tasks}
