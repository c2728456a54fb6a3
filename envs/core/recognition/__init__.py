"""Recognition rules: who proposes. A rule is one module with ``NAME`` and ``recognise``; its line is here."""

from patchpact.envs.core.dispatch import dispatcher
from patchpact.envs.core.recognition import random, rotating, second_price, weighted

RECOGNITION_RULES = (
    random,
    rotating,
    weighted,
    second_price,
)
NAMES = tuple(rule.NAME for rule in RECOGNITION_RULES)

recognise = dispatcher([rule.recognise for rule in RECOGNITION_RULES], "draw, weights, turn, bids")
