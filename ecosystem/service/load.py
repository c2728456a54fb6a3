"""How many requests a second the service answers: clients with open connections, all on this machine."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from patchpact.ecosystem.modules import MODULES
from patchpact.ecosystem.service.http import Server
from patchpact.ecosystem.service.limits import Limits
from patchpact.ecosystem.service.service import Service
from patchpact.ecosystem.service.tenants import TenantRecord, with_new_key
from patchpact.scenarios import Scenario

KINDS: dict[str, tuple[str, str, Mapping[str, Any] | None]] = {
    "data": ("GET", "/v1/data", None),
    "plans, known": ("POST", "/v1/plans", {"recommender": "net-gain", "k": 3}),
    "plans, new": ("POST", "/v1/plans", {"recommender": "net-gain", "k": 3}),
    "upload": ("PUT", "/v1/data", None),
}
"""What is asked; plans are known where the tenant asked the same before, new right after an upload."""


def document_of(scenario: Scenario) -> dict[str, Any]:
    """A scenario as a tenant would upload it: its graph and findings."""
    nodes: list[dict[str, Any]] = [
        {"id": s.name, "kind": s.kind, "exposed": s.exposed, "data_sensitivity": s.data_sensitivity}
        for s in scenario.services
    ]
    revenue: dict[str, float] = {}  # k€ an hour, by entry
    for entry in scenario.entrypoints:
        revenue[entry.service] = revenue.get(entry.service, 0.0) + entry.revenue_keur_per_hour
    for node in nodes:
        if node["id"] in revenue:
            node["revenue_keur_per_hour"] = revenue[node["id"]]
    links = [{"source": e.source, "target": e.target, "kind": e.kind, "hard": e.hard} for e in scenario.edges]
    fields = ("service", "component", "cve", "cvss", "epss", "kev", "exposed", "fixed_version")
    findings = [{name: getattr(f, name) for name in fields} for f in scenario.findings]
    return {"graph": {"nodes": nodes, "links": links}, "findings": findings}


def bench_serve(scenario: Scenario, tenants: int, clients: int, seconds: float) -> list[dict[str, Any]]:
    """Requests a second held, with times by which half and 95% were answered.

    Server and clients share this process and its interpreter lock: what is told is a lower bound of the server alone.

    Args:
        scenario: what each tenant uploads.
        tenants: how many.
        clients: connections, each of one tenant in turn, asking one thing after another.
        seconds: how long each kind is asked.

    Returns:
        A row for each kind of request: ``requests_per_second``, ``median_ms``, ``p95_ms``, ``cpu_ms`` (processor
        time of server and clients for each, uploads before a new plan included), ``answered``, ``failed``.

    Raises:
        RuntimeError: where the server refuses an upload.
    """
    plenty = Limits(rate_per_second=1e9, burst=1 << 30, connections=clients + 8, seconds=600.0)
    modules = [module.name for module in MODULES]
    people = [with_new_key(TenantRecord(id=f"tenant-{n}", modules=modules)) for n in range(tenants)]
    upload = json.dumps(document_of(scenario)).encode()
    rows = []
    service = Service([record for record, _ in people], limits=plenty)
    service.warm_up()
    with Server(service) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        callers = [_Caller(server, people[n % tenants][1]) for n in range(clients)]
        for caller in callers:
            status = caller.ask("PUT", "/v1/data", upload)
            if status != 200:
                raise RuntimeError(f"upload: the server answered {status}")
        for kind, (method, path, asked) in KINDS.items():
            body = upload if kind == "upload" else None if asked is None else json.dumps(asked).encode()
            before = upload if kind == "plans, new" else None
            rows.append({"requests": kind} | _drive(callers, method, path, body, before, seconds))
        for caller in callers:
            caller.connection.close()
        server.shutdown()
        thread.join()
    return rows


class _Caller:
    """One open connection of a tenant."""

    def __init__(self, server: Server, key: str) -> None:
        host, port = str(server.server_address[0]), int(server.server_address[1])
        self.connection = http.client.HTTPConnection(host, port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: bytes | None) -> int:
        """The answer's status."""
        self.connection.request(method, path, body, self._headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


def _drive(
    callers: list[_Caller], method: str, path: str, body: bytes | None, before: bytes | None, seconds: float
) -> dict[str, Any]:
    """All callers ask the same, as fast as they are answered; what comes ``before`` each is not counted."""
    took: list[float] = []
    failed: list[int] = []
    end = time.perf_counter() + seconds

    def go(caller: _Caller) -> None:
        while time.perf_counter() < end:
            if before is not None:
                caller.ask("PUT", "/v1/data", before)
            began = time.perf_counter()
            status = caller.ask(method, path, body)
            took.append(time.perf_counter() - began)
            if status != 200:
                failed.append(status)

    threads = [threading.Thread(target=go, args=(caller,)) for caller in callers]
    began, worked = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent, worked = time.perf_counter() - began, time.process_time() - worked
    median, late = np.percentile(took, [50.0, 95.0]) * 1e3
    return {
        "requests_per_second": len(took) / spent,
        "median_ms": float(median),
        "p95_ms": float(late),
        "cpu_ms": 1e3 * worked / len(took),
        "answered": len(took),
        "failed": len(failed),
    }
