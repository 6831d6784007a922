"""`python -m watcher.trackers.wandb.session`: one short W&B session, in a process of its own.

Short, because an open session posts a heartbeat that would keep a dead trainer's run "running". In a process,
because the SDK may block for as long as it likes, because it must not find the trainer's W&B service, and
because everything it holds must be gone when the session is over. It speaks the lines of `wire` over what were
its stdin and stdout; whatever the SDK prints goes to stderr. It dies with its parent, at once.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from typing import IO

from watcher.model import Reason, UimonError
from watcher.trackers.wandb.claim import decode_move, encode_seen
from watcher.trackers.wandb.environment import key_from_file, redact
from watcher.trackers.wandb.run import RunRef
from watcher.trackers.wandb.wire import (
    Limits,
    Message,
    decode_alert,
    decode_order,
    decode_row,
    encode_steps,
    error_message,
)

_PR_SET_PDEATHSIG = 1
# The parts of an answer that may quote the SDK.
_FOR_PEOPLE = frozenset({"sentence", "detail"})


class Channel:
    """The lines to and from the parent."""

    def __init__(self) -> None:
        # The SDK and wandb-core print to descriptor 1: the channel keeps a private copy and gives them stderr.
        self._out: IO[str] = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self._saying = threading.Lock()
        os.dup2(2, 1)
        self._in: IO[str] = os.fdopen(os.dup(0), "r", encoding="utf-8")
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)

    def send(self, message: Message) -> None:
        """Say one line to the parent; more than one thread may."""
        with self._saying:
            self._out.write(json.dumps(message) + "\n")
            self._out.flush()

    def receive(self) -> Message | None:
        """The parent's next line; None where the parent is gone."""
        line = self._in.readline()
        return json.loads(line) if line.endswith("\n") else None

    def commit_mark(self, position: int, uids: list[str]) -> bool:
        """Let the parent commit the mark; False where it did not, and then nothing may be logged."""
        self.send({"event": "mark", "position": position, "uids": uids})
        return bool((self.receive() or {}).get("go"))

    def say_left(self, state: str) -> None:
        """Tell the parent in which state the trainer has left its run: it is to know before the run is open again."""
        self.send({"event": "left", "state": state})


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process as soon as `parent` is gone, and exit if it already is.

    A session that outlived its parent would log rows that a second session, started after a restart, logs too.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _serve(request: Message, channel: Channel) -> Message:
    # The SDK takes half a second to import, and only from here on is it needed.
    from watcher.trackers.wandb.client import inspect, logged_steps, publish
    from watcher.trackers.wandb.own_run import contend
    from watcher.trackers.wandb.writing import end

    ref = RunRef(**request["ref"])
    if request["task"] == "inspect":
        return {"event": "facts", **asdict(inspect(ref, search=request["search"]))}
    if request["task"] == "steps":
        return encode_steps(logged_steps(ref))
    if request["task"] == "claim":
        return encode_seen(contend(ref, decode_move(request["move"])))
    if request["task"] == "end":
        done = end(ref, request["state"], request["since"], Limits(**request["limits"]))
        return {"event": "end", "done": done}
    rows = [decode_row(row) for row in request["rows"]]
    alerts = [decode_alert(alert) for alert in request["alerts"]]
    order = decode_order(request["order"])
    return publish(ref, rows, alerts, order, Limits(**request["limits"]), channel)


def main() -> int:
    """Serve one request; 0 where an answer was sent, whatever it says."""
    die_with_parent(int(sys.argv[1]))
    channel = Channel()
    request = channel.receive()
    if request is None:
        return 1
    try:
        _take_key_from_file()
        answer = _serve(request, channel)
    except UimonError as error:
        answer = error_message(error.reason, error.sentence)
    channel.send({key: redact(part, os.environ) if key in _FOR_PEOPLE else part for key, part in answer.items()})
    return 0


def _take_key_from_file() -> None:
    try:
        key = key_from_file(os.environ)
    except OSError as error:
        raise UimonError(
            Reason.WANDB_KEY_MISSING,
            f"The W&B key file {os.environ.get('WANDB_API_KEY_FILE')} cannot be read ({error.strerror}): "
            "check the path and its permissions.",
        ) from error
    if key is not None:
        os.environ["WANDB_API_KEY"] = key


if __name__ == "__main__":
    sys.exit(main())
