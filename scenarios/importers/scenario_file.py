"""`write_scenario`: a graph and the findings of any tools become a scenario that plays at once.

Findings are matched to services, the same weakness seen by several tools becomes one finding with a
probability to be real, and a commented YAML is written with its graph and its findings beside it. Before
anything is put in place, the whole is loaded as any scenario is: what is written, loads.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from patchpact.scenarios.assemble import Description, assemble
from patchpact.scenarios.errors import AssumptionWarning, ScenarioError
from patchpact.scenarios.files import parse_json, read_text
from patchpact.scenarios.fusion import FusedFinding, fuse
from patchpact.scenarios.importers.finding_rows import OWN_CODE_EPSS, Row, csv_text, doubtful, rows_of, without_score
from patchpact.scenarios.importers.findings_file import import_findings, is_findings_file, load_findings
from patchpact.scenarios.importers.mapping import read_mapping
from patchpact.scenarios.importers.matching import Matching, Unmatched, match
from patchpact.scenarios.importers.plain import one_line
from patchpact.scenarios.importers.records import GraphNode, ImportedReport, Suppression
from patchpact.scenarios.importers.scenario_text import listed, scenario_text
from patchpact.scenarios.loaders import load_scenario
from patchpact.scenarios.scenario import Scenario
from patchpact.scenarios.schema import EntrypointRow, GraphFile, Link, Node, check
from patchpact.scenarios.topology import MAX_FLOWS, TOTAL_REVENUE_KEUR_PER_HOUR

DOUBTFUL = 0.05
"""Findings of a smaller probability are counted apart; they are kept."""
SHOWN = 10
OWN_CODE_ASSUMED = f"epss of own code ({{}}): nobody scores it: the mean of all CVEs, {OWN_CODE_EPSS:g}"


@dataclass(frozen=True)
class ScenarioReport:
    """What `write_scenario` made, and what its reader must be told.

    Attributes:
        files: what was written: the YAML, its graph, its findings.
        counts: how many of what; see `as_dict`.
        by_evidence: matches by the kind of evidence that led to the service.
        unmatched: findings that no service could be named for.
        suppressed: findings left out because a VEX statement says so.
        assumptions: what the loader completed from defaults, a line each.
        warnings: of the imports, the mapping and the matching.
    """

    files: tuple[Path, ...]
    counts: Mapping[str, int]
    by_evidence: Mapping[str, int]
    unmatched: tuple[Unmatched, ...]
    suppressed: tuple[Suppression, ...]
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The report for people, a line each; long lists are cut, `as_dict` has all."""
        c = self.counts
        lines = [
            f"{self.files[0]}: {c['services']} services, {c['calls']} calls, {c['rows']} findings, "
            f"{c['patches']} patches",
            f"findings read: {c['findings']}; matched: {c['matched']}, unmatched: {c['unmatched']}, "
            f"suppressed by VEX: {c['suppressed']}",
            f"matched by: {', '.join(f'{kind} {count}' for kind, count in self.by_evidence.items()) or 'nothing'}",
            f"{c['matches']} matches are {c['fused']} weaknesses and {c['rows']} rows: one for what several tools saw "
            f"or several packages of an image have; below {DOUBTFUL:g} probability, kept: {c['doubtful']}",
        ]
        reasons: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for open_ in self.unmatched:
            reasons.setdefault((open_.reason, open_.candidates), []).append(open_.finding.id)
        for (reason, candidates), ids in list(reasons.items())[:SHOWN]:
            near = f"; candidates: {listed(candidates)}" if candidates else ""
            lines.append(f"unmatched ({len(ids)}): {listed(dict.fromkeys(ids), 4)}: {one_line(reason, 300)}{near}")
        lines += _more(len(reasons), "reasons why findings are unmatched")
        for left in self.suppressed[:SHOWN]:
            lines.append(
                f"suppressed: {one_line(left.finding.id)} by {one_line(left.statement.author) or 'an unnamed author'}: "
                f"{left.statement.status}, product matched by {left.matched}"
            )
        lines += _more(len(self.suppressed), "suppressed findings")
        lines += [f"warning: {one_line(text, 400)}" for text in self.warnings[:SHOWN]]
        lines += _more(len(self.warnings), "warnings")
        lines.append(f"assumed, {len(self.assumptions)} kinds of things; patchpact check {self.files[0]} lists them")
        return tuple(lines)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data.

        `counts`: services, calls; findings (read), matched (findings), matches (with services that share an
        image), unmatched, suppressed; fused (weaknesses), rows (in the findings file), doubtful, patches.
        """
        return {
            "files": [str(path) for path in self.files],
            "counts": dict(self.counts),
            "matched_by": dict(self.by_evidence),
            "unmatched": [
                {
                    "id": open_.finding.id,
                    "tool": open_.finding.tool,
                    "evidence": open_.finding.evidence,
                    "reason": open_.reason,
                    "candidates": list(open_.candidates),
                }
                for open_ in self.unmatched
            ],
            "suppressed": [
                {
                    "id": left.finding.id,
                    "tool": left.finding.tool,
                    "evidence": left.finding.evidence,
                    "status": left.statement.status,
                    "author": left.statement.author,
                    "reason": left.statement.reason,
                    "matched": left.matched,
                }
                for left in self.suppressed
            ],
            "assumptions": list(self.assumptions),
            "warnings": list(self.warnings),
        }


def _more(count: int, what: str) -> list[str]:
    return [f"... and {count - SHOWN} more {what}"] if count > SHOWN else []


def write_scenario(
    graph: Path, findings: Sequence[Path], out: Path, mapping: Path | None = None, title: str | None = None
) -> ScenarioReport:
    """Write a scenario that loads, plays and trains at once.

    Args:
        graph: node-link JSON, as `patchpact import graph` writes it.
        findings: reports of any known format, or files of `patchpact import findings`; read together, so that
            VEX statements hold for all reports given.
        out: the YAML to write; `<stem>_graph.json` and `<stem>_findings.csv` go beside it. All are put in place
            whole or not at all.
        mapping: rules that say which service a finding belongs to (`scenarios.importers.mapping`).
        title: of the scenario.

    Raises:
        ScenarioError: for files that cannot be read, a mapping that does not fit, findings of which none belongs
            to a service; one line.
        OSError: where the files cannot be written; nothing is left behind.
    """
    files = _files_beside(out)
    _refuse_overwriting([*findings, *([mapping] if mapping else [])], files)
    content, nodes, links = read_graph(graph)
    flows = _counted_flows(nodes)
    completed = _completed(nodes, links, flows, out, title or f"Imported from {graph.name}", str(graph))
    rules = read_mapping(mapping, [node.id for node in nodes]) if mapping else ()
    report = read_reports(findings)
    names = {service.name: service for service in completed.services}
    matching = match(
        report.findings,
        [_as_node(node, names[node.id].exposed, names[node.id].kind) for node in nodes],
        rules,
        report.components,
        str(mapping) if mapping else "",
    )
    _refuse_nothing(report, matching, findings)
    fused = fuse(
        [(m.service, m.finding) for m in matching.matched],
        {service.name: service.exposed for service in completed.services},
        sorted({finding.tool for finding in report.findings}),
    )
    rows = rows_of(fused, {(m.service, id(m.finding)): f"{m.by} ({m.confidence:g})" for m in matching.matched})
    text = scenario_text(
        completed,
        graph_file=files[1].name,
        findings_file=files[2].name,
        sources=[one_line(f"{graph.name} (graph)"), *(one_line(f"{path.name} (findings)") for path in findings)],
        facts=_facts(report, matching, fused, rows),
        stated_flows=any(node.revenue_keur_per_hour is not None for node in nodes),
        requests_counted=bool(flows),
        owners=_owners(nodes, completed),
    )
    texts = (text, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", csv_text(rows))
    scenario = _put(dict(zip(files, texts, strict=True)), graph, out)
    counts = {
        "services": len(scenario.services),
        "calls": len(scenario.edges),
        "findings": len(report.findings),
        "matched": len({id(m.finding) for m in matching.matched}),
        "matches": len(matching.matched),
        "unmatched": len(matching.unmatched),
        "suppressed": len(report.suppressed),
        "fused": len(fused),
        "rows": len(rows),
        "doubtful": doubtful(rows, DOUBTFUL),
        "patches": len(scenario.patches),
    }
    return ScenarioReport(
        files=files,
        counts=counts,
        by_evidence=matching.by_evidence(),
        unmatched=matching.unmatched,
        suppressed=report.suppressed,
        assumptions=(*([OWN_CODE_ASSUMED.format(own)] if (own := without_score(rows)) else []), *scenario.assumptions),
        warnings=tuple(dict.fromkeys([*report.warnings, *matching.warnings])),
    )


def read_graph(path: Path) -> tuple[dict[str, Any], list[Node], list[Link]]:
    """A node-link graph: its content, its nodes and its edges.

    Raises:
        ScenarioError: for anything else, naming the command that makes one.
    """
    where = str(path)
    if path.suffix.lower() != ".json":
        mend = "make one: patchpact import graph FILE... --out graph.json"
        raise ScenarioError(where, "graph", "is no node-link JSON", mend)
    content = parse_json(read_text(path, where), where)
    if not isinstance(content, dict) or "nodes" not in content:
        mend = "make one: patchpact import graph FILE... --out graph.json"
        raise ScenarioError(where, "graph", "is no node-link JSON", mend)
    file = check(GraphFile, content, where)
    return content, file.nodes, file.edges or file.links


def read_reports(paths: Sequence[Path]) -> ImportedReport:
    """The findings of reports and of files that `patchpact import findings` wrote, read together.

    One such file alone is taken as it is, with the EPSS and KEV of its own import.
    """
    if not paths:
        raise ScenarioError("findings", "files", "none", "name at least one report")
    if len(paths) == 1 and is_findings_file(paths[0]):
        return load_findings(paths[0], str(paths[0]))
    return import_findings(paths)


def _files_beside(out: Path) -> tuple[Path, Path, Path]:
    """The YAML, its graph and its findings."""
    if out.suffix.lower() not in (".yaml", ".yml"):
        raise ScenarioError(str(out), "out", "is no YAML file's name", "end it with .yaml")
    if not out.parent.is_dir():
        raise ScenarioError(str(out), "out", "no such folder", "make it first")
    return out, out.with_name(f"{out.stem}_graph.json"), out.with_name(f"{out.stem}_findings.csv")


def _refuse_overwriting(inputs: Sequence[Path], files: Sequence[Path]) -> None:
    for path in files:
        if path.is_dir():
            raise ScenarioError(str(path), "out", "is a folder", "choose another --out")
    written = {path.resolve() for path in files}
    for path in inputs:
        if path.resolve() in written:
            raise ScenarioError(str(path), "out", "would be overwritten by the scenario", "choose another --out")


def _refuse_nothing(report: ImportedReport, matching: Matching, paths: Sequence[Path]) -> None:
    """ScenarioError where no finding is left to play with."""
    where = ", ".join(map(str, paths[:3])) + (", ..." if len(paths) > 3 else "")
    if not report.findings:
        left = f"; {len(report.suppressed)} are suppressed by VEX statements" if report.suppressed else ""
        raise ScenarioError(where, "findings", f"none{left}", "give a report that has findings")
    if not matching.matched:
        problem = f"none of {len(report.findings)} belongs to a service; first: {matching.unmatched[0].reason}"
        raise ScenarioError(where, "findings", problem, "say which with --mapping (- {service: cart, image: '*cart*'})")


def _as_node(node: Node, exposed: bool, kind: str) -> GraphNode:
    return GraphNode(
        id=node.id,
        evidence=node.evidence or "",
        confidence=1.0 if node.confidence is None else node.confidence,
        attributes={"exposed": exposed, "kind": kind},
        image=node.image_or_build or "",
        labels=tuple(node.labels or ()),
    )


def _counted_flows(nodes: Sequence[Node]) -> list[EntrypointRow]:
    """Flows where the graph counts requests but names no revenue: the usual total, shared by the requests."""
    if any(node.revenue_keur_per_hour is not None for node in nodes):
        return []
    counted = [n for n in nodes if n.exposed and n.kind != "external" and (n.requests_per_hour or 0) > 0]
    counted = sorted(counted, key=lambda n: -(n.requests_per_hour or 0))[:MAX_FLOWS]
    total = sum(n.requests_per_hour or 0 for n in counted)
    return [
        EntrypointRow(
            service=node.id,
            requests_per_hour=node.requests_per_hour,
            revenue_keur_per_hour=round(TOTAL_REVENUE_KEUR_PER_HOUR * (node.requests_per_hour or 0) / total, 4),
        )
        for node in counted
    ]


def _completed(
    nodes: Sequence[Node], links: Sequence[Link], flows: Sequence[EntrypointRow], out: Path, title: str, where: str
) -> Scenario:
    """The graph without findings, completed: who is exposed, the flows, the stakeholders."""
    bare = [node.model_copy(update={"findings": None, "components": None}) for node in nodes]
    described = Description(
        where=where,
        id=one_line(out.stem, 100),
        title=one_line(title),
        nodes=bare,
        links=links,
        findings=[],
        components=[],
        entrypoints=flows or None,
    )
    return assemble(described)


def _owners(nodes: Sequence[Node], completed: Scenario) -> dict[str, str]:
    """Services whose owner is none of the agents (there may be more owners than agents), with their agent."""
    known = {text for agent in completed.agents_of("business") for text in (agent.name, agent.label)}
    owner = {service.name: service.owner for service in completed.services}
    return {node.id: owner[node.id] for node in nodes if node.owner and node.owner not in known}


def _facts(report: ImportedReport, matching: Matching, fused: Sequence[FusedFinding], rows: Sequence[Row]) -> list[str]:
    """What stands at the top of the file."""
    tools = listed(sorted({finding.tool for finding in report.findings}))
    dates = sorted({finding.epss_date for finding in report.findings if finding.epss_date})
    facts = [
        f"{len(report.findings)} findings of {tools}: {len(matching.matched)} matches with services, "
        f"{len(matching.unmatched)} unmatched (left out here, listed by the import), "
        f"{len(report.suppressed)} suppressed by VEX statements.",
        f"{len(fused)} weaknesses after fusion, {len(rows)} rows; {doubtful(rows, DOUBTFUL)} of them are real with "
        f"a probability below {DOUBTFUL:g}.",
    ]
    if own := without_score(rows):
        facts.append(f"{OWN_CODE_ASSUMED.format(own)} (an assumption; severity and exposure differ by finding).")
    facts.append(f"EPSS scores of {listed(dates)}." if dates else "No report states an EPSS score.")
    return facts


def _put(texts: Mapping[Path, str], graph: Path, out: Path) -> Scenario:
    """Write the files elsewhere in the same folder, load them, then move them into place, the YAML last."""
    folder = Path(tempfile.mkdtemp(prefix=".patchpact-", dir=out.parent))
    try:
        for path, text in texts.items():
            (folder / path.name).write_text(text, encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AssumptionWarning)  # the report has them
            try:
                scenario = load_scenario(folder / out.name)
            except ScenarioError as error:
                where = str(graph) if error.where == f"{out.stem}_graph.json" else str(out)
                raise ScenarioError(where, error.field, error.problem, error.mend) from None
        for path in reversed(list(texts)):
            if path.resolve() != graph.resolve():
                os.replace(folder / path.name, path)
        return scenario
    except OSError as error:
        if error.filename is not None and str(error.filename).startswith(str(folder)):
            error.filename = str(out)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
