"""Brings alarms to a webhook and to a user's command. Failures are sentences, never exceptions: a warning that cannot
be delivered must not end what it warns of.

The address of a webhook is a secret (whoever has it can post), so no sentence holds more of it than the host.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import urlsplit

from watcher.alerts.episodes import Alarm
from watcher.durations import format_duration
from watcher.printable import printable

ENVIRONMENT = "UIMON_ALERT"
"""The variable in which a command finds the alarm, as JSON; with `_RULE` and `_LEVEL` behind it, those alone."""

_SEND_SECONDS = 10.0
_COMMAND_SECONDS = 60.0
_QUOTED = 300
_RETRIED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


def payload(alarm: Alarm, run: str) -> dict[str, Any]:
    """What receivers get: every field of the alarm, `event` (`raised` or `cleared`), `run`, and `text` for people, as
    Slack and its like show it.
    """
    if alarm.active:
        event, said = "raised", f"*{alarm.title}* (step {alarm.step}, {alarm.level})\n{alarm.text}"
    else:
        event, said = "cleared", f"Over at step {alarm.cleared_step}: {alarm.title} (since step {alarm.step})"
    text = f"uimon, run {run}: {said}"
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, escaped)
    return {"text": text, "event": event, "run": run, **alarm.to_dict()}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a webhook did not take an alarm, as a sentence, and whether it `may_pass`: no connection, 408, 429, 5xx."""

    sentence: str
    may_pass: bool


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that takes alarms by POST, as JSON."""

    url: str
    timeout: float = _SEND_SECONDS

    def send(self, alarm: Alarm, run: str) -> Refusal | None:
        """Deliver, in one attempt; None where the receiver took it.

        A redirect is not followed: what was meant for one address is not sent to another.
        """
        refused = self._post(json.dumps(payload(alarm, run)).encode())
        if refused is None:
            return None
        trouble, may_pass = refused
        return Refusal(f"The webhook at {self._host} did not take alarm {alarm.key} ({trouble}).", may_pass)

    @property
    def _host(self) -> str:
        return urlsplit(self.url).hostname or "an address without a host"

    def _post(self, body: bytes) -> tuple[str, bool] | None:
        """What went wrong, if anything did, and whether another attempt may succeed."""
        try:
            request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"}, method="POST")
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.timeout):
                return None
        except urllib.error.HTTPError as error:
            error.close()
            passing = error.code in _RETRIED or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
            return f"HTTP {error.code}", passing
        except urllib.error.URLError as error:
            # The reason of a URLError names the address only where the address itself is wrong.
            return (type(error.reason).__name__ if isinstance(error.reason, OSError) else "no such service"), True
        except (OSError, HTTPException) as error:
            return type(error).__name__, True
        except ValueError:
            return "the address is no URL", False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""


@dataclass(frozen=True, slots=True)
class Command:
    """A line for the shell, run for each alarm with the alarm as JSON on standard input and in `UIMON_ALERT`."""

    line: str
    timeout: float = _COMMAND_SECONDS

    def run(self, alarm: Alarm, run: str) -> str | None:
        """Run it and wait; None where it succeeded, else the sentence that says what it did instead."""
        text = json.dumps(payload(alarm, run))
        # Files, not pipes: a child that goes on in the background would keep a pipe open, and this waiting.
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.write(text.encode())
            given.seek(0)
            try:
                alone = {f"{ENVIRONMENT}_RULE": alarm.rule, f"{ENVIRONMENT}_LEVEL": alarm.level}
                status = self._wait(given, said, {**os.environ, ENVIRONMENT: text, **alone})
            except OSError as error:
                return f"The command for alarm {alarm.key} could not be started ({error.strerror or error})."
            if status == 0:
                return None
            how = f"took longer than {format_duration(self.timeout)}" if status is None else f"ended with {status}"
            return f"The command for alarm {alarm.key} {how}{_quoted(said)}."

    def _wait(self, given: IO[bytes], said: IO[bytes], environment: Mapping[str, str]) -> int | None:
        """Its exit status; None where it was killed, with all that it had started, because it took too long."""
        process = subprocess.Popen(
            self.line, shell=True, stdin=given, stdout=said, stderr=said, env=environment, start_new_session=True
        )
        try:
            return process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None


def _quoted(said: IO[bytes]) -> str:
    """The end of what a command printed, on one line that cannot steer a terminal."""
    said.seek(0, os.SEEK_END)
    said.seek(max(0, said.tell() - _QUOTED))
    text = printable(" ".join(said.read().decode(errors="replace").split()))
    return f": {text}" if text else ""
