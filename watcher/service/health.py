"""`/healthz`: whether the service's loop runs. It says nothing of W&B or of the trainer, whose troubles no restart of
uimon mends.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from watcher.arguments import whole_number
from watcher.model import Reason, UimonError

STALE_SECONDS = 30.0
"""The loop ticks four times a second, so that a silence this long means that it hangs."""


class _Server6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


class Heartbeat:
    """When the service's loop last ticked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beat_at = clock()

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
        kind = _Server6 if ":" in host else ThreadingHTTPServer
        server = kind((host, port), _handler(heartbeat))
    except (OSError, OverflowError) as error:
        sentence = f"--serve {address} cannot be used ({error}); choose another address, or leave it out."
        raise UimonError(Reason.CONFIG_INVALID, sentence) from None
    server.daemon_threads = True
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
            age = heartbeat.age
            alive = age < STALE_SECONDS
            known = self.path.partition("?")[0] == "/healthz"
            answer = json.dumps({"status": "ok" if alive else "hanging", "seconds_since_tick": round(age, 1)})
            body = answer.encode() if known else b'{"error": "there is only /healthz here"}'
            self.send_response((200 if alive else 503) if known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A probe every few seconds is nothing to log."""

    return Handler
