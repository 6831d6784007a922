"""The V8 of this process: made on first use, asked from any thread, ended before the interpreter is.

V8 works in a thread of its own and reports to the event loop that ran where it was made. Here that is no loop of
asyncio but the thread that asks, which waits for the report: every other thread on the way takes as long as reading a
small component. V8 does not survive a fork, so a child makes its own.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import os
from collections.abc import Callable, Coroutine
from functools import partial
from importlib.resources import files
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from py_mini_racer import MiniRacer

_T = TypeVar("_T")

MAX_MEMORY = 180 << 20
# Ends a fault of the engine, not a text: what the other bounds let through takes a few seconds of CPU time.
MAX_SECONDS = 600.0
# In the order in which they use one another.
_FILES = (
    "typescript_parser",
    "early_names",
    "early_errors",
    "scripts",
    "names",
    "colors",
    "reader",
    "pieces",
    "configuration",
)


def evaluate(code: str) -> object:
    """What V8 makes of `code`. Raises `TimeoutError` after `MAX_SECONDS`, and what `MiniRacer.eval` raises."""
    v8, waiting = _engine()
    return waiting.run(lambda: v8.eval_cancelable(code), MAX_SECONDS)


def close() -> None:
    """Ends this process's V8; while the interpreter is torn down, its threads would no longer answer."""
    engine = _engines.pop(os.getpid(), None)
    if engine is not None:
        engine[0].close()


class _Waiting:
    """The event loop of an engine, as far as the engine needs one: what it reports is done by the thread that waits
    for it. One thread at a time, whether it runs a loop of its own or not."""

    def __init__(self) -> None:
        self._reports: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._lock = Lock()

    def get_debug(self) -> bool:
        return False

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: object) -> None:
        self._reports.put(partial(callback, *args))

    def run(self, start: Callable[[], Coroutine[Any, Any, _T]], seconds: float) -> _T:
        """What a coroutine comes to that waits for the engine alone. Raises `TimeoutError`."""
        with self._lock:
            outer = asyncio._get_running_loop()
            asyncio._set_running_loop(cast("asyncio.AbstractEventLoop", self))
            try:
                return self._finished(start(), seconds)
            finally:
                asyncio._set_running_loop(outer)

    def _finished(self, work: Coroutine[Any, Any, _T], seconds: float) -> _T:
        try:
            while True:
                future = work.send(None)
                while not future.done():
                    self._reports.get(timeout=seconds)()
        except StopIteration as end:
            return cast("_T", end.value)
        except Empty:
            raise TimeoutError from None
        finally:
            # What was interrupted ends in V8, too.
            work.close()


# By process: a forked child makes its own and leaves its parent's alone, whose threads stayed behind. V8 ends when
# nobody holds it.
_engines: dict[int, tuple[MiniRacer, _Waiting]] = {}


def _abandon() -> None:
    """In a forked child: its parent's engines must never be freed, because that waits for threads it does not have."""
    for engine in _engines.values():
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))


os.register_at_fork(after_in_child=_abandon)


def _engine() -> tuple[MiniRacer, _Waiting]:
    process = os.getpid()
    if process not in _engines:
        waiting = _Waiting()
        made = waiting.run(_made, MAX_SECONDS), waiting
        # Another thread may have made one meanwhile; one of them is enough.
        if _engines.setdefault(process, made) is made:
            atexit.register(close)
    return _engines[process]


async def _made() -> MiniRacer:
    from py_mini_racer import MiniRacer

    v8 = MiniRacer()
    v8.set_hard_memory_limit(MAX_MEMORY)
    for name in _FILES:
        v8.eval(files("scorers.jsx").joinpath(f"{name}.js").read_text("utf-8"))
    return v8
