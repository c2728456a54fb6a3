"""Compose files of our own, in the shapes of well-known applications, and what they must not give away."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.graphs import compose
from patchpact.scenarios.importers.graphs.hosts import STATED, command_references, references, text_references
from patchpact.scenarios.importers.reading import Root
from patchpact.scenarios.importers.records import GraphNode, ImportedGraph

FIXTURES = Path(__file__).parent / "fixtures"
Pair = tuple[str, str]


def _read(*names: str, folder: Path = FIXTURES / "compose") -> ImportedGraph:
    files = [folder / name for name in names]
    return compose.read(files, Root(files[0].parent))


def _written(tmp_path: Path, text: str, **others: str) -> ImportedGraph:
    (tmp_path / "compose.yaml").write_text(text)
    for name, content in others.items():
        (tmp_path / name.replace("_", ".")).write_text(content)
    return compose.read([tmp_path / "compose.yaml"], Root(tmp_path))


def _stated(graph: ImportedGraph) -> set[Pair]:
    return {(edge.source, edge.target) for edge in graph.edges if edge.confidence >= STATED}


def _hinted(graph: ImportedGraph) -> set[Pair]:
    return {(edge.source, edge.target) for edge in graph.edges if edge.confidence < STATED}


def _nodes(graph: ImportedGraph) -> dict[str, GraphNode]:
    return {node.id: node for node in graph.nodes}


def _kinds(graph: ImportedGraph) -> dict[Pair, Any]:
    return {(edge.source, edge.target): edge.attributes["kind"] for edge in graph.edges}


def test_depends_on_alone_is_a_hint_only() -> None:
    graph = _read("voting/docker-compose.yml")
    assert _stated(graph) == set()
    assert _hinted(graph) == {
        ("poll", "cache"), ("result", "db"), ("worker", "cache"), ("worker", "db"), ("worker", "seed"),
    }  # fmt: skip
    nodes = _nodes(graph)
    assert [name for name, node in nodes.items() if node.attributes.get("exposed")] == ["poll"]
    assert nodes["seed"].confidence < nodes["poll"].confidence
    assert any("'db' publishes a port" in warning for warning in graph.warnings)
    assert any("5 of 5 calls are hints only" in warning for warning in graph.warnings)


def test_a_shop_with_all_kinds_of_hosts() -> None:
    graph = _read("shop/compose.yaml")
    assert _stated(graph) == {
        ("edge", "front"), ("edge", "orders"),
        ("front", "zipkin"), ("catalogue", "zipkin"),
        ("catalogue", "catalogue-db"),
        ("orders", "orders-db"), ("orders", "queue"), ("orders", "payment"),
        ("shipping", "queue"), ("queue-master", "queue"),
    }  # fmt: skip
    assert _hinted(graph) == {("orders", "shipping"), ("shipping", "orders")}, "a shared list that names its readers"
    kinds = _kinds(graph)
    assert kinds["catalogue", "catalogue-db"] == kinds["orders", "orders-db"] == "db"
    assert kinds["shipping", "queue"] == "queue"
    assert kinds["orders", "payment"] == "http"
    assert {node.id: node.attributes["kind"] for node in graph.nodes}.items() >= {
        "edge": "gateway", "front": "frontend", "queue-master": "service", "queue": "queue", "session-db": "store",
    }.items()  # fmt: skip
    traced = next(edge for edge in graph.edges if edge.target == "zipkin")
    assert traced.attributes["hard"] is False


def test_evidence_names_file_line_and_field() -> None:
    edges = {(edge.source, edge.target): edge.evidence for edge in _read("shop/compose.yaml").edges}
    assert edges["orders", "payment"] == "compose.yaml: line 32 (environment.PAYMENT_HOST); .env: line 1 (PAYMENT_HOST)"
    assert edges["edge", "orders"] == "nginx/default.conf: line 9; compose.yaml: line 11 (volumes)"
    assert edges["front", "zipkin"] == "compose.yaml: line 5 (environment.ZIPKIN_BASE_URL)"
    assert edges["catalogue", "catalogue-db"] == "compose.yaml: line 23 (command)"


def test_secrets_stay_inside() -> None:
    for name in ("shop/compose.yaml", "storefront/docker-compose.yml", "streams/compose.yml"):
        said = repr(_read(name))
        for secret in ("hunter2secret", "s3cretpass", "pa55word", "Pa55-word", "catalogue_user"):
            assert secret not in said


def test_a_storefront_with_a_dashboard_in_the_browser() -> None:
    graph = _read("storefront/docker-compose.yml")
    backing = {(name, target) for name in ("api", "worker") for target in ("db", "redis", "mailpit", "jaeger")}
    assert _stated(graph) == backing | {("dashboard", "api")}
    assert _kinds(graph)["worker", "redis"] == "cache"
    nodes = _nodes(graph)
    assert "exposed" not in nodes["worker"].attributes, "its ports are reset"
    assert nodes["api"].attributes["exposed"] and nodes["dashboard"].attributes["exposed"]
    assert nodes["api.stripe.com"].attributes["kind"] == "external"
    assert nodes["api.stripe.com"].confidence < STATED


def test_a_blog_with_a_demanded_variable() -> None:
    graph = _read("blog/docker-compose.yml")
    assert _stated(graph) == {("wordpress", "mysql"), ("phpmyadmin", "mysql")}
    assert any("'DB_PASSWORD'" in warning for warning in graph.warnings)


def test_services_around_a_broker() -> None:
    graph = _read("streams/compose.yml")
    assert _stated(graph) == {
        ("broker-1", "zookeeper"), ("broker-2", "zookeeper"),
        ("schemas", "broker-1"), ("schemas", "broker-2"),
        ("producer", "broker-1"), ("producer", "store"),
        ("consumer", "broker-1"), ("consumer", "broker-2"), ("consumer", "schemas"), ("consumer", "store"),
    }  # fmt: skip
    assert _hinted(graph) == set()
    assert _nodes(graph)["store"].attributes["kind"] == "store"


def test_files_are_merged_as_compose_does() -> None:
    graph = _read("layers/compose.override.yaml", "layers/compose.yaml")
    assert _stated(graph) == {("web", "api"), ("web", "search"), ("api", "cache"), ("search", "web")}
    assert _hinted(graph) == set(), "depends_on is not extended"
    web = _nodes(graph)["web"]
    assert (web.image, web.attributes["replicas"], web.attributes["exposed"]) == ("shop/web:2", 3, True)
    assert "www" in web.labels


def test_labels_for_a_reverse_proxy() -> None:
    assert _stated(_read("proxy/compose.yaml")) == {("traefik", "whoami"), ("traefik", "admin")}


def test_unknown_hosts_are_said(tmp_path: Path) -> None:
    graph = _written(tmp_path, "services:\n  a: {image: x, environment: {B_HOST: elsewhere, C: 'a:80'}}\n")
    assert graph.edges == ()
    assert any("'elsewhere' (compose.yaml: line 2 (environment.B_HOST))" in warning for warning in graph.warnings)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${X}-$X-$$X", "x-x-$X"),
        ("${E:-d} ${E-d} ${N:-d} ${N-d}", "d  d d"),
        ("${X:+y} ${E:+y} ${E+y} ${N+y}", "y  y "),
        ("${N:-${M:-${X}}}", "x"),
        ("${X:?no} ${N:?no} $ ${", "x  $ ${"),
    ],
)
def test_variables(tmp_path: Path, text: str, value: str) -> None:
    quoted = yaml.safe_dump({"services": {"a": {"image": text}}})
    graph = _written(tmp_path, quoted, _env="X=x\nE=\n")
    assert _nodes(graph)["a"].image == value


def test_variables_do_not_come_from_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("B_HOST", "b")
    graph = _written(tmp_path, "services: {a: {image: x, environment: [B_HOST]}, b: {image: y}}")
    assert graph.edges == ()


def test_variables_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    laughs = "A0=xxxxxxxxxx\n" + "".join(f"A{i}=${{A{i - 1}}}${{A{i - 1}}}\n" for i in range(1, 40))
    with pytest.raises(ScenarioError, match="characters"):
        _written(tmp_path, "services: {a: {image: x}}", _env=laughs)


def test_ports_that_do_not_expose(tmp_path: Path) -> None:
    graph = _written(
        tmp_path,
        "services:\n"
        "  a: {image: x, ports: ['80']}\n  b: {image: x, ports: ['127.0.0.1:1:1']}\n  c: {image: x, expose: [1]}\n"
        "  d: {image: x, ports: ['8000-8002:80-82/tcp']}\n  e: {image: x, ports: ['[::]:81:81']}\n"
        "  f: {image: x, ports: [{target: 80, published: 82, host_ip: '::1'}]}\n",
    )
    assert [node.id for node in graph.nodes if node.attributes.get("exposed")] == ["d", "e"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("escape.yaml", "leads out of the folder"),
        ("absolute.yaml", "leads out of the folder"),
        ("circle.yaml", "extends itself"),
        ("include_circle.yaml", "includes itself"),
        ("list.yaml", "is no mapping"),
        ("no_mapping.yaml", "\\(services\\): is no mapping"),
        ("laughs.yaml", "aliases add more than"),
        ("twice.yaml", "twice in one mapping"),
    ],
)
def test_bad_files_are_one_clear_error(name: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said) as caught:
        _read(name, folder=FIXTURES / "hostile")
    assert str(caught.value).startswith(name)


@pytest.mark.parametrize("field", ["env_file: secret.env", "extends: {file: secret.env, service: a}"])
def test_links_do_not_lead_out(tmp_path: Path, field: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "outside" / "secret.env").write_text("DB_HOST=b\n")
    (tmp_path / "project" / "secret.env").symlink_to(tmp_path / "outside" / "secret.env")
    with pytest.raises(ScenarioError, match="leads out of the folder"):
        _written(tmp_path / "project", f"services: {{a: {{image: x, {field}}}, b: {{image: y}}}}")


def test_a_linked_env_or_configuration_from_outside_is_not_read(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "n.conf").write_text("proxy_pass http://b;")
    (project / "n.conf").symlink_to(tmp_path / "n.conf")
    text = "services: {a: {image: nginx, volumes: ['./n.conf:/etc/n.conf', '../n.conf:/etc/m.conf']}, b: {image: y}}"
    assert _written(project, text).edges == ()
    (project / ".env").symlink_to(tmp_path / "n.conf")
    with pytest.raises(ScenarioError, match="leads out of the folder"):
        _written(project, text)


def test_detect() -> None:
    assert compose.detect("services:\n  a:\n    image: x\n", "stack.yml")
    assert compose.detect('{"services": {"a": {"image": "x"}}}', "x.json")
    assert compose.detect("web:\n  image: x\n", "docker-compose.yml")
    assert not compose.detect("web:\n  image: x\n", "values.yaml")
    assert not compose.detect("apiVersion: v1\nkind: Service\nservices:\n  a:\n    image: x\n", "k.yaml")
    assert not compose.detect("services:\n  - docker:dind\nbuild:\n  image: x\n", ".gitlab-ci.yml")


def test_hosts_in_settings() -> None:
    def hosts(name: str, value: str) -> set[str]:
        return {reference.host for reference in references(name, value) if reference.stands}

    assert hosts("A", "jdbc:postgresql://u:p@db:5432/x?a=b") == {"db"}
    assert hosts("A", "mongodb://a:1,b:2/x") == {"a", "b"}
    assert hosts("ZOO_SERVERS", "server.1=one:2888:3888;2181 server.2=two:2888:3888") == {"one", "two"}
    assert hosts("A", "1@kafka:9093") == {"kafka"}
    assert hosts("SPRING_CONFIG_IMPORT", "optional:configserver:http://config:8888") == {"config"}
    assert hosts("TOKEN_SERVICE_URL", "http://token:80") == {"token"}
    assert hosts("ES", '["http://a:9200","http://b:9200"]') == {"a", "b"}
    for name, value in {
        "REDIS_IMAGE": "redis:6", "POSTGRES_HOST_AUTH_METHOD": "trust", "DB_NAME": "db", "DB_USER": "db", "KAFKA_TOPIC": "db", "TIME": "12:30", "PORT": ":80",
        "CORS_ORIGINS": "http://web:80", "NO_PROXY": "web,db", "FILE": "file:///db/x", "DB_PASSWORD": "db:1", "ADDR": "10.0.0.1:80",
    }.items():  # fmt: skip
        assert hosts(name, value) == set(), name


def test_hosts_in_commands_and_files() -> None:
    found = command_references(["app", "--db=mysql:3306", "-h", "pg", "--name", "cart", "redis://cache/0"])
    assert {reference.host for reference in found if reference.stands} == {"mysql", "pg", "cache"}
    text = "# http://old\nserver app;\n  upstream_host: 'api'\nname: cart\nAllow-Origin: http://web:1\nset $up login;\n"
    assert {reference.host for _, _, reference in text_references(text)} == {"app", "api", "login"}


def test_classes_are_no_systems_outside(tmp_path: Path) -> None:
    text = (
        "services: {a: {image: x, environment: {EMAIL_BACKEND: django.core.mail.backends.smtp.EmailBackend, "
        "AUTH_BACKENDS: 'basic.auth,session.auth', API_BACKEND: 'https://api.example.com', DB_HOST: db.example.com}}}"
    )
    graph = _written(tmp_path, text)
    assert {node.id for node in graph.nodes} == {"a", "api.example.com", "db.example.com"}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99999) | st.text("ab:/${}-@=. \x00é", max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "file", "source"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_FIELD_NAMES = (
    "image build environment env_file ports expose links depends_on labels volumes networks configs extends deploy scale "
    "command entrypoint profiles container_name hostname"
)
_FIELDS = st.sampled_from(_FIELD_NAMES.split())


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from("abc"), st.dictionaries(_FIELDS, _VALUES, max_size=4), max_size=3), _VALUES)
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, services: Any, rest: Any) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    folder.mkdir(exist_ok=True)
    (folder / "compose.yaml").write_text(yaml.safe_dump({"services": services, "configs": rest, "include": None}))
    with suppress(ScenarioError):
        graph = compose.read([folder / "compose.yaml"], Root(folder))
        assert {edge.target for edge in graph.edges} <= {node.id for node in graph.nodes}


@pytest.mark.slow
def test_ten_thousand_services(tmp_path: Path) -> None:
    size = 10_000
    lines = ["services:"]
    for i in range(size):
        lines += [
            f"  s{i}:", f"    image: registry.example.org/s{i}:1", "    environment:",
            f"      - A_ADDR=s{(i + 1) % size}:80", f"      - B_URL=http://s{(i + 7) % size}:80/x",
            f"    depends_on: [s{(i + 3) % size}]",
        ]  # fmt: skip
    started = time.perf_counter()
    graph = _written(tmp_path, "\n".join(lines))
    assert time.perf_counter() - started < 20
    assert (len(graph.nodes), len(graph.edges), len(_stated(graph))) == (size, 3 * size, 2 * size)


SHARED = Path(os.environ.get("PATCHPACT_SHARED_DATA", Path(__file__).parents[4].parent / "shared" / "data"))


@pytest.mark.skipif(not (SHARED / "raw" / "otel_demo").is_dir(), reason="no shared data here")
def test_a_real_application_is_found() -> None:
    import json

    known = json.loads((SHARED / "graphs" / "otel_demo.json").read_text())
    wanted = {(link["source"], link["target"]) for link in known.get("links") or known["edges"]}
    ids = {node["id"] for node in known["nodes"]}
    found = {
        pair
        for pair in _stated(_read("compose.yaml", "compose.full.yaml", folder=SHARED / "raw" / "otel_demo"))
        if set(pair) <= ids
    }
    assert wanted <= found
    assert len(found - wanted) <= 1
