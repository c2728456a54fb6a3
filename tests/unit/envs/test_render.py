from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import matplotlib
import networkx as nx
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from patchpact.agents.roles.layout import MODES, NOMINATE_START, VOTE_START, VOTES
from patchpact.envs import make, make_aec, render
from patchpact.envs.render import graph_layout, panel, sheet, words
from patchpact.envs.render.graph import MARKERS
from patchpact.envs.render.screen import COLUMNS
from patchpact.envs.view import LedgerEntry, Motion, WorldView
from patchpact.scenarios import SERVICE_KINDS, AssumptionWarning, scenario_ids

SHAPE = (sheet.HEIGHT, sheet.WIDTH, 3)


def started(scenario: Any, render_mode: str | None = None, **overrides: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        env = make(scenario, render_mode=render_mode, **overrides)
    env.reset(seed=1)
    return env


def act(env: Any, choose: Callable[[str, np.ndarray], int]) -> None:
    masks = {name: env.engine.state.mask[0, n] for n, name in enumerate(env.possible_agents)}
    env.step({name: choose(name, np.flatnonzero(masks[name])) for name in env.agents})


def nominate(name: str, legal: np.ndarray) -> int:
    nominations = legal[(legal >= NOMINATE_START) & (legal < VOTE_START)]
    return int(nominations[0]) if len(nominations) else 0


def vote(kind: str) -> Callable[[str, np.ndarray], int]:
    action = VOTE_START + VOTES.index(kind)
    return lambda name, legal: action if action in legal else int(legal[0])


def at_random(seed: int) -> Callable[[str, np.ndarray], int]:
    rng = np.random.default_rng(seed)
    return lambda name, legal: int(rng.choice(legal[legal > 0] if len(legal) > 1 else legal))


@pytest.fixture
def view() -> WorldView:
    """Toy world after a motion that passed, while the next one is voted on."""
    env = started("toy-v1")
    act(env, nominate)
    act(env, vote("accept"))
    act(env, nominate)
    seen: WorldView = env.view()
    assert seen.plan
    assert seen.phase == "vote"
    return seen


def columns(line: str) -> int:
    return len(line) + sum(unicodedata.east_asian_width(c) in "WF" for c in line)


def check_text(screen: str) -> None:
    assert max(columns(line) for line in screen.split("\n")) <= COLUMNS


def check_picture(picture: np.ndarray) -> None:
    assert picture.shape == SHAPE
    assert picture.dtype == np.uint8
    assert picture.min() < 60
    assert picture.max() == 255


def test_every_rule_and_kind_has_a_look() -> None:
    assert set(words.VOTE_WORDS) == set(panel.VOTE_COLOURS) == set(VOTES)
    assert set(panel.MODE_COLOURS) == set(MODES)
    assert set(MARKERS) == set(SERVICE_KINDS)


@pytest.mark.parametrize("scenario", scenario_ids())
def test_bundled_scenarios(scenario: str) -> None:
    env = started(scenario, windows=2)
    choose = at_random(0)
    for _ in range(5):
        act(env, choose)
    check_text(render.text(env.view()))
    check_picture(render.picture(env.view()))


def test_whole_episode_and_its_end() -> None:
    env = started("toy-v1", "ansi")
    choose = at_random(3)
    while env.agents:
        check_text(env.render())
        act(env, choose)
    screen = env.render()
    check_text(screen)
    assert "window 3 of 3 is over" in screen
    assert "Agenda: empty" in screen
    assert "welfare_keur" in screen
    check_picture(render.picture(env.view()))


def test_equal_states_give_equal_bytes() -> None:
    pictures, screens = [], []
    for _ in range(2):
        env = started("boutique-v1")
        choose = at_random(5)
        for _ in range(6):
            act(env, choose)
        pictures.append(render.picture(env.view()).tobytes())
        screens.append(render.text(env.view()))
    assert pictures[0] == pictures[1]
    assert screens[0] == screens[1]


def test_picture_follows_the_state(view: WorldView) -> None:
    before = render.picture(view)
    services = list(view.services)
    services[0] = replace(services[0], compromise_probability=0.09)
    assert (render.picture(replace(view, services=tuple(services))) != before).any()
    services[0] = replace(view.services[0], attacked=True)
    struck = render.picture(replace(view, services=tuple(services)))
    assert (struck[:, :800] != before[:, :800]).any()
    assert (struck[:, 820:] == before[:, 820:]).all()


def test_drawing_leaves_matplotlib_as_it_was(view: WorldView) -> None:
    settings = dict(matplotlib.rcParams)
    render.picture(view)
    assert dict(matplotlib.rcParams) == settings


def test_render_modes() -> None:
    assert isinstance(started("toy-v1", "ansi").render(), str)
    check_picture(started("toy-v1", "rgb_array").render())
    with pytest.warns(UserWarning, match="render_mode"):
        assert started("toy-v1").render() is None
    with pytest.raises(ValueError, match="render_mode: 'human' is unknown"):
        make("toy-v1", render_mode="human")


def test_aec_renders() -> None:
    env = make_aec("toy-v1", render_mode="ansi")
    env.reset(seed=1)
    assert "window 1 of 3" in env.render()


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_nothing_to_see_before_the_first_reset(mode: str) -> None:
    env = make("toy-v1", render_mode=mode)
    with pytest.raises(ResetNeeded, match=r"call reset\(\) first"):
        env.render()
    with pytest.raises(ResetNeeded):
        env.view()


def test_text_of_a_vote(view: WorldView) -> None:
    screen = render.text(view)
    motion = view.last_motion
    assert motion is not None
    assert f"voting, proposer {view.proposer}" in screen
    assert f"{motion.mode} {motion.patch} by {motion.proposer}" in screen
    assert "on the table" in screen
    assert f"may vote: {'; '.join(view.voters)}" in screen
    marked = [line for line in screen.split("\n") if line.startswith(">")]
    assert len(marked) == 1
    assert motion.patch in marked[0]


def test_text_names_votes_agenda_plan_and_accounts(view: WorldView) -> None:
    kinds = [VOTES[n % len(VOTES)] for n in range(len(view.accounts_keur))]
    votes = tuple((name, kind) for (name, _), kind in zip(view.accounts_keur, kinds, strict=True))
    motion = Motion("api/api-library", "canary", "vendor_0", 12.5, votes, passed=False)
    screen = render.text(replace(view, last_motion=motion))
    assert "canary api/api-library by vendor_0, quote 12.50 k€, failed" in screen
    for name, kind in votes:
        assert f"{name} {words.VOTE_WORDS[kind]}" in screen
        assert sum(line.startswith(f"    {name} ") for line in screen.split("\n")) == 1
    for patch in (*view.agenda, *view.plan):
        assert f" {patch.name} " in screen
    assert f"{view.plan[0].mode} " in screen.split("Plan of this window\n")[1]


def test_text_of_an_agenda_row(view: WorldView) -> None:
    patch = replace(
        view.agenda[0],
        row=7,
        name="api/library",
        fixed_version="1.2.3",
        released=False,
        risk_keur=1.234,
        effort_hours=4.5,
        downtime_minutes=20.0,
        regression_probability=0.032,
        cvss=9.8,
        epss=0.271,
        kev=True,
        due_day=view.day - 3,
        feasible=("canary", "emergency"),
    )
    open_end = replace(patch, kev=False, due_day=float("inf"), released=True)
    lines = render.text(replace(view, agenda=(patch, open_end))).split("\n")
    start = next(n for n, line in enumerate(lines) if line.startswith("Agenda"))
    words = ["7", "api/library", "(1.2.3)", "1.23", "4.5", "20.0", "3.2", "9.8", "0.271", "yes", "-3", "-c-e"]
    assert lines[start + 3].split() == words
    words[2], words[9], words[10] = "1.2.3", "-", "-"
    assert lines[start + 4].split() == words


def test_text_of_the_last_steps_money(view: WorldView) -> None:
    ledger = (
        LedgerEntry("it_0", "nature", "effort", 1.0),
        LedgerEntry("it_0", "nature", "effort", 2.0),
        LedgerEntry("it_0", "outside", "fine", 0.5),
    )
    lines = render.text(replace(view, ledger=ledger)).split("\n")
    assert ["effort", "3.00", "it_0", "to", "nature", "3.00"] in [line.split() for line in lines]
    assert ["fine", "0.50", "it_0", "to", "outside", "0.50"] in [line.split() for line in lines]


def test_many_agents_and_patches_fit(view: WorldView) -> None:
    names = [f"business_{n}" for n in range(40)]
    votes = tuple((name, VOTES[n % len(VOTES)]) for n, name in enumerate(names))
    crowded = replace(
        view,
        last_motion=Motion("api/api-library", "full", "business_39", 1e7, votes, passed=True),
        accounts_keur=tuple((name, -123456.0) for name in names),
        budgets_keur=tuple((name, 1e9) for name in names),
        plan=view.plan * 30,
    )
    check_text(render.text(crowded))
    check_picture(render.picture(crowded))


def graph(edges: list[tuple[str, str]], alone: tuple[str, ...] = (), exposed: str = "web") -> nx.DiGraph:
    made: nx.DiGraph = nx.DiGraph(edges)
    made.add_nodes_from(alone)
    made.nodes[exposed]["exposed"] = True
    return made


GRAPHS = {
    "one service": graph([], ("web",)),
    "circle": graph([("web", "a"), ("a", "b"), ("b", "web"), ("b", "db"), ("late", "b")], ("alone",)),
    "star": graph([("web", f"s{n}") for n in range(300)]),
    "chain": graph([("web", "s0"), *((f"s{n}", f"s{n + 1}") for n in range(40))]),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.filterwarnings("error::UserWarning")
def test_graphs_of_any_shape(name: str) -> None:
    env = started(GRAPHS[name], windows=2)
    check_text(render.text(env.view()))
    check_picture(render.picture(env.view()))


@pytest.mark.filterwarnings("error::UserWarning")
def test_names_that_are_hard_to_write() -> None:
    odd = ("$x_1$ α$", "e_{\\frac", "名前の長いサービス" * 4, "x" * 200, "<b>&amp;", "🦊")
    env = started(graph([("web", name) for name in odd]), windows=2)
    choose = at_random(0)
    for _ in range(4):
        act(env, choose)
    seen = env.view()
    screen = render.text(seen)
    check_text(screen)
    check_picture(render.picture(seen))
    check_text(render.text(replace(seen, title="two\nlines \x1b[31m" + "long " * 50)))
    assert "\x1b" not in render.text(replace(seen, title="\x1b[31m"))


def test_tiers_run_from_exposed_services_to_stores() -> None:
    edges = [("web", "api"), ("api", "db"), ("web", "db"), ("users", "web"), ("worker", "db")]
    made = graph(edges, ("alone",))
    assert graph_layout.tiers(made) == [["users"], ["web", "alone"], ["api", "worker"], ["db"]]


def test_tiers_of_a_circle_lead_away_from_what_is_exposed() -> None:
    edges = [("web", "a"), ("a", "b"), ("b", "web"), ("b", "db")]
    assert graph_layout.tiers(graph(edges)) == [["web"], ["a"], ["b"], ["db"]]


@pytest.mark.parametrize("scenario", scenario_ids())
def test_services_do_not_lie_on_each_other(scenario: str) -> None:
    drawn = graph_layout.lay_out(started(scenario).view().graph)
    points = np.array(list(drawn.at.values()))
    distance = np.hypot(*(points[:, None] - points[None]).T) + 1e9 * np.eye(len(points))
    assert distance.min() > drawn.diameter
    assert drawn.roomy == (scenario != "generated-large-v1")
