"""Signs that no evaluation shows: NaN and infinity, a log without learning, checkpoints that pile up, a trainer from
which nothing comes."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from watcher.alerts.catalog import Meaning
from watcher.alerts.history import Arrival, History, View, current
from watcher.alerts.rules.result import RuleResult
from watcher.checkpoints.training_log import LogSign, SignKind
from watcher.model import AlertLevel
from watcher.settings.alerts import AlertSettings, Rule
from watcher.settings.durations import format_duration

# Checkpoints that one look at the directory finds came while nobody watched: their times say nothing.
_TOGETHER = 1.0
# Fewer intervals do not say what is usual.
_LEAST_INTERVALS = 3
# The queue is compared with that of so many arrivals ago, so that one that grows only now and then is seen, too.
_WINDOW = 8
_LEAST_WINDOW = 4


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign with the step at which it began, what tells its episode apart, and the step at which it was over.
    `meaning` is what it means where that is not what its rule means in general; `key` is that of its episode where it
    does not come from rule, step and identity.
    """

    rule: Rule
    result: RuleResult
    step: int
    identity: str
    cleared_step: int | None = None
    meaning: Meaning | None = None
    key: str = ""


def non_finite_signs(history: History) -> Iterator[Sign]:
    """One for each stretch of NaN or infinity; a later checkpoint that could be evaluated ends it. Gradients without a
    number end with the first that is one: the weights stay what they were while such steps are left out.
    """
    gradients = [sign for sign in history.signs if sign.kind is SignKind.GRADIENTS]
    for sign in gradients:
        identity = f"{sign.kind}{_turn(sign.step, history.arrivals)}"
        yield Sign(Rule.NON_FINITE, lasting(AlertLevel.ERROR, sign.evidence), sign.step, identity, sign.cleared_step)
    losses = {
        step: f"The trainer logged a loss of {loss} at step {step}."
        for step, loss in history.losses
        if not math.isfinite(loss) and not any(_spans(sign, step) for sign in gradients)
    }
    weights = {
        step: f"The weights {digest[:12]} of step {step} hold NaN or infinity." for step, digest in history.non_finite
    }
    bad = losses | weights
    good = [entry.step for entry in current(history) if entry.step not in bad] if bad else []
    known: set[int | None] = set()
    for step, evidence in sorted(bad.items()):
        cleared = next((g for g in good if g > step), None)
        if cleared not in known:
            identity = f"{evidence}{_turn(step, history.arrivals)}"
            yield Sign(Rule.NON_FINITE, lasting(AlertLevel.ERROR, evidence), step, identity, cleared)
        known.add(cleared)


def log_signs(history: History) -> Iterator[Sign]:
    """A log in which nothing is learned; each stretch is told once, and is over where the log goes on otherwise."""
    for sign in history.signs:
        if sign.kind is not SignKind.GRADIENTS:
            identity = f"{sign.kind}{_turn(sign.step, history.arrivals)}"
            result = lasting(AlertLevel.WARN, sign.evidence)
            yield Sign(Rule.NOT_LEARNING, result, sign.step, identity, sign.cleared_step)


def _spans(sign: LogSign, step: int) -> bool:
    """True where the step lies in the sign's stretch of the log."""
    return sign.step <= step and (sign.cleared_step is None or step < sign.cleared_step)


def _turn(step: int, arrivals: Sequence[Arrival]) -> str:
    """Tells the time when the trainer came to this step again, having gone back, from the first: it is news again.

    >>> came = [Arrival(s, float(at)) for at, s in enumerate((100, 200, 100))]
    >>> _turn(200, came), _turn(200, [*came, Arrival(200, 3.0)]), _turn(300, came)
    (' (2)', ' (2)', '')
    """
    reached = [arrival.step >= step for arrival in sorted(arrivals, key=_by_time) if arrival.new]
    # It is there now: what is known of it was logged for a checkpoint that may not have been read yet.
    turns = sum(now and not before for before, now in pairwise([False, *reached, True]))
    return f" ({turns})" if turns > 1 else ""


def waiting_signs(history: History, settings: AlertSettings) -> Iterator[Sign]:
    """What the times of the checkpoints say at this moment; a sign that is not found any more is over."""
    if history.ended or not history.arrivals:
        return
    yield from _behind(history, settings)
    yield from _silent(history, settings)


def _behind(history: History, settings: AlertSettings) -> Iterator[Sign]:
    """Begins with the checkpoint that found a longer queue than several before it did; over once it is short again."""
    least, arrivals = settings.behind_waiting, history.arrivals
    times = _times(arrival.seen_at for arrival in arrivals)
    queue = _waiting(times, arrivals)
    begun: tuple[int, int] | None = None
    for last, first in enumerate(_window_starts(times, history)):
        if queue[last] < least:
            begun = None
        elif begun is None and last - first >= _LEAST_WINDOW and queue[last] > queue[first]:
            begun = first, last
    # The next checkpoint adds one to those that wait now: what it will find short is short already.
    if begun is None or sum(arrival.settled_at is None for arrival in arrivals) + 1 < least:
        return
    first, last = begun
    step = max(arrival.step for arrival in arrivals if arrival.seen_at <= times[last])
    evidence = (
        f"{queue[last]} checkpoints waited for evaluation when that of step {step} came, {queue[first]} when "
        f"the one {last - first} arrivals earlier did."
    )
    yield Sign(Rule.FALLING_BEHIND, lasting(AlertLevel.WARN, evidence, ("behind_waiting",)), step, f"queue {step}")


def _window_starts(times: Sequence[float], history: History) -> Iterator[int]:
    """For each of the `times` the earlier one to compare with: some before it, but none from before the evaluation got
    going, nor before what came while nobody watched. While an engine starts, a queue says nothing.
    """
    # What a policy passes over is settled at once, also while the engine starts.
    settled = sorted(at for a in history.arrivals if (at := a.settled_at) is not None and at - a.seen_at > _TOGETHER)
    for i, time in enumerate(times):
        broken = max((until for since, until in history.unwatched if since < time), default=-math.inf)
        place = bisect_right(settled, broken)
        going = settled[place] if place < len(settled) else math.inf
        yield min(i, max(i - _WINDOW, bisect_right(times, going)))


def _waiting(times: Sequence[float], arrivals: Sequence[Arrival]) -> list[int]:
    """How many checkpoints waited at each of the `times`."""
    seen = sorted(arrival.seen_at for arrival in arrivals)
    settled = sorted(arrival.settled_at for arrival in arrivals if arrival.settled_at is not None)
    return [bisect_right(seen, time) - bisect_right(settled, time) for time in times]


def _silent(history: History, settings: AlertSettings) -> Iterator[Sign]:
    def watched(time: float) -> float:
        """The time without those spans before it in which nobody would have seen a checkpoint."""
        return time - sum(max(0.0, min(time, until) - since) for since, until in history.unwatched)

    times = _times(watched(arrival.seen_at) for arrival in history.arrivals)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    if len(gaps) < _LEAST_INTERVALS:
        return
    usual, silence = median(gaps), watched(history.now) - times[-1]
    # A trainer that evaluates or writes for long now and then is not silent each time.
    if silence <= max(settings.silent_factor * usual, 1.5 * max(gaps), settings.silent_least):
        return
    last = max(history.arrivals, key=_by_time)
    evidence = (
        f"No checkpoint for {format_duration(silence)} after step {last.step}; they came every "
        f"{format_duration(usual)} (median of {len(gaps)})."
    )
    result = lasting(AlertLevel.WARN, evidence, ("silent_factor", "silent_least"))
    yield Sign(Rule.TRAINER_SILENT, result, last.step, f"{last.step} seen {last.seen_at}")


def _times(moments: Iterable[float]) -> list[float]:
    """When checkpoints came, those that were found together once."""
    times: list[float] = []
    for moment in sorted(moments):
        if not times or moment - times[-1] > _TOGETHER:
            times.append(moment)
    return times


def _by_time(arrival: Arrival) -> tuple[float, int]:
    return arrival.seen_at, arrival.step


def lasting(level: AlertLevel, evidence: str, limits: tuple[str, ...] = ()) -> RuleResult:
    """A finding whose sign ends by not being found any more."""
    return RuleResult(level, evidence, limits, _never)


def _never(view: View) -> bool:  # noqa: ARG001
    return False
