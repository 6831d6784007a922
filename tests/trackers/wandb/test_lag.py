"""W&B that shows late what it takes, with the real SDK, outbox and ledger: nothing is sent twice, whoever is killed."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.outboxes import MemoryStore, attempt, eval_row, train_row
from tests.support.wandb_run import LIMITS, PATH, SeedRun, history, uids
from watcher.demo.standin import ReadLag, Standin
from watcher.ledger.ledger import Ledger
from watcher.model import Reason, Target
from watcher.trackers.wandb import Limits, Outbox, PublishPlan, RunRef, WandbPublisher
from watcher.trackers.wandb.proof import Patience

ONE_LOOK = Limits(retries=1, wait_min=0.1, wait_max=0.2, request=10.0, init=10.0, polls=1, poll_pause=0.1)


class Clock:
    """Real time, and what is added to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def test_a_ledger_lost_before_its_first_rows_show_has_none_of_them_sent_again(
    standin: Standin, ref: RunRef, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun
) -> None:
    seed_run()
    clock = Clock()
    standin.store.clock = clock
    standin.set_read_lag(60.0)
    publisher = WandbPublisher(ref, tmp_path / "sessions", timeout=45, limits=ONE_LOOK, environ=environ)
    for life in ("lost", "rebuilt"):
        ledger = Ledger(tmp_path / f"{life}.sqlite3")
        ledger.outbox().add_rows([eval_row(10)])
        if life == "rebuilt":
            ledger.outbox().survey_again()
        outbox = Outbox(ledger.outbox(), publisher, clock=clock, gather=0.0)
        assert outbox.step().waiting is Reason.UNCONFIRMED
    clock.ahead += 70.0
    outbox.hurry()
    assert outbox.step().published == ("eval-10",)
    assert uids(history(standin)) == ["eval-10"]


@pytest.mark.parametrize("target", [Target.RUN, pytest.param(Target.COMPANION, marks=pytest.mark.soak)])
def test_rows_that_show_late_are_sent_once_and_delivered_when_they_show(
    standin: Standin, ref: RunRef, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun, target: Target
) -> None:
    seed_run(shared=target is Target.RUN)
    clock = Clock()
    # What the server shows late it shows by a clock that the test moves on.
    standin.store.clock = clock
    standin.set_read_lag(ReadLag(20.0, 60.0, seed=3))
    publisher = WandbPublisher(ref, tmp_path / "sessions", timeout=45, limits=ONE_LOOK, environ=environ)
    path = PATH if target is Target.RUN else f"{PATH}-uimon"
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    add = ledger.outbox(target).add_rows
    outbox = Outbox(ledger.outbox(target), publisher, order=lambda: PublishPlan(target), clock=clock, gather=0.0)
    add([eval_row(10), train_row(1)])
    assert outbox.step().waiting is Reason.UNCONFIRMED
    add([eval_row(20)])
    outbox.step()
    # A start in between looks first.
    again = Outbox(ledger.outbox(target), publisher, order=lambda: PublishPlan(target), clock=clock, gather=0.0)
    again.step()
    assert ledger.outbox(target).unconfirmed()[0] == 3
    clock.ahead += 70.0
    while not again.empty:
        again.step()
        clock.ahead += 15.0
    assert Counter(uids(history(standin, path))) == {"eval-10": 1, "train-1": 1, "eval-20": 1}
    ledger.close()


def test_a_trainer_that_loses_its_first_rows_when_it_is_joined_is_noticed_in_the_same_session(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    run = seed_run()
    kept = attempt(publisher, MemoryStore([eval_row(10)]), PublishPlan(check=True))
    assert (kept.delivered, kept.first_rows) == (("eval-10",), True)
    take: Callable[..., None] = standin.store.stream

    def overwrite(*arguments: Any, **options: Any) -> None:
        # As W&B has it for a trainer in the default mode (https://github.com/wandb/wandb/issues/12269).
        take(*arguments, **options)
        run.history[2] = {"_step": 2, "eval/uid": "another"}

    standin.store.stream = overwrite  # type: ignore[method-assign]
    lost = attempt(publisher, MemoryStore([eval_row(20)]), PublishPlan(check=True))
    assert (lost.delivered, lost.first_rows) == (("eval-20",), False)
    spoiled = attempt(publisher, MemoryStore([eval_row(30)]), PublishPlan(mode="shared", spoiled=True))
    assert (spoiled.waiting, spoiled.delivered) == (Reason.DEFERRED, ())
    assert "does not join it again" in spoiled.detail


@pytest.mark.soak
def test_a_lost_ledger_doubles_nothing_that_shows_late(
    standin: Standin, ref: RunRef, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun
) -> None:
    seed_run()
    clock = Clock()
    standin.store.clock = clock
    publisher = WandbPublisher(ref, tmp_path / "sessions", timeout=45, limits=ONE_LOOK, environ=environ)
    patience = Patience((30.0, 60.0))
    for life, rows in (("first", [eval_row(10), eval_row(20)]), ("second", [eval_row(10), eval_row(20), eval_row(30)])):
        ledger = Ledger(tmp_path / f"{life}.sqlite3")
        outbox = Outbox(ledger.outbox(), publisher, clock=clock, gather=0.0, patience=patience)
        ledger.outbox().add_rows(rows[:1])
        outbox.step()
        if life == "first":
            # The second row is taken, and shown after the ledger was lost.
            standin.set_read_lag(ReadLag(50.0, 50.0))
            clock.ahead += 60.0
        ledger.outbox().add_rows(rows)
        outbox.step()
        if life == "second":
            assert sorted(row.uid for row in ledger.outbox().due_rows(9)) == ["eval-20", "eval-30"]
            while not outbox.empty:
                clock.ahead += 20.0
                outbox.step()
        ledger.close()
    assert Counter(uids(history(standin))) == {"eval-10": 1, "eval-20": 1, "eval-30": 1}


@pytest.mark.soak
def test_an_honest_loss_is_sent_again_after_the_pauses_and_not_before(
    standin: Standin, ref: RunRef, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun
) -> None:
    seed_run()
    clock = Clock()
    store = MemoryStore([eval_row(10)])
    crashing = {**environ, "UIMON_CRASH_AT": "publish.before_log"}
    killed = WandbPublisher(ref, tmp_path / "sessions", timeout=45, limits=LIMITS, environ=crashing)
    Outbox(store, killed, clock=clock, gather=0.0).step()
    sound = WandbPublisher(ref, tmp_path / "sessions", timeout=45, limits=LIMITS, environ=environ)
    outbox = Outbox(store, sound, clock=clock, gather=0.0, chance=random.random)
    sent = store.rows["eval-10"].sent
    assert sent is not None
    for ahead in (0.0, 300.0, 600.0):
        clock.ahead = ahead
        assert outbox.step().waiting is Reason.UNCONFIRMED
        assert uids(history(standin)) == []
    while not store.published:
        clock.ahead += 5.0
        outbox.step()
    assert Patience().seconds < clock() - sent.last_at < 900.0
    assert uids(history(standin)) == ["eval-10"]
