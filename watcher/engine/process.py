"""The parent's side of one engine host: start it, ask it with a deadline, kill its whole group."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from watcher.engine.capacity import steady_context
from watcher.engine.environment import host_environment
from watcher.engine.failures import LOOK_INTO_LOG, missing_module, needs
from watcher.engine.protocol import Channel, Failure, Message, Progress, ProtocolError, Reply, Request
from watcher.engine.types import ContextTooLong, EngineSettings
from watcher.model import Reason, UimonError
from watcher.system.processes import await_group_end

_LOGS_KEPT = 8
_TAIL_BYTES = 4096
# vLLM logs the traceback of an import that failed in a process of its own inside another one.
_IMPORTS_BYTES = 1 << 17
_EXIT_SECONDS = 30.0
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class HostProcess:
    """One living engine host. After any error but a non-fatal refusal it is dead, its process group with it."""

    def __init__(self, settings: EngineSettings) -> None:
        self._log = new_log(settings.log_dir, "engine")
        self._gpu = settings.gpu_bytes is not None
        ours, theirs = socket.socketpair()
        self._channel = Channel(ours)
        # Nothing is ever written into it. Its end is ours alone, so the kernel kills the host's group, and where it
        # cannot the host's guardian does, when this process ends in whatever way.
        guarded, lifeline = os.pipe()
        self._lifeline: int | None = lifeline
        command = [sys.executable, "-P", "-m", "watcher.engine.host.main"]
        command += ["--socket", str(theirs.fileno()), "--lifeline", str(guarded), "--nice", str(settings.nice)]
        try:
            with theirs, self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    command,
                    env=host_environment(settings.device_env, settings.state_dir / "cache"),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs.fileno(), guarded),
                    # A group of its own, so that killing it never reaches the service, and Ctrl-C never reaches it.
                    start_new_session=True,
                )
        finally:
            os.close(guarded)

    @property
    def pid(self) -> int:
        """Process id and process group id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """True until the host has ended."""
        return self._exit_code() is None

    def ask(self, request: Request, seconds: float) -> Reply:
        """The one reply to `request`. Raises `UimonError`; after `seconds` with `engine_timeout`."""
        deadline = time.monotonic() + seconds
        self._send(request, seconds)
        while isinstance(reply := self._receive(max(deadline - time.monotonic(), 0.0), seconds), Progress):
            pass
        return reply

    def stream(self, request: Request, stall: float) -> Iterator[Reply]:
        """All replies to `request`, without end of their own; `stall` seconds of silence raise `engine_timeout`."""
        self._send(request, stall)
        while True:
            reply = self._receive(stall, stall)
            if not isinstance(reply, Progress):
                yield reply

    def interrupt(self) -> None:
        """Kill the host's process group without tidying up, so that the thread that waits for it wakes and does."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """Kill the host's process group and wait for its end; harmless when it is dead already."""
        self._channel.close()
        # Before the leader is reaped: until then the group's number cannot belong to somebody else.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            # One that hangs in a driver ends when that lets go of it; nobody waits for it here.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_SECONDS)
            if self._lifeline is not None:
                os.close(self._lifeline)
                self._lifeline = None
            # vLLM's workers give their GPU memory back as they end, which is later than the leader does.
            await_group_end(self._process.pid, _EXIT_SECONDS)

    def _exit_code(self) -> int | None:
        """The leader's exit status (a signal's number negated), without reaping it; None while it runs."""
        if self._process.returncode is not None:
            return self._process.returncode
        try:
            ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            # Another thread has reaped it this moment and is about to note how it ended.
            return -signal.SIGKILL
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def _send(self, request: Request, seconds: float) -> None:
        try:
            self._channel.send(request, seconds)
        except TimeoutError as error:
            raise self._timeout(seconds) from error
        except OSError as error:
            raise self._died() from error

    def _receive(self, seconds: float, allowed: float) -> Reply:
        try:
            message: Message = self._channel.receive(seconds)
        except TimeoutError as error:
            raise self._timeout(allowed) from error
        except (EOFError, OSError) as error:
            raise self._died() from error
        except ProtocolError as error:
            self.kill()
            raise UimonError(
                Reason.ENGINE_ERROR, f"The engine host sent something unreadable; see {self._log}."
            ) from error
        if isinstance(message, Failure):
            if message.fatal:
                self.kill()
            raise self._failed(message)
        return message  # type: ignore[return-value]

    def _failed(self, failure: Failure) -> UimonError:
        """What the host said, with what only its log says."""
        reason, sentence = failure.reason, failure.sentence
        if LOOK_INTO_LOG in sentence and (module := missing_module(self._end_of_log(_IMPORTS_BYTES))):
            doing = sentence.partition(":")[0]
            reason, sentence = Reason.MODULE_MISSING, needs(module, doing, "vLLM could not import the model's class")
        sentence += f" (log: {self._log})" if failure.fatal else ""
        if failure.fits:
            return ContextTooLong(sentence, steady_context(failure.fits, shared=self._gpu))
        return UimonError(reason, sentence)

    def _timeout(self, seconds: float) -> UimonError:
        self.kill()
        return UimonError(
            Reason.ENGINE_TIMEOUT,
            f"The engine host was silent for {seconds:.0f} s and was killed; its last words: {self._last_words()}",
        )

    def _died(self) -> UimonError:
        # Its socket closes a moment before its status can be read.
        deadline = time.monotonic() + 1.0
        while (code := self._exit_code()) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        self.kill()
        how = "closed its socket" if code is None else f"ended with status {code}"
        if code is not None and code < 0:
            how = f"was ended by signal {-code} ({signal.Signals(-code).name})"
        return UimonError(
            Reason.ENGINE_DIED, f"The engine host {how}; see {self._log}; its last words: {self._last_words()}"
        )

    def _last_words(self) -> str:
        """The last lines of the host's log, as one line."""
        text = self._end_of_log(_TAIL_BYTES)
        lines = [" ".join(_ANSI.sub("", line).split()) for line in text.splitlines()]
        return " | ".join([line for line in lines if line][-3:])[-600:] or "none"

    def _end_of_log(self, size: int) -> str:
        """The last bytes of the host's log; empty where it cannot be read."""
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, self._log.stat().st_size - size))
                return log.read().decode("utf-8", "replace")
        except OSError:
            return ""


def new_log(directory: Path, program: str) -> Path:
    """A new log file for a `program`; only its newest few are kept."""
    directory.mkdir(parents=True, exist_ok=True)
    for old in sorted(directory.glob(f"{program}-*.log"))[: -(_LOGS_KEPT - 1)]:
        old.unlink(missing_ok=True)
    return directory / f"{program}-{time.time_ns()}-{os.getpid()}.log"
