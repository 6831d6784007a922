"""The parent's side of a session: start it, talk to it, and have nothing of it left when it is over."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from watcher.system.processes import kill_family
from watcher.trackers.wandb.environment import redact, session_environment
from watcher.trackers.wandb.wire import Limits, Message

_STALE_SECONDS = 3600.0
_EXIT_SECONDS = 5.0


class Session:
    """One session process; use as a context manager, from the thread that waits for its end.

    It is killed with everything it started when `timeout` seconds are over or the context is left, and its own
    directory under `directory` is removed then. The kernel kills it when the thread that started it ends, and
    wandb-core ends with it. The key travels in the environment only.
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
        with self._log.open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "watcher.trackers.wandb.session", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=session_environment(self._environ, self._directory, self._limits),
                cwd=self._directory,
                start_new_session=True,
                text=True,
                encoding="utf-8",
            )
        # Killing the session ends every read and write below, so that no step of its own needs a deadline.
        self._timer = threading.Timer(self._timeout, self._expire)
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self.timed_out:
            self._await_exit()
        self._timer.cancel()
        self._kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                _close(stream)
        shutil.rmtree(self._directory, ignore_errors=True)

    def send(self, message: Message) -> None:
        """Say one line; a session that is gone is noticed by `receive`."""
        try:
            print(json.dumps(message), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            return

    def receive(self) -> Message | None:
        """The session's next line; None where it ended or was killed without one."""
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        return json.loads(line) if line.endswith("\n") else None

    def last_words(self) -> str:
        """The last line that the session printed, without anything that looks like a key; empty if none."""
        text = self._log.read_text(encoding="utf-8", errors="replace").strip()
        return redact(text.rpartition("\n")[2][:300], self._environ)

    def _await_exit(self) -> None:
        try:
            self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return

    def _expire(self) -> None:
        self.timed_out = True
        self._kill()

    def _kill(self) -> None:
        if self._process.poll() is not None:
            return
        # wandb-core starts a process group of its own, so that killing the session's would leave it sending rows
        # that the parent believes lost.
        kill_family(self._process.pid)


def _close(stream: object) -> None:
    try:
        stream.close()  # type: ignore[attr-defined]
    except BrokenPipeError:
        return


def _remove_stale(directory: Path) -> None:
    """Remove what sessions of a killed parent left; a living session is never this old."""
    limit = time.time() - _STALE_SECONDS
    for place in directory.glob("session-*"):
        if place.stat().st_mtime < limit:
            shutil.rmtree(place, ignore_errors=True)
