"""Whatever is told in JSON."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from patchpact.scenarios.jsonable import plain


class Pair(NamedTuple):
    low: float
    high: float


@dataclass
class Told:
    pair: Pair
    by_name: dict[object, object]


def test_everything_becomes_json() -> None:
    told = Told(Pair(math.nan, np.float32(2.0)), {3: np.arange(2), "at": Path("a/b"), "ok": np.bool_(True), "no": None})
    found = plain([told, {math.inf}])
    assert found == [
        {"pair": {"low": None, "high": 2.0}, "by_name": {"3": [0, 1], "at": "a/b", "ok": True, "no": None}},
        [None],
    ]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
