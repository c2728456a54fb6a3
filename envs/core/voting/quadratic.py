"""Quadratic voting: n votes cost n squared of a voter's credits (Lalley and Weyl 2018); more for than against.

A voter's standing intensity says how many votes it casts; credits come anew every window and cannot be sold, so that
nobody buys votes with money.
"""

from __future__ import annotations

from patchpact.envs.core.voting import majority

NAME = "quadratic"

passes = majority.passes
"""Ballots are +n accept, -n reject, 0 no vote cast."""
