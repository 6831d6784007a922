from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.ledgers import due_rows
from watcher.ledger.ledger import MAX_ATTEMPTS, Evaluation, Ledger, Record
from watcher.ledger.rows import packed
from watcher.ledger.samples import StoredSample
from watcher.model import (
    Checkpoint,
    Condition,
    FileStamp,
    LoggedStep,
    Reason,
    Row,
    RowKind,
    Staged,
    State,
    Table,
    TrainerState,
    UimonError,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite3")
    yield opened
    opened.close()


def found(
    step: int = 50, *, written: int = 1, condition: Condition = Condition.COMPLETE, max_steps: int = 300
) -> Checkpoint:
    """A checkpoint as an inspection gives it; `written` stands for the time at which its weights were written."""
    return Checkpoint(
        name=f"checkpoint-{step}",
        path=Path(f"/ckpts/checkpoint-{step}"),
        step=step,
        condition=condition,
        reason=None if condition is Condition.COMPLETE else Reason.WEIGHTS_INCOMPLETE,
        files=(FileStamp("model.safetensors", 100, written, 1),),
        trainer=TrainerState(step, max_steps, (LoggedStep(step - 1, 1.0), LoggedStep(step, 0.5))),
    )


def stage(ledger: Ledger, step: int = 50, digest: str = "aa", *, written: int = 1, copy: Path | None = None) -> Record:
    record = ledger.observe(found(step, written=written), "run")
    assert record is not None
    staged = ledger.staged(record, Staged(copy or Path("/nowhere"), digest))
    assert staged is not None
    return staged


def change_samples(ledger: Ledger, uid: str, change: Callable[[list[Any]], list[Any]]) -> None:
    """Store other samples of an evaluation than were drawn."""
    body = packed(json.dumps(change([sample.to_dict() for sample in ledger.samples(uid)])))
    with ledger.change() as db:
        db.execute("UPDATE answers SET body = ? WHERE uid = ?", (body, uid))


def see_many(ledger: Ledger) -> None:
    for step in range(100, 5000, 50):
        ledger.observe(found(step), "run")


def begin(ledger: Ledger, record: Record) -> Record:
    begun = ledger.begin(record)
    assert begun is not None
    return begun


def commit(ledger: Ledger, record: Record, uid: str = "uid") -> None:
    evaluation = Evaluation(
        uid,
        record.step,
        "suite",
        {"eval/perplexity": 3.0, "eval/hue_entropy": None},
        (StoredSample({"completion": "x"}),),
        1.0,
    )
    row = Row(
        uid, RowKind.EVAL, record.step, {"eval/uid": uid, "train/global_step": record.step}, Table(("a",), (("b",),))
    )
    ledger.evaluated(begin(ledger, record), evaluation, row)


def test_a_checkpoint_goes_its_way_to_published(ledger: Ledger) -> None:
    record = stage(ledger)
    assert (record.state, record.digest) == (State.STAGED, "aa")
    commit(ledger, record)
    assert ledger.records()[0].state is State.EVALUATED
    due_rows(ledger)
    ledger.outbox().rows_published(["uid"])
    assert [(r.step, r.state, r.published) for r in ledger.status()] == [(50, "published", "yes")]
    assert ledger.status()[0].metrics == {"eval/perplexity": 3.0, "eval/hue_entropy": None}


def test_a_row_survives_the_ledger_unchanged(ledger: Ledger) -> None:
    commit(ledger, stage(ledger))
    first = due_rows(ledger)[0]
    assert (first.uid, first.kind, first.table) == ("uid", RowKind.EVAL, Table(("a",), (("b",),)))
    assert first.values == {"eval/uid": "uid", "train/global_step": 50}


def test_partial_becomes_complete_and_keeps_one_record(ledger: Ledger) -> None:
    partial = ledger.observe(found(condition=Condition.PARTIAL), "run", 1.0)
    assert partial is not None
    assert (partial.state, partial.reason) == (State.SEEN, Reason.WEIGHTS_INCOMPLETE)
    complete = ledger.observe(found(written=2), "run", 2.0)
    assert complete is not None
    assert (complete.id, complete.state, complete.reason) == (partial.id, State.COMPLETE, None)
    # What a trainer left behind unfinished, and wrote again having gone back, is seen after what came in between.
    assert complete.seen_at == 2.0


def test_a_partial_look_at_a_directory_that_rotation_deletes_is_not_a_new_checkpoint(ledger: Ledger) -> None:
    stage(ledger)
    ledger.observe(replace(found(condition=Condition.PARTIAL), files=()), "run")
    ledger.observe(replace(found(condition=Condition.GONE), files=(), reason=Reason.DELETED), "run")
    assert ledger.vanished([]) == []
    assert [r.state for r in ledger.records()] == [State.STAGED]


def test_weights_written_again_at_the_same_step_are_another_checkpoint(ledger: Ledger) -> None:
    commit(ledger, stage(ledger, digest="aa"))
    again = stage(ledger, digest="bb", written=2)
    assert [(r.step, r.digest) for r in ledger.records()] == [(50, "aa"), (50, "bb")]
    assert again.state is State.STAGED
    assert [r.superseded for r in ledger.status()] == [False, False]
    commit(ledger, again, "uid-2")
    assert [r.superseded for r in ledger.status()] == [True, False]


def test_the_same_weights_written_again_are_not_evaluated_again(ledger: Ledger) -> None:
    commit(ledger, stage(ledger, digest="aa"))
    record = ledger.observe(found(written=2), "run")
    assert record is not None
    assert ledger.staged(record, Staged(Path("/nowhere"), "aa")) is None
    assert [r.state for r in ledger.records()] == [State.EVALUATED]
    assert ledger.observe(found(written=2), "run") == ledger.records()[0]


def test_what_vanishes_before_it_was_copied_is_skipped_and_what_was_copied_stays(ledger: Ledger) -> None:
    ledger.observe(found(50), "run")
    stage(ledger, 100)
    gone = ledger.vanished(["checkpoint-150"])
    assert [(r.step, r.state) for r in ledger.records()] == [(50, State.SKIPPED), (100, State.STAGED)]
    assert [r.name for r in gone] == ["checkpoint-50"]


def test_a_directory_that_only_seemed_deleted_is_taken_up_again(ledger: Ledger) -> None:
    ledger.observe(found(50), "run")
    ledger.vanished([])
    assert [r.state for r in ledger.records()] == [State.SKIPPED]
    ledger.observe(found(50), "run")
    assert [(r.state, r.reason) for r in ledger.records()] == [(State.COMPLETE, None)]


def test_unsupported_fails_with_its_reason_and_is_taken_up_once_converted(ledger: Ledger) -> None:
    pickled = replace(
        found(condition=Condition.UNSUPPORTED), reason=Reason.PICKLE_WEIGHTS, detail="convert it", files=()
    )
    record = ledger.observe(pickled, "run")
    assert record is not None
    assert (record.state, record.reason, record.detail) == (State.FAILED, Reason.PICKLE_WEIGHTS, "convert it")
    converted = ledger.observe(found(), "run")
    assert converted is not None
    assert (converted.id, converted.state) == (record.id, State.COMPLETE)


def test_recovery_follows_the_table(ledger: Ledger, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    ledger.begin(stage(ledger, 50, "a", copy=copy))
    stage(ledger, 100, "b", copy=tmp_path / "lost")
    commit(ledger, stage(ledger, 150, "c"))
    ledger.observe(found(200), "run")
    assert ledger.recover() == []
    states = [(r.step, r.state) for r in ledger.records()]
    assert states == [(50, State.STAGED), (100, State.COMPLETE), (150, State.EVALUATED), (200, State.COMPLETE)]


def test_after_the_machine_went_down_no_copy_is_trusted(ledger: Ledger, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    stage(ledger, copy=copy)
    ledger.recover(lambda _: False)
    assert [(r.state, r.stage) for r in ledger.records()] == [(State.COMPLETE, None)]


def test_a_checkpoint_that_kills_the_service_again_and_again_is_given_up(ledger: Ledger, tmp_path: Path) -> None:
    record = stage(ledger, copy=tmp_path)
    for _ in range(MAX_ATTEMPTS - 1):
        ledger.begin(record)
        assert ledger.recover() == []
    ledger.begin(record)
    assert [(r.state, r.reason) for r in ledger.recover()] == [(State.FAILED, Reason.ENGINE_DIED)]


def test_an_interruption_is_not_counted_as_an_attempt(ledger: Ledger) -> None:
    record = begin(ledger, stage(ledger))
    ledger.requeue(record, Reason.INTERRUPTED, "stopped", counted=False)
    assert [(r.state, r.attempts) for r in ledger.records()] == [(State.STAGED, 0)]


def test_retry_takes_failed_and_skipped_up_again_and_nothing_else(ledger: Ledger) -> None:
    failed, skipped, done = stage(ledger, 50, "a"), stage(ledger, 100, "b"), stage(ledger, 150, "c")
    ledger.failed(failed, Reason.NON_FINITE, "NaN")
    ledger.skipped(skipped, Reason.DELETED, "gone")
    commit(ledger, done)
    assert [r.step for r in ledger.retry(50)] == [50]
    assert [r.step for r in ledger.retry()] == [100]
    assert [(r.state, r.digest) for r in ledger.records()][:2] == [(State.COMPLETE, None), (State.COMPLETE, None)]


def test_each_logged_loss_becomes_one_row_however_often_it_is_seen(ledger: Ledger) -> None:
    for step in (50, 100):
        ledger.observe(found(step), "run")
        ledger.observe(found(step), "run")
    rows = due_rows(ledger)
    assert [r.step for r in rows] == [49, 50, 99, 100]
    assert rows[1].values["train/perplexity"] == pytest.approx(1.6487212707)


def test_a_step_logged_again_with_another_loss_is_another_row(ledger: Ledger) -> None:
    ledger.observe(found(50), "run")
    rewound = replace(found(50, written=2), trainer=TrainerState(50, 300, (LoggedStep(50, 0.7),)))
    ledger.observe(rewound, "run")
    assert [r.step for r in due_rows(ledger)] == [49, 50, 50]


def test_the_first_attempts_mark_stays(ledger: Ledger) -> None:
    commit(ledger, stage(ledger))
    due_rows(ledger)
    ledger.outbox().note_attempt(["uid"], 10, 5.0)
    ledger.outbox().note_attempt(["uid"], 99, 5.0)
    row = ledger.outbox().due_rows(1)[0]
    assert (row.mark, row.attempts) == (10, 2)


def test_rows_that_wait_for_a_shared_trainer_are_deferred(ledger: Ledger) -> None:
    commit(ledger, stage(ledger))
    assert ledger.status()[0].published == "pending"
    due_rows(ledger)
    assert ledger.status()[0].published == "pending"
    ledger.outbox().rows_waiting(["uid"], Reason.DEFERRED)
    assert ledger.status()[0].published == "deferred"
    assert ledger.outbox().waiting_reasons() == [Reason.DEFERRED]


def test_evaluations_are_due_before_losses(ledger: Ledger) -> None:
    commit(ledger, stage(ledger, 300))
    assert [r.kind for r in due_rows(ledger)] == [RowKind.EVAL, RowKind.TRAIN, RowKind.TRAIN]


def test_the_final_checkpoint_is_known_by_its_steps(ledger: Ledger) -> None:
    ledger.observe(found(250), "run")
    ledger.observe(found(300), "run")
    assert [r.final for r in ledger.records()] == [False, True]


def test_a_change_that_fails_half_way_leaves_nothing(ledger: Ledger) -> None:
    record = begin(ledger, stage(ledger))
    bad = Evaluation("uid", 50, "suite", {}, (StoredSample({"completion": object()}),), 1.0)
    with pytest.raises(TypeError):
        ledger.evaluated(record, bad, Row("uid", RowKind.EVAL, 50, {}))
    assert ledger.evaluations() == []
    assert ledger.records()[0].state is State.EVALUATING


def test_a_second_process_reads_while_the_first_writes(ledger: Ledger) -> None:
    reader = Ledger(ledger.path, read_only=True)
    commit(ledger, stage(ledger))
    assert [r.state for r in reader.status()] == ["evaluated"]
    reader.close()


def test_a_damaged_file_is_named_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(UimonError, match="is damaged") as caught:
        Ledger(path)
    assert caught.value.reason is Reason.LEDGER_DAMAGED


def test_a_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    Ledger(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(UimonError, match="version 99"):
        Ledger(path)


def test_a_full_disk_is_named_and_nothing_committed_is_lost(ledger: Ledger) -> None:
    stage(ledger)
    ledger._db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(UimonError) as caught:
        see_many(ledger)
    assert caught.value.reason is Reason.DISK_FULL
    assert ledger.records()[0].state is State.STAGED


def test_words_of_sqlite_that_quote_damaged_bytes_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    Ledger(path).close()
    # A table's name, which SQLite quotes where it does not understand its schema.
    damaged = path.read_bytes().replace(b"tablesuitesuite", b"tablesu\xe9tesuite")
    path.write_bytes(damaged.replace(b"CREATE TABLE suite", b"CREATE TABL3 suite"))
    with pytest.raises(UimonError) as caught:
        Ledger(path)
    assert caught.value.reason is Reason.LEDGER_DAMAGED
