"""The early warnings in the ledger: which there are, which are over, and which channel still has to pass one on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from watcher.ledger_outbox import Transactions


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
    """What one settlement changed: keys of the warnings that are new, and of those that are over now."""

    begun: tuple[str, ...]
    over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning that a channel is still to pass on; `attempts` so far."""

    alarm: Mapping[str, Any]
    attempts: int


class LedgerAlarms:
    """The warnings of one run."""

    def __init__(self, ledger: Transactions, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock

    def settle(self, found: Iterable[EarlyWarning], channels: Sequence[str]) -> Changes:
        """Keep what is found now: each new warning is due once in each of the `channels`.

        A warning on record that is not found any more, as after the trainer went back, is over.
        """
        alarms = {alarm.key: alarm for alarm in found}
        with self._ledger.change() as db:
            known = {row["key"]: bool(row["over"]) for row in db.execute("SELECT key, over FROM alarm").fetchall()}
            begun = [alarm for key, alarm in alarms.items() if key not in known]
            lasting = {key for key, alarm in alarms.items() if alarm.active}
            ended = tuple(key for key, over in known.items() if not over and key not in lasting)
            now = self._clock()
            db.executemany(
                "INSERT INTO alarm VALUES (?, ?, ?, ?, ?)",
                [(a.key, a.step, json.dumps(a.to_dict()), now, int(not a.active)) for a in begun],
            )
            db.executemany(
                "INSERT INTO notice (alarm, channel) VALUES (?, ?)", [(a.key, c) for a in begun for c in channels]
            )
            db.executemany("UPDATE alarm SET over = 1 WHERE key = ?", [(key,) for key in ended])
        return Changes(tuple(alarm.key for alarm in begun), ended)

    def all(self) -> list[dict[str, Any]]:
        """Every warning of the run, as `to_dict` gave it, with `active` as it is now, by step."""
        with self._ledger.read() as db:
            rows = db.execute("SELECT body, over FROM alarm ORDER BY step, began_at, key").fetchall()
        return [json.loads(row["body"]) | {"active": not row["over"]} for row in rows]

    def due(self, channel: str) -> Iterator[Notice]:
        """What this channel is to pass on now, the oldest first."""
        query = (
            "SELECT body, attempts FROM notice JOIN alarm ON alarm.key = notice.alarm WHERE channel = ? AND "
            "done_at IS NULL AND not_before <= ? ORDER BY began_at, step, key"
        )
        with self._ledger.read() as db:
            rows = db.execute(query, (channel, self._clock())).fetchall()
        return (Notice(json.loads(row["body"]), int(row["attempts"])) for row in rows)

    def passed_on(self, key: str, channel: str, error: str | None = None) -> None:
        """The channel is done with this warning: it was passed on, or given up for `error`."""
        with self._ledger.change() as db:
            db.execute(
                "UPDATE notice SET done_at = ?, attempts = attempts + 1, error = ? WHERE alarm = ? AND channel = ?",
                (self._clock(), error, key, channel),
            )

    def postpone(self, key: str, channel: str, seconds: float, error: str) -> None:
        """The channel could not pass this warning on; it tries again in so many seconds."""
        with self._ledger.change() as db:
            db.execute(
                "UPDATE notice SET not_before = ?, attempts = attempts + 1, error = ? WHERE alarm = ? AND channel = ?",
                (self._clock() + seconds, error, key, channel),
            )
