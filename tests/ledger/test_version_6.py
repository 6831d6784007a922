"""A ledger of version 6, left by a real service: two failures and two collapses were told, the ends of these and a
third failure are due at W&B, the ends at the webhook, too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from watcher.alerts import AlertSettings, Episode
from watcher.ledger.deliveries import WANDB
from watcher.ledger.ledger import Ledger
from watcher.model import Event, UimonError
from watcher.service.alert_monitor import AlertMonitor
from watcher.service.board import Board
from watcher.service.history import LedgerHistory
from watcher.service.notifiers import Channels

SOURCE = Path(__file__).with_name("version_6.sql")
COLLAPSES = ["colors_collapsed/400/3e1c29d2", "blue_purple_takeover/400/3e1c29d2"]
PICKLE = "failed/checkpoint-710/e3b0c44298fc1c14/pickle_weights"
DUE_AT_WANDB = [f"{key}/over" for key in COLLAPSES] + [PICKLE]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as db:
        db.executescript(SOURCE.read_text())
    db.close()
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    opened = Ledger(path)
    yield opened
    opened.close()


def alerts(path: Path) -> list[tuple[str, str, str, str]]:
    """What was due at W&B when that version was stopped."""
    with sqlite3.connect(path) as db:
        query = "SELECT key, level, title, text FROM alert WHERE raised_at IS NULL ORDER BY created_at, key"
        rows = db.execute(query).fetchall()
    db.close()
    return rows


def test_what_is_due_at_wandb_is_due_in_its_own_words(path: Path) -> None:
    before = alerts(path)
    assert sorted(key for key, *_ in before) == sorted(DUE_AT_WANDB)
    ledger = Ledger(path)
    assert [(a.key, str(a.level), a.title, a.text) for a in ledger.outbox().due_alerts()] == before
    ledger.outbox().alerts_raised(DUE_AT_WANDB)
    assert ledger.outbox().due_alerts() == []
    ledger.close()


def test_what_is_due_at_the_webhook_is_due_with_its_attempts(ledger: Ledger) -> None:
    due = ledger.deliveries().due("webhook", early=True)
    assert [(delivery.key, delivery.event, delivery.attempts) for delivery in due] == [
        (COLLAPSES[0], Event.CLEARED, 2),
        (COLLAPSES[1], Event.CLEARED, 1),
    ]
    assert [Episode.from_dict(delivery.told).cleared_step for delivery in due] == [700, 700]
    assert ledger.deliveries().due("command", early=True) == []


def test_a_beginning_that_is_due_is_told_as_it_began(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE notice SET done_at = NULL WHERE channel = 'webhook'")
    db.close()
    ledger = Ledger(path)
    told = [(d.event, Episode.from_dict(d.told)) for d in ledger.deliveries().due("webhook", early=True)]
    assert [(event, e.active, e.cleared_step) for event, e in told] == [(Event.RAISED, True, None)] * 2
    ledger.close()


def test_every_warning_and_every_failure_is_an_episode_and_has_its_key(ledger: Ledger) -> None:
    episodes = {episode["key"]: Episode.from_dict(episode) for episode in ledger.episodes().all()}
    failures = ledger.failures().all()
    assert [failure.step for failure in failures] == [310, 320, 710]
    assert episodes.keys() == {*COLLAPSES, *(failure.key for failure in failures)}
    assert [episodes[failure.key].step for failure in failures] == [310, 320, 710]
    assert not any(episode.active for episode in episodes.values())


def test_the_first_look_tells_nobody_anything_anew(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    monitor = AlertMonitor(
        ledger,
        LedgerHistory(ledger),
        AlertSettings(),
        Channels(),
        Board(),
        run="run",
        ended=lambda: True,
        publish=lambda: None,
    )
    for _ in range(2):
        with caplog.at_level("INFO", logger="uimon"):
            monitor.step()
    assert [alert.key for alert in ledger.outbox().due_alerts()] == DUE_AT_WANDB
    assert "Not evaluated" not in caplog.text
    # The failures of steps 310 and 320 are over since step 400; that of step 710 lasts.
    assert [episode["key"] for episode in ledger.episodes().all() if episode["active"]] == [PICKLE]


def test_the_next_like_title_goes_on_counting(ledger: Ledger) -> None:
    told = Episode.from_dict(next(e for e in ledger.episodes().all() if e["key"] == COLLAPSES[0])).told(Event.RAISED)
    ledger.deliveries().add_alert("another", Event.RAISED, told.alert())
    assert ledger.outbox().due_alerts()[-1].title == "The pages have lost their variety of colors (step 400) (no. 2)"


def test_wandb_hears_the_end_of_what_an_even_earlier_ledger_had_told(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE alarm SET over = 0 WHERE key = ?", COLLAPSES[:1])
        db.execute("DELETE FROM alert WHERE key LIKE 'colors%'")
    db.close()
    ledger = Ledger(path)
    ledger.deliveries().add(WANDB, COLLAPSES[0], Event.CLEARED, {"level": "info", "title": "Over", "text": ""})
    assert f"{COLLAPSES[0]}/over" in [alert.key for alert in ledger.outbox().due_alerts()]
    ledger.close()


def test_weights_written_again_since_do_not_make_an_old_failure_news(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE checkpoint SET stamp = 'another' WHERE step = 710")
    db.close()
    ledger = Ledger(path)
    assert ledger.failures().all()[-1].key == PICKLE
    ledger.close()


def test_it_is_only_read_by_who_brings_it_up_to_date(path: Path) -> None:
    with pytest.raises(UimonError, match="another version"):
        Ledger(path, read_only=True)


@pytest.mark.parametrize("whole", [True, False])
def test_a_journal_that_a_killed_watcher_left_is_behind_only_where_it_is_damaged(tmp_path: Path, whole: bool) -> None:
    alive, left = tmp_path / "alive", tmp_path / "ledger.sqlite3"
    db = sqlite3.connect(alive)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(SOURCE.read_text())
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(3):
        db.execute("INSERT INTO meta VALUES (?, 'x')", (f"fact {number}",))
        db.commit()
    # As SIGKILL leaves them: nobody has closed the file.
    journal = bytearray(alive.with_name("alive-wal").read_bytes())
    left.write_bytes(alive.read_bytes())
    db.close()
    if not whole:
        journal[len(journal) - 100] ^= 1
    left.with_name("ledger.sqlite3-wal").write_bytes(journal)
    ledger = Ledger(left)
    assert ledger.behind is not whole
    assert (ledger.recall("fact 2") == "x") is whole
    ledger.close()
