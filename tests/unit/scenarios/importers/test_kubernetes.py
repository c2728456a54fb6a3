"""Kubernetes manifests of our own, in the shapes that tools write."""

from __future__ import annotations

import base64
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.graphs import kubernetes
from patchpact.scenarios.importers.graphs.hosts import STATED
from patchpact.scenarios.importers.reading import Root
from patchpact.scenarios.importers.records import ImportedGraph

FIXTURES = Path(__file__).parent / "fixtures"
Pair = tuple[str, str]


def _read(*names: str, folder: Path = FIXTURES / "kubernetes") -> ImportedGraph:
    files = [folder / name for name in names]
    return kubernetes.read(files, Root(files[0].parent))


def _written(tmp_path: Path, text: str) -> ImportedGraph:
    (tmp_path / "k.yaml").write_text(text)
    return kubernetes.read([tmp_path / "k.yaml"], Root(tmp_path))


def _stated(graph: ImportedGraph) -> set[Pair]:
    return {(edge.source, edge.target) for edge in graph.edges if edge.confidence >= STATED}


def _workload(name: str, container: str, extra: str = "", kind: str = "Deployment") -> str:
    return (
        f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  template:\n"
        f"    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers: [{{image: {name}, {container}}}]\n{extra}---\n"
    )


def test_a_shop_with_all_forms_of_names() -> None:
    graph = _read("shop/app.yaml", "shop/back.json")
    assert _stated(graph) == {
        ("web", "sessions"), ("web", "orders"),
        ("cart", "sessions"), ("cart", "prices"), ("cart", "orders.rds.cloud.example.com"),
        ("orders", "cart"), ("orders", "sessions"), ("orders", "orders.rds.cloud.example.com"),
        ("report", "orders"), ("edge", "web"),
    }  # fmt: skip
    hinted = {(edge.source, edge.target) for edge in graph.edges} - _stated(graph)
    shared = {("web", "cart"), ("web", "prices"), ("cart", "web")}
    assert hinted == shared | {("orders", "api.tax.example.com")}
    kinds = {(edge.source, edge.target): edge.attributes["kind"] for edge in graph.edges}
    assert kinds["cart", "prices"] == "grpc"
    assert kinds["cart", "sessions"] == "cache"
    assert kinds["orders", "orders.rds.cloud.example.com"] == "db"


def test_nodes_have_image_replicas_names_and_exposure() -> None:
    graph = _read("shop/app.yaml", "shop/back.json")
    nodes = {node.id: node for node in graph.nodes}
    web = nodes["web"]
    assert web.image == "registry.example.org/shop/web:1@sha256:abc"
    assert web.attributes == {"kind": "frontend", "replicas": 3}
    assert set(web.labels) == {"web-v2", "shop-web", "shop/web-v2"}
    assert web.evidence == "app.yaml: line 28 (Deployment/web-v2)"
    assert nodes["cart"].image == "shop/cart:1", "the first container that is no sidecar"
    assert [node.id for node in graph.nodes if node.attributes.get("exposed")] == ["edge"]
    assert any("'sessions' can be reached from outside" in warning for warning in graph.warnings)
    assert any("'ghost' (app.yaml: line 52 (env.GHOST_ADDR))" in warning for warning in graph.warnings)


def test_evidence_names_both_places_of_a_config_map() -> None:
    edges = {(edge.source, edge.target): edge.evidence for edge in _read("shop/app.yaml", "shop/back.json").edges}
    assert edges["orders", "cart"] == "back.json: line 11 (env.CART); app.yaml: line 6 (ConfigMap/addresses CART_ADDR)"
    assert edges["edge", "web"] == "app.yaml: line 14 (ConfigMap/edge-conf default.conf, its line 2)"


def test_of_secrets_only_declared_hosts_are_taken(tmp_path: Path) -> None:
    graph = _read("shop/app.yaml", "shop/back.json")
    said = repr(graph)
    assert "t0p-s3cret" not in said and "hunter2secret" not in said
    assert any(text.startswith("of 1 Secrets only hosts that these files declare") for text in graph.warnings)
    assert "aHVudGVyMnNlY3JldA" not in repr(_read("rendered/release.yaml"))

    hidden = base64.b64encode(b"redis://:t0pS3cret@cache:6379/0").decode()
    text = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
        "stringData: {DATABASE_URL: 'postgres://u:t0pS3cret@db:5432/x', PEER_URL: 'http://secret-host.example.com', "
        "PASSWORD: b, NOTE: b, app.conf: \"url = http://b:80\\nother = hidden-host:80\"}\n"
        f"data: {{CACHE: {hidden}, KEY: //79/A==}}\n---\n"
        + _workload("a", "envFrom: [{secretRef: {name: s}}]")
        + _workload("b", "env: [{name: C, valueFrom: {secretKeyRef: {name: s, key: CACHE}}}, "
                         "{name: LOST_URL, valueFrom: {secretKeyRef: {name: elsewhere, key: x}}}, "
                         "{name: LOST_PASSWORD, valueFrom: {secretKeyRef: {name: passwords, key: x}}}]")
        + _workload("c", "name: x").replace(" containers:", " volumes: [{secret: {secretName: s}}]\n      containers:")
        + _workload("db", "name: x") + _workload("cache", "name: x")
    )  # fmt: skip
    graph = _written(tmp_path, text)
    assert _stated(graph) == {
        ("a", "db"),
        ("a", "cache"),
        ("a", "b"),
        ("b", "cache"),
        ("c", "db"),
        ("c", "cache"),
        ("c", "b"),
    }
    evidence = {(edge.source, edge.target): edge.evidence for edge in graph.edges}
    assert evidence["a", "db"] == "k.yaml: line 4 (Secret/s DATABASE_URL); k.yaml: line 14 (envFrom)", evidence[
        "a", "db"
    ]
    said = repr(graph)
    assert all(word not in said for word in ("t0pS3cret", "secret-host", "hidden-host", hidden))
    (missing,) = [text for text in graph.warnings if "Secrets that no file declares" in text]
    assert "'elsewhere'" in missing and "passwords" not in missing


def test_what_helm_writes() -> None:
    graph = _read("rendered/release.yaml")
    assert {node.id for node in graph.nodes} == {"my-blog", "my-blog-admin", "my-blog-mariadb"}, (
        "test hooks are left out"
    )
    assert _stated(graph) == {("my-blog", "my-blog-mariadb"), ("my-blog-admin", "my-blog")}
    assert [node.id for node in graph.nodes if node.attributes.get("exposed")] == ["my-blog"], (
        "one balancer is internal"
    )


def test_equal_names_in_two_namespaces_and_what_operators_run() -> None:
    graph = _read("twins/twins.yaml")
    assert {node.id for node in graph.nodes} == {"one/api", "two/api", "bus"}
    assert _stated(graph) == {("one/api", "two/api"), ("two/api", "bus")}
    assert [node.id for node in graph.nodes if node.attributes.get("exposed")] == ["one/api"]


def test_a_service_in_front_of_two_workloads(tmp_path: Path) -> None:
    text = (
        _workload("a", "env: [{name: B_HOST, value: b}]")
        + "apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {selector: {role: b}}\n---\n"
        + _workload("b-blue", "name: x").replace("{app: b-blue}", "{role: b}")
        + _workload("b-green", "name: x").replace("{app: b-green}", "{role: b}")
    )
    assert _stated(_written(tmp_path, text)) == {("a", "b-blue"), ("a", "b-green")}


def test_a_kustomization_with_a_generated_config_map(tmp_path: Path) -> None:
    (tmp_path / "x.env").write_text("C_HOST=c\n")
    text = (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "configMapGenerator: [{name: conf, literals: ['B_URL=http://b:80'], envs: [x.env]}]\n---\n"
        + _workload("a", "envFrom: [{configMapRef: {name: conf-5h2k9d7m6t}}]")
        + _workload("b", "name: x")
        + _workload("c", "name: x", kind="StatefulSet")
    )
    assert _stated(_written(tmp_path, text)) == {("a", "b"), ("a", "c")}
    with pytest.raises(ScenarioError, match="leads out of the folder"):
        _written(tmp_path, text.replace("x.env", "../../etc/passwd"))


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    graph = _written(
        tmp_path,
        _workload("a", "envFrom: [{configMapRef: {name: gone}}]")
        + "apiVersion: v1\nkind: Service\nmetadata: {name: redis}\nspec: {selector: {app: nothing}}\n",
    )
    assert any("'gone' (k.yaml: line " in warning for warning in graph.warnings)
    assert any("select no workload of these files: 'redis'" in warning for warning in graph.warnings)
    alone = next(node for node in graph.nodes if node.id == "redis")
    assert alone.attributes["kind"] == "store" and alone.confidence < 1


def test_the_old_ingress_and_routes_of_others(tmp_path: Path) -> None:
    text = (
        "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: i}\n"
        "spec: {rules: [{http: {paths: [{backend: {serviceName: a, servicePort: 80}}]}}]}\n---\n"
        "apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {name: i}\n"
        "spec: {routes: [{match: x, middlewares: [{name: c}], services: [{name: b, port: 80}]}]}\n---\n"
        "apiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {name: i}\nspec: {to: {kind: Service, name: d}}\n---\n"
        + "".join(_workload(name, "name: x") for name in "abcd")
    )
    graph = _written(tmp_path, text)
    assert [node.id for node in graph.nodes if node.attributes.get("exposed")] == ["a", "b", "d"]


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="helm template"):
        _read("template.yaml", folder=FIXTURES / "hostile")
    with pytest.raises(ScenarioError, match="holds no Kubernetes document"):
        _written(tmp_path, "a: 1\n")
    with pytest.raises(ScenarioError, match="aliases add more than"):
        _read("laughs.yaml", folder=FIXTURES / "hostile")


def test_detect() -> None:
    assert kubernetes.detect("# Source: x\napiVersion: v1\nkind: Service\n", "x.yaml")
    assert kubernetes.detect('{"kind": "List", "apiVersion": "v1"}', "x.json")
    assert not kubernetes.detect("apiVersion: backstage.io/v1alpha1\nkind: Component\n", "catalog-info.yaml")
    assert not kubernetes.detect("apiVersion: aquasecurity.github.io/v1alpha1\nkind: VulnerabilityReport\n", "r.yaml")
    assert not kubernetes.detect("services:\n  web: {image: x}\n", "compose.yaml")


_NAMES = "name namespace spec template containers env envFrom value selector metadata rules http paths backend"
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99999) | st.text("ab:/$()-@=.{} é", max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_NAMES.split()),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)
_KINDS = st.sampled_from(
    ["Service", "Deployment", "ConfigMap", "Ingress", "HTTPRoute", "CronJob", "Pod", "List", "Kustomization", "Kafka"]
)


@settings(max_examples=150)
@given(st.lists(st.tuples(_KINDS, _VALUES, _VALUES, _VALUES), min_size=1, max_size=4))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, documents: list[Any]) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    folder.mkdir(exist_ok=True)
    texts = [
        yaml.safe_dump(
            {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec, "data": data, "items": data}
        )
        for kind, metadata, spec, data in documents
    ]
    with suppress(ScenarioError):
        graph = _written(folder, "---\n".join(texts))
        assert {edge.target for edge in graph.edges} <= {node.id for node in graph.nodes}


@pytest.mark.slow
def test_ten_thousand_services(tmp_path: Path) -> None:
    size = 10_000
    parts = []
    for i in range(size):
        parts.append(
            f"apiVersion: v1\nkind: Service\nmetadata: {{name: s{i}}}\nspec: {{selector: {{app: s{i}, t: x}}}}\n---\n"
        )
        parts.append(
            f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: s{i}}}\nspec:\n  template:\n"
            f"    metadata: {{labels: {{app: s{i}, t: x}}}}\n    spec:\n      containers:\n      - image: s{i}\n"
            f"        env:\n        - name: A_ADDR\n          value: s{(i + 1) % size}:80\n---\n"
        )
    started = time.perf_counter()
    graph = _written(tmp_path, "".join(parts))
    assert time.perf_counter() - started < 20
    assert (len(graph.nodes), len(_stated(graph))) == (size, size)
