"""From figures (docs/peers.json) to tables and the page docs/peers.md; nothing else goes in."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from cases import PEERS, REFERENCE, WAYS

TITLES = {peer.name: peer.title for peer in PEERS}
HEAD = (
    "| environment | worlds | cores | env-steps/s (min-max) | agent-steps/s | agent-steps per CPU-s "
    "| × patchpact, env-steps | × patchpact, agent-steps (min-max) |\n|---|---|---|---|---|---|---|---|"
)


def per_cpu(run: dict[str, Any]) -> float:
    """Agent-steps in a second of CPU time: steadier than those in a second where others share the cores."""
    return float(run["agent_steps"] / run["cpu_seconds"])


def spread(values: list[float], form: Callable[[float], str]) -> str:
    """The median, and the least and the greatest in brackets."""
    return f"{form(median(values))} ({form(min(values))}-{form(max(values))})"


def count(value: float) -> str:
    """Three figures of a large number, with thousands apart."""
    digits = max(0, len(str(int(value))) - 3)
    return f"{round(value, -digits):,.0f}"


def ratio(value: float) -> str:
    """Two figures at least."""
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def reference(figures: dict[str, Any], row: dict[str, Any]) -> dict[str, Any] | None:
    """patchpact's row that is called in the same way with as many worlds and cores."""
    same = ("way", "batch", "threads")
    rows = [one for one in figures["cases"] if one["peer"] == REFERENCE and all(one[key] == row[key] for key in same)]
    return rows[0] if rows else None


def ratios(figures: dict[str, Any], row: dict[str, Any], value: Callable[[dict[str, Any]], float]) -> list[float]:
    """What each round's run gives over what patchpact's gave in the same round."""
    beside = reference(figures, row)
    if beside is None:
        return []
    own = {run["round"]: value(run) for run in beside["runs"]}
    return [value(run) / own[run["round"]] for run in row["runs"] if run["round"] in own]


def row_text(figures: dict[str, Any], row: dict[str, Any]) -> str:
    """A line of the table."""
    runs = row["runs"]
    env = [float(run["env_steps_per_second"]) for run in runs]
    title = f"**{TITLES[row['peer']]}**" if row["peer"] == REFERENCE else TITLES[row["peer"]]
    cells = [title, f"{row['batch']:,}", str(row["threads"]), spread(env, count)]
    cells.append(count(median(float(run["agent_steps_per_second"]) for run in runs)))
    cells.append(count(median(map(per_cpu, runs))))
    if row["peer"] == REFERENCE:
        cells += ["1", "1"]
    else:
        steps = ratios(figures, row, lambda run: float(run["env_steps"] / run["cpu_seconds"]))
        agents = ratios(figures, row, per_cpu)
        cells.append(ratio(median(steps)) if steps else "-")
        cells.append(spread(agents, ratio) if agents else "-")
    return "| " + " | ".join(cells) + " |"


def case_text(row: dict[str, Any]) -> str:
    """How many worlds on how many cores."""
    batch, threads = row["batch"], row["threads"]
    return f"{batch:,} world{'s' * (batch > 1)} on {threads} core{'s' * (threads > 1)}"


def table(figures: dict[str, Any]) -> str:
    """A table for each way of calling, rows in the order of batch and cores."""
    blocks = []
    for way, meaning in WAYS.items():
        rows = [row for row in figures["cases"] if row["way"] == way and row["runs"]]
        rows.sort(key=lambda row: (row["threads"], row["batch"]))
        if rows:
            lines = [row_text(figures, row) for row in rows]
            blocks.append(
                f"### {way.capitalize()}\n\n{meaning[0].upper()}{meaning[1:]}.\n\n{HEAD}\n" + "\n".join(lines)
            )
    return "\n\n".join(blocks)


def not_measured(figures: dict[str, Any]) -> list[str]:
    """Peers that did not install and cases that failed, with the reason."""
    lines = [
        f"- {TITLES[one['peer']]}: did not install (`{one['asked']}`): {one['reason'].rstrip('.')}."
        for one in figures["missing"]
    ]
    for row in figures["cases"]:
        if "failed" in row:
            done = f" after {len(row['runs'])} rounds" if row["runs"] else ""
            where = f"`{row['script']}`, {case_text(row)}"
            lines.append(f"- {TITLES[row['peer']]}, {where}: failed{done}: {row['failed']}.")
    return lines


def verdict(figures: dict[str, Any]) -> list[str]:
    """Peer by peer: where it is faster than patchpact and where slower, in agent-steps of a CPU-second."""
    lines = []
    for peer in PEERS:
        found = []
        for row in figures["cases"]:
            values = ratios(figures, row, per_cpu) if row["peer"] == peer.name != REFERENCE else []
            if values:
                found.append((row, values))
        if not found:
            continue
        parts = []
        for word, holds in (
            ("faster", lambda values: min(values) > 1),
            ("neither faster nor slower", lambda values: min(values) <= 1 <= max(values)),
            ("slower", lambda values: max(values) < 1),
        ):
            some = [f"{case_text(row)} ({ratio(median(values))})" for row, values in found if holds(values)]
            if some:
                parts.append(f"{word} with {', '.join(some)}")
        lines.append(f"- {peer.title}: {'; '.join(parts)}.")
    return lines


def parts_text(parts: dict[str, Any]) -> str:
    """Where patchpact's own time goes."""
    cost = parts["microseconds_per_env_step"]
    seeing = 1 - cost["blind"] / cost["seen"]
    rows = "\n".join(
        f"| {row['kind']} | {row['share_of_steps']:.1%} | {row['microseconds']:.1f} | {row['share_of_time']:.0%} |"
        for row in parts["kinds"]
    )
    return (
        f"Of the {cost['seen']:.1f} µs of CPU time that the engine takes for an env-step with given actions, about "
        f"{seeing:.0%} writes what the agents see ({parts['floats_per_env_step']:,} numbers an env-step, masks, and "
        f"what each patch is worth to each agent); the rest is the world. By kind of step, the call's own cost "
        f"({parts['call_microseconds']:.1f} µs) taken off:\n\n"
        "| step | share of steps | µs (median) | share of time |\n|---|---|---|---|\n" + rows
    )


def page(figures: dict[str, Any]) -> str:
    """The whole of docs/peers.md."""
    box = figures["machine"]
    runs = [run for row in figures["cases"] for run in row["runs"]]
    loads = [run["load"] for run in runs]
    busy = median(run["cpu_seconds"] / (run["seconds"] * run["threads"]) for run in runs)
    measured = [peer for peer in PEERS if any(row["peer"] == peer.name and row["runs"] for row in figures["cases"])]
    what = []
    versions = []
    for peer in measured:
        first = [row["runs"][0] for row in figures["cases"] if row["peer"] == peer.name and row["runs"]]
        tasks = "; ".join(
            dict.fromkeys(f"{run['task']}, {run['agents']} agent{'s' * (run['agents'] > 1)}" for run in first)
        )
        what.append(f"- **{peer.title}** ({peer.licence}): {tasks}. {peer.note}")
        named = dict(sorted(item for run in first for item in run["versions"].items()))
        versions.append(f"| {peer.title} | {', '.join(f'{name} {number}' for name, number in named.items())} |")
    sections = [
        "# Speed beside peers",
        "patchpact and environments that one might take instead, measured by turns on one machine, CPU only, with "
        "random actions. Everything here is written by\n\n"
        f"```sh\n{figures['command']} --write-docs\n```\n\n"
        "(`make bench-peers` takes 10 s a case) from [peers.json](peers.json). Each peer is installed into an "
        "environment of its own with the versions of `benchmarks/peers/requirements/`.",
        "An env-step is one step of one world in which all agents act; agent-steps are env-steps times the agents "
        "that acted. Drawing random actions and starting episodes anew are inside the measured time, imports and "
        "compiling outside. Every process is kept to as many cores as the table says, its libraries' pools too.",
        f"Measured on {figures['date']}: {box['system']}, {box['processor']}, {box['cores']} cores, "
        f"{box['memory_gib']} GiB, Python {box['python']}; {figures['rounds']} rounds of {figures['seconds']:g} s a "
        "case, each round starting with another case; the median, in brackets the least and the greatest. "
        f"Other work shared the machine: its load was {min(loads):.1f} to {max(loads):.1f}, and the processes got "
        f"{busy:.0%} (median) of the cores they asked for. So figures per second are lower than on a machine at rest, "
        "and **the ratios are of steps in a second of CPU time**, each taken within a round. Above 1 the peer is "
        "faster. Where the brackets of a ratio hold 1, neither is faster.",
        "Two things that a busy machine does to these ratios: threads that wait for each other burn CPU time while "
        "others hold their core, so rows with 2 cores say least; and caches are shared, which costs most where a batch "
        "is large. On a machine at rest expect other ratios for large batches, probably better ones for the peers.",
        "## Results",
        table(figures),
        "## In short",
        "Agent-steps per CPU-second over patchpact's, called in the same way with as many worlds and cores:",
        "\n".join(verdict(figures)),
        "## What a step does",
        "The figures do not compare like with like: a step of one is not a step of another.",
        "\n".join(what),
        "## Where patchpact's time goes",
        parts_text(figures["parts"]),
    ]
    shares = [
        (row["batch"], median(run["shares"]["drawing actions"] for run in row["runs"]))
        for row in figures["cases"]
        if row["peer"] == REFERENCE and row["threads"] == 1 and row["runs"] and "shares" in row["runs"][0]
    ]
    if shares:
        listed = ", ".join(f"{share:.0%} with {batch:,}" for batch, share in shares)
        sections.append(
            f"Of `make_vec`'s time the caller's drawing of legal actions from the masks takes {listed} worlds."
        )
    missing = not_measured(figures)
    sections += ["## What was not measured", "\n".join(missing) if missing else "Nothing: all installed and ran."]
    sections += ["## Versions", "| environment | versions |\n|---|---|\n" + "\n".join(versions)]
    return "\n\n".join(sections) + "\n"
