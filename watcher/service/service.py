"""The service as a whole: its threads, when it is over, and how it comes to an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scorers import Plugin, Theme
from watcher.alerts.delivery import Command, Webhook
from watcher.checkpoints.policy import parse_policy
from watcher.checkpoints.sources.source import Source
from watcher.checkpoints.staging.sharing import require_unchanged
from watcher.checkpoints.staging.stage import STAGE_NAME, clear_stale, digest_of, free_bytes
from watcher.evaluation.rows import RowMaker
from watcher.followups import Followup
from watcher.ledger.export import Exporter
from watcher.ledger.ledger import Ledger, Record
from watcher.model import Reason, State, UimonError
from watcher.service.alert_monitor import AlertMonitor
from watcher.service.belonging import Belonging, NoOrigin
from watcher.service.board import Board
from watcher.service.ending import is_lacking, last_sentence
from watcher.service.engines import EnginePool
from watcher.service.evaluator import Evaluator
from watcher.service.followups import FollowupWorker
from watcher.service.health import Heartbeat
from watcher.service.history import LedgerHistory
from watcher.service.ingest import CheckpointIngest
from watcher.service.notifiers import Channels
from watcher.service.origin import TrackedOrigin
from watcher.service.outage import END_LIMIT
from watcher.service.publisher import Publisher
from watcher.service.signals import Signals, log
from watcher.service.stager import Stager, Staging
from watcher.settings.config import Settings
from watcher.settings.durations import format_duration
from watcher.system.clock import boot_id
from watcher.trackers.base import RunLife, Tracker
from watcher.validation import ValFile

_TICK = 0.5
_JOIN_SECONDS = 30.0
_STOP_DRAIN_SECONDS = 4.0
_STOP_JOIN_SECONDS = 1.5
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Parts:
    """The edges of the service; tests put scripted ones in their place.

    `tracker` is None where nothing is logged. `resolve_base` finds an adapter's base model on this machine by what the
    adapter names and where it lies, or raises UimonError. `free` gives the free bytes of a path's file system.
    `plugins` and `theme` are what samples are scored with; `followups` is what else is done with them.
    """

    source: Source
    engines: EnginePool
    ledger: Ledger
    exporter: Exporter
    tracker: Tracker | None
    resolve_base: Callable[[str | None, Path], Path]
    free: Callable[[Path], int] = free_bytes
    plugins: tuple[Plugin, ...] = ()
    theme: Theme | None = None
    followups: tuple[Followup, ...] = ()


class Service:
    """One run's watcher. `run()` returns when the run is over; `stop()` asks it to return earlier."""

    def __init__(
        self,
        settings: Settings,
        run: str,
        val: ValFile,
        stage_dir: Path,
        parts: Parts,
        *,
        board: Board | None = None,
        signals: Signals | None = None,
    ) -> None:
        self.board = board or Board()
        self.signals = signals or Signals()
        self._settings = settings
        self._stage_dir = stage_dir
        self._parts = parts
        self._failure: BaseException | None = None
        self._asked_to_stop = False
        self.heartbeat = Heartbeat()
        self._started_at = time.time()
        tracker, live = parts.tracker, not settings.once
        origin = NoOrigin() if tracker is None else TrackedOrigin(tracker, self.signals, live=live)
        stager = Stager(
            parts.source,
            parts.ledger,
            self.signals,
            staging=_staging(settings, stage_dir, parts.free),
            policy=parse_policy(settings.policy),
            # What is only there at the one look of `--once` may never be finished.
            early=not settings.once,
            on_failed=lambda: self._monitor.wake(),
        )
        self._ingest = CheckpointIngest(
            parts.source,
            parts.ledger,
            self.signals,
            run=run,
            poll=settings.poll,
            stager=stager,
            belonging=Belonging(parts.ledger, run, origin, adopt=settings.adopt_earlier),
            on_failed=lambda: self._monitor.wake(),
        )
        publish = None if tracker is None else self.signals.due.set
        self._followups = FollowupWorker(parts.followups, parts.ledger, run, publish)
        self._evaluator = Evaluator(
            parts.engines,
            parts.ledger,
            parts.exporter,
            self.signals,
            self.board,
            settings=settings,
            run=run,
            val=val,
            resolve_base=parts.resolve_base,
            on_settled=self._settled,
            followups=self._followups.kinds,
            plugins=parts.plugins,
            theme=parts.theme,
            heartbeat=self.heartbeat,
        )
        self.heartbeat.away = lambda: self._evaluator.outage.sentence
        self._monitor = AlertMonitor(
            parts.ledger,
            LedgerHistory(parts.ledger, val.conversations[: settings.samples], settings.alerts, theme=parts.theme),
            settings.alerts,
            _channels(settings),
            self.board,
            run=run,
            ended=self._nothing_more,
            publish=publish,
            looked=self.signals.looked,
        )
        self._publisher = Publisher(
            tracker,
            RowMaker(parts.ledger, run),
            parts.ledger,
            self.signals,
            self.board,
        )

    @property
    def lacking(self) -> bool:
        """True where `--once` has left something that was there, or all of it, without an evaluation, and where work
        that follows one has failed or is left.
        """
        left = self._settings.once and is_lacking(self._there(), self._ingest.elsewhere)
        return left or self._followups.lacking

    @property
    def _run_life(self) -> RunLife:
        """What is known of the trainer's run; nothing where nothing is logged."""
        return RunLife() if self._parts.tracker is None else self._parts.tracker.life

    def _there(self) -> list[Record]:
        """The newest record of each checkpoint that lies there."""
        newest = {r.name: r for r in sorted(self._parts.ledger.records(), key=lambda record: record.id)}
        return [record for name, record in newest.items() if name in self._ingest.there]

    def stop(self) -> None:
        """Hand the current checkpoint back, publish what is due within some seconds, and return."""
        self._asked_to_stop = True
        self.signals.stop.set()

    def run(self) -> None:
        """Watch until the run is over or `stop()`; raises what ended the service against its will."""
        self._recover()
        ingest, evaluator, monitor, publisher, followups = (
            threading.Thread(target=self._guard, args=(part.run,), name=type(part).__name__, daemon=True)
            for part in (self._ingest, self._evaluator, self._monitor, self._publisher, self._followups)
        )
        for thread in (ingest, evaluator, monitor, publisher, *((followups,) if self._followups.kinds else ())):
            thread.start()
        while not self.signals.stop.is_set() and not self._over():
            self.heartbeat.beat()
            self._check_evaluator()
            self.signals.stop.wait(_TICK)
        self.signals.stop.set()
        self.signals.work.set()
        self.board.update(closing=True)
        # An evaluator that waits for its engine wakes up when the engine is gone.
        self._parts.engines.interrupt()
        drain, patience = self._limits()
        if self._asked_to_stop:
            self._followups.interrupt()
        for thread in (evaluator, ingest):
            self._join(thread, patience)
        # Asked to stop, there is no time to try again what a webhook refuses.
        spare = 0.0 if self._asked_to_stop else drain
        self._monitor.finish(spare)
        until = time.monotonic() + spare + patience
        self._await(self._monitor.looked_last.wait, patience)
        if self._followups.kinds:
            self._end_followups(followups)
            # Somebody may have lost patience meanwhile.
            drain, patience = self._limits()
        # Only now nothing new can become due, so an empty outbox means that all is delivered. The warnings' channels
        # take their own time meanwhile.
        self._publisher.finish(drain, hasty=self._asked_to_stop)
        # How long it takes is a matter of what there is to deliver; how long without getting on, is not.
        while publisher.is_alive() and (left := self._publisher.seconds_left + patience) > 0:
            self._join(publisher, left)
        self._join(monitor, max(0.0, until - time.monotonic()))
        if self._failure is not None:
            raise self._failure

    def _settled(self) -> None:
        """A checkpoint was evaluated, or given up."""
        self._monitor.wake()
        self._followups.wake()

    def _limits(self) -> tuple[float, float]:
        """How long, in seconds, what is due may not get on at the end, and what is stopped may take."""
        if self._asked_to_stop:
            # Whoever stops containers kills what is still there after ten seconds; what waits is in the ledger.
            return min(self._settings.drain_timeout, _STOP_DRAIN_SECONDS), _STOP_JOIN_SECONDS
        return self._settings.drain_timeout, _JOIN_SECONDS

    def _end_followups(self, thread: threading.Thread) -> None:
        """Let the queue get on for as long as it does, and say what is left."""
        self._followups.finish(self._limits()[0])
        while thread.is_alive() and not self._asked_to_stop and (left := self._followups.seconds_left) > 0:
            self._join(thread, min(left, _TICK))
        self._followups.interrupt()
        self._join(thread, self._limits()[1])
        self._guard(self._followups.leave)

    def _join(self, thread: threading.Thread, seconds: float) -> None:
        """Wait for a thread's end, alive to whoever asks."""

        def ended(within: float) -> bool:
            thread.join(timeout=within)
            return not thread.is_alive()

        self._await(ended, seconds)

    def _await(self, happened: Callable[[float], bool], seconds: float) -> None:
        """Wait until `happened`, which waits itself, so many seconds at most."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not happened(min(left, _TICK)):
            self.heartbeat.beat()

    def _guard(self, loop: Callable[[], None]) -> None:
        """Run one of the loops; what it raises ends the service and is raised there."""
        try:
            loop()
        except BaseException as error:  # noqa: BLE001 - a thread that dies unheard leaves a service that does nothing
            self._failure = self._failure or error
            self.signals.stop.set()

    def _recover(self) -> None:
        ledger = self._parts.ledger
        boot = boot_id()
        same_boot = ledger.recall("boot") == boot
        for record in ledger.recover(lambda r: _is_whole(r, reread=not same_boot)):
            log.error("%s failed: %s.", record.name, record.detail)
        for work in ledger.followups().recover():
            log.error("%s of %s failed: %s.", work.kind, work.name, work.detail)
        ledger.remember("boot", boot)
        clear_stale(self._stage_dir, {r.stage for r in ledger.records(State.STAGED) if r.stage is not None})
        self._parts.exporter.export()
        if counts := ledger.state_counts():
            waiting = counts.get(State.STAGED, 0) + counts.get(State.COMPLETE, 0)
            known = sum(counts.values())
            log.info("Continuing from the ledger: %d checkpoints known, %d of them to do.", known, waiting)

    def _nothing_more(self) -> bool:
        """True where no further checkpoint is to be expected; also before the first look, which shows what has come
        while uimon was down: until then no time says anything.
        """
        if not self.signals.looked.is_set():
            return True
        return self._parts.ledger.newest_final() is not None or self._run_life.ended is not None

    def _check_evaluator(self) -> None:
        """End what can go on no more: an evaluation that hangs, which no thread can be pulled out of, and an engine
        that stays away from a run to which nothing more comes. What is staged stays for the next start.
        """
        away, seconds = self._evaluator.outage.away, self._evaluator.outage.seconds
        if (phase := self.heartbeat.pace.hung) is not None:
            sentence = f"The evaluation hangs ({phase}); start uimon again: it resumes with the staged checkpoints."
            self._end(UimonError(Reason.EVALUATION_HUNG, sentence))
        elif away is not None and seconds >= END_LIMIT and (self._settings.once or self._nothing_more()):
            sentence = (
                f"The engine has been unavailable for {format_duration(END_LIMIT)}; checkpoints stay staged, and the "
                "next "
            )
            self._end(UimonError(away.reason, f"{sentence}start evaluates them. {away.sentence}"))

    def _end(self, error: UimonError) -> None:
        self._failure = self._failure or error
        self.signals.stop.set()

    # When it is over.

    def _over(self) -> bool:
        """True where nothing is left to evaluate and one of the reasons to end holds; says which."""
        if not self.signals.looked.is_set():
            return False
        # One reading: a checkpoint that moves on between two readings would be seen in neither.
        records = self._parts.ledger.records(State.COMPLETE, State.STAGED, State.EVALUATING)
        # What its writer has not finished is no checkpoint yet, and may never be one.
        open_states = {r.state for r in records if not r.early}
        if open_states - {State.COMPLETE} and self._evaluator.outage.away is None:
            return False
        # What is complete but cannot be copied, for want of disk, holds up every end but the one by idleness.
        reason = self._idle() if open_states else self._reason_to_end() or self._idle()
        if reason:
            log.info("%s", reason)
        return bool(reason)

    def _idle(self) -> str:
        limit = self._settings.idle_exit
        if limit and self.signals.quiet_seconds >= limit:
            return f"Nothing new came for {format_duration(limit)} (--idle-exit)."
        return ""

    def _reason_to_end(self) -> str:
        settings, quiet = self._settings, self.signals.quiet_seconds
        if settings.once:
            # What shows by its silence alone what it is needs a minute of that.
            return (
                ""
                if self._ingest.settling or self._followups.pending
                else last_sentence(self._there(), self._ingest.elsewhere)
            )
        waits_for_end = self._parts.tracker is not None and self._parts.tracker.waits_for_end
        if settings.until_final and not waits_for_end:
            final = self._parts.ledger.newest_final()
            if final is not None and self._is_end(final, quiet):
                return f"The final checkpoint, {final.name}, is done."
            life = self._run_life
            if life.ended and min(quiet, life.ended_seconds) >= settings.grace:
                return f"The run is {life.ended} at W&B, and nothing new came for {format_duration(settings.grace)}."
        return ""

    def _is_end(self, final: Record, quiet: float) -> bool:
        """True where nothing follows a final checkpoint. One that was there before this start may have been trained on
        since, or lie there from before the trainer was started again: while the tracker knows that the trainer lives,
        that it will end is no news. Where nobody knows, what follows shows within the grace.
        """
        if final.seen_at > (self._ingest.first_look or 0.0):
            return True
        if final.changed_at >= self._started_at:
            return not self._run_life.lively
        return not self._run_life.running and quiet >= self._settings.grace


def _staging(settings: Settings, directory: Path, free: Callable[[Path], int]) -> Staging:
    budget = settings.stage_budget_gb
    return Staging(
        directory,
        settings.stage,
        int(settings.disk_floor_gb * _GB),
        None if budget is None else int(budget * _GB),
        free,
    )


def _channels(settings: Settings) -> Channels:
    webhook = settings.webhook and Webhook(settings.webhook.get_secret_value())
    return Channels(webhook or None, Command(settings.on_alert) if settings.on_alert else None)


def _is_whole(record: Record, *, reread: bool) -> bool:
    """True where a staged checkpoint has the weights that it had. `reread`: copies are not synced, so that after the
    machine went down, or on another one, only their digest tells."""
    if record.stage is None or not STAGE_NAME.fullmatch(record.stage.name):
        return False
    try:
        require_unchanged(record.name, record.stage, record.stamp)
        return not reread or digest_of(record.stage) == record.digest
    except (OSError, UimonError):
        return False
