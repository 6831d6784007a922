from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.test_ledger import found
from watcher.ledger import Ledger
from watcher.model import TrainerState


@dataclass(frozen=True)
class Warned:
    key: str
    step: int = 50
    active: bool = True

    def to_dict(self) -> dict[str, Any]:
        return {"key": self.key, "step": self.step, "active": self.active, "title": "colors collapsed"}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite3", clock)
    yield opened
    opened.close()


def test_a_warning_begins_once_and_ends_once_across_restarts(ledger: Ledger, tmp_path: Path) -> None:
    first = ledger.alarms().settle([Warned("a")], ["webhook"])
    assert (first.begun, first.over) == (("a",), ())
    again = Ledger(tmp_path / "ledger.sqlite3")
    assert again.alarms().settle([Warned("a"), Warned("b", 60)], ["webhook"]).begun == ("b",)
    over = again.alarms().settle([Warned("a", active=False)], ["webhook"])
    assert (over.begun, sorted(over.over)) == ((), ["a", "b"])
    assert again.alarms().settle([Warned("a", active=False)], []).over == ()
    assert [(a["key"], a["active"]) for a in again.alarms().all()] == [("a", False), ("b", False)]
    again.close()


def test_one_that_was_over_before_anybody_looked_is_on_record_and_told(ledger: Ledger) -> None:
    assert ledger.alarms().settle([Warned("a", active=False)], ["command"]).begun == ("a",)
    assert [n.alarm["active"] for n in ledger.alarms().due("command")] == [False]


def test_each_channel_passes_each_warning_on_once(ledger: Ledger, clock: Clock) -> None:
    alarms = ledger.alarms()
    alarms.settle([Warned("a"), Warned("b", 60)], ["webhook", "command"])
    assert [(n.alarm["key"], n.attempts) for n in alarms.due("webhook")] == [("a", 0), ("b", 0)]
    alarms.passed_on("a", "webhook")
    alarms.postpone("b", "webhook", 30, "it answered 500")
    assert list(alarms.due("webhook")) == []
    assert [n.alarm["key"] for n in alarms.due("command")] == ["a", "b"]
    clock.now += 31
    assert [(n.alarm["key"], n.attempts) for n in alarms.due("webhook")] == [("b", 1)]


def test_losses_are_what_the_trainer_logged_nan_and_infinity_included(ledger: Ledger) -> None:
    losses = ((10, 0.5), (20, float("nan")), (30, float("inf")))
    ledger.sight(replace(found(30), trainer=TrainerState(30, 100, losses)), "run")
    known = ledger.losses()
    assert [step for step, _ in known] == [10, 20, 30]
    assert known[0][1] == pytest.approx(0.5)
    assert [repr(loss) for _, loss in known[1:]] == ["nan", "inf"]
