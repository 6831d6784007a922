"""What `--once` has left without an evaluation, in its last sentence. Pure.

| the checkpoint is | it is named | exit code |
|---|---|---|
| failed, or still being written | yes | 1 |
| skipped as an earlier run's | yes | 1 where nothing of this run was evaluated, else 0 |
| skipped by the policy, or deleted | yes | 0 |
| skipped for having the weights of another | no, they are evaluated | 0 |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from watcher.ledger.ledger import Record
from watcher.model import Reason, State

_NAMED: Final = 3
_DONE: Final = (State.EVALUATED, State.PUBLISHED)


def last_sentence(records: Sequence[Record], elsewhere: str | None) -> str:
    """How one look at the directory has ended: `records` are of what lies there; `elsewhere`: what else is there, in a
    sentence.
    """
    if not records:
        return elsewhere or "There is no checkpoint yet, so nothing is evaluated."
    if elsewhere:
        return f"{_about(records)} {elsewhere}"
    return _about(records) if any(map(_is_left, records)) else "Everything that was there is evaluated."


def _about(records: Sequence[Record]) -> str:
    left = [record for record in records if _is_left(record)]
    named = "; ".join(_named(record) for record in left[:_NAMED])
    more = f"; and {len(left) - _NAMED} more, which `uimon status` lists" if len(left) > _NAMED else ""
    done = sum(record.state in _DONE for record in records)
    said = f"{done} of {len(records)} checkpoints are evaluated."
    return f"{said} Not evaluated: {named}{more}." if left else said


def is_lacking(records: Sequence[Record], elsewhere: str | None) -> bool:
    """True where what is left is worth an exit code, by the table at the top of this module."""
    if elsewhere:
        return True
    taken = any(record.state in _DONE for record in records)
    return any(
        record.state in (State.FAILED, State.SEEN) or (record.reason is Reason.EARLIER_RUN and not taken)
        for record in records
        if _is_left(record)
    )


def _is_left(record: Record) -> bool:
    unread = record.state in (State.SEEN, State.FAILED)
    return unread or (record.state is State.SKIPPED and record.reason is not Reason.SAME_WEIGHTS)


def _named(record: Record) -> str:
    if record.state is State.FAILED:
        # Its sentence follows in full.
        return f"{record.name} (failed, {record.reason})"
    detail = record.detail.rstrip(".")
    state = "is still being written, " if record.state is State.SEEN else ""
    return f"{record.name} ({state}{record.reason}{f': {detail}' if detail else ''})"
