"""What the rules compare between checkpoints: metrics of one evaluation's samples, each with its value without every
single sample, which is all that a paired test needs to know of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from scorers.metrics.aggregation import jackknifed
from scorers.metrics.jackknife import Jackknifed
from scorers.metrics.similarity import Similarity
from scorers.sample import Sample


class Measure(StrEnum):
    """A metric that is declared as watched; the value is its name."""

    COLOR_ENTROPY = "eval/color_entropy"
    HUE_ENTROPY = "eval/hue_entropy"
    BLUE_PURPLE = "eval/blue_purple_share"
    CLASSES = "eval/unique_tailwind_classes_3"
    HUELESS = "eval/hueless_share"
    DARK = "eval/lightness_dark_share"
    SIMILARITY = "eval/structure_similarity"
    NEAREST = "eval/structure_nearest"
    FLOOR = "eval/structure_floor"


def measure(samples: Sequence[Sample], alike: Similarity | None = None) -> dict[Measure, Jackknifed]:
    """All that can be measured of these samples; what is undefined for so few of them is left out. `alike` compares the
    shapes of two pages, where it is not the ordinary way."""
    return {Measure(name): found for name, found in jackknifed(samples, alike).items()}
