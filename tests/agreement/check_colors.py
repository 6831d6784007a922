"""Do the color metrics see a collapse? Windows of healthy pages against the same pages recolored.

The pages are generated here, each with a palette of its own, and, where npm can fetch them, taken from packages under
the MIT license. Recolored pages are what a collapsed model writes: every hue blue with its shade kept, every hue
`blue-500`, every hue at random one of blue, indigo, violet and purple, one of the blues of Material, MUI, Chakra and
Bootstrap, or a muted purple. Components with a theme beside them (`color_pages`) keep their code, and their theme turns
blue.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from scorers import Completion, Language, Sample, aggregate, score_sample
from scorers.css.palette import HUE_BINS, Color, color_of, family, named
from tests.agreement.color_pages import themed_page
from tests.agreement.tools import Report, ToolMissing, npm, versions

WINDOW = 16
WINDOWS = 300
GENERATED = 300
TARGET = 0.99
FAMILY_TARGET = 0.95
PACKAGES = {"flowbite-react": "0.12.17", "notus-js": "1.1.0"}

# What a lower value of a metric says: collapse (-1), or health (1).
METRICS = {
    "eval/color_entropy": -1,
    "eval/color_shade_entropy": -1,
    "eval/hue_entropy": -1,
    "eval/blue_purple_share": 1,
    "eval/dominant_hue_share": 1,
    "eval/distinct_colors": -1,
    "eval/total_colors_used": -1,
}
# Where family entropy alone has to see it; it can't tell neighboring hues from a healthy mixture.
BY_FAMILY = ("all blue", "blue-500")

Window = Mapping[str, float | None]
Recolor = Callable[[str, random.Random], Color]
_BLUES = (
    *("#2196f3", "#1976d2", "#1565c0", "#42a5f5", "#0d47a1"),  # Material, MUI
    *("#3182ce", "#2b6cb0", "#4299e1"),  # Chakra
    *("#0d6efd", "#007bff", "#0a66c2", "#4a90e2", "#0056b3"),  # Bootstrap and others
)


def _known(css: str) -> Color:
    color = color_of(css)
    assert color is not None
    return color


RECOLORINGS: dict[str, Recolor] = {
    "all blue": lambda token, _: named(f"blue-{token.partition('-')[2]}"),
    "blue-500": lambda *_: named("blue-500"),
    "blue to purple": lambda token, chance: named(
        f"{chance.choice(('blue', 'indigo', 'violet', 'purple'))}-{token.partition('-')[2]}"
    ),
    "libraries' blues": lambda _, chance: _known(chance.choice(_BLUES)),
    "muted purples": lambda _, chance: _known(
        f"oklch({chance.uniform(0.35, 0.75):.3f} {chance.uniform(0.055, 0.1):.3f} {chance.uniform(275, 308):.1f})"
    ),
}
THEMED = "a theme turned blue"
# The metric that has to see each.
SEEN_BY = {**dict.fromkeys((*RECOLORINGS, THEMED), "eval/blue_purple_share")}

# As on real pages, where two tokens of three are neutral, most pages have one or two hues, and blue to purple is a
# third to a half of them: a healthy window is blue in part.
_ACCENTS = [*HUE_BINS, *["blue"] * 6, *["indigo"] * 4, *["violet", "purple", "emerald", "sky"] * 2]
_NEUTRAL_SHARE = 0.65
_NEUTRALS = ("gray", "slate", "zinc", "stone", "neutral")
_SHADES = (50, 100, 200, 300, 400, 500, 600, 700, 800, 900)
_PLACES = ("bg", "text", "border", "from", "to", "ring", "hover:bg", "hover:text", "dark:bg")
_HEX = ("#0f172a", "#e11d48", "#f97316", "#16a34a", "#0d9488", "#2563eb", "#7c3aed", "#db2777", "#fde047", "#f8fafc")


def check(report: Report) -> None:
    """Generated pages, then whatever real ones can be had."""
    chance = random.Random(20261125)
    generated = [score_sample(Completion(page(chance), language=Language.HTML)) for _ in range(GENERATED)]
    _check_pool(report, "generated pages", generated, required=True)
    _check_themes(report)
    try:
        modules = npm(PACKAGES)
    except ToolMissing as error:
        report.say(f"real pages: not checked: {error}")
        return
    real = [score_sample(completion) for completion in real_pages(modules)]
    _check_pool(report, f"pages of {versions(modules, PACKAGES)}", real, required=False)


def page(chance: random.Random) -> str:
    """A page with one or two accents, in one of the ways in which pages say their colors."""
    accents = chance.choices(_ACCENTS, k=chance.randint(1, 2))
    neutral = chance.choice(_NEUTRALS)
    own = dict(zip(("primary", "accent"), chance.sample(_HEX, 2), strict=True))
    variables = "".join(f"--color-{name}: {value};" for name, value in own.items())
    style = chance.choice(("palette", "arbitrary", "variables"))
    parts = "".join(_part(chance, accents, neutral, style) for _ in range(chance.randint(4, 30)))
    return f"<!doctype html><html><head><style>:root{{{variables}}}</style></head><body>{parts}</body></html>"


def _part(chance: random.Random, accents: Sequence[str], neutral: str, style: str) -> str:
    def color() -> str:
        if chance.random() < _NEUTRAL_SHARE:
            return chance.choice((f"{neutral}-{chance.choice(_SHADES)}", "white", f"{neutral}-900"))
        if style == "arbitrary" and chance.random() < 0.6:
            return f"[{chance.choice(_HEX)}]"
        if style == "variables" and chance.random() < 0.6:
            return f"[var(--color-{chance.choice(('primary', 'accent'))})]"
        return f"{chance.choice(accents)}-{chance.choice(_SHADES)}"

    classes = " ".join(f"{chance.choice(_PLACES)}-{color()}" for _ in range(chance.randint(1, 5)))
    return f'<div class="p-{chance.randint(1, 9)} {classes}"><p class="text-{color()}">Words</p></div>'


def real_pages(modules: Path) -> Iterator[Completion]:
    """The HTML and JSX files that these packages ship."""
    for name in PACKAGES:
        for file in sorted((modules / name).rglob("*")):
            language = {".html": Language.HTML, ".js": Language.JSX, ".jsx": Language.JSX}.get(file.suffix)
            text = file.read_text("utf-8", "replace") if language and file.is_file() else ""
            if language and len(text) < 500_000 and "node_modules" not in file.relative_to(modules / name).parts:
                yield Completion(text, language=language, source=str(file))


def _check_pool(report: Report, name: str, pages: Sequence[Sample], *, required: bool) -> None:
    """The AUC of every metric for every recoloring, over windows of pages with enough colors."""
    pool = [replace(sample, shape=(), classes=()) for sample in pages if sample.num_colors >= 3 and _hued(sample)]
    report.say(f"{name}: {len(pool)} with at least 3 color tokens, one of them a hue")
    if len(pool) < WINDOW:
        report.say("    too few for a window")
        return
    chance = random.Random(7)
    healthy = [aggregate(chance.sample(pool, WINDOW), replicates=0) for _ in range(WINDOWS)]
    for title, recolor in RECOLORINGS.items():
        windows = (chance.sample(pool, WINDOW) for _ in range(WINDOWS))
        recolored = [
            aggregate([recolored_sample(s, recolor, chance) for s in window], replicates=0) for window in windows
        ]
        found = _compare(report, title, healthy, recolored, required=required)
        if required and title in BY_FAMILY:
            report.require(f"{title}: family entropy's AUC", found["eval/color_entropy"], FAMILY_TARGET)


def _check_themes(report: Report) -> None:
    """Components whose colors are names, each with a theme beside it, against the same ones with a blue theme."""
    windows: dict[bool, list[Window]] = {}
    for blue in (False, True):
        chance = random.Random(20261128)
        pool = [score_sample(Completion(themed_page(chance, blue=blue))) for _ in range(GENERATED)]
        pool = [replace(sample, shape=(), classes=()) for sample in pool]
        windows[blue] = [aggregate(chance.sample(pool, WINDOW), replicates=0) for _ in range(WINDOWS)]
    report.say(f"generated components with css beside them: {GENERATED}")
    unresolved = max(window["eval/unresolved_color_share"] or 0 for window in windows[False])
    report.require("a theme beside a component: share of colors resolved", 1 - unresolved, TARGET)
    _compare(report, THEMED, windows[False], windows[True], required=True)


def _compare(
    report: Report, title: str, healthy: Sequence[Window], changed: Sequence[Window], *, required: bool
) -> dict[str, float]:
    """The AUC of every metric."""
    found = {metric: auc(_values(healthy, metric), _values(changed, metric)) for metric in METRICS}
    for metric, value in found.items():
        bands = f"healthy {_spread(healthy, metric)}, recolored {_spread(changed, metric)}"
        report.say(f"    {title:19} {metric:27} AUC {value:.3f}  {bands}")
    if required:
        report.require(f"{title}: AUC of {SEEN_BY[title]}", found[SEEN_BY[title]], TARGET)
    return found


def _hued(sample: Sample) -> bool:
    return bool(sample.hues)


def recolored_sample(sample: Sample, recolor: Recolor, chance: random.Random) -> Sample:
    """The sample with every hue recolored; grays, black and white stay."""
    tokens: Counter[str] = Counter()
    hues: Counter[str] = Counter()
    for token, count in sample.colors:
        color = recolor(token, chance) if family(token) in HUE_BINS else named(token)
        tokens[color.token] += count
        hues.update({color.hue: count} if color.hue else {})
    return replace(sample, colors=tuple(sorted(tokens.items())), hues=tuple(sorted(hues.items())))


def _values(windows: Sequence[Window], metric: str) -> list[float]:
    return [METRICS[metric] * value for window in windows if (value := window[metric]) is not None]


def _spread(windows: Sequence[Window], metric: str) -> str:
    """Least, median and greatest value."""
    values = sorted(abs(value) for value in _values(windows, metric))
    return "/".join(f"{value:.2f}" for value in (values[0], values[len(values) // 2], values[-1])) if values else "–"


def auc(healthy: Sequence[float], collapsed: Sequence[float]) -> float:
    """The chance that a collapsed window has a higher value than a healthy one; equal values count half.

    >>> auc([1, 2], [3, 2])
    0.875
    """
    order = sorted(healthy)
    wins = sum((bisect_left(order, value) + bisect_right(order, value)) / 2 for value in collapsed)
    return wins / (len(healthy) * len(collapsed)) if healthy and collapsed else 0.5
