"""The service over HTTP: clear refusals, bounds, and no way from one tenant to another's data."""

import contextlib
import http.client
import json
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import shops

from patchpact.ecosystem.service.limits import Limits
from patchpact.ecosystem.service.load import bench_serve
from patchpact.scenarios import load_scenario


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, shops.Client]]:
    with shops.serving({"a": shops.EVERYTHING, "b": []}) as found:
        yield found


def test_a_tenant_s_day(clients: dict[str, shops.Client]) -> None:
    a = clients["a"]
    status, text, headers = a.ask("PUT", "/v1/data", shops.shop("day"))
    assert status == 200 and json.loads(text)["findings"] == 3
    assert headers["content-type"] == "application/json" and headers["cache-control"] == "no-store"
    assert json.loads(a.ask("GET", "/v1/data")[1])["services"] == 3
    status, text, _ = a.ask("POST", "/v1/plans", {"recommender": "net-gain", "k": 2})
    plans = json.loads(text)["plans"]
    assert status == 200 and 1 <= len(plans) <= 2 and plans[0]["steps"][0]["service"].startswith("day-")
    assert a.ask("GET", "/v1/modules")[0] == 200
    assert a.ask("DELETE", "/v1/data")[0] == 200
    assert a.ask("GET", "/v1/data")[0] == 404


@pytest.mark.parametrize(
    ("who", "method", "path", "body", "status", "mend"),
    [
        ("b", "POST", "/v1/plans", {"recommender": "net-gain"}, 402, "not subscribed"),
        ("b", "POST", "/v1/plans", {"recommender": "cvss-first"}, 409, "send graph and findings first"),
        ("b", "POST", "/v1/plans", {"recommender": "no"}, 404, "there is no 'no'"),
        ("b", "POST", "/v1/plans", {"recommender": "cvss-first", "k": 1e9}, 422, "request: k"),
        ("b", "POST", "/v1/plans", {"recommender": "cvss-first", "tenant": "a"}, 422, "unknown field"),
        ("b", "POST", "/v1/plans", "{", 422, "correct the JSON"),
        ("b", "POST", "/v1/plans", '{"k": NaN}', 422, "finite"),
        ("b", "POST", "/v1/plans", "[" * 100_000, 422, "nested"),
        ("b", "POST", "/v1/plans", b"\xff\xfe", 400, "UTF-8"),
        ("b", "PUT", "/v1/data", {"graph": {"nodes": [{"id": "x", "kin": 1}]}}, 422, "did you mean 'kind'"),
        ("b", "PUT", "/v1/data", shops.shop(calendar=["normal", "normal", "never"]), 422, "give three of"),
        ("b", "PUT", "/v1/data", None, 415, "send JSON"),
        ("b", "GET", "/v1/data?tenant=a", None, 404, "none such"),
        ("b", "GET", "/v1/tenants/a/data", None, 404, "none such"),
        ("b", "GET", "/v1/plans", None, 405, "use POST"),
        ("b", "PATCH", "/v1/data", None, 405, "use GET, PUT, DELETE"),
        ("b", "GET", "/v1/data", {"x": 1}, 400, "leave it out"),
    ],
)
def test_refusals(
    clients: dict[str, shops.Client], who: str, method: str, path: str, body: object, status: int, mend: str
) -> None:
    got, text, _ = clients[who].ask(method, path, body)
    assert got == status and mend in json.loads(text)["error"]
    assert clients[who].ask("GET", "/v1/health")[0] == 200


@pytest.mark.parametrize("key", ["", "x", "Bearer", "a.b", "0" * 16 + "." + "x" * 43, "y" * 10_000])
def test_without_its_key_nobody_is_anybody(clients: dict[str, shops.Client], key: str) -> None:
    stranger = shops.Client(clients["a"].server, key)
    status, text, headers = stranger.ask("GET", "/v1/data")
    assert status == 401 and "Bearer KEY" in text and headers["www-authenticate"] == "Bearer"


def test_a_form_is_told_to_be_json(clients: dict[str, shops.Client]) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    status, text, _ = clients["b"].ask("PUT", "/v1/data", "--x--", form)
    assert status == 415 and "send JSON" in text


def test_two_keys_are_none(clients: dict[str, shops.Client]) -> None:
    a, b = clients["a"], clients["b"]
    host, port = a.server.server_address[:2]
    with socket.create_connection((str(host), int(port)), timeout=30) as line:
        heads = "".join(f"Authorization: Bearer {client.key}\r\n" for client in (a, b))
        line.sendall(f"GET /v1/data HTTP/1.1\r\nHost: x\r\n{heads}Connection: close\r\n\r\n".encode())
        assert line.makefile().readline().split()[1] == "401"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET /v1/data HTTP/9.9\r\n\r\n",
        b"GET " + b"/x" * 40_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /v1/data HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n",
        b"BREW /v1/data HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_in_json(clients: dict[str, shops.Client], request_: bytes) -> None:
    host, port = clients["a"].server.server_address[:2]
    with socket.create_connection((str(host), int(port)), timeout=30) as line:
        line.sendall(request_)
        answer = line.makefile("rb").read()
    assert b'{"error": "request: ' in answer and b"<html" not in answer.lower()
    assert clients["a"].ask("GET", "/v1/health")[0] == 200


def test_a_body_that_was_refused_is_not_the_next_request(clients: dict[str, shops.Client]) -> None:
    """Smuggling: the second request hides in the body of a first one that is refused before it is read, or whose
    length stands where one parser reads it and another does not."""
    a, b = clients["a"], clients["b"]
    a.ask("PUT", "/v1/data", shops.shop("smuggled"))
    hidden = f"GET /v1/data HTTP/1.1\r\nAuthorization: Bearer {a.key}\r\n\r\n"
    host, port = a.server.server_address[:2]
    for extra in (
        f"Content-Length: {len(hidden)}",
        "Transfer-Encoding: chunked",
        f"Content-Length: {len(hidden)}\r\nContent-Length: 0",
        f"Content-Length : {len(hidden)}",
        "Transfer-Encoding : chunked",
        f"X-Junk : y\r\nContent-Length: {len(hidden)}",
        f"no header\r\nContent-Length: {len(hidden)}",
        f": y\r\nContent-Length: {len(hidden)}",
        f"Content-Length:\r\n {len(hidden)}",
        f"X: y\rContent-Length: {len(hidden)}",
        f"From x\r\nContent-Length: {len(hidden)}",
        f"X: y\r\n folded\r\nContent-Length: {len(hidden)}",
        "Content-Length: 0\rX: y",
        f"Content-Length: +{len(hidden)}",
    ):
        with socket.create_connection((str(host), int(port)), timeout=30) as line:
            head = f"GET /v1/nothing HTTP/1.1\r\nAuthorization: Bearer {b.key}\r\n{extra}\r\n\r\n"
            line.sendall((head + hidden).encode())
            answer = line.makefile("rb").read()
        assert answer.count(b"HTTP/1.1") == 1, extra


def test_sizes_and_rates_are_bounded() -> None:
    tight = Limits(rate_per_second=0.01, burst=5, failures_per_second=0.01, failure_burst=3, body_bytes=300)
    with shops.serving({"a": [], "b": []}, tight) as clients:
        a, b = clients["a"], clients["b"]
        status, text, _ = a.ask("PUT", "/v1/data", shops.shop())
        assert status == 413 and "at most 300" in text
        answers = [a.ask("GET", "/v1/modules") for _ in range(6)]
        assert [status for status, _, _ in answers] == [200] * 4 + [429] * 2
        assert int(answers[-1][2]["retry-after"]) >= 1
        assert b.ask("GET", "/v1/modules")[0] == 200  # a tenant that asks too much takes nothing from others
        stranger = shops.Client(a.server, "no")
        assert [stranger.ask("GET", "/v1/data")[0] for _ in range(5)] == [401] * 3 + [429] * 2
        assert b.ask("GET", "/v1/modules")[0] == 200  # from the same address: both may stand behind one proxy


@pytest.mark.parametrize("body", [False, True])
def test_a_request_that_trickles_has_no_longer_than_one_that_does_not(body: bool) -> None:
    with shops.serving({"a": []}, Limits(seconds=0.3)) as clients:
        client = clients["a"]
        host, port = client.server.server_address[:2]
        with socket.create_connection((str(host), int(port)), timeout=30) as line:
            line.sendall(b"PUT /v1/data HTTP/1.1\r\nHost: x\r\n")
            if body:
                head = (
                    f"Authorization: Bearer {client.key}\r\nContent-Type: application/json\r\nContent-Length: 999\r\n"
                )
                line.sendall(f"{head}\r\n".encode())
            began = time.monotonic()
            with contextlib.suppress(ConnectionError):
                while time.monotonic() < began + 20.0:  # always a byte before a read of 0.3 s would give up
                    line.sendall(b"x")
                    time.sleep(0.05)
            assert time.monotonic() < began + 10.0
        assert client.ask("GET", "/v1/health")[0] == 200


def test_too_many_connections_are_told_so() -> None:
    with shops.serving({"a": []}, Limits(connections=2)) as clients:
        server = clients["a"].server
        held = [shops.Client(server, clients["a"].key) for _ in range(2)]
        assert [client.ask("GET", "/v1/health")[0] for client in held] == [200, 200]
        status, text, headers = shops.Client(server, clients["a"].key).ask("GET", "/v1/health")
        assert status == 503 and headers["retry-after"] == "1" and "too many connections" in text
        for client in held:
            client.connection.close()


@pytest.mark.parametrize("kind", [RuntimeError, ValueError])
def test_a_failure_tells_nothing(
    kind: type[Exception], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    from patchpact.ecosystem.service import Offer

    class Broken:
        name = "broken"

        def recommend(self, view: object, k: int) -> list:
            raise kind("secret of the house")

    with shops.serving({"a": []}, offers={"broken": Offer(Broken(), None)}) as clients:
        clients["a"].ask("PUT", "/v1/data", shops.shop("hush"))
        status, text, _ = clients["a"].ask("POST", "/v1/plans", {"recommender": "broken"})
    assert status == 500 and "secret" not in text
    assert kind.__name__ in caplog.text and "secret" not in caplog.text and "hush" not in caplog.text
    assert not capsys.readouterr().err


def test_one_who_works_long_keeps_the_others_waiting_so_long_and_no_longer() -> None:
    with shops.serving({"a": []}, Limits(seconds=0.2)) as clients:
        server = clients["a"].server
        with server.working(), server.working():
            status, text, _ = clients["a"].ask("PUT", "/v1/data", shops.shop())
            assert status == 503 and "come again later" in text
        assert shops.Client(server, clients["a"].key).ask("PUT", "/v1/data", shops.shop())[0] == 200


@pytest.mark.slow
def test_the_command_serves_until_it_is_stopped(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    command = [sys.executable, "-m", "patchpact", "serve", "--tenants", str(file)]
    added = subprocess.run([*command, "--add", "a", "--json"], capture_output=True, text=True, check=True)
    key = json.loads(added.stdout)["key"]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout and server.stderr
        port = int(server.stdout.readline().split("http://127.0.0.1:")[1].split("/")[0])
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        line.request("GET", "/v1/modules", headers={"Authorization": f"Bearer {key}"})
        assert line.getresponse().status == 200
        line.close()
        server.send_signal(signal.SIGINT)
        said = server.stderr.read()
        assert server.wait(60) == 130
    assert "a GET 200" in said and key not in said


PATHS = ("/v1/data", "/v1/plans", "/v1/modules", "/v1/health", "/v1/tenants/{other}", "/v1/data/{other}")
PATHS += (
    "/v1/../{other}/data.json",
    "/v1/data?tenant={other}",
    "//{other}/v1/data",
    "/v1/data#{other}",
    "/%2e%2e/{other}",
)
METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS")
NAMES = (
    "cvss-first",
    "net-gain",
    "hybrid-priority",
    "risk-per-cost-chain",
    "net-gain-patient",
    "pretrained",
    "no-such",
)
TENANTS = 4


class Caller:
    """A tenant that asks at random, and knows what it has uploaded: nobody else's data may take its place."""

    def __init__(self, clients: dict[str, shops.Client], canaries: dict[str, str], me: str, seed: int) -> None:
        self.client, self.me, self.canaries = clients[me], me, canaries
        self.keys = {name: client.key for name, client in clients.items() if name != me}
        self.draw = random.Random(f"{seed} {list(clients).index(me)}")
        self.number = list(clients).index(me)
        self.uploaded: int | None = None
        """Services of what is there; sizes differ between tenants, always."""
        self.seen: dict[int, int] = {}
        self.own = 0

    def upload(self) -> None:
        leaves = self.number + TENANTS * self.draw.randrange(3)
        status, text, _ = self.client.ask("PUT", "/v1/data", shops.shop(self.canaries[self.me], leaves))
        self.uploaded = 3 + leaves
        assert status == 200 and json.loads(text)["services"] == self.uploaded

    def look(self) -> None:
        status, text, _ = self.client.ask("GET", "/v1/data")
        found = json.loads(text)["services"] if status == 200 else None
        assert found == self.uploaded, f"{self.me} has {self.uploaded} services and is told of {found}"

    def request(self) -> None:
        draw, other = self.draw, self.draw.choice(list(self.keys))
        method, path = draw.choice(METHODS), draw.choice(PATHS).format(other=other)
        kind, body = draw.random(), None
        if kind < 0.1:
            method, path = "PUT", "/v1/data"  # a refused one, whose error repeats what was sent
            body = shops.shop(self.canaries[self.me], **{draw.choice(["graph", "tenant", "calendar"]): other})
        elif kind < 0.5:
            method, path = "POST", "/v1/plans"
            body = {"recommender": draw.choice(NAMES), "k": draw.randint(-1, 12)}
            if draw.random() < 0.2:
                body[draw.choice(["tenant", "id", "key_id"])] = other
        elif kind < 0.55:
            method, path = "DELETE", "/v1/data"
        elif kind < 0.65:
            body = draw.choice(["{", "null", "[]", '"x"', json.dumps({"tenant": other}), "\x00", b"\x80\x04."])
        headers = {draw.choice(["X-Tenant", "X-Forwarded-User", "Cookie", "From"]): other}
        if draw.random() < 0.1:
            theirs = self.keys[other].split(".")[0]  # the public half of another's key
            headers["Authorization"] = f"Bearer {theirs}.{draw.choice([self.client.key.split('.')[1], 'x', ''])}"
        try:
            status, text, answered = self.client.ask(method, path, body, headers)
        except (http.client.HTTPException, ConnectionError):  # closed in the meantime; counted below
            return self.upload()  # whether it was done is not known
        told = text + repr(answered)
        self.seen[status] = self.seen.get(status, 0) + 1
        for name, canary in self.canaries.items():
            if name != self.me:
                assert canary not in told, f"{self.me} was told of {name} by {method} {path}"
        self.own += self.canaries[self.me] in told
        assert status != 500
        if status == 200 and (method, path) == ("DELETE", "/v1/data"):
            self.uploaded = None
        if path == "/v1/plans" and status in (200, 409):
            assert (status == 409) == (self.uploaded is None)

    def ask(self, requests: int) -> None:
        for _ in range(requests):
            if self.uploaded is None or self.draw.random() < 0.1:
                self.upload()
            self.request()
            if self.draw.random() < 0.2:
                self.look()


def cross_fire(clients: dict[str, shops.Client], canaries: dict[str, str], requests: int, seed: int) -> dict[int, int]:
    """Random requests of all tenants at once; no answer may hold another one's canary, no data be another's. Counts of
    statuses."""
    callers = [Caller(clients, canaries, me, seed) for me in clients]
    with ThreadPoolExecutor(len(callers)) as pool:
        for done in [pool.submit(caller.ask, -(-requests // len(callers))) for caller in callers]:
            done.result()
    assert min(caller.own for caller in callers) > 0  # answers do carry the canaries of those they are for
    return dict(sum((Counter(caller.seen) for caller in callers), Counter()))


def fuzz(requests: int, seed: int, **more: object) -> dict[int, int]:
    people = {f"t{n}-{secrets.token_hex(4)}": shops.EVERYTHING if n % 2 else ["prioritise"] for n in range(TENANTS)}
    canaries = {name: f"canary{secrets.token_hex(8)}" for name in people}
    with shops.serving(people, **more) as clients:
        return cross_fire(clients, canaries, requests, seed)


def test_no_request_crosses_to_another_tenant(tmp_path: Path) -> None:
    seen = fuzz(300, 1, folder=tmp_path)
    assert {200, 401, 402, 404, 405, 422} <= set(seen)


@pytest.mark.slow
def test_no_request_of_ten_thousand_crosses_to_another_tenant(tmp_path: Path) -> None:
    seen = fuzz(10_000, 2, folder=tmp_path)
    assert sum(seen.values()) > 9_900
    print(f"answers by status: {dict(sorted(seen.items()))}")


@pytest.mark.parametrize("mixed_up", ["rooms", "summaries", "deletions"])
def test_what_the_cross_fire_asks_can_fail(mixed_up: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that mixes up two tenants is found out: what they see, how much it is, or whose is deleted."""
    people = {"x": shops.EVERYTHING, "y": shops.EVERYTHING}
    canaries = {name: f"canary{secrets.token_hex(8)}" for name in people}
    with shops.serving(people) as clients:
        service = clients["x"].server.service
        name = {"rooms": "plans", "summaries": "summary", "deletions": "forget"}[mixed_up]
        right, other = getattr(service, name), {"x": "y", "y": "x"}
        monkeypatch.setattr(service, name, lambda tenant, *asked: right(other[tenant], *asked))
        with pytest.raises(AssertionError, match=r"was told of|is told of|== \("):
            cross_fire(clients, canaries, 400, 3)


@pytest.mark.slow
def test_load() -> None:
    rows = bench_serve(load_scenario("boutique-v1"), tenants=4, clients=4, seconds=2.0)
    print(rows)
    assert [row["requests"] for row in rows] == ["data", "plans, known", "plans, new", "upload"]
    assert all(row["requests_per_second"] > 0 and row["failed"] == 0 for row in rows)
