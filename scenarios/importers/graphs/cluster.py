"""What Kubernetes documents declare: workloads, services and config maps, and who answers to which name.

A workload is what runs pods (Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob, Pod and their like);
it is a node of the graph. A Service is a name for the workloads that its selector picks in its namespace, so a
call to a Service goes to each of them. A Service that picks none stands for itself.

Nodes are named after the workload, or after a Service that picks this workload alone and begins its name
(`details` for `details-v1`). The namespace goes before the name where two namespaces have the same.
"""

from __future__ import annotations

import base64
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.importers.graphs.env_file import env_entries
from patchpact.scenarios.importers.graphs.kind_by_image import image_parts, is_cache, is_telemetry, kind_of
from patchpact.scenarios.importers.graphs.rows import file_name
from patchpact.scenarios.importers.reading import Located, LocatedList, Root, read_source, yaml_documents

_TEMPLATED = frozenset(
    {
        "DaemonSet", "Deployment", "DeploymentConfig", "Job", "ReplicaSet", "ReplicationController", "Rollout",
        "StatefulSet",
    }
)  # fmt: skip
_OPERATED: dict[tuple[str, str], tuple[str, tuple[str, ...], str]] = {
    ("kafka.strimzi.io", "Kafka"): ("queue", ("-kafka-bootstrap", "-kafka-brokers"), "kafka"),
    ("postgresql.cnpg.io", "Cluster"): ("store", ("-rw", "-ro", "-r"), "postgres"),
    ("acid.zalan.do", "postgresql"): ("store", ("", "-repl", "-pooler"), "postgres"),
    ("rabbitmq.com", "RabbitmqCluster"): ("queue", ("", "-nodes"), "rabbitmq"),
    ("elasticsearch.k8s.elastic.co", "Elasticsearch"): ("store", ("-es-http", "-es-transport"), "elasticsearch"),
}
"""What well-known operators make of their own kinds: kind of node, endings of the Services' names, what runs."""
_SIDECAR = re.compile(
    r"(^|[-/])(proxyv2|istio-proxy|envoy-proxy|linkerd-proxy|proxy-init|gce-proxy|cloud-sql-proxy|vault-agent|dapr"
    r"|config-reloader|configmap-reload|kube-rbac-proxy|[a-z]+[-_]exporter|fluent-?bit|filebeat)$"
)
_APP_LABELS = ("app.kubernetes.io/name", "app.kubernetes.io/component", "app", "k8s-app")


@dataclass
class Workload:
    """Something that runs pods.

    Attributes:
        namespace: empty where the document states none.
        pod: its pod specification, empty for what an operator runs.
        place: `file: line N (Deployment/cart)`; file: the file alone.
        said_kind: the node's kind where the document's own kind tells it.
    """

    namespace: str
    kind: str
    name: str
    labels: dict[str, str]
    pod: Located
    replicas: int | None
    place: str
    file: str
    said_kind: str = ""
    said_image: str = ""
    id: str = ""

    def containers(self) -> Iterator[tuple[Located, bool]]:
        """Its containers, and whether each only runs before the others."""
        for name in ("initContainers", "containers"):
            for container in items(self.pod.get(name)):
                if isinstance(container, Located):
                    yield container, name == "initContainers" and container.get("restartPolicy") != "Always"

    @property
    def image(self) -> str:
        """The image of the first container that is no known sidecar."""
        images = [text(c.get("image")) for c, first in self.containers() if not first]
        own = [image for image in images if not _SIDECAR.search("/".join(image_parts(image)[-1:]))]
        return (own or images or [""])[0]

    @property
    def kind_of_node(self) -> str:
        """Its kind in the graph."""
        return self.said_kind or kind_of(self.id or self.name, self.image)

    @property
    def caches(self) -> bool:
        """Whether it is a store of copies only."""
        return is_cache(self.name, self.image)

    @property
    def telemetry(self) -> bool:
        """Whether it only watches others."""
        return not self.said_kind and is_telemetry(self.name, self.image)

    @property
    def account(self) -> str:
        """The service account its pods run as."""
        return text(self.pod.get("serviceAccountName") or self.pod.get("serviceAccount")) or "default"


@dataclass
class Service:
    """A name for workloads. `external` is the host an ExternalName stands for; `exposed` the place that says so."""

    namespace: str
    name: str
    place: str
    selector: dict[str, str] = field(default_factory=dict)
    workloads: list[Workload] = field(default_factory=list)
    external: str = ""
    exposed: str = ""
    grpc_ports: set[int] = field(default_factory=set)
    id: str = ""

    @property
    def ids(self) -> list[str]:
        """Nodes a call to it goes to."""
        return [workload.id for workload in self.workloads] or ([self.id] if self.id else [])


@dataclass(frozen=True)
class ConfigMap:
    """Settings kept apart, of a ConfigMap or a Secret; `data` by key."""

    namespace: str
    name: str
    data: Located
    file: str


@dataclass(frozen=True)
class Document:
    """A document that is none of the above, for other modules: its kind, name and namespace, content and file."""

    group: str
    kind: str
    name: str
    namespace: str
    content: Located
    file: str

    @property
    def place(self) -> str:
        """The place, as evidence has it."""
        return f"{self.file}: line {self.content.line} ({self.kind}/{self.name})"

    @property
    def spec(self) -> Located:
        """Its specification, empty if it has none."""
        return mapping(self.content.get("spec"))


class Cluster:
    """Everything the files declare."""

    def __init__(self, files: Sequence[Path], root: Root) -> None:
        """Reads the files. ScenarioError for malformed ones and if no document of Kubernetes is in any of them."""
        self.root = root
        self.workloads: dict[tuple[str, str, str], Workload] = {}
        self.services: dict[tuple[str, str], Service] = {}
        self.configs: dict[tuple[str, str], ConfigMap] = {}
        self.secrets: dict[tuple[str, str], ConfigMap] = {}
        self.others: list[Document] = []
        self.warnings: list[str] = []
        self._again = self._read = 0
        for path in files:
            name = file_name(path, root)
            for document in yaml_documents(read_source(path, name), name):
                self._take(document, path, name, 0)
        if not self._read:
            where = file_name(files[0], root)
            raise ScenarioError(
                where, "file", "holds no Kubernetes document", "give manifests with apiVersion and kind"
            )
        self._select()
        self._name_nodes()
        self._namespaces = {namespace for namespace, _ in self.services} | {key[0] for key in self.workloads}
        self._elsewhere: dict[str, set[str]] = defaultdict(set)
        for namespace, name in self.services:
            self._elsewhere[name].add(namespace)
        self._by_name = {(w.namespace, w.name): w for w in self.workloads.values()}
        self._warn()

    def _take(self, document: Any, path: Path, file: str, depth: int) -> None:
        if not isinstance(document, Located) or "kind" not in document or "apiVersion" not in document:
            return
        kind, group = text(document["kind"]), text(document["apiVersion"]).rpartition("/")[0]
        if kind.endswith("List") and isinstance(document.get("items"), LocatedList) and depth < 3:
            for item in document["items"]:
                self._take(item, path, file, depth + 1)
            return
        self._read += 1
        metadata = mapping(document.get("metadata"))
        name, namespace = text(metadata.get("name") or metadata.get("generateName")), text(metadata.get("namespace"))
        if "test" in text(mapping(metadata.get("annotations")).get("helm.sh/hook")):
            return
        made = Document(group, kind, name, namespace, document, file)
        if kind == "Secret" and not group:
            self.secrets[namespace, name] = ConfigMap(namespace, name, _decoded(document), file)
        elif kind == "ConfigMap" and not group:
            self.configs[namespace, name] = ConfigMap(namespace, name, mapping(document.get("data")), file)
        elif kind == "Service" and not group:
            self._put(self.services, (namespace, name), self._service(made))
        elif kind == "Service" and group == "serving.knative.dev":
            self._knative(made)
        elif kind in _TEMPLATED:
            self._workload(made, mapping(made.spec.get("template")))
        elif kind == "CronJob":
            self._workload(made, mapping(mapping(mapping(made.spec.get("jobTemplate")).get("spec")).get("template")))
        elif kind == "Pod" and not group:
            self._workload(made, document)
        elif (group, kind) in _OPERATED:
            self._operated(made)
        elif kind == "Kustomization":
            self._kustomization(made, path)
        else:
            self.others.append(made)

    def _put(self, kept: dict[Any, Any], key: Any, value: Any) -> None:
        self._again += key in kept
        kept[key] = value

    def _workload(self, document: Document, template: Located) -> None:
        metadata = mapping(template.get("metadata"))
        labels = {text(key): text(value) for key, value in mapping(metadata.get("labels")).items()}
        count = document.spec.get("replicas")
        replicas = count if isinstance(count, int) and not isinstance(count, bool) and 1 <= count <= 100_000 else None
        key = (document.namespace, document.kind, document.name)
        pod = mapping(template.get("spec"))
        made = Workload(*key, labels, pod, replicas, document.place, document.file)
        self._put(self.workloads, key, made)

    def _service(self, document: Document) -> Service:
        spec = document.spec
        made = Service(document.namespace, document.name, document.place)
        made.selector = {text(key): text(value) for key, value in mapping(spec.get("selector")).items()}
        kind = text(spec.get("type"))
        if kind == "ExternalName":
            made.external = text(spec.get("externalName")).lower().rstrip(".")
        if (kind in ("LoadBalancer", "NodePort") or items(spec.get("externalIPs"))) and not _internal(document.content):
            made.exposed = (
                f"{document.file}: line {spec.line_of('type')} (Service/{document.name} {kind or 'externalIPs'})"
            )
        for port in items(spec.get("ports")):
            row = mapping(port)
            if "grpc" in f"{text(row.get('name'))} {text(row.get('appProtocol'))}".lower():
                made.grpc_ports |= {p for p in (row.get("port"), row.get("targetPort")) if isinstance(p, int)}
        return made

    def _knative(self, document: Document) -> None:
        self._workload(document, mapping(document.spec.get("template")))
        made = Service(document.namespace, document.name, document.place)
        made.workloads = [self.workloads[document.namespace, document.kind, document.name]]
        labels = mapping(mapping(document.content.get("metadata")).get("labels"))
        if text(labels.get("networking.knative.dev/visibility")) != "cluster-local":
            made.exposed = document.place
        self._put(self.services, (document.namespace, document.name), made)

    def _operated(self, document: Document) -> None:
        kind, endings, image = _OPERATED[document.group, document.kind]
        key = (document.namespace, document.kind, document.name)
        made = Workload(*key, {}, Located(), None, document.place, document.file, said_kind=kind, said_image=image)
        self._put(self.workloads, key, made)
        for ending in endings:
            service = Service(document.namespace, f"{document.name}{ending}", document.place, workloads=[made])
            self.services.setdefault((document.namespace, service.name), service)

    def _kustomization(self, document: Document, path: Path) -> None:
        """Config maps and Secrets that a kustomization generates; what it patches only `kustomize build` shows."""
        content, file = document.content, document.file
        made = [(mapping(row), "configMapGenerator", self.configs) for row in items(content.get("configMapGenerator"))]
        made += [(mapping(row), "secretGenerator", self.secrets) for row in items(content.get("secretGenerator"))]
        for row, field_, kept in made:
            data = Located(row.line)
            for index, literal in enumerate(items(row.get("literals"))):
                key, _, value = text(literal).partition("=")
                data[key] = value.strip("\"'")
                data.lines[key] = row["literals"].line_of(index)
            for name in [*items(row.get("envs")), *items(row.get("env"))]:
                place = f"line {row.line} ({field_})"
                found = self.root.resolve(path.resolve().parent / text(name), file, place)
                for entry in env_entries(read_source(found, file_name(found, self.root))):
                    data[entry.name] = entry.value or ""
                    data.lines[entry.name] = row.line
            name = text(row.get("name"))
            kept[text(row.get("namespace")), name] = ConfigMap(text(row.get("namespace")), name, data, file)
        if any(content.get(name) for name in ("patches", "patchesStrategicMerge", "patchesJson6902", "namePrefix")):
            self.warnings.append(
                f"{file}: what the kustomization changes is not seen; give what `kustomize build` writes"
            )

    def _select(self) -> None:
        """Workloads of each Service by its selector."""
        by_label: dict[tuple[str, str, str], list[Workload]] = defaultdict(list)
        for workload in self.workloads.values():
            for key, value in workload.labels.items():
                by_label[workload.namespace, key, value].append(workload)
        for service in self.services.values():
            if service.selector:
                lists = [by_label.get((service.namespace, *item), []) for item in service.selector.items()]
                service.workloads = [w for w in min(lists, key=len) if service.selector.items() <= w.labels.items()]

    def _name_nodes(self) -> None:
        """Give every workload, and every Service that picks none, its name in the graph."""
        alone: dict[int, list[str]] = defaultdict(list)
        for service in self.services.values():
            if len(service.workloads) == 1:
                alone[id(service.workloads[0])].append(service.name)
        for workload in self.workloads.values():
            names = [name for name in alone[id(workload)] if workload.name.startswith(f"{name}-")]
            own = workload.name in alone[id(workload)] or not names
            workload.id = workload.name if own else max(names, key=len)
        named: list[Workload | Service] = list(self.workloads.values())
        for service in self.services.values():
            if not service.workloads and not service.external:
                service.id = service.name
                named.append(service)
        self._tell_apart(named)

    def _tell_apart(self, named: Sequence[Workload | Service]) -> None:
        by_id: dict[str, list[Workload | Service]] = defaultdict(list)
        for node in named:
            by_id[node.id].append(node)
        for same in by_id.values():
            if len(same) == 1:
                continue
            within = Counter(node.namespace for node in same)
            for node in same:
                name = node.id
                if within[node.namespace] > 1 and isinstance(node, Workload):
                    name = node.name if node.name != node.id else f"{node.name}-{node.kind.lower()}"
                node.id = f"{node.namespace}/{name}" if len(within) > 1 and node.namespace else name

    def find(self, host: str, namespace: str) -> Service | Workload | None:
        """Who answers to a host in a namespace: all forms of names within a cluster, and names of single pods."""
        labels = host.rstrip(".").split(".")
        if "svc" in labels[1:]:
            labels = labels[: labels.index("svc", 1)]
        elif labels[-2:] == ["cluster", "local"]:
            labels = labels[:-2]
        if len(labels) == 1:
            return self._found(namespace, labels[0], strict=False)
        if len(labels) == 2:
            return self._found(labels[1], labels[0], strict=True) or self._of_pod(labels, namespace)
        return self._of_pod(labels[:2], labels[2]) if len(labels) == 3 else None

    def _of_pod(self, labels: Sequence[str], namespace: str) -> Service | Workload | None:
        pod, service = labels
        return self._found(namespace, service, strict=False) if re.search(r"-\d+\Z", pod) else None

    def _found(self, namespace: str, name: str, strict: bool) -> Service | Workload | None:
        """A Service, else a workload of that name: in the namespace, or where a document leaves it to the caller."""
        for key in ((namespace, name), ("", name) if not strict or namespace not in self._namespaces else None):
            if key is not None and (found := self.services.get(key) or self._by_name.get(key)):
                return found
        if not strict and not namespace and len(self._elsewhere.get(name, ())) == 1:
            return self.services[next(iter(self._elsewhere[name])), name]
        return None

    def ids(self, host: str, namespace: str, depth: int = 0) -> list[str]:
        """Ids of the nodes that answer to a host; an ExternalName is followed."""
        found = self.find(host, namespace)
        if isinstance(found, Workload):
            return [found.id]
        if found is None:
            return []
        if found.external:
            return (self.ids(found.external, found.namespace, depth + 1) or [found.external]) if depth < 5 else []
        return found.ids

    def _warn(self) -> None:
        if self.secrets:
            self.warnings.append(
                f"of {len(self.secrets)} Secrets only hosts that these files declare are taken, nothing else is kept"
            )
        if self._again:
            self.warnings.append(f"{self._again} objects stand more than once: the last is taken")
        empty = [s for s in self.services.values() if s.selector and not s.workloads]
        if empty:
            few = ", ".join(f"{shown(s.name)} ({s.place})" for s in empty[:5]) + (", ..." if len(empty) > 5 else "")
            self.warnings.append(f"Services that select no workload of these files: {few}")


def _decoded(document: Located) -> Located:
    """The entries of a Secret as plain text, with their lines; what is no text is left out."""
    stated = mapping(document.get("stringData"))
    made = Located(stated.line)
    coded = mapping(document.get("data"))
    for key, value in coded.items():
        try:
            made[key] = base64.b64decode(text(value), validate=True).decode("utf-8")
        except ValueError:
            continue
        made.lines[key] = coded.line_of(key)
    for key, value in stated.items():
        made[key] = text(value)
        made.lines[key] = stated.line_of(key)
    return made


def app_labels(workload: Workload) -> list[str]:
    """Labels by which reports may call a workload; several workloads may have the same."""
    return [workload.labels[key] for key in _APP_LABELS if workload.labels.get(key)]


def mapping(value: Any) -> Located:
    """The mapping, an empty one for anything else."""
    return value if isinstance(value, Located) else Located()


def items(value: Any) -> LocatedList:
    """The sequence, an empty one for anything else."""
    return value if isinstance(value, LocatedList) else LocatedList()


def text(value: Any) -> str:
    """A plain value as text, empty for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _internal(content: Located) -> bool:
    """Whether annotations keep a load balancer inside the company's network."""
    for key, value in mapping(mapping(content.get("metadata")).get("annotations")).items():
        name = text(key).lower()
        if "load-balancer" in name and ("internal" in name or text(value).lower() == "internal"):
            return text(value).lower() not in ("false", "")
    return False
