"""Bringing what is due out of the ledger into W&B, one batch at a time, for as long as it takes.

The order of each step is what makes it safe to die at any point of it:

| killed                                   | what the next step finds and does                                    |
|------------------------------------------|----------------------------------------------------------------------|
| before the mark is committed             | nothing was logged: the row is sent                                  |
| after the mark, before the row is logged | the row is looked for from its mark on, is not there, and is sent    |
| after the row is logged                  | the row is looked for from its mark on, is there, and is delivered   |
| after the read-back, before the commit   | the same                                                             |
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from watcher.crashpoint import crash_point
from watcher.model import Alert, Reason, Row
from watcher.publish.wire import Order, PublishResult


class OutboxStore(Protocol):
    """The ledger, as far as publication needs it. Each call is durable when it returns."""

    @property
    def empty(self) -> bool:
        """True where no row is due, and no alert."""
        ...

    def due_rows(self, limit: int) -> list[Row]:
        """At most `limit` rows that are not published yet, the oldest first."""
        ...

    def note_attempt(self, uids: Sequence[str], mark: int) -> None:
        """Remember, before they are logged, that these rows are attempted with `mark`; counts the attempt."""
        ...

    def rows_published(self, uids: Sequence[str]) -> None:
        """These rows were read back from the run."""
        ...

    def rows_waiting(self, uids: Sequence[str], reason: Reason) -> None:
        """These rows stay due, for `reason`."""
        ...

    def rows_copied(self, copies: Iterable[tuple[str, int]]) -> None:
        """The run holds these rows more than once: (uid, how often)."""
        ...

    @property
    def surveyed(self) -> bool:
        """True once it is known which rows were in the run before this store was made."""
        ...

    def found_by_survey(self, uids: Sequence[str]) -> None:
        """These rows were there before; whenever one of them becomes due, it is delivered already."""
        ...

    def due_alerts(self) -> list[Alert]:
        """Alerts that were not raised yet."""
        ...

    def alerts_raised(self, keys: Sequence[str]) -> None:
        """These alerts were raised."""
        ...


class Publisher(Protocol):
    """What the outbox needs of `WandbPublisher`."""

    def publish(
        self,
        rows: Sequence[Row],
        alerts: Sequence[Alert],
        order: Order,
        on_mark: Callable[[Sequence[str], int], None],
    ) -> PublishResult:
        """Bring the rows where the order says, and say which of them were read back."""
        ...


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses after a failure, in seconds: `base`, doubled with every further one up to `longest`.

    Each pause is shortened at random by up to half, so that many watchers do not come back at once. What a
    person has to put right (`recheck` reasons) is looked at every `recheck` seconds instead.
    """

    base: float = 2.0
    longest: float = 60.0
    recheck: float = 30.0
    recheck_reasons: frozenset[Reason] = field(
        default=frozenset({Reason.DEFERRED, Reason.RUN_NOT_FOUND, Reason.WANDB_KEY_MISSING, Reason.WANDB_REFUSED})
    )

    def pause(self, reason: Reason, failures: int, chance: float) -> float:
        """Seconds to wait after the `failures`-th failure in a row (from 1); `chance` is uniform in [0, 1).

        >>> Backoff().pause(Reason.WANDB_UNREACHABLE, 3, 0.0)
        8.0
        >>> Backoff().pause(Reason.WANDB_UNREACHABLE, 999, 0.5)
        45.0
        """
        if reason in self.recheck_reasons:
            return self.recheck * (1 - chance / 10)
        # The exponent is bounded because a float overflows long before an outage is over.
        return float(min(self.longest, self.base * 2 ** min(failures - 1, 30)) * (1 - chance / 2))


@dataclass(frozen=True, slots=True)
class OutboxReport:
    """What one step did. `attempted` is False where nothing was due, or the time to retry has not come.

    `copies`: how often the run holds each row that it holds more than once.
    """

    attempted: bool
    published: tuple[str, ...] = ()
    waiting: Reason | None = None
    detail: str = ""
    url: str | None = None
    copies: Mapping[str, int] = field(default_factory=dict)
    next_attempt_in: float = 0.0


class Outbox:
    """Publishes what `store` holds through `publisher`, batch by batch, and paces itself after failures.

    `order` says where the rows may go now; it is asked at each step. `clock` counts seconds and never goes back;
    `chance` is here for tests. `batch` rows at most go into one session: evaluations first, then training rows.
    """

    def __init__(
        self,
        store: OutboxStore,
        publisher: Publisher,
        *,
        order: Callable[[], Order] = Order,
        batch: int = 500,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._order = order
        self._batch = batch
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._not_before = clock()
        self._last = OutboxReport(attempted=False)

    @property
    def empty(self) -> bool:
        """True where nothing is due."""
        return self._store.empty

    @property
    def next_attempt_in(self) -> float:
        """Seconds until a step will try again; 0 where it would now."""
        return max(0.0, self._not_before - self._clock())

    def step(self) -> OutboxReport:
        """Publish one batch if something is due and the time has come; never waits for the latter."""
        if self.next_attempt_in > 0:
            return OutboxReport(False, (), self._last.waiting, self._last.detail, next_attempt_in=self.next_attempt_in)
        rows, alerts = self._store.due_rows(self._batch), self._store.due_alerts()
        if not rows and not alerts:
            return OutboxReport(attempted=False)
        order = replace(self._order(), survey=not self._store.surveyed)
        result = self._publisher.publish(rows, alerts, order, self._store.note_attempt)
        crash_point("publish.before_commit")
        self._commit(rows, result)
        crash_point("publish.committed")
        self._pace(result)
        self._last = OutboxReport(
            True,
            result.delivered,
            result.waiting,
            result.detail,
            result.url,
            result.copies,
            self.next_attempt_in,
        )
        return self._last

    def retry_now(self) -> None:
        """Forget the pause: somebody put right what rows were waiting for."""
        self._not_before = self._clock()
        self._failures = 0

    def _commit(self, rows: Sequence[Row], result: PublishResult) -> None:
        if result.delivered:
            self._store.rows_published(result.delivered)
        if result.found is not None:
            self._store.found_by_survey(result.found)
        if result.copies:
            self._store.rows_copied(result.copies.items())
        if result.alerted:
            self._store.alerts_raised(result.alerted)
        delivered = set(result.delivered)
        left = [row.uid for row in rows if row.uid not in delivered]
        if left:
            self._store.rows_waiting(left, result.waiting or Reason.NOT_DELIVERED)

    def _pace(self, result: PublishResult) -> None:
        if result.waiting is None:
            self._failures = 0
            self._not_before = self._clock()
            return
        self._failures += 1
        self._not_before = self._clock() + self._backoff.pause(result.waiting, self._failures, self._chance())
