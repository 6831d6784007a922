"""Two uimons on one run, with the real SDK; and ids for a run of uimon's own that are somebody else's."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.outboxes import MemoryStore, attempt, eval_row
from tests.support.wandb_run import LIMITS, PATH, RUN, SeedRun, history, uids
from watcher.demo.standin import ENTITY, Fault, Standin
from watcher.model import Reason, Target
from watcher.trackers.wandb import (
    Backoff,
    Claim,
    ClaimedPublisher,
    Outbox,
    PublishPlan,
    PublishResult,
    RunRef,
    WandbPublisher,
)
from watcher.trackers.wandb.claim import Pauses

COMPANION = f"{PATH}-uimon"
# A mark has to be written in time also where other work slows this machine down.
QUICK = Pauses(write=30, lag_of_marks=0.5, lag=1, session=60, beat=5)


@pytest.fixture
def uimons(ref: RunRef, environ: dict[str, str], tmp_path: Path) -> list[ClaimedPublisher]:
    publishers = [
        WandbPublisher(ref, tmp_path / f"sessions-{name}", timeout=45, limits=LIMITS, environ=environ) for name in "ab"
    ]
    return [
        ClaimedPublisher(publisher, Claim(name, publisher.move, QUICK))
        for name, publisher in zip("ab", publishers, strict=True)
    ]


def deliver(uimon: ClaimedPublisher, store: MemoryStore, attempts: int) -> list[Reason | None]:
    outbox = Outbox(store, uimon, backoff=Backoff(base=0.2, longest=1.0, recheck=0.5), gather=0.0)
    reasons: list[Reason | None] = []
    for _ in range(attempts):
        if store.empty:
            break
        outbox.retry_now()
        reasons.append(outbox.step().waiting)
        if attempts > 1:
            time.sleep(1.0)
    return reasons


def test_two_that_begin_at_once_bring_each_row_once_and_both_know_it(
    standin: Standin, uimons: list[ClaimedPublisher], seed_run: SeedRun
) -> None:
    seed_run()
    stores = [MemoryStore([eval_row(10), eval_row(20)]) for _ in uimons]
    reasons: dict[int, list[Reason | None]] = {}

    def work(number: int) -> None:
        reasons[number] = deliver(uimons[number], stores[number], 120)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(store.empty for store in stores)
    assert Counter(uids(history(standin))) == {"eval-10": 1, "eval-20": 1}
    assert Reason.OTHER_PUBLISHER in reasons[0] + reasons[1]
    state = standin.state()
    assert (state["clobbered"], state["unknown"]) == ([], [])
    assert (state["runs"][PATH]["states"], state["runs"][COMPANION]["state"]) == (["running"], "finished")
    assert history(standin, COMPANION) == []


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_one_that_has_ended_is_followed_by_another_at_once(
    standin: Standin, uimons: list[ClaimedPublisher], seed_run: SeedRun
) -> None:
    seed_run()
    first, second = uimons
    assert deliver(first, MemoryStore([eval_row(10)]), 1) == [None]
    assert deliver(second, MemoryStore([eval_row(10), eval_row(20)]), 1) == [Reason.OTHER_PUBLISHER]
    first.claim.release()
    store = MemoryStore([eval_row(10), eval_row(20)])
    deliver(second, store, 120)
    assert store.empty
    assert Counter(uids(history(standin))) == {"eval-10": 1, "eval-20": 1}


@pytest.mark.parametrize(
    "theirs",
    [
        pytest.param({}, id="no mark", marks=pytest.mark.soak),
        pytest.param({"uimon": {"value": {"beside": f"{PATH}-else"}}}, id="beside another run"),
        pytest.param({"uimon": {"value": "mine"}}, id="a word of theirs", marks=pytest.mark.soak),
    ],
)
def test_a_run_of_somebody_else_with_the_companions_id_is_left_alone(
    standin: Standin, ref: RunRef, uimons: list[ClaimedPublisher], seed_run: SeedRun, theirs: dict[str, object]
) -> None:
    seed_run(shared=False)
    with standin.shared.lock:
        foreign, _ = standin.store.upsert(ENTITY, "ui", f"{RUN}-uimon")
        foreign.config, foreign.attributes["jobType"] = dict(theirs), "eval"
        line = '{"loss": 1}'
        standin.store.stream(foreign, {"files": {"wandb-history.jsonl": {"content": [line]}}}, shared=False)
        before = standin.state()["runs"][COMPANION]
    store = MemoryStore([eval_row(10)])
    result = attempt_at_companion(uimons[0], store)
    assert (result.delivered, result.url) == (("eval-10",), f"{standin.url}/{ENTITY}/ui/runs/{RUN}-uimon-2")
    assert standin.state()["runs"][COMPANION] == before
    assert (len(history(standin, COMPANION)), foreign.state) == (1, "running")
    assert uids(history(standin, f"{COMPANION}-2")) == ["eval-10"]
    assert standin.state()["clobbered"] == []
    second = attempt_at_companion(uimons[0], MemoryStore([eval_row(20)]))
    assert second.delivered == ("eval-20",)
    assert uids(history(standin, f"{COMPANION}-2")) == ["eval-10", "eval-20"]


def attempt_at_companion(uimon: ClaimedPublisher, store: MemoryStore) -> PublishResult:
    return attempt(uimon, store, PublishPlan(Target.COMPANION))


def test_an_id_that_wandb_does_not_give_out_is_passed_over(
    standin: Standin, uimons: list[ClaimedPublisher], seed_run: SeedRun
) -> None:
    seed_run(shared=False)
    # As for the id of a run that was deleted.
    standin.add_fault(Fault("UpsertBucket", status=400, body=f'"{RUN}-uimon"'))
    result = attempt_at_companion(uimons[0], MemoryStore([eval_row(10)]))
    assert result.delivered == ("eval-10",)
    assert uids(history(standin, f"{COMPANION}-2")) == ["eval-10"]
