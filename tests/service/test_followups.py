"""Work that follows an evaluation: it delays nothing, comes to an end, and is done once."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.ledger.test_followups import evaluate
from tests.service.test_service import run_in_thread, wait_until
from tests.support.checkpoint_files import write_checkpoint
from tests.support.fake_tracker import FakeTracker
from tests.support.house import House, house_in
from tests.support.scripted_followup import ScriptedFollowup
from watcher.cli.retry import run_retry
from watcher.cli.status import run_status
from watcher.evaluation.evaluate import TableLimits
from watcher.evaluation.rows import followup_uid
from watcher.followups import Refused, Retryable, in_force
from watcher.ledger.followups import MOST_ATTEMPTS
from watcher.ledger.ledger import Ledger
from watcher.ledger.rebuild import open_ledger
from watcher.model import FollowupState, Reason, Row, RowKind, UimonError
from watcher.service import Service, followups
from watcher.service.followups import FollowupWorker
from watcher.settings.config import Settings
from watcher.trackers.base import PublishOutcome, Tracker


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followups, "PAUSES", (0.01,) * (MOST_ATTEMPTS - 1))


@pytest.fixture
def work(house: House) -> ScriptedFollowup:
    house.followups = (made := ScriptedFollowup(),)
    return made


def with_tracker(house: House, tracker: Tracker | None, **settings: object) -> Service:
    made = house.service(**settings)
    parts = replace(made._parts, tracker=tracker)
    return Service(made._settings, "run", made._evaluator._suites._val, house.state.stage, parts)


def rows(sent: Sequence[Row], kind: RowKind = RowKind.FOLLOWUP) -> list[Row]:
    return [row for row in sent if row.kind is kind]


def queue(house: House) -> list[tuple[int, str, int, str | None]]:
    """(step, state, attempts, reason) of the whole queue."""
    return [(w.step, str(w.state), w.attempts, w.reason) for w in house.ledger.followups().all()]


def test_what_it_finds_is_a_row_of_its_own_beside_that_of_the_evaluation(house: House, work: ScriptedFollowup) -> None:
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    [found], [evaluated] = rows(house.tracker.rows), rows(house.tracker.rows, RowKind.EVAL)
    [evaluation] = house.ledger.evaluations()
    assert found.values == {
        "train/global_step": 50,
        "eval/scripted/alike": 1.0,
        "followup/uid": followup_uid("run", evaluation, "scripted"),
        "followup/evaluation": evaluation.uid,
    }
    assert (found.step, found.uid) == (50, found.values["followup/uid"])
    assert evaluated.uid == evaluation.uid
    assert not [name for name in evaluated.values if name.startswith(("eval/scripted", "followup"))]
    assert queue(house) == [(50, "done", 1, None)]
    assert house.ledger.followups().all()[0].metrics == {"eval/scripted/alike": 1.0, "eval/scripted/unknown": None}
    assert house.states() == [(50, "published", None)]


@dataclass
class Waiting(FakeTracker):
    """Sets `complete` once it has the rows of so many evaluations, and an alert."""

    evaluations: int = 0
    complete: threading.Event = field(default_factory=threading.Event)
    order: list[str] = field(default_factory=list)

    def publish(self) -> PublishOutcome:
        delivery = super().publish()
        if len(rows(self.rows, RowKind.EVAL)) == self.evaluations and self.alerts:
            self.complete.set()
        return delivery


def test_neither_the_next_evaluation_nor_any_row_nor_a_warning_waits_for_it(
    house: House, work: ScriptedFollowup
) -> None:
    """The work after the first evaluation ends once all the rest is in the run, which thus cannot wait for it."""
    house.engine.faults = [None, None, UimonError(Reason.WEIGHTS_REFUSED, "No.")]
    for step in (50, 60, 70):
        write_checkpoint(house.root, step)
    tracker = Waiting(house.ledger, evaluations=2)
    work.hold = tracker.complete
    with_tracker(house, tracker, once=True).run()
    assert work.ran == [50, 60]
    assert [(row.kind, row.step) for row in tracker.rows if row.kind is not RowKind.TRAIN] == [
        (RowKind.EVAL, 50),
        (RowKind.EVAL, 60),
        (RowKind.FOLLOWUP, 50),
        (RowKind.FOLLOWUP, 60),
    ]


def test_what_may_go_better_later_is_tried_again(
    house: House, work: ScriptedFollowup, caplog: pytest.LogCaptureFixture
) -> None:
    work.faults = [Retryable(Reason.UNREADABLE, "It is busy."), ValueError("what nobody expected"), None]
    write_checkpoint(house.root, 50)
    service = house.service(once=True)
    service.run()
    assert queue(house) == [(50, "done", 3, None)]
    assert len(rows(house.tracker.rows)) == 1
    assert "scripted of checkpoint-50: It is busy. (unreadable) It is tried again in" in caplog.text
    assert "It ended unexpectedly (ValueError: what nobody expected)" in caplog.text
    assert not service.lacking


@pytest.mark.parametrize(("after", "pause"), [(None, 7.0), (60.0, 60.0), (1e9, 3600.0)])
def test_a_pause_is_as_long_as_it_asks_for_within_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: float | None, pause: float
) -> None:
    monkeypatch.setattr(followups, "PAUSES", (7.0,) * (MOST_ATTEMPTS - 1))
    work = ScriptedFollowup(faults=[Retryable(Reason.UNREADABLE, "It is busy.", after)])
    with closing(Ledger(tmp_path / "ledger.sqlite3", lambda: 1000.0)) as ledger:
        evaluate(ledger, 50, (work.kind,))
        worker = FollowupWorker((work,), ledger, "run", None)
        assert worker.step()
        assert not worker.step()
        assert ledger.followups().due_in([work.kind], restored=True) == pause


@pytest.mark.parametrize(
    ("fault", "attempts", "reason"),
    [
        (Refused(Reason.UNREADABLE, "There is no page."), 1, Reason.UNREADABLE),
        (Retryable(Reason.UNREADABLE, "It is busy.", after=0.0), MOST_ATTEMPTS, Reason.UNREADABLE),
        (ValueError("no"), MOST_ATTEMPTS, Reason.FOLLOWUP_ERROR),
    ],
)
def test_what_fails_for_good_is_named_and_no_number(
    house: House,
    work: ScriptedFollowup,
    caplog: pytest.LogCaptureFixture,
    fault: Exception,
    attempts: int,
    reason: Reason,
) -> None:
    work.faults = [fault] * attempts
    write_checkpoint(house.root, 50)
    service = house.service(once=True)
    service.run()
    assert queue(house) == [(50, "failed", attempts, reason)]
    assert house.ledger.followups().all()[0].metrics is None
    assert rows(house.tracker.rows) == []
    assert f"scripted of checkpoint-50 failed ({reason})" in caplog.text
    assert "Failed: scripted of checkpoint-50; `uimon retry STEP` takes it up again." in caplog.text
    assert house.states() == [(50, "published", None)]
    assert service.lacking


def test_a_metric_that_may_be_another_rows_is_refused(house: House, work: ScriptedFollowup) -> None:
    work.metrics = {"eval/perplexity": 1.0}
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    assert queue(house) == [(50, "failed", MOST_ATTEMPTS, "followup_error")]
    assert rows(house.tracker.rows) == []


def test_it_does_not_look_at_samples_that_are_not_there(house: House, work: ScriptedFollowup) -> None:
    write_checkpoint(house.root, 50)
    work.faults = [Refused(Reason.UNREADABLE, "Not now.")]
    house.service(once=True).run()
    house.ledger.drop_samples(0)
    assert run_retry("50", None, house.state.root) == 0
    house.service(once=True).run()
    assert queue(house) == [(50, "failed", 1, "samples_missing")]
    assert work.ran == [50]


def test_samples_that_it_has_not_looked_at_are_kept(house: House, work: ScriptedFollowup) -> None:
    write_checkpoint(house.root, 50)
    work.hold = threading.Event()
    service = house.service(until_final=True)
    thread = run_in_thread(service)
    assert work.running.wait(15)
    [evaluation] = house.ledger.evaluations()
    house.ledger.drop_samples(0)
    assert house.ledger.samples(evaluation.uid)
    work.hold.set()
    wait_until(lambda: queue(house)[0][1] == "done")
    assert house.ledger.drop_samples(0) == 1
    service.stop()
    thread.join(15)


def test_an_interruption_does_not_count_and_the_next_start_goes_on(
    house: House, work: ScriptedFollowup, caplog: pytest.LogCaptureFixture
) -> None:
    write_checkpoint(house.root, 50)
    work.hold = threading.Event()
    service = house.service(until_final=True)
    thread = run_in_thread(service)
    assert work.running.wait(15)
    service.stop()
    thread.join(15)
    assert not thread.is_alive()
    assert queue(house) == [(50, "due", 0, "interrupted")]
    assert "Left for the next start: scripted of checkpoint-50." in caplog.text
    assert service.lacking
    house.followups = (again := ScriptedFollowup(),)
    house.service(once=True).run()
    assert again.ran == [50]
    assert queue(house) == [(50, "done", 1, None)]
    assert len(rows(house.tracker.rows)) == 1


def test_one_that_does_not_hear_is_handed_back_and_what_it_brings_late_counts_for_nothing(
    house: House, work: ScriptedFollowup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watcher.service.service._STOP_JOIN_SECONDS", 0.05)
    write_checkpoint(house.root, 50)
    work.hold, work.deaf = threading.Event(), True
    service = house.service(until_final=True)
    thread = run_in_thread(service)
    assert work.running.wait(15)
    worker = next(t for t in threading.enumerate() if t.name == "FollowupWorker")
    service.stop()
    thread.join(15)
    assert queue(house) == [(50, "due", 0, "interrupted")]
    house.followups = (again := ScriptedFollowup(hold=threading.Event(), metrics={"eval/scripted/alike": 0.5}),)
    assert again.hold is not None
    service = house.service(once=True)
    thread = run_in_thread(service)
    assert again.running.wait(15)
    work.interrupted.clear()
    work.hold.set()
    worker.join(15)
    assert queue(house) == [(50, "running", 1, "interrupted")]
    again.hold.set()
    thread.join(15)
    assert [row.values["eval/scripted/alike"] for row in rows(house.tracker.rows)] == [0.5]


def test_at_the_end_of_a_watch_the_queue_is_done_as_long_as_it_gets_on(house: House, work: ScriptedFollowup) -> None:
    """The run is over when the work begins."""
    write_checkpoint(house.root, 90)
    write_checkpoint(house.root, 100)
    work.hold = threading.Event()
    service = house.service(until_final=True, drain_timeout=20)
    thread = run_in_thread(service)
    wait_until(lambda: service.board.snapshot.closing)
    work.hold.set()
    thread.join(15)
    assert work.ran == [90, 100]
    assert [row.step for row in rows(house.tracker.rows)] == [90, 100]


def test_what_does_not_get_on_at_the_end_is_named_and_left(
    house: House, work: ScriptedFollowup, caplog: pytest.LogCaptureFixture
) -> None:
    write_checkpoint(house.root, 90)
    write_checkpoint(house.root, 100)
    work.hold = threading.Event()
    house.service(until_final=True, drain_timeout=0.1).run()
    assert work.ran == [90]
    assert queue(house) == [(90, "due", 0, "interrupted"), (100, "due", 0, None)]
    assert "Left for the next start: scripted of checkpoint-90, scripted of checkpoint-100." in caplog.text
    assert [row.step for row in rows(house.tracker.rows, RowKind.EVAL)] == [90, 100]


def test_without_a_kind_in_force_there_is_no_thread_and_no_queue(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    write_checkpoint(house.root, 50)
    house.engine.hold = threading.Event()
    service = house.service(once=True)
    with caplog.at_level(logging.INFO, logger="uimon"):
        thread = run_in_thread(service)
        assert house.engine.generating.wait(15)
        assert "FollowupWorker" not in {t.name for t in threading.enumerate()}
        house.engine.hold.set()
        thread.join(15)
    assert queue(house) == []
    assert "Left" not in caplog.text
    assert in_force(Settings()) == ()


def test_work_of_a_kind_that_is_not_in_force_waits_until_it_is(house: House, work: ScriptedFollowup) -> None:
    write_checkpoint(house.root, 90)
    write_checkpoint(house.root, 100)
    work.hold = threading.Event()
    house.service(until_final=True, drain_timeout=0.1).run()
    house.followups = ()
    service = house.service(once=True)
    service.run()
    assert [state for _, state, *_ in queue(house)] == ["due", "due"]
    assert not service.lacking
    house.followups = (ScriptedFollowup(),)
    house.service(once=True).run()
    assert [state for _, state, *_ in queue(house)] == ["done", "done"]


def test_status_tells_how_it_stands(house: House, work: ScriptedFollowup, capsys: pytest.CaptureFixture[str]) -> None:
    write_checkpoint(house.root, 50)
    work.faults = [Refused(Reason.UNREADABLE, "There is no page."), None]
    house.service(once=True).run()
    write_checkpoint(house.root, 60)
    house.service(once=True).run()
    run_status(None, house.state.root, as_json=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert "Follow-ups: scripted 1 done, 0 wait, 1 failed." in shown
    failed = "scripted of checkpoint-50 failed (unreadable): There is no page. `uimon retry 50` takes it up again."
    assert failed in shown
    assert "followup rows: 1 in the run, 0 wait" in shown
    run_status(None, house.state.root, as_json=True)
    first, second = json.loads(capsys.readouterr().out)["followups"]
    assert first == {
        "step": 50,
        "name": "checkpoint-50",
        "uid": house.ledger.evaluations()[0].uid,
        "kind": "scripted",
        "state": "failed",
        "at": house.ledger.followups().all()[0].at,
        "attempts": 1,
        "reason": "unreadable",
        "detail": "There is no page.",
        "metrics": None,
    }
    assert second["metrics"] == {"eval/scripted/alike": 1.0, "eval/scripted/unknown": None}


def test_status_is_silent_where_nothing_follows(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    run_status(None, house.state.root, as_json=True)
    assert "followups" not in json.loads(capsys.readouterr().out)
    run_status(None, house.state.root, as_json=False)
    assert "Follow-ups" not in capsys.readouterr().out


def test_retry_takes_failed_work_up_again(
    house: House, work: ScriptedFollowup, capsys: pytest.CaptureFixture[str]
) -> None:
    work.faults = [Refused(Reason.UNREADABLE, "There is no page.")]
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    assert run_retry("60", None, house.state.root) == 1
    assert queue(house) == [(50, "failed", 1, "unreadable")]
    assert run_retry("50", None, house.state.root) == 0
    assert "scripted of checkpoint-50 is queued again." in capsys.readouterr().out
    house.service(once=True).run()
    assert queue(house) == [(50, "done", 1, None)]
    assert len(rows(house.tracker.rows, RowKind.EVAL)) == 1


def test_a_checkpoint_that_is_tried_again_is_followed_once_it_is_evaluated(
    house: House, work: ScriptedFollowup
) -> None:
    house.engine.faults = [UimonError(Reason.WEIGHTS_REFUSED, "No.")]
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    assert queue(house) == []
    assert run_retry("50", None, house.state.root) == 0
    house.service(once=True).run()
    assert queue(house) == [(50, "done", 1, None)]


@dataclass
class Surveying(FakeTracker):
    """Has rows `before` this ledger, and says so when it is first asked to publish."""

    before: tuple[str, ...] = ()
    late: threading.Event | None = None

    def ready(self) -> bool:
        return not self.ledger.outbox().surveyed or super().ready()

    def publish(self) -> PublishOutcome:
        if not self.ledger.outbox().surveyed:
            if self.late is not None and not self.late.is_set():
                return PublishOutcome(waiting=Reason.WANDB_UNREACHABLE, detail="not yet")
            self.ledger.outbox().found_by_survey(self.before)
        return super().publish()


def rebuilt(house: House) -> None:
    """The ledger is lost, and made anew of its lines."""
    house.ledger.close()
    house.state.ledger.unlink()
    kinds = {followup.kind for followup in house.followups}
    house.ledger = open_ledger(house.state, "run", TableLimits(8, 10**6), lambda _: None, kinds)


@pytest.mark.parametrize("there", [True, False])
def test_a_ledger_that_was_made_anew_does_not_do_again_what_is_in_the_run(
    house: House, work: ScriptedFollowup, *, there: bool
) -> None:
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    [row] = rows(house.tracker.rows)
    rebuilt(house)
    assert queue(house) == [(50, "due", 0, None)]
    tracker = Surveying(house.ledger, before=(row.uid,) if there else (), late=threading.Event())
    service = with_tracker(house, tracker, until_final=True)
    thread = run_in_thread(service)
    wait_until(lambda: service.board.snapshot.waiting is Reason.WANDB_UNREACHABLE)
    # Whether it is there nobody knows yet.
    assert queue(house) == [(50, "due", 0, None)]
    assert tracker.late is not None
    tracker.late.set()
    wait_until(lambda: queue(house)[0][1] == "done")
    service.stop()
    thread.join(15)
    assert work.ran == ([50] if there else [50, 50])
    assert [sent.uid for sent in rows(tracker.rows)] == ([] if there else [row.uid])


_WATCHER = """
import sys
from pathlib import Path
from tests.support.house import house_in
from tests.support.scripted_followup import ScriptedFollowup

house = house_in(Path(sys.argv[1]))
house.followups = (ScriptedFollowup(log=house.state.root / "ran"),)
with house.closing:
    house.service(once=True).run()
"""


@pytest.mark.parametrize(
    ("point", "left", "runs"),
    [
        ("evaluation.committed", (FollowupState.DUE, 0), 1),
        ("followup.before_run", (FollowupState.RUNNING, 1), 1),
        ("followup.before_commit", (FollowupState.RUNNING, 1), 2),
        ("followup.committed", (FollowupState.DONE, 1), 1),
    ],
)
def test_a_killed_watcher_goes_on_where_it_was(
    tmp_path: Path, point: str, left: tuple[FollowupState, int], runs: int
) -> None:
    write_checkpoint(tmp_path / "ckpts", 50)
    command = (sys.executable, "-c", _WATCHER, str(tmp_path))
    killed = subprocess.run(command, env={**os.environ, "UIMON_CRASH_AT": point}, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    house = house_in(tmp_path)
    with closing(house.ledger), house.closing:
        [before] = house.ledger.followups().all()
        assert (before.state, before.attempts) == left
        house.followups = (ScriptedFollowup(log=house.state.root / "ran"),)
        house.service(once=True).run()
        assert house.ledger.followups().all()[0].state is FollowupState.DONE
        assert (house.state.root / "ran").read_text().splitlines() == ["50"] * runs
        assert house.ledger.outbox().counts() == dict.fromkeys(RowKind, (0, 1))
        assert house.engine.loaded == []
