"""A plan's page in a real browser: quiet, in its bounds, usable by keyboard, legible, deaf to names."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from chromium import Browser, Page

from patchpact.training.plans import plan
from patchpact.training.reports.plan import write_plan

pytestmark = pytest.mark.slow

CHECKS = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8")
OPEN_ALL = "document.querySelectorAll('details').forEach((part) => { part.open = true; })"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Plans with and without votes against them."""
    folder = tmp_path_factory.mktemp("plans")
    made = {"toy": ("toy-v1", "net-gain"), "boutique": ("boutique-v1", "net-gain"), "selfish": ("boutique-v1", "myopic-selfish"),
            "nothing": ("toy-v1", "do-nothing")}  # fmt: skip
    return {
        name: write_plan(plan(scenario, policy, rollouts=8), folder / f"{name}.html")
        for name, (scenario, policy) in made.items()
    }


@pytest.fixture(params=[(1280, False), (1280, True), (360, False), (360, True)], ids=str)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of a width, in light or dark."""
    width, dark = request.param
    opened = Page(browser, width=width, height=800, dark=dark)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", ["toy", "boutique", "selfish", "nothing"])
def test_it_is_quiet_in_its_bounds_and_bars_no_reader(page: Page, pages: dict[str, Path], name: str) -> None:
    page.open(pages[name])
    page.run(OPEN_ALL)
    assert page.run(CHECKS) == []
    assert page.said() == []
    assert page.asked() == [pages[name].resolve().as_uri()]
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    outside = """[...document.querySelectorAll('body *')].filter((element) => {
      if (element.closest('svg, .scroll, .skip') && !element.matches('.scroll')) return false;
      const box = element.getBoundingClientRect();
      return box.width && (box.right > innerWidth + 0.5 || box.left < -0.5);
    }).map((element) => element.outerHTML.slice(0, 100))"""
    assert page.run(outside) == []
    dark = page.run("matchMedia('(prefers-color-scheme: dark)').matches")
    red, green, blue = map(int, re.findall(r"\d+", page.run("getComputedStyle(document.body).backgroundColor")))
    assert (red + green + blue < 150) == dark


def test_no_cell_runs_into_the_next(page: Page, pages: dict[str, Path]) -> None:
    page.open(pages["boutique"])
    page.run(OPEN_ALL)
    spilled = """[...document.querySelectorAll('td, tbody th')]
      .filter((cell) => cell.scrollWidth > cell.clientWidth + 1).map((cell) => cell.textContent)"""
    assert page.run(spilled) == []


def test_the_keyboard_reaches_links_tables_and_folds(browser: Browser, pages: dict[str, Path]) -> None:
    page = Page(browser)
    page.open(pages["toy"])
    reached = []
    for _ in range(60):
        page.press("Tab")
        reached.append(page.run("document.activeElement.textContent.slice(0, 40)"))
        focus = page.run("getComputedStyle(document.activeElement).outlineStyle")
        if page.run("document.activeElement === document.body"):
            break
        assert focus == "solid", f"focus is not seen on {reached[-1]}"
    assert reached[0] == "Skip to the content"
    assert "Comparison" in reached
    assert any(text.startswith("To carry out in window 1") for text in reached)
    assert "Window 1: who pays whom" in reached
    page.run("document.querySelector('summary').focus()")
    page.press("Enter")
    assert page.run("document.querySelector('details').open")
    page.close()


def test_hostile_names_do_nothing(browser: Browser, tmp_path: Path) -> None:
    attack = "</title></script><script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
    made = plan("toy-v1", rollouts=2)
    first, *rest = made.windows
    patches = tuple(replace(one, patch=attack, version=attack, fixed_version=attack) for one in first.patches)
    people = tuple(replace(one, label=attack + str(n)) for n, one in enumerate(made.stakeholders))
    left = tuple(replace(one, patch=attack, detail=attack) for one in made.left_open)
    made = replace(made, title=attack, baseline=attack, windows=(replace(first, patches=patches), *rest), left_open=left,
                   stakeholders=people, assumptions=(attack,))  # fmt: skip
    page = Page(browser)
    page.open(write_plan(made, tmp_path / "plan.html"))
    page.run(OPEN_ALL)
    assert page.run("document.title").startswith("Patch plan: </title>")
    assert page.said() == []
    assert len(page.asked()) == 1
    assert page.run("document.querySelectorAll('main img, main script').length") == 0
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    # Even markup that got in could run nothing.
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')")
    assert page.run("window.ran") is None
    page.close()


def test_print_shows_the_tables(browser: Browser, pages: dict[str, Path]) -> None:
    page = Page(browser)
    page.open(pages["boutique"])
    page.send("Emulation.setEmulatedMedia", media="print")
    assert page.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert page.send("Page.printToPDF")["data"]
    page.close()
