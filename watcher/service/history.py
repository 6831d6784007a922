"""The run's history as the early warnings see it, read from the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import scorers
from scorers.aggregation import Metrics
from watcher.alerts import AlertSettings, Arrival, Entry, History, entry_of
from watcher.alerts.history import PERPLEXITY
from watcher.engine.types import Conversation
from watcher.ledger import Evaluation, Ledger
from watcher.model import Reason, State
from watcher.service.signals import log


class LedgerHistory:
    """Reads each evaluation once. `references` are the conversations whose answers say what the data look like."""

    def __init__(
        self,
        ledger: Ledger,
        references: Sequence[Conversation] = (),
        settings: AlertSettings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._references = references
        self._clock = clock
        # Of a hundred metrics the rules read few; kept for each checkpoint, the others would fill the memory.
        stones = [milestone.metric for milestone in settings.milestones] if settings else []
        self._wanted = {PERPLEXITY, *(f"{name}{end}" for name in stones for end in ("", "_low", "_high"))}
        self._place = 0
        self._suite = ""
        self._entries: dict[str, Entry] = {}
        self._reference_metrics: Metrics | None = None
        self._losses: tuple[tuple[int, float], ...] = ()
        self._losses_known = -1

    def read(self, *, ended: bool) -> History:
        """All that is known now of the suite that was evaluated last; `ended`: nothing more will come."""
        new, self._place = self._ledger.evaluations_after(self._place)
        for evaluation in new:
            self._take(evaluation)
        return History(
            entries=tuple(self._entries.values()),
            losses=self._all_losses(),
            references=self._reference() if self._entries else {},
            non_finite=tuple(
                (r.step, r.digest or "") for r in self._ledger.records(State.FAILED) if r.reason is Reason.NON_FINITE
            ),
            arrivals=tuple(Arrival(*times) for times in self._ledger.arrivals()),
            now=self._clock(),
            ended=ended,
        )

    def _take(self, evaluation: Evaluation) -> None:
        if evaluation.suite != self._suite:
            # Other prompts, or other sampling: nothing of before can be compared with what comes.
            self._suite, self._entries = evaluation.suite, {}
        try:
            metrics = {name: evaluation.metrics.get(name) for name in self._wanted}
            entry = entry_of(replace(evaluation, metrics=metrics, samples=self._ledger.samples(evaluation.uid)))
        except (scorers.SampleError, KeyError, ValueError) as error:
            log.warning("The samples of step %d cannot be compared with others (%s).", evaluation.step, error)
        else:
            self._entries[evaluation.uid] = entry

    def _all_losses(self) -> tuple[tuple[int, float], ...]:
        """The trainer's losses, read again only where there are more of them: a long run has 100,000."""
        count = self._ledger.loss_count()
        if count != self._losses_known:
            self._losses, self._losses_known = tuple(self._ledger.losses()), count
        return self._losses

    def _reference(self) -> Metrics:
        if self._reference_metrics is None:
            answers = [c.reference for c in self._references if c.reference]
            self._reference_metrics = scorers.score(scorers.Completion(text) for text in answers).metrics
        return self._reference_metrics
