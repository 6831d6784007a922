"""Each channel stalled in turn: the others are told all the same, and the exit waits only so long."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.service.test_passing_on import episode
from tests.support.house import House
from watcher.alerts import AlertSettings, Episode
from watcher.alerts.delivery import Command, Refusal, Webhook
from watcher.service.alert_monitor import AlertMonitor
from watcher.service.board import Board
from watcher.service.history import LedgerHistory
from watcher.service.notifiers import Channels
from watcher.system import posting


@dataclass
class Stage:
    """Who was told of what; `stalled` channels wait for `release`."""

    house: House
    stalled: frozenset[str]
    told: set[str] = field(default_factory=set)
    release: threading.Event = field(default_factory=threading.Event)

    def tell(self, channel: str) -> None:
        if channel in self.stalled:
            self.release.wait(50)
        self.told.add(channel)

    def evaluate(self, history: object) -> list[Episode]:
        return [episode("a")]

    def publish(self) -> None:
        if "wandb" not in self.stalled:
            keys = [alert.key for alert in self.house.ledger.outbox().due_alerts()]
            self.house.ledger.outbox().alerts_raised(keys)
            self.told.add("wandb")

    def monitor(self) -> AlertMonitor:
        channels = Channels(Hook("http://localhost", stage=self), Shell("", stage=self), retries=(0.0,) * 9)
        history = LedgerHistory(self.house.ledger)
        return AlertMonitor(
            self.house.ledger,
            history,
            AlertSettings(),
            channels,
            Board(),
            run="run",
            ended=lambda: False,
            publish=self.publish,
        )


@dataclass(frozen=True, slots=True)
class Hook(Webhook):
    stage: Stage = field(kw_only=True)

    def send(self, episode: Episode, run: str) -> Refusal | None:
        self.stage.tell("webhook")
        return None


@dataclass(frozen=True, slots=True)
class Shell(Command):
    stage: Stage = field(kw_only=True)

    def run(self, episode: Episode, run: str) -> str | None:
        self.stage.tell("command")
        return None


@pytest.mark.parametrize("stalled", ["webhook", "command", "wandb"])
def test_a_channel_that_stalls_holds_up_no_other_and_not_the_end(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stalled: str
) -> None:
    stage = Stage(house, frozenset({stalled}))
    monkeypatch.setattr("watcher.service.alert_monitor.Replay", lambda _: stage)
    monkeypatch.setattr("watcher.service.notifiers._HEARD_SECONDS", 0.2)
    monkeypatch.setattr("watcher.service.alert_monitor._LEAVE_SECONDS", 0.2)
    monitor = stage.monitor()
    thread = threading.Thread(target=monitor.run)
    thread.start()
    try:
        wait_for(lambda: stage.told == {"webhook", "command", "wandb"} - {stalled})
        monitor.finish(0.0)
        thread.join(50)
        assert not thread.is_alive()
        assert monitor.looked_last.is_set()
    finally:
        stage.release.set()
        end(monitor)
    said = {
        "webhook": "The webhook could not be told that warning a was raised; the next start retries.",
        "command": "The command for warning a still runs; uimon leaves it running.",
        "wandb": "",
    }
    assert said[stalled] in caplog.text


def test_a_look_goes_on_while_every_channel_stalls(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(house, frozenset({"webhook", "command", "wandb"}))
    looks: list[int] = []
    stage.evaluate = lambda history: looks.append(1) or [episode(f"a{len(looks)}")]  # type: ignore[func-returns-value, method-assign]
    monkeypatch.setattr("watcher.service.alert_monitor.Replay", lambda _: stage)
    monkeypatch.setattr("watcher.service.alert_monitor._LEAST_PAUSE", 0.0)
    monkeypatch.setattr("watcher.service.alert_monitor._LEAVE_SECONDS", 0.0)
    monitor = stage.monitor()
    thread = threading.Thread(target=monitor.run)
    thread.start()
    for count in range(1, 6):
        wait_for(lambda count=count: len(looks) >= count)  # type: ignore[misc]
        monitor.wake()
    monitor.finish(0.0)
    thread.join(50)
    stage.release.set()
    end(monitor)
    assert not thread.is_alive()


def hangs(peer: socket.socket) -> None:
    peer.recv(65_536)
    peer.recv(65_536)
    time.sleep(50)


def drips(peer: socket.socket) -> None:
    peer.recv(65_536)
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10_000:
        peer.send(bytes([byte]))
        time.sleep(0.05)


def drips_lines(peer: socket.socket) -> None:
    peer.recv(65_536)
    while True:
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.05)


def resets(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def talks_nonsense(peer: socket.socket) -> None:
    peer.recv(65_536)
    peer.send(b"\x1b[31m\0\r\n" * 100)


@contextmanager
def receiver(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that takes each connection and then behaves like this."""

    def serve(peer: socket.socket) -> None:
        with peer, suppress(OSError):
            behave(peer)

    def accept() -> None:
        with suppress(OSError):
            while True:
                peer, _ = server.accept()
                threading.Thread(target=serve, args=(peer,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/secret"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("behave", [hangs, drips, drips_lines, resets, talks_nonsense], ids=lambda b: b.__name__)
def test_a_receiver_that_stalls_costs_one_deadline(behave: Callable[[socket.socket], None]) -> None:
    with receiver(behave) as url:
        refusal = Webhook(url, timeout=1.5).send(episode("a"), "run")
    assert refusal is not None
    assert refusal.may_pass
    assert "secret" not in refusal.sentence
    assert refusal.sentence.isprintable()


def test_an_answer_that_never_ends_is_an_answer() -> None:
    def never_ends(peer: socket.socket) -> None:
        peer.recv(65_536)
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(b"x" * 65_536)

    with receiver(never_ends) as url:
        assert Webhook(url, timeout=30).send(episode("a"), "run") is None


def test_a_name_server_that_hangs_ends_with_the_process_that_asks_it() -> None:
    code = (
        "import runpy, socket, sys, time\nsocket.getaddrinfo = lambda *_, **__: time.sleep(100)\n"
        "runpy.run_path(sys.argv[1], run_name='__main__')"
    )
    asked = json.dumps({"url": "http://host.invalid/", "body": "{}", "seconds": 0.1})
    command = [sys.executable, "-c", code, posting.__file__]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == -14


def test_a_command_that_ignores_signals_and_forks_and_prints_without_end_is_killed(tmp_path: Path) -> None:
    line = f"trap '' TERM INT HUP; setsid sleep 1000 & echo $! > {tmp_path}/pid; yes"
    said = Command(line, timeout=1).run(episode("a"), "run")
    assert said is not None
    assert said.startswith("The command for warning a took longer than 1.0 s: y y y")
    assert len(said) < 400
    child = int((tmp_path / "pid").read_text())
    wait_for(lambda: not Path(f"/proc/{child}").exists() or ") Z" in Path(f"/proc/{child}/stat").read_text())


def end(monitor: AlertMonitor) -> None:
    """The ledger is closed behind a test; what still uses it ends before."""
    for notifier in monitor._notifiers:
        notifier.join(50)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 50
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
