"""Signs that no evaluation shows: NaN and infinity, checkpoints that pile up, a trainer from which nothing comes."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from watcher.alerts.catalog import Rule
from watcher.alerts.finding import Finding
from watcher.alerts.history import Arrival, History, View
from watcher.alerts.settings import AlertSettings
from watcher.durations import format_duration
from watcher.model import AlertLevel

# Checkpoints that one look at the directory finds came while nobody watched: their times say nothing.
_TOGETHER = 1.0
# Fewer intervals do not say what is usual.
_LEAST_INTERVALS = 3
# How often in a row the queue has to have grown.
_GROWTHS = 3


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign with the step at which it began, what tells its episode apart, and the step at which it was over."""

    rule: Rule
    finding: Finding
    step: int
    identity: str
    cleared_step: int | None = None


def non_finite_signs(history: History) -> Iterator[Sign]:
    """One for each stretch of NaN or infinity; a later checkpoint that could be evaluated ends it."""
    losses = {
        step: f"The trainer logged a loss of {loss} at step {step}."
        for step, loss in history.losses
        if not math.isfinite(loss)
    }
    weights = {
        step: f"The weights {digest[:12]} of step {step} hold NaN or infinity." for step, digest in history.non_finite
    }
    bad = losses | weights
    good = sorted({entry.step for entry in history.entries} - set(bad))
    known: set[int | None] = set()
    for step, evidence in sorted(bad.items()):
        cleared = next((g for g in good if g > step), None)
        if cleared not in known:
            yield Sign(Rule.NON_FINITE, _finding(AlertLevel.ERROR, evidence), step, evidence, cleared)
        known.add(cleared)


def waiting_signs(history: History, settings: AlertSettings) -> Iterator[Sign]:
    """What the times of the checkpoints say at this moment; a sign that is not found any more is over."""
    times = _times(history.arrivals)
    if history.ended or not times:
        return
    yield from _behind(times, history.arrivals, settings)
    yield from _silent(times, history, settings)


def _behind(times: Sequence[float], arrivals: Sequence[Arrival], settings: AlertSettings) -> Iterator[Sign]:
    """Begins with the checkpoint that found the queue grown several times in a row; over once it is short again."""
    queue = _waiting(times, arrivals)
    begun: int | None = None
    for i, length in enumerate(queue):
        grown = queue[max(0, i - _GROWTHS) : i + 1]
        if length < settings.behind_waiting:
            begun = None
        elif begun is None and len(grown) > _GROWTHS and all(b > a for a, b in pairwise(grown)):
            begun = i
    if begun is None or sum(arrival.settled_at is None for arrival in arrivals) < settings.behind_waiting:
        return
    step = max(arrival.step for arrival in arrivals if arrival.seen_at <= times[begun])
    evidence = (
        f"{queue[begun]} checkpoints waited for evaluation when that of step {step} came; as the last {_GROWTHS + 1} "
        f"came, {', '.join(map(str, queue[begun - _GROWTHS : begun + 1]))} waited."
    )
    yield Sign(Rule.FALLING_BEHIND, _finding(AlertLevel.WARN, evidence, ("behind_waiting",)), step, f"queue {step}")


def _waiting(times: Sequence[float], arrivals: Sequence[Arrival]) -> list[int]:
    """How many checkpoints waited at each of the `times`."""
    seen = sorted(arrival.seen_at for arrival in arrivals)
    settled = sorted(arrival.settled_at for arrival in arrivals if arrival.settled_at is not None)
    return [bisect_right(seen, time) - bisect_right(settled, time) for time in times]


def _silent(times: Sequence[float], history: History, settings: AlertSettings) -> Iterator[Sign]:
    gaps = [later - earlier for earlier, later in pairwise(times)]
    if len(gaps) < _LEAST_INTERVALS:
        return
    usual, silence = median(gaps), history.now - times[-1]
    # A trainer that evaluates or writes for long now and then is not silent each time.
    if silence <= max(settings.silent_factor * usual, 1.5 * max(gaps), settings.silent_least):
        return
    last = max(history.arrivals, key=lambda a: (a.seen_at, a.step))
    evidence = (
        f"No checkpoint for {format_duration(silence)} after step {last.step}; they came every "
        f"{format_duration(usual)} (median of {len(gaps)})."
    )
    finding = _finding(AlertLevel.WARN, evidence, ("silent_factor", "silent_least"))
    yield Sign(Rule.TRAINER_SILENT, finding, last.step, f"{last.step} seen {last.seen_at}")


def _times(arrivals: Sequence[Arrival]) -> list[float]:
    """When checkpoints came, those that were found together once."""
    times: list[float] = []
    for seen in sorted(arrival.seen_at for arrival in arrivals):
        if not times or seen - times[-1] > _TOGETHER:
            times.append(seen)
    return times


def _finding(level: AlertLevel, evidence: str, limits: tuple[str, ...] = ()) -> Finding:
    return Finding(level, evidence, limits, _never)


def _never(view: View) -> bool:  # noqa: ARG001
    """These signs end by not being found any more."""
    return False
