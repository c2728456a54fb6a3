"""OWASP ZAP's reports: JSON and XML by site, and the flat JSON list of its older API. One finding per instance.

Alerts that a person marked as false positive (confidence 0) are counted in a warning. Requests, responses,
attacks and evidence are never read; of URLs the query is left out, for it may hold secrets.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.plain import one_line
from patchpact.scenarios.importers.reading import xml_root
from patchpact.scenarios.importers.records import ImportedReport, RawFinding
from patchpact.scenarios.importers.reports.fields import Record, json_record, public_url
from patchpact.scenarios.importers.reports.scores import severity_word
from patchpact.scenarios.importers.reports.weaknesses import cwe_numbers, id_and_aliases, is_cve

_RISKS = {"3": "high", "2": "medium", "1": "low", "0": "info"}
_CONFIDENCES = {"4": "confirmed", "3": "high", "2": "medium", "1": "low", "user confirmed": "confirmed"}
_FALSE_POSITIVE = frozenset({"0", "false positive"})
_SITES = re.compile(r'"site"\s*:\s*[\[{]')
_FLAT = re.compile(r'"(?:vulnerabilities|alerts)"\s*:\s*\[')
_UNREAD = frozenset({
    "desc", "description", "solution", "other", "otherinfo", "reference", "evidence", "attack", "requestHeader",
    "requestBody", "responseHeader", "responseBody", "request-header", "request-body", "response-header",
    "response-body",
})  # fmt: skip
"""Entries dropped while parsing: no finding needs them."""


def detect(text: str, name: str) -> bool:
    """Whether the file begins like a ZAP report."""
    if text.lstrip()[:1] == "<":
        return "<OWASPZAPReport" in text
    by_site = _SITES.search(text) and ('"@name"' in text or '"alerts"' in text)
    return bool(by_site or (_FLAT.search(text) and re.search(r'"plugin[Ii]d"\s*:', text)))


def read(text: str, name: str) -> ImportedReport:
    """The findings of a ZAP report; ScenarioError if it is none or a field has the wrong type.

    `totals`: `alerts` and `findings` (instances) as contained, `stated instances` as the alerts count them.
    """
    report = _from_xml(text, name) if text.lstrip()[:1] == "<" else json_record(text, name, _UNREAD)
    del text
    gathered = _Gathered()
    if "site" in report.data:
        one = isinstance(report.data["site"], dict)
        for site in [report.record("site")] if one else report.records("site"):
            for alert in site.records("alerts"):
                gathered.alert(alert, site.text("@host"), public_url(site.text("@name")))
    elif {"vulnerabilities", "alerts"} & report.data.keys():
        for alert in report.records("vulnerabilities" if "vulnerabilities" in report.data else "alerts"):
            gathered.flat(alert)
    else:
        raise ScenarioError(name, "site", "missing", "give a report of ZAP in JSON or XML")
    warnings = []
    if gathered.totals["false positives"]:
        number = gathered.totals["false positives"]
        warnings.append(f"{name}: not imported: {number} instances that a person marked as false positive")
    missing = gathered.totals["stated instances"] - len(gathered.findings) - gathered.totals["false positives"]
    if "site" in report.data and missing:
        warnings.append(
            f"{name}: its alerts count {abs(missing)} instances {'more' if missing > 0 else 'less'} than it holds"
        )
    totals = {"findings": len(gathered.findings), **{key: value for key, value in gathered.totals.items() if value}}
    return ImportedReport(findings=tuple(gathered.findings), warnings=tuple(warnings), totals=totals)


class _Gathered:
    """Findings and counts while the report is read."""

    def __init__(self) -> None:
        self.findings: list[RawFinding] = []
        self.totals: Counter[str] = Counter()

    def alert(self, alert: Record, host: str, site: str) -> None:
        """An alert with its instances; one without instances counts once, at its site."""
        instances = list(alert.records("instances")) or [Record({"uri": site}, alert.where, alert.path)]
        stated = alert.whole("count")
        self.totals["alerts"] += 1
        self.totals["stated instances"] += stated or len(instances)
        risk = severity_word(_RISKS.get(alert.code("riskcode"), alert.text("riskdesc").partition(" ")[0]))
        confidence = alert.code("confidence").lower()
        for instance in instances:
            self._add(alert, instance, host, risk, confidence, instance.text("uri") or site)

    def flat(self, alert: Record) -> None:
        """A row of the older list: alert and instance in one."""
        self.totals["alerts"] += 1
        self._add(
            alert, alert, "", severity_word(alert.text("risk")), alert.text("confidence").lower(), alert.text("url")
        )

    def _add(self, alert: Record, instance: Record, host: str, risk: str, confidence: str, url: str) -> None:
        if confidence in _FALSE_POSITIVE:
            self.totals["false positives"] += 1
            return
        rule = alert.code("alertRef") or alert.code("pluginid") or alert.code("pluginId")
        title = alert.title("alert") or alert.title("name")
        if not rule and not title:
            raise ScenarioError(alert.where, alert.at("pluginid"), "missing", "correct the report")
        tags = [_tag(tag) for tag in alert.items("tags")] if isinstance(alert.data.get("tags"), list) else []
        identifier, aliases = id_and_aliases([*(tag for tag in tags if is_cve(tag)), rule or title])
        parameter = instance.text("param", 60)
        self.totals[f"risk {risk or 'not stated'}"] += 1
        self.findings.append(
            RawFinding(
                tool="zap",
                kind="dast",
                id=identifier,
                evidence=instance.evidence,
                aliases=aliases,
                cwe=cwe_numbers([alert.code("cweid"), *(tag for tag in tags if tag.upper().startswith("CWE-"))]),
                title=f"{title} ({parameter})" if parameter else title,
                url=public_url(url),
                method=instance.text("method"),
                labels=(host,) if host else (),
                severity=risk,
                tool_confidence=_CONFIDENCES.get(confidence, confidence),
                seen_running=True,
            )
        )


def _tag(value: Any) -> str:
    """A tag's name; newer reports write `{"tag": name, "link": ...}`."""
    name = value.get("tag") if isinstance(value, dict) else value
    return one_line(name) if isinstance(name, str) else ""


def _from_xml(text: str, name: str) -> Record:
    """The XML report in the shape of the JSON one."""
    root = xml_root(text, name)
    if root.tag != "OWASPZAPReport":
        raise ScenarioError(name, "file", "no OWASPZAPReport", "give a report of ZAP in JSON or XML")
    sites = []
    for site in root.iter("site"):
        alerts = [_alert_of(item) for item in site.iter("alertitem")]
        sites.append({"@name": site.get("name", ""), "@host": site.get("host", ""), "alerts": alerts})
    return Record({"site": sites}, name)


def _alert_of(item: Element) -> dict[str, Any]:
    alert: dict[str, Any] = {child.tag: child.text or "" for child in item if not len(child)}
    instances = [dict(_leaves(instance)) for instance in item.iter("instance")]
    if not instances and "uri" in alert:
        instances = [{key: alert[key] for key in ("uri", "method", "param") if key in alert}]
    tags = [{"tag": tag.findtext("tag") or tag.text or ""} for holder in item.findall("tags") for tag in holder]
    return {**alert, "instances": instances, "tags": tags}


def _leaves(element: Element) -> Iterator[tuple[str, str]]:
    for child in element:
        if child.tag in ("uri", "method", "param"):
            yield child.tag, child.text or ""
