"""What is due where: rows in the run and in its companion, and alerts."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.ledger.test_ledger import commit, stage
from tests.ledger.test_rebuild import VERSION_1
from tests.support.ledgers import due_rows
from tests.support.outboxes import eval_row, train_row
from watcher.ledger.ledger import Ledger
from watcher.ledger.rows import MIGRATIONS
from watcher.model import Alert, AlertLevel, Event, Reason, Row, RowKind, Sending, State, Target


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite3")
    yield made
    made.close()


def due(ledger: Ledger, target: Target = Target.RUN) -> list[str]:
    return [row.uid for row in ledger.outbox(target).due_rows(100)]


def add(ledger: Ledger, *rows: Row) -> None:
    ledger.outbox().add_rows(rows)


def test_the_companion_has_what_the_run_has_not(ledger: Ledger) -> None:
    add(ledger, eval_row(10), train_row(1), eval_row(20))
    run, companion = ledger.outbox(), ledger.outbox(Target.COMPANION)
    run.rows_published(["eval-10"])
    assert (companion.empty, run.empty) == (True, False)
    companion.add_undelivered(Target.RUN)
    assert due(ledger, Target.COMPANION) == ["eval-20", "train-1"]
    companion.note_attempt(["eval-20"], 3, 5.0)
    companion.rows_published(["eval-20"])
    companion.add_undelivered(Target.RUN)
    assert due(ledger, Target.COMPANION) == ["train-1"]
    # What became of a row in one place says nothing of the other.
    assert due(ledger) == ["eval-20", "train-1"]
    assert [row.mark for row in run.due_rows(9)] == [None, None]
    assert companion.counts() == {RowKind.EVAL: (0, 1), RowKind.TRAIN: (1, 0)}


def test_doubted_rows_are_due_again_with_their_marks(ledger: Ledger) -> None:
    add(ledger, eval_row(10), eval_row(20))
    outbox = ledger.outbox()
    outbox.note_attempt(["eval-10"], 7, 5.0)
    outbox.rows_published(["eval-10"])
    assert outbox.invalidate() == 1
    assert outbox.invalidate() == 0
    assert [(row.uid, row.mark) for row in outbox.due_rows(9)] == [("eval-10", 7), ("eval-20", None)]


def test_doubt_forgets_what_a_survey_found_and_asks_for_another(ledger: Ledger) -> None:
    add(ledger, eval_row(10))
    outbox = ledger.outbox()
    outbox.found_by_survey(["eval-10", "eval-20"])
    assert outbox.empty
    outbox.invalidate()
    assert outbox.surveyed is False
    add(ledger, eval_row(20))
    assert due(ledger) == ["eval-10", "eval-20"]


def test_doubt_also_holds_for_what_was_found_and_is_not_due_yet(ledger: Ledger) -> None:
    outbox = ledger.outbox()
    outbox.found_by_survey(["eval-10"])
    assert outbox.invalidate() == 0
    add(ledger, eval_row(10))
    assert due(ledger) == ["eval-10"]
    assert outbox.surveyed is False


def test_of_two_marks_the_smaller_one_stays(ledger: Ledger) -> None:
    add(ledger, eval_row(10))
    for mark in (40, 12, 30):
        ledger.outbox().note_attempt(["eval-10"], mark, 5.0)
    assert [(row.mark, row.attempts) for row in ledger.outbox().due_rows(9)] == [(12, 3)]


def test_a_ledger_made_anew_is_known_to_be_until_a_survey_has_found_what_is_there(ledger: Ledger) -> None:
    told = [ledger.outbox().rebuilt]
    ledger.outbox().survey_again()
    told.append(ledger.outbox().rebuilt)
    ledger.outbox().found_by_survey([])
    told.append(ledger.outbox().rebuilt)
    assert told == [False, True, False]


def test_rows_that_a_survey_found_are_delivered_whenever_they_become_due(ledger: Ledger) -> None:
    add(ledger, eval_row(10), eval_row(20))
    outbox = ledger.outbox()
    assert ledger.outbox().surveyed is False
    outbox.survey_again()
    outbox.found_by_survey(["eval-10", "uid"])
    assert ledger.outbox().surveyed
    assert not ledger.outbox(Target.COMPANION).surveyed
    assert due(ledger) == ["eval-20"]
    commit(ledger, stage(ledger))
    assert "uid" not in [row.uid for row in due_rows(ledger)]
    assert [record.state for record in ledger.records()] == [State.PUBLISHED]
    assert [line.published for line in ledger.status()] == ["yes"]


def test_copies_are_told_by_row(ledger: Ledger) -> None:
    add(ledger, eval_row(10), eval_row(20))
    outbox = ledger.outbox()
    outbox.rows_copied([("eval-20", 3)])
    assert outbox.copies() == [("eval-20", 3)]


def test_an_alert_is_due_once_in_a_runs_life(tmp_path: Path) -> None:
    alert = Alert("failed/checkpoint-50", AlertLevel.WARN, "checkpoint-50 failed", "It is broken.")

    def add(ledger: Ledger) -> None:
        ledger.deliveries().add_alert(alert.key, Event.RAISED, alert)

    first = Ledger(tmp_path / "ledger.sqlite3")
    assert first.outbox().empty
    add(first)
    add(first)
    assert first.outbox().due_alerts() == [alert]
    assert not first.outbox().empty
    first.outbox().alerts_raised([alert.key])
    first.close()
    again = Ledger(tmp_path / "ledger.sqlite3")
    add(again)
    assert again.outbox().empty
    again.close()


def test_a_ledger_that_is_only_read_tells_what_is_due(tmp_path: Path) -> None:
    writer = Ledger(tmp_path / "ledger.sqlite3")
    add(writer, eval_row(10))
    writer.outbox().rows_waiting(["eval-10"], Reason.DEFERRED)
    reader = Ledger(tmp_path / "ledger.sqlite3", read_only=True)
    assert reader.outbox().counts() == {RowKind.EVAL: (1, 0)}
    assert reader.outbox().waiting_reasons() == [Reason.DEFERRED]
    assert reader.outbox().copies() == []
    reader.close()
    writer.close()


def test_a_row_that_was_sent_is_unconfirmed_until_it_is_seen_or_known_not_to_be_sent(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "ledger.sqlite3")
    add(first, eval_row(10), eval_row(20), eval_row(30))
    first.outbox().note_attempt(["eval-10", "eval-20", "eval-30"], 7, 100.0)
    first.close()
    # A kill right after the mark leaves all that is needed.
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    outbox = ledger.outbox()
    assert outbox.unconfirmed() == (3, 100.0)
    assert [row.sent for row in outbox.due_rows(9)] == [Sending(100.0, 100.0)] * 3
    outbox.rows_absent(["eval-10"], 115.0)
    outbox.rows_unsent(["eval-20"])
    outbox.rows_waiting(["eval-10", "eval-20"], Reason.NOT_DELIVERED)
    outbox.rows_published(["eval-30"])
    assert [(row.uid, row.sent) for row in outbox.due_rows(9)] == [
        ("eval-10", Sending(100.0, 100.0, looks=1)),
        ("eval-20", None),
    ]
    assert outbox.waiting_reasons() == [Reason.NOT_DELIVERED, Reason.UNCONFIRMED]
    assert (outbox.unconfirmed(), ledger.outbox(Target.COMPANION).unconfirmed()) == ((1, 100.0), (0, None))
    # Not looked for before its time, but at once by the next start.
    assert [row.uid for row in outbox.due_rows(9, 114.0)] == ["eval-20"]
    outbox.look_now(50.0)
    assert [(row.uid, row.sent) for row in outbox.due_rows(9, 50.0)][:1] == [("eval-10", Sending(50.0, 50.0, looks=1))]
    outbox.note_attempt(["eval-10"], 9, 900.0, until=1_140.0)
    assert outbox.due_rows(1, 900.0)[0].sent == Sending(50.0, 1_140.0)
    outbox.sending_over(930.0)
    outbox.sending_over(990.0)
    assert outbox.due_rows(1)[0].sent == Sending(50.0, 930.0)
    ledger.close()


def test_a_ledger_of_version_5_takes_what_was_attempted_for_sent_now(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(VERSION_1)
        for version in range(1, 5):
            db.executescript(MIGRATIONS[version])
        # Of those that came with version 1, "a" is published, and "b" was attempted.
        db.execute("INSERT INTO row SELECT 'c', kind, 70, body, created_at FROM row WHERE uid = 'b'")
        db.execute("INSERT INTO outbox (uid, target, kind, step) VALUES ('c', 'run', 'eval', 70)")
        db.execute("PRAGMA user_version = 5")
        db.commit()
    before = time.time()
    with closing(Ledger(path)) as ledger:
        rows = {row.uid: row.sent for row in ledger.outbox().due_rows(9)}
        assert rows.keys() == {"b", "c"}
        assert rows["c"] is None
        assert rows["b"] is not None
        assert before - 1 <= rows["b"].first_at == rows["b"].last_at <= time.time()
        assert ledger.outbox().unconfirmed()[0] == 1
