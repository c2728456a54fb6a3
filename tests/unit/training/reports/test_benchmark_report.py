"""The report of a benchmark: what it says, what it admits, and that data cannot harm it."""

import json
import math
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("pyarrow")
import folders

from patchpact.training.reports import story
from patchpact.training.reports.benchmark import write_benchmark_report
from patchpact.training.reports.files import ReportError
from patchpact.training.reports.reading import read
from patchpact.training.reports.results import Results

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>"
EMPTY = {"meta", "link", "br", "input", "img"}


class Reader(HTMLParser):
    """What a page is made of, by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", text))

    def words(self) -> str:
        return " ".join(" ".join(text for tag, text in self.texts if tag not in ("script", "style")).split())


def report(folder: Path) -> Reader:
    return Reader(write_benchmark_report(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(played: Path, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    file = write_benchmark_report(played, tmp_path_factory.mktemp("out") / "page.html")
    assert file.with_suffix(".md").is_file()
    return Reader(file.read_text(encoding="utf-8"))


def test_it_needs_nothing_but_itself(page: Reader) -> None:
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith("#") or value == "data:,", (tag, value)
        assert not any(name.startswith("on") for name in attributes), tag
        assert "style" not in attributes, tag  # the content security policy would drop it
    style = next(text for tag, text in page.texts if tag == "style")
    assert "url(" not in style and "@import" not in style
    assert sum(tag == "script" for tag, _ in page.tags) == 2
    assert not {"iframe", "object", "embed", "form", "base"} & {tag for tag, _ in page.tags}


def test_its_parts_are_named(page: Reader) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.tags[0][0] == "html" and page.tags[0][1]["lang"] == "en"
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    tables = sum(tag == "table" for tag, _ in page.tags)
    assert tables == sum(tag == "caption" for tag, _ in page.tags) > 8
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags if tag == "th")
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    stories = 2 * len(folders.POLICIES)  # of two scenarios
    assert len(drawings) == 2 * (4 + stories)  # four charts and each story's money, for wide and for narrow screens
    assert all(attributes["role"] == "img" for attributes in drawings)


def test_it_says_who_won_and_how_sure(page: Reader) -> None:
    text = page.words()
    assert re.search(r"comes first of 5 policies on 2 scenarios: its score is \d\.\d\d \(95% interval", text)
    assert "the second" in text
    assert "0 to 11" not in text and "1 to 12, 12 worlds of every scenario" in text
    assert "patchpact benchmark --suite small --out DIR" in text
    assert "Track shops" in text and "Track toy" in text
    size = re.search(r"This page has (\d\.\d\d) MB", text)
    assert size is not None and float(size[1]) < 1.0


def test_equal_folders_give_equal_pages(played: Path, tmp_path: Path) -> None:
    files = [write_benchmark_report(played, tmp_path / f"{n}.html") for n in range(2)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_markdown(played: Path, tmp_path: Path) -> None:
    text = write_benchmark_report(played, tmp_path / "a.html").with_suffix(".md").read_text(encoding="utf-8")
    assert text.startswith("# patchpact benchmark: small\n")
    for title in ("## Leaderboard", "### Track shops", "## Scenarios", "### boutique-v1", "## How to reproduce"):
        assert f"\n{title}\n" in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 6
    for rows in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


def test_references_are_ranked_last_and_informed_scores_one(played: Path) -> None:
    results = Results(read(played).episodes)
    assert [standing.kind for standing in results.standings[-2:]] == ["reference", "reference"]
    assert len(results.ranked) == 5
    scored = [name for name in results.scenarios if name not in results.undefined]
    for name in scored:
        assert results.score(name, "informed").value == pytest.approx(1.0)
        assert results.score(name, "do-nothing").value == pytest.approx(0.0)
    assert results.improvement("net-gain", "random").value + results.improvement(
        "random", "net-gain"
    ).value == pytest.approx(1.0)


def test_orders(folder: Path) -> None:
    results = Results(read(folder).episodes)
    order = results.order("toy-v1")
    assert order["informed"].verdict == "holds"
    assert order["bound"].verdict == "holds"
    assert order["planner"].verdict == "missing"

    def too_good(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[(table["policy"] == "random"), "welfare_keur"] += 1000.0
        return table

    folders.change(folder, "toy-v1", too_good)
    order = Results(read(folder).episodes).order("toy-v1")
    assert order["rules"].verdict == order["informed"].verdict == order["bound"].verdict == "violated"
    assert "random by up to" in order["bound"].text
    text = report(folder).words()
    assert "✗ violated" in text
    assert "expected orders are violated" in text


# What is missing is said, and nothing crashes


def without(*policies: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table[~table["policy"].isin(policies)]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (without("informed"), "There is no informed in this folder"),
        (without("clairvoyant"), "There is no clairvoyant bound in this folder"),
        (without("do-nothing"), "There is no do-nothing in this folder"),
        (without("do-nothing", "informed", "clairvoyant"), "with a mean welfare of"),
        (without("do-nothing", "random", "cvss-first+stop", "myopic-selfish"), "There is one policy only"),
        (lambda t: t[t["policy"] == "net-gain"], "is the one policy here"),
        (lambda t: t[t["policy"] == "informed"], "reference policies only"),
        (lambda t: t[["scenario", "policy", "seed", "welfare_keur"]], "nothing can be said of fairness"),
        (lambda t: t.assign(blocked=None), "do not tell who rejected what"),
        (lambda t: t.assign(accounts_keur=None), "Who bears it"),
        (lambda t: t.assign(spend_keur=math.nan), "cost cannot be set beside risk"),
        (lambda t: t[t["seed"] == 1], "(no interval)"),
        (lambda t: pd.concat([t, t]), "are there twice"),
        (lambda t: t.assign(welfare_keur=t["welfare_keur"].where(t["policy"] != "random")), "is no number"),
        (lambda t: t.assign(training_seed=t["seed"] * 1.0), "Leaderboard"),
        (lambda t: t.assign(track="all"), "Leaderboard"),
    ],
)
def test_what_is_missing_is_said(folder: Path, how: Callable[[pd.DataFrame], pd.DataFrame], said: str) -> None:
    for scenario in ("toy-v1", "boutique-v1"):
        folders.change(folder, scenario, how)
    text = report(folder).words()
    assert said in text
    assert not re.search(r"\bnan\b", text.lower())


def test_a_scenario_without_a_scale(folder: Path) -> None:
    def flat(table: pd.DataFrame) -> pd.DataFrame:
        idle = table.loc[table["policy"] == "do-nothing", "welfare_keur"].to_numpy()
        noise = np.where(np.arange(len(idle)) % 2, 5.0, -5.0)
        table.loc[table["policy"] == "informed", "welfare_keur"] = idle + noise
        return table

    folders.change(folder, "toy-v1", flat)
    text = report(folder).words()
    assert re.search("gain over do-nothing includes 0 on [^:]*toy-v1: no score is defined there", text)


def test_a_policy_that_did_not_play_everywhere(folder: Path) -> None:
    folders.change(folder, "toy-v1", without("net-gain"))
    folders.change(folder, "boutique-v1", lambda t: t[(t["policy"] != "random") | (t["seed"] < 5)])
    text = report(folder).words()
    assert "net-gain did not play toy-v1." in text


def test_training_runs_are_runs(folder: Path) -> None:
    def learned(table: pd.DataFrame) -> pd.DataFrame:
        mine = table[table["policy"] == "net-gain"]
        runs = [mine.assign(policy="runs/learned", training_seed=float(n)) for n in range(3)]
        return pd.concat([table, *runs], ignore_index=True)

    for scenario in ("toy-v1", "boutique-v1"):
        folders.change(folder, scenario, learned)
    results = Results(read(folder).episodes)
    (standing,) = [one for one in results.standings if one.policy == "runs/learned"]
    assert (standing.kind, standing.runs, standing.episodes) == ("learned", 3, 72)
    report(folder)


def test_a_scenario_in_two_tracks_is_two(folder: Path) -> None:
    folders.change(folder, "toy-v1", lambda t: pd.concat([t.assign(track="a"), t.assign(track="b")]))
    assert "toy-v1 (a)" in report(folder).words()


def test_no_stories(folder: Path) -> None:
    shutil.rmtree(folder / "stories")
    page = report(folder)
    assert "The folder holds no stories." in page.words()
    assert not [tag for tag, _ in page.tags if tag == "script"]


def test_too_many_stories_are_left_out(played: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stories = read(played).stories
    chosen, left_out = story.pick(stories, ["net-gain"])
    assert (len(chosen), left_out) == (len(stories), 0)
    monkeypatch.setattr(story, "MOST_BYTES", 40_000)
    chosen, left_out = story.pick(stories, ["net-gain", "random"])
    assert left_out == len(stories) - len(chosen) > 0
    assert {one["scenario"] for one in chosen if one["policy"] == "net-gain"} == {"toy-v1", "boutique-v1"}
    assert f"{len(chosen)} of {len(stories)} stories are here" in Reader(story.section(chosen, left_out)).words()


# Data cannot harm the page


def test_hostile_texts_are_texts(folder: Path) -> None:
    manifest = {**folders.MANIFEST, "suite": HOSTILE, "command": HOSTILE, "machine": {HOSTILE: HOSTILE}}
    (folder / "benchmark.json").write_text(json.dumps(manifest))
    for file in (folder / "stories").glob("*.json"):
        told = json.loads(file.read_text())
        told["title"] = told["scenario"] = HOSTILE
        told["services"][0]["name"] = "</script>" + HOSTILE
        file.write_text(json.dumps(told))

    def hostile(table: pd.DataFrame) -> pd.DataFrame:
        table["policy"] = table["policy"].replace("random", HOSTILE)
        agents = table["agents"].map(lambda names: [HOSTILE, *names[1:]])
        return table.assign(scenario=HOSTILE, track=HOSTILE, agents=agents)

    folders.change(folder, "toy-v1", hostile)
    file = write_benchmark_report(folder)
    text = file.read_text(encoding="utf-8")
    page = Reader(text)
    assert sum(tag == "script" for tag, _ in page.tags) == 2
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert HOSTILE not in text
    assert HOSTILE in page.words()
    markdown = file.with_suffix(".md").read_text(encoding="utf-8")
    assert "<script" not in markdown.split("## How to reproduce")[0]


def spoil_json(folder: Path) -> Path:
    (folder / "benchmark.json").write_text('{"suite": ')
    return folder / "benchmark.json"


def spoil_list(folder: Path) -> Path:
    (folder / "benchmark.json").write_text("[]")
    return folder / "benchmark.json"


def spoil_parquet(folder: Path) -> Path:
    file = folder / "episodes" / "toy-v1.parquet"
    file.write_bytes(file.read_bytes()[:400])
    return file


def spoil_columns(folder: Path) -> Path:
    folders.change(folder, "toy-v1", lambda table: table.drop(columns="welfare_keur"))
    return folder / "episodes" / "toy-v1.parquet"


def spoil_story(folder: Path) -> Path:
    file = folder / "stories" / "toy-v1__random.json"
    file.write_bytes(b"\xff\xfe")
    return file


def spoil_story_shape(folder: Path) -> Path:
    file = folder / "stories" / "toy-v1__random.json"
    file.write_text('{"scenario": "toy-v1"}')
    return file


def spoil_all(folder: Path) -> Path:
    shutil.rmtree(folder / "episodes")
    return folder / "episodes"


def spoil_welfare(folder: Path) -> Path:
    for scenario in ("toy-v1", "boutique-v1"):
        folders.change(folder, scenario, lambda table: table.assign(welfare_keur=math.nan))
    return folder / "episodes"


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_json,
        spoil_list,
        spoil_parquet,
        spoil_columns,
        spoil_story,
        spoil_story_shape,
        spoil_all,
        spoil_welfare,
    ],
)
def test_what_cannot_be_read_is_named(folder: Path, spoil: Callable[[Path], Path]) -> None:
    place = spoil(folder)
    with pytest.raises(ReportError) as caught:
        write_benchmark_report(folder)
    text = str(caught.value)
    assert text.startswith(f"{place}: ")
    assert "\n" not in text
    assert "again" in text
    assert not (folder / "report.html").exists()
