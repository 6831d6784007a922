"""The run's history as the early warnings see it, read from the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import scorers
from scorers.aggregation import Metrics
from watcher.alerts import Arrival, Entry, History, entry_of
from watcher.engine.types import Conversation
from watcher.ledger import Evaluation, Ledger, Record
from watcher.ledger_rows import with_samples
from watcher.model import Reason, State
from watcher.service.signals import log

_SETTLED = (State.EVALUATED, State.PUBLISHED, State.SKIPPED, State.FAILED)


class LedgerHistory:
    """Reads each evaluation once. `references` are the conversations whose answers say what the data look like."""

    def __init__(
        self, ledger: Ledger, references: Sequence[Conversation] = (), clock: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._references = references
        self._clock = clock
        self._entries: dict[str, Entry | None] = {}
        self._reference_metrics: Metrics | None = None
        self._losses: tuple[tuple[int, float], ...] = ()
        self._losses_known = -1

    def read(self, *, ended: bool) -> History:
        """All that is known now of the suite that was evaluated last; `ended`: nothing more will come."""
        evaluations = self._ledger.evaluations()
        suite = max(evaluations, key=lambda e: e.at).suite if evaluations else ""
        current = [evaluation for evaluation in evaluations if evaluation.suite == suite]
        return History(
            entries=self.entries(current),
            losses=self._all_losses(),
            references=self._reference() if current else {},
            non_finite=tuple(
                (r.step, r.digest or "") for r in self._ledger.records(State.FAILED) if r.reason is Reason.NON_FINITE
            ),
            arrivals=tuple(self._arrivals(evaluations)),
            now=self._clock(),
            ended=ended,
        )

    def entries(self, evaluations: Sequence[Evaluation]) -> tuple[Entry, ...]:
        """What the rules need of these evaluations; one whose samples cannot be read is left out, and that is said."""
        for evaluation in evaluations:
            if evaluation.uid not in self._entries:
                self._entries[evaluation.uid] = self._entry(evaluation)
        return tuple(entry for e in evaluations if (entry := self._entries[e.uid]) is not None)

    def _all_losses(self) -> tuple[tuple[int, float], ...]:
        """The trainer's losses, read again only where there are more of them: a long run has 100,000."""
        count = self._ledger.loss_count()
        if count != self._losses_known:
            self._losses, self._losses_known = tuple(self._ledger.losses()), count
        return self._losses

    def _entry(self, evaluation: Evaluation) -> Entry | None:
        try:
            return entry_of(with_samples(evaluation, self._ledger.samples(evaluation.uid)))
        except (scorers.SampleError, KeyError, ValueError) as error:
            log.warning("The samples of step %d cannot be compared with others (%s).", evaluation.step, error)
            return None

    def _reference(self) -> Metrics:
        if self._reference_metrics is None:
            answers = [c.reference for c in self._references if c.reference]
            self._reference_metrics = scorers.score(scorers.Completion(text) for text in answers).metrics
        return self._reference_metrics

    def _arrivals(self, evaluations: Sequence[Evaluation]) -> list[Arrival]:
        evaluated = {(e.name, e.digest): e.at for e in evaluations}
        records = [r for r in self._ledger.records() if r.state is not State.SEEN and not r.early and r.step > 0]
        return [Arrival(r.step, r.seen_at, _settled_at(r, evaluated.get((r.name, r.digest or "")))) for r in records]


def _settled_at(record: Record, evaluated_at: float | None) -> float | None:
    if record.state not in _SETTLED:
        return None
    return evaluated_at or record.changed_at
