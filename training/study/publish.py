"""What a study's verdict rests on, small enough to publish: ``patchpact study --publish``.

A study's folder holds every party's money by kind of every episode, some 170 kB a cell. The verdict and its tables read
the design's measures, welfare by network and agents' accounts alone: these, in single precision, one file for each
training seed and for each player that learns nothing. Seeds played later add files and leave the others as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from patchpact.training.folder import RunError, replacing, writing
from patchpact.training.study.design import OVER_IDLE, WELFARE
from patchpact.training.study.raw import ACCOUNTS, CELL, LINES, LUCK, blocks
from patchpact.training.study.verdict import Study, read_study


def publish(folder: str | Path, target: str | Path) -> Path:
    """Write a folder that ``patchpact study --report`` reads like the study's own.

    Args:
        folder: a study's.
        target: the new folder; files of an earlier publication in it are replaced.

    Raises:
        RunError: the folder holds no study, or the target is the folder itself or cannot be written.
        ReportError: episodes that cannot be read.
    """
    study, place = read_study(folder), Path(target)
    if place.resolve() == study.folder.resolve():
        raise RunError(f"{place}: is the study's own folder; name another to publish it in")
    with writing(place):
        (place / "episodes").mkdir(parents=True, exist_ok=True)
        for name, table in _by_player(study).items():
            with replacing(place / "episodes" / f"{name}.parquet") as stream:
                _write(table, stream)
        for name in ("study.json", "design.yaml"):
            with replacing(place / name) as stream:
                stream.write((study.folder / name).read_bytes())
    return place


def _write(table: pa.Table, stream: IO[bytes]) -> None:
    """As small as it gets: numbers byte by byte, which is a quarter less than number by number."""
    lists = [field.name for field in table.schema if pa.types.is_list(field.type)]
    numbers = [field.name for field in table.schema if pa.types.is_float32(field.type)]
    pq.write_table(
        table,
        stream,
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in table.column_names if name not in (*lists, *numbers)],
        use_byte_stream_split=[*numbers, *(f"{name}.list.element" for name in lists)],
    )


def _by_player(study: Study) -> dict[str, pa.Table]:
    """All cells of a player, or of a training seed, by a file's name."""
    measures = [name for name in dict.fromkeys((WELFARE, LUCK, *study.design.file.measures)) if name not in OVER_IDLE]
    parts: dict[str, list[pa.Table]] = {}
    for file in sorted((study.folder / "episodes").glob("*.parquet")):
        part = _narrow(pq.read_table(file, columns=[*CELL, "seed", *measures, LINES, ACCOUNTS]), measures)
        for start, count in blocks(part):
            player, seed = part["player"][start].as_py(), part["training_seed"][start].as_py()
            name = player if seed is None else f"{player}__{seed}"
            parts.setdefault(name, []).append(part.slice(start, count))
    return {name: pa.concat_tables(several) for name, several in parts.items()}


def _narrow(table: pa.Table, measures: Sequence[str]) -> pa.Table:
    for name in measures:
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(pa.float32()))
    for name in (LINES, ACCOUNTS):
        single = table[name].cast(pa.list_(pa.float32()))
        table = table.set_column(table.schema.get_field_index(name), name, single)
    return table
