"""Findings find their services by what reports say, ambiguity is listed, and a mapping file settles it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patchpact.scenarios import ScenarioError
from patchpact.scenarios.importers.image_names import ImageName
from patchpact.scenarios.importers.mapping import RuleIndex, read_mapping
from patchpact.scenarios.importers.matching import Matching, match
from patchpact.scenarios.importers.records import Component, GraphNode, RawFinding


def node(id_: str, image: str = "", *labels: str, **attributes: Any) -> GraphNode:
    return GraphNode(id_, "compose.yaml:1", 0.95, attributes, image, labels)


def finding(**fields: Any) -> RawFinding:
    return RawFinding(**({"tool": "tool", "kind": "sca", "id": "CVE-2024-1", "evidence": "report.json: [0]"} | fields))


SHOP = [
    node("web", "ghcr.io/acme/web:1.4", "./src/web", kind="frontend", exposed=True),
    node("cart", "ghcr.io/acme/cart:2.0", "./src/cart", "shop-cart-1"),
    node("payment-service", "ghcr.io/acme/payment@sha256:aa11", "services/payment", kind="service"),
    node("cart-db", "redis:6.2", kind="store"),
    node("session-db", "redis:7", kind="store"),
    node("orders-db", "mysql:8", kind="store"),
    node("users-db", "docker.io/library/mysql:8", kind="store"),
    node("bank", kind="external"),
]


def one(found: Matching) -> tuple[str, str, float]:
    assert len(found.matched) == 1
    assert not found.unmatched
    (matched,) = found.matched
    return matched.service, matched.by.partition(":")[0], matched.confidence


@pytest.mark.parametrize(
    ("fields", "service", "by"),
    [
        ({"service": "cart"}, "cart", "service"),
        ({"service": "Payment_Service"}, "payment-service", "service"),
        ({"service": "payment"}, "payment-service", "service"),
        ({"image": "ghcr.io/acme/cart:2.0"}, "cart", "image"),
        ({"image": "ghcr.io/acme/cart:2.0 (debian 12.5)"}, "cart", "image"),
        ({"image": "ghcr.io/acme/cart"}, "cart", "image"),
        ({"image": "mirror.example:5000/acme/cart:2.0"}, "cart", "image, other registry"),
        ({"image": "ghcr.io/acme/cart:1.9"}, "cart", "image, other version"),
        ({"image": "elsewhere.example/team/cart:9"}, "cart", "image name"),
        ({"image": "acme/shop-cart:9"}, "cart", "image name"),
        ({"image": "anything@sha256:aa11"}, "payment-service", "image digest"),
        ({"image": "docker.io/library/redis:6.2"}, "cart-db", "image"),
        ({"purl": "pkg:oci/cart@sha256%3Abb?repository_url=ghcr.io/acme/cart"}, "cart", "image"),
        ({"path": "src/cart/app.py"}, "cart", "path"),
        ({"path": "file:///builds/ci/checkout/src/cart/lib/app.py"}, "cart", "path, inside another folder"),
        ({"path": "C:\\build\\services\\payment\\Pay.cs"}, "payment-service", "path, inside another folder"),
        ({"path": "cart/app.py"}, "cart", "folder name"),
        ({"image": "src/cart/package-lock.json"}, "cart", "path"),
        ({"labels": ("shop/cart",)}, "cart", "label"),
        ({"labels": ("shop-cart-1",)}, "cart", "label"),
        ({"url": "http://cart.shop.svc.cluster.local:8080/items"}, "cart", "url host"),
        ({"url": "https://shop.example/basket?token=secret"}, "web", "url, the only exposed service"),
        ({"evidence": "reports/trivy-cart.json: Results[0]"}, "cart", "report's file name"),
    ],
)
def test_by_what_the_report_says(fields: dict[str, Any], service: str, by: str) -> None:
    found_service, found_by, confidence = one(match([finding(**fields)], SHOP))
    assert (found_service, found_by) == (service, by)
    assert 0.5 < confidence <= 1


def test_the_stronger_evidence_wins() -> None:
    assert one(match([finding(image="ghcr.io/acme/cart:2.0", path="web/lib/x.jar")], SHOP))[0] == "cart"
    exact = one(match([finding(image="ghcr.io/acme/cart:2.0")], SHOP))[2]
    other = one(match([finding(image="ghcr.io/acme/cart:1.9")], SHOP))[2]
    named = one(match([finding(image="elsewhere.example/x/cart:9")], SHOP))[2]
    assert exact > other > named


def test_a_shared_image_gives_the_finding_to_all_that_run_it() -> None:
    found = match([finding(image="mysql:8")], SHOP)
    assert {m.service for m in found.matched} == {"orders-db", "users-db"}
    assert one(match([finding(image="mysql:8", labels=("shop/users-db",))], SHOP))[0] == "users-db"


def test_ambiguous_findings_are_listed_with_candidates() -> None:
    found = match([finding(image="redis:5")], SHOP)
    assert not found.matched
    (open_,) = found.unmatched
    assert set(open_.candidates) == {"cart-db", "session-db"}
    assert "several services fit equally well" in open_.reason


@pytest.mark.parametrize(
    ("fields", "reason", "candidates"),
    [
        ({}, "names neither service, image, path", ()),
        ({"image": "acme/crat:1"}, "no service is called like image 'acme/crat:1'", ("cart",)),
        ({"image": "acme/warehouse:1"}, "no service is called like", ()),
        ({"image": "prom/mysql-exporter:1"}, "no service is called like", ()),
        ({"image": "acme/unknown:1", "path": "usr/lib/node_modules/cart/x.js"}, "no service is called like", ()),
        ({"service": "bank"}, "external service", ("bank",)),
    ],
)
def test_nothing_is_dropped(fields: dict[str, Any], reason: str, candidates: tuple[str, ...]) -> None:
    found = match([finding(**fields)], SHOP)
    assert not found.matched
    (open_,) = found.unmatched
    assert reason in open_.reason
    assert set(candidates) <= set(open_.candidates)


def test_the_only_service_takes_findings_without_a_place() -> None:
    alone = [node("api"), node("mail", kind="external")]
    assert one(match([finding(path="lib/x.py")], alone))[:2] == ("api", "the only service")
    assert match([finding(image="postgres:15")], alone).unmatched


def test_components_of_an_sbom_lead_to_services() -> None:
    ships = [
        Component("express", "4.17.1", "npm", "pkg:npm/express@4.17.1", "sbom.json: [0]", image="ghcr.io/acme/web:1.4"),
        Component("express", "4.17.1", "npm", "pkg:npm/express@4.17.1", "sbom.json: [1]", service="cart"),
        Component("lodash", "4.17.20", "npm", "pkg:npm/lodash@4.17.20", "sbom.json: [2]", service="cart"),
    ]
    shared = finding(component="express", version="4.17.1", purl="pkg:npm/express@4.17.1")
    assert {m.service for m in match([shared], SHOP, components=ships).matched} == {"web", "cart"}
    lodash = finding(component="lodash", version="4.17.20", purl="pkg:npm/lodash@4.17.20?arch=x")
    assert one(match([lodash], SHOP, components=ships))[:2] == ("cart", "component of its SBOM")
    newer = finding(component="lodash", version="4.17.21", purl="pkg:npm/lodash@4.17.21")
    assert one(match([newer], SHOP, components=ships))[1] == "component of its SBOM, other version"


def test_a_mapping_file_settles_it(write: Callable[..., Path]) -> None:
    path = write(
        "- {service: cart-db, image: 'redis:*'}\n"
        "- {service: session-db, image: 'REDIS:5', component: openssl}\n"
        "- {service: web, path: '*/never/*'}\n",
        "map.yaml",
    )
    rules = read_mapping(path, [n.id for n in SHOP])
    findings = [finding(image="redis:5"), finding(image="redis:5", component="openssl"), finding(service="cart")]
    found = match(findings, SHOP, rules, where="map.yaml")
    assert [(m.service, m.confidence) for m in found.matched] == [
        ("cart-db", 1.0), ("cart-db", 1.0), ("session-db", 1.0), ("cart", 1.0),
    ]  # fmt: skip
    assert found.matched[0].by == "mapping: rule 1 of map.yaml"
    assert found.warnings == ("map.yaml: rule 3 (service 'web') matches no finding",)
    assert found.by_evidence() == {"mapping": 3, "service": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("service: cart\n", "file: {'service': 'cart'} is no list of rules"),
        ("- {service: crat, image: x}\n", "[0].service: no service 'crat' in the graph; did you mean 'cart'?"),
        ("- {service: cart, imge: x}\n", "[0].imge: unknown field; did you mean 'image'?"),
        ("- {service: cart}\n", "[0]: has no pattern"),
        ("- {service: cart, image: ''}\n", "[0].image: empty"),
        ("- {image: x}\n", "[0].service: missing"),
        ("- [\n", "correct the YAML"),
    ],
)
def test_a_wrong_mapping_file_is_one_clear_error(text: str, message: str, write: Callable[..., Path]) -> None:
    path = write(text, "map.yaml")
    with pytest.raises(ScenarioError) as caught:
        read_mapping(path, [n.id for n in SHOP])
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("pattern", "value", "holds"),
    [
        ("*", "anything", True),
        ("src/cart/*", "SRC/Cart/deep/x.py", True),
        ("src/cart/*", "src/carts/x.py", False),
        ("*/base:*", "ghcr.io/acme/base:3", True),
        ("mysql:[58]", "mysql:8", True),
        ("mysql:[58]", "mysql:7", False),
        ("a?c", "abc", True),
        ("a.c", "abc", False),
    ],
)
def test_patterns(pattern: str, value: str, holds: bool, write: Callable[..., Path]) -> None:
    rules = read_mapping(write(f"- {{service: cart, path: {pattern!r}}}\n", "map.yaml"), ["cart"])
    assert (RuleIndex(rules).services_of(finding(path=value)) == {"cart": 1}) is holds


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("redis", ("", "redis", "", "")),
        ("docker.io/library/redis:6", ("", "redis", "6", "")),
        ("localhost:5000/a/b:1@sha256:AB", ("localhost:5000", "a/b", "1", "sha256:ab")),
        ("docker://ghcr.io/a/b", ("ghcr.io", "a/b", "", "")),
        ("docker:dind", ("", "docker", "dind", "")),
        ("registry:2", ("", "registry", "2", "")),
        ("docker-archive:out/cart.tar.gz", ("", "out/cart", "", "")),
        ("", ("", "", "", "")),
    ],
)
def test_image_names(text: str, parts: tuple[str, str, str, str]) -> None:
    assert tuple(ImageName.of(text)) == parts


def test_many_findings_of_many_services_take_seconds(write: Callable[..., Path]) -> None:
    nodes = [node(f"svc-{n}", f"ghcr.io/acme/unit{n}:1", f"./src/unit{n}") for n in range(1000)]
    findings = [
        finding(id=f"CVE-{n}", image=f"ghcr.io/acme/unit{n % 1000}:1")
        if n % 2
        else finding(id=f"rule-{n}", path=f"src/unit{n % 1100}/dir{n}/x.py", kind="sast")
        for n in range(40_000)
    ]
    lines = "".join(f"- {{service: svc-{n}, path: 'src/unit{n}/dir{n}/*'}}\n" for n in range(1000))
    rules = read_mapping(write(lines, "map.yaml"), [n.id for n in nodes])
    start = time.process_time()
    found = match(findings, nodes, rules)
    assert time.process_time() - start < 10  # about 1 s; findings times services would take minutes
    assert len(found.matched) + len(found.unmatched) == 40_000
    assert 0 < len(found.unmatched) < 2_400
