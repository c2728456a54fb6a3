"""Trivy's JSON: schema 2, the older list of targets, clusters (`trivy k8s`) and the operator's Kubernetes resources.

Vulnerabilities, failed misconfigurations and secrets become findings. What a VEX file made Trivy leave out
(`ExperimentalModifiedFindings`) becomes a finding and the statement that suppresses it, so that it is listed;
licences, passed checks and what Trivy's own rules left out are counted in a warning. Text of secrets, code and
descriptions is never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.records import Component, ImportedReport, RawFinding
from patchpact.scenarios.importers.reports.fields import Record, counted, json_report, records_of, wrong_type
from patchpact.scenarios.importers.reports.packages import is_system, package, without_release
from patchpact.scenarios.importers.reports.scores import Rating, best, severity_word
from patchpact.scenarios.importers.reports.weaknesses import cwe_numbers, id_and_aliases
from patchpact.scenarios.importers.vex import VexStatement, about, suppressing

_SOURCES = ("nvd", "ghsa", "redhat")
"""Whose score is taken where the source of the severity has none, best first."""
_WORKLOADS = frozenset({"deployment", "statefulset", "daemonset", "cronjob", "job"})
_SECRET_CWE = (798,)
_MARKS = re.compile(
    r'"(?:VulnerabilityID|ArtifactName|ClusterName|MisconfSummary|PkgName)"\s*:|"VulnerabilityReport(?:List)?"'
    r'|"Target"\s*:\s*"[^"]*"\s*,\s*"(?:Class|Type|Vulnerabilities)"'
)
_UNREAD = frozenset({
    "Description", "References", "Layer", "DataSource", "VendorSeverity", "Code", "Match", "Resolution", "Query",
    "PrimaryURL", "ImageConfig", "History", "Files", "description", "links", "primaryLink",
})  # fmt: skip
"""Entries dropped while parsing: no finding needs them."""


def detect(text: str, name: str) -> bool:
    """Whether the file begins like a Trivy report."""
    return text.lstrip()[:1] in ("{", "[") and _MARKS.search(text) is not None


@dataclass
class _Target:
    """What Trivy looked at, for all results of one artifact."""

    image: str = ""
    service: str = ""
    labels: tuple[str, ...] = ()


@dataclass
class _Report:
    """What is gathered while the report is read."""

    findings: list[RawFinding] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)
    statements: list[VexStatement] = field(default_factory=list)
    severities: list[str] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def count(self, what: str, number: int = 1) -> None:
        """Add to one of the totals."""
        self.totals[what] = self.totals.get(what, 0) + number


def read(text: str, name: str) -> ImportedReport:
    """The findings of a Trivy report; ScenarioError if it is none or a field has the wrong type."""
    value = json_report(text, name, _UNREAD)
    del text
    report = _Report()
    if isinstance(value, list):
        _read_legacy(value, name, report)
    elif isinstance(value, dict):
        _read_object(Record(value, name), report)
    else:
        raise wrong_type(name, "file", value, "an object or a list")
    left_out = {
        "licenses": "licences, which are nothing to patch",
        "left out by trivy": "findings that Trivy's own rules left out",
        "passed checks": "checks that did not fail",
        "not affected": "vulnerabilities that Trivy's source says the package is not affected by",
    }
    for key, words in left_out.items():
        if report.totals.get(key):
            report.warnings.append(f"{name}: not imported: {report.totals[key]} {words}")
    totals = {
        "findings": len(report.findings) - report.totals.get("suppressed by VEX", 0),
        **counted("severity", report.severities),
        **report.totals,
    }
    return ImportedReport(
        findings=tuple(report.findings), statements=tuple(report.statements), components=tuple(report.components),
        warnings=tuple(report.warnings), totals=totals,
    )  # fmt: skip


def _read_legacy(value: list[Any], name: str, report: _Report) -> None:
    results = list(records_of(value, name, ""))
    for result in results:
        if not {"Target", "Vulnerabilities"} & result.data.keys():
            problem = "neither Target nor Vulnerabilities"
            raise ScenarioError(name, result.path, problem, "give a report of `trivy --format json`")
    images = [without_release(r.text("Target")) for r in results if is_system(r.text("Type"))]
    for result in results:
        _read_result(result, _Target(images[0] if len(images) == 1 else ""), report)


def _read_object(record: Record, report: _Report) -> None:
    resources = [key for key in ("Resources", "Vulnerabilities", "Misconfigurations", "Findings") if key in record.data]
    if "ClusterName" in record.data or (resources and "Results" not in record.data):
        for key in resources:
            for resource in record.records(key):
                _read_resource(resource, report)
    elif record.text("kind").startswith("VulnerabilityReport") or "items" in record.data:
        for item in record.records("items") if "items" in record.data else [record]:
            _read_operator(item, report)
    elif {"Results", "ArtifactName", "SchemaVersion"} & record.data.keys():
        target = _target_of(record)
        for result in record.records("Results"):
            _read_result(result, target, report)
    else:
        problem = "no Results, Resources or Vulnerabilities"
        raise ScenarioError(record.where, "file", problem, "give a report of `trivy --format json`")


def _target_of(record: Record) -> _Target:
    """The image by its name; further tags, digests and the name of a folder or repository as labels."""
    name, metadata = record.text("ArtifactName"), record.record("Metadata")
    labels = (*metadata.texts("RepoTags"), *metadata.texts("RepoDigests"))
    if record.text("ArtifactType") in ("container_image", ""):
        return _Target(name, labels=tuple(label for label in labels if label != name))
    return _Target(labels=tuple(dict.fromkeys((name, *labels))) if name else labels)


def _read_resource(resource: Record, report: _Report) -> None:
    """A Kubernetes object of `trivy k8s`."""
    namespace, kind, name = resource.text("Namespace"), resource.text("Kind"), resource.text("Name")
    labels = [f"{namespace}/{name}"] if namespace and name else []
    metadata = resource.data.get("Metadata")
    for entry in resource.records("Metadata") if isinstance(metadata, list) else [resource.record("Metadata")]:
        labels += [*entry.texts("RepoTags"), *entry.texts("RepoDigests")]
    if kind.lower() not in _WORKLOADS and name:
        labels.append(name)
    if error := resource.title("Error"):
        report.warnings.append(f"{resource.evidence}: Trivy could not scan {kind} {name} ({error})")
    for result in resource.records("Results"):
        service = name if kind.lower() in _WORKLOADS else ""
        target = result.text("Target")
        image = without_release(target) if is_system(result.text("Type")) or target.endswith(")") else ""
        _read_result(result, _Target(image, service, tuple(dict.fromkeys(labels))), report)


def _read_result(result: Record, target: _Target, report: _Report) -> None:
    kind, path = result.text("Type"), result.text("Target")
    system = is_system(kind) or result.text("Class") == "os-pkgs"
    if system:
        path = ""
    for vulnerability in result.records("Vulnerabilities"):
        severity = vulnerability.text("Severity")
        if vulnerability.text("Status") == "not_affected":
            report.count("not affected")
            continue
        report.severities.append(severity)
        report.count("vulnerabilities")
        report.findings.append(_vulnerability(vulnerability, target, kind, path, severity))
    for entry in result.records("Packages"):
        report.count("packages")
        if component := _component(entry, target, kind):
            report.components.append(component)
    failed = 0
    for entry in result.records("Misconfigurations"):
        if entry.text("Status") in ("FAIL", ""):
            failed += 1
            report.severities.append(entry.text("Severity"))
            report.count("misconfigurations")
            report.findings.append(_misconfiguration(entry, target, result.text("Target")))
        else:
            report.count("passed checks")
    stated = result.record("MisconfSummary").whole("Failures")
    if stated is not None and stated != failed:
        report.warnings.append(f"{result.evidence}: says {stated} misconfigurations failed, but holds {failed}")
    for entry in result.records("Secrets"):
        report.severities.append(entry.text("Severity"))
        report.count("secrets")
        report.findings.append(_secret(entry, target, result.text("Target")))
    if licenses := result.items("Licenses"):
        report.count("licenses", len(licenses))
    for key in ("ExperimentalModifiedFindings", "ModifiedFindings"):
        for entry in result.records(key):
            _read_left_out(entry, target, kind, path, report)


def _read_left_out(entry: Record, target: _Target, kind: str, path: str, report: _Report) -> None:
    """A finding that Trivy left out: with its statement where a VEX file is the reason, else counted."""
    record, status = entry.record("Finding"), suppressing(entry.text("Status"))
    if entry.text("Type") != "vulnerability" or status is None or not record.text("PkgName"):
        report.count("left out by trivy")
        return
    finding = _vulnerability(record, target, kind, path, record.text("Severity"))
    author = f"{entry.text('Source')} (read by trivy)" if entry.text("Source") else "a VEX file that trivy read"
    report.count("suppressed by VEX")
    report.findings.append(finding)
    report.statements.append(about(finding, status, author, entry.title("Statement"), entry.evidence))


def _vulnerability(record: Record, target: _Target, kind: str, path: str, severity: str) -> RawFinding:
    identifier, aliases = id_and_aliases((record.text("VulnerabilityID"), *record.texts("VendorIDs")))
    if not identifier:
        raise ScenarioError(record.where, record.at("VulnerabilityID"), "missing", "correct the report")
    stated = record.record("PkgIdentifier").text("PURL") or record.text("PkgRef")
    known = package(record.text("PkgName"), record.text("InstalledVersion"), kind, stated)
    cvss, vector = best(_ratings(record))
    return RawFinding(
        tool="trivy", kind="sca", id=identifier, evidence=record.evidence, aliases=aliases,
        cwe=cwe_numbers(record.texts("CweIDs")), title=record.title("Title"), component=known.component,
        version=known.version, fixed_version=record.text("FixedVersion"),
        ecosystem=known.ecosystem, purl=known.purl, service=target.service, image=target.image,
        path=record.text("PkgPath") or path, labels=target.labels, cvss=cvss, cvss_vector=vector,
        severity=severity_word(severity),
    )  # fmt: skip


def _ratings(record: Record) -> Iterator[Rating]:
    """Scores of the severity's source first, then of nvd, ghsa, redhat, then of all others as they stand."""
    scores = record.record("CVSS")
    for source in dict.fromkeys((record.text("SeveritySource"), *_SOURCES, *scores.data)):
        if source in scores.data:
            entry = scores.record(source)
            for key, version in (("V3", 3), ("V40", 4), ("V2", 2)):
                score, vector = entry.number(f"{key}Score", 0, 10), entry.text(f"{key}Vector")
                if score is not None or vector:
                    yield Rating(score, vector, version)


def _component(record: Record, target: _Target, kind: str) -> Component | None:
    known = package(
        record.text("Name"), record.text("Version"), kind, record.record("Identifier").text("PURL")
    )  # fmt: skip
    if not known.component or record.text("Relationship") in ("root", "workspace"):
        return None
    direct = record.text("Relationship") != "indirect" and not record.switch("Indirect")
    return Component(
        known.component, known.version, known.ecosystem, known.purl, record.evidence, target.service, target.image,
        direct,
    )  # fmt: skip


def _misconfiguration(record: Record, target: _Target, path: str) -> RawFinding:
    identifier = record.text("AVDID") or record.text("ID")
    if not identifier:
        raise ScenarioError(record.where, record.at("ID"), "missing", "correct the report")
    aliases = tuple(text for text in (record.text("ID"),) if text and text != identifier)
    return RawFinding(
        tool="trivy", kind="sast", id=identifier, evidence=record.evidence, aliases=aliases,
        title=record.title("Message") or record.title("Title"), service=target.service, image=target.image, path=path,
        line=record.record("CauseMetadata").line("StartLine"), labels=target.labels,
        severity=severity_word(record.text("Severity")),
    )  # fmt: skip


def _secret(record: Record, target: _Target, path: str) -> RawFinding:
    return RawFinding(
        tool="trivy", kind="sast", id=record.text("RuleID") or "secret", evidence=record.evidence, cwe=_SECRET_CWE,
        title=record.title("Title"), service=target.service, image=target.image, path=path,
        line=record.line("StartLine"), labels=target.labels, severity=severity_word(record.text("Severity")),
    )  # fmt: skip


def _read_operator(item: Record, report: _Report) -> None:
    """A VulnerabilityReport of the Trivy operator (`kubectl get vulnerabilityreports -o json`)."""
    metadata, body = item.record("metadata"), item.record("report")
    if not body:
        raise ScenarioError(item.where, item.at("report"), "missing", "give VulnerabilityReport resources")
    labels = metadata.record("labels")
    kind, name = labels.text("trivy-operator.resource.kind"), labels.text("trivy-operator.resource.name")
    artifact, server = body.record("artifact"), body.record("registry").text("server")
    tag, digest = artifact.text("tag"), artifact.text("digest")
    image = "/".join(part for part in (server, artifact.text("repository")) if part)
    image += (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    namespace, container = metadata.text("namespace"), labels.text("trivy-operator.container.name")
    places = tuple(text for text in (f"{namespace}/{name}" if namespace and name else name, container) if text)
    service = name if kind.lower() in _WORKLOADS else ""
    for record in body.records("vulnerabilities"):
        severity = record.text("severity")
        report.severities.append(severity)
        report.count("vulnerabilities")
        identifier, aliases = id_and_aliases([record.text("vulnerabilityID")])
        if not identifier:
            raise ScenarioError(record.where, record.at("vulnerabilityID"), "missing", "correct the report")
        known = package(
            record.text("resource"), record.text("installedVersion"),
            record.text("packageType") or body.record("os").text("family"), record.text("packagePURL"),
        )  # fmt: skip
        score = record.number("score", 0, 10)
        cvss, _ = best([Rating(score)])
        report.findings.append(
            RawFinding(
                tool="trivy",
                kind="sca",
                id=identifier,
                evidence=record.evidence,
                aliases=aliases,
                title=record.title("title"),
                component=known.component,
                version=known.version,
                fixed_version=record.text("fixedVersion"),
                ecosystem=known.ecosystem,
                purl=known.purl,
                service=service,
                image=image,
                labels=places,
                cvss=cvss,
                severity=severity_word(severity),
            )
        )
    summary = body.record("summary")
    for key in ("criticalCount", "highCount", "mediumCount", "lowCount"):
        if number := summary.whole(key):
            report.count(f"stated severity {key.removesuffix('Count')}", number)
