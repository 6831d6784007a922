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
    """One metric.

    Attributes:
        name: Its full name, `eval/…`.
        unit: The unit of its values: `0-1` of a share, `bits`, `samples`, …; empty for a plain number.
        meaning: What it means, in a few words.
        computed: What computes it.
        better: Which values are better.
        bands: The measured bands, by which a value is graded.
        document_bands: Those of the document that the metrics came with, which are shown beside them.
        least: Of how many samples behind a value (its `…_n`) on the measured bands hold: a few pages may well be blue.
        headline: The title of its column where a few metrics have to do for all, empty for the others; a headline's
            interval is charted.
        watched: Whether the early warnings compare it between checkpoints, sample by sample.
        logged: Whether it is charted; what is not is in the JSON forms only, because a chart for each would bury those
            that people look at.
        rare: Whether it is a count that is 0 in most runs, and charted from the evaluation on in which it first is not.
        place: Where the keys of one with an interval stand in JSON documents (`catalog.in_place`); 0 for others.
        of: The metric that this one is a companion of; empty for one of its own.

    Raises:
        TypeError: It is `watched`, and nothing tells its value without each sample.
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
        """The grade of a value by the measured bands.

        Args:
            value: The value; None is undefined.
            samples: Over how many samples it is; None where there are enough.

        Returns:
            The grade; None where the value is undefined, between the bands, or of too few samples.

        >>> from scorers import METRICS
        >>> METRICS["eval/syntax_validity_rate"].grade(0.95).value, METRICS["eval/hue_entropy"].grade(0.0, 8)
        ('good', None)
        """
        if value is None or (samples is not None and samples < self.least):
            return None
        return grade(value, self.bands)

    def document_grade(self, value: float | None) -> Grade | None:
        """How the document that the metrics came with calls a value, whether or not that was found to hold.

        Args:
            value: The value; None is undefined.

        Returns:
            The document's grade, where it has one for the value.

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
