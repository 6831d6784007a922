"""The series that the rules read: what a measure has been since it was good first, how much has parsed, and the curve
of the held-out perplexity.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from statistics import fmean

from scorers.metrics.jackknife import Jackknifed
from scorers.sample import Outcome
from watcher.alerts.history import Entry, View
from watcher.alerts.measures import Measure
from watcher.alerts.track import UNIT, Stretch, Sums


class Since:
    """One measure: the entries that are `known` by at least `least` pages, and of these what newer ones are compared
    with, from the first one on that is good: those of which a share of at least `comparable` parses. `sign` is +1 where
    rising is bad; good is a value up to `good`, or from there on.
    """

    def __init__(self, measure: Measure, sign: int, good: float, comparable: float, least: int) -> None:
        self._measure = measure
        self._sign = sign
        self._good = good
        self._comparable = comparable
        self._least = least
        self._length = 0
        self._places: list[int] = []
        self._counted: list[int] = []
        self._pages: list[Entry] = []
        self._totals = [0]
        self._first: int | None = None
        self._without = Sums(self._pages, self._whole)
        self.known: list[Entry] = []

    def cut(self, length: int) -> None:
        """Forget all but the first `length` entries."""
        left = bisect_left(self._places, length)
        pages = self._counted[left - 1] if left else 0
        self._without.cut(pages)
        del self.known[left:], self._places[left:], self._counted[left:], self._pages[pages:], self._totals[pages + 1 :]
        self._length = min(self._length, length)
        if self._first is not None and self._first >= pages:
            self._first = None

    def extend(self, entries: Sequence[Entry]) -> None:
        """Take in further entries."""
        for place, entry in enumerate(entries, self._length):
            found = entry.measures.get(self._measure)
            if found is None or found.pages < self._least:
                continue
            if entry.validity >= self._comparable:
                if self._first is None and self._sign * (found.value - self._good) <= 0:
                    self._first = len(self._pages)
                self._pages.append(entry)
                self._totals.append(self._totals[-1] + _whole(found.value))
            self.known.append(entry)
            self._places.append(place)
            self._counted.append(len(self._pages))
        self._length += len(entries)

    def before(self, newest: int) -> Stretch:
        """What the `newest` ones of the known are compared with; empty where none before them was good."""
        earlier = len(self.known) - newest
        pages = self._counted[earlier - 1] if earlier > 0 else 0
        return Stretch(self._pages, pages if self._first is None else self._first, pages)

    def mean(self, stretch: Stretch) -> float:
        """The mean of the measure over what `before` gave."""
        return (self._totals[stretch.stop] - self._totals[stretch.start]) / (len(stretch) * UNIT)

    def average(self, stretch: Stretch) -> Jackknifed:
        """The measure over what `before` gave: its mean, and the means without each sample."""
        scale = len(stretch) * UNIT
        return Jackknifed(self.mean(stretch), array("d", (s / scale for s in self._without.over(stretch))), 0)

    def _whole(self, entry: Entry) -> Sequence[int]:
        return [int(value * UNIT) for value in entry.measures[self._measure].without]


def since(view: View, measure: Measure, sign: int, good: float, comparable: float, least: int = 0) -> Since:
    """The series of a measure up to this look."""
    return view.track.series(Since, (measure, sign, good, comparable, least), view.entries)


def _whole(value: float) -> int:
    return int(value * UNIT)


class Parsed:
    """How many samples parse, and where the run was `good` first, or had come to the step `settled`."""

    def __init__(self, good: float, settled: int) -> None:
        self._limit = good
        self._step = settled
        self._entries: list[Entry] = []
        self._valid = [0]
        self._total = [0]
        self._by_position = Sums(self._entries, _valid)
        self.good: int | None = None
        self.settled: int | None = None

    def cut(self, length: int) -> None:
        """Forget all but the first `length` entries."""
        self._by_position.cut(length)
        del self._entries[length:], self._valid[length + 1 :], self._total[length + 1 :]
        self.good = None if self.good is None or self.good >= length else self.good
        self.settled = None if self.settled is None or self.settled >= length else self.settled

    def extend(self, entries: Sequence[Entry]) -> None:
        """Take in further entries."""
        for entry in entries:
            place = len(self._entries)
            if self.good is None and entry.sampled and entry.validity >= self._limit:
                self.good = place
            if self.settled is None and entry.step >= self._step:
                self.settled = place
            self._entries.append(entry)
            self._valid.append(self._valid[-1] + entry.valid)
            self._total.append(self._total[-1] + len(entry.outcomes))

    def before(self, newest: int) -> Stretch:
        """What the `newest` ones are compared with: since the run was good first; where it never was, since it should
        have settled.
        """
        end = max(0, len(self._entries) - newest)
        start = next((place for place in (self.good, self.settled) if place is not None), end)
        return Stretch(self._entries, min(start, end), end)

    def validity(self, stretch: Stretch) -> float:
        """The share of samples that parse."""
        start, stop = stretch.start, stretch.stop
        return (self._valid[stop] - self._valid[start]) / (self._total[stop] - self._total[start])

    def by_position(self, stretch: Stretch) -> Sequence[int]:
        """For each position how many entries of the stretch have a sample there that parses."""
        return self._by_position.over(stretch)


def parsed(view: View, good: float, settled: int) -> Parsed:
    """The series of validity up to this look."""
    return view.track.series(Parsed, (good, settled), view.entries)


def _valid(entry: Entry) -> Sequence[int]:
    return [outcome is Outcome.VALID for outcome in entry.outcomes]


class Curve:
    """Held-out perplexity. `known` are the entries that have it, `logs` the logarithms, `bends` their third
    differences; `levels` are the means of two neighbors. `lowest` is the smallest perplexity up to each entry, those
    without one included.
    """

    def __init__(self) -> None:
        self._places: list[int] = []
        self._best: list[int] = []
        self.known: list[Entry] = []
        self.logs: list[float] = []
        self.bends: list[float] = []
        self.levels: list[float] = []
        self.lowest: list[float] = []

    def cut(self, length: int) -> None:
        """Forget all but the first `length` entries."""
        left = bisect_left(self._places, length)
        pairs = max(0, left - 1)
        del self._places[left:], self.known[left:], self.logs[left:], self.lowest[length:]
        del self.bends[max(0, left - 3) :], self.levels[pairs:], self._best[pairs:]

    def extend(self, entries: Sequence[Entry]) -> None:
        """Take in further entries."""
        for entry in entries:
            value = entry.perplexity
            before = self.lowest[-1] if self.lowest else math.inf
            self.lowest.append(value if value is not None and value < before else before)
            if value is not None and value > 0:
                self._places.append(len(self.lowest) - 1)
                self.known.append(entry)
                self._add(math.log(value))

    def _add(self, log: float) -> None:
        self.logs.append(log)
        if len(self.logs) >= 2:
            self.levels.append(fmean(self.logs[-2:]))
            best = self._best[-1] if self._best else 0
            self._best.append(best if self.levels[best] <= self.levels[-1] else len(self.levels) - 1)
        if len(self.logs) >= 4:
            a, b, c, d = self.logs[-4:]
            self.bends.append(((d - c) - (c - b)) - ((c - b) - (b - a)))

    def lowest_level(self, earlier: int) -> int:
        """The first of the lowest levels of the first `earlier` (at least two) of the known."""
        return self._best[earlier - 2]


def curve(view: View) -> Curve:
    """The perplexity up to this look."""
    return view.track.series(Curve, (), view.entries)
