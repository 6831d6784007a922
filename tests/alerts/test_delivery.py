"""Webhook and command, against a real server and a real shell."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.alerts.making import entry, episodes, healthy
from watcher.alerts import Episode, Rule
from watcher.alerts.delivery import Command, Refusal, Webhook
from watcher.alerts.episodes import Rise
from watcher.ledger.state_dir import StateDir
from watcher.model import AlertLevel
from watcher.system import umask

SECRET = "T0/B0/s3cr3t"


@dataclass
class Receiver:
    """A server that answers with `answers` in turn, then with 200, and keeps what it was sent."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            status = kept.answers.pop(0) if kept.answers else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{kept.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        kept.url = f"http://127.0.0.1:{server.server_port}/{SECRET}"
        yield kept
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def episode() -> Episode:
    return episodes([*healthy([100, 150, 200]), entry(250, bad=range(30))], Rule.VALIDITY_DROPPED)[0]


def test_a_webhook_gets_the_alarm_as_json_with_text_for_people(receiver: Receiver, episode: Episode) -> None:
    assert Webhook(receiver.url).send(episode, "run-1") is None
    body = json.loads(receiver.bodies[0])
    told = (body["event"], body["run"], body["key"], body["rule"])
    assert told == ("raised", "run-1", episode.key, "validity_dropped")
    assert episode.title in body["text"]
    assert "What to do: " in body["text"]


def test_the_end_of_an_episode_is_told_in_one_sentence_without_markup(receiver: Receiver, episode: Episode) -> None:
    over = replace(episode, cleared_step=400, title="Less <b> & more")
    assert Webhook(receiver.url).send(over, "run-1") is None
    body = json.loads(receiver.bodies[0])
    assert body["event"] == "cleared"
    assert body["text"] == "uimon, run run-1: Over at step 400: Less &lt;b&gt; &amp; more (since step 250)"


def test_one_that_has_become_worse_is_told_with_what_shows_it(
    receiver: Receiver, episode: Episode, tmp_path: Path
) -> None:
    worse = replace(episode, level=AlertLevel.ERROR, risen=Rise(400, "Hardly a page parses.", "uid-400"))
    assert Webhook(receiver.url).send(worse, "run-1") is None
    body = json.loads(receiver.bodies[0])
    assert (body["event"], body["level"]) == ("risen", "error")
    assert body["risen"] == {"step": 400, "evidence": "Hardly a page parses.", "uid": "uid-400"}
    said = f"uimon, run run-1: *Worse: {episode.title}* (step 400, error)\nHardly a page parses.\n"
    assert body["text"].startswith(said)
    assert Command(f'[ "$UIMON_ALERT_LEVEL" = error ] && touch {tmp_path}/STOP').run(worse, "run-1") is None
    assert (tmp_path / "STOP").exists()


@pytest.mark.parametrize(
    ("status", "may_pass"), [(500, True), (503, True), (429, True), (408, True), (404, False), (302, False)]
)
def test_a_receiver_that_refuses_is_named_without_its_secret(
    receiver: Receiver, episode: Episode, status: int, may_pass: bool
) -> None:
    receiver.answers = [status]
    refusal = Webhook(receiver.url).send(episode, "run-1")
    assert refusal == Refusal(
        f"The webhook at 127.0.0.1 did not accept warning {episode.key} (HTTP {status}).", may_pass=may_pass
    )
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize("url", [f"http://127.0.0.1:1/{SECRET}", f"nonsense/{SECRET}", f"gopher://host/{SECRET}", ""])
def test_no_address_raises_or_leaks(url: str, episode: Episode) -> None:
    refusal = Webhook(url).send(episode, "run-1")
    assert refusal is not None
    assert "s3cr3t" not in refusal.sentence


def test_a_command_gets_the_alarm_on_its_input_and_in_its_environment(tmp_path: Path, episode: Episode) -> None:
    line = f'cat > {tmp_path}/input && printf %s "$UIMON_ALERT" > {tmp_path}/variable && touch {tmp_path}/STOP'
    line += f' && [ "$UIMON_ALERT_RULE $UIMON_ALERT_LEVEL" = "validity_dropped {episode.level}" ]'
    assert Command(line).run(episode, "run-1") is None
    given = json.loads((tmp_path / "input").read_text())
    assert given["key"] == episode.key
    assert json.loads((tmp_path / "variable").read_text()) == given
    assert (tmp_path / "STOP").exists()


def test_a_commands_files_are_the_users(tmp_path: Path, episode: Episode, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o022)
    monkeypatch.setattr(umask, "_started_with", None)
    try:
        for _ in range(2):
            StateDir(tmp_path / "state").create()
        assert Command(f"echo told > {tmp_path}/for-others").run(episode, "run-1") is None
        (tmp_path / "own").touch()
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("for-others", "own")] == [0o644, 0o600]


def test_a_command_that_fails_is_quoted_and_nothing_else_happens(episode: Episode) -> None:
    said = Command("echo no such job >&2; exit 7").run(episode, "run-1")
    assert said == f"The command for warning {episode.key} ended with 7: no such job."


def test_what_a_command_prints_cannot_steer_a_terminal(episode: Episode) -> None:
    said = Command(r"printf '\033]0;title\007\033[31mred'; exit 3").run(episode, "run-1")
    assert said == rf"The command for warning {episode.key} ended with 3: \x1b]0;title\x07\x1b[31mred."


def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path, episode: Episode) -> None:
    said = Command(f"sleep 1000 & echo $! > {tmp_path}/pid; wait", timeout=1).run(episode, "run-1")
    assert said == f"The command for warning {episode.key} took longer than 1.0 s."
    child = int((tmp_path / "pid").read_text())
    # SIGKILL was sent to the whole group, but only the shell was waited for.
    deadline = time.monotonic() + 10
    while _lives(child):
        assert time.monotonic() < deadline, "it lives"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_command_that_leaves_something_in_the_background_is_not_waited_for(tmp_path: Path, episode: Episode) -> None:
    assert Command(f"sleep 30 & echo $! > {tmp_path}/pid", timeout=20).run(episode, "run-1") is None
    os.kill(int((tmp_path / "pid").read_text()), 9)
