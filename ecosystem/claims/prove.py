"""Proving: a claim from a signed statement and the openings of its commitments.

A claim that is not true of the openings cannot be proven: the functions say so, and a prover who goes around them makes
a claim that is not verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from patchpact.ecosystem.claims.errors import ClaimError
from patchpact.ecosystem.claims.group import ORDER, decode_scalar, encode_scalar
from patchpact.ecosystem.claims.leaves import inclusion, tree_of
from patchpact.ecosystem.claims.proofs import OpeningProof, RangeProof, prove_openings, prove_ranges
from patchpact.ecosystem.claims.records import (
    AgeClaim,
    BitNumbers,
    LinkClaim,
    LinkNumbers,
    OpeningNumbers,
    Openings,
    RangeNumbers,
    Statement,
    SumClaim,
)
from patchpact.ecosystem.claims.statements import blinding_of, check_openings_fit, digest_of, value_of
from patchpact.ecosystem.claims.transcript import Transcript


def context_of(kind: str, statement: Statement, nonce: str) -> Transcript:
    """The transcript that all proofs of a claim start from: the whole statement with its signature, and the nonce."""
    return (
        Transcript(kind)
        .add("organisation", statement.organisation)
        .add("epoch", statement.epoch)
        .add("subject", statement.subject)
        .add("root", bytes.fromhex(statement.root))
        .add("statement", statement.message())
        .add("signature", bytes.fromhex(statement.signature))
        .add("nonce", bytes.fromhex(nonce))
    )


def sum_transcript(statement: Statement, nonce: str, total: int) -> Transcript:
    """What a sum's proof is bound to."""
    return context_of("sum", statement, nonce).add("total", total)


def age_transcript(statement: Statement, nonce: str, days: int) -> Transcript:
    """What an age's proof is bound to."""
    return context_of("age", statement, nonce).add("days", days).add("bits", bits_for(days))


def link_transcript(statement: Statement, nonce: str, sample: int, openings: Sequence[bytes]) -> Transcript:
    """What a link's proof is bound to: the contents of the leaves shown, too."""
    return context_of("link", statement, nonce).add("sample", sample).add("openings", *openings)


def bits_for(days: int) -> int:
    """How many bits hold 0 .. days."""
    return max(1, days.bit_length())


def drawn_leaves(statement: Statement, nonce: str, sample: int) -> list[int]:
    """The leaves to be shown: `sample` different ones from 1 to the number of leaves, drawn by hash.

    The draw is that of the statement and the nonce; a smaller sample is the beginning of a larger one. Without a nonce
    of the verifier's own, a signer who also proves may sign until the draw suits him; a prover who only got the
    statement cannot.
    """
    base = Transcript("sample").add("statement", bytes.fromhex(digest_of(statement))).add("nonce", bytes.fromhex(nonce))
    swapped: dict[int, int] = {}
    drawn = []
    for i in range(sample):  # the first steps of a shuffle, of which only what moved is kept
        j = i + int.from_bytes(base.copy().add("draw", i).digest(), "little") % (statement.leaves - i)
        drawn.append(swapped.get(j, j) + 1)
        swapped[j] = swapped.get(i, i)
    return drawn


def prove_sum(statement: Statement, openings: Openings, nonce: str = "") -> SumClaim:
    """Claim the total of the parts. ClaimError if there are none, or the openings are not the statement's."""
    check_openings_fit(statement, openings)
    if not statement.parts:
        raise ClaimError("statement.parts", "there are none to add up")
    total = sum(part.value for part in openings.parts)
    blinding = sum(decode_scalar(part.blinding, "openings.parts") for part in openings.parts) % ORDER
    proof = prove_openings(sum_transcript(statement, nonce, total), [blinding])
    return SumClaim(
        patchpact_claim=1, type="sum", statement=statement, nonce=nonce, total=total, proof=_opening_numbers(proof)
    )


def prove_age(statement: Statement, openings: Openings, days: int, nonce: str = "") -> AgeClaim:
    """Claim that every open known exploited finding is 0 to `days` days old.

    Raises:
        ClaimError: if one is not, if the statement is none about findings, or if the openings are not its own.
    """
    check_openings_fit(statement, openings)
    if statement.kind != "findings":
        raise ClaimError("statement.kind", "is not about findings")
    day = date.fromisoformat(statement.date)
    opened = [(value_of(one.leaf, day) or 0, blinding_of(one)) for one in openings.leaves if one.leaf.kev]
    too_old = [age for age, _ in opened if not 0 <= age <= days]
    if too_old:
        problem = f"{len(too_old)} of {len(opened)} are not 0 to {days} days old (the oldest: {max(too_old)} days)"
        raise ClaimError("open known exploited findings", problem)
    return AgeClaim(
        patchpact_claim=1,
        type="age",
        statement=statement,
        nonce=nonce,
        days=days,
        proof=prove_age_numbers(statement, opened, days, nonce),
    )


def prove_age_numbers(statement: Statement, opened: Sequence[tuple[int, int]], days: int, nonce: str) -> RangeNumbers:
    """The range proofs of ages given as (age, blinding), on both sides. ClaimError if one is out of range."""
    both_sides = [side for age, r in opened for side in ((age, r), (days - age, -r % ORDER))]
    return _range_numbers(prove_ranges(age_transcript(statement, nonce, days), both_sides, bits_for(days)))


def prove_link(statement: Statement, openings: Openings, sample: int, nonce: str = "") -> LinkClaim:
    """Show `sample` leaves that the statement and the nonce draw, with their ways to the root.

    Raises:
        ClaimError: if there are fewer leaves, or the openings are not the statement's.
    """
    check_openings_fit(statement, openings)
    if not 1 <= sample <= statement.leaves:
        raise ClaimError("sample", f"{sample} of {statement.leaves} leaves cannot be drawn")
    contents = [one.leaf.content(bytes.fromhex(one.salt)) for one in openings.leaves]
    tree = tree_of(contents)
    drawn = drawn_leaves(statement, nonce, sample)
    opened = [openings.leaves[index - 1] for index in drawn]
    transcript = link_transcript(statement, nonce, sample, [contents[index - 1] for index in drawn])
    proof = prove_openings(transcript, [blinding_of(one) for one in opened if one.blinding is not None])
    return LinkClaim(
        patchpact_claim=1,
        type="link",
        statement=statement,
        nonce=nonce,
        sample=sample,
        proof=LinkNumbers(
            openings=[inclusion(tree, index, one.leaf, one.salt) for index, one in zip(drawn, opened, strict=True)],
            commitments=_opening_numbers(proof),
        ),
    )


def _opening_numbers(proof: OpeningProof) -> OpeningNumbers:
    responses = [encode_scalar(response) for response in proof.responses]
    return OpeningNumbers(challenge=encode_scalar(proof.challenge), responses=responses)


def _range_numbers(proof: RangeProof) -> RangeNumbers:
    values = [
        [
            BitNumbers(
                commitment=bit.commitment.hex(),
                challenge_of_zero=encode_scalar(bit.challenge_of_zero),
                response_of_zero=encode_scalar(bit.response_of_zero),
                response_of_one=encode_scalar(bit.response_of_one),
            )
            for bit in value
        ]
        for value in proof.values
    ]
    return RangeNumbers(challenge=encode_scalar(proof.challenge), values=values)
