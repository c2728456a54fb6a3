"""What all reports read and say alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

AGAIN = "make it again, or remove it"


class ReportError(ValueError):
    """A folder of which no report can be made; its text is one line that names the place and the mend."""


def read_json(file: Path) -> Any:
    """A JSON file's content. Raises ``ReportError`` (one line) where it cannot be read."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReportError(f"{file}: is missing; make it again, or check the path") from None
    except OSError as error:
        raise ReportError(f"{file}: {error.strerror or error}; check the permissions") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise ReportError(f"{file}: is no JSON ({error}); {AGAIN}") from None
