"""Run a study: every cell once, each in its own file, so that a kill at any moment loses and repeats none.

A study's folder::

    study.json          design, its digest and commit, form, version, machine
    design.yaml         the design and its criteria, as they stood when the study began
    episodes/*.parquet  a row an episode; one file for each cell, there as soon as the cell is done; or one for many
                        cells, as in a published study, which goes on like any other
    runs/*/             of each training: settings, progress, policy; checkpoints as long as it runs
"""

from __future__ import annotations

import io
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from patchpact.envs.core import cache
from patchpact.scenarios.machine import facts
from patchpact.training.folder import RunError, claim, commit, write_text, writing
from patchpact.training.jobs import in_processes
from patchpact.training.study.cells import Stopped, check_settings, keep, play_cell
from patchpact.training.study.design import Cell, Design
from patchpact.training.study.raw import cells_of
from patchpact.training.study.worlds import digest_of_worlds, require

STEPS_OF_A_DRAW = 100
"""Env-steps that an evaluation episode counts for in the progress bar (about two to an episode's motions)."""


def run_study(
    design: Design,
    form: str,
    out: str | Path,
    jobs: int = 1,
    on_ray: bool = False,
    progress: bool = False,
    command: str | None = None,
) -> Path:
    """Play the cells of a form that the folder does not hold yet.

    Args:
        design: what to run.
        form: ``small``, ``full`` or ``pilot``.
        out: the folder.
        jobs: processes (with ``on_ray``: CPUs of this machine's ray, where no cluster is named).
        on_ray: spread cells over the Ray cluster that ``RAY_ADDRESS`` names, or over this machine's cores.
        progress: show a bar with the time left.
        command: noted in the folder; the command line if left out.

    Returns:
        The folder.

    Raises:
        RunError: the folder holds another study, is in use or cannot be written.
        ReportError: it holds episodes that cannot be read.
        ScenarioError: this version lacks something that the design asks for, or a setting is bad.
        KeyboardInterrupt: stopped; what is done stays, and the next call goes on.
    """
    if jobs < 1:
        raise ValueError(f"jobs: {jobs} is less than 1; ask for at least one process")
    check_settings(design, form)
    require(design, form)
    folder = Path(out)
    with writing(folder):
        for name in ("episodes", "runs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    with claim(folder, "another study writes to it"):
        _open(folder, design, form, command or shlex.join(["patchpact", *sys.argv[1:]]))
        cells = list(design.cells(form))
        due = _due(folder, cells)
        for cell in cells:  # what a kill between a cell's rows and its checkpoints left
            if cell.learned and file_of(folder, cell).is_file():
                shutil.rmtree(folder / "runs" / cell.name / "checkpoints", ignore_errors=True)
        total = sum(_steps(cell) for cell in cells)
        bar = tqdm(
            total=total,
            initial=total - sum(_steps(cell) for cell in due),
            unit="step",
            unit_scale=True,
            smoothing=0.02,
            disable=not progress,
            dynamic_ncols=True,
        )
        done = len(cells) - len(due)
        with bar:
            for cell in _played(due, folder, jobs, on_ray):
                done += 1
                bar.set_postfix_str(f"{done} of {len(cells)} cells")
                bar.update(_steps(cell))
        _note(folder, finished=datetime.now(UTC).isoformat(timespec="seconds"))
    return folder


def file_of(folder: Path, cell: Cell) -> Path:
    """Where the rows of a cell lie once it is done."""
    return folder / "episodes" / f"{cell.name}.parquet"


def _due(folder: Path, cells: Sequence[Cell]) -> list[Cell]:
    """Cells that no file of the folder holds."""
    due = [cell for cell in cells if not file_of(folder, cell).is_file()]
    names = {f"{cell.name}.parquet" for cell in cells}
    others = [file for file in (folder / "episodes").glob("*.parquet") if file.name not in names]
    held = {key for file in others for key in cells_of(file)}
    return [cell for cell in due if (cell.arm, cell.topology, cell.player, cell.training_seed) not in held]


def _steps(cell: Cell) -> int:
    return STEPS_OF_A_DRAW * len(cell.draws) + (cell.timesteps if cell.learned else 0)


def _played(due: Sequence[Cell], folder: Path, jobs: int, on_ray: bool) -> Iterator[Cell]:
    """Play what is due and say which cell is done."""
    if on_ray and due:
        yield from _on_ray(due, folder, jobs)
    elif jobs == 1 or len(due) < 2:
        yield from _in_turn(due, folder)
    else:
        yield from _in_processes(due, folder, jobs)


def _in_turn(due: Sequence[Cell], folder: Path) -> Iterator[Cell]:
    plain = [cell for cell in due if not cell.learned]
    for cell in plain:
        _play(folder, cell)
        yield cell
    trained = due[len(plain) :]
    if trained:
        from patchpact.training.rllib.session import held

        with held():
            for cell in trained:
                try:
                    _play(folder, cell)
                except Stopped:
                    raise KeyboardInterrupt from None
                yield cell


def _in_processes(due: Sequence[Cell], folder: Path, jobs: int) -> Iterator[Cell]:
    first, *others = due
    yield from _in_turn([first], folder)  # compiles, where nothing is cached yet
    yield from in_processes(partial(_play_in_process, folder), others, jobs)


def _play(folder: Path, cell: Cell) -> None:
    if file_of(folder, cell).is_file():  # by a process whose pool broke before it could say so
        return
    table = play_cell(cell, folder / "runs")
    keep(table, file_of(folder, cell), folder / "runs" / cell.name if cell.learned else None)


def _play_in_process(folder: Path, cell: Cell) -> None:
    if cell.learned:
        from patchpact.training.rllib.session import hold

        hold()
    _play(folder, cell)


def _on_ray(due: Sequence[Cell], folder: Path, jobs: int) -> Iterator[Cell]:
    from patchpact.training.rllib.session import spread

    for cell, rows in spread(_play_far, due, jobs):
        table = pq.read_table(pa.BufferReader(rows))
        keep(table, file_of(folder, cell), None)
        yield cell


def _play_far(cell: Cell) -> bytes:
    """On whatever machine: trains in a folder of its own and sends the rows."""
    with tempfile.TemporaryDirectory() as place:
        table = play_cell(cell, Path(place))
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


# The record


def _open(folder: Path, design: Design, form: str, command: str) -> None:
    """Note what is run; refuse a folder that holds something else."""
    file = folder / "study.json"
    identity = {"study": design.file.id, "digest": design.digest, "form": form, "rules": cache.fingerprint()}
    identity["worlds"] = digest_of_worlds(design, form)
    manifest: dict[str, Any] = {}
    if file.is_file():
        manifest = read_manifest(folder)
        for name, value in identity.items():
            if manifest.get(name) != value:
                raise RunError(
                    f"{folder}: holds a study with {name} {manifest.get(name)}, this is {value}; name another folder"
                )
    elif any((folder / "episodes").iterdir()):
        raise RunError(f"{folder}: holds episodes but no study.json; name another folder")
    write_text(folder / "design.yaml", design.text)  # of the same digest: power and remarks may have been added since
    manifest |= identity | {
        "title": design.file.title,
        "version": version("patchpact"),
        "registered": manifest["registered"] if "registered" in manifest else registration(design),
        "commits": list(dict.fromkeys([*manifest.get("commits", []), commit()])),
        "commands": list(dict.fromkeys([*manifest.get("commands", []), command])),
        "started": manifest.get("started") or datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts(),
    }
    write_text(file, json.dumps(manifest, indent=1) + "\n")


def read_manifest(folder: Path) -> dict[str, Any]:
    """``study.json``. Raises ``RunError`` where there is none or it is damaged."""
    file = folder / "study.json"
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise RunError(f"{folder}: holds no study (no study.json); name a folder that patchpact study wrote") from None
    except ValueError as error:
        raise RunError(f"{file}: is no JSON ({error}); name another folder") from None
    if not isinstance(manifest, dict):
        raise RunError(f"{file}: holds no object; name another folder")
    return manifest


def _note(folder: Path, **more: Any) -> None:
    write_text(folder / "study.json", json.dumps(read_manifest(folder) | more, indent=1) + "\n")


def registration(design: Design) -> dict[str, Any] | None:
    """The commit that last changed the design's file, its date, and whether the file is as committed.

    None where the file is in no checkout: then nobody can tell from here whether it came before the results.
    """
    file = (design.home or Path(__file__).resolve().parent) / Path(design.source).name
    git = partial(subprocess.run, cwd=file.parent, capture_output=True, text=True, check=True)
    try:
        told = git(["git", "log", "-1", "--format=%H %cI", "--", file.name]).stdout.split()
        changed = git(["git", "status", "--porcelain", "--", file.name]).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    if not told:
        return None
    return {"commit": told[0], "date": told[1], "as_committed": not changed}
