"""The raw episodes of a study as arrays, cell by cell; what chance cost beyond the mean of its redraws is taken out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from patchpact.agents.roles.ledger import NETWORKS
from patchpact.training import stats
from patchpact.training.reports.files import ReportError
from patchpact.training.study.design import GAIN, GINI, IDLE, WELFARE, WORSE_OFF

Floats: TypeAlias = NDArray[np.float64]
Key: TypeAlias = tuple[str, str, str]
"""Arm, topology, player."""
LINES, ACCOUNTS, LUCK = "welfare_lines_keur", "accounts_keur", "luck_keur"
CELL = ("arm", "topology", "player", "training_seed")
_PLAIN = (pa.types.is_floating, pa.types.is_integer)


@dataclass(frozen=True)
class Played:
    """What one player did in an arm of a topology, run by run; runs are trainings, or one where nothing is trained."""

    runs: tuple[int, ...]
    """Training seeds; (-1,) where nothing is trained."""
    draws: tuple[int, ...]
    """Seeds of the evaluation worlds."""
    totals: Mapping[str, Floats]
    """By name ``(runs, draws)``."""
    lines: Floats
    """What each network's lines bring to welfare, k€ ``(runs, draws, networks)``."""
    accounts: Floats
    """k€ ``(runs, draws, agents)``."""


@dataclass(frozen=True)
class Raw:
    """All that was played."""

    cells: Mapping[Key, Played]
    topologies: tuple[str, ...] = field(default=())

    def has(self, arm: str, player: str) -> bool:
        """Whether every topology has that arm with that player."""
        return all((arm, place, player) in self.cells for place in self.topologies)

    def holds(self, arm: str, topology: str, player: str, run: int, draws: tuple[int, ...]) -> bool:
        """Whether that cell was played, in these draws; the run is its training seed, or -1."""
        played = self.cells.get((arm, topology, player))
        return played is not None and run in played.runs and played.draws == draws

    def values(self, key: Key, measure: str, outside: str | None = None) -> Floats:
        """A measure ``(runs, draws)``; gain and welfare without a network's own lines, where ``outside`` names one."""
        if measure == GAIN:
            return self.values(key, WELFARE, outside) - self.values((*key[:2], IDLE), WELFARE, outside)
        if measure == GINI:
            return self._gini(key)
        if measure == WORSE_OFF:
            lose = (self._gains(key).mean(1) < 0.0).mean(1)  # of agents, run by run: draws say nothing of it one by one
            return np.repeat(lose[:, None], len(self.cells[key].draws), 1)
        played = self.cells[key]
        values = played.totals[measure]
        return values if outside is None else values - played.lines[:, :, NETWORKS.index(outside)]

    def _gains(self, key: Key) -> Floats:
        """What each agent's account gains over doing nothing ``(runs, draws, agents)``."""
        return self.cells[key].accounts - self.cells[key[0], key[1], IDLE].accounts

    def _gini(self, key: Key) -> Floats:
        """Gini's coefficient of the agents' mean gains over doing nothing, run by run, as a mean over draws.

        It is no mean of anything: what stands for a draw is the run's coefficient and what leaving that draw out moves
        it by (the jackknife's pseudo-values, centred), whose variance is that of the coefficient.
        """
        gains, draws = self._gains(key), len(self.cells[key].draws)
        whole = stats.gini(gains.mean(1))[:, None]
        if draws < 2:
            return whole
        without = stats.gini((gains.sum(1, keepdims=True) - gains) / (draws - 1))
        return np.asarray(whole + (draws - 1) * (without.mean(1, keepdims=True) - without))


class _Part(NamedTuple):
    """What one run brought; as ``Played``, without its first axis."""

    draws: tuple[int, ...]
    totals: dict[str, Floats]
    lines: Floats
    accounts: Floats


def read_raw(folder: Path) -> Raw:
    """All episodes of a study's folder.

    Raises:
        ReportError: none, a file that cannot be read, or cells of an arm that met different worlds.
    """
    parts: dict[Key, dict[int, _Part]] = {}
    for file in sorted((folder / "episodes").glob("*.parquet")):
        for key, run, part in _parts(file):
            parts.setdefault(key, {})[run] = part
    if not parts:
        raise ReportError(f"{folder / 'episodes'}: holds no episodes; run the study")
    cells = {}
    for key, by_run in parts.items():
        runs = tuple(sorted(by_run))
        draws = {by_run[run].draws for run in runs}
        if len(draws) > 1:
            raise ReportError(f"{folder / 'episodes'}: runs of {key[0]} met different worlds; remove its files")
        names = [name for name in by_run[runs[0]].totals if all(name in part.totals for part in by_run.values())]
        totals = {name: np.stack([by_run[run].totals[name] for run in runs]) for name in names}
        lines = np.stack([by_run[run].lines for run in runs])
        accounts = np.stack([by_run[run].accounts for run in runs])
        cells[key] = Played(runs, draws.pop(), totals, lines, accounts)
    return Raw(cells, tuple(dict.fromkeys(key[1] for key in cells)))


def cells_of(file: Path) -> set[tuple[str, str, str, int]]:
    """Which cells a file holds, by arm, topology, player and run. Raises ``ReportError``."""
    try:
        table = pq.read_table(file, columns=list(CELL))
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from None
    rows = set(zip(*(table[name].to_pylist() for name in CELL), strict=True))
    return {(arm, place, player, -1 if run is None else run) for arm, place, player, run in rows}


def _parts(file: Path) -> Iterator[tuple[Key, int, _Part]]:
    """The cells of a file, each a block of rows."""
    try:
        schema = pq.read_schema(file)
        plain = [one.name for one in schema if any(test(one.type) for test in _PLAIN)]
        table = pq.read_table(file, columns=["arm", "topology", "player", *plain, LINES, ACCOUNTS])
        for start, count in blocks(table):
            block = table.slice(start, count)
            one = block.slice(0, 1).to_pylist()[0]
            totals = {n: np.asarray(block[n], np.float64) for n in plain if n not in ("seed", "training_seed")}
            lines, accounts = (_matrix(block[name]) for name in (LINES, ACCOUNTS))
            if LUCK in totals:
                lines[:, NETWORKS.index("world")] += totals[LUCK]
                stats.without_luck(totals)
            seeds = tuple(block["seed"].to_pylist())
            run = -1 if one["training_seed"] is None else int(one["training_seed"])
            yield (one["arm"], one["topology"], one["player"]), run, _Part(seeds, totals, lines, accounts)
    except (OSError, pa.ArrowException, IndexError, KeyError, ValueError) as error:
        raise _unreadable(file, error) from None


def _matrix(column: pa.ChunkedArray) -> Floats:
    """A column of lists of equal length ``(rows, length)``."""
    if not pa.types.is_list(column.type) or len(pc.list_value_length(column).unique()) != 1:
        raise ValueError("lists of unequal length")
    return np.array(column.combine_chunks().flatten(), np.float64).reshape(len(column), -1)


def _unreadable(file: Path, error: Exception) -> ReportError:
    return ReportError(f"{file}: is no study's file ({str(error).splitlines()[0]}); remove it and run on")


def blocks(table: pa.Table) -> Iterator[tuple[int, int]]:
    """First row and number of rows of each cell."""
    if table.num_rows == 0:
        raise IndexError("no rows")
    cell = list(zip(*(table[name].to_pylist() for name in CELL), strict=True))
    starts = [0, *(n for n in range(1, len(cell)) if cell[n] != cell[n - 1]), len(cell)]
    yield from ((first, last - first) for first, last in pairwise(starts))
