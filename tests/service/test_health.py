"""`/healthz`."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request

import pytest

from watcher.model import Reason, UimonError
from watcher.service.health import STALE_SECONDS, Heartbeat, parse_address, serving


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
