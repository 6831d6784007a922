"""What a metric is: its one declaration, from which everything else about it is taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from scorers.metrics.computation import Computation, Pooled, Rate
from scorers.metrics.grades import Band, Grade, grade
from scorers.metrics.statistic import LeaveOneOut


class Direction(StrEnum):
    """Which values are better."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its full name, the unit of its values, what it means, and what computes it.

    `better` says which values are. `bands` are the measured ones, `document_bands` those of the document that the
    metrics came with. `least` is the number of samples behind a value (its `…_n`) from which on the measured bands
    hold: a few pages may well be blue. `headline` is the title of its column where a few metrics have to do for all,
    and empty for the others; a headline's interval is charted. One that is `watched` is compared between checkpoints by
    the early warnings, sample by sample. What is not `logged` is in the JSON forms only: a chart for each would bury
    those that people look at. A `rare` count is 0 in most runs, and is charted from the evaluation on in which it first
    is not. `place` is where the keys of one with an interval stand in JSON documents (`catalog.in_place`). `of` names
    the metric that this one is a companion of.
    """

    name: str
    unit: str
    meaning: str
    computed: Computation
    better: Direction = Direction.NEITHER
    bands: tuple[Band, ...] = ()
    document_bands: tuple[Band, ...] = ()
    least: int = 0
    headline: str = ""
    watched: bool = False
    logged: bool = True
    rare: bool = False
    place: int = 0
    of: str = ""

    def __post_init__(self) -> None:
        if self.watched:
            _ = self.compared

    @property
    def compared(self) -> LeaveOneOut:
        """What tells the value without each sample. Raises TypeError where nothing does."""
        subject = self.computed.statistic if isinstance(self.computed, Pooled) else self.computed
        if not isinstance(subject, LeaveOneOut):
            raise TypeError(f"{self.name} cannot be watched: nothing tells its value without each sample")
        return subject

    def grade(self, value: float | None, samples: float | None = None) -> Grade | None:
        """The grade of a value over so many samples, if there is one; without `samples`, enough are assumed.

        >>> from scorers import METRICS
        >>> METRICS["eval/syntax_validity_rate"].grade(0.95).value, METRICS["eval/hue_entropy"].grade(0.0, 8)
        ('good', None)
        """
        if value is None or (samples is not None and samples < self.least):
            return None
        return grade(value, self.bands)

    def document_grade(self, value: float | None) -> Grade | None:
        """How the document that the metrics came with calls a value, whether or not that was found to hold.

        >>> from scorers import METRICS
        >>> METRICS["eval/color_entropy"].document_grade(3.4).value, METRICS["eval/color_entropy"].grade(3.4)
        ('good', None)
        """
        return None if value is None else grade(value, self.document_bands)

    @property
    def has_interval(self) -> bool:
        """Whether it has companions: the ends of its 95 % interval, and the number of samples that it is about."""
        return isinstance(self.computed, Rate | Pooled) and not self.of

    def with_companions(self) -> Iterator[Metric]:
        """This metric, and `…_low`, `…_high` and `…_n` where it has an interval."""
        yield self
        if not self.has_interval:
            return
        plain = Metric(self.name, self.unit, self.meaning, self.computed, of=self.name, logged=bool(self.headline))
        yield replace(plain, name=f"{self.name}_low", meaning="lower end of its 95 % interval")
        yield replace(plain, name=f"{self.name}_high", meaning="upper end of its 95 % interval")
        number = replace(plain, name=f"{self.name}_n", unit="samples", meaning="samples it is about")
        yield replace(number, logged=False)
