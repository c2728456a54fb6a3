"""Ed25519 as RFC 8032 has it, strictly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from patchpact.ecosystem.claims.group import ORDER
from patchpact.ecosystem.claims.signatures import is_signed, new_seed, public_key, sign

# RFC 8032, section 7.1: secret key, public key, message, signature
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("seed", "key", "message", "signature"), VECTORS)
def test_signatures_are_those_of_the_rfc(seed: str, key: str, message: str, signature: str) -> None:
    assert public_key(bytes.fromhex(seed)).hex() == key
    assert sign(bytes.fromhex(message), bytes.fromhex(seed)).hex() == signature
    assert is_signed(bytes.fromhex(message), bytes.fromhex(signature), bytes.fromhex(key))


def test_what_is_not_the_signature_is_refused() -> None:
    seed = new_seed()
    key, signature = public_key(seed), sign(b"message", seed)
    larger = int.from_bytes(signature[32:], "little") + ORDER  # the same modulo the order
    assert not is_signed(b"message", signature[:32] + larger.to_bytes(32, "little"), key)
    assert not is_signed(b"massage", signature, key)
    assert not is_signed(b"message", signature, public_key(new_seed()))
    assert not is_signed(b"message", signature[:-1], key)
    assert not is_signed(b"message", signature, key[:-1])
    assert not is_signed(b"message", bytes(64), bytes(32))  # a key of small order
    with pytest.raises(ValueError, match="32 bytes"):
        sign(b"message", seed[:-1])


def test_no_temporary_file_is_left(tmp_path: Path) -> None:
    code = "from patchpact.ecosystem.claims.signatures import *; assert is_signed(b'', sign(b'', bytes(32)), public_key(bytes(32)))"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "TMPDIR": str(tmp_path)}, timeout=60)
    assert not list(tmp_path.iterdir())
