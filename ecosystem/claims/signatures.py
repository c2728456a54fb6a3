"""Ed25519 signatures (RFC 8032), by the libsodium that `rbcl` brings, which refuses what is not canonical."""

from __future__ import annotations

import ctypes
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from rbcl import _sodium

SEED_BYTES = KEY_BYTES = 32
SIGNATURE_BYTES = 64

# rbcl writes libsodium into a temporary file, and leaves it there; once it is loaded the name is needed no more.
if os.name == "posix" and Path(_sodium._name).parent == Path(tempfile.gettempdir()):
    with suppress(OSError):
        os.unlink(_sodium._name)


def new_seed() -> bytes:
    """A secret key from the operating system's secure generator."""
    return secrets.token_bytes(SEED_BYTES)


def public_key(seed: bytes) -> bytes:
    """The public key of a secret one, 32 bytes each."""
    return _pair(seed)[0]


def sign(message: bytes, seed: bytes) -> bytes:
    """The signature of the message, 64 bytes."""
    _, secret = _pair(seed)
    made = ctypes.create_string_buffer(SIGNATURE_BYTES)
    _sodium.crypto_sign_detached(made, None, message, ctypes.c_ulonglong(len(message)), secret)
    return made.raw


def is_signed(message: bytes, signature: bytes, key: bytes) -> bool:
    """Whether the signature of the message is that of the public key's owner."""
    if len(signature) != SIGNATURE_BYTES or len(key) != KEY_BYTES:
        return False
    length = ctypes.c_ulonglong(len(message))
    return bool(_sodium.crypto_sign_verify_detached(signature, message, length, key) == 0)


def _pair(seed: bytes) -> tuple[bytes, bytes]:
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a secret key has {SEED_BYTES} bytes, not {len(seed)}")
    public, secret = ctypes.create_string_buffer(KEY_BYTES), ctypes.create_string_buffer(2 * KEY_BYTES)
    _sodium.crypto_sign_seed_keypair(public, secret, seed)
    return public.raw, secret.raw
