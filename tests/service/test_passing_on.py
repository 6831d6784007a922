"""How warnings are passed on: to whom first, how often, and what becomes of it when the process ends."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from watcher.alerts import AlertSettings, Episode, Rule
from watcher.alerts.delivery import Command, Refusal, Webhook
from watcher.alerts.episodes import Rise
from watcher.ledger.ledger import Ledger
from watcher.model import AlertLevel, Event
from watcher.service.alert_monitor import AlertMonitor
from watcher.service.board import Board
from watcher.service.history import LedgerHistory
from watcher.service.notifiers import Channels

AFTER = {Event.RAISED: "", Event.RISEN: " worse", Event.CLEARED: " over"}


def episode(name: str, *, cleared: int | None = None) -> Episode:
    """An episode at step 400."""
    rule, level = Rule.COLORS_COLLAPSED, AlertLevel.WARN
    return Episode(name, rule, level, 400, "All gray", "e", "", "", "c", "f", cleared_step=cleared)


def worse(before: Episode, step: int = 500) -> Episode:
    """The same, which has become an error."""
    return replace(before, level=AlertLevel.ERROR, risen=Rise(step, "grayer", f"uid-{step}"))


@dataclass
class Desk:
    """A monitor that finds what `found` holds; `heard` is who heard of it, in order."""

    house: House
    found: list[Episode] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    answers: list[Refusal | None] = field(default_factory=list)
    deadly: bool = False

    def evaluate(self, history: object) -> list[Episode]:
        return self.found

    def monitor(self) -> AlertMonitor:
        """One of a new start."""
        channels = Channels(Hook("http://localhost", desk=self), Shell("", desk=self), retries=(0.0,) * 9)
        ledger, settings = self.house.ledger, AlertSettings()
        history, ended = LedgerHistory(ledger), lambda: False
        return AlertMonitor(ledger, history, settings, channels, Board(), run="run", ended=ended, publish=self.publish)

    def publish(self) -> None:
        keys = [alert.key for alert in self.house.ledger.outbox().due_alerts()]
        self.heard += [f"wandb {key}" for key in keys]
        self.house.ledger.outbox().alerts_raised(keys)


@dataclass(frozen=True, slots=True)
class Hook(Webhook):
    desk: Desk = field(kw_only=True)

    def send(self, episode: Episode, run: str) -> Refusal | None:
        self.desk.heard.append(f"webhook {episode.key}{AFTER[episode.event]}")
        return self.desk.answers.pop(0) if self.desk.answers else None


@dataclass(frozen=True, slots=True)
class Shell(Command):
    desk: Desk = field(kw_only=True)

    def run(self, episode: Episode, run: str) -> str | None:
        self.desk.heard.append(f"command {episode.key}{AFTER[episode.event]}")
        if self.desk.deadly:
            raise SystemExit
        return None


@pytest.fixture
def desk(house: House, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(house)
    monkeypatch.setattr("watcher.service.alert_monitor.Replay", lambda _: made)
    return made


def test_a_command_that_ends_uimon_runs_once_after_everybody_has_heard(desk: Desk) -> None:
    desk.found, desk.deadly = [episode("a"), episode("b")], True
    with pytest.raises(SystemExit):
        desk.monitor().step()
    assert desk.heard == ["webhook a", "webhook b", "wandb a", "wandb b", "command a"]
    desk.monitor().step()
    assert len(desk.heard) == 5


def test_the_service_has_wandb_take_a_warning_before_its_command_runs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watcher.service.service._channels", lambda _: Channels(command=Shell("", desk=desk)))
    known: list[bool] = []
    monkeypatch.setattr(Shell, "run", lambda *_: known.append(not desk.house.ledger.outbox().due_alerts()))
    desk.found = [episode("a")]
    write_checkpoint(desk.house.root, 100)
    desk.house.service(once=True).run()
    assert known == [True]


def test_the_last_attempts_at_a_webhook_do_not_count(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watcher.service.notifiers._PAUSE", 0.01)
    monkeypatch.setattr("watcher.service.notifiers._LONGEST_PAUSE", 0.01)
    desk.found, desk.answers = [episode("a")], [Refusal("It is down.", may_pass=True)] * 20
    monitor = desk.monitor()
    monitor.finish(30.0)
    monitor.run()
    assert [h for h in desk.heard if "webhook" in h] == ["webhook a"] * 21
    assert desk.house.ledger.deliveries().due("webhook", early=True) == []


def test_a_command_waits_for_wandb_only_so_long(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.found = [episode("a")]
    monkeypatch.setattr(Desk, "publish", lambda _: None)
    monkeypatch.setattr("watcher.service.notifiers._HEARD_SECONDS", 0.0)
    desk.monitor().step()
    assert desk.heard == ["webhook a", "command a"]


def test_a_command_is_not_run_for_what_an_earlier_start_raised(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.found = [episode("a")]
    desk.monitor()._look()
    desk.found = [worse(episode("a"))]
    desk.monitor()._look()
    monitor = desk.monitor()
    monitor.finish(0.0)
    monitor.run()
    assert not any("command" in heard for heard in desk.heard)
    assert caplog.text.count("uimon does not run the command for warning a, which an earlier start raised.") == 2


def test_that_a_warning_is_over_is_never_told_before_it_began(desk: Desk) -> None:
    desk.found, desk.answers = [episode("a")], [Refusal("It is down.", may_pass=True)] * 2
    monitor = desk.monitor()
    monitor.step()
    desk.found = [episode("a", cleared=500)]
    for _ in range(4):
        monitor.step()
    assert [h for h in desk.heard if "webhook" in h] == ["webhook a", "webhook a", "webhook a", "webhook a over"]


def test_who_never_took_that_a_warning_began_is_not_told_that_it_is_over(desk: Desk) -> None:
    desk.found, desk.answers = [episode("a")], [Refusal("No such address.", may_pass=False)]
    monitor = desk.monitor()
    monitor.step()
    desk.found = [episode("a", cleared=500)]
    monitor.step()
    monitor.step()
    assert [h for h in desk.heard if "webhook" in h] == ["webhook a"]


def test_one_that_becomes_worse_is_told_once_more_on_every_channel_and_never_sinks(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.found = [episode("a")]
    desk.monitor().step()
    with caplog.at_level("INFO", logger="uimon"):
        # Also across restarts, and where a look finds it milder again, as when the trainer has gone back.
        for found in (worse(episode("a")), worse(episode("a"), 600), episode("a"), worse(episode("a"))):
            desk.found = [found]
            desk.monitor().step()
    told = ["webhook a worse", "wandb a/risen", "command a worse"]
    assert desk.heard == ["webhook a", "wandb a", "command a", *told]
    assert caplog.text.count("Worse: All gray (colors_collapsed, step 500): grayer") == 1
    [kept] = desk.house.ledger.episodes().all()
    assert (kept["level"], kept["risen"]["step"]) == ("error", 500)
    desk.found = [episode("a", cleared=700)]
    desk.monitor().step()
    assert desk.heard[6:] == ["webhook a over"]
    [kept] = desk.house.ledger.episodes().all()
    assert (kept["level"], kept["active"], kept["cleared_step"]) == ("error", False, 700)


def test_one_that_is_found_when_it_is_worse_already_is_told_once(desk: Desk) -> None:
    desk.found = [worse(episode("a"))]
    monitor = desk.monitor()
    monitor.step()
    monitor.step()
    assert desk.heard == ["webhook a", "wandb a", "command a"]


def test_of_what_began_in_the_past_people_hear_where_it_becomes_worse(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ledger, "restored_step", lambda _: 450)
    monkeypatch.setattr(Ledger, "of_the_past", lambda _: frozenset({"uid-500"}))
    for found in (episode("a"), worse(episode("a"), 500), episode("b")):
        desk.found = [found]
        desk.monitor().step()
    assert desk.heard == []
    desk.found = [worse(episode("b"), 600)]
    desk.monitor().step()
    assert desk.heard == ["webhook b worse", "wandb a/over", "wandb b/risen", "command b worse"]


def test_a_failure_that_is_over_when_it_is_found_is_told_all_the_same_and_another_warning_is_not(desk: Desk) -> None:
    failed = replace(episode("a", cleared=500), rule=Rule.CHECKPOINT_FAILED)
    desk.found = [failed, episode("b", cleared=500)]
    for _ in range(2):
        desk.monitor().step()
    assert desk.heard == ["webhook a", "wandb a", "wandb a/over", "command a", "webhook a over"]


def test_without_wandb_nothing_is_due_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.found = [episode("a")]
    monitor = desk.monitor()
    monkeypatch.setattr(monitor, "_events", Channels().events(wandb=False))
    monitor.step()
    assert desk.house.ledger.outbox().empty
    assert [warned["key"] for warned in desk.house.ledger.episodes().all()] == ["a"]


def test_episodes_of_one_rule_at_one_step_have_titles_of_their_own_in_wandb(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, "publish", lambda _: None)
    monkeypatch.setattr("watcher.service.notifiers._HEARD_SECONDS", 0.0)
    monitor = desk.monitor()
    for name in "abc":
        desk.found = [episode(name)]
        monitor.step()
        monitor.step()
    raised, over = "All gray (step 400)", "Over: colors_collapsed (step 400)"
    assert {alert.key: alert.title for alert in desk.house.ledger.outbox().due_alerts()} == {
        "a": raised,
        "b": f"{raised} (no. 2)",
        "c": f"{raised} (no. 3)",
        "a/over": over,
        "b/over": f"{over} (no. 2)",
    }


def test_a_look_that_fails_is_said_each_time_it_begins_and_holds_up_no_delivery(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.found, desk.answers = [episode("a")], [Refusal("It is down.", may_pass=True)] * 2
    monitor = desk.monitor()
    monitor.step()
    with caplog.at_level("INFO", logger="uimon"):
        for _ in range(2):
            with monkeypatch.context() as patch:
                patch.setattr(Desk, "evaluate", lambda *_: 1 // 0)
                monitor.step()
                monitor.step()
            assert desk.heard.count("webhook a") == 3
            monitor.step()
    assert caplog.text.count("Early warnings cannot be worked out (ZeroDivisionError") == 2
    assert caplog.text.count("Early warnings are worked out again.") == 2
