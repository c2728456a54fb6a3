"""Recognising hosts in settings, commands and configuration files, and turning them into calls.

A host is seen in three forms: in a URL (`postgres://user:secret@db:5432/shop`), as `host:port`, and as a bare
name. A bare name is only a host where the setting's own name says so (`DB_HOST=db`); elsewhere it may as well be
a database, a driver or a label, and is at most a hint. Lists inward (`ALLOWED_HOSTS`, `CORS_ORIGINS`), addresses a
service listens on, images and passwords are no references at all.

What leaves this module are host names, ports and schemes; user names, passwords and paths never do.

Confidences are judgement, in steps that keep the forms apart; they are no measured frequencies. `STATED` is the
line between what a file says and what it merely suggests.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from patchpact.scenarios.errors import shown
from patchpact.scenarios.importers.records import GraphEdge, GraphNode

STATED = 0.5
"""Edges at least this sure are stated by the files; those below are hints."""
IN_URL, WITH_PORT, NAMED = 0.95, 0.9, 0.85
POSSIBLE_STORE, POSSIBLE = 0.55, 0.3
"""A bare name in a setting that does not speak of hosts: of a store or queue, of anything else."""
IN_COMMAND, IN_FILE = 0.9, 0.9
"""Factors for hosts in commands and in configuration files."""
DIRECTORY_STORE, DIRECTORY = 0.6, 0.4
"""At most so sure when a shared list of addresses names the reader itself: then it lists who is there."""
EXTERNAL_STORE, EXTERNAL = 0.8, 0.4
"""A host outside: a store or queue by its scheme, anything else."""

NO_NAMES = frozenset({"localhost", "true", "false", "none", "null", "auto", "default", "yes", "no", "on", "off", "all"})
"""Values of settings that look like a bare host and are none."""

MAX_TEXT = 1_000_000
"""Characters of one setting or configuration file that are looked at."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_SCHEME_CHARACTERS = _HOST_CHARACTERS | {"+", ":"}
_AUTHORITY_END = re.compile(r"[\s/?#'\"<>\\;|()\[\]{}`]")
_PORT = re.compile(r":([0-9]{1,5})(?![\w.@-])")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\Z")
_LETTER = re.compile(r"[A-Za-z]")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PAIR = re.compile(r"""(?<![\w.\-])([\w.\-]{1,80})["']?\s{0,3}[:=]\s{0,3}["']?([A-Za-z0-9_][\w.\-]{0,252})""")
_DIRECTIVE = re.compile(
    r"\s*(?:server|set\s+\$\w+|proxy_pass|fastcgi_pass|uwsgi_pass|grpc_pass|reverse_proxy|ProxyPass|to)\s+(?:/\S*\s+)?"
    r"[\"']?([\w.\-]{1,253})[\"';\s]*$"
)
_PROBED = re.compile(r"\b(?:nslookup|ping|nc|host|wait-for|getent\s+hosts)\s+(?:-\w+\s+){0,4}([\w.\-]{1,253})")
_THEN_PORT = re.compile(r"(?<![\w./:$-])([A-Za-z][\w.\-]{0,252})\s+([0-9]{2,5})\b")
_COMMENT = re.compile(r"^\s*(?:#|//|;|<!--).*|\s#\s.*")
_FLAG = re.compile(r"--?([A-Za-z][\w.\-]{0,80})(?:=(.*))?\Z", re.DOTALL)
_ALTERNATIVE = re.compile(r"[\s,;|]+")

_HOST_WORDS = _words(
    "addr addrs address addresses backend backends bootstrap broker brokers cluster connect contact dsn endpoint "
    "endpoints host hostname hosts hub link master node nodes peer peers primary proxy remote replica seed seeds "
    "sentinel sentinels server servers target targets upstream upstreams uri uris url urls zookeeper"
)
_OTHER_WORDS = _words(
    "app application attributes bucket class client collection cron database db dbname description dialect dir domain "
    "driver email engine env environment exporter file folder format from group groupid id image index instance job "
    "keyspace label labels lang language level locale login mode name namespace owner path platform prefix product "
    "profile profiles project protocol provider queue realm region role schema scheme scope scopes stage subject "
    "suffix table tag tags theme title topic topics type tz user username vendor version vhost zone args check count "
    "enabled interval method opts options params policy port ports retries size strategy timeout"
)
_SURE_WORDS = _words("addr address endpoint host hostname uri url")
_NEVER_WORDS = _words("image images pass passwd password pwd secret tag token version")
_INWARD_WORDS = _words(
    "advertise advertised allow allowed authorized bind callback cors csrf listen listener listeners origin origins "
    "redirect referer trusted whitelist"
)
_NO_NETWORK = _words(
    "about arn blob bundle chrome classpath content data env file git image local mailto memory npipe oci pkg s3 gs "
    "schema shm spiffe sqlite ssm tag unix urn vault-ref"
)
_LOCAL_DOMAINS = _words("local localhost localdomain internal svc test example invalid lan home docker")
_PAGE_WORDS = _words(
    "avatar base canonical cookie docs documentation domain download external help home homepage icon logo privacy "
    "public registry repo repository root schema site support terms website"
)
_CLASS_WORDS = _words("backend backends")
"""Last words of settings that hold a class or a module as often as a host: a dotted name alone is none."""
_EMPTY_AUTHORITY = frozenset({"dns", "passthrough", "static", "xds"})
_WRAPPERS = frozenset({"jdbc", "r2dbc", "loadbalance", "replication", "failover", "pool", "url"})

_KIND_BY_SCHEME: dict[str, str] = {
    **dict.fromkeys(
        _words(
            "cassandra clickhouse cockroachdb couchdb db2 elasticsearch mariadb mongo mongodb mssql mysql mysql2 neo4j "
            "bolt oracle pgsql postgis postgres postgresql sqlserver"
        ),
        "db",
    ),
    **dict.fromkeys(_words("memcache memcached redis rediss valkey"), "cache"),
    **dict.fromkeys(
        _words("amqp amqps activemq kafka mqtt mqtts nats plaintext pulsar sasl_plaintext sasl_ssl ssl stomp"), "queue"
    ),
    **dict.fromkeys(_words("grpc grpcs dns thrift"), "grpc"),
    **dict.fromkeys(_words("smtp smtps"), "async"),
    **dict.fromkeys(_words("http https ws wss lb"), "http"),
}
_KIND_BY_PORT: dict[int, str] = {
    **dict.fromkeys((1433, 1521, 3306, 5432, 5433, 5984, 7687, 8086, 9042, 9200, 26257, 27017), "db"),
    **dict.fromkeys((6379, 6380, 11211), "cache"),
    **dict.fromkeys((1883, 4222, 5671, 5672, 6650, 9092, 9093, 19092, 29092, 61616), "queue"),
    **dict.fromkeys((4317, 50050, 50051, 50052, 50053, 50054, 50055), "grpc"),
    **dict.fromkeys((25, 465, 587, 1025, 2525), "async"),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A host that a text names.

    Attributes:
        host: in lower case, as written (`db`, `db.shop.svc`).
        port: None where none is written.
        scheme: of the URL, without wrappers (`mysql` for `jdbc:mysql://`), empty elsewhere.
        confidence: that it is a host at all and called, by its form.
        stands: whether its form says that it is a host; a bare name in any setting does not.
    """

    host: str
    port: int | None
    scheme: str
    confidence: float
    stands: bool = True


@dataclass(frozen=True, slots=True)
class Mention:
    """A reference, with who makes it and where.

    Attributes:
        source: id of the node whose file it is.
        reference: what is named.
        evidence: the place.
        scope: where names are looked up (a namespace), empty where there is one space of names.
        block: the shared list of settings it stands in (a ConfigMap, an env file), empty for the node's own.
        grpc: whether the setting's name speaks of gRPC.
        setting: its name, empty where it stands in a command or a file.
    """

    source: str
    reference: Reference
    evidence: str
    scope: str = ""
    block: str = ""
    grpc: bool = False
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Callee:
    """What edges need to know of a node that may be called; `call` is the kind of call if it is known."""

    kind: str
    call: str = ""
    cache: bool = False
    telemetry: bool = False
    grpc_ports: frozenset[int] = frozenset()


@lru_cache(maxsize=100_000)
def words_of(name: str) -> frozenset[str]:
    """The words of a setting's name in lower case, of `cartServiceUrl`, `CART_SERVICE_URL` and `cart.url` alike."""
    return frozenset(word.lower() for word in _WORD.findall(name[:500]))


def names_host(name: str) -> bool:
    """Whether a setting of this name holds hosts."""
    if inward(name) or _never(name):
        return False
    words, last = words_of(name), _last_word(name)
    if last in _SURE_WORDS:
        return True
    if "name" in words and "host" in words:
        return True
    return bool(words & _HOST_WORDS) and last not in _OTHER_WORDS


def _never(name: str) -> bool:
    """Whether a setting of this name holds an image, a version or a secret."""
    return bool(words_of(name) & _NEVER_WORDS) and _last_word(name) not in _SURE_WORDS


def inward(name: str) -> bool:
    """Whether a setting of this name lists callers, or where the service itself listens."""
    words = words_of(name)
    return bool(words & _INWARD_WORDS) or {"no", "proxy"} <= words


@lru_cache(maxsize=100_000)
def _last_word(name: str) -> str:
    found = _WORD.findall(name[:500])
    return found[-1].lower() if found else ""


def references(name: str, value: object) -> list[Reference]:
    """Hosts in the value of a setting, best form first kept; a value that is no text holds none.

    Args:
        name: of the setting; empty for a word of a command.
        value: of the setting, with variables already put in.
    """
    if not isinstance(value, str) or not value or inward(name) or _never(name):
        return []
    text = value[:MAX_TEXT]
    found = [*_in_urls(text), *_with_port(text)]
    if len(text) <= 20_000:
        found += _bare(name, text)
    if "{" in text:
        found += [reference for _, reference in _in_pairs(text)]
    return _best(found)


def _best(found: Iterable[Reference]) -> list[Reference]:
    by_host: dict[str, Reference] = {}
    for reference in found:
        before = by_host.get(reference.host)
        if before is None or reference.confidence > before.confidence:
            by_host[reference.host] = reference
    return list(by_host.values())


def _in_urls(text: str) -> Iterator[Reference]:
    at = text.find("://")
    while at != -1:
        scheme = _scheme(_before(text, at, _SCHEME_CHARACTERS, 60))
        start = at + 3
        at = text.find("://", start)
        if not scheme or scheme in _NO_NETWORK:
            continue
        if scheme in _EMPTY_AUTHORITY and text[start : start + 1] == "/":
            start += 1
        end = _AUTHORITY_END.search(text, start)
        authority = text[start : end.start() if end else len(text)][:2000]
        for part in authority.rsplit("@", 1)[-1].split(","):
            host, _, port = part.partition(":")
            written = port.isascii() and port.isdigit() and len(port) < 6
            if _is_host(host) and (written or not port or port.startswith("$")):
                yield Reference(host.lower(), int(port) if written else None, scheme, IN_URL)


def _scheme(text: str) -> str:
    parts = [part for part in text.lower().split(":") if part and part not in _WRAPPERS]
    return parts[-1].split("+")[0].strip(".-_") if parts else ""


def _with_port(text: str) -> Iterator[Reference]:
    for match in _PORT.finditer(text):
        host = _before(text, match.start(), _HOST_CHARACTERS, 254)
        before = text[match.start() - len(host) - 1 : match.start() - len(host)]
        if before not in ("/", "$", "{", ":", "%") and _is_host(host) and 0 < int(match[1]) < 65536:
            yield Reference(host.lower(), int(match[1]), "", WITH_PORT)


def _before(text: str, end: int, allowed: frozenset[str], at_most: int) -> str:
    start = end
    while start > 0 and end - start < at_most and text[start - 1] in allowed:
        start -= 1
    return text[start:end]


def _is_host(text: str) -> bool:
    return bool(_HOST.match(text) and _LETTER.search(text) and ".." not in text)


def _bare(name: str, text: str) -> Iterator[Reference]:
    """Bare names, in lists and in `Host=db;Database=shop` too."""
    for token in _ALTERNATIVE.split(text):
        key, equals, value = token.partition("=")
        if equals and key:
            inner = re.sub(r"^-*D?", "", key) if key.startswith("-") else key
            if names_host(inner) or inner.lower() in ("source", "data source"):
                yield from _bare_token(value, NAMED)
        elif token:
            yield from _bare_token(token, NAMED if names_host(name) else 0.0 if _says_other(name) else POSSIBLE)


def _bare_token(token: str, confidence: float) -> Iterator[Reference]:
    token = token.strip("\"'[](){}").removeprefix("tcp:")
    if confidence and _is_host(token):
        yield Reference(token.lower(), None, "", confidence, stands=confidence >= NAMED)


def _says_other(name: str) -> bool:
    return not name or _last_word(name) in _OTHER_WORDS


def text_references(text: str) -> Iterator[tuple[int, str, Reference]]:
    """Hosts in a configuration file or a script, by line: (line from 1, setting or empty, reference).

    Comments are left out. Bare names count after a setting that speaks of hosts (`address: cart`) and in the
    directives of common proxies (`server app;`).
    """
    for number, raw in enumerate(text[:MAX_TEXT].split("\n"), start=1):
        line = _COMMENT.sub("", raw) if "#" in raw or "//" in raw or ";" in raw or "<!--" in raw else raw
        if not line.strip():
            continue
        found = [("", reference) for reference in (*_in_urls(line), *_with_port(line))]
        found += _in_pairs(line)
        if (directive := _DIRECTIVE.match(line)) and _is_host(directive[1]):
            found.append(("", Reference(directive[1].lower(), None, "", NAMED)))
        first = _PAIR.search(line)
        if first and inward(first[1]):
            continue
        for setting, reference in found:
            yield number, setting, replace(reference, confidence=reference.confidence * IN_FILE)


def _in_pairs(text: str) -> Iterator[tuple[str, Reference]]:
    """Bare names after a setting that speaks of hosts, as in JSON and YAML: (setting, reference)."""
    for match in _PAIR.finditer(text):
        key, value = match.groups()
        if names_host(key) and _is_host(value):
            yield key, Reference(value.lower(), None, "", NAMED)


def command_references(words: Sequence[str]) -> list[Reference]:
    """Hosts in a command: options (`--db=db`, `--host db`), URLs, `host:port`, and what waiting scripts probe."""
    found: list[Reference] = []
    option = ""
    for word in words:
        flag = _FLAG.match(word)
        if flag and flag[2] is None:
            option = {"h": "host", "H": "host"}.get(flag[1], flag[1])
            continue
        if flag:
            found += [r for r in references(flag[1], flag[2]) if r.stands]
        elif re.search(r"\s", word):
            found += _in_script(word)
        else:
            found += [r for r in references(option, word) if r.stands]
        option = ""
    return [replace(reference, confidence=reference.confidence * IN_COMMAND) for reference in _best(found)]


def _in_script(script: str) -> Iterator[Reference]:
    text = script[:MAX_TEXT]
    for _, _, reference in text_references(text):
        yield reference
    for match in _PROBED.finditer(text):
        if _is_host(match[1]):
            yield Reference(match[1].lower(), None, "", NAMED)
    for match in _THEN_PORT.finditer(text):
        if int(match[2]) < 65536 and _is_host(match[1]):
            yield Reference(match[1].lower(), int(match[2]), "", POSSIBLE, stands=False)
    for word in re.split(r"[\s;&|]+", text):
        if (flag := _FLAG.match(word)) and flag[2]:
            yield from (r for r in references(flag[1], flag[2]) if r.stands)
    for match in re.finditer(r"\s(?:-h|--host|-H)\s+([\w.\-]{1,253})", text):
        if _is_host(match[1]):
            yield Reference(match[1].lower(), None, "", NAMED)


def edge_kind(reference: Reference, callee: Callee, grpc: bool = False) -> str:
    """The kind of a call by what is called, then by scheme, port and the setting's name; `http` where nothing tells."""
    if callee.call:
        return callee.call
    if callee.kind == "store":
        return "cache" if callee.cache else "db"
    if callee.kind == "queue":
        return "queue"
    by_port = _KIND_BY_PORT.get(reference.port or 0)
    if reference.port in callee.grpc_ports or (grpc and reference.scheme in ("", "dns")):
        return "grpc"
    return _KIND_BY_SCHEME.get(reference.scheme) or by_port or "http"


def edges_of(
    mentions: Sequence[Mention],
    resolve: Callable[[Mention], Sequence[str]],
    callees: Mapping[str, Callee],
) -> list[GraphEdge]:
    """Edges of all mentions that lead to a known node other than the one that makes them.

    A block of settings that several nodes read and that names the reader itself is a directory of who is
    there, not a list of whom this reader calls: what it says of such a reader is a hint only.

    Args:
        mentions: all references found.
        resolve: ids of the nodes that answer to the name a mention uses, empty if there are none.
        callees: what is known of each node.
    """
    targets = [resolve(mention) for mention in mentions]
    readers: dict[str, set[str]] = defaultdict(set)
    listed: set[tuple[str, str]] = set()
    for mention, found in zip(mentions, targets, strict=True):
        if mention.block:
            readers[mention.block].add(mention.source)
            if mention.source in found and mention.reference.stands:
                listed.add((mention.block, mention.source))
    edges = []
    for mention, found in zip(mentions, targets, strict=True):
        directory = (mention.block, mention.source) in listed and len(readers[mention.block]) > 1
        for target in found:
            if target != mention.source and target in callees:
                edges.append(_edge(mention, target, callees, directory))
    return edges


def _edge(mention: Mention, target: str, callees: Mapping[str, Callee], directory: bool) -> GraphEdge:
    callee, reference = callees[target], mention.reference
    confidence = reference.confidence
    holds = callee.kind in ("store", "queue")
    if not reference.stands and holds:
        confidence = max(confidence, POSSIBLE_STORE)
    if directory:
        confidence = min(confidence, DIRECTORY_STORE if holds else DIRECTORY)
    attributes: dict[str, object] = {"kind": edge_kind(reference, callee, mention.grpc)}
    source = callees.get(mention.source)
    if callee.telemetry or (source is not None and source.telemetry):
        attributes["hard"] = False
    return GraphEdge(mention.source, target, mention.evidence, round(confidence, 3), attributes)


def external_reference(setting: str, reference: Reference) -> float:
    """The confidence that a setting names a system outside that is called, 0 for what is no name outside.

    Addresses under which the service itself or a page is known (`PUBLIC_URL`, `DOCS_URL`) are none, nor are names of
    classes and modules (`EMAIL_BACKEND=django.core.mail.backends.smtp.EmailBackend`).
    """
    labels = reference.host.split(".")
    if _last_word(setting) in _CLASS_WORDS and not reference.scheme and reference.port is None:
        return 0.0
    outside = len(labels) > 1 and labels[-1].isalpha() and len(labels[-1]) > 1 and labels[-1] not in _LOCAL_DOMAINS
    if not outside or not reference.stands or words_of(setting) & _PAGE_WORDS:
        return 0.0
    if _KIND_BY_SCHEME.get(reference.scheme) in ("db", "cache", "queue"):
        return EXTERNAL_STORE
    if reference.scheme in ("http", "https", "ws", "wss", "grpc", "smtp", "smtps"):
        return EXTERNAL
    return EXTERNAL if names_host(setting) and not reference.scheme else 0.0


def outside_systems(
    mentions: Iterable[Mention], answered: Callable[[Mention], object], missing: dict[str, str]
) -> tuple[list[GraphNode], list[GraphEdge]]:
    """External systems that settings name, and the calls to them.

    Args:
        mentions: all references found.
        answered: whether something of the files, or this machine, answers to a mention.
        missing: gets the names that nothing answers to, with the place that names them first.
    """
    nodes, edges = [], []
    for mention in mentions:
        reference = mention.reference
        if not mention.setting or not reference.stands or answered(mention):
            continue
        confidence = external_reference(mention.setting, reference)
        if confidence:
            nodes.append(GraphNode(reference.host, mention.evidence, confidence, {"kind": "external"}))
            kind = edge_kind(reference, Callee("external"))
            edges.append(GraphEdge(mention.source, reference.host, mention.evidence, confidence, {"kind": kind}))
        elif "." not in reference.host and reference.host not in NO_NAMES:
            missing.setdefault(reference.host, mention.evidence)
    return nodes, edges


def missing_hosts(missing: Mapping[str, str]) -> list[str]:
    """The warning on names that nothing answers to, if there are any."""
    if not missing:
        return []
    few = ", ".join(f"{shown(host)} ({place.split(';')[0]})" for host, place in list(missing.items())[:10])
    more = ", ..." if len(missing) > 10 else ""
    return [f"hosts that no file declares, so no calls to them: {few}{more}; give the files that do"]


def hints_only(edges: Iterable[GraphEdge], advice: str) -> list[str]:
    """The warning on calls that are merely suggested, if there are any; it ends with the advice."""
    surest: dict[tuple[str, str], float] = {}
    for edge in edges:
        pair = (edge.source, edge.target)
        surest[pair] = max(surest.get(pair, 0.0), edge.confidence)
    hints = sum(confidence < STATED for confidence in surest.values())
    if not hints:
        return []
    return [f"{hints} of {len(surest)} calls are hints only (confidence below {STATED}){advice}"]
