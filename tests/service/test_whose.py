"""Directories in which more than one training has left checkpoints: each service takes those of its own run."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.service.test_service import run_in_thread, wait_until
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from watcher.checkpoints.run_log import RunLog
from watcher.checkpoints.sources.local import DirectorySource
from watcher.model import FINAL_NAME, LoggedStep, Reason, RowKind
from watcher.service import Service
from watcher.trackers.wandb import RunFacts
from watcher.trackers.wandb.run import Writer

HOUR = 3600.0
NOW = time.time()
Loss = Callable[[int], float]


def old(step: int) -> float:
    """What an earlier training logged."""
    return 0.9 / step


def new(step: int) -> float:
    """What this run's training logs."""
    return 2.5 / step


def save(root: Path, step: int, loss: Loss, at: float = 0.0, *, last: int = 100, value: int = 0) -> Path:
    """A checkpoint of the training that logs `loss`, written `at` seconds from now."""
    path = write_checkpoint(root, step, value=value)
    log = [{"step": at, "loss": loss(at), "grad_norm": 0.5, "learning_rate": 1e-4} for at in range(1, step + 1)]
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step, "max_steps": last, "log_history": log}))
    date(path, at)
    return path


def date(path: Path, at: float) -> None:
    for file in (*path.iterdir(), path):
        os.utime(file, (NOW + at, NOW + at))


def service(
    house: House,
    *,
    begun: float | None = None,
    logged: Mapping[int, Sequence[float]] | None = None,
    there: bool = True,
    **settings: object,
) -> Service:
    """One that publishes into a run that began so many seconds from now, and has logged these losses itself."""
    began = None if begun is None else NOW + begun
    facts = RunFacts(True, house.run_state, Writer.SHARED, begun=began) if there else RunFacts(False)

    def run_log() -> RunLog | None:
        if logged is None:
            return None
        return RunLog({step: [LoggedStep(step, loss) for loss in losses] for step, losses in logged.items()})

    house.facts, house.logged = lambda: facts, run_log
    return house.service(**{"once": True} | settings)


def published(house: House) -> tuple[list[int], list[int]]:
    """Steps of the evaluations, and of the trainer's losses, that are in the run."""
    kinds = [
        sorted(row.step for row in house.tracker.rows if row.kind is kind) for kind in (RowKind.EVAL, RowKind.TRAIN)
    ]
    return kinds[0], kinds[1]


def skipped(house: House) -> list[str]:
    return [r.name for r in house.ledger.records() if r.reason is Reason.EARLIER_RUN]


def test_what_an_earlier_run_left_is_skipped_with_a_sentence_and_no_row_of_it_is_published(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    save(house.root, 30, old, -48 * HOUR, last=30)
    save(house.root, 10, new, -60)
    made = service(house)
    with caplog.at_level("INFO", logger="uimon"):
        made.run()
    assert house.states() == [(10, "published", None), (30, "skipped", Reason.EARLIER_RUN)]
    assert published(house) == ([10], list(range(1, 11)))
    [row] = [row for row in house.tracker.rows if row.kind is RowKind.EVAL]
    assert row.values["uimon/lag_steps"] == 0
    detail = house.ledger.status()[1].detail
    assert "differs from that of checkpoint-10 from step 1 on" in detail
    assert "--adopt-earlier" in detail
    assert caplog.text.count("checkpoint-10 was written last") == 1
    assert "Not evaluated: checkpoint-30 (earlier_run" in caplog.text
    assert not made.lacking


def test_the_end_of_an_earlier_run_is_not_the_end_of_this_one(house: House) -> None:
    save(house.root, 30, old, -48 * HOUR, last=30)
    save(house.root, 10, new, -60)
    service(house).run()
    assert house.ledger.newest_final() is None
    assert house.ledger.newest_step() == 10
    assert [step for step, *_ in house.ledger.arrivals()] == [10]


@pytest.mark.parametrize("first", [10, 15])
def test_a_new_run_overwrites_the_old_ones_steps_one_by_one(house: House, first: int) -> None:
    for step in (10, 20, 30):
        save(house.root, step, old, -48 * HOUR, last=30)
    save(house.root, first, new, -300)
    service(house).run()
    assert published(house)[0] == [first]
    save(house.root, 20, new, -200)
    service(house).run()
    save(house.root, 30, new, -100, last=30)
    service(house).run()
    assert published(house) == ([first, 20, 30], list(range(1, 31)))
    assert house.ledger.newest_final() is not None
    assert skipped(house) == (["checkpoint-10"] if first == 15 else [])


def test_the_old_runs_model_in_the_directory_goes_with_its_checkpoints(house: House) -> None:
    path = save(house.root, 30, old, -48 * HOUR)
    for name in ("config.json", "model.safetensors"):
        shutil.copy2(path / name, house.root / name)
    model = house.root / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-8] + b"\7" * 8)
    os.utime(model, (NOW - 47 * HOUR,) * 2)
    # A directory's time changes with what is done in it, so that the model may pass for the newest.
    os.utime(save(house.root, 10, new, -60), (NOW - 50 * HOUR,) * 2)
    service(house).run()
    assert published(house)[0] == [10]
    assert set(skipped(house)) == {"checkpoint-30", FINAL_NAME}


def test_a_copy_of_one_training_is_evaluated_whole_whatever_its_times(house: House) -> None:
    for at, step in enumerate((30, 20, 10)):
        save(house.root, step, new, at - 60)
    service(house).run()
    assert published(house) == ([10, 20, 30], list(range(1, 31)))
    assert skipped(house) == []


def test_a_copy_of_another_run_that_is_uploaded_later_is_not_this_runs(house: House) -> None:
    save(house.root, 10, new, -600)
    save(house.root, 20, new, -500)
    service(house).run()
    save(house.root, 500, old, -10)
    save(house.root, 30, new, -20)
    service(house).run()
    assert published(house)[0] == [10, 20, 30]
    assert skipped(house) == ["checkpoint-500"]
    # What was once held for another's stays so, though it goes on.
    save(house.root, 25, old, -5)
    service(house).run()
    assert skipped(house) == ["checkpoint-25", "checkpoint-500"]


def test_also_where_rotation_has_taken_what_was_evaluated(house: House) -> None:
    save(house.root, 10, new, -600)
    service(house).run()
    shutil.rmtree(house.root / "checkpoint-10")
    save(house.root, 20, new, -500)
    save(house.root, 500, old, -10)
    service(house).run()
    assert published(house)[0] == [10, 20]
    assert skipped(house) == ["checkpoint-500"]


def test_a_trainer_that_goes_back_goes_on(house: House) -> None:
    for step in (10, 20, 30):
        save(house.root, step, new, step - 600)

    def other_way(step: int) -> float:
        return new(step) if step <= 10 else 7.0 / step

    service(house).run()
    for step in (20, 25):
        save(house.root, step, other_way, step - 300, value=step)
        service(house).run()
    assert published(house)[0] == [10, 20, 20, 25, 30]
    assert skipped(house) == []


def test_a_trainer_that_begins_anew_in_its_directory_goes_on(house: House) -> None:
    for step in (10, 20):
        save(house.root, step, new, step - 600)
    service(house).run()
    for step in (10, 15):
        save(house.root, step, old, step - 300, value=step)
        service(house).run()
    assert published(house)[0] == [10, 10, 15, 20]


def test_two_runs_in_one_directory_get_each_its_own_by_what_they_log(house: House) -> None:
    for step in (10, 20):
        save(house.root, step, old, step)
        save(house.root, step + 5, new, step + 5)
    service(house, logged={step: [old(step)] for step in range(1, 26)}).run()
    assert published(house) == ([10, 20], list(range(1, 21)))
    assert skipped(house) == ["checkpoint-15", "checkpoint-25"]


def test_another_run_that_begins_later_in_the_directory_is_told_by_what_this_one_logs(house: House) -> None:
    logged = {step: [old(step)] for step in range(1, 26)}
    for step in (10, 20):
        save(house.root, step, old, step - 100)
    service(house, logged=logged).run()
    save(house.root, 5, new, -10)
    service(house, logged=logged).run()
    assert skipped(house) == ["checkpoint-5"]
    # W&B shows late what a trainer that began anew has logged; that it writes over its checkpoints shows at once.
    save(house.root, 10, lambda step: 7.0 / step, -5, value=1)
    service(house, logged=logged).run()
    assert published(house)[0] == [10, 10, 20]


def test_a_run_that_has_logged_only_what_both_have_says_nothing(house: House) -> None:
    def same_seed(step: int) -> float:
        return new(1) if step == 1 else old(step)

    save(house.root, 30, same_seed, -48 * HOUR)
    save(house.root, 10, new, -60)
    service(house, logged={1: [new(1)]}).run()
    assert published(house)[0] == [10]


def test_a_run_that_began_after_all_that_lies_there_is_filled_only_where_that_is_asked_for(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    for step in (10, 20):
        save(house.root, step, old, -48 * HOUR)
    made = service(house, begun=-600)
    with caplog.at_level("INFO", logger="uimon"):
        made.run()
    assert published(house) == ([], [])
    assert made.lacking
    assert "0 of 2 checkpoints are evaluated" in caplog.text
    assert "--adopt-earlier evaluates what is there for this run" in caplog.text
    service(house, begun=-600, adopt_earlier=True).run()
    assert published(house) == ([10, 20], list(range(1, 21)))


def test_a_run_that_is_not_there_yet_begins_later_than_what_lies_there(house: House) -> None:
    for step in (10, 20):
        save(house.root, step, old, -48 * HOUR)
    service(house, there=False, once=False, idle_exit=0.5).run()
    assert skipped(house) == ["checkpoint-10", "checkpoint-20"]
    # That of an offline run has the same log, and is written now.
    save(house.root, 30, old, time.time() - NOW)
    service(house, there=False, once=False, idle_exit=0.5).run()
    assert published(house)[0] == [10, 20, 30]


def test_a_run_that_is_not_there_is_filled_once_all_the_same(house: House) -> None:
    save(house.root, 10, old, -48 * HOUR)
    service(house, there=False).run()
    assert published(house)[0] == [10]


def test_a_resume_under_a_new_id_is_one_training(house: House) -> None:
    for step in (10, 20):
        save(house.root, step, new, -48 * HOUR)
    service(house, begun=-600).run()
    assert published(house) == ([], [])
    save(house.root, 30, new, -60)
    service(house, begun=-600).run()
    assert published(house) == ([10, 20, 30], list(range(1, 31)))


def test_a_run_that_was_synced_later_knows_its_own_losses(house: House) -> None:
    save(house.root, 20, new, -48 * HOUR)
    service(house, begun=-600, logged={step: [new(step)] for step in range(1, 50)}).run()
    assert published(house)[0] == [20]


def test_what_was_adopted_beside_a_training_that_goes_on_is_never_its_end_and_its_losses_stay_out(house: House) -> None:
    save(house.root, 30, old, -48 * HOUR, last=30)
    save(house.root, 10, new, -60)
    service(house, adopt_earlier=True).run()
    assert published(house) == ([10, 30], list(range(1, 11)))
    assert house.ledger.newest_final() is None


def test_one_step_of_an_earlier_run_is_taken_where_it_is_asked_for_and_all_leaves_them_out(house: House) -> None:
    save(house.root, 30, old, -48 * HOUR, last=30)
    save(house.root, 10, new, -60)
    service(house).run()
    assert house.ledger.retry() == []
    assert [record.name for record in house.ledger.retry(30)] == ["checkpoint-30"]
    service(house).run()
    assert published(house) == ([10, 30], list(range(1, 11)))
    # It says nothing about the others of its training.
    save(house.root, 20, old, -47 * HOUR)
    service(house).run()
    assert skipped(house) == ["checkpoint-20"]


@pytest.mark.parametrize("begun", [None, -600.0])
def test_without_a_log_there_is_no_evidence_but_the_runs_beginning(house: House, begun: float | None) -> None:
    for step, at in ((1, -48 * HOUR), (2, -60)):
        path = write_checkpoint(house.root, step).rename(house.root / f"epoch_{step}")
        (path / "trainer_state.json").unlink()
        (path / "COMPLETED").touch()
        date(path, at)
    service(house, begun=begun).run()
    assert published(house)[0] == ([1, 2] if begun is None else [2])


def test_times_before_the_year_2000_say_nothing(house: House) -> None:
    save(house.root, 10, new, 86_400 - NOW)
    service(house, begun=-600).run()
    assert published(house)[0] == [10]


def test_an_earlier_runs_broken_checkpoint_is_no_failure_of_this_one(house: House) -> None:
    path = save(house.root, 30, old, -48 * HOUR)
    (path / "model.safetensors").unlink()
    (path / "pytorch_model.bin").write_bytes(b"x")
    date(path, -48 * HOUR)
    # It was killed while it wrote the next one.
    torn = save(house.root, 35, old)
    (torn / "trainer_state.json").unlink()
    date(torn, -47 * HOUR)
    save(house.root, 10, new, -60)
    service(house).run()
    assert house.states() == [
        (10, "published", None),
        (30, "skipped", Reason.EARLIER_RUN),
        (35, "skipped", Reason.EARLIER_RUN),
    ]
    assert house.tracker.alerts == []


def test_what_this_run_left_unfinished_is_its_own_failure(house: House) -> None:
    save(house.root, 30, old, -48 * HOUR)
    torn = save(house.root, 15, new)
    (torn / "trainer_state.json").unlink()
    date(torn, -HOUR)
    save(house.root, 10, new, -2 * HOUR)
    save(house.root, 20, new, -60)
    service(house).run()
    assert house.states()[1] == (15, "failed", Reason.TRAINER_STATE_MISSING)


def test_a_source_of_named_checkpoints_is_not_judged(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    save(house.root, 30, old, -48 * HOUR)
    save(house.root, 10, new, -60)
    monkeypatch.setattr(DirectorySource, "names", lambda self: None)
    service(house).run()
    assert published(house)[0] == [10, 30]


@pytest.fixture
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watcher.checkpoints.layouts.completeness.QUIET_S", 0.5)


def test_once_waits_for_a_silence_and_names_what_it_could_not_evaluate(
    house: House, short_silence: None, caplog: pytest.LogCaptureFixture
) -> None:
    write_checkpoint(house.root, 10)
    (write_checkpoint(house.root, 20) / "config.json").unlink()
    (write_checkpoint(house.root, 30) / "trainer_state.json").unlink()
    made = service(house)
    with caplog.at_level("INFO", logger="uimon"):
        made.run()
    assert house.states() == [
        (10, "published", None),
        (20, "failed", Reason.CONFIG_MISSING),
        (30, "seen", Reason.TRAINER_STATE_MISSING),
    ]
    assert made.lacking
    last = [record.getMessage() for record in caplog.records if "checkpoints are evaluated" in record.getMessage()]
    assert "1 of 3 checkpoints" in last[0]
    assert "checkpoint-20 (failed, config_missing)" in last[0]
    assert "put the config.json of the model there" in caplog.text
    assert "checkpoint-30 (is still being written, trainer_state_missing" in last[0]
    assert [alert.title for alert in house.tracker.alerts] == ["Not evaluated (config_missing): checkpoint-20"]
    # A copy that goes on after a pause.
    (house.root / "checkpoint-20" / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    service(house).run()
    assert house.states()[1] == (20, "published", None)


def test_another_runs_checkpoint_that_was_begun_early_is_dropped(house: House) -> None:
    save(house.root, 10, new, -60)
    made = service(house, once=False)
    thread = run_in_thread(made)
    wait_until(lambda: published(house)[0] == [10])
    path = save(house.root.parent / "elsewhere", 500, old)
    state = (path / "trainer_state.json").read_bytes()
    (path / "trainer_state.json").unlink()
    (path / "optimizer.pt").write_bytes(b"x")
    path = path.rename(house.root / path.name)
    wait_until(lambda: len(house.engine.loaded) == 2)
    (path / "trainer_state.json").write_bytes(state)
    wait_until(lambda: skipped(house) == ["checkpoint-500"])
    made.stop()
    thread.join(15)
    assert published(house)[0] == [10]
    assert list(house.state.stage.glob("*")) == []


def test_directories_deeper_down_are_named_and_nothing_is_said_to_be_evaluated(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    for number, place in enumerate(("outputs/2026-11-28/15-30-00", "saves/M/lora/RUN")):
        os.utime(save(house.root / place, 10, new), (NOW + number,) * 2)
    made = service(house)
    with caplog.at_level("INFO", logger="uimon"):
        made.run()
    assert made.lacking
    assert f"{house.root}/saves/M/lora/RUN, {house.root}/outputs/2026-11-28/15-30-00" in caplog.text
    assert "Everything" not in caplog.text


def test_an_empty_directory_is_no_failure_and_not_said_to_be_evaluated(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    made = service(house)
    with caplog.at_level("INFO", logger="uimon"):
        made.run()
    assert not made.lacking
    assert "There is no checkpoint yet" in caplog.text


def test_what_an_earlier_look_left_and_is_not_there_any_more_is_nothing_that_was_passed_over(house: House) -> None:
    (write_checkpoint(house.root, 30) / "trainer_state.json").unlink()
    made = service(house)
    made.run()
    assert made.lacking
    (house.root / "checkpoint-30").rename(house.root.parent / "checkpoint-30")
    write_checkpoint(house.root, 10)
    made = service(house)
    made.run()
    assert not made.lacking


def put_model(root: Path, like: Path, at: float) -> None:
    """A model of its own in the run directory, as `save_model()` leaves it."""
    for name in ("config.json", "model.safetensors"):
        shutil.copy2(like / name, root / name)
    model = root / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-8] + b"\7" * 8)
    os.utime(model, (NOW + at,) * 2)
    os.utime(root / "config.json", (NOW + at,) * 2)


@pytest.mark.parametrize(("at", "taken"), [(-HOUR, False), (-30, True)])
def test_a_model_in_the_run_directory_that_is_older_than_its_checkpoints_is_named(
    house: House, short_silence: None, caplog: pytest.LogCaptureFixture, at: float, taken: bool
) -> None:
    # A directory's time changes with what is done in it.
    path = save(house.root, 10, new, -60)
    put_model(house.root, path, at)
    os.utime(path, (NOW, NOW))
    with caplog.at_level("INFO", logger="uimon"):
        service(house, begun=-2 * HOUR).run()
    assert skipped(house) == ([] if taken else [FINAL_NAME])
    assert ("checkpoint-10 was written after it" in caplog.text) is not taken
    assert published(house)[0] == ([10, 10] if taken else [10])


def test_what_was_adopted_once_stays_another_trainings(house: House) -> None:
    save(house.root, 30, old, -48 * HOUR, last=30)
    save(house.root, 10, new, -60)
    service(house, adopt_earlier=True).run()
    service(house).run()
    assert published(house) == ([10, 30], list(range(1, 11)))
    save(house.root, 20, old, -47 * HOUR)
    shutil.rmtree(house.root / "checkpoint-10")
    service(house).run()
    assert skipped(house) == ["checkpoint-20"]
    assert published(house) == ([10, 30], list(range(1, 11)))
    assert house.ledger.newest_final() is None


def ends(made: Service, within: float = 2.5) -> bool:
    """Whether a service ends by itself."""
    thread = run_in_thread(made)
    thread.join(within)
    ended = not thread.is_alive()
    made.stop()
    thread.join(15)
    return ended


def heard(house: House, made: Service, state: str, silence: float | None) -> Service:
    """What W&B says of the run: its state, and the time since its last heartbeat."""
    facts = RunFacts(True, state, Writer.SHARED, silence=silence)
    house.facts = lambda: facts
    return made


@pytest.mark.parametrize(("state", "over"), [("running", False), ("finished", True)])
def test_a_final_checkpoint_of_an_earlier_start_does_not_end_the_watch_of_a_run_that_lives(
    house: House, state: str, over: bool
) -> None:
    save(house.root, 30, new, -600, last=30)
    service(house).run()
    house.run_state = state
    assert ends(service(house, once=False, until_final=True, grace=0.2)) is over


@pytest.mark.parametrize(("silence", "over"), [(5.0, False), (900.0, True), (None, True)])
def test_nor_does_one_that_was_there_before_the_first(house: House, silence: float | None, over: bool) -> None:
    save(house.root, 30, new, -600, last=30)
    assert ends(heard(house, service(house, once=False, until_final=True, grace=0.2), "running", silence)) is over
    assert published(house)[0] == [30]


def test_the_end_of_what_was_trained_before_is_not_the_end_of_a_trainer_that_began_anew(house: House) -> None:
    save(house.root, 30, new, -600, last=30)
    service(house).run()
    assert house.ledger.newest_final() is not None
    save(house.root, 10, old, time.time() - NOW, last=90)
    house.run_state = None
    assert not ends(service(house, there=False, once=False, until_final=True, grace=0.2))
    assert published(house)[0] == [10, 30]
    assert house.ledger.newest_final() is None


def test_it_is_not_either_where_it_lies_there_no_more(house: House) -> None:
    path = save(house.root, 30, new, -600, last=30)
    service(house).run()
    shutil.rmtree(path)
    save(house.root, 10, old, -10, last=90)
    service(house).run()
    assert published(house)[0] == [10, 30]
    assert house.ledger.newest_final() is None


def test_the_first_losses_of_one_seed_do_not_end_a_watch_with_an_old_training(house: House) -> None:
    def one_seed(step: int) -> float:
        return new(step) if step < 3 else old(step)

    for step in (10, 30):
        save(house.root, step, one_seed, -48 * HOUR, last=30)
    logged = {step: [new(step)] for step in (1, 2)}
    assert not ends(service(house, begun=-30, logged=logged, once=False, until_final=True, grace=0.2))
    assert published(house) == ([], [])
    assert skipped(house) == ["checkpoint-10", "checkpoint-30"]


def test_a_trainer_that_begins_anew_with_larger_steps_goes_on_and_that_is_said(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    for step in (10, 20, 30):
        save(house.root, step, new, step - 600, last=30)
    service(house).run()
    for step in (50, 100):
        save(house.root, step, old, step - 200)
        service(house).run()
    assert published(house)[0] == [10, 20, 30, 50, 100]
    assert caplog.text.count("checkpoint-50 belongs to another training than the checkpoints evaluated before") == 1
