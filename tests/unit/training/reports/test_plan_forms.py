"""A plan's page, document, table and JSON say what it says, and obey nothing that stands in names."""

import csv
import errno
import io
import json
import os
import re
from contextlib import redirect_stdout
from dataclasses import fields, is_dataclass, replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patchpact.cli.plan import print_plan
from patchpact.training.plans import Plan, document, plan
from patchpact.training.plans.records import Lever, Rejected
from patchpact.training.reports.files import ReportError
from patchpact.training.reports.plan import to_html, write_plan
from patchpact.training.reports.plan_text import COLUMNS, FORMULA, cleaned, printable, to_csv, to_json, to_markdown

THEIRS = ("patch", "service", "component", "version", "fixed_version", "title", "scenario", "policy", "baseline",
          "label", "detail", "cve")  # fmt: skip
"""Fields whose texts come from files of others."""
PLAIN = "word"
NASTY = (
    "<script>alert(1)</script>", "</title><img src=x onerror=alert(1)>", "\" onmouseover='alert(1)", "&lt;b&gt;",
    "[click](javascript:alert(1))", "![x](http://evil.example/x.png)", "http://evil.example www.evil.example a@evil.example",
    "a|b\n| c | d |", "`code` *b* _i_ ~~s~~ # h\n## h", "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", " =1", "'=1",
    "\N{FULLWIDTH EQUALS SIGN}1", 'x";=1', "a,b;c", "\x1b[31mred\x1b]0;title\x07", "\r\x08\x00\x7f\x9b31m",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe", "\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}", "\ud800", "--", "...", "",
)  # fmt: skip
hostile = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=40), st.tuples(st.text(max_size=8), st.sampled_from(NASTY)).map("".join)
)


@cache
def small() -> Plan:
    """A plan with all there is to tell."""
    made = plan("toy-v1", rollouts=2)
    first = made.windows[0]
    motion = first.patches[0]
    down = Rejected(motion.patch, "full", motion.proposer, motion.votes, ("it_0",), 1.0, motion.why)
    first = replace(first, rejected=(down,), levers=(Lever("it_0", "scan:0", 0.5),))
    return replace(made, windows=(first, *made.windows[1:]), assumptions=(PLAIN,))


def named(value: Any, text: str, name: str = "") -> Any:
    """The plan with ``text`` for all names of others."""
    if isinstance(value, str):
        return text if name in THEIRS else value
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: named(getattr(value, one.name), text, one.name) for one in fields(value)})
    if isinstance(value, dict):
        return {key: named(item, text, key) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(text if name == "assumptions" else named(item, text, name) for item in value)
    return value


class Tags(HTMLParser):
    """The tags of a page with the names of their attributes, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@cache
def plain(form: Any) -> str:
    return str(form(named(small(), PLAIN)))


def terminal(made: Plan) -> str:
    told = io.StringIO()
    with redirect_stdout(told):
        print_plan(cleaned(made))
    return told.getvalue()


def harmless(text: str) -> bool:
    return all(c.isprintable() or c == "\n" for c in text)


@settings(max_examples=40)
@given(hostile)
def test_the_page_obeys_no_name(text: str) -> None:
    page = to_html(named(small(), text))
    found, expected = Tags(page), Tags(plain(to_html))
    assert found.tags == expected.tags
    assert harmless(page)
    shown = printable(text)
    assert not shown or sum(shown in part for part in found.texts) > 5
    page.encode("utf-8")


@settings(max_examples=40)
@given(hostile)
def test_the_document_obeys_no_name(text: str) -> None:
    found, expected = to_markdown(named(small(), text)), plain(to_markdown)
    assert harmless(found)
    assert len(found.splitlines()) == len(expected.splitlines())
    for line, other in zip(found.splitlines(), expected.splitlines(), strict=True):
        bare, bare_other = (re.sub(r"\\.", "", one) for one in (line, other))
        for sign in "|`*_[]~!$^#{}":
            assert bare.count(sign) == bare_other.count(sign)
        assert "<" not in line and ">" not in line
        assert "://" not in bare and "www." not in bare.lower()
        assert "@" not in bare
        assert not re.search(r"&(?!amp;|lt;|gt;)", line)


@settings(max_examples=40)
@given(hostile)
def test_the_table_holds_no_formula(text: str) -> None:
    made = named(small(), text)
    for delimiter in ",;":
        rows = list(csv.reader(io.StringIO(to_csv(made)), delimiter=delimiter))
        assert len(rows) == 1 + len(made.patches)
        for row in rows:
            assert delimiter != "," or len(row) == len(COLUMNS)
            for value in row:
                assert harmless(value) and "\n" not in value
                if not re.fullmatch(r"-?[\d.e-]+(,.*)?", value):
                    assert not value.lstrip(' \t"').startswith(tuple(FORMULA))


@settings(max_examples=40)
@given(hostile)
def test_the_terminal_obeys_no_name(text: str) -> None:
    found, expected = terminal(named(small(), text)), terminal(named(small(), PLAIN))
    assert harmless(found)
    assert len(found.splitlines()) == len(expected.splitlines())


@settings(max_examples=40)
@given(hostile)
@example("\ud800")
def test_json_keeps_names_as_they_are(text: str) -> None:
    made = named(small(), text)
    told = to_json(made)
    assert told.isascii() and harmless(told)
    assert json.loads(told) == document(made)
    assert json.loads(told)["title"] == text


def test_long_names_are_cut() -> None:
    made = named(small(), "x" * 100_000)
    for form in (to_html, to_markdown, to_csv, terminal):
        assert len(form(made)) < 400_000


def test_forms_agree_with_the_plan() -> None:
    made = small()
    rows = list(csv.DictReader(io.StringIO(to_csv(made))))
    assert [row["patch"] for row in rows] == [one.patch for one in made.patches]
    assert [int(row["window"]) for row in rows] == [w.window for w in made.windows for _ in w.patches]
    assert float(rows[0]["net_gain_keur"]) == pytest.approx(made.patches[0].why.net_gain_keur, abs=1e-4)
    told, page = to_markdown(made), to_html(made)
    for one in (*made.patches, *made.left_open):
        assert one.patch in told and one.patch in page
    assert "voted down by IT" in told and "voted down by IT" in page
    assert document(made)["format"] == 1
    assert "http" not in re.sub(r"http-equiv", "", page)


@pytest.mark.parametrize("ending", ["html", "md", "csv", "json", "HTML"])
def test_the_ending_says_the_form(tmp_path: Path, ending: str) -> None:
    file = write_plan(small(), tmp_path / f"plan.{ending}")
    starts = {"html": "<!doctype html>", "md": "# Patch plan", "csv": '"window"', "json": "{"}
    assert file.read_text(encoding="utf-8").startswith(starts[ending.lower()])
    assert [one.name for one in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("name", ["plan.pdf", "plan"])
def test_unknown_endings(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReportError, match=r"use one of \.html, \.md, \.csv, \.json"):
        write_plan(small(), tmp_path / name)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "plan.md"
    file.write_text("before")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError) as error:
        write_plan(small(), file)
    assert str(error.value) == f"{file}: cannot be written: no space left on the disk; make room, or name another place"
    assert file.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1
