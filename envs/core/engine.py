"""The engine: many worlds stepped at once by compiled code. Arrays in, arrays out.

Each world is scalar code; a batch is a loop over worlds, in chunks of it where more than one thread is asked for. A
world's trajectory depends on its seed and the actions alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from patchpact.agents.roles import ROLE_INDEX, ROLES
from patchpact.agents.roles.compiled import COMPILER_OPTIONS, compiled, compiled_apart
from patchpact.agents.roles.layout import OBSERVATION_SIZE
from patchpact.agents.roles.ledger import KINDS
from patchpact.agents.roles.registry import MAX_ACTIONS
from patchpact.envs.core import cache, greedy, negotiate, observe, pack, random, records, window
from patchpact.scenarios import Scenario

GIVEN, AT_RANDOM, GREEDY, SELFISH = range(4)
LONGEST = 1 << 20
"""More env-steps than any episode has."""
REWARD_SCALE_KEUR = 10.0
"""A reward of 1 is 10 k€ on the agent's account."""


@compiled_apart
def reset_world(S, st, k, base_seed):  # type: ignore[no-untyped-def]
    """Start world k's first episode."""
    w = st.world[k]
    w.base_seed = base_seed
    w.episode = 0
    w.blind = records.SEEN
    w.welfare = 0.0
    w.ledger_n = 0
    st.terminated[k] = False
    st.booked[k] = False
    st.parts[k] = 0.0
    st.reward[k] = 0.0
    st.illegal[k] = 0
    st.chosen[k] = 0
    st.ballots[k] = 0
    st.transfers[k] = 0
    window.start_episode(S, st, k, random.episode_seed(base_seed, 0))
    observe.write(S, st, k, observe.ALL)


@compiled_apart
def step_world(S, st, k, actions, autoreset):  # type: ignore[no-untyped-def]
    """One env-step of world k: every agent acts once."""
    w = st.world[k]
    w.welfare = 0.0
    w.ledger_n = 0
    if st.booked[k]:
        st.parts[k] = 0.0
        st.booked[k] = False
    st.terminated[k] = False
    if w.over:
        st.reward[k] = 0.0
        st.illegal[k] = 0
        return
    if w.blind:
        for i in range(S.scenario[w.scenario].na):
            st.chosen[k, i] = actions[i]
    else:
        negotiate.read_actions(S, st, k, actions)
    over = True
    passed = False
    if w.voting:
        w.levers = 0
        passed = negotiate.settle(S, st, k)
    else:
        over, passed = negotiate.propose(S, st, k)
    if passed:
        negotiate.carry(S, st, k)
    changed = observe.GLOBALS if passed or w.levers != 0 else observe.EACH_STEP
    if over:
        if negotiate.close_motion(S, st, k):
            window.close_window(S, st, k)
            changed = observe.ALL
        else:
            negotiate.name_proposer(S, st, k)
    _pay(S, st, k, w)
    w.welfare_keur += w.welfare
    if w.over:
        st.terminated[k] = True
        _copy_totals(st, k)
        if autoreset:
            observe.write(S, st, k, observe.ALL)
            for i in range(st.observation.shape[1]):
                for n in range(st.observation.shape[2]):
                    st.final_observation[k, i, n] = st.observation[k, i, n]
            w.episode += 1
            window.start_episode(S, st, k, random.episode_seed(w.base_seed, w.episode))
    if not w.blind:
        observe.write(S, st, k, changed)


@compiled
def _pay(S, st, k, w):  # type: ignore[no-untyped-def]
    """Rewards and accounts: what the step has booked for each agent, all kinds added up."""
    agents = S.scenario[w.scenario].na
    if not st.booked[k]:
        for i in range(agents):
            st.reward[k, i] = 0.0
        return
    for i in range(agents):
        total = 0.0
        for kind in range(st.parts.shape[2]):
            total += st.parts[k, i, kind]
        st.reward[k, i] = total / REWARD_SCALE_KEUR
        st.agent[k, i].account += total


def _copy_totals_source() -> str:
    lines = ["def copy(st, k):", "    w = st.world[k]"]
    lines += [f"    st.totals[k, {n}] = w.{name}" for n, name in enumerate(records.TOTALS)]
    return "\n".join(lines)


_scope: dict[str, Any] = {}
exec(_copy_totals_source(), _scope)
_copy_totals = compiled(_scope["copy"])


def _advance(S, st, reset, seeds, which, actions, player, draw, turn, steps, autoreset, first, last):  # type: ignore[no-untyped-def]
    """Worlds first..last: start the chosen ones anew, or take steps in each. One kernel, so one compilation.

    The player says where actions come from: ``GIVEN``; ``AT_RANDOM``, uniformly among the legal ones, keyed by
    (draw, turn); ``GREEDY`` and ``SELFISH``, what ``greedy`` does.
    """
    for k in range(first, last):
        if reset:
            if which[k]:
                reset_world(S, st, k, seeds[k])
            continue
        greedily = player == GREEDY or player == SELFISH
        if greedily:
            st.world[k].blind = records.FELT if player == SELFISH else records.BLIND
        for n in range(steps):
            if st.world[k].over and not autoreset and n > 0:
                break
            if greedily:
                greedy.act(S, st, k, actions[k], player == SELFISH)
            elif player == AT_RANDOM:
                for i in range(actions.shape[1]):
                    actions[k, i] = _legal_action(st.mask[k, i], draw, k * actions.shape[1] + i, turn + n)
            step_world(S, st, k, actions[k], autoreset)


@compiled
def _legal_action(mask, draw, number, turn):  # type: ignore[no-untyped-def]
    legal = 0
    for a in range(mask.shape[0]):
        legal += mask[a]
    pick = int(random.uniform(draw, random.ACTION, number, turn) * legal)
    for a in range(mask.shape[0]):
        if mask[a]:
            if pick == 0:
                return a
            pick -= 1
    return 0


with cache.kernel_cache():
    advance_kernel = njit(cache=True, nogil=True, **COMPILER_OPTIONS)(_advance)


class Engine:
    """A batch of worlds. ``num_envs`` worlds take the scenarios in turn.

    Args:
        scenarios: one or more; agents of all must fill the same roles in the same numbers or fewer.
        num_envs: worlds in the batch.
        threads: threads for a step; 1 by default, so that nothing competes with a trainer's own threads.
        autoreset: start a world's next episode in the step that ends one (``AutoresetMode.SAME_STEP``).
        ledger_size: ledger entries kept of each world's last step.

    The arrays in ``state`` are overwritten by every step; ``static`` never changes.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        num_envs: int,
        threads: int = 1,
        autoreset: bool = True,
        ledger_size: int = 0,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs: {num_envs} is less than 1; ask for at least one world")
        if threads < 1:
            raise ValueError(f"threads: {threads} is less than 1; ask for at least one thread")
        self.scenarios = tuple(scenarios)
        self.num_envs = num_envs
        self.threads = min(threads, num_envs)
        self._pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None
        bounds = np.linspace(0, num_envs, self.threads + 1).astype(int)
        self._chunks = list(pairwise(bounds.tolist()))
        self.autoreset = autoreset
        self.static = pack.pack(self.scenarios)
        scenario_of_world = np.arange(num_envs, dtype=np.int64) % len(self.scenarios)
        sizes = (OBSERVATION_SIZE, MAX_ACTIONS, len(KINDS))
        self.state = records.allocate(self.static, scenario_of_world, ledger_size, sizes)
        self.num_agents = self.state.agent.shape[1]
        self._no_actions = np.zeros((num_envs, self.num_agents), np.int64)
        self._played = np.zeros_like(self._no_actions)
        self._no_seeds = np.zeros(num_envs, np.uint64)
        self._no_choice = np.zeros(num_envs, np.bool_)

    def reset(self, seeds: NDArray[np.uint64], which: NDArray[np.bool_] | None = None) -> None:
        """Start the first episode of the chosen worlds (all by default); ``seeds`` has one per world."""
        chosen = np.ones(self.num_envs, np.bool_) if which is None else np.ascontiguousarray(which, np.bool_)
        seeds = np.ascontiguousarray(seeds, np.uint64)
        if seeds.shape != (self.num_envs,) or chosen.shape != (self.num_envs,):
            raise ValueError(f"seeds: {seeds.shape} of {chosen.shape} worlds; give one for each of {self.num_envs}")
        self._advance(True, seeds, chosen, self._no_actions)

    def step(self, actions: NDArray[np.int64]) -> None:
        """One env-step of every world; ``actions`` is (num_envs, num_agents), padded agents ignored."""
        actions = np.ascontiguousarray(actions, np.int64)
        if actions.shape != self._no_actions.shape:
            raise ValueError(f"actions: shape {actions.shape}; give whole numbers of shape {self._no_actions.shape}")
        self._advance(False, self._no_seeds, self._no_choice, actions)

    def step_at_random(self, draw: int, turn: int, out: NDArray[np.int64], steps: int = 1) -> None:
        """Env-steps with uniformly random legal actions, keyed by (draw, turn), (draw, turn + 1)..

        ``out`` is left with the last actions, and the state as after ``steps`` calls of one step.
        """
        if out.shape != self._no_actions.shape or out.dtype != np.int64 or not out.flags.c_contiguous:
            raise ValueError(f"out: {out.dtype} {out.shape}; give an int64 array of shape {self._no_actions.shape}")
        self._advance(False, self._no_seeds, self._no_choice, out, AT_RANDOM, draw, turn, steps)

    def play_out(self, selfish: bool = False) -> None:
        """Have ``greedy`` play all worlds to the end of their episodes; an ended world stands still.

        Nobody looks on: observations and masks are not written any more, nor, unless ``selfish``, what agents expect
        for themselves.

        Args:
            selfish: everyone for himself, instead of all for what gains most for all.

        Raises:
            ValueError: of an engine that starts ended worlds anew.
        """
        if self.autoreset:
            raise ValueError("play_out: the engine resets ended worlds; make it with autoreset=False")
        player = SELFISH if selfish else GREEDY
        self._advance(False, self._no_seeds, self._no_choice, self._played, player, steps=LONGEST)

    def _advance(
        self,
        reset: bool,
        seeds: NDArray[np.uint64],
        which: NDArray[np.bool_],
        actions: NDArray[np.int64],
        player: int = GIVEN,
        draw: int = 0,
        turn: int = 0,
        steps: int = 1,
    ) -> None:
        self._share(
            advance_kernel,
            *(self.static, self.state, reset, seeds, which, actions),
            *(player, np.uint64(draw), turn, steps, self.autoreset),
        )

    def _share(self, kernel: Callable[..., None], *arguments: object) -> None:
        """Run the kernel over all worlds, a chunk a thread; compiled code holds no lock."""
        if self._pool is None:
            kernel(*arguments, 0, self.num_envs)
            return
        futures = [self._pool.submit(kernel, *arguments, *chunk) for chunk in self._chunks[1:]]
        kernel(*arguments, *self._chunks[0])
        for future in futures:
            future.result()

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    @property
    def role_slices(self) -> dict[str, slice]:
        """Columns of every role that somebody plays in the first scenario; agents are sorted by role."""
        head = self.static.scenario[0]
        roles = self.static.agent["role"][head["a0"] : head["a0"] + head["na"]]
        slices = {}
        for name in ROLES:
            columns = np.flatnonzero(roles == ROLE_INDEX[name])
            if len(columns):
                slices[name] = slice(int(columns[0]), int(columns[-1]) + 1)
        return slices
