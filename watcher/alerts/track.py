"""What the rules sum up over the evaluations of a run, kept from one look to the next: a look at the thousandth
checkpoint costs what one at the tenth does.

All of it is decided by the entries alone. Where they are no longer what they were, since an older checkpoint was
evaluated late or the trainer has gone back, what stands behind the first difference is summed up anew. Sums are whole
numbers (of `UNIT`), so that adding and taking away leaves no crumbs, and the way to them makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice
from operator import add, is_, sub
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from watcher.alerts.history import Entry

UNIT: Final = 2**64
"""Sums count in parts of 1 / UNIT: finer than a double tells at the size of any measure."""


class Series(Protocol):
    """Something that is known after each entry."""

    def cut(self, length: int) -> None:
        """Forget all but the first `length` entries."""
        ...

    def extend(self, entries: Sequence[Entry]) -> None:
        """Take in the entries behind those that it has."""
        ...


S = TypeVar("S", bound=Series)


class Track:
    """The series of one run, by what tells them apart. Not safe to use from several threads."""

    def __init__(self) -> None:
        self._entries: tuple[Entry, ...] = ()
        self._series: dict[Hashable, Series] = {}

    def series(self, make: Callable[..., S], key: tuple[Hashable, ...], entries: tuple[Entry, ...]) -> S:
        """The series `make(*key)` of these entries."""
        self._follow(entries)
        found = self._series.get((make, key))
        if found is None:
            found = self._series[make, key] = make(*key)
            found.extend(entries)
        return found  # type: ignore[return-value]  # what `make` made

    def _follow(self, entries: tuple[Entry, ...]) -> None:
        if entries is self._entries:
            return
        both = min(len(entries), len(self._entries))
        same = both
        if not all(map(is_, islice(entries, both), self._entries)):
            same = next(i for i in range(both) if entries[i] is not self._entries[i])
        for series in self._series.values():
            series.cut(same)
            series.extend(entries[same:])
        self._entries = entries


class Stretch(Sequence["Entry"]):
    """Some entries that follow each other in a list, from `start` to before `stop`; valid until the next look."""

    def __init__(self, entries: list[Entry], start: int, stop: int) -> None:
        self._entries = entries
        self.start = start
        self.stop = max(start, stop)

    def __len__(self) -> int:
        return self.stop - self.start

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> list[Entry]: ...
    def __getitem__(self, place: int | slice) -> Entry | list[Entry]:
        if isinstance(place, slice):
            return self._entries[self.start : self.stop][place]
        within = place if place >= 0 else place + len(self)
        if not 0 <= within < len(self):
            raise IndexError(place)
        return self._entries[self.start + within]

    def __iter__(self) -> Iterator[Entry]:
        return islice(self._entries, self.start, self.stop)


class Sums:
    """For each position of the samples the sum of whole `values` over a stretch of a list, which may move."""

    def __init__(self, entries: list[Entry], values: Callable[[Entry], Sequence[int]]) -> None:
        self._entries = entries
        self._values = values
        self._start = self._stop = 0
        self._sums: list[int] = []

    def over(self, stretch: Stretch) -> Sequence[int]:
        """The sums over this stretch."""
        if stretch.start != self._start or 2 * stretch.stop < self._stop or self._start == self._stop:
            self._start = self._stop = stretch.start
            self._sums = []
        while self._stop < stretch.stop:
            values = self._values(self._entries[self._stop])
            self._sums = list(map(add, self._sums, values)) if self._sums else list(values)
            self._stop += 1
        self.cut(stretch.stop)
        return self._sums

    def cut(self, stop: int) -> None:
        """Take away what stands at `stop` or behind; called while it is still there."""
        while self._stop > max(stop, self._start):
            self._stop -= 1
            self._sums = list(map(sub, self._sums, self._values(self._entries[self._stop])))
