"""A trainer that logs all the time, a watcher that is killed all the time, a W&B that goes away: nothing is lost or
doubled, and nothing of the trainer's is touched.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.wandb_run import PATH, uids, wait_for_lines
from tests.support.wandb_trainer import StartTrainer, Trainer
from watcher.demo.standin import Fault, FaultKind, Standin

ROOT = Path(__file__).parents[3]
_TRAINER_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Chaos:
    """How much of it: evaluations, one every `period` seconds, kills, and outages of `outage` seconds."""

    seed: int
    checkpoints: int
    kills: int
    outages: int
    period: float = 1.5
    outage: float = 4.0

    @property
    def seconds(self) -> float:
        """How long the kills and outages go on."""
        return self.checkpoints * self.period


class Sidecar:
    """The watcher's process, started again whenever it has ended before its work was done."""

    def __init__(self, chaos: Chaos, environ: dict[str, str], place: Path) -> None:
        self._command = [sys.executable, "-m", "tests.trackers.wandb.chaos_sidecar", str(place / "ledger.sqlite3")]
        self._command += [str(chaos.checkpoints), str(chaos.period)]
        self._environ = environ
        self._log = place / "sidecar.log"
        self.starts = 0
        self._start()

    def _start(self) -> None:
        self.starts += 1
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environ, stdout=log, stderr=log, start_new_session=True
            )

    def tend(self) -> bool:
        """True when its work is done; started again where it was killed."""
        code = self._process.poll()
        if code == 0:
            return True
        if code is not None:
            assert code == -signal.SIGKILL, self._log.read_text()
            self._start()
        return False

    def strike(self, chance: random.Random) -> str:
        """kill -9 the watcher itself, or something that it has started; says what was hit."""
        others = _descendants(self._process.pid)
        victim = chance.choice(others) if others and chance.random() < 0.6 else self._process.pid
        hit = "watcher" if victim == self._process.pid else "session"
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        return hit

    def close(self) -> None:
        """End it, and what it started."""
        for pid in [*_descendants(self._process.pid), self._process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


def _descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(entry.name))
    found, unseen = [], [pid]
    while unseen:
        children = parents.get(unseen.pop(), [])
        found += children
        unseen += children
    return found


@contextmanager
def logging_all_the_time(trainer: Trainer) -> Iterator[Callable[[], int]]:
    """Let the trainer log ten rows a second; call what is yielded to stop it and to hear how many there were."""
    stop, logged = threading.Event(), 0

    def log() -> None:
        nonlocal logged
        while not stop.wait(_TRAINER_PAUSE):
            trainer.log(1)
            logged += 1

    def end() -> int:
        stop.set()
        thread.join()
        return logged

    thread = threading.Thread(target=log, daemon=True)
    thread.start()
    try:
        yield end
    finally:
        end()


def outage(standin: Standin, chance: random.Random, seconds: float) -> None:
    """W&B away for some seconds, in one of the ways in which it goes away."""
    kind = chance.choice(("down", "500", "dropped"))
    if kind == "down":
        standin.stop()
        time.sleep(seconds)
        standin.start()
    else:
        standin.add_fault(Fault(kind=FaultKind.DROP if kind == "dropped" else FaultKind.STATUS, seconds=seconds))
        time.sleep(seconds)
        standin.clear_faults()


@pytest.mark.parametrize(
    "chaos",
    [
        pytest.param(Chaos(1, checkpoints=8, kills=8, outages=1), id="short"),
        *(
            pytest.param(
                Chaos(seed, checkpoints=30, kills=60, outages=3, period=3.0), id=f"{seed}", marks=pytest.mark.soak
            )
            for seed in (11, 12, 13)
        ),
    ],
)
@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_whatever_dies(
    standin: Standin, environ: dict[str, str], tmp_path: Path, start_trainer: StartTrainer, chaos: Chaos
) -> None:
    chance = random.Random(chaos.seed)
    trainer = start_trainer("shared")
    trainer.log(5)
    wait_for_lines(standin, 5)
    moments = sorted(chance.uniform(1.0, chaos.seconds) for _ in range(chaos.kills))
    breaks = sorted(chance.uniform(2.0, chaos.seconds) for _ in range(chaos.outages))
    hits: Counter[str] = Counter()
    sidecar = Sidecar(chaos, environ, tmp_path)
    outages: list[threading.Thread] = []
    with logging_all_the_time(trainer) as end:
        began = time.monotonic()
        try:
            done = False
            while not done:
                now = time.monotonic() - began
                assert now < chaos.seconds + 120, (tmp_path / "sidecar.log").read_text()[-2000:]
                if moments and now >= moments[0]:
                    moments.pop(0)
                    hits[sidecar.strike(chance)] += 1
                if breaks and now >= breaks[0] and not any(thread.is_alive() for thread in outages):
                    breaks.pop(0)
                    outages.append(threading.Thread(target=outage, args=(standin, chance, chaos.outage), daemon=True))
                    outages[-1].start()
                time.sleep(0.05)
                done = sidecar.tend() and not moments and not breaks
        finally:
            sidecar.close()
            for thread in outages:
                thread.join()
        logged = 5 + end()
    before = standin.store.runs[PATH].state
    trainer.finish()

    state = standin.state()
    lines = state["history"][PATH]
    counts = Counter(uids(lines))
    steps = [line["train/global_step"] for line in lines if "train/loss" in line]
    print(
        f"seed {chaos.seed}: {len(counts)} of {chaos.checkpoints} evaluations, {len(steps)} of {logged} trainer rows; "
        f"{dict(hits)} killed, {len(outages)} outages, {sidecar.starts} starts of the watcher"
    )
    assert counts == {f"eval-{10 * (number + 1)}": 1 for number in range(chaos.checkpoints)}
    assert sorted(steps) == list(range(1, logged + 1))
    assert (state["clobbered"], state["unknown"]) == ([], [])
    assert (before, standin.store.runs[PATH].state) == ("running", "finished")
    assert "file_stream:default" not in state["requests"]
