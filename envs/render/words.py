"""Words and numbers as the screen and the picture write them."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Callable

from patchpact.envs.view import WorldView

PHASES = {"propose": "proposing", "vote": "voting"}
VOTE_WORDS = {
    "reject": "rejects",
    "abstain": "abstains",
    "accept": "accepts",
    "accept_pay_10": "accepts, pays 10%",
    "accept_pay_30": "accepts, pays 30%",
    "ask_10": "asks 10%",
    "ask_30": "asks 30%",
}


def columns(text: str) -> int:
    """Terminal columns that the text takes: East Asian wide characters take two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def shorten(text: str, limit: float, measure: Callable[[str], float] = columns) -> str:
    """The text, its middle replaced by … where it measures more than the limit."""
    if measure(text) <= limit:
        return text

    def cut(kept: int) -> str:
        tail = kept // 2
        return text[: kept - tail] + "…" + text[len(text) - tail :]

    fitting = bisect_right(range(len(text)), limit, key=lambda kept: measure(cut(kept)))
    return cut(max(fitting - 1, 0))


def plain(text: str) -> str:
    """The text on one line, without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text)


def cell(text: str, width: int) -> str:
    """The text shortened and filled up to the width, left-aligned."""
    short = shorten(plain(text), width)
    return short + " " * (width - columns(short))


def money(keur: float) -> str:
    """k€ with two decimals, large sums without."""
    size = abs(keur)
    if size >= 1e6:
        return f"{keur:.3g}"
    digits = 0 if size >= 1000 else 2
    return f"{round(keur, digits) + 0.0:.{digits}f}"


def count(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many}"


def total(name: str, value: float) -> str:
    """A total of the episode: money and hours with decimals, counts without."""
    return money(value) if name.endswith(("_keur", "_hours")) else f"{value:.0f}"


def verdict(passed: bool | None) -> str:
    """What became of a motion."""
    return {True: "passed", False: "failed", None: "on the table"}[passed]


def season(view: WorldView) -> tuple[tuple[str, float], ...]:
    """The factor on revenue in this window and the two after it."""
    return tuple(zip(("now", "next", "after"), view.season, strict=True))
