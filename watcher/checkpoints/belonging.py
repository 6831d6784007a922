"""Which of the checkpoints in a directory are of the run that is watched. Pure.

Trainings are told apart by their logs (`lineage`). Which of those that contradict each other is this run's shows by,
in this order:

| evidence | this run's is | why |
|---|---|---|
| what W&B's run logged itself | each whose losses it has; none at whose last common step it has another | own losses |
| the ledger | each of which a checkpoint was evaluated, or whose losses it holds | copies have any time |
| the ledger: a trainer that goes back | one that parts from such a training after one of its checkpoints | same run |
| the ledger: a trainer that begins anew | one that writes over such a training, or has no larger step | same run |
| when the weights were written | the one that was written last | a guess, which is said |

A checkpoint is another training's where its log differs from every training of this run's. One whose log is the same up
to its own step is of this training, whatever its time: copies and uploads have others. So where a run was resumed under
a new id, the checkpoints from before are evaluated for the new run, too: they are steps of the same training.

Time alone tells in one more case: a training of which nothing was written since W&B's run began, and of which neither
that run nor the ledger knows a step, is an earlier one; a run that W&B does not have yet begins later than now. So is a
checkpoint without a log that is older than the run. A run of one's own is filled with an old directory by
`--adopt-earlier`, by which everything there belongs. Without a log, a model in the run directory and what a trainer has
left unfinished are of the training whose checkpoint was written last before them.

What somebody asked for (`uimon retry STEP`) belongs, and shows nothing about its training.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from watcher.checkpoints.lineage import Member, Trainings
from watcher.model import FINAL_NAME

CLOCKS_APART_S = 60.0
"""By how many seconds the clocks of W&B and the trainer's machine may differ."""
OLDEST_TIME_S = 946_684_800.0
"""The year 2000: archives and images give files times before it, which say nothing."""
ADOPT = "--adopt-earlier takes what is there into this run"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known beside the checkpoints themselves.

    `taken`: names of checkpoints that this run's ledger has taken, as they lie there now; `steps`: those of all that it
    has taken. `over`: names under which it had taken other weights than lie there now. `refused`: names of those that
    it holds for an earlier run's. `knows(step, loss)`: whether it holds that loss; None where it has none of that step.
    `begun`: when W&B's run began, in seconds since the epoch. `logged`: the losses that the run itself has, by step.
    """

    taken: Collection[str] = ()
    steps: Collection[int] = ()
    over: Collection[str] = ()
    refused: Collection[str] = ()
    knows: Callable[[int, float], bool | None] = lambda step, loss: None  # noqa: ARG005
    begun: float | None = None
    logged: Mapping[int, Collection[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ruling:
    """`foreign`: for each checkpoint that is another training's a sentence why. `guess`: what was guessed, in a
    sentence, or empty. `asks`: what W&B's run itself has logged would tell more.
    """

    foreign: Mapping[str, str]
    guess: str = ""
    asks: bool = False


def rule(trainings: Trainings, evidence: Evidence) -> Ruling:
    """By the table at the top of this module."""
    judge = _Judge(trainings, evidence)
    ours, guess = judge.ours()
    foreign = dict(judge.foreign(ours))
    return Ruling(foreign, guess if foreign else "", asks=bool(foreign) or judge.divided)


class _Judge:
    """One ruling."""

    def __init__(self, trainings: Trainings, evidence: Evidence) -> None:
        self._all = trainings
        self._evidence = evidence
        self._members: dict[int, list[Member]] = {}
        for member in trainings.members.values():
            if member.training is not None:
                self._members.setdefault(member.training, []).append(member)

    @property
    def divided(self) -> bool:
        """True where there is more than one training."""
        return len(self._members) > 1

    def ours(self) -> tuple[list[int], str]:
        """The trainings of this run, and what was guessed for that."""
        answers = {t: self._is_logged(t) for t in self._members}
        known = [t for t, answer in answers.items() if answer or (answer is None and self._is_known(t))]
        if known:
            rest = [t for t in self._members if t not in known]
            return known + [t for t in rest if self._begins_anew(t, known, refuted=answers[t] is False)], ""
        open_to = [t for t in self._members if answers[t] is None and not self._is_old(self._written(t))]
        if not open_to:
            return [], ""
        newest = max(open_to, key=self._written)
        others = [t for t in open_to if self._all.fork(t, newest) is not None]
        if not others:
            return [newest], ""
        other = max(others, key=self._written)
        return [newest], (
            f"There are checkpoints of {len(others) + 1} trainings: {self._newest(newest).name} was written last, so "
            f"it is taken for this run's, and {self._newest(other).name} for an earlier one's."
        )

    def foreign(self, ours: Collection[int]) -> Iterator[tuple[str, str]]:
        """Each checkpoint that is not of these trainings, and why."""
        told: dict[str, str] = {}
        for member in self._all.members.values():
            if member.training is not None and (why := self._why_foreign(member, ours)):
                told[member.name] = why
        yield from told.items()
        for member in self._all.members.values():
            if member.training is None and member.name not in self._evidence.taken:
                before = self._before(member)
                if before is not None and before.name in told:
                    yield member.name, f"it is of the training of {before.name}, and that is another one; {ADOPT}"
                elif before is None and self._is_old(member.written):
                    yield member.name, f"it was written before this run began at W&B; {ADOPT}"

    def _why_foreign(self, member: Member, ours: Collection[int]) -> str:
        if member.name in self._evidence.taken:
            return ""
        parts = [(t, self._all.contradicts(member, t)) for t in ours]
        if any(step is None for _, step in parts):
            return ""
        if not parts:
            old = self._is_old(member.written)
            why = "it was written before this run began at W&B" if old else "W&B's run has logged other losses"
            return f"{why}, so it is of an earlier training; {ADOPT}"
        training, step = max(parts, key=lambda part: part[1] or 0)
        other = self._newest(training).name
        return f"its log differs from that of {other} from step {step} on, so it is of another training; {ADOPT}"

    def _is_logged(self, training: int) -> bool | None:
        """Whether W&B's run has logged this training's losses; None where the steps that both have do not tell."""
        logged = self._evidence.logged
        both = [(step, loss) for step, loss in self._all.losses(training) if step in logged] if logged else []
        if not both:
            return None
        last, loss = both[-1]
        if not any(_same(loss, other) for other in logged[last]):
            return False
        forks = [self._all.fork(training, other) for other in self._members]
        return True if all(fork is None or fork <= last for fork in forks) else None

    def _is_known(self, training: int) -> bool:
        """True where the ledger has taken a checkpoint of it, or holds the last of its losses that it can have."""
        if any(member.name in self._evidence.taken for member in self._members[training]):
            return True
        if not self._evidence.steps:
            return False
        answers = (self._evidence.knows(step, loss) for step, loss in reversed(list(self._all.losses(training))))
        return next((answer for answer in answers if answer is not None), False)

    def _begins_anew(self, training: int, known: Collection[int], *, refuted: bool) -> bool:
        """True for a training that this run's trainer began, or took up from one of its checkpoints, over the known.
        What W&B shows of a run comes late, so that one which writes over the known is this run's even where `refuted`.
        """
        members, evidence = self._members[training], self._evidence
        if any(self._all.fork(training, other) is None for other in known):
            return True
        if any(member.name in evidence.refused for member in members):
            return False
        forks = [self._all.fork(training, other) or 0 for other in known]
        goes_back = any(0 < step < fork for step in evidence.steps for fork in forks)
        writes_over = any(member.name in evidence.over for member in members)
        newer = self._written(training) > max(self._written(other) for other in known)
        smaller = max(member.step for member in members) <= max(evidence.steps, default=0)
        return newer and (writes_over or (not refuted and (goes_back or smaller)))

    def _is_old(self, written: float) -> bool:
        begun = self._evidence.begun
        return begun is not None and OLDEST_TIME_S < written < begun - CLOCKS_APART_S

    def _before(self, model: Member) -> Member | None:
        """The checkpoint by which a model in the run directory, or one that was left unfinished, is judged."""
        if model.name != FINAL_NAME and model.whole:
            return None
        before = [m for members in self._members.values() for m in members if m.written <= model.written + 2]
        return max(before, key=lambda member: member.written, default=None)

    def _newest(self, training: int) -> Member:
        return max(self._members[training], key=lambda member: (member.written, member.step))

    def _written(self, training: int) -> float:
        return self._newest(training).written


def _same(first: float, second: float) -> bool:
    """W&B keeps what was logged as it was; a reader may round it."""
    return abs(first - second) <= 1e-6 * max(abs(first), abs(second))
