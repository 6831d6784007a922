"""Rules over counts of samples: how many parse, are cut off, hold no code, or end in a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scorers.sample import Outcome
from watcher.alerts.finding import SHOWN, Detector, Finding, percent, steps_of
from watcher.alerts.history import Entry, View
from watcher.alerts.settings import AlertSettings
from watcher.alerts.statistics import Stratum, binomial_tail, once_in, worse_by_chance
from watcher.model import AlertLevel

Flags = Callable[[Entry], Sequence[bool]]
LOOKS = (1, 2)
"""A change is looked for in the newest evaluation, and in the newest two together, which see smaller ones."""


def validity_dropped(view: View, settings: AlertSettings) -> Finding | None:
    """Fewer samples parse than since the run was good first."""
    start = next((i for i, e in enumerate(view.entries) if e.validity >= settings.validity_good), len(view.entries))
    for looks in LOOKS:
        now, before = view.entries[-looks:], view.entries[start:-looks]
        if len(now) == looks and before and (finding := _dropped(now, before, settings)):
            return finding
    return None


def _dropped(now: Sequence[Entry], before: Sequence[Entry], settings: AlertSettings) -> Finding | None:
    rate, usual = _validity(now), _validity(before)
    if usual - rate < settings.validity_drop:
        return None
    strata = _strata(now, before)
    chance = worse_by_chance(strata) * len(LOOKS)
    if chance > settings.chance:
        return None
    worse = [i for i, s in enumerate(strata) if 2 * s.good_before >= s.total_before and 2 * s.good < s.total]
    better = [i for i, s in enumerate(strata) if 2 * s.good_before < s.total_before and 2 * s.good >= s.total]
    back = usual - settings.validity_drop / 2
    evidence = (
        f"{_parsed(before)} parsed at {steps_of(before)}, {_parsed(now)} at {steps_of(now)}{_troubles(now[-1])}; "
        f"{len(worse)} prompts got worse, {len(better)} better; by chance {once_in(chance)}."
    )
    return Finding(
        AlertLevel.WARN,
        evidence,
        ("validity_good", "validity_drop", "false_alarms"),
        lambda later: all(entry.validity >= back for entry in later.entries[-2:]),
        tuple(i for i in worse if now[-1].outcomes[i] is not Outcome.VALID)[:SHOWN],
    )


def _validity(entries: Sequence[Entry]) -> float:
    return sum(entry.valid for entry in entries) / sum(len(entry.outcomes) for entry in entries)


def _parsed(entries: Sequence[Entry]) -> str:
    samples = len(entries[-1].outcomes)
    if len(entries) == 1:
        return f"{entries[0].valid} of {samples} pages"
    return f"on average {_validity(entries) * samples:.1f} of {samples} pages"


def _troubles(entry: Entry) -> str:
    """What the samples are that do not parse."""
    counts = ((outcome, entry.outcomes.count(outcome)) for outcome in Outcome if outcome is not Outcome.VALID)
    named = ", ".join(f"{count} {outcome.value.replace('_', ' ')}" for outcome, count in counts if count)
    return f" ({named})" if named else ""


def _strata(now: Sequence[Entry], before: Sequence[Entry]) -> list[Stratum]:
    def good(entries: Sequence[Entry], position: int) -> int:
        return sum(entry.outcomes[position] is Outcome.VALID for entry in entries)

    positions = range(len(now[-1].outcomes))
    return [Stratum(good(now, i), len(now), good(before, i), len(before)) for i in positions]


def validity_low(view: View, settings: AlertSettings) -> Finding | None:
    """The run has never been good although the model should have settled long ago, and validity does not climb."""
    newest, limit = view.newest, settings.validity_good
    settled = [entry for entry in view.entries if entry.step >= settings.settled_step]
    if any(entry.validity >= limit for entry in view.entries) or newest.step < settings.settled_step:
        return None
    climbs = newest.validity - settled[0].validity >= settings.validity_drop
    if newest.step - settled[0].step < settings.stuck_steps or climbs:
        return None
    finding = often(lambda e: [o is not Outcome.VALID for o in e.outcomes], 1 - limit, view, settings)
    if finding is None:
        return None
    now, chance = finding
    evidence = (
        f"{_parsed(now)} parsed at {steps_of(now)}{_troubles(newest)}; if {percent(limit)} of what the model writes "
        f"parsed, so few would by chance {once_in(chance)}."
    )
    return Finding(
        AlertLevel.WARN,
        evidence,
        ("validity_good", "settled_step", "stuck_steps", "false_alarms"),
        lambda later: later.newest.validity >= limit,
        tuple(i for i, outcome in enumerate(newest.outcomes) if outcome is not Outcome.VALID)[:SHOWN],
    )


def often(flags: Flags, share: float, view: View, settings: AlertSettings) -> tuple[tuple[Entry, ...], float] | None:
    """The newest settled entries with more flagged samples than a true share of `share` explains, and the chance."""
    for looks in LOOKS:
        now = view.entries[-looks:]
        if len(now) < looks or now[0].step < settings.settled_step:
            continue
        flagged = [flag for entry in now for flag in flags(entry)]
        if sum(flagged) <= share * len(flagged):
            continue
        chance = binomial_tail(sum(flagged), len(flagged), share) * len(LOOKS)
        if chance <= settings.chance:
            return now, chance
    return None


def _too_often(flags: Flags, setting: str, words: str) -> Detector:
    def detect(view: View, settings: AlertSettings) -> Finding | None:
        share = float(getattr(settings, setting))
        found = often(flags, share, view, settings)
        if found is None:
            return None
        now, chance = found
        marked = [sum(flags(entry)) for entry in now]
        evidence = (
            f"{' and '.join(map(str, marked))} of {len(view.newest.outcomes)} answers {words} at {steps_of(now)}; with "
            f"a true share of {percent(share)} so many would by chance {once_in(chance)}."
        )

        def over(later: View) -> bool:
            last = [flag for entry in later.entries[-2:] for flag in flags(entry)]
            return sum(last) <= share * len(last)

        shown = tuple(i for i, flag in enumerate(flags(view.newest)) if flag)[:SHOWN]
        return Finding(AlertLevel.WARN, evidence, (setting, "settled_step", "false_alarms"), over, shown)

    return detect


truncated_often = _too_often(
    lambda entry: [outcome is Outcome.TRUNCATED for outcome in entry.outcomes],
    "truncated_share",
    "were cut by the token limit",
)
empty_often = _too_often(
    lambda entry: [outcome in (Outcome.EMPTY, Outcome.NO_CODE) for outcome in entry.outcomes],
    "empty_share",
    "held no code",
)
repeats_itself = _too_often(lambda entry: entry.looping, "repeats_share", "ended in one text over and over")
