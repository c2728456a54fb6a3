"""Kubernetes manifests: workloads, and the calls that their settings name.

Files of any number of documents, lists (`kind: List`), and what `helm template`, `kustomize build` and
`kubectl get -o yaml` (or `json`) write. Istio documents among them are read too (`mesh`).

What says that one workload calls another: a host in an environment variable (also by `$(OTHER)` and from a config
map), in a command or its arguments, in a config map that is mounted as a file; routes and permissions of Istio.
Names are understood in all forms a cluster knows (`cart`, `cart.shop`, `cart.shop.svc.cluster.local`, a pod of a
stateful set). What an init container names is a little less sure: it may only wait.

Ingress, HTTPRoute, GRPCRoute, TCPRoute, TLSRoute, Traefik's IngressRoute, Contour's HTTPProxy, OpenShift's Route,
LoadBalancer and NodePort make what they lead to exposed, unless it is a store, a queue or telemetry, which is said in
a warning and left to the reader.

Of a Secret only hosts count that these files declare as well (`postgres://...@orders-db` where there is a Service
`orders-db`): the call becomes known, and nothing that stands in the Secret alone.

What cannot be seen: hosts in source code and in images; Secrets that are kept elsewhere; what operators and
admission controllers add in the cluster. Probes are no calls. A config map of addresses that many workloads read
tells who is there rather than who calls whom: what it says of a workload that it names itself is a hint (below
`hosts.STATED`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from patchpact.scenarios.errors import shown
from patchpact.scenarios.importers.graphs.cluster import (
    Cluster,
    ConfigMap,
    Service,
    Workload,
    app_labels,
    items,
    mapping,
    text,
)
from patchpact.scenarios.importers.graphs.hosts import (
    Callee,
    Mention,
    Reference,
    command_references,
    edge_kind,
    edges_of,
    hints_only,
    missing_hosts,
    names_host,
    outside_systems,
    references,
    text_references,
    words_of,
)
from patchpact.scenarios.importers.graphs.kind_by_image import is_cache, kind_of
from patchpact.scenarios.importers.graphs.mesh import Mesh, mesh_of
from patchpact.scenarios.importers.reading import Located, LocatedList, Root
from patchpact.scenarios.importers.records import GraphEdge, GraphNode, ImportedGraph

WORKLOAD, SERVICE_ALONE = 1.0, 0.7
"""A workload; a Service without one in these files."""
BEFORE_START = 0.8
"""Factor for what an init container names."""

_API = re.compile(r"""(?m)(?:^\s*(?:-\s+)?|[{,]\s*)["']?apiVersion["']?\s*:\s*["']?([\w./-]+)""")
_KIND = re.compile(r"""(?m)(?:^\s*(?:-\s+)?|[{,]\s*)["']?kind["']?\s*:""")
_VARIABLE = re.compile(r"\$\(([A-Za-z_][\w.-]*)\)")
_ROUTES = frozenset(
    {"GRPCRoute", "HTTPProxy", "HTTPRoute", "IngressRoute", "IngressRouteTCP", "Route", "TCPRoute", "TLSRoute"}
)
_BACKENDS = frozenset({"backendRefs", "services", "to", "alternateBackends", "mirrors"})
_NOT_DEPLOYED = ("backstage.io/", "aquasecurity.github.io/")
"""Groups of documents in the same form that deploy nothing: catalogs, and reports that an operator keeps."""


def detect(text: str, name: str) -> bool:
    """Whether the beginning of a file looks like documents that deploy something in Kubernetes."""
    versions = _API.findall(text)
    return any(not version.startswith(_NOT_DEPLOYED) for version in versions) and bool(_KIND.search(text))


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of all files together.

    ScenarioError for malformed files, files without any Kubernetes document, and references of kustomizations that
    leave the root.
    """
    return _Reader(Cluster(files, root)).graph()


class _Reader:
    """Turns a cluster's documents into nodes and edges."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.warnings = list(cluster.warnings)
        self.callees: dict[str, Callee] = {}
        self.exposed: dict[str, str] = {}
        self.names: dict[str, list[str]] = defaultdict(list)
        self.missing: dict[str, str] = {}
        self.missing_maps: dict[str, str] = {}
        self.missing_secrets: dict[str, str] = {}
        self._in_files: dict[int, list[tuple[int, str, Reference]]] = {}
        self._service_variables: dict[str, dict[str, str]] = defaultdict(dict)
        grpc: dict[str, set[int]] = defaultdict(set)
        for service in cluster.services.values():
            self._service_variables[service.namespace][re.sub(r"[^A-Z0-9]", "_", service.name.upper())] = service.name
            for workload in service.workloads:
                self.names[workload.id].append(service.name)
                grpc[workload.id] |= service.grpc_ports
        self.label_counts = Counter(label for w in cluster.workloads.values() for label in set(app_labels(w)))
        for workload in cluster.workloads.values():
            self.callees[workload.id] = Callee(
                workload.kind_of_node,
                cache=workload.caches,
                telemetry=workload.telemetry,
                grpc_ports=frozenset(grpc.get(workload.id, ())),
            )

    def graph(self) -> ImportedGraph:
        """Nodes and edges of the cluster."""
        alone = [self._service_node(s) for s in self.cluster.services.values() if s.id or s.external]
        mesh = mesh_of(self.cluster, self.callees)
        self._expose(mesh)
        mentions = [m for workload in self.cluster.workloads.values() for m in self._mentions(workload)]
        stated = edges_of(mentions, lambda mention: self._answering(mention, mesh), self.callees)
        outside, outside_edges = outside_systems(mentions, lambda one: self._answering(one, mesh), self.missing)
        nodes = [self._node(workload) for workload in self.cluster.workloads.values()]
        nodes += [*(node for node in alone if node), *mesh.nodes, *outside]
        edges = [*stated, *mesh.edges, *outside_edges]
        nodes += self._exposed_nodes()
        self._say(edges)
        return ImportedGraph.merged(nodes, edges, self.warnings)

    # Nodes

    def _node(self, workload: Workload) -> GraphNode:
        attributes: dict[str, Any] = {"kind": self.callees[workload.id].kind}
        evidence = workload.place
        if place := self._entry(workload.id):
            attributes["exposed"] = True
            evidence = f"{evidence}; {place}"
        if workload.replicas is not None:
            attributes["replicas"] = workload.replicas
        own = [label for label in app_labels(workload) if self.label_counts[label] == 1]
        labels = [workload.name, *self.names[workload.id], *own]
        if workload.namespace:
            labels.append(f"{workload.namespace}/{workload.name}")
        labels = [label for label in dict.fromkeys(labels) if label and label != workload.id]
        image = workload.image or workload.said_image
        return GraphNode(workload.id, evidence, WORKLOAD, attributes, image, tuple(labels))

    def _service_node(self, service: Service) -> GraphNode | None:
        """A node for a Service that stands for itself, or for the system outside that it names."""
        kind = kind_of(service.name, "")
        callee = Callee(kind, grpc_ports=frozenset(service.grpc_ports))
        if service.external:
            if self.cluster.ids(service.external, service.namespace):
                return None
        elif service.selector or kind in ("store", "queue"):
            self.callees.setdefault(service.id, callee)
            return GraphNode(service.id, service.place, SERVICE_ALONE, {"kind": kind})
        name = service.external or service.id
        call = edge_kind(Reference(name, None, "", SERVICE_ALONE), replace(callee, cache=is_cache(service.name, "")))
        self.callees.setdefault(name, Callee("external", call=call))
        return GraphNode(name, service.place, SERVICE_ALONE, {"kind": "external"}, labels=(service.name,))

    def _entry(self, name: str) -> str:
        """The place that makes a node an entrypoint, empty if none does or it is a store, a queue or telemetry."""
        place = self.exposed.get(name, "")
        callee = self.callees[name]
        if place and (callee.kind in ("store", "queue") or callee.telemetry):
            what = "telemetry" if callee.telemetry else callee.kind
            self.warnings.append(
                f"{place}: {shown(name)} can be reached from outside but is not taken as an entrypoint ({what}); "
                "set exposed by an overlay if it is one"
            )
            return ""
        return place

    def _exposed_nodes(self) -> list[GraphNode]:
        """What is exposed of nodes that are no workloads."""
        ids = {workload.id for workload in self.cluster.workloads.values()}
        rest = [name for name in self.exposed if name not in ids and name in self.callees]
        return [
            GraphNode(name, place, WORKLOAD, {"kind": self.callees[name].kind, "exposed": True})
            for name in rest
            if (place := self._entry(name))
        ]

    # Exposure

    def _expose(self, mesh: Mesh) -> None:
        for name, place in mesh.exposed.items():
            self.exposed.setdefault(name, place)
        for service in self.cluster.services.values():
            if service.exposed:
                for name in service.ids:
                    self.exposed.setdefault(name, service.exposed)
        for document in self.cluster.others:
            if document.kind == "Ingress":
                backends = self._ingress_backends(document.spec)
            elif document.kind in _ROUTES:
                backends = self._route_backends(document.spec, 0)
            else:
                continue
            for name, namespace, line in backends:
                place = f"{document.file}: line {line} ({document.kind}/{document.name})"
                for target in self.cluster.ids(name.lower(), namespace or document.namespace):
                    self.exposed.setdefault(target, place)

    def _ingress_backends(self, spec: Located) -> Iterator[tuple[str, str, int]]:
        """Services an Ingress leads to, in the forms of both of its versions: (name, namespace, line)."""
        backends = [mapping(spec.get("defaultBackend") or spec.get("backend"))]
        for rule in items(spec.get("rules")):
            for path in items(mapping(mapping(rule).get("http")).get("paths")):
                backends.append(mapping(mapping(path).get("backend")))
        for backend in backends:
            service = mapping(backend.get("service"))
            name = text(service.get("name") or backend.get("serviceName"))
            if name:
                yield name, "", service.line_of("name") if service else backend.line_of("serviceName")

    def _route_backends(self, value: Any, depth: int) -> Iterator[tuple[str, str, int]]:
        """Services that a route of any kind leads to: names beneath the fields that hold backends."""
        if depth > 12:
            return
        if isinstance(value, LocatedList):
            for item in value:
                yield from self._route_backends(item, depth + 1)
        elif isinstance(value, Located):
            for key, item in value.items():
                if key in _BACKENDS:
                    for backend in [item] if isinstance(item, Located) else items(item):
                        row = mapping(backend)
                        if row.get("name") and text(row.get("kind")) in ("", "Service"):
                            yield text(row["name"]), text(row.get("namespace")), row.line_of("name")
                elif isinstance(item, Located | LocatedList):
                    yield from self._route_backends(item, depth + 1)

    # Hosts

    def _mentions(self, workload: Workload) -> Iterator[Mention]:
        """All hosts that a workload's settings, commands and mounted config maps name."""
        for container, first in workload.containers():
            for mention in self._of_container(workload, container):
                if first:
                    less = replace(mention.reference, confidence=mention.reference.confidence * BEFORE_START)
                    mention = replace(mention, reference=less)
                yield mention
        for volume in items(workload.pod.get("volumes")):
            row = mapping(volume)
            sources = [row, *(mapping(source) for source in items(mapping(row.get("projected")).get("sources")))]
            for source in sources:
                config = mapping(source.get("configMap"))
                if config:
                    yield from self._of_files(workload, config)
                secret = mapping(source.get("secret"))
                if secret:
                    yield from self._of_secret_files(workload, secret)

    def _of_container(self, workload: Workload, container: Located) -> Iterator[Mention]:
        known: dict[str, str] = {}
        for source in items(container.get("envFrom")):
            row = mapping(source)
            found = self._config(workload, mapping(row.get("configMapRef")), row.line)
            if found:
                for key, value in found.data.items():
                    name = f"{text(row.get('prefix'))}{text(key)}"
                    known[name] = text(value)
                    place = f"{found.file}: line {found.data.line_of(key)} (ConfigMap/{found.name} {name})"
                    place = f"{place}; {workload.file}: line {row.line} (envFrom)"
                    yield from self._setting(workload, name, text(value), place, _block(found))
            secret = mapping(row.get("secretRef"))
            if secret:
                for key, value, place in self._secret(workload, secret, row.line):
                    name = f"{text(row.get('prefix'))}{key}"
                    yield from self._hidden(
                        workload, name, value, f"{place}; {workload.file}: line {row.line} (envFrom)"
                    )
        for variable in items(container.get("env")):
            row = mapping(variable)
            name = text(row.get("name"))
            place = f"{workload.file}: line {row.line_of('value')} (env.{name})"
            value = text(row.get("value"))
            reference = mapping(mapping(row.get("valueFrom")).get("configMapKeyRef"))
            if reference:
                found = self._config(workload, reference, reference.line)
                key = reference.get("key")
                value = text(found.data.get(key)) if found else ""
                if found and value:
                    place = (
                        f"{place}; {found.file}: line {found.data.line_of(key)} (ConfigMap/{found.name} {text(key)})"
                    )
            hidden = mapping(mapping(row.get("valueFrom")).get("secretKeyRef"))
            if hidden:
                for _, secret_value, secret_place in self._secret(workload, hidden, hidden.line, names_host(name)):
                    yield from self._hidden(workload, name, secret_value, f"{place}; {secret_place}")
                continue
            value = self._put_in(value, known, workload.namespace)
            known[name] = value
            yield from self._setting(workload, name, value, place, "")
        for field in ("command", "args"):
            words = container.get(field)
            if isinstance(words, LocatedList):
                given = [self._put_in(text(word), known, workload.namespace) for word in words]
                place = f"{workload.file}: line {container.line_of(field)} ({field})"
                for found_reference in command_references(given):
                    yield Mention(workload.id, found_reference, place, workload.namespace)

    def _setting(self, workload: Workload, name: str, value: str, place: str, block: str) -> Iterator[Mention]:
        for reference in references(name, value):
            if reference.stands or self.cluster.find(reference.host, workload.namespace):
                grpc = "grpc" in words_of(name)
                yield Mention(workload.id, reference, place, workload.namespace, block, grpc, name)

    def _hidden(self, workload: Workload, name: str, value: str, place: str) -> Iterator[Mention]:
        """Hosts in a setting out of a Secret."""
        yield from self._declared(workload, ((name, reference) for reference in references(name, value)), place)

    def _declared(self, workload: Workload, found: Iterable[tuple[str, Reference]], place: str) -> Iterator[Mention]:
        """Of hosts by setting only those that the files declare, and that are said to be hosts by their form."""
        for setting, reference in found:
            if reference.stands and self.cluster.ids(reference.host, workload.namespace):
                yield Mention(workload.id, reference, place, workload.namespace, grpc="grpc" in words_of(setting))

    def _secret(
        self, workload: Workload, reference: Located, line: int, needed: bool = True
    ) -> Iterator[tuple[str, str, str]]:
        """The entries of a Secret, or the one that is referred to: (key, value, place)."""
        name, wanted = text(reference.get("name") or reference.get("secretName")), text(reference.get("key"))
        found = self._kept(self.cluster.secrets, name, workload.namespace)
        if found is None:
            if name and needed and reference.get("optional") is not True:
                self.missing_secrets.setdefault(name, f"{workload.file}: line {line}")
            return
        for key, value in found.data.items():
            if not wanted or text(key) == wanted:
                yield (
                    text(key),
                    text(value),
                    f"{found.file}: line {found.data.line_of(key)} (Secret/{found.name} {text(key)})",
                )

    def _of_secret_files(self, workload: Workload, secret: Located) -> Iterator[Mention]:
        """Hosts in a Secret that is mounted as files."""
        chosen = {text(mapping(item).get("key")) for item in items(secret.get("items"))}
        for key, value, place in self._secret(workload, secret, secret.line, needed=False):
            if chosen and key not in chosen:
                continue
            if "\n" not in value and "." not in key:
                yield from self._hidden(workload, key, value, place)
                continue
            found = ((setting, reference) for _, setting, reference in text_references(value))
            yield from self._declared(workload, found, place)

    def _put_in(self, value: str, known: dict[str, str], namespace: str) -> str:
        """A text with `$(NAME)` replaced by earlier variables and by those a cluster sets for its Services."""

        def one(match: re.Match[str]) -> str:
            name = match[1]
            if name in known:
                return known[name]
            service = name.removesuffix("_SERVICE_HOST") if name.endswith("_SERVICE_HOST") else ""
            return self._service_variables[namespace].get(service, match[0])

        return _VARIABLE.sub(one, value)[:1_000_000] if "$(" in value else value

    def _config(self, workload: Workload, reference: Located, line: int) -> ConfigMap | None:
        """The config map that is referred to; kustomize's generated names end in a hash of ten characters."""
        name = text(reference.get("name"))
        found = self._kept(self.cluster.configs, name, workload.namespace)
        if name and found is None and reference.get("optional") is not True:
            self.missing_maps.setdefault(name, f"{workload.file}: line {line}")
        return found

    def _kept(self, kept: dict[tuple[str, str], ConfigMap], name: str, namespace: str) -> ConfigMap | None:
        for space in (namespace, ""):
            for form in (name, re.sub(r"-[a-z0-9]{10}\Z", "", name)):
                if found := kept.get((space, form)):
                    return found
        return None

    def _of_files(self, workload: Workload, config: Located) -> Iterator[Mention]:
        """Hosts in a config map that is mounted as files."""
        found = self._config(workload, config, config.line)
        if found is None:
            return
        chosen = {mapping(item).get("key") for item in items(config.get("items"))}
        for key, value in found.data.items():
            if not isinstance(value, str) or (chosen and key not in chosen):
                continue
            place = f"{found.file}: line {found.data.line_of(key)} (ConfigMap/{found.name} {text(key)}"
            if "\n" not in value and "." not in text(key):
                yield from self._setting(workload, text(key), value, f"{place})", _block(found))
                continue
            if id(value) not in self._in_files:
                self._in_files[id(value)] = list(text_references(value))
            for number, setting, reference in self._in_files[id(value)]:
                evidence, grpc = f"{place}, its line {number})", "grpc" in words_of(setting)
                yield Mention(workload.id, reference, evidence, workload.namespace, _block(found), grpc)

    def _answering(self, mention: Mention, mesh: Mesh) -> list[str]:
        host = mention.reference.host
        return self.cluster.ids(host, mention.scope) or mesh.names.get(host) or self._wildcard(host, mesh)

    def _wildcard(self, host: str, mesh: Mesh) -> list[str]:
        """Nodes of a ServiceEntry for `*.example.com`."""
        if "." in host:
            _, _, rest = host.partition(".")
            return mesh.names.get(rest, [])
        return []

    def _say(self, edges: Sequence[GraphEdge]) -> None:
        if self.missing_maps:
            few = ", ".join(f"{shown(name)} ({place})" for name, place in list(self.missing_maps.items())[:10])
            self.warnings.append(f"config maps that no file declares, hosts in them are not seen: {few}")
        if self.missing_secrets:
            few = ", ".join(f"{shown(name)} ({place})" for name, place in list(self.missing_secrets.items())[:10])
            self.warnings.append(f"Secrets that no file declares, hosts in them are not seen: {few}")
        self.warnings += missing_hosts(self.missing)
        self.warnings += hints_only(edges, "; look them through")


def _block(config: ConfigMap) -> str:
    return f"ConfigMap {config.namespace}/{config.name}"
