"""Bringing what is due out of the ledger into W&B, one batch at a time, for as long as it takes.

The order of each step is what makes it safe to die at any point of it:

| killed                                   | what the next step finds and does                                    |
|------------------------------------------|----------------------------------------------------------------------|
| before the mark is committed             | nothing was logged: the row is sent                                  |
| after the mark, before the row is logged | the row may have been sent: it is looked for, and is not there; it   |
|                                          | is sent once all looks of `proof.Patience` agree about that          |
| after the row is logged                  | the row is looked for from its mark on, is there, and is delivered   |
| after the read-back, before the commit   | the same                                                             |

The mark's commit says also when the row may have been sent. From then on it is *unconfirmed* until it is seen, or
proven to be lost (`proof`); other rows go out meanwhile. A start looks for all such rows before it sends any of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from watcher.model import Alert, Reason, Row
from watcher.system.clock import steady_clock
from watcher.system.crashpoint import crash_point
from watcher.trackers.wandb.proof import Patience
from watcher.trackers.wandb.wire import PublishPlan, PublishResult


class OutboxStore(Protocol):
    """The ledger, as far as publication needs it. Each call is durable when it returns."""

    @property
    def empty(self) -> bool:
        """True where no row is due, and no alert."""
        ...

    def due_rows(self, limit: int, now: float | None = None) -> list[Row]:
        """At most `limit` rows that are not published yet, the oldest first; with `now`, without those that are to be
        looked for later than that.
        """
        ...

    def note_attempt(self, uids: Sequence[str], mark: int, at: float, until: float | None = None) -> None:
        """Remember, before they are logged, that these rows are attempted with `mark`, and may be sent from the time
        `at` on, at the latest at `until` (None: at `at`); counts the attempt.
        """
        ...

    def rows_absent(self, uids: Sequence[str], look_at: float) -> None:
        """These rows may be in the run and a look did not show them; the next look is at `look_at`."""
        ...

    def rows_unsent(self, uids: Sequence[str]) -> None:
        """It is certain that the last attempt has not brought these rows into the run."""
        ...

    def look_now(self, now: float) -> None:
        """Whatever waits for its next look is looked for with the next step; with `sending_over`."""
        ...

    def sending_over(self, now: float) -> None:
        """Nothing is being sent: what may have been sent later than `now` counts as sent now."""
        ...

    def rows_published(self, uids: Sequence[str]) -> None:
        """These rows were read back from the run."""
        ...

    def rows_waiting(self, uids: Sequence[str], reason: Reason) -> None:
        """These rows stay due, for `reason`; those that may be in the run stay unconfirmed."""
        ...

    def rows_copied(self, copies: Iterable[tuple[str, int]]) -> None:
        """The run holds these rows more than once: (uid, how often)."""
        ...

    @property
    def surveyed(self) -> bool:
        """True once it is known which rows were in the run before this store was made."""
        ...

    @property
    def rebuilt(self) -> bool:
        """True where a store that was lost may have sent rows of which this one does not know."""
        ...

    def survey_began(self, now: float) -> float:
        """When this store first asked what was in the run before it; `now`, where it has not asked yet."""
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


class RowPublisher(Protocol):
    """What the outbox needs of `WandbPublisher`."""

    def publish(
        self,
        rows: Sequence[Row],
        alerts: Sequence[Alert],
        order: PublishPlan,
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

    `copies`: how often the run holds each row that it holds more than once. `first_rows`: whether the trainer's first
    rows are still there after the run was joined; None where that is not known. `moved`: a row has got further, also
    one that W&B was given for the first time and that is not seen yet.
    """

    attempted: bool
    published: tuple[str, ...] = ()
    waiting: Reason | None = None
    detail: str = ""
    url: str | None = None
    copies: Mapping[str, int] = field(default_factory=dict)
    next_attempt_in: float = 0.0
    first_rows: bool | None = None
    moved: bool = False


class Outbox:
    """Publishes what `store` holds through `publisher`, batch by batch, and paces itself after failures.

    `order` says where the rows may go now; it is asked at each step. `clock` counts seconds since the epoch and never
    goes back; `chance` is here for tests. `batch` rows at most go into one session: evaluations first, then training
    rows. Each session joins the run once, so what becomes due within `gather` seconds goes into one. `patience` says
    when a row that was sent and is not seen is looked for, and when it is lost. `session`: the longest life of one, in
    seconds: the row that it sends last counts as sent at its end, also where this process dies with it.
    """

    def __init__(
        self,
        store: OutboxStore,
        publisher: RowPublisher,
        *,
        order: Callable[[], PublishPlan] = PublishPlan,
        batch: int = 2000,
        gather: float = 5.0,
        backoff: Backoff | None = None,
        patience: Patience | None = None,
        session: float = 240.0,
        clock: Callable[[], float] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._order = order
        self._batch = batch
        self._gather = gather
        self._backoff = backoff or Backoff()
        self._patience = patience or Patience()
        self._session = session
        self._clock = clock or steady_clock()
        self._chance = chance
        self._failures = 0
        self._not_before = self._clock()
        self._gathered_at: float | None = None
        self._noted: set[str] = set()
        self._last = OutboxReport(attempted=False)
        store.look_now(self._clock())

    @property
    def empty(self) -> bool:
        """True where nothing is due."""
        return self._store.empty

    @property
    def next_attempt_in(self) -> float:
        """Seconds until a step will try again; 0 where it would now."""
        return max(0.0, self._not_before - self._clock())

    @property
    def sending(self) -> bool:
        """True where the step that goes on, or the last one, had rows on their way to W&B."""
        return bool(self._noted)

    @property
    def ready(self) -> bool:
        """True where a step would do something now."""
        return self.next_attempt_in <= 0 and any(self._batch_at(self._clock()))

    def step(self) -> OutboxReport:
        """Publish one batch if something is due and the time has come; never waits for the latter."""
        if self.next_attempt_in > 0:
            return OutboxReport(False, (), self._last.waiting, self._last.detail, next_attempt_in=self.next_attempt_in)
        now = self._clock()
        rows, alerts = self._batch_at(now)
        if not rows and not alerts:
            return OutboxReport(attempted=False)
        self._gathered_at, self._noted = None, set()
        order = self._full_order(now)
        result = self._publisher.publish(rows, alerts, order, self._note)
        crash_point("publish.before_commit")
        self._commit(rows, order, result)
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
            result.first_rows,
            moved=self._has_moved(rows, result),
        )
        return self._last

    def retry_now(self) -> None:
        """Forget the pause: somebody put right what rows were waiting for."""
        self._not_before = self._clock()
        self._failures = 0

    def hurry(self) -> None:
        """Nothing more will become due: try at once, gather no longer, and look for all rows that may be in the run."""
        self.retry_now()
        self._gather = 0.0
        self._store.look_now(self._clock())

    def _batch_at(self, now: float) -> tuple[list[Row], list[Alert]]:
        """What goes into the next session, nothing while it waits for what comes right after it: that joins the run
        once for both. A full batch does not wait, nor what was tried before.
        """
        rows, alerts = self._store.due_rows(self._batch, now), self._store.due_alerts()
        if not (rows or alerts) or len(rows) >= self._batch or any(row.attempts for row in rows):
            return rows, alerts
        if self._gathered_at is None:
            self._gathered_at = now
        return (rows, alerts) if now - self._gathered_at >= self._gather else ([], [])

    def _full_order(self, now: float) -> PublishPlan:
        """Where the rows may go, and what is known of those that may be there."""
        survey = not self._store.surveyed
        hold = survey and now - self._store.survey_began(now) < self._patience.seconds
        lost = hold and self._store.rebuilt
        return replace(self._order(), survey=survey, hold=hold, lost=lost, now=now, patience=self._patience)

    def _has_moved(self, rows: Sequence[Row], result: PublishResult) -> bool:
        """Sending a row again is no progress: what W&B refuses or never shows would keep the last attempts going."""
        given = self._noted.difference(result.unsent)
        return bool(result.delivered) or any(row.uid in given and not row.attempts for row in rows)

    def _note(self, uids: Sequence[str], mark: int) -> None:
        self._noted.update(uids)
        now = self._clock()
        self._store.note_attempt(uids, mark, now, now + self._session)

    def _commit(self, rows: Sequence[Row], order: PublishPlan, result: PublishResult) -> None:
        self._store.sending_over(self._clock())
        if result.delivered:
            self._store.rows_published(result.delivered)
        if result.found is not None:
            self._store.found_by_survey(result.found)
        if result.copies:
            self._store.rows_copied(result.copies.items())
        if result.alerted:
            self._store.alerts_raised(result.alerted)
        if result.unsent:
            self._store.rows_unsent(result.unsent)
        absent = set(result.absent)
        self._commit_absent([row for row in rows if row.uid in absent], order)
        settled = {*result.delivered, *absent}
        if left := [row.uid for row in rows if row.uid not in settled]:
            self._store.rows_waiting(left, result.waiting or Reason.NOT_DELIVERED)

    def _commit_absent(self, rows: Sequence[Row], order: PublishPlan) -> None:
        """Rows that may be there and were not shown are looked for again, by how long ago they were sent."""
        now = self._clock()
        looks: dict[float, list[str]] = {}
        for row in rows:
            last_sent = now
            if row.sent and not self._patience.is_over(row.sent, order.now):
                last_sent = row.sent.last_at
            elif order.hold and not row.sent:
                last_sent = self._store.survey_began(now)
            looks.setdefault(self._patience.next_look(last_sent, now), []).append(row.uid)
        for look_at, uids in looks.items():
            self._store.rows_absent(uids, look_at)

    def _pace(self, result: PublishResult) -> None:
        """A failure makes the next attempt wait; rows that are unconfirmed have times of their own to be looked for."""
        if result.waiting in (None, Reason.UNCONFIRMED):
            self._failures = 0
            self._not_before = self._clock()
            return
        self._failures += 1
        self._not_before = self._clock() + self._backoff.pause(result.waiting, self._failures, self._chance())
