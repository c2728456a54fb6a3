"""Which peers are measured, how, and what is compared with what."""

from __future__ import annotations

from dataclasses import dataclass, field

BATCHES = ((1, 1), (64, 1), (1024, 1), (8192, 1), (8192, 2))
ONE_WORLD = ((1, 1),)
REFERENCE = "patchpact"


@dataclass(frozen=True)
class Driver:
    """A script in ``drivers/`` and the (worlds, threads) that it is run with."""

    script: str
    way: str
    cases: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Peer:
    """A package, its pinned ``requirements/NAME.txt`` (but for the reference), and its drivers; none: not published."""

    name: str
    title: str
    licence: str = ""
    drivers: tuple[Driver, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Case:
    """One thing that a round measures."""

    peer: str
    script: str
    way: str
    batch: int
    threads: int

    @property
    def name(self) -> str:
        """As shown while measuring."""
        return f"{self.script}, {self.batch} worlds, {self.threads} threads"


# What is compared: drivers of one way are called alike. The order is the page's.
WAYS = {
    "compiled loop": "actions are drawn and many steps taken inside one call into compiled code",
    "batched calls": "the caller draws the actions of all worlds, and takes one step of all worlds with a call",
    "one world": "plain Python: the caller draws each action, and takes one step of one world with a call",
}

PEERS = (
    Peer(
        REFERENCE,
        "patchpact",
        "Apache-2.0",
        (
            Driver("patchpact_core", "compiled loop", BATCHES),
            Driver("patchpact_vec", "batched calls", BATCHES),
            Driver("patchpact_parallel", "one world", ONE_WORLD),
        ),
        "Roles nominate patches, vote with side payments and pull levers; when the motions are over, a window is "
        "played: work, failed upgrades, downtime, attempts on open findings, compromise along the calls, new findings, "
        "fixes, deadlines. Each agent also gets a mask of its legal actions.",
    ),
    Peer(
        "jaxmarl",
        "JaxMARL",
        "Apache-2.0",
        (Driver("jaxmarl_spread", "compiled loop", BATCHES),),
        "Three point masses in the plane, 18 numbers an agent, no masks; an episode is 25 steps.",
    ),
    Peer(
        "vmas",
        "VMAS",
        "GPL-3.0",
        (Driver("vmas_spread", "batched calls", BATCHES),),
        "The same particle task as tensors, with continuous actions; made for large batches.",
    ),
    Peer(
        "mpe2",
        "MPE2 (PettingZoo)",
        "MIT",
        (Driver("mpe2_spread", "one world", ONE_WORLD),),
        "The same particle task, one world in numpy.",
    ),
    Peer(
        "nasim",
        "NASim",
        "MIT",
        (Driver("nasim_medium", "one world", ONE_WORLD),),
        "One attacker, no defender, vendor or negotiation: an action reads or changes one host of 16.",
    ),
    Peer(
        "negmas",
        "NegMAS",
        "AGPL-3.0",
        (Driver("negmas_offers", "one world", ONE_WORLD),),
        "Two random negotiators agree after a few rounds, so that setting up a negotiation is most of the cost; there "
        "is no world behind the offers.",
    ),
    Peer("cyborg", "CybORG, CAGE Challenge 4", note="published as source only"),
    Peer("nasimemu", "NASimEmu", note="published as source only"),
    Peer("primaite", "PrimAITE", note="published as source only"),
)


@dataclass(frozen=True)
class Plan:
    """The peers chosen and their cases, the reference among them."""

    peers: tuple[Peer, ...]
    cases: tuple[Case, ...] = field(default=())


def plan(only: list[str] | None = None) -> Plan:
    """The peers and cases to measure; the reference always, since all is set beside it.

    Raises:
        ValueError: a name that no peer has.
    """
    known = {peer.name for peer in PEERS}
    unknown = [name for name in only or [] if name not in known]
    if unknown:
        raise ValueError(f"{unknown[0]}: no such peer; there are {', '.join(sorted(known))}")
    peers = tuple(peer for peer in PEERS if not only or peer.name in only or peer.name == REFERENCE)
    cases = [
        Case(peer.name, driver.script, driver.way, batch, threads)
        for peer in peers
        for driver in peer.drivers
        for batch, threads in driver.cases
    ]
    return Plan(peers, tuple(cases))
