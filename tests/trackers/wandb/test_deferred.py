"""Beside a trainer in W&B's default mode: a companion while it lives, its own run once that has ended."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.outboxes import LONG_AFTER, MemoryStore, attempt, eval_row, train_row
from tests.support.wandb_run import LIMITS, PATH, PROJECT, RUN, SeedRun, history, uids, wait_for_lines
from tests.support.wandb_trainer import StartTrainer
from watcher.demo.standin import ENTITY, Fault, Standin
from watcher.demo.standin.store import RunRecord
from watcher.ledger.ledger import Ledger
from watcher.model import Alert, AlertLevel, Reason, Target
from watcher.trackers.wandb import Outbox, PublishPlan, PublishResult, RunRef, WandbPublisher

COMPANION = f"{PATH}-uimon"
ENDED = PublishPlan(settled=True)
DIVERGED = Alert("failed/checkpoint-50/abc", AlertLevel.ERROR, "checkpoint-50 holds NaN", "NaN in layer 3.")


def publish(
    publisher: WandbPublisher, store: MemoryStore, order: PublishPlan | None = None, at: float = 0.0
) -> PublishResult:
    result = attempt(publisher, store, order, at)
    store.rows_published(result.delivered)
    store.alerts_raised(result.alerted)
    return result


def duration(run: RunRecord) -> float:
    """How long the run took, in seconds; the SDK adds those of each session that writes into it."""
    return float(run.summary["_runtime"])


def trainers_own(run: RunRecord) -> dict[str, Any]:
    """What of a run is its trainer's: everything but uimon's rows, their media, and its mark as a writer."""
    config = copy.deepcopy(run.config)
    wandb_part = config["_wandb"]["value"]
    # The newest writer's telemetry, and the definitions, of which uimon's are more than the trainer's.
    telemetry, definitions = wandb_part.pop("t"), wandb_part.pop("m")
    names = [entry.get("1") or entry.get("2") for entry in definitions]
    return {
        "config": {key: entry["value"] for key, entry in config.items()},
        "shared": 67 in telemetry["3"],
        "definitions": [name for name in names if name not in ("eval/*", "uimon/*")],
        "summary": {
            key: value
            for key, value in run.summary.items()
            # The SDK measures a run's duration itself, by `_runtime` and `_wandb`; see `duration`.
            if key not in ("_step", "_runtime", "_wandb", "train/uid", "train/perplexity")
            and not key.startswith("eval/")
        },
        "files": {name: data for name, data in run.files.items() if not name.startswith("media/")},
        "logs": copy.deepcopy(run.logs),
        "events": list(run.events),
        "attributes": copy.deepcopy(run.attributes),
        "name": run.display_name,
        "lines": [line for line in run.history if "eval/uid" not in line and "train/uid" not in line],
    }


def wait_for_origin(standin: Standin) -> None:
    """Wait until W&B knows all that the SDK tells of a trainer and its machine, which takes some seconds."""
    deadline = time.monotonic() + 40
    known = [{}, trainers_own(standin.store.runs[PATH])]
    # It comes in several posts, some of them files.
    while "e" not in known[-1]["config"]["_wandb"] or known[-1] != known[-2]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
        known.append(trainers_own(standin.store.runs[PATH]))


def test_a_living_default_mode_trainer_is_shown_in_a_companion_and_not_touched(
    standin: Standin, publisher: WandbPublisher, start_trainer: StartTrainer
) -> None:
    trainer = start_trainer("online")
    trainer.log(20)
    wait_for_lines(standin, 20)
    wait_for_origin(standin)
    before = trainers_own(standin.store.runs[PATH])
    due = MemoryStore([eval_row(10), train_row(1)])
    due.alerts = [DIVERGED]
    assert publish(publisher, due).waiting is Reason.DEFERRED
    assert (due.marks, due.published, due.raised) == ([], [], [])
    shown = publish(publisher, due, PublishPlan(Target.COMPANION))
    assert shown.delivered == ("eval-10", "train-1")
    assert shown.url == f"{standin.url}/{ENTITY}/{PROJECT}/runs/{RUN}-uimon"
    after = trainers_own(standin.store.runs[PATH])
    # Its system metrics come all the while.
    assert after.pop("events")[: len(before["events"])] == before.pop("events")
    assert after == before
    trainer.log(5)
    second = MemoryStore([eval_row(20)])
    assert publish(publisher, second, PublishPlan(Target.COMPANION)).delivered == ("eval-20",)
    trainer.finish()

    assert uids(history(standin, COMPANION)) == ["eval-10", "train-1", "eval-20"]
    assert [(alert.run, alert.title, alert.severity) for alert in standin.store.alerts] == [
        (COMPANION, "checkpoint-50 holds NaN", "ERROR")
    ]
    companion = standin.store.runs[COMPANION]
    assert companion.state == "finished"
    assert companion.display_name == f"{RUN} (uimon)"
    assert f"{standin.url}/{ENTITY}/{PROJECT}/runs/{RUN}" in companion.attributes["notes"]
    assert companion.attributes["groupName"] == RUN
    assert companion.attributes["jobType"] == "eval"
    assert "media" in " ".join(companion.files)
    state = standin.state()
    assert (len(history(standin)), state["clobbered"], state["unknown"]) == (25, [], [])
    assert state["runs"][PATH]["states"] == ["running", "finished"]


@pytest.mark.parametrize("end", ["finished", pytest.param("crashed", marks=pytest.mark.soak)])
def test_all_rows_go_into_the_run_once_it_has_ended_and_nothing_of_the_trainers_changes(
    standin: Standin, publisher: WandbPublisher, start_trainer: StartTrainer, end: str
) -> None:
    trainer = start_trainer("online")
    trainer.log(30)
    wait_for_lines(standin, 30)
    wait_for_origin(standin)
    if end == "finished":
        trainer.finish()
    else:
        trainer.close()
        standin.set_state(PATH, "crashed")
    run = standin.store.runs[PATH]
    before, took = trainers_own(run), duration(run)
    due = MemoryStore([eval_row(10), train_row(1), train_row(2), eval_row(20)])
    due.alerts = [DIVERGED]
    assert publish(publisher, due).waiting is Reason.DEFERRED
    assert "stayed so" in publish(publisher, due).detail

    done = publish(publisher, due, ENDED)
    assert (done.delivered, done.waiting) == (("eval-10", "train-1", "train-2", "eval-20"), None)
    assert uids(history(standin)) == ["eval-10", "train-1", "train-2", "eval-20"]
    assert [alert.run for alert in standin.store.alerts] == [PATH]
    after = trainers_own(run)
    for name, value in before.items():
        assert after[name] == value, name
    assert (standin.state()["clobbered"], standin.state()["unknown"]) == ([], [])
    assert run.state == ("finished" if end == "finished" else "failed")
    assert run.history_keys >= {"eval/sample_generations", "train/perplexity"}
    assert run.summary["eval/uid"] == "eval-20"
    # A second batch, which comes later, and an attempt at what is there already.
    later = MemoryStore([eval_row(30), replace(eval_row(10), mark=30)])
    assert set(publish(publisher, later, ENDED).delivered) == {"eval-30", "eval-10"}
    assert uids(history(standin)) == ["eval-10", "train-1", "train-2", "eval-20", "eval-30"]
    assert trainers_own(run) == after
    assert 0 <= duration(run) - int(took) <= 30
    assert run.summary["eval/uid"] == "eval-30"


def test_a_run_that_goes_on_again_is_left_alone_and_its_lost_rows_are_sent_again(
    standin: Standin, publisher: WandbPublisher, start_trainer: StartTrainer
) -> None:
    first = start_trainer("online")
    first.log(30)
    first.finish()
    due = MemoryStore([eval_row(10), eval_row(20)])
    assert publish(publisher, due, ENDED).waiting is None
    # A trainer that does not resume its run begins the history anew, over everything that is there.
    second = start_trainer("online")
    second.log(12)
    wait_for_lines(standin, 12)
    due.published.clear()
    # They were seen, and so none of them is on its way.
    due.rows_unsent(["eval-10", "eval-20"])
    assert publish(publisher, due, ENDED).waiting is Reason.DEFERRED
    second.finish()
    run = standin.store.runs[PATH]
    del run.history[12:]
    run.last_step = 11
    assert publish(publisher, due, ENDED).delivered == ("eval-10", "eval-20")
    assert uids(history(standin)) == ["eval-10", "eval-20"]
    assert all(due.rows[uid].mark is not None for uid in ("eval-10", "eval-20"))


def test_a_run_that_a_killed_session_left_open_is_closed_as_its_trainer_had_left_it(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run(shared=False, state="crashed")
    assert publish(publisher, MemoryStore([eval_row(10)]), PublishPlan(settled=True, ended="finished")).waiting is None
    assert standin.store.runs[PATH].state == "finished"


def test_a_row_that_was_found_in_a_run_which_went_on_is_not_doubled(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun, tmp_path: Path
) -> None:
    seed_run(state="finished", shared=False)
    for life in ("lost", "second"):
        ledger = Ledger(tmp_path / f"{life}.sqlite3")
        outbox = Outbox(ledger.outbox(), publisher, order=lambda: ENDED, gather=0.0)
        ledger.outbox().add_rows([eval_row(10)])
        outbox.step()
        assert ledger.outbox().empty
    # The trainer goes on and ends again, and nothing was overwritten.
    assert ledger.outbox().invalidate() == 1
    assert outbox.step().published == ("eval-10",)
    ledger.close()
    assert uids(history(standin)) == ["eval-10"]


def test_a_shared_run_is_joined_live_by_auto_and_after_its_end_by_deferred(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run()
    due = MemoryStore([eval_row(10)])
    assert publish(publisher, due, PublishPlan(mode="deferred", settled=True)).waiting is Reason.DEFERRED
    standin.set_state(PATH, "finished")
    assert publish(publisher, due, PublishPlan(mode="deferred")).waiting is Reason.DEFERRED
    assert publish(publisher, due, PublishPlan(mode="deferred", settled=True)).delivered == ("eval-10",)
    assert "file_stream:default" not in standin.state()["requests"]


def test_a_shared_run_taken_over_in_default_mode_is_noticed(
    standin: Standin, publisher: WandbPublisher, start_trainer: StartTrainer
) -> None:
    shared = start_trainer("shared")
    shared.log(5)
    wait_for_lines(standin, 5)
    assert publish(publisher, MemoryStore([eval_row(10)])).waiting is None
    shared.close()
    again = start_trainer("online")
    again.log(3)
    result = publish(publisher, MemoryStore([eval_row(20)]))
    assert result.waiting is Reason.DEFERRED
    assert "default mode" in result.detail


def test_a_session_killed_while_it_writes_into_the_companion_leaves_each_row_once(
    standin: Standin, ref: RunRef, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun
) -> None:
    seed_run(shared=False)
    due = MemoryStore([eval_row(10)])
    order = PublishPlan(Target.COMPANION)
    for at, point in enumerate(("publish.before_log", "publish.logged")):
        crashing = WandbPublisher(
            ref, tmp_path / "sessions", timeout=45, limits=LIMITS, environ={**environ, "UIMON_CRASH_AT": point}
        )
        due.rows_absent(["eval-10"] * at, 0.0)
        assert publish(crashing, due, order, at * LONG_AFTER).waiting is Reason.NOT_DELIVERED
    sound = WandbPublisher(ref, tmp_path / "sessions", timeout=45, limits=LIMITS, environ=environ)
    assert publish(sound, due, order).delivered == ("eval-10",)
    assert uids(history(standin, COMPANION)) == ["eval-10"]


def test_the_trainers_own_definitions_are_made_again(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    run = seed_run()
    own = [{"1": "tokens", "6": [3], "7": []}, {"1": "val/loss", "5": 1, "6": [1], "7": [1]}]
    run.config["_wandb"]["value"]["m"] = own
    publish(publisher, MemoryStore([eval_row(10)]))
    metrics = run.config["_wandb"]["value"]["m"]
    names = [metric.get("1") or metric.get("2") for metric in metrics]
    # The SDK lists them in no order that it promises.
    assert "tokens" in names
    loss = metrics[names.index("val/loss")]
    assert (names[loss["5"] - 1], loss["7"]) == ("tokens", [1])
    assert names[metrics[names.index("eval/*")]["5"] - 1] == "train/global_step"


def test_an_alert_is_raised_in_the_run_with_no_row_beside_it(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run()
    due = MemoryStore()
    due.alerts = [DIVERGED]
    assert publish(publisher, due).alerted == (DIVERGED.key,)
    assert [(a.run, a.title, a.text) for a in standin.store.alerts] == [(PATH, DIVERGED.title, DIVERGED.text)]


def test_an_alert_that_was_raised_just_before_a_kill_is_not_raised_again(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run()
    # A new store for each is what a ledger looks like that never heard how the session before it ended.
    for alerts in ([DIVERGED], [DIVERGED], [DIVERGED, replace(DIVERGED, title="a" * 40 + "b" * 40)]):
        due = MemoryStore()
        due.alerts = alerts
        assert publish(publisher, due).alerted == tuple(alert.key for alert in alerts)
    assert [alert.title for alert in standin.store.alerts] == [
        DIVERGED.title,
        "a" * 31 + "…" + "b" * 31,
    ]


def test_an_alert_beside_rows_that_did_not_arrive_is_due_again(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run()
    due = MemoryStore([eval_row(10)])
    due.alerts = [DIVERGED]
    standin.add_fault(Fault("/file_stream", status=500))
    assert publish(publisher, due).alerted == ()
    standin.clear_faults()
    assert publish(publisher, due).alerted == (DIVERGED.key,)


def test_a_companion_that_wandb_refuses_holds_up_nothing(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run(shared=False)
    standin.add_fault(Fault("UpsertBucket", status=409, body=f"{RUN}-uimon"))
    due = MemoryStore([eval_row(10)])
    result = publish(publisher, due, PublishPlan(Target.COMPANION))
    assert result.waiting in (Reason.WANDB_REFUSED, Reason.WANDB_UNREACHABLE)
    standin.set_state(PATH, "finished")
    assert publish(publisher, due, ENDED).delivered == ("eval-10",)
    assert json.dumps(standin.state()["unknown"]) == "[]"
