"""Rules over counts of samples: how many parse, are cut off, hold no code, or end in a loop.

Several answers to one prompt are alike, at temperature 0 even the same, and the tests are about independent ones. So a
prompt counts once in them, with its first answer: exact, however alike the others are. Whether a change of
validity is large enough, and when it is over, is judged by all answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import fsum

from scorers.sample import Outcome
from watcher.alerts.history import Entry, View
from watcher.alerts.rules.result import SHOWN, Detector, RuleResult, percent, steps_of
from watcher.alerts.running import Parsed, parsed
from watcher.alerts.statistics import Stratum, binomial_tail, once_in, worse_by_chance
from watcher.alerts.track import Stretch
from watcher.model import AlertLevel
from watcher.settings.alerts import AlertSettings

Flags = Callable[[Entry], Sequence[bool]]
LOOKS = (1, 2)
"""A change is looked for in the newest evaluation, and in the newest two together, which see smaller ones."""
_COLLAPSED = 0.5
"""A fall to less than this part of what parsed is an error, and no warning only."""


@lru_cache(maxsize=8)
def first_answers(prompts: tuple[str, ...]) -> tuple[int, ...]:
    """The position of each prompt's first answer.

    >>> first_answers(("a", "a", "b", "a", "c"))
    (0, 2, 4)
    """
    first: dict[str, int] = {}
    for position, prompt in enumerate(prompts):
        first.setdefault(prompt, position)
    return tuple(first.values())


def validity_dropped(view: View, settings: AlertSettings) -> RuleResult | None:
    """Fewer samples parse than since the run was good first; where it never was, than since it should have settled."""
    series = parsed(view, settings.validity_good, settings.settled_step)
    for looks in LOOKS:
        now, before = view.entries[-looks:], series.before(view.later(view.entries, looks))
        if len(now) == looks and before and (result := _dropped(now, before, series, settings)):
            return result
    return None


def _dropped(now: Sequence[Entry], before: Stretch, series: Parsed, settings: AlertSettings) -> RuleResult | None:
    rate, usual = _validity(now), series.validity(before)
    if usual - rate < settings.validity_drop:
        return None
    strata = _strata(now, len(before), series.by_position(before))
    chance = worse_by_chance(strata) * len(LOOKS)
    if chance > settings.chance:
        return None
    changes = [s.good / s.total - s.good_before / s.total_before for s in strata]
    back = usual - settings.validity_drop / 2
    evidence = (
        f"{_parsed(before)} parsed at {steps_of(before)}, {_parsed(now)} at {steps_of(now)}{_troubles(now[-1])}; "
        f"{_changed(changes)}; by chance {once_in(chance)}."
    )
    places = zip(changes, first_answers(now[-1].prompts), strict=True)
    worst = sorted((change, i) for change, i in places if change < 0 and now[-1].outcomes[i] is not Outcome.VALID)
    return RuleResult(
        AlertLevel.ERROR if rate < _COLLAPSED * usual else AlertLevel.WARN,
        evidence,
        ("validity_good", "validity_drop", "false_alarms"),
        lambda later: all(entry.validity >= back for entry in later.entries[-2:]),
        tuple(i for _, i in worst[:SHOWN]),
    )


def _changed(changes: Sequence[float]) -> str:
    """How much the prompts changed, each against its own usual share: what is lost and gained is the whole change.

    >>> _changed([-1, -0.25, 0, 0.5, -1])
    '3 prompts got worse (2.2 pages fewer), 1 better (0.5 more)'
    >>> _changed([-1, -1, 0])
    '2 prompts got worse (2 pages fewer), 0 better'
    """
    worse, better = ([change for change in changes if sign * change > 0] for sign in (-1, 1))
    gained = f" ({_number(fsum(better))} more)" if better else ""
    return f"{len(worse)} prompts got worse ({_number(-fsum(worse))} pages fewer), {len(better)} better{gained}"


def _number(value: float) -> str:
    """With one decimal, where it has one.

    >>> _number(12.0), _number(0.0), _number(2.84)
    ('12', '0', '2.8')
    """
    return f"{value:.1f}".removesuffix(".0")


def _validity(entries: Sequence[Entry]) -> float:
    return sum(entry.valid for entry in entries) / sum(len(entry.outcomes) for entry in entries)


def _parsed(entries: Sequence[Entry]) -> str:
    counted = [_counted(_invalid, entry) for entry in entries]
    good, total = sum(flags.count(False) for flags in counted), len(counted[-1])
    if len(entries) == 1:
        return f"{good} of {total} {_what(entries[-1], 'pages')}"
    return f"on average {good / len(entries):.1f} of {total} {_what(entries[-1], 'pages')}"


def _what(entry: Entry, plural: str) -> str:
    """What is counted: all, or the first of each prompt."""
    alone = len(first_answers(entry.prompts)) == len(entry.prompts)
    return plural if alone else f"{plural} (the first for each prompt)"


def _counted(flags: Flags, entry: Entry) -> list[bool]:
    """The flags of the samples that count in tests."""
    every = flags(entry)
    return [every[i] for i in first_answers(entry.prompts)]


def _invalid(entry: Entry) -> list[bool]:
    return [outcome is not Outcome.VALID for outcome in entry.outcomes]


def _troubles(entry: Entry) -> str:
    """What the samples are that do not parse."""
    seen = [entry.outcomes[i] for i in first_answers(entry.prompts)]
    counts = ((outcome, seen.count(outcome)) for outcome in Outcome if outcome is not Outcome.VALID)
    named = ", ".join(f"{count} {outcome.value.replace('_', ' ')}" for outcome, count in counts if count)
    return f" ({named})" if named else ""


def _strata(now: Sequence[Entry], before: int, good_before: Sequence[int]) -> list[Stratum]:
    """The prompts; `good_before`: at each position how many samples of the entries before parse."""

    def good(position: int) -> int:
        return sum(entry.outcomes[position] is Outcome.VALID for entry in now)

    return [Stratum(good(i), len(now), good_before[i], before) for i in first_answers(now[-1].prompts)]


def validity_low(view: View, settings: AlertSettings) -> RuleResult | None:
    """The run has never been good although the model should have settled long ago, and validity does not climb."""
    newest, limit = view.newest, settings.validity_good
    series = parsed(view, limit, settings.settled_step)
    if series.good is not None or series.settled is None:
        return None
    settled = view.entries[series.settled]
    climbs = newest.validity - settled.validity >= settings.validity_drop
    if newest.step - settled.step < settings.stuck_steps or climbs:
        return None
    result = often(_invalid, 1 - limit, view, settings)
    if result is None:
        return None
    now, chance = result
    evidence = (
        f"{_parsed(now)} parsed at {steps_of(now)}{_troubles(newest)}; if {percent(limit)} of what the model writes "
        f"parsed, so few would by chance {once_in(chance)}."
    )
    return RuleResult(
        AlertLevel.WARN,
        evidence,
        ("validity_good", "settled_step", "stuck_steps", "false_alarms"),
        lambda later: later.newest.validity >= limit,
        tuple(i for i, bad in enumerate(_invalid(newest)) if bad)[:SHOWN],
    )


def often(flags: Flags, share: float, view: View, settings: AlertSettings) -> tuple[tuple[Entry, ...], float] | None:
    """The newest settled entries with more flagged samples than a true share of `share` explains, and the chance."""
    for looks in LOOKS:
        now = view.entries[-looks:]
        if len(now) < looks or now[0].step < settings.settled_step:
            continue
        flagged = [flag for entry in now for flag in _counted(flags, entry)]
        if sum(flagged) <= share * len(flagged):
            continue
        chance = binomial_tail(sum(flagged), len(flagged), share) * len(LOOKS)
        if chance <= settings.chance:
            return now, chance
    return None


def _too_often(flags: Flags, setting: str, words: str) -> Detector:
    def detect(view: View, settings: AlertSettings) -> RuleResult | None:
        share = float(getattr(settings, setting))
        found = often(flags, share, view, settings)
        if found is None:
            return None
        now, chance = found
        marked, newest = [sum(_counted(flags, entry)) for entry in now], view.newest
        answers = f"{len(first_answers(newest.prompts))} {_what(newest, 'answers')}"
        evidence = (
            f"{' and '.join(map(str, marked))} of {answers} {words} at {steps_of(now)}; with a true share of "
            f"{percent(share)} so many would occur by chance {once_in(chance)}."
        )

        def over(later: View) -> bool:
            last = [flag for entry in later.entries[-2:] for flag in _counted(flags, entry)]
            return sum(last) <= share * len(last)

        shown = tuple(i for i, flag in enumerate(flags(newest)) if flag)[:SHOWN]
        return RuleResult(AlertLevel.WARN, evidence, (setting, "settled_step", "false_alarms"), over, shown)

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
