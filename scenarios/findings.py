"""Findings out of rows of a scanner or of the bundled data; what is missing is imputed and noted."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from patchpact.scenarios.draws import uniform
from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.notes import Notes
from patchpact.scenarios.scenario import Finding, Service, TechnicalImpact
from patchpact.scenarios.schema import ComponentRow, FindingRow
from patchpact.scenarios.topology import give_uids

CVSS_OF_SEVERITY = {"critical": 9.8, "high": 7.5, "medium": 5.4, "moderate": 5.4, "low": 3.4}
"""Median CVSS v3 score by severity label, counted over the bundled CVEs that carry both."""
CVSS_UNKNOWN = 6.5
EPSS_UNKNOWN = 0.00697
"""Median EPSS of all CVEs (n = 360,142, 2026-08-16)."""
AUTOMATABLE_SHARE = 0.179
"""Share of records that CISA Vulnrichment marks automatable (n = 44,026)."""
TOTAL_IMPACT_SHARE = {True: 0.40, False: 0.289}
"""Share of total technical impact given automatable, from the joint table of 2024+ records."""
CONFIDENCE = {
    "exact": 0.95, "image": 0.9, "cna-record": 0.85, "image-floating": 0.8, "toolchain-floating": 0.8,
    "fix-compare": 0.8, "declared-lower-bound": 0.6,
}  # fmt: skip
"""Probability that a finding is real, by how its version was matched (assumption)."""
CONFIDENCE_UNCONFIRMED = 0.3
INDIRECT_FACTOR = 0.5
"""On the confidence of findings in components that no manifest of the service declares (assumption:
a transitive component's faulty part is less often reached; no reachability was computed)."""
CONFIDENCE_UNKNOWN = 0.9


def label_of(row: FindingRow | ComponentRow) -> str:
    """What an error calls the row: `CVE of component`, or the component."""
    return f"{row.cve} of {row.component}" if isinstance(row, FindingRow) else row.component


def select_rows(
    rows: Iterable[FindingRow], services: Sequence[Service], unconfirmed: str, where: str, notes: Notes
) -> list[FindingRow]:
    """Rows to keep: of known, not external services; each (service, component, cve) once."""
    by_name = {service.name: service for service in services}
    kept: list[FindingRow] = []
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        if by_name[row.service].kind == "external":
            notes.add("findings left out", "their service is external, nobody here patches it")
            continue
        if row.unconfirmed and unconfirmed == "drop":
            notes.add("findings left out", "unconfirmed, the advisory has an open lower bound")
            continue
        key = (row.service, row.component, row.cve)
        if key in seen:
            problem = f"stands twice on {shown(row.service)}"
            raise ScenarioError(where, f"findings.{label_of(row)}", problem, "keep one")
        seen.add(key)
        kept.append(row)
    return kept


def build_findings(
    rows: Sequence[FindingRow],
    services: Sequence[Service],
    indirect: Container[tuple[str, str]],
    seed: int,
    where: str,
    notes: Notes,
) -> list[Finding]:
    """Complete findings in the order of the rows; `indirect`: (service, component) not declared directly."""
    exposed = {service.name: service.exposed for service in services}
    uids = give_uids([row.uid for row in rows], where, "findings")
    first_of: dict[str, int] = {}
    for uid, row in zip(uids, rows, strict=True):
        first_of[row.cve] = min(uid, first_of.get(row.cve, uid))
    made = []
    for uid, row in zip(uids, rows, strict=True):
        cve_uid = first_of[row.cve]
        automatable, impact = _ssvc(row, cve_uid, seed, notes)
        made.append(
            Finding(
                uid=uid,
                cve=row.cve,
                cve_uid=cve_uid,
                service=row.service,
                component=row.component,
                cvss=_cvss(row, notes),
                epss=_epss(row, notes),
                kev=row.kev,
                exposed=exposed[row.service] if row.exposed is None else row.exposed,
                automatable=automatable,
                technical_impact=impact,
                fixed_version=row.fixed_version or "",
                confidence=_confidence(row, (row.service, row.component) in indirect, notes),
                known_window=row.known_window,
            )
        )
    return made


def _cvss(row: FindingRow, notes: Notes) -> float:
    if row.cvss is not None:
        return row.cvss
    label = (row.severity or "").lower()
    if label in CVSS_OF_SEVERITY:
        notes.add("cvss of findings", "median score of the severity label")
        return CVSS_OF_SEVERITY[label]
    notes.add("cvss of findings", f"neither score nor label: {CVSS_UNKNOWN}")
    return CVSS_UNKNOWN


def _epss(row: FindingRow, notes: Notes) -> float:
    if row.epss is not None:
        return row.epss
    notes.add("epss of findings", f"no score: the median of all CVEs, {EPSS_UNKNOWN}")
    return EPSS_UNKNOWN


def _ssvc(row: FindingRow, cve_uid: int, seed: int, notes: Notes) -> tuple[bool, TechnicalImpact]:
    """Automatable and technical impact: stated, else drawn from the shares of CISA Vulnrichment."""
    automatable = row.automatable
    if automatable is None:
        automatable = uniform(seed, "automatable", cve_uid) < AUTOMATABLE_SHARE
        notes.add("automatable of findings", "drawn, share .179 (CISA Vulnrichment)")
    impact: TechnicalImpact | None = row.technical_impact
    if impact is None:
        total = uniform(seed, "impact", cve_uid) < TOTAL_IMPACT_SHARE[automatable]
        impact = "total" if total else "partial"
        notes.add("technical_impact of findings", "drawn, share .40 if automatable else .289 (Vulnrichment)")
    return automatable, impact


def _confidence(row: FindingRow, indirect: bool, notes: Notes) -> float:
    if row.confidence is not None:
        return row.confidence
    known = CONFIDENCE.get(row.match or "", CONFIDENCE_UNKNOWN)
    if row.unconfirmed:
        known = CONFIDENCE_UNCONFIRMED
        notes.add("confidence of findings", f"open lower bound: {CONFIDENCE_UNCONFIRMED}")
    else:
        notes.add("confidence of findings", ".6 to .95 by how the version was matched")
    if indirect:
        notes.add("confidence of findings", f"transitive components: times {INDIRECT_FACTOR}")
    return round(known * (INDIRECT_FACTOR if indirect else 1.0), 3)


def by_service_and_component(
    pairs: Iterable[tuple[FindingRow, Finding]],
) -> Mapping[tuple[str, str], list[tuple[FindingRow, Finding]]]:
    """Rows with their findings, grouped by (service, component), groups by their smallest uid."""
    groups: dict[tuple[str, str], list[tuple[FindingRow, Finding]]] = {}
    for row, finding in sorted(pairs, key=lambda pair: pair[1].uid):
        groups.setdefault((finding.service, finding.component), []).append((row, finding))
    return groups
