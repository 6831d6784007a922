"""The run's history as the early warnings see it, read from the ledger."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from operator import itemgetter
from typing import Final

import scorers
from scorers.metrics.aggregation import MetricValues
from watcher.alerts import AlertSettings, Arrival, Entry, History
from watcher.alerts.history import PERPLEXITY, current
from watcher.alerts.stored import VERSION, EntryError, Summary, packed, unpacked, whole_entry
from watcher.engine.types import Asked
from watcher.ledger.ledger import Evaluation, Ledger, Record
from watcher.model import Reason, State
from watcher.service.signals import log

_WATCHED: Final = "watched"
_LONGEST_PAUSE: Final = 300.0
"""Seconds between two looks in which a checkpoint is still seen when it comes: longer ones mean that uimon was down."""


class Hurried(Exception):
    """There was no time to read all samples that had to be read once more; the next reading goes on."""


class LedgerHistory:
    """Reads each evaluation once, and its samples only where nothing is stored of what the rules need of them.
    `references` are the conversations whose answers say what the data look like, and
    `theme` is the one that they are written against."""

    def __init__(
        self,
        ledger: Ledger,
        references: Sequence[Asked] = (),
        settings: AlertSettings | None = None,
        clock: Callable[[], float] = time.time,
        theme: scorers.Theme | None = None,
    ) -> None:
        self._ledger = ledger
        self._references = references
        self._theme = theme
        self._clock = clock
        # Of a hundred metrics the rules read few; kept for each checkpoint, the others would fill the memory.
        stones = [milestone.metric for milestone in settings.milestones] if settings else []
        self._wanted = {PERPLEXITY, *(f"{name}{end}" for name in stones for end in ("", "_low", "_high"))}
        self._place = 0
        self._drawn: dict[str, int] = {}
        self._evaluated: list[Arrival] = []
        self._newest = (-1, -1)
        self._suite = ""
        self._by_suite: dict[str, dict[str, Entry]] = {}
        self._reference_metrics: MetricValues | None = None
        self._losses: tuple[tuple[int, float], ...] = ()
        self._loss_place = 0
        self._times: list[tuple[int, float, float | None, bool]] = []
        self._arrived: tuple[Arrival, ...] = ()
        self._prompts: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._left_out: set[str] = set()
        self._unreadable: list[tuple[int, str]] = []

    @property
    def _entries(self) -> dict[str, Entry]:
        """What can be compared with the newest evaluation: other prompts, sampling or scorers cannot."""
        return self._by_suite.get(self._suite, {})

    def read(self, *, ended: bool, hurry: Callable[[], bool] = lambda: False) -> History:
        """All that is known now of the suite that was evaluated last; `ended`: nothing more will come. Samples that
        were scored anew count as of when they were drawn, so that to score old ones anew ends no history.

        Unless it has ended, this is taken down as a time at which uimon was watching. Raises Hurried where there was a
        `hurry` before all was read.
        """
        now = self._clock()
        if not ended:
            self._watch(now)
        self._read_new(hurry)
        arrivals = self._arrivals()
        spans = self._spans()
        return History(
            entries=tuple(self._comparable()),
            losses=(*self._finite_losses(), *self._ledger.losses().non_finite()),
            references=self._reference() if self._entries else {},
            non_finite=tuple((record.step, record.digest or "") for record in self._non_finite(arrivals)),
            signs=self._ledger.log_signs(),
            arrivals=arrivals,
            now=now,
            unwatched=tuple((until, since) for (_, until), (since, _) in pairwise(spans)),
            ended=ended,
            failures=tuple(self._ledger.failures().all()),
            evaluated=tuple(self._evaluated),
        )

    def current(self) -> tuple[Entry, ...]:
        """What counts now, by step: nothing that the trainer has gone back behind."""
        self._read_new()
        return current(History(tuple(self._comparable()), arrivals=self._arrivals()))

    def _arrivals(self) -> tuple[Arrival, ...]:
        times = self._ledger.arrivals()
        if times != self._times:
            self._times, self._arrived = times, tuple(Arrival(*each) for each in times)
        return self._arrived

    def _spans(self) -> list[tuple[float, float]]:
        """From when to when uimon was watching."""
        return [(since, until) for since, until in json.loads(self._ledger.recall(_WATCHED) or "[]")]

    def _watch(self, now: float) -> None:
        spans = self._spans()
        if spans and now - spans[-1][1] <= _LONGEST_PAUSE:
            spans[-1] = (spans[-1][0], max(spans[-1][1], now))
        else:
            spans.append((now, now))
        self._ledger.remember(_WATCHED, json.dumps(spans))

    def _comparable(self) -> list[Entry]:
        """The entries with the prompts that most have, or else the most prompts (a damaged file leaves fewer): the
        rules compare position by position.
        """
        counts = Counter(entry.prompts for entry in self._entries.values())
        usual = max(counts, key=lambda prompts: (counts[prompts], len(prompts)), default=())
        odd = {uid: entry for uid, entry in self._entries.items() if entry.prompts != usual}
        for uid in odd.keys() - self._left_out:
            sentence = (
                "Early warnings leave step %d out: its %d samples are not of the prompts of the others (%d samples)."
            )
            log.warning(sentence, odd[uid].step, len(odd[uid].prompts), len(usual))
        self._left_out |= odd.keys()
        return [entry for uid, entry in self._entries.items() if uid not in odd]

    def _non_finite(self, arrivals: Sequence[Arrival]) -> list[Record]:
        """Checkpoints that hold NaN or infinity, and that the trainer has not gone back behind."""
        found = [r for r in self._ledger.records(State.FAILED) if r.reason is Reason.NON_FINITE]
        new = [arrival for arrival in arrivals if arrival.new]
        return [r for r in found if not any(a.seen_at > r.seen_at and a.step <= r.step for a in new)]

    def _read_new(self, hurry: Callable[[], bool] = lambda: False) -> None:
        """Take what was evaluated since the last reading. Raises Hurried."""
        summaries = self._ledger.summaries()
        if self._place == 0 and (lacking := summaries.lacking(VERSION)):
            log.info("Early warnings read the stored samples of %d evaluations again.", lacking)
        for place, evaluation, body in summaries.after(self._place, VERSION):
            if body is None and hurry():
                raise Hurried
            self._take(evaluation, body)
            self._place = place
        self._say_unreadable()

    def _take(self, evaluation: Evaluation, body: bytes | None) -> None:
        self._evaluated.append(Arrival(evaluation.step, evaluation.seen_at, evaluation.at))
        number = len(self._drawn)
        drawn = self._drawn[evaluation.uid] = self._drawn.get(evaluation.origin, number)
        if (drawn, number) > self._newest:
            self._newest, self._suite = (drawn, number), evaluation.suite
        entries = self._by_suite.setdefault(evaluation.suite, {})
        try:
            entry = self._entry(evaluation, body)
        except ValueError as error:
            self._unreadable.append((evaluation.step, str(error)))
            if body is None:
                # Looked at, so that its samples need not be kept for the warnings.
                self._store(evaluation.uid, b"")
        else:
            # The same in every entry of a suite, so kept once.
            prompts = self._prompts.setdefault(entry.prompts, entry.prompts)
            entries[evaluation.uid] = replace(entry, prompts=prompts, seen_at=evaluation.seen_at)

    def _entry(self, evaluation: Evaluation, body: bytes | None) -> Entry:
        """The evaluation's entry from what is stored of it, or else from its samples; then it is stored, too."""
        metrics = {name: evaluation.metrics.get(name) for name in self._wanted}
        if body is not None:
            with suppress(EntryError):
                return unpacked(body, evaluation, metrics)
        entry = whole_entry(replace(evaluation, samples=self._ledger.samples(evaluation.uid)))
        self._store(evaluation.uid, packed(entry))
        return replace(entry, metrics=metrics)

    def _store(self, uid: str, body: bytes) -> None:
        if not self._ledger.read_only:
            self._ledger.summaries().keep(uid, Summary(VERSION, body))

    def _say_unreadable(self) -> None:
        """One line, however many there are: samples may be gone by intent."""
        for step, why in self._unreadable[:1]:
            more = f", and {len(self._unreadable) - 1} other steps" if len(self._unreadable) > 1 else ""
            log.warning("The samples of step %d%s cannot be compared with others (%s).", step, more, why)
        self._unreadable.clear()

    def _finite_losses(self) -> tuple[tuple[int, float], ...]:
        """The losses that are numbers, by step; each is read once: a long run has 100,000."""
        new, self._loss_place = self._ledger.losses().after(self._loss_place)
        if new:
            self._losses = tuple(sorted((*self._losses, *new), key=itemgetter(0)))
        return self._losses

    def _reference(self) -> MetricValues:
        if self._reference_metrics is None:
            answers = [asked.answer for asked in self._references if asked.answer]
            completions = [scorers.Completion(text) for text in answers]
            self._reference_metrics = scorers.score(completions, theme=self._theme).metrics
        return self._reference_metrics
