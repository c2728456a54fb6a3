"""``report.html`` and ``report.md`` of a benchmark folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from patchpact.training.folder import write_text
from patchpact.training.reports import page, story
from patchpact.training.reports.by_scenario import order_section, overview, scenario_table, scenarios_section
from patchpact.training.reports.cost_and_people import cost_section, people_section
from patchpact.training.reports.page import Column, Html, Table, code, number
from patchpact.training.reports.pieces import counted, in_words, with_columns
from patchpact.training.reports.reading import Benchmark, read
from patchpact.training.reports.results import IDLE, INFORMED, Results, Standing
from patchpact.training.reports.standings import duels_section, leaderboard, leaderboard_section, profiles_section

SIZE = "\N{WHITE SQUARE} MB"
"""Stands for the page's size until it is known."""


def write_benchmark_report(folder: str | Path, out: str | Path | None = None, progress: bool = False) -> Path:
    """Write the report of a benchmark folder: a page that needs nothing but itself, and its tables in Markdown.

    Args:
        folder: what ``patchpact benchmark`` wrote.
        out: the page's file, ``report.html`` in the folder by default; the Markdown stands beside it.
        progress: show how far the statistics are, where stderr is a terminal.

    Returns:
        The page's file.

    Raises:
        ReportError: a file is missing or cannot be read.
        RunError: the report cannot be written.
    """
    benchmark = read(folder)
    report = _Report(benchmark)
    for job in tqdm(report.results.jobs(), "statistics", leave=False, disable=None if progress else True):
        job()
    file = Path(out) if out is not None else benchmark.folder / "report.html"
    write_text(file, report.html())
    write_text(file.with_suffix(".md"), report.markdown())
    return file


class _Report:
    def __init__(self, benchmark: Benchmark) -> None:
        self.benchmark = benchmark
        self.manifest = benchmark.manifest
        episodes = _scenarios_by_track(benchmark.episodes)
        self.results = Results(episodes, self._kinds())
        named = {track for track in episodes["track"] if track}
        self.tracks: dict[str, Results] = {}
        if len(named) > 1:
            parts = {track: episodes[episodes["track"] == track] for track in sorted(named)}
            self.tracks = {track: Results(part, self._kinds()) for track, part in parts.items()}
        self.numbers = {standing.policy: n for n, standing in enumerate(self.results.standings, 1)}
        self.suite = str(self.manifest.get("suite") or "benchmark")
        self.title = str(self.manifest.get("title") or f"patchpact benchmark: {self.suite}")

    def _kinds(self) -> dict[str, str]:
        """What the manifest says of policies' kinds."""
        told = self.manifest.get("kinds")
        return {str(k): str(v) for k, v in told.items()} if isinstance(told, Mapping) else {}

    def _tracks(self) -> dict[str, str]:
        """What the manifest says of the tracks."""
        told = self.manifest.get("tracks")
        return {str(k): str(v) for k, v in told.items()} if isinstance(told, Mapping) else {}

    def _commands(self) -> list[str]:
        """The commands that made the folder, each on a line."""
        told = self.manifest.get("commands") or self.manifest.get("command") or []
        return [" ".join(str(command).split()) for command in (told if isinstance(told, list) else [told])]

    # The page

    def html(self) -> str:
        """The whole page. Its size stands in it."""
        r = self.results
        sections = {
            "leaderboard": ("Leaderboard", leaderboard_section(r, self.tracks, self._tracks())),
            "profiles": ("Performance profiles", profiles_section(r)),
            "duels": ("Who beats whom", duels_section(r, self.numbers)),
            "scenarios": ("Scenario by scenario", scenarios_section(r)),
            "cost": ("Cost against risk", cost_section(r, self.numbers)),
            "people": ("Who bears it, who blocks it", people_section(r)),
            "order": ("Order check", order_section(r)),
            "stories": ("Single episodes", []),
            "limits": ("Limits, and how to reproduce", self._limits()),
        }
        chosen, left_out = story.pick(self.benchmark.stories, [s.policy for s in self.results.standings])
        told = {name: page.section(name, title, *parts) for name, (title, parts) in sections.items()}
        told["stories"] = story.section(chosen, left_out)
        links = "".join(f'<li><a href="#{name}">{page.html(title)}</a></li>' for name, (title, _) in sections.items())
        body = [
            f"<header><h1>{page.html(self.title)}</h1>",
            f'<p class="meta">{page.html(self._meta())}</p></header>',
            '<main id="main">',
            *(f'<p class="lead">{line.text}</p>' for line in self._summary()[:1]),
            *(f"<p>{line.text}</p>" for line in self._summary()[1:]),
            page.facts(self._facts()),
            self._notes(),
            f'<nav aria-label="Contents"><ul>{links}</ul></nav>',
            *told.values(),
            "</main>",
            f'<footer><p class="soft">{page.html("Made by patchpact report.")}</p></footer>',
        ]
        text = page.whole(self.title, body, story.script() if chosen else "")
        return text.replace(SIZE, f"{len(text.encode('utf-8')) / 1e6:.2f} MB")

    def _meta(self) -> str:
        r, episodes = self.results, self.benchmark.episodes
        parts = [f"patchpact {self.manifest['version']}"] if self.manifest.get("version") else []
        date = self.manifest.get("finished") or self.manifest.get("date") or self.manifest.get("started")
        parts += [str(date).replace("T", " ")[:16]] if date else []
        parts.append(
            f"{counted(len(r.policies), 'policy', 'policies')} on {counted(len(r.scenarios), 'scenario', 'scenarios')}"
        )
        parts.append(f"{len(episodes):,} episodes")
        return " · ".join(parts)

    # What it comes to

    def _summary(self) -> list[Html]:
        """What won and how sure that is."""
        r = self.results
        if not r.ranked:
            return [Html("This folder holds reference policies only, so there is nobody to rank.")]
        best = next(s for s in r.standings if s.policy == r.ranked[0])
        lead = f"<strong>{code(best.policy).text}</strong> "
        lead += (
            f"comes first of {len(r.ranked)} policies on {counted(len(r.scenarios), 'scenario', 'scenarios')}"
            if len(r.ranked) > 1
            else f"is the one policy here, on {counted(len(r.scenarios), 'scenario', 'scenarios')}"
        )
        if r.measure == "score":
            lead += (
                f": its score is <strong>{in_words(best.score)}</strong>, where 0 is doing nothing and 1 the"
                " planner that knows every private value."
            )
        elif r.measure == "gain":
            lead += f": it gains <strong>{in_words(best.gain, 1, ' k€')}</strong> an episode over doing nothing."
        else:
            lead += f", with a mean welfare of <strong>{in_words(best.welfare, 1, ' k€')}</strong> an episode."
        lines = [Html(lead)]
        if len(r.ranked) > 1:
            lines.append(Html(f"{self._ahead(r.ranked[0], r.ranked[1])} {self._over_rules(best)}"))
        violated = [
            (name, claim) for name in r.scenarios for claim in r.order(name).values() if claim.verdict == "violated"
        ]
        if violated:
            count = counted(len(violated), "expected order is violated", "expected orders are violated")
            lines.append(Html(f'{count}: see the <a href="#order">order check</a>.'))
        return lines

    def _ahead(self, first: str, second: str) -> str:
        """Whether the first is told apart from the second."""
        r = self.results
        difference = r.difference(first, second)
        name = code(second).text
        if not math.isfinite(difference.value):
            return f"It has no world in common with the second, {name}."
        told = f"the mean difference is {in_words(difference, 1, ' k€', signed=True)} an episode"
        if difference.low > 0.0:
            return f"That it is ahead of the second, {name}, is sure as far as these worlds tell: {told}."
        if difference.high < 0.0:
            return f"The second, {name}, earns more on average all the same: {told}; scores weigh scenarios alike."
        return f"It is not told apart from the second, {name}: {told}."

    def _over_rules(self, best: Standing) -> str:
        r = self.results
        if r.best_rule is None:
            return "There is no rule to compare it with."
        if r.best_rule == best.policy:
            return "It is a rule itself: no planner and no learned policy here is above it."
        chance = r.improvement(best.policy, r.best_rule)
        return (
            f"Against the best rule, {code(r.best_rule).text}, it does better in a world with a probability of"
            f" {in_words(chance)}."
        )

    def _facts(self) -> list[tuple[str, str]]:
        r = self.results
        if not r.ranked:
            return []
        best = next(s for s in r.standings if s.policy == r.ranked[0])
        pairs = [("Best policy", best.policy)]
        if r.measure == "score":
            pairs.append((f"Score against {INFORMED}", number(best.score.value)))
        if math.isfinite(best.bound.value):
            pairs.append(("Score against the bound", number(best.bound.value)))
        if math.isfinite(best.gain.value):
            pairs.append(("Gain an episode", f"{number(best.gain.value, 1, signed=True)} k€"))
        damage, left = r.mean(best.policy, "damage_keur"), r.mean(best.policy, "risk_left_keur")
        if math.isfinite(damage):
            pairs.append(("Damage an episode", f"{number(damage, 1)} k€"))
        if math.isfinite(left):
            pairs.append(("Risk left at the end", f"{number(left, 1)} k€"))
        return pairs

    def _notes(self) -> str:
        notes = [*self.benchmark.notes, *self.results.notes]
        if not notes:
            return ""
        return (
            f'<aside class="note" aria-label="What is missing"><p>What is missing here</p>{page.bullets(notes)}</aside>'
        )

    # Scenarios

    # Limits

    def _limits(self) -> list[str]:
        lines = [
            "Worlds are simulated: scenarios rest on published advisories and stated assumptions (patchpact check"
            " SCENARIO lists them). Intervals tell how far the draw of worlds moves a figure, not how far an assumption"
            " does.",
            "Best rule, best planner and the ranks are picked on the worlds they are then compared on, which flatters"
            " the winner a little.",
            f"{INFORMED} is a planner, not the optimum: a score above 1 is possible. The clairvoyant bound knows the"
            " draws to come, so that no policy can reach it.",
            f"Equal seeds meet equal draws, whatever the policy does. Planners and references may have played fewer"
            f" worlds; a score takes those that the policy, {IDLE} and the reference all played.",
        ]
        lines.append(f"This page has {SIZE}, asks the network for nothing and sends nothing.")
        apart = ("title", "command", "commands", "tracks", "policies")
        rest = {name: value for name, value in self.manifest.items() if name not in apart}
        pairs = [{"name": name, "value": value} for name, value in _flat(rest)]
        seeds = self.benchmark.episodes.groupby("scenario", sort=False)["seed"].agg(["min", "max", "nunique"])
        alike: dict[str, list[str]] = {}
        for scenario, row in seeds.iterrows():
            alike.setdefault(f"{row['min']} to {row['max']}, {row['nunique']} worlds", []).append(str(scenario))
        for told, scenarios in alike.items():
            names = "every scenario" if len(alike) == 1 else ", ".join(scenarios)
            pairs.append({"name": "seeds", "value": f"{told} of {names}"})
        columns = [Column("name", "what", text=True), Column("value", "value", text=True)]
        parts = [page.bullets(lines), "<h3>How to reproduce</h3>"]
        commands = "\n".join(self._commands())
        if commands:
            parts.append(f'<pre tabindex="0"><code>{page.html(commands)}</code></pre>')
        else:
            parts.append(page.paragraph("The folder does not tell the command that made it."))
        parts.append(Table("What this benchmark was", columns, pairs).html())
        policies = self.manifest.get("policies")
        if isinstance(policies, Mapping):
            digests = [{"name": str(name), "value": str(digest)} for name, digest in policies.items()]
            columns = [Column("name", "policy", text=True), Column("value", "digest", text=True)]
            parts.append(
                page.folded("Digests of the policies", Table("Policies and their digests", columns, digests).html())
            )
        return parts

    # Markdown

    def markdown(self) -> str:
        """The tables for a README."""
        brief = ("number", "policy", "score", "bound", "gain", "chance")
        lines = [f"# {_line(self.title)}", self._meta(), _as_markdown(self._summary()[0])]
        lines += [_as_markdown(line) for line in self._summary()[1:2]]
        lines += ["## Leaderboard", with_columns(leaderboard(self.results, ""), brief).markdown()]
        for track, results in self.tracks.items():
            lines += [f"### Track {_line(track)}", *([_line(self._tracks()[track])] if track in self._tracks() else [])]
            lines += [with_columns(leaderboard(results, ""), brief).markdown()]
        lines += ["## Scenarios", overview(self.results).markdown()]
        for scenario in self.results.scenarios:
            lines += [f"### {_line(scenario)}", scenario_table(self.results, scenario).markdown()]
        notes = [*self.benchmark.notes, *self.results.notes]
        if notes:
            lines += ["## What is missing", "\n".join(f"- {_line(note)}" for note in notes)]
        if self._commands():
            lines += ["## How to reproduce", "\n".join(f"    {command}" for command in self._commands())]
        return "\n\n".join(lines) + "\n"


def _scenarios_by_track(episodes: pd.DataFrame) -> pd.DataFrame:
    """Where a scenario is played in more than one track, each track's is a scenario of its own."""
    tracks = episodes.groupby("scenario")["track"].nunique()
    shared = episodes["scenario"].map(tracks) > 1
    names = episodes["scenario"].where(~shared, episodes["scenario"] + " (" + episodes["track"] + ")")
    return episodes.assign(scenario=names)


def _flat(value: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Names and values of nested objects, lists on one line."""
    found: list[tuple[str, str]] = []
    for name, item in value.items():
        if isinstance(item, Mapping):
            found += _flat(item, f"{before}{name} ")
        else:
            text = ", ".join(map(str, item)) if isinstance(item, list) else str(item)
            found.append((f"{before}{name}".replace("_", " "), text))
    return found


def _line(text: str) -> str:
    """Text that is no markup, on one line."""
    return page.markdown(text)


def _as_markdown(line: Html) -> str:
    """The summary's few tags as Markdown."""
    text = line.text
    for tag, sign in (("strong", "**"), ("code", "`")):
        text = text.replace(f"<{tag}>", sign).replace(f"</{tag}>", sign)
    return text.replace("\N{MINUS SIGN}", "-")
