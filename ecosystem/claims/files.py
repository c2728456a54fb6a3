"""Reading and writing of keys, statements, openings and claims."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from patchpact.ecosystem.claims.errors import ClaimError
from patchpact.ecosystem.claims.records import (
    AgeClaim,
    LinkClaim,
    Openings,
    PublicKey,
    SecretKey,
    Statement,
    SumClaim,
    canonical,
    file_text,
)
from patchpact.ecosystem.claims.signatures import new_seed, public_key
from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.files import parse_json, read_text
from patchpact.scenarios.schema import M, Model, check

AnyClaim = SumClaim | AgeClaim | LinkClaim
CLAIMS: dict[str, type[AnyClaim]] = {"sum": SumClaim, "age": AgeClaim, "link": LinkClaim}


def write_keys(secret: Path) -> Path:
    """A new key pair: the secret key into `secret`, the public one beside it with the ending `.pub`.

    Returns:
        The public key's file.

    Raises:
        ScenarioError: if one of the files is there already, or cannot be written; nothing is changed then.
    """
    public = secret.with_suffix(".pub")
    if public.exists() or public == secret:
        raise ScenarioError(str(public), "file", "is there already, or the secret key's own", "name another file")
    seed = new_seed()
    write_secret(secret, SecretKey(patchpact_secret_key=1, seed=seed.hex()))
    try:
        _write_new(public, file_text(PublicKey(patchpact_public_key=1, key=public_key(seed).hex())), 0o644)
    except ScenarioError:
        secret.unlink(missing_ok=True)
        raise
    return public


def write_secret(path: Path, record: Model) -> None:
    """Write a new file that its owner alone may read (mode 0600). ScenarioError if it is there or cannot be written."""
    _write_new(path, file_text(record), 0o600)


def _write_new(path: Path, text: str, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise ScenarioError(str(path), "file", "is there already, and is never written over", "name another") from None
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> ScenarioError:
    return ScenarioError(str(path), "file", f"cannot be written ({error.strerror or error})", "name another place")


def read_secret_key(path: Path) -> bytes:
    """The 32 bytes of a secret key's file. ScenarioError if it is none."""
    return bytes.fromhex(_read(SecretKey, path).seed)


def read_public_key(path: Path) -> bytes:
    """The 32 bytes of a public key's file. ScenarioError if it is none."""
    return bytes.fromhex(_read(PublicKey, path).key)


def read_statement(path: Path) -> Statement:
    """A statement's file; its signature is not checked. ScenarioError if it is none."""
    return _read(Statement, path)


def read_openings(path: Path) -> Openings:
    """An openings' file. ScenarioError if it is none."""
    return _read(Openings, path)


def _read(model: type[M], path: Path) -> M:
    where = str(path)
    return check(model, parse_json(read_text(path, where), where), where)


def parse_claim(text: str) -> AnyClaim:
    """A claim's file; nothing of it is verified. ClaimError, in one line, for whatever is no claim."""
    try:
        data = parse_json(text, "claim")
        kind = data.get("type") if isinstance(data, dict) else None
        if not isinstance(kind, str) or kind not in CLAIMS:
            mend = closest(kind, CLAIMS)
            raise ClaimError("type", f"{shown(kind)} is no type of claim; {mend}")
        claim = check(CLAIMS[kind], data, "claim")
        if canonical(claim.model_dump()) != canonical(data):  # not what Python calls equal: to it 1 is 1.0 and true
            raise ClaimError("file", "leaves out fields, or writes a value in another form")
        return claim
    except ScenarioError as error:
        raise ClaimError(error.field, error.problem) from None
    except RecursionError:
        raise ClaimError("file", "nested too deep") from None
