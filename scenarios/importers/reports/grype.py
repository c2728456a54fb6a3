"""Grype's JSON, with and without EPSS, from its first versions on.

A finding goes by the CVE behind a GitHub advisory where Grype names it. A match that a VEX file made Grype ignore
becomes a finding and the statement that suppresses it, so that it is listed; what the user's rules ignored is
counted in a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.records import ImportedReport, RawFinding, Status
from patchpact.scenarios.importers.reports.fields import Record, counted, json_record
from patchpact.scenarios.importers.reports.packages import package
from patchpact.scenarios.importers.reports.scores import Rating, best, severity_word
from patchpact.scenarios.importers.reports.weaknesses import cwe_numbers, id_and_aliases, is_cve, spelled
from patchpact.scenarios.importers.vex import about, suppressing

_MATCHES = re.compile(r'"(?:m|ignoredM)atches"\s*:')
_MARKS = re.compile(r'"(?:matchDetails|relatedVulnerabilities|ignoredMatches|artifact|vulnerability)"\s*:|"grype"')
_UNREAD = frozenset({
    "urls", "cpes", "licenses", "metadata", "matchDetails", "advisories", "upstreams", "dataSource",
    "vendorMetadata", "configuration", "annotations",
})  # fmt: skip
"""Entries dropped while parsing: no finding needs them."""


def detect(text: str, name: str) -> bool:
    """Whether the file begins like a Grype report."""
    return text.lstrip()[:1] == "{" and bool(_MATCHES.search(text) and _MARKS.search(text))


def read(text: str, name: str) -> ImportedReport:
    """The findings of a Grype report; ScenarioError if it is none or a field has the wrong type."""
    report = json_record(text, name, _UNREAD)
    del text
    if "matches" not in report.data:
        raise ScenarioError(name, "matches", "missing", "give a report of `grype -o json`")
    image, labels = _target(report)
    distribution = report.record("distro").text("name")
    findings, severities, statements = [], [], []
    for match in report.records("matches"):
        findings.append(_finding(match, image, labels, distribution))
        severities.append(match.record("vulnerability").text("severity"))
    totals = {"findings": len(findings), **counted("severity", severities)}
    ignored = 0
    for match in report.records("ignoredMatches"):
        status, reason = _vex_rule(match)
        if status and match.record("artifact").text("name"):
            findings.append(_finding(match, image, labels, distribution))
            statements.append(about(findings[-1], status, "a VEX file that grype read", reason, match.evidence))
        else:
            ignored += 1
    warnings = []
    if ignored:
        warnings.append(f"{name}: not imported: {ignored} matches that Grype's own rules left out")
        totals["ignored by grype"] = ignored
    if statements:
        totals["suppressed by VEX"] = len(statements)
    return ImportedReport(
        findings=tuple(findings), statements=tuple(statements), warnings=tuple(warnings), totals=totals
    )


def _vex_rule(match: Record) -> tuple[Status | None, str]:
    """Status and justification of the VEX statement that made Grype ignore a match; None if there was none."""
    for rule in match.records("appliedIgnoreRules"):
        if status := suppressing(rule.text("vex-status")):
            return status, rule.text("vex-justification") or rule.text("reason")
    return None, ""


def _target(report: Record) -> tuple[str, tuple[str, ...]]:
    """The image, and further names of it; a folder or SBOM is no image but a label."""
    source = report.record("source")
    target = source.data.get("target")
    if isinstance(target, dict):
        detail = source.record("target")
        name = detail.text("userInput") or detail.text("imageID")
        labels = (*detail.texts("tags"), *detail.texts("repoDigests"))
        return name, tuple(label for label in dict.fromkeys(labels) if label != name)
    name = source.text("target").strip('"')
    return ("", (name,) if name.strip("./") else ()) if source.text("type") != "image" else (name, ())


def _finding(match: Record, image: str, labels: tuple[str, ...], distribution: str) -> RawFinding:
    vulnerability, artifact = match.record("vulnerability"), match.record("artifact")
    related = list(match.records("relatedVulnerabilities"))
    own = vulnerability.text("id")
    if not own:
        raise ScenarioError(match.where, vulnerability.at("id"), "missing", "correct the report")
    identifier, aliases = id_and_aliases((own, *(record.text("id") for record in related)))
    known = package(
        artifact.text("name"), artifact.text("version"),
        distribution if artifact.text("type") in ("deb", "rpm", "apk") and distribution else artifact.text("type"),
        artifact.text("purl"),
    )  # fmt: skip
    cvss, vector = best(rating for record in (vulnerability, *related) for rating in _ratings(record))
    epss, epss_date = _epss([vulnerability, *related], identifier)
    fix = vulnerability.record("fix")
    fixes = fix.texts("versions") or vulnerability.texts("fixedInVersion")
    place = next(artifact.records("locations"), Record({}, match.where))
    return RawFinding(
        tool="grype", kind="sca", id=identifier, evidence=match.evidence, aliases=aliases,
        cwe=cwe_numbers(entry.text("cwe") for record in (vulnerability, *related) for entry in record.records("cwes")),
        title=vulnerability.title("description") or next((r.title("description") for r in related), ""),
        component=known.component, version=known.version, fixed_version=", ".join(fixes),
        ecosystem=known.ecosystem, purl=known.purl, image=image, path=place.text("path"), labels=labels,
        cvss=cvss, cvss_vector=vector, severity=severity_word(vulnerability.text("severity")),
        epss=epss, epss_date=epss_date,
        kev=any(record.items("knownExploited") for record in (vulnerability, *related)),
    )  # fmt: skip


def _ratings(record: Record) -> Iterator[Rating]:
    """All CVSS statements of a vulnerability: the list, or the two objects of the first versions."""
    for entry in record.records("cvss"):
        version = entry.text("version")[:1]
        score = entry.record("metrics").number("baseScore", 0, 10)
        yield Rating(score, entry.text("vector"), int(version) if version.isdecimal() and version.isascii() else 0)
    for key, number in (("cvssV3", 3), ("cvssV2", 2)):
        entry = record.record(key)
        if entry:
            yield Rating(entry.number("baseScore", 0, 10), entry.text("vector"), number)


def _epss(records: list[Record], identifier: str) -> tuple[float | None, str]:
    """EPSS and its date: the entry about this CVE, else the only one there is."""
    entries = [entry for record in records for entry in record.records("epss")]
    known = [entry for entry in entries if spelled(entry.text("cve")) == identifier]
    if not known and (len(entries) != 1 or is_cve(identifier)):
        return None, ""
    entry = (known or entries)[0]
    return entry.number("epss", 0, 1), entry.text("date")[:10]
