"""Claims that others can check without seeing what stands behind them. Research: not audited, not constant-time.

patchpact claim keys --out scanner.key                               a key pair: scanner.key (secret), scanner.pub
patchpact claim sign FINDINGS --key scanner.key --organisation acme --epoch 2026-W05 --known kev.json
    --out statement.json --openings openings.json                    the scanner commits and signs
patchpact claim prove sum|age|link statement.json --openings openings.json --out claim.json
patchpact claim verify claim.json --key scanner.pub --context organisation=acme --seen accepted.jsonl

A proof says that a claim fits what the scanner or auditor has signed, not that the signed is true. Exit status: 0
verified (or done), 1 not verified (or not to be proven), 2 bad input.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from patchpact.cli.arguments import Part, UsageError, add_json, whole_number
from patchpact.cli.outfile import out_file, write_file
from patchpact.cli.output import print_json, say
from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.plain import one_line

if TYPE_CHECKING:
    from patchpact.ecosystem.claims.files import AnyClaim

NOT_VERIFIED = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parts and their arguments."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="keys|sign|prove|verify", parser_class=Part)
    keys = parts.add_parser("keys", help="make a key pair for a scanner or an auditor")
    keys.add_argument(
        "--out", required=True, metavar="FILE", help="the secret key; the public one goes beside it, .pub"
    )
    sign = parts.add_parser("sign", help="commit to findings or amounts and sign: a statement, and what opens it")
    sign.add_argument(
        "file", metavar="FILE", help="what `import findings` wrote, a findings CSV, or a CSV of name,amount"
    )
    sign.add_argument("--key", required=True, metavar="FILE", help="the signer's secret key")
    sign.add_argument("--signer", choices=("scanner", "auditor"), default="scanner", help="(default scanner)")
    sign.add_argument("--organisation", required=True, metavar="NAME", help="of whom")
    sign.add_argument("--epoch", required=True, metavar="NAME", help="for what time, such as 2026-W05")
    sign.add_argument("--subject", metavar="NAME", help="about what (default: findings, or the amounts file's name)")
    sign.add_argument("--date", type=_day, metavar="DAY", help="of the scan, such as 2026-01-31 (default today, UTC)")
    sign.add_argument(
        "--known", metavar="FILE", help="when CVEs became known: the KEV catalogue, or a CSV of cve,known"
    )
    sign.add_argument("--out", required=True, metavar="FILE", help="the statement (.json), to be published")
    sign.add_argument("--openings", required=True, metavar="FILE", help="what opens it (.json), for the prover alone")
    prove = parts.add_parser("prove", help="prove a claim from a statement and its openings")
    types = prove.add_subparsers(dest="type", required=True, metavar="sum|age|link", parser_class=Part)
    types.add_parser("sum", help="the total of the parts: open findings over all services, or the amounts")
    age = types.add_parser("age", help="every open known exploited finding is 0 to N days old")
    age.add_argument("--days", type=whole_number(0), required=True, metavar="N", help="the limit in days")
    link = types.add_parser("link", help="show leaves that the challenge draws, and that they are the tree's")
    link.add_argument("--sample", type=whole_number(1), required=True, metavar="K", help="how many leaves")
    for one in types.choices.values():
        one.add_argument("statement", metavar="STATEMENT", help="what claim sign wrote")
        one.add_argument("--openings", required=True, metavar="FILE", help="what claim sign wrote beside it")
        one.add_argument("--nonce", default="", metavar="HEX", help="what the verifier asked to be proven with")
        one.add_argument("--out", required=True, metavar="FILE", help="the claim (.json)")
    verify = parts.add_parser("verify", help="check a claim")
    verify.add_argument("claim", metavar="CLAIM", help="what claim prove wrote")
    verify.add_argument("--key", required=True, metavar="FILE", help="the public key of who must have signed")
    verify.add_argument(
        "--context",
        metavar="NAME=VALUE",
        type=_pair,
        action="append",
        default=[],
        help="what the claim must say: organisation, epoch, days, nonce...; may be repeated",
    )
    verify.add_argument("--seen", metavar="FILE", help="what was accepted before: a replay is refused, the claim added")
    for part in (keys, sign, *types.choices.values(), verify):
        add_json(part)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day, such as 2026-01-31") from None


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def run(args: argparse.Namespace) -> int:
    """Do the part that was asked for."""
    return {"keys": _keys, "sign": _sign, "prove": _prove, "verify": _verify}[args.part](args)


def _keys(args: argparse.Namespace) -> int:
    from patchpact.ecosystem.claims.files import write_keys

    secret = Path(args.out)
    public = write_keys(secret)
    _say(args, {"secret": args.out, "public": str(public)}, f"{secret}: written, secret; {public}: written, public")
    return 0


def _sign(args: argparse.Namespace) -> int:
    from patchpact.ecosystem.claims.files import read_secret_key, write_secret
    from patchpact.ecosystem.claims.leaves import read_known, read_source_of_leaves
    from patchpact.ecosystem.claims.records import file_text
    from patchpact.ecosystem.claims.statements import make_statement

    out = out_file(args.out, (".json",))
    openings_file = out_file(args.openings, (".json",), "--openings")
    if openings_file.exists():
        raise ScenarioError(str(openings_file), "file", "is there already, and is never written over", "name another")
    if out.resolve() == openings_file.resolve():
        raise UsageError("--openings: is the same file as --out; name two, the openings must stay private")
    day = args.date or datetime.now(UTC).date()
    seed = read_secret_key(Path(args.key))
    source = read_source_of_leaves(Path(args.file), read_known(Path(args.known)) if args.known else {}, day)
    subject = args.subject or ("findings" if source.kind == "findings" else one_line(Path(args.file).stem))
    statement, openings = make_statement(
        source,
        seed,
        signer=args.signer,
        organisation=args.organisation,
        epoch=args.epoch,
        subject=subject,
        day=day,
    )
    write_secret(openings_file, openings)
    try:
        write_file(out, file_text(statement))
    except ValueError:
        openings_file.unlink(missing_ok=True)
        raise
    summary = {
        "out": args.out,
        "openings": args.openings,
        "leaves": statement.leaves,
        "open_kev": statement.open_kev,
        "parts": len(statement.parts),
        "root": statement.root,
    }
    counts = f"{statement.leaves} leaves, {statement.open_kev} open and known exploited, {len(statement.parts)} parts"
    _say(args, summary, f"{out}: written, signed: {counts}; {openings_file}: written, private")
    return 0


def _prove(args: argparse.Namespace) -> int:
    from patchpact.ecosystem.claims.errors import ClaimError
    from patchpact.ecosystem.claims.files import read_openings, read_statement
    from patchpact.ecosystem.claims.prove import prove_age, prove_link, prove_sum
    from patchpact.ecosystem.claims.records import MAX_DAYS, Nonce, file_text
    from patchpact.scenarios.schema import check_value

    out = out_file(args.out, (".json",))
    nonce = check_value(Nonce, args.nonce, "--nonce", "nonce")
    if args.type == "age" and args.days > MAX_DAYS:
        raise UsageError(f"--days {args.days}: is more than {MAX_DAYS}; name fewer")
    statement, openings = read_statement(Path(args.statement)), read_openings(Path(args.openings))
    claim: AnyClaim
    try:
        if args.type == "sum":
            claim = prove_sum(statement, openings, nonce)
        elif args.type == "age":
            claim = prove_age(statement, openings, args.days, nonce)
        else:
            claim = prove_link(statement, openings, args.sample, nonce)
    except ClaimError as error:
        print(f"patchpact claim: cannot be proven: {error}", file=sys.stderr)
        return NOT_VERIFIED
    text = file_text(claim)
    write_file(out, text)
    size = len(text.encode())
    _say(args, {"out": args.out, "type": args.type, "bytes": size}, f"{out}: written, {args.type}, {size:,} bytes")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from patchpact.ecosystem.claims.errors import ClaimError
    from patchpact.ecosystem.claims.files import read_public_key
    from patchpact.ecosystem.claims.seen import accept
    from patchpact.ecosystem.claims.verify import check_context_names, verify
    from patchpact.scenarios.files import read_text

    expected = dict(args.context)
    check_context_names(expected)
    key = read_public_key(Path(args.key))
    path = Path(args.claim)
    # What cannot be read at all is bad input; whatever else is wrong with the file is the claim's fault.
    if not path.is_file() or not os.access(path, os.R_OK):
        raise ScenarioError(args.claim, "file", "no such file, or it may not be read", "check the path")
    try:
        try:
            text = read_text(path, args.claim)
        except ScenarioError as error:
            raise ClaimError(error.field, error.problem) from None
        verified = verify(text, key, expected)
        if args.seen:
            accept(Path(args.seen), verified, key)
    except ClaimError as error:
        if args.json:
            print_json({"verified": False, "why": str(error)})
        print(f"patchpact claim: not verified: {error}", file=sys.stderr)
        return NOT_VERIFIED
    _say(args, {"verified": True, "says": verified.text}, f"verified: {verified.text}")
    for note in _left_open(expected):
        print(f"patchpact claim: warning: {note}", file=sys.stderr)
    return 0


def _left_open(expected: Mapping[str, str]) -> list[str]:
    """What else would have passed."""
    notes = []
    if "organisation" not in expected:
        notes.append("a claim of whomever this key signs for would pass: add --context organisation=...")
    if not {"epoch", "nonce"} & expected.keys():
        notes.append("an old claim would pass: add --context epoch=..., or --context nonce=... of your own")
    return notes


def _say(args: argparse.Namespace, summary: dict[str, object], line: str) -> None:
    say(args.json, summary, one_line(line, 20_000))
