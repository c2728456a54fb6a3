"""Puts the maker of made-up studies within reach of the tests beside it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
