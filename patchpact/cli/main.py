"""``patchpact COMMAND ...``: find the command, run it, and turn failures into one line and an exit status.

Exit status: 0 done; 1 a check failed, or a fault in patchpact itself (with its traceback); 2 bad input, in
one line that names the place and the mend; 130 stopped by Ctrl-C; 141 the reader of the output went away.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
import warnings
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn, TextIO

from patchpact import __version__
from patchpact.cli.arguments import Parser, UsageError
from patchpact.cli.registry import COMMANDS, Command

BAD_INPUT = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
EXTRA_MODULES = {
    **dict.fromkeys(("ray", "torch"), "train"),
    **dict.fromkeys(("dp_accounting", "opacus", "pymerkle", "rbcl", "skfolio", "sklearn"), "platform"),
    "flwr": "flower",
}
"""What the extras bring: module -> extra."""


def entry_point() -> NoReturn:
    """The console script: run on ``sys.argv`` and exit."""
    status = main(sys.argv[1:])
    # The streams are flushed; on a broken pipe Python would complain once more while closing them.
    if status == BROKEN_PIPE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status; see the module's docstring."""
    place = "patchpact"
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            command, rest = _command(arguments)
            if command is None:
                return 0
            place = f"patchpact {command.name}"
            status = _run(command, rest)
            sys.stdout.flush()
            return status
    except KeyboardInterrupt:
        return _say(place, "stopped", INTERRUPTED)
    except BrokenPipeError:
        return BROKEN_PIPE
    except ModuleNotFoundError as error:
        extra = EXTRA_MODULES.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        return _say(place, f"needs {error.name}; install it with: pip install 'patchpact[{extra}]'", BAD_INPUT)
    except OSError as error:
        return _say(place, _os_error(error), BAD_INPUT)
    except ValueError as error:  # ScenarioError, RunError, UsageError and the like: bad input, one line
        if os.environ.get("PATCHPACT_TRACEBACK"):
            raise
        return _say(place, str(error), BAD_INPUT)


def _command(arguments: Sequence[str]) -> tuple[Command | None, list[str]]:
    """The command asked for and its arguments; None if ``--help`` or ``--version`` was it."""
    width = max(len(command.name) for command in COMMANDS)
    lines = [f"  {command.name:<{width}}  {command.help}" for command in COMMANDS]
    parser = Parser(
        prog="patchpact",
        description="Who patches what, when, and who pays: agents negotiate over a service graph.",
        epilog="\n".join(["commands:", *lines, "", "patchpact COMMAND --help tells more of each."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="patchpact [--help] [--version] COMMAND ...",
    )
    parser.add_argument("--version", action="version", version=f"patchpact {__version__}")
    if not arguments:
        parser.print_help()
        return None, []
    name = arguments[0]
    if name.startswith("-"):
        try:
            parser.parse(arguments[:1])
        except SystemExit:  # --help and --version have printed
            return None, []
    for command in COMMANDS:
        if command.name == name:
            return command, list(arguments[1:])
    close = get_close_matches(name, [command.name for command in COMMANDS], 1)
    mend = f"did you mean {close[0]}?" if close else "see patchpact --help"
    raise UsageError(f"no command {name!r}; {mend}")


def _run(command: Command, arguments: Sequence[str]) -> int:
    module = import_module(command.module)
    parser = Parser(prog=f"patchpact {command.name}", description=module.__doc__, formatter_class=HelpFormatter)
    module.configure(parser)
    try:
        args = parser.parse(arguments)
    except SystemExit:  # --help has printed
        return 0
    status: int = module.run(args)
    return status


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help with the description as written and the options' defaults left to their texts."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)


def _say(place: str, text: str, status: int) -> int:
    """One line on stderr."""
    print(f"{place}: {' '.join(text.split())}", file=sys.stderr, flush=True)
    return status


def _os_error(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename is not None else ""
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{place}no space left on the disk; make room and run it again"
    mends = {
        errno.ENOENT: "check the path",
        errno.EACCES: "check the permissions",
        errno.EISDIR: "name a file",
        errno.ENOTDIR: "name a folder",
    }
    mend = mends.get(error.errno or 0)
    return f"{place}{reason}" + (f"; {mend}" if mend else "")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning without the place in the code, which tells a command's user nothing."""
    if issubclass(category, DeprecationWarning | PendingDeprecationWarning | ResourceWarning):
        return
    print(f"patchpact: warning: {message}", file=sys.stderr, flush=True)
