"""Equilibrium measures of a profile: what deviating alone brings, what selfishness costs, and who can block.

Gains from deviating are lower bounds: a player's best response is the best of a finite set of deviations and of a
linear family, chosen in worlds of their own; no policy is trained. Figures are from other worlds, with 95% intervals.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from patchpact.cli.arguments import UsageError, add_json, add_settings, whole_number
from patchpact.cli.output import listing, print_json, shown, table

if TYPE_CHECKING:
    from patchpact.training.equilibrium import Equilibrium
    from patchpact.training.stats import Estimate


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--scenario", metavar="S", help="a bundled id, a YAML scenario or a node-link JSON graph")
    parser.add_argument(
        "--profile",
        default="myopic-selfish",
        metavar="P",
        help="what all agents play: a policy's name or a run folder (default myopic-selfish)",
    )
    parser.add_argument(
        "--cooperative",
        default="net-gain",
        metavar="P",
        help="the policy that stands for the optimum: net-gain (default), rolling-horizon, informed, a run folder..",
    )
    parser.add_argument(
        "--by", choices=("agent", "role"), default="agent", help="who deviates: an agent (default), or all of a role"
    )
    parser.add_argument(
        "--episodes", type=whole_number(2), default=512, metavar="N", help="worlds that figures are from (default 512)"
    )
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, metavar="K", help="the first of their seeds (default 0)"
    )
    parser.add_argument(
        "--search-episodes",
        type=whole_number(8),
        default=64,
        metavar="N",
        help="other worlds, that deviations are chosen on (default 64)",
    )
    parser.add_argument(
        "--rounds",
        type=whole_number(0),
        default=3,
        metavar="N",
        help="rounds of best-response dynamics at most (default 3; 0 leaves them out)",
    )
    add_settings(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    import sys

    from patchpact.training.equilibrium import equilibrium

    if args.scenario is None:
        raise UsageError("no scenario; add --scenario S (patchpact scenarios lists them)")
    found = equilibrium(
        args.scenario,
        args.profile,
        args.cooperative,
        args.episodes,
        args.seed,
        by=args.by,
        search_episodes=args.search_episodes,
        rounds=args.rounds,
        progress=not args.json and sys.stderr.isatty(),
        **dict(args.settings),
    )
    if args.json:
        print_json(found.to_dict())
    else:
        print("\n\n".join([_deviations(found), _dynamics(found), _prices(found), _blocking(found)]))
    return 0


def _deviations(found: Equilibrium) -> str:
    measured = found.exploitability
    rows = [
        {
            "player": one.player,
            "account_keur": one.account_keur,
            "best deviation found": one.deviation,
            "gain_keur": one.gain.value,
            "95% interval": _interval(one.gain),
            "with expected losses": one.expected_gain.value,
            "interval of that": _interval(one.expected_gain),
        }
        for one in measured.players
    ]
    lines = [
        f"largest gain ({measured.largest_player}): {_shown(measured.largest)} k€ an episode; with expected losses"
        f" {_shown(measured.expected_largest)}",
        f"sum of all gains: {_shown(measured.sum)} k€ an episode; with expected losses {_shown(measured.expected_sum)}",
        "These are lower bounds: the best of the deviations tried"
        f" ({max(one.tried for one in measured.players)} for each player), no trained best response.",
        f"Deviations were chosen in {found.search_episodes} other worlds, with expected losses.",
    ]
    head = f"What deviating from {found.profile} brings, {found.scenario}, {found.episodes} episodes"
    return f"{head}\n\n{table(rows)}\n\n{listing(lines)}"


def _dynamics(found: Equilibrium) -> str:
    dynamics = found.dynamics
    if not dynamics.rounds:
        return "Best-response dynamics: left out"
    switches = [f"round {one.round}: {one.player}: {one.deviation}" for one in dynamics.switches]
    if dynamics.converged and not switches:
        return f"Best-response dynamics: {found.profile} is its own end point: of the deviations tried none is better"
    end = (
        "ended: of the deviations tried none is better"
        if dynamics.converged
        else f"no end after {dynamics.rounds} rounds"
    )
    return f"Best-response dynamics: {end}\n\n{listing(switches)}"


def _prices(found: Equilibrium) -> str:
    rows: list[dict[str, Any]] = [
        {
            "profile": price.profile,
            "gain_keur": price.gain.value,
            "loss_keur": price.loss_keur.value,
            "loss interval": _interval(price.loss_keur),
            "loss_share": price.loss_share.value,
            "share interval": _interval(price.loss_share),
            "cost_ratio": price.cost_ratio.value,
            "ratio interval": _interval(price.cost_ratio),
        }
        for price in found.prices
    ]
    lines = [
        f"gain: in welfare over doing nothing; loss: against {found.cooperative}, which gains"
        f" {_shown(found.cooperative_gain)} k€ an episode",
        "loss_share: (cooperative - profile) / (cooperative - do-nothing); '-' where the cooperative policy's gain is"
        " not above 0 beyond its interval",
        "cost_ratio: the profile's cost over the cooperative policy's, the price of anarchy of Koutsoupias and"
        " Papadimitriou (1999) with a profile for the worst equilibrium and a policy for the optimum: an estimate, no"
        " bound",
    ]
    return f"What selfishness costs\n\n{table(rows)}\n\n{listing(lines)}"


def _blocking(found: Equilibrium) -> str:
    blocking = found.blocking
    if not blocking.rule:
        return "Who can block: nobody, there is no vote (governance is off)"
    weights = ", ".join(f"{name} {weight}" for name, weight in blocking.weights.items())
    rows = [
        {
            "voters": ", ".join(one.voters),
            "patches": one.patches,
            "minimal blocking coalitions": "; ".join(_coalition(members) for members in one.minimal) or "none",
        }
        for one in blocking.coalitions
    ]
    of = f"motions that {found.cooperative} passes"
    lines = [
        f"{of}: {_shown(blocking.motions)} an episode",
        f"a coalition of voters whose own expected account falls could block {_shown(blocking.blocked)} of them",
        *(f"{_coalition(one.members)}: {_shown(one.share)}" for one in blocking.blockers),
        *(
            f"payments of up to {100 * one.payment:.0f}% of the quote would be enough for {_shown(one.enough)} of those"
            f" that would be blocked; voters who still gain would pay them for {_shown(one.funded)}"
            for one in blocking.bought
        ),
    ]
    head = f"Who can block: rule {blocking.rule}, quota {blocking.quota:g}, weights {weights}"
    return f"{head}\n\n{table(rows)}\n\n{listing(lines)}"


def _coalition(members: tuple[str, ...]) -> str:
    return " + ".join(members) or "nobody need reject: no motion can pass"


def _interval(estimate: Estimate) -> str:
    if estimate.low != estimate.low:
        return "-"
    return f"{shown(estimate.low)} to {shown(estimate.high)}"


def _shown(estimate: Estimate) -> str:
    return f"{shown(estimate.value)} ({_interval(estimate)})"
