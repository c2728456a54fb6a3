"""What a proof's challenge is hashed from: all that is public, each part with its name and length.

The Fiat-Shamir transform is sound only if the challenge covers the whole statement (Bernhard, Pereira and Warinschi,
How not to prove yourself, ASIACRYPT 2012). So a proof fits one organisation, epoch, statement, type of claim and set of
values, and no other.
"""

from __future__ import annotations

import hashlib

from patchpact.ecosystem.claims.group import ORDER

DOMAIN = b"patchpact/claims/v1"
"""Separates these hashes from all others; a change of what is hashed changes the version."""


class Transcript:
    """SHA-512 over named parts, in order.

    Args:
        label: what the hash is for (`statement`, `sum`, `age`, `link`, `sample`).
    """

    def __init__(self, label: str) -> None:
        self._hash = hashlib.sha512()
        self._absorb(DOMAIN)
        self._absorb(label.encode())

    def add(self, name: str, *values: bytes | str | int) -> Transcript:
        """Take in the values under a name, with their number; bytes, texts and integers are told apart."""
        self._absorb(name.encode())
        self._absorb(str(len(values)).encode())
        for value in values:
            kind, content = (b"b", value) if isinstance(value, bytes) else (b"t", str(value).encode("utf-8"))
            self._absorb(b"i" if isinstance(value, int) else kind)
            self._absorb(content)
        return self

    def digest(self) -> bytes:
        """The 64 bytes of the hash so far."""
        return self._hash.digest()

    def challenge(self) -> int:
        """The hash so far as a scalar (512 bits modulo a group order of 253: no bias to speak of)."""
        return int.from_bytes(self.digest(), "little") % ORDER

    def copy(self) -> Transcript:
        """A transcript of the same beginning, to go on with apart."""
        made = object.__new__(Transcript)
        made._hash = self._hash.copy()
        return made

    def _absorb(self, content: bytes) -> None:
        self._hash.update(len(content).to_bytes(8, "little"))
        self._hash.update(content)
