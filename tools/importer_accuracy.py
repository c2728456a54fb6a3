"""How well do the importers find the calls of applications whose graphs are known? Prints and writes a table.

    .venv/bin/python tools/importer_accuracy.py        writes docs/importer_accuracy.csv

Data: deployment files (`raw`) of four applications and their graphs (`graphs`), which were made by reading the
applications' source code, in $PATCHPACT_SHARED_DATA (else ../shared/data). They are not part of this project. There
are no raw files there for Jaeger, Zipkin, Kiali, Istio and the like, so nothing is said of those importers.

An importer cannot find what its files do not hold. So known calls are split by where the callee's host stands,
decided from the known graph and the files' text, without the importers:

- `evidence`: the known graph's own evidence for the call is a line of one of the files;
- `text`: its evidence is in source code, but some file writes the callee as a host (`//cart`, `@cart`, `cart:8080`,
  or `..._HOST=cart` and the like; comments and images left out); which service reads that line may still stand in
  source code only;
- `nowhere`: neither.

Precision counts calls between nodes of the known graph; wrong ones are counted where hosts stand in the files.
Calls from or to nodes that the known graph leaves out by its own account (telemetry) are counted apart, as `beyond`:
they are true, but outside its scope. `stated` are calls with a confidence of at least 0.5, `all` includes hints.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from patchpact.scenarios.importers.graph_file import import_graph
from patchpact.scenarios.importers.graphs.hosts import STATED
from patchpact.scenarios.importers.records import GraphEdge

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("PATCHPACT_SHARED_DATA", ROOT.parent / "shared" / "data"))
TABLE = ROOT / "docs" / "importer_accuracy.csv"

CASES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("compose", "otel_demo", ("compose.yaml", "compose.full.yaml")),
    ("compose", "robot_shop", ("docker-compose.yaml",)),
    ("kubernetes", "online_boutique", ("kubernetes-manifests",)),
    ("kubernetes", "online_boutique", ("release/kubernetes-manifests.yaml",)),
    ("kubernetes", "bank_of_anthos", ("kubernetes-manifests",)),
)
"""Importer, application, and what of its raw folder is given to it."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """A line of the table. `precision` and `recall` are empty where nothing is to be divided by."""

    importer: str
    application: str
    files: str
    calls: str
    hosts: str
    known: int
    found: int
    wrong: int
    precision: str
    recall: str
    same_kind: int
    beyond: int


def main() -> None:
    """Print and write the table, and in plain words what cannot be found."""
    if not (SHARED / "raw").is_dir():
        raise SystemExit(f"{SHARED}: no folder of raw files; set PATCHPACT_SHARED_DATA")
    rows = [row for importer, application, names in CASES for row in rows_of(importer, application, names)]
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Row))
        writer.writerows(astuple(row) for row in rows)
    widths = [max(len(str(astuple(row)[i])) for row in rows) for i in range(len(fields(Row)))]
    widths = [max(width, len(field.name)) for width, field in zip(widths, fields(Row), strict=True)]
    print("  ".join(field.name.ljust(width) for field, width in zip(fields(Row), widths, strict=True)))
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(astuple(row), widths, strict=True)).rstrip())
    for row in rows:
        if row.calls == "stated" and row.hosts == "nowhere" and row.known:
            print(
                f"{row.application} ({row.importer}): the hosts of {row.known} known calls stand in no file, only in "
                "code or images: none of them can be stated; depends_on suggests some"
            )


def rows_of(importer: str, application: str, names: Sequence[str]) -> list[Row]:
    """Rows of one application read by one importer."""
    folder = SHARED / "raw" / application
    known = json.loads((SHARED / "graphs" / f"{application}.json").read_text(encoding="utf-8"))
    graph = import_graph([folder / name for name in names], format=importer, root=folder)
    ids = {node["id"] for node in known["nodes"]}
    links = {(link["source"], link["target"]): link for link in known.get("links") or known["edges"]}
    places = places_of(links, folder)
    rows = []
    for calls, least in (("stated", STATED), ("all", 0.0)):
        made = {(edge.source, edge.target): edge for edge in graph.edges if edge.confidence >= least}
        inside = {pair: edge for pair, edge in made.items() if set(pair) <= ids}
        beyond = len(made) - len(inside)
        for hosts in ("evidence", "text", "evidence or text", "nowhere"):
            wanted = {pair for pair, place in places.items() if place in hosts.split(" or ")}
            wrong = sum(pair not in links for pair in inside) if hosts == "evidence or text" else 0
            rows.append(_row(importer, application, names, calls, hosts, links, wanted, inside, wrong, beyond))
    return rows


def _row(
    importer: str, application: str, names: Sequence[str], calls: str, hosts: str, links: Mapping[Pair, Any],
    wanted: set[Pair], inside: Mapping[Pair, GraphEdge], wrong: int, beyond: int,
) -> Row:  # fmt: skip
    found = wanted & set(inside)
    same = sum(inside[pair].attributes.get("kind") == links[pair]["kind"] for pair in found)
    whole = hosts == "evidence or text"
    precision = f"{len(found) / (len(found) + wrong):.3f}" if (whole and found) or wrong else ""
    recall = f"{len(found) / len(wanted):.3f}" if wanted else ""
    return Row(
        importer, application, " ".join(names), calls, hosts, len(wanted), len(found), wrong, precision, recall, same,
        beyond if whole else 0,
    )  # fmt: skip


def places_of(links: Mapping[Pair, Mapping[str, Any]], folder: Path) -> dict[Pair, str]:
    """Where the callee's host stands, for every known call: `evidence`, `text` or `nowhere`."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = {path.relative_to(folder).as_posix() for path in files}
    written = "\n".join(path.read_text(encoding="utf-8") for path in files)
    lines = "\n".join(line for line in written.split("\n") if not re.match(r"\s*(?:#|(?:- )?image:)", line))
    places = {}
    for pair, link in links.items():
        if link["evidence"].rpartition(":")[0] in names:
            places[pair] = "evidence"
        else:
            places[pair] = "text" if written_as_host(pair[1], lines) else "nowhere"
    return places


def written_as_host(name: str, text: str) -> bool:
    """Whether the text writes the name as a host: in a URL, with a port, or as the value of a setting of hosts."""
    host = re.escape(name)
    forms = (
        rf"(?://|@){host}(?![\w.-])",
        rf"(?<![\w./-]){host}:(?:\d|\$)",
        rf"(?i:(?:HOST|ADDR|ADDRESS|URL|URI|SERVER|ENDPOINT)\w*[\"']?\s*[:=]\s*[\"']?){host}(?![\w.-])",
    )
    return any(re.search(form, text) for form in forms)


if __name__ == "__main__":
    main()
