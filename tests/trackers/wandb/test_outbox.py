"""The outbox against a scripted publisher, and against the real one across kills of the whole process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.outboxes import LONG_AFTER, MemoryStore, eval_row, train_row
from tests.support.wandb_run import PATH, RUN, SeedRun, uids
from watcher.demo.standin import ENTITY, Fault, FaultKind, Standin
from watcher.ledger.ledger import Ledger
from watcher.model import Alert, Reason, Row
from watcher.trackers.wandb import Backoff, Outbox, PublishPlan, PublishResult

# A watcher in miniature: one row due, one step at the time that it is given.
_WATCHER = """
import sys
from pathlib import Path
from tests.support.outboxes import eval_row
from tests.support.wandb_run import LIMITS, PROJECT, RUN
from watcher.demo.standin import ENTITY
from watcher.ledger.ledger import Ledger
from watcher.trackers.wandb import Outbox, RunRef, WandbPublisher

ledger = Ledger(Path(sys.argv[1]))
ledger.outbox().add_rows([eval_row(10)])
now = float(sys.argv[2])
publisher = WandbPublisher(RunRef(ENTITY, PROJECT, RUN), ledger.path.parent / "sessions", timeout=45, limits=LIMITS)
outbox = Outbox(ledger.outbox(), publisher, clock=lambda: now, gather=0.0)
outbox.hurry()
print(outbox.step().published)
"""


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class ScriptedPublisher:
    """Answers what the script says, batch by batch; the last answer is given for ever."""

    def __init__(self, script: Sequence[Callable[[Sequence[Row]], PublishResult]]) -> None:
        self._script = list(script)
        self.batches: list[list[str]] = []

    def publish(
        self,
        rows: Sequence[Row],
        alerts: Sequence[Alert],
        order: PublishPlan,
        on_mark: Callable[[Sequence[str], int], None],
    ) -> PublishResult:
        assert order == PublishPlan(now=order.now)
        self.batches.append([row.uid for row in rows])
        on_mark([row.uid for row in rows], 7)
        answer = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return answer(rows)


def all_of(rows: Sequence[Row]) -> PublishResult:
    return PublishResult(tuple(row.uid for row in rows))


def first_only(rows: Sequence[Row]) -> PublishResult:
    return PublishResult((rows[0].uid,), Reason.NOT_DELIVERED, "the others were not seen")


def none_because(reason: Reason) -> Callable[[Sequence[Row]], PublishResult]:
    return lambda _: PublishResult((), reason, f"{reason}")


def test_rows_go_out_oldest_first_in_batches() -> None:
    store = MemoryStore([train_row(step) for step in range(5)])
    publisher = ScriptedPublisher([all_of])
    outbox = Outbox(store, publisher, batch=2, clock=Clock(), gather=0.0)
    assert outbox.step().published == ("train-0", "train-1")
    assert outbox.step().published == ("train-2", "train-3")
    assert outbox.step().published == ("train-4",)
    assert not outbox.step().attempted
    assert publisher.batches == [["train-0", "train-1"], ["train-2", "train-3"], ["train-4"]]
    assert store.marks[0] == (("train-0", "train-1"), 7)


def test_partial_delivery_publishes_what_was_seen_and_keeps_the_rest() -> None:
    store = MemoryStore([eval_row(10), eval_row(20)])
    outbox = Outbox(store, ScriptedPublisher([first_only]), clock=Clock(), gather=0.0)
    report = outbox.step()
    assert report.published == ("eval-10",)
    assert (report.waiting, report.detail) == (Reason.NOT_DELIVERED, "the others were not seen")
    assert store.waiting == {"eval-20": Reason.NOT_DELIVERED}
    assert [row.uid for row in store.due_rows(9)] == ["eval-20"]


def test_pauses_double_up_to_the_longest_and_end_with_success() -> None:
    clock = Clock()
    unreachable = none_because(Reason.WANDB_UNREACHABLE)
    store = MemoryStore([eval_row(10)])
    outbox = Outbox(store, ScriptedPublisher([unreachable] * 7 + [all_of]), clock=clock, chance=lambda: 0.0, gather=0.0)
    pauses = []
    while (report := outbox.step()).waiting is not None:
        pauses.append(report.next_attempt_in)
        clock.sleep(report.next_attempt_in)
    assert pauses == [2, 4, 8, 16, 32, 60, 60]
    assert outbox.next_attempt_in == 0


def test_nothing_is_attempted_during_a_pause_and_the_reason_stays_visible() -> None:
    publisher = ScriptedPublisher([none_because(Reason.DEFERRED), all_of])
    clock = Clock()
    outbox = Outbox(MemoryStore([eval_row(10)]), publisher, clock=clock, chance=lambda: 0.0, gather=0.0)
    assert outbox.step().next_attempt_in == 30
    clock.sleep(10)
    waiting = outbox.step()
    assert (waiting.attempted, waiting.waiting, waiting.next_attempt_in) == (False, Reason.DEFERRED, 20)
    assert len(publisher.batches) == 1
    outbox.retry_now()
    assert outbox.step().published == ("eval-10",)


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_jitter_only_shortens_and_by_half_at_most(chance: float) -> None:
    for failures in range(1, 50):
        pause = Backoff().pause(Reason.WANDB_UNREACHABLE, failures, chance)
        full = min(60.0, 2.0 * 2 ** (failures - 1))
        assert full / 2 <= pause <= full


def watcher_process(ledger: Path, environ: dict[str, str], now: float = 0.0) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[3]
    return subprocess.Popen(
        [sys.executable, "-c", _WATCHER, str(ledger), str(now)],
        env={**environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )


def published(ledger: Path) -> bool:
    opened = Ledger(ledger)
    try:
        return "eval-10" not in [row.uid for row in opened.outbox().due_rows(100)]
    finally:
        opened.close()


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("publish.before_log", marks=pytest.mark.soak),
        pytest.param("publish.logged", marks=pytest.mark.soak),
        "publish.before_commit",
    ],
)
def test_watcher_killed_at_any_point_leaves_each_row_once(
    standin: Standin, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun, point: str
) -> None:
    seed_run()
    ledger = tmp_path / "ledger.sqlite3"
    with watcher_process(ledger, {**environ, "UIMON_CRASH_AT": point}) as crashing:
        crashing.communicate(timeout=50)
    assert (crashing.returncode == -signal.SIGKILL) == (point == "publish.before_commit")
    assert not published(ledger)
    # One that was never logged is only sent again once it is certain that it is not there.
    for now, seen in ((1.0, False), (LONG_AFTER, True)):
        with watcher_process(ledger, environ, now) as again:
            output, _ = again.communicate(timeout=50)
        assert published(ledger) is (output == "('eval-10',)\n") is (seen or point != "publish.before_log")
        if published(ledger):
            break
    assert uids(standin.state()["history"][PATH]) == ["eval-10"]


def children(pid: int) -> list[int]:
    """All living descendants of a process."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    direct = [int(child) for child in text.split()]
    return direct + [grandchild for child in direct for grandchild in children(child)]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_session_ends_with_the_watcher_that_started_it(
    standin: Standin, environ: dict[str, str], tmp_path: Path, seed_run: SeedRun
) -> None:
    seed_run()
    standin.add_fault(Fault("UpsertBucket", FaultKind.DELAY, delay=8.0))
    with watcher_process(tmp_path / "ledger.sqlite3", environ) as watcher:
        # One process is the session, the other the SDK's own helper: it has begun to talk to the server.
        assert wait_until(lambda: standin.state(rows=False)["requests"].get("RunResumeStatus", 0) > 0, 20)
        family = children(watcher.pid)
        assert len(family) >= 2
        watcher.kill()
        watcher.wait()
        assert wait_until(lambda: not any(alive(pid) for pid in family), 5)
    assert uids(standin.state()["history"].get(f"{ENTITY}/ui/{RUN}", [])) == []
