"""Services, calls and revenue flows out of a described graph; what is missing is completed.

Defaults by kind are assumptions, apart from the time ranges (CALIBRATION section 5: a rolling deploy
takes 2 to 15 minutes, a database upgrade 10 to 60) and the losses (parameters `loss_*_keur`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from patchpact.scenarios.draws import between, log_normal
from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.notes import Notes
from patchpact.scenarios.parameters import Value
from patchpact.scenarios.scenario import Edge, Entrypoint, Sensitivity, Service
from patchpact.scenarios.schema import EntrypointRow, Link, Node

CALL_PROBABILITY = {"http": 0.6, "grpc": 0.6, "db": 0.8, "cache": 0.9, "queue": 0.3, "async": 0.2}
LATERAL_PROBABILITY = {"http": 0.3, "grpc": 0.3, "db": 0.2, "cache": 0.2, "queue": 0.2, "async": 0.1}
HARD = {"http": True, "grpc": True, "db": True, "cache": False, "queue": False, "async": False}
SENSITIVITY = {
    "service": "low", "frontend": "personal", "gateway": "low", "store": "personal", "queue": "low",
    "external": "none",
}  # fmt: skip
TOTAL_REVENUE_KEUR_PER_HOUR = 10.0
"""Median downtime cost of a small or medium enterprise, about 10 k€ an hour (CALIBRATION section 6)."""
MAX_FLOWS = 16
REQUESTS_PER_KEUR = 400.0


def give_uids(wanted: Sequence[int | None], where: str, what: str) -> list[int]:
    """The uids of a list: those stated, else the smallest free numbers in the list's order."""
    taken: set[int] = set()
    for uid in wanted:
        if uid is None:
            continue
        if uid in taken:
            raise ScenarioError(where, f"{what}.uid", f"{uid} stands twice", "give each its own number")
        taken.add(uid)
    free, result = 0, []
    for uid in wanted:
        if uid is None:
            while free in taken:
                free += 1
            uid = free
            taken.add(uid)
        result.append(uid)
    return result


def build_services(
    nodes: Sequence[Node], parameters: Mapping[str, Value], seed: int, where: str, notes: Notes
) -> tuple[list[Service], dict[str, Node]]:
    """Services with owner and tenant still as written ("" when not stated), and the nodes by name."""
    if not nodes:
        raise ScenarioError(where, "nodes", "the graph has no services", "add at least one node")
    by_name: dict[str, Node] = {}
    for index, node in enumerate(nodes):
        if node.id in by_name:
            raise ScenarioError(where, f"nodes[{index}].id", f"{shown(node.id)} stands twice", "keep one")
        by_name[node.id] = node
    uids = give_uids([node.uid for node in nodes], where, "nodes")
    made = []
    for uid, (name, node) in zip(uids, by_name.items(), strict=True):
        made.append(_service(uid, name, node, parameters, seed, notes))
    if not any(service.exposed for service in made):
        notes.add("exposed services", "none was marked: kinds frontend and gateway, else those nobody calls")
    return made, by_name


def _service(uid: int, name: str, node: Node, parameters: Mapping[str, Value], seed: int, notes: Notes) -> Service:
    kind = node.kind or "service"
    if node.kind is None:
        notes.add("kind of services", "service")
    sensitivity = node.data_sensitivity or SENSITIVITY[kind]
    if node.data_sensitivity is None:
        notes.add("data_sensitivity of services", "by kind: stores and frontends personal, others low")
    is_store = kind in ("store", "queue")
    replicas = node.replicas or (1 if is_store else 2)
    if node.replicas is None:
        notes.add("replicas of services", "1 for stores and queues, 2 for others")
    minutes = node.deploy_minutes
    if minutes is None:
        low, high = (10.0, 60.0) if is_store else (2.0, 15.0)
        minutes = round(between(low, high, seed, "deploy", uid), 1)
        notes.add("deploy_minutes of services", "drawn: 2-15 for services, 10-60 for stores and queues")
    loss = node.loss_keur
    if loss is None:
        loss = 0.0 if kind == "external" else float(parameters[f"loss_{sensitivity}_keur"])
        notes.add("loss_keur of services", "by data_sensitivity (loss_*_keur), 0 for external ones")
    return Service(
        uid=uid,
        name=name,
        kind=kind,
        exposed=bool(node.exposed),
        owner=node.owner or "",
        tenant=node.tenant or "",
        data_sensitivity=cast(Sensitivity, sensitivity),
        replicas=replicas,
        deploy_minutes=minutes,
        loss_keur=loss,
        evidence=node.evidence or node.image_or_build or "",
    )


def build_edges(links: Sequence[Link], services: Sequence[Service], where: str, notes: Notes) -> list[Edge]:
    """Calls with every probability filled in; uids follow the uids of the services when not stated."""
    by_name = {service.name: service for service in services}
    seen: set[tuple[str, str]] = set()
    for index, link in enumerate(links):
        for end in ("source", "target"):
            name = getattr(link, end)
            if name not in by_name:
                mend = f"{closest(name, by_name)}, or add the node"
                raise ScenarioError(where, f"edges[{index}].{end}", f"no node {shown(name)}", mend)
        pair = (link.source, link.target)
        if pair[0] == pair[1]:
            problem = f"{shown(pair[0])} calls itself"
            raise ScenarioError(where, f"edges[{index}]", problem, "leave the edge out")
        if pair in seen:
            problem = f"{shown(pair[0])} -> {shown(pair[1])} stands twice"
            raise ScenarioError(where, f"edges[{index}]", problem, "keep one edge per pair")
        seen.add(pair)
    ordered = sorted(links, key=lambda k: (by_name[k.source].uid, by_name[k.target].uid))
    uids = give_uids([link.uid for link in ordered], where, "edges")
    return [_edge(uid, link, by_name, notes) for uid, link in zip(uids, ordered, strict=True)]


def _edge(uid: int, link: Link, by_name: Mapping[str, Service], notes: Notes) -> Edge:
    target = by_name[link.target]
    kind = link.kind
    if kind is None:
        kind = {"store": "db", "queue": "queue"}.get(target.kind, "http")  # type: ignore[assignment]
        notes.add("kind of edges", "db to stores, queue to queues, else http")
    assert kind is not None
    call, lateral, hard = link.call_probability, link.lateral_probability, link.hard
    if call is None:
        call = CALL_PROBABILITY[kind]
        notes.add("call_probability of edges", "by kind: " + _listed(CALL_PROBABILITY))
    if lateral is None:
        lateral = LATERAL_PROBABILITY[kind]
        notes.add("lateral_probability of edges", "by kind: " + _listed(LATERAL_PROBABILITY))
    if hard is None:
        hard = HARD[kind]
        notes.add("hard of edges", "http, grpc and db hard; cache, queue and async soft")
    consumes = link.consumes
    if consumes is None:
        consumes = kind == "queue"
        if consumes:
            notes.add("consumes of queue edges", "the client also consumes")
    return Edge(
        uid=uid,
        source=link.source,
        target=link.target,
        kind=kind,
        call_probability=call,
        lateral_probability=lateral,
        hard=hard,
        consumes=consumes,
        evidence=link.evidence or "",
    )


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value:g}" for key, value in values.items())


def expose(services: Sequence[Service], edges: Iterable[Edge]) -> set[str]:
    """Names of the exposed services; when none is marked, frontends and gateways, else uncalled ones."""
    marked = {service.name for service in services if service.exposed}
    if marked:
        return marked
    candidates = [service for service in services if service.kind != "external"] or list(services)
    external = {service.name for service in services if service.kind == "external"}
    fronts = {service.name for service in candidates if service.kind in ("frontend", "gateway")}
    if fronts:
        return fronts
    called = {edge.target for edge in edges if edge.source not in external}
    uncalled = {service.name for service in candidates if service.name not in called}
    return uncalled or {min(candidates, key=lambda service: service.uid).name}


def stated_flows(
    nodes: Mapping[str, Node], stated: Sequence[EntrypointRow] | None, notes: Notes
) -> Sequence[EntrypointRow]:
    """The flows of the file, else those that nodes state themselves (`revenue_keur_per_hour`)."""
    if stated is not None:
        flows = [n for n in nodes.values() if n.revenue_keur_per_hour is not None]
        notes.add("revenue_keur_per_hour of nodes", "ignored, entrypoints are stated", len(flows))
        return stated
    silent = [n for n in nodes.values() if n.exposed and n.revenue_keur_per_hour is None]
    if any(n.revenue_keur_per_hour is not None for n in nodes.values()):
        how = "none, where others state revenue_keur_per_hour and they do not"
        notes.add("revenue of exposed services", how, len(silent))
    alone = [n for n in nodes.values() if n.requests_per_hour is not None and n.revenue_keur_per_hour is None]
    notes.add("requests_per_hour of nodes", "ignored without revenue_keur_per_hour", len(alone))
    return [
        EntrypointRow(
            service=name,
            requests_per_hour=node.requests_per_hour,
            revenue_keur_per_hour=node.revenue_keur_per_hour,
        )
        for name, node in nodes.items()
        if node.revenue_keur_per_hour is not None
    ]


def build_entrypoints(
    rows: Sequence[EntrypointRow], services: Sequence[Service], seed: int, where: str, notes: Notes
) -> list[Entrypoint]:
    """The stated flows, else one for each exposed service (at most 16), sharing 10 k€ an hour."""
    by_name = {service.name: service for service in services}
    for index, row in enumerate(rows):
        if row.service not in by_name:
            field, mend = f"entrypoints[{index}].service", closest(row.service, by_name)
            raise ScenarioError(where, field, f"no service {shown(row.service)}", mend)
    if not rows:
        exposed = sorted((s for s in services if s.exposed), key=lambda service: service.uid)
        weights = {s.name: log_normal(1.0, 0.5, seed, "revenue", s.uid) for s in exposed}
        exposed = sorted(exposed, key=lambda service: (-weights[service.name], service.uid))[:MAX_FLOWS]
        exposed.sort(key=lambda service: service.uid)
        total = sum(weights[s.name] for s in exposed)
        rows = [
            EntrypointRow(
                service=s.name,
                revenue_keur_per_hour=round(TOTAL_REVENUE_KEUR_PER_HOUR * weights[s.name] / total, 3),
            )
            for s in exposed
        ]
        how = f"exposed services, {TOTAL_REVENUE_KEUR_PER_HOUR:g} k€ an hour shared by draw"
        if len(weights) > len(exposed):
            how += f"; the {MAX_FLOWS} with the largest draws of {len(weights)}, the others earn nothing"
        notes.add("entrypoints", how, len(rows))
    else:
        rows = sorted(rows, key=lambda row: by_name[row.service].uid)
    uids = give_uids([row.uid for row in rows], where, "entrypoints")
    made = []
    for uid, row in zip(uids, rows, strict=True):
        requests = row.requests_per_hour
        if requests is None:
            requests = round(REQUESTS_PER_KEUR * row.revenue_keur_per_hour, 1)
            notes.add("requests_per_hour of entrypoints", f"{REQUESTS_PER_KEUR:g} per k€ of revenue")
        service = by_name[row.service]
        made.append(
            Entrypoint(
                uid=uid,
                service=service.name,
                requests_per_hour=requests,
                revenue_keur_per_hour=row.revenue_keur_per_hour,
                owner=row.owner or service.owner,
            )
        )
    return made
