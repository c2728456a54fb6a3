"""Checking a claim: all of it, against the signer's public key and what the verifier expects.

Whatever a claim's file holds, the answer is a `Verified` or a `ClaimError` of one line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from patchpact.ecosystem.claims.errors import ClaimError, clipped
from patchpact.ecosystem.claims.files import AnyClaim, parse_claim
from patchpact.ecosystem.claims.group import (
    IDENTITY,
    add,
    decode_point,
    decode_scalar,
    subtract,
    times_base,
)
from patchpact.ecosystem.claims.leaves import is_included
from patchpact.ecosystem.claims.proofs import Bit, OpeningProof, RangeProof, check_openings, check_ranges
from patchpact.ecosystem.claims.prove import (
    age_transcript,
    bits_for,
    drawn_leaves,
    link_transcript,
    sum_transcript,
)
from patchpact.ecosystem.claims.records import (
    AgeClaim,
    BitNumbers,
    Inclusion,
    LinkClaim,
    OpeningNumbers,
    Statement,
    SumClaim,
)
from patchpact.ecosystem.claims.statements import check_statement, value_of
from patchpact.scenarios.errors import closest

CONTEXT = (
    "organisation", "epoch", "subject", "signer", "date", "type", "nonce", "root", "total", "days", "sample",
)  # fmt: skip
"""What a verifier may expect of a claim, by name."""


@dataclass(frozen=True)
class Verified:
    """A claim that holds, in words and in parts."""

    claim: AnyClaim
    text: str

    @property
    def use(self) -> tuple[str, str, str, str]:
        """What a claim uses up: organisation, epoch, subject and type. Another one with the same is a replay."""
        statement = self.claim.statement
        return statement.organisation, statement.epoch, statement.subject, self.claim.type


def check_context_names(expected: Mapping[str, str]) -> None:
    """ValueError for what no claim has."""
    for name in expected:
        if name not in CONTEXT:
            raise ValueError(f"context: no claim has {clipped(name)}; {closest(name, CONTEXT)}")


def verify(text: str, key: bytes, expected: Mapping[str, str] | None = None) -> Verified:
    """Check a claim.

    Args:
        text: what stands in the claim's file.
        key: the public key of the scanner or auditor who must have signed.
        expected: what the claim must say, by names of `CONTEXT`. A claim with a nonce holds only if it is expected,
            so that a prover cannot choose by it which leaves are drawn.

    Raises:
        ClaimError: one line that says why it is not verified.
        ValueError: for names in `expected` that no claim has.
    """
    expected = dict(expected or {})
    check_context_names(expected)
    claim = parse_claim(text)
    ages, parts = check_statement(claim.statement, key)
    _check_context(claim, {"nonce": "", **expected})
    if isinstance(claim, SumClaim):
        return Verified(claim, _sum(claim, parts))
    if isinstance(claim, AgeClaim):
        return Verified(claim, _age(claim, ages))
    return Verified(claim, _link(claim, {"finding": set(ages), "amount": set(parts)}))


def _check_context(claim: AnyClaim, expected: Mapping[str, str]) -> None:
    for name, value in expected.items():
        has = getattr(claim, name, getattr(claim.statement, name, None))
        if has is None:
            raise ClaimError(name, f"a claim of type {claim.type} has none; {clipped(value)} is expected")
        if str(has) != value:
            raise ClaimError(name, f"is {clipped(has)}; {clipped(value)} is expected")


def _sum(claim: SumClaim, parts: Sequence[bytes]) -> str:
    if not parts:
        raise ClaimError("statement.parts", "there are none to add up")
    whole = IDENTITY
    for part in parts:
        whole = add(whole, part)
    rest = subtract(whole, times_base(claim.total))
    if rest == IDENTITY:
        raise ClaimError("total", "leaves the identity point, which hides nothing")
    transcript = sum_transcript(claim.statement, claim.nonce, claim.total)
    check_openings(transcript, [rest], _opening_proof(claim.proof, "proof"), "proof")
    what = "findings open" if claim.statement.kind == "findings" else claim.statement.subject
    return f"{_head(claim.statement)}: the total of {len(parts)} committed parts is {claim.total} ({what})"


def _age(claim: AgeClaim, ages: Sequence[bytes]) -> str:
    statement, bits = claim.statement, bits_for(claim.days)
    if statement.kind != "findings":
        raise ClaimError("statement.kind", "is not about findings")
    field = "proof.values"
    # Numbers first: nothing of a proof of another shape is computed with.
    if len(claim.proof.values) != 2 * len(ages):
        raise ClaimError(field, f"{len(claim.proof.values)} range proofs for {len(ages)} findings (two for each)")
    for i, value in enumerate(claim.proof.values):
        if len(value) != bits:
            raise ClaimError(f"{field}[{i}]", f"{len(value)} bits instead of {bits}")
    values = tuple(
        tuple(_bit(one, f"{field}[{i}][{j}]") for j, one in enumerate(value))
        for i, value in enumerate(claim.proof.values)
    )
    proof = RangeProof(decode_scalar(claim.proof.challenge, "proof.challenge"), values)
    most = times_base(claim.days)
    both_sides = [side for age in ages for side in (age, subtract(most, age))]
    check_ranges(age_transcript(statement, claim.nonce, claim.days), both_sides, proof, bits, field)
    which = f"each of {len(ages)} open findings that are known exploited was 0 to {claim.days} days old"
    if not ages:
        which = "no open finding is known exploited"
    return f"{_head(statement)}: {which} on {statement.date}"


def _link(claim: LinkClaim, committed: Mapping[str, set[bytes]]) -> str:
    statement, shown = claim.statement, claim.proof.openings
    if claim.sample > statement.leaves:
        raise ClaimError("sample", f"{claim.sample} of {statement.leaves} leaves cannot be drawn")
    drawn = drawn_leaves(statement, claim.nonce, claim.sample)
    if [one.index for one in shown] != drawn:
        raise ClaimError("proof.openings", "are not the leaves that the challenge draws")
    for i, one in enumerate(shown):
        if not is_included(one, statement.root, statement.leaves):
            raise ClaimError(f"proof.openings[{i}]", "is not in the tree under the statement's root")
    day = date.fromisoformat(statement.date)
    rests = [point for i, one in enumerate(shown) if (point := _rest(one, day, committed, i)) is not None]
    contents = [one.leaf.content(bytes.fromhex(one.salt)) for one in shown]
    transcript = link_transcript(statement, claim.nonce, claim.sample, contents)
    proof = _opening_proof(claim.proof.commitments, "proof.commitments")
    check_openings(transcript, rests, proof, "proof.commitments")
    return f"{_head(statement)}: {claim.sample} of {statement.leaves} leaves, drawn by the challenge, are as shown"


def _rest(one: Inclusion, day: date, committed: Mapping[str, set[bytes]], i: int) -> bytes | None:
    """What a leaf's commitment leaves without its value; None for a leaf without one. Each commitment serves once."""
    field, leaf = f"proof.openings[{i}].leaf", one.leaf
    value = value_of(leaf, day)
    if value is None and (leaf.kev or leaf.what == "amount" or leaf.commitment is not None):
        raise ClaimError(field, "has a commitment without a value, or lacks what its kind must have")
    if value is None:
        return None
    if leaf.commitment is None:
        raise ClaimError(field, "names no commitment")
    point = decode_point(leaf.commitment, f"{field}.commitment")
    if point not in committed[leaf.what]:
        raise ClaimError(field, "names a commitment that the statement lacks, or another leaf's")
    committed[leaf.what].remove(point)
    rest = subtract(point, times_base(value))
    if rest == IDENTITY:
        raise ClaimError(field, "leaves the identity point, which hides nothing")
    return rest


def _head(statement: Statement) -> str:
    return f"{statement.organisation}, epoch {statement.epoch}, signed by its {statement.signer}"


def _opening_proof(numbers: OpeningNumbers, field: str) -> OpeningProof:
    responses = [decode_scalar(text, f"{field}.responses[{i}]") for i, text in enumerate(numbers.responses)]
    return OpeningProof(decode_scalar(numbers.challenge, f"{field}.challenge"), tuple(responses))


def _bit(numbers: BitNumbers, field: str) -> Bit:
    return Bit(
        decode_point(numbers.commitment, f"{field}.commitment"),
        decode_scalar(numbers.challenge_of_zero, f"{field}.challenge_of_zero"),
        decode_scalar(numbers.response_of_zero, f"{field}.response_of_zero"),
        decode_scalar(numbers.response_of_one, f"{field}.response_of_one"),
    )
