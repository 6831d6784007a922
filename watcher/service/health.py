"""`/healthz`: whether the service's loop runs and its evaluator makes progress. An engine that is away is told, and is
no fault of uimon's; of W&B and of the trainer it says nothing. No restart of uimon mends those.

Whoever reaches the port may ask. At most `MOST_CLIENTS` are listened to at a time: one more, and the one that has been
there longest is dropped, so that clients which connect and say nothing neither fill the process with threads nor keep a
probe from its answer.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from watcher.model import Reason, UimonError
from watcher.output.printable import printable_document
from watcher.service.signals import log
from watcher.settings.arguments import whole_number

STALE_SECONDS = 30.0
"""The loop ticks four times a second, so that a silence this long means that it hangs."""


MOST_CLIENTS: Final = 16
"""A probe takes milliseconds, and there are one or two who ask."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # With the default of 5, a probe beside many others waits for seconds until its connection is tried again.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._clients: list[socket.socket] = []
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: object) -> None:
        with self._lock:
            self._clients.append(request)
            if len(self._clients) > MOST_CLIENTS:
                # Its thread reads the end of the request, and ends.
                with suppress(OSError):
                    self._clients.pop(0).shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock, suppress(ValueError):
            self._clients.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """A client that went away before it had its answer is nothing to print a traceback for."""
        log.debug("A client of /healthz got no answer.", exc_info=True)


class _Server6(_Server):
    address_family = socket.AF_INET6


_ALLOWED = {"load": 7200.0, "generate": 3600.0, "perplexity": 3600.0, "score": 300.0, "write": 300.0}
"""Seconds without progress after which an evaluation counts as hung, by phase. The engine's own deadlines, which end
what hangs in it, are shorter; those of scorers in other processes are, too."""
_SLOWEST_LOAD = 5e6
"""Bytes a second at which weights are read, at the least: a quarter of what the engine allows for, for it may read them
more than once."""


class Watchdog:
    """What the evaluator is doing, and since when nothing was heard of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._doing: tuple[str, float, float] | None = None

    def phase(self, name: str, size: int = 0) -> None:
        """The evaluator goes on: it begins, or continues, the phase `name`, which has `size` bytes to read."""
        self._doing = (name, self._clock(), _ALLOWED[name] + size / _SLOWEST_LOAD)

    def rest(self) -> None:
        """It has nothing to do."""
        self._doing = None

    @property
    def hung(self) -> str | None:
        """The phase that has lasted too long; None while all goes well."""
        doing = self._doing
        return doing[0] if doing is not None and self._clock() - doing[1] > doing[2] else None

    def to_dict(self) -> dict[str, str | float]:
        """`phase` and its `seconds` without progress; empty where nothing is evaluated."""
        doing = self._doing
        return {} if doing is None else {"phase": doing[0], "seconds": round(self._clock() - doing[1], 1)}


class Heartbeat:
    """When the service's loop last ticked, the `pace` of its evaluator, and what tells why the engine is `away` (empty:
    it is not).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beat_at = clock()
        self.pace = Watchdog(clock)
        self.away: Callable[[], str] = str

    def beat(self) -> None:
        """The loop goes on."""
        self._beat_at = self._clock()

    @property
    def age(self) -> float:
        """Seconds since the last beat."""
        return self._clock() - self._beat_at


def parse_address(text: str) -> tuple[str, int]:
    """HOST:PORT, or :PORT for all of this machine's addresses. Raises UimonError(CONFIG_INVALID).

    >>> parse_address("127.0.0.1:8080"), parse_address(":8080"), parse_address("[::1]:80")
    (('127.0.0.1', 8080), ('', 8080), ('::1', 80))
    """
    host, colon, port = text.rpartition(":")
    number = whole_number(port, 65_535)
    if not colon or number is None:
        raise UimonError(Reason.CONFIG_INVALID, f"--serve {text!r} cannot be read: give HOST:PORT, as 127.0.0.1:8080.")
    return host.strip("[]"), number


@contextmanager
def serving(address: str | None, heartbeat: Heartbeat) -> Iterator[int | None]:
    """Answer `/healthz` at `address` (None: nowhere) while the context lasts; yields the port.

    Raises UimonError(CONFIG_INVALID) where the address cannot be used.
    """
    if address is None:
        yield None
        return
    try:
        host, port = parse_address(address)
        kind = _Server6 if ":" in host else _Server
        server = kind((host, port), _handler(heartbeat))
    except (OSError, OverflowError) as error:
        sentence = f"--serve {address} cannot be used ({error}); choose another address, or leave it out."
        raise UimonError(Reason.CONFIG_INVALID, sentence) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="health", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(heartbeat: Heartbeat) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            age, hung = heartbeat.age, heartbeat.pace.hung
            alive = age < STALE_SECONDS and hung is None
            known = self.path.partition("?")[0] == "/healthz"
            answer: dict[str, object] = {"status": "ok" if alive else "hanging", "seconds_since_tick": round(age, 1)}
            told = {"evaluator": heartbeat.pace.to_dict(), "engine_away": heartbeat.away()}
            answer |= {name: value for name, value in told.items() if value}
            body = (
                json.dumps(printable_document(answer)).encode()
                if known
                else b'{"error": "there is only /healthz here"}'
            )
            self.send_response((200 if alive else 503) if known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A probe every few seconds is nothing to log."""

    return Handler
