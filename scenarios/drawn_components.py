"""Components and findings for services of which nothing is known: drawn, shared, with a rich middle.

Each service runs one platform (runtime, base image or store image) and some libraries, all out of
one pool, so that one CVE sits in several services as in real fleets. The chance that a component's
CVEs are exploited somewhere within 30 days is log-normal over components, median .05, log-sd 1: a
rich middle, so that many patches matter. It is split over the component's CVEs in proportion to
draws from the EPSS quantiles of all published CVEs. Nothing depends on names of services.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from zlib import crc32

from patchpact.scenarios.draws import normal, pick, uniform
from patchpact.scenarios.notes import Notes
from patchpact.scenarios.scenario import Service
from patchpact.scenarios.schema import ComponentRow, FindingRow
from patchpact.scenarios.versions import raised

EPSS_MEDIAN, EPSS_LOG_SD, EPSS_CAP = 0.05, 1.0, 0.9
POPULATION_QUANTILES = (
    (0.01, 0.001), (0.05, 0.00153), (0.1, 0.00199), (0.25, 0.00322), (0.5, 0.00697), (0.75, 0.01684),
    (0.9, 0.04157), (0.95, 0.09477), (0.99, 0.576015), (0.999, 0.977346),
)  # fmt: skip
"""EPSS quantiles of 360,142 CVEs, snapshot 2026-08-16 (free with attribution to FIRST)."""
CVSS_QUANTILES = ((0.0, 3.3), (0.25, 5.3), (0.5, 6.5), (0.75, 7.5), (1.0, 9.8))
KEV_SHARE = ((0.5, 0.187), (0.1, 0.029), (0.0, 0.001))
"""P(KEV | EPSS at least): Bayes from the EPSS quantiles of KEV CVEs and of all CVEs."""
JUMPS = (("patch", 0.40), ("minor", 0.36), ("major", 0.24))
"""Version jump of a security fix; a major one in 24% (Endor Labs 2024)."""
POOL_ZIPF = 0.7
_KINDS = ("rpc", "framework", "plugin", "library", "library", "library")


@dataclass(frozen=True, slots=True)
class Component:
    """A pool entry: its version, and the EPSS of the CVEs it carries."""

    version: str
    fixed_version: str
    key: int
    epss: tuple[float, ...]


def population_epss(u: float) -> float:
    """The quantile function of EPSS over all CVEs, log-linear between the counted quantiles."""
    points = POPULATION_QUANTILES
    if u <= points[0][0]:
        return points[0][1]
    for (u0, e0), (u1, e1) in pairwise(points):
        if u <= u1:
            return e0 * math.exp(math.log(e1 / e0) * (u - u0) / (u1 - u0))
    return points[-1][1]


def _cvss(u: float) -> float:
    for (u0, c0), (u1, c1) in pairwise(CVSS_QUANTILES):
        if u <= u1:
            return round(c0 + (c1 - c0) * (u - u0) / (u1 - u0), 1)
    return CVSS_QUANTILES[-1][1]


@lru_cache(maxsize=65536)
def _component(seed: int, name: str, version: str) -> Component:
    """The pool entry of a name; its draws are keyed by name and version of the component."""
    key = crc32(f"{name}@{version}".encode())
    target = min(EPSS_CAP, EPSS_MEDIAN * math.exp(EPSS_LOG_SD * normal(seed, "patch epss", key)))
    count = 1 + min(7, int(-2.2 * math.log(uniform(seed, "cve count", key))))
    shares = [population_epss(uniform(seed, "cve share", key, k)) for k in range(count)]
    hazard = -math.log1p(-target) / sum(shares)
    epss = tuple(round(max(1e-5, -math.expm1(-hazard * share)), 5) for share in shares)
    jump = JUMPS[pick(list(accumulate(share for _, share in JUMPS)), uniform(seed, "jump", key))][0]
    if not version:
        version = ".".join(str(int(12 * uniform(seed, "version", key, k))) for k in range(3))
    return Component(version, raised(version, jump), key, epss)


def draw_components(services: Sequence[Service], seed: int, notes: Notes) -> list[ComponentRow]:
    """What each service ships; external services ship nothing."""
    inside = sorted((s for s in services if s.kind != "external"), key=lambda service: service.uid)
    libraries = max(6, math.ceil(0.9 * len(inside)))
    platforms = max(3, math.ceil(0.25 * len(inside)))
    popularity = list(accumulate((rank + 1) ** -POOL_ZIPF for rank in range(libraries)))
    rows = []
    for service in inside:
        uid = service.uid
        store = service.kind in ("store", "queue")
        word = "store-image" if store else "runtime"
        number = int(platforms * uniform(seed, "platform", uid))
        chosen = {f"{word}-{number}": "image" if store else "runtime"}
        count = int(uniform(seed, "libraries", uid) < 0.35) if store else 1 + int(
            3 * uniform(seed, "libraries", uid)
        )  # fmt: skip
        for k in range(count):
            rank = pick(popularity, uniform(seed, "library", uid, k))
            chosen[f"{_KINDS[rank % len(_KINDS)]}-{rank}"] = "library"
        rows += [
            ComponentRow.model_construct(service=service.name, component=name, ecosystem=ecosystem)
            for name, ecosystem in chosen.items()
        ]
    notes.add("components of services", "drawn: one platform and up to three libraries of a pool", len(rows))
    return rows


def draw_findings(rows: Sequence[ComponentRow], seed: int, notes: Notes) -> list[FindingRow]:
    """Findings on the given components, in their order; a component that stands twice counts once."""
    made = []
    distinct = {(row.service, row.component, row.version): row for row in rows}
    for row in distinct.values():
        part = _component(seed, row.component, row.version)
        for k, epss in enumerate(part.epss):
            share = next(share for bound, share in KEV_SHARE if epss >= bound)
            made.append(
                FindingRow.model_construct(
                    service=row.service,
                    component=row.component,
                    ecosystem=row.ecosystem,
                    version=part.version,
                    cve=f"GEN-{part.key:08x}-{k}",
                    cvss=_cvss(uniform(seed, "cvss", part.key, k)),
                    epss=epss,
                    kev=uniform(seed, "kev", part.key, k) < share,
                    fixed_version=part.fixed_version,
                    confidence=CONFIDENCE_DRAWN,
                )
            )
    how = "drawn, EPSS of a patch log-normal with median .05 and log-sd 1, shared CVEs"
    notes.add("findings", how, len(made))
    return made


CONFIDENCE_DRAWN = 0.9
