"""Puts the builder of small worlds within reach of the tests beside it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit" / "envs"))
