"""Who is still to hear of an early warning: one line for each event of an episode and each channel, W&B included."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from watcher.ledger.transactions import Transactions
from watcher.model import Alert, AlertLevel, Event, JsonObject

WANDB: Final = "wandb"
"""The channel whose deliveries the tracker takes."""

_TOLD: Final = (
    "EXISTS (SELECT 1 FROM delivery AS told WHERE told.episode = delivery.episode AND told.channel = delivery.channel "
    "AND told.event != 'cleared' AND told.done_at IS NOT NULL AND told.error IS NULL)"
)
"""The channel has passed on that the delivery's episode lasts."""
_NEXT: Final = (
    "NOT EXISTS (SELECT 1 FROM delivery AS earlier WHERE earlier.episode = delivery.episode "
    "AND earlier.channel = delivery.channel AND earlier.rowid < delivery.rowid AND earlier.done_at IS NULL)"
)
"""The channel is done with what happened to the episode before."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a channel is still to pass on of an episode, in its own words (`told`); `attempts` so far."""

    key: str
    event: Event
    told: Mapping[str, object]
    attempts: int


class LedgerDeliveries:
    """The deliveries of one run."""

    def __init__(self, ledger: Transactions, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock

    # What becomes due.

    def add(self, channel: str, key: str, event: Event, told: Mapping[str, object]) -> None:
        """The channel is to tell of this event of the episode `key`, once for ever. That one is over is told only where
        the channel was to tell that it lasts.
        """
        query = (
            "INSERT OR IGNORE INTO delivery (episode, event, channel, told) SELECT ?1, ?2, ?3, ?4 "
            "WHERE ?2 != 'cleared' OR EXISTS (SELECT 1 FROM delivery WHERE episode = ?1 AND channel = ?3)"
        )
        with self._ledger.change() as db:
            db.execute(query, (key, event, channel, json.dumps(dict(told))))

    def add_alert(self, key: str, event: Event, alert: Alert) -> None:
        """The same for W&B. An alert with the title of an earlier one is numbered: W&B would take it for the same."""
        words = {"level": alert.level, "title": alert.title, "text": alert.text}
        with self._ledger.change() as db:
            query = (
                "SELECT COUNT(*) FROM (SELECT json_extract(told, '$.title') AS title FROM delivery WHERE channel = ?2) "
                "WHERE title = ?1 OR instr(title, ?1 || ' (no. ') = 1"
            )
            if same := int(db.execute(query, (alert.title, WANDB)).fetchone()[0]):
                words["title"] = f"{alert.title} (no. {same + 1})"
            self.add(WANDB, key, event, words)

    def note_told(self, channel: str, key: str) -> None:
        """An earlier ledger has told this channel that the episode `key` lasts."""
        query = "INSERT OR IGNORE INTO delivery (episode, event, channel, told, done_at) VALUES (?, ?, ?, '{}', ?)"
        with self._ledger.change() as db:
            db.execute(query, (key, Event.RAISED, channel, self._clock()))

    # What is due.

    def due(self, channel: str, *, early: bool = False) -> list[Delivery]:
        """What this channel is to pass on now, the oldest first; `early`: also what was postponed.

        Of one episode an event is due once the channel is done with those before; that it is over is due only where the
        channel has passed on that it lasts.
        """
        query = (
            "SELECT episode, event, told, attempts FROM delivery WHERE channel = ? AND done_at IS NULL "
            f"AND not_before <= ? AND {_NEXT} AND (event != 'cleared' OR {_TOLD}) ORDER BY rowid"
        )
        with self._ledger.read() as db:
            rows = db.execute(query, (channel, math.inf if early else self._clock())).fetchall()
        return [Delivery(r["episode"], Event(r["event"]), json.loads(r["told"]), int(r["attempts"])) for r in rows]

    def passed_on(self, delivery: Delivery, channel: str, error: str | None = None) -> None:
        """The channel is done with this: it was passed on, or given up for `error`."""
        self._attempted(delivery, channel, error, done_at=self._clock())

    def postpone(self, delivery: Delivery, channel: str, seconds: float, error: str) -> None:
        """The channel could not pass this on; it tries again in so many seconds."""
        self._attempted(delivery, channel, error, not_before=self._clock() + seconds)

    def due_alerts(self) -> list[Alert]:
        """What W&B is to be told, the oldest first: one session takes all of it, in this order."""
        query = "SELECT episode, event, told FROM delivery WHERE channel = ? AND done_at IS NULL ORDER BY rowid"
        with self._ledger.read() as db:
            rows = db.execute(query, (WANDB,)).fetchall()
        return [_alert(_alert_key(row["episode"], row["event"]), json.loads(row["told"])) for row in rows]

    def alerts_raised(self, keys: Sequence[str]) -> None:
        """W&B has taken the alerts with these keys."""
        wanted = set(keys)
        with self._ledger.change() as db:
            query = "SELECT episode, event FROM delivery WHERE channel = ? AND done_at IS NULL"
            due = db.execute(query, (WANDB,)).fetchall()
            taken = [row for row in due if _alert_key(row["episode"], row["event"]) in wanted]
            db.executemany(
                "UPDATE delivery SET done_at = ?, attempts = attempts + 1 WHERE episode = ? AND event = ? "
                "AND channel = ?",
                [(self._clock(), row["episode"], row["event"], WANDB) for row in taken],
            )

    def _attempted(
        self, delivery: Delivery, channel: str, error: str | None, done_at: float | None = None, not_before: float = 0.0
    ) -> None:
        with self._ledger.change() as db:
            db.execute(
                "UPDATE delivery SET done_at = ?, not_before = ?, attempts = attempts + 1, error = ? "
                "WHERE episode = ? AND channel = ? AND event = ?",
                (done_at, not_before, error, delivery.key, channel, delivery.event),
            )


def _alert_key(episode: str, event: str) -> str:
    """What tells an alert from all others of the run.

    >>> _alert_key("overfitting/50/0a", "raised"), _alert_key("overfitting/50/0a", "cleared")
    ('overfitting/50/0a', 'overfitting/50/0a/over')
    """
    return f"{episode}{_SUFFIX[Event(event)]}"


_SUFFIX: Final = {Event.RAISED: "", Event.RISEN: "/risen", Event.CLEARED: "/over"}


def _alert(key: str, told: JsonObject) -> Alert:
    return Alert(key, AlertLevel(told["level"]), told["title"], told["text"])
