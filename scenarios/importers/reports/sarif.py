"""SARIF 2.x of any tool: CodeQL, Semgrep, Bandit, Trivy, Grype, Snyk, Contrast and others.

What kind of tool it is follows from the driver's name, else from its rules: results whose rule is a known
advisory (CVE, GHSA) are software composition, the rest is static analysis. Contrast's results count as seen
in the running application. The score is the rule's `security-severity`; where a result has no level, its
rule's default counts, else `warning` (SARIF 2.1.0, section 3.27.10). Snippets and code flows are never read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.plain import one_line
from patchpact.scenarios.importers.records import ImportedReport, RawFinding, ToolKind
from patchpact.scenarios.importers.reports.fields import (
    LONGEST_TEXT,
    LONGEST_TITLE,
    Record,
    counted,
    json_record,
    public_url,
)
from patchpact.scenarios.importers.reports.packages import Package, package, parsed_purl
from patchpact.scenarios.importers.reports.scores import Rating, best, severity_of_score, severity_word
from patchpact.scenarios.importers.reports.weaknesses import advisory_in, cwe_numbers, id_and_aliases, is_cve

_KINDS: Mapping[ToolKind, tuple[str, ...]] = {
    "iast": ("contrast", "seeker", "hdiv"),
    "dast": ("zap", "zed attack proxy", "nuclei", "burp", "stackhawk", "invicti", "acunetix", "dastardly", "nikto"),
    "sca": (
        "trivy", "grype", "osv-scanner", "dependency-check", "snyk open source", "snyk container", "pip-audit",
        "npm audit", "docker scout", "clair", "anchore",
    ),
    "sast": ("semgrep", "codeql", "bandit", "gosec", "spotbugs", "sonar", "snyk code", "snykcode", "brakeman"),
}  # fmt: skip
_CONTRAST_CWE = {
    "cmd-injection": 78, "cookie-flags-missing": 614, "crypto-bad-ciphers": 327, "crypto-bad-mac": 328,
    "crypto-weak-randomness": 330, "csrf": 352, "header-injection": 113, "hql-injection": 564, "httponly": 1004,
    "ldap-injection": 90, "log-injection": 117, "nosql-injection": 943, "path-traversal": 22, "redos": 1333,
    "reflected-xss": 79, "sql-injection": 89, "ssrf": 918, "stored-xss": 79, "trust-boundary-violation": 501,
    "unsafe-code-execution": 94, "untrusted-deserialization": 502, "unvalidated-redirect": 601,
    "xpath-injection": 643, "xxe": 611,
}  # fmt: skip
"""Weaknesses behind Contrast's rule names: its SARIF states none (assigned here by the names)."""
_MARKS = re.compile(r'"(?:ruleId|driver|sarif[^"]*)"\s*:|sarif-schema|/sarif/|schemastore\.org/sarif', re.IGNORECASE)
_RUNS = re.compile(r'"runs"\s*:')
_LABELLED = re.compile(
    r"^\s*(package|installed version|version|fix(?:ed)? version|severity|type)[ \t]*:[ \t]*([^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE = re.compile(r"reports (?P<name>\S{1,200}) at version (?P<version>\S{1,100})")
_NAMED_VERSION = re.compile(r"(?P<name>@?[\w./:+-]{1,200})@(?P<version>\d[\w.+~:-]{0,99})\Z")
_SOURCE_BASE = re.compile(r"file:///?(?=[A-Za-z]:)|file://")
_TRIVY_SYSTEM = "OsPackageVulnerability"
"""Trivy's name for rules about packages of the operating system, which its SARIF does not name."""
_CONFIDENCE_TAG = re.compile(r"(HIGH|MEDIUM|LOW) CONFIDENCE\Z")
_UNREAD = frozenset({
    "codeFlows", "relatedLocations", "snippet", "contextRegion", "fingerprints", "partialFingerprints", "fixes",
    "graphs", "stacks", "webRequest", "webResponse", "markdown", "fullDescription", "invocations", "conversion",
    "notifications", "contents", "hashes",
})  # fmt: skip
"""Entries dropped while parsing: no finding needs them."""


def detect(text: str, name: str) -> bool:
    """Whether the file begins like SARIF."""
    if text.lstrip()[:1] != "{":
        return False
    named = name.lower().endswith((".sarif", ".sarif.json"))
    return bool(_MARKS.search(text) and (named or _RUNS.search(text)))


def read(text: str, name: str) -> ImportedReport:
    """The findings of a SARIF file; ScenarioError if it is none or a field has the wrong type."""
    report = json_record(text, name, _UNREAD)
    del text
    if "runs" not in report.data:
        raise ScenarioError(name, "runs", "missing", "give a SARIF 2.1.0 file")
    version = report.code("version") or "2.1.0"
    if not version.startswith("2."):
        raise ScenarioError(name, "version", f"SARIF {version} is not read", "write SARIF 2.1.0")
    findings: list[RawFinding] = []
    severities: list[str] = []
    left_out: Counter[str] = Counter()
    for run in report.records("runs"):
        reader = _Run.of(run)
        for result in run.records("results"):
            reason = _left_out(result)
            if reason:
                left_out[reason] += 1
                continue
            finding, level = reader.finding(result)
            findings.append(finding)
            severities.append(level)
    warnings = [f"{name}: not imported: {number} results {reason}" for reason, number in left_out.items()]
    totals = {"findings": len(findings), **counted("level", severities)}
    if left_out:
        totals["left out"] = left_out.total()
    return ImportedReport(findings=tuple(findings), warnings=tuple(warnings), totals=totals)


def _left_out(result: Record) -> str:
    """Why a result is no finding; "" if it is one."""
    if result.text("kind") in ("pass", "notApplicable", "informational"):
        return "that are no failures (kind pass, notApplicable or informational)"
    if result.text("baselineState") == "absent":
        return "that are gone since the baseline"
    for suppression in result.records("suppressions"):
        if suppression.text("status") in ("", "accepted"):
            return "that the source code or the tool's own rules suppress"
    return ""


@dataclass
class _Rule:
    """What a rule adds to its results; read once."""

    id: str = ""
    name: str = ""
    title: str = ""
    level: str = ""
    cwe: tuple[int, ...] = ()
    score: float | None = None
    vector: str = ""
    severity: str = ""
    confidence: str = ""
    advisories: tuple[str, ...] = ()
    package: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rule: Record) -> _Rule:
        """The rule (a `reportingDescriptor`)."""
        properties = rule.record("properties")
        tags = properties.texts("tags")
        own = properties.data.get("cwe")
        stated = [properties.code("cwe")] if isinstance(own, int) else list(properties.texts("cwe"))
        identifier = rule.text("id")
        rated = best(
            [
                Rating(properties.number("cvssv3_baseScore", 0, 10), properties.text("cvssv3_vector"), 3),
                Rating(properties.number("security-severity", 0, 10)),
            ]
        )
        confidence = next((m.group(1) for tag in tags if (m := _CONFIDENCE_TAG.match(tag))), "")
        return cls(
            id=identifier,
            name=rule.text("name"),
            title=rule.record("shortDescription").title("text") or rule.title("name"),
            level=rule.record("defaultConfiguration").text("level"),
            cwe=cwe_numbers([*stated, *(text for text in tags if "cwe" in text.lower()), *_related(rule)]),
            score=rated[0],
            vector=rated[1],
            severity=properties.text("problem.severity"),
            confidence=(confidence or properties.text("precision")).lower().removeprefix("very-"),
            advisories=tuple(dict.fromkeys(found for text in (identifier, *tags) if (found := advisory_in(text)))),
            package=_labelled(rule.record("help").data.get("text")),
        )


def _logical(result: Record) -> str:
    """The name of the first logical location: some tools name the package there."""
    location = next(result.records("locations"), Record({}, result.where))
    logical = next(location.records("logicalLocations"), Record({}, result.where))
    return logical.text("fullyQualifiedName") or logical.text("name")


def _related(rule: Record) -> Iterator[str]:
    """Weaknesses that a rule or result names in a taxonomy."""
    for relationship in rule.records("relationships"):
        target = relationship.record("target")
        if target.record("toolComponent").text("name").upper() == "CWE" or "CWE" in target.text("id").upper():
            yield target.code("id")


def _labelled(text: object) -> dict[str, str]:
    """`Package: x` and the like out of a message, names in lower case."""
    if not isinstance(text, str) or ":" not in text:
        return {}
    return {key.lower(): one_line(value, LONGEST_TITLE) for key, value in _LABELLED.findall(text[:4_000])}


@dataclass
class _Run:
    """A run: its tool, its rules by place and by id, and what it looked at."""

    tool: str
    kind: ToolKind | None
    image: str
    labels: tuple[str, ...]
    rules: dict[tuple[int, int], _Rule]
    by_id: dict[str, _Rule]
    artifacts: list[Record]

    @classmethod
    def of(cls, run: Record) -> _Run:
        """The run with its rules read."""
        driver, properties = run.record("tool").record("driver"), run.record("properties")
        name = driver.text("name").lower()
        if not name:
            raise ScenarioError(run.where, driver.at("name"), "missing", "say which tool wrote the results")
        rules: dict[tuple[int, int], _Rule] = {}
        for place, component in enumerate([driver, *run.record("tool").records("extensions")], start=-1):
            for index, rule in enumerate(component.records("rules")):
                rules[place, index] = _Rule.of(rule)
        labels = [run.record("automationDetails").text("id").strip("/")]
        labels += [public_url(r.text("repositoryUri")) for r in run.records("versionControlProvenance")]
        labels += [*properties.texts("repoTags"), *properties.texts("repoDigests")]
        return cls(
            tool=next((known for known in ("semgrep", "trivy", "contrast", "zap") if known in name), name),
            kind=next((kind for kind, names in _KINDS.items() if any(known in name for known in names)), None),
            image=properties.text("imageName"),
            labels=tuple(dict.fromkeys(label for label in labels if label)),
            rules=rules,
            by_id={rule.id: rule for rule in reversed(rules.values())},
            artifacts=list(run.records("artifacts")),
        )

    def finding(self, result: Record) -> tuple[RawFinding, str]:
        """The finding that a result states, and its level."""
        reference = result.record("rule")
        rule = self._rule(result, reference)
        rule_id = result.text("ruleId") or reference.text("id") or rule.id
        if not rule_id:
            raise ScenarioError(result.where, result.at("ruleId"), "missing", "name the rule of each result")
        properties, message = result.record("properties"), result.record("message")
        level = result.text("level") or rule.level or "warning"
        own = advisory_in(rule_id)
        kind = self.kind or ("sca" if own else "sast")
        advisories = [own] if own else list(rule.advisories) if kind == "sca" else []
        identifier, aliases = id_and_aliases([*advisories, *(rule.advisories if own else ()), rule_id])
        if own and not is_cve(identifier):
            identifier, aliases = id_and_aliases([own, *aliases])
        words = {**rule.package, **_labelled(message.data.get("text"))}
        path, line, url = self._place(result)
        score, vector = best(
            [Rating(properties.number("security-severity", 0, 10)), Rating(rule.score, rule.vector, 3)]
        )  # fmt: skip
        named = self._package(words, message, rule.name, _logical(result)) if kind == "sca" else package("", "")
        cwe = (
            cwe_numbers([*(t for t in properties.texts("tags") if "cwe" in t.lower()), *self._taxa(result)]) or rule.cwe
        )
        if not cwe and self.tool == "contrast" and rule_id in _CONTRAST_CWE:
            cwe = (_CONTRAST_CWE[rule_id],)
        severity = words.get("severity") if kind == "sca" else properties.text("issue_severity")
        severity = severity or (severity_of_score(score) if score else "") or level
        finding = RawFinding(
            tool=self.tool, kind=kind, id=identifier, evidence=result.evidence, aliases=aliases, cwe=cwe,
            title=(rule.title if kind == "sca" else "") or message.title("text") or rule.title,
            component=named.component, version=named.version,
            fixed_version=words.get("fixed version") or words.get("fix version", "") if named.component else "",
            ecosystem=named.ecosystem, purl=named.purl, image=self.image, path=path, line=line, url=url,
            labels=self.labels, cvss=score, cvss_vector=vector, severity=severity_word(severity),
            tool_confidence=severity_word(properties.text("issue_confidence")) or rule.confidence,
            seen_running=kind in ("dast", "iast"),
        )  # fmt: skip
        return finding, level

    def _rule(self, result: Record, reference: Record) -> _Rule:
        """The rule by its place in the driver or an extension, else by its id (also without a `/sub` id)."""
        place = reference.record("toolComponent").number("index", -1)
        index = reference.number("index", -1)
        if index is None or index < 0:
            index = result.number("ruleIndex", -1)
        identifier = result.text("ruleId") or reference.text("id")
        if index is not None and index >= 0:
            rule = self.rules.get((int(place if place is not None else -1), int(index)))
            if rule is not None and (not identifier or rule.id == identifier or identifier.startswith(f"{rule.id}/")):
                return rule
        return self.by_id.get(identifier) or self.by_id.get(identifier.rpartition("/")[0]) or _Rule()

    def _taxa(self, result: Record) -> Iterator[str]:
        for taxon in result.records("taxa"):
            if taxon.record("toolComponent").text("name").upper() in ("CWE", "") and taxon.code("id"):
                yield taxon.code("id")

    def _place(self, result: Record) -> tuple[str, int | None, str]:
        """Path, line and URL of the first location."""
        location = next(result.records("locations"), Record({}, result.where))
        physical = location.record("physicalLocation")
        artifact = physical.record("artifactLocation")
        uri = artifact.text("uri")
        index = artifact.number("index", -1)
        if not uri and index is not None and 0 <= index < len(self.artifacts):
            uri = self.artifacts[int(index)].record("location").text("uri")
        line = physical.record("region").line("startLine")
        if uri.startswith(("http://", "https://")):
            return "", None, public_url(uri)
        if not uri:
            return _logical(result), line, ""
        return one_line(unquote(_SOURCE_BASE.sub("", uri, count=1)), LONGEST_TEXT), line, ""

    def _package(self, words: Mapping[str, str], message: Record, rule_name: str, logical: str) -> Package:
        """The package that a message (Trivy's lines, Grype's sentence) or a logical location (`qs@6.7.0`) names."""
        name, version = words.get("package", ""), words.get("installed version") or words.get("version", "")
        stated = next((text for text in (name, logical) if text.startswith("pkg:")), "")
        if stated and parsed_purl(stated) is not None:
            return package("", version, "", stated)
        text = message.data.get("text")
        sentence = _SENTENCE.search(text[:4_000]) if isinstance(text, str) and not (name and version) else None
        if sentence:
            name, version = one_line(sentence["name"]), one_line(sentence["version"])
        if not name and (place := _NAMED_VERSION.match(logical)):
            name, version = place["name"], place["version"]
        known = package(name, version, words.get("type", ""))
        return known._replace(ecosystem="Linux") if known.component and rule_name == _TRIVY_SYSTEM else known
