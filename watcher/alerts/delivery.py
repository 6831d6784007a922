"""Brings episodes to a webhook and to a user's command. Failures are sentences, never exceptions: a warning that cannot
be delivered must not end what it warns of.

The address of a webhook is a secret (whoever has it can post), so no sentence holds more of it than the host.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlsplit

from watcher.alerts.episodes import Episode
from watcher.model import Event
from watcher.output.printable import printable, printable_block, printable_document
from watcher.settings.durations import format_duration
from watcher.system import posting
from watcher.system.processes import kill_family
from watcher.system.umask import users

ENVIRONMENT = "UIMON_ALERT"
"""The variable in which a command finds the episode, as JSON; with `_RULE` and `_LEVEL` behind it, those alone."""

_SEND_SECONDS = 10.0
_COMMAND_SECONDS = 60.0
_LAST_WORDS_SECONDS = 1.0
_QUOTED = 300
_LONGEST_TEXT, _LONGEST_FIELD = 4_000, 1_000
"""Characters. Linux takes 128 KiB of one variable, and JSON writes a character in up to 12 bytes."""


def payload(episode: Episode, run: str) -> dict[str, Any]:
    """What receivers get: every field of the episode, its last `event` (`raised`, `risen` or `cleared`), `run`, and
    `text` for people, as Slack and its like show it. All of it has passed the printable gate.
    """
    event, said = episode.event, f"*{episode.title}* (step {episode.step}, {episode.level})\n{episode.text}"
    if episode.risen is not None:
        said = f"*Worse: {episode.title}* (step {episode.risen.step}, {episode.level})\n"
        said += f"{episode.risen.evidence}\n{episode.text}"
    if event is Event.CLEARED:
        said = f"Over at step {episode.cleared_step}: {episode.title} (since step {episode.step})"
    text = printable_block(f"uimon, run {run}: {said}", _LONGEST_TEXT)
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, escaped)
    return {"text": text, **printable_document({"event": event, "run": run, **episode.to_dict()}, _LONGEST_FIELD)}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a webhook did not take an episode, as a sentence, and whether it `may_pass`: no connection, 408, 429, 5xx."""

    sentence: str
    may_pass: bool


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that takes episodes by POST, as JSON. `timeout`: seconds for a whole request, from the look-up of the
    name to the last byte of the answer's head, however slowly they come.
    """

    url: str
    timeout: float = _SEND_SECONDS

    def send(self, episode: Episode, run: str) -> Refusal | None:
        """Deliver, in one attempt; None where the receiver took it.

        A redirect is not followed: what was meant for one address is not sent to another.
        """
        trouble, may_pass = self._post(json.dumps(payload(episode, run)))
        if not trouble:
            return None
        return Refusal(f"The webhook at {self._host} did not accept warning {episode.key} ({trouble}).", may_pass)

    @property
    def _host(self) -> str:
        return urlsplit(self.url).hostname or "an address without a host"

    def _post(self, body: str) -> tuple[str, bool]:
        """What went wrong, empty where nothing did, and whether another attempt may succeed."""
        asked = json.dumps({"url": self.url, "body": body, "seconds": self.timeout})
        command = [sys.executable, "-I", posting.__file__]
        try:
            done = subprocess.run(command, input=asked.encode(), capture_output=True, timeout=self.timeout, check=True)
            answer = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            return f"no answer within {format_duration(self.timeout)}", True
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            return f"the request could not be made, {type(error).__name__}", True
        return answer["trouble"], answer["may_pass"]


@dataclass(frozen=True, slots=True)
class Command:
    """A line for the shell, run for each episode with the episode as JSON on standard input and in `UIMON_ALERT`, under
    the umask that uimon was started with: its files are the user's.

    After `timeout` seconds it is killed with all that it has started, whatever signals they ignore. What it leaves in
    the background when it ends is left alone; that should not print where this process has ended before it.
    """

    line: str
    timeout: float = _COMMAND_SECONDS

    def run(self, episode: Episode, run: str) -> str | None:
        """Run it and wait; None where it succeeded, else the sentence that says what it did instead."""
        text = json.dumps(payload(episode, run))
        alone = {f"{ENVIRONMENT}_RULE": episode.rule, f"{ENVIRONMENT}_LEVEL": episode.level}
        with tempfile.TemporaryFile() as given:
            given.write(text.encode())
            given.seek(0)
            try:
                process = self._start(given, {**os.environ, ENVIRONMENT: text, **alone})
            except OSError as error:
                return f"The command for warning {episode.key} could not be started ({error.strerror or error})."
        said = _LastWords(process)
        status = self._wait(process)
        if status == 0:
            return None
        how = f"took longer than {format_duration(self.timeout)}" if status is None else f"ended with {status}"
        return f"The command for warning {episode.key} {how}{said.quoted()}."

    def _start(self, given: IO[bytes], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.line,
            shell=True,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            umask=users(),
        )

    def _wait(self, process: subprocess.Popen[bytes]) -> int | None:
        """Its exit status; None where it was killed, with all that it had started, because it took too long."""
        try:
            return process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            kill_family(process.pid)
            process.wait()
            return None


class _LastWords:
    """The end of what a command prints. All of it is read, so that one that prints without end fills neither a disk nor
    a pipe, in a thread, since what is left in the background keeps the pipe open.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._stream = process.stdout
        self._end = b""
        self._thread = threading.Thread(target=self._read, name="last words", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream:
            while piece := os.read(self._stream.fileno(), 65_536):
                self._end = (self._end + piece)[-_QUOTED:]

    def quoted(self) -> str:
        """It, on one line that cannot steer a terminal."""
        self._thread.join(_LAST_WORDS_SECONDS)
        text = printable(" ".join(self._end.decode(errors="replace").split()))
        return f": {text}" if text else ""
