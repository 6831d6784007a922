"""What the rules see: one entry for each evaluated checkpoint of one suite, and the facts around them.

An entry keeps no pages, only what the rules need of them (some kilobytes), so that a service can hold a long run.
Entries of one suite have the same prompts at the same positions: the suite fixes the prompts, and the evaluation puts
its samples into the suite's order.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from sys import intern
from typing import Protocol

from scorers.metrics.jackknife import Jackknifed
from scorers.sample import Outcome, Sample, SampleError
from watcher.alerts.measures import Measure, measure
from watcher.alerts.track import Track
from watcher.checkpoints.training_log import LogSign
from watcher.model import Failure

PERPLEXITY = "eval/perplexity"


class Measured(Protocol):
    """A sample, of which the prompt and the measurements count. Raises scorers.SampleError where it cannot be read."""

    @property
    def prompt_id(self) -> str:
        """The prompt's identity."""
        ...

    @property
    def score(self) -> Sample:
        """What was measured of it."""
        ...


class Evaluated(Protocol):
    """An evaluation as the ledger keeps it, with its samples."""

    @property
    def uid(self) -> str:
        """Identity of checkpoint and suite."""
        ...

    @property
    def step(self) -> int:
        """The trainer's step."""
        ...

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Metrics by name."""
        ...

    @property
    def samples(self) -> Sequence[Measured]:
        """Its samples, in the suite's order."""
        ...

    @property
    def at(self) -> float:
        """When it was evaluated (Unix time)."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One evaluated checkpoint. `prompts` (ids), `outcomes` and `looping` are by the samples' positions; `looping` is
    true for a completion that ends in one text over and over. `valid` is how many samples parse. `at` is when it was
    evaluated, `seen_at` when its checkpoint was first seen (Unix time; 0 where that is not known).
    """

    uid: str
    step: int
    at: float
    metrics: Mapping[str, float | None]
    prompts: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    looping: tuple[bool, ...]
    valid: int
    measures: Mapping[Measure, Jackknifed]
    seen_at: float = 0.0

    @property
    def perplexity(self) -> float | None:
        """Held-out perplexity."""
        return self.metrics.get(PERPLEXITY)

    @property
    def validity(self) -> float:
        """Share of them; only of an evaluation that has samples."""
        return self.valid / len(self.outcomes)

    @property
    def sampled(self) -> bool:
        """False where texts were measured alone, so that only perplexity tells anything."""
        return bool(self.outcomes)


def entry_of(evaluation: Evaluated, *, sampled: bool = True) -> Entry:
    """The entry of an evaluation, `sampled` unless texts were measured alone.

    Raises scorers.SampleError where its samples are missing, or one cannot be read.
    """
    if sampled and not evaluation.samples:
        raise SampleError(
            f"The evaluation of step {evaluation.step} has no samples, so no warnings can be based on it."
        )
    scores = [sample.score for sample in evaluation.samples]
    return Entry(
        uid=evaluation.uid,
        step=evaluation.step,
        at=evaluation.at,
        metrics=evaluation.metrics,
        # The same in every entry of a suite, so kept once.
        prompts=tuple(intern(sample.prompt_id) for sample in evaluation.samples),
        outcomes=tuple(score.outcome for score in scores),
        looping=tuple(score.loops is True for score in scores),
        valid=sum(score.outcome is Outcome.VALID for score in scores),
        measures=measure(scores),
    )


@dataclass(frozen=True, slots=True)
class Arrival:
    """A checkpoint: when it was first seen complete, and when it was settled (evaluated, skipped or failed); None
    while it waits. Unix time. `new`: its weights are known to be none that came before: a directory that was copied, or
    that a policy passes over, may hold old ones.
    """

    step: int
    seen_at: float
    settled_at: float | None = None
    new: bool = True


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of a run, for one suite.

    `losses` are the trainer's (step, loss); NaN and infinity are included, but only those that it has not gone back
    behind since. `references` are the metrics of the validation answers themselves, where they are known: what the data
    look like is no collapse. `non_finite` are (step, weights digest) of checkpoints that hold NaN or infinity, as it
    stands now. `signs` are what the trainer's log shows as a whole, as far as it has not gone back. `failures` are all
    that there were, also of checkpoints that were evaluated later; `evaluated` are the checkpoints of whatever suite,
    settled when they were evaluated. `arrivals` and `now` tell time; `unwatched` are the spans (from, until) in which
    nobody looked; `ended` that no further checkpoint is to be expected.
    """

    entries: tuple[Entry, ...]
    losses: tuple[tuple[int, float], ...] = ()
    references: Mapping[str, float | None] = field(default_factory=dict)
    non_finite: tuple[tuple[int, str], ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    now: float = 0.0
    unwatched: tuple[tuple[float, float], ...] = ()
    ended: bool = False
    signs: tuple[LogSign, ...] = ()
    failures: tuple[Failure, ...] = ()
    evaluated: tuple[Arrival, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What was known when the last of `entries` (by step) had been evaluated: one look of a rule. Never empty.

    `losses` are the finite ones by step, of later steps too: a look uses those up to its own step. `track` keeps what
    the rules sum up from one look to the next. `began`: the step at which the rule's episode began that lasts; None
    where none does.
    """

    entries: tuple[Entry, ...]
    losses: tuple[tuple[int, float], ...]
    references: Mapping[str, float | None]
    track: Track = field(default_factory=Track, compare=False, repr=False)
    began: int | None = None

    @property
    def newest(self) -> Entry:
        """The entry that is looked at."""
        return self.entries[-1]

    def later(self, known: Sequence[Entry], newest: int) -> int:
        """How many of the `known` at the end are none to compare the `newest` ones with: these, and all since the
        episode began, or a slow collapse would become its own standard.
        """
        if self.began is None:
            return newest
        return max(newest, len(known) - bisect_left(known, self.began, key=_step))


def views(history: History, skip: int = 0, track: Track | None = None) -> Iterator[View]:
    """Every look that was taken but the first `skip`, in the order of evaluation, so that a recomputation finds the
    same episodes. `track` is that of the looks before, where there is one.

    An older checkpoint that is evaluated later joins the history without a look of its own. A step that was first seen
    after a higher one, or that comes again with other weights, means that the trainer has gone back: what was known of
    the steps after it is dropped. Step 0 is the base model, which may be evaluated at any time.
    """
    finite = (pair for pair in history.losses if math.isfinite(pair[1]))
    losses = tuple(sorted(finite, key=itemgetter(0)))
    track = track or Track()
    for number, known in enumerate(_looks(history)):
        if number >= skip:
            yield View(tuple(known), losses, history.references, track)


def look_marks(history: History) -> list[int]:
    """For each look a number that tells it, and all looks before it, from others in this process."""
    marks: list[int] = []
    mark = 0
    for known in _looks(history):
        mark = hash((mark, known[-1].uid, len(known)))
        marks.append(mark)
    return marks


def current(history: History) -> tuple[Entry, ...]:
    """What counts now, by step: nothing that the trainer has gone back behind."""
    [(known, _)] = deque(_course(history), maxlen=1)
    return tuple(known)


def _looks(history: History) -> Iterator[list[Entry]]:
    """What was known at each look; the list is one and the same, and grows."""
    return (known for known, entry in _course(history) if known and known[-1] is entry)


def _course(history: History) -> Iterator[tuple[list[Entry], Entry | None]]:
    """What was known after each evaluation, with its entry, and at last what is known now, with None."""
    known: list[Entry] = []
    branch = _Branch()
    sightings = {(arrival.seen_at, arrival.step) for arrival in history.arrivals if arrival.new}
    waiting = deque(sorted(sightings | {(entry.seen_at, entry.step) for entry in history.entries if entry.step}))
    for entry in (*sorted(history.entries, key=lambda e: (e.at, e.step)), None):
        gone_back = False
        while waiting and (entry is None or waiting[0][0] <= entry.at):
            gone_back |= branch.observe(*waiting.popleft())
        if gone_back:
            known[:] = [other for other in known if branch.holds(other)]
        if entry is not None and branch.holds(entry):
            _join(known, entry)
        yield known, entry


def _join(known: list[Entry], entry: Entry) -> None:
    """Add an entry. One of the same step gives way to the one that was seen, or else evaluated, later."""
    place = bisect_left(known, entry.step, key=_step)
    if place < len(known) and known[place].step == entry.step:
        if known[place].seen_at > entry.seen_at:
            return
        later = known[place + 1 :]
        known[place:] = [other for other in later if entry.step == 0 or other.seen_at > entry.seen_at]
    insort(known, entry, key=_step)


class _Branch:
    """The sightings that the trainer has not gone back behind, in the order in which they came, and so by step."""

    def __init__(self) -> None:
        self._seen: list[float] = []
        self._steps: list[int] = []

    def observe(self, seen_at: float, step: int) -> bool:
        """The next sighting; True where the trainer has gone back for it."""
        before = len(self._seen)
        while self._steps and self._steps[-1] > step:
            self._steps.pop()
            self._seen.pop()
        self._steps.append(step)
        self._seen.append(seen_at)
        return len(self._seen) <= before

    def holds(self, entry: Entry) -> bool:
        """False where a lower step was seen after this entry's checkpoint; unknown times are no evidence of that."""
        place = bisect_right(self._seen, entry.seen_at)
        return not entry.seen_at or place == len(self._seen) or self._steps[place] >= entry.step


def _step(entry: Entry) -> int:
    return entry.step
