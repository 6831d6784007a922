"""What a long run costs: replaying the early warnings, a start, an idle service, and `uimon status`."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.alerts.making import made, page
from tests.service.test_long_run import test_three_starts_over_three_thousand_checkpoints_are_light as measure_starts
from watcher.alerts import AlertSettings, Arrival, Entry, History, Replay, entry_of

_LOOKS = 3000


@pytest.mark.parametrize("kind", ["healthy", "collapsed half way", "never good", "evaluated late"])
def test_replay(kind: str) -> None:
    replay, history = Replay(AlertSettings()), _history(kind)
    began, busy = time.perf_counter(), time.process_time()
    alarms = replay.evaluate(history)
    print(
        f"\n{_LOOKS} looks, {kind}: {time.process_time() - busy:.2f} s of a core, "
        f"{time.perf_counter() - began:.2f} s, {len(alarms)} alarms"
    )


@pytest.mark.timeout(0)
def test_starts(tmp_path: Path) -> None:
    measure_starts(tmp_path)


def _history(kind: str) -> History:
    chance = random.Random(5)
    good = [entry_of(made(50 * k, bad=chance.sample(range(64), 3))) for k in range(16)]
    blue = [entry_of(made(50 * k, [page(i, k, hue="blue") for i in range(64)])) for k in range(4)]
    entries: list[Entry] = []
    for number in range(1, _LOOKS + 1):
        late = 700.0 if kind == "evaluated late" and number % 2 else 0.0
        bad = kind == "never good" or (kind == "collapsed half way" and number > _LOOKS / 2)
        entries.append(
            replace(
                chance.choice(blue if bad else good),
                uid=str(number),
                step=50 * number,
                at=600.0 * number + 60 + late,
                seen_at=600.0 * number,
                metrics={"eval/perplexity": 3 + 20 / number + chance.gauss(0, 0.01)},
            )
        )
    arrivals = tuple(Arrival(entry.step, entry.seen_at, entry.at) for entry in entries)
    losses = tuple((step, 2.0) for step in range(0, 50 * _LOOKS, 25))
    return History(tuple(entries), losses, {}, (), arrivals, now=600.0 * _LOOKS)
