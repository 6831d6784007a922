"""The distributions behind the grades: `python -m tests.agreement.distributions FOLDER...`

Each folder is one set of healthy HTML pages, as one model or one author wrote them. Printed are the quantiles of every
graded metric in random windows of 16 and of 64 pages of each set, and the same for windows whose pages have collapsed.
Sets with fewer pages than a window are left out of it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from scorers import Completion, Language, Sample, grade_of, score_sample
from scorers.sample import DARK, LIGHT
from tests.agreement.collapses import (
    CHANGED,
    RECOLORINGS,
    Window,
    from_template,
    leaves,
    measured,
    quantile,
    recolored,
    values,
    windows,
)

SIZES = {16: 300, 64: 60}
TEMPLATES = 40
METRICS = (
    *("eval/color_entropy", "eval/hue_entropy", "eval/blue_purple_share", "eval/dominant_hue_share"),
    *("eval/hueless_share", "eval/lightness_dark_share", "eval/lightness_entropy"),
    *("eval/structure_similarity", "eval/structure_nearest", "eval/structure_floor"),
    "eval/unique_tailwind_classes_3",
)
_COLORS, _SHAPES = METRICS[:5], METRICS[7:10]
_MOST_PAGES = 300
_LEAST_LEAVES = 12
_SHARES = (0.0, 0.01, 0.5, 0.99, 1.0)


def main(folders: Sequence[str]) -> None:
    """Prints everything on standard output."""
    chance = random.Random(7)
    print(f"{'windows':40}{'metric':32}{'n':>5}  least, 1 %, median, 99 %, greatest; graded")
    for folder in map(Path, folders):
        texts = [file.read_text("utf-8", "replace") for file in sorted(folder.rglob("*.html"))]
        texts = chance.sample(texts, min(_MOST_PAGES, len(texts)))
        samples = [score_sample(Completion(text, language=Language.HTML)) for text in texts]
        pages = [sample for sample in samples if sample.shape]
        for size, count in SIZES.items():
            if len(pages) < size:
                continue
            _print(f"{folder.name}, {size} pages", METRICS, windows(pages, size, count, chance))
            for title, metrics, found in _collapses(texts, pages, size, count, chance):
                _print(f"  {title}, {size} pages", metrics, found)


def _collapses(
    texts: Sequence[str], pages: Sequence[Sample], size: int, count: int, chance: random.Random
) -> Iterator[tuple[str, Sequence[str], list[Window]]]:
    for title, recolor in RECOLORINGS.items():
        yield title, _COLORS, windows(pages, size, count, chance, partial(recolored, recolor=recolor, chance=chance))
    for lightness in (DARK, LIGHT):
        alike = [page for page in pages if page.lightness == lightness]
        if len(alike) >= size:
            yield f"{lightness} only", ("eval/lightness_dark_share",), windows(alike, size, count, chance)
    templates = [text for text in texts if leaves(text) >= _LEAST_LEAVES]
    for share in CHANGED:
        chosen = chance.sample(templates, min(TEMPLATES, len(templates)))
        changed = [measured(from_template(text, share, size, chance)) for text in chosen]
        yield f"one template, {share:.0%} changed", _SHAPES, changed


def _print(title: str, metrics: Sequence[str], found: Sequence[Window]) -> None:
    for metric in metrics:
        ordered = values(found, metric)
        grades = [grade.value for window in found if (grade := grade_of(metric, window))]
        graded = ", ".join(f"{grade} {grades.count(grade)}" for grade in sorted(set(grades)))
        spread = " ".join(f"{quantile(ordered, share):.2f}" for share in _SHARES) if ordered else "undefined"
        print(f"{title:40}{metric:32}{len(ordered):5}  {spread}  {graded}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
