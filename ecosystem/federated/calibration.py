"""Measure what federated, differentially private measurement is worth, by privacy budget, tenants and their size.

Without --data on made-up markets. With --data, a CSV of persons (columns tenant, person, group, touches, treated,
converted, order_eur, activity, tenure), those are measured once, for --epsilon; what that releases is written to
--releases, and the made-up markets are drawn like it, which costs no more privacy. Every release is charged to
--ledger before it is made; when --budget is spent, nothing more is released.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from patchpact.scenarios.tables import Measurement
from patchpact.scenarios.writing import replace_text


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--data", metavar="CSV", help="persons of your tenants (default: made-up markets alone)")
    parser.add_argument("--epsilon", type=float, default=2.0, metavar="E", help="price of measuring --data (default 2)")
    parser.add_argument(
        "--budget", type=float, default=8.0, metavar="E", help="what all releases from --data may cost (default 8)"
    )
    parser.add_argument(
        "--delta", type=float, default=1e-5, metavar="D", help="at this delta, below 1 / persons (default 1e-5)"
    )
    parser.add_argument("--ledger", metavar="FILE", help="the account of --data (default: CSV with .ledger.json)")
    parser.add_argument("--releases", metavar="FILE", help="what is released (default: CSV with .releases.json)")
    parser.add_argument("--pool-eur", type=float, default=1000.0, metavar="P", help="incentives to share out (1000)")
    parser.add_argument(
        "--sampling", type=float, default=1.0, metavar="Q", help="chance of a person to be in a step (default 1)"
    )
    parser.add_argument(
        "--participation", type=float, default=1.0, metavar="Q", help="chance of a tenant to be in a round (default 1)"
    )
    parser.add_argument(
        "--margin-share", type=float, default=0.5, metavar="M", help="margin of an order before marketing (default 0.5)"
    )
    parser.add_argument(
        "--spend-eur", type=float, default=1.0, metavar="S", help="what treating a person costs (default 1)"
    )
    parser.add_argument(
        "--average", choices=("own", "flower"), default="own", help="who averages the models of --data (default own)"
    )
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="markets of each kind (default 20)")
    parser.add_argument("--small", action="store_true", help="few small markets: to try it out, in seconds")


def run(args: argparse.Namespace) -> Measurement:
    """Measure. Raises ``ValueError`` in one line for bad options, data or a spent budget."""
    from patchpact.ecosystem.federated.market import Market
    from patchpact.ecosystem.federated.measure import Settings
    from patchpact.ecosystem.federated.study import Study, run_study

    _check(args)
    import dp_accounting as _  # noqa: F401  # a missing library is told before anything is charged

    settings = Settings(margin_share=args.margin_share, spend_eur=args.spend_eur)
    training = replace(settings.training, sampling_probability=args.sampling, participation=args.participation)
    settings = replace(settings, training=training)
    market, notes = Market(), ["made-up markets: all of their figures are assumptions, none is anybody's data"]
    if args.data is not None:
        market, told = _from_data(args, settings)
        notes = told
    study = replace(Study(), seeds=args.seeds, delta=args.delta)
    if args.small:
        study = replace(study, tenants=(2, 4), persons_per_tenant=(250,), seeds=min(args.seeds, 3), trials=100)
    rows = run_study(study, market, settings, _progress if sys.stderr.isatty() else None)
    notes += [
        f"unit of privacy: a person, added or removed; delta {args.delta:g}",
        "value shares are of what is earned by treating all for whom it pays, on fresh persons; 95% intervals over"
        f" seeds; margin {settings.margin_share:g} of an order and {settings.spend_eur:g} EUR a person (assumptions)",
        "leak_hazard_per_day is assumed, not measured: 1e-4 exp(0.3 epsilon), no noise counting as epsilon 16",
    ]
    return Measurement(rows, ("numpy", "scipy", "dp-accounting"), tuple(notes))


def _check(args: argparse.Namespace) -> None:
    wrong = [
        (not 0.0 < args.epsilon < 1e3, "--epsilon", "above 0 and below 1000"),
        (not args.epsilon <= args.budget < 1e3, "--budget", "--epsilon or more, and below 1000"),
        (not 0.0 < args.delta < 0.1, "--delta", "above 0 and below 0.1"),
        (not 0.0 < args.sampling <= 1.0, "--sampling", "above 0 and at most 1"),
        (not 0.0 < args.participation <= 1.0, "--participation", "above 0 and at most 1"),
        (not 0.0 <= args.pool_eur < 1e12, "--pool-eur", "0 or more"),
        (not 0.0 < args.margin_share <= 1.0, "--margin-share", "above 0 and at most 1"),
        (not 0.0 < args.spend_eur < 1e6, "--spend-eur", "above 0"),
        (args.seeds < 2, "--seeds", "2 or more"),
    ]
    for bad, option, mend in wrong:
        if bad:
            raise ValueError(f"{option}: out of range; give a number {mend}")
    if args.data is None and (args.ledger is not None or args.releases is not None or args.average != "own"):
        raise ValueError("--ledger, --releases and --average: belong to --data; name the persons' file, too")


def _from_data(args: argparse.Namespace, settings: Any) -> tuple[Any, list[str]]:
    """Measure the users' persons once, write what is released, and give a market like it."""
    from patchpact.ecosystem.federated.fedavg import weighted_average
    from patchpact.ecosystem.federated.ledger import Ledger
    from patchpact.ecosystem.federated.measure import measure, noise_multipliers
    from patchpact.ecosystem.federated.noise import noise_for
    from patchpact.ecosystem.federated.opacus_steps import opacus_steps
    from patchpact.ecosystem.federated.persons import load_persons
    from patchpact.ecosystem.federated.released import market_like, released

    data = Path(args.data)
    out = Path(args.releases) if args.releases is not None else data.with_name(data.name + ".releases.json")
    account = Path(args.ledger) if args.ledger is not None else data.with_name(data.name + ".ledger.json")
    for option, file in (("--releases", out), ("--ledger", account)):
        if not file.parent.is_dir() or file.is_dir():
            raise ValueError(f"{option} {file}: no such folder, or a folder; name a file in a folder that is there")
    persons = load_persons(data)
    import opacus as _  # noqa: F401

    average = weighted_average
    if args.average == "flower":
        from patchpact.ecosystem.federated.flower import flower_average as average  # a missing library is told here

    ledger = Ledger(account, args.budget, args.delta)
    if not ledger.releases:
        told = "what these persons were measured for before is not in it (--ledger names another)"
        print(f"{account}: a new account; {told}", file=sys.stderr)
    multipliers = noise_multipliers(args.epsilon, args.delta, settings.training)
    measured = measure(persons, settings, multipliers, noise_for(persons.synthetic), ledger, opacus_steps, average)
    said = released(measured, persons.tenants, round(100.0 * args.pool_eur))
    said["privacy"] = {
        "unit": "a person, added or removed",
        "epsilon_of_this_run": args.epsilon,
        "epsilon_spent": ledger.spent(),
        "epsilon_budget": ledger.budget_epsilon,
        "delta": ledger.delta,
        "ledger": str(account),
    }
    replace_text(out, json.dumps(said, indent=1, allow_nan=False) + "\n")
    notes = [
        f"markets drawn like what was released from {data.name} (epsilon {args.epsilon:g}), no person's data in them",
    ]
    everyone = float(measured.totals.by_tenant.sum())
    if args.delta * everyone > 0.1:
        print(
            f"--delta {args.delta:g}: is large for about {everyone:.0f} persons; give far less than 1 / persons",
            file=sys.stderr,
        )
    if persons.repeated:
        print(f"{data}: some lines repeat a person and are left out", file=sys.stderr)
    print(f"{out}: written; epsilon {ledger.spent():.4g} of {ledger.budget_epsilon:g} is spent", file=sys.stderr)
    return market_like(measured), notes


def _progress(done: int, of: int) -> None:
    print(f"\r{done} of {of} kinds of market", end="\n" if done == of else "", file=sys.stderr, flush=True)
