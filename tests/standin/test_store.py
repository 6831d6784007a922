"""The stand-in's two ways of adding history, without a server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from watcher.demo.standin.faults import Fault, FaultKind, Faults
from watcher.demo.standin.lag import ReadLag
from watcher.demo.standin.store import RunRecord, StandinStore


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def post(store: StandinStore, run: RunRecord, rows: list[dict[str, Any]], offset: int = 0, *, shared: bool) -> None:
    chunk = {"offset": offset, "content": [json.dumps(row) for row in rows]}
    store.stream(run, {"files": {"wandb-history.jsonl": chunk}}, shared=shared)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> StandinStore:
    return StandinStore(clock=clock, heartbeat_limit=60)


@pytest.fixture
def run(store: StandinStore) -> RunRecord:
    return store.upsert("team", "ui", "r")[0]


def test_default_mode_writers_overwrite_each_other_and_every_loss_is_recorded(
    store: StandinStore, run: RunRecord
) -> None:
    post(store, run, [{"_step": 0, "a": 1}, {"_step": 1, "a": 2}], shared=False)
    post(store, run, [{"_step": 1, "b": 9}, {"_step": 2, "b": 10}], offset=1, shared=False)
    assert [row.get("b") for row in run.history] == [None, 9, 10]
    assert [(lost.offset, lost.lost, lost.kept) for lost in store.clobbered] == [
        (1, {"_step": 1, "a": 2}, {"_step": 1, "b": 9})
    ]


def test_repeated_post_of_the_same_lines_is_no_loss(store: StandinStore, run: RunRecord) -> None:
    for _ in range(2):
        post(store, run, [{"_step": 0, "a": 1}], shared=False)
    assert store.clobbered == []
    assert len(run.history) == 1


def test_shared_writers_are_appended_and_renumbered(store: StandinStore, run: RunRecord) -> None:
    post(store, run, [{"_step": 0, "a": 1}, {"_step": 1, "a": 2}], shared=True)
    post(store, run, [{"_step": 0, "b": 1}], shared=True)
    assert [row["_step"] for row in run.history] == [0, 1, 2]
    assert store.clobbered == []


def test_page_reads_its_steps_only_and_rows_with_all_keys(store: StandinStore, run: RunRecord) -> None:
    post(store, run, [{"a": step, **({"b": 1} if step % 2 else {})} for step in range(10)], shared=True)
    assert [row["a"] for row in store.page(run, 3, 6)] == [3, 4, 5]
    assert list(store.page(run, 3, 6, ["_step", "b"])) == [{"_step": 3, "b": 1}, {"_step": 5, "b": 1}]


def test_page_of_a_run_with_steps_out_of_order_is_complete(store: StandinStore, run: RunRecord) -> None:
    post(store, run, [{"_step": 5}, {"_step": 2}, {"_step": 9}], shared=False)
    assert [row["_step"] for row in store.page(run, 2, 6)] == [5, 2]


def test_reader_sees_lines_only_after_the_lag(store: StandinStore, run: RunRecord, clock: Clock) -> None:
    store.read_lag = ReadLag.of(10)
    post(store, run, [{"a": 1}], shared=True)
    clock.now = 5
    post(store, run, [{"a": 2}], shared=True)
    assert (store.visible(run), store.visible_last_step(run)) == (0, -1)
    clock.now = 12
    assert (store.visible(run), store.visible_last_step(run)) == (1, 0)
    assert [row["a"] for row in store.page(run, 0, 99)] == [1]


def test_run_without_a_heartbeat_reads_as_crashed_until_somebody_posts(
    store: StandinStore, run: RunRecord, clock: Clock
) -> None:
    clock.now = 61
    found = store.find("team", "ui", "r")
    assert found is not None
    assert found.state == "crashed"
    store.stream(run, {}, shared=True)
    assert run.state == "running"


@pytest.mark.parametrize(("code", "state"), [(0, "finished"), (1, "failed")])
def test_end_of_a_run_has_the_state_of_its_exit_code(
    store: StandinStore, run: RunRecord, code: int, state: str
) -> None:
    store.stream(run, {"complete": True, "exitcode": code}, shared=True)
    assert run.state == state
    assert [name for _, name in run.states] == ["running", state]


def test_fault_is_over_after_its_times_or_seconds() -> None:
    clock = Clock()
    faults = Faults(clock)
    faults.add(Fault("UpsertBucket", times=1))
    faults.add(Fault("/file_stream", seconds=5))
    assert faults.pick("POST /graphql Viewer") is None
    assert faults.pick("POST /graphql UpsertBucket") is not None
    assert faults.pick("POST /graphql UpsertBucket") is None
    assert faults.pick("POST /files/a/b/c/file_stream ") is not None
    clock.now = 5.5
    assert faults.pick("POST /files/a/b/c/file_stream ") is None


def test_random_lag_shows_lines_out_of_order_and_counts_what_is_shown(
    store: StandinStore, run: RunRecord, clock: Clock
) -> None:
    store.read_lag = ReadLag(0, 90, seed=1)
    post(store, run, [{"a": number} for number in range(40)], shared=True)
    clock.now = 45
    shown = [row["_step"] for row in store.page(run, 0, 99)]
    assert 5 < len(shown) < 35
    assert shown != list(range(len(shown)))
    assert (store.visible(run), store.visible_last_step(run)) == (len(shown), shown[-1])
    clock.now = 90
    assert [row["_step"] for row in store.page(run, 0, 99)] == list(range(40))


def test_same_seed_shows_the_same_lines(clock: Clock) -> None:
    def shown(seed: int) -> list[int]:
        store = StandinStore(clock=lambda: 0.0)
        run = store.upsert("team", "ui", "r")[0]
        store.read_lag = ReadLag(-45, 45, seed=seed)
        post(store, run, [{"a": number} for number in range(40)], shared=True)
        return [row["a"] for row in store.page(run, 0, 99)]

    assert shown(1) == shown(1) != shown(2)


def test_history_alone_may_lag_while_last_step_and_line_count_are_told_at_once(
    store: StandinStore, run: RunRecord
) -> None:
    store.read_lag = ReadLag(10, 10, counts=False)
    post(store, run, [{"a": 1}], shared=True)
    assert (store.visible(run), store.visible_last_step(run)) == (1, 0)
    assert list(store.page(run, 0, 99)) == []


@pytest.mark.parametrize(("summary", "shown"), [(True, {"a": 1}), (False, {"a": 2})])
def test_summary_lags_unless_it_is_told_not_to(
    store: StandinStore, run: RunRecord, clock: Clock, summary: bool, shown: dict[str, int]
) -> None:
    for a in (1, 2):
        clock.now = 10.0 * a
        store.stream(run, {"files": {"wandb-summary.json": {"content": [json.dumps({"a": a})]}}}, shared=True)
    store.read_lag = ReadLag(5, 5, summary=summary)
    clock.now = 22
    assert store.shown_summary(run) == shown
    clock.now = 25
    assert store.shown_summary(run) == {"a": 2}


def test_fault_hits_the_share_of_requests_that_its_chance_is() -> None:
    faults = Faults(Clock())
    faults.add(Fault("/file_stream", FaultKind.LOSE, chance=0.05, seed=3))
    hits = sum(faults.pick("POST /files/a/b/c/file_stream ") is not None for _ in range(2000))
    assert 60 < hits < 140
