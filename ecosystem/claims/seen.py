"""The verifier's memory: which claims were accepted before, so that one is not accepted twice.

A line of JSON for each accepted claim; nothing but a line that a kill cut off is ever taken out. A claim uses up its
signer's key, organisation, epoch, subject and type: a second one of these is a replay, whether its proof is the same or
made anew.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from patchpact.ecosystem.claims.errors import ClaimError
from patchpact.ecosystem.claims.verify import Verified
from patchpact.scenarios.errors import ScenarioError


def accept(path: Path, verified: Verified, key: bytes) -> None:
    """Write the claim down as accepted, unless one of its kind is there already.

    Args:
        path: the memory's file; made if it is not there.
        verified: a claim that holds.
        key: the public key it was checked with.

    Raises:
        ClaimError: for a replay.
        ScenarioError: for a file that is no such memory or cannot be written; nothing is changed then.
    """
    entry = [key.hex(), *verified.use]
    try:
        with path.open("a+", encoding="utf-8", newline="") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)  # until it is closed: of two checks at once one comes first
            stream.seek(0)
            text = stream.read()
            whole = text[: text.rfind("\n") + 1]
            rest = text[len(whole) :]
            cut_off = rest.startswith("[") and not _whole(rest)
            if entry in _entries(whole if cut_off else text, str(path)):
                raise ClaimError("replay", f"a claim of type {verified.use[3]} of this epoch and subject was accepted")
            if cut_off:  # by a kill or a full disk: that claim was never said to be accepted
                stream.truncate(len(whole.encode("utf-8")))
            begin = "\n" if rest and not cut_off else ""
            stream.write(begin + json.dumps(entry, ensure_ascii=True) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except UnicodeDecodeError as error:
        raise ScenarioError(str(path), "file", f"not UTF-8 at byte {error.start}", "name another file") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ScenarioError(str(path), "file", f"cannot be used ({reason})", "check the path") from None


def _whole(text: str) -> bool:
    """Whether it is JSON, or nothing that could become it."""
    try:
        json.loads(text)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _entries(text: str, where: str) -> list[list[str]]:
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, list) or len(entry) != 5 or not all(isinstance(part, str) for part in entry):
            problem = "is no claim that was accepted"
            raise ScenarioError(where, f"line {number}", problem, "name the file that --seen wrote, or a new one")
        entries.append(entry)
    return entries
