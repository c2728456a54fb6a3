"""Reports of scanners become one list of findings; and the file in which this project keeps such a list.

report = import_findings([Path("trivy.json"), Path("vex.json")])
json.dumps(findings_json(report))          # load_findings reads it back, nothing lost
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields, replace
from functools import cache
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.importers import snapshots, vex
from patchpact.scenarios.importers.detect import AUTO, files_by_format
from patchpact.scenarios.importers.plain import one_line
from patchpact.scenarios.importers.reading import read_source
from patchpact.scenarios.importers.records import Component, ImportedReport, RawFinding, Suppression
from patchpact.scenarios.importers.registry import REPORT_FORMATS, Format
from patchpact.scenarios.importers.reports.fields import Record, json_record, moment_of, number_of, wrong_type
from patchpact.scenarios.importers.vex import VexStatement

MARK = "patchpact_findings"
VERSION = 1
MAX_REPORT_BYTES = 320_000_000
"""What 100,000 findings with all their texts take, and what can be read in a gigabyte of memory."""
_HEAD_CHARACTERS = 1_000
_identity = attrgetter(*(field.name for field in fields(RawFinding) if field.name != "evidence"))
"""All that a finding says, without where it says so."""


def import_findings(
    files: Sequence[Path], format: str = AUTO, *, epss: Path | None = None, kev: Path | None = None
) -> ImportedReport:
    """What all reports together say, VEX applied, EPSS and KEV of one day each.

    Args:
        files: reports, files that `findings_json` made, or folders of reports.
        format: a name out of `registry.REPORT_FORMATS`, or `auto`.
        epss: an EPSS file to take scores from; the small bundled snapshot if None.
        kev: a KEV catalogue; the bundled one if None.

    Returns:
        Findings in the order of formats and files, each statement of a report once; statements, the oldest
        first; suppressed findings with the statement that counts; warnings with the dates of the snapshots.

    Raises:
        ScenarioError: for a file that cannot be read, of no known format, or with fields of the wrong type.
    """
    own = [path for path in files if format == AUTO and path.is_file() and is_findings_file(path)]
    others = [path for path in files if path not in own]
    reports = [_earlier(path) for path in dict.fromkeys(own)]
    warnings: list[str] = []
    if others or not own:
        by_format, warnings_of_files = files_by_format(others, format, REPORT_FORMATS)
        warnings += warnings_of_files
        reports += [_read(path, kind) for kind, paths in by_format.items() for path in paths]
    found: list[RawFinding] = []
    totals: Counter[str] = Counter()
    for report in reports:
        warnings += report.warnings
        totals.update(report.totals)
        found += _once(report, warnings)
    statements = [one for report in reports for one in report.statements]
    statements.sort(key=lambda one: one.timestamp if isinstance(one, VexStatement) else "")
    kept, suppressed, said = vex.apply(found, statements)
    bundled_epss, bundled_kev = snapshots.bundled() if epss is None or kev is None else (None, None)
    scores = snapshots.read_epss(epss) if epss is not None else cast(snapshots.EpssSnapshot, bundled_epss)
    exploited = snapshots.read_kev(kev) if kev is not None else cast(snapshots.KevSnapshot, bundled_kev)
    kept, notes = snapshots.enrich(kept, scores, exploited)
    return ImportedReport(
        findings=tuple(kept),
        statements=tuple(statements),
        components=tuple(component for report in reports for component in report.components),
        suppressed=tuple(suppressed),
        warnings=tuple(dict.fromkeys([*warnings, *said, *notes])),
        totals=dict(totals),
    )


def _earlier(path: Path) -> ImportedReport:
    """What an import made before; what it warned of may hold no longer, so it is told as such."""
    where = one_line(str(path))
    report = load_findings(path, where)
    return replace(report, warnings=tuple(f"{where}: when it was imported: {text}" for text in report.warnings))


def _read(path: Path, kind: Format) -> ImportedReport:
    """One report. Its text is handed over, not kept: the reader frees it before it makes records."""
    where = one_line(str(path))
    texts = [read_source(path, where, MAX_REPORT_BYTES)]
    read = cast(Callable[[str, str], ImportedReport], import_module(kind.module).read)
    with _no_collector():
        return read(texts.pop(), where)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Python's search for circular garbage off: a report makes millions of objects and no circle (half the time)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _once(report: ImportedReport, warnings: list[str]) -> list[RawFinding]:
    """The report's findings, what it suppressed put back, repetitions left out and counted."""
    known: dict[Any, RawFinding] = {}
    repeated: list[str] = []
    for finding in (*report.findings, *(left.finding for left in report.suppressed)):
        if known.setdefault(_identity(finding), finding) is not finding:
            repeated.append(finding.evidence)
    if repeated:
        where = repeated[0]
        warnings.append(f"{where}: {len(repeated)} findings of this report only repeat others: each is kept once")
    return list(known.values())


def is_findings_file(path: Path) -> bool:
    """Whether the file begins like one that `findings_json` made; False if it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return f'"{MARK}"' in file.read(_HEAD_CHARACTERS)
    except (OSError, ValueError):
        return False


def findings_json(report: ImportedReport) -> dict[str, Any]:
    """The report as JSON values, losslessly; fields with their default value are left out."""
    return {
        MARK: VERSION,
        "findings": [_plain(finding) for finding in report.findings],
        "statements": [_plain(statement) for statement in report.statements],
        "components": [_plain(component) for component in report.components],
        "suppressed": [
            {"finding": _plain(left.finding), "statement": _plain(left.statement), "matched": left.matched}
            for left in report.suppressed
        ],
        "warnings": list(report.warnings),
        "totals": dict(report.totals),
    }


def load_findings(path: Path, where: str) -> ImportedReport:
    """What `findings_json` made. ScenarioError for unknown fields, wrong types and values out of range."""
    file = json_record(read_source(path, where, MAX_REPORT_BYTES), where)
    if file.data.get(MARK) != VERSION:
        raise ScenarioError(where, MARK, f"is not {VERSION}", "make the file with `patchpact import findings`")
    parts = (MARK, "findings", "statements", "components", "suppressed", "warnings", "totals")
    _known(file, parts)
    suppressed = []
    for left in file.records("suppressed"):
        _known(left, ("finding", "statement", "matched"))
        finding, statement = _made(RawFinding, left.record("finding")), _made(VexStatement, left.record("statement"))
        suppressed.append(
            Suppression(finding, statement, _exact_text(left.data.get("matched"), where, left.at("matched")))
        )
    totals = file.record("totals")
    for key, value in totals.data.items():
        if type(value) is not int:
            raise wrong_type(where, totals.at(shown(key)), value, "a whole number")
    return ImportedReport(
        findings=tuple(_made(RawFinding, record) for record in file.records("findings")),
        statements=tuple(_made(VexStatement, record) for record in file.records("statements")),
        components=tuple(_made(Component, record) for record in file.records("components")),
        suppressed=tuple(suppressed),
        warnings=tuple(_exact_texts(file.data.get("warnings", []), where, "warnings")),
        totals=dict(totals.data),
    )


def _known(record: Record, names: Sequence[str]) -> None:
    for key in record.data:
        if key not in names:
            raise ScenarioError(record.where, record.at(shown(key)), "unknown field", closest(key, names))


@cache
def _shape(kind: Hashable) -> dict[str, tuple[Any, Any]]:
    """Type and default (MISSING if there is none) of each field of a record."""
    hints = get_type_hints(kind)
    return {field.name: (hints[field.name], field.default) for field in fields(cast(Any, kind))}


def _plain(record: Any) -> dict[str, Any]:
    made = {}
    for name, (_, default) in _shape(cast(Hashable, type(record))).items():
        value = getattr(record, name)
        if value != default or type(value) is not type(default):
            made[name] = list(value) if isinstance(value, tuple) else value
    return made


def _made(kind: Any, record: Record) -> Any:
    shape = _shape(kind)
    _known(record, tuple(shape))
    values: dict[str, Any] = {}
    for name, (hint, default) in shape.items():
        if name in record.data:
            values[name] = _checked(record.data[name], hint, record, name)
        elif default is MISSING:
            raise ScenarioError(record.where, record.at(name), "missing", "make the file anew from its reports")
    return kind(**values)


_RANGES: Mapping[str, tuple[float, float]] = {"cvss": (0, 10), "epss": (0, 1), "line": (1, 2**53)}


def _checked(value: Any, hint: Any, record: Record, name: str) -> Any:
    """The value if it has the field's type and range; lists become tuples."""
    where, place = record.where, record.at(name)
    if hint is str:
        text = _exact_text(value, where, place)
        if name == "timestamp" and text != moment_of(text, where, place):
            raise ScenarioError(where, place, "is no time in UTC", "write it as 2026-01-31T12:00:00.000000Z")
        return text
    if hint is bool:
        if type(value) is not bool:
            raise wrong_type(where, place, value, "true or false")
        return value
    if hint == tuple[str, ...]:
        return tuple(_exact_texts(value, where, place))
    if hint == tuple[int, ...]:
        if not isinstance(value, list) or any(type(item) is not int for item in value):
            raise wrong_type(where, place, value, "a list of whole numbers")
        return tuple(value)
    if name in _RANGES:
        return _number(value, hint, where, place, _RANGES[name])
    if value not in get_args(hint):
        raise ScenarioError(where, place, "is no known value", closest(value, get_args(hint)))
    return value


def _number(value: Any, hint: Any, where: str, place: str, bounds: tuple[float, float]) -> float | int | None:
    if value is None:
        return None
    whole = hint == int | None
    if isinstance(value, str) or (whole and type(value) is not int):
        raise wrong_type(where, place, value, "a whole number" if whole else "a number")
    number = number_of(value, where, place)
    if number is None or not bounds[0] <= number <= bounds[1]:
        raise ScenarioError(where, place, f"is not between {bounds[0]:g} and {bounds[1]:g}", "correct it")
    return int(value) if whole else number


def _exact_text(value: Any, where: str, place: str) -> str:
    if not isinstance(value, str):
        raise wrong_type(where, place, value, "a text")
    return value


def _exact_texts(value: Any, where: str, place: str) -> list[str]:
    if not isinstance(value, list):
        raise wrong_type(where, place, value, "a list of texts")
    return [_exact_text(item, where, f"{place}[{index}]") for index, item in enumerate(value)]
