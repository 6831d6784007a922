"""Which checkpoints are evaluated, and in which order, when training is faster than evaluation. Pure.

| policy | evaluates | in this order |
|---|---|---|
| `all` | every one | as they were trained |
| `latest` | every one that is still there | the newest first; older ones while nothing newer waits |
| `every:K` | one in at least K steps | as they were trained |

The base model (step 0, when it is asked for), the final checkpoint, and what somebody asks for with `uimon retry` are
always evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from watcher.model import Reason, UimonError
from watcher.settings.arguments import whole_number


class PendingStep(Protocol):
    """A complete checkpoint, as the ledger's records are."""

    @property
    def step(self) -> int: ...
    @property
    def final(self) -> bool: ...
    @property
    def asked(self) -> bool: ...


C = TypeVar("C", bound=PendingStep)


@dataclass(frozen=True, slots=True)
class Policy:
    """`newest_first` for `latest`; `every` is K in steps, 0 where all are due."""

    newest_first: bool = False
    every: int = 0

    def is_due(self, candidate: PendingStep, taken: Iterable[int]) -> bool:
        """Whether `candidate` is evaluated; `taken` are the steps of those that are, or were.

        >>> [Policy(every=100).is_due(c, taken=[50]) for c in (_Step(100), _Step(150), _Step(120, final=True))]
        [False, True, True]
        """
        if not self.every or candidate.step == 0 or candidate.final or candidate.asked:
            return True
        before = [step for step in taken if 0 < step <= candidate.step]
        return not before or candidate.step - max(before) >= self.every or candidate.step in before

    def in_order(self, candidates: Sequence[C]) -> list[C]:
        """The candidates, which come by ascending step, in the order in which they are due."""
        return list(reversed(candidates)) if self.newest_first else list(candidates)


def parse_policy(text: str) -> Policy:
    """Read `all`, `latest` or `every:K`. Raises UimonError(CONFIG_INVALID).

    >>> parse_policy("every:200")
    Policy(newest_first=False, every=200)
    """
    kind, _, number = text.partition(":")
    if kind == "every" and (steps := whole_number(number)):
        return Policy(every=steps)
    if text in ("all", "latest"):
        return Policy(newest_first=text == "latest")
    raise UimonError(
        Reason.CONFIG_INVALID, f"The policy {text!r} is not known: give all, latest, or every:K with K in steps."
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """A candidate for the example above."""

    step: int
    final: bool = False
    asked: bool = False
