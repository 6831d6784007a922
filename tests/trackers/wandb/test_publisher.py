"""Publication into a run on the stand-in with the real SDK over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.outboxes import LONG_AFTER, MemoryStore, attempt, eval_row, train_row
from tests.support.wandb_run import LIMITS, PATH, PROJECT, RUN, SeedRun, history, uids, wait_for_lines
from tests.support.wandb_trainer import StartTrainer
from watcher.demo.standin import ENTITY, Fault, FaultKind, Standin
from watcher.model import Reason, Row, Table, UimonError
from watcher.trackers.wandb import PublishPlan, RunRef, WandbPublisher, inspect_run


def test_shared_trainer_and_uimon_both_keep_every_row(
    standin: Standin, publisher: WandbPublisher, start_trainer: StartTrainer
) -> None:
    trainer = start_trainer("shared")
    trainer.log(20)
    wait_for_lines(standin, 20)
    trainer.log(10)
    first = attempt(publisher, MemoryStore([eval_row(10), train_row(1), train_row(2)]))
    while_training = standin.state()["runs"][PATH]
    trainer.log(10)
    second = attempt(publisher, MemoryStore([eval_row(30)]))
    trainer.finish()

    assert first.delivered == ("eval-10", "train-1", "train-2")
    assert (first.waiting, first.copies) == (None, {})
    assert first.url == f"{standin.url}/{ENTITY}/ui/runs/{RUN}"
    assert second.delivered == ("eval-30",)
    lines = history(standin)
    losses = sorted(line["train/global_step"] for line in lines if "train/loss" in line)
    assert losses == list(range(1, 41))
    assert sorted(uids(lines)) == ["eval-10", "eval-30", "train-1", "train-2"]
    order = ["loss" if "train/loss" in line else "uimon" for line in lines]
    assert "loss" in order[order.index("uimon") :], "the trainer wrote nothing after uimon had joined"
    state = standin.state()
    assert state["clobbered"] == []
    assert state["unknown"] == []
    # A second default-mode writer would lose rows only now and then: the header is what rules it out.
    assert "file_stream:default" not in state["requests"]
    assert while_training["states"] == ["running"]
    assert while_training["config"]["lr"] == {"value": 0.1}
    run = state["runs"][PATH]
    assert run["states"] == ["running", "finished"]
    assert run["config"]["lr"] == {"value": 0.1}
    assert not [name for name in run["logs"] if "uimon" in name]


def test_logged_row_has_the_axis_and_leaves_undefined_values_out(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run()
    attempt(publisher, MemoryStore([eval_row(50)]))
    line = history(standin)[-1]
    assert line["train/global_step"] == 50
    assert line["eval/syntax_validity_rate"] == 0.5
    assert "eval/perplexity" not in line
    metrics = standin.state()["runs"][PATH]["config"]["_wandb"]["value"]["m"]
    assert {"train/global_step"} <= {metric.get("1") for metric in metrics}
    assert {"*", "eval/*"} <= {metric.get("2") for metric in metrics}


def test_table_of_samples_is_readable_in_the_run(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    run = seed_run()
    attempt(publisher, MemoryStore([eval_row(50)]))
    reference = history(standin)[-1]["eval/sample_generations"]
    table = json.loads(run.files[reference["path"]])
    assert table["columns"][:4] == ["step", "sample", "prompt", "generated_code"]
    assert table["data"][0][3] == "<script>alert('x')</script><div class=\"bg-blue-500\">"
    assert table["data"][1][6] is None
    assert reference["log_mode"] == "IMMUTABLE"


def test_table_with_undecodable_text_and_mixed_cells_is_published(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    run = seed_run()
    odd = Table(("a", "b"), (("x\udc80y", 1), ("", "one"), (None, True)))
    assert attempt(publisher, MemoryStore([replace(eval_row(50), table=odd)])).waiting is None
    table = json.loads(run.files[history(standin)[-1]["eval/sample_generations"]["path"]])
    assert table["data"] == [["x\ufffdy", 1], ["", "one"], [None, True]]


def test_default_mode_trainer_is_not_joined_and_loses_nothing(
    standin: Standin, publisher: WandbPublisher, start_trainer: StartTrainer
) -> None:
    trainer = start_trainer("online")
    trainer.log(20)
    wait_for_lines(standin, 20)
    store = MemoryStore([eval_row(10)])
    result = attempt(publisher, store)
    trainer.log(5)
    trainer.finish()

    assert result.waiting is Reason.DEFERRED
    assert f"WANDB_MODE=shared WANDB_RUN_ID={RUN}" in result.detail
    assert result.delivered == ()
    assert store.marks == []
    state = standin.state()
    assert len(history(standin)) == 25
    assert state["clobbered"] == []
    # The shared joining of a run asks for its resume status first.
    assert state["requests"].get("RunResumeStatus", 0) == 0
    assert uids(history(standin)) == []


def test_mode_shared_takes_the_callers_word(publisher: WandbPublisher, seed_run: SeedRun) -> None:
    seed_run(shared=False, state="finished")
    assert attempt(publisher, MemoryStore([eval_row(10)]), PublishPlan(mode="shared")).delivered == ("eval-10",)


def test_row_of_a_missing_run_waits_and_creates_nothing(standin: Standin, publisher: WandbPublisher) -> None:
    result = attempt(publisher, MemoryStore([eval_row(10)]))
    assert result.waiting is Reason.RUN_NOT_FOUND
    assert f"no run {RUN} in project {PROJECT} of entity {ENTITY}" in result.detail
    assert standin.state()["runs"] == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [("finished", "finished"), ("crashed", "failed"), pytest.param("failed", "failed", marks=pytest.mark.soak)],
)
def test_run_that_had_ended_is_not_left_running(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun, before: str, after: str
) -> None:
    seed_run(state=before)
    assert attempt(publisher, MemoryStore([eval_row(10)])).delivered == ("eval-10",)
    assert standin.state()["runs"][PATH]["state"] == after


@pytest.mark.parametrize("point", ["publish.before_log", "publish.logged"])
def test_session_killed_around_logging_leaves_the_row_once(
    standin: Standin,
    publisher: WandbPublisher,
    ref: RunRef,
    environ: dict[str, str],
    tmp_path: Path,
    seed_run: SeedRun,
    point: str,
) -> None:
    seed_run()
    store = MemoryStore([eval_row(10), train_row(1)])
    crashing = WandbPublisher(
        ref, tmp_path / "sessions", timeout=45, limits=LIMITS, environ={**environ, "UIMON_CRASH_AT": point}
    )
    killed = attempt(crashing, store)
    assert killed.waiting is Reason.NOT_DELIVERED
    assert len(uids(history(standin))) == (2 if point == "publish.logged" else 0)

    retried = attempt(publisher, store)
    if point == "publish.before_log":
        assert (retried.delivered, retried.waiting) == ((), Reason.UNCONFIRMED)
        retried = attempt(publisher, store, at=LONG_AFTER)
    assert retried.delivered == ("eval-10", "train-1")
    assert retried.waiting is None
    assert uids(history(standin)) == ["eval-10", "train-1"]
    assert not list((tmp_path / "sessions").iterdir())


def test_a_lost_response_makes_nobody_send_the_rows_again(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    # The stand-in applies a repeated request again: what api.wandb.ai does is not public.
    seed_run()
    standin.add_fault(Fault("/file_stream", FaultKind.LOSE, times=1, body="wandb-history.jsonl"))
    result = attempt(publisher, MemoryStore([eval_row(10)]))
    assert (result.delivered, result.copies) == (("eval-10",), {})
    assert uids(history(standin)) == ["eval-10"]


def test_a_request_that_was_applied_twice_is_told_as_a_duplicate(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run()
    standin.add_fault(Fault("/file_stream", FaultKind.REPEAT, times=1, body="wandb-history.jsonl"))
    result = attempt(publisher, MemoryStore([eval_row(10)]))
    assert (result.delivered, result.copies) == (("eval-10",), {"eval-10": 2})


def test_row_lost_in_an_outage_is_not_delivered_and_is_sent_once_after_it(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run()
    store = MemoryStore([eval_row(10)])
    standin.add_fault(Fault("/file_stream", status=500, body="wandb-history.jsonl"))
    lost = attempt(publisher, store)
    assert (lost.delivered, lost.waiting, lost.absent) == ((), Reason.UNCONFIRMED, ("eval-10",))
    assert "1 of 1 rows" in lost.detail
    assert store.rows["eval-10"].mark == 10
    standin.clear_faults()
    # A server that answers 500 may have taken the row.
    assert attempt(publisher, store, at=LONG_AFTER / 2).absent == ("eval-10",)
    assert attempt(publisher, store, at=LONG_AFTER).delivered == ("eval-10",)
    assert uids(history(standin)) == ["eval-10"]


def test_server_that_is_down_is_unreachable_until_it_is_back(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run()
    store = MemoryStore([eval_row(10)])
    standin.stop()
    assert attempt(publisher, store).waiting is Reason.WANDB_UNREACHABLE
    assert store.marks == []
    standin.start()
    assert attempt(publisher, store).delivered == ("eval-10",)


def test_init_that_fails_after_the_mark_is_unreachable_and_loses_nothing(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run()
    store = MemoryStore([eval_row(10)])
    standin.add_fault(Fault("UpsertBucket", status=500))
    assert attempt(publisher, store).waiting is Reason.WANDB_UNREACHABLE
    standin.clear_faults()
    assert attempt(publisher, store).delivered == ("eval-10",)


def test_wrong_key_is_refused_and_appears_nowhere(
    standin: Standin,
    ref: RunRef,
    environ: dict[str, str],
    tmp_path: Path,
    seed_run: SeedRun,
    capfd: pytest.CaptureFixture[str],
) -> None:
    seed_run()
    key = "0a1b2c3d4e" * 4
    publisher = WandbPublisher(ref, tmp_path / "sessions", limits=LIMITS, environ={**environ, "WANDB_API_KEY": key})
    result = attempt(publisher, MemoryStore([eval_row(10)]))
    printed = capfd.readouterr()
    assert result.waiting is Reason.WANDB_REFUSED
    assert key not in result.detail + printed.out + printed.err
    assert key not in json.dumps(standin.state())


def test_missing_key_is_named(ref: RunRef, environ: dict[str, str], seed_run: SeedRun) -> None:
    seed_run()
    without = {name: value for name, value in environ.items() if name != "WANDB_API_KEY"}
    with pytest.raises(UimonError, match="WANDB_API_KEY_FILE") as raised:
        inspect_run(ref, 30, environ=without, limits=LIMITS)
    assert raised.value.reason is Reason.WANDB_KEY_MISSING


def test_key_comes_from_a_secret_file(ref: RunRef, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun) -> None:
    seed_run(7)
    secret = tmp_path / "secret"
    secret.write_text(environ["WANDB_API_KEY"] + "\n")
    variables = {name: value for name, value in environ.items() if name != "WANDB_API_KEY"}
    facts = inspect_run(ref, 30, environ={**variables, "WANDB_API_KEY_FILE": str(secret)}, limits=LIMITS)
    assert (facts.exists, facts.state, facts.writer, facts.path, facts.history_lines) == (
        True,
        "running",
        "shared",
        PATH,
        7,
    )
    with pytest.raises(UimonError, match="cannot be read") as raised:
        inspect_run(ref, 30, environ={**variables, "WANDB_API_KEY_FILE": "/nowhere/key"}, limits=LIMITS)
    assert raised.value.reason is Reason.WANDB_KEY_MISSING


def test_trainers_variables_do_not_reach_the_run(
    standin: Standin, ref: RunRef, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun
) -> None:
    seed_run()
    beside_trainer = {
        **environ,
        "WANDB_SERVICE": "3-1-tcp-localhost-1",
        "WANDB_MODE": "offline",
        "WANDB_NOTES": "the trainer's",
        "WANDB_RESUME": "never",
        "WANDB_NAME": "other",
    }
    publisher = WandbPublisher(ref, tmp_path / "sessions", limits=LIMITS, environ=beside_trainer)
    assert attempt(publisher, MemoryStore([eval_row(10)])).delivered == ("eval-10",)
    assert standin.store.runs[PATH].attributes.get("notes") is None
    assert standin.store.runs[PATH].display_name == RUN


def test_row_that_shows_late_is_found_and_not_sent_again(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run()
    store = MemoryStore([eval_row(10)])
    standin.set_read_lag(3600.0)
    for _ in range(2):
        assert attempt(publisher, store).waiting is Reason.UNCONFIRMED
    standin.set_read_lag(0.0)
    assert attempt(publisher, store).delivered == ("eval-10",)
    assert uids(history(standin)) == ["eval-10"]


def test_reading_back_costs_the_same_in_a_long_run(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    def pages(lines: int) -> int:
        seed_run(lines)
        store = MemoryStore([replace(eval_row(lines), mark=max(0, standin.store.runs[PATH].last_step - 50))])
        before = requests(standin)
        assert attempt(publisher, store).waiting is None
        return requests(standin) - before

    def requests(server: Standin) -> int:
        made = server.state(rows=False)["requests"]
        return sum(made.get(name, 0) for name in ("SampledHistoryPage", "HistoryPage", "RunParquetHistory"))

    short, long = pages(100), pages(20_000)
    assert long == short <= 6


def test_mark_that_cannot_be_committed_lets_nothing_be_logged(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun, tmp_path: Path
) -> None:
    seed_run()

    def full_disk(uids: Sequence[str], position: int) -> None:
        raise OSError(28, "No space left on device", f"{uids} {position}")

    with pytest.raises(OSError, match="No space left"):
        publisher.publish([eval_row(10)], [], PublishPlan(), full_disk)
    assert uids(history(standin)) == []
    assert not list((tmp_path / "sessions").iterdir())


def processes_named(name: str, directory: Path) -> list[str]:
    """The command lines of living processes with this name that work somewhere below `directory`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            below = str((process / "cwd").readlink()).startswith(str(directory))
        except OSError:
            continue
        if below and name in command:
            found.append(command)
    return found


def test_session_that_hangs_is_stopped_and_leaves_nothing(
    standin: Standin, ref: RunRef, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun
) -> None:
    seed_run()
    standin.add_fault(Fault("POST /graphql Run", FaultKind.DELAY, delay=40.0, times=1))
    publisher = WandbPublisher(ref, tmp_path / "sessions", timeout=4, limits=LIMITS, environ=environ)
    started = time.monotonic()
    before = processes_named("wandb-core", tmp_path)
    result = attempt(publisher, MemoryStore([eval_row(10)]))
    assert processes_named("wandb-core", tmp_path) == before == []
    assert time.monotonic() - started < 20
    assert result.waiting is Reason.WANDB_UNREACHABLE
    assert "within 4 s" in result.detail
    assert not list((tmp_path / "sessions").iterdir())


def test_row_that_the_sdk_cannot_express_holds_back_no_other(publisher: WandbPublisher, seed_run: SeedRun) -> None:
    seed_run()
    good, bad = eval_row(20), eval_row(10)
    assert bad.table is not None
    ragged: Row = replace(bad, table=replace(bad.table, columns=("only", "two")))
    result = attempt(publisher, MemoryStore([ragged, good]))
    assert result.delivered == ("eval-20",)
    assert result.waiting is Reason.NOT_DELIVERED
    assert "eval-10" in result.detail
