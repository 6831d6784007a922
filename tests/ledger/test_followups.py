"""The queue of work that follows evaluations, by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from watcher.evaluation.rows import RowMaker, followup_row
from watcher.ledger.followups import MOST_ATTEMPTS, LedgerFollowups, Queued
from watcher.ledger.ledger import Evaluation, Ledger
from watcher.ledger.samples import StoredSample
from watcher.model import FollowupState, Reason, Row, RowKind, row_uid

KINDS = ("judge", "render")


class Clock:
    """Time that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    with closing(Ledger(tmp_path / "ledger.sqlite3", clock)) as made:
        yield made


def evaluate(ledger: Ledger, step: int, kinds: tuple[str, ...] = KINDS, samples: int = 1) -> Evaluation:
    uid = row_uid(RowKind.EVAL, "run", step, "digest", "suite")
    evaluation = Evaluation(
        uid, step, "suite", {}, (StoredSample({"completion": "x"}),) * samples, 1.0, f"checkpoint-{step}", "digest"
    )
    ledger.restore(evaluation, Row(uid, RowKind.EVAL, step, {}), kinds)
    return evaluation


def begin(queue: LedgerFollowups) -> Queued:
    work = queue.due(KINDS, restored=True)
    assert work is not None
    begun = queue.begin(work)
    assert begun is not None
    return begun


def row_of(evaluation: Evaluation, work: Queued) -> Row:
    return followup_row("run", evaluation, work.kind, {})


def test_the_oldest_comes_first_and_none_twice(ledger: Ledger) -> None:
    evaluate(ledger, 20)
    evaluate(ledger, 10)
    queue = ledger.followups()
    taken = [begin(queue) for _ in range(4)]
    assert [(work.step, work.kind) for work in taken] == [
        (20, "judge"),
        (20, "render"),
        (10, "judge"),
        (10, "render"),
    ]
    assert queue.due(KINDS, restored=True) is None
    assert queue.begin(replace(taken[0], state=FollowupState.DUE)) is None


def test_what_is_committed_again_is_enlisted_once(ledger: Ledger) -> None:
    evaluation = evaluate(ledger, 10, ("render",))
    queue = ledger.followups()
    work = begin(queue)
    assert queue.done(work, {"eval/render/x": 1.0}, row_of(evaluation, work))
    queue.enlist(evaluation.uid, ["render"])
    assert [work.state for work in queue.all()] == [FollowupState.DONE]


def test_nothing_follows_an_evaluation_without_samples_or_one_that_was_scored_anew(ledger: Ledger) -> None:
    evaluate(ledger, 10, samples=0)
    origin = evaluate(ledger, 20, ())
    anew = replace(origin, uid="anew", suite="other", origin=origin.uid)
    assert ledger.rescored_as(anew, Row("anew", RowKind.EVAL, 20, {}))
    assert ledger.followups().all() == []


def test_what_was_postponed_is_due_when_its_time_has_come(ledger: Ledger, clock: Clock) -> None:
    evaluate(ledger, 10, ("render",))
    queue = ledger.followups()
    assert queue.due_in(KINDS, restored=True) == 0.0
    assert queue.postpone(begin(queue), 60.0, Reason.UNREADABLE, "Busy.")
    assert (queue.due(KINDS, restored=True), queue.due_in(KINDS, restored=True)) == (None, 60.0)
    clock.now += 60.0
    assert begin(queue).attempts == 2
    assert queue.due_in(KINDS, restored=True) == float("inf")


def test_work_that_takes_the_process_with_it_comes_to_an_end(ledger: Ledger) -> None:
    evaluate(ledger, 10, ("render",))
    queue = ledger.followups()
    for attempt in range(1, MOST_ATTEMPTS):
        assert begin(queue).attempts == attempt
        assert queue.recover() == []
    begin(queue)
    [given_up] = queue.recover()
    assert (given_up.state, given_up.reason) == (FollowupState.FAILED, Reason.FOLLOWUP_DIED)
    assert given_up.detail == "uimon died 5 times while this was done"
    assert queue.open(KINDS) == []
    assert [work.name for work in queue.retry(10)] == ["checkpoint-10"]
    assert begin(queue).attempts == 1


def test_an_attempt_that_comes_late_changes_nothing(ledger: Ledger) -> None:
    """It was handed back, or another one runs."""
    evaluation = evaluate(ledger, 10, ("render",))
    queue = ledger.followups()
    late = begin(queue)
    queue.recover()
    for state in (FollowupState.DUE, FollowupState.RUNNING):
        if state is FollowupState.RUNNING:
            begin(queue)
        before = queue.all()
        assert before[0].state is state
        assert not queue.done(late, {"eval/render/x": 1.0}, row_of(evaluation, late))
        assert not queue.fail(late, Reason.UNREADABLE, "No.")
        assert not queue.postpone(late, 1.0, Reason.UNREADABLE, "No.")
        assert not queue.requeue(late)
        assert queue.all() == before
    RowMaker(ledger, "run").make()
    assert RowKind.FOLLOWUP not in ledger.outbox().counts()


def test_its_row_is_due_once_somebody_asks_and_is_delivered_where_it_was_found(ledger: Ledger) -> None:
    first, second = evaluate(ledger, 10, ("render",)), evaluate(ledger, 20, ("render",))
    queue, outbox, maker = ledger.followups(), ledger.outbox(), RowMaker(ledger, "run")
    maker.make()
    work = begin(queue)
    queue.done(work, {"eval/render/x": 1.0}, row_of(first, work))
    outbox.found_by_survey([row_of(second, work).uid])
    assert RowKind.FOLLOWUP not in outbox.counts()
    maker.make()
    assert outbox.counts()[RowKind.FOLLOWUP] == (1, 0)
    work = begin(queue)
    assert outbox.holds(row_of(second, work).uid)
    queue.done(work, {"eval/render/x": 1.0}, row_of(second, work))
    maker.make()
    assert outbox.counts()[RowKind.FOLLOWUP] == (1, 1)


def test_evaluations_of_an_earlier_ledger_are_left_out_where_that_is_asked(ledger: Ledger) -> None:
    evaluate(ledger, 10, ("render",))
    ledger.note_restored()
    queue = ledger.followups()
    assert queue.due(KINDS, restored=False) is None
    assert (queue.open(KINDS, restored=False), queue.due_in(KINDS, restored=False)) == ([], float("inf"))
    evaluate(ledger, 20, ("render",))
    assert [work.step for work in queue.open(KINDS, restored=False)] == [20]
    assert [work.step for work in queue.open(KINDS)] == [10, 20]
