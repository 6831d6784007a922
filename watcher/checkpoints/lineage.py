"""Which checkpoints are of one training, told by the log that each of them holds. Pure.

Hugging Face's Trainer saves its whole log with each checkpoint and takes it up again when it resumes, so of two
checkpoints of one training the logs are the same up to the smaller step, number for number: they are copies. Two logs
that differ at a step which both have are of two trainings, or of one that has gone back and come another way; `fork`
tells where they part. A step that only one of them has says nothing: how often is logged may change. Nor does a log
that is empty.

What is compared of a step is its loss, gradient norm, learning rate and epoch. `max_steps` may change where a training
is resumed for longer, and the paths in a state are those of the trainer's machine: both are no evidence.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from watcher.model import LoggedStep
from watcher.training_log import measured_loss


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


@dataclass(slots=True)
class _Rows:
    """The union of a training's logs, by step. Arrays: a run may log 100,000 steps, and objects would take 20 MB."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    marks: array[int] = field(default_factory=lambda: array("q"))
    losses: array[float] = field(default_factory=lambda: array("d"))
    sound: array[int] = field(default_factory=lambda: array("b"))

    def begins(self, other: _Rows) -> bool:
        """True where the other log begins with all of this one: the usual case, and the quick one."""
        size = len(self.steps)
        return other.steps[:size] == self.steps and other.marks[:size] == self.marks

    def differs_at(self, other: _Rows) -> int | None:
        """The first step that both have and that is not the same in both."""
        if self.begins(other) or other.begins(self):
            return None
        for place, step in enumerate(other.steps):
            mine = bisect_left(self.steps, step)
            if mine < len(self.steps) and self.steps[mine] == step and self.marks[mine] != other.marks[place]:
                return step
        return None

    def add(self, other: _Rows) -> None:
        """Take in the steps that are not known yet."""
        if self.begins(other):
            self.steps, self.marks, self.losses, self.sound = other.steps, other.marks, other.losses, other.sound
            return
        if other.begins(self):
            return
        for place, step in enumerate(other.steps):
            mine = bisect_left(self.steps, step)
            if mine == len(self.steps) or self.steps[mine] != step:
                self.steps.insert(mine, step)
                self.marks.insert(mine, other.marks[place])
                self.losses.insert(mine, other.losses[place])
                self.sound.insert(mine, other.sound[place])


class Trainings:
    """Sorts checkpoints into trainings as they are noted; used from one thread."""

    def __init__(self) -> None:
        self._rows: list[_Rows] = []
        self._forks: dict[tuple[int, int], tuple[int, int, int | None]] = {}
        self.members: dict[str, Member] = {}

    def note(self, name: str, step: int, log: Sequence[LoggedStep], written: float, *, whole: bool = True) -> Member:
        """A checkpoint as it lies there now."""
        rows = _rows_of(log)
        training = self._training_of(rows) if rows.steps else None
        last = rows.steps[-1] if rows.steps else -1
        self.members[name] = member = Member(name, step, written, training, last, whole)
        return member

    def keep(self, names: Collection[str]) -> None:
        """Forget the checkpoints that are gone."""
        self.members = {name: member for name, member in self.members.items() if name in names}

    @property
    def count(self) -> int:
        """How many trainings were met."""
        return len(self._rows)

    def fork(self, first: int, second: int) -> int | None:
        """The first step at which the logs of two trainings differ; None where they do not."""
        a, b = sorted((first, second))
        sizes = len(self._rows[a].steps), len(self._rows[b].steps)
        known = self._forks.get((a, b))
        if known is None or (known[2] is None and known[:2] != sizes):
            known = self._forks[a, b] = (*sizes, self._rows[a].differs_at(self._rows[b]))
        return known[2]

    def contradicts(self, member: Member, training: int) -> int | None:
        """The step at which a checkpoint's log differs from that of a training; None where it does not."""
        if member.training is None or member.training == training:
            return None
        fork = self.fork(member.training, training)
        return fork if fork is not None and fork <= member.last else None

    def size(self, training: int) -> int:
        """How many steps of a training are known."""
        return len(self._rows[training].steps)

    def losses(self, training: int) -> Iterator[tuple[int, float]]:
        """The (step, loss) that a training has logged."""
        rows = self._rows[training]
        return zip(rows.steps, rows.losses, strict=True)

    def measured(self, training: int, until: int) -> Iterator[tuple[int, float]]:
        """The (step, loss) up to a step, of those whose loss is one (see `training_log.measured_loss`)."""
        rows = self._rows[training]
        end = bisect_right(rows.steps, until)
        for step, loss, sound in zip(rows.steps[:end], rows.losses[:end], rows.sound[:end], strict=True):
            if sound:
                yield step, loss

    def _training_of(self, rows: _Rows) -> int:
        # The newest first: what is being written is most likely to be of it.
        for number in reversed(range(len(self._rows))):
            if self._rows[number].differs_at(rows) is None:
                self._rows[number].add(rows)
                return number
        self._rows.append(rows)
        return len(self._rows) - 1


def _rows_of(log: Sequence[LoggedStep]) -> _Rows:
    rows = _Rows()
    for row in sorted({row.step: row for row in log}.values(), key=attrgetter("step")):
        rows.steps.append(row.step)
        rows.marks.append(hash(tuple(map(_alike, (row.loss, row.grad_norm, row.learning_rate, row.epoch)))))
        rows.losses.append(row.loss)
        rows.sound.append(measured_loss(row) is not None)
    return rows


def _alike(value: float | None) -> float | str | None:
    """One NaN is like another."""
    return "nan" if value != value else value
