"""Whose checkpoints are these: asks the rule of `checkpoints.belonging`, and puts its answer into the ledger.

What a checkpoint's trainer has logged becomes rows of the run only once the checkpoint is known to be the run's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol
from uuid import uuid4

from watcher.checkpoints.belonging import Clues, Ruling, rule
from watcher.checkpoints.lineage import Member, Trainings
from watcher.checkpoints.run_log import RunLog
from watcher.checkpoints.training_log import LogFacts, read_log
from watcher.ledger.ledger import Ledger, Record
from watcher.ledger.losses import loss_uid
from watcher.ledger.sightings import Sighting
from watcher.model import BASE_NAME, FINAL_NAME, Checkpoint, Condition, Reason, State
from watcher.service.signals import log

_TAKEN: Final = (State.STAGED, State.EVALUATING, State.EVALUATED, State.PUBLISHED)
_LOST: Final = (Reason.EARLIER_RUN, Reason.DELETED, Reason.ABANDONED)
"""Reasons for which a skipped checkpoint was not yet known to be this run's."""
_FIRST_PAUSE: Final = 30.0
_LONGEST_PAUSE: Final = 3600.0


class Origin(Protocol):
    """What W&B knows of the run that is watched."""

    def begun(self) -> float | None:
        """When it began, in seconds since the epoch; None where that is not known (yet)."""
        ...

    def logged(self) -> RunLog | None:
        """What its trainer has logged into it; None where that is not to be had now."""
        ...


class NoOrigin:
    """Nothing is logged to W&B, or nobody knows of it."""

    def begun(self) -> float | None:
        return None

    def logged(self) -> RunLog | None:
        return None


class Belonging:
    """Keeps what lies there sorted by trainings. Used from one thread. `adopt`: all of it is this run's."""

    def __init__(
        self,
        ledger: Ledger,
        run: str,
        origin: Origin,
        *,
        adopt: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._run = run
        self._origin = origin
        self._adopt = adopt
        self._clock = clock
        self._trainings = Trainings()
        self._facts: dict[str, LogFacts] = {}
        self._logs: set[str] = set()
        self._names: dict[int, str] = {}
        self._given: dict[int, tuple[int, int]] = {}
        self._logged = RunLog()
        self._begun: float | None = None
        self._changed = False
        self._guess = ""
        self._pause = _FIRST_PAUSE
        self._next_question = clock()

    def note(self, checkpoint: Checkpoint, before: Record | None) -> Checkpoint:
        """A checkpoint whose writer is done; `before`: what the ledger knew of it. Gives it back without its log, whose
        rows become the run's by `settle`.
        """
        steps = checkpoint.trainer.log if checkpoint.trainer else ()
        known = self._trainings.members.get(checkpoint.name)
        before_it = self._trainings.count
        whole = checkpoint.condition is Condition.COMPLETE
        member = self._trainings.note(checkpoint.name, checkpoint.step, steps, _written(checkpoint), whole=whole)
        if self._trainings.count > before_it:
            # What W&B has said so far says nothing about one more training.
            self._pause, self._next_question = _FIRST_PAUSE, self._clock()
        self._changed |= member != known
        if whole:
            self._changed = True
            self._logs.add(checkpoint.name)
            if before is None or before.early or before.state is State.SEEN or before.stamp != checkpoint.stamp:
                self._facts[checkpoint.name] = read_log(steps)
        return replace(checkpoint, trainer=checkpoint.trainer and replace(checkpoint.trainer, log=()))

    def sighting(self, name: str, mark: str) -> Sighting:
        """What a later start has to know of a checkpoint that was noted, to do without reading it."""
        member = self._trainings.members[name]
        number = member.training
        training = "" if number is None else self._names.setdefault(number, uuid4().hex)
        first = -1 if number is None else self._trainings.rows(number).steps[0]
        return Sighting(name, member.step, mark, member.written, training, first, member.last)

    def restore(self, seen: Sequence[Sighting], read: Callable[[str], Checkpoint | None]) -> list[str]:
        """Take up what an earlier start noted of checkpoints that have not changed since. Of each training the longest
        log, of which the others are the beginnings, is `read`; gives the names of those that have to be noted anew.
        """
        lost: list[str] = []
        trainings: dict[str, list[Sighting]] = {}
        for one in seen:
            trainings.setdefault(one.training, []).append(one)
        numbers = {name: self._read_training(name, known, read) for name, known in trainings.items()}
        for one in seen:
            number = numbers[one.training]
            if one.training and number is None:
                lost.append(one.name)
            else:
                self._trainings.restore(Member(one.name, one.step, one.written, number, one.last))
        self._changed = True
        return lost

    def _read_training(
        self, name: str, seen: Sequence[Sighting], read: Callable[[str], Checkpoint | None]
    ) -> int | None:
        """The number of a training by the longest log of it; None where that does not hold all the others."""
        longest = max(seen, key=lambda one: one.last)
        checkpoint = read(longest.name) if name else None
        if checkpoint is None or checkpoint.condition is not Condition.COMPLETE or checkpoint.trainer is None:
            return None
        steps = checkpoint.trainer.log
        reach = {row.step for row in steps}
        if min(reach, default=math.inf) > min(one.first for one in seen) or longest.last not in reach:
            return None
        number = self._trainings.note(longest.name, longest.step, steps, longest.written).training
        if number is not None:
            self._names[number] = name
        return number

    def is_foreign(self, name: str) -> str:
        """Why a checkpoint that was noted is another training's, by what is known now; empty where it is this run's."""
        return "" if self._adopt else self._judge(self._ledger.records()).foreign.get(name, "")

    def settle(self, present: Collection[str] | None) -> None:
        """Skip what is another training's, and take up what turned out not to be: that is `seen` again.

        `present`: names of all that lies there; None where the user has named each checkpoint, so that all belong.
        """
        if present is not None:
            self._changed |= not self._trainings.members.keys() <= set(present)
            self._trainings.keep(set(present))
        if not (self._changed or self._has_news()):
            return
        self._changed = False
        every = self._ledger.records()
        records = self._newest(every)
        ruling = self._judge(every) if present is not None else Ruling()
        self._say(ruling)
        for name, record in records.items():
            self._apply(name, record, ruling)
        own = [record for name, record in records.items() if name not in ruling.foreign]
        for record in every:
            gone = present is not None and record.name not in records
            if record.final and (record.name in ruling.outlived or (gone and _has_followers(record, own))):
                self._ledger.clear_final(record)
        self._give(ruling.foreign, records)

    def _has_news(self) -> bool:
        """True where W&B, in the meantime, may know more of what is left out."""
        begun = self._origin.begun()
        if begun != self._begun:
            return True
        left = self._ledger.has_earlier()
        return left and not self._adopt and self._clock() >= self._next_question

    def _ask(self) -> bool:
        """Ask W&B for what the run has logged, now and then; True where there is anything."""
        if self._clock() < self._next_question:
            return bool(self._logged.rows)
        self._next_question = self._clock() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._logged = self._origin.logged() or self._logged
        return bool(self._logged.rows)

    def _newest(self, records: Sequence[Record]) -> dict[str, Record]:
        """The newest record of each checkpoint that lies there."""
        newest = {record.name: record for record in sorted(records, key=lambda record: record.id)}
        return {name: newest[name] for name in self._trainings.members if name in newest}

    def _judge(self, every: Sequence[Record]) -> Ruling:
        """The ruling on what lies there, for which W&B is asked where it would tell more."""
        ruling = self._rule(every)
        return self._rule(every) if ruling.asks and not self._adopt and self._ask() else ruling

    def _rule(self, every: Sequence[Record]) -> Ruling:
        """The ruling on what lies there; `every`: all records of the ledger."""
        self._begun = self._origin.begun()
        records = self._newest(every)
        taken = [r for r in every if _is_taken(r)]
        names = {r.name for r in taken}
        uids: dict[int, set[str]] = {}

        def knows(step: int, loss: float) -> bool | None:
            if not uids:
                uids.update(self._ledger.losses().uids())
            uid = loss_uid(self._run, step, loss)
            return uid in uids[step] if uid is not None and step in uids else None

        return rule(
            self._trainings,
            Clues(
                taken={name for name, record in records.items() if _is_taken(record)},
                steps={r.step for r in taken},
                over={name for name, record in records.items() if name in names and not _is_taken(record)},
                refused={
                    name for name, record in records.items() if record.reason is Reason.EARLIER_RUN or record.adopted
                },
                finals={name for name, record in records.items() if record.final},
                seen={name: record.seen_at for name, record in records.items()},
                knows=knows,
                begun=None if self._adopt else self._begin(taken),
                logged=self._logged,
            ),
        )

    def _begin(self, taken: Sequence[Record]) -> float | None:
        """When the run began: no later than its first checkpoint was seen, whatever W&B knows of it by now."""
        seen = [record.seen_at for record in taken if record.seen_at > 0]
        return self._begun and min([self._begun, *seen])

    def _say(self, ruling: Ruling) -> None:
        if ruling.guess and ruling.guess != self._guess and not self._adopt:
            log.warning("%s", ruling.guess)
        self._guess = ruling.guess

    def _apply(self, name: str, record: Record, ruling: Ruling) -> None:
        """Bring one record in line with the ruling."""
        why = ruling.foreign.get(name)
        if why is not None and (self._adopt or record.asked or record.adopted):
            self._ledger.adopt(record)
        elif why is not None:
            unread = record.state is State.COMPLETE or (record.state is State.FAILED and record.digest is None)
            if unread and not _is_taken(record):
                self._ledger.skipped(record, Reason.EARLIER_RUN, why)
            return
        if record.reason is Reason.EARLIER_RUN:
            self._ledger.readmit(record)

    def _give(self, foreign: Collection[str], records: Mapping[str, Record]) -> None:
        """The logs of this run's checkpoints become rows of the run."""
        for name in sorted(self._facts, key=lambda name: self._trainings.members[name].step if name in records else 0):
            if name in records and name not in foreign:
                self._ledger.add_log(self._run, (), self._facts[name])
        self._facts = {name: facts for name, facts in self._facts.items() if name in foreign}
        own = [self._trainings.members[name] for name in self._logs if name in records and name not in foreign]
        for member in sorted(own, key=lambda member: -member.last):
            self._give_losses(member)
        self._logs &= set(foreign)

    def _give_losses(self, member: Member) -> None:
        if member.training is None:
            return
        size, until = self._trainings.size(member.training), member.last
        # Nearly all of the many logs of a long run are the beginnings of others.
        if self._given.get(member.training, (0, -1)) >= (size, until):
            return
        self._given[member.training] = size, until
        self._ledger.add_log(self._run, self._trainings.measured(member.training, until))


def _has_followers(final: Record, own: Sequence[Record]) -> bool:
    """True for a final checkpoint that lies there no more, where one of this run's came after it."""
    came = [record for record in own if record.seen_at > final.seen_at and record.state is not State.SEEN]
    return any(record.name not in (BASE_NAME, FINAL_NAME) for record in came)


def _is_taken(record: Record) -> bool:
    """True for what this run has taken, and not only because somebody asked for it, or before it was finished."""
    if record.asked or record.adopted or record.early:
        return False
    passed_over = record.state is State.SKIPPED and record.reason not in _LOST
    return record.state in _TAKEN or passed_over or (record.state is State.FAILED and record.digest is not None)


def _written(checkpoint: Checkpoint) -> float:
    times = [f.mtime_ns for f in checkpoint.files if f.name.endswith(".safetensors")]
    every: Sequence[int] = times or [f.mtime_ns for f in checkpoint.files]
    return max(every, default=0) / 1e9
