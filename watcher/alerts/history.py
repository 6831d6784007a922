"""What the rules see: one entry for each evaluated checkpoint of one suite, and the facts around them.

An entry keeps no pages, only what the rules need of them (some kilobytes), so that a service can hold a long run.
Entries of one suite have the same prompts at the same positions: the suite fixes the prompts, and the evaluation puts
its samples into the suite's order.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Protocol

from scorers.sample import Outcome, Sample, SampleError
from watcher.alerts.measures import Measure, measure
from watcher.alerts.statistics import Jackknifed

PERPLEXITY = "eval/perplexity"


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
    def samples(self) -> Sequence[Mapping[str, Any]]:
        """Samples as mappings: `prompt_id` and `score` are read."""
        ...

    @property
    def at(self) -> float:
        """When it was evaluated (Unix time)."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One evaluated checkpoint. `prompts` (ids), `outcomes` and `looping` are by the samples' positions; `looping` is
    true for a completion that ends in one text over and over. `valid` is how many samples parse. `at` is when it was
    evaluated (Unix time).
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

    @property
    def perplexity(self) -> float | None:
        """Held-out perplexity."""
        return self.metrics.get(PERPLEXITY)

    @property
    def validity(self) -> float:
        """Share of them; an evaluation has at least one sample."""
        return self.valid / len(self.outcomes)


def entry_of(evaluation: Evaluated) -> Entry:
    """The entry of an evaluation. Raises scorers.SampleError where it has no samples, or one cannot be read."""
    if not evaluation.samples:
        raise SampleError(
            f"The evaluation of step {evaluation.step} has no samples, so no warnings can be based on it."
        )
    scores = [Sample.from_dict(sample["score"]) for sample in evaluation.samples]
    return Entry(
        uid=evaluation.uid,
        step=evaluation.step,
        at=evaluation.at,
        metrics=evaluation.metrics,
        # The same in every entry of a suite, so kept once.
        prompts=tuple(intern(str(sample["prompt_id"])) for sample in evaluation.samples),
        outcomes=tuple(score.outcome for score in scores),
        looping=tuple(score.loops is True for score in scores),
        valid=sum(score.outcome is Outcome.VALID for score in scores),
        measures=measure(scores),
    )


@dataclass(frozen=True, slots=True)
class Arrival:
    """A checkpoint: when it was first seen complete, and when it was settled (evaluated, skipped or failed); None
    while it waits. Unix time.
    """

    step: int
    seen_at: float
    settled_at: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of a run, for one suite.

    `losses` are the trainer's (step, loss), NaN and infinity included. `references` are the metrics of the validation
    answers themselves, where they are known: what the data look like is no collapse. `non_finite` are (step, weights
    digest) of checkpoints that hold NaN or infinity. `arrivals` and `now` tell time; `ended` that no further checkpoint
    is to be expected.
    """

    entries: tuple[Entry, ...]
    losses: tuple[tuple[int, float], ...] = ()
    references: Mapping[str, float | None] = field(default_factory=dict)
    non_finite: tuple[tuple[int, str], ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    now: float = 0.0
    ended: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What was known when the last of `entries` (by step) had been evaluated: one look of a rule. Never empty.

    `losses` are the finite ones, of later steps too: a look uses those up to its own step.
    """

    entries: tuple[Entry, ...]
    losses: tuple[tuple[int, float], ...]
    references: Mapping[str, float | None]

    @property
    def newest(self) -> Entry:
        """The entry that is looked at."""
        return self.entries[-1]


def views(history: History, skip: int = 0) -> Iterator[View]:
    """Every look that was taken but the first `skip`, in the order of evaluation, so that a recomputation finds the
    same episodes.

    An older checkpoint that is evaluated later joins the history without a look of its own. A step that comes again
    with other weights means that the trainer has gone back: what was known of that step and of later ones is dropped.
    """
    losses = tuple(pair for pair in history.losses if math.isfinite(pair[1]))
    for number, known in enumerate(_looks(history)):
        if number >= skip:
            yield View(tuple(known), losses, history.references)


def look_marks(history: History) -> list[int]:
    """For each look a number that tells it, and all looks before it, from others in this process."""
    marks: list[int] = []
    mark = 0
    for known in _looks(history):
        mark = hash((mark, known[-1].uid, len(known)))
        marks.append(mark)
    return marks


def _looks(history: History) -> Iterator[list[Entry]]:
    """What was known at each look; the list is one and the same, and grows."""
    known: list[Entry] = []
    steps: set[int] = set()
    for entry in sorted(history.entries, key=lambda e: (e.at, e.step)):
        if entry.step in steps:
            del known[bisect_left(known, entry.step, key=_step) :]
            steps = {other.step for other in known}
        insort(known, entry, key=_step)
        steps.add(entry.step)
        if known[-1] is entry:
            yield known


def _step(entry: Entry) -> int:
    return entry.step
