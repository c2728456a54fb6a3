"""The report of a benchmark in a real browser: quiet, in its bounds, usable by keyboard, legible."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import folders
import pytest
from chromium import Browser, Page

from patchpact.training.reports.benchmark import write_benchmark_report

pytestmark = pytest.mark.slow

CHECKS = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8")
OPEN_ALL = "document.querySelectorAll('details').forEach((part) => { part.open = true; })"
TITLE = "document.getElementById('story-title').textContent"
WINDOW = "document.getElementById('story-window-label').textContent"


def choose(box: str, value: str) -> str:
    """A script that picks an option, as a reader does."""
    picked = f"const box = document.getElementById('{box}'); box.value = {json.dumps(value)};"
    return f"(() => {{ {picked} box.dispatchEvent(new Event('change')); }})()"


@pytest.fixture(params=[(1280, False), (1280, True), (360, False), (360, True)], ids=str)
def page(request: pytest.FixtureRequest, browser: Browser, report: Path) -> Iterator[Page]:
    """The report at a width, in light or dark."""
    width, dark = request.param
    opened = Page(browser, width=width, height=800, dark=dark)
    opened.open(report)
    yield opened
    opened.close()


def test_it_is_quiet_and_in_its_bounds(page: Page, report: Path) -> None:
    page.run(OPEN_ALL)
    for policy in folders.POLICIES:
        page.run(choose("story-policy", policy))
    assert page.said() == []
    assert page.asked() == [report.resolve().as_uri()]
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    outside = """[...document.querySelectorAll('body *')].filter((element) => {
      if (element.closest('svg, .scroll, .canvas, pre, .skip') && !element.matches('.scroll, .canvas, pre')) return false;
      const box = element.getBoundingClientRect();
      return box.width && (box.right > innerWidth + 0.5 || box.left < -0.5);
    }).map((element) => element.outerHTML.slice(0, 100))"""
    assert page.run(outside) == []


def test_nothing_bars_a_reader(page: Page) -> None:
    page.run(OPEN_ALL)
    assert page.run(CHECKS) == []
    page.run(choose("story-scenario", "boutique-v1"))
    page.run(choose("story-policy", "myopic-selfish"))
    page.run("document.getElementById('story-window').focus()")
    page.press("ArrowRight")
    assert page.run(CHECKS) == []


def test_dark_is_dark(page: Page) -> None:
    dark = page.run("matchMedia('(prefers-color-scheme: dark)').matches")
    red, green, blue = map(int, re.findall(r"\d+", page.run("getComputedStyle(document.body).backgroundColor")))
    assert (red + green + blue < 150) == dark


@pytest.fixture
def plain(browser: Browser, report: Path) -> Iterator[Page]:
    """The report on a desk."""
    opened = Page(browser)
    opened.open(report)
    yield opened
    opened.close()


def test_the_keyboard_reaches_and_works_all_controls(plain: Page) -> None:
    reached = []
    while "story-plans" not in reached and len(reached) < 100:
        plain.press("Tab")
        reached.append(plain.run("document.activeElement.id || document.activeElement.textContent.slice(0, 30)"))
        focus = plain.run("getComputedStyle(document.activeElement).outlineStyle")
        assert focus == "solid", f"focus is not seen on {reached[-1]}"
    assert reached[0] == "Skip to the content"
    places = [reached.index(name) for name in ("story-scenario", "story-policy", "story-window", "story-after")]
    assert places == sorted(places)
    assert "story-plans" in reached

    plain.run("document.getElementById('story-scenario').focus()")
    before = plain.run(TITLE)
    plain.press("ArrowDown")
    assert plain.run(TITLE) != before
    plain.run(choose("story-scenario", "boutique-v1"))
    plain.run("document.getElementById('story-window').focus()")
    assert plain.run(WINDOW) == "Window 1 of 12"
    plain.press("ArrowRight", 3)
    assert plain.run(WINDOW) == "Window 4 of 12"
    assert "Window 4 of 12" in plain.run("document.getElementById('story-said').textContent")
    assert "window 4" in plain.run("document.querySelector('#story-graph title').textContent")
    plain.run("document.getElementById('story-before').focus()")
    plain.press("Enter")
    assert plain.run(WINDOW) == "Window 3 of 12"
    plain.run("document.querySelector('summary').focus()")
    plain.press("Enter")
    assert plain.run("document.querySelector('details').open")


@pytest.mark.parametrize("policy", folders.POLICIES)
def test_the_script_tells_what_the_story_says(plain: Page, report: Path, policy: str) -> None:
    story = json.loads((report.parent / "stories" / f"boutique-v1__{policy}.json").read_text())
    plain.run(choose("story-scenario", "boutique-v1"))
    plain.run(choose("story-policy", policy))
    shown = "[...document.querySelectorAll('[data-story]')].filter((block) => !block.hidden)"
    assert plain.run(f"{shown}.length") == 1
    assert f"boutique-v1, {policy}, " in plain.run(f"{shown}[0].textContent")
    bars = sum(len(window["plan"]) for window in story["story"])
    assert plain.run("document.querySelectorAll('#story-plans .bar').length") == bars
    assert plain.run("document.querySelectorAll('#story-graph .node').length") == len(story["services"])
    for n, window in enumerate(story["story"]):
        plain.run(f"(() => {{ const s = document.getElementById('story-window'); s.value = {n + 1};"
                  " s.dispatchEvent(new Event('input')); })()")  # fmt: skip
        for place, rows in (("motions", window["motions"]), ("plan", window["plan"]), ("money", window["money"])):
            assert plain.run(f"document.querySelectorAll('#story-{place} tbody tr').length") == len(rows)
    assert plain.said() == []


def test_hostile_texts_do_nothing(browser: Browser, tmp_path: Path) -> None:
    folder = folders.write(tmp_path / "hostile", scenarios=("toy-v1",), episodes=4)
    attack = "</script><script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
    for file in (folder / "stories").glob("*.json"):
        told = json.loads(file.read_text())
        told["title"] = told["policy"] = told["services"][0]["name"] = told["agents"][0][0] = attack
        file.write_text(json.dumps(told))
    manifest = {**folders.MANIFEST, "suite": attack, "command": attack}
    (folder / "benchmark.json").write_text(json.dumps(manifest))
    folders.change(folder, "toy-v1", lambda table: table.assign(policy=table["policy"].replace("random", attack)))
    page = Page(browser)
    page.open(write_benchmark_report(folder))
    assert page.run("document.title").startswith("patchpact benchmark: </script>")
    assert attack in page.run(TITLE)
    assert page.said() == []
    assert len(page.asked()) == 1
    # Even markup that got in could run nothing.
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')")
    page.run("(() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
             " document.body.append(s); })()")  # fmt: skip
    assert page.run("window.ran") is None
    assert any("Content Security Policy" in line for line in page.said())
    page.close()


def test_print_shows_all(plain: Page) -> None:
    plain.send("Emulation.setEmulatedMedia", media="print")
    assert plain.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert plain.run("getComputedStyle(document.querySelector('.wide')).display") == "block"
    assert plain.send("Page.printToPDF")["data"]


def test_without_script_the_rest_is_there(browser: Browser, report: Path) -> None:
    page = Page(browser)
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    page.open(report)
    page.send("Emulation.setScriptExecutionDisabled", value=False)
    assert page.run("document.getElementById('story').hidden")
    assert page.run("document.querySelectorAll('main table').length") > 8
    page.close()


def test_the_checks_find_faults(plain: Page) -> None:
    plain.run("""(() => {
      document.querySelector('h2').outerHTML = '<h4>skipped</h4>';
      document.querySelector('label').remove();
      document.querySelector('caption').remove();
      document.querySelector('svg title').remove();
      document.querySelector('.meta').style.color = '#999';
    })()""")
    found = " ".join(plain.run(CHECKS))
    for fault in ("skips a level", "control has no label", "no caption", "no title", "contrast"):
        assert fault in found
