"""Read what is there: deployment files and tracing exports, scanner reports, and both together as a scenario.

patchpact import graph FILE...       a service graph, with evidence and confidence for each call
patchpact import findings FILE...    the findings of reports of any kind, with what VEX statements suppress
patchpact import scenario --graph G --findings F... --out S.yaml    a scenario that trains at once
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from patchpact.cli.arguments import Part, add_json
from patchpact.cli.outfile import out_file, write_file
from patchpact.cli.output import print_json
from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.plain import one_line

LONGEST = 20_000
"""Characters of a printed line."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parts and their arguments."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="graph|findings|scenario", parser_class=Part)
    graph = parts.add_parser("graph", help="deployment files, tracing exports and drawn graphs")
    graph.add_argument("files", nargs="+", metavar="FILE", help="files and folders; several formats may be mixed")
    _add_format(graph, "GRAPH_FORMATS")
    graph.add_argument("--overlay", metavar="FILE", help="YAML: rename, remove, correct, add")
    graph.add_argument("--root", metavar="DIR", help="the folder that references may not leave (default: of all FILEs)")
    graph.add_argument("--name", metavar="TEXT", help="the graph's title (default: the name of --out or of FILE)")
    graph.add_argument("--out", metavar="FILE", help="where to write the graph (.json); printed when left out")
    findings = parts.add_parser("findings", help="reports of scanners, SBOMs and VEX documents")
    findings.add_argument("files", nargs="+", metavar="FILE", help="reports; several formats may be mixed")
    _add_format(findings, "REPORT_FORMATS")
    findings.add_argument("--epss", metavar="FILE", help="EPSS scores as published, CSV or JSON (default: bundled)")
    findings.add_argument("--kev", metavar="FILE", help="CISA's KEV catalogue as published (default: bundled)")
    findings.add_argument("--out", metavar="FILE", help="where to write the findings (.json); printed when left out")
    scenario = parts.add_parser("scenario", help="a commented scenario of a graph and findings")
    scenario.add_argument("--graph", required=True, metavar="FILE", help="a graph that import graph has written")
    scenario.add_argument(
        "--findings",
        nargs="+",
        default=[],
        metavar="FILE",
        help="findings that import findings has written, or reports",
    )
    scenario.add_argument("--mapping", metavar="FILE", help="YAML: which findings belong to which service")
    scenario.add_argument("--title", metavar="TEXT", help="the scenario's title")
    scenario.add_argument("--out", required=True, metavar="FILE", help="where to write the scenario (.yaml)")
    scenario.add_argument("--force", action="store_true", help="write over a scenario that is there already")
    for part in (graph, findings, scenario):
        add_json(part)


def _add_format(parser: argparse.ArgumentParser, registry: str) -> None:
    from patchpact.scenarios.importers import registry as registries

    names = ", ".join(format_.name for format_ in getattr(registries, registry))
    parser.add_argument("--format", default="auto", metavar="NAME", help=f"auto (default), or one of {names}")


def run(args: argparse.Namespace) -> int:
    """Import, say what must be said, and write or print the result."""
    return {"graph": _graph, "findings": _findings, "scenario": _scenario}[args.part](args)


def _graph(args: argparse.Namespace) -> int:
    from patchpact.scenarios.importers.detect import files_by_format
    from patchpact.scenarios.importers.graph_file import graph_json, import_graph
    from patchpact.scenarios.importers.registry import GRAPH_FORMATS

    files = [Path(file) for file in args.files]
    out = _out(args.out)
    graph = import_graph(files, args.format, _path(args.overlay), _path(args.root))
    name = args.name if args.name is not None else one_line((out or files[0].resolve()).stem) or "graph"
    content = graph_json(graph, name)
    sources, _ = files_by_format(files, args.format, GRAPH_FORMATS)
    formats = {format_.name: len(paths) for format_, paths in sources.items()}
    summary = {
        "out": None if out is None else str(out),
        "name": name,
        "formats": formats,
        "services": len(graph.nodes),
        "calls": len(graph.edges),
        "entrypoints": [node.id for node in graph.nodes if node.attributes.get("exposed")],
        "doubtful_calls": sum(edge.confidence < 0.5 for edge in graph.edges),
        "warnings": list(graph.warnings),
    }
    read = ", ".join(f"{count} of {format_}" for format_, count in formats.items())
    line = f"{len(graph.nodes)} services, {len(graph.edges)} calls (files: {read})"
    return _finish(args, content, "graph", out, summary, line, graph.warnings)


def _findings(args: argparse.Namespace) -> int:
    from patchpact.scenarios.importers.findings_file import findings_json, import_findings

    out = _out(args.out)
    report = import_findings(
        [Path(file) for file in args.files], args.format, epss=_path(args.epss), kev=_path(args.kev)
    )
    summary = {
        "out": None if out is None else str(out),
        "findings": len(report.findings),
        "suppressed": [
            {
                "id": left.finding.id,
                "status": left.statement.status,
                "author": left.statement.author,
                "reason": left.statement.reason,
                "matched": left.matched,
            }
            for left in report.suppressed
        ],
        "components": len(report.components),
        "statements": len(report.statements),
        "totals": dict(report.totals),
        "warnings": list(report.warnings),
    }
    line = f"{len(report.findings)} findings, {len(report.suppressed)} suppressed, {len(report.components)} components"
    status = _finish(args, findings_json(report), "report", out, summary, line, report.warnings)
    if out is not None and not args.json:
        for left in report.suppressed:
            said = f"{left.statement.status}, says {left.statement.author or 'an unnamed author'}"
            print(one_line(f"suppressed: {left.finding.id}: {said}; product matched by {left.matched}", LONGEST))
    return status


def _scenario(args: argparse.Namespace) -> int:
    from patchpact.scenarios.importers.scenario_file import write_scenario

    out = out_file(args.out, (".yaml", ".yml"))
    if out.exists() and not args.force:
        raise ScenarioError(str(out), "out", "is there already", "name another file, or add --force to write over it")
    findings = [Path(file) for file in args.findings]
    report = write_scenario(Path(args.graph), findings, out, _path(args.mapping), args.title)
    if args.json:
        print_json(report.as_dict())
    else:
        for line in report.lines:
            print(one_line(line, LONGEST))
    return 0


def _finish(
    args: argparse.Namespace,
    content: dict[str, Any],
    what: str,
    out: Path | None,
    summary: dict[str, Any],
    line: str,
    warnings: Sequence[str],
) -> int:
    """Write or print the content; warnings go to the error stream, and into the summary."""
    for warning in warnings:
        print(f"patchpact import: warning: {one_line(warning, LONGEST)}", file=sys.stderr)
    if out is not None:
        write_file(out, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    if args.json:
        print_json(summary if out is not None else {**summary, what: content})
    elif out is not None:
        print(f"{one_line(str(out), LONGEST)}: written, {line}")
    else:
        print(json.dumps(content, indent=1, allow_nan=False))
    return 0


def _out(name: str | None) -> Path | None:
    return None if name is None else out_file(name, (".json",))


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)
