"""The commented YAML of an imported scenario: every section explained, assumptions marked, all defaults stated."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from patchpact.scenarios.importers.finding_rows import OWN_CODE
from patchpact.scenarios.importers.plain import one_line, yaml_text
from patchpact.scenarios.parameters import NETWORKS, PARAMETERS, Parameter
from patchpact.scenarios.scenario import Scenario

ASSUMED = "# assumed"
MAX_SERVICES_LISTED = 300
_SECTIONS = {
    "world": "Time: how many windows an episode has, how long they are, what happens in them.",
    "exploitation": "Attackers: how a weakness becomes an attempt, and an attempt a foothold.",
    "value": "Money: what hours, downtime, levers and incidents cost.",
    "responsibility": "Who bears the loss of an incident. Shares need not add up to 1: outsiders bear the rest.",
    "governance": "Who proposes, how votes are counted, and which deadlines are fined.",
}


def scenario_text(
    scenario: Scenario,
    graph_file: str,
    findings_file: str,
    sources: Sequence[str],
    facts: Sequence[str],
    stated_flows: bool,
    requests_counted: bool,
    owners: Mapping[str, str],
) -> str:
    """The YAML file.

    Args:
        scenario: the graph completed from defaults, with its entrypoints and agents.
        graph_file, findings_file: names of the files beside it.
        sources: what it was made from, a line each.
        facts: what the reader should know first, a line each.
        stated_flows: whether the graph itself states the revenue of its entrypoints.
        requests_counted: whether the entrypoints share the assumed revenue by counted requests.
        owners: agents of services whose own owner is none of the agents.
    """
    lines = [
        *_comment("An imported scenario. It plays, trains and plans as it stands; read it and correct what you know"),
        *_comment("better. `patchpact check` on this file lists everything that is assumed, with its source."),
        "#",
        *(line for fact in facts for line in _comment(fact, "- ")),
        "",
        f"id: {yaml_text(scenario.id)}",
        f"title: {yaml_text(one_line(scenario.title))}",
        "sources:  # where graph and findings come from",
        *(f"- {yaml_text(source)}" for source in sources),
        "",
        *_comment("Services and calls. Every node and edge has its evidence and a confidence."),
        f"graph: {yaml_text(graph_file)}",
        "",
        *_comment(
            "One row for each weakness of a component in a service. confidence: probability that it is real, from all "
            "tools together. known_window 0: known from the start. A patch of a component removes all its findings. "
            "cvss, epss and the like that are empty are completed from defaults."
        ),
        f"findings: {yaml_text(findings_file)}",
        "fixes: released  # what a report names as fixed is out; drawn: 15% of the fixes come late",
        "prerequisites: stated  # no patch waits for another unless patches: say so; drawn: by rules of thumb",
        "",
        *_services(scenario, owners),
        *_entrypoints(scenario, stated_flows, requests_counted),
        *_agents(scenario),
        *_comment(
            "Who sells a component, by its name or its ecosystem; null: nobody. Else the first vendor has images and "
            "runtimes, the others libraries."
        ),
        "vendors:",
        f"  {OWN_CODE}: null  # the source code of the services themselves",
        "",
        "seed: 0  # of what is drawn while the scenario is completed: effort, downtime and fees of patches",
        "",
        *_comment(
            "The parameters, all at their defaults: name: value  # unit, range; meaning; source (DATA counted, TEXT "
            "published, MEMORY from memory, ASSUMPTION). `patchpact check` also shows the names that rules may take."
        ),
    ]
    for network in NETWORKS:
        lines += ["", *_comment(_SECTIONS[network]), f"{network}:"]
        told = ""
        for parameter in PARAMETERS.values():
            if parameter.network == network:
                lines.append(_parameter(parameter, parameter.source == told))
                told = parameter.source
    return "\n".join(lines) + "\n"


def _comment(text: str, start: str = "") -> list[str]:
    """The text as wrapped comment lines; nothing in it can end the comment."""
    return textwrap.wrap(
        one_line(text, 2_000), 110, initial_indent=f"# {start}", subsequent_indent="# " + " " * len(start)
    )


def _services(scenario: Scenario, owners: Mapping[str, str]) -> list[str]:
    """What is taken for true of each service, commented out: a line is changed by taking its `#` away."""
    lines = _comment(
        "What is taken for true of each service; to correct one, take the # off `services:` and its line. "
        "data_sensitivity (none, low, personal, payment) sets the loss of a compromise; loss_keur (k€) overrides it. "
        "exposed: users reach it from outside. deploy_minutes: a rolling update of the service."
    )
    lines.append("services:" if owners else "# services:")
    for number, service in enumerate(scenario.services):
        values = (
            f"exposed: {str(service.exposed).lower()}, data_sensitivity: {service.data_sensitivity}, "
            f"loss_keur: {service.loss_keur:g}, replicas: {service.replicas}, "
            f"deploy_minutes: {service.deploy_minutes:g}"
        )
        if service.name in owners:
            lines.append(f"  {yaml_text(service.name)}: {{owner: {owners[service.name]}}}  {ASSUMED}; {values}")
        elif number < MAX_SERVICES_LISTED:
            lines.append(f"#   {yaml_text(service.name)}: {{{values}}}")
    if len(scenario.services) > MAX_SERVICES_LISTED:
        lines.append(f"#   ... of {len(scenario.services)} services")
    return [*lines, ""]


def _entrypoints(scenario: Scenario, stated: bool, counted: bool) -> list[str]:
    if stated:
        how = "The revenue flows that the graph states, k€ an hour."
    elif counted:
        how = (
            "The revenue flows, k€ an hour. 10 k€ an hour in all is an assumption (median downtime cost of a small or "
            "medium enterprise); it is shared by the requests that the graph counts."
        )
    else:
        how = (
            "The revenue flows, k€ an hour: an assumption. Each exposed service is one; 10 k€ an hour in all (median "
            "downtime cost of a small or medium enterprise), shared by draw. Downtime is priced by these figures."
        )
    mark = "" if stated else f"  {ASSUMED}"
    lines = [*_comment(how), "entrypoints:"]
    for entry in scenario.entrypoints:
        values = (
            f"service: {yaml_text(entry.service)}, requests_per_hour: {entry.requests_per_hour:.10g}, "
            f"revenue_keur_per_hour: {entry.revenue_keur_per_hour:.10g}, owner: {entry.owner}"
        )
        lines.append(f"- {{{values}}}{mark}")
    return [*lines, ""]


def _agents(scenario: Scenario) -> list[str]:
    lines = _comment(
        "The stakeholders at the table: name is role and number, vote_weight counts where votes are weighed, "
        "budget_keur is what each may spend in a window (k€). An assumption, apart from the owners the graph names."
    )
    lines.append("agents:")
    for agent in scenario.agents:
        values = (
            f"name: {agent.name}, label: {yaml_text(one_line(agent.label))}, vote_weight: {agent.vote_weight}, "
            f"budget_keur: {agent.budget_keur:g}"
        )
        lines.append(f"- {{{values}}}  {ASSUMED}")
    return [*lines, ""]


def _parameter(parameter: Parameter, told: bool) -> str:
    """A parameter at its default; `told`: the line above has the same source, which is not repeated if long."""
    value = parameter.default
    if isinstance(value, bool):
        text, bounds = str(value).lower(), "true or false"
    elif isinstance(value, str):
        text, bounds = value, " or ".join(parameter.choices) or "name of a rule"
    else:
        text, bounds = f"{value:.12g}", f"{parameter.low:g} to {parameter.high:g}"
    unit = "" if parameter.unit == "-" else f"{parameter.unit}, "
    source = "source as above" if told and len(parameter.source) > 60 else parameter.source
    said = f"{unit}{bounds}; {parameter.description}; {source} ({parameter.confidence})"
    return f"  {parameter.name}: {text}  # {one_line(said, 1_000)}"


def listed(names: Iterable[str], most: int = 8) -> str:
    """Some names and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(one_line(name, 60) for name in names[:most]) + more
