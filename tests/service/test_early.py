"""Evaluation begins while the trainer still saves its optimizer, and counts only once the checkpoint is complete."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest

from tests.service.test_service import run_in_thread, wait_until
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from tests.support.looking import inspect
from watcher.model import Condition, Reason, RowKind, State, UimonError


def write_weights(root: Path, step: int, *, value: int = 0, after: str = "optimizer.pt") -> Path:
    """A checkpoint of which everything but the optimizer's end and the trainer's state is written."""
    path = write_checkpoint(root, step, value=value)
    (path / "trainer_state.json").unlink()
    if after:
        (path / after).write_bytes(b"half an optimizer")
    return path


def finish(path: Path, step: int, max_steps: int = 100) -> None:
    state = {"global_step": step, "max_steps": max_steps, "log_history": [{"step": step, "loss": 0.5}]}
    (path / "trainer_state.json").write_text(json.dumps(state))


def evaluations(house: House) -> list[int]:
    return [row.step for row in house.tracker.rows if row.kind is RowKind.EVAL]


@pytest.mark.parametrize(
    ("after", "early"), [("training_args.bin", True), ("optimizer.pt", True), ("", False), ("tokenizer.json", False)]
)
def test_early_is_what_has_whole_weights_and_a_file_that_comes_after_the_model(
    tmp_path: Path, after: str, early: bool
) -> None:
    found = inspect(write_weights(tmp_path, 50, after=after), 50)
    assert (found.condition, found.reason) == (Condition.PARTIAL, Reason.TRAINER_STATE_MISSING)
    assert found.early == early


def test_half_written_weights_are_never_early(tmp_path: Path) -> None:
    path = write_weights(tmp_path, 50)
    whole = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(whole[:-1])
    assert not inspect(path, 50).early
    (path / "trainer_state.json").write_text('{"global_st')
    assert not inspect(path, 50).early


def test_what_was_evaluated_early_is_published_when_the_trainer_has_finished_it(house: House) -> None:
    path = write_weights(house.root, 100)
    thread = run_in_thread(house.service(until_final=True))
    wait_until(lambda: len(house.engine.loaded) == 1)
    wait_until(lambda: not house.engine.closed.is_set() and house.states() == [(100, "evaluating", None)])
    assert evaluations(house) == []
    assert thread.is_alive()
    finish(path, 100)
    thread.join(15)
    assert not thread.is_alive()
    assert house.states() == [(100, "published", None)]
    assert evaluations(house) == [100]
    assert len(house.engine.loaded) == 1
    assert list(house.state.stage.iterdir()) == []


def test_an_early_one_that_the_trainer_left_behind_is_dropped_with_its_reason(house: House) -> None:
    write_weights(house.root, 50)
    thread = run_in_thread(house.service(until_final=True))
    wait_until(lambda: house.states() == [(50, "evaluating", None)])
    write_checkpoint(house.root, 100)
    thread.join(15)
    assert house.states() == [(50, "skipped", Reason.ABANDONED), (100, "published", None)]
    assert evaluations(house) == [100]
    assert list(house.state.stage.iterdir()) == []


def test_after_the_trainer_has_gone_back_a_later_step_of_before_is_no_sign(house: House) -> None:
    for step in (50, 60):
        write_checkpoint(house.root, step)
    thread = run_in_thread(house.service(until_final=True))
    wait_until(lambda: [state for _, state, _ in house.states()] == ["published"] * 2)
    shutil.rmtree(house.root / "checkpoint-60")
    path = write_weights(house.root, 55)
    wait_until(lambda: len(house.engine.loaded) == 3)
    assert (55, "evaluating", None) in house.states()
    finish(path, 55)
    wait_until(lambda: (55, "published", None) in house.states())
    write_checkpoint(house.root, 100)
    thread.join(15)
    assert len(house.engine.loaded) == 4


def test_one_that_seemed_left_behind_and_is_finished_after_all_is_evaluated(house: House) -> None:
    path = write_weights(house.root, 50)
    thread = run_in_thread(house.service(until_final=True))
    wait_until(lambda: house.states() == [(50, "evaluating", None)])
    write_checkpoint(house.root, 60)
    wait_until(lambda: (50, "skipped", Reason.ABANDONED) in house.states())
    finish(path, 50)
    wait_until(lambda: (50, "published", None) in house.states())
    write_checkpoint(house.root, 100)
    thread.join(15)
    assert sorted(evaluations(house)) == [50, 60, 100]


def test_deleted_before_it_was_finished_is_skipped(house: House) -> None:
    path = write_weights(house.root, 50)
    thread = run_in_thread(house.service(until_final=True))
    wait_until(lambda: house.states() == [(50, "evaluating", None)])
    shutil.rmtree(path)
    wait_until(lambda: house.states() == [(50, "skipped", Reason.DELETED)])
    write_checkpoint(house.root, 100)
    thread.join(15)
    assert evaluations(house) == [100]


def test_weights_written_again_before_the_end_are_evaluated_anew(house: House) -> None:
    path = write_weights(house.root, 100)
    thread = run_in_thread(house.service(until_final=True, stage="copy"))
    wait_until(lambda: len(house.engine.loaded) == 1)
    write_weights(house.root, 100, value=9)
    finish(path, 100)
    thread.join(15)
    assert house.states() == [(100, "published", None)]
    assert len(house.engine.loaded) == len(set(house.engine.loaded)) == 2
    assert evaluations(house) == [100]
    digest = house.ledger.records()[0].digest
    assert digest == house.engine.loaded[-1]


def test_complete_ones_go_first_and_nothing_is_begun_early_while_they_wait(house: House) -> None:
    house.engine.hold = threading.Event()
    write_checkpoint(house.root, 50)
    thread = run_in_thread(house.service(until_final=True))
    assert house.engine.generating.wait(10)
    path = write_weights(house.root, 100)
    wait_until(lambda: (100, "seen", Reason.TRAINER_STATE_MISSING) in house.states())
    house.engine.hold.set()
    wait_until(lambda: len(house.engine.loaded) == 2)
    finish(path, 100)
    thread.join(15)
    assert evaluations(house) == [50, 100]


def test_a_failure_of_an_early_evaluation_is_not_the_checkpoints(house: House) -> None:
    house.engine.faults = [UimonError(Reason.WEIGHTS_REFUSED, "no such tensor")]
    path = write_weights(house.root, 100)
    thread = run_in_thread(house.service(until_final=True))
    wait_until(lambda: house.engine.faults == [])
    wait_until(lambda: house.states() == [(100, "seen", Reason.TRAINER_STATE_MISSING)])
    finish(path, 100)
    thread.join(15)
    assert house.states() == [(100, "published", None)]


def test_once_begins_nothing_early(house: House) -> None:
    write_weights(house.root, 50)
    house.service(once=True).run()
    assert house.states() == [(50, "seen", Reason.TRAINER_STATE_MISSING)]
    assert house.engine.loaded == []


def test_a_trainer_that_died_while_saving_does_not_keep_the_service_alive(house: House) -> None:
    write_weights(house.root, 50)
    house.run_state = "crashed"
    thread = run_in_thread(house.service(until_final=True, grace=0.3))
    wait_until(lambda: len(house.engine.loaded) == 1)
    thread.join(15)
    assert not thread.is_alive()
    assert house.states() == [(50, "seen", Reason.TRAINER_STATE_MISSING)]
    assert evaluations(house) == []


def test_what_was_begun_early_and_interrupted_is_evaluated_by_the_next_start(house: House) -> None:
    house.engine.hold = threading.Event()
    path = write_weights(house.root, 100)
    service = house.service()
    thread = run_in_thread(service)
    assert house.engine.generating.wait(10)
    service.stop()
    thread.join(15)
    assert house.states() == [(100, "seen", Reason.TRAINER_STATE_MISSING)]
    house.engine.hold = None
    finish(path, 100)
    house.service(once=True).run()
    assert house.states() == [(100, "published", None)]


def test_after_a_crash_nothing_of_an_early_evaluation_counts(house: House) -> None:
    path = write_weights(house.root, 100)
    thread = run_in_thread(service := house.service())
    wait_until(lambda: house.states() == [(100, "evaluating", None)])
    service.stop()
    thread.join(15)
    record = house.ledger.records()[0]
    with house.ledger.change() as db:
        # What a process that died in the middle leaves.
        db.execute("UPDATE checkpoint SET state = ?, early = 1, digest = 'aa'", (State.EVALUATING,))
    assert house.ledger.record(record.id).early
    finish(path, 100)
    house.service(once=True).run()
    assert house.states() == [(100, "published", None)]
    assert evaluations(house) == [100]
