"""What the early warnings are told of the run: by the ledger, across restarts, rewinds and losses."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import pytest

from tests.ledger.test_ledger import change_samples
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from tests.support.scripted_engine import ScriptedEngine
from watcher.alerts import History
from watcher.checkpoints.sources.local import DirectorySource
from watcher.checkpoints.sources.source import Awaited
from watcher.engine.types import Generation, PromptSpec, Sampling
from watcher.ledger.export import Exporter
from watcher.service import alert_monitor
from watcher.service.history import LedgerHistory

HOUR = 3600.0


def train(house: House, steps: Sequence[int], *, value: int = 0, nan: Sequence[int] = ()) -> None:
    for step in steps:
        path = write_checkpoint(house.root, step, value=value, max_steps=10_000)
        log = [{"step": at, "loss": float("nan")} for at in nan]
        (path / "trainer_state.json").write_text(
            json.dumps({"global_step": step, "max_steps": 10_000, "log_history": log})
        )
    house.service(once=True).run()


def test_no_time_says_anything_before_the_first_look(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    train(house, (100, 200, 300, 400, 500))
    now = time.time()
    with house.ledger.change() as db:
        # They came one an hour, the last one 8 hours ago; uimon was there until now.
        db.execute("UPDATE checkpoint SET seen_at = ? - 13 * 3600 + step / 100 * 3600", (now,))
    house.ledger.remember("watched", json.dumps([[now - 14 * HOUR, now]]))
    read: list[bool] = []
    look, reader = DirectorySource.look, LedgerHistory.read

    def noted(self: LedgerHistory, *, ended: bool, hurry: Callable[[], bool]) -> History:
        read.append(ended)
        return reader(self, ended=ended, hurry=hurry)

    def slow(self: DirectorySource, awaited: Awaited) -> object:
        while not read:
            time.sleep(0.01)
        return look(self, awaited)

    monkeypatch.setattr(LedgerHistory, "read", noted)
    monkeypatch.setattr(DirectorySource, "look", slow)
    monkeypatch.setattr(alert_monitor, "_PAUSE", 0.5)
    train(house, (600, 700))
    assert house.ledger.episodes().all() == []
    assert not read[-1]


def test_a_long_history_is_read_after_the_first_look(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    look, reader = DirectorySource.look, LedgerHistory.read

    def noted(self: LedgerHistory, *, ended: bool, hurry: Callable[[], bool]) -> History:
        order.append("history")
        return reader(self, ended=ended, hurry=hurry)

    def slow(self: DirectorySource, awaited: Awaited) -> object:
        time.sleep(0.3)
        order.append("look")
        return look(self, awaited)

    monkeypatch.setattr(LedgerHistory, "read", noted)
    monkeypatch.setattr(DirectorySource, "look", slow)
    train(house, (100,))
    assert order[0] == "look"
    assert "history" in order


def test_a_silence_is_told_once_across_a_restart_that_finds_nothing_new(house: House) -> None:
    train(house, (100, 200, 300, 400, 500))
    now = time.time()
    with house.ledger.change() as db:
        db.execute("UPDATE checkpoint SET seen_at = ? - 13 * 3600 + step / 100 * 3600", (now,))
    house.ledger.remember("watched", json.dumps([[now - 14 * HOUR, now]]))
    for _ in range(2):
        train(house, ())
        (episode,) = house.ledger.episodes().all()
        assert (episode["rule"], episode["active"]) == ("trainer_silent", True)
    assert [alert.title for alert in house.tracker.alerts] == ["No new checkpoint for unusually long (step 500)"]


def test_times_at_which_nobody_watched_are_known_also_after_a_crash(house: House) -> None:
    for now, ended in ((1000, False), (1200, False), (1500, False), (10_000, True), (10_100, False), (10_200, False)):
        # Each one as if by a process of its own: what counts is when somebody watched.
        history = LedgerHistory(house.ledger, clock=partial(float, now)).read(ended=ended)
    assert history.unwatched == ((1500.0, 10_100.0),)


class Collapsing(ScriptedEngine):
    """Writes pages that are broken once so many checkpoints were loaded."""

    broken_after = 4

    def generate(
        self, prompts: Sequence[PromptSpec], sampling: Sampling, stop_ids: Sequence[int]
    ) -> Iterator[Generation]:
        for made in super().generate(prompts, sampling, stop_ids):
            broken = len(self.loaded) > self.broken_after
            yield replace(made, text="```html\n<div><div class=\n```") if broken else made


def test_a_collapse_after_the_trainer_went_back_to_save_at_other_steps_is_warned_of(house: House) -> None:
    house.val.write_text("".join(json.dumps({"question": f"page {i}", "answer": "a"}) + "\n" for i in range(40)))
    house.engine = Collapsing()
    for steps in ((100, 200, 300, 400), (220, 260)):
        for step in steps:
            write_checkpoint(house.root, step, max_steps=10_000)
        house.service(once=True, samples=40).run()
    assert ("validity_dropped", 220) in {(a["rule"], a["step"]) for a in house.ledger.episodes().all() if a["active"]}


def test_a_second_nan_is_told_though_the_first_one_was_at_the_same_step(house: House) -> None:
    def told() -> list[str]:
        return [alert.title for alert in house.tracker.alerts if alert.title.startswith("Training has produced NaN")]

    def lasting() -> list[bool]:
        return [a["active"] for a in house.ledger.episodes().all() if a["rule"] == "non_finite"]

    train(house, (300, 400))
    train(house, (450,), nan=(450,))
    assert (len(told()), lasting()) == (1, [True])
    train(house, (300, 400), value=1)
    assert (len(told()), lasting()) == (1, [False])
    train(house, (450,), value=1, nan=(450,))
    assert (len(told()), sorted(lasting())) == (2, [False, True])


def test_an_evaluation_that_lacks_a_sample_is_left_out_and_that_is_said_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    train(house, (100, 200))
    damaged = house.ledger.evaluations()[0].uid
    change_samples(house.ledger, damaged, lambda samples: samples[1:])
    with house.ledger.change() as db:
        db.execute("DELETE FROM summary WHERE uid = ?", (damaged,))
    history = LedgerHistory(house.ledger)
    # Of two the one with more prompts is right, whichever came first.
    assert [entry.step for entry in history.read(ended=False).entries] == [200]
    train(house, (300,))
    assert [entry.step for entry in history.read(ended=False).entries] == [200, 300]
    assert caplog.text.count("Early warnings leave step 100 out") == 2  # by this history, and by the service's own


def test_samples_that_the_warnings_cannot_read_are_not_kept_for_them(house: House) -> None:
    train(house, (100, 200))
    unreadable = house.ledger.evaluations()[0].uid
    change_samples(house.ledger, unreadable, lambda samples: [{**sample, "score": None} for sample in samples])
    with house.ledger.change() as db:
        db.execute("DELETE FROM summary")
    Exporter(house.ledger, house.state, 0).export()
    assert len(house.ledger.with_samples()) == 2, "what they have not looked at stays"
    for _ in range(2):
        assert [entry.step for entry in LedgerHistory(house.ledger).read(ended=False).entries] == [200]
        Exporter(house.ledger, house.state, 0).export()
        assert house.ledger.with_samples() == []
