"""The files of claims, as pydantic models: keys, signed statements, private openings, claims. Nothing unknown is taken.

Points, scalars, hashes and salts are hexadecimal digits in lower case, the one encoding that is read.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from patchpact.scenarios.schema import Model, Name

VERSION = 1
MAX_LEAVES = 100_000
MAX_DAYS = 3650
MAX_AMOUNT = 2**48
"""Parts are at most this large and at most `MAX_LEAVES`: a total stays far below the group's order."""
MAX_TOTAL = MAX_AMOUNT * MAX_LEAVES


def _day(text: str) -> str:
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise PydanticCustomError("day", "is no day", {"mend": "write it as 2026-01-31"})


Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}\z")]
Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{128}\z")]
Day = Annotated[str, Field(max_length=10), AfterValidator(_day)]
Line = Annotated[str, Field(max_length=400)]
Nonce = Annotated[str, Field(pattern=r"^(?:[0-9a-f]{2}){0,64}\z")]
Count = Annotated[int, Field(ge=0, le=MAX_LEAVES)]
Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
Signer = Literal["scanner", "auditor"]
Kind = Literal["findings", "amounts"]


class SecretKey(Model):
    """An Ed25519 secret key."""

    patchpact_secret_key: Literal[1]
    seed: Hex32


class PublicKey(Model):
    """An Ed25519 public key."""

    patchpact_public_key: Literal[1]
    key: Hex32


class Statement(Model):
    """What a scanner or an auditor signs: it says nothing of single leaves but their number, a root and commitments.

    Attributes:
        signer: in what capacity the key's owner signs.
        organisation, epoch, subject: of whom, for what time and about what; claims are told apart by them.
        kind: leaves are findings (and components), or amounts.
        date: the day of the scan; ages are counted to it.
        leaves, root: of the Merkle tree over all leaves (SHA-256).
        open_kev: the number of open findings that are known exploited.
        ages: a commitment to the age in days for each of those, in the order of leaves.
        parts: commitments to the parts of a total: open findings by service, or the amounts.
        signature: of all the rest, Ed25519.
    """

    patchpact_statement: Literal[1]
    signer: Signer
    organisation: Name
    epoch: Name
    subject: Name
    kind: Kind
    date: Day
    leaves: Annotated[int, Field(ge=1, le=MAX_LEAVES)]
    root: Hex32
    open_kev: Count
    ages: Annotated[list[Hex32], Field(max_length=MAX_LEAVES)]
    parts: Annotated[list[Hex32], Field(max_length=MAX_LEAVES)]
    signature: Hex64

    def message(self) -> bytes:
        """What is signed: all fields but the signature, as canonical JSON."""
        return canonical(self.model_dump(exclude={"signature"}))


class Leaf(Model):
    """A leaf of the tree: a finding, a component or an amount.

    A known exploited finding and an amount name the commitment that the statement has for them.
    """

    what: Literal["finding", "component", "amount"]
    name: Line
    service: Line = ""
    version: Line = ""
    component: Line = ""
    kev: bool = False
    known: Day | None = None
    amount: Amount | None = None
    commitment: Hex32 | None = None

    def content(self, salt: bytes) -> bytes:
        """What is hashed; the salt keeps a leaf from being guessed from its hash."""
        return canonical({"salt": salt.hex(), **self.model_dump()})


class OpenLeaf(Model):
    """A leaf with its salt and, if it names a commitment, its blinding."""

    leaf: Leaf
    salt: Hex32
    blinding: Hex32 | None = None


class OpenPart(Model):
    """A part of the total, with its blinding."""

    name: Line
    value: Amount
    blinding: Hex32


class Openings(Model):
    """What the prover must have and keep: it opens the statement's commitments."""

    patchpact_openings: Literal[1]
    statement: Hex64
    """SHA-512 of what the statement's signer signed."""
    leaves: list[OpenLeaf]
    parts: list[OpenPart]


class OpeningNumbers(Model):
    """A proof that openings are known."""

    challenge: Hex32
    responses: Annotated[list[Hex32], Field(max_length=MAX_LEAVES)]


class BitNumbers(Model):
    """A committed bit and its OR-proof."""

    commitment: Hex32
    challenge_of_zero: Hex32
    response_of_zero: Hex32
    response_of_one: Hex32


class RangeNumbers(Model):
    """Range proofs: for each open known exploited finding the bits of its age, then those of `days` minus it."""

    challenge: Hex32
    values: Annotated[list[list[BitNumbers]], Field(max_length=2 * MAX_LEAVES)]


class Inclusion(Model):
    """A leaf, shown, with the hashes that lead from it to the root."""

    index: Annotated[int, Field(ge=1, le=MAX_LEAVES)]
    leaf: Leaf
    salt: Hex32
    rule: Annotated[list[Annotated[int, Field(ge=0, le=1)]], Field(max_length=64)]
    path: Annotated[list[Hex32], Field(max_length=64)]


class LinkNumbers(Model):
    """The audited leaves, and a proof that the commitments they name are to what they say."""

    openings: Annotated[list[Inclusion], Field(max_length=MAX_LEAVES)]
    commitments: OpeningNumbers


class Claim(Model):
    """What all claims have in common."""

    patchpact_claim: Literal[1]
    statement: Statement
    nonce: Nonce
    """What the verifier asked to be proven with; empty if nothing."""


class SumClaim(Claim):
    """The statement's parts add up to `total`."""

    type: Literal["sum"]
    total: Annotated[int, Field(ge=0, le=MAX_TOTAL)]
    proof: OpeningNumbers


class AgeClaim(Claim):
    """Every open known exploited finding was 0 to `days` days old on the statement's date."""

    type: Literal["age"]
    days: Annotated[int, Field(ge=0, le=MAX_DAYS)]
    proof: RangeNumbers


class LinkClaim(Claim):
    """`sample` leaves, drawn by the challenge, are in the tree under the statement's root, as shown."""

    type: Literal["link"]
    sample: Annotated[int, Field(ge=1, le=MAX_LEAVES)]
    proof: LinkNumbers


def canonical(value: Any) -> bytes:
    """JSON in one way only: keys sorted, no spaces, UTF-8. Texts, whole numbers, switches and lists of them."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def file_text(record: Model) -> str:
    """The record as a file's text."""
    return json.dumps(record.model_dump(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
