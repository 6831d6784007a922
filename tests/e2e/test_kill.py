"""`kill -9` at named points of a real evaluation and publication: nothing is lost, nothing is doubled."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Uimon, assert_unharmed, history, trainer_steps, uids
from tests.publish.conftest import Trainer
from watcher.demo.standin import Standin

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

QUICK = ("--once", "--samples", "2", "--max-tokens", "8", "--swap", "warm")
ROWS = 30


@pytest.fixture
def trainer(environ: dict[str, str], tmp_path: Path) -> Iterator[Trainer]:
    """A living trainer in shared mode that has logged ten rows."""
    started = Trainer(environ, "shared", tmp_path / "trainer")
    started.log(10)
    yield started
    started.close()


@pytest.mark.parametrize(
    ("point", "run", "left"),
    [
        pytest.param("evaluation.loading", "full", "evaluating", marks=pytest.mark.soak),
        ("evaluation.generating", "full", "evaluating"),
        pytest.param("evaluation.before_commit", "full", "evaluating", marks=pytest.mark.soak),
        # What is due first is what the commit loses: a training row, or where there is none an evaluation.
        pytest.param("publish.before_commit", "full", None, marks=pytest.mark.soak),
        ("publish.before_commit", "silent", "evaluated"),
    ],
)
def test_a_killed_watcher_goes_on_where_it_was(
    point: str, run: str, left: str | None, uimon: Uimon, trainer: Trainer, standin: Standin, runs: Path, val: Path
) -> None:
    command = ("watch", runs / run, "--run-id", "run-1", "--val", val, "--state-dir", uimon.state, *QUICK)
    code, _, log = uimon.run(*command, crash_at=point)
    assert code == -signal.SIGKILL, log
    uimon.assert_alone()
    assert left in (None, uimon.status()[0]["state"])
    assert bool(uids(history(standin), "eval")) == (left == "evaluated")
    trainer.log(10)

    code, _, log = uimon.run(*command)
    trainer.log(10)
    trainer.finish()

    assert code == 0, log
    assert_all_there_once(uimon, standin, train_rows=20 if run == "full" else 0)


def test_a_session_killed_after_it_logged_is_settled_by_the_same_watcher(
    uimon: Uimon, trainer: Trainer, standin: Standin, runs: Path, val: Path
) -> None:
    # Every session that logs dies right after it, before it could tell the watcher.
    command = ("watch", runs / "full", "--run-id", "run-1", "--val", val, "--state-dir", uimon.state, *QUICK)
    code, _, log = uimon.run(*command, crash_at="publish.logged")
    trainer.log(20)
    trainer.finish()

    assert code == 0, log
    assert "(not_delivered)" in log
    assert_all_there_once(uimon, standin, train_rows=20)


def assert_all_there_once(uimon: Uimon, standin: Standin, train_rows: int) -> None:
    """Both evaluations, the training rows and the trainer's own are in the run once; nothing else is left."""
    rows = history(standin)
    evaluations, training = uids(rows, "eval"), uids(rows, "train")
    assert len(evaluations) == len(set(evaluations)) == 2
    assert len(training) == len(set(training)) == train_rows
    assert sorted(trainer_steps(rows)) == list(range(1, ROWS + 1))
    assert_unharmed(standin)
    assert [(c["state"], c["published"]) for c in uimon.status()] == [("published", "yes")] * 2
    uimon.assert_alone()
    assert list((uimon.state / "stage").iterdir()) == []
