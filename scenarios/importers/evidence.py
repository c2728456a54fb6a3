"""Evidence of which service a finding belongs to, with what it is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

SCORES: Mapping[str, float] = {
    "mapping": 1.0,
    "service": 1.0,
    "image digest": 0.99,
    "image": 0.98,
    "image, other registry": 0.9,
    "image, other version": 0.85,
    "image name": 0.75,
    "component of its SBOM": 0.9,
    "component of its SBOM, other version": 0.6,
    "path": 0.95,
    "path, inside another folder": 0.85,
    "path, the whole project": 0.55,
    "folder name": 0.7,
    "label": 0.9,
    "url host": 0.9,
    "url path": 0.6,
    "url, the only exposed service": 0.65,
    "report's file name": 0.65,
    "the only service": 0.55,
}
"""Probability that a finding belongs to the service, by what led to it (assumptions; their order is what counts)."""
LEAST = 0.55
"""Candidates below are no match."""


class Candidate(NamedTuple):
    """A service that a finding may belong to, how probably, and what led to it."""

    score: float
    service: str
    by: str
    shared: str = ""
    """Equal, not empty: the same thing runs in both services."""


Candidates = tuple[Candidate, ...]


def best_of(evidence: Iterable[Candidate]) -> Candidates:
    """The service that fits best, or all of them where they run the same thing; empty where it stays open."""
    ordered = sorted(evidence, key=lambda c: -c.score)
    top: dict[str, Candidate] = {}
    for candidate in ordered:
        if candidate.score == ordered[0].score:
            top.setdefault(candidate.service, candidate)
    if len(top) < 2:
        return tuple(top.values())
    groups = {candidate.shared for candidate in top.values()}
    shared = len(groups) == 1 and "" not in groups
    for _, level in groupby(ordered, key=lambda c: c.score):
        telling = {c.service: c for c in level if c.service in top and c.score < ordered[0].score}
        if shared:  # the name of the image, or of its report, says nothing of who else runs it
            telling = {name: c for name, c in telling.items() if c.by.startswith(("label:", "url host"))}
        if len(telling) == 1:
            ((name, told),) = telling.items()
            return (top[name]._replace(by=f"{top[name].by}, {told.by}"),)
        if telling:
            top = {name: top[name] for name in telling}
    return tuple(top.values()) if shared else ()
