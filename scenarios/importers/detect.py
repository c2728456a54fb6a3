"""Which file is in which format: arguments are sorted by their content, folders are gone through.

A format's `detect` sees the first 64 kB of a file and its name. Formats are tried in the order of the registry.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.importers.reading import Root, read_source
from patchpact.scenarios.importers.registry import Format

HEAD_BYTES = 64_000
AUTO = "auto"
OWN_MARK = "patchpact_import"
"""Stands at the beginning of the graphs this project writes, so that a folder's own import is not read again."""


def format_named(name: str, formats: Sequence[Format]) -> Format:
    """The format of that name; ScenarioError with the closest name if there is none."""
    for format_ in formats:
        if format_.name == name:
            return format_
    names = [AUTO, *(format_.name for format_ in formats)]
    raise ScenarioError("import", "format", f"{shown(name)} is unknown", closest(name, names))


def detect(path: Path, formats: Sequence[Format]) -> Format | None:
    """The first format whose module takes the file; None if none does or it cannot be read."""
    try:
        return _detect(_head(path), path.name, formats)
    except (OSError, ValueError):
        return None


def files_by_format(
    files: Sequence[Path], format: str, formats: Sequence[Format]
) -> tuple[dict[Format, list[Path]], tuple[str, ...]]:
    """The files by format, and warnings on what was passed over.

    Args:
        files: files and folders. Of a folder the files of a known format are taken, in sorted order, hidden ones left
            out; so are earlier imports of this project, which would bring back what was since removed.
        format: a name, or `auto`. A file named by the user is then taken without a look at its content.
        formats: those to choose from.

    Returns:
        In the order of `formats`, each with at least one file.

    Raises:
        ScenarioError: for an unknown format, a file of no known format, a folder without any, or no files.
    """
    allowed = formats if format == AUTO else [format_named(format, formats)]
    found: dict[Format, dict[Path, Path]] = {format_: {} for format_ in formats}
    warnings: list[str] = []
    if not files:
        raise ScenarioError("import", "files", "none", "name a file or a folder")
    for path in files:
        if path.is_dir():
            _sort_folder(path, allowed, found, warnings)
            continue
        kind = allowed[0] if format != AUTO else _of_file(path, formats)
        found[kind].setdefault(Path(os.path.realpath(path)), path)
    return {format_: list(paths.values()) for format_, paths in found.items() if paths}, tuple(warnings)


def _sort_folder(
    folder: Path, allowed: Sequence[Format], found: dict[Format, dict[Path, Path]], warnings: list[str]
) -> None:
    unknown: list[str] = []
    taken = 0
    root = Root(folder)
    for path in _walk(folder):
        inside = path.relative_to(folder).as_posix()
        if not root.holds(path):
            warnings.append(f"{folder}: {shown(inside)} leads out of the folder: left out")
            continue
        try:
            head = _head(path) if path.is_file() else ""
            kind = _detect(head, path.name, allowed)
        except OSError as error:
            warnings.append(f"{folder}: {shown(inside)} cannot be read ({error.strerror}): left out")
            continue
        if kind is None:
            unknown.append(shown(inside))
        elif f'"{OWN_MARK}"' in head:
            warnings.append(f"{folder}: {shown(inside)} is an earlier import: left out, name it to read it")
        else:
            taken += 1
            found[kind].setdefault(Path(os.path.realpath(path)), path)
    if unknown:
        few = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        warnings.append(f"{folder}: files of no graph format left out ({len(unknown)}): {few}")
    if not taken:
        what = " or ".join(format_.reads for format_ in allowed) if len(allowed) == 1 else "any known format"
        raise ScenarioError(str(folder), "folder", f"holds no file of {what}", "name the files, or another folder")


def _walk(folder: Path) -> Iterator[Path]:
    """Files in sorted order; neither hidden ones nor those in hidden folders. Links to folders are not followed."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(names) if not name.startswith("."))


def _of_file(path: Path, formats: Sequence[Format]) -> Format:
    where = str(path)
    try:
        head = _head(path) if path.is_file() else ""
    except (OSError, ValueError):
        head = ""
    kind = _detect(head, path.name, formats)
    if kind is None:
        if not head.strip() or "\0" in head:
            read_source(path, where)  # says what is wrong with it
        names = ", ".join(format_.name for format_ in formats)
        raise ScenarioError(where, "file", "of no known format", f"name its format, one of {names}")
    return kind


def _head(path: Path) -> str:
    """The beginning of a file as text; broken characters do not matter here, reading finds them."""
    with path.open("rb") as file:
        content = file.read(HEAD_BYTES)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content[: len(content) // 2 * 2].decode("utf-16", "replace")
    return content.decode("utf-8-sig", "replace")


def _detect(head: str, name: str, formats: Sequence[Format]) -> Format | None:
    if not head.strip():
        return None
    for format_ in formats:
        if import_module(format_.module).detect(head, name):
            return format_
    return None
