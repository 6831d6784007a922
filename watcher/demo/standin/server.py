"""The stand-in as a server on 127.0.0.1, in a thread of this process."""

from __future__ import annotations

import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from watcher.demo.standin.faults import Fault
from watcher.demo.standin.handler import Shared, StandinHandler
from watcher.demo.standin.lag import ReadLag
from watcher.demo.standin.operations import Operations
from watcher.demo.standin.store import JsonObject, StandinStore

DUMMY_KEY = "localstandin".ljust(40, "0")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed resets its connection, which is nothing to print a traceback for."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Standin:
    """A W&B server for demonstrations and tests that the real SDK talks to over HTTP.

    It binds 127.0.0.1 only. `port` 0 lets the system choose one. It accepts exactly one API key, `key`
    (at least 40 characters: the SDK refuses shorter ones). `heartbeat_limit`: seconds without a post after
    which a running run reads as `crashed`; None: never. Use as a context manager, or `start()` and `stop()`.
    """

    def __init__(self, key: str = DUMMY_KEY, port: int = 0, heartbeat_limit: float | None = None) -> None:
        self.store = StandinStore(heartbeat_limit=heartbeat_limit)
        self._key = key
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._shared: Shared | None = None

    def start(self) -> Self:
        """Listen and serve; the address is `url` from here on. Raises `OSError` if the port is taken."""
        # The port must be known before the operations are built, since upload addresses carry it.
        server = _Server(("127.0.0.1", self._port), StandinHandler)
        self._port = server.server_address[1]
        if self._shared is None:
            self._shared = Shared(self._key, self.store, Operations(self.store, self.url))
        server.RequestHandlerClass = type("BoundHandler", (StandinHandler,), {"shared": self._shared})
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="stand-in", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and free the port; the store stays readable. Starting again uses the same port."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address for `WANDB_BASE_URL`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def shared(self) -> Shared:
        """The counters, faults and lock of the running server. Raises `RuntimeError` before `start()`."""
        if self._shared is None:
            raise RuntimeError("the stand-in was not started")
        return self._shared

    def state(self, *, rows: bool = True) -> JsonObject:
        """What `GET /_standin/state` answers."""
        return self.shared.state(rows=rows)

    def add_fault(self, fault: Fault) -> None:
        """Commit `fault` from now on."""
        with self.shared.lock:
            self.shared.faults.add(fault)

    def clear_faults(self) -> None:
        """Be healthy again."""
        with self.shared.lock:
            self.shared.faults.clear()

    def set_state(self, path: str, state: str) -> None:
        """Put the run `entity/project/id` into `state`, as an expired heartbeat would into `crashed`."""
        with self.shared.lock:
            self.store.runs[path].become(state, self.store.clock())

    def set_read_lag(self, lag: ReadLag | float) -> None:
        """Show readers what was written only after `lag`, in seconds where it is a number."""
        with self.shared.lock:
            self.store.read_lag = lag if isinstance(lag, ReadLag) else ReadLag.of(lag)


def standin_environment(url: str, directory: Path) -> dict[str, str]:
    """The variables with which a W&B client talks to the stand-in at `url` and leaves its files in `directory`.

    The key is the stand-in's own and opens nothing else.
    """
    places = {name: directory / name.lower() for name in ("CONFIG_DIR", "CACHE_DIR", "DATA_DIR", "DIR")}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    return {
        "WANDB_BASE_URL": url,
        "WANDB_API_KEY": DUMMY_KEY,
        **{f"WANDB_{name}": str(place) for name, place in places.items()},
    }
