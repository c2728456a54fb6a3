"""`load_scenario`: an id, a file, a networkx graph or a Scenario becomes a complete Scenario."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, cast

import networkx as nx
import numpy as np

from patchpact.scenarios.assemble import Description, assemble
from patchpact.scenarios.checks import check_scenario
from patchpact.scenarios.errors import AssumptionWarning, ScenarioError, closest, shown
from patchpact.scenarios.files import MAX_DEPTH, MAX_YAML_BYTES, parse_csv, parse_json, parse_yaml, read_text
from patchpact.scenarios.generator import generate
from patchpact.scenarios.notes import Notes
from patchpact.scenarios.parameters import NETWORKS, PARAMETERS, Value, flatten_section
from patchpact.scenarios.registry import GAMES, bundled_path, scenario_ids
from patchpact.scenarios.rule_sets import hold, rule_sets
from patchpact.scenarios.scenario import Scenario
from patchpact.scenarios.schema import (
    ComponentRow,
    EdgeAttributes,
    FindingRow,
    GenerateSection,
    GraphFile,
    Link,
    M,
    Model,
    Name,
    Node,
    NodeAttributes,
    ScenarioFile,
    Seed,
    check,
    check_value,
)

GENERATE_OPTIONS = {
    "services": "services",
    "scenario_seed": "seed",
    "tenants": "tenants",
    "vendors": "vendors",
}
"""Overrides of drawn scenarios, beside the parameters."""
DOUBTFUL = 0.5
"""Services and edges of a lower confidence are named among the assumptions."""
_BESIDE_GENERATE = {"id", "title", "description", "generate", "agents", *NETWORKS}
_WHOLE = ("uid", "known_window", "release_window")
_NUMBERS = ("cvss", "epss", "confidence")
_SWITCHES = ("kev", "exposed", "automatable", "unconfirmed", "direct")


def load_scenario(
    source: str | os.PathLike[str] | Scenario | nx.DiGraph | Mapping[str, Any], **overrides: Any
) -> Scenario:
    """A complete scenario.

    Args:
        source: a bundled id (see `scenario_ids`), the path of a YAML scenario or of a node-link JSON
            graph, a Scenario, a `networkx.DiGraph`, or what `networkx.node_link_data` makes of one. A
            sparse graph is completed from defaults. Names of nodes become texts.
        overrides: parameters by name (see `PARAMETERS`). Drawn scenarios (`generated-v1`) also take
            `services`, `tenants`, `vendors` and `scenario_seed`; graphs take `scenario_seed`; files
            with findings take `unconfirmed` ("keep" or "drop"). Files also take `rule_sets`, names with commas
            or a list, in force beside those of the file. Anything takes `without`, services or owners likewise:
            they are taken away, and all else is as it was (`Scenario.without`).

    Warns:
        AssumptionWarning: once, when a graph or a file of the user's was completed from defaults.

    Raises:
        ScenarioError: `<file or graph>: <field>: <problem>; <mend>`, on one line.
    """
    options = {
        name: _plain(overrides.pop(name), "load_scenario", name)
        for name in (*GENERATE_OPTIONS, "unconfirmed", "rule_sets")
        if name in overrides
    }
    if "rule_sets" in options:  # a text, since what was drawn with options is kept by them
        named = options["rule_sets"]
        options["rule_sets"] = ",".join(map(str, named)) if isinstance(named, list) else str(named)
    gone = _names(overrides.pop("without", ()), "without")
    bundled = False
    if isinstance(source, Scenario):
        _no_options(options, source.id, ())
        check_scenario(source)
        scenario = source
    elif isinstance(source, nx.Graph):
        scenario = _from_networkx(source, options)
    elif isinstance(source, Mapping):
        graph = _checked_graph(_plain(dict(source), "graph", "graph"), "graph", "")
        scenario = _from_parts(graph.nodes, graph.edges or graph.links, "graph", graph.name or "graph", options)
    elif isinstance(source, str | os.PathLike):
        scenario, bundled = _from_name(os.fsdecode(source), isinstance(source, str), options)
    else:
        problem = f"{type(source).__name__} is no scenario"
        raise ScenarioError("load_scenario", "source", problem, "give an id, a path, a Scenario or a nx.DiGraph")
    if gone:
        scenario = scenario.without(gone)
        check_scenario(scenario)
    if overrides:
        scenario = scenario.with_parameters(**overrides)
    if scenario.assumptions and not bundled and not isinstance(source, Scenario):
        lines = "\n  - ".join(scenario.assumptions)
        text = f"{scenario.id}: completed from defaults, {len(scenario.assumptions)} assumptions:\n  - {lines}"
        warnings.warn(text, AssumptionWarning, stacklevel=2)
    return scenario


def _names(value: Any, field: str) -> tuple[str, ...]:
    """Names in a text with commas, or in a list."""
    parts = value.split(",") if isinstance(value, str) else _plain(value, "load_scenario", field)
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ScenarioError("load_scenario", field, f"{shown(value)} is no list of names", "give names with commas")
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _no_options(options: Mapping[str, Any], where: str, allowed: Sequence[str]) -> None:
    for name in options:
        if name not in allowed:
            mend = "use it with generated-v1" if name in GENERATE_OPTIONS else "leave it out"
            raise ScenarioError(where, name, "does not apply here", mend)


def _from_name(text: str, may_be_id: bool, options: Mapping[str, Any]) -> tuple[Scenario, bool]:
    """A bundled id or a path; True when bundled."""
    bundled = bundled_path(text)
    if bundled is not None:
        if not options:
            return _bundled(bundled), True
        kept = all(isinstance(value, str | int | float) for value in options.values())  # else a value that is wrong
        return (_drawn(bundled, tuple(sorted(options.items()))) if kept else _from_yaml(bundled, options)), True
    path = Path(text)
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return _from_yaml(path, options), False
    if suffix == ".json":
        graph = _graph_file(path, text)
        name = graph.name or path.stem[:200]
        return _from_parts(graph.nodes, graph.edges or graph.links, text, name, options), False
    if may_be_id and "/" not in text and not _exists(path):
        mend = closest(text, scenario_ids())
        if text in GAMES:
            mend = f"it is a game of service agents on {GAMES[text]}: patchpact services plays it; else name its graph"
        raise ScenarioError(text or "load_scenario", "scenario", "no such id or file", mend)
    read_text(path, text)
    raise ScenarioError(text, "file", "neither .yaml nor .json", "give a YAML scenario or a JSON graph")


def _exists(path: Path) -> bool:
    try:
        return path != Path() and path.exists()
    except (OSError, ValueError):
        return False


@cache
def _bundled(path: Path) -> Scenario:
    return _from_yaml(path, {})


@lru_cache(maxsize=4)
def _drawn(path: Path, options: tuple[tuple[str, Any], ...]) -> Scenario:
    """A bundled scenario drawn with options; a run asks for its own several times, and a large one takes seconds."""
    return _from_yaml(path, dict(options))


def _from_networkx(graph: Any, options: Mapping[str, Any]) -> Scenario:
    """A graph in memory; attributes are those of the schema's `NodeAttributes` and `EdgeAttributes`."""
    if not graph.is_directed() or graph.is_multigraph():
        problem = f"{type(graph).__name__} is not a plain directed graph"
        raise ScenarioError("graph", "type", problem, "convert it with networkx.DiGraph(graph)")
    nodes, links = [], []
    for name, attributes in graph.nodes(data=True):
        field = f"nodes[{shown(name)}]"
        stated = check(NodeAttributes, _plain(attributes, "graph", field), "graph", field)
        nodes.append(_extended(Node, stated, id=_name(name)))
    for source, target, attributes in graph.edges(data=True):
        field = f"edges[{shown(source)} -> {shown(target)}]"
        stated_edge = check(EdgeAttributes, _plain(attributes, "graph", field), "graph", field)
        links.append(_extended(Link, stated_edge, source=_name(source), target=_name(target)))
    titles = (graph.graph.get(key) for key in ("id", "name"))
    title = next((" ".join(text.split())[:200] for text in titles if isinstance(text, str) and text), "graph")
    return _from_parts(nodes, links, "graph", title, options)


def _name(node: Any) -> str:
    """The name of a node: its own text."""
    field = f"nodes[{shown(node)}]"
    try:
        text = str(node)
    except Exception as error:  # whatever the user's own class raises
        problem = f"has no text ({type(error).__name__})"
        raise ScenarioError("graph", field, problem, "name nodes by texts or numbers") from None
    return cast(str, check_value(Name, text, "graph", field))


def _extended(model: type[M], stated: Model, **more: Any) -> M:
    values = {name: getattr(stated, name) for name in stated.model_fields_set}
    return cast(M, model.model_construct(**values, **more))


def _plain(value: Any, where: str, field: str, depth: int = 0) -> Any:
    """numpy scalars as Python's own, tuples as lists; ScenarioError for excessive depth."""
    if depth > MAX_DEPTH:
        raise ScenarioError(where, field, f"nested more than {MAX_DEPTH} deep", "flatten it")
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _plain(item, where, field, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, where, field, depth + 1) for item in value]
    return value


def _graph_file(path: Path, where: str) -> GraphFile:
    return _checked_graph(parse_json(read_text(path, where), where), where, "")


def _checked_graph(data: Any, where: str, prefix: str) -> GraphFile:
    if isinstance(data, dict):
        mend = "write caller -> callee edges, one per pair"
        if data.get("directed") is False:
            raise ScenarioError(where, "directed", "the graph is not directed", mend)
        if data.get("multigraph") is True:
            raise ScenarioError(where, "multigraph", "the graph is a multigraph", mend)
    graph = check(GraphFile, data, where, prefix)
    if graph.edges and graph.links:
        raise ScenarioError(where, "links", "both edges and links", "keep one of the two")
    return graph


def _from_parts(nodes: list[Node], links: list[Link], where: str, id_: str, options: Mapping[str, Any]) -> Scenario:
    """A bare graph: nodes and calls, with what they say of themselves."""
    _no_options(options, where, ("scenario_seed", "unconfirmed"))
    notes = Notes()
    _note_ignored(nodes, links, notes)
    return assemble(
        Description(
            where=where,
            id=id_,
            nodes=nodes,
            links=links,
            seed=_seed(options, 0, where),
            unconfirmed=_unconfirmed(options, "drop", where),
            sources=(f"plugged in: {where}",),
            notes=notes,
        )
    )


def _note_ignored(nodes: list[Node], links: list[Link], notes: Notes) -> None:
    notes.add("label of nodes", "ignored", sum(node.label is not None for node in nodes))
    ignored = sum(link.label is not None or link.weight is not None for link in links)
    notes.add("label and weight of edges", "ignored", ignored)
    for what, stated in (("services", nodes), ("edges", links)):
        doubtful = sum(row.confidence is not None and row.confidence < DOUBTFUL for row in stated)
        notes.add(f"confidence of {what}", f"below {DOUBTFUL:g}, taken as there", doubtful)


def _seed(options: Mapping[str, Any], default: int, where: str) -> int:
    if "scenario_seed" not in options:
        return default
    return cast(int, check_value(Seed, options["scenario_seed"], where, "scenario_seed"))


def _unconfirmed(options: Mapping[str, Any], default: str, where: str) -> str:
    value = options.get("unconfirmed", default)
    if value not in ("keep", "drop"):
        raise ScenarioError(where, "unconfirmed", f"{shown(value)} is unknown", "write keep or drop")
    return str(value)


def _from_yaml(path: Path, options: Mapping[str, Any]) -> Scenario:
    where = path.name if bundled_path(path.stem) == path else str(path)
    file = check(ScenarioFile, parse_yaml(read_text(path, where, MAX_YAML_BYTES), where), where)
    parameters: dict[str, Value] = {}
    governance = dict(file.governance)
    named = governance.pop("rule_sets", [])
    for network in NETWORKS:
        section = governance if network == "governance" else getattr(file, network)
        parameters |= flatten_section(network, section, where)
    more = options.get("rule_sets")
    if more is not None:
        named = [*(named if isinstance(named, list) else str(named).split(",")), *str(more).split(",")]
        options = {name: value for name, value in options.items() if name != "rule_sets"}
    sets = rule_sets(named, where)
    parameters, moved = hold(sets, parameters, where)
    scenario = _from_file(file, path, parameters, options, where)
    return replace(scenario, rule_sets=sets, assumptions=(*scenario.assumptions, *moved))


def _from_file(
    file: ScenarioFile, path: Path, parameters: dict[str, Value], options: Mapping[str, Any], where: str
) -> Scenario:
    """What the file describes, with these parameters."""
    if file.generate is not None:
        return _generated(file, parameters, options, where)
    _no_options(options, where, ("unconfirmed", "scenario_seed"))
    folder = path.parent
    if file.graph is None:
        raise ScenarioError(where, "graph", "missing", "add graph: (a file or nodes and edges) or generate:")
    if isinstance(file.graph, str):
        graph = _graph_file(_beside(folder, file.graph, (".json",), where, "graph"), file.graph)
    else:
        graph = _checked_graph(file.graph, where, "graph")
    notes = Notes()
    links = graph.edges or graph.links
    _note_ignored(graph.nodes, links, notes)
    return assemble(
        Description(
            where=where,
            id=file.id,
            title=file.title,
            text=file.description,
            nodes=graph.nodes,
            links=links,
            findings=read_rows(FindingRow, file.findings, folder, where, "findings"),
            components=read_rows(ComponentRow, file.components, folder, where, "components"),
            files={n: v for n in ("findings", "components", "graph") if isinstance(v := getattr(file, n), str)},
            patches=file.patches,
            services=file.services,
            entrypoints=file.entrypoints,
            agents=file.agents,
            vendors=file.vendors,
            unconfirmed=_unconfirmed(options, file.unconfirmed, where),
            fixes=file.fixes,
            prerequisites=file.prerequisites,
            seed=_seed(options, file.seed, where),
            parameters=parameters,
            sources=file.sources,
            notes=notes,
        )
    )


def _generated(file: ScenarioFile, parameters: dict[str, Value], options: Mapping[str, Any], where: str) -> Scenario:
    """A `generate:` section, with the options laid over it."""
    for name in sorted(file.model_fields_set - _BESIDE_GENERATE):
        raise ScenarioError(where, name, "does not go with generate", "leave one of the two out")
    _no_options(options, where, tuple(GENERATE_OPTIONS))
    values = dict(file.generate or {})
    values |= {GENERATE_OPTIONS[name]: value for name, value in options.items()}
    section = check(GenerateSection, values, where, "generate")
    try:
        return generate(
            section.services,
            section.seed,
            section.tenants,
            section.vendors,
            id=file.id,
            title=None if options else file.title,
            description=file.description,
            parameters=parameters,
            agents=file.agents,
        )
    except ScenarioError as error:
        raise ScenarioError(where, error.field, error.problem, error.mend) from None


def _beside(folder: Path, name: str, suffixes: tuple[str, ...], where: str, field: str) -> Path:
    """A file that the scenario names, relative to its own folder."""
    path = folder / name
    if path.suffix.lower() not in suffixes:
        mend = "give a " + " or ".join(suffixes) + " file"
        raise ScenarioError(where, field, f"{shown(name)} cannot be read", mend)
    if not _exists(path):
        raise ScenarioError(where, field, f"no file {shown(name)} beside it", "check the path")
    return path


def read_rows(model: type[M], given: Any, folder: Path, where: str, field: str) -> list[M] | None:
    """Rows of a list, or of the CSV or JSON file of that name in the folder. ScenarioError for what is no such row."""
    if given is None:
        return None
    rows: Any = given
    if isinstance(given, str):
        path = _beside(folder, given, (".csv", ".json"), where, field)
        text = read_text(path, given)
        if path.suffix.lower() == ".csv":
            columns = list(model.model_fields)
            table = parse_csv(text, given, columns, _WHOLE, _NUMBERS, _SWITCHES)
            return [check(model, row, given, f"line {line}") for line, row in table]
        rows, where, field = parse_json(text, given), given, "rows"
    if not isinstance(rows, list):
        mend = "write a list of rows, or the name of a CSV or JSON file"
        raise ScenarioError(where, field, f"{shown(rows)} is no list", mend)
    return [check(model, row, where, f"{field}[{n}]") for n, row in enumerate(rows)]


def parameter_rows() -> list[dict[str, Any]]:
    """The parameter table as rows, for docs and `patchpact check`."""
    names = (
        "name",
        "network",
        "unit",
        "type",
        "default",
        "low",
        "high",
        "description",
        "source",
        "confidence",
    )
    rows = []
    for parameter in PARAMETERS.values():
        row = {name: getattr(parameter, name) for name in names}
        if parameter.choices:
            row["low"], row["high"] = "|".join(parameter.choices), ""
        rows.append(row)
    return rows
