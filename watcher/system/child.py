"""A program of uimon's own in a process of its own: start it, hear of its end, and have nothing of it left.

The program's side is `watcher.system.lifeline`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from watcher.system.lines import LineSocket
from watcher.system.processes import await_group_end, kill_family

_EXIT_SECONDS = 30.0
"""A process that hangs in a driver ends when that lets go of it; nobody waits longer for it."""
_PAUSE = 0.01


class Child:
    """`python -m module`, whose end of a socket pair is the other one of `lines`.

    It leads a process group of its own, so that killing it never reaches this process, and Ctrl-C never reaches it.
    However this process ends, the kernel kills that group: this one alone holds an end of a pipe into which nothing is
    ever written. It may outlive the thread that started it. What it and its libraries print goes to `output`, a file or
    `subprocess.PIPE`. `environment` is its whole environment (None: this process's), `directory` where it runs.

    Use from one thread; `alive`, `exit_status` and `interrupt` are for any. Raises OSError where it cannot be started.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        *,
        output: int | IO[bytes],
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        ours, theirs = socket.socketpair()
        tied, lifeline = os.pipe()
        ends = ["--socket", str(theirs.fileno()), "--lifeline", str(tied)]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *ends, *arguments],
                env=environment,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(), tied),
                start_new_session=True,
            )
        except OSError:
            ours.close()
            os.close(lifeline)
            raise
        finally:
            theirs.close()
            os.close(tied)
        self.lines = LineSocket(ours)
        self._lifeline = lifeline
        # Once it was reaped its number may be another process's: nobody may send a signal between a look and that.
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """Process id and process group id."""
        return self._process.pid

    @property
    def output(self) -> IO[bytes]:
        """What it prints, where `output` was `subprocess.PIPE`."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def alive(self) -> bool:
        """True until it has ended."""
        return self.exit_status() is None

    def exit_status(self, seconds: float = 0.0) -> int | None:
        """How it has ended (a signal's number negated), waiting up to `seconds` for that; None while it runs."""
        deadline = time.monotonic() + seconds
        while (status := self._look()) is None and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        return status

    def interrupt(self) -> None:
        """Kill its group without tidying up, so that the thread that waits for it wakes and does."""
        with self._lock:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)

    def end(self, grace: float = 0.0) -> None:
        """Hang up, and after `grace` seconds kill it with all that it has started; harmless when it was done before.

        Returns when nothing of its group is left: what it started may give memory of a GPU back later than it does.
        """
        self.lines.close()
        if self._process.returncode is not None:
            return
        self.exit_status(grace)
        kill_family(self.pid)
        self.exit_status(_EXIT_SECONDS)
        with self._lock:
            ended = self._process.poll() is not None
        if ended:
            os.close(self._lifeline)
        await_group_end(self.pid, _EXIT_SECONDS)

    def _look(self) -> int | None:
        """Its exit status, without reaping it."""
        with self._lock:
            if self._process.returncode is not None:
                return self._process.returncode
            ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
