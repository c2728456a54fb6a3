"""The run folder: written so that a kill or a full disk at any moment loses nothing that was complete.

``config.json``  ``progress.csv``  ``checkpoints/last`` and ``best``  ``policy/``  ``evaluation.json``
``report.html``, and after a warm start by imitation ``imitation.csv``
"""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from patchpact.scenarios.writing import replace_text
from patchpact.scenarios.writing import replacing as _replacing
from patchpact.training.config import TrainConfig

STATE_FILE = "state.json"
LOCK_FILE = ".lock"


class RunError(ValueError):
    """A run folder that cannot be used or written; its text is one line that names the place and the mend."""


@dataclass(frozen=True)
class CheckpointState:
    """What a checkpoint says of itself; the last file written into it."""

    iteration: int
    timesteps: int
    seconds: float
    validation: float | None


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn a failed write, such as a full disk, into one clear ``RunError``."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
        reason = "no space left on the disk" if full else (error.strerror or str(error))
        mend = "make room and go on" if full else "name a place that can be written"
        raise RunError(f"{place}: cannot be written: {reason}; what was saved before is complete: {mend}") from error


@contextmanager
def replacing(file: Path) -> Iterator[IO[bytes]]:
    """A stream whose content replaces ``file`` in one step, or not at all. Raises ``RunError``."""
    with writing(file), _replacing(file) as stream:
        yield stream


def write_text(file: Path, text: str) -> None:
    """Replace ``file`` by ``text`` in one step. Raises ``RunError``."""
    with writing(file):
        replace_text(file, text)


def write_table(
    file: Path, rows: Sequence[Mapping[str, object]], floats: str = "", columns: Sequence[str] | None = None
) -> None:
    """Replace ``file`` by a CSV of these rows.

    Args:
        file: what is replaced.
        rows: a line each.
        floats: formats numbers that are no whole ones (``.3f``).
        columns: of the table, some of which a row may lack; those of the first row if left out, which all have.
    """
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(rows[0]) if columns is None else list(columns), lineterminator="\n")
    table.writeheader()
    table.writerows({k: format(v, floats) if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    write_text(file, text.getvalue())


def commit() -> str | None:
    """The commit of the checkout that this runs from; None from an installed package."""
    home = Path(__file__).resolve().parents[1]
    if not (home / ".git").exists():
        return None
    try:
        said = subprocess.run(
            ["git", "-C", str(home), "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.strip()


def claim(folder: Path, busy: str) -> IO[str]:
    """Hold the folder for this process while the file is open. Raises ``RunError``, with ``busy``, if another does.

    What a kill left half written in it is removed: who holds the folder is alone in it.
    """
    with writing(folder):
        held = (folder / LOCK_FILE).open("w", encoding="utf-8")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise RunError(f"{folder}: {busy}; wait or name another folder") from None
    for left in folder.rglob(".*.new"):
        if left.is_file():
            left.unlink(missing_ok=True)
    return held


def replace_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """Replace the folder ``target`` by what ``fill`` writes; the old one stays until it is complete."""
    new, old = target.with_name(target.name + ".new"), target.with_name(target.name + ".old")
    with writing(target):
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            fill(new)
            if target.exists():
                shutil.rmtree(old, ignore_errors=True)
                target.rename(old)
            new.rename(target)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


class RunFolder:
    """One run on disk.

    Args:
        path: the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock: IO[str] | None = None

    @property
    def progress_file(self) -> Path:
        """The table with one line for each iteration."""
        return self.path / "progress.csv"

    @property
    def policy(self) -> Path:
        """The exported policy of the best validation."""
        return self.path / "policy"

    @property
    def imitation_file(self) -> Path:
        """The table with one line for each round of a warm start by imitation."""
        return self.path / "imitation.csv"

    @property
    def evaluation_file(self) -> Path:
        """The evaluation after training, a list of objects."""
        return self.path / "evaluation.json"

    def create(self, config: TrainConfig) -> None:
        """Begin a run. Raises ``RunError`` if the folder has anything in it."""
        if (self.path / "config.json").exists():
            raise RunError(f"{self.path}: holds a run already; resume it or name another folder")
        self.make()
        write_text(self.path / "config.json", config.to_json())

    def make(self) -> None:
        """Make the folder. Raises ``RunError`` if there is something in it."""
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise RunError(f"{self.path}: is not an empty folder; name another one")
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)

    def config(self) -> TrainConfig:
        """The run's settings. Raises ``RunError`` where there is no run."""
        if not (self.path / "config.json").is_file():
            raise RunError(f"{self.path}: holds no run to resume (no config.json)")
        return TrainConfig.load(self.path)

    def lock(self) -> None:
        """Claim the folder for this process. Raises ``RunError`` if another one trains in it."""
        self._lock = claim(self.path, "another process trains in it")

    def unlock(self) -> None:
        """Give the folder free."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # Checkpoints

    def checkpoint(self, name: str) -> tuple[Path, CheckpointState] | None:
        """The complete checkpoint ``name`` (``last``, ``best``, ``imitated``) with its state; None if there is none.

        Raises ``RunError`` for a damaged one: to begin anew in its place would lose what was trained.
        """
        for place in (self.path / "checkpoints" / name, self.path / "checkpoints" / f"{name}.old"):
            file = place / STATE_FILE
            try:
                return place, CheckpointState(**json.loads(file.read_text(encoding="utf-8")))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, TypeError) as error:
                what = " ".join(str(error).split())
                mend = f"delete {place} to go on without this checkpoint"
                raise RunError(f"{file}: damaged or unreadable ({what}); {mend}") from None
        return None

    def save_checkpoint(self, name: str, state: CheckpointState, fill: Callable[[Path], None]) -> None:
        """Replace the checkpoint ``name`` by what ``fill`` writes."""

        def fill_all(folder: Path) -> None:
            fill(folder)
            (folder / STATE_FILE).write_text(json.dumps(asdict(state)) + "\n", encoding="utf-8")

        replace_folder(self.path / "checkpoints" / name, fill_all)

    def publish_policy(self, which: str = "best") -> None:
        """Copy the policy of ``best`` or ``last`` to ``policy/`` (of the last one where there is no best)."""
        found = self.checkpoint(which) or self.checkpoint("last")
        if found is not None:
            source = found[0] / "policy"
            replace_folder(self.policy, lambda folder: _copy_files(source, folder))

    # Progress

    def append_progress(self, row: Mapping[str, float | int | str]) -> None:
        """Add a line to ``progress.csv`` (with a head, if it is the first one)."""
        with writing(self.progress_file):
            new = not self.progress_file.exists() or not self.progress_file.stat().st_size
            text = io.StringIO()
            table = csv.DictWriter(text, fieldnames=list(row), lineterminator="\n")
            if new:
                table.writeheader()
            table.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
            with self.progress_file.open("a", encoding="utf-8", newline="") as stream:
                stream.write(text.getvalue())
                stream.flush()

    def progress(self) -> list[dict[str, str]]:
        """The complete lines of ``progress.csv``."""
        if not self.progress_file.exists():
            return []
        with self.progress_file.open(encoding="utf-8", newline="") as stream:
            return [row for row in csv.DictReader(stream) if None not in row.values()]

    def cut_progress(self, iteration: int) -> None:
        """Drop lines after ``iteration``, which a resumed run will write again."""
        rows = [row for row in self.progress() if int(row["iteration"]) <= iteration]
        if not rows:
            self.progress_file.unlink(missing_ok=True)
            return
        write_table(self.progress_file, rows)

    def write_imitation(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Write the table of a warm start."""
        write_table(self.imitation_file, [{name: f"{value:.6g}" for name, value in row.items()} for row in rows])


def _copy_files(source: Path, target: Path) -> None:
    for file in sorted(source.iterdir()):
        shutil.copyfile(file, target / file.name)
