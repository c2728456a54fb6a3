"""Services by the folders they are built from; and what else a finding says of its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from patchpact.scenarios.errors import shown
from patchpact.scenarios.importers.evidence import SCORES, Candidate
from patchpact.scenarios.importers.records import GraphNode, RawFinding
from patchpact.scenarios.importers.service_names import tokens_of

_TOOL_WORDS = frozenset(
    (
        "trivy", "grype", "semgrep", "codeql", "bandit", "zap", "seeker", "contrast", "osv", "sbom", "vex", "sarif",
        "report", "reports", "results", "result", "scan", "findings", "image", "fs", "cyclonedx", "spdx", "bom", "json",
        "xml", "csv",
    )
)  # fmt: skip


def path_parts(path: str) -> tuple[str, ...]:
    """A path's folders without scheme, drive and dots, in lower case."""
    text = re.sub(r"^[a-z][a-z0-9+.-]*://", "", path.strip().casefold().replace("\\", "/"))
    return tuple(part for part in text.split("/")[:64] if part not in ("", ".", "..") and not part.endswith(":"))


class Paths:
    """Services by the folders they are built from (labels that begin with a dot or have a slash)."""

    def __init__(self, nodes: Sequence[GraphNode]) -> None:
        self._folders: dict[tuple[str, ...], list[str]] = {}
        for node in nodes:
            for label in node.labels:
                if label.startswith(".") or "/" in label:
                    self._folders.setdefault(path_parts(label), []).append(node.id)

    def find(self, parts: tuple[str, ...], outside: bool) -> Iterable[Candidate]:
        """Services built from the longest folder that the path lies in, first from the path's beginning.

        A path outside an image may have further folders before (a checkout's), and lies in the whole project.
        """
        for start in range(len(parts) if outside else min(len(parts), 1)):
            for end in range(len(parts), start, -1):
                services = self._folders.get(parts[start:end], ())
                if services:
                    kind = "path" if start == 0 else "path, inside another folder"
                    text = "/".join(parts[start:end])
                    return [Candidate(SCORES[kind], service, f"{kind}: {shown(text)}") for service in services]
        kind = "path, the whole project"
        built = self._folders.get((), ()) if outside and parts else ()
        return [Candidate(SCORES[kind], service, kind) for service in built]


def host_and_start(url: str) -> tuple[str, tuple[str, ...]]:
    """Host (and port) of an address and the first two parts of its path, in lower case; nothing else of it."""
    if not url:
        return "", ()
    try:
        parts = urlsplit(url if "://" in url or url.startswith("/") else f"//{url}")
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "", ()
    return host.casefold(), tuple(part.casefold() for part in parts.path.split("/") if part)[:2]


def report_of(finding: RawFinding) -> str:
    """What the report's file name says beside the tool: `cart` of `reports/trivy-cart.json`."""
    return _told_by_name(finding.evidence.partition(": ")[0])


@lru_cache(maxsize=4_096)
def _told_by_name(path: str) -> str:
    name = path.replace("\\", "/").rpartition("/")[2]
    return "-".join(token for token in tokens_of(name) if token not in _TOOL_WORDS)


def component_keys(purl: str, name: str) -> list[str]:
    """By which a component is looked up: its purl without version and qualifiers, and its name."""
    keys = []
    if purl:
        head, slash, tail = re.split(r"[?#]", purl, maxsplit=1)[0].rpartition("/")
        keys.append(f"{head}{slash}{tail.partition('@')[0]}".casefold())
    if name:
        keys.append(f"name {name.casefold()}")
    return keys
