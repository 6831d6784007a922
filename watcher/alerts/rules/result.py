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
    """What a rule found at one look: a sign that began there.

    Attributes:
        level: How bad it is.
        evidence: What was seen, in a sentence for people.
        limits: The names of the settings (`[alerts]`) that made it count.
        over: Tells of a later look whether the sign is gone. It asks for more than the sign's absence, so that an
            episode does not flicker.
        samples: Positions of the newest entry's samples that show it, at most `SHOWN`.
    """

    level: AlertLevel
    evidence: str
    limits: tuple[str, ...]
    over: Callable[[View], bool]
    samples: tuple[int, ...] = ()


Detector = Callable[[View, AlertSettings], RuleResult | None]
"""A rule: a pure function that is asked at each look.

Args:
    view: What was known when its newest entry had been evaluated. It is never empty.
    settings: The thresholds.

Returns:
    What began at this look, or None. While an episode of the rule lasts, the rule is asked only whether it got worse.
"""


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
