"""What parent and session say to each other: one JSON object a line, over the session's stdin and stdout.

    parent  → {"task": "inspect" | "steps" | "publish", "ref": …, "order": …, "rows": […], "alerts": […], "limits": …}
    session → {"event": "mark", "position": N, "uids": […]}     only before something is logged
    parent  → {"go": true}                                       after the mark was committed
    session → {"event": "facts" | "steps" | "published" | "error", …}   the last line

Plain data only; neither side trusts the other with code, and no credential is ever among it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

from watcher.model import Alert, AlertLevel, LoggedStep, Reason, Row, RowKind, Table, Target
from watcher.printable import encodable, printable, printable_block, printable_document
from watcher.publish.joining import Mode

Message: TypeAlias = dict[str, Any]

LOGGED_STEPS = 20_000
"""Lines of a run that are read at most to tell trainings apart: they differ from their first steps on."""


@dataclass(frozen=True, slots=True)
class Order:
    """Where rows are to go, and what is known of it: `mode` is the user's word for how the trainer's run may be
    joined, `settled` is True where that run has ended, and was seen ended for long enough. `survey` asks which rows
    of uimon's are there already, which somebody who has lost the ledger does not know. `ended` is the state in which
    the trainer left the run, where a session that was killed has opened it again since.
    """

    target: Target = Target.RUN
    mode: Mode = "auto"
    settled: bool = False
    survey: bool = False
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session tries. All times in seconds.

    `retries` of each request, with pauses of `wait_min` to `wait_max`; `request`: one HTTP request; `init`:
    joining the run; `polls` readings of the run's history, `poll_pause` apart, until the rows are seen.
    The SDK's own defaults retry for days, in which nothing would be said.
    """

    retries: int = 4
    wait_min: float = 0.5
    wait_max: float = 4.0
    request: float = 20.0
    init: float = 30.0
    polls: int = 10
    poll_pause: float = 1.0


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What became of a batch.

    `delivered`: the uids that were read back from the run. `waiting`: why the others were not, None where all
    were; `detail` says it in one sentence. `copies`: how often the run holds each row that it holds more than once.
    `alerted`: the keys of the alerts that were raised. `found`: with an order to survey, the uids of all rows that
    were there before.
    """

    delivered: tuple[str, ...]
    waiting: Reason | None = None
    detail: str = ""
    url: str | None = None
    copies: Mapping[str, int] = field(default_factory=dict)
    alerted: tuple[str, ...] = ()
    found: tuple[str, ...] | None = None


def encode_row(row: Row) -> Message:
    """The row as plain JSON data that may leave: texts are fit for one line, but generated code stays what it is,
    save for what W&B cannot hold.
    """
    values = printable_document(row.values)
    table = row.table and {
        "columns": list(row.table.columns),
        "rows": [[encodable(cell) if isinstance(cell, str) else cell for cell in cells] for cells in row.table.rows],
    }
    return asdict(replace(row, values=values, table=None)) | {"table": table}


def encode_alert(alert: Alert) -> Message:
    """The alert as plain JSON data that may leave."""
    return asdict(replace(alert, title=printable(alert.title), text=printable_block(alert.text)))


def decode_row(data: Mapping[str, Any]) -> Row:
    """The row that `encode_row` made plain."""
    table = data["table"]
    return Row(
        uid=data["uid"],
        kind=RowKind(data["kind"]),
        step=data["step"],
        values=data["values"],
        table=None if table is None else Table(tuple(table["columns"]), tuple(tuple(row) for row in table["rows"])),
        mark=data["mark"],
        attempts=data["attempts"],
    )


def decode_alert(data: Mapping[str, Any]) -> Alert:
    """The alert that `encode_alert` made plain."""
    return Alert(data["key"], AlertLevel(data["level"]), data["title"], data["text"])


def decode_order(data: Mapping[str, Any]) -> Order:
    """The order that `asdict` made plain."""
    return Order(Target(data["target"]), data["mode"], data["settled"], data["survey"], data["ended"])


def encode_steps(steps: Sequence[LoggedStep]) -> Message:
    """The session's last line about what a trainer has logged."""
    return {"event": "steps", "steps": [(row.step, row.loss, row.grad_norm, row.learning_rate) for row in steps]}


def decode_steps(message: Mapping[str, Any]) -> list[LoggedStep]:
    """The steps that `encode_steps` made plain."""
    return [LoggedStep(int(step), float(loss), norm, rate) for step, loss, norm, rate in message["steps"]]


def error_message(reason: Reason, sentence: str, url: str | None = None) -> Message:
    """The session's last line where it could not do what it was asked."""
    return {"event": "error", "reason": reason.value, "sentence": sentence, "url": url}


def published_message(
    delivered: Sequence[str],
    copies: Mapping[str, int],
    alerted: Sequence[str],
    found: Sequence[str] | None,
    url: str | None,
    waiting: Reason | None,
    detail: str,
) -> Message:
    """The session's last line after a publication."""
    return {
        "event": "published",
        "delivered": list(delivered),
        "copies": dict(copies),
        "alerted": list(alerted),
        "found": None if found is None else list(found),
        "url": url,
        "waiting": None if waiting is None else waiting.value,
        "detail": detail,
    }


def decode_result(message: Mapping[str, Any]) -> PublishResult:
    """A `published` or `error` message as the result it stands for."""
    if message["event"] == "error":
        return PublishResult((), Reason(message["reason"]), message["sentence"], message.get("url"))
    waiting = message["waiting"]
    return PublishResult(
        delivered=tuple(message["delivered"]),
        waiting=None if waiting is None else Reason(waiting),
        detail=message["detail"],
        url=message["url"],
        copies=message["copies"],
        alerted=tuple(message["alerted"]),
        found=None if message["found"] is None else tuple(message["found"]),
    )
