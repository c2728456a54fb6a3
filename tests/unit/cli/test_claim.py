"""`patchpact claim`: the whole way from findings to a verified claim, and every way it can fail."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from patchpact.cli.main import main

Capture = pytest.CaptureFixture[str]
FINDINGS = """service,component,cve,kev
web,log4j,CVE-2021-44228,1
web,zlib,CVE-2022-37434,0
db,zlib,CVE-2022-37434,0
db,openssl,CVE-2022-0778,1
"""
KNOWN = "cve,known\nCVE-2021-44228,2026-01-17\nCVE-2022-0778,2026-01-31\n"
SIGN = "claim sign f.csv --key s.key --organisation acme --epoch 2026-W05 --date 2026-01-31 --known known.csv"
VERIFY = "--key s.pub --context organisation=acme --context epoch=2026-W05"


def line(text: str) -> int:
    return main(text.split())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with findings, keys and a signed statement."""
    monkeypatch.chdir(tmp_path)
    Path("f.csv").write_text(FINDINGS, encoding="utf-8")
    Path("known.csv").write_text(KNOWN, encoding="utf-8")
    assert main(["claim", "keys", "--out", "s.key"]) == 0
    assert main([*SIGN.split(), "--out", "s.json", "--openings", "o.json"]) == 0
    return tmp_path


def prove(*arguments: str, out: str = "c.json") -> int:
    return main(["claim", "prove", *arguments, "s.json", "--openings", "o.json", "--out", out])


def verify(*arguments: str, claim: str = "c.json") -> int:
    return main(["claim", "verify", claim, *VERIFY.split(), *arguments])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sum"], "the total of 2 committed parts is 4 (findings open)"),
        (
            ["age", "--days", "14"],
            "each of 2 open findings that are known exploited was 0 to 14 days old on 2026-01-31",
        ),
        (["link", "--sample", "3"], "3 of 4 leaves, drawn by the challenge, are as shown"),
    ],
)
def test_from_findings_to_a_verified_claim(folder: Path, capsys: Capture, arguments: list[str], says: str) -> None:
    capsys.readouterr()
    assert prove(*arguments) == 0
    assert capsys.readouterr().out.startswith(f"c.json: written, {arguments[0]}, ")
    assert verify() == 0
    out, err = capsys.readouterr()
    assert out == f"verified: acme, epoch 2026-W05, signed by its scanner: {says}\n"
    assert not err


def test_what_is_private_is_and_stays_so(folder: Path, capsys: Capture) -> None:
    assert all(stat.S_IMODE(Path(name).stat().st_mode) == 0o600 for name in ("s.key", "o.json"))
    before = {name: Path(name).read_bytes() for name in ("s.key", "s.pub", "o.json", "s.json")}
    capsys.readouterr()
    assert main(["claim", "keys", "--out", "s.key"]) == 2
    assert main([*SIGN.split(), "--out", "s.json", "--openings", "o.json"]) == 2
    assert main([*SIGN.split(), "--out", "t.json", "--openings", "t.json"]) == 2
    assert capsys.readouterr().err.count("\n") == 3
    assert before == {name: Path(name).read_bytes() for name in before}
    assert not Path("t.json").exists()


def test_openings_do_not_outlive_a_statement_that_cannot_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from patchpact.cli import claim
    from patchpact.cli.arguments import UsageError

    def full(path: Path, text: str) -> None:
        raise UsageError("no space")

    monkeypatch.setattr(claim, "write_file", full)
    assert main([*SIGN.split(), "--out", "t.json", "--openings", "u.json"]) == 2
    assert not Path("t.json").exists() and not Path("u.json").exists()


def test_what_is_not_so_cannot_be_proven(folder: Path, capsys: Capture) -> None:
    capsys.readouterr()
    assert prove("age", "--days", "13") == 1
    out, err = capsys.readouterr()
    assert not out and not Path("c.json").exists()
    assert err == (
        "patchpact claim: cannot be proven: open known exploited findings: 1 of 2 are not 0 to 13 days old"
        " (the oldest: 14 days)\n"
    )
    assert prove("link", "--sample", "5") == 1


def test_a_replay_is_refused(folder: Path, capsys: Capture) -> None:
    assert prove("sum") == 0
    assert verify("--seen", "seen.jsonl") == 0
    assert prove("sum", out="again.json") == 0
    capsys.readouterr()
    for claim in ("c.json", "again.json"):
        assert verify("--seen", "seen.jsonl", claim=claim) == 1
        assert "not verified: replay: " in capsys.readouterr().err


def test_what_else_would_have_passed_is_said(folder: Path, capsys: Capture) -> None:
    assert prove("sum") == 0
    capsys.readouterr()
    verify = ["claim", "verify", "c.json", "--key", "s.pub", "--seen", "seen"]
    assert main(verify) == 0
    err = capsys.readouterr().err
    assert "claim of whomever this key signs for would pass: add --context organisation=" in err
    assert "old claim would pass: add --context epoch=" in err
    assert main([*verify[:5], "--context", "organisation=acme", "--context", "epoch=2026-W05"]) == 0
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--context", "epoch=2026-W06"], "epoch: is '2026-W05'; '2026-W06' is expected"),
        (["--context", "days=13"], "days: is 14; '13' is expected"),
        (["--context", "nonce=aa"], "nonce: is ''; 'aa' is expected"),
        (["--key", "other.pub"], "statement.signature: is not that of the key's owner"),
    ],
)
def test_what_is_not_expected_is_not_verified(folder: Path, capsys: Capture, arguments: list[str], why: str) -> None:
    assert main(["claim", "keys", "--out", "other.key"]) == 0
    assert prove("age", "--days", "14") == 0
    capsys.readouterr()
    assert verify(*arguments) == 1
    out, err = capsys.readouterr()
    assert not out and err.startswith(f"patchpact claim: not verified: {why}") and err.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]", b'{"type": "sum"}', b"{}" * 100])
def test_whatever_is_wrong_with_the_claim_s_file_it_is_not_verified(
    folder: Path, capsys: Capture, content: bytes
) -> None:
    Path("c.json").write_bytes(content)
    capsys.readouterr()
    assert verify("--seen", "seen") == 1
    err = capsys.readouterr().err
    assert err.startswith("patchpact claim: not verified: ") and err.count("\n") == 1
    assert not Path("seen").exists()


def test_the_verifier_s_nonce(folder: Path) -> None:
    assert prove("link", "--sample", "2", "--nonce", "00ff") == 0
    assert verify("--context", "nonce=00ff") == 0
    assert verify() == 1


def test_amounts(folder: Path, capsys: Capture) -> None:
    Path("kg.csv").write_text("name,amount\nplant,12\nfleet,30\n", encoding="utf-8")
    sign = "claim sign kg.csv --key s.key --signer auditor --organisation acme --epoch 2026-W05"
    assert line(f"{sign} --out kg.json --openings kg-o.json") == 0
    assert line("claim prove sum kg.json --openings kg-o.json --out c.json") == 0
    capsys.readouterr()
    assert verify("--context", "total=42", "--context", "subject=kg", "--context", "signer=auditor") == 0
    assert capsys.readouterr().out == (
        "verified: acme, epoch 2026-W05, signed by its auditor: the total of 2 committed parts is 42 (kg)\n"
    )
    assert line("claim prove age --days 14 kg.json --openings kg-o.json --out c.json") == 1


def test_json_for_machines(folder: Path, capsys: Capture) -> None:
    def said() -> Any:
        return json.loads(capsys.readouterr().out)

    capsys.readouterr()
    assert main([*SIGN.split(), "--out", "t.json", "--openings", "u.json", "--json"]) == 0
    assert (found := said())["leaves"] == 4 and found["open_kev"] == 2 and len(found["root"]) == 64
    assert prove("sum", "--json") == 0
    assert said()["bytes"] == Path("c.json").stat().st_size
    assert verify("--json") == 0
    assert said()["verified"] is True
    assert verify("--json", "--context", "total=5") == 1
    assert said() == {"verified": False, "why": "total: is 4; '5' is expected"}


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        ("claim", "see patchpact claim --help"),
        ("claim prove age s.json --openings o.json --out c.json", "--days"),
        ("claim prove age --days 9999 s.json --openings o.json --out c.json", "name fewer"),
        ("claim prove sum s.json --openings o.json --out c.txt", "name one"),
        ("claim prove sum s.json --openings o.json --out no/c.json", "make it first"),
        ("claim prove sum s.json --openings o.json --out c.json --nonce xyz", "nonce"),
        ("claim prove sum s.json --openings s.json --out c.json", "s.json: "),
        ("claim prove sum o.json --openings o.json --out c.json", "o.json: "),
        ("claim prove sum s.json --opening o.json --out c.json", "see patchpact claim prove sum --help"),
        ("claim verify none.json --key s.pub", "check the path"),
        ("claim verify . --key s.pub", "check the path"),
        ("claim verify s.json --key s.key", "s.key: "),
        ("claim verify s.json --key s.pub --context epch=1", "did you mean 'epoch'?"),
        ("claim verify s.json --key s.pub --context epoch", "is not NAME=VALUE"),
        ("claim keys --out s.pub", "name another file"),
        ("claim sign f.csv --key s.pub --organisation a --epoch e --out x.json --openings y.json", "s.pub: "),
        (
            "claim sign f.csv --key s.key --organisation a --epoch e --out x.json --openings y.json",
            "say it in --known FILE",
        ),
        ("claim sign f.csv --key s.key --organisation a --epoch e --date 1/2 --out x.json --openings y.json", "no day"),
        (
            "claim sign f.csv --known known.csv --key s.key --organisation a --epoch= --out x.json --openings y.json",
            "epoch",
        ),
    ],
)
def test_bad_input_is_one_line_and_status_2(folder: Path, capsys: Capture, arguments: str, mend: str) -> None:
    before = sorted(path.name for path in folder.iterdir())
    capsys.readouterr()
    assert main(arguments.split()) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1 and err.startswith("patchpact claim: ") and mend in err
    assert sorted(path.name for path in folder.iterdir()) == before


def test_the_documented_way_works_as_it_stands(
    repository: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (repository / "docs" / "claims.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (known,) = [block for kind, block in blocks if kind == "csv"]
    (shown,) = [block for kind, block in blocks if kind == "text"]
    (tmp_path / "examples").symlink_to(repository / "examples")
    (tmp_path / "known.csv").write_text(known, encoding="utf-8")
    (tmp_path / "kgco2e.csv").write_text("name,amount\nshop,120\nvan,80\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    commands = [command for kind, block in blocks if kind == "sh" for command in block.splitlines()]
    commands = [command for command in commands if command.split()[1] in ("claim", "import")]
    assert len(commands) == 12
    for command in commands:
        assert main(command.split()[1:]) == 0, capsys.readouterr().err
    said = [text for text in capsys.readouterr().out.splitlines() if text.startswith("verified: ")]
    assert said[:3] == shown.splitlines()
    assert said[3].endswith("signed by its auditor: the total of 2 committed parts is 200 (kgco2e)")
