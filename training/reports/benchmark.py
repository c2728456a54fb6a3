"""``report.html`` and ``report.md`` of a benchmark folder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from patchpact.training.folder import write_text
from patchpact.training.reports import charts, page, story
from patchpact.training.reports.page import NOTHING, Column, Figure, Html, Table, code, interval, number
from patchpact.training.reports.reading import Benchmark, read
from patchpact.training.reports.results import IDLE, INFORMED, Claim, Results, Standing
from patchpact.training.stats import Estimate

ROWS_SHOWN = 12
"""Of a long table; the others are folded."""
COMPARED = 12
"""Policies in the table of who beats whom."""
THRESHOLDS = [round(-0.5 + 0.01 * n, 2) for n in range(171)]
SCORE_FLOOR = -0.75
"""Scores below are cut off in the chart, so that a hopeless policy does not squeeze the others."""
SHAPES = {"rule": "circle", "planner": "square", "learned": "square", "reference": "diamond"}
SIZE = "\N{WHITE SQUARE} MB"
"""Stands for the page's size until it is known."""
WORDS = {"holds": "✓ holds", "not told apart": "≈ not told apart", "violated": "✗ violated", "missing": "– missing"}
TONES = {"holds": "good", "not told apart": "warn", "violated": "bad", "missing": ""}


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
        sections = {
            "leaderboard": ("Leaderboard", self._leaderboard()),
            "profiles": ("Performance profiles", self._profiles()),
            "duels": ("Who beats whom", self._duels()),
            "scenarios": ("Scenario by scenario", self._scenarios()),
            "cost": ("Cost against risk", self._cost()),
            "people": ("Who bears it, who blocks it", self._people()),
            "order": ("Order check", self._order()),
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
            f"{_count(len(r.policies), 'policy', 'policies')} on {_count(len(r.scenarios), 'scenario', 'scenarios')}"
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
            f"comes first of {len(r.ranked)} policies on {_count(len(r.scenarios), 'scenario', 'scenarios')}"
            if len(r.ranked) > 1
            else f"is the one policy here, on {_count(len(r.scenarios), 'scenario', 'scenarios')}"
        )
        if r.measure == "score":
            lead += (
                f": its score is <strong>{_with_interval(best.score)}</strong>, where 0 is doing nothing and 1 the"
                " planner that knows every private value."
            )
        elif r.measure == "gain":
            lead += f": it gains <strong>{_with_interval(best.gain, 1, ' k€')}</strong> an episode over doing nothing."
        else:
            lead += f", with a mean welfare of <strong>{_with_interval(best.welfare, 1, ' k€')}</strong> an episode."
        lines = [Html(lead)]
        if len(r.ranked) > 1:
            lines.append(Html(f"{self._ahead(r.ranked[0], r.ranked[1])} {self._over_rules(best)}"))
        violated = [
            (name, claim) for name in r.scenarios for claim in r.order(name).values() if claim.verdict == "violated"
        ]
        if violated:
            count = _count(len(violated), "expected order is violated", "expected orders are violated")
            lines.append(Html(f'{count}: see the <a href="#order">order check</a>.'))
        return lines

    def _ahead(self, first: str, second: str) -> str:
        """Whether the first is told apart from the second."""
        r = self.results
        difference = r.difference(first, second)
        name = code(second).text
        if not math.isfinite(difference.value):
            return f"It has no world in common with the second, {name}."
        told = f"the mean difference is {_with_interval(difference, 1, ' k€', signed=True)} an episode"
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
            f" {_with_interval(chance)}."
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

    # Leaderboard

    def leaderboard(self, results: Results, caption: str) -> Table:
        """Standings as a table."""
        best_rule = results.best_rule
        columns = [
            Column("number", "#"),
            Column("policy", "policy", text=True),
            Column("kind", "kind", text=True),
            Column("score", f"score against {INFORMED} (IQM)"),
            Column("bound", "score against the bound (IQM)"),
            Column("gain", "mean gain, k€"),
            Column("chance", "P(better than the best rule)"),
            Column("runs", "runs"),
            Column("scenarios", "scenarios"),
            Column("episodes", "episodes"),
        ]
        rows = []
        place = 0
        for standing in results.standings:
            reference = standing.kind == "reference"
            place += not reference
            chance = (
                results.improvement(standing.policy, best_rule) if best_rule else Estimate(math.nan, math.nan, math.nan)
            )
            rows.append(
                {
                    "number": "ref." if reference else str(place),
                    "policy": standing.policy,
                    "kind": standing.kind,
                    "score": _figure(standing.score),
                    "bound": _figure(standing.bound),
                    "gain": _figure(standing.gain, 1, signed=True),
                    "chance": "itself" if standing.policy == best_rule else _figure(chance),
                    "runs": str(standing.runs),
                    "scenarios": str(standing.scenarios),
                    "episodes": f"{standing.episodes:,}",
                }
            )
        return Table(caption, columns, rows, headed=2)

    def _leaderboard(self) -> list[str]:
        r = self.results
        parts = [
            page.paragraph(
                "The score of a scenario is (welfare − doing nothing) / (",
                code(INFORMED),
                " − doing nothing), with sums over worlds before the ratio. Over scenarios and runs the interquartile"
                " mean (IQM) is taken, which neither the best nor the worst quarter moves. Intervals resample worlds"
                " within each scenario, all policies together.",
            )
        ]
        defined = [s for s in r.standings if math.isfinite(getattr(s, r.measure).value)]
        axis = {
            "score": f"score against {INFORMED}, with its 95% interval",
            "gain": "gain over doing nothing, k€ an episode, with its 95% interval",
            "welfare": "welfare, k€ an episode, with its 95% interval",
        }[r.measure]
        marks = {"score": [(0.0, IDLE), (1.0, INFORMED)], "gain": [(0.0, IDLE)], "welfare": []}[r.measure]
        digits = 2 if r.measure == "score" else 1
        floor = SCORE_FLOOR if r.measure == "score" else -math.inf
        bars = [_bar(s.policy, getattr(s, r.measure), n == 0) for n, s in enumerate(defined[: 2 * ROWS_SHOWN])]
        if bars:
            title = f"{axis[0].upper()}{axis[1:]}, by policy"
            caption = "The dot is the estimate, the line its interval; a triangle points to what lies beyond the chart."
            parts.append(
                page.figure(caption, lambda width: charts.forest(bars, width, title, axis, marks, floor, digits))
            )
        parts += _long(self.leaderboard(r, "All scenarios, from the best policy on; references last"))
        for track, results in self.tracks.items():
            parts.append(f"<h3>{page.html(f'Track {track}')}</h3>")
            if self._tracks().get(track):
                parts.append(page.paragraph(self._tracks()[track]))
            parts += _long(self.leaderboard(results, f"Track {track}"))
        return parts

    def _profiles(self) -> list[str]:
        r = self.results
        if r.measure != "score":
            return [page.paragraph("No score is defined here, so there are no profiles.")]
        profiles = []
        for n, policy in enumerate(r.ranked):
            found = r.profile(policy, THRESHOLDS)
            if math.isfinite(found[0].value):
                band = [(at.low, at.high) for at in found] if n == 0 else None
                profiles.append(charts.Series(policy, [at.value for at in found], band))
        caption = (
            "Share of scenarios and runs with a score above each threshold. Further right is better; where two lines"
            " cross, neither policy is better throughout. The pale band is the 95% interval of the first."
        )

        def draw(width: int) -> str:
            axes = (f"score against {INFORMED}", "share above it")
            return charts.lines(THRESHOLDS, profiles, width, "Performance profiles", axes, (0.0, 1.0), steps=True)

        return [page.figure(caption, draw)]

    def _duels(self) -> list[str]:
        r = self.results
        names = r.ranked[:COMPARED]
        if len(names) < 2:
            return [page.paragraph("There is one policy only, so there is nothing to compare.")]
        columns = [Column("policy", "better than", text=True)]
        columns += [Column(other, f"{self.numbers[other]}") for other in names]
        rows, shades = [], {}
        for n, one in enumerate(names):
            row: dict[str, Any] = {"policy": f"{self.numbers[one]} {one}"}
            for other in names:
                chance = r.improvement(one, other)
                sure = chance.low > 0.5 or chance.high < 0.5
                row[other] = NOTHING if one == other else number(chance.value) + ("*" if sure else "")
                if chance.low > 0.5:
                    shades[n, other] = "b3" if chance.value >= 0.75 else "b2" if chance.value >= 0.6 else "b1"
            rows.append(row)
        text = (
            "How likely the policy of the row earns more welfare in a world than that of the column (numbers as in the"
            " leaderboard); ties count half, scenarios weigh the same. A star: the 95% interval leaves out 0.5. Where"
            " little is compromised in most worlds, who spends least wins most of them; a policy that wins rarely can"
            " be ahead in the mean all the same, by what it saves in the bad ones."
        )
        if len(r.ranked) > COMPARED:
            text += f" The {COMPARED} best policies are shown."
        return [
            page.paragraph(text),
            Table(
                "Probability of improvement; 95% intervals are in the leaderboard for the best rule",
                columns,
                rows,
                shades,
            ).html(),
        ]

    # Scenarios

    def scenario_table(self, scenario: str) -> Table:
        """All policies on one scenario."""
        r = self.results
        columns = [
            Column("policy", "policy", text=True),
            Column("welfare", "welfare, k€"),
            Column("gain", "gain, k€"),
            Column("score", f"score against {INFORMED}"),
            Column("bound", "score against the bound"),
            Column("left", "risk left, k€"),
            Column("damage", "damage, k€"),
            Column("spend", "spent, k€"),
            Column("downtime", "downtime, h"),
            Column("missed", "deadlines missed"),
            Column("episodes", "episodes"),
        ]
        rows = []
        for policy in r.on(scenario):
            welfare, gain = r.welfare_of(scenario, policy), r.gain(scenario, policy)
            score, bound = r.score(scenario, policy), r.bound_score(scenario, policy)
            rows.append(
                {
                    "policy": policy,
                    "welfare": _figure(welfare, 1),
                    "gain": _figure(gain, 1, signed=True),
                    "score": _figure(score),
                    "bound": _figure(bound),
                    "left": number(r.mean(policy, "risk_left_keur", scenario), 1),
                    "damage": number(r.mean(policy, "damage_keur", scenario), 1),
                    "spend": number(r.mean(policy, "spend_keur", scenario), 1),
                    "downtime": number(r.mean(policy, "downtime_hours", scenario), 1),
                    "missed": number(r.mean(policy, "deadlines_missed", scenario), 1),
                    "episodes": f"{r.episodes_of(policy, scenario):,}",
                }
            )
        return Table(f"{scenario}: means an episode", columns, rows)

    def overview(self) -> Table:
        """The best policy of each scenario, and whether it is told apart from the second."""
        r = self.results
        columns = [
            Column("scenario", "scenario", text=True),
            Column("best", "best policy", text=True),
            Column("score", f"score against {INFORMED}"),
            Column("gain", "gain, k€"),
            Column("second", "second", text=True),
            Column("ahead", "ahead by, k€"),
            Column("sure", "told apart", text=True),
        ]
        rows = []
        for scenario in r.scenarios:
            ranked = [policy for policy in r.on(scenario) if r.kind(policy) != "reference"]
            if not ranked:
                rows.append({"scenario": scenario, "best": "references only", "second": NOTHING, "sure": NOTHING})
                continue
            score = r.score(scenario, ranked[0])
            row = {
                "scenario": scenario,
                "best": ranked[0],
                "score": _figure(score),
                "gain": _figure(r.gain(scenario, ranked[0]), 1, signed=True),
                "second": ranked[1] if len(ranked) > 1 else "nobody else played",
                "sure": NOTHING,
            }
            if len(ranked) > 1:
                claim = r.claim(scenario, ranked[0], ranked[1])
                row["ahead"] = number(claim.difference, 1, signed=True)
                row["sure"] = "yes" if claim.verdict == "holds" else "no"
            rows.append(row)
        return Table("The best policy of each scenario", columns, rows)

    def _scenarios(self) -> list[str]:
        parts = [self.overview().html()]
        for scenario in self.results.scenarios:
            parts.append(page.folded(f"{scenario}: all policies", self.scenario_table(scenario).html()))
        return parts

    # Cost, people, order

    def _cost(self) -> list[str]:
        r = self.results
        rows, left, damage = [], [], []
        for policy, n in self.numbers.items():
            cost = r.mean(policy, "spend_keur") + r.mean(policy, "downtime_keur")
            values = {"left": r.mean(policy, "risk_left_keur"), "damage": r.mean(policy, "damage_keur")}
            shape = SHAPES.get(r.kind(policy), "circle")
            left.append(charts.Point(n, policy, cost, values["left"], shape))
            damage.append(charts.Point(n, policy, cost, values["damage"], shape))
            row = {"number": str(n), "policy": policy, "kind": r.kind(policy), "cost": number(cost, 1)}
            rows.append({**row, **{name: number(value, 1) for name, value in values.items()}})
        if not any(math.isfinite(point.x) for point in left):
            return [
                page.paragraph("The episodes tell neither spending nor downtime, so cost cannot be set beside risk.")
            ]
        fronts = ([p.number for p in charts.front(left)], [p.number for p in charts.front(damage)])
        for row, n in zip(rows, self.numbers.values(), strict=True):
            row["front"] = (
                " and ".join(w for w, f in zip(("risk left", "damage"), fronts, strict=True) if n in f) or "no"
            )
        columns = [
            Column("number", "#"),
            Column("policy", "policy", text=True),
            Column("kind", "kind", text=True),
            Column("cost", "cost, k€"),
            Column("left", "risk left, k€"),
            Column("damage", "damage, k€"),
            Column("front", "on the front of", text=True),
        ]
        axis = "spent on work and lost to downtime, k€ an episode"
        figures = [
            page.figure(
                "Risk left is the public estimate of the loss over the tail.",
                lambda width: charts.scatter(left, width, "Cost against risk left", (axis, "risk left, k€")),
            ),
            page.figure(
                "Damage is what compromises cost, users' losses and the tail included.",
                lambda width: charts.scatter(damage, width, "Cost against damage", (axis, "damage, k€ an episode")),
            ),
        ]
        text = (
            "Down and left is better. The dashed line joins the policies that no other beats in both. Circles are"
            " rules, squares planners and learned policies, diamonds references; numbers are those of the table below,"
            " means over scenarios."
        )
        table = Table("Cost, risk left and damage, means an episode", columns, rows, headed=2)
        return [page.paragraph(text), *figures, page.folded("The figures", table.html())]

    def _people(self) -> list[str]:
        r = self.results
        if not len(r.people):
            return [page.paragraph("The episodes tell no accounts of agents, so nothing can be said of fairness.")]
        roles = list(dict.fromkeys(r.people["role"]))
        columns = [Column("policy", "policy", text=True), Column("gini", "Gini"), Column("nash", "Nash welfare, k€")]
        columns += [Column(role, f"{role}, k€") for role in roles]
        accounts, blocked, shades = [], [], {}
        sums = {s.policy: r.by_role(s.policy, "blocked") for s in r.standings}
        most = max((v for by in sums.values() for v in by.values() if math.isfinite(v)), default=0.0)
        for n, standing in enumerate(r.standings):
            policy = standing.policy
            by_role = r.by_role(policy, "account_keur")
            row = {"policy": policy, "gini": number(r.gini(policy)), "nash": number(r.nash(policy), 1)}
            accounts.append({**row, **{role: number(by_role.get(role), 1) for role in roles}})
            proposed, passed = r.mean(policy, "motions_proposed"), r.mean(policy, "motions_passed")
            row = {"policy": policy, "proposed": number(proposed, 1), "failed": number(proposed - passed, 1)}
            blocked.append({**row, **{role: number(sums[policy].get(role), 1) for role in roles}})
            for role in roles:
                share = sums[policy].get(role, 0.0) / most if most else 0.0
                if share > 0.1:
                    shades[n, role] = "b3" if share > 0.66 else "b2" if share > 0.33 else "b1"
        parts = [
            page.paragraph(
                "Accounts are what agents have gained or lost at the end, users and nature left out; several agents"
                " of a role are added up. The Gini tells how unequally the agents bear the cost: 0 where all bear the"
                " same, near 1 where one bears all. Nash welfare is the geometric mean of the agents' gains over doing"
                " nothing, and 0 where anyone loses by it."
            ),
            *_long(Table("Accounts at the end by role, means an episode", columns, accounts)),
        ]
        if any(sums.values()) and any(math.isfinite(v) for by in sums.values() for v in by.values()):
            columns = [Column("policy", "policy", text=True), Column("proposed", "motions"), Column("failed", "failed")]
            columns += [Column(role, f"blocked by {role}") for role in roles]
            parts += [
                "<h3>Who blocked what</h3>",
                page.paragraph(
                    "A motion that failed counts for each agent that rejected it; an ask that nobody filled rejects."
                ),
                *_long(
                    Table("Failed motions that a role's agents rejected, means an episode", columns, blocked, shades)
                ),
            ]
        else:
            parts.append(page.paragraph("The episodes do not tell who rejected what."))
        return parts

    def _order(self) -> list[str]:
        r = self.results
        heads = {
            "rules": "the best rule is above random",
            "planner": "the best planner is above the best rule",
            "informed": f"{INFORMED} is above all players",
            "bound": "nobody is above the bound",
        }
        columns = [
            Column("scenario", "scenario", text=True),
            *(Column(key, head, text=True) for key, head in heads.items()),
        ]
        rows, shades = [], {}
        for n, scenario in enumerate(r.scenarios):
            row: dict[str, Any] = {"scenario": scenario}
            for key, claim in r.order(scenario).items():
                row[key] = _claim(claim)
                if TONES[claim.verdict]:
                    shades[n, key] = TONES[claim.verdict]
            rows.append(row)
        text = (
            "An order holds, or is violated, where the 95% interval of the mean difference in the same worlds leaves"
            " out 0; else the two are not told apart. No welfare may be above the proven bound of its world."
        )
        return [page.paragraph(text), Table("Does the order hold?", columns, rows, shades).html()]

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
        lines += ["## Leaderboard", _only(self.leaderboard(self.results, ""), brief).markdown()]
        for track, results in self.tracks.items():
            lines += [f"### Track {_line(track)}", *([_line(self._tracks()[track])] if track in self._tracks() else [])]
            lines += [_only(self.leaderboard(results, ""), brief).markdown()]
        lines += ["## Scenarios", self.overview().markdown()]
        for scenario in self.results.scenarios:
            lines += [f"### {_line(scenario)}", self.scenario_table(scenario).markdown()]
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


def _long(table: Table) -> list[str]:
    """A table, its first rows shown and the others folded."""
    if len(table.rows) <= ROWS_SHOWN + 3:
        return [table.html()]
    shades = table.shades or {}
    rest = {(n - ROWS_SHOWN, key): shade for (n, key), shade in shades.items() if n >= ROWS_SHOWN}
    first = replace(table, rows=table.rows[:ROWS_SHOWN])
    other = replace(table, rows=table.rows[ROWS_SHOWN:], shades=rest, caption=f"{table.caption} (continued)")
    return [first.html(), page.folded(f"The other {len(other.rows)}", other.html())]


def _only(table: Table, keys: Sequence[str]) -> Table:
    return replace(table, columns=[column for column in table.columns if column.key in keys])


def _figure(estimate: Estimate, digits: int = 2, signed: bool = False) -> Figure:
    return Figure(number(estimate.value, digits, signed), interval(estimate.low, estimate.high, digits, signed))


def _with_interval(estimate: Estimate, digits: int = 2, unit: str = "", signed: bool = False) -> str:
    """A figure with its interval in words."""
    value = number(estimate.value, digits, signed) + unit
    if not math.isfinite(estimate.low):
        return f"{value} (no interval)"
    return f"{value} (95% interval {interval(estimate.low, estimate.high, digits, signed)})"


def _bar(policy: str, estimate: Estimate, strong: bool) -> charts.Bar:
    return charts.Bar(policy, estimate.value, estimate.low, estimate.high, strong)


def _claim(claim: Claim) -> Html:
    text = f' <span class="soft">{page.html(claim.text)}</span>' if claim.text else ""
    return Html(f"<strong>{WORDS[claim.verdict]}</strong>{text}")


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


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
