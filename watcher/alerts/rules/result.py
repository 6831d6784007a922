"""What one look of a rule finds, and the words that all rules share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from watcher.alerts.history import Entry, View
from watcher.model import AlertLevel
from watcher.settings.alerts import AlertSettings

SHOWN = 5
"""Samples that an episode points at, at most."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """A sign that began at this look.

    `evidence` says in words what was seen, `limits` names the settings that made it count, `samples` are positions of
    the newest entry's samples that show it. `over` tells of a later look whether the sign is gone; it asks for more
    than the sign's absence, so that an episode does not flicker.
    """

    level: AlertLevel
    evidence: str
    limits: tuple[str, ...]
    over: Callable[[View], bool]
    samples: tuple[int, ...] = ()


Detector = Callable[[View, AlertSettings], RuleResult | None]


def steps_of(entries: Sequence[Entry]) -> str:
    """Which steps entries are of, for a sentence.

    >>> from types import SimpleNamespace as At
    >>> [steps_of([At(step=s) for s in steps]) for steps in ((50,), (50, 100), (50, 100, 150))]
    ['step 50', 'steps 50 and 100', 'steps 50 to 150']
    """
    if len(entries) == 1:
        return f"step {entries[0].step}"
    joint = "and" if len(entries) == 2 else "to"
    return f"steps {entries[0].step} {joint} {entries[-1].step}"


def percent(share: float) -> str:
    """A share in words.

    >>> percent(0.953), percent(1.0), percent(0.005)
    ('95 %', '100 %', '0.5 %')
    """
    return f"{share:.1%}".replace(".0%", " %").replace("%", " %") if 0 < share < 0.01 else f"{share:.0%}"[:-1] + " %"
