"""Do the metrics of variety see gray-only pages, dark-only pages and one template whose leaves change?

The pages are generated here: layouts in many styles, and pages with palettes and grounds of their own; where npm can
fetch them, pages that people wrote stand beside them. Each collapse names the metric that has to see it, in windows of
16 and 64 pages; the grades have to say so, too, and to call no healthy window bad.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from scorers import Completion, Grade, Language, Sample, grade_of, score_sample
from scorers.sample import DARK
from tests.agreement import check_colors, corpus
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
from tests.agreement.tools import Report, ToolMissing

SIZES = {16: 200, 64: 40}
"""How many windows of which size."""
PAGES = 300
TARGET = 0.99
FIRED = 0.95
GRADED = (
    *("eval/hue_entropy", "eval/blue_purple_share", "eval/dominant_hue_share", "eval/hueless_share"),
    *("eval/lightness_dark_share", "eval/structure_similarity", "eval/structure_nearest", "eval/structure_floor"),
)
_LEAST_LEAVES = 12
_GROUNDS = {
    "dark": ("slate-900", "gray-950", "zinc-900", "black", "[#0b1020]", "[#111827]"),
    "light": ("white", "gray-50", "slate-100", "[#fafaf9]", "amber-50", "[#f8fafc]"),
}
_DARK_SHARE = 0.35


def check(report: Report) -> None:
    """Every collapse against healthy windows, for generated layouts, colored pages and, where they are, human pages."""
    chance = random.Random(20261128)
    layouts = [corpus.page(seed) for seed in range(PAGES)]
    _check_templates(report, "generated layouts", layouts, chance)
    # Their layouts are all alike, since only colors are looked at.
    colored = [replace(_sample(_page(chance)), shape=()) for _ in range(PAGES)]
    for size, count in SIZES.items():
        healthy = windows(colored, size, count, chance)
        _none_bad(report, f"windows of {size} colored pages", healthy)
        gray = windows(colored, size, count, chance, partial(_gray, chance=chance))
        _require(report, f"gray only, {size} pages", "eval/hueless_share", healthy, gray)
        dark = windows([page for page in colored if page.lightness == DARK], size, count, chance)
        _require(report, f"dark only, {size} pages", "eval/lightness_dark_share", healthy, dark)
    try:
        shipped = [text for _, text in corpus.shipped()]
    except ToolMissing as error:
        report.say(f"human pages: not checked: {error}")
        return
    _check_templates(report, "pages of npm packages", shipped, chance, required=False)


def _check_templates(
    report: Report, name: str, pages: Sequence[str], chance: random.Random, *, required: bool = True
) -> None:
    samples = [_sample(text) for text in pages]
    templates = [text for text in pages if leaves(text) >= _LEAST_LEAVES]
    report.say(f"{name}: {len(samples)}, of which {len(templates)} have {_LEAST_LEAVES} leaves")
    for size, count in SIZES.items():
        healthy = windows(samples, size, count, chance)
        _none_bad(report, f"windows of {size}", healthy, required=required)
        for share in CHANGED:
            chosen = chance.sample(templates, min(count, len(templates)))
            changed = [measured(from_template(text, share, size, chance)) for text in chosen]
            title = f"{name}, one template, {share:.0%} of its leaves changed, {size} pages"
            for metric in ("eval/structure_similarity", "eval/structure_nearest"):
                _say(report, title, metric, healthy, changed)
            _require(report, title, "eval/structure_floor", healthy, changed, required=required)


def _sample(text: str) -> Sample:
    return score_sample(Completion(text, language=Language.HTML))


def _gray(sample: Sample, chance: random.Random) -> Sample:
    return recolored(sample, RECOLORINGS["gray only"], chance)


def _page(chance: random.Random) -> str:
    """A page with accents of its own on a ground of its own, which it says in one of many ways."""
    kind = "dark" if chance.random() < _DARK_SHARE else "light"
    ground = chance.choice(_GROUNDS[kind])
    css = ground.strip("[]") if ground.startswith("[") else {"dark": "#0f172a", "light": "#ffffff"}[kind]
    page = check_colors.page(chance)
    ways: tuple[Callable[[], str], ...] = (
        lambda: page.replace("<body>", f'<body class="bg-{ground}">'),
        lambda: page.replace("<body>", f'<body style="background:{css}">'),
        lambda: page.replace("</style>", f"body{{background-color:{css}}}</style>"),
        lambda: page.replace("<body>", f'<body><div class="min-h-screen bg-{ground}">').replace(
            "</body>", "</div></body>"
        ),
    )
    return chance.choice(ways)()


def _none_bad(report: Report, name: str, healthy: Sequence[Window], *, required: bool = True) -> None:
    for metric in GRADED:
        bad = sum(grade_of(metric, window) is Grade.BAD for window in healthy)
        if bad:
            report.say(f"    {name}: {metric} is graded bad in {bad} of {len(healthy)} healthy ones")
        if required:
            report.require(f"{name}: healthy windows whose {metric} is not bad", 1 - bad / len(healthy), TARGET)


def _require(
    report: Report,
    title: str,
    metric: str,
    healthy: Sequence[Window],
    collapsed: Sequence[Window],
    *,
    required: bool = True,
) -> None:
    value, fired = _say(report, title, metric, healthy, collapsed)
    if required:
        report.require(f"{title}: AUC of {metric}", value, TARGET)
        report.require(f"{title}: windows that {metric} does not grade good", fired, FIRED)


def _say(
    report: Report, title: str, metric: str, healthy: Sequence[Window], collapsed: Sequence[Window]
) -> tuple[float, float]:
    """The AUC of a metric that rises, and the share of collapsed windows that are not graded good."""
    before, after = values(healthy, metric), values(collapsed, metric)
    found = check_colors.auc(before, after)
    grades = [grade_of(metric, window) for window in collapsed]
    fired = sum(grade in (Grade.MEDIUM, Grade.BAD) for grade in grades) / len(grades)
    spread = ", ".join(
        f"{name} {quantile(v, 0):.3f}/{quantile(v, 0.5):.3f}/{quantile(v, 1):.3f}"
        for name, v in (("healthy", before), ("collapsed", after))
        if v
    )
    bad = grades.count(Grade.BAD) / len(grades)
    report.say(f"    {title}: {metric} AUC {found:.4f}, {spread}; not good {fired:.3f}, bad {bad:.3f}")
    return found, fired
