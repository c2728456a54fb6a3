"""The one way in which functions of the core are compiled."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from numba import njit

COMPILER_OPTIONS: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}


def _options(function: Callable[..., Any]) -> dict[str, Any]:
    """Functions of the two state tuples are called by compiled code alone, so they get no wrapper for Python.

    A wrapper takes every array of both apart; together they took half of the time in which the core is compiled. A
    call from Python ends the process: who needs one compiles the function's ``py_func`` with ``COMPILER_OPTIONS``.
    """
    inside = "st" in inspect.signature(function).parameters
    return {**COMPILER_OPTIONS, "no_cpython_wrapper": inside, "no_cfunc_wrapper": inside}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile for use inside the core's kernels, inlined where it is called.

    Reference counting is off: the core allocates nothing, all arrays belong to the engine, and counting references
    with atomic instructions took more than half of a step's time. Compiled functions therefore cannot create arrays.
    Calls are inlined because a call would push every array of the two state tuples onto the stack, some hundred words.
    """
    result: Callable[..., Any] = njit(**_options(function), forceinline=True)(function)
    return result


def compiled_apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile as ``compiled`` does, but as a routine of its own: for long functions called in several places."""
    result: Callable[..., Any] = njit(**_options(function))(function)
    return result
