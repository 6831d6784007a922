"""Rules over pooled statistics: colors, hues, lightness and layouts that lose their variety."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum

from scorers.metrics.jackknife import Jackknifed
from watcher.alerts.history import Entry, View
from watcher.alerts.measures import Measure
from watcher.alerts.rules.counts import LOOKS
from watcher.alerts.rules.result import SHOWN, RuleResult, percent, steps_of
from watcher.alerts.running import Since, since
from watcher.alerts.statistics import difference, once_in
from watcher.alerts.track import Stretch
from watcher.model import AlertLevel
from watcher.settings.alerts import AlertSettings


@dataclass(frozen=True, slots=True)
class WatchedMeasure:
    """One way in which a measure can go wrong.

    `sign` is +1 where rising is bad, -1 where falling is. Since a value at or beyond `good` was seen, a change of at
    least `change` (a share of the former value where it is `relative`) counts if it ends at or beyond `warn`. A run
    that never was good has collapsed beyond `collapse`, which is worse than a change in any case. Where healthy pages
    of some sets lie beyond it, it is not `absolute`: it tells only how bad a change is. Where no validation answers are
    known, which tell what is usual, `alone` counts in its place: what no set of real pages shows. `limits` are the
    settings that this comes from.
    """

    measure: Measure
    words: str
    sign: int
    good: float
    change: float
    limits: tuple[str, ...]
    warn: float | None = None
    collapse: float | None = None
    absolute: bool = True
    alone: float | None = None
    relative: bool = False
    share: bool = False

    def beyond(self, value: float, mark: float | None) -> bool:
        """Whether a value is at the mark or on its bad side; there is nothing beyond no mark."""
        return mark is not None and self.sign * (value - mark) >= 0

    def show(self, value: float) -> str:
        """A value for people."""
        return percent(value) if self.share else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


@dataclass(frozen=True, slots=True)
class _Look:
    """The newest evaluations against the earlier ones, as far as the measure is known for enough pages; `usual` is the
    mean over the earlier ones.
    """

    now: Sequence[Entry]
    before: Stretch
    usual: float


def colors_collapsed(view: View, settings: AlertSettings) -> RuleResult | None:
    """The entropy of color families, or that of hues, has crashed."""
    family = WatchedMeasure(
        Measure.COLOR_ENTROPY,
        "bits of color entropy",
        sign=-1,
        good=settings.entropy_good,
        warn=settings.entropy_warn,
        change=settings.entropy_drop,
        collapse=settings.entropy_collapse,
        # People's components lie between 1.0 and 3.1 bits, all-blue pages between 1.2 and 3.1: grays decide.
        absolute=False,
        limits=("entropy_good", "entropy_warn", "entropy_drop", "entropy_collapse"),
    )
    hue = WatchedMeasure(
        Measure.HUE_ENTROPY,
        "bits of hue entropy",
        sign=-1,
        good=settings.hue_good,
        warn=settings.hue_warn,
        change=settings.hue_drop,
        collapse=settings.hue_collapse,
        alone=settings.hue_alone,
        limits=("hue_good", "hue_warn", "hue_drop", "hue_collapse", "hue_alone"),
    )
    return first_of((family, hue), view, settings)


def blue_purple_takeover(view: View, settings: AlertSettings) -> RuleResult | None:
    """The share of blue to purple among the hues has risen."""
    watched = WatchedMeasure(
        Measure.BLUE_PURPLE,
        "blue to purple among the hues",
        sign=1,
        good=settings.blue_purple_good,
        warn=settings.blue_purple_warn,
        change=settings.blue_purple_rise,
        collapse=settings.blue_purple_collapse,
        alone=settings.blue_purple_alone,
        limits=(
            "blue_purple_good",
            "blue_purple_warn",
            "blue_purple_rise",
            "blue_purple_collapse",
            "blue_purple_alone",
        ),
        share=True,
    )
    return first_of((watched,), view, settings)


def hues_gone(view: View, settings: AlertSettings) -> RuleResult | None:
    """Pages have no hue any more: grays, black and white alone."""
    watched = WatchedMeasure(
        Measure.HUELESS,
        "of the pages without any hue",
        sign=1,
        good=settings.hueless_good,
        warn=settings.hueless_warn,
        change=settings.hueless_rise,
        collapse=settings.hueless_collapse,
        limits=("hueless_good", "hueless_warn", "hueless_rise", "hueless_collapse"),
        share=True,
    )
    return first_of((watched,), view, settings)


def one_lightness(view: View, settings: AlertSettings) -> RuleResult | None:
    """All pages have become dark; or all light, where dark ones were."""
    dark = WatchedMeasure(
        Measure.DARK,
        "of the pages dark",
        sign=1,
        good=settings.dark_good,
        warn=settings.dark_warn,
        change=settings.dark_rise,
        collapse=settings.dark_collapse,
        limits=("dark_good", "dark_warn", "dark_rise", "dark_collapse"),
        share=True,
    )
    light = WatchedMeasure(
        Measure.DARK,
        "of the pages dark",
        sign=-1,
        good=settings.light_fall,
        warn=settings.light_warn,
        change=settings.light_fall,
        limits=("light_warn", "light_fall"),
        share=True,
    )
    return first_of((dark, light), view, settings)


def samples_alike(view: View, settings: AlertSettings) -> RuleResult | None:
    """Pages have become alike: all of them, each and its nearest other, or each and even those least like it."""
    pairs = WatchedMeasure(
        Measure.SIMILARITY,
        "mean similarity of the layouts of two pages",
        sign=1,
        good=settings.alike_good,
        warn=settings.alike_collapse,
        change=settings.alike_rise,
        collapse=settings.alike_collapse,
        limits=("alike_good", "alike_collapse", "alike_rise"),
        share=True,
    )
    nearest = WatchedMeasure(
        Measure.NEAREST,
        "mean similarity of each page's layout to the nearest other one",
        sign=1,
        good=settings.nearest_good,
        warn=settings.nearest_collapse,
        change=settings.nearest_rise,
        limits=("nearest_good", "nearest_collapse", "nearest_rise"),
        share=True,
    )
    floor = WatchedMeasure(
        Measure.FLOOR,
        "mean similarity of each page's layout to the tenth of the pages that is least similar to it",
        sign=1,
        good=settings.floor_good,
        warn=settings.floor_warn,
        change=settings.floor_rise,
        collapse=settings.floor_collapse,
        limits=("floor_good", "floor_warn", "floor_collapse", "floor_rise"),
        share=True,
    )
    return first_of((pairs, nearest, floor), view, settings)


def first_of(measures: Sequence[WatchedMeasure], view: View, settings: AlertSettings) -> RuleResult | None:
    """The first measure that shows something; they share the rule's chance of a false alarm."""
    for watched in measures:
        if result := changed(watched, view, settings, len(measures)) or stuck(watched, view, settings):
            return result
    return None


def changed(watched: WatchedMeasure, view: View, settings: AlertSettings, tests: int) -> RuleResult | None:
    """A change for the worse since the run was good first; `tests` share the rule's chance of a false alarm."""
    series = since_good(watched, view, settings, settings.least_pages)
    if not series.known or series.known[-1] is not view.newest:
        return None
    for looks in LOOKS:
        before, now = series.before(view.later(series.known, looks)), series.known[-looks:]
        if not before:
            continue
        look = _Look(now, before, series.mean(before))
        if _matters(watched, look, view.references.get(watched.measure)):
            usual = [series.average(before)]
            found = difference(_all(watched, now), usual, watched.sign, view.newest.prompts).exceeds(0.0)
            if (chance := min(1.0, found * tests * len(LOOKS))) <= settings.chance:
                return _told(watched, look, chance)
    return None


def _matters(watched: WatchedMeasure, look: _Look, reference: float | None) -> bool:
    """Whether the change is large enough, ends where it is bad, and is not just what the references look like."""
    now, least = _mean(watched, look.now), _least(watched, look)
    return (
        watched.sign * (now - look.usual) >= least
        and (watched.warn is None or watched.beyond(now, watched.warn))
        and (reference is None or watched.sign * (now - reference) >= least)
    )


def _least(watched: WatchedMeasure, look: _Look) -> float:
    return watched.change * (look.usual if watched.relative else 1.0)


def _told(watched: WatchedMeasure, look: _Look, chance: float) -> RuleResult:
    now, before = _mean(watched, look.now), look.usual
    change = "rise" if watched.sign > 0 else "fall"
    evidence = (
        f"{watched.show(now)} {watched.words} at {steps_of(look.now)}, after {watched.show(before)}"
        f"{' on average' if len(look.before) > 1 else ''} at {steps_of(look.before)}, for the same "
        f"{len(look.now[-1].outcomes)} samples; such a {change} comes by chance {once_in(chance)}."
    )
    back = before + watched.sign * _least(watched, look) / 2
    level = AlertLevel.ERROR if watched.beyond(now, watched.collapse) else AlertLevel.WARN
    limits = (*watched.limits, "least_pages", "false_alarms")
    return RuleResult(level, evidence, limits, recovered(watched, back), worst_pages(watched, look.now[-1]))


def stuck(watched: WatchedMeasure, view: View, settings: AlertSettings) -> RuleResult | None:
    """A run that never was good, settled, and has collapsed at two evaluations one after the other."""
    series = since_good(watched, view, settings, settings.least_pages)
    last = series.known[-2:]
    if len(last) < 2 or last[-1] is not view.newest or last[0].step < settings.settled_step:
        return None
    if series.before(0):
        return None
    reference = view.references.get(watched.measure)
    mark = watched.alone if reference is None and watched.alone is not None else watched.collapse
    mark = mark if watched.absolute else None
    if mark is None or not all(watched.beyond(_of(watched, entry).value, mark) for entry in last):
        return None
    if reference is not None and watched.sign * (_mean(watched, last) - reference) < watched.change:
        return None
    values = " and ".join(watched.show(_of(watched, entry).value) for entry in last)
    evidence = (
        f"{values} {watched.words} at {steps_of(last)}: beyond {watched.show(mark)}, and no evaluation so far was good "
        f"({'up to' if watched.sign > 0 else 'from'} {watched.show(watched.good)})."
    )
    limits = (*watched.limits, "settled_step", "least_pages")
    return RuleResult(AlertLevel.ERROR, evidence, limits, recovered(watched, mark), worst_pages(watched, view.newest))


def recovered(watched: WatchedMeasure, back: float) -> Callable[[View], bool]:
    """Over once two evaluations in a row have come back to `back`."""

    def over(view: View) -> bool:
        last = [entry.measures.get(watched.measure) for entry in view.entries[-2:]]
        return all(found is not None and watched.sign * (found.value - back) <= 0 for found in last)

    return over


def worst_pages(watched: WatchedMeasure, entry: Entry) -> tuple[int, ...]:
    """The samples without which the value would be best; where all are alike, the first ones."""
    found = _of(watched, entry)
    gains = [watched.sign * (found.value - without) for without in found.without]
    order = sorted(range(len(gains)), key=lambda i: (-gains[i], i))
    return tuple(order[:SHOWN])


def since_good(watched: WatchedMeasure, view: View, settings: AlertSettings, least: int) -> Since:
    """What newer entries are compared with: from the first good one on, those whose pages are pages; of the entries
    that have the measure of `least` pages or more.
    """
    return since(view, watched.measure, watched.sign, watched.good, settings.comparable_validity, least)


def _of(watched: WatchedMeasure, entry: Entry) -> Jackknifed:
    return entry.measures[watched.measure]


def _all(watched: WatchedMeasure, entries: Sequence[Entry]) -> list[Jackknifed]:
    return [_of(watched, entry) for entry in entries]


def _mean(watched: WatchedMeasure, entries: Sequence[Entry]) -> float:
    return fsum([_of(watched, entry).value for entry in entries]) / len(entries)
