from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from watcher.engine.types import Loaded
from watcher.model import CheckpointKind, Reason, RowKind, State, UimonError
from watcher.service import Service
from watcher.trackers.wandb import PublishResult
from watcher.trackers.wandb.run import Writer


def run_in_thread(service: Service) -> threading.Thread:
    thread = threading.Thread(target=service.run, daemon=True)
    thread.start()
    return thread


def wait_until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def test_once_evaluates_and_publishes_what_is_there(house: House) -> None:
    for step in (100, 50):
        write_checkpoint(house.root, step)
    house.service(once=True).run()
    assert house.states() == [(50, "published", None), (100, "published", None)]
    rows = [r for r in house.tracker.rows if r.kind is RowKind.EVAL]
    assert [r.step for r in rows] == [50, 100]
    values = rows[0].values
    assert values["eval/syntax_validity_rate"] == 1.0
    assert values["eval/perplexity"] == pytest.approx(2.718281828)
    assert values["train/global_step"] == 50
    assert sorted(r.step for r in house.tracker.rows if r.kind is RowKind.TRAIN) == [50, 100]


def test_the_table_holds_the_samples_in_the_order_of_the_prompts(house: House) -> None:
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    table = next(r.table for r in house.tracker.rows if r.table)
    assert table.columns[:7] == (
        "step",
        "sample",
        "prompt",
        "generated_code",
        "syntax_valid",
        "num_colors",
        "num_classes",
    )
    assert [row[:3] + row[4:9] for row in table.rows] == [
        (50, 0, "page 0", "✓", 1, 2, "valid", "stop"),
        (50, 1, "page 1", "✓", 1, 2, "valid", "stop"),
    ]


def test_every_prompt_is_completed_n_times_in_the_order_of_prompt_and_index(house: House) -> None:
    write_checkpoint(house.root, 50)
    house.service(once=True, n=3).run()
    row = next(r for r in house.tracker.rows if r.kind is RowKind.EVAL)
    assert row.values["eval/samples"] == 6
    assert row.table is not None
    assert [r[1:3] for r in row.table.rows] == [(i, f"page {i // 3}") for i in range(6)]
    samples = [json.loads(line) for line in house.state.samples.read_text().splitlines()]
    assert [(s["position"], s["prompt"], s["index"]) for s in samples] == [
        (i, f"page {i // 3}", i % 3) for i in range(6)
    ]


def test_a_checkpoint_with_another_tokenizer_fails_before_it_is_loaded_and_the_next_goes_on(house: House) -> None:
    for step, word in ((50, "div"), (60, "span"), (70, "div")):
        tokenizer = {"model": {"type": "WordLevel", "vocab": {"<": 0, word: 1}}}
        (write_checkpoint(house.root, step) / "tokenizer.json").write_text(json.dumps(tokenizer))
    house.service(once=True).run()
    assert house.states() == [
        (50, "published", None),
        (60, "failed", Reason.TOKENIZER_MISMATCH),
        (70, "published", None),
    ]
    assert len(house.engine.loaded) == 2


def test_results_are_in_the_json_lines_once(house: House) -> None:
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    house.service(once=True).run()
    evaluations = [json.loads(line) for line in house.state.evaluations.read_text().splitlines()]
    samples = [json.loads(line) for line in house.state.samples.read_text().splitlines()]
    assert [(e["step"], e["metrics"]["eval/samples"]) for e in evaluations] == [(50, 2)]
    assert [(s["position"], s["score"]["outcome"]) for s in samples] == [(0, "valid"), (1, "valid")]


def test_a_new_checkpoint_is_noticed_and_the_final_one_ends_the_service(house: House) -> None:
    thread = run_in_thread(house.service(until_final=True))
    write_checkpoint(house.root, 50)
    wait_until(lambda: house.states() == [(50, "published", None)])
    assert thread.is_alive()
    write_checkpoint(house.root, 100)
    thread.join(15)
    assert not thread.is_alive()
    assert house.states()[-1] == (100, "published", None)


def test_the_directory_may_come_later(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.root.rmdir()
    with caplog.at_level("INFO", logger="uimon"):
        thread = run_in_thread(house.service(until_final=True))
        wait_until(lambda: "does not exist yet" in caplog.text)
    write_checkpoint(house.root, 100)
    thread.join(15)
    assert house.states() == [(100, "published", None)]


def test_rotation_cannot_take_what_was_copied(house: House) -> None:
    house.engine.hold = threading.Event()
    paths = [write_checkpoint(house.root, step) for step in (50, 100)]
    thread = run_in_thread(house.service(until_final=True))
    wait_until(lambda: [s for _, s, _ in house.states()] == ["evaluating", "staged"])
    for path in paths:
        shutil.rmtree(path)
    time.sleep(0.2)
    house.engine.hold.set()
    thread.join(15)
    assert house.states() == [(50, "published", None), (100, "published", None)]
    assert list(house.state.stage.iterdir()) == []


def test_a_stop_hands_the_checkpoint_back_and_the_next_start_evaluates_it_once(house: House) -> None:
    house.engine.hold = threading.Event()
    write_checkpoint(house.root, 100)
    service = house.service(until_final=True)
    thread = run_in_thread(service)
    assert house.engine.generating.wait(10)
    service.stop()
    thread.join(15)
    assert not thread.is_alive()
    assert house.states() == [(100, "staged", Reason.INTERRUPTED)]
    assert [r.attempts for r in house.ledger.records()] == [0]
    house.engine.hold = None
    house.service(until_final=True).run()
    assert house.states() == [(100, "published", None)]
    assert len([r for r in house.tracker.rows if r.kind is RowKind.EVAL]) == 1


def test_a_restart_evaluates_nothing_again_and_keeps_the_suite(house: House) -> None:
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    write_checkpoint(house.root, 100)
    house.service(once=True).run()
    assert len(house.engine.loaded) == 2
    assert len({e.suite for e in house.ledger.evaluations()}) == 1


def test_an_engine_that_dies_is_given_another_try(house: House) -> None:
    house.engine.faults = [UimonError(Reason.ENGINE_DIED, "killed"), None]
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    assert house.states() == [(50, "published", None)]
    assert [r.attempts for r in house.ledger.records()] == [2]


def test_three_deaths_fail_the_checkpoint_and_the_next_goes_on(house: House) -> None:
    house.engine.faults = [UimonError(Reason.ENGINE_DIED, "killed")] * 3
    for step in (50, 100):
        write_checkpoint(house.root, step)
    house.service(once=True).run()
    assert house.states() == [(50, "failed", Reason.ENGINE_DIED), (100, "published", None)]


def test_out_of_memory_is_tried_once_more_and_no_more(house: House) -> None:
    house.engine.faults = [UimonError(Reason.OUT_OF_MEMORY, "too large")] * 2
    write_checkpoint(house.root, 50)
    write_checkpoint(house.root, 100)
    house.service(once=True).run()
    assert house.states() == [(50, "failed", "out_of_memory"), (100, "published", None)]
    assert not house.engine.faults


def test_a_second_attempt_may_find_enough_memory(house: House) -> None:
    house.engine.faults = [UimonError(Reason.OUT_OF_MEMORY, "too large"), None]
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    assert house.states() == [(50, "published", None)]


def test_what_a_load_has_to_tell_is_logged_and_a_warning_only_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.engine.tells = [("a fresh engine settled it", False), ("each gets a fresh engine", True)]
    house.engine.tells += [("each gets a fresh engine", True)]
    for step in (50, 100, 150):
        write_checkpoint(house.root, step, max_steps=200)
    with caplog.at_level("INFO", logger="uimon"):
        house.service(once=True).run()
    told = [(r.levelname, r.getMessage()) for r in caplog.records if "fresh engine" in r.getMessage()]
    assert told == [
        ("INFO", "checkpoint-50: a fresh engine settled it"),
        ("WARNING", "checkpoint-100: each gets a fresh engine"),
    ]


def test_broken_weights_fail_at_once_with_their_reason(house: House) -> None:
    house.engine.faults = [UimonError(Reason.NON_FINITE, "NaN in layer 3")]
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    assert house.states() == [(50, "failed", Reason.NON_FINITE)]
    assert house.ledger.status()[0].detail == "NaN in layer 3"
    assert house.engine.loaded == []


def test_a_missing_engine_ends_the_service_and_loses_nothing(house: House) -> None:
    house.engine.faults = [UimonError(Reason.ENGINE_MISSING, "install vLLM")]
    write_checkpoint(house.root, 50)
    with pytest.raises(UimonError, match="install vLLM"):
        house.service(until_final=True).run()
    assert house.states() == [(50, "staged", Reason.ENGINE_MISSING)]


def test_rows_wait_for_a_shared_trainer_and_evaluation_goes_on(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.tracker.refuse = Reason.DEFERRED
    write_checkpoint(house.root, 50)
    with caplog.at_level("INFO", logger="uimon"):
        house.service(once=True).run()
    assert [(s.state, s.published) for s in house.ledger.status()] == [("evaluated", "deferred")]
    assert caplog.text.count("(deferred)") == 1
    house.tracker.refuse = None
    house.service(once=True).run()
    assert [(s.state, s.published) for s in house.ledger.status()] == [("published", "yes")]


def test_an_outage_does_not_hold_up_evaluation_and_rows_arrive_after_it(house: House) -> None:
    house.tracker.refuse = Reason.WANDB_UNREACHABLE
    thread = run_in_thread(house.service(until_final=True))
    write_checkpoint(house.root, 50)
    wait_until(lambda: house.states() == [(50, "evaluated", None)])
    house.tracker.refuse = None
    wait_until(lambda: house.states() == [(50, "published", None)])
    write_checkpoint(house.root, 100)
    thread.join(15)


def test_a_run_that_ended_at_the_tracker_ends_the_service_after_the_grace(house: House) -> None:
    house.run_state = "crashed"
    write_checkpoint(house.root, 50)
    started = time.monotonic()
    house.service(until_final=True, grace=0.5).run()
    assert house.states() == [(50, "published", None)]
    assert time.monotonic() - started >= 0.5


def test_silence_ends_the_service(house: House) -> None:
    house.service(idle_exit=0.3).run()
    assert house.states() == []


def test_the_same_step_written_again_is_evaluated_again_with_a_uid_of_its_own(house: House) -> None:
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    write_checkpoint(house.root, 50, value=7)
    house.service(once=True).run()
    rows = [r for r in house.tracker.rows if r.kind is RowKind.EVAL]
    assert [r.step for r in rows] == [50, 50]
    assert rows[0].uid != rows[1].uid


def test_prompts_that_do_not_fit_are_replaced_and_counted(house: House) -> None:
    lines = ["too long", "page 1", "page 2", "page 3"]
    house.val.write_text("".join(json.dumps({"question": q}) + "\n" for q in lines))
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    row = next(r for r in house.tracker.rows if r.kind is RowKind.EVAL)
    assert (row.values["eval/samples"], row.values["eval/prompts_skipped"]) == (2, 1)


def test_no_prompt_that_fits_fails_the_checkpoint_with_the_reason(house: House) -> None:
    house.val.write_text(json.dumps({"question": "too long"}) + "\n")
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    assert house.states() == [(50, "failed", Reason.NO_USABLE_PROMPT)]


def test_a_retried_checkpoint_is_taken_up_by_a_running_service(house: House) -> None:
    house.engine.faults = [UimonError(Reason.NON_FINITE, "NaN")]
    write_checkpoint(house.root, 50)
    thread = run_in_thread(house.service(until_final=True))
    wait_until(lambda: house.states() == [(50, "failed", Reason.NON_FINITE)])
    house.ledger.retry(50)
    wait_until(lambda: house.states() == [(50, "published", None)])
    write_checkpoint(house.root, 100)
    thread.join(15)


def test_a_long_evaluation_is_not_idleness(house: House) -> None:
    house.engine.hold = threading.Event()
    write_checkpoint(house.root, 50)
    thread = run_in_thread(house.service(idle_exit=1.5))
    assert house.engine.generating.wait(10)
    time.sleep(2.0)
    house.engine.hold.set()
    wait_until(lambda: house.states() == [(50, "published", None)])
    time.sleep(0.7)  # several ticks, in which a service that thinks itself idle would end
    write_checkpoint(house.root, 60)
    thread.join(15)
    assert house.states() == [(50, "published", None), (60, "published", None)]


def test_a_final_checkpoint_that_was_trained_on_does_not_end_the_service(house: House) -> None:
    write_checkpoint(house.root, 100)
    house.service(until_final=True).run()
    thread = run_in_thread(house.service(until_final=True, grace=3))
    time.sleep(0.5)
    write_checkpoint(house.root, 150, max_steps=200)
    wait_until(lambda: house.states()[-1] == (150, "published", None))
    write_checkpoint(house.root, 200, max_steps=200)
    thread.join(15)
    assert not thread.is_alive()
    assert house.states()[-1] == (200, "published", None)


def test_what_nobody_foresaw_fails_the_checkpoint_and_not_the_watch(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(house.root, 50)
    write_checkpoint(house.root, 100)
    sound = house.engine.load

    def load(path: Path, digest: str, kind: CheckpointKind, base: Path | None) -> Loaded:
        if "-50-" in path.name:
            raise TypeError("int is not iterable")
        return sound(path, digest, kind, base)

    monkeypatch.setattr(house.engine, "load", load)
    house.service(once=True).run()
    assert house.states() == [(50, "failed", "engine_error"), (100, "published", None)]
    assert "TypeError" in house.ledger.status()[0].detail


def test_a_default_mode_trainers_rows_are_in_a_companion_until_its_run_has_ended(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.tracker.refuse, house.writer = Reason.DEFERRED, Writer.DEFAULT
    write_checkpoint(house.root, 100)
    with caplog.at_level("INFO", logger="uimon"):
        service = house.service(until_final=True, settle=0.5)
        thread = run_in_thread(service)
        wait_until(lambda: len(house.tracker.companion) == 2)
        wait_until(lambda: house.ledger.status()[0].published == "deferred")
        # The final checkpoint is done, and still the service waits: the run takes rows only when it has ended.
        time.sleep(1.0)
        assert thread.is_alive()
        assert house.tracker.rows == []
        house.run_state = "finished"
        house.wandb.look(now=True)
        thread.join(15)
    assert not thread.is_alive()
    assert sorted(row.uid for row in house.tracker.rows) == sorted(row.uid for row in house.tracker.companion)
    assert house.ledger.status()[0].published == "yes"
    assert "companion run http://companion" in caplog.text


def test_rows_in_a_run_that_goes_on_in_default_mode_are_looked_for_again(house: House) -> None:
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    assert [s.published for s in house.ledger.status()] == ["yes"]
    house.tracker.refuse, house.writer = Reason.DEFERRED, Writer.DEFAULT
    house.service(once=True).run()
    assert [s.published for s in house.ledger.status()] == ["deferred"]
    house.run_state = "finished"
    house.service(once=True, settle=0.1).run()
    assert [s.published for s in house.ledger.status()] == ["yes"]


def test_the_exit_waits_for_a_run_to_settle_within_the_drain_timeout(house: House) -> None:
    house.tracker.refuse, house.writer, house.run_state = Reason.DEFERRED, Writer.DEFAULT, "finished"
    write_checkpoint(house.root, 50)
    house.service(once=True, settle=0.7).run()
    assert [s.published for s in house.ledger.status()] == ["yes"]
    house.tracker.refuse = Reason.DEFERRED
    write_checkpoint(house.root, 60)
    started = time.monotonic()
    house.service(once=True, settle=300).run()
    assert time.monotonic() - started < 2
    assert [s.published for s in house.ledger.status()] == ["yes", "deferred"]


def test_a_failed_checkpoint_is_an_alert_once_also_after_a_restart(house: House) -> None:
    house.engine.faults = [UimonError(Reason.WEIGHTS_REFUSED, "no such tensor")]
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    house.service(once=True).run()
    house.engine.faults = [UimonError(Reason.WEIGHTS_REFUSED, "no such tensor")]
    house.ledger.retry(50)
    house.service(once=True).run()
    assert house.states() == [(50, "failed", Reason.WEIGHTS_REFUSED)]
    [alert] = house.tracker.alerts
    assert (alert.level, alert.title) == ("warn", "Not evaluated (weights_refused): checkpoint-50")
    assert alert.text.startswith("no such tensor\nLikely cause: A file of the checkpoint is damaged")


def test_a_checkpoint_that_holds_nan_is_one_early_warning(house: House) -> None:
    house.engine.faults = [UimonError(Reason.NON_FINITE, "NaN in layer 3")]
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    house.service(once=True).run()
    assert house.states() == [(50, "failed", Reason.NON_FINITE)]
    [alert] = house.tracker.alerts
    assert (alert.level, alert.title) == ("error", "Training has produced NaN or infinity (step 50)")


def test_latest_evaluates_the_newest_first_and_the_others_when_nothing_newer_waits(house: House) -> None:
    for step in (50, 60, 70):
        write_checkpoint(house.root, step)
    house.engine.hold = threading.Event()
    thread = run_in_thread(house.service(policy="latest", until_final=True))
    assert house.engine.generating.wait(10)
    wait_until(lambda: len(house.ledger.records(State.STAGED)) == 2)
    write_checkpoint(house.root, 80)
    wait_until(lambda: len(house.ledger.records(State.STAGED)) == 3)
    house.engine.hold.set()
    wait_until(lambda: len(house.engine.loaded) == 4)
    write_checkpoint(house.root, 100)
    thread.join(15)
    steps = {record.digest: record.step for record in house.ledger.records()}
    order = [steps[digest] for digest in house.engine.loaded]
    assert order[1:4] == [80, *sorted({50, 60, 70} - {order[0]}, reverse=True)]


def test_one_in_so_many_steps_is_evaluated_and_the_others_say_why_not(house: House) -> None:
    for step in (20, 40, 60, 80, 100):
        write_checkpoint(house.root, step)
    house.service(policy="every:50", once=True).run()
    assert house.states() == [
        (20, "published", None),
        (40, "skipped", Reason.NOT_DUE),
        (60, "skipped", Reason.NOT_DUE),
        (80, "published", None),
        (100, "published", None),
    ]
    assert house.ledger.retry(40)
    house.service(policy="every:50", once=True).run()
    assert house.states()[1] == (40, "published", None)


def test_a_stop_that_was_asked_for_does_not_wait_for_a_tracker_that_is_away(house: House) -> None:
    house.tracker.refuse = Reason.WANDB_UNREACHABLE
    write_checkpoint(house.root, 50)
    service = house.service(drain_timeout=300)
    thread = run_in_thread(service)
    wait_until(lambda: house.states() == [(50, "evaluated", None)])
    started = time.monotonic()
    service.stop()
    thread.join(15)
    assert time.monotonic() - started < 10
    assert house.ledger.outbox().counts()[RowKind.EVAL] == (1, 0)


def test_the_final_model_with_the_weights_of_a_checkpoint_is_no_other_one(house: House) -> None:
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(house.root / "checkpoint-50" / name, house.root / name)
    state = house.root / "trainer_state.json"
    state.write_text('{"global_step": 50, "max_steps": 0, "log_history": []}')
    house.service(once=True).run()
    assert house.states() == [(50, "published", None), (50, "skipped", Reason.SAME_WEIGHTS)]
    assert house.ledger.status()[1].detail == "it holds the weights of checkpoint-50"
    # Other weights, such as those of the best checkpoint, are a model of their own.
    model = house.root / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-8] + b"\7" * 8)
    state.touch()
    house.service(once=True).run()
    assert [(r.name, str(r.state)) for r in house.ledger.records()][-1] == ("final", "published")


def test_once_waits_for_the_silence_that_shows_a_checkpoint_to_be_whole(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watcher.checkpoints.layouts.completeness.QUIET_S", 1.0)
    write_checkpoint(house.root, 50).rename(house.root / "step_50")
    (house.root / "step_50" / "trainer_state.json").unlink()
    house.service(once=True).run()
    assert house.states() == [(50, "published", None)]


def test_a_checkpoint_that_killed_uimon_again_and_again_is_an_alert(house: House) -> None:
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    with house.ledger.change() as db:
        db.execute("UPDATE checkpoint SET state = 'evaluating', attempts = 3")
    house.service(once=True).run()
    assert [alert.title for alert in house.tracker.alerts] == ["Not evaluated (engine_died): checkpoint-50"]


def test_after_the_machine_went_down_a_copy_is_trusted_if_it_is_still_whole(house: House) -> None:
    for step in (50, 60):
        write_checkpoint(house.root, step)
    house.engine.faults = [UimonError(Reason.ENGINE_MISSING, "install vLLM")]
    with pytest.raises(UimonError, match="install vLLM"):
        house.service(until_final=True, stage="copy").run()
    staged = {record.step: record.stage for record in house.ledger.records(State.STAGED)}
    house.ledger.remember("boot", "another machine's")
    for step, stage_dir in staged.items():
        assert stage_dir is not None
        shutil.rmtree(house.root / f"checkpoint-{step}")
    torn = staged.get(60)
    if torn is not None:
        (torn / "model.safetensors").write_bytes(b"torn")
    house.service(once=True).run()
    assert house.states()[0] == (50, "published", None)
    if torn is not None:
        assert house.states()[1] == (60, "skipped", Reason.DELETED)


def test_how_a_run_had_ended_is_known_while_a_session_has_it_open_and_no_longer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []
    publish = house.tracker.publish

    def spy(*asked: Any) -> PublishResult:
        seen.append(house.ledger.recall("ended as"))
        return publish(*asked)

    monkeypatch.setattr(house.tracker, "publish", spy)
    house.run_state = "crashed"
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    assert seen[-1] == "crashed"
    assert house.ledger.recall("ended as") == ""
    # A session that was killed has left the run open; what is deferred now is closed as it was before.
    house.ledger.remember("ended as", "finished")
    house.tracker.refuse, house.run_state, house.writer = Reason.DEFERRED, "running", Writer.DEFAULT
    write_checkpoint(house.root, 60)
    house.service(once=True).run()
    assert house.ledger.recall("ended as") == "finished"
