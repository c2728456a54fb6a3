"""One compiled function out of many: ``dispatcher([f, g], "a, b")`` is ``lambda i, a, b: (f, g)[i](a, b)``.

Compiled code cannot index a table of functions, so the choice is written out as a chain of ``if``. Rule and role
registries stay one line an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from patchpact.agents.roles.compiled import compiled


def dispatcher(functions: Sequence[Callable[..., Any]], arguments: str) -> Callable[..., Any]:
    """Compile ``which, <arguments> -> functions[which](<arguments>)``; the last function takes what is out of range."""
    lines = [f"def dispatch(which, {arguments}):"]
    for index in range(len(functions) - 1):
        lines.append(f"    if which == {index}:")
        lines.append(f"        return f{index}({arguments})")
    lines.append(f"    return f{len(functions) - 1}({arguments})")
    scope: dict[str, Any] = {f"f{index}": function for index, function in enumerate(functions)}
    exec("\n".join(lines), scope)
    return compiled(scope["dispatch"])
