"""The table of all metrics for docs/metrics.md, made of their declarations.

    python -m scorers.metrics.page docs/metrics.md

writes it anew between the marks in that page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scorers.metrics.catalog import METRICS
from scorers.metrics.computation import Pooled, Rate
from scorers.metrics.grades import Band, Grade
from scorers.metrics.metric import Direction, Metric

BEGIN: Final = "<!-- metrics:table -->\n"
END: Final = "<!-- /metrics:table -->\n"
_HEAD: Final = ("metric", "unit", "meaning", "better", "good", "bad", "95 % interval")
_BETTER: Final = {Direction.HIGHER: "higher", Direction.LOWER: "lower", Direction.NEITHER: ""}


def table() -> str:
    """All metrics but the companions, a row each: good and bad are by the measured bands.

    >>> [line for line in table().splitlines() if "blue" in line]
    ['| `eval/blue_purple_share` | 0-1 | blue to purple among hues, mean over samples | lower | ≤ 0.65 | ≥ 0.85 | \
bootstrap over prompts |']
    """
    return "\n".join((_row(_HEAD), _row(["---"] * len(_HEAD)), *_rows(), ""))


def refreshed(page: str) -> str:
    """A page with the table between its marks made anew. Raises ValueError where it has no marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN.strip()} … {END.strip()}")
    return f"{before}{BEGIN}{table()}{END}{after}"


def _rows() -> Iterator[str]:
    for metric in METRICS.values():
        if not metric.of:
            bands = (_bound(metric.bands, grade) for grade in (Grade.GOOD, Grade.BAD))
            name, better = f"`{metric.name}`", _BETTER[metric.better]
            yield _row((name, metric.unit, metric.meaning, better, *bands, _interval(metric)))


def _row(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bound(bands: tuple[Band, ...], grade: Grade) -> str:
    band = next((band for band in bands if band.grade is grade), None)
    if band is None:
        return ""
    return f"≥ {band.low:g}" if band.low is not None else f"≤ {band.high:g}"


def _interval(metric: Metric) -> str:
    match metric.computed:
        case Rate():
            return "Wilson's, clustered by prompt"
        case Pooled():
            return "bootstrap over prompts"
        case _:
            return "none"


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.write_text(refreshed(place.read_text("utf-8")), "utf-8")
