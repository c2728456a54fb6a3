"""Findings as rows, CSV or JSON, in the columns of this project's findings files and of imported findings.

CSV has a header of columns, JSON is a list of objects or one under `findings`. Needed are a vulnerability (`cve`, `id`
or at least `cwe`) and what it is in: a `component`, a `path` or a `url`. Other tools' words for the same columns are
understood (`_OTHER_WORDS`), in any case, and semicolons or tabs for commas. An unknown column close to a known one is
an error: it is most likely a slip. Any other is left out, which a warning says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import cast, get_args

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.importers.records import ImportedReport, RawFinding, ToolKind
from patchpact.scenarios.importers.reports.fields import (
    Record,
    counted,
    json_report,
    public_url,
    records_of,
    wrong_type,
)
from patchpact.scenarios.importers.reports.packages import package
from patchpact.scenarios.importers.reports.rows import csv_rows, header_of
from patchpact.scenarios.importers.reports.scores import Rating, best, severity_word
from patchpact.scenarios.importers.reports.weaknesses import cwe_numbers, id_and_aliases

_READ = (
    "service", "component", "cve", "id", "aliases", "ecosystem", "version", "fixed_version", "purl", "cvss",
    "cvss_vector", "severity", "epss", "epss_date", "kev", "title", "cwe", "tool", "kind", "image", "path", "line",
    "url", "method", "labels", "tool_confidence", "seen_running",
)  # fmt: skip
_NOT_CARRIED = (
    "uid", "exposed", "automatable", "technical_impact", "confidence", "known_window", "match", "unconfirmed", "source",
)  # fmt: skip
_OFTEN_OTHERWISE = ("vendor", "release_window")
"""Of the same kind; but scanners have many columns of like names, so that an unknown one is no slip of these."""
_PASSED_OVER = (*_NOT_CARRIED, *_OFTEN_OTHERWISE)
"""Columns of a scenario's findings that are about the scenario, not about the report: passed over, and counted."""
_MEANT = (*_READ, *_NOT_CARRIED)
"""What an unknown column may be a slip of."""
_COLUMNS = (*_MEANT, *_OFTEN_OTHERWISE)
_OTHER_WORDS = {
    "service": ("service_name", "app", "application", "microservice", "workload", "deployment"),
    "component": (
        "component_name", "package", "package_name", "pkg", "pkg_name", "pkgname", "library", "dependency", "artifact",
    ),
    "version": ("component_version", "package_version", "installed_version", "installed", "current_version"),
    "fixed_version": ("fix_version", "fixed_in", "fixed", "fix", "patched_version", "fix_versions", "fixed_versions"),
    "cve": (
        "cve_id", "cves", "cve_ids", "vulnerability", "vulnerability_id", "vulnerabilityid", "vuln_id",
        "vulnerability_ids",
    ),
    "id": ("rule", "rule_id", "ruleid", "check_id", "test_id", "finding_id", "issue_id"),
    "cvss": (
        "cvss_score", "cvssv3_score", "cvss3_score", "cvss_base_score", "base_score", "cvss_v3", "cvssv3_base_score",
    ),
    "cvss_vector": ("vector", "cvssv3", "cvssv3_vector", "cvss_v3_vector"),
    "severity": ("risk", "priority", "level"),
    "epss": ("epss_score",),
    "kev": ("known_exploited",),
    "title": ("name", "summary", "vulnerability_name"),
    "cwe": ("cwe_id", "cwes", "cwe_ids"),
    "tool": ("scanner", "found_by", "test_type"),
    "image": ("image_name", "container_image", "docker_image"),
    "path": ("file", "file_path", "filepath", "filename", "file_name", "location"),
    "line": ("line_number", "start_line", "lineno"),
    "url": ("uri", "endpoint", "endpoints"),
    "method": ("http_method",),
    "tool_confidence": ("issue_confidence",),
}  # fmt: skip
_COLUMN_OF = {word: column for column, words in _OTHER_WORDS.items() for word in words}
_JSON_KEYS = re.compile(r'"(?:cve|id)"\s*:')
_JSON_PLACES = re.compile(r'"(?:component|path|url)"\s*:')


def detect(text: str, name: str) -> bool:
    """Whether the first line, or the first JSON object, has the columns needed."""
    start = text.lstrip()[:1]
    if start in ("[", "{"):
        first = text.partition("}")[0]
        opens = start == "[" or re.match(r'\s*\{\s*"findings"\s*:', text) is not None
        return opens and bool(_JSON_KEYS.search(first) and _JSON_PLACES.search(first))
    header = set(_columns_of(header_of(text)))
    return bool(header & {"cve", "id", "cwe"} and header & {"component", "path", "url", "service", "image"})


def read(text: str, name: str) -> ImportedReport:
    """The findings of the rows; ScenarioError for unknown columns, missing or wrong cells."""
    if text.lstrip()[:1] in ("[", "{"):
        rows = list(_json_rows(text, name))
    else:
        rows = list(csv_rows(text, name, (), columns_of=_columns_of))
    del text
    unknown: dict[str, None] = {}
    checked: set[str] = set()
    passed_over: dict[str, int] = {}
    findings = []
    for row in rows:
        for column, cell in row.data.items():
            if column not in checked and column not in _COLUMNS:
                if get_close_matches(column, _MEANT, n=1, cutoff=0.7):
                    mend = closest(column, _MEANT)
                    raise ScenarioError(name, f"{row.path}, {shown(column)}", "unknown column", mend)
                unknown[column] = None
            checked.add(column)
            if column in _PASSED_OVER and cell not in ("", None):
                passed_over[column] = passed_over.get(column, 0) + 1
        findings.append(_finding(row))
    warnings = [
        f"{name}: column {column} is not carried over ({count} rows): state it in the scenario"
        for column, count in passed_over.items()
    ]
    if unknown:
        few = ", ".join(shown(column) for column in list(unknown)[:10]) + (", ..." if len(unknown) > 10 else "")
        warnings.append(f"{name}: columns not read: {few}; those that are: {', '.join(_READ)}")
    totals = {"findings": len(findings), **counted("severity", (row.text("severity") for row in rows))}
    return ImportedReport(findings=tuple(findings), warnings=tuple(warnings), totals=totals)


def _plain(cell: str) -> str:
    """A header's cell in this project's spelling: `Fixed Version` is `fixed_version`."""
    return re.sub(r"[^a-z0-9]+", "_", cell.strip().lower()).strip("_")


def _columns_of(header: Sequence[str]) -> list[str]:
    """The columns that a header means. Each word for a column counts once, its own name before any other."""
    plain = [_plain(cell) for cell in header]
    taken = {word for word in plain if word in _COLUMNS}
    columns = []
    for cell, word in zip(header, plain, strict=True):
        column = _COLUMN_OF.get(word, "")
        if word in _COLUMNS:
            columns.append(word)
        elif column and column not in taken:
            taken.add(column)
            columns.append(column)
        else:
            columns.append(cell)
    return columns


def _json_rows(text: str, name: str) -> Iterable[Record]:
    value = json_report(text, name, frozenset())
    if isinstance(value, dict):
        return Record(value, name).records("findings")
    if not isinstance(value, list):
        raise wrong_type(name, "file", value, "a list")
    return records_of(value, name, "")


def _finding(row: Record) -> RawFinding:
    cwe = cwe_numbers(_list(row, "cwe"))
    identifier, aliases = id_and_aliases([*_list(row, "cve"), *_list(row, "id"), *_list(row, "aliases")])
    identifier = identifier or (f"CWE-{cwe[0]}" if cwe else "")
    if not identifier:
        raise ScenarioError(row.where, row.at("cve"), "empty", "name the vulnerability or the rule")
    known = package(row.text("component"), row.text("version"), row.text("ecosystem"), row.text("purl"))
    path, url = row.text("path"), public_url(row.text("url"))
    if not (known.component or path or url):
        raise ScenarioError(row.where, row.at("component"), "empty", "say which component, path or url it is in")
    kinds = get_args(ToolKind)
    kind = row.text("kind").lower() or ("sca" if known.component else "manual")
    if kind not in kinds:
        raise ScenarioError(row.where, row.at("kind"), "is no kind of tool", closest(kind, kinds))
    cvss, vector = best([Rating(row.number("cvss", 0, 10), row.text("cvss_vector"))])
    seen = row.data.get("seen_running")
    return RawFinding(
        tool=row.text("tool").lower() or "rows", kind=cast(ToolKind, kind), id=identifier, evidence=row.evidence,
        aliases=aliases, cwe=cwe, title=row.title("title"), component=known.component,
        version=known.version, fixed_version=row.text("fixed_version"), ecosystem=known.ecosystem, purl=known.purl,
        service=row.text("service"), image=row.text("image"), path=path, line=row.line("line"), url=url,
        method=row.text("method"), labels=_list(row, "labels"), cvss=cvss, cvss_vector=vector,
        severity=severity_word(row.text("severity")), epss=row.number("epss", 0, 1),
        epss_date=row.text("epss_date")[:10], kev=row.switch("kev"),
        tool_confidence=row.text("tool_confidence").lower(),
        seen_running=kind in ("dast", "iast") if seen in (None, "") else row.switch("seen_running"),
    )  # fmt: skip


def _list(row: Record, column: str) -> tuple[str, ...]:
    """A list of texts or whole numbers; in one cell separated by `;`, `,` or `|`."""
    value = row.data.get(column)
    if isinstance(value, list):
        return tuple(
            text for index, item in enumerate(value)
            if (text := Record({f"{column}[{index}]": item}, row.where, row.path).code(f"{column}[{index}]"))
        )  # fmt: skip
    return tuple(part.strip() for part in re.split(r"[;,|]", row.code(column)) if part.strip())
