"""Patches: the upgrade of one component in one service removes all its findings that have a fix.

Findings without a known fix wait for a second patch of the component, `service/component (next
release)`, which the vendor releases late (drawn) and which requires the first. What the data does
not say is drawn by seed, keyed by the patch's uid, from these assumptions: effort 3 + 8 exp(.6 z)
hours; regression probability by version jump (CALIBRATION section 5); downtime from the service's
rolling-update time; fees of a support subscription; 15% of fixes not out yet.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from patchpact.scenarios.draws import log_normal, normal, uniform
from patchpact.scenarios.findings import by_service_and_component
from patchpact.scenarios.notes import Notes
from patchpact.scenarios.people import Vendors, is_platform
from patchpact.scenarios.scenario import Finding, Patch, Service
from patchpact.scenarios.schema import ComponentRow, FindingRow
from patchpact.scenarios.topology import name_of

REGRESSION = {"patch": 0.03, "minor": 0.08, "major": 0.25}
FEE_KEUR = {True: 0.5, False: 0.3}
"""Median support fee of a platform upgrade, and of a library upgrade, k€."""
UNRELEASED_SHARE = 0.15


def version_jump(version: str, fixed_version: str) -> str:
    """`patch`, `minor` or `major` by the first number that differs; `minor` when unreadable."""
    old, new = _numbers(version), _numbers(fixed_version)
    if not old or not new:
        return "minor"
    width = max(len(old), len(new), 3)
    pairs = zip(old + (0,) * (width - len(old)), new + (0,) * (width - len(new)), strict=True)
    for level, (a, b) in zip(("major", "minor"), pairs, strict=False):
        if a != b:
            return level
    return "patch"


def latest(versions: Sequence[str]) -> str:
    """The highest version of a list, compared by its numbers; "" for an empty list."""
    return max(versions, key=lambda text: (_numbers(text), text), default="")


def _numbers(text: str) -> tuple[int, ...]:
    match = re.search(r"\d{1,9}(?:\.\d{1,9}){0,3}", text)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


class PatchMaker:
    """Draws what the data does not say about a patch."""

    def __init__(self, seed: int, windows: int, vendors: Vendors, notes: Notes) -> None:
        self._seed, self._windows, self._vendors, self._notes = seed, windows, vendors, notes

    def make(
        self,
        uid: int,
        service: Service,
        component: str,
        ecosystem: str,
        version: str,
        fixed_version: str,
        findings: Sequence[int],
        late: bool = False,
        vendor: str | None = None,
        evidence: str = "",
    ) -> Patch:
        """A patch without prerequisites."""
        seed, platform = self._seed, is_platform(ecosystem, component)
        effort = 3 + 8 * math.exp(0.6 * normal(seed, "effort", uid))
        minutes = log_normal(service.deploy_minutes, 0.25, seed, "downtime", uid)
        jump = version_jump(version, fixed_version)
        self._notes.add("effort_hours of patches", "drawn, 3 + 8 exp(.6 z)")
        self._notes.add("downtime_minutes of patches", "deploy_minutes of the service, log-sd .25")
        self._notes.add(
            "regression_probability of patches", "by version jump: patch .03, minor .08, major .25"
        )
        self._notes.add("fee_keur of patches", "drawn, median .5 platform and .3 libraries, log-sd .4")
        return Patch(
            uid=uid,
            name=f"{service.name}/{component}" + (" (next release)" if late else ""),
            service=service.name,
            component=component,
            ecosystem=ecosystem,
            version=version,
            fixed_version=fixed_version,
            vendor=vendor or self._vendors.of(ecosystem, component),
            findings=tuple(sorted(findings)),
            effort_hours=round(effort, 2),
            downtime_minutes=round(minutes, 2),
            regression_probability=REGRESSION[jump],
            requires=(),
            fee_keur=round(log_normal(FEE_KEUR[platform], 0.4, seed, "fee", uid), 3),
            release_window=self._release(uid, late),
            evidence=evidence,
        )

    def _release(self, uid: int, late: bool) -> int:
        """0 when the fix is out; an episode of one window has every fix out."""
        u = uniform(self._seed, "release", uid, 1)
        if late:
            self._notes.add("release_window of patches", "no fix known: drawn in the second half")
            return self._windows // 2 + int(u * max(1, self._windows // 2 - 1))
        if self._windows > 1 and uniform(self._seed, "release", uid) < UNRELEASED_SHARE:
            self._notes.add("release_window of patches", "drawn late for 15%: first two thirds")
            return 1 + int(u * max(1, 2 * self._windows // 3 - 1))
        return 0


def build_patches(
    rows: Sequence[FindingRow],
    findings: Sequence[Finding],
    components: Sequence[ComponentRow],
    services: Mapping[str, Service],
    maker: PatchMaker,
) -> list[Patch]:
    """The patches of all findings, without prerequisites. A patch's uid is its smallest finding's."""
    known: dict[tuple[str, str], list[ComponentRow]] = {}
    for component in components:
        known.setdefault((name_of(component.service), component.component), []).append(component)
    made: list[Patch] = []
    for (name, component_name), group in by_service_and_component(rows, findings).items():
        ships = known.get((name, component_name), [])
        ecosystem = next((row.ecosystem for row, _ in group if row.ecosystem), None)
        versions = sorted(
            {r.version for r, _ in group if r.version} or {c.version for c in ships if c.version}
        )
        for late in (False, True):
            part = [(row, finding) for row, finding in group if (not finding.fixed_version) == late]
            if not part:
                continue
            made.append(
                maker.make(
                    uid=part[0][1].uid,
                    service=services[name],
                    component=component_name,
                    ecosystem=ecosystem or (ships[0].ecosystem if ships else "generic"),
                    version=", ".join(versions),
                    fixed_version=latest([finding.fixed_version for _, finding in part]),
                    findings=[finding.uid for _, finding in part],
                    late=late,
                    vendor=next((c.vendor for c in ships if c.vendor), None),
                    evidence="; ".join(dict.fromkeys(c.evidence for c in ships if c.evidence)),
                )
            )
    return made
