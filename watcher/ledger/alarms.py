"""The early warnings in the ledger: which there are, which are over, and which channel still has to pass one on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from watcher.ledger.outbox import Transactions

RAISED, CLEARED = "raised", "cleared"
_LASTS, _OVER, _UNWATCHED = 0, 1, 2
"""What the column `over` holds."""


class EarlyWarning(Protocol):
    """An early warning: one episode of one rule. `key` is the same for the same episode, for ever."""

    @property
    def key(self) -> str: ...
    @property
    def step(self) -> int: ...
    @property
    def active(self) -> bool: ...
    def to_dict(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Changes:
    """What one settlement changed: keys of the warnings that began, are over now, or are no longer watched."""

    begun: tuple[str, ...]
    over: tuple[str, ...]
    unwatched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """What a channel is still to pass on of a warning: that it was `raised`, or `cleared`; `attempts` so far."""

    key: str
    event: str
    alarm: Mapping[str, Any]
    attempts: int


class LedgerAlarms:
    """The warnings of one run."""

    def __init__(self, ledger: Transactions, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock

    def settle(
        self,
        found: Iterable[EarlyWarning],
        channels: Mapping[str, frozenset[str]],
        unwatched: Collection[str] = frozenset(),
        quiet: Collection[str] = frozenset(),
    ) -> Changes:
        """Keep what is found now, each change once; `channels` says which events each channel passes on. Of the keys
        that are `quiet` nobody is told that they began.

        A warning on record that is not found any more, as after the trainer went back, is over. One that is over when
        it is found first is kept, and nobody is told: what it would have warned of has passed. Nor is anybody told of
        one that lasts after all, having been over. Of the keys that are `unwatched` nobody can say whether they last:
        they are not active, and no channel hears that they are over before they are watched again and found to be so.
        """
        alarms = {alarm.key: alarm for alarm in found}
        with self._ledger.change() as db:
            known = {row["key"]: int(row["over"]) for row in db.execute("SELECT key, over FROM alarm").fetchall()}
            new = [alarm for key, alarm in alarms.items() if key not in known]
            begun = tuple(alarm.key for alarm in new if alarm.active and alarm.key not in quiet)
            lasting = {key for key, alarm in alarms.items() if alarm.active and key not in unwatched}
            kept = lasting.union(unwatched)
            over = tuple(key for key, was in known.items() if was != _OVER and key not in kept)
            lost = tuple(key for key, was in known.items() if was == _LASTS and key in unwatched)
            db.executemany(
                "INSERT INTO alarm VALUES (?, ?, ?, ?, ?)",
                [(a.key, a.step, json.dumps(a.to_dict()), self._clock(), int(not a.active)) for a in new],
            )
            changed = [(alarms[key], key) for key in over if key in alarms]
            db.executemany(
                "UPDATE alarm SET body = ? WHERE key = ?", [(json.dumps(a.to_dict()), key) for a, key in changed]
            )
            again = [key for key, was in known.items() if was != _LASTS and key in lasting]
            states = ((_OVER, over), (_UNWATCHED, lost), (_LASTS, again))
            db.executemany(
                "UPDATE alarm SET over = ? WHERE key = ?", [(state, key) for state, keys in states for key in keys]
            )
            due = [(key, RAISED) for key in begun] + [(key, CLEARED) for key in over]
            db.executemany(
                "INSERT OR IGNORE INTO notice (alarm, channel, event) VALUES (?, ?, ?)",
                [
                    (key, channel, event)
                    for channel, events in channels.items()
                    for key, event in due
                    if event in events
                ],
            )
        return Changes(begun, over, lost)

    def all(self) -> list[dict[str, Any]]:
        """Every warning of the run, as `to_dict` gave it, with `active` as it is now, by step."""
        with self._ledger.read() as db:
            rows = db.execute("SELECT body, over FROM alarm ORDER BY step, began_at, key").fetchall()
        return [json.loads(row["body"]) | {"active": not row["over"]} for row in rows]

    def due(self, channel: str, *, early: bool = False) -> list[Notice]:
        """What this channel is to pass on now, the oldest first; `early`: also what was postponed.

        That a warning is over is due only where the channel has passed on that it began.
        """
        query = (
            "SELECT key, event, body, attempts FROM notice JOIN alarm ON alarm.key = notice.alarm WHERE channel = ?1 "
            "AND done_at IS NULL AND not_before <= ?2 AND (event = ?3 OR EXISTS (SELECT 1 FROM notice AS first WHERE "
            "first.alarm = notice.alarm AND first.channel = ?1 AND first.event = ?3 AND first.done_at IS NOT NULL "
            "AND first.error IS NULL)) ORDER BY notice.rowid"
        )
        with self._ledger.read() as db:
            rows = db.execute(query, (channel, math.inf if early else self._clock(), RAISED)).fetchall()
        return [Notice(row["key"], row["event"], json.loads(row["body"]), int(row["attempts"])) for row in rows]

    def passed_on(self, notice: Notice, channel: str, error: str | None = None) -> None:
        """The channel is done with this: it was passed on, or given up for `error`."""
        self._attempted(notice, channel, error, done_at=self._clock())

    def postpone(self, notice: Notice, channel: str, seconds: float, error: str) -> None:
        """The channel could not pass this on; it tries again in so many seconds."""
        self._attempted(notice, channel, error, not_before=self._clock() + seconds)

    def _attempted(
        self, notice: Notice, channel: str, error: str | None, done_at: float | None = None, not_before: float = 0.0
    ) -> None:
        with self._ledger.change() as db:
            db.execute(
                "UPDATE notice SET done_at = ?, not_before = ?, attempts = attempts + 1, error = ? "
                "WHERE alarm = ? AND channel = ? AND event = ?",
                (done_at, not_before, error, notice.key, channel, notice.event),
            )
