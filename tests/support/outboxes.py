"""Rows as the service makes them, an outbox without a disk, and one publication of what it holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from watcher.ledger.seal import keep_sealed
from watcher.model import Alert, JsonScalar, Reason, Row, RowKind, Sending, Table
from watcher.trackers.wandb import PublishPlan, PublishResult
from watcher.trackers.wandb.outbox import RowPublisher
from watcher.trackers.wandb.proof import Patience


def eval_row(step: int, uid: str | None = None, *, table: bool = True) -> Row:
    """An evaluation's row as the service makes it."""
    uid = uid or f"eval-{step}"
    values: dict[str, JsonScalar] = {
        "train/global_step": step,
        "eval/uid": uid,
        "eval/syntax_validity_rate": 0.5,
        "eval/perplexity": None,
    }
    columns = ("step", "sample", "prompt", "generated_code", "syntax_valid", "num_colors", "num_classes")
    code = "<script>alert('x')</script><div class=\"bg-blue-500\">"
    samples = Table(columns, ((step, 0, "A card", code, "✓", 1, 1), (step, 1, "A form", "", "✗", 0, None)))
    return Row(uid, RowKind.EVAL, step, values, samples if table else None)


def train_row(step: int) -> Row:
    """A training step's row as the service makes it."""
    uid = f"train-{step}"
    values: dict[str, JsonScalar] = {"train/global_step": step, "train/uid": uid, "train/perplexity": 2.5}
    return Row(uid, RowKind.TRAIN, step, values)


class MemoryStore:
    """An outbox store without a disk, for tests."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.rows = {row.uid: row for row in rows}
        self.published: list[str] = []
        self.found: list[str] | None = []
        self.rebuilt = False
        self.copies: dict[str, int] = {}
        self.alerts: list[Alert] = []
        self.raised: list[str] = []
        self.waiting: dict[str, Reason] = {}
        self.marks: list[tuple[tuple[str, ...], int]] = []
        self.look_at: dict[str, float] = {}
        self.began: float | None = None

    @property
    def empty(self) -> bool:
        return not self.due_rows(1) and not self.due_alerts()

    @property
    def surveyed(self) -> bool:
        return self.found is not None

    def found_by_survey(self, uids: Sequence[str]) -> None:
        self.found = list(uids)

    def due_alerts(self) -> list[Alert]:
        return [alert for alert in self.alerts if alert.key not in self.raised]

    def alerts_raised(self, keys: Sequence[str]) -> None:
        self.raised.extend(keys)

    def rows_copied(self, copies: Iterable[tuple[str, int]]) -> None:
        self.copies.update(copies)

    def due_rows(self, limit: int, now: float | None = None) -> list[Row]:
        due = [row for uid, row in self.rows.items() if uid not in self.published]
        return [row for row in due if now is None or self.look_at.get(row.uid, now) <= now][:limit]

    def note_attempt(self, uids: Sequence[str], mark: int, at: float, until: float | None = None) -> None:
        self.marks.append((tuple(uids), mark))
        for uid in uids:
            row = self.rows[uid]
            sent = Sending(row.sent.first_at if row.sent else at, at if until is None else until)
            lowest = mark if row.mark is None else min(mark, row.mark)
            self.rows[uid] = replace(row, mark=lowest, attempts=row.attempts + 1, sent=sent)
            self.look_at[uid] = at

    def rows_absent(self, uids: Sequence[str], look_at: float) -> None:
        for uid in uids:
            sent = self.rows[uid].sent
            self.rows[uid] = replace(self.rows[uid], sent=sent and replace(sent, looks=sent.looks + 1))
            self.look_at[uid] = look_at
            self.waiting[uid] = Reason.UNCONFIRMED

    def rows_unsent(self, uids: Sequence[str]) -> None:
        for uid in uids:
            self.rows[uid] = replace(self.rows[uid], sent=None)
            self.look_at.pop(uid, None)

    def look_now(self, now: float) -> None:
        self.look_at = dict.fromkeys(self.look_at, now)
        self.sending_over(now)

    def sending_over(self, now: float) -> None:
        for uid, row in self.rows.items():
            if row.sent:
                self.rows[uid] = replace(row, sent=replace(row.sent, last_at=min(row.sent.last_at, now)))

    def survey_began(self, now: float) -> float:
        if self.began is None:
            self.began = now
        return self.began

    def rows_published(self, uids: Sequence[str]) -> None:
        self.published.extend(uids)

    def rows_waiting(self, uids: Sequence[str], reason: Reason) -> None:
        self.waiting.update(dict.fromkeys(uids, reason))


def attempt(
    publisher: RowPublisher, store: MemoryStore, order: PublishPlan | None = None, at: float = 0.0
) -> PublishResult:
    """One publication, `at` a time, of what the store holds; the store learns what became of all but the delivered."""
    result = publisher.publish(
        store.due_rows(500),
        store.due_alerts(),
        replace(order or PublishPlan(), now=at),
        lambda uids, mark: store.note_attempt(uids, mark, at),
    )
    store.rows_unsent(result.unsent)
    store.rows_absent(result.absent, at)
    return result


LONG_AFTER = Patience().seconds + 1
"""So long after it was sent, a row that is not seen is lost."""


def let_time_pass(ledger: Path, seconds: float = LONG_AFTER) -> None:
    """Whatever was sent by this ledger was sent that much earlier."""
    with sqlite3.connect(ledger) as db:
        keep_sealed(db)
        db.execute("UPDATE outbox SET sent_first = sent_first - ?1, sent_last = sent_last - ?1", (seconds,))
    db.close()
