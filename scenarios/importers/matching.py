"""Which service a finding belongs to: by what the report says, scored and explained, or listed as open.

Each kind of evidence gives candidates with a score (`SCORES`); the highest wins. Services that fit equally
well are told apart by weaker evidence; where none does, the finding stays open with its candidates, except
where they run the very same image or ship the very same component: then it is a finding of each of them.
A mapping file (`scenarios.importers.mapping`) goes before everything. Nothing is dropped.

Answers are kept by what they depend on (image, folder, host, ...), so the effort grows with the number of
findings plus the number of different places they name, not with findings times services.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import groupby
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

from patchpact.scenarios.errors import shown
from patchpact.scenarios.importers.mapping import MappingRule, RuleIndex
from patchpact.scenarios.importers.records import Component, GraphNode, RawFinding

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
CORE_FACTOR = 0.85
"""On names that agree but for words like `service` and `api`."""
ENDING_FACTOR = 0.75
"""On a report's name that ends like the service's (`shop-cart` of `cart`)."""
RELATED_FACTOR = 0.5
"""On names that share a beginning or an end otherwise (`cart-db`, `cart`): named as candidates only."""
LEAST = 0.55
"""Candidates below are no match."""
_GENERIC = frozenset(
    ("service", "services", "svc", "server", "app", "application", "api", "image", "container", "microservice", "pod")
)
_TOOL_WORDS = frozenset(
    (
        "trivy", "grype", "semgrep", "codeql", "bandit", "zap", "seeker", "contrast", "osv", "sbom", "vex", "sarif",
        "report", "reports", "results", "result", "scan", "findings", "image", "fs", "cyclonedx", "spdx", "bom", "json",
        "xml", "csv",
    )
)  # fmt: skip
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1", "host.docker.internal"})
IMAGE_PURLS = ("pkg:oci/", "pkg:docker/")
CANDIDATES_SHOWN = 12
CLOSEST_ASKED = 60
"""Unknown places for which services of similar names are looked for."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A finding of a service.

    Attributes:
        service: the node's id.
        finding: as the tool states it.
        by: the kind of evidence (a key of `SCORES`) and what it said.
        confidence: probability that the finding belongs to this service.
    """

    service: str
    finding: RawFinding
    by: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A finding that no service could be named for: why, and which services came near."""

    finding: RawFinding
    reason: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matching:
    """What `match` found: every finding stands in `matched` (once for each service) or in `unmatched`."""

    matched: tuple[Matched, ...]
    unmatched: tuple[Unmatched, ...]
    warnings: tuple[str, ...] = ()

    def by_evidence(self) -> dict[str, int]:
        """Matches counted by the kind of evidence, the most frequent first."""
        return dict(Counter(match.by.partition(":")[0] for match in self.matched).most_common())


class _Candidate(NamedTuple):
    score: float
    service: str
    by: str
    shared: str = ""
    """Equal, not empty: the same thing runs in both services."""


_Candidates = tuple[_Candidate, ...]


def match(
    findings: Iterable[RawFinding],
    nodes: Sequence[GraphNode],
    rules: Sequence[MappingRule] = (),
    components: Sequence[Component] = (),
    where: str = "mapping",
) -> Matching:
    """Findings with the services they belong to.

    Args:
        findings: of any tools.
        nodes: the graph's services.
        rules: of a mapping file.
        components: what SBOMs say services ship; findings that state a component alone are matched by them.
        where: the mapping file's name, for warnings.
    """
    index = _Index(nodes, components)
    asked = RuleIndex(rules)
    external = {node.id for node in nodes if node.attributes.get("kind") == "external"}
    known: dict[tuple[object, ...], tuple[_Candidates, str, tuple[str, ...]]] = {}
    matched: list[Matched] = []
    unmatched: list[Unmatched] = []
    for finding in findings:
        found: _Candidates
        near: tuple[str, ...] = ()
        said = asked.services_of(finding) if rules else {}
        if said:
            found = tuple(
                _Candidate(SCORES["mapping"], service, f"mapping: rule {number} of {where}")
                for service, number in said.items()
            )
            reason = ""
        else:
            key = _places(finding, bool(components))
            if key not in known:
                known[key] = index.decide(finding)
            found, reason, near = known[key]
        if not found:
            unmatched.append(Unmatched(finding, reason, near))
        for candidate in found:
            if candidate.service in external:
                text = f"belongs to {shown(candidate.service)}, an external service that nobody here patches"
                unmatched.append(Unmatched(finding, text, (candidate.service,)))
            else:
                matched.append(Matched(candidate.service, finding, candidate.by, candidate.score))
    warnings = tuple(
        f"{where}: rule {number} (service {shown(rules[number - 1].service)}) matches no finding"
        for number in asked.unused()
    )
    return Matching(tuple(matched), tuple(unmatched), warnings)


def _places(finding: RawFinding, shipped: bool) -> tuple[object, ...]:
    """Everything of a finding that the decision depends on, paths by their folder; components if SBOMs are known."""
    component = (finding.purl, finding.component, finding.version) if shipped else ()
    image = finding.purl if finding.purl.startswith(IMAGE_PURLS) else ""
    return (
        finding.service, finding.image, finding.path.rpartition("/")[0] or finding.path, _host_and_start(finding.url),
        finding.labels, image, component, _report_of(finding),
    )  # fmt: skip


class _Index:
    """The graph's services by everything that a report may call them."""

    def __init__(self, nodes: Sequence[GraphNode], components: Sequence[Component]) -> None:
        self._names = _Names(nodes)
        self._images = _Images(nodes)
        self._paths = _Paths(nodes)
        inside = [node for node in nodes if node.attributes.get("kind") != "external"]
        exposed = [node for node in inside if node.attributes.get("exposed")]
        fronts = exposed or [n for n in inside if n.attributes.get("kind") in ("frontend", "gateway")]
        self._front = fronts[0].id if len(fronts) == 1 else ""
        self._fronts = tuple(node.id for node in fronts)
        self._alone = inside[0].id if len(inside) == 1 else ""
        self._ids = tuple(node.id for node in nodes)
        self._asked = 0
        self._image_answers: dict[str, _Candidates] = {}
        self._path_answers: dict[tuple[str, bool], _Candidates] = {}
        self._shipped: dict[str, dict[str, str]] = {}
        self._learn(components)

    def _learn(self, components: Sequence[Component]) -> None:
        """Components of SBOMs, each given to the services that its own service or image leads to."""
        places: dict[tuple[str, str], tuple[str, ...]] = {}
        for component in components:
            place = (component.service, component.image)
            if place not in places:
                named = self._named("service", component.service) if component.service else ()
                found = _best(named or self._by_image(component.image))
                places[place] = tuple(c.service for c in found)
            for service in places[place]:
                for key in _component_keys(component.purl, component.name):
                    self._shipped.setdefault(key, {}).setdefault(service, component.version)

    def decide(self, finding: RawFinding) -> tuple[_Candidates, str, tuple[str, ...]]:
        """The services of a finding; where there are none, why and which came near."""
        evidence = list(self._all(finding))
        found = _best(c for c in evidence if c.score >= LEAST)
        if found:
            return found, "", ()
        best = max((c.score for c in evidence), default=0.0)
        if best >= LEAST:
            equal = {c.service: c.by for c in evidence if c.score == best}
            kinds = ", ".join(dict.fromkeys(equal.values()))
            return (), f"several services fit equally well by {kinds}", tuple(equal)[:CANDIDATES_SHOWN]
        places = _places_said(finding)
        if not places:
            return (), "the report names neither service, image, path, label nor address", ()
        text = ", ".join(f"{kind} {shown(value)}" for kind, value in places.items())
        if finding.url and len(self._fronts) > 1:
            return (), f"several services are exposed, none called like {text}", self._fronts[:CANDIDATES_SHOWN]
        related = [c.service for c in evidence] or self._near(places)
        return (), f"no service is called like {text}", tuple(dict.fromkeys(related))[:CANDIDATES_SHOWN]

    def _near(self, places: Mapping[str, str]) -> list[str]:
        """Services called somewhat like the place; no longer asked for where very many places are unknown."""
        self._asked += 1
        if self._asked > CLOSEST_ASKED:
            return []
        texts = [PurePosixPath(value.partition("@")[0].partition(":")[0]).name or value for value in places.values()]
        return [name for text in texts for name in get_close_matches(text, self._ids, n=3, cutoff=0.6)]

    def _all(self, finding: RawFinding) -> Iterable[_Candidate]:
        if finding.service:
            yield from self._named("service", finding.service)
        yield from self._by_image(finding.image)
        yield from self._by_purl(finding)
        outside = not finding.image or finding.image.startswith((".", "/")) or "://" in finding.image
        yield from self._by_path(finding.path, outside)
        for label in finding.labels:
            yield from self._by_label(label)
        yield from self._by_url(finding.url)
        yield from self._by_report(finding)
        if self._alone and not finding.image and not finding.service:
            yield _Candidate(SCORES["the only service"], self._alone, "the only service")

    def _named(self, kind: str, text: str, told: str = "") -> _Candidates:
        found = self._names.find(text)
        return tuple(
            _Candidate(round(SCORES[kind] * factor, 3), service, f"{kind}: {shown(told or text)}")
            for service, factor in found
        )

    def _by_image(self, image: str) -> _Candidates:
        """By the images of the graph, by names like the image's, and as a path: some tools scan folders."""
        if image not in self._image_answers:
            found: list[_Candidate] = []
            if image:
                found += self._images.find(image)
                found += self._named("image name", ImageName.of(image).last, image)
                found += self._by_path(image, True)
            self._image_answers[image] = tuple(found)
        return self._image_answers[image]

    def _by_path(self, path: str, outside: bool) -> _Candidates:
        """By the folder a service is built from, or that is called like it; only the former inside an image."""
        folder = path.rpartition("/")[0] or path
        if (folder, outside) not in self._path_answers:
            parts = _path_parts(folder)
            found = list(self._paths.find(parts, outside))
            if outside:
                found += [
                    _Candidate(round(SCORES["folder name"] * factor, 3), service, f"folder name: {shown(part)}")
                    for part in parts
                    for service, factor in self._names.find(part, exact=True)
                ]
            self._path_answers[folder, outside] = tuple(found)
        return self._path_answers[folder, outside]

    def _by_purl(self, finding: RawFinding) -> Iterable[_Candidate]:
        if finding.purl.startswith(IMAGE_PURLS):
            yield from self._by_image(_image_of_purl(finding.purl))
        for key in _component_keys(finding.purl, finding.component)[:1]:
            for service, version in self._shipped.get(key, {}).items():
                same = not finding.version or not version or finding.version == version
                kind = "component of its SBOM" if same else "component of its SBOM, other version"
                yield _Candidate(SCORES[kind], service, f"{kind}: {shown(key)}", f"component {key}")

    def _by_label(self, label: str) -> Iterable[_Candidate]:
        yield from self._named("label", label)
        if "@" in label or ":" in label:  # a further tag or digest of an image
            yield from self._images.find(label)
        last = label.rstrip("/").rpartition("/")[2]
        if last != label:
            yield from self._named("label", last, label)

    def _by_url(self, url: str) -> Iterable[_Candidate]:
        host, starts = _host_and_start(url)
        if not host and not starts:
            return
        alone = host.partition(":")[0]
        for name in (host, alone, alone.split(".")[0]) if alone not in _LOCAL_HOSTS else (host,):
            found = self._names.find(name, exact=True)
            for service, factor in found:
                yield _Candidate(round(SCORES["url host"] * factor, 3), service, f"url host: {shown(host)}")
            if found:
                break
        for part in starts:
            for service, factor in self._names.find(part, exact=True):
                yield _Candidate(round(SCORES["url path"] * factor, 3), service, f"url path: {shown(part)}")
        if self._front:
            kind = "url, the only exposed service"
            yield _Candidate(SCORES[kind], self._front, f"{kind}: {shown(host or url)}")

    def _by_report(self, finding: RawFinding) -> Iterable[_Candidate]:
        name = _report_of(finding)
        if name:
            yield from (
                c._replace(by=f"report's file name: {shown(name)}")
                for c in self._named("report's file name", name)
                if c.score >= SCORES["report's file name"] * CORE_FACTOR
            )


def _best(evidence: Iterable[_Candidate]) -> _Candidates:
    """The service that fits best, or all of them where they run the same thing; empty where it stays open."""
    ordered = sorted(evidence, key=lambda c: -c.score)
    top: dict[str, _Candidate] = {}
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


def _places_said(finding: RawFinding) -> dict[str, str]:
    said = {
        "service": finding.service,
        "image": finding.image,
        "path": finding.path,
        "label": ", ".join(finding.labels),
        "address": _host_and_start(finding.url)[0],
    }
    return {kind: text for kind, text in said.items() if text}


# --- names ------------------------------------------------------------------------------------------


def _tokens(text: str) -> list[str]:
    return [token for token in re.split(r"[\W_]+", text.casefold()[:300]) if token]


def _core(tokens: Sequence[str]) -> str:
    """The name without words that say nothing: `cart-service` and `cartservice` as `cart`."""
    left = [token for token in tokens if token not in _GENERIC] or list(tokens)
    name = "".join(left)
    for word in ("microservice", "service", "svc", "server"):
        if name.endswith(word) and len(name) > len(word) + 2:
            return name[: -len(word)]
    return name


class _Names:
    """Services by id and labels: exactly, by their core, and by beginnings and ends."""

    def __init__(self, nodes: Sequence[GraphNode]) -> None:
        self._exact: dict[str, dict[str, float]] = {}
        self._core: dict[str, set[str]] = {}
        self._edges: dict[str, set[str]] = {}
        self._ids = {node.id for node in nodes}
        for node in nodes:
            self._add(node.id, node.id, 1.0)
            for label in node.labels:
                if not label.startswith((".", "/")):
                    self._add(label, node.id, 0.97)
                    self._add(label.rpartition("/")[2], node.id, 0.95)
        self._answers: dict[tuple[str, bool], tuple[tuple[str, float], ...]] = {}

    def _add(self, name: str, service: str, factor: float) -> None:
        tokens = _tokens(name)
        if not tokens:
            return
        exact = self._exact.setdefault("".join(tokens), {})
        exact[service] = max(factor, exact.get(service, 0.0))
        self._core.setdefault(_core(tokens), set()).add(service)
        for part in [*_ends(tokens), *_starts(tokens)]:
            self._edges.setdefault(part, set()).add(service)

    def find(self, text: str, exact: bool = False) -> tuple[tuple[str, float], ...]:
        """(service, factor on the score) of all services called so; `exact`: no beginnings and ends."""
        if (text, exact) not in self._answers:
            found = [(text, 1.0)] if text in self._ids else self._look_up(_tokens(text), exact)
            self._answers[text, exact] = tuple(found)
        return self._answers[text, exact]

    def _look_up(self, tokens: list[str], exact: bool) -> Iterable[tuple[str, float]]:
        if not tokens:
            return ()
        if whole := self._exact.get("".join(tokens)):
            best = max(whole.values())
            return [(service, factor) for service, factor in whole.items() if factor == best]
        if core := self._core.get(_core(tokens)):
            return [(service, CORE_FACTOR) for service in sorted(core)]
        if exact:
            return ()
        for end in _ends(tokens):
            if end in self._exact or end in self._core:
                return [
                    (service, ENDING_FACTOR)
                    for service in sorted({*self._exact.get(end, ()), *self._core.get(end, ())})
                ]
        related = {service for part in [*_ends(tokens), *_starts(tokens)] for service in self._core.get(part, ())}
        for whole_name in ("".join(tokens), _core(tokens)):
            related |= self._edges.get(whole_name, set())
        return [(service, RELATED_FACTOR) for service in sorted(related)]


def _ends(tokens: Sequence[str]) -> list[str]:
    """Proper ends of a name of several words, the longest first."""
    words = [token for token in tokens if token not in _GENERIC]
    return [part for n in range(1, len(words)) if len(part := "".join(words[n:])) > 2]


def _starts(tokens: Sequence[str]) -> list[str]:
    """Proper beginnings of a name of several words, the longest first."""
    words = [token for token in tokens if token not in _GENERIC]
    return [part for n in range(len(words) - 1, 0, -1) if len(part := "".join(words[:n])) > 2]


# --- images -----------------------------------------------------------------------------------------


class ImageName(NamedTuple):
    """A container image's reference in its parts; `repository` has no registry and no `library/`."""

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def last(self) -> str:
        """The last part of the repository: what people call the image."""
        return self.repository.rpartition("/")[2]

    @classmethod
    def of(cls, text: str) -> ImageName:
        """The parts of a reference as tools write it (`docker.io/library/redis:6 (debian 11)` and the like)."""
        text = re.sub(r"\s*\(.*", "", text.strip(), flags=re.DOTALL)
        text = re.sub(r"^(?:[a-z-]+://|(?:docker-daemon|docker-archive|oci|oci-dir|podman):)", "", text)
        text = re.sub(r"^(?:docker|registry):(?=.*[/:])|\.tar(?:\.gz)?$", "", text)
        name, _, digest = text.partition("@")
        head, slash, tail = name.rpartition("/")
        tail, _, tag = tail.partition(":")
        parts = [part for part in f"{head}{slash}{tail}".casefold().split("/") if part]
        registry = ""
        if len(parts) > 1 and (set(".:") & set(parts[0]) or parts[0] == "localhost"):
            registry = parts.pop(0)
        if registry in ("docker.io", "index.docker.io", "registry-1.docker.io"):
            registry = ""
        if len(parts) == 2 and parts[0] == "library":
            parts.pop(0)
        return cls(registry, "/".join(parts), tag, digest.casefold())


class _Images:
    """Services by the images they run."""

    def __init__(self, nodes: Sequence[GraphNode]) -> None:
        self._by_digest: dict[str, list[tuple[str, ImageName]]] = {}
        self._by_repository: dict[str, list[tuple[str, ImageName]]] = {}
        self._by_last: dict[str, list[tuple[str, ImageName]]] = {}
        for node in nodes:
            image = ImageName.of(node.image)
            if not image.repository:
                continue
            if image.digest:
                self._by_digest.setdefault(image.digest, []).append((node.id, image))
            self._by_repository.setdefault(image.repository, []).append((node.id, image))
            self._by_last.setdefault(image.last, []).append((node.id, image))

    def find(self, text: str) -> Iterable[_Candidate]:
        """Services whose image is the one the text names, or another version or copy of it."""
        asked = ImageName.of(text)
        if not asked.repository:
            return
        for service, image in self._by_digest.get(asked.digest, ()) if asked.digest else ():
            yield _image_candidate("image digest", service, text, image)
        for service, image in self._by_repository.get(asked.repository, ()):
            yield _image_candidate(_same_image(asked, image), service, text, image)
        for service, image in self._by_last.get(asked.last, ()):
            if image.repository != asked.repository:
                yield _image_candidate("image name", service, text, image)


def _same_image(asked: ImageName, image: ImageName) -> str:
    digests_differ = asked.digest and image.digest and asked.digest != image.digest
    tags_differ = asked.tag and image.tag and asked.tag != image.tag
    if digests_differ or tags_differ:
        return "image, other version"
    return "image" if asked.registry == image.registry else "image, other registry"


def _image_candidate(kind: str, service: str, text: str, image: ImageName) -> _Candidate:
    return _Candidate(SCORES[kind], service, f"{kind}: {shown(text)}", "image " + "|".join(image))


def _image_of_purl(purl: str) -> str:
    """The image that an `oci` or `docker` purl names."""
    body, _, qualifiers = purl.partition("?")
    name = body.split("/", 1)[1].replace("%3A", ":").replace("%2F", "/").replace("%40", "@")
    for pair in qualifiers.split("&"):
        key, _, value = pair.partition("=")
        if key == "repository_url" and value:
            name = value.replace("%2F", "/").replace("%3A", ":") + "@" + name.partition("@")[2]
    return name


# --- paths, addresses, components --------------------------------------------------------------------


def _path_parts(path: str) -> tuple[str, ...]:
    """A path's folders without scheme, drive and dots, in lower case."""
    text = re.sub(r"^[a-z][a-z0-9+.-]*://", "", path.strip().casefold().replace("\\", "/"))
    return tuple(part for part in text.split("/")[:64] if part not in ("", ".", "..") and not part.endswith(":"))


class _Paths:
    """Services by the folders they are built from (labels that begin with a dot or have a slash)."""

    def __init__(self, nodes: Sequence[GraphNode]) -> None:
        self._folders: dict[tuple[str, ...], list[str]] = {}
        for node in nodes:
            for label in node.labels:
                if label.startswith(".") or "/" in label:
                    self._folders.setdefault(_path_parts(label), []).append(node.id)

    def find(self, parts: tuple[str, ...], outside: bool) -> Iterable[_Candidate]:
        """Services built from the longest folder that the path lies in, first from the path's beginning.

        A path outside an image may have further folders before (a checkout's), and lies in the whole project.
        """
        for start in range(len(parts) if outside else min(len(parts), 1)):
            for end in range(len(parts), start, -1):
                services = self._folders.get(parts[start:end], ())
                if services:
                    kind = "path" if start == 0 else "path, inside another folder"
                    text = "/".join(parts[start:end])
                    return [_Candidate(SCORES[kind], service, f"{kind}: {shown(text)}") for service in services]
        kind = "path, the whole project"
        built = self._folders.get((), ()) if outside and parts else ()
        return [_Candidate(SCORES[kind], service, kind) for service in built]


def _host_and_start(url: str) -> tuple[str, tuple[str, ...]]:
    """Host (and port) of an address and the first two parts of its path, in lower case; nothing else of it."""
    if not url:
        return "", ()
    try:
        parts = urlsplit(url if "://" in url or url.startswith("/") else f"//{url}")
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "", ()
    return host.casefold(), tuple(part.casefold() for part in parts.path.split("/") if part)[:2]


def _report_of(finding: RawFinding) -> str:
    """What the report's file name says beside the tool: `cart` of `reports/trivy-cart.json`."""
    return _told_by_name(finding.evidence.partition(": ")[0])


@lru_cache(maxsize=4_096)
def _told_by_name(path: str) -> str:
    name = path.replace("\\", "/").rpartition("/")[2]
    return "-".join(token for token in _tokens(name) if token not in _TOOL_WORDS)


def _component_keys(purl: str, name: str) -> list[str]:
    """By which a component is looked up: its purl without version and qualifiers, and its name."""
    keys = []
    if purl:
        head, slash, tail = re.split(r"[?#]", purl, maxsplit=1)[0].rpartition("/")
        keys.append(f"{head}{slash}{tail.partition('@')[0]}".casefold())
    if name:
        keys.append(f"name {name.casefold()}")
    return keys
