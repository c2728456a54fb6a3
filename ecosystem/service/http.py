"""The service over HTTP: JSON in, JSON out, a key for each tenant. No request names a tenant: its key does.

| request | answer |
|---|---|
| `GET /v1/health` | whether the server is up; needs no key |
| `PUT /v1/data` | take graph and findings; counts and assumptions |
| `GET /v1/data` | counts and assumptions of what was uploaded |
| `DELETE /v1/data` | delete it |
| `GET /v1/modules` | modules, which are subscribed, prices and worth |
| `POST /v1/plans` | `{"recommender": NAME, "k": 3}`: plans for the coming window |

The server speaks plain HTTP; put a proxy with TLS before it wherever others can listen.
"""

from __future__ import annotations

import io
import json
import logging
import math
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any

from pydantic import Field

from patchpact.ecosystem.service.limits import Buckets
from patchpact.ecosystem.service.service import Service, ServiceError, plan_rows
from patchpact.ecosystem.service.tenants import Keys, TenantRecord
from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.files import parse_json
from patchpact.scenarios.schema import Model, check

LOG = logging.getLogger("patchpact.serve")
_BUSY = b'{"error": "server: too many connections; come again later"}'


class PlansRequest(Model):
    """The body of `POST /v1/plans`."""

    recommender: Annotated[str, Field(max_length=100)]
    k: int = 3


class _Timely(io.RawIOBase):
    """What a connection sends, until a deadline.

    Args:
        connection: read from.
    """

    deadline = math.inf

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for bytes. Raises ``TimeoutError`` at the deadline."""
        left = self.deadline - time.monotonic()
        if left <= 0.0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


_HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r]*\r?\n")


class _Lines(io.BufferedReader):
    """Lines of a request's head, and whether one after the first is no header.

    The library's parser drops such a line and all headers after it; it also ends lines at a carriage return. A proxy
    that does neither would see a request end elsewhere.
    """

    number = 0
    odd = False

    def readline(self, size: int | None = -1, /) -> bytes:
        """The next line."""
        line = super().readline(-1 if size is None else size)
        if self.number:
            self.odd = self.odd or not (line in (b"\r\n", b"\n", b"") or _HEADER.fullmatch(line))
        else:
            self.odd = b"\r" in line.removesuffix(b"\r\n")
        self.number += 1
        return line


class Handler(BaseHTTPRequestHandler):
    """One connection. Nothing of a request but its key decides whose data it meets."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else an answer waits for the caller's delayed acknowledgement
    wbufsize = -1  # head and body in one packet
    server_version = "patchpact"
    sys_version = ""
    server: Server

    def setup(self) -> None:
        """Read with a deadline."""
        super().setup()
        self._timely = _Timely(self.connection)
        self.rfile = self._lines = _Lines(self._timely)

    def handle_one_request(self) -> None:
        """Give a caller so long for a whole request, however it trickles, and no longer."""
        self._timely.deadline = time.monotonic() + self.server.service.limits.seconds
        self._lines.number = 0
        super().handle_one_request()

    def parse_request(self) -> bool:
        """Refuse a head in which the library's parser leaves something out."""
        if not super().parse_request():
            return False
        if self._lines.odd:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return False
        return True

    def do(self) -> None:
        """Answer a request of any method."""
        began = time.perf_counter()
        self._unread = self._body_bytes() != 0
        who = "-"
        try:
            if self.path == "/v1/health" and self.command == "GET":
                return self._answer(200, {"status": "ok"})
            tenant = self._tenant()
            who = tenant.id
            wait = self.server.buckets.wait_seconds(who)
            if wait:
                return self._answer(429, _error("rate: too many requests; wait"), {"Retry-After": str(wait)})
            action = self._action()
            self._answer(200, action(tenant.id))
        except ServiceError as error:
            self._answer(error.status, _error(str(error)))
        except ScenarioError as error:  # of the document: one line that names the field and the mend
            self._answer(422, _error(str(error)))
        except (TimeoutError, ConnectionError):
            self.close_connection = True
        except Exception as error:
            LOG.error("tenant %s: %s in %s", who, type(error).__name__, _place(error))  # without what it says
            self._answer(500, _error("server: failed; the operator's log says where"))
        finally:
            LOG.info("%s %s %s %.0f ms", who, self.command, self._status, 1e3 * (time.perf_counter() - began))

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = do

    _status = 0
    _unread = False

    def _action(self) -> Callable[[str], Any]:
        """What to do for a tenant."""
        service = self.server.service
        actions: dict[tuple[str, str], Callable[[str], Any]] = {
            ("GET", "/v1/data"): service.summary,
            ("PUT", "/v1/data"): self._upload,
            ("DELETE", "/v1/data"): self._forget,
            ("GET", "/v1/modules"): service.modules,
            ("POST", "/v1/plans"): self._plans,
        }
        action = actions.get((self.command, self.path))
        if action is None:
            methods = [method for method, path in actions if path == self.path]
            if methods:
                raise ServiceError(405, f"method: not for this path; use {', '.join(methods)}")
            raise ServiceError(404, "path: there is none such; see docs/platform.md")
        if self.command in ("GET", "DELETE") and self._unread:
            raise ServiceError(400, "body: this request has none; leave it out")
        return action

    def _upload(self, tenant: str) -> Any:
        document = self._document()
        with self.server.working():
            return self.server.service.upload(tenant, document)

    def _forget(self, tenant: str) -> Any:
        self.server.service.forget(tenant)
        return {"deleted": True}

    def _plans(self, tenant: str) -> Any:
        asked = check(PlansRequest, self._document(), "request")
        with self.server.working():
            plans = plan_rows(self.server.service.plans(tenant, asked.recommender, asked.k))
        return {"plans": plans} if plans else {"plans": [], "why": "no patch that it would nominate in this window"}

    def _tenant(self) -> TenantRecord:
        """Whose key it is. Raises ``ServiceError``: 401, or 429 for an address that keeps guessing."""
        given = self.headers.get_all("Authorization") or []
        if len(given) == 1 and len(given[0]) <= 200 and given[0].startswith("Bearer "):
            tenant = self.server.keys.tenant_of(given[0].removeprefix("Bearer ").strip())
            if tenant is not None:
                return tenant
        wait = self.server.failures.wait_seconds(self.client_address[0])  # a right key passes: all may share a proxy
        if wait:
            raise ServiceError(429, f"key: too many wrong ones from this address; wait {wait} s")
        raise ServiceError(401, "key: missing or wrong; send Authorization: Bearer KEY")

    def _body_bytes(self) -> int:
        """The stated length; -1 for one that cannot be taken."""
        lengths = self.headers.get_all("Content-Length") or []
        if self.headers.get("Transfer-Encoding") is not None or len(lengths) > 1:
            return -1
        if not lengths:
            return 0
        return int(lengths[0]) if re.fullmatch(r"[0-9]{1,12}", lengths[0]) else -1

    def _document(self) -> Any:
        """The body as JSON. Raises ``ServiceError``: 411, 413, 415, or ``ScenarioError``."""
        kind = (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise ServiceError(415, "Content-Type: not application/json; send JSON")
        length, most = self._body_bytes(), self.server.service.limits.body_bytes
        if length <= 0:
            raise ServiceError(411, "Content-Length: missing or unusable; state the body's length")
        if length > most:
            raise ServiceError(413, f"body: {length} bytes; send at most {most}")
        content = self.rfile.read(length)
        if len(content) < length:
            raise ConnectionError
        self._unread = False
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise ServiceError(400, "body: not UTF-8; encode it as UTF-8") from None
        return parse_json(text, "body")

    def _answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._status = status
        content = json.dumps(value, allow_nan=False).encode("utf-8")
        if self._unread:  # what was not read would be taken for the next request
            self.close_connection = True
        self.send_response(status)
        for name, text in {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **({"Connection": "close"} if self.close_connection else {}),
            **({"WWW-Authenticate": "Bearer"} if status == 401 else {}),
            **(headers or {}),
        }.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.connection.settimeout(self.server.service.limits.seconds)
        self.wfile.flush()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library refuses by itself (a malformed request), also as JSON and without repeating it."""
        self.close_connection = True
        self.command = getattr(self, "command", None) or "-"
        self._answer(code, _error(f"request: {HTTPStatus(code).phrase.lower()}; correct it"))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: ``do`` logs, without paths and headers."""


class Server(ThreadingHTTPServer):
    """The service behind a port.

    Args:
        service: with tenants that have keys.
        host, port: where to listen; port 0 takes a free one (``server_address`` says which).
        workers: uploads and plans worked on side by side; the others wait.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: Service, host: str = "127.0.0.1", port: int = 0, workers: int = 2) -> None:
        self.service = service
        limits = service.limits
        self.keys = Keys(service.tenants)
        self.buckets = Buckets(limits.rate_per_second, limits.burst)
        self.failures = Buckets(limits.failures_per_second, limits.failure_burst)
        self._workers = threading.BoundedSemaphore(workers)
        self._free = threading.BoundedSemaphore(limits.connections)
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), Handler)

    @contextmanager
    def working(self) -> Iterator[None]:
        """A place among the workers. Raises ``ServiceError`` (503) if none is free in time."""
        if not self._workers.acquire(timeout=self.service.limits.seconds):
            raise ServiceError(503, "server: too much work at once; come again later")
        try:
            yield
        finally:
            self._workers.release()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for each connection, up to a limit; those beyond are told so."""
        if not self._free.acquire(blocking=False):
            head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {len(_BUSY)}"
            try:
                request.settimeout(1.0)
                request.sendall(f"{head}\r\nConnection: close\r\nRetry-After: 1\r\n\r\n".encode() + _BUSY)
            except OSError:
                pass
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, then its place is free."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke off: a line without what it said."""
        LOG.info("a connection broke off")


def _error(text: str) -> dict[str, str]:
    return {"error": text}


def _place(error: BaseException) -> str:
    """Where it was raised: file and line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
