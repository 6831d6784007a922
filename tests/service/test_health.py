"""`/healthz`."""

from __future__ import annotations

import json
import socket
import struct
import threading
import urllib.error
import urllib.request
from contextlib import ExitStack

import pytest

from watcher.model import Reason, UimonError
from watcher.service.health import MOST_CLIENTS, STALE_SECONDS, Heartbeat, parse_address, serving


def ask(port: int | None, path: str = "/healthz") -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_loop_that_ticks_is_healthy_and_one_that_hangs_is_not() -> None:
    now = [100.0]
    heartbeat = Heartbeat(lambda: now[0])
    with serving("127.0.0.1:0", heartbeat) as port:
        assert ask(port) == (200, {"status": "ok", "seconds_since_tick": 0.0})
        now[0] += STALE_SECONDS
        assert ask(port) == (503, {"status": "hanging", "seconds_since_tick": 30.0})
        heartbeat.beat()
        assert ask(port, "/healthz?x=1")[0] == 200
        assert ask(port, "/ledger.sqlite3")[0] == 404
    with pytest.raises(urllib.error.URLError):
        ask(port)


def test_clients_that_say_nothing_are_bounded_and_hold_up_nobody() -> None:
    before = threading.active_count()
    with serving("127.0.0.1:0", Heartbeat()) as port, ExitStack() as silent:
        assert port is not None
        for number in range(5 * MOST_CLIENTS):
            client = silent.enter_context(socket.create_connection(("127.0.0.1", port), 5))
            if number % 2:
                client.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        assert ask(port)[0] == 200
        assert threading.active_count() - before <= 2 * MOST_CLIENTS


def test_a_client_that_goes_away_leaves_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    with serving("127.0.0.1:0", Heartbeat()) as port:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port or 0), 5) as client:
                client.sendall(b"GET /healthz HTTP/1.1\r\n")
                # It is reset, not closed.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert ask(port)[0] == 200
    assert capfd.readouterr().err == ""


def test_what_is_told_of_the_engine_passes_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a-local-key-of-mine")
    heartbeat = Heartbeat()
    heartbeat.away = lambda: "\x1b[31m a-local-key-of-mine"
    with serving("127.0.0.1:0", heartbeat) as port:
        assert ask(port)[1]["engine_away"] == "\\x1b[31m ***"


def test_without_an_address_nothing_is_served() -> None:
    with serving(None, Heartbeat()) as port:
        assert port is None


def test_an_address_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(UimonError, match=f"--serve {address} cannot be used") as caught,
            serving(address, Heartbeat()),
        ):
            pass
    assert caught.value.reason is Reason.CONFIG_INVALID


@pytest.mark.parametrize("text", ["8080", "localhost:", "localhost:http", ":99999", ""])
def test_an_address_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UimonError, match="give HOST:PORT"):
        parse_address(text)
