"""Alarms of a history that grows look by look are those of the whole, taken from scratch without any running sum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorers.sample import Outcome
from tests.alerts.making import made, page
from watcher.alerts import Alarm, AlertSettings, Arrival, Entry, History, Replay, entry_of, episodes, evaluate
from watcher.alerts.history import View, views

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


def from_scratch(history: History) -> tuple[Alarm, ...]:
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
        seen.update(alarm.rule for alarm in evaluate(history, SETTINGS))

    collect()
    assert {"colors_collapsed", "validity_dropped", "samples_alike", "classes_narrow"} <= seen
    assert len(seen) >= 8
