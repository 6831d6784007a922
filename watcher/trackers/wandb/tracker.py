"""W&B as a tracker: rows go into the trainer's run, and into its companion while the run may not be written into."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from watcher.checkpoints.run_log import RunLog
from watcher.model import Reason, RowKind, Target
from watcher.system.clock import steady_clock
from watcher.trackers.base import Notes, PublishOutcome, RunLife
from watcher.trackers.wandb.asking import RunAtWandb
from watcher.trackers.wandb.claim import Claim, ClaimedPublisher
from watcher.trackers.wandb.identity import publisher_id
from watcher.trackers.wandb.join_state import JoinState
from watcher.trackers.wandb.joining import Mode, Settling, mode_of
from watcher.trackers.wandb.outbox import Outbox, OutboxReport, OutboxStore
from watcher.trackers.wandb.publisher import WandbPublisher
from watcher.trackers.wandb.run import RunFacts, RunRef
from watcher.trackers.wandb.run_end import RunEnd
from watcher.trackers.wandb.run_watch import RunWatch, is_default
from watcher.trackers.wandb.wire import PublishPlan

log = logging.getLogger("uimon")

# Waiting longer at the exit does not help against these.
_NOT_BY_WAITING = frozenset({Reason.RUN_NOT_FOUND, Reason.WANDB_KEY_MISSING, Reason.WANDB_REFUSED})
_SHORTEST = 1.0
"""Seconds between two attempts of which the first has changed nothing."""
_TRIES = 3
"""Attempts at the exit to end a run that a session left open."""


class RunStore(OutboxStore, Protocol):
    """What is due in one target, and what became of it."""

    def add_undelivered(self, other: Target) -> None:
        """Whatever is due in the `other` target is due in this one too."""
        ...

    def invalidate(self) -> int:
        """Rows that were delivered have to be looked for again; returns how many there are."""
        ...

    def unconfirmed(self) -> tuple[int, float | None]:
        """How many rows may be there and are not seen, and since when (seconds since the epoch)."""
        ...

    def counts(self) -> dict[RowKind, tuple[int, int]]:
        """For each kind of row: how many are due, and how many were read back."""
        ...


class Store(Notes, Protocol):
    """The ledger, as far as W&B's tracker needs it."""

    def outbox(self, target: Target = Target.RUN) -> RunStore:
        """What is due in the trainer's run, or in its companion."""
        ...


@dataclass(frozen=True, slots=True)
class Outboxes:
    """The outbox of the trainer's run and that of its companion."""

    run: Outbox
    companion: Outbox
    claim: Claim | None = None
    """That of this uimon among others on the run; None where there can be no other."""
    end: Callable[[str, float], bool] | None = None
    """Ends an open run as its trainer has left it, as `RunEnd` has it; None where no run is."""


class WandbTracker:
    """The trainer's run at W&B; see `watcher.trackers.base.Tracker`. `logged` asks for what the trainer has logged."""

    def __init__(
        self, store: Store, outboxes: Outboxes, watch: RunWatch, logged: Callable[[], RunLog | None] = lambda: None
    ) -> None:
        self._store = store
        self._run, self._companion, self._claim = outboxes.run, outboxes.companion, outboxes.claim
        self._watch = watch
        self._state = JoinState(store)
        self._end = RunEnd(self._state, outboxes.end)
        self._at: Outbox | None = None
        self._waiting: Reason | None = None
        self._companion_said: Reason | None = None
        self._companion_named = False
        self.logged = logged

    # What is known of the run.

    @property
    def asked(self) -> threading.Event:
        """Set once W&B was asked, whatever it knew."""
        return self._watch.asked

    @property
    def life(self) -> RunLife:
        """What W&B said of the run when it was last asked."""
        watch = self._watch
        return RunLife(
            watch.running,
            watch.lively,
            watch.ended_state,
            watch.ended_seconds,
            watch.begun,
            watch.missing,
            watch.url,
        )

    def look(self, *, now: bool = False) -> None:
        """Ask W&B how the run is, now and then; what lies in a run that a default-mode trainer goes on with is no
        longer certain to be there.
        """
        facts = self._watch.look(now=now)
        self._end.look(facts)
        self._note_made(facts)
        if is_default(facts) and (invalidated := self._store.outbox().invalidate()):
            log.warning(
                "The run has resumed in W&B's default mode; uimon checks its %d rows in it again later.", invalidated
            )

    def _note_made(self, facts: RunFacts | None) -> None:
        """A run that was deleted and made anew under its id may be the same training's, or another one's: what the
        earlier one had is not sent into it unasked.
        """
        if facts is None or facts.begun is None or not self._state.note_made(facts.begun):
            return
        if delivered := sum(sent for _, sent in self._store.outbox().counts().values()):
            log.error(
                "The run at W&B was created again under its id: the %d rows delivered so far may be missing from it, "
                "and uimon does not send them again, since the run may belong to another training. If it belongs to "
                "this one, start uimon with another --state-dir: it evaluates the checkpoints that still exist, and "
                "sends what the run lacks.",
                delivered,
            )

    # Publication.

    @property
    def empty(self) -> bool:
        """True where nothing is due in the trainer's run."""
        return self._run.empty

    @property
    def sending(self) -> bool:
        """True while a session has rows on their way. It ends by itself: cut off, nobody would know whether they are
        there.
        """
        at = self._at
        return at is not None and at.sending

    @property
    def waits_for_end(self) -> bool:
        """True while the run is not to be joined before its trainer has left it."""
        return self._waiting is Reason.DEFERRED

    @property
    def retry_in(self) -> float | None:
        """Seconds after which the run may take what is due; None where waiting does not help."""
        if self.waits_for_end:
            settles_in = self._watch.settles_in
            return None if settles_in is None else max(settles_in, _SHORTEST)
        if self._waiting in _NOT_BY_WAITING:
            return None
        # Unconfirmed rows have times of their own to be looked for.
        return self._run.next_attempt_in if self._run.ready else max(self._run.next_attempt_in, _SHORTEST)

    def ready(self) -> bool:
        """True where a batch is due in the run, or in its companion, and the time has come."""
        return self._run.ready or (self.waits_for_end and self._companion_ready())

    def publish(self) -> PublishOutcome:
        """One batch into the run, and one into its companion while the run waits for its end."""
        delivery = self._into_run() if self._run.ready else PublishOutcome(waiting=self._waiting)
        if self.waits_for_end and self._companion_ready():
            self._into_companion()
        return delivery

    def tend(self) -> None:
        """Show the other uimons on the run that this one lives."""
        if self._claim is not None:
            self._claim.tend()

    def hurry(self) -> None:
        """Nothing more will become due: gather no longer, and look for all rows that may be there."""
        self._companion.hurry()
        self._run.hurry()

    def retry_now(self) -> None:
        """Forget the pause, and whether the run had ended when it was last asked for."""
        if self.waits_for_end:
            self.look(now=True)
        self._run.retry_now()

    def leave(self, *, hasty: bool) -> None:
        """Leave the run as its trainer has, and let another uimon publish at once, unless it could not see yet what was
        sent, and would send it again.
        """
        for _ in range(0 if hasty else _TRIES):
            if self._end.in_doubt:
                # One that a session has just ended again, or that lives, is in no doubt.
                self.look(now=True)
            if not self._end.in_doubt or not self._end.end():
                break
        unseen = sum(self._store.outbox(target).unconfirmed()[0] for target in Target)
        if self._claim is not None and not unseen:
            self._claim.release()

    def _companion_ready(self) -> bool:
        self._store.outbox(Target.COMPANION).add_undelivered(Target.RUN)
        return self._companion.ready

    def _into_run(self) -> PublishOutcome:
        """A session opens the run; killed, it leaves one whose state no longer tells how it had ended."""
        self._end.opening(self._watch.heartbeat, self._watch.ended_state)
        report = self._stepped(self._run)
        if report.waiting is not Reason.DEFERRED:
            self._end.opened()
        self._waiting = report.waiting
        self._note_first_rows(report)
        return PublishOutcome(report.published, report.waiting, report.detail, report.url, report.moved)

    def _into_companion(self) -> None:
        report = self._stepped(self._companion)
        if report.waiting is not None and report.waiting is not self._companion_said:
            log.warning("Rows wait in the ledger for the companion run (%s): %s", report.waiting, report.detail)
        elif report.waiting is None and self._companion_said is not None:
            log.info("Rows are delivered again.")
        self._companion_said = report.waiting
        if report.published and not self._companion_named:
            self._companion_named = True
            log.info("Until then they are in the companion run %s.", report.url)

    def _stepped(self, outbox: Outbox) -> OutboxReport:
        self._at = outbox
        report = outbox.step()
        self._at = None
        for uid, count in report.copies.items():
            log.warning("W&B holds the row %s %d times; readers that group by uid see one.", uid, count)
        return report

    def _note_first_rows(self, report: OutboxReport) -> None:
        """The trainer's first rows are looked at once, after the run was joined for the first time."""
        if report.first_rows is None:
            return
        self._state.note_first_rows(kept=report.first_rows)
        if not report.first_rows:
            log.error(
                "The trainer's first rows are gone from its run since uimon joined it, which happens to a trainer that "
                "is not in W&B's shared mode: uimon does not join this run again before it has ended, and shows its "
                "rows in a companion run. Start the trainer with WANDB_MODE=shared."
            )


def plans_of(notes: Notes, watch: RunWatch, mode: Mode) -> Callable[[], PublishPlan]:
    """What a session of the trainer's run is told, as things stand when it begins."""
    state = JoinState(notes)

    def order() -> PublishPlan:
        kept = state.first_rows_kept
        return PublishPlan(
            Target.RUN, mode, watch.settled, ended=state.ended_as, check=kept is None, spoiled=kept is False
        )

    return order


def wandb_tracker(run: RunRef, store: Store, directory: Path, setting: str, settle: float) -> WandbTracker:
    """The tracker of one run, which keeps its own files in the state `directory`. `setting`: what `--wandb` says;
    `settle`: for how many seconds a run must have ended before rows that waited for that go into it. Raises `OSError`.
    """
    asking = RunAtWandb(run)
    watch = RunWatch(asking.facts, Settling.after(settle))
    sessions = WandbPublisher(run, directory / "wandb", on_left=JoinState(store).note_ended_as)
    claim = Claim(publisher_id(directory), sessions.move)
    publisher, clock = ClaimedPublisher(sessions, claim), steady_clock(store)
    into_run = Outbox(store.outbox(), publisher, order=plans_of(store, watch, mode_of(setting)), clock=clock)
    beside = Outbox(store.outbox(Target.COMPANION), publisher, order=lambda: PublishPlan(Target.COMPANION), clock=clock)
    return WandbTracker(store, Outboxes(into_run, beside, claim, sessions.end), watch, asking.logged)
