"""From a staged copy to an evaluation in the ledger."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from scorers import Plugin, Theme
from scorers.metrics.catalog import HEADLINES
from watcher.alerts.stored import summary_of
from watcher.checkpoints.base_models import are_other_weights, snapshot_of
from watcher.checkpoints.policy import parse_policy
from watcher.checkpoints.staging.sharing import is_shared
from watcher.checkpoints.staging.stage import unstage
from watcher.engine.types import ContextTooLong
from watcher.evaluation import evaluate as evaluation
from watcher.ledger.export import Exporter
from watcher.ledger.ledger import MAX_ATTEMPTS, Evaluation, Ledger, Record
from watcher.model import BASE_NAME, CheckpointKind, Reason, Row, State, UimonError
from watcher.service.board import Board
from watcher.service.engines import EnginePool, LeasedEngine
from watcher.service.health import Heartbeat
from watcher.service.outage import Outage, may_be_engines
from watcher.service.signals import Signals, log
from watcher.service.suites import SuiteInForce
from watcher.settings.config import Settings
from watcher.system.crashpoint import crash_point
from watcher.validation import ValFile

# A fresh engine may do better: these end an attempt, not the checkpoint.
_WORTH_ANOTHER_TRY = frozenset(
    {
        Reason.ENGINE_DIED,
        Reason.ENGINE_TIMEOUT,
        Reason.ENGINE_ERROR,
        Reason.ENGINE_START,
        Reason.OUT_OF_MEMORY,
        Reason.UNREADABLE,
    }
)
# The first checkpoint starts the engine, the second proves that weights can be swapped.
_PROVEN = 2
# Nothing that comes later can go better: these end the service.
_FATAL = frozenset({Reason.ENGINE_MISSING, Reason.DISK_FULL, Reason.LEDGER_DAMAGED, Reason.STATE_DIR_UNUSABLE})


class Evaluator:
    """Puts the oldest staged checkpoint through an engine of the pool.

    `resolve_base` finds an adapter's base on this machine by what the adapter names and where it lies; `on_settled`
    is called after each evaluation, and where a checkpoint is given up. `followups` are the kinds of work that follow
    an evaluation. `plugins` and `theme` are what samples are scored with.
    """

    def __init__(
        self,
        engines: EnginePool,
        ledger: Ledger,
        exporter: Exporter,
        signals: Signals,
        board: Board,
        *,
        settings: Settings,
        run: str,
        val: ValFile,
        resolve_base: Callable[[str | None, Path], Path],
        on_settled: Callable[[], None],
        followups: Collection[str] = (),
        plugins: Sequence[Plugin] = (),
        theme: Theme | None = None,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self._engines = engines
        self._ledger = ledger
        self._exporter = exporter
        self._signals = signals
        self._board = board
        self._settings = settings
        self._run = run
        self._resolve_base = resolve_base
        self._on_settled = on_settled
        self._followups = tuple(followups)
        self._policy = parse_policy(settings.policy)
        self._plugins, self._theme = tuple(plugins), theme
        self._suites = SuiteInForce(ledger, settings, val, self._plugins, theme)
        self._warnings: set[str] = set()
        self._held: _Held | None = None
        self._evaluated = 0
        self._pace = (heartbeat or Heartbeat(signals.clock)).pace
        self.outage = Outage(ledger, self._base_of, patient=not settings.once, clock=signals.clock)

    def run(self) -> None:
        """Evaluate what is staged, in the policy's order, until the service stops."""
        while not self._signals.stop.is_set():
            if not self.step():
                self._signals.work.wait(min(self.outage.pause_left or 1.0, 1.0))
                self._signals.work.clear()
        self._look_after_held()
        if self._held is not None:
            self._release(self._held.record, "uimon ended before the checkpoint's writer had finished it")

    def step(self) -> bool:
        """Evaluate one checkpoint; False where none is staged."""
        self._look_after_held()
        # What its writer has not finished is evaluated only while nothing else waits.
        staged = self._policy.in_order(self._ledger.records(State.STAGED))
        waiting = sorted(staged, key=lambda r: (r.early, self.outage.tried(r)))
        if not waiting or self.outage.pause_left:
            return False
        record = self._ledger.begin(waiting[0])
        if record is None:
            return True  # given up in this moment, for want of disk
        try:
            # Who is to blame for a failure is asked of the very engine that failed.
            with self._engines.lease() as engine:
                found = self._attempt(engine, record, waiting[0].reason)
            if found is not None:
                self.outage.well(record)
                self._pace.phase("write")
                self._commit(record, *found)
        finally:
            self._pace.rest()
            self._board.progress(None)
        return True

    def _attempt(self, engine: LeasedEngine, record: Record, before: Reason | None) -> tuple[Evaluation, Row] | None:
        """The evaluation and its row; None where it has failed, which is settled. `before`: why the last one failed."""
        try:
            return self._evaluate(engine, record)
        except evaluation.Interrupted:
            self._requeue(record)
        except UimonError as error:
            self._settle_failure(engine, record, error, before)
        except Exception as error:  # noqa: BLE001 (one checkpoint must not end the watch over all others)
            log.debug("The evaluation of %s ended unexpectedly.", record.name, exc_info=error)
            sentence = f"The evaluation ended unexpectedly ({type(error).__name__}: {error}); --debug shows where."
            self._settle_failure(engine, record, UimonError(Reason.ENGINE_ERROR, sentence), before)
        return None

    def _evaluate(self, engine: LeasedEngine, record: Record) -> tuple[Evaluation, Row]:
        """The evaluation itself; what an error says of uimon's copy it says of the trainer's checkpoint."""
        try:
            base = self._base_of(record) if record.kind is CheckpointKind.ADAPTER else None
            suite = self._suites.of(engine, record, base)
            try:
                return evaluation.evaluate(engine, suite, record, base, self._context(record))
            except ContextTooLong as error:
                suite, why = self._suites.shorten(engine, suite, error, used=self._held is not None)
            self._warn(record, why)
            return evaluation.evaluate(engine, suite, record, base, self._context(record))
        except UimonError as error:
            _say_own_path(error, record)
            raise

    def _base_of(self, record: Record) -> Path:
        """An adapter's base. Raises UimonError where it is not here, or not the model that was evaluated as step 0."""
        base = self._resolve_base(record.base, record.path)
        baseline = next((known for known in self._ledger.records() if known.name == BASE_NAME), None)
        if baseline is not None and are_other_weights(baseline.path, base):
            sentence = (
                f"{record.path} is an adapter over {snapshot_of(base)}, but step 0 of this run is "
                f"{snapshot_of(baseline.path)}; name the adapter's own with --base and give the run a new --state-dir."
            )
            raise UimonError(Reason.WEIGHTS_CHANGED, sentence)
        return base

    def _commit(self, record: Record, result: Evaluation, row: Row) -> None:
        crash_point("evaluation.before_commit")
        # Before the ledger says that nothing is being done, or a long evaluation would look like idleness.
        self._signals.news()
        if self._ledger.evaluated(record, result, row, summary_of(result), self._followups):
            crash_point("evaluation.committed")
            self._exporter.export()
            self._discard_copy(record)
            self._count()
            self._signals.due.set()
            self._on_settled()
            log.info("%s evaluated: %s.", record.name, headline(result.metrics))
        elif self._is_being_evaluated(record):
            self._held = _Held(record, result, row)
            log.info("%s is evaluated; uimon publishes it once the trainer has finished writing it.", record.name)
            crash_point("evaluation.held")
        else:
            self._drop(record)

    def _count(self) -> None:
        self._evaluated += 1
        if self._evaluated >= _PROVEN:
            self._signals.swapped.set()

    def _look_after_held(self) -> None:
        """Commit what was evaluated early once its writer has finished it; drop it where it never will."""
        held = self._held
        if held is None or (self._is_being_evaluated(held.record) and self._ledger.record(held.record.id).early):
            return
        self._held = None
        self._commit(held.record, held.result, held.row)

    def _is_being_evaluated(self, record: Record) -> bool:
        """False where the checkpoint, taken early, turned out not to be what it was taken for."""
        now = self._ledger.record(record.id)
        return now.state is State.EVALUATING and now.digest == record.digest

    def _drop(self, record: Record) -> None:
        self._discard_copy(record)
        now = self._ledger.record(record.id)
        log.info("%s: uimon drops its early evaluation (%s).", record.name, now.reason or now.state)

    def _release(self, record: Record, sentence: str) -> bool:
        """What was begun early ends without a result, and is evaluated as any other once it is complete. False for
        what is complete.
        """
        if not self._ledger.release(record, sentence):
            return False
        self._discard_copy(record)
        return True

    def _settle_failure(self, engine: LeasedEngine, record: Record, error: UimonError, before: Reason | None) -> None:
        """As `_failed`; where the service ends while another checkpoint is asked, this one is requeued."""
        try:
            self._failed(engine, record, error, before)
        except UimonError as stopped:
            if stopped.reason is not Reason.INTERRUPTED:
                raise
            self._requeue(record)

    def _failed(self, engine: LeasedEngine, record: Record, error: UimonError, before: Reason | None) -> None:
        """Decide what becomes of `record` after `error`, `before` which its last attempt had ended with another."""
        if self.outage.away is None:
            # An engine that stays away is no news, or no watch over it would ever be idle.
            self._signals.news()
        if not self._is_being_evaluated(record):
            self._drop(record)
        elif self._signals.stop.is_set():
            self._requeue(record)
        elif error.reason in _FATAL:
            self._ledger.requeue(record, error.reason, error.sentence, counted=False)
            raise error
        elif self._release(record, error.sentence):
            log.warning("%s: %s (%s) uimon retries it once it is complete.", record.name, error.sentence, error.reason)
        elif error.reason is Reason.DELETED or (error.reason is Reason.WEIGHTS_CHANGED and _is_trainers(record)):
            self._lost(record, error)
        elif self._is_engines(engine, record, error, before):
            self._ledger.reset_attempts(record, error.reason, error.sentence)
            self.outage.pause(error)
        elif _worth_another_try(record, error.reason, before):
            self._ledger.requeue(record, error.reason, error.sentence)
            log.warning("%s: %s (%s) uimon retries it.", record.name, error.sentence, error.reason)
        else:
            self._fail(record, error)

    def _is_engines(self, engine: LeasedEngine, record: Record, error: UimonError, before: Reason | None) -> bool:
        """Whether any other checkpoint would have failed alike: asked before one is given up, and while it is so."""
        if self.outage.away is None and _worth_another_try(record, error.reason, before):
            return False
        self._pace.phase("load", _bytes_of(record))
        return may_be_engines(error) and self.outage.is_engines(engine, record)

    def _fail(self, record: Record, error: UimonError) -> None:
        self.outage.acquit(record)
        self._ledger.failed(record, error.reason, error.sentence)
        self._discard_copy(record)
        log.error("%s failed (%s): %s", record.name, error.reason, error.sentence)
        self._on_settled()

    def _lost(self, record: Record, error: UimonError) -> None:
        """The trainer has taken back what was used in place; what it wrote instead is another checkpoint."""
        if self._ledger.record(record.id).stamp != record.stamp:
            # It was saved again with the very same weights, which are in the same place.
            self._ledger.requeue(record, error.reason, error.sentence, counted=False)
            return
        if error.reason is Reason.DELETED:
            # Without its digest it is taken up again where it comes back, as on a disk that was only unmounted.
            self._ledger.abandon(record, State.SKIPPED, error.reason, error.sentence)
        else:
            self._ledger.skipped(record, error.reason, error.sentence)
        self._discard_copy(record)
        log.warning("%s skipped (%s): %s", record.name, error.reason, error.sentence)

    def _requeue(self, record: Record) -> None:
        sentence = "uimon was stopped while it evaluated this checkpoint"
        if self._release(record, sentence):
            return
        self._ledger.requeue(record, Reason.INTERRUPTED, sentence, counted=False)
        log.info("%s is requeued; the next start evaluates it.", record.name)

    def _discard_copy(self, record: Record) -> None:
        if record.stage is not None:
            unstage(record.stage)

    def _context(self, record: Record) -> evaluation.Context:
        return evaluation.Context(
            run=self._run,
            table=evaluation.TableLimits(self._settings.table_rows, self._settings.table_kb * 1000),
            report=lambda progress: self._report(progress, record),
            scoring=lambda: self._pace.phase("score"),
            interrupted=self._signals.stop.is_set,
            note=lambda sentence: log.info("%s: %s", record.name, _own_path(sentence, record)),
            warn=lambda sentence: self._warn(record, _own_path(sentence, record)),
            health=lambda: self._health(record),
            plugins=self._plugins,
            theme=self._theme,
            occurred=self._ledger.occurred,
        )

    def _report(self, progress: evaluation.Progress, record: Record) -> None:
        self._board.progress(progress)
        self._pace.phase(progress.phase, _bytes_of(record) if progress.phase == "load" else 0)

    def _warn(self, record: Record, sentence: str) -> None:
        """Say it once, not at each checkpoint that it holds for."""
        if sentence not in self._warnings:
            self._warnings.add(sentence)
            log.warning("%s: %s", record.name, sentence)

    def _health(self, record: Record) -> dict[str, float]:
        """uimon's own metrics: steps behind the newest checkpoint seen, checkpoints that wait, checkpoints skipped."""
        counts = self._ledger.state_counts()
        newest = self._ledger.newest_step()
        return {
            "uimon/lag_steps": (record.step if newest is None else newest) - record.step,
            "uimon/queue_depth": counts.get(State.COMPLETE, 0) + counts.get(State.STAGED, 0),
            "uimon/skipped": counts.get(State.SKIPPED, 0),
        }


@dataclass(frozen=True, slots=True)
class _Held:
    """An evaluation whose checkpoint its writer has not finished yet."""

    record: Record
    result: Evaluation
    row: Row


def _bytes_of(record: Record) -> int:
    """Bytes of the weights that the engine is given; 0 where they are gone."""
    if record.stage is None:
        return 0
    with contextlib.suppress(OSError):
        return sum(file.stat().st_size for file in record.stage.glob("*.safetensors"))
    return 0


def _is_trainers(record: Record) -> bool:
    """True where the trainer can still change the weights that the engine is given."""
    return record.stage is not None and is_shared(record.stage)


def _say_own_path(error: UimonError, record: Record) -> None:
    """Name the checkpoint where the trainer has it: the copy that the engine was given is gone when this is read."""
    for place in _copies(record):
        error.rename(place, record.path)


def _own_path(sentence: str, record: Record) -> str:
    for place in _copies(record):
        sentence = sentence.replace(str(place), str(record.path))
    return sentence


def _copies(record: Record) -> tuple[Path, ...]:
    """The names of what the engine is given of a checkpoint."""
    return () if record.stage is None else (record.stage.resolve(), record.stage)


def _worth_another_try(record: Record, now: Reason, before: Reason | None) -> bool:
    """Whether another attempt may end otherwise. After the first the engine wants half of the memory, then no less."""
    if now is before is Reason.OUT_OF_MEMORY:
        return False
    return now in _WORTH_ANOTHER_TRY and record.attempts < MAX_ATTEMPTS


def headline(metrics: evaluation.Metrics) -> str:
    """The few metrics that fit a log line.

    >>> headline({"eval/syntax_validity_rate": 0.953, "eval/color_entropy": None})
    'syntax_validity_rate 0.953'
    """
    shown = [(metric.name, metrics.get(metric.name)) for metric in HEADLINES]
    return ", ".join(f"{name.removeprefix('eval/')} {value:.3g}" for name, value in shown if value is not None)
