"""Episodes of a history that grows look by look are those of the whole, taken from scratch without any running sum."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from statistics import fmean
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorers.sample import Outcome
from tests.alerts.making import made, page
from watcher.alerts import AlertSettings, Arrival, Entry, Episode, History, Replay, entry_of, episodes, evaluate
from watcher.alerts.history import View, views
from watcher.alerts.measures import Measure
from watcher.alerts.running import curve, parsed, since
from watcher.alerts.track import Track

PAGES = 12
SETTINGS = AlertSettings(settled_step=100, least_pages=8, plateau_steps=150, stuck_steps=150)
LOOKS: tuple[dict[str, Any], ...] = (
    {},
    {"hue": "blue"},
    {"neutral": "gray"},
    {"layout": 3, "changed": 0.1},
    {"classes": 22},
    {"lightness": "dark"},
)


@cache
def drawn(kind: int, broken: int) -> Entry:
    """Twelve pages that look like `LOOKS[kind]`, the last `broken` of which do not parse."""
    pages = [
        page(i, kind, Outcome.VALID if i < PAGES - broken else Outcome.INVALID, **LOOKS[kind]) for i in range(PAGES)
    ]
    return entry_of(made(1, pages))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A run that goes on, goes back, and is evaluated late, twice, or out of order."""
    entries: list[Entry] = []
    arrivals: list[Arrival] = []
    step = 0
    kind, broken, level = 0, 0, 2.0
    for number in range(draw(st.integers(3, 40))):
        if draw(st.integers(0, 5)) == 0:
            kind, broken = draw(st.sampled_from(range(len(LOOKS)))), draw(st.sampled_from((0, 1, 4, 11)))
            level = draw(st.sampled_from((2.0, 2.5, 4.0, 90.0)))
        step = max(50, step + 50 - 50 * draw(st.sampled_from((0, 0, 0, 0, 0, 1, 2, 6))))
        seen = 600.0 * (number + 1)
        at = seen + draw(st.sampled_from((60.0, 60.0, 60.0, 700.0, 3000.0)))
        perplexity = draw(st.sampled_from((None, level, level, level * 1.01, level * 0.98)))
        entries.append(
            replace(
                drawn(kind, broken),
                uid=f"uid {number}",
                step=step,
                at=at,
                seen_at=draw(st.sampled_from((seen, seen, seen, 0.0))),
                metrics={"eval/perplexity": perplexity},
            )
        )
        arrivals.append(Arrival(step, seen, at, draw(st.booleans())))
    losses = tuple((at, 2.0 - at / 1e4) for at in range(0, step + 50, 25))
    return History(tuple(entries), losses, {}, (), tuple(arrivals), now=3e4, ended=draw(st.booleans()))


def from_scratch(history: History) -> tuple[Episode, ...]:
    def forgetful(history: History, *_: object) -> Iterator[View]:
        return (View(view.entries, view.losses, view.references) for view in views(history))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(episodes, "views", forgetful)
        return evaluate(history, SETTINGS)


@given(histories(), st.integers(1, 7))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_grew_is_what_is_found_from_scratch(history: History, stride: int) -> None:
    replay = Replay(SETTINGS)
    order = sorted(history.entries, key=lambda entry: entry.at)
    for count in (*range(1, len(order), stride), len(order)):
        until = order[count - 1].at
        known = replace(
            history,
            entries=tuple(order[:count]),
            arrivals=tuple(a for a in history.arrivals if a.seen_at <= until),
        )
        found = replay.evaluate(known)
        assert found == from_scratch(known)
    assert replay.evaluate(replace(history, entries=tuple(order))) == evaluate(history, SETTINGS)


def test_the_made_histories_raise_alarms_of_many_rules() -> None:
    """Else the test above would compare nothing with nothing."""
    seen: set[str] = set()

    @given(histories())
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    def collect(history: History) -> None:
        seen.update(episode.rule for episode in evaluate(history, SETTINGS))

    collect()
    assert {"colors_collapsed", "validity_dropped", "samples_alike", "classes_narrow"} <= seen
    assert len(seen) >= 8


@given(st.lists(st.tuples(st.integers(0, 12), st.lists(st.integers(0, 17), max_size=6)), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_running_sums_are_those_of_the_entries(changes: list[tuple[int, list[int]]]) -> None:
    """Entries are cut off at a place and others come in theirs, as when the trainer goes back."""
    track = Track()
    entries: tuple[Entry, ...] = ()
    for number, (place, added) in enumerate(changes):
        fresh = [
            replace(
                drawn(kind % 6, (0, 1, 4)[kind // 6]),
                step=50 * at,
                uid=f"{number} {at}",
                metrics={"eval/perplexity": (None, 2.0 + kind, 3.0)[kind % 3]},
            )
            for at, kind in enumerate(added, min(place, len(entries)) + 1)
        ]
        entries = (*entries[:place], *fresh)
        if entries:
            view = View(entries, (), {}, track)
            check_since(view)
            check_parsed(view)
            check_curve(view)


def check_since(view: View) -> None:
    for measure, sign, good in ((Measure.COLOR_ENTROPY, -1, 2.5), (Measure.DARK, 1, 0.6)):
        series = since(view, measure, sign, good, 0.7, 8)
        known = [e for e in view.entries if measure in e.measures and e.measures[measure].pages >= 8]
        assert series.known == known
        for newest in (1, 2, 0):
            pages = [e for e in known[: len(known) - newest] if e.validity >= 0.7]
            first = next((i for i, e in enumerate(pages) if sign * (e.measures[measure].value - good) <= 0), len(pages))
            stretch = series.before(newest)
            assert list(stretch) == pages[first:]
            if stretch:
                found = series.average(stretch)
                assert found.value == pytest.approx(fmean(e.measures[measure].value for e in stretch), rel=1e-14)
                columns = zip(*(e.measures[measure].without for e in stretch), strict=True)
                assert list(found.without) == pytest.approx([fmean(column) for column in columns], rel=1e-14)


def check_parsed(view: View) -> None:
    series = parsed(view, 0.9, 100)
    good = next((i for i, e in enumerate(view.entries) if e.validity >= 0.9), None)
    settled = next((i for i, e in enumerate(view.entries) if e.step >= 100), None)
    assert (series.good, series.settled) == (good, settled)
    for newest in (1, 2):
        start = len(view.entries) if good is settled is None else settled if good is None else good
        stretch = series.before(newest)
        assert tuple(stretch) == view.entries[start : max(0, len(view.entries) - newest)]
        if stretch:
            flags = [[outcome is Outcome.VALID for outcome in e.outcomes] for e in stretch]
            assert list(series.by_position(stretch)) == [sum(column) for column in zip(*flags, strict=True)]
            assert series.validity(stretch) == sum(map(sum, flags)) / sum(map(len, flags))


def check_curve(view: View) -> None:
    found = curve(view)
    known = [(e, math.log(e.perplexity)) for e in view.entries if e.perplexity is not None]
    assert (found.known, found.logs) == ([e for e, _ in known], [log for _, log in known])
    bends = found.logs
    for _ in range(3):
        bends = [later - earlier for earlier, later in pairwise(bends)]
    assert found.bends == bends
    assert found.levels == [fmean(pair) for pair in pairwise(found.logs)]
    for earlier in range(2, len(known) + 1):
        levels = found.levels[: earlier - 1]
        assert found.lowest_level(earlier) == levels.index(min(levels))
    values = [e.perplexity for e in view.entries if e.perplexity is not None]
    assert found.lowest[-1] == min(values, default=math.inf)
