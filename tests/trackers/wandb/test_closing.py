"""A trainer that ends while a session has its run open, with the real SDK: the run is left as the trainer left it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.outboxes import MemoryStore, attempt, eval_row
from tests.support.wandb_run import LIMITS, PATH, SeedRun, history, uids
from watcher.demo.standin import Fault, FaultKind, Standin
from watcher.demo.standin.store import RunRecord
from watcher.trackers.wandb import PublishPlan, RunRef, WandbPublisher

When = Callable[[Mapping[str, Any]], bool]


def is_row(body: Mapping[str, Any]) -> bool:
    """A session's post with a row."""
    return "eval/uid" in str(body.get("files", {}).get("wandb-history.jsonl", ""))


@pytest.fixture
def end_at(standin: Standin, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[When, str], None]]:
    """Let the trainer end right before the first post for which `when` holds is applied."""
    stream = standin.store.stream
    waiting: list[tuple[When, str]] = []

    def spy(run: RunRecord, body: Mapping[str, Any], *, shared: bool) -> None:
        if waiting and waiting[0][0](body):
            trainer_ends(standin, waiting.pop(0)[1])
        stream(run, body, shared=shared)

    monkeypatch.setattr(standin.store, "stream", spy)
    yield lambda when, how: waiting.append((when, how))
    assert waiting == []


def trainer_ends(standin: Standin, how: str) -> None:
    with standin.shared.lock:
        run = standin.store.runs[PATH]
        run.files["config.yaml"], run.uploaded["config.yaml"] = b"lr: 0.1", time.time()
        run.become(how, time.time())


@pytest.fixture
def left() -> list[str]:
    return []


@pytest.fixture
def session(ref: RunRef, environ: dict[str, str], tmp_path: Path, left: list[str]) -> WandbPublisher:
    return WandbPublisher(ref, tmp_path / "sessions", 45, LIMITS, environ, left.append)


@pytest.mark.parametrize("how", [pytest.param("finished", marks=pytest.mark.soak), "failed"])
def test_end_that_a_session_sees_is_made_again_at_once(
    standin: Standin, session: WandbPublisher, seed_run: SeedRun, left: list[str], how: str
) -> None:
    run = seed_run()
    run.summary = {"train/loss": 0.5}
    # The session's rows are on their way for a second, in which the trainer ends.
    standin.add_fault(Fault("/file_stream", FaultKind.DELAY, delay=1.0, times=1, body="eval/uid"))
    stream = standin.shared.faults.pick

    def pick(request: str, body: bytes = b"") -> Fault | None:
        found = stream(request, body)
        if found is not None:
            trainer_ends(standin, how)
        return found

    standin.shared.faults.pick = pick  # type: ignore[method-assign]
    assert attempt(session, MemoryStore([eval_row(10)])).delivered == ("eval-10",)
    assert left == [how]
    assert [state for _, state in run.states] == ["running", how, "running", how]
    assert run.summary["train/loss"] == 0.5
    assert (uids(history(standin)), standin.state()["unknown"]) == (["eval-10"], [])
    assert session.end("", 1.0) is False


def test_end_that_falls_between_a_look_and_a_post_is_made_up_for(
    standin: Standin, session: WandbPublisher, seed_run: SeedRun, end_at: Callable[[When, str], None]
) -> None:
    run = seed_run()
    before = time.time()
    end_at(is_row, "finished")
    assert attempt(session, MemoryStore([eval_row(10)])).delivered == ("eval-10",)
    assert [state for _, state in run.states] == ["running", "finished", "running"]
    assert session.end("", before + 3600) is False
    assert session.end("", before) is True
    assert run.state == "finished"
    assert uids(history(standin)) == ["eval-10"]


@pytest.mark.parametrize("point", [pytest.param("publish.before_log", marks=pytest.mark.soak), "publish.logged"])
def test_how_a_run_had_ended_is_told_before_a_session_opens_it(
    standin: Standin,
    ref: RunRef,
    environ: dict[str, str],
    tmp_path: Path,
    seed_run: SeedRun,
    left: list[str],
    point: str,
) -> None:
    run = seed_run(state="failed")
    killed = {**environ, "UIMON_CRASH_AT": point}
    crashing = WandbPublisher(ref, tmp_path / "sessions", 45, LIMITS, killed, left.append)
    attempt(crashing, MemoryStore([eval_row(10)]), PublishPlan(settled=True))
    assert left == ["failed"]
    # What a session that was killed a moment later leaves.
    run.become("running", time.time())
    sound = WandbPublisher(ref, tmp_path / "sessions", 45, LIMITS, environ)
    assert sound.end(left[0], 0.0) is True
    assert run.state == "failed"


def test_run_of_a_trainer_that_was_killed_is_not_called_finished(
    standin: Standin, session: WandbPublisher, seed_run: SeedRun, left: list[str]
) -> None:
    run = seed_run()
    before = time.time()
    attempt(session, MemoryStore([eval_row(10)]))
    assert session.end("", before) is False
    assert (run.state, left) == ("running", [])
