"""Which patches must come first. Real changelogs say so case by case; here rules stand for them.

Every prerequisite made here is an assumption, by four rules a maintainer would recognise:
1. a library's new version needs a newer runtime or base image in the same service;
2. a runtime's new version needs one library that breaks on it upgraded first;
3. a framework comes before its plug-ins in the same service;
4. a wire format (protobuf, gRPC, messaging) is upgraded at the callee before the caller.
A scenario may switch the rules off (`prerequisites: stated`, as imported ones do): a user's own patches wait for
nothing that nobody has stated. A component's next release comes after the one that is out either way.
A draw keyed by the patch's uid decides whether a rule applies, so that about 35% of patches have a
prerequisite (notes of the game: the largest source of decisions worth planning). No rule may close
a cycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from patchpact.scenarios.draws import uniform
from patchpact.scenarios.notes import Notes
from patchpact.scenarios.patches import NEXT_RELEASE
from patchpact.scenarios.people import is_platform
from patchpact.scenarios.scenario import Edge, Patch, Service

RUNTIME_FIRST = 0.38
LIBRARY_FIRST = 0.6
FRAMEWORK_FIRST = 0.7
CALLEE_FIRST = 0.4
WIRE_FORMATS = ("grpc", "proto", "rabbit", "kafka", "rpc")
FRAMEWORKS = (
    ("org.springframework.boot:spring-boot", ("org.springframework:", "org.apache.tomcat")),
    ("org.springframework:spring-core", ("org.springframework:", "org.springframework.amqp:")),
    ("org.springframework:spring-web", ("org.springframework:spring-webmvc",)),
    ("express", ("body-parser", "qs", "send", "serve-static", "path-to-regexp", "cookie", "morgan")),
    ("google.golang.org/grpc", ("go.opentelemetry.io/contrib",)),
    ("google.golang.org/protobuf", ("google.golang.org/grpc",)),
    ("rack", ("sinatra", "puma")),
    ("symfony/http-foundation", ("symfony/http-kernel", "symfony/routing")),
    ("framework", ("plugin",)),
)


def add_prerequisites(
    patches: Sequence[Patch],
    services: Mapping[str, Service],
    edges: Iterable[Edge],
    seed: int,
    notes: Notes,
    drawn: bool = True,
) -> list[Patch]:
    """The patches with `requires` filled in; those stated already are kept. `drawn`: by the rules too."""
    ordered = sorted(patches, key=lambda patch: patch.uid)
    requires = {patch.uid: list(patch.requires) for patch in ordered}
    by_service: dict[str, list[Patch]] = {}
    for patch in ordered:
        by_service.setdefault(patch.service, []).append(patch)
    callees: dict[str, list[str]] = {}
    for edge in sorted(edges, key=lambda edge: edge.uid):
        callees.setdefault(edge.source, []).append(edge.target)
    made = 0
    for service in sorted(services.values(), key=lambda service: service.uid):
        own = by_service.get(service.name, [])
        below = [patch for name in callees.get(service.name, []) for patch in by_service.get(name, [])]
        by_rule = [*_inside(own, seed), *_across(own, below, seed)] if drawn else []
        for later, first in [*_next_releases(own), *by_rule]:
            if first not in requires[later] and not _reaches(requires, first, later):
                requires[later].append(first)
                made += 1
    how = "runtime, framework and callee first, by draw" if drawn else "the next release after the one that is out"
    notes.add("prerequisites of patches", how, made)
    return [replace(patch, requires=tuple(sorted(requires[patch.uid]))) for patch in ordered]


def _next_releases(own: Sequence[Patch]) -> list[tuple[int, int]]:
    """The next release of a component comes after the one that is out."""
    out_now = {patch.component: patch.uid for patch in own if not patch.name.endswith(NEXT_RELEASE)}
    late = (patch for patch in own if patch.name.endswith(NEXT_RELEASE))
    return [(patch.uid, out_now[patch.component]) for patch in late if patch.component in out_now]


def _inside(own: Sequence[Patch], seed: int) -> list[tuple[int, int]]:
    """Rules 1 to 3, within one service."""
    pairs: list[tuple[int, int]] = []
    out_now = [patch for patch in own if not patch.name.endswith(NEXT_RELEASE)]
    libraries = [patch for patch in out_now if not is_platform(patch.ecosystem, patch.component)]
    for platform in out_now:
        if not is_platform(platform.ecosystem, platform.component) or not libraries:
            continue
        breaking = min(libraries, key=lambda patch: (len(patch.findings), patch.uid))
        if uniform(seed, "library first", platform.uid) < LIBRARY_FIRST:
            pairs.append((platform.uid, breaking.uid))
        for library in libraries:
            if uniform(seed, "runtime first", library.uid) < RUNTIME_FIRST:
                pairs.append((library.uid, platform.uid))
    for framework, plugins in FRAMEWORKS:
        bases = [patch for patch in libraries if patch.component.startswith(framework)]
        names = {patch.component for patch in bases}
        for plugin in libraries if bases else ():
            if plugin.component in names or not plugin.component.startswith(plugins):
                continue
            if uniform(seed, "framework first", plugin.uid) < FRAMEWORK_FIRST:
                pairs.append((plugin.uid, bases[0].uid))
    return pairs


def _across(own: Sequence[Patch], below: Sequence[Patch], seed: int) -> list[tuple[int, int]]:
    """Rule 4: the callee's copy of a wire format first."""
    copies: dict[str, list[int]] = {}
    for other in below:
        copies.setdefault(other.component, []).append(other.uid)
    pairs: list[tuple[int, int]] = []
    for patch in own:
        if not any(word in patch.component.lower() for word in WIRE_FORMATS):
            continue
        if uniform(seed, "callee first", patch.uid) >= CALLEE_FIRST:
            continue
        pairs += [(patch.uid, other) for other in copies.get(patch.component, ())]
    return pairs


def _reaches(requires: Mapping[int, Sequence[int]], start: int, goal: int) -> bool:
    """True when `start` requires `goal`, directly or not."""
    stack, seen = [start], {start}
    while stack:
        uid = stack.pop()
        if uid == goal:
            return True
        for first in requires[uid]:
            if first not in seen:
                seen.add(first)
                stack.append(first)
    return False
