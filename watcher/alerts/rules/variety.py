"""The rule over the number of different classes: it falls, or has stopped to grow too early."""

from __future__ import annotations

from bisect import bisect_right
from statistics import fmean

from watcher.alerts.history import Entry, View
from watcher.alerts.measures import Measure
from watcher.alerts.rules.collapse import WatchedMeasure, changed, since_good, worst_pages
from watcher.alerts.rules.result import RuleResult, percent, steps_of
from watcher.alerts.statistics import difference, once_in
from watcher.model import AlertLevel
from watcher.settings.alerts import AlertSettings

# Answers of the validation set may be small: a model that comes so near to them does not lack variety.
_OF_REFERENCES = 0.75
_TESTS = 2


def classes_narrow(view: View, settings: AlertSettings) -> RuleResult | None:
    """Fewer different classes than before, or a plateau below what is good."""
    reference = view.references.get(Measure.CLASSES)
    good = settings.classes_good if reference is None else min(settings.classes_good, _OF_REFERENCES * reference)
    watched = WatchedMeasure(
        Measure.CLASSES,
        "different Tailwind classes to expect in three samples",
        sign=-1,
        good=good,
        change=settings.classes_fall,
        relative=True,
        limits=("classes_good", "classes_fall"),
    )
    # Plain pages have few classes: without answers to compare with, only very few are too few.
    few, setting = (settings.classes_few, "classes_few") if reference is None else (good, "classes_good")
    return changed(watched, view, settings, _TESTS) or _plateau(watched, view, settings, few, setting)


def _plateau(
    watched: WatchedMeasure, view: View, settings: AlertSettings, few: float, setting: str
) -> RuleResult | None:
    """Over `plateau_steps` the number was never good, did not grow by `classes_growth`, and is below `few`."""
    if since_good(watched, view, settings, 0).before(0):
        return None
    span = _span(watched, view, settings)
    if len(span) < 3:
        return None
    half = len(span) // 2
    early, late = span[:half], span[half:]
    if fmean(map(_count, late)) >= few:
        return None
    least = settings.classes_growth * fmean(map(_count, early))
    counts = [[entry.measures[Measure.CLASSES] for entry in entries] for entries in (late, early)]
    grown = difference(counts[0], counts[1], -1, view.newest.prompts)
    chance = grown.exceeds(-least) * _TESTS
    if chance > settings.chance:
        return None
    evidence = (
        f"{fmean(map(_count, early)):.1f} {watched.words} at {steps_of(early)}, {fmean(map(_count, late)):.1f} at "
        f"{steps_of(late)}: the number has stopped growing, below {few:.0f}. If it were growing by "
        f"{percent(settings.classes_growth)} or more in that time, growth this small would occur by chance "
        f"{once_in(chance)}."
    )
    limits = (setting, "classes_growth", "plateau_steps", "false_alarms")
    enough = max(map(_count, span)) * (1 + settings.classes_growth)

    def over(later: View) -> bool:
        last = [entry for entry in later.entries[-2:] if Measure.CLASSES in entry.measures]
        return len(last) == 2 and all(_count(entry) >= enough for entry in last)

    return RuleResult(AlertLevel.WARN, evidence, limits, over, worst_pages(watched, view.newest))


def _span(watched: WatchedMeasure, view: View, settings: AlertSettings) -> list[Entry]:
    """The newest entries that cover `plateau_steps`, all with enough pages; empty where there are none."""
    begin = view.newest.step - settings.plateau_steps
    first = bisect_right(view.entries, begin, key=lambda entry: entry.step)
    if not first:
        return []
    span = list(view.entries[first - 1 :])
    found = [entry.measures.get(watched.measure) for entry in span]
    return span if all(f is not None and f.pages >= settings.least_pages for f in found) else []


def _count(entry: Entry) -> float:
    return entry.measures[Measure.CLASSES].value
