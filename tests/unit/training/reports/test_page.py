"""Texts are escaped, numbers are readable, nothing but the page's own script runs."""

import base64
import hashlib
import json
import math
import re

import pytest

from patchpact.training.reports import page
from patchpact.training.reports.page import Column, Figure, Html, Table

HOSTILE = "<script>alert('&')</script>|`*_\\"


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [
        (1234.56, 1, False, "1,234.6"),
        (-0.5, 2, False, "−0.50"),
        (0.004, 2, True, "0.00"),
        (-0.004, 2, False, "0.00"),
        (3.0, 1, True, "+3.0"),
        (math.nan, 1, False, "–"),
        (math.inf, 1, False, "–"),
        (None, 1, False, "–"),
    ],
)
def test_number(value: float | None, digits: int, signed: bool, text: str) -> None:
    assert page.number(value, digits, signed) == text


def test_interval() -> None:
    assert page.interval(-1.0, 2.0, 1, signed=True) == "−1.0 to +2.0"
    assert page.interval(math.nan, 2.0) == "–"
    assert str(Figure("1.0", "0.5 to 1.5")) == "1.0 (0.5 to 1.5)"
    assert str(Figure("1.0", "–")) == "1.0"


def test_tables_escape_what_comes_in() -> None:
    table = Table(HOSTILE, [Column("a", HOSTILE, text=True), Column("b", "b")], [{"a": HOSTILE, "b": Figure("<", "<")}])
    assert "<script" not in table.html()
    assert table.html().count("&lt;script&gt;") == 4  # label, caption, head, cell
    text = table.markdown()
    assert "<script" not in text
    assert len(text.splitlines()) == 3
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in text.splitlines())


def test_tables_have_heads_and_a_caption() -> None:
    text = Table("Caption", [Column("n", "#"), Column("a", "name", text=True)], [{"n": "1"}], headed=2).html()
    assert "<caption><span>Caption</span></caption>" in text
    assert text.count('scope="col"') == 2
    assert '<th scope="row">–</th>' in text  # missing is said
    assert 'tabindex="0" role="region" aria-label="Caption"' in text


def test_data_cannot_end_its_element() -> None:
    text = page.data("d", {"title": "</script><!--\u2028"})
    inner = text[text.index(">") + 1 : text.rindex("</script>")]
    assert "<" not in inner
    assert json.loads(inner) == {"title": "</script><!--\u2028"}
    with pytest.raises(ValueError, match="JSON"):
        page.data("d", math.nan)


def test_the_policy_names_what_runs() -> None:
    text = page.whole(HOSTILE, ["<main></main>"], "let a = 1;")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy[1]
    assert "<title>&lt;script&gt;" in text
    assert '<html lang="en">' in text
    assert "script-src" not in page.whole("t", [])


def test_html_is_taken_as_it_is() -> None:
    assert page.paragraph("<", Html("<b>x</b>")) == "<p>&lt;<b>x</b></p>"
    assert page.listed(["a", "b", "c"]) == "a, b and c"
    assert page.listed(["a"]) == "a"
