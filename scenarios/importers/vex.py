"""VEX: which findings do not matter, because a statement of an author says so of exactly this product.

Only `not_affected` and `fixed` suppress a finding, and only if the statement's product is the finding's:

- a purl: type, namespace and name are equal; a version and qualifiers that the statement names are the
  finding's too (what it leaves open fits any). So `pkg:npm/x` speaks of all versions, `pkg:npm/x@1` of one.
- an image (by name, `pkg:oci` or `pkg:docker`): the repository is equal, with tag and digest where named.
- a component by name, or `name@version`.
- no products at all: the whole document speaks of whatever it is given with.

A statement about a component inside a product (OpenVEX `subcomponents`, CSAF relationships) needs both.
Of several that fit, the latest counts; of equally late (or undated) ones, one that does not suppress.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from packageurl import PackageURL

from patchpact.scenarios.importers.records import RawFinding, Statement, Status, Suppression
from patchpact.scenarios.importers.reports.packages import ImageName, image_name, image_of_purl, parsed_purl

LISTED_ONE_BY_ONE = 50
_SUPPRESSING: tuple[Status, ...] = ("not_affected", "fixed")


@dataclass(frozen=True)
class VexStatement(Statement):
    """A statement with what its author says of time and place.

    Attributes:
        timestamp: when it was made, in UTC, sortable as text; "" if not dated, which is older than any date.
        subcomponents: purls or names inside the products; empty, the products themselves are meant.
        document: serial number of the SBOM it speaks of. If findings of that SBOM are imported too, it
            speaks of them alone.
    """

    timestamp: str = ""
    subcomponents: tuple[str, ...] = ()
    document: str = ""


def suppressing(word: str) -> Status | None:
    """The status of that name, if it suppresses a finding."""
    return next((status for status in _SUPPRESSING if status == word), None)


def about(finding: RawFinding, status: Status, author: str, reason: str, evidence: str) -> VexStatement:
    """The statement that a tool itself applied, about exactly this finding: its component, in its image if it has one.

    The finding needs a component: without any product a statement would speak of everything.
    """
    part = finding.purl or (f"{finding.component}@{finding.version}" if finding.version else finding.component)
    ids = (finding.id, *finding.aliases)
    if not finding.image:
        return VexStatement(ids, (part,), status, author, reason, evidence)
    return VexStatement(ids, (finding.image,), status, author, reason, evidence, subcomponents=(part,))


def apply(
    findings: Iterable[RawFinding], statements: Sequence[Statement]
) -> tuple[list[RawFinding], list[Suppression], list[str]]:
    """Findings that stay, findings that are suppressed, and warnings.

    A finding that a statement of another status fits carries that status, its author and reason. Warnings list
    the statements that fitted no finding and those that another one contradicts at the same time.
    """
    findings = list(findings)
    by_id: dict[str, list[int]] = defaultdict(list)
    for position, statement in enumerate(statements):
        for identifier in dict.fromkeys(text.upper() for text in statement.ids):
            by_id[identifier].append(position)
    documents = _documents(statements, findings)
    kept: list[RawFinding] = []
    suppressed: list[Suppression] = []
    used: set[int] = set()
    contradicted: dict[int, None] = {}
    for finding in findings:
        fitting = []
        for position in _positions(finding, by_id):
            matched = _matched(statements[position], finding, documents)
            if matched:
                fitting.append((position, matched))
        if not fitting:
            kept.append(finding)
            continue
        used.update(position for position, _ in fitting)
        winner, matched = max(fitting, key=lambda fit: (_rank(statements[fit[0]]), fit[0]))
        said = statements[winner]
        for position, _ in fitting:
            if _time(statements[position]) == _time(said) and _suppresses(statements[position]) > _suppresses(said):
                contradicted[position] = None
        stated = replace(finding, status=said.status, status_author=said.author, status_reason=said.reason)
        if _suppresses(said):
            suppressed.append(Suppression(stated, said, matched))
        else:
            kept.append(stated)
    return kept, suppressed, _warnings(statements, used, contradicted)


def _positions(finding: RawFinding, by_id: Mapping[str, list[int]]) -> list[int]:
    """Places of the statements about the finding's id or one of its aliases, each once, in order."""
    if not by_id:
        return []
    found = [by_id[key] for text in (finding.id, *finding.aliases) if (key := text.upper()) in by_id]
    return found[0] if len(found) == 1 else sorted({position for positions in found for position in positions})


def _time(statement: Statement) -> str:
    return statement.timestamp if isinstance(statement, VexStatement) else ""


def _suppresses(statement: Statement) -> bool:
    return statement.status in _SUPPRESSING


def _rank(statement: Statement) -> tuple[str, bool]:
    return _time(statement), not _suppresses(statement)


def _documents(statements: Sequence[Statement], findings: Sequence[RawFinding]) -> frozenset[str]:
    """Serial numbers of SBOMs that statements speak of and findings come from."""
    named = {s.document for s in statements if isinstance(s, VexStatement) and s.document}
    return frozenset(named & {label for finding in findings for label in finding.labels}) if named else frozenset()


def _matched(statement: Statement, finding: RawFinding, documents: frozenset[str]) -> str:
    """What of the product fits: `purl`, `image`, `component` or `document`; "" if it does not."""
    inside: tuple[str, ...] = ()
    if isinstance(statement, VexStatement):
        if statement.document in documents and statement.document not in finding.labels:
            return ""
        inside = statement.subcomponents
    matched = _first(statement.products, finding) if statement.products else "document"
    if matched and inside and not _first(inside, finding):
        return ""
    return matched


def _first(products: Iterable[str], finding: RawFinding) -> str:
    return next((matched for product in products if (matched := _fits(product, finding))), "")


def _fits(product: str, finding: RawFinding) -> str:
    """How one product, as written, fits the finding."""
    if product.startswith("pkg:"):
        purl = parsed_purl(product)
        if purl is None:
            return ""
        image = image_of_purl(purl)
        if image is not None and _fits_image(image, finding):
            return "image"
        if _fits_purl(purl, finding.purl):
            return "purl"
        return "image" if any(_fits_purl(purl, label) for label in finding.labels) else ""
    name, _, version = product.rpartition("@")
    if finding.component and (
        product == finding.component or (name == finding.component and version == finding.version)
    ):
        return "component"
    if product in (finding.image, finding.service, *finding.labels):
        return "image"
    image = image_name(product)
    return "image" if image is not None and _fits_image(image, finding) else ""


def _fits_purl(said: PackageURL, text: str) -> bool:
    """Whether everything the statement's purl says is true of the purl `text`."""
    own = parsed_purl(text)
    if own is None or (said.type, said.namespace or "", said.name) != (own.type, own.namespace or "", own.name):
        return False
    if said.version and _version(said) != _version(own):
        return False
    if said.subpath and said.subpath != own.subpath:
        return False
    qualifiers = _qualifiers(own)
    return all(qualifiers.get(key) == value for key, value in _qualifiers(said).items() if key != "epoch")


def _qualifiers(purl: PackageURL) -> dict[str, str]:
    return purl.qualifiers or {}


def _version(purl: PackageURL) -> str:
    """The version with the epoch before it that some write as a qualifier, without Go's leading v."""
    version = purl.version or ""
    epoch = _qualifiers(purl).get("epoch", "")
    if epoch and ":" not in version:
        version = f"{epoch}:{version}"
    return version.removeprefix("0:").removeprefix("v" if purl.type == "golang" else "")


def _fits_image(said: ImageName, finding: RawFinding) -> bool:
    """Whether an image that the finding names is the one said: tag and digest may stand in different labels."""
    for repository, tags, digests in _images(finding):
        same = repository == said.repository or (
            "/" not in said.repository and repository.rpartition("/")[2] == said.repository
        )
        if same and said.digest and said.digest in digests:
            return True
        if same and not said.digest and (not said.tag or said.tag in tags):
            return True
    return False


def _images(finding: RawFinding) -> list[tuple[str, set[str], set[str]]]:
    """Repositories that the finding names, each with its tags and digests."""
    known: dict[str, tuple[set[str], set[str]]] = {}
    for text in (finding.image, *finding.labels):
        image = image_name(text) if text else None
        if image is not None:
            tags, digests = known.setdefault(image.repository, (set(), set()))
            tags.add(image.tag)
            digests.add(image.digest)
    return [(repository, tags - {""}, digests - {""}) for repository, (tags, digests) in known.items()]


def _warnings(statements: Sequence[Statement], used: set[int], contradicted: Iterable[int]) -> list[str]:
    made = [
        f"{statements[position].evidence}: {in_words(statements[position])} is contradicted by another statement "
        "of the same time: the finding stays"
        for position in contradicted
    ]
    unmatched = [statement for position, statement in enumerate(statements) if position not in used]
    made += [f"{one.evidence}: {in_words(one)} fits no finding" for one in unmatched[:LISTED_ONE_BY_ONE]]
    if len(unmatched) > LISTED_ONE_BY_ONE:
        more = len(unmatched) - LISTED_ONE_BY_ONE
        made.append(f"{more} more statements fit no finding (all are in the list of statements)")
    return made


def in_words(statement: Statement) -> str:
    """A statement in a few words, for a warning."""
    products = ", ".join(statement.products[:3]) + (", ..." if len(statement.products) > 3 else "")
    ids = ", ".join(statement.ids[:3]) or "no id"
    return f"{statement.status} {ids} of {products or 'any product'} (by {statement.author or 'an unnamed author'})"
