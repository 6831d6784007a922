"""How soon a finished checkpoint is noticed, and what looking at a large run directory costs."""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path

import pytest

from tests.support.checkpoint_files import write_checkpoint
from watcher.checkpoints import DirectoryWaker
from watcher.checkpoints.sources.local import DirectorySource
from watcher.model import Condition

_CHECKPOINTS = 60
_POLL = 1.0
_MANY = 10_000
_FILES_EACH = 10
_IDLE_SECONDS = 60.0


@pytest.mark.parametrize("events", [True, False], ids=["events", "polling"])
def test_from_the_last_byte_to_complete(tmp_path: Path, events: bool) -> None:
    closed: dict[str, float] = {}
    noticed: dict[str, float] = {}
    done = threading.Event()

    def write() -> None:
        for step in range(1, _CHECKPOINTS + 1):
            time.sleep(0.17)
            closed[write_checkpoint(tmp_path, step).name] = time.monotonic()
        done.set()

    with DirectoryWaker(tmp_path) as waker:
        source = DirectorySource(tmp_path, waker)
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        while len(noticed) < _CHECKPOINTS:
            for found in source.look() or ():
                if found.condition is Condition.COMPLETE:
                    noticed.setdefault(found.name, time.monotonic())
            source.wait(_POLL) if events else time.sleep(_POLL)
        thread.join()
    late = sorted(max(0.0, noticed[name] - closed[name]) for name in closed)
    how = "file events" if events else f"a look every {_POLL:g} s"
    print(
        f"\nwith {how}: median {statistics.median(late) * 1e3:.0f} ms, "
        f"99 % within {late[len(late) * 99 // 100] * 1e3:.0f} ms of the last byte"
    )


def test_idleness_beside_ten_thousand_checkpoints(tmp_path: Path) -> None:
    for step in range(1, _MANY + 1):
        path = write_checkpoint(tmp_path, step)
        for number in range(_FILES_EACH - 3):
            (path / f"extra-{number}.bin").touch()
    with DirectoryWaker(tmp_path) as waker:
        source = DirectorySource(tmp_path, waker)
        began = time.perf_counter()
        assert sum(found.condition is Condition.COMPLETE for found in source.look() or ()) == _MANY
        first = time.perf_counter() - began
        source.wait(0.1)
        looks, began, used = 0, time.monotonic(), time.process_time()
        while time.monotonic() - began < _IDLE_SECONDS:
            assert list(source.look() or ()) == []
            looks += 1
            source.wait(5.0)
        busy = (time.process_time() - used) / (time.monotonic() - began)
    print(
        f"\n{_MANY} checkpoints, {_MANY * _FILES_EACH} files: the first look takes {first:.1f} s, then "
        f"{looks} looks in {_IDLE_SECONDS:.0f} s keep {busy * 100:.1f} % of one core busy"
    )
