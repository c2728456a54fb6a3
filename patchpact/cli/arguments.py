"""Reading of arguments: one-line errors with a mend, and the options that several commands share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn


class UsageError(ValueError):
    """Wrong arguments; the text is one line that names the argument and the mend."""


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` whose errors are one line with a mend, and which never guesses abbreviations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)

    def error(self, message: str) -> NoReturn:
        """Raise ``UsageError`` instead of printing the usage."""
        raise UsageError(f"{' '.join(message.split())}; see {self.prog} --help")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Read ``arguments``; an unknown option is answered with the closest one. Raises ``UsageError``."""
        found, left = self.parse_known_args(arguments)
        self._refuse(left)
        return found

    def _refuse(self, left: Sequence[str]) -> None:
        if left:
            options = [option for action in self._actions for option in action.option_strings]
            close = get_close_matches(left[0].split("=")[0], options, 1)
            mend = f"did you mean {close[0]}?" if close else f"see {self.prog} --help"
            raise UsageError(f"unknown argument {left[0]}; {mend}")


class Part(Parser):
    """The parser of one part of a command; an unknown option is answered with this part's closest one."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read all of `args`. Raises ``UsageError``."""
        found, left = super().parse_known_args(args, namespace)
        self._refuse(left)
        return found, []


def whole_number(low: int) -> Any:
    """An argument type: a whole number from ``low`` on, written in digits or as ``1e6``."""

    def read(text: str) -> int:
        try:
            number = float(text) if re.search(r"[eE.]", text) else int(text)
            if number != int(number) or number < low:
                raise ValueError
        except (ValueError, OverflowError):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} on") from None
        return int(number)

    return read


def positive_number(text: str) -> float:
    """An argument type: a finite number above 0."""
    try:
        number = float(text)
        if not 0 < number < float("inf"):
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0") from None
    return number


def setting(text: str) -> tuple[str, Any]:
    """An argument type: ``NAME=VALUE``, the value read as in a scenario's file (number, true, false, text, [list])."""
    from patchpact.scenarios.errors import ScenarioError
    from patchpact.scenarios.files import parse_yaml

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name.strip(), parse_yaml(value, name.strip())
    except ScenarioError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error.problem}; {error.mend}") from None


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON, for machines")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add ``--set NAME=VALUE``: parameters of the scenario."""
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        dest="settings",
        type=setting,
        action="append",
        default=[],
        help="change a parameter of the scenario (patchpact check lists them); may be repeated",
    )
