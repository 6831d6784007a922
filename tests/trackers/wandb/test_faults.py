"""What W&B, the network and other processes do to a publication; the rest is in test_publisher and test_outbox."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path

import pytest

from tests.support.outboxes import MemoryStore, attempt, eval_row, train_row
from tests.support.wandb_run import LIMITS, PATH, SeedRun, uids, wait_for_lines
from tests.support.wandb_trainer import StartTrainer
from watcher.demo.standin import Fault, FaultKind, Standin
from watcher.ledger.ledger import Ledger
from watcher.model import Reason
from watcher.trackers.wandb import Backoff, Outbox, RunRef, WandbPublisher


def in_the_run(standin: Standin) -> list[str]:
    return uids(standin.state()["history"][PATH])


@pytest.mark.parametrize(
    "fault",
    [
        Fault("UpsertBucket", status=500, times=1),
        pytest.param(Fault("GET /storage", status=500, times=1), marks=pytest.mark.soak),
    ],
    ids=lambda fault: f"{fault.match} {fault.kind} {fault.status}",
)
def test_a_short_fault_costs_nothing(
    standin: Standin, ref: RunRef, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun, fault: Fault
) -> None:
    seed_run()
    standin.add_fault(fault)
    patient = type(LIMITS)(retries=4, wait_min=0.1, wait_max=0.5, request=10, init=10, polls=8, poll_pause=0.25)
    publisher = WandbPublisher(ref, tmp_path / "sessions", timeout=45, limits=patient, environ=environ)
    assert attempt(publisher, MemoryStore([eval_row(10)])).delivered == ("eval-10",)
    assert in_the_run(standin) == ["eval-10"]


@pytest.mark.parametrize(
    "fault",
    [
        # The stream fails with its first request, which holds no history.
        pytest.param(Fault("/file_stream", status=429), marks=pytest.mark.soak),
        pytest.param(Fault("/file_stream", status=503), marks=pytest.mark.soak),
        Fault("/file_stream", FaultKind.DROP),
        Fault("/file_stream", status=403, body="wandb-history.jsonl"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status} {fault.body}",
)
def test_a_stream_that_is_refused_delivers_nothing_and_is_sent_once_afterwards(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun, fault: Fault
) -> None:
    seed_run()
    store = MemoryStore([eval_row(10)])
    standin.add_fault(fault)
    result = attempt(publisher, store)
    assert (result.waiting, result.unsent) == (Reason.NOT_DELIVERED, ("eval-10",))
    assert in_the_run(standin) == []
    standin.clear_faults()
    assert attempt(publisher, store).delivered == ("eval-10",)
    assert in_the_run(standin) == ["eval-10"]


def test_a_run_that_was_deleted_is_said_to_be_missing_and_not_made_again(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    seed_run()
    store = MemoryStore([eval_row(10)])
    assert attempt(publisher, store).waiting is None
    with standin.shared.lock:
        del standin.store.runs[PATH]
    assert attempt(publisher, MemoryStore([eval_row(20)])).waiting is Reason.RUN_NOT_FOUND
    assert standin.state()["runs"] == {}


def test_rows_wait_for_a_trainer_that_starts_later(
    standin: Standin, publisher: WandbPublisher, start_trainer: StartTrainer
) -> None:
    store = MemoryStore([eval_row(10)])
    assert attempt(publisher, store).waiting is Reason.RUN_NOT_FOUND
    trainer = start_trainer("shared")
    trainer.log(5)
    wait_for_lines(standin, 5)
    assert attempt(publisher, store).delivered == ("eval-10",)


def test_a_trainer_that_is_killed_and_started_again_with_its_id_loses_nothing(
    standin: Standin, publisher: WandbPublisher, start_trainer: StartTrainer
) -> None:
    first = start_trainer("shared")
    first.log(20)
    wait_for_lines(standin, 20)
    assert attempt(publisher, MemoryStore([eval_row(10)])).waiting is None
    first.close()
    second = start_trainer("shared")
    second.log(10)
    wait_for_lines(standin, 31)
    assert attempt(publisher, MemoryStore([eval_row(20)])).waiting is None
    second.finish()
    lines = standin.state()["history"][PATH]
    assert sum("train/loss" in line for line in lines) == 30
    assert uids(lines) == ["eval-10", "eval-20"]
    assert (standin.state()["clobbered"], standin.store.runs[PATH].state) == ([], "finished")


@pytest.mark.soak
def test_two_watchers_at_once_cost_no_row_and_their_copies_are_told_apart_by_uid(
    standin: Standin, ref: RunRef, environ: dict[str, str], tmp_path: Path, start_trainer: StartTrainer
) -> None:
    trainer = start_trainer("shared")
    trainer.log(10)
    wait_for_lines(standin, 10)
    stores = [MemoryStore([eval_row(10), train_row(n)]) for n in range(2)]
    publishers = [
        WandbPublisher(ref, tmp_path / f"sessions-{n}", timeout=45, limits=LIMITS, environ=environ) for n in range(2)
    ]
    threads = [
        threading.Thread(target=attempt, args=pair, daemon=True) for pair in zip(publishers, stores, strict=True)
    ]
    for thread in threads:
        thread.start()
    trainer.log(10)
    for thread in threads:
        thread.join(40)
    trainer.finish()
    lines = standin.state()["history"][PATH]
    assert sum("train/loss" in line for line in lines) == 20
    assert set(uids(lines)) == {"eval-10", "train-0", "train-1"}
    assert standin.state()["clobbered"] == []


def test_a_watcher_that_lost_its_ledger_doubles_nothing(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun, tmp_path: Path
) -> None:
    seed_run()
    rows = [eval_row(10), train_row(1)]
    for life in ("first", "second"):
        ledger = Ledger(tmp_path / f"{life}.sqlite3")
        outbox = Outbox(ledger.outbox(), publisher, backoff=Backoff(base=0.1), gather=0.0)
        for row in rows:
            # One after the other, as a run evaluates them.
            ledger.outbox().add_rows([row])
            outbox.step()
        assert ledger.outbox().empty
        ledger.close()
    assert sorted(in_the_run(standin)) == ["eval-10", "train-1"]


@pytest.mark.soak
def test_a_row_that_shows_after_some_seconds_is_waited_for(
    standin: Standin, ref: RunRef, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun
) -> None:
    seed_run()
    standin.set_read_lag(5.0)
    patient = type(LIMITS)(retries=1, wait_min=0.1, wait_max=0.2, request=10, init=10, polls=10, poll_pause=1.0)
    publisher = WandbPublisher(ref, tmp_path / "sessions", timeout=45, limits=patient, environ=environ)
    assert attempt(publisher, MemoryStore([eval_row(10)])).delivered == ("eval-10",)
    assert in_the_run(standin) == ["eval-10"]


def test_a_key_is_in_no_file_and_no_command_line(
    standin: Standin, ref: RunRef, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun
) -> None:
    seed_run()
    key = environ["WANDB_API_KEY"]
    sessions = tmp_path / "state" / "sessions"
    seen: list[str] = []
    stop = threading.Event()

    def spy() -> None:
        while not stop.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    seen.append((process / "cmdline").read_bytes().decode(errors="replace"))
                except OSError:
                    continue
            seen.extend(_contents(sessions))

    thread = threading.Thread(target=spy, daemon=True)
    thread.start()
    standin.add_fault(Fault("/file_stream", status=500, times=1))
    publisher = WandbPublisher(ref, sessions, timeout=45, limits=LIMITS, environ=environ)
    result = attempt(publisher, MemoryStore([eval_row(10)]))
    stop.set()
    thread.join(5)
    assert any("watcher.trackers.wandb.session" in text for text in seen)
    assert not [text for text in seen if key in text]
    assert key not in json.dumps(standin.state()) + repr(result)


def _contents(directory: Path) -> list[str]:
    texts: list[str] = []
    # What a session removes while it is looked through is looked through the next time.
    with contextlib.suppress(OSError):
        texts.extend(file.read_bytes().decode(errors="replace") for file in directory.rglob("*") if file.is_file())
    return texts


@pytest.mark.soak
@pytest.mark.parametrize("status", [500, 429])
def test_a_minute_of_refusals_is_outlived(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun, tmp_path: Path, status: int
) -> None:
    seed_run()
    standin.add_fault(Fault(status=status, seconds=60.0))
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    ledger.outbox().add_rows([eval_row(step) for step in range(10, 210, 10)])
    outbox = Outbox(ledger.outbox(), publisher, backoff=Backoff(base=2.0, longest=8.0), gather=0.0)
    began = time.monotonic()
    while not ledger.outbox().empty:
        assert time.monotonic() - began < 150
        outbox.step()
        time.sleep(0.2)
    ledger.close()
    assert time.monotonic() - began > 60
    assert sorted(in_the_run(standin)) == sorted(f"eval-{step}" for step in range(10, 210, 10))
