"""Two proofs about Pedersen commitments, made non-interactive: known openings, and values within a range.

Openings: D_i = r_i H for known r_i (Schnorr, Efficient signature generation by smart cards, 1991), all under one
challenge. Range: a value in 0 .. 2^k - 1 is committed to bit by bit, each bit proven 0 or 1 by an OR of two Schnorr
proofs of which one is simulated (Cramer, Damgard and Schoenmakers, CRYPTO 1994), and the bits' commitments, weighted,
add up to the value's commitment exactly. All bits of all ranges are under one challenge, which is part of the proof and
hashes everything: nothing can be left out, added, moved or exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from patchpact.ecosystem.claims.errors import ClaimError
from patchpact.ecosystem.claims.group import IDENTITY, ORDER, G, H, add, commit, random_scalar, subtract, times
from patchpact.ecosystem.claims.transcript import Transcript


@dataclass(frozen=True)
class OpeningProof:
    """The common challenge and a response for each D_i."""

    challenge: int
    responses: tuple[int, ...]


def prove_openings(transcript: Transcript, blindings: Sequence[int]) -> OpeningProof:
    """Prove that each D_i = `blindings[i]` H is known as such; the transcript holds what the D_i follow from."""
    nonces = [random_scalar() for _ in blindings]
    challenge = transcript.copy().add("nonces", *(times(nonce, H) for nonce in nonces)).challenge()
    responses = [(nonce + challenge * r) % ORDER for nonce, r in zip(nonces, blindings, strict=True)]
    return OpeningProof(challenge, tuple(responses))


def check_openings(transcript: Transcript, points: Sequence[bytes], proof: OpeningProof, field: str) -> None:
    """ClaimError unless the proof holds for the points D_i under the transcript."""
    if len(proof.responses) != len(points):
        raise ClaimError(field, f"{len(proof.responses)} responses for {len(points)} commitments")
    nonces = [
        subtract(times(response, H), times(proof.challenge, point))
        for response, point in zip(proof.responses, points, strict=True)
    ]
    if transcript.copy().add("nonces", *nonces).challenge() != proof.challenge:
        raise ClaimError(field, "the proof does not hold for what is claimed")


class Bit(NamedTuple):
    """A commitment to a bit and the OR-proof's numbers; the other branch's challenge is the rest to the whole."""

    commitment: bytes
    challenge_of_zero: int
    response_of_zero: int
    response_of_one: int


@dataclass(frozen=True)
class RangeProof:
    """The common challenge, and for each value its bits, lowest first."""

    challenge: int
    values: tuple[tuple[Bit, ...], ...]


class _Opened(NamedTuple):
    """A bit before the challenge is known: its commitment's opening, the true branch's nonce, the simulated branch."""

    bit: int
    blinding: int
    commitment: bytes
    nonce: int
    other_challenge: int
    other_response: int
    nonces: tuple[bytes, bytes]


def prove_ranges(transcript: Transcript, openings: Sequence[tuple[int, int]], bits: int) -> RangeProof:
    """Prove that each opening's value is in 0 .. 2^bits - 1; the transcript holds the values' commitments.

    Args:
        openings: (value, blinding) of each commitment.
        bits: how many, from 1.

    Raises:
        ClaimError: if a value is out of the range: no proof exists.
    """
    opened = [_opened(value, blinding, bits) for value, blinding in openings]
    challenge = _with_bits(transcript, opened).challenge()
    return RangeProof(challenge, tuple(tuple(_closed(one, challenge) for one in value) for value in opened))


def _opened(value: int, blinding: int, bits: int) -> list[_Opened]:
    if not 0 <= value < 1 << bits:
        raise ClaimError("range", f"a value is not between 0 and {(1 << bits) - 1}")
    blindings = [random_scalar() for _ in range(bits - 1)]
    # The lowest bit's blinding is what makes the weighted sum of all the value's own.
    blindings.insert(0, (blinding - sum(r << j for j, r in enumerate(blindings, 1))) % ORDER)
    opened = []
    for j, r in enumerate(blindings):
        bit = value >> j & 1
        commitment = commit(bit, r)
        nonce, other_challenge, other_response = random_scalar(), random_scalar(), random_scalar()
        own = times(nonce, H)
        target = commitment if bit else subtract(commitment, G)
        other = subtract(times(other_response, H), times(other_challenge, target))
        nonces = (other, own) if bit else (own, other)
        opened.append(_Opened(bit, r, commitment, nonce, other_challenge, other_response, nonces))
    return opened


def _with_bits(transcript: Transcript, values: Sequence[Sequence[_Opened]]) -> Transcript:
    whole = transcript.copy()
    for value in values:
        whole.add("bits", *(one.commitment for one in value))
        whole.add("nonces", *(nonce for one in value for nonce in one.nonces))
    return whole


def _closed(one: _Opened, challenge: int) -> Bit:
    own_challenge = (challenge - one.other_challenge) % ORDER
    own_response = (one.nonce + own_challenge * one.blinding) % ORDER
    if one.bit:
        return Bit(one.commitment, one.other_challenge, one.other_response, own_response)
    return Bit(one.commitment, own_challenge, own_response, one.other_response)


def check_ranges(
    transcript: Transcript, commitments: Sequence[bytes], proof: RangeProof, bits: int, field: str
) -> None:
    """ClaimError unless each commitment's value is proven to be in 0 .. 2^bits - 1."""
    if len(proof.values) != len(commitments):
        raise ClaimError(field, f"{len(proof.values)} range proofs for {len(commitments)} commitments")
    for i, value in enumerate(proof.values):
        if len(value) != bits:
            raise ClaimError(f"{field}[{i}]", f"{len(value)} bits instead of {bits}")
    whole = transcript.copy()
    for i, (commitment, value) in enumerate(zip(commitments, proof.values, strict=True)):
        if _weighted_sum(value) != commitment:
            raise ClaimError(f"{field}[{i}]", "the bits do not add up to the commitment")
        nonces: list[bytes] = []
        for bit in value:
            challenge_of_one = (proof.challenge - bit.challenge_of_zero) % ORDER
            nonces += (
                subtract(times(bit.response_of_zero, H), times(bit.challenge_of_zero, bit.commitment)),
                subtract(times(bit.response_of_one, H), times(challenge_of_one, subtract(bit.commitment, G))),
            )
        whole.add("bits", *(bit.commitment for bit in value))
        whole.add("nonces", *nonces)
    if whole.challenge() != proof.challenge:
        raise ClaimError(field, "the proof does not hold for what is claimed")


def _weighted_sum(bits: Sequence[Bit]) -> bytes:
    total = IDENTITY
    for bit in reversed(bits):
        total = add(add(total, total), bit.commitment)
    return total
