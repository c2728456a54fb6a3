"""Measure what a claim costs: processor time of proving and verifying, size of its file; by type, leaves and bits.

The game takes from the table what proving costs (cost_keur) and what an unproven claim is worth (haircut). Money is the
measured time at a price an hour, and a person's time to send the claim: prices, minutes and haircut are assumptions.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import TypeVar

from patchpact.scenarios.tables import Cell, Measurement

MACHINE_EUR_PER_HOUR = 0.05
"""Of one core (assumption: the order of what clouds ask for one)."""
PERSON_EUR_PER_HOUR = 60.0
"""Of who handles a claim (assumption)."""
PERSON_MINUTES = 15.0
"""Of handling a claim (assumption)."""
HAIRCUT = 0.5
"""Share of its value that an unproven claim keeps (assumption)."""
DAY = date(2026, 1, 31)
T = TypeVar("T")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the calibration's options."""
    parser.add_argument(
        "--leaves", type=int, nargs="+", default=[1, 4, 16, 64, 256], metavar="N", help="findings (default 1 to 256)"
    )
    parser.add_argument(
        "--days", type=int, nargs="+", default=[3, 14, 60], metavar="N", help="limits of age (default 3 14 60)"
    )
    parser.add_argument("--sample", type=int, default=20, metavar="K", help="leaves shown by link (default 20)")
    parser.add_argument(
        "--repeats", type=int, default=3, metavar="N", help="times of which the median counts (default 3)"
    )
    parser.add_argument(
        "--machine-eur-per-hour", type=float, default=MACHINE_EUR_PER_HOUR, metavar="X", help="(default 0.05)"
    )
    parser.add_argument(
        "--person-eur-per-hour", type=float, default=PERSON_EUR_PER_HOUR, metavar="X", help="(default 60)"
    )
    parser.add_argument("--person-minutes", type=float, default=PERSON_MINUTES, metavar="X", help="(default 15)")
    parser.add_argument("--haircut", type=float, default=HAIRCUT, metavar="X", help="0 to 1 (default 0.5)")


def run(args: argparse.Namespace) -> Measurement:
    """Measure; every claim is verified. ValueError for options out of range."""
    from patchpact.ecosystem.claims.prove import bits_for

    _check(args)
    rows = []
    for leaves in args.leaves:
        rows.append(_row(args, "sum", leaves, 0, 0))
        rows += [_row(args, "age", leaves, days, bits_for(days)) for days in args.days]
        rows.append(_row(args, "link", leaves, 0, 0))
    notes = (
        f"leaves: all are open findings, known exploited, of a service each; link shows {args.sample} of them at most",
        f"times: of the processor, medians of {args.repeats}, one core; no files are read or written in them",
        f"cost_keur: (prove_ms + verify_ms) at {args.machine_eur_per_hour:g} EUR an hour, and {args.person_minutes:g}"
        f" minutes of a person at {args.person_eur_per_hour:g} EUR an hour: assumptions",
        "haircut: share of its value that an unproven claim keeps: an assumption",
        "research: not audited, not constant-time",
    )
    return Measurement(rows, ("rbcl", "pymerkle"), notes)


def _check(args: argparse.Namespace) -> None:
    from patchpact.ecosystem.claims.records import MAX_DAYS, MAX_LEAVES

    whole = [("leaves", n, 1, MAX_LEAVES) for n in args.leaves] + [("days", n, 0, MAX_DAYS) for n in args.days]
    whole += [("sample", args.sample, 1, MAX_LEAVES), ("repeats", args.repeats, 1, 1000)]
    for name, value, low, high in whole:
        if not low <= value <= high:
            raise ValueError(f"--{name} {value}: is out of range; write {low} to {high}")
    for name in ("machine_eur_per_hour", "person_eur_per_hour", "person_minutes"):
        if not 0 <= getattr(args, name) < float("inf"):
            raise ValueError(f"--{name.replace('_', '-')} {getattr(args, name)}: is out of range; write 0 or more")
    if not 0 <= args.haircut <= 1:
        raise ValueError(f"--haircut {args.haircut}: is out of range; write 0 to 1")


def _row(args: argparse.Namespace, type_: str, leaves: int, days: int, bits: int) -> dict[str, Cell]:
    from patchpact.ecosystem.claims.leaves import Source
    from patchpact.ecosystem.claims.prove import prove_age, prove_link, prove_sum
    from patchpact.ecosystem.claims.records import Leaf, file_text
    from patchpact.ecosystem.claims.signatures import new_seed, public_key
    from patchpact.ecosystem.claims.statements import make_statement
    from patchpact.ecosystem.claims.verify import verify

    known = [(DAY - timedelta(i % (days + 1))).isoformat() for i in range(leaves)]
    found = [Leaf(what="finding", name=f"finding-{i}", kev=True, known=day) for i, day in enumerate(known)]
    source = Source("findings", tuple(found), {f"service-{i}": 1 for i in range(leaves)})
    seed = new_seed()
    statement, openings = make_statement(
        source, seed, signer="scanner", organisation="calibration", epoch="1", subject="findings", day=DAY
    )
    sample = min(args.sample, leaves)
    proofs: dict[str, Callable[[], str]] = {
        "sum": lambda: file_text(prove_sum(statement, openings)),
        "age": lambda: file_text(prove_age(statement, openings, days)),
        "link": lambda: file_text(prove_link(statement, openings, sample)),
    }
    text, prove_ms = _timed(proofs[type_], args.repeats)
    _, verify_ms = _timed(lambda: verify(text, public_key(seed)), args.repeats)
    compute_eur = (prove_ms + verify_ms) / 3.6e6 * args.machine_eur_per_hour
    person_eur = args.person_minutes / 60 * args.person_eur_per_hour
    return {
        "type": type_,
        "leaves": leaves,
        "days": days,
        "bits": bits,
        "shown": sample if type_ == "link" else 0,
        "prove_ms": prove_ms,
        "verify_ms": verify_ms,
        "claim_bytes": len(text.encode()),
        "compute_keur": compute_eur / 1000,
        "cost_keur": (compute_eur + person_eur) / 1000,
        "haircut": args.haircut,
    }


def _timed(action: Callable[[], T], repeats: int) -> tuple[T, float]:
    """What the action gives, and the median of its processor times in milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        result = action()
        times.append(1000 * (time.process_time() - start))
    return result, statistics.median(times)
