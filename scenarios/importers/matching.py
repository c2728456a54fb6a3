"""Which service a finding belongs to: by what the report says, scored and explained, or listed as open.

Each kind of evidence gives candidates with a score (`SCORES`); the highest wins. Services that fit equally
well are told apart by weaker evidence; where none does, the finding stays open with its candidates, except
where they run the very same image or ship the very same component: then it is a finding of each of them.
A mapping file (`scenarios.importers.mapping`) goes before everything. Nothing is dropped.

Answers are kept by what they depend on (image, folder, host, ...), so the effort grows with the number of
findings plus the number of different places they name, not with findings times services.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath

from patchpact.scenarios.errors import shown
from patchpact.scenarios.importers.evidence import LEAST, SCORES, Candidate, Candidates, best_of
from patchpact.scenarios.importers.image_names import ImageName, Images, image_of_purl
from patchpact.scenarios.importers.mapping import MappingRule, RuleIndex
from patchpact.scenarios.importers.places import Paths, component_keys, host_and_start, path_parts, report_of
from patchpact.scenarios.importers.records import Component, GraphNode, RawFinding
from patchpact.scenarios.importers.service_names import CORE_FACTOR, Names

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
    known: dict[tuple[object, ...], tuple[Candidates, str, tuple[str, ...]]] = {}
    matched: list[Matched] = []
    unmatched: list[Unmatched] = []
    for finding in findings:
        found: Candidates
        near: tuple[str, ...] = ()
        said = asked.services_of(finding) if rules else {}
        if said:
            found = tuple(
                Candidate(SCORES["mapping"], service, f"mapping: rule {number} of {where}")
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
        finding.service, finding.image, finding.path.rpartition("/")[0] or finding.path, host_and_start(finding.url),
        finding.labels, image, component, report_of(finding),
    )  # fmt: skip


class _Index:
    """The graph's services by everything that a report may call them."""

    def __init__(self, nodes: Sequence[GraphNode], components: Sequence[Component]) -> None:
        self._names = Names(nodes)
        self._images = Images(nodes)
        self._paths = Paths(nodes)
        inside = [node for node in nodes if node.attributes.get("kind") != "external"]
        exposed = [node for node in inside if node.attributes.get("exposed")]
        fronts = exposed or [n for n in inside if n.attributes.get("kind") in ("frontend", "gateway")]
        self._front = fronts[0].id if len(fronts) == 1 else ""
        self._fronts = tuple(node.id for node in fronts)
        self._alone = inside[0].id if len(inside) == 1 else ""
        self._ids = tuple(node.id for node in nodes)
        self._asked = 0
        self._image_answers: dict[str, Candidates] = {}
        self._path_answers: dict[tuple[str, bool], Candidates] = {}
        self._shipped: dict[str, dict[str, str]] = {}
        self._learn(components)

    def _learn(self, components: Sequence[Component]) -> None:
        """Components of SBOMs, each given to the services that its own service or image leads to."""
        places: dict[tuple[str, str], tuple[str, ...]] = {}
        for component in components:
            place = (component.service, component.image)
            if place not in places:
                named = self._named("service", component.service) if component.service else ()
                found = best_of(named or self._by_image(component.image))
                places[place] = tuple(c.service for c in found)
            for service in places[place]:
                for key in component_keys(component.purl, component.name):
                    self._shipped.setdefault(key, {}).setdefault(service, component.version)

    def decide(self, finding: RawFinding) -> tuple[Candidates, str, tuple[str, ...]]:
        """The services of a finding; where there are none, why and which came near."""
        evidence = list(self._all(finding))
        found = best_of(c for c in evidence if c.score >= LEAST)
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

    def _all(self, finding: RawFinding) -> Iterable[Candidate]:
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
            yield Candidate(SCORES["the only service"], self._alone, "the only service")

    def _named(self, kind: str, text: str, told: str = "") -> Candidates:
        found = self._names.find(text)
        return tuple(
            Candidate(round(SCORES[kind] * factor, 3), service, f"{kind}: {shown(told or text)}")
            for service, factor in found
        )

    def _by_image(self, image: str) -> Candidates:
        """By the images of the graph, by names like the image's, and as a path: some tools scan folders."""
        if image not in self._image_answers:
            found: list[Candidate] = []
            if image:
                found += self._images.find(image)
                found += self._named("image name", ImageName.of(image).last, image)
                found += self._by_path(image, True)
            self._image_answers[image] = tuple(found)
        return self._image_answers[image]

    def _by_path(self, path: str, outside: bool) -> Candidates:
        """By the folder a service is built from, or that is called like it; only the former inside an image."""
        folder = path.rpartition("/")[0] or path
        if (folder, outside) not in self._path_answers:
            parts = path_parts(folder)
            found = list(self._paths.find(parts, outside))
            if outside:
                found += [
                    Candidate(round(SCORES["folder name"] * factor, 3), service, f"folder name: {shown(part)}")
                    for part in parts
                    for service, factor in self._names.find(part, exact=True)
                ]
            self._path_answers[folder, outside] = tuple(found)
        return self._path_answers[folder, outside]

    def _by_purl(self, finding: RawFinding) -> Iterable[Candidate]:
        if finding.purl.startswith(IMAGE_PURLS):
            yield from self._by_image(image_of_purl(finding.purl))
        for key in component_keys(finding.purl, finding.component)[:1]:
            for service, version in self._shipped.get(key, {}).items():
                same = not finding.version or not version or finding.version == version
                kind = "component of its SBOM" if same else "component of its SBOM, other version"
                yield Candidate(SCORES[kind], service, f"{kind}: {shown(key)}", f"component {key}")

    def _by_label(self, label: str) -> Iterable[Candidate]:
        yield from self._named("label", label)
        if "@" in label or ":" in label:  # a further tag or digest of an image
            yield from self._images.find(label)
        last = label.rstrip("/").rpartition("/")[2]
        if last != label:
            yield from self._named("label", last, label)

    def _by_url(self, url: str) -> Iterable[Candidate]:
        host, starts = host_and_start(url)
        if not host and not starts:
            return
        alone = host.partition(":")[0]
        for name in (host, alone, alone.split(".")[0]) if alone not in _LOCAL_HOSTS else (host,):
            found = self._names.find(name, exact=True)
            for service, factor in found:
                yield Candidate(round(SCORES["url host"] * factor, 3), service, f"url host: {shown(host)}")
            if found:
                break
        for part in starts:
            for service, factor in self._names.find(part, exact=True):
                yield Candidate(round(SCORES["url path"] * factor, 3), service, f"url path: {shown(part)}")
        if self._front:
            kind = "url, the only exposed service"
            yield Candidate(SCORES[kind], self._front, f"{kind}: {shown(host or url)}")

    def _by_report(self, finding: RawFinding) -> Iterable[Candidate]:
        name = report_of(finding)
        if name:
            yield from (
                c._replace(by=f"report's file name: {shown(name)}")
                for c in self._named("report's file name", name)
                if c.score >= SCORES["report's file name"] * CORE_FACTOR
            )


def _places_said(finding: RawFinding) -> dict[str, str]:
    said = {
        "service": finding.service,
        "image": finding.image,
        "path": finding.path,
        "label": ", ".join(finding.labels),
        "address": host_and_start(finding.url)[0],
    }
    return {kind: text for kind, text in said.items() if text}
