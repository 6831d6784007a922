"""A W&B that contradicts itself: readings that differ, and answers that are none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.support.outboxes import MemoryStore, attempt, eval_row
from tests.support.wandb_run import SeedRun, history, uids
from watcher.demo.standin import Standin
from watcher.demo.standin.store import RunRecord
from watcher.model import Reason
from watcher.trackers.wandb import PublishPlan, WandbPublisher

Answer = Callable[[Mapping[str, Any]], Any]


@pytest.fixture
def answers(standin: Standin) -> dict[str, Answer]:
    """What the stand-in answers to each GraphQL operation."""
    return standin.shared.operations._table


def log(standin: Standin, run: RunRecord, line: Mapping[str, object]) -> None:
    with standin.shared.lock:
        files = {"wandb-history.jsonl": {"content": [json.dumps(line)]}}
        standin.store.stream(run, {"files": files}, shared=True)


def test_a_lost_ledgers_rows_are_not_sent_again_where_the_scan_by_key_is_a_sample(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun, answers: dict[str, Answer]
) -> None:
    # Whatever else lies under uimon's keys is no row of its own.
    log(standin, seed_run(), {"eval/uid": {"a": 1}})
    rows = [eval_row(10), eval_row(20)]
    assert attempt(publisher, MemoryStore(rows), PublishPlan(survey=True)).delivered == ("eval-10", "eval-20")
    whole = answers["SampledHistoryPage"]

    def sampled(variables: Mapping[str, Any]) -> Any:
        lines = whole(variables)["project"]["run"]["sampledHistory"][0]
        return {"project": {"run": {"sampledHistory": [lines[:1]]}}}

    answers["SampledHistoryPage"] = sampled
    again = attempt(publisher, MemoryStore(rows), PublishPlan(survey=True))
    assert (again.delivered, again.found) == (("eval-10", "eval-20"), ("eval-10", "eval-20"))
    there = [uid for uid in uids(history(standin)) if isinstance(uid, str)]
    assert Counter(there) == {"eval-10": 1, "eval-20": 1}


def test_an_answer_that_does_not_say_whether_a_run_was_made_sends_nothing(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun, answers: dict[str, Answer]
) -> None:
    seed_run()
    make = answers["UpsertBucket"]
    answers["UpsertBucket"] = lambda _: {"upsertBucket": None}
    store = MemoryStore([eval_row(10)])
    refused = attempt(publisher, store, PublishPlan(claim="me"))
    assert (refused.waiting, "does not say" in refused.detail) == (Reason.NOT_DELIVERED, True)
    answers["UpsertBucket"] = make
    assert attempt(publisher, store, PublishPlan(claim="me")).delivered == ("eval-10",)
    assert uids(history(standin)) == ["eval-10"]


def test_a_trainers_first_rows_that_a_reading_leaves_out_or_shows_completed_are_not_gone(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun, answers: dict[str, Answer]
) -> None:
    log(standin, seed_run(lines=3), {"loss": 1.0, "grads": {"_type": "histogram", "bins": [0]}})
    whole, readings = answers["HistoryPage"], 0

    def changing(variables: Mapping[str, Any]) -> Any:
        nonlocal readings
        readings += 1
        lines = [json.loads(line) for line in whole(variables)["project"]["run"]["history"]]
        for line in lines:
            if "grads" in line:
                line["grads"]["reading"] = readings
        shown = lines[1:] if readings == 2 else lines[::-1]
        return {"project": {"run": {"history": [json.dumps(line) for line in shown]}}}

    answers["HistoryPage"] = changing
    assert attempt(publisher, MemoryStore([eval_row(10)]), PublishPlan(check=True)).first_rows is True
    assert readings == 3
