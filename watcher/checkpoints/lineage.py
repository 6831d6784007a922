"""Which checkpoints are of one training, told by the log that each of them holds. Pure.

Hugging Face's Trainer saves its whole log with each checkpoint and takes it up again when it resumes, so that the logs
of one training are copies of each other as far as both go. Two logs are compared on the stretch that both cover, from
the later of their first steps to the earlier of their last:

| on that stretch | they are |
|---|---|
| a step is in both and not the same, or in one alone | of two trainings, or of one that went back: from `fork` on |
| all steps are the same in both, at least one | of one training, `shared` |
| there is no step | not comparable: neither one training nor two are shown |
| there is no step, and one has other steps an epoch | of two trainings |

The third is what a logger leaves that keeps its last lines only. A log that is empty says nothing.

What is compared of a step is its loss, gradient norm, learning rate and epoch; of two rows with one step the first
counts, for what is added to a log comes after it. `max_steps` may change where a training is resumed for longer, and
the paths in a state are those of the trainer's machine: both are no evidence.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from watcher.checkpoints.training_log import measured_loss
from watcher.model import LoggedStep

EPOCH_ROUNDED = 0.005
"""Trainers round the epoch to two digits or more."""
PACES_APART = 0.1
"""By what part steps an epoch may differ within one training: with accumulated gradients the last one is short."""


@dataclass(frozen=True, slots=True)
class Member:
    """A checkpoint that lies there: when its weights were `written` (seconds since the epoch, 0 where that is not
    known), its `training` (None where its log is empty) and the last step that its log has. `whole`: it can be used.
    """

    name: str
    step: int
    written: float
    training: int | None = None
    last: int = -1
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Relation:
    """How two logs stand to each other, by the table at the top of this module."""

    fork: int | None
    shared: bool


@dataclass(slots=True)
class Rows:
    """A log, or the union of a training's logs, by step. Arrays: a run may log 100,000 steps, and objects would take
    20 MB.
    """

    steps: array[int] = field(default_factory=lambda: array("q"))
    marks: array[int] = field(default_factory=lambda: array("q"))
    losses: array[float] = field(default_factory=lambda: array("d"))
    rates: array[float] = field(default_factory=lambda: array("d"))
    norms: array[float] = field(default_factory=lambda: array("d"))
    epochs: array[float] = field(default_factory=lambda: array("d"))
    sound: array[int] = field(default_factory=lambda: array("b"))

    def is_apart(self, other: Rows) -> bool:
        """True where one ends before the other begins."""
        return self.steps[-1] < other.steps[0] or other.steps[-1] < self.steps[0]

    def relation(self, other: Rows) -> Relation:
        """By the table at the top of this module."""
        first, last = max(self.steps[0], other.steps[0]), min(self.steps[-1], other.steps[-1])
        mine, its = self._stretch(first, last), other._stretch(first, last)
        if not mine and not its:
            return Relation(None if self._paced_as(other) else min(self.steps[0], other.steps[0]), shared=False)
        if self._part(mine) == other._part(its):
            return Relation(None, shared=True)
        for count, (here, there) in enumerate(zip(mine, its, strict=False)):
            if self.steps[here] != other.steps[there]:
                return Relation(min(self.steps[here], other.steps[there]), shared=count > 0)
            if self.marks[here] != other.marks[there]:
                return Relation(self.steps[here], shared=count > 0)
        longer, place = (self, mine.start + len(its)) if len(mine) > len(its) else (other, its.start + len(mine))
        return Relation(longer.steps[place], shared=bool(mine) and bool(its))

    def add(self, other: Rows) -> None:
        """Take in a log that shares a stretch with this one: what it has before or after that."""
        early, late = (self, other) if self.steps[0] <= other.steps[0] else (other, self)
        if early.steps[0] == late.steps[0] and early.steps[-1] < late.steps[-1]:
            early, late = late, early  # the usual case: one begins with all of the other
        place = bisect_right(late.steps, early.steps[-1])
        for name in self.__slots__:
            mine, tail = getattr(early, name), getattr(late, name)[place:]
            setattr(self, name, mine + tail if tail else mine)

    def place(self, step: int) -> int | None:
        """Where a step is; None where it is not there."""
        at = bisect_left(self.steps, step)
        return at if at < len(self.steps) and self.steps[at] == step else None

    def _stretch(self, first: int, last: int) -> range:
        return range(bisect_left(self.steps, first), bisect_right(self.steps, last))

    def _part(self, stretch: range) -> tuple[array[int], array[int]]:
        return self.steps[stretch.start : stretch.stop], self.marks[stretch.start : stretch.stop]

    def _paced_as(self, other: Rows) -> bool:
        """False where the two have other numbers of steps an epoch: logs round an epoch, and an epoch's last step may
        be a short one.
        """
        mine, its = self.epochs[-1] / max(self.steps[-1], 1), other.epochs[-1] / max(other.steps[-1], 1)
        rounded = EPOCH_ROUNDED / max(self.steps[-1], 1) + EPOCH_ROUNDED / max(other.steps[-1], 1)
        return not abs(mine - its) > PACES_APART * max(mine, its) + rounded


class Trainings:
    """Sorts checkpoints into trainings as they are noted; used from one thread."""

    def __init__(self) -> None:
        self._rows: dict[int, Rows] = {}
        self.count = 0
        """How many trainings were met."""
        self._relations: dict[tuple[int, int], tuple[int, int, Relation]] = {}
        self.members: dict[str, Member] = {}

    def note(self, name: str, step: int, log: Sequence[LoggedStep], written: float, *, whole: bool = True) -> Member:
        """A checkpoint as it lies there now."""
        rows = _rows_of(log)
        training = self._training_of(rows) if rows.steps else None
        last = rows.steps[-1] if rows.steps else -1
        self.members[name] = member = Member(name, step, written, training, last, whole)
        return member

    def restore(self, member: Member) -> None:
        """A checkpoint that was noted before, and whose log is part of what is known of its training."""
        self.members[member.name] = member

    def keep(self, names: Collection[str]) -> None:
        """Forget the checkpoints that are gone, and the trainings of which none is left."""
        if self.members.keys() <= set(names):
            return
        self.members = {name: member for name, member in self.members.items() if name in names}
        left = {member.training for member in self.members.values()}
        if not self._rows.keys() <= left:
            self._rows = {number: rows for number, rows in self._rows.items() if number in left}
            self._relations = {pair: kept for pair, kept in self._relations.items() if left.issuperset(pair)}

    def relation(self, first: int, second: int) -> Relation:
        """How two trainings stand to each other."""
        a, b = sorted((first, second))
        if self._rows[a].is_apart(self._rows[b]):
            return self._rows[a].relation(self._rows[b])  # quick, and not kept: of many short logs there are many pairs
        sizes = len(self._rows[a].steps), len(self._rows[b].steps)
        known = self._relations.get((a, b))
        if known is None or known[:2] != sizes:
            known = self._relations[a, b] = (*sizes, self._rows[a].relation(self._rows[b]))
        return known[2]

    def compare(self, member: Member, training: int) -> Relation:
        """How a checkpoint with a log stands to a training: where that training parts from the checkpoint's only after
        the checkpoint, it is of both.
        """
        assert member.training is not None
        if member.training == training:
            return Relation(None, shared=True)
        found = self.relation(member.training, training)
        if found.fork is not None and found.shared and found.fork > member.last:
            return Relation(None, shared=True)
        return found

    def contradicts(self, member: Member, training: int) -> int | None:
        """The step at which a checkpoint's log differs from that of a training; None where it does not."""
        return None if member.training is None else self.compare(member, training).fork

    def rows(self, training: int) -> Rows:
        """What a training has logged."""
        return self._rows[training]

    def size(self, training: int) -> int:
        """How many steps of a training are known."""
        return len(self._rows[training].steps)

    def measured(self, training: int, until: int) -> Iterator[tuple[int, float]]:
        """The (step, loss) up to a step, of those whose loss is one (see `training_log.measured_loss`)."""
        rows = self._rows[training]
        end = bisect_right(rows.steps, until)
        for step, loss, sound in zip(rows.steps[:end], rows.losses[:end], rows.sound[:end], strict=True):
            if sound:
                yield step, loss

    def _training_of(self, rows: Rows) -> int:
        # The newest first: what is being written is most likely to be of it.
        for number, known in reversed(self._rows.items()):
            if not known.is_apart(rows) and known.relation(rows) == Relation(None, shared=True):
                self._rows[number].add(rows)
                return number
        self.count += 1
        self._rows[self.count] = rows
        return self.count


def _rows_of(log: Sequence[LoggedStep]) -> Rows:
    rows = Rows()
    first: dict[int, LoggedStep] = {}
    for row in log:
        first.setdefault(row.step, row)
    for row in sorted(first.values(), key=attrgetter("step")):
        rows.steps.append(row.step)
        rows.marks.append(hash(tuple(map(_alike, (row.loss, row.grad_norm, row.learning_rate, row.epoch)))))
        rows.losses.append(row.loss)
        rows.rates.append(_or_nan(row.learning_rate))
        rows.norms.append(_or_nan(row.grad_norm))
        rows.epochs.append(_or_nan(row.epoch))
        rows.sound.append(measured_loss(row) is not None)
    return rows


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _alike(value: float | None) -> float | str | None:
    """One NaN is like another."""
    return "nan" if value != value else value
