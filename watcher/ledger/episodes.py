"""The early warnings in the ledger: which there are, how bad each is, and which are over."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from watcher.ledger.transactions import Transactions
from watcher.model import AlertLevel, JsonObject

_LASTS, _OVER, _UNWATCHED = 0, 1, 2
"""What the column `over` holds."""


class EarlyWarning(Protocol):
    """An early warning: one episode of one rule. `key` is the same for the same episode, for ever."""

    @property
    def key(self) -> str: ...
    @property
    def step(self) -> int: ...
    @property
    def level(self) -> AlertLevel: ...
    @property
    def active(self) -> bool: ...
    def to_dict(self) -> dict[str, object]: ...


@dataclass(frozen=True, slots=True)
class Changes:
    """What one settlement changed: keys of the warnings that began, have become worse, are over now, or are no longer
    watched; `past`: those that nobody is told of, since they began in the past.
    """

    begun: tuple[str, ...]
    risen: tuple[str, ...]
    over: tuple[str, ...]
    unwatched: tuple[str, ...]
    past: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is on record of a warning."""

    over: int
    level: AlertLevel


class LedgerEpisodes:
    """The warnings of one run."""

    def __init__(self, ledger: Transactions, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock

    def settle(
        self,
        found: Iterable[EarlyWarning],
        unwatched: Collection[str] = frozenset(),
        quiet: Collection[str] = frozenset(),
        brief: Collection[str] = frozenset(),
    ) -> Changes:
        """Keep what is found now, each change once. Those with `quiet` keys are `past` where they begin.

        A warning on record that is not found any more, as after the trainer went back, is over. One that is over when
        it is found first is kept, and is no news: what it would have warned of has passed; but for the `brief` ones,
        which begin and are over. Nor is it news that one lasts after all, having been over. Of the keys that are
        `unwatched` nobody can say whether they last: they are not active, and not over before they are watched again
        and found to be so. One that is found with a higher level than it had has risen.
        """
        episodes = {episode.key: episode for episode in found}
        with self._ledger.change() as db:
            known = _known(db)
            news = [a for key, a in episodes.items() if key not in known and (a.active or key in brief)]
            lasting = {key for key, episode in episodes.items() if episode.active and key not in unwatched}
            kept = lasting.union(unwatched)
            ended = [key for key, was in known.items() if was.over != _OVER and key not in kept]
            changes = Changes(
                begun=tuple(episode.key for episode in news if episode.key not in quiet),
                risen=tuple(k for k, was in known.items() if k in lasting and episodes[k].level.is_above(was.level)),
                over=(*ended, *(episode.key for episode in news if not episode.active and episode.key not in quiet)),
                unwatched=tuple(key for key, was in known.items() if was.over == _LASTS and key in unwatched),
                past=tuple(episode.key for episode in news if episode.key in quiet),
            )
            again = [key for key, was in known.items() if was.over != _LASTS and key in lasting]
            db.executemany(
                "INSERT INTO episode (key, step, body, began_at, over) VALUES (?, ?, ?, ?, ?)",
                [
                    (key, a.step, json.dumps(a.to_dict()), self._clock(), int(not a.active))
                    for key, a in episodes.items()
                    if key not in known
                ],
            )
            changed = episodes.keys() & {*ended, *changes.risen, *again}
            bodies = [(json.dumps(episodes[key].to_dict()), key) for key in changed]
            db.executemany("UPDATE episode SET body = ? WHERE key = ?", bodies)
            for state, keys in ((_OVER, ended), (_UNWATCHED, changes.unwatched), (_LASTS, again)):
                db.executemany("UPDATE episode SET over = ? WHERE key = ?", [(state, key) for key in keys])
        return changes

    def all(self) -> list[JsonObject]:
        """Every warning of the run, as `to_dict` gave it, with `active` as it is now, by step."""
        with self._ledger.read() as db:
            rows = db.execute("SELECT body, over FROM episode ORDER BY step, began_at, key").fetchall()
        return [json.loads(row["body"]) | {"active": not row["over"]} for row in rows]


def _known(db: sqlite3.Connection) -> dict[str, _Known]:
    rows = db.execute("SELECT key, over, json_extract(body, '$.level') AS level FROM episode").fetchall()
    return {row["key"]: _Known(int(row["over"]), AlertLevel(row["level"])) for row in rows}
