"""Statements and claims of a few findings."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from patchpact.ecosystem.claims.files import AnyClaim
from patchpact.ecosystem.claims.leaves import Source
from patchpact.ecosystem.claims.prove import prove_age, prove_link, prove_sum
from patchpact.ecosystem.claims.records import Leaf, Openings, Statement, file_text
from patchpact.ecosystem.claims.signatures import public_key
from patchpact.ecosystem.claims.statements import make_statement

SEED, OTHER_SEED = bytes(range(32)), bytes(range(1, 33))
KEY, OTHER_KEY = public_key(SEED), public_key(OTHER_SEED)
DAY = date(2026, 1, 31)


def findings(ages: Sequence[int | None]) -> Source:
    """A finding for each age in days; None for one that is not known exploited."""
    leaves = [
        Leaf(
            what="finding",
            name=f"CVE-2026-{i:04}",
            service=f"s{i % 2}",
            kev=age is not None,
            known=None if age is None else (DAY - timedelta(age)).isoformat(),
        )
        for i, age in enumerate(ages)
    ]
    parts = {f"s{n}": sum(leaf.service == f"s{n}" for leaf in leaves) for n in range(2)}
    return Source("findings", tuple(leaves), parts)


def amounts(values: Sequence[int]) -> Source:
    leaves = tuple(Leaf(what="amount", name=f"a{i}", amount=value) for i, value in enumerate(values))
    return Source("amounts", leaves, {f"a{i}": value for i, value in enumerate(values)})


def signed(
    source: Source, epoch: str = "2026-W05", organisation: str = "acme", seed: bytes = SEED
) -> tuple[Statement, Openings]:
    return make_statement(
        source, seed, signer="scanner", organisation=organisation, epoch=epoch, subject=source.kind, day=DAY
    )


def claim_of(type_: str, source: Source, *, days: int = 14, sample: int = 2, nonce: str = "", **how: Any) -> AnyClaim:
    statement, openings = signed(source, **how)
    if type_ == "sum":
        return prove_sum(statement, openings, nonce)
    if type_ == "age":
        return prove_age(statement, openings, days, nonce)
    return prove_link(statement, openings, sample, nonce)


def data_of(claim: AnyClaim) -> dict[str, Any]:
    """The claim as its file's content, to be tampered with."""
    data: dict[str, Any] = json.loads(file_text(claim))
    return data


def random_claim(rng: Random) -> AnyClaim:
    """An honest claim of a random type, about random leaves."""
    type_ = rng.choice(("sum", "age", "link"))
    days = rng.choice((0, 1, 3, 7, 14, 60, 365))
    count = rng.randint(1, 4)
    nonce = rng.randbytes(rng.choice((0, 8, 64))).hex()
    if type_ != "age" and rng.random() < 0.5:
        source = amounts([rng.randrange(2 ** rng.randint(1, 48)) for _ in range(count)])
    else:
        source = findings([rng.randint(0, days) if rng.random() < 0.7 else None for _ in range(count)])
    how = {"days": days, "sample": rng.randint(1, count), "nonce": nonce}
    return claim_of(type_, source, epoch=str(rng.random()), organisation=rng.choice(("acme", "Ünïcode & Co")), **how)
