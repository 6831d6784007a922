"""Which of the checkpoints in a directory are of the run that is watched. Pure.

Trainings are told apart by their logs (`lineage`). This run's are found by the first of these that tells of any:

| evidence | this run's is | another's is |
|---|---|---|
| what W&B's run logged itself | what agrees at the last step of both | what differs at the last two, or the only one |
| the ledger | that of which it took a checkpoint, or holds losses | |
| when the weights were written | the one that was written last: a guess, which is said | |

Of what W&B's run has logged, loss, learning rate and gradient norm are compared. A run cannot have written, before it
began, a step that it has not logged. So what agrees with it and is older is not shown to be its own before its log
reaches the end of that, and is another's where the run was not resumed after it: with one seed, two trainings begin
alike. Of two trainings that differ only after all that
W&B's run has logged, neither is shown.

To those that W&B or the ledger shows comes one that was written later than all they have there, where the trainer

| | as shows by | not where |
|---|---|---|
| writes over what was evaluated | a checkpoint of that name with other weights | |
| goes back | parting from this run's after a step that was evaluated | W&B has other losses |
| begins anew | having no larger step than was evaluated | W&B has other losses |
| begins anew, or goes back further | a pause, and nothing of the others since: a guess, which is said | the same |

None of them where a checkpoint of that training is held for an earlier run's already, or all of it is older than the
run. The guess is wrong where two runs write into one directory and W&B has no losses of this one's; that the trainer
was started again is what mostly has happened.

Each checkpoint then is judged by its log against the trainings of this run:

| its log | the checkpoint is |
|---|---|
| is the same as far as both go | this run's, whatever its time: copies and uploads have others |
| differs, or has another number of steps an epoch | another's |
| has no step in common | another's where it is older than the run, or a smaller step was written later; else its own |
| is empty | another's where it is older than the run, or the last checkpoint before it is another's; else its own |

So where a run was resumed under a new id, the checkpoints from before are evaluated for the new run, too: they are
steps of the same training. A run that W&B does not have yet begins later than now. A run of one's own is filled with an
old directory by `--adopt-earlier`. A model in the run directory without a log is none of this run's where a checkpoint
of it was written later. What the ledger has taken stays taken. What somebody has asked for (`uimon retry STEP`,
`--adopt-earlier`) is evaluated, and shows nothing about its training.

A final checkpoint is not the end of the run where the run has a larger step of that training, or wrote one of another
training later.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import islice

from watcher.checkpoints.lineage import Member, Trainings
from watcher.checkpoints.run_log import RunLog
from watcher.model import FINAL_NAME

CLOCKS_APART_S = 60.0
"""By how many seconds the clocks of W&B and the trainer's machine may differ, and two copies of one directory."""
OLDEST_TIME_S = 946_684_800.0
"""The year 2000: archives and images give files times before it, which say nothing."""
RESTART_S = 90.0
"""A trainer that was started again needs longer than this to its next checkpoint; what was copied at one go lies closer
together."""
SAVING_S = 2.0
"""A trainer's files have the order in which they were begun to within this many seconds."""
ADOPT = "--adopt-earlier evaluates what is there for this run"


@dataclass(frozen=True, slots=True)
class Clues:
    """What is known beside the checkpoints themselves.

    `taken`: names of checkpoints that this run's ledger has taken, as they lie there now; `steps`: those of all that it
    has taken. `over`: names under which it had taken other weights than lie there now. `refused`: names of those that
    it holds for an earlier run's, evaluated (`--adopt-earlier`) or not. `finals`: names of those that are the last of
    their training by their own word. `seen`: when each was seen first. `knows(step, loss)`: whether the ledger holds
    that loss; None where it has none of that step. `begun`: when W&B's run began. Times are seconds since the epoch.
    """

    taken: Collection[str] = ()
    steps: Collection[int] = ()
    over: Collection[str] = ()
    refused: Collection[str] = ()
    finals: Collection[str] = ()
    seen: Mapping[str, float] = field(default_factory=dict)
    knows: Callable[[int, float], bool | None] = lambda step, loss: None  # noqa: ARG005
    begun: float | None = None
    logged: RunLog = field(default_factory=RunLog)


@dataclass(frozen=True, slots=True)
class Ruling:
    """`foreign`: for each checkpoint that is another training's a sentence why. `outlived`: names of final ones of this
    run's that are not its end. `guess`: what was guessed, in a sentence, or empty. `asks`: what W&B's run itself has
    logged would tell more.
    """

    foreign: Mapping[str, str] = field(default_factory=dict)
    outlived: Collection[str] = ()
    guess: str = ""
    asks: bool = False


class _Told(Enum):
    """What W&B's run shows of a training."""

    OWN = auto()
    OTHER = auto()
    NOTHING = auto()


def rule(trainings: Trainings, clues: Clues) -> Ruling:
    """By the tables at the top of this module."""
    judge = _Judge(trainings, clues)
    ours, guess = judge.ours()
    foreign = dict(judge.foreign(ours))
    return Ruling(foreign, frozenset(judge.outlived(foreign)), guess, asks=bool(foreign) or judge.doubtful)


class _Judge:
    """One ruling."""

    def __init__(self, trainings: Trainings, clues: Clues) -> None:
        self._all = trainings
        self._clues = clues
        self._members: dict[int, list[Member]] = {}
        for member in trainings.members.values():
            if member.training is not None:
                self._members.setdefault(member.training, []).append(member)
        rows = clues.logged.rows
        self._first, self._reach = min(rows, default=sys.maxsize), clues.logged.reach
        self._told = {training: self._ask(training) for training in self._members}

    @property
    def doubtful(self) -> bool:
        """True where there is more than one training, or where something is older than the run."""
        return len(self._members) > 1 or any(self._is_old(member.written) for member in self._all.members.values())

    def ours(self) -> tuple[list[int], str]:
        """The trainings of this run, and what was guessed for that."""
        told = self._told
        shown = [t for t in self._members if told[t] is _Told.OWN or (told[t] is _Told.NOTHING and self._is_known(t))]
        if shown:
            return self._with_new_ones(shown)
        open_to = [t for t in self._members if told[t] is _Told.NOTHING and not self._is_old(self._written(t))]
        if self._clues.steps:
            open_to = [t for t in open_to if not self._is_refused(t)]
        if not open_to:
            return [], ""
        newest = max(open_to, key=self._written)
        others = [t for t in open_to if self._parts(self._newest(t), newest) is not None]
        if not others:
            return [newest], ""
        other = max(others, key=self._written)
        return [newest], (
            f"There are checkpoints of {len(others) + 1} trainings: {self._newest(newest).name} was written last, so "
            f"uimon counts it as this run's, and {self._newest(other).name} as an earlier run's."
        )

    def foreign(self, ours: Collection[int]) -> Iterator[tuple[str, str]]:
        """Each checkpoint that is not of these trainings, and why."""
        told: dict[str, str] = {}
        for member in self._all.members.values():
            if member.training is not None and (why := self._why_foreign(member, ours)):
                told[member.name] = why
        yield from told.items()
        for member in self._all.members.values():
            if member.training is None and (why := self._why_silent_is_foreign(member, told)):
                yield member.name, why

    def outlived(self, foreign: Collection[str]) -> Iterator[str]:
        """Each checkpoint of this run that cannot be its end."""
        for name in self._clues.finals:
            final = self._all.members.get(name)
            if final is None or final.training is None or name in foreign:
                continue
            for training, members in self._members.items():
                own = [member for member in members if member.name not in foreign]
                later = any(member.written > final.written + SAVING_S for member in own)
                parts = self._parts(final, training) is not None
                if (parts and later) or (not parts and any(member.step > final.step for member in own)):
                    yield name
                    break

    # Which trainings are this run's.

    def _ask(self, training: int) -> _Told:
        """What the steps tell that W&B's run and this training both have."""
        rows, logged = self._all.rows(training), self._clues.logged
        common = (step for step in reversed(rows.steps) if step in logged.rows) if logged.rows else ()
        both = list(islice(common, 2))
        if not both:
            return _Told.NOTHING
        if not logged.agrees(rows, both[0]):
            alone = len(both) == 1
            return _Told.OTHER if alone or not logged.agrees(rows, both[1]) else _Told.NOTHING
        old = self._is_old(self._written(training))
        if old and self._reach < max(member.last for member in self._members[training]):
            return _Told.NOTHING
        forks = (self._all.relation(training, other).fork for other in self._members if other != training)
        return _Told.OWN if all(fork is None or fork <= both[0] for fork in forks) else _Told.NOTHING

    def _is_known(self, training: int) -> bool:
        """True where the ledger has taken a checkpoint of it, or holds the last of its losses that it can have."""
        if any(member.name in self._clues.taken for member in self._members[training]):
            return True
        if not self._clues.steps:
            return False
        rows = self._all.rows(training)
        answers = (self._clues.knows(*row) for row in zip(reversed(rows.steps), reversed(rows.losses), strict=True))
        return next((answer for answer in answers if answer is not None), False)

    def _with_new_ones(self, shown: list[int]) -> tuple[list[int], str]:
        """Those that are shown to be this run's, and those that its trainer began since."""
        guesses: list[int] = []
        added: list[int] = []
        for training in (t for t in self._members if t not in shown):
            if self._is_later(training, shown):
                if self._begins(training, shown):
                    added.append(training)
                elif self._comes_after(training, shown):
                    guesses.append(training)
        if not guesses:
            return shown + added, ""
        newest = max(guesses, key=self._written)
        return [*shown, *added, *guesses], (
            f"{self._newest(newest).name} belongs to another training than the checkpoints evaluated before, and was "
            "written last, so uimon assumes that the trainer has started over. If two runs write at the same time, "
            "give each its own directory."
        )

    def _is_later(self, training: int, shown: Collection[int]) -> bool:
        """True for one that may have been begun over those that are shown."""
        newest = self._newest(training)
        relations = (self._all.relation(training, other) for other in shown)
        # It goes on with one of them, or has no step in common with any: its checkpoints are judged one by one.
        if any(relation.fork is None and relation.shared for relation in relations) or all(
            self._parts(newest, other) is None for other in shown
        ):
            return False
        written = newest.written
        late = not self._is_old(written) and written > max(self._written(other) for other in shown)
        return late and not self._is_refused(training)

    def _begins(self, training: int, shown: Collection[int]) -> bool:
        """True where the trainer has written over this run's checkpoints, gone back, or begun anew. What W&B shows of a
        run comes late, so that one which writes over them is this run's even where W&B has other losses.
        """
        members, clues = self._members[training], self._clues
        if any(member.name in clues.over for member in members):
            return True
        forks = [self._all.relation(training, other).fork or 0 for other in shown]
        goes_back = any(0 < step < fork for step in clues.steps for fork in forks)
        smaller = max(member.step for member in members) <= max(clues.steps, default=0)
        return self._told[training] is not _Told.OTHER and (goes_back or smaller)

    def _comes_after(self, training: int, shown: Collection[int]) -> bool:
        """True where nothing came of the others since its first checkpoint did, or in the same look; and where that was
        written so much later that a trainer may have been started in between.
        """
        seen = self._clues.seen
        before = [seen.get(member.name, math.inf) for other in shown for member in self._members[other]]
        since = [seen.get(member.name, -math.inf) for member in self._members[training]]
        pause = self._written(training) - max(self._written(other) for other in shown)
        return self._told[training] is not _Told.OTHER and pause > RESTART_S and max(before) < min(since)

    # Which checkpoints are of them.

    def _why_foreign(self, member: Member, ours: Collection[int]) -> str:
        if member.name in self._clues.taken:
            return ""
        assert member.training is not None
        if self._is_ahead(member):
            return f"W&B's run began after it was written and has logged step {self._reach} only; {ADOPT}"
        if any(self._all.compare(member, t).shared and self._all.contradicts(member, t) is None for t in ours):
            return ""
        old = self._is_old(member.written)
        before = f"it was written before this run began at W&B, so it belongs to an earlier training; {ADOPT}"
        logged = f"W&B's run has logged other losses, so it belongs to an earlier training; {ADOPT}"
        if not ours and self._told[member.training] is not _Told.OTHER:
            return (
                before if old else (f"it belongs to a training that uimon has counted as another run's before; {ADOPT}")
            )
        parts = [(t, self._parts(member, t)) for t in ours]
        if self._told[member.training] is _Told.OTHER:
            return logged
        if all(step is None for _, step in parts):
            return before if old else ""
        training, step = max(parts, key=lambda part: part[1] or 0)
        other = self._newest(training).name
        if self._all.contradicts(member, training) is None:
            return f"{other}, a smaller step, was written later, so it belongs to an earlier training; {ADOPT}"
        return f"its log differs from that of {other} from step {step} on, so it belongs to another training; {ADOPT}"

    def _is_ahead(self, member: Member) -> bool:
        """True for one from before a run that has not come that far, and was not resumed there."""
        return self._is_old(member.written) and self._first <= member.last and self._reach < member.last

    def _parts(self, member: Member, training: int) -> int | None:
        """The step from which a checkpoint is none of a training's; None where it may be one."""
        relation = self._all.compare(member, training)
        if relation.fork is not None or relation.shared:
            return relation.fork
        return min(member.step, self._newest(training).step) if self._out_of_order(member, training) else None

    def _out_of_order(self, member: Member, training: int) -> bool:
        """True where a smaller step was written later."""
        return any(
            min(member.written, other.written) > OLDEST_TIME_S
            and (member.step - other.step) * (member.written - other.written) < 0
            and abs(member.written - other.written) > CLOCKS_APART_S
            for other in self._members[training]
        )

    def _why_silent_is_foreign(self, model: Member, told: Mapping[str, str]) -> str:
        """Of a checkpoint without a log."""
        if model.name in self._clues.taken:
            return ""
        if model.name == FINAL_NAME:
            own = [m for m in self._all.members.values() if m.name not in told and m is not model]
            after = [m for m in own if m.written > model.written + SAVING_S and not self._is_old(m.written)]
            if after:
                newest = max(after, key=lambda member: member.written).name
                return f"{newest} was written after it, so it is not the end of that training; {ADOPT}"
        before = self._before(model)
        if before is not None and before.name in told:
            return f"it belongs to the training of {before.name}, which is not this run's; {ADOPT}"
        if before is None and self._is_old(model.written):
            return f"it was written before this run began at W&B; {ADOPT}"
        return ""

    def _before(self, model: Member) -> Member | None:
        """The checkpoint by which a model in the run directory, or one that was left unfinished, is judged."""
        if model.name != FINAL_NAME and model.whole:
            return None
        logs = [member for members in self._members.values() for member in members]
        before = [member for member in logs if member.written <= model.written + SAVING_S]
        return max(before, key=lambda member: member.written, default=None)

    def _is_refused(self, training: int) -> bool:
        return any(member.name in self._clues.refused for member in self._members[training])

    def _is_old(self, written: float) -> bool:
        begun = self._clues.begun
        return begun is not None and OLDEST_TIME_S < written < begun - CLOCKS_APART_S

    def _newest(self, training: int) -> Member:
        return max(self._members[training], key=lambda member: (member.written, member.step))

    def _written(self, training: int) -> float:
        return self._newest(training).written
