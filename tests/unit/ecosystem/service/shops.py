"""Small tenants for the tests of the service."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from patchpact.ecosystem.service.http import Server
from patchpact.ecosystem.service.limits import Limits
from patchpact.ecosystem.service.service import Service
from patchpact.ecosystem.service.tenants import TenantRecord, with_new_key

EVERYTHING = ["scan", "prioritise", "patch-bot", "measurement", "esg-report", "forecast"]
PLENTY = Limits(rate_per_second=1e9, burst=1 << 30, failures_per_second=1e9, failure_burst=1 << 30)


def shop(name: str = "shop", leaves: int = 0, **more: Any) -> dict[str, Any]:
    """A shop of three services with a finding each, and ``leaves`` without; all its names begin with ``name``."""
    web, orders, store = f"{name}-web", f"{name}-orders", f"{name}-db"
    nodes = [
        {"id": web, "kind": "frontend", "exposed": True, "revenue_keur_per_hour": 0.5},
        {"id": orders, "kind": "service"},
        {"id": store, "kind": "store", "data_sensitivity": "payment"},
    ]
    links = [{"source": web, "target": orders}, {"source": orders, "target": store}]
    nodes += [{"id": f"{name}-leaf{n}", "kind": "service"} for n in range(leaves)]
    links += [{"source": orders, "target": f"{name}-leaf{n}"} for n in range(leaves)]
    findings = [
        {"service": service, "component": f"{name}-{part}", "cve": f"CVE-2024-{number}", "cvss": cvss, "epss": epss}
        | {"kev": kev, "fixed_version": "2.0.1", "version": "2.0.0", "technical_impact": "total"}
        for service, part, number, cvss, epss, kev in (
            (web, "http", 1001, 7.5, 0.9, True),
            (orders, "json", 1002, 9.8, 0.05, False),
            (store, "engine", 1003, 6.1, 0.4, False),
        )
    ]
    return {"graph": {"nodes": nodes, "links": links}, "findings": findings} | more


class Client:
    """An open connection."""

    def __init__(self, server: Server, key: str) -> None:
        self.server, self.key = server, key
        self.connection = self._open()

    def _open(self) -> http.client.HTTPConnection:
        host, port = self.server.server_address[:2]
        return http.client.HTTPConnection(str(host), int(port), timeout=600)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers of the answer; ``body`` is text as it is, or JSON."""
        said = {"Authorization": f"Bearer {self.key}"}
        if body is not None:
            said["Content-Type"] = "application/json"
            body = body if isinstance(body, str | bytes) else json.dumps(body)
        try:
            self.connection.request(method, path, body, said | (headers or {}))
            answer = self.connection.getresponse()
            text = answer.read().decode()
        except (http.client.HTTPException, OSError):
            self.connection.close()
            self.connection = self._open()
            raise
        return answer.status, text, {key.lower(): value for key, value in answer.getheaders()}


@contextmanager
def serving(people: dict[str, list[str]], limits: Limits = PLENTY, **more: Any) -> Iterator[dict[str, Client]]:
    """A server for tenants (id -> modules) and a client of each."""
    made = [with_new_key(TenantRecord(id=name, modules=modules)) for name, modules in people.items()]
    with Server(Service([record for record, _ in made], limits=limits, **more)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        clients = {record.id: Client(server, key) for record, key in made}
        try:
            yield clients
        finally:
            for client in clients.values():
                client.connection.close()
            server.shutdown()
            thread.join()
