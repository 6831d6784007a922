"""A thousand checkpoints by several kinds of writers at random speeds, with rotation, rewinds and abandoned partials:
each version is evaluated once, and the service neither grows nor leaks.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import random
import shutil
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.house import House
from watcher.model import Row, RowKind, State
from watcher.trackers.wandb import PublishResult

_KEEP = 40


def weights(value: int) -> bytes:
    """A safetensors file that holds one number."""
    header = json.dumps({"w": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack("<q", value)


@dataclass
class Writer:
    """One kind of trainer: writes its files piece by piece, deletes what is too old, goes back now and then."""

    root: Path
    steps: Iterator[int]
    chance: random.Random
    values: Iterator[int]
    name: Callable[[int], str]
    finish: Callable[[Path, int], None]
    by_rename: bool = False
    written: list[tuple[str, int]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Write all the steps, some of them twice, some of them not to the end."""
        for step in self.steps:
            if self.chance.random() < 0.05:
                self._write(step * 1000 + 7, abandoned=True)
            self._write(step)
            if self.chance.random() < 0.05:
                self._pause(0.05)
                self._write(step)

    def _write(self, step: int, *, abandoned: bool = False) -> None:
        last = self.root / self.name(step)
        place = self.root / f"tmp-{self.name(step)}" if self.by_rename and not last.exists() else last
        value = next(self.values)
        place.mkdir(exist_ok=True)
        if place == last:
            # A trainer that goes back writes over the old files, and its state is then the old one for a while.
            for marker in ("trainer_state.json", "COMPLETED"):
                (place / marker).unlink(missing_ok=True)
        (place / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
        data = weights(value)
        with (place / "model.safetensors").open("wb") as file:
            for at in range(0, len(data), 16):
                file.write(data[at : at + 16])
                file.flush()
                if self.chance.random() < 0.1:
                    self._pause(0.005)
        if abandoned:
            return
        self.finish(place, step)
        if place != last:
            place.rename(last)
        self.written.append((self.name(step), value))
        self.kept.append(last.name)
        self._pause(0.2)
        if len(self.kept) > _KEEP:
            shutil.rmtree(self.root / self.kept.pop(0), ignore_errors=True)

    def _pause(self, most: float) -> None:
        time.sleep(self.chance.uniform(0, most))


def state(path: Path, step: int) -> None:
    """What Hugging Face's Trainer writes last."""
    text = json.dumps({"global_step": step, "max_steps": 0, "log_history": [{"step": step, "loss": 1.0}]})
    (path / "trainer_state.json").write_text(text)


def marker(path: Path, _: int) -> None:
    """What open-instruct writes last."""
    (path / "COMPLETED").write_text("done")


def resident() -> int:
    """Bytes of this process's memory, without what only the allocator holds on to."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    "checkpoints", [pytest.param(60, id="60"), pytest.param(1000, id="1000", marks=pytest.mark.soak)]
)
@pytest.mark.timeout(600)
def test_each_version_is_evaluated_once_and_nothing_grows(
    house: House, checkpoints: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, values = random.Random(5), iter(range(10**9))
    each = checkpoints // 3
    kinds = (
        (lambda step: f"checkpoint-{step}", state, False, range(10, 10 * each + 1, 10)),
        (lambda step: f"checkpoint-{step}", state, True, range(15, 10 * each + 6, 10)),
        (lambda step: f"step_{step}", marker, False, range(1, 10 * each, 10)),
    )
    writers = [
        Writer(house.root, iter(steps), random.Random(chance.random()), values, name, finish, by_rename)
        for name, finish, by_rename, steps in kinds
    ]
    threads = [threading.Thread(target=writer.run, daemon=True) for writer in writers]
    evaluated: Counter[str] = Counter()

    def publish(rows: Sequence[Row], _: object, order: object, on_mark: Callable[[Sequence[str], int], None]) -> object:
        on_mark([row.uid for row in rows], 0)
        evaluated.update(row.uid for row in rows if row.kind is RowKind.EVAL)
        return PublishResult(tuple(row.uid for row in rows))

    # The interpreter's table of interned strings, which paths fill, doubles once in a process (1.9 MB): it does so now,
    # so that what is measured is uimon's own growth.
    for number in range(100_000):
        sys.intern(f"interned-{number}")

    # The scripted tracker keeps what it is given, which is growth of its own.
    monkeypatch.setattr(house.tracker, "publish", publish)
    service = house.service(idle_exit=0)
    watching = threading.Thread(target=service.run, daemon=True)
    for thread in (*threads, watching):
        thread.start()
    sizes: list[tuple[int, int, int]] = []
    quiet = 0
    while quiet < 4:
        time.sleep(0.25)
        quiet = 0 if any(thread.is_alive() for thread in threads) or unsettled(house) else quiet + 1
        done = house.ledger.state_counts().get(State.PUBLISHED, 0)
        sizes.append((done, resident(), sum(1 for _ in Path("/proc/self/fd").iterdir())))
    written = [version for writer in writers for version in writer.written]
    service.stop()
    watching.join(30)

    records = [record for record in house.ledger.records() if record.state is not State.SEEN]
    states = Counter(str(record.state) for record in records)
    # Until then the service opens what it needs, and readings meet the writers' own files.
    settled = [each for each in sizes if each[0] >= min(100, checkpoints // 2)]
    growth, opened = [size for _, size, _ in settled], [count for _, _, count in settled]
    print(
        f"\n{len(written)} versions written, {dict(states)}; memory "
        f"{growth[0] / 1e6:.1f} → {growth[-1] / 1e6:.1f} MB, file descriptors {opened[0]} → {opened[-1]}"
    )
    # A version that was written over, or deleted, before it could be copied is on record or was never complete.
    assert set(states) <= {"published", "skipped"}
    assert set(evaluated.values()) == {1}
    assert len(house.engine.loaded) == len(set(house.engine.loaded)) == states["published"]
    assert states["published"] >= 0.9 * len(written)
    newest = dict(written)
    still_there = {name for name in newest if (house.root / name).exists()}
    assert still_there <= {record.name for record in records if record.state is State.PUBLISHED}
    # What the early warnings keep of each evaluation, some kilobytes, is all that grows with them.
    assert growth[-1] <= 1.05 * growth[0] + 10_000 * states["published"]
    assert opened[-1] <= opened[0] + 2
    assert list(house.state.stage.glob("*")) == []


def unsettled(house: House) -> bool:
    """True while something complete was not evaluated yet."""
    return bool(house.ledger.state_counts().keys() - {State.SEEN, State.PUBLISHED, State.SKIPPED, State.FAILED})
