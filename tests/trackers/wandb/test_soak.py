"""A W&B that lags, drops answers, answers late or twice, with kills all the time; and two uimons on one run.

Time is shortened: the lag of 0 to 90 s and every pause of uimon's are divided by `SCALE`, sessions take what they take.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.support.wandb_run import PATH, SeedRun, uids, wait_for_lines
from tests.support.wandb_trainer import StartTrainer
from tests.trackers.wandb.soak_sidecar import of_all, patience
from tests.trackers.wandb.test_chaos import ROOT, _descendants, logging_all_the_time
from watcher.demo.standin import Fault, FaultKind, ReadLag, Standin

SCALE = float(os.environ.get("SOAK_SCALE", "10"))
Mode = Literal["shared", "default", "finished"]


@dataclass(frozen=True)
class Soak:
    """How much of it. `uimons` of them share the run; `kills` are spread over all."""

    mode: Mode
    seed: int
    uimons: int = 1
    checkpoints: int = 36
    period: float = 20.0
    kills: int = 100

    @property
    def seconds(self) -> float:
        """How long checkpoints come and kills go on."""
        return self.checkpoints * self.period


class Uimon:
    """One watcher's process, started again whenever it was killed."""

    def __init__(self, soak: Soak, environ: dict[str, str], state: Path) -> None:
        self._command = [sys.executable, "-m", "tests.trackers.wandb.soak_sidecar", str(state), str(soak.checkpoints)]
        self._command += [str(soak.period), str(SCALE)]
        self._environ = environ
        self.state = state
        self.log = state.with_suffix(".log")
        self.starts = 0
        self._start()

    def _start(self) -> None:
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environ, stdout=log, stderr=log, start_new_session=True
            )

    def tend(self) -> bool:
        code = self._process.poll()
        if code not in (None, 0):
            assert code == -signal.SIGKILL, self.log.read_text()[-3000:]
            self._start()
        return code == 0

    def strike(self, chance: random.Random) -> None:
        others = _descendants(self._process.pid)
        victim = chance.choice(others) if others and chance.random() < 0.6 else self._process.pid
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)

    def close(self) -> None:
        for pid in [*_descendants(self._process.pid), self._process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def resent(self, arrived: dict[str, float]) -> list[float]:
        """For each row that was sent more than once: the seconds, unshortened, from the first time to its arrival."""
        sent: dict[str, list[float]] = defaultdict(list)
        marks = self.state / "marks.jsonl"
        # One that only ever found the other's rows has sent none.
        lines = marks.read_text().splitlines() if marks.exists() else []
        for names, at, target in map(json.loads, lines):
            for uid in names if target == "run" else ():
                sent[uid].append(at)
        return [SCALE * (arrived[uid] - times[0]) for uid, times in sent.items() if len(times) > 1]


def break_answers(standin: Standin, seed: int) -> None:
    """5 % of the answers are lost; others are late, or come twice; a proxy repeats some questions."""
    standin.set_read_lag(ReadLag(0, 90 / SCALE, seed=seed))
    standin.add_fault(Fault("", FaultKind.LOSE, chance=0.05, seed=seed))
    standin.add_fault(Fault("", FaultKind.LATE, spread=30 / SCALE, chance=0.05, seed=seed + 1))
    standin.add_fault(Fault("", FaultKind.ECHO, chance=0.03, seed=seed + 2))
    standin.add_fault(Fault("/graphql", FaultKind.REPEAT, chance=0.03, seed=seed + 3))


def soaks() -> list[object]:
    first = [Soak(mode, seed) for seed in (1, 2, 3) for mode in ("shared", "default", "finished")]
    second = [Soak(mode, 7, uimons=2, checkpoints=60, period=6.0, kills=6) for mode in ("shared", "default")]
    return [pytest.param(soak, id=f"{soak.mode}-{soak.seed}-{soak.uimons}") for soak in [*first, *second]]


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("soak", soaks())
def test_every_row_comes_once(
    standin: Standin,
    environ: dict[str, str],
    tmp_path: Path,
    start_trainer: StartTrainer,
    seed_run: SeedRun,
    soak: Soak,
) -> None:
    chance = random.Random(soak.seed)
    began = time.time()
    variables = {**environ, "SOAK_BEGAN": str(began)}
    if soak.mode == "finished":
        seed_run(200, shared=False, state="finished")
        logged = list(range(200))
    else:
        trainer = start_trainer("shared" if soak.mode == "shared" else "online")
        trainer.log(5)
        wait_for_lines(standin, 5)
    break_answers(standin, soak.seed)
    uimons = [Uimon(soak, variables, tmp_path / f"uimon-{number}") for number in range(soak.uimons)]
    kills = sorted(chance.uniform(1.0, soak.seconds) for _ in range(soak.kills))
    try:
        if soak.mode == "finished":
            work(uimons, kills, chance, began, until=None)
        else:
            with logging_all_the_time(trainer) as end:
                work(uimons, kills, chance, began, until=soak.seconds * 0.6)
                count = 5 + end()
            logged = list(range(1, count + 1))
            trainer.finish()
            work(uimons, kills, chance, began, until=None)
    finally:
        for uimon in uimons:
            uimon.close()
    took = time.time() - began
    state, run = standin.state(), standin.store.runs[PATH]
    counts = Counter(uids(run.history))
    arrived = {uid: at for line, at in zip(run.history, run.arrived, strict=True) for uid in uids([line])}
    resent = sorted(seconds for uimon in uimons for seconds in uimon.resent(arrived))
    steps = {line["train/global_step"] for line in run.history if "train/loss" in line}
    print(
        f"\n{soak}: {len(counts)} of {2 * soak.checkpoints} rows, {sum(counts.values()) - len(counts)} doubled; "
        f"{len(steps)} of {len(logged)} trainer rows; {sum(u.starts for u in uimons)} starts; {took:.0f} s; run "
        f"{run.state}; {len(resent)} rows sent again {resent[0] if resent else 0:.0f} to "
        f"{resent[-1] if resent else 0:.0f} s of 1:1 time after they were first attempted (at least "
        f"{patience(1).seconds:.0f} s where W&B may have had them, sooner where it is known not to)"
    )
    assert counts == dict.fromkeys(of_all(soak.checkpoints), 1)
    assert steps == set(logged)
    assert (state["clobbered"], state["unknown"]) == ([], [])
    assert run.state == "finished"


def work(uimons: list[Uimon], kills: list[float], chance: random.Random, began: float, *, until: float | None) -> None:
    """Keep them going, and kill one now and then, for so many seconds or until all have ended."""
    done = [False] * len(uimons)
    limit = began + 3600
    while (now := time.time() - began) < (until if until is not None else limit) and not (until is None and all(done)):
        if kills and now >= kills[0]:
            kills.pop(0)
            chance.choice(uimons).strike(chance)
        time.sleep(0.1)
        done = [ended or uimon.tend() for ended, uimon in zip(done, uimons, strict=True)]
    assert until is not None or all(done), [uimon.log.read_text()[-2000:] for uimon in uimons]
