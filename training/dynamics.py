"""Best-response dynamics: players in turn change to the best deviation found, until nobody finds a better one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from patchpact.agents.policies import Cast
from patchpact.scenarios import Scenario
from patchpact.training import stats
from patchpact.training.best_response import Found, Player, accounts, best_response
from patchpact.training.config import TRAINING_SEEDS_START
from patchpact.training.deviations import NONE, Deviation, stay
from patchpact.training.stats import Estimate


@dataclass(frozen=True)
class Switch:
    """A step of the dynamics: a player changes to a deviation; the gain is on worlds that did not choose it."""

    round: int
    player: str
    deviation: str
    gain: Estimate


@dataclass(frozen=True)
class Dynamics:
    """Best-response dynamics from the profile: players in turn change to the best deviation found.

    A player changes only where the gain's interval, on a second set of search worlds, is above 0. ``converged``: a
    round passed in which nobody did. The end point is an equilibrium only as far as the deviations tried and those
    worlds can tell. Baselines that play all agents together are not tried here.
    """

    converged: bool
    rounds: int
    switches: tuple[Switch, ...]
    deviations: Mapping[str, str]


class Search:
    """Best responses on the search worlds; each is worked out once."""

    def __init__(
        self,
        world: Scenario,
        profile: Cast,
        players: Sequence[Player],
        seed: int,
        episodes: int,
        rounds: int,
        progress: bool,
    ) -> None:
        self._world, self._profile, self._players = world.with_parameters(incident_loss="expected"), profile, players
        self._seed, self._rounds = seed, rounds
        start = TRAINING_SEEDS_START + seed
        self.seeds, self.confirming = range(start, start + episodes), range(start + episodes, start + 2 * episodes)
        self._found: dict[tuple[object, ...], Found] = {}
        self._bar = tqdm(
            total=len(players) * (1 + rounds), desc="best responses", disable=not progress, dynamic_ncols=True
        )

    def response(self, player: Player, fixed: Mapping[int, Deviation]) -> Found:
        """The best response to the profile in which agents deviate as fixed."""
        others = {agent: one for agent, one in fixed.items() if agent not in player.agents}
        # Deviations live as long as the search, so that their identity names them.
        key = (player.name, *sorted((agent, id(one)) for agent, one in others.items()))
        if key not in self._found:
            stream = (self._seed, self._players.index(player), len(self._found))
            self._found[key] = best_response(
                self._world, self._profile, others, player, self.seeds, stream, planners=not others
            )
            self._bar.update()
        return self._found[key]

    def dynamics(self) -> tuple[Dynamics, dict[int, Deviation]]:
        """Play them from the profile; also the end point, deviations by agent."""
        fixed: dict[int, Deviation] = {}
        switches: list[Switch] = []
        called: dict[str, str] = {}
        quiet = done = 0
        for done, player in self._turns():
            found = self.response(player, fixed).deviation
            now = fixed.get(player.agents[0], stay())
            gain = self._gain(player, fixed, now, found)
            if gain.low > 0.0:
                fixed |= dict.fromkeys(player.agents, found)
                called[player.name] = found.name
                switches.append(Switch(done, player.name, found.name, gain))
                quiet = 0
            quiet += 1
            if quiet == len(self._players):
                break
        self._bar.close()
        converged = quiet == len(self._players)
        return Dynamics(converged, done, tuple(switches), called), fixed

    def _turns(self) -> Iterator[tuple[int, Player]]:
        return ((number, player) for number in range(1, self._rounds + 1) for player in self._players)

    def _gain(self, player: Player, fixed: Mapping[int, Deviation], now: Deviation, then: Deviation) -> Estimate:
        if now is then or then.name == NONE:
            return Estimate(0.0, 0.0, 0.0)
        others = {agent: one for agent, one in fixed.items() if agent not in player.agents}
        before, after = accounts(self._world, self._profile, others, player, [now, then], self.confirming)
        return stats.mean(after - before)
