"""The group ristretto255 and Pedersen commitments in it, over libsodium (`rbcl`).

Points are their canonical encodings of 32 bytes; scalars are Python integers from 0 to `ORDER - 1`. The group has prime
order, so that every encoding that decodes is a multiple of the base point `G` (RFC 9496, The ristretto255 and
decaf448 Groups). A commitment to v with blinding r is `v G + r H` (Pedersen, Non-interactive and information-theoretic
secure verifiable secret sharing, CRYPTO 1991); `H` is hashed to the group, so that nobody knows its logarithm to `G`.

Research, not audited. Scalars are Python integers, whose arithmetic takes a time that depends on them.
"""

from __future__ import annotations

import hashlib
import secrets

import rbcl

from patchpact.ecosystem.claims.errors import ClaimError

ORDER = 2**252 + 27742317777372353535851937790883648493
"""The number of the group's elements, a prime (RFC 9496, section 4)."""
POINT_BYTES = SCALAR_BYTES = 32
IDENTITY = bytes(POINT_BYTES)
G = rbcl.crypto_scalarmult_ristretto255_base((1).to_bytes(SCALAR_BYTES, "little"))
"""The base point."""
H = rbcl.crypto_core_ristretto255_from_hash(hashlib.sha512(b"patchpact/claims/v1/pedersen/H").digest())
"""The second generator: the image of a hash, whose logarithm to `G` nobody knows."""


def decode_point(text: str, field: str) -> bytes:
    """The point of 64 hexadecimal digits in lower case.

    Raises:
        ClaimError: if they are no canonical encoding of a point, or that of the identity, which commits to nothing.
    """
    point = decode_bytes(text, POINT_BYTES, field)
    if point == IDENTITY:
        raise ClaimError(field, "is the identity point")
    if not rbcl.crypto_core_ristretto255_is_valid_point(point):
        raise ClaimError(field, "is no point of ristretto255 in its canonical encoding")
    return point


def decode_scalar(text: str, field: str) -> int:
    """The scalar of 64 hexadecimal digits, lowest byte first. ClaimError if it is not below the group's order."""
    scalar = int.from_bytes(decode_bytes(text, SCALAR_BYTES, field), "little")
    if scalar >= ORDER:
        raise ClaimError(field, "is a scalar that is not below the group's order")
    return scalar


def decode_bytes(text: str, length: int, field: str) -> bytes:
    """`length` bytes as hexadecimal digits in lower case, the only encoding that is taken."""
    if len(text) != 2 * length or any(c not in "0123456789abcdef" for c in text):
        raise ClaimError(field, f"is not {2 * length} hexadecimal digits in lower case")
    return bytes.fromhex(text)


def encode_scalar(scalar: int) -> str:
    """64 hexadecimal digits, lowest byte first."""
    return _bytes_of(scalar).hex()


def random_scalar() -> int:
    """A scalar from 1 to `ORDER - 1` from the operating system's secure generator."""
    return 1 + secrets.randbelow(ORDER - 1)


def add(p: bytes, q: bytes) -> bytes:
    """p + q of two valid points."""
    sum_: bytes = rbcl.crypto_core_ristretto255_add(p, q)
    return sum_


def subtract(p: bytes, q: bytes) -> bytes:
    """p - q of two valid points."""
    difference: bytes = rbcl.crypto_core_ristretto255_sub(p, q)
    return difference


def times(scalar: int, point: bytes) -> bytes:
    """The multiple of a valid point; the identity for a multiple of the order."""
    product: bytes = rbcl.crypto_scalarmult_ristretto255_allow_scalar_zero(_bytes_of(scalar), point)
    return product


def times_base(scalar: int) -> bytes:
    """The multiple of `G`."""
    product: bytes = rbcl.crypto_scalarmult_ristretto255_base_allow_scalar_zero(_bytes_of(scalar))
    return product


def commit(value: int, blinding: int) -> bytes:
    """The commitment `value G + blinding H`; values are taken modulo the order, negative ones too."""
    return add(times_base(value), times(blinding, H))


def _bytes_of(scalar: int) -> bytes:
    return (scalar % ORDER).to_bytes(SCALAR_BYTES, "little")
