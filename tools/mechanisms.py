"""Does each mechanism of the wider game move what it should? Writes `docs/mechanisms.csv` and `docs/mechanisms.md`.

    .venv/bin/python tools/mechanisms.py [WORLDS]

Each row plays one scenario twice, with the mechanism and without it, in the same worlds with the same draws: the effect
is the mean difference with its 95% interval, losses booked as expectations. Where agents' rules do not answer to a
mechanism, answers are worked out (`worked out`), from formulas on the scenario's own parameters or by the best of a
few stances. A mechanism moves what it should where the whole interval is on the expected side of 0.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import Cast, Seen, find
from patchpact.agents.policies.base import REJECT, BatchPolicy
from patchpact.agents.policies.stewards import MOST, SELFISH, STEWARDS, Stewards
from patchpact.agents.roles import layout
from patchpact.cli.output import table
from patchpact.envs.core.engine import Engine
from patchpact.scenarios import Scenario, load_scenario
from patchpact.training import stats
from patchpact.training.audit_game import AuditGame, fictitious_play
from patchpact.training.evaluate import agents_of, begin, play
from patchpact.training.inequalities import kept, ratios
from patchpact.training.stats import Estimate

SCENARIO = "symbiosis-v1"
DOCS = Path(__file__).resolve().parents[1] / "docs"
WORLDS = 256
COLUMNS = ("mechanism", "measure", "how", "expected", "without", "with", "effect", "low", "high", "moves", "worlds")
IT_ALONE = {"responsibility_rule": "fixed", "share_it": 1.0, "share_business": 0.0, "share_vendor": 0.0}
EQUAL = {"responsibility_rule": "equal"}
SHIFT = {"threat_shift_window": 6}
INSURED_SELFISH = "stewards-selfish"
HEAD = """# What each mechanism moves

Written by `python tools/mechanisms.py {worlds}`; the same figures are in `mechanisms.csv`. Every row compares
`{scenario}` with a mechanism and without it, in the same worlds with the same draws; the effect has a 95% interval
paired by world, losses booked as expectations. `played` rows rest on rules that play (`stewards-selfish` votes for its
own expected account, `stewards` for public net gain); `worked out` rows on answers from formulas or the best of a few
stances. `no` in the column `moves` means that the interval is not on the expected side of 0.

{rows}

{short}
"""
WHY = {
    "premiums that follow risk": "a common premium gives every insured firm a stake in everybody's patches; where it "
    "follows risk, owners vote for more, and the other firms whose revenue runs through the service for none",
    "capped equity: 1 k€ left, audited often": "interest alone rewards claims here, and so little of it that even the "
    "last 1 k€ outweighs it; where more is to be won by a claim (the textbook game) the cap brings lying back",
    "adaptive rules after a threat shift (stewards-selfish)": "dearer fines carry no further motion, since those who "
    "vote no do not pay them, and the audits that the controller multiplies too cost the auditor more than they bring",
    "adaptive rules after a threat shift (stewards)": "these rules patch by public gains, whatever the fines, and "
    "the audits that the controller multiplies too cost money",
}
"""Why a mechanism does not move what it should, as far as it is understood; printed where it does not."""


class Bargaining(BatchPolicy):
    """Votes for its own account, but pays where it gains much, and asks where that makes up for a loss.

    Of a motion's quote it pays 30% or 10% out of an own gain of more than that, and asks 10% or 30% where its own loss
    is less.
    """

    NAME = "bargaining"

    def __init__(self, role: str) -> None:
        super().__init__(role)
        self._base = Stewards(role, replace(STEWARDS, votes=SELFISH))

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """See ``BatchPolicy.choose``."""
        actions = self._base.choose(seen, rng)
        share = seen.whole("motion_own_gain") / np.maximum(seen.whole("motion_quote"), 1e-9)
        votes = np.select(
            [share > 0.3, share > 0.1, share > 0.0, share > -0.1, share > -0.3],
            [layout.VOTES.index(v) for v in ("accept_pay_30", "accept_pay_10", "accept", "ask_10", "ask_30")],
            layout.VOTES.index("reject"),
        )
        wanted = layout.VOTE_START + votes
        legal = (seen.mask[:, REJECT] != 0) & (seen.mask[np.arange(len(seen)), wanted] != 0)
        return np.where(legal, wanted, actions).astype(np.int64)


def _row(
    mechanism: str, measure: str, how: str, rises: bool, pair: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> dict[str, object]:
    """A row of what was without the mechanism and with it, ``(worlds,)`` each, or single figures."""
    without, with_ = pair
    effect = with_ - without
    found = stats.mean(effect) if len(effect) > 1 else Estimate(*(float(effect[0]),) * 3)
    moves = found.low > 0.0 if rises else found.high < 0.0
    figures = (float(without.mean()), float(with_.mean()), *found)
    head = (mechanism, measure, how, "rises" if rises else "falls")
    return dict(zip(COLUMNS, (*head, *figures, "yes" if moves else "no", len(effect)), strict=True))


def rows(world: Scenario, worlds: int) -> Iterator[dict[str, object]]:
    """All rows."""
    seeds = range(worlds)
    known: dict[object, dict[str, NDArray[np.float64]]] = {}

    def played(policy: str | Cast, **over: object) -> dict[str, NDArray[np.float64]]:
        key = (policy, tuple(sorted(over.items())))
        if key not in known:
            cast = find(policy) if isinstance(policy, str) else policy
            known[key] = play(world.with_parameters(**over), cast, seeds)
        return known[key]

    selfish = played(INSURED_SELFISH)
    equal = played(INSURED_SELFISH, **EQUAL)

    def pair(total: str, without: dict[str, NDArray[np.float64]], with_: dict[str, NDArray[np.float64]]):  # type: ignore[no-untyped-def]
        return without[total], with_[total]

    alone = played(INSURED_SELFISH, **IT_ALONE)
    yield _row("liability on IT alone, for equal shares", "motions passed", "played", False,
               pair("motions_passed", equal, alone))  # fmt: skip
    negligent = played(INSURED_SELFISH, responsibility_rule="negligence")
    yield _row("negligence, for equal shares", "motions passed", "played", True,
               pair("motions_passed", equal, negligent))  # fmt: skip
    low, high = (played(INSURED_SELFISH, insurance_pass_through=at) for at in (0.0, 1.0))
    yield _row("premiums that follow risk", "patches done", "played", True, pair("patches_done", low, high))
    common, own = (_favour(world.with_parameters(insurance_pass_through=at), seeds) for at in (0.0, 1.0))
    for voter, rises in (("the owner", True), ("other firms", False)):
        yield _row("premiums that follow risk", f"votes of {voter} in favour", "played", rises,
                   pair(voter, common, own))  # fmt: skip
    yield _row("premiums that follow risk", "share of efficient plans that an insured owner wants", "worked out",
               True, _appetite(world, seeds))  # fmt: skip
    yield from _audits(world, played)
    unanimous = played(INSURED_SELFISH, voting="unanimity")
    yield _row("unanimity, for a quota of .65", "patches done", "played", False,
               pair("patches_done", selfish, unanimous))  # fmt: skip
    yield _row("unanimity, for a quota of .65", "deadlines missed", "played", True,
               pair("deadlines_missed", selfish, unanimous))  # fmt: skip
    paying = played(Bargaining)
    for total, measure in (("welfare_keur", "welfare, k€"), ("motions_passed", "motions passed")):
        yield _row("side payments", measure, "played", True, pair(total, selfish, paying))
    for policy in (INSURED_SELFISH, "stewards"):
        frozen = played(policy, **SHIFT)
        adaptive = played(policy, **SHIFT, controller="adaptive")
        name = f"adaptive rules after a threat shift ({policy})"
        yield _row(name, "welfare, k€", "played", True, pair("welfare_keur", frozen, adaptive))
        yield _row(name, "deadlines missed", "played", False, pair("deadlines_missed", frozen, adaptive))


def _favour(world: Scenario, seeds: range) -> dict[str, NDArray[np.float64]]:
    """By world: the share of motions for which the service's owner votes, and other firms that may."""
    worlds, players, seen = begin(world, find(INSURED_SELFISH), seeds)
    state, static = worlds.engine.state, worlds.engine.static
    count = len(seeds)
    asked, given = (dict.fromkeys(("the owner", "other firms"), np.zeros(count)) for _ in range(2))
    running = np.ones(count, np.bool_)
    while running.any():
        voted = (state.world["voting"] != 0) & running
        on_table = state.row["patch"][np.arange(count), np.maximum(state.world["row"], 0)]
        owner = static.patch["owner"][np.maximum(on_table, 0)][:, None] == np.arange(static.agent.shape[0])
        voter = (state.agent["may_vote"] != 0) & voted[:, None]
        seen, _, ended, _, _ = worlds.step(players(seen))
        for name, group in (("the owner", owner), ("other firms", ~owner & (static.agent["firm"] != 0))):
            asked[name] = asked[name] + (voter & group).sum(1)
            given[name] = given[name] + (voter & group & (state.ballots > 0)).sum(1)
        running &= ~ended
    worlds.close()
    return {name: given[name] / np.maximum(asked[name], 1) for name in asked}


def _appetite(world: Scenario, seeds: range) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By world with an efficient plan: the share of them wanted without pass-through, and with all of it."""
    engine = Engine([world], len(seeds))
    engine.reset(np.array(seeds, np.uint64))
    ratio, where = ratios(engine)
    ratio, where = ratio[ratio > 1.0], where[ratio > 1.0]
    count = np.bincount(where, minlength=len(seeds))
    shares = []
    for at in (0.0, 1.0):
        wanted = kept(world.with_parameters(insurance_pass_through=at)) * ratio > 1.0
        shares.append(np.bincount(where[wanted], minlength=len(seeds))[count > 0] / count[count > 0])
    return shares[0], shares[1]


def _audits(world: Scenario, played) -> Iterator[dict[str, object]]:  # type: ignore[no-untyped-def]
    """Audits and the gap between claimed and true; what capped equity makes of it."""
    firms = [name for name in agents_of(world) if name.startswith("business")]
    gaps = []
    for firm in firms:
        game = AuditGame.of(world, firm)
        claim, effort = game.best_answer(0.0)
        gaps.append((max(claim - effort, 0.0), fictitious_play(game, 2000).gap))
    without, with_ = (np.array([mean]) for mean in np.mean(gaps, 0))
    yield _row("audits (fictitious play, interest alone rewards claims)", "mean gap of the firms", "worked out", False,
               (without, with_))  # fmt: skip
    best = []
    columns = [n for n, name in enumerate(agents_of(world)) if name in firms]
    for audit in ("never", "often"):
        answers = []
        for settings in ({}, {"claim": MOST}, {"claim": MOST, "effort": 0}, {"effort": 0}):
            answers.append(played(_answering(audit, **settings)))
        most = [float(answer["accounts_keur"][:, columns].sum()) for answer in answers]
        best.append(answers[int(np.argmax(most))]["gap_mean"])
    yield _row("audits (firms' best of four stances)", "mean gap of the firms", "worked out", False, (best[0], best[1]))
    for name, base, cap, chance in (
        ("capped equity: 1 k€ left, audited often", AuditGame.of(world, firms[-1]), 1.0,
         float(world.parameters["audit_often"])),
        ("capped equity: 20 k€, the textbook game", AuditGame(), 20.0, 0.1),
    ):  # fmt: skip
        found = []
        for game in (base, replace(base, equity=cap)):
            claim, effort = game.best_answer(chance)
            found.append(np.array([max(claim - effort, 0.0)]))
        yield _row(name, "gap of the firm's best answer", "worked out", True, (found[0], found[1]))


def _answering(audit: str, **settings: object) -> Cast:
    return partial(Stewards, stance=replace(STEWARDS, name="answer", audit=audit, **settings))


def page(found: list[dict[str, str]], worlds: int) -> str:
    """The page of these rows, as written to the CSV."""
    shown = [{name: row[name] for name in COLUMNS} for row in found]
    short = [f"- {row['mechanism']}, {row['measure']}: {WHY.get(row['mechanism'], 'not understood')}." for row in found
             if row["moves"] == "no"]  # fmt: skip
    listed = "\n".join(["## What does not move as it should", "", *(short or ["Nothing."])])
    return HEAD.format(worlds=worlds, scenario=SCENARIO, rows=table(shown, markdown=True), short=listed)


def main(worlds: int = WORLDS) -> None:
    """Write both files."""
    found = []
    for row in rows(load_scenario(SCENARIO, incident_loss="expected"), worlds):
        found.append({key: f"{value:.3f}" if isinstance(value, float) else str(value) for key, value in row.items()})
        print(found[-1], flush=True)
    with (DOCS / "mechanisms.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    (DOCS / "mechanisms.md").write_text(page(found, worlds), encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
