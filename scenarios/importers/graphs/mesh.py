"""Istio documents: what they say of calls within a cluster and across its border.

- VirtualService bound to a Gateway: the gateway calls each destination. One for the mesh gives a further name to its
  destinations.
- Gateway: the workload its selector picks, else a node of its own; exposed unless it is an egress gateway.
- ServiceEntry: systems outside (or workloads of the mesh), with their hosts.
- Sidecar with a workload selector: the hosts its workloads may reach, where they are named one by one.
- AuthorizationPolicy that allows principals: they call the workloads it selects. One for all workloads, or that
  denies, says nothing of single calls.

Permission is no proof of a call, so what only permits is less sure than what routes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from patchpact.scenarios.importers.graphs.cluster import Cluster, Document, Service, Workload, items, mapping, text
from patchpact.scenarios.importers.graphs.hosts import NAMED, Callee, Reference, edge_kind
from patchpact.scenarios.importers.records import GraphEdge, GraphNode

ROUTED, DECLARED, PERMITTED, PERMITTED_SHARED = 0.9, 0.95, 0.6, 0.4
"""By a route; a system declared; a call permitted by name; by an account that several workloads share."""
GROUPS = ("networking.istio.io", "security.istio.io")
_MESH = "mesh"


@dataclass
class Mesh:
    """What the Istio documents of a cluster add to it.

    `names` are hosts beyond those of Services, by lower-case host; `exposed` are ids, each with its place.
    """

    nodes: list[GraphNode] = field(default_factory=list)
    edges: list[GraphEdge] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    exposed: dict[str, str] = field(default_factory=dict)


def mesh_of(cluster: Cluster, callees: dict[str, Callee]) -> Mesh:
    """Everything the Istio documents say; `callees` of new nodes are added."""
    return _Reader(cluster, callees).mesh()


class _Reader:
    def __init__(self, cluster: Cluster, callees: dict[str, Callee]) -> None:
        self.cluster = cluster
        self.callees = callees
        self.made = Mesh()
        self.documents = [document for document in cluster.others if document.group in GROUPS]
        self.gateways: dict[tuple[str, str], list[str]] = {}
        self.subsets: dict[tuple[str, str], dict[str, str]] = {}
        self.workloads = {id(w): w for w in cluster.workloads.values()}
        self.accounts: dict[tuple[str, str], list[Workload]] = defaultdict(list)
        self.labelled: dict[tuple[str, str, str], list[Workload]] = defaultdict(list)
        for workload in cluster.workloads.values() if self.documents else ():
            self.accounts[workload.namespace, workload.account].append(workload)
            for item in workload.labels.items():
                self.labelled[workload.namespace, *item].append(workload)

    def mesh(self) -> Mesh:
        """Systems and gateways first: routes and permissions refer to them."""
        readers = {
            "ServiceEntry": self._service_entry,
            "Gateway": self._gateway,
            "DestinationRule": self._destination_rule,
            "VirtualService": self._virtual_service,
            "Sidecar": self._sidecar,
            "AuthorizationPolicy": self._authorization,
        }
        for kind, reader in readers.items():
            for document in self.documents:
                if document.kind == kind:
                    reader(document)
        return self.made

    def _add(self, name: str, place: str, kind: str, confidence: float) -> str:
        self.made.nodes.append(GraphNode(name, place, confidence, {"kind": kind}))
        self.callees.setdefault(name, Callee(kind))
        return name

    def _edge(self, source: str, target: str, place: str, confidence: float) -> None:
        if source != target and target in self.callees:
            kind = edge_kind(Reference(target, None, "", NAMED), self.callees[target])
            self.made.edges.append(GraphEdge(source, target, place, confidence, {"kind": kind}))

    def _service_entry(self, document: Document) -> None:
        spec = document.spec
        inside = text(spec.get("location")) == "MESH_INTERNAL"
        selected = self._selected(mapping(mapping(spec.get("workloadSelector")).get("labels")), document.namespace)
        for host in items(spec.get("hosts")):
            name = text(host).lower().removeprefix("*.")
            if not name:
                continue
            ids = [workload.id for workload in selected] or self.cluster.ids(name, document.namespace)
            if not ids:
                ids = [self._add(name, document.place, "service" if inside else "external", DECLARED)]
            self.made.names[name] += ids

    def _gateway(self, document: Document) -> None:
        labels = mapping(document.spec.get("selector"))
        found = [w.id for w in self._selected(labels, document.namespace)]
        if not found:
            everywhere = {key[0] for key in self.labelled}
            found = [w.id for space in sorted(everywhere) for w in self._selected(labels, space)]
        name = text(labels.get("istio")) or text(labels.get("app")) or document.name
        if not found:
            full = name if name.startswith("istio-") or "istio" not in labels else f"istio-{name}"
            found = [self._add(full, document.place, "gateway", DECLARED)]
        if "egress" not in name:
            for gateway in found:
                self.made.exposed.setdefault(gateway, document.place)
        self.gateways[document.namespace, document.name] = found

    def _destination_rule(self, document: Document) -> None:
        host = text(document.spec.get("host")).lower()
        for subset in items(document.spec.get("subsets")):
            row = mapping(subset)
            labels = {text(key): text(value) for key, value in mapping(row.get("labels")).items()}
            self.subsets[host.split(".")[0], text(row.get("name"))] = labels

    def _virtual_service(self, document: Document) -> None:
        spec = document.spec
        bound = [text(name) for name in items(spec.get("gateways"))] or [_MESH]
        targets = list(self._destinations(document))
        for name in bound:
            if name != _MESH:
                for gateway in self._gateway_named(name, document):
                    for target, place in targets:
                        self._edge(gateway, target, place, ROUTED)
        if _MESH in bound:
            for host in items(spec.get("hosts")):
                name = text(host).lower()
                if name and name != "*" and not self.cluster.ids(name, document.namespace):
                    self.made.names[name] += [target for target, _ in targets]

    def _gateway_named(self, name: str, document: Document) -> list[str]:
        namespace, _, short = name.rpartition("/")
        key = (namespace or document.namespace, short)
        if key not in self.gateways:
            self.gateways[key] = [self._add("istio-ingressgateway", document.place, "gateway", ROUTED)]
            self.made.exposed.setdefault("istio-ingressgateway", document.place)
        return self.gateways[key]

    def _destinations(self, document: Document) -> Iterator[tuple[str, str]]:
        """Where a VirtualService sends requests: (id, place), mirrored ones too."""
        for protocol in ("http", "tcp", "tls"):
            for rule in items(document.spec.get(protocol)):
                row = mapping(rule)
                ends = [mapping(mapping(route).get("destination")) for route in items(row.get("route"))]
                for end in [*ends, mapping(row.get("mirror"))]:
                    host, subset = text(end.get("host")).lower(), text(end.get("subset"))
                    if host:
                        place = f"{document.file}: line {end.line_of('host')} (VirtualService/{document.name})"
                        for target in self._answering(host, subset, document):
                            yield target, place

    def _answering(self, host: str, subset: str, document: Document) -> list[str]:
        found = self.cluster.find(host, document.namespace)
        wanted = self.subsets.get((host.split(".")[0], subset), {})
        if isinstance(found, Service) and wanted:
            narrowed = [w.id for w in found.workloads if wanted.items() <= w.labels.items()]
            if narrowed:
                return narrowed
        ids = self.cluster.ids(host, document.namespace) or self.made.names.get(host) or []
        if ids:
            return list(ids)
        name = host.split(".")[0] if host.endswith((".local", ".svc")) or "." not in host else host
        kind = "external" if "." in name else "service"
        return [self._add(name, document.place, kind, ROUTED)]

    def _sidecar(self, document: Document) -> None:
        selected = self._selected(
            mapping(mapping(document.spec.get("workloadSelector")).get("labels")), document.namespace
        )
        for egress in items(document.spec.get("egress")):
            hosts = items(mapping(egress).get("hosts"))
            for index, entry in enumerate(hosts):
                namespace, _, host = text(entry).lower().rpartition("/")
                if not host or host == "*" or namespace in ("~", "istio-system"):
                    continue
                space = document.namespace if namespace in ("", ".", "*") else namespace
                ids = self.cluster.ids(host, space) or self.made.names.get(host.removeprefix("*."), [])
                place = f"{document.file}: line {hosts.line_of(index)} (Sidecar/{document.name})"
                for workload in selected:
                    for target in ids:
                        self._edge(workload.id, target, place, PERMITTED)

    def _authorization(self, document: Document) -> None:
        spec = document.spec
        labels = mapping(mapping(spec.get("selector")).get("matchLabels"))
        if text(spec.get("action")) not in ("", "ALLOW") or not labels:
            return
        targets = self._selected(labels, document.namespace)
        for rule in items(spec.get("rules")):
            for source in items(mapping(rule).get("from")):
                principals = items(mapping(mapping(source).get("source")).get("principals"))
                for index, principal in enumerate(principals):
                    place = f"{document.file}: line {principals.line_of(index)} (AuthorizationPolicy/{document.name})"
                    callers, confidence = self._callers(text(principal))
                    for caller in callers:
                        for target in targets:
                            self._edge(caller, target.id, place, confidence)

    def _callers(self, principal: str) -> tuple[list[str], float]:
        """Who runs as a principal (`cluster.local/ns/shop/sa/cart`), and how sure that says who calls."""
        parts = principal.split("/")
        if len(parts) != 5 or "*" in principal:
            return [], 0.0
        namespace, account = parts[2], parts[4]
        found = self.accounts.get((namespace, account)) or self.accounts.get(("", account)) or []
        if not found and "ingressgateway" in account:
            gateways = [gateway for ids in self.gateways.values() for gateway in ids]
            return list(dict.fromkeys(gateways)), PERMITTED
        return [workload.id for workload in found], PERMITTED if len(found) == 1 else PERMITTED_SHARED

    def _selected(self, labels: dict[object, object], namespace: str) -> list[Workload]:
        """Workloads of a namespace with all these labels; none for no labels."""
        wanted = {text(key): text(value) for key, value in labels.items()}
        if not wanted:
            return []
        lists = [self.labelled.get((namespace, *item), []) for item in wanted.items()]
        return [workload for workload in min(lists, key=len) if wanted.items() <= workload.labels.items()]
