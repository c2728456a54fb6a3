"""Docker compose files: services, and the calls that their settings name.

Several files are merged as `docker compose -f a -f b` does, with `extends`, `include`, `!reset` and `!override`.
Variables come from `.env` beside the first file (or from the files' own defaults), never from this machine's
environment. References (`.env`, `env_file`, `extends`, `include`, mounted configuration) stay beneath the root.

What says that one service calls another, surest first: a host in a setting, in a command or in a mounted or inline
configuration file; `links`; labels for a reverse proxy (Traefik, nginx-proxy); a published port of this machine
(`localhost:8000`) in what a browser will load; `depends_on`, which only orders starting and is never more than
a hint (below `hosts.STATED`), least where the service names its hosts and leaves this one out.

What cannot be seen: hosts in source code, in images and in registries that services ask at run time (Eureka,
Consul); hosts in secrets, which are not read; settings that the team keeps elsewhere. Health checks and build
arguments are no calls. Published ports make a service exposed unless they are bound to this machine, drawn by
docker (`"8080"`), or open a store, a queue or telemetry, which is said in a warning and left to the reader.
"""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.importers.graphs.compose_project import Part, Project, Service
from patchpact.scenarios.importers.graphs.hosts import (
    NAMED,
    STATED,
    Callee,
    Mention,
    Reference,
    command_references,
    edge_kind,
    edges_of,
    hints_only,
    missing_hosts,
    outside_systems,
    references,
    text_references,
    words_of,
)
from patchpact.scenarios.importers.graphs.kind_by_image import image_parts, is_cache, is_telemetry, kind_of
from patchpact.scenarios.importers.reading import Located, LocatedList, Root, read_source
from patchpact.scenarios.importers.records import GraphEdge, GraphNode, ImportedGraph

LINKED, ROUTED = 0.9, 0.9
OWN_MACHINE, IN_BROWSER, PUBLISHED_PORT = 0.7, 0.6, 0.4
"""A published port of this machine: as `host.docker.internal`, as `localhost` in what a browser loads, elsewhere."""
STARTED_BEFORE_STORE, STARTED_BEFORE, STARTED_BEFORE_UNNAMED = 0.45, 0.4, 0.2
"""`depends_on` a store or queue; of a service that names no hosts; of one that names others."""
SERVICE, OPTIONAL_SERVICE = 1.0, 0.6
"""A service that always starts; one that only a profile starts."""

_MAX_CONFIGURATION_BYTES = 1_000_000
_MAX_CONFIGURATION_FILES = 50
_CONFIGURATION = re.compile(
    r"(?i)(\.(conf|cfg|cnf|config|ini|properties|ya?ml|json|toml|xml|template|tmpl)|caddyfile)\Z"
)
_CONFIGURATION_FOLDER = re.compile(r"(^|/)(etc|conf[\w.-]*|config[\w.-]*|templates)(/|\Z)")
_NO_COMPOSE = re.compile(r"""(?m)^[{\s"']*apiVersion["']?\s*:""")
_COMPOSE_NAME = re.compile(r"(?i)(^|[/\\])((docker-)?compose[\w.-]*\.(ya?ml|json)|fig\.ya?ml)\Z")
_SERVICES = re.compile(r"""(?m)^services\s*:(?!\s*\n\s*-\s)(?!\s*\[)|^\s*\{?\s*"services"\s*:\s*\{""")
_SERVICE_FIELD = re.compile(
    r"""(?m)^\s+["']?(image|build|extends|container_name)["']?\s*:|[{,]\s*["']?(image|build)["']?\s*:"""
)
_BROWSER = frozenset({"react", "vite", "next", "nuxt", "vue", "public", "gatsby", "browser"})
_THIS_MACHINE = frozenset({"host.docker.internal", "gateway.docker.internal"})


def detect(text: str, name: str) -> bool:
    """Whether the beginning of a file looks like a compose file: services with an image or a build, or its name."""
    if _NO_COMPOSE.search(text):
        return False
    if _SERVICES.search(text) and _COMPOSE_NAME.search(name):
        return True
    return bool((_SERVICES.search(text) or _COMPOSE_NAME.search(name)) and _SERVICE_FIELD.search(text))


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of one project: all files merged in the order given, the plain `compose.yaml` of a folder first.

    ScenarioError for a file that is no compose file, for `extends` or `include` of what is not there or in
    circles, and for references that leave the root.
    """
    return _Reader(Project(files, root)).graph()


class _Reader:
    """Turns the services of a project into nodes and edges."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.services = project.services
        self.warnings = list(project.warnings)
        self.images = {name: self._last(service, "image") for name, service in self.services.items()}
        self.callees = {name: self._callee(name) for name in self.services}
        self.names: dict[str, set[str]] = defaultdict(set)
        self.scoped: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.ports: dict[str, list[tuple[int | None, int | None, bool]]] = {}
        self.published: dict[int, set[str]] = defaultdict(set)
        self.missing: dict[str, str] = {}
        self._configurations: dict[Path, list[tuple[int, str, Reference]]] = {}
        for service in self.services.values():
            self._name(service)
            self._open(service)

    def graph(self) -> ImportedGraph:
        """Nodes and edges of the project."""
        mentions = [mention for service in self.services.values() for mention in self._mentions(service)]
        stated = edges_of(mentions, self._answering, self.callees)
        outside, outside_edges = outside_systems(
            mentions, lambda one: one.reference.host in _THIS_MACHINE or self._answering(one), self.missing
        )
        edges = [*stated, *self._machine_ports(mentions), *outside_edges]
        edges += [edge for service in self.services.values() for edge in self._linked(service)]
        edges += self._routed()
        naming = {edge.source for edge in stated if edge.confidence >= STATED and edge.attributes.get("hard", True)}
        edges += [edge for service in self.services.values() for edge in self._started_before(service, naming)]
        nodes = [*(self._node(service) for service in self.services.values()), *outside]
        self._say_missing(edges)
        return ImportedGraph.merged(nodes, edges, self.warnings)

    # Nodes

    def _last(self, service: Service, name: str) -> str:
        part = service.last(name)
        return self.project.text(part.value, part.file, f"line {part.line} ({name})") if part else ""

    def _callee(self, name: str) -> Callee:
        image = self.images[name]
        return Callee(kind_of(name, image), cache=is_cache(name, image), telemetry=is_telemetry(name, image))

    def _name(self, service: Service) -> None:
        """Every name by which others reach the service."""
        networks = [str(key) for key, _, _ in service.entries("networks") if key is not None]
        networks += [str(item) for key, item, _ in service.entries("networks") if key is None]
        for name in (service.name, *self._further_names(service)):
            self.names[name.lower()].add(service.name)
        for network in networks:
            self.names[f"{service.name}.{network}".lower()].add(service.name)
        self.names[f"tasks.{service.name}".lower()].add(service.name)
        for _, link, _ in service.entries("links"):
            target, _, alias = self.project.text(link).partition(":")
            if target in self.services:
                self.scoped[service.name, (alias or target).lower()].add(target)

    def _further_names(self, service: Service) -> list[str]:
        found = [self._last(service, "container_name"), self._last(service, "hostname")]
        for key, network, _ in service.entries("networks"):
            aliases = network.get("aliases") if key is not None and isinstance(network, Located) else None
            found += [self.project.text(alias) for alias in aliases or () if isinstance(aliases, LocatedList)]
        return [name for name in dict.fromkeys(found) if name and name != service.name]

    def _open(self, service: Service) -> None:
        made = [port for _, value, _ in service.entries("ports") if (port := self._port(value))]
        for _, value, _ in service.entries("expose"):
            target = self.project.text(value).split("/")[0].split("-")[0]
            made.append((None, int(target) if target.isdigit() and len(target) < 6 else None, False))
        self.ports[service.name] = made
        for published, _, _ in made:
            if published is not None:
                self.published[published].add(service.name)

    def _port(self, value: Any) -> tuple[int | None, int | None, bool] | None:
        """(published, target, bound to this machine only) of a port in the short or the long form."""
        if isinstance(value, Located):
            published, target = (self.project.text(value.get(name)) for name in ("published", "target"))
            address = self.project.text(value.get("host_ip"))
        else:
            text = self.project.text(value).split("/")[0]
            address, _, rest = text.rpartition("]:") if "]:" in text else ("", "", text)
            parts = rest.split(":")
            target = parts[-1]
            published = parts[-2] if len(parts) > 1 else ""
            address = address or (parts[-3] if len(parts) > 2 else "")
        numbers = [
            first if first.isdigit() and len(first) < 6 else ""
            for first in (p.split("-")[0] for p in (published, target))
        ]
        if not any(numbers):
            return None
        local = address.strip("[]").startswith(("127.", "::1", "localhost"))
        return (int(numbers[0]) if numbers[0] else None, int(numbers[1]) if numbers[1] else None, local)

    def _node(self, service: Service) -> GraphNode:
        callee = self.callees[service.name]
        attributes: dict[str, Any] = {"kind": callee.kind}
        confidence, evidence = SERVICE, service.place
        if any(published is not None and not local for published, _, local in self.ports[service.name]):
            place = next((place for _, _, place in service.entries("ports")), service.place)
            if callee.kind in ("store", "queue") or callee.telemetry:
                self.warnings.append(
                    f"{place}: {shown(service.name)} publishes a port but is not taken as an entrypoint "
                    f"({'telemetry' if callee.telemetry else callee.kind}); set exposed by an overlay if it is one"
                )
            else:
                attributes["exposed"] = True
                evidence = f"{evidence}; {place}"
        replicas = self._replicas(service)
        if replicas:
            attributes["replicas"] = replicas
        profiles = [self.project.text(item) for _, item, _ in service.entries("profiles")]
        if profiles:
            confidence = OPTIONAL_SERVICE
            names = ", ".join(shown(name) for name in profiles[:5])
            self.warnings.append(f"{service.place}: only started with profile {names}; taken as part of the graph")
        image = self.images[service.name]
        labels = [*self._further_names(service), *self._built_from(service)]
        return GraphNode(service.name, evidence, confidence, attributes, image, tuple(dict.fromkeys(labels)))

    def _replicas(self, service: Service) -> int | None:
        found = None
        for _, value, _ in service.entries("scale"):
            found = self.project.text(value)
        for key, value, _ in service.entries("deploy"):
            if key == "replicas":
                found = self.project.text(value)
        return int(found) if found and found.isascii() and found.isdigit() and 0 < int(found[:7]) <= 100_000 else None

    def _built_from(self, service: Service) -> Iterator[str]:
        """The folder or Dockerfile it is built from, by which scanners may call it."""
        for key, value, _ in service.entries("build"):
            text = self.project.text(value).removeprefix("./").rstrip("/")
            if key in (None, "context", "dockerfile") and text not in ("", ".", "Dockerfile"):
                yield text

    # Hosts

    def _mentions(self, service: Service) -> Iterator[Mention]:
        """All hosts that the service's settings, commands and configuration files name."""
        for name, setting in service.settings.items():
            for reference in references(name, setting.value):
                if reference.stands or reference.host in self.names:
                    grpc = "grpc" in words_of(name)
                    yield Mention(service.name, reference, setting.place, block=setting.block, grpc=grpc, setting=name)
        for field in ("command", "entrypoint"):
            part = service.last(field)
            if part:
                for reference in command_references(self._command(part, field)):
                    yield Mention(service.name, reference, f"{part.file}: line {part.line} ({field})")
        yield from self._mounted(service)
        yield from self._inline(service)

    def _command(self, part: Part, field: str) -> list[str]:
        place = f"line {part.line} ({field})"
        if isinstance(part.value, LocatedList):
            return [self.project.text(item, part.file, place) for item in part.value]
        text = self.project.text(part.value, part.file, place)
        try:
            return shlex.split(text) if len(text) < 20_000 else text.split()
        except ValueError:
            return text.split()

    def _mounted(self, service: Service) -> Iterator[Mention]:
        """Hosts in configuration files that are mounted from beside the compose file."""
        for _, value, place in service.entries("volumes"):
            source, target = self._bind(value)
            part = service.last("volumes")
            if not source.startswith(("./", "../")) or part is None:
                continue
            for path in self._configuration_files(part.folder / source, target):
                yield from self._in_file(service, path, place)
        for config in self._configs_of(service):
            file = config.value.get("file") if isinstance(config.value, Located) else None
            if file is not None:
                place = f"line {config.line} (configs)"
                found = self.project.root.find(config.folder / self.project.text(file), config.file, place)
                if found and found.stat().st_size <= _MAX_CONFIGURATION_BYTES:
                    yield from self._in_file(service, found, f"{config.file}: {place}")

    def _bind(self, value: Any) -> tuple[str, str]:
        if isinstance(value, Located):
            return self.project.text(value.get("source")), self.project.text(value.get("target"))
        source, _, rest = self.project.text(value).partition(":")
        return source, rest.split(":")[0]

    def _configuration_files(self, path: Path, target: str) -> list[Path]:
        root = self.project.root
        try:
            if not root.holds(path):
                return []
            if path.is_file():
                found = [path.resolve()]
            elif _CONFIGURATION_FOLDER.search(target):
                found = root.folder_files(path.resolve(), str(path), "volumes", _MAX_CONFIGURATION_FILES)
            else:
                found = []
            kept = [file for file in found if _CONFIGURATION.search(file.name) and not _COMPOSE_NAME.search(file.name)]
            return [file for file in kept if 0 < file.stat().st_size <= _MAX_CONFIGURATION_BYTES]
        except (OSError, ValueError):
            return []

    def _in_file(self, service: Service, path: Path, place: str) -> Iterator[Mention]:
        """A file that is mounted but is no text tells nothing; it is no error of the compose file."""
        if path not in self._configurations:
            try:
                text = read_source(path, self.project.name_of(path))
            except ScenarioError:
                text = ""
            self._configurations[path] = list(text_references(text))
        name = self.project.name_of(path)
        for line, setting, reference in self._configurations[path]:
            evidence = f"{name}: line {line}; {place}"
            yield Mention(service.name, reference, evidence, block=name, grpc="grpc" in words_of(setting))

    def _configs_of(self, service: Service) -> Iterator[Part]:
        for key, value, _ in service.entries("configs"):
            name = value.get("source") if isinstance(value, Located) else value if key is None else key
            if str(name) in self.project.configs:
                yield self.project.configs[str(name)]

    def _inline(self, service: Service) -> Iterator[Mention]:
        for config in self._configs_of(service):
            content = config.value.get("content") if isinstance(config.value, Located) else None
            if isinstance(content, str):
                text = self.project.text(content, config.file, f"line {config.line} (configs)")
                evidence = f"{config.file}: line {config.line} (configs.content)"
                for _, setting, reference in text_references(text):
                    yield Mention(service.name, reference, evidence, grpc="grpc" in words_of(setting))

    def _answering(self, mention: Mention) -> list[str]:
        host = mention.reference.host
        found = self.scoped.get((mention.source, host)) or self.names.get(host) or ()
        return sorted(found)

    # Further edges

    def _machine_ports(self, mentions: Sequence[Mention]) -> Iterator[GraphEdge]:
        """Calls to published ports of this machine: `localhost` is the service itself, except in a browser."""
        for mention in mentions:
            reference, source = mention.reference, mention.source
            machine = reference.host in _THIS_MACHINE
            if reference.port is None or not (machine or reference.host == "localhost"):
                continue
            if not machine and reference.port in {target for _, target, _ in self.ports[source]}:
                continue
            browser = self.callees[source].kind == "frontend" or bool(words_of(mention.setting) & _BROWSER)
            confidence = OWN_MACHINE if machine else IN_BROWSER if browser else PUBLISHED_PORT
            for target in self.published.get(reference.port, ()):
                if target != source:
                    yield self._edge(source, target, mention.evidence, confidence, reference)

    def _edge(
        self, source: str, target: str, evidence: str, confidence: float, reference: Reference | None = None
    ) -> GraphEdge:
        callee = self.callees[target]
        kind = edge_kind(reference or Reference(target, None, "", NAMED), callee)
        soft = callee.telemetry or self.callees[source].telemetry
        return GraphEdge(source, target, evidence, confidence, {"kind": kind, **({"hard": False} if soft else {})})

    def _linked(self, service: Service) -> Iterator[GraphEdge]:
        for _, value, place in service.entries("links"):
            target = self.project.text(value).partition(":")[0]
            if target in self.services and target != service.name:
                yield self._edge(service.name, target, place, LINKED)

    def _routed(self) -> Iterator[GraphEdge]:
        """What labels and settings say to a reverse proxy that reads them."""
        traefik = [name for name in self.services if image_parts(self.images[name])[-1] == "traefik"]
        nginx = [name for name in self.services if image_parts(self.images[name])[-1] in ("nginx-proxy", "dockergen")]
        for service in self.services.values():
            for key, value, place in service.entries("labels"):
                label = self.project.text(value) if key is None else str(key)
                if re.match(r"traefik\.((http|tcp)\.routers|frontend)\.", label):
                    yield from (
                        self._edge(proxy, service.name, place, ROUTED) for proxy in traefik if proxy != service.name
                    )
            if setting := service.settings.get("VIRTUAL_HOST"):
                yield from (self._edge(proxy, service.name, setting.place, ROUTED) for proxy in nginx)

    def _started_before(self, service: Service, naming: set[str]) -> Iterator[GraphEdge]:
        """`depends_on` as a hint; a job that has to be over before the service starts is not called."""
        for key, value, place in service.entries("depends_on"):
            target = self.project.text(value) if key is None else str(key)
            finished = isinstance(value, Located) and value.get("condition") == "service_completed_successfully"
            if target not in self.services or target == service.name or finished:
                continue
            if self.callees[target].kind in ("store", "queue"):
                confidence = STARTED_BEFORE_STORE
            else:
                confidence = STARTED_BEFORE_UNNAMED if service.name in naming else STARTED_BEFORE
            yield self._edge(service.name, target, place, confidence)

    def _say_missing(self, edges: Sequence[GraphEdge]) -> None:
        self.warnings += missing_hosts(self.missing)
        unset = sorted(self.project.variables.unset | self.project.variables.demanded)
        if unset:
            few = ", ".join(shown(name) for name in unset[:10]) + (", ..." if len(unset) > 10 else "")
            self.warnings.append(f"variables without a value, hosts in them are not seen: {few}; add them to .env")
        self.warnings += hints_only(edges, ": mostly depends_on, which orders starting; look them through")
