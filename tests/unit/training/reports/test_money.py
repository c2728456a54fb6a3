"""The picture of who paid whom: complete, in proportion, and readable without seeing it."""

import re
from html.parser import HTMLParser

import pytest

from patchpact.agents.roles.ledger import NETWORK_OF_KIND
from patchpact.training.reports import money, story

FLOWS = [
    ["it", "nature", "effort", 30.0],
    ["it", "outside", "fine", 10.0],
    ["business", "market", "premium", 4.0],
    ["business", "nature", "downtime", 6.0],
    ["nature", "business", "uplift", 5.0],
    ["outside", "nature", "damage", 45.0],
    ["business", "vendor", "fee", 0.001],
]
STORY = {"scenario": "shop", "policy": "net-gain", "seed": 3, "flows": FLOWS}


class Balanced(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "style" not in dict(attrs)
        if tag not in ("path", "rect") or not self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def bars(drawing: str, x: str) -> list[float]:
    return [
        float(tall) for tall in re.findall(rf'class="party" x="{x}" y="[\d.]+" width="10" height="([\d.]+)"', drawing)
    ]


@pytest.mark.parametrize("width", money.WIDTHS)
def test_bars_are_in_proportion(width: int) -> None:
    drawing = money.sankey(FLOWS[:-1], width, "who paid whom")
    left, right = bars(drawing, "0"), bars(drawing, str(width - 10))
    # it 40, business 10, outside 45, nature 5; and business 5, market 4, outside 10, nature 81: of 100
    assert left == pytest.approx([104.0, 26.0, 117.0, 13.0], abs=0.06)
    assert right == pytest.approx([13.0, 10.4, 26.0, 210.6], abs=0.06)
    assert f'viewBox="0 0 {width} ' in drawing


@pytest.mark.parametrize("width", money.WIDTHS)
def test_everything_lies_within_the_drawing(width: int) -> None:
    drawing = money.sankey(FLOWS, width, "who paid whom")
    height = float(re.search(r'viewBox="0 0 \d+ ([\d.]+)"', drawing)[1])  # type: ignore[index]
    for path in re.findall(r' d="([^"]+)"', drawing):
        assert path.count("C") == 2 and path.endswith("z")
        numbers = list(map(float, re.findall(r"-?[\d.]+", path)))
        assert min(numbers) >= 0.0 and max(numbers) <= max(width, height)
    for y in re.findall(r'<text x="[\d.]+" y="([\d.]+)"', drawing):
        assert 0.0 < float(y) <= height


def test_it_says_what_it_shows() -> None:
    drawing = money.sankey(FLOWS, 480, "who paid whom")
    assert 'role="img"' in drawing
    assert "who paid whom</title>" in drawing
    description = re.search(r"<desc[^>]*>([^<]*)", drawing)[1]  # type: ignore[index]
    assert description.startswith("outside to nature, world: 45.0 k€; it to nature, world: 30.0 k€")
    assert "business to vendor, value: 0.0 k€" in description
    flows = re.findall(r'<path class="flow of-(\w+)"[^>]*><title>([^<]*)', drawing)
    assert len(flows) == len(FLOWS)
    assert ("governance", "it to outside, governance: 10.00 k€ (fine 10.00)") in flows
    for network in ("world", "value", "responsibility", "governance"):
        assert f">{network}</text>" in drawing


def test_tables_hold_every_flow_and_every_party() -> None:
    text = money.block(STORY)
    Balanced(text)
    assert len(money.table(FLOWS).rows) == len(FLOWS)
    assert [row["keur"] for row in money.table(FLOWS).rows][:2] == ["45.00", "30.00"]
    told = {row["party"]: (row["gave"], row["took"], row["net"]) for row in money.sums(FLOWS).rows}
    assert list(told) == ["it", "business", "vendor", "market", "outside", "nature"]
    assert told["it"] == ("40.00", "0.00", "−40.00")
    assert told["nature"] == ("5.00", "81.00", "+76.00")
    assert text.count("<svg") == 2


def test_stories_without_flows_say_so() -> None:
    for flows in ([], [["it", "nature", "a kind of old", 3.0]]):
        assert "no flows of money" in money.block({**STORY, "flows": flows})
    assert "no flows of money" in money.block({name: value for name, value in STORY.items() if name != "flows"})


def test_hostile_names_are_text() -> None:
    attack = "<script>alert(1)</script>"
    text = money.block({**STORY, "policy": attack, "flows": [[attack, "nature", "effort", 3.0]]})
    assert "<script" not in text and "&lt;script&gt;" in text
    Balanced(text)


def test_each_story_of_the_section_has_its_own_block() -> None:
    told = [
        {**STORY, "policy": name, "services": [], "calls": [], "size": [1, 1, 1, 1]} for name in ("net-gain", "random")
    ]
    section = story.section(told, 0)
    assert re.findall(r'<div data-story="(\d+)" hidden>', section) == ["0", "1"]
    names = re.findall(r'<title id="(\w+)"', section)
    assert len(names) == len(set(names)) == 4
    data = section[section.index('id="stories-data"') :]
    assert '"flows"' not in data  # drawn already
    assert "[data-story]" in story.script()


def test_what_each_mechanism_contributed() -> None:
    flows = [
        *FLOWS,
        ["business", "outside", "leak", 3.0],
        ["outside", "nature", "leak", 3.0],
        ["nature", "market", "returns", 2.0],
        ["market", "nature", "returns", 9.0],
        ["market", "business", "claim", 1.5],
    ]
    told = {row["mechanism"]: row for row in money.mechanisms(flows).rows}
    assert list(told) == ["measuring together", "reserve and forecasts", "insurance"]
    together = told["measuring together"]
    assert together["kinds"] == "uplift, leak"
    assert [together[name] for name in ("won", "used", "welfare", "moved")] == ["5.00", "3.00", "+2.00", "3.00"]
    assert told["reserve and forecasts"]["welfare"] == "−7.00"
    assert told["insurance"]["welfare"] == "0.00" and told["insurance"]["moved"] == "5.50", "premium and claim"
    text = money.block({**STORY, "flows": flows})
    Balanced(text)
    assert "insurance" in text and money.OWN_LINES in text
    assert money.OWN_LINES not in money.block({**STORY, "flows": [["it", "nature", "effort", 3.0]]})


def test_a_kind_is_of_one_mechanism_and_of_the_wider_game() -> None:
    kinds = [kind for mine in money.MECHANISMS.values() for kind in mine]
    assert len(set(kinds)) == len(kinds)
    of_every_game = {"fee", "warranty", "liability", "fine", "side_payment", "bid"}
    assert not of_every_game & set(kinds)
    assert set(kinds) - {"demand"} == {
        kind for kind in NETWORK_OF_KIND if NETWORK_OF_KIND[kind] != "world" and kind not in of_every_game
    }
