"""Rules over perplexity and other metrics that have no pages behind them.

Held-out perplexity is the same loss over the same tokens at each checkpoint: its only noise is the training's own, from
one checkpoint to the next. That noise is read off the curve itself (the later half of its third differences, which a
curve that goes down smoothly hardly moves), and a rise is measured in it. A short or wild curve does not show its
noise; there only a rise counts that is too large to be any.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from statistics import fmean, median

from watcher.alerts.history import Entry, View
from watcher.alerts.rules.result import RuleResult, steps_of
from watcher.alerts.running import Curve, curve
from watcher.alerts.statistics import once_in, student_tail
from watcher.model import AlertLevel
from watcher.settings.alerts import AlertSettings, Milestone

# Half of normal noise lies within 0.6745 standard deviations; a third difference has twenty times its variance.
_SCALE = 0.6745 * math.sqrt(20)
_LEAST_DIFFERENCES = 3
_LEAST_CURVE = _LEAST_DIFFERENCES + 5
# Two checkpoints hardly ever agree better than this, whatever a short curve seems to say.
_LEAST_NOISE = 0.001
# How far a perplexity has to come back below its band, so that an episode does not flicker.
_BACK = 0.95


@dataclass(frozen=True, slots=True)
class _Rise:
    """Held-out perplexity above its lowest level: log scale, and the training losses around both places. `chance` is
    None for a rise that the curve's noise does not tell of, but that is too large to be any.
    """

    lowest: tuple[Entry, ...]
    now: tuple[Entry, ...]
    low: float
    size: float
    chance: float | None
    train_before: float | None
    train_now: float | None

    @property
    def overfits(self) -> bool:
        """The training loss is known, and has not risen at all."""
        before, now = self.train_before, self.train_now
        return before is not None and now is not None and now <= before


def overfitting(view: View, settings: AlertSettings) -> RuleResult | None:
    """Held-out perplexity rises, and the training loss does not."""
    rise = _rise(view, settings)
    return _risen(rise, settings) if rise is not None and rise.overfits else None


def diverging(view: View, settings: AlertSettings) -> RuleResult | None:
    """Held-out perplexity rises, and the training loss does so too, or is not known."""
    rise = _rise(view, settings)
    return None if rise is None or rise.overfits else _risen(rise, settings)


def _rise(view: View, settings: AlertSettings) -> _Rise | None:
    known = curve(view)
    if len(known.known) < 3 or known.known[-1] is not view.newest:
        return None
    earlier, now = len(known.logs) - 2, fmean(known.logs[-2:])
    # Levels are means of two evaluations, where there are two.
    width = min(2, earlier)
    place = known.lowest_level(earlier) if width == 2 else 0
    low = known.levels[place] if width == 2 else known.logs[0]
    size = now - low
    chance = _chance(size, known, earlier) if size >= math.log1p(settings.perplexity_rise) else None
    if chance is None or chance > settings.chance:
        if min(known.logs[-2:]) - low < math.log1p(settings.perplexity_jump):
            return None
        chance = None
    lowest = tuple(known.known[place : place + width])
    span = view.newest.step - lowest[-1].step
    return _Rise(
        lowest,
        tuple(known.known[-2:]),
        low,
        size,
        chance,
        _loss(view.losses, lowest[-1].step - span, lowest[-1].step),
        _loss(view.losses, view.newest.step - span, view.newest.step),
    )


def _chance(size: float, known: Curve, earlier: int) -> float | None:
    """How probable so large a rise above the lowest level is by the noise of the `earlier` part of the curve; None
    where that is too short to tell.
    """
    if len(known.known) < _LEAST_CURVE:
        return None
    noise, freedom = _noise(known.bends[: earlier - 3])
    # Each mean of two has half the variance; the lowest of many pairs is low by chance, too.
    return min(1.0, student_tail(size / noise, freedom) * (earlier - 1))


def _noise(bends: Sequence[float]) -> tuple[float, int]:
    """The standard deviation of a curve's noise by its third differences, and from how many of them it comes."""
    recent = bends[-max(_LEAST_DIFFERENCES, (len(bends) + 1) // 2) :]
    return max(median(map(abs, recent)) / _SCALE, _LEAST_NOISE), len(recent)


def _loss(losses: Sequence[tuple[int, float]], after: int, until: int) -> float | None:
    start, stop = (bisect_right(losses, step, key=itemgetter(0)) for step in (after, until))
    return fmean(loss for _, loss in losses[start:stop]) if start < stop else None


def _risen(rise: _Rise, settings: AlertSettings) -> RuleResult:
    train = "the training losses are not known"
    if rise.train_before is not None and rise.train_now is not None:
        train = f"training perplexity went from {_exp(rise.train_before)} to {_exp(rise.train_now)} meanwhile"
    noise = "A rise this large is not noise"
    if rise.chance is not None:
        noise = f"From the curve's own noise such a rise comes by chance {once_in(rise.chance)}"
    evidence = (
        f"Held-out perplexity is {_exp(rise.low + rise.size)} at {steps_of(rise.now)}, after {_exp(rise.low)} at "
        f"{steps_of(rise.lowest)}, {_rise_in_words(rise.size)}; {train}. {noise}."
    )
    back = rise.low + math.log1p(settings.perplexity_rise) / 2

    def over(view: View) -> bool:
        last = [entry.perplexity for entry in view.entries[-2:]]
        return all(value is not None and value <= math.exp(back) for value in last)

    limits = ("perplexity_jump",) if rise.chance is None else ("perplexity_rise", "false_alarms")
    return RuleResult(AlertLevel.WARN, evidence, limits, over)


def _rise_in_words(size: float) -> str:
    """A rise on the log scale.

    >>> _rise_in_words(0.1), _rise_in_words(9.0)
    ('a rise of 10.5 %', 'more than a hundredfold')
    """
    if size > math.log(100):
        return "more than a hundredfold"
    return f"a rise of {math.expm1(size):.1%}".replace("%", " %")


def _exp(loss: float) -> str:
    return f"{math.exp(min(loss, 700.0)):.3g}"


def perplexity_high(view: View, settings: AlertSettings) -> RuleResult | None:
    """Held-out perplexity is in a bad band at two evaluations one after the other, and never was below it: a rise is
    told by `overfitting` and `diverging`, which know other causes.
    """
    last = view.entries[-2:]
    values = [entry.perplexity for entry in last]
    if len(last) < 2 or last[0].step < settings.settled_step:
        return None
    for name, level in (("perplexity_warn", AlertLevel.WARN), ("perplexity_info", AlertLevel.INFO)):
        limit = float(getattr(settings, name))
        if curve(view).lowest[-1] <= limit:
            continue
        if all(value is not None and value > limit for value in values):
            shown = " and ".join(f"{value:.3g}" for value in values if value is not None)
            evidence = f"Held-out perplexity is {shown} at {steps_of(last)}; it should be below {limit:g} by then."
            return RuleResult(level, evidence, (name, "settled_step"), _below(limit * _BACK))
    return None


def _below(limit: float) -> Callable[[View], bool]:
    def over(view: View) -> bool:
        value = view.newest.perplexity
        return value is not None and value < limit

    return over


def progression_missed(view: View, settings: AlertSettings) -> RuleResult | None:
    """A milestone's step has passed and its metric is on the wrong side, its interval included where there is one."""
    due = [milestone for milestone in settings.milestones if milestone.step <= view.newest.step]
    missed = [sentence for milestone in due if (sentence := _missed(milestone, view.newest))]
    if not missed:
        return None
    evidence = f"At step {view.newest.step}: {'; '.join(missed)}."

    def over(later: View) -> bool:
        return not any(_missed(milestone, later.newest) for milestone in due)

    return RuleResult(AlertLevel.INFO, evidence, ("progression",), over)


def _missed(milestone: Milestone, entry: Entry) -> str:
    """What is missing, in words; empty where the milestone was reached or cannot be judged."""
    value = entry.metrics.get(milestone.metric)
    if value is None:
        return ""
    high = entry.metrics.get(f"{milestone.metric}_high")
    low = entry.metrics.get(f"{milestone.metric}_low")
    said = f"{milestone.metric} is {value:.3g}"
    if milestone.least is not None and (value if high is None else high) < milestone.least:
        return f"{said}, at least {milestone.least:g} was expected from step {milestone.step} on"
    if milestone.most is not None and (value if low is None else low) > milestone.most:
        return f"{said}, at most {milestone.most:g} was expected from step {milestone.step} on"
    return ""
