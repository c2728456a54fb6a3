"""Backstage catalog: entity descriptors in YAML, or the JSON list of `/api/catalog/entities`.

Components and Resources are the services. An edge is a Component that consumes an API, to every Component that provides
it, and `dependsOn`/`dependencyOf` between Components and Resources. Both say what somebody declared, not what runs:
.85 and .75 confidence (assumptions). A consumed API that nobody in the files provides becomes an external
service. Libraries and documentation do not run and are left out. Locations are followed to files beneath the root.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.importers.graphs.kind_by_name import call_kind, kind_by_name
from patchpact.scenarios.importers.graphs.rows import file_name
from patchpact.scenarios.importers.reading import Located, LocatedList, Root, read_source, yaml_documents
from patchpact.scenarios.importers.records import GraphEdge, GraphNode, ImportedGraph

_API_CONFIDENCE, _DEPENDS_CONFIDENCE, _NODE_CONFIDENCE, _UNDECLARED_CONFIDENCE = 0.85, 0.75, 0.95, 0.5
_FRONTENDS = {"website", "frontend", "webapp", "web-app", "web", "mobile", "mobile-app", "app", "ui"}
_NOT_RUNNING = {"library", "lib", "package", "documentation", "docs", "template", "plugin", "tool", "cli", "sdk"}
_STORES = re.compile(r"database|\bdb\b|cache|bucket|storage|store|sql|redis|mongo|s3|warehouse|search")
_QUEUES = re.compile(r"queue|topic|broker|kafka|rabbit|pubsub|stream|messag|event-?bus")
_API_KINDS = {"grpc": "grpc", "asyncapi": "async", "openapi": "http", "graphql": "http", "trpc": "http"}
_REFERENCE = re.compile(r"(?:([a-z0-9.\-]+):)?(?:([^/:\s]+)/)?([^/:\s]+)\Z", re.IGNORECASE)
_LABELS = ("backstage.io/kubernetes-id", "github.com/project-slug", "backstage.io/source-location")
_FIELDS = (
    ("consumesApis", "api"), ("providesApis", "api"), ("dependsOn", "component"), ("dependencyOf", "component"),
)  # fmt: skip

Key = tuple[str, str, str]
"""Kind, namespace and name in lower case."""


@dataclass
class _Entity:
    """A Component, Resource or API of the catalog, and where it stands."""

    key: Key
    name: str
    place: str
    spec: Mapping[str, Any]
    metadata: Mapping[str, Any]
    refers: dict[str, list[tuple[Key, str, str]]] = field(default_factory=dict)
    """By field: the entity referred to, its name as written, and the place."""

    @property
    def type(self) -> str:
        """`spec.type` in lower case."""
        return str(self.spec.get("type") or "").lower()

    @property
    def runs(self) -> bool:
        """Whether it is a service of the graph."""
        return self.key[0] == "resource" or (self.key[0] == "component" and self.type not in _NOT_RUNNING)


def detect(text: str, name: str) -> bool:
    """Entities of an API version of backstage.io."""
    return bool(re.search(r"""["']?apiVersion["']?\s*:\s*["']?backstage\.io/""", text))


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of all files and of those they point to. Raises ScenarioError for malformed entities."""
    warnings: list[str] = []
    entities: dict[Key, _Entity] = {}
    for item, name, where in _items(files, root, warnings):
        entity = _entity(item, where, name)
        if entity is None:
            continue
        if entity.key in entities:
            problem = f"{entity.key[0]} {shown(entity.name)} stands twice, first at {entities[entity.key].place}"
            raise ScenarioError(where, f"line {item.line}", problem, "keep one, or give one its own namespace")
        entities[entity.key] = entity
    left_out = [shown(one.name) for one in entities.values() if one.key[0] == "component" and not one.runs]
    if left_out:
        warnings.append(
            f"components that do not run (libraries and the like) left out ({len(left_out)}): {_few(left_out)}"
        )
    names = _names(entities)
    edges = list(_edges(entities, names, warnings))
    nodes = [_node(entity, names[key]) for key, entity in entities.items() if entity.runs]
    known = {node.id for node in nodes}
    for edge in edges:
        for end in (edge.source, edge.target):
            if end not in known:
                kind = kind_by_name(end) or "external"
                nodes.append(GraphNode(end, edge.evidence, _UNDECLARED_CONFIDENCE, {"kind": kind}))
    return ImportedGraph.merged(nodes, edges, warnings)


def _items(files: Sequence[Path], root: Root, warnings: list[str]) -> Iterator[tuple[Any, str, str]]:
    """What stands in the files and in those that Locations among them name: item, file in evidence, file in errors."""
    seen: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop(0)
        if file.resolve() in seen:
            continue
        seen.add(file.resolve())
        where, name = str(file), file_name(file, root)
        for document in yaml_documents(read_source(file, where), where):
            for item in document if isinstance(document, list) else [document]:
                if isinstance(item, dict) and item.get("kind") == "Location":
                    spec = item.get("spec")
                    waiting += _targets(spec if isinstance(spec, dict) else {}, file, root, where, warnings)
                else:
                    yield item, name, where


def _targets(spec: Mapping[str, Any], file: Path, inside: Root, where: str, warnings: list[str]) -> Iterator[Path]:
    targets = spec.get("targets") or []
    for target in [spec.get("target"), *(targets if isinstance(targets, list) else [targets])]:
        if not isinstance(target, str):
            continue
        if "://" in target:
            warnings.append(f"{file.name}: Location {shown(target)} is not fetched: give its file")
        elif "*" in target and not target.startswith("/"):
            start = file.parent / target.partition("*")[0].rpartition("/")[0]
            if inside.holds(start):
                pattern = target.removeprefix("./")
                yield from (path for path in sorted(file.parent.glob(pattern)) if path.is_file() and inside.holds(path))
        else:
            yield inside.resolve(file.parent.resolve() / target, where, "spec.targets")


def _entity(item: Any, where: str, file: str) -> _Entity | None:
    """A Component, Resource or API; None for other kinds."""
    if not isinstance(item, Located):
        raise ScenarioError(where, "file", f"{shown(item)} is no entity", "write apiVersion, kind, metadata and spec")
    kind = str(item.get("kind") or "").lower()
    if kind not in ("component", "resource", "api"):
        return None
    place = f"line {item.line}"
    metadata, spec = item.get("metadata"), item.get("spec")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        raise ScenarioError(where, f"{place}, metadata.name", f"{shown(name)} is no name", "name the entity")
    assert isinstance(metadata, dict)
    spec = spec if isinstance(spec, Located) else Located(item.line)
    space = str(metadata.get("namespace") or "default").lower()
    entity = _Entity((kind, space, name.lower()), name, f"{file}:{item.line_of('metadata')}", spec, metadata)
    for field_, default in _FIELDS:
        values = spec.get(field_)
        if values is None:
            continue
        if not isinstance(values, LocatedList):
            line = spec.line_of(field_)
            raise ScenarioError(where, f"line {line}, spec.{field_}", f"{shown(values)} is no list", "write a list")
        for index, value in enumerate(values):
            at = f"line {values.line_of(index)}, spec.{field_}[{index}]"
            key, written = _reference(value, default, space, where, at)
            entity.refers.setdefault(field_, []).append((key, written, f"{file}:{values.line_of(index)}"))
    return entity


def _reference(value: Any, kind: str, space: str, where: str, at: str) -> tuple[Key, str]:
    """`[kind:][namespace/]name`, its parts in lower case, and the name as written."""
    match = _REFERENCE.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ScenarioError(where, at, f"{shown(value)} is no entity reference", "write kind:namespace/name")
    return ((match[1] or kind).lower(), (match[2] or space).lower(), match[3].lower()), match[3]


def _names(entities: Mapping[Key, _Entity]) -> dict[Key, str]:
    """How services are called: by name; with namespace, then kind, where a name stands several times."""
    running = [key for key, entity in entities.items() if entity.runs]
    by_name = Counter(key[2] for key in running)
    by_space = Counter(key[1:] for key in running)
    names = {}
    for key in running:
        name = entities[key].name
        if by_name[key[2]] > 1:
            name = f"{key[1]}/{name}"
        if by_space[key[1:]] > 1:
            name = f"{key[0]}:{name}"
        names[key] = name
    return names


def _node(entity: _Entity, name: str) -> GraphNode:
    attributes: dict[str, Any] = {}
    type_ = entity.type
    if entity.key[0] == "resource":
        guess = "store" if _STORES.search(type_) else "queue" if _QUEUES.search(type_) else None
        attributes["kind"] = guess or kind_by_name(name) or "external"
    elif type_ in _FRONTENDS:
        attributes |= {"kind": "frontend", "exposed": True}
    else:
        attributes["kind"] = ("gateway" if "gateway" in type_ else kind_by_name(name)) or "service"
    owner = entity.spec.get("owner")
    if isinstance(owner, str) and (match := _REFERENCE.match(owner.strip())):
        attributes["owner"] = match[3]
    annotations = entity.metadata.get("annotations")
    annotations = annotations if isinstance(annotations, dict) else {}
    labels = [entity.metadata.get("title"), *(annotations.get(key) for key in _LABELS), entity.name]
    known = tuple(dict.fromkeys(text for text in labels if isinstance(text, str) and text not in ("", name)))
    return GraphNode(name, entity.place, _NODE_CONFIDENCE, attributes, labels=known)


def _edges(entities: Mapping[Key, _Entity], names: Mapping[Key, str], warnings: list[str]) -> Iterator[GraphEdge]:
    providers: dict[Key, list[Key]] = {}
    for key, entity in entities.items():
        for api, _, _ in entity.refers.get("providesApis", ()):
            if entity.runs:
                providers.setdefault(api, []).append(key)
    nobody: list[str] = []
    others: list[str] = []
    for key, entity in entities.items():
        if not entity.runs:
            continue
        for api, written, place in entity.refers.get("consumesApis", ()):
            type_ = entities[api].type if api in entities else ""
            kind = _API_KINDS.get(type_, "http")
            attributes = {"kind": kind}
            for provider in providers.get(api, ()):
                if provider != key:
                    yield GraphEdge(names[key], names[provider], place, _API_CONFIDENCE, attributes)
            if api not in providers:
                nobody.append(shown(written))
                yield GraphEdge(names[key], written, place, _UNDECLARED_CONFIDENCE, attributes)
        for field_ in ("dependsOn", "dependencyOf"):
            for other, written, place in entity.refers.get(field_, ()):
                if other in entities and not entities[other].runs:
                    continue
                if other[0] not in ("component", "resource"):
                    others.append(shown(written))
                    continue
                ends = (names[key], names.get(other, written))
                source, target = ends if field_ == "dependsOn" else ends[::-1]
                callee = other if field_ == "dependsOn" else key
                yield GraphEdge(source, target, place, _DEPENDS_CONFIDENCE, _depends_kind(entities.get(callee), target))
    if nobody:
        warnings.append(
            f"consumed APIs that no component here provides are taken as external ({len(nobody)}): {_few(nobody)}"
        )
    if others:
        warnings.append(f"dependencies on neither components nor resources left out ({len(others)}): {_few(others)}")


def _depends_kind(callee: _Entity | None, name: str) -> dict[str, Any]:
    """The kind of a call to a resource, as its type or its name tells it."""
    guess = call_kind(name)
    if guess is None and callee is not None and callee.key[0] == "resource":
        guess = "db" if _STORES.search(callee.type) else "queue" if _QUEUES.search(callee.type) else None
    return {"kind": guess} if guess else {}


def _few(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return ", ".join(unique[:5]) + (", ..." if len(unique) > 5 else "")
