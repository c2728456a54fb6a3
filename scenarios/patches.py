"""Patches: the upgrade of one component in one service removes all its findings that have a fix.

Findings without a known fix wait for a second patch of the component, `service/component (next
release)`, which the vendor releases late (drawn) and which requires the first. What the data does
not say is drawn by seed, keyed by the patch's uid, from these assumptions: effort 3 + 8 exp(.6 z)
hours; regression probability by version jump (CALIBRATION section 5); downtime from the service's
rolling-update time; fees of a support subscription; 15% of fixes not out yet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from patchpact.scenarios.draws import log_normal, normal, uniform
from patchpact.scenarios.findings import by_service_and_component
from patchpact.scenarios.notes import Notes
from patchpact.scenarios.people import Vendors, is_platform
from patchpact.scenarios.scenario import Finding, Patch, Service
from patchpact.scenarios.schema import ComponentRow, FindingRow
from patchpact.scenarios.versions import latest, version_jump

REGRESSION = {"patch": 0.03, "minor": 0.08, "major": 0.25}
FEE_KEUR = {True: 0.5, False: 0.3}
"""Median support fee of a platform upgrade, and of a library upgrade, k€."""
UNRELEASED_SHARE = 0.15
NEXT_RELEASE = " (next release)"
"""Ends the name of a patch that waits for a fix nobody has published yet."""


class PatchMaker:
    """Draws what the data does not say about a patch."""

    def __init__(self, seed: int, windows: int, vendors: Vendors, notes: Notes, released: bool = False) -> None:
        self._seed, self._windows, self._vendors, self.notes = seed, windows, vendors, notes
        self._released = released

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
        release_window: int | None = None,
    ) -> Patch:
        """A patch without prerequisites; what is None is drawn."""
        seed, platform = self._seed, is_platform(ecosystem, component)
        effort = 3 + 8 * math.exp(0.6 * normal(seed, "effort", uid))
        minutes = log_normal(service.deploy_minutes, 0.25, seed, "downtime", uid)
        jump = version_jump(version, fixed_version)
        self.notes.add("effort_hours of patches", "drawn, 3 + 8 exp(.6 z)")
        self.notes.add("downtime_minutes of patches", "deploy_minutes of the service, log-sd .25")
        self.notes.add("regression_probability of patches", "by version jump: patch .03, minor .08, major .25")
        self.notes.add("fee_keur of patches", "drawn, median .5 platform and .3 libraries, log-sd .4")
        return Patch(
            uid=uid,
            name=f"{service.name}/{component}" + (NEXT_RELEASE if late else ""),
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
            release_window=self._release(uid, late) if release_window is None else release_window,
            evidence=evidence,
        )

    def _release(self, uid: int, late: bool) -> int:
        """0 when the fix is out; an episode of one window has every fix out."""
        u = uniform(self._seed, "release", uid, 1)
        if late:
            self.notes.add("release_window of patches", "no fix known: drawn in the second half")
            return self._windows // 2 + int(u * max(1, self._windows // 2 - 1))
        if self._released:
            return 0
        if self._windows > 1 and uniform(self._seed, "release", uid) < UNRELEASED_SHARE:
            self.notes.add("release_window of patches", "drawn late for 15%: first two thirds")
            return 1 + int(u * max(1, 2 * self._windows // 3 - 1))
        return 0


def build_patches(
    found: Iterable[tuple[FindingRow, Finding]],
    components: Sequence[ComponentRow],
    services: Mapping[str, Service],
    maker: PatchMaker,
) -> list[Patch]:
    """The patches of all findings, without prerequisites. A patch's uid is its smallest finding's."""
    known: dict[tuple[str, str], list[ComponentRow]] = {}
    for component in components:
        known.setdefault((component.service, component.component), []).append(component)
    made: list[Patch] = []
    for (name, component_name), group in by_service_and_component(found).items():
        ships = known.get((name, component_name), [])
        stated = [*(row.ecosystem for row, _ in group), *(row.ecosystem for row in ships)]
        ecosystem = next(filter(None, stated), None)
        if ecosystem is None:
            maker.notes.add("ecosystem of components", "not stated: library")
        versions = sorted({r.version for r, _ in group if r.version} or {c.version for c in ships if c.version})
        for late in (False, True):
            part = [(row, finding) for row, finding in group if (not finding.fixed_version) == late]
            if not part:
                continue
            sellers = [*(row.vendor for row, _ in part), *(row.vendor for row in ships)]
            releases = [row.release_window for row, _ in part if row.release_window is not None]
            made.append(
                maker.make(
                    uid=part[0][1].uid,
                    service=services[name],
                    component=component_name,
                    ecosystem=ecosystem or "library",
                    version=", ".join(versions),
                    fixed_version=latest([finding.fixed_version for _, finding in part]),
                    findings=[finding.uid for _, finding in part],
                    late=late,
                    vendor=next(filter(None, sellers), None),
                    evidence="; ".join(dict.fromkeys(c.evidence for c in ships if c.evidence)),
                    release_window=max(releases, default=None),
                )
            )
    return made
