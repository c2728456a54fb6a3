"""Signing: what a scanner or an auditor commits to and vouches for, and what the prover gets to prove with."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import date

from patchpact.ecosystem.claims.errors import ClaimError
from patchpact.ecosystem.claims.group import commit, decode_point, decode_scalar, encode_scalar, random_scalar
from patchpact.ecosystem.claims.leaves import Source, tree_of
from patchpact.ecosystem.claims.records import (
    Leaf,
    Openings,
    OpenLeaf,
    OpenPart,
    Signer,
    Statement,
)
from patchpact.ecosystem.claims.signatures import is_signed, sign
from patchpact.ecosystem.claims.transcript import Transcript
from patchpact.scenarios.schema import check

SALT_BYTES = 32


def make_statement(
    source: Source, seed: bytes, *, signer: Signer, organisation: str, epoch: str, subject: str, day: date
) -> tuple[Statement, Openings]:
    """Commit to the leaves and parts, and sign.

    Args:
        source: what `leaves.read_source_of_leaves` found.
        seed: the signer's secret key.
        signer: in what capacity the key's owner signs.
        organisation, epoch, subject: of whom, for what time, about what.
        day: the day of the scan.

    Returns:
        The signed statement, which may be published, and the openings, which the prover keeps to himself.

    Raises:
        ScenarioError: for an organisation, epoch or subject that is no name.
    """
    blindings = {name: random_scalar() for name in source.parts}
    parts = [OpenPart(name=n, value=v, blinding=encode_scalar(blindings[n])) for n, v in source.parts.items()]
    leaves = [_open(leaf, day, blindings) for leaf in source.leaves]
    contents = [one.leaf.content(bytes.fromhex(one.salt)) for one in leaves]
    ages = [one.leaf.commitment for one in leaves if one.leaf.kev and one.leaf.commitment is not None]
    fields = {
        "patchpact_statement": 1,
        "signer": signer,
        "organisation": organisation,
        "epoch": epoch,
        "subject": subject,
        "kind": source.kind,
        "date": day.isoformat(),
        "leaves": len(leaves),
        "root": tree_of(contents).get_root().hex(),
        "open_kev": len(ages),
        "ages": ages,
        "parts": [commit(part.value, blindings[part.name]).hex() for part in parts],
        "signature": "0" * 128,
    }
    unsigned = check(Statement, fields, "statement")
    statement = unsigned.model_copy(update={"signature": sign(_signed(unsigned), seed).hex()})
    return statement, Openings(patchpact_openings=1, statement=digest_of(statement), leaves=leaves, parts=parts)


def _open(leaf: Leaf, day: date, blindings: dict[str, int]) -> OpenLeaf:
    """The leaf with its commitment, if it has a value; an amount's is that of its part."""
    salt = secrets.token_bytes(SALT_BYTES).hex()
    value = value_of(leaf, day)
    if value is None:
        return OpenLeaf(leaf=leaf, salt=salt)
    blinding = blindings[leaf.name] if leaf.what == "amount" else random_scalar()
    committed = leaf.model_copy(update={"commitment": commit(value, blinding).hex()})
    return OpenLeaf(leaf=committed, salt=salt, blinding=encode_scalar(blinding))


def value_of(leaf: Leaf, day: date) -> int | None:
    """What the leaf's commitment is to: the age in days of a known exploited finding, an amount; None for others."""
    if leaf.what == "amount":
        return leaf.amount
    if leaf.what == "finding" and leaf.kev and leaf.known is not None:
        return (day - date.fromisoformat(leaf.known)).days
    return None


def digest_of(statement: Statement) -> str:
    """SHA-512 of what is signed; openings name the statement by it."""
    return hashlib.sha512(_signed(statement)).hexdigest()


def _signed(statement: Statement) -> bytes:
    """The message with a label, so that the signature serves for nothing else."""
    return Transcript("statement").add("message", statement.message()).digest()


def check_statement(statement: Statement, key: bytes) -> tuple[list[bytes], list[bytes]]:
    """The commitments to ages and to parts of a statement that the key's owner has signed.

    Raises:
        ClaimError: for another signer, a count that does not fit, commitments that are no points or stand twice.
    """
    if not is_signed(_signed(statement), bytes.fromhex(statement.signature), key):
        raise ClaimError("statement.signature", "is not that of the key's owner for this statement")
    if statement.open_kev != len(statement.ages) or statement.open_kev > statement.leaves:
        problem = f"{len(statement.ages)} commitments for {statement.open_kev} of {statement.leaves} leaves"
        raise ClaimError("statement.ages", problem)
    return _points(statement.ages, "statement.ages"), _points(statement.parts, "statement.parts")


def _points(texts: Sequence[str], field: str) -> list[bytes]:
    points = [decode_point(text, f"{field}[{i}]") for i, text in enumerate(texts)]
    if len(set(points)) != len(points):
        raise ClaimError(field, "a commitment stands twice")
    return points


def check_openings_fit(statement: Statement, openings: Openings) -> None:
    """ClaimError unless the openings open this statement: its tree and each of its commitments."""
    if openings.statement != digest_of(statement):
        raise ClaimError("openings", "are not those of this statement")
    day = date.fromisoformat(statement.date)
    contents = [one.leaf.content(bytes.fromhex(one.salt)) for one in openings.leaves]
    if len(contents) != statement.leaves or tree_of(contents).get_root().hex() != statement.root:
        raise ClaimError("openings.leaves", "do not give the statement's root")
    ages = [commit(value_of(one.leaf, day) or 0, blinding_of(one)).hex() for one in openings.leaves if one.leaf.kev]
    parts = [commit(one.value, decode_scalar(one.blinding, "openings.parts")).hex() for one in openings.parts]
    if ages != statement.ages or parts != statement.parts:
        raise ClaimError("openings", "do not open the statement's commitments")


def blinding_of(one: OpenLeaf) -> int:
    """The blinding of an opened leaf's commitment; 0 if it has none."""
    return 0 if one.blinding is None else decode_scalar(one.blinding, "openings.leaves.blinding")
