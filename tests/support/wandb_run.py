"""The run of a test on the stand-in, and what is in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from watcher.demo.standin import ENTITY, Standin
from watcher.demo.standin.store import RunRecord
from watcher.trackers.wandb import Limits

PROJECT = "ui"
RUN = "run-1"
PATH = f"{ENTITY}/{PROJECT}/{RUN}"
LIMITS = Limits(retries=1, wait_min=0.1, wait_max=0.2, request=10.0, init=10.0, polls=4, poll_pause=0.25)


SeedRun = Callable[..., RunRecord]
History = list[dict[str, Any]]


def history(standin: Standin, path: str = PATH) -> History:
    """A run's lines as the stand-in keeps them."""
    lines: History = standin.state()["history"].get(path, [])
    return lines


def uids(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """The uids in the run's history, in order."""
    return [line[key] for line in history for key in ("eval/uid", "train/uid") if key in line]


def uids_of(rows: History, kind: str) -> list[str]:
    """The uids of one kind of row, in the order of arrival."""
    return [row[f"{kind}/uid"] for row in rows if f"{kind}/uid" in row]


def wait_for_lines(standin: Standin, lines: int) -> None:
    """Wait until the run has that many history lines: a trainer's rows are sent about once a second."""
    deadline = time.monotonic() + 15
    while len(history(standin)) < lines:
        assert time.monotonic() < deadline, f"{lines} history lines did not arrive"
        time.sleep(0.1)


def trainer_steps(rows: History) -> list[int]:
    """The steps that the trainer itself logged, in the order of arrival."""
    return [row["train/global_step"] for row in rows if "train/loss" in row]


def assert_unharmed(standin: Standin) -> None:
    """No writer overwrote another's row, and the stand-in understood everything it was asked."""
    state = standin.state(rows=False)
    assert state["clobbered"] == []
    assert state["unknown"] == []
