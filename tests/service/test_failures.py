"""A failed checkpoint reaches every channel as any other warning does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.service.test_any_tracker import with_tracker
from tests.service.test_channels import wait_for
from tests.service.test_service import run_in_thread
from tests.service.test_warnings import Receiver
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from watcher.model import Reason, UimonError

REFUSED = "no such tensor"


def failing(house: House, *steps: int) -> None:
    house.engine.faults = [UimonError(Reason.WEIGHTS_REFUSED, REFUSED) for _ in steps]
    for step in steps:
        write_checkpoint(house.root, step)


def pickled(house: House, step: int) -> None:
    """One that cannot be evaluated as it stands: the engine never sees it."""
    path = write_checkpoint(house.root, step)
    (path / "model.safetensors").rename(path / "pytorch_model.bin")


def active(house: House) -> list[tuple[str, int]]:
    return [(a["rule"], a["step"]) for a in house.ledger.episodes().all() if a["active"]]


def test_it_reaches_log_display_wandb_webhook_and_command(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = tmp_path / "told.jsonl"
    failing(house, 50)
    with Receiver() as receiver, caplog.at_level("INFO", logger="uimon"):
        service = house.service(once=True, webhook=receiver.url, on_alert=f"cat >> {told}; echo >> {told}")
        service.run()
    title = "Not evaluated (weights_refused): checkpoint-50"
    assert f"{title} (checkpoint_failed, step 50): {REFUSED} Likely cause: A file" in caplog.text
    assert service.board.snapshot.warnings == (f"checkpoint_failed (step 50): {title}",)
    [alert] = house.tracker.alerts
    assert (alert.level, alert.title, alert.text.splitlines()[0]) == ("warn", title, REFUSED)
    [posted], [run] = receiver.taken, map(json.loads, told.read_text().splitlines())
    for payload in (posted, run):
        named = {name: payload[name] for name in ("event", "rule", "title", "evidence", "key")}
        assert named == {
            "event": "raised",
            "rule": "checkpoint_failed",
            "title": title,
            "evidence": REFUSED,
            "key": house.ledger.failures().all()[0].key,
        }


def test_it_reaches_the_webhook_also_where_nothing_is_logged(house: House) -> None:
    pickled(house, 50)
    with Receiver() as receiver:
        for _ in range(2):
            with_tracker(house, None, webhook=receiver.url).run()
    assert [(event["event"], event["rule"]) for event in receiver.taken] == [("raised", "checkpoint_failed")]
    assert house.ledger.outbox().due_alerts() == []


@pytest.mark.parametrize("make", [failing, pickled])
def test_it_is_told_at_once_while_the_run_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch, make: Callable[[House, int], None]
) -> None:
    monkeypatch.setattr("watcher.service.alert_monitor._PAUSE", 1000.0)
    monkeypatch.setattr("watcher.service.alert_monitor._LEAST_PAUSE", 0.0)
    write_checkpoint(house.root, 40)
    with Receiver() as receiver:
        service = house.service(webhook=receiver.url)
        thread = run_in_thread(service)
        wait_for(lambda: house.states() == [(40, "published", None)])
        # What the first evaluation has woken looks before there is a failure.
        time.sleep(1)
        make(house, 50)
        wait_for(lambda: bool(receiver.taken))
        service.stop()
        thread.join(50)
    assert receiver.taken[0]["rule"] == "checkpoint_failed"


def test_failures_that_follow_each_other_are_told_once_and_over_with_the_next_good_one(house: House) -> None:
    with Receiver() as receiver:
        for step in (50, 60):
            failing(house, step)
            house.service(once=True, webhook=receiver.url).run()
        assert active(house) == [("checkpoint_failed", 50)]
        write_checkpoint(house.root, 70)
        house.service(once=True, webhook=receiver.url).run()
    assert [(event["event"], event["step"]) for event in receiver.taken] == [("raised", 50), ("cleared", 50)]
    assert receiver.taken[-1]["cleared_step"] == 70
    assert [alert.title for alert in house.tracker.alerts] == [
        "Not evaluated (weights_refused): checkpoint-50",
        "Over: checkpoint_failed (step 50)",
    ]
    assert active(house) == []


def test_one_that_is_over_before_anybody_looked_is_told_all_the_same(house: House) -> None:
    failing(house, 50)
    write_checkpoint(house.root, 60)
    with Receiver() as receiver:
        service = house.service(once=True, webhook=receiver.url)
        service.run()
        house.service(once=True, webhook=receiver.url).run()
    assert [event["event"] for event in receiver.taken] == ["raised", "cleared"]
    assert len(house.tracker.alerts) == 2


def test_a_silenced_one_is_told_to_nobody(house: House) -> None:
    pickled(house, 50)
    with Receiver() as receiver:
        house.service(once=True, webhook=receiver.url, alerts={"silence": ["checkpoint_failed"]}).run()
    assert (receiver.taken, house.tracker.alerts, active(house)) == ([], [], [])


def test_nan_is_the_matter_of_its_own_rule(house: House) -> None:
    house.engine.faults = [UimonError(Reason.NON_FINITE, "NaN in layer 3")]
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    assert active(house) == [("non_finite", 50)]
    assert house.ledger.failures().all() == []


def test_one_that_is_retried_and_fails_again_is_no_news_and_one_that_is_evaluated_then_is_over(house: House) -> None:
    for faults in (1, 1, 0):
        house.engine.faults = [UimonError(Reason.WEIGHTS_REFUSED, REFUSED)] * faults
        write_checkpoint(house.root, 50)
        house.service(once=True).run()
        house.ledger.retry(50)
    assert [alert.title.split(":")[0] for alert in house.tracker.alerts] == ["Not evaluated (weights_refused)", "Over"]
