"""Every wrong place of a scenario file gives one line that names the file, the field and the mend."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patchpact.scenarios import ScenarioError, load_scenario

Write = Callable[..., Path]


def line_of(path: Path, **overrides: Any) -> str:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, **overrides)
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) < 1400
    return line.replace(f"{path.parent}/", "")


def change(tree: Any, place: str, value: Any) -> None:
    """Set (or with `DELETE` delete) the value at a dotted place."""
    *path, last = (int(part) if part.isdigit() else part for part in place.split("."))
    for part in path:
        tree = tree[part]
    if value is DELETE:
        del tree[last]
    elif isinstance(tree, list) and last == len(tree):
        tree.append(value)
    else:
        tree[last] = value


DELETE = object()
NODE = {"id": "x"}
EDGE = {"source": "db", "target": "web"}
FINDING = {"service": "web", "component": "lib", "cve": "CVE-9"}
AGENT = {"name": "it_1"}


@pytest.mark.parametrize(
    ("place", "value", "parts"),
    [
        # the file's own fields
        ("id", DELETE, ("id: missing", "add it")),
        ("id", "", ("id: ''", "write a text")),
        ("id", 7, ("id: 7 should be a valid string", "write a text (in quotes)")),
        ("id", "a\x1b[31m", ("id: 'a\\x1b[31m' has a line break or control character",)),
        ("title", DELETE, ("title: missing",)),
        ("title", "x" * 201, ("title: ", "at most 200 characters", "shorten it")),
        ("description", "a\x1b", ("description: ", "control character")),
        ("grpah", {}, ("grpah: unknown field", "did you mean 'graph'?")),
        ("governence", {}, ("governence: unknown field", "did you mean 'governance'?")),
        ("sources", "a text", ("sources: 'a text' should be a valid list", "write a list")),
        ("seed", -1, ("seed: -1", "at least 0")),
        ("seed", 2**63, ("seed: ", "less than")),
        ("unconfirmed", "mayhaps", ("unconfirmed: 'mayhaps' is unknown", "use one of 'keep', 'drop'")),
        # the graph
        ("graph", DELETE, ("graph: missing", "or generate:")),
        ("graph", [], ("graph: [] should be", "write a mapping")),
        ("graph", 7, ("graph: 7 should be",)),
        ("graph", "graph.txt", ("graph: 'graph.txt' cannot be read", "give a .json file")),
        ("graph", "none.json", ("graph: no file 'none.json' beside it", "check the path")),
        ("graph", "a\0.json", ("graph: no file 'a\\x00.json' beside it",)),
        ("graph", "x" * 5000 + ".json", ("graph: no file",)),
        ("graph.nodes", DELETE, ("graph.nodes: missing",)),
        ("graph.nodes", [], ("nodes: the graph has no services", "add at least one node")),
        ("graph.nodes", {}, ("graph.nodes: {} should be a valid list", "write a list")),
        ("graph.nodes.0", "web", ("graph.nodes[0]: 'web' should be", "write a mapping")),
        ("graph.nodes.0.id", DELETE, ("graph.nodes[0].id: missing",)),
        ("graph.nodes.0.id", True, ("graph.nodes[0].id: True", "write a text (in quotes)")),
        ("graph.nodes.0.id", {"a": 1}, ("graph.nodes[0].id: {'a': 1}",)),
        ("graph.nodes.0.exposd", True, ("graph.nodes[0].exposd: unknown field", "did you mean 'exposed'?")),
        ("graph.nodes.0.uid", 1, ("nodes.uid: 1 stands twice",)),
        ("graph.nodes.0.uid", 2**31, ("graph.nodes[0].uid: ", "less than")),
        ("graph.nodes.0.loss_keur", -5, ("graph.nodes[0].loss_keur: -5", "at least 0")),
        ("graph.nodes.0.deploy_minutes", 0, ("deploy_minutes: 0 should be greater than 0",)),
        ("graph.nodes.0.data_sensitivity", "secret", ("'secret' is unknown", "'payment'")),
        ("graph.nodes.2", {"id": "web"}, ("nodes[2].id: 'web' stands twice",)),
        ("graph.edges.0.target", "dbb", ("edges[0].target: no node 'dbb'", "did you mean 'db'?, or add the node")),
        ("graph.edges.0.source", "qqqq", ("edges[0].source: no node 'qqqq'",)),
        ("graph.edges.0.source", DELETE, ("graph.edges[0].source: missing",)),
        ("graph.edges.0.target", "web", ("edges[0]: 'web' calls itself", "leave the edge out")),
        ("graph.edges.0.call_probability", 1.01, ("graph.edges[0].call_probability: 1.01", "at most 1")),
        ("graph.edges.0.kind", "grcp", ("graph.edges[0].kind: 'grcp' is unknown", "did you mean 'grpc'?")),
        ("graph.edges.1", {"source": "web", "target": "db"}, ("edges[1]: 'web' -> 'db' stands twice",)),
        ("graph.edges.1", EDGE | {"uid": 0}, ("edges.uid: 0 stands twice",)),
        ("graph.links", [EDGE], ("links: both edges and links", "keep one of the two")),
        ("graph.directed", False, ("directed: the graph is not directed",)),
        ("graph.multigraph", True, ("multigraph: the graph is a multigraph",)),
        # services
        ("services", {"webb": {}}, ("services.webb: no service 'webb' in the graph", "did you mean 'web'?")),
        ("services", {"web": {"ownr": "x"}}, ("services.web.ownr: unknown field", "did you mean 'owner'?")),
        ("services", {"web": {"owner": "nobody"}}, ("services.web.owner: nobody plays the owner 'nobody'",)),
        ("services", {"web": [1]}, ("services.web: [1] should be",)),
        ("services", ["web"], ("services: ['web'] should be a valid dictionary", "write a mapping")),
        ("services", {"": {}}, ("services.: ''",)),
        # entry points
        ("entrypoints.0.service", "wbe", ("entrypoints[0].service: no service 'wbe'", "did you mean 'web'?")),
        ("entrypoints.0.revenue_keur_per_hour", -1, ("entrypoints[0].revenue_keur_per_hour: -1", "at least 0")),
        ("entrypoints.0.revenue_keur_per_hour", DELETE, ("entrypoints[0].revenue_keur_per_hour: missing",)),
        ("entrypoints.0.owner", "vendor_0", ("entrypoints.web.owner: nobody plays the owner 'vendor_0'",)),
        ("entrypoints", {"web": 1}, ("entrypoints: {'web': 1} should be a valid list",)),
        (
            "entrypoints.1",
            {"uid": 0, "service": "db", "revenue_keur_per_hour": 1},
            ("entrypoints.uid: 0 stands twice",),
        ),
        # findings
        ("findings", 7, ("findings: 7 is no list", "write a list of rows, or the name of a CSV or JSON file")),
        ("findings", {"a": 1}, ("findings: {'a': 1} is no list",)),
        ("findings", "none.csv", ("findings: no file 'none.csv' beside it",)),
        ("findings", "findings.xml", ("findings: 'findings.xml' cannot be read", "give a .csv or .json file")),
        ("findings", "", ("findings: '' cannot be read",)),
        ("findings.0", "CVE-1", ("findings[0]: 'CVE-1' should be", "write a mapping")),
        ("findings.0.service", "wbe", ("findings.CVE-1 of lib.service: no service 'wbe'", "did you mean 'web'?")),
        ("findings.0.service", DELETE, ("findings.CVE-1 of lib.service: missing", "name the service")),
        ("findings.0.cve", DELETE, ("findings[0].cve: missing",)),
        ("findings.0.component", "", ("findings[0].component: ''",)),
        ("findings.0.cvss", 10.1, ("findings[0].cvss: 10.1", "at most 10")),
        ("findings.0.epss", 5, ("findings[0].epss: 5", "at most 1")),
        ("findings.0.kev", 1, ("findings[0].kev: 1 should be a valid boolean", "write true or false")),
        ("findings.0.fixed_version", 2.1, ("findings[0].fixed_version: 2.1", "write a text (in quotes)")),
        ("findings.0.technical_impact", "totl", ("'totl' is unknown", "did you mean 'total'?")),
        ("findings.0.known_window", 1.5, ("findings[0].known_window: 1.5", "write a whole number")),
        ("findings.0.uid", 1, ("findings.uid: 1 stands twice",)),
        ("findings.2", FINDING | {"cve": "CVE-1"}, ("findings.CVE-1 of lib: stands twice on 'web'", "keep one")),
        # components
        ("components", [{"component": "lib"}], ("components.lib.service: missing",)),
        ("components", [{"service": "w", "component": "lib"}], ("components.lib.service: no service 'w'",)),
        (
            "components",
            [{"service": "web", "component": "lib", "vendor": "acme"}],
            ("components.lib.vendor: nobody", "'acme'"),
        ),
        ("components", [{"service": "web"}], ("components[0].component: missing",)),
        # patches
        ("patches.0.requires", ["db/engin"], ("patches[0].requires: no patch 'db/engin'", "did you mean 'db/engine'?")),
        (
            "patches.0.requires",
            ["web/lib"],
            ("patches.web/lib.requires: prerequisites in a circle: web/lib -> web/lib",),
        ),
        ("patches.1.requires", ["web/lib"], ("prerequisites in a circle: ", "web/lib -> db/engine", "leave one out")),
        ("patches.0.requires", "db/engine", ("patches[0].requires: 'db/engine' should be a valid list",)),
        ("patches.0.service", "wbe", ("patches[0].service: no service 'wbe'",)),
        ("patches.0.vendor", "acme", ("patches[0].vendor: nobody plays the vendor 'acme'",)),
        ("patches.0.effort_hours", 0, ("patches[0].effort_hours: 0 should be greater than 0",)),
        ("patches.0.regression_probability", -0.1, ("regression_probability: -0.1", "at least 0")),
        ("patches.0.release_window", 2.5, ("release_window: 2.5",)),
        ("patches.0.uid", 1, ("patches.uid: 1 stands twice",)),
        ("patches.1.name", "web/lib", ("patches[1].name: 'web/lib' stands twice",)),
        ("patches.0.efort_hours", 1, ("patches[0].efort_hours: unknown field", "did you mean 'effort_hours'?")),
        # agents and vendors
        ("agents", [], ("agents: nobody plays the role it", "it_0")),
        ("agents.2", DELETE, ("agents: nobody plays the role vendor", "add an agent vendor_0")),
        ("agents.0.name", "bob", ("agents[0].role: no role ''", "'it'")),
        ("agents.0.name", "it_01", ("agents[0].name: 'it_01' does not say its role", "it_0")),
        ("agents.0.role", "vendor", ("agents[0].name: 'it_0' does not say its role", "vendor_0")),
        ("agents.0.role", "IT", ("agents[0].role: no role 'IT'",)),
        ("agents.3", {"name": "it_0"}, ("agents[3].name: it_0 stands twice",)),
        ("agents.3", AGENT | {"uid": 0}, ("agents.uid: 0 stands twice",)),
        ("agents.0.budget_keur", -1, ("agents[0].budget_keur: -1", "at least 0")),
        ("agents.0.vote_weight", 0.5, ("agents[0].vote_weight: 0.5", "write a whole number")),
        ("vendors", {"library": "acme"}, ("vendors.library: nobody plays the vendor 'acme'",)),
        ("vendors", {"library": 3}, ("vendors.library: 3",)),
        ("vendors", ["vendor_0"], ("vendors: ['vendor_0'] should be", "write a mapping")),
        # parameters
        ("world.widows", 3, ("world.widows: unknown parameter", "did you mean 'windows'?")),
        ("world.quota", 0.5, ("world.quota: unknown parameter", "move it to section governance")),
        ("world.windows", "four", ("world.windows: 'four' is not a whole number", "1..520 (windows)")),
        ("world.windows", True, ("world.windows: True is not a whole number",)),
        ("world.windows", [4], ("world.windows: [4] is not a whole number",)),
        ("world.windows", 521, ("world.windows: 521 is out of range",)),
        ("world.incident_loss", "expcted", ("'expcted' is unknown", "did you mean 'expected'?")),
        ("world.enabled", True, ("world.enabled: unknown parameter",)),
        ("governance", {"enabled": True, "governance_enabled": True}, ("given twice", "keep one")),
        ("governance", {"enabled": "yes"}, ("governance.enabled: 'yes' is no switch", "write true or false")),
        ("governance", {"voting": "Majority!"}, ("governance.voting: 'Majority!' is no name of a rule", "lower case")),
        ("governance", ["voting"], ("governance: ['voting'] should be",)),
        (
            "responsibility",
            {"share_it": 1.0, "share_vendor": 0.5},
            ("share_it: share_it + share_business", "more than 1"),
        ),
        ("value", {"season_low_probability": 0.9}, ("season_low_probability + season_high_probability",)),
        # a drawn graph
        ("generate", {"services": 5}, ("does not go with generate", "leave one of the two out")),
    ],
)
def test_refusals(place: str, value: Any, parts: tuple[str, ...], shop: dict[str, Any], write: Write) -> None:
    change(shop, place, value)
    line = line_of(write(shop))
    assert line.startswith("shop.yaml: "), line
    assert all(part in line for part in parts), line


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ("shop.yaml: file: empty",)),
        ("# nothing\n", ("shop.yaml: file: None should be", "write a mapping")),
        ("[]", ("shop.yaml: file: [] should be", "write a mapping")),
        ("just words", ("shop.yaml: file: 'just words' should be",)),
        ("id: a\nid: b\n", ("shop.yaml: line 2: 'id' twice",)),
        ("id: !!python/object:os.system {}\n", ("shop.yaml: line 1: the tag",)),
        (b"\x00\x01\x02\xff", ("shop.yaml: file: not UTF-8",)),
        (b"PK\x03\x04\x00\x00", ("shop.yaml: ",)),
        ("\ufeff" * 3 + "id: a", ("shop.yaml: ",)),
        ("[" * 100_000, ("shop.yaml: line 1: nested",)),
        ("x" * 4_000_001, ("shop.yaml: file: more than 4000000 bytes",)),
    ],
)
def test_files_that_are_no_scenario(text: Any, parts: tuple[str, ...], write: Write) -> None:
    line = line_of(write(text))
    assert all(part in line for part in parts), line


@pytest.mark.parametrize(
    ("section", "parts"),
    [
        ({"services": 0}, ("generate.services: 0", "at least 1")),
        ({"services": "many"}, ("generate.services: 'many'",)),
        ({"servces": 5}, ("generate.servces: unknown field", "did you mean 'services'?")),
        ({"tenants": 0}, ("generate.tenants: 0",)),
        ({"vendors": 65}, ("generate.vendors: 65", "at most 64")),
        ({"seed": 0.5}, ("generate.seed: 0.5",)),
        ([5], ("generate: [5] should be",)),
    ],
)
def test_refusals_of_generate(section: Any, parts: tuple[str, ...], write: Write) -> None:
    line = line_of(write({"id": "g", "title": "G", "generate": section}))
    assert line.startswith("shop.yaml: ")
    assert all(part in line for part in parts), line


@pytest.mark.parametrize(
    ("name", "value"),
    [("vendors", {}), ("seed", 1), ("sources", []), ("services", {}), ("findings", None), ("unconfirmed", "keep")],
)
def test_nothing_beside_generate_is_passed_over(name: str, value: Any, write: Write) -> None:
    line = line_of(write({"id": "g", "title": "G", "generate": {"services": 3}, name: value}))
    assert line == f"shop.yaml: {name}: does not go with generate; leave one of the two out"


def test_agents_of_a_drawn_scenario_must_own_the_tenants(shop: dict[str, Any], write: Write) -> None:
    content = {"id": "g", "title": "G", "generate": {"services": 9, "tenants": 2}, "agents": shop["agents"]}
    line = line_of(write(content))
    assert line.startswith("shop.yaml: services.")
    assert "nobody plays the owner 'tenant-" in line


@pytest.mark.parametrize(
    ("findings", "parts"),
    [
        ("service,component,cve\nweb,lib\n", ("f.csv: line 2: more or fewer cells",)),
        ("service,component,cve\nweb,lib,\n", ("f.csv: line 2.cve: missing", "add it")),
        ("service,component,cve\n\n\nwbe,lib,C\n", ("f.csv: findings.C of lib.service: no service 'wbe'",)),
        ("service,component,cve\nweb,lib,C\nweb,lib,C\n", ("f.csv: findings.C of lib: stands twice",)),
        ("component,cve\nlib,C\n", ("f.csv: findings.C of lib.service: missing",)),
        ("service,component,cve,cvss_score\n", ("f.csv: line 1, cvss_score: unknown column", "'cvss'")),
        ("service,component,cve,epss\nweb,lib,C,nan\n", ("f.csv: line 2.epss: nan should be a finite number",)),
        ("service,component,cve,epss\n\nweb,lib,C,7\n", ("f.csv: line 3.epss: 7", "at most 1")),
        ("service,component,cve,uid\nweb,lib,C,1\nweb,lib,D,1\n", ("f.csv: findings.uid: 1 stands twice",)),
        ("service;component;cve\nweb;lib;C\n", ("f.csv: line 1, ", "unknown column")),
        ("", ("f.csv: file: empty",)),
    ],
)
def test_the_csv_file_is_named(findings: str, parts: tuple[str, ...], shop: dict[str, Any], write: Write) -> None:
    write(findings, "f.csv")
    line = line_of(write(shop | {"findings": "f.csv", "patches": None}))
    assert all(part in line for part in parts), line


@pytest.mark.parametrize(
    ("findings", "part"),
    [
        ("{}", "f.json: rows: {} is no list"),
        ("[1]", "f.json: rows[0]: 1 should be"),
        ('[{"service": "web", "component": "lib", "cve": "C", "epss": NaN}]', "f.json: [0].epss: nan is no finite"),
        ("[", "f.json: line 1"),
    ],
)
def test_the_json_file_is_named(findings: str, part: str, shop: dict[str, Any], write: Write) -> None:
    write(findings, "f.json")
    assert part in line_of(write(shop | {"findings": "f.json"}))


def test_the_graph_file_is_named(shop: dict[str, Any], write: Write) -> None:
    graph = shop["graph"]
    shop["graph"] = "g.json"
    graph["edges"][0]["target"] = "nowhere"
    write(json.dumps(graph), "g.json")
    assert line_of(write(shop)).startswith("g.json: edges[0].target: no node 'nowhere'")
    write(json.dumps(graph | {"nodes": 7}), "g.json")
    assert line_of(write(shop)).startswith("g.json: nodes: 7 should be")
    (write(shop).parent / "g.json").unlink()
    (write(shop).parent / "g.json").mkdir()
    assert line_of(write(shop)).startswith("g.json: file: is a folder")


def test_a_drawn_patch_keeps_its_uid(shop: dict[str, Any], write: Write) -> None:
    """A stated patch must not take the uid of one that is drawn for a component without a patch."""
    del shop["patches"][1]
    shop["patches"][0] |= {"requires": [], "uid": 1}
    line = line_of(write(shop))
    assert "patches[0].uid: 1 is the uid of the drawn patch 'db/engine'" in line


def test_one_patch_for_one_component(shop: dict[str, Any], write: Write) -> None:
    shop["patches"].append(shop["patches"][1] | {"uid": 5, "name": "another", "requires": []})
    assert "patches[2].component: 'engine' of 'db' has a patch already" in line_of(write(shop))
