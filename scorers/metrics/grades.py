"""How a value reads: good, medium or bad, by bands.

Two kinds of bands stand beside one another. The *measured* ones grade a value: they lie between what healthy sets of
pages have and what collapsed ones have; docs/scores.md gives both distributions, and the command that measures them.
The *document's* are those of the metrics this tool took over; they are shown as what they are. Where the two
distributions overlap, no mark can tell them apart, so there is no measured band and no grade: color entropy is such a
metric, because grays, black and white carry most of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How a value reads; a value between the bands has none."""

    GOOD = "good"
    MEDIUM = "medium"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Band:
    """All values from `low` to `high`, both included; None is without bound."""

    grade: Grade
    low: float | None = None
    high: float | None = None

    def __contains__(self, value: float) -> bool:
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)


def grade(value: float, bands: tuple[Band, ...]) -> Grade | None:
    """The grade of the first band that contains the value: bands share their bounds."""
    return next((band.grade for band in bands if value in band), None)


def rising(good: float, bad: float) -> tuple[Band, ...]:
    """Low values are good: up to `good`, and from `bad` on they are not."""
    return (Band(Grade.GOOD, None, good), Band(Grade.BAD, bad, None), Band(Grade.MEDIUM, good, bad))


PERPLEXITY = (Band(Grade.MEDIUM, 10, 20), Band(Grade.GOOD, None, 10), Band(Grade.BAD, 20, None))
VALIDITY = (Band(Grade.GOOD, 0.95, None), Band(Grade.MEDIUM, 0.90, 0.95), Band(Grade.BAD, None, 0.90))
ENTROPY = (Band(Grade.MEDIUM, 2, 3), Band(Grade.GOOD, 3, None), Band(Grade.BAD, None, 1.5))
CLASSES = (Band(Grade.GOOD, 50, None), Band(Grade.BAD, None, 30), Band(Grade.MEDIUM, 30, 50))
# From windows of 12 and more pages of six tuned models and of a human collection (docs/scores.md): at most one healthy
# one in a hundred is beyond the bad mark; nearly all are whose pages have one hue, no hue, or one template's layout.
LEAST = 12
HUE = (Band(Grade.GOOD, 1.5, None), Band(Grade.BAD, None, 0.75), Band(Grade.MEDIUM, 0.75, 1.5))
BLUE_PURPLE = rising(0.65, 0.85)
DOMINANT = rising(0.75, 0.92)
HUELESS = rising(0.65, 0.85)
DARK = rising(0.85, 0.97)
SIMILARITY = rising(0.23, 0.3)
NEAREST = rising(0.65, 0.8)
FLOOR = rising(0.1, 0.14)
