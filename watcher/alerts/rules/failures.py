"""Checkpoints that could not be evaluated. NaN and infinity in the weights are told by `non_finite`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from watcher.alerts.catalog import failure_meaning
from watcher.alerts.history import Arrival, History
from watcher.alerts.rules.timing import Sign, lasting
from watcher.model import AlertLevel, Failure, Reason
from watcher.settings.alerts import Rule


@dataclass(slots=True)
class _Open:
    """An episode that lasts: the failure with which it began, and the one of the newest checkpoint."""

    first: Failure
    newest: Failure


def failure_signs(history: History) -> Iterator[Sign]:
    """One for each stretch of failures of one reason. It is over once a checkpoint is evaluated that is none of the
    earlier ones.

    What happened is taken in the order in which it happened, so that nothing later changes with which failure an
    episode began, and the episode keeps its key.
    """
    open_: dict[Reason, _Open] = {}
    course: list[Failure | Arrival] = [*history.failures, *history.evaluated] if history.failures else []
    for happened in sorted(course, key=_when):
        if isinstance(happened, Arrival):
            for reason, episode in list(open_.items()):
                if _is_later(happened, episode.newest):
                    yield _sign(open_.pop(reason).first, happened.step)
        elif (known := open_.get(happened.reason)) is None:
            open_[happened.reason] = _Open(happened, happened)
        else:
            known.newest = max(known.newest, happened, key=attrgetter("seen_at", "step"))
    for episode in open_.values():
        yield _sign(episode.first, None)


def _when(happened: Failure | Arrival) -> float:
    return happened.at if isinstance(happened, Failure) else happened.settled_at or 0.0


def _is_later(evaluated: Arrival, failure: Failure) -> bool:
    """Whether the trainer wrote the evaluated checkpoint after the failed one, or it is that very one. Where it is not
    known when it was seen its step tells. The base model is no later checkpoint of anything.
    """
    if 0 in (evaluated.step, failure.step):
        return evaluated.step == failure.step
    if not evaluated.seen_at:
        return evaluated.step >= failure.step
    return (evaluated.seen_at, evaluated.step) >= (failure.seen_at, failure.step)


def _sign(failure: Failure, cleared_step: int | None) -> Sign:
    return Sign(
        Rule.CHECKPOINT_FAILED,
        lasting(AlertLevel.WARN, failure.detail),
        failure.step,
        failure.key,
        cleared_step,
        failure_meaning(failure.name, failure.reason),
        failure.key,
    )
