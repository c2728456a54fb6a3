"""EPSS and KEV of one day each: read from their published forms, or the small bundled snapshot.

EPSS (FIRST, first.org/epss): the daily CSV, plain or gzipped, whose first line names the day
(`#model_version:...,score_date:...`), and the answer of the API (JSON). KEV (CISA, Known Exploited
Vulnerabilities): the catalogue as JSON or CSV; the CSV names no day, so its newest entry's day counts.

EPSS moves with every model version, so scores of two days are not comparable: a snapshot replaces what
reports state, and what it does not know keeps its own date and is listed. KEV only grows: a report's own
word that a CVE is exploited stands, and is listed where the catalogue (of an earlier day) does not say so.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.reading import json_value, read_source
from patchpact.scenarios.importers.records import RawFinding
from patchpact.scenarios.importers.reports.fields import Record
from patchpact.scenarios.importers.reports.rows import csv_rows
from patchpact.scenarios.importers.reports.weaknesses import is_cve

BUNDLED = Path(__file__).with_name("epss_kev_snapshot.csv")
MAX_UNPACKED_BYTES = 256_000_000
_DAY = re.compile(r"(?<!\d)(\d{4})[-.](\d{2})[-.](\d{2})(?!\d)", re.ASCII)


@dataclass(frozen=True)
class EpssSnapshot:
    """EPSS of one day: `date` (YYYY-MM-DD), scores by CVE (probability in 30 days), `source` for people."""

    date: str
    scores: Mapping[str, float]
    source: str


@dataclass(frozen=True)
class KevSnapshot:
    """The KEV catalogue of one day: `date` (YYYY-MM-DD), the CVEs in it, `source` for people."""

    date: str
    ids: frozenset[str]
    source: str


def read_epss(path: Path) -> EpssSnapshot:
    """The EPSS file; ScenarioError if it is malformed, names no day or mixes days."""
    where = str(path)
    text = _unpacked(path, where)
    if text.lstrip()[:1] == "{":
        return _epss_json(text, where)
    comment, _, body = text.partition("\n")
    stated = comment.rpartition("score_date:")[2] if comment.startswith("#") else path.name
    date = _day(stated)
    if not date:
        mend = "keep the first line of the published file (#model_version:...,score_date:...)"
        raise ScenarioError(where, "line 1", "no date", mend)
    commented = comment.startswith("#")
    rows = csv_rows(body if commented else text, where, ("cve", "epss"), int(commented))
    return EpssSnapshot(date, _scores(rows, where), where)


def _scores(rows: Iterable[Record], where: str) -> dict[str, float]:
    scores: dict[str, float] = {}
    for row in rows:
        cve, score = str(row.data.get("cve", "")).upper(), row.number("epss", 0, 1)
        if not is_cve(cve):
            raise ScenarioError(where, row.at("cve"), "is no CVE id", "give the published file")
        if score is None:
            raise ScenarioError(where, row.at("epss"), "missing", "give the published file")
        if scores.setdefault(cve, score) != score:
            raise ScenarioError(where, row.at("epss"), "a CVE has two scores", "give a file of one day")
    return scores


def _epss_json(text: str, where: str) -> EpssSnapshot:
    value = Record(json_value(text, where), where)
    rows = list(value.records("data"))
    if not rows:
        raise ScenarioError(where, "data", "no scores", "give an answer of the EPSS API")
    dates = {_day(row.text("date")) for row in rows}
    if len(dates) != 1 or "" in dates:
        problem = "no date" if dates == {""} else "scores of several days, which are not comparable"
        raise ScenarioError(where, "data", problem, "give scores of one day")
    return EpssSnapshot(dates.pop(), _scores(rows, where), where)


def read_kev(path: Path) -> KevSnapshot:
    """The KEV catalogue; ScenarioError if it is malformed or holds less than it says."""
    where = str(path)
    text = _unpacked(path, where)
    if text.lstrip()[:1] == "{":
        catalogue = Record(json_value(text, where), where)
        rows = list(catalogue.records("vulnerabilities"))
        stated = catalogue.whole("count")
        if stated is not None and stated != len(rows):
            problem = f"says {stated} entries but holds {len(rows)}"
            raise ScenarioError(where, "count", problem, "download it again")
        date = _day(catalogue.text("dateReleased")) or _day(catalogue.text("catalogVersion"))
    else:
        rows, date = list(csv_rows(text, where, ("cveID", "dateAdded"))), ""
    ids = frozenset(row.text("cveID").upper() for row in rows)
    wrong = next((row for row in rows if not is_cve(row.text("cveID"))), None)
    if wrong is not None:
        raise ScenarioError(where, wrong.at("cveID"), "is no CVE id", "give the published file")
    date = date or max((_day(row.text("dateAdded")) for row in rows), default="")
    if not date:
        raise ScenarioError(where, "dateReleased", "no date", "give the published file")
    return KevSnapshot(date, ids, where)


def bundled() -> tuple[EpssSnapshot, KevSnapshot]:
    """The snapshot that comes with the package; its first line names days and sources."""
    text = BUNDLED.read_text(encoding="utf-8")
    comment, _, body = text.partition("\n")
    days = dict(part.split(":", 1) for part in comment.lstrip("# ").split("; ")[0].split(","))
    scores: dict[str, float] = {}
    exploited = set()
    for row in csv.DictReader(io.StringIO(body)):
        if row["epss"]:
            scores[row["cve"]] = float(row["epss"])
        if row["kev"] == "1":
            exploited.add(row["cve"])
    return (
        EpssSnapshot(days["epss_date"], scores, "bundled"),
        KevSnapshot(days["kev_date"], frozenset(exploited), "bundled"),
    )


def _unpacked(path: Path, where: str) -> str:
    """The file's text; gzip is unpacked up to a limit."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
    except (OSError, ValueError):
        packed = False  # reading says what is wrong
    if not packed:
        return read_source(path, where)
    try:
        with gzip.open(path) as file:
            content = file.read(MAX_UNPACKED_BYTES + 1)
        if len(content) > MAX_UNPACKED_BYTES:
            raise ScenarioError(where, "file", f"more than {MAX_UNPACKED_BYTES} bytes unpacked", "give the CSV")
        return content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        raise ScenarioError(where, "file", "cannot be unpacked", "give the plain CSV") from None


def _day(text: str) -> str:
    """The first day in a text as YYYY-MM-DD, "" if there is none."""
    match = _DAY.search(text)
    return "-".join(match.groups()) if match else ""


def enrich(findings: Iterable[RawFinding], epss: EpssSnapshot, kev: KevSnapshot) -> tuple[list[RawFinding], list[str]]:
    """Findings with EPSS and KEV of the snapshots, and what must be said of their dates.

    A finding's CVE is its id, else its first alias that the snapshot knows.
    """
    made: list[RawFinding] = []
    replaced: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    scored = named = listed = told = 0
    for finding in findings:
        cves = [text for text in (finding.id, *finding.aliases) if is_cve(text)]
        score = next((epss.scores[cve] for cve in cves if cve in epss.scores), None)
        exploited = any(cve in kev.ids for cve in cves)
        named += bool(cves)
        listed += exploited
        told += finding.kev and not exploited
        if score is not None:
            scored += 1
            if finding.epss is not None and finding.epss_date != epss.date:
                replaced[finding.epss_date or "no date"] += 1
        elif finding.epss is not None and finding.epss_date != epss.date:
            kept[finding.epss_date or "no date"] += 1
        if score is None and exploited == finding.kev:
            made.append(finding)
            continue
        stated = (finding.epss, finding.epss_date) if score is None else (score, epss.date)
        made.append(replace(finding, epss=stated[0], epss_date=stated[1], kev=finding.kev or exploited))
    if not made:
        return made, []
    of_all = f"of {named} findings with a CVE"
    notes = [
        f"EPSS of {epss.date} ({epss.source}, {len(epss.scores):,} CVEs): scores {scored} {of_all}",
        f"KEV of {kev.date} ({kev.source}, {len(kev.ids):,} CVEs): holds {listed} {of_all}",
    ]
    for date, count in replaced.items():
        notes.append(f"EPSS of {date} in a report is replaced by that of {epss.date}: {count} findings")
    for date, count in kept.items():
        what = "scores of different days are not comparable, give an EPSS file of one day"
        notes.append(f"EPSS of {date} in a report stays, the snapshot lacks it: {count} findings; {what}")
    if told:
        notes.append(f"KEV of {kev.date} lacks {told} findings that a report says are exploited: they stay so")
    return made, notes
