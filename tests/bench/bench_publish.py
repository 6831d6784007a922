"""What publication costs: in seconds, in megabytes, in the run's length, and to the trainer.

The server is the stand-in on this machine, so network and W&B's own time are left out.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.outboxes import MemoryStore, attempt, eval_row
from tests.support.wandb_run import PATH, RUN, SeedRun
from watcher.demo.standin import Standin
from watcher.evaluation.evaluate import TABLE_CODE_CHARS, TABLE_COLUMNS
from watcher.model import JsonScalar, Row, RowKind, Table
from watcher.trackers.wandb import Limits, PublishPlan, RunRef, WandbPublisher

_ROUNDS = 5
_LOGS = 100
_LONG = 100_000

_TRAINER = """
import json, sys, time
import wandb
run = wandb.init(project="ui")
print("ready", flush=True)
for round in sys.stdin:
    took = []
    for step in range(int(round)):
        began = time.perf_counter()
        run.log({"train/loss": 1.0, "train/global_step": step})
        took.append(time.perf_counter() - began)
        time.sleep(0.1)
    print(json.dumps(took), flush=True)
"""


def page_row(step: int, shown: int) -> Row:
    """The row of an evaluation whose table shows so many samples of 4 KB."""
    code = ("<div class='flex items-center p-4 bg-blue-500'>" * 100)[:TABLE_CODE_CHARS]
    found = (9, 12, "valid", "stop", "", "document")
    rows = tuple((step, n, "A pricing page", f"{n}{code}", "✓", *found) for n in range(shown))
    uid = f"p-{step}-{shown}"
    values: dict[str, JsonScalar] = {f"eval/metric_{n}": n / 7 for n in range(60)}
    values["train/global_step"], values["eval/uid"] = step, uid
    return Row(uid, RowKind.EVAL, step, values, Table(TABLE_COLUMNS, rows))


def publish(publisher: WandbPublisher, *rows: Row, survey: bool = False) -> float:
    """Seconds until the rows are read back."""
    store = MemoryStore(rows)
    began = time.perf_counter()
    result = attempt(publisher, store, PublishPlan(survey=survey))
    assert result.waiting is None, result.detail
    return time.perf_counter() - began


@pytest.fixture
def publisher(ref: RunRef, environ: dict[str, str], tmp_path: Path) -> WandbPublisher:
    return WandbPublisher(ref, tmp_path / "sessions", limits=Limits(), environ=environ)


def test_a_publications_seconds_and_megabytes(standin: Standin, publisher: WandbPublisher, seed_run: SeedRun) -> None:
    seed_run()
    for shown in (8, 64):
        seconds, sizes = [], []
        for step in range(_ROUNDS):
            before = standin.state(rows=False)["received_bytes"]
            seconds.append(publish(publisher, page_row(step, shown)))
            sizes.append((standin.state(rows=False)["received_bytes"] - before) / 1e6)
        print(
            f"\na table of {shown} samples of 4 KB: {statistics.median(seconds):.2f} s and "
            f"{statistics.median(sizes):.3f} MB a checkpoint, session and read-back included"
        )


def test_reading_back_from_a_long_run_beside_a_short_one(
    standin: Standin, publisher: WandbPublisher, seed_run: SeedRun
) -> None:
    took: dict[int, list[float]] = {100: [], _LONG: []}
    for turn in range(_ROUNDS):
        for lines, seconds in took.items():
            standin.store.runs.clear()
            seed_run(lines)
            seconds.append(publish(publisher, eval_row(turn)))
    short, long = (statistics.median(seconds) for seconds in took.values())
    print(f"\na publication into a run of {_LONG} rows: {long:.2f} s, {long / short:.2f} times one of 100 rows")
    surveyed = publish(publisher, eval_row(99), survey=True)
    print(f"the first one of a ledger, which reads the whole run: {surveyed:.2f} s")


def test_what_the_trainers_logging_takes_with_uimon_beside_it(
    standin: Standin, publisher: WandbPublisher, environ: dict[str, str], tmp_path: Path
) -> None:
    alone: list[float] = []
    beside: list[float] = []
    with _trainer(environ, tmp_path / "trainer") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        # The SDK's first rows take longer than all others.
        print(5, file=process.stdin, flush=True)
        process.stdout.readline()
        for turn in range(2 * _ROUNDS):
            print(_LOGS // _ROUNDS, file=process.stdin, flush=True)
            if turn % 2:
                publish(publisher, page_row(turn, 8))
            (beside if turn % 2 else alone).extend(json.loads(process.stdout.readline()))
        process.kill()
    for name, measure in (("median", statistics.median), ("99 %", lambda all: sorted(all)[len(all) * 99 // 100])):
        one, other = measure(alone) * 1e3, measure(beside) * 1e3
        print(f"\nwandb.log in the trainer, {name}: {one:.2f} ms alone, {other:.2f} ms beside a publication")
    assert PATH in standin.state(rows=False)["runs"]


def _trainer(environ: Mapping[str, str], place: Path) -> subprocess.Popen[str]:
    place.mkdir()
    variables = {**environ, "WANDB_MODE": "shared", "WANDB_RUN_ID": RUN, "WANDB_SILENT": "true"}
    return subprocess.Popen(
        [sys.executable, "-c", _TRAINER],
        env=variables,
        cwd=place,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
