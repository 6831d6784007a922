"""`python -m watcher.trackers.wandb.session`: one short W&B session, in a process of its own.

Short, because an open session posts a heartbeat that would keep a dead trainer's run "running". In a process,
because the SDK may block for as long as it likes, because it must not find the trainer's W&B service, and
because everything it holds must be gone when the session is over. It speaks the lines of `wire`. It dies with its
parent, at once: a session that outlived it would log rows that a second session, started after a restart, logs too.
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import asdict

from watcher.model import Reason, UimonError
from watcher.system.lifeline import child_arguments, join_parent
from watcher.system.lines import LineSocket
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

# The parts of an answer that may quote the SDK.
_FOR_PEOPLE = frozenset({"sentence", "detail"})


class SessionChannel:
    """The lines to and from the parent."""

    def __init__(self, lines: LineSocket) -> None:
        self._lines = lines
        self._saying = threading.Lock()

    def send(self, message: Message) -> None:
        """Say one line to the parent; more than one thread may."""
        with self._saying:
            self._lines.send_object(message)

    def receive(self) -> Message | None:
        """The parent's next line; None where the parent is gone."""
        try:
            return self._lines.receive_object()
        except EOFError:
            return None

    def commit_mark(self, position: int, uids: list[str]) -> bool:
        """Let the parent commit the mark; False where it did not, and then nothing may be logged."""
        self.send({"event": "mark", "position": position, "uids": uids})
        return bool((self.receive() or {}).get("go"))

    def say_left(self, state: str) -> None:
        """Tell the parent in which state the trainer has left its run: it is to know before the run is open again."""
        self.send({"event": "left", "state": state})


def _serve(request: Message, channel: SessionChannel) -> Message:
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
    channel = SessionChannel(join_parent(child_arguments().parse_args()))
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
