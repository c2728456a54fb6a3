"""Ids of vulnerabilities and numbers of weaknesses (CWE), as tools write them."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CVE = re.compile(r"CVE-\d{4}-\d{1,19}\Z", re.IGNORECASE | re.ASCII)
_GHSA = re.compile(r"GHSA(?:-[0-9a-z]{4}){3}\Z", re.IGNORECASE | re.ASCII)
_ADVISORY = re.compile(
    r"(?:CVE-\d{4}-\d{1,19}|GHSA(?:-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+|GO-\d{4}-\d{4,}|RUSTSEC-\d{4}-\d{4}"
    r"|(?:DSA|DLA)-\d+-\d+|(?:ALAS2?|ELSA|RHSA|RLSA|ALSA)-\d{4}[-:]\d+|SNYK-[A-Z0-9]+-[A-Z0-9-]+)(?![0-9a-z])",
    re.IGNORECASE | re.ASCII,
)
_CWE = re.compile(r"CWE[-_ :/]{0,2}0*([1-9]\d{0,4})(?!\d)", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"\s*0*([1-9]\d{0,4})\s*\Z", re.ASCII)


def is_cve(text: str) -> bool:
    """Whether the text is a CVE id."""
    return _CVE.match(text) is not None


def spelled(identifier: str) -> str:
    """The id as its register spells it: CVE in capitals, GHSA in lower case behind its prefix."""
    if _CVE.match(identifier):
        return identifier.upper()
    return f"GHSA-{identifier[5:].lower()}" if _GHSA.match(identifier) else identifier


def advisory_in(text: str) -> str:
    """The first id of a vulnerability at the beginning of a text (`CVE-2021-1-pkg`), "" if it has none."""
    match = _ADVISORY.match(text)
    return spelled(match.group()) if match else ""


def id_and_aliases(identifiers: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """The id a finding goes by (the first CVE, else the first of all) and the other ids, each once."""
    known = list(dict.fromkeys(spelled(text) for text in identifiers if text))
    if not known:
        return "", ()
    first = next((text for text in known if is_cve(text)), known[0])
    return first, tuple(text for text in known if text != first)


def cwe_numbers(texts: Iterable[str]) -> tuple[int, ...]:
    """Weakness numbers in texts (`CWE-79: ...`, `external/cwe/cwe-079`, `79`), each once; 0 and -1 are none."""
    found: dict[int, None] = {}
    for text in texts:
        whole = _NUMBER.match(text)
        for number in [whole.group(1)] if whole else _CWE.findall(text):
            found[int(number)] = None
    return tuple(found)
