"""The one way in which functions of the core are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

COMPILER_OPTIONS: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile for use inside the core's kernels, inlined where it is called.

    Reference counting is off: the core allocates nothing, all arrays belong to the engine, and counting references
    with atomic instructions took more than half of a step's time. Compiled functions therefore cannot create arrays.
    Calls are inlined because a call would push every array of the two state tuples onto the stack, some hundred words.
    """
    result: Callable[..., Any] = njit(**COMPILER_OPTIONS, forceinline=True)(function)
    return result


def compiled_apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile as ``compiled`` does, but as a routine of its own: for long functions called in several places."""
    result: Callable[..., Any] = njit(**COMPILER_OPTIONS)(function)
    return result
