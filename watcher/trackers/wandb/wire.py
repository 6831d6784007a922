"""What parent and session say to each other: one JSON object a line.

    parent  → {"task": "inspect" | "steps" | "claim" | "end", "ref": …, "limits": …, …}
            | {"task": "publish", "ref": …, "order": …, "rows": […], "alerts": […], "limits": …}
    session → {"event": "mark", "position": N, "uids": […]}     only before something is logged
    parent  → {"go": true}                                       after the mark was committed
    session → {"event": "left", "state": …}                    its trainer has left the run; at any time
    session → {"event": "facts" | "steps" | "claim" | "end" | "published" | "error", …}   the last line

Plain data only; neither side trusts the other with code, and no credential is ever among it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

from pydantic import TypeAdapter

from watcher.model import Alert, JsonScalar, LoggedStep, Reason, Row, Table, Target
from watcher.output.printable import encodable, printable, printable_block, printable_document
from watcher.trackers.wandb.joining import Mode
from watcher.trackers.wandb.proof import Patience

Message: TypeAlias = dict[str, Any]

LOGGED_STEPS = 20_000
"""Lines of a run that are read at most to tell trainings apart: they differ from their first steps on."""


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """Where rows are to go, and what is known of it: `mode` is the user's word for how the trainer's run may be
    joined, `settled` is True where that run has ended, and was seen ended for long enough. `survey` asks which rows
    of uimon's are there already, which somebody who has lost the ledger does not know; `hold`: where there are some
    that this ledger has not sent, those that it does not find may still be on their way, and are not sent; `lost`: a
    ledger that was lost may have sent some, whether any is there or not. `ended` is the state in which the trainer left
    the run, where a session that was killed has opened it again since.

    `claim` is the id of the uimon that asks (empty: nobody else can be at the run), whose mark has to be the one that
    `claim` of this package is about; `claim_within` its seconds for writing one. `look` asks only which of the rows are
    in the run, and nothing is written.

    `now` is the parent's clock (`watcher.system.clock`), by which the rows' sendings are judged with `patience`.
    `check`: whether the trainer's first rows are still there after the run was joined is to be told. `spoiled`: they
    were not, once.
    """

    target: Target = Target.RUN
    mode: Mode = "auto"
    settled: bool = False
    survey: bool = False
    ended: str = ""
    hold: bool = False
    lost: bool = False
    now: float = 0.0
    patience: Patience = field(default_factory=Patience)
    check: bool = False
    spoiled: bool = False
    claim: str = ""
    claim_within: float = 10.0
    look: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session tries. All times in seconds.

    `retries` of each request that may be made twice, with pauses of `wait_min` to `wait_max`; `request`: one HTTP
    request; `init`: joining the run; `polls` readings of the run's history, `poll_pause` apart, until the rows are
    seen. The SDK's own defaults retry for days, in which nothing would be said.
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
    were; `detail` says it in one sentence. `absent`: those that may be in the run and that it does not show. `unsent`:
    those of which the session knows that W&B has not got them. `copies`: how often the run holds each row that it holds
    more than once. `alerted`: the keys of the alerts that were raised. `found`: with an order to survey, the uids of
    all rows that were there before; None where some may not have shown yet. `first_rows`: with an order to check,
    whether the trainer's first rows are still there; None where there is nothing to compare yet. `claimed`: the claim
    was this uimon's.
    """

    delivered: tuple[str, ...]
    waiting: Reason | None = None
    detail: str = ""
    url: str | None = None
    copies: Mapping[str, int] = field(default_factory=dict)
    alerted: tuple[str, ...] = ()
    found: tuple[str, ...] | None = None
    absent: tuple[str, ...] = ()
    unsent: tuple[str, ...] = ()
    first_rows: bool | None = None
    claimed: bool = False


def encode_row(row: Row) -> Message:
    """The row as plain JSON data that may leave: texts are fit for one line, but generated code stays what it is,
    save for what W&B cannot hold.
    """
    values = printable_document(row.values)
    table = row.table and Table(row.table.columns, tuple(tuple(map(_encodable, cells)) for cells in row.table.rows))
    return asdict(replace(row, values=values, table=table))


def encode_alert(alert: Alert) -> Message:
    """The alert as plain JSON data that may leave."""
    return asdict(replace(alert, title=printable(alert.title), text=printable_block(alert.text)))


def decode_row(data: Mapping[str, Any]) -> Row:
    """The row that `encode_row` made plain."""
    return _ROW.validate_python(data)


def decode_alert(data: Mapping[str, Any]) -> Alert:
    """The alert that `encode_alert` made plain."""
    return _ALERT.validate_python(data)


def decode_order(data: Mapping[str, Any]) -> PublishPlan:
    """The order that `asdict` made plain."""
    return _ORDER.validate_python(data)


def encode_steps(steps: Sequence[LoggedStep]) -> Message:
    """The session's last line about what a trainer has logged."""
    return {"event": "steps", "steps": [(row.step, row.loss, row.grad_norm, row.learning_rate) for row in steps]}


def decode_steps(message: Mapping[str, Any]) -> list[LoggedStep]:
    """The steps that `encode_steps` made plain."""
    return [LoggedStep(int(step), float(loss), norm, rate) for step, loss, norm, rate in message["steps"]]


def error_message(reason: Reason, sentence: str, url: str | None = None) -> Message:
    """The session's last line where it could not do what it was asked."""
    return {"event": "error", "reason": reason.value, "sentence": sentence, "url": url}


def published_message(result: PublishResult) -> Message:
    """The session's last line after a publication."""
    return {"event": "published", **asdict(result)}


def decode_result(message: Mapping[str, Any]) -> PublishResult:
    """A `published` or `error` message as the result it stands for."""
    if message["event"] == "error":
        return PublishResult((), Reason(message["reason"]), message["sentence"], message.get("url"))
    plain: Message = {name: tuple(part) if isinstance(part, list) else part for name, part in message.items()}
    del plain["event"]
    plain["waiting"] = plain["waiting"] and Reason(plain["waiting"])
    return PublishResult(**plain)


def _encodable(cell: JsonScalar) -> JsonScalar:
    return encodable(cell) if isinstance(cell, str) else cell


# What comes from the ledger. What comes from W&B, or quotes it, may hold text that pydantic takes for none.
_ROW, _ALERT, _ORDER = TypeAdapter(Row), TypeAdapter(Alert), TypeAdapter(PublishPlan)
