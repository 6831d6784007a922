"""The parent's side of a session: start it, talk to it, and have nothing of it left when it is over."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from watcher.system.child import Child
from watcher.system.files import read_tail
from watcher.trackers.wandb.environment import redact, session_environment
from watcher.trackers.wandb.wire import Limits, Message

_STALE_SECONDS = 3600.0
_EXIT_SECONDS = 5.0
_TAIL_BYTES = 4096


class SessionProcess:
    """One session process; use as a context manager, from the thread that waits for its end.

    It is killed with everything it started when the context is left, and its own directory under `directory` is removed
    then. What is not said and heard within `timeout` seconds never is, and `timed_out` is true then. The kernel kills
    it when this process ends, and wandb-core ends with it. The key travels in the environment only.
    """

    def __init__(self, directory: Path, timeout: float, limits: Limits, environ: Mapping[str, str]) -> None:
        self._parent_directory = directory
        self._timeout = timeout
        self._limits = limits
        self._environ = environ
        self.timed_out = False

    def __enter__(self) -> Self:
        self._parent_directory.mkdir(parents=True, exist_ok=True)
        _remove_stale(self._parent_directory)
        self._directory = Path(tempfile.mkdtemp(prefix="session-", dir=self._parent_directory)).resolve()
        self._log = self._directory / "stderr.txt"
        environment = session_environment(self._environ, self._directory, self._limits)
        with self._log.open("wb") as output:
            self._child = Child(
                "watcher.trackers.wandb.session", output=output, environment=environment, directory=self._directory
            )
        self._deadline = time.monotonic() + self._timeout
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # wandb-core has a process group of its own. Left alive, it would send rows that are believed lost.
        self._child.end(_EXIT_SECONDS if kind is None and not self.timed_out else 0.0)
        shutil.rmtree(self._directory, ignore_errors=True)

    def send(self, message: Message) -> None:
        """Say one line; a session that is gone, or has no time left, is noticed by `receive`."""
        with suppress(TimeoutError, ConnectionError):
            self._child.lines.send_object(message, self._seconds_left())

    def receive(self) -> Message | None:
        """The session's next line; None where it ended without one, or its time is over."""
        with suppress(EOFError):
            try:
                return self._child.lines.receive_object(self._seconds_left())
            except TimeoutError:
                self.timed_out = True
        return None

    def _seconds_left(self) -> float:
        """Raises TimeoutError where none are."""
        if (left := self._deadline - time.monotonic()) <= 0:
            raise TimeoutError
        return left

    def last_words(self) -> str:
        """The last line that the session printed, without anything that looks like a key; empty if none."""
        text = read_tail(self._log, _TAIL_BYTES).decode("utf-8", "replace").strip()
        return redact(text.rpartition("\n")[2][:300], self._environ)


def _remove_stale(directory: Path) -> None:
    """Remove what sessions of a killed parent left; a living session is never this old."""
    limit = time.time() - _STALE_SECONDS
    for place in directory.glob("session-*"):
        if place.stat().st_mtime < limit:
            shutil.rmtree(place, ignore_errors=True)
