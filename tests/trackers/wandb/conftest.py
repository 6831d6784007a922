"""A stand-in server, runs on it, and a real trainer process that logs with the real SDK."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from watcher.demo.standin import ENTITY, Standin, standin_environment
from watcher.demo.standin.store import RunRecord
from watcher.ledger.seal import keep_sealed
from watcher.model import Alert, JsonScalar, Reason, Row, RowKind, Sending, Table
from watcher.trackers.wandb import Limits, Order, PublishResult, RunRef, WandbPublisher
from watcher.trackers.wandb.outbox import Publisher
from watcher.trackers.wandb.proof import Patience

PROJECT = "ui"
RUN = "run-1"
PATH = f"{ENTITY}/{PROJECT}/{RUN}"
LIMITS = Limits(retries=1, wait_min=0.1, wait_max=0.2, request=10.0, init=10.0, polls=4, poll_pause=0.25)

# Does what Hugging Face's W&B callback does: the same definitions, the axis in every row, no `step=`.
_TRAINER = """
import sys
import wandb

run = wandb.init(project="ui", config={"lr": 0.1})
run.define_metric("train/global_step")
run.define_metric("*", step_metric="train/global_step", step_sync=True)
print("ready", flush=True)
step = 0
for line in sys.stdin:
    command, _, count = line.strip().partition(" ")
    if command == "log":
        for _ in range(int(count)):
            step += 1
            run.log({"train/loss": 1 / step, "train/global_step": step})
    if command == "finish":
        run.finish()
    print("done", flush=True)
"""


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin() as server:
        yield server


@pytest.fixture
def environ(standin: Standin, tmp_path: Path) -> dict[str, str]:
    """An environment that knows the stand-in and no other W&B: HOME has no netrc."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
    return {**kept, **standin_environment(standin.url, tmp_path / "wandb"), "HOME": str(tmp_path)}


@pytest.fixture
def ref() -> RunRef:
    return RunRef(ENTITY, PROJECT, RUN)


@pytest.fixture
def publisher(ref: RunRef, environ: dict[str, str], tmp_path: Path) -> WandbPublisher:
    return WandbPublisher(ref, tmp_path / "sessions", timeout=45, limits=LIMITS, environ=environ)


SeedRun = Callable[..., RunRecord]


@pytest.fixture
def seed_run(standin: Standin) -> SeedRun:
    """Put a run on the stand-in as a trainer would have left it after `lines` history lines."""

    def seed(lines: int = 10, *, shared: bool = True, state: str = "running") -> RunRecord:
        with standin.shared.lock:
            run, _ = standin.store.upsert(ENTITY, PROJECT, RUN)
            features = [14, 16, 67] if shared else [14, 16]
            run.config = {"lr": {"value": 0.1}, "_wandb": {"value": {"t": {"3": features}}}}
            content = [f'{{"train/loss": 0.5, "train/global_step": {step}}}' for step in range(lines)]
            standin.store.stream(run, {"files": {"wandb-history.jsonl": {"content": content}}}, shared=True)
            run.become(state, standin.store.clock())
        return run

    return seed


class Trainer:
    """A trainer process; every call returns when the process has done it."""

    def __init__(self, environ: Mapping[str, str], mode: Literal["shared", "online"], directory: Path) -> None:
        variables = {
            **environ,
            "WANDB_MODE": mode,
            "WANDB_RUN_ID": RUN,
            "WANDB_X_LABEL": "trainer",
            # The shortest that the SDK takes: below a second it silently falls back to 15 s.
            "WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "1.0",
            "WANDB_SILENT": "true",
        }
        directory.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TRAINER],
            env=variables,
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._expect("ready")

    def log(self, rows: int) -> None:
        self._tell(f"log {rows}")

    def finish(self) -> None:
        self._tell("finish")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _tell(self, command: str) -> None:
        print(command, file=self._process.stdin, flush=True)
        self._expect("done")

    def _expect(self, word: str) -> None:
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline()) != f"{word}\n":
            assert line, "the trainer ended early"


StartTrainer = Callable[[Literal["shared", "online"]], Trainer]


@pytest.fixture
def start_trainer(environ: dict[str, str], tmp_path: Path) -> Iterator[StartTrainer]:
    started: list[Trainer] = []

    def start(mode: Literal["shared", "online"]) -> Trainer:
        started.append(Trainer(environ, mode, tmp_path / "trainer"))
        return started[-1]

    yield start
    for trainer in started:
        trainer.close()


def eval_row(step: int, uid: str | None = None, *, table: bool = True) -> Row:
    """An evaluation's row as the service makes it."""
    uid = uid or f"eval-{step}"
    values: dict[str, JsonScalar] = {
        "train/global_step": step,
        "eval/uid": uid,
        "eval/syntax_validity_rate": 0.5,
        "eval/perplexity": None,
    }
    columns = ("step", "sample", "prompt", "generated_code", "syntax_valid", "num_colors", "num_classes")
    code = "<script>alert('x')</script><div class=\"bg-blue-500\">"
    samples = Table(columns, ((step, 0, "A card", code, "✓", 1, 1), (step, 1, "A form", "", "✗", 0, None)))
    return Row(uid, RowKind.EVAL, step, values, samples if table else None)


def train_row(step: int) -> Row:
    """A training step's row as the service makes it."""
    uid = f"train-{step}"
    values: dict[str, JsonScalar] = {"train/global_step": step, "train/uid": uid, "train/perplexity": 2.5}
    return Row(uid, RowKind.TRAIN, step, values)


def uids(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """The uids in the run's history, in order."""
    return [line[key] for line in history for key in ("eval/uid", "train/uid") if key in line]


def wait_for_lines(standin: Standin, lines: int) -> None:
    """Wait until the run has that many history lines: a trainer's rows are sent about once a second."""
    deadline = time.monotonic() + 15
    while len(standin.state()["history"][PATH]) < lines:
        assert time.monotonic() < deadline, f"{lines} history lines did not arrive"
        time.sleep(0.1)


class MemoryStore:
    """An outbox store without a disk, for tests."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.rows = {row.uid: row for row in rows}
        self.published: list[str] = []
        self.found: list[str] | None = []
        self.rebuilt = False
        self.copies: dict[str, int] = {}
        self.alerts: list[Alert] = []
        self.raised: list[str] = []
        self.waiting: dict[str, Reason] = {}
        self.marks: list[tuple[tuple[str, ...], int]] = []
        self.look_at: dict[str, float] = {}
        self.began: float | None = None

    @property
    def empty(self) -> bool:
        return not self.due_rows(1) and not self.due_alerts()

    @property
    def surveyed(self) -> bool:
        return self.found is not None

    def found_by_survey(self, uids: Sequence[str]) -> None:
        self.found = list(uids)

    def due_alerts(self) -> list[Alert]:
        return [alert for alert in self.alerts if alert.key not in self.raised]

    def alerts_raised(self, keys: Sequence[str]) -> None:
        self.raised.extend(keys)

    def rows_copied(self, copies: Iterable[tuple[str, int]]) -> None:
        self.copies.update(copies)

    def due_rows(self, limit: int, now: float | None = None) -> list[Row]:
        due = [row for uid, row in self.rows.items() if uid not in self.published]
        return [row for row in due if now is None or self.look_at.get(row.uid, now) <= now][:limit]

    def note_attempt(self, uids: Sequence[str], mark: int, at: float, until: float | None = None) -> None:
        self.marks.append((tuple(uids), mark))
        for uid in uids:
            row = self.rows[uid]
            sent = Sending(row.sent.first_at if row.sent else at, at if until is None else until)
            lowest = mark if row.mark is None else min(mark, row.mark)
            self.rows[uid] = replace(row, mark=lowest, attempts=row.attempts + 1, sent=sent)
            self.look_at[uid] = at

    def rows_absent(self, uids: Sequence[str], look_at: float) -> None:
        for uid in uids:
            sent = self.rows[uid].sent
            self.rows[uid] = replace(self.rows[uid], sent=sent and replace(sent, looks=sent.looks + 1))
            self.look_at[uid] = look_at
            self.waiting[uid] = Reason.UNCONFIRMED

    def rows_unsent(self, uids: Sequence[str]) -> None:
        for uid in uids:
            self.rows[uid] = replace(self.rows[uid], sent=None)
            self.look_at.pop(uid, None)

    def look_now(self, now: float) -> None:
        self.look_at = dict.fromkeys(self.look_at, now)
        self.sending_over(now)

    def sending_over(self, now: float) -> None:
        for uid, row in self.rows.items():
            if row.sent:
                self.rows[uid] = replace(row, sent=replace(row.sent, last_at=min(row.sent.last_at, now)))

    def survey_began(self, now: float) -> float:
        if self.began is None:
            self.began = now
        return self.began

    def rows_published(self, uids: Sequence[str]) -> None:
        self.published.extend(uids)

    def rows_waiting(self, uids: Sequence[str], reason: Reason) -> None:
        self.waiting.update(dict.fromkeys(uids, reason))


def attempt(publisher: Publisher, store: MemoryStore, order: Order | None = None, at: float = 0.0) -> PublishResult:
    """One publication, `at` a time, of what the store holds; the store learns what became of all but the delivered."""
    result = publisher.publish(
        store.due_rows(500),
        store.due_alerts(),
        replace(order or Order(), now=at),
        lambda uids, mark: store.note_attempt(uids, mark, at),
    )
    store.rows_unsent(result.unsent)
    store.rows_absent(result.absent, at)
    return result


LONG_AFTER = Patience().seconds + 1
"""So long after it was sent, a row that is not seen is lost."""


def let_time_pass(ledger: Path, seconds: float = LONG_AFTER) -> None:
    """Whatever was sent by this ledger was sent that much earlier."""
    with sqlite3.connect(ledger) as db:
        keep_sealed(db)
        db.execute("UPDATE outbox SET sent_first = sent_first - ?1, sent_last = sent_last - ?1", (seconds,))
    db.close()


def history(standin: Standin, path: str = PATH) -> list[dict[str, Any]]:
    """A run's lines as the stand-in keeps them."""
    lines: list[dict[str, Any]] = standin.state()["history"][path]
    return lines
