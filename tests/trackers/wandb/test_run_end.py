"""The trainer's end and a session, in every order: the run is left as the trainer left it.

The model has one run at W&B, a trainer, and sessions that do what `watcher.trackers.wandb.client` does, step by step;
the watcher's part is the real one. The client's own part is in tests/trackers/wandb/test_closing.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import pytest

from watcher.trackers.wandb import RunFacts
from watcher.trackers.wandb.join_state import JoinState
from watcher.trackers.wandb.run import ENDED, Writer
from watcher.trackers.wandb.run_end import RunEnd


class End(StrEnum):
    """How a trainer ends."""

    FINISHED = "finished"
    FAILED = "failed"
    KILLED = "crashed"
    RESUMED = "resumed"
    NEVER = "running"


STEPS = ("load", "open", "post", "post again", "finish", "answer")


@dataclass
class Memory:
    """What of the ledger outlives a process."""

    kept: dict[str, str] = field(default_factory=dict)

    def recall(self, key: str) -> str | None:
        return self.kept.get(key)

    def remember(self, key: str, value: str) -> None:
        self.kept[key] = value


@dataclass
class Run:
    """The run at W&B: any post brings it back to `running`, and 300 s without one make it `crashed`."""

    now: float = 1000.0
    state: str = "running"
    heartbeat: float = 1000.0
    left_at: float = 0.0
    alive: bool = True

    def post(self, complete: str = "") -> None:
        self.heartbeat, self.state = self.now, complete or "running"

    def trainer_ends(self, how: End) -> None:
        if how is End.NEVER:
            return
        self.alive = how is End.RESUMED
        if how is not End.KILLED:
            self.left_at = self.now
            self.post("failed" if how is End.FAILED else "finished")

    def wait(self, seconds: float) -> None:
        """The trainer, where it lives, is heard of every 30 s."""
        for _ in range(int(seconds / 15)):
            self.now += 15
            if self.alive and self.now - self.heartbeat >= 30:
                self.post()
            if self.state == "running" and self.now - self.heartbeat > 300:
                self.state = "crashed"

    def facts(self) -> RunFacts:
        return RunFacts(True, self.state, Writer.SHARED, heartbeat=self.heartbeat)

    def end(self, state: str, since: float) -> bool:
        if self.state not in ("running", "crashed") or not (state or self.left_at >= since):
            return False
        self.post("finished" if state in ("", "finished") else "failed")
        return True


def session(run: Run, memory: Memory, *, seen: bool) -> Iterator[str]:
    """A publication, one step after the other; `seen`: it looks at the state between any two of them."""
    yield "load"
    at_load = run.state
    left = ""
    if at_load in ENDED and not memory.recall("ended as"):
        memory.remember("ended as", at_load)
    for step in ("open", "post", "post again"):
        yield step
        if seen and at_load not in ENDED and run.state in ENDED and not left:
            left = run.state
            memory.remember("ended as", left)
        if step != "open":
            run.post()
    yield "finish"
    if at_load in ENDED:
        known = memory.recall("ended as") if at_load == "crashed" else at_load
        run.post("finished" if known == "finished" else "failed")
    elif left and run.state not in ENDED:
        run.post("finished" if left == "finished" else "failed")
    yield "answer"


@pytest.mark.parametrize("how", End)
@pytest.mark.parametrize("when", [*STEPS, "before", "after"])
def test_run_is_left_as_its_trainer_left_it(how: End, when: str) -> None:
    for killed, restarted, seen in itertools.product([*STEPS, "never"], [False, True], [False, True]):
        left_as_it_was(how, when, killed, restarted=restarted, seen=seen)


def left_as_it_was(how: End, when: str, killed: str, *, restarted: bool, seen: bool) -> None:
    """One order of things; `killed`: the step at which the session dies, `restarted`: the watcher with it."""
    run, memory = Run(), Memory()
    watcher = RunEnd(JoinState(memory), run.end)
    run.wait(60)
    watcher.look(run.facts())
    if when == "before":
        run.trainer_ends(how)
    watcher.opening(run.facts().heartbeat, None)
    watcher.opened()
    run.now += 1
    for step in session(run, memory, seen=seen):
        if step == killed:
            break
        if step == when:
            run.trainer_ends(how)
        run.now += 1
    if run.alive and not run.left_at and how is not End.NEVER:
        run.trainer_ends(how)
    if restarted:
        run.wait(600)
        watcher = RunEnd(JoinState(memory), run.end)
    for _ in range(20):
        watcher.look(run.facts())
        run.wait(30)
    expected = {End.RESUMED: "running", End.NEVER: "running"}.get(how, str(how))
    # An end that nobody saw is taken for a good one: W&B keeps no exit code that can be asked for.
    unseen = how is End.FAILED and run.state == "finished" and not memory.recall("ended as")
    assert run.state == expected or (unseen and not seen), (run, memory)
    assert (memory.recall("opened"), memory.recall("ended as")) in [("", ""), ("", None)] or how is End.KILLED


def test_a_watcher_that_ends_makes_up_for_it_at_its_exit() -> None:
    run, memory = Run(), Memory()
    watcher = RunEnd(JoinState(memory), run.end)
    watcher.opening(run.heartbeat, None)
    run.trainer_ends(End.FINISHED)
    run.post()
    watcher.end()
    watcher.look(run.facts())
    assert (run.state, memory.recall("opened")) == ("finished", "")


def test_an_end_that_was_lost_on_its_way_is_told_again() -> None:
    run, memory = Run(), Memory({"ended as": "finished"})
    run.alive = False
    lost = iter([True, True])
    watcher = RunEnd(JoinState(memory), lambda state, since: next(lost, False) or run.end(state, since))
    watcher.opening(run.facts().heartbeat, None)
    run.post()
    watcher.opened()
    for _ in range(5):
        watcher.look(run.facts())
        run.wait(30)
    assert (run.state, memory.recall("opened")) == ("finished", "")


def test_nothing_is_ended_that_no_session_has_opened() -> None:
    run, memory = Run(), Memory()
    run.trainer_ends(End.FINISHED)
    run.post()
    watcher = RunEnd(JoinState(memory), run.end)
    for _ in range(3):
        watcher.look(run.facts())
    watcher.end()
    assert run.state == "running"


def test_attempts_that_are_deferred_do_not_put_off_the_end_of_a_run_that_a_killed_session_left_open() -> None:
    run, memory = Run(), Memory({"ended as": "finished"})
    run.alive = False
    watcher = RunEnd(JoinState(memory), run.end)
    for _ in range(3):
        watcher.opening(run.facts().heartbeat, None)
        watcher.look(run.facts())
        run.wait(30)
    assert (run.state, memory.recall("opened")) == ("finished", "")


@pytest.mark.parametrize("late", [[5], [5, 40], [20, 35, 50]])
def test_late_posts_of_a_killed_session_are_no_sign_of_the_trainers_life(late: list[int]) -> None:
    run, memory = Run(), Memory({"ended as": "finished"})
    run.alive = False
    watcher = RunEnd(JoinState(memory), run.end)
    watcher.opening(run.facts().heartbeat, None)
    run.post()
    watcher.opened()
    watcher.look(run.facts())
    began = run.now
    for seconds in late:
        run.now = began + seconds
        run.post()
        watcher.look(run.facts())
    for _ in range(2):
        run.wait(30)
        watcher.look(run.facts())
    assert (run.state, memory.recall("opened")) == ("finished", "")


def test_posts_of_a_session_are_no_sign_of_the_trainers_life() -> None:
    run, memory = Run(), Memory({"ended as": "finished"})
    run.alive = False
    watcher = RunEnd(JoinState(memory), run.end)
    for _ in range(2):
        watcher.opening(run.facts().heartbeat, None)
        run.now += 1
        run.post()
        watcher.opened()
        watcher.look(run.facts())
    run.wait(30)
    watcher.look(run.facts())
    assert run.state == "finished"
