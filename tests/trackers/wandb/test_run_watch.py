"""When a run counts as ended for good."""

from __future__ import annotations

from watcher.trackers.wandb import RunFacts, Settling
from watcher.trackers.wandb.run import Writer
from watcher.trackers.wandb.run_watch import RunWatch, is_default


class Run:
    """A run at the tracker, and a clock that somebody moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.state: str | None = "running"
        self.silence: float | None = None
        self.asked = 0
        self.watch = RunWatch(self.facts, Settling(ended=45, crashed=270), lambda: self.now)

    def facts(self) -> RunFacts | None:
        self.asked += 1
        return None if self.state is None else RunFacts(True, self.state, Writer.DEFAULT, silence=self.silence)

    def after(self, seconds: float, state: str | None) -> RunWatch:
        self.now += seconds
        self.state = state
        self.watch.look(now=True)
        return self.watch


def test_a_run_is_settled_once_it_stayed_ended() -> None:
    run = Run()
    assert run.after(0, "running").settles_in is None
    assert (run.after(5, "finished").settled, run.watch.settles_in) == (False, 45)
    assert (run.after(44, "finished").settled, run.watch.settles_in) == (False, 1)
    assert (run.after(1, "finished").settled, run.watch.settles_in) == (True, 0)
    assert run.watch.ended_seconds == 45


def test_a_run_that_comes_back_begins_anew() -> None:
    run = Run()
    run.after(0, "finished")
    assert run.after(60, "finished").settled
    assert not run.after(1, "running").settled
    assert run.watch.ended_state is None
    assert not run.after(1, "finished").settled


def test_a_run_that_goes_from_one_end_to_another_is_not_timed_anew() -> None:
    run = Run()
    run.after(0, "crashed")
    assert run.after(270, "crashed").settled
    assert run.after(1, "failed").settled


def test_not_knowing_is_no_evidence() -> None:
    run = Run()
    run.after(0, "finished")
    assert run.after(50, None).settled
    assert run.watch.ended_state == "finished"


def test_an_hour_of_silence_is_enough() -> None:
    run = Run()
    run.silence = 3600.0
    assert run.after(0, "crashed").settled


def test_the_tracker_is_not_asked_all_the_time() -> None:
    run = Run()
    for _ in range(10):
        run.watch.look()
        run.now += 1
    assert run.asked == 1
    run.now += 30
    run.watch.look()
    assert run.asked == 2


def test_only_a_living_default_mode_writer_may_overwrite() -> None:
    assert is_default(RunFacts(True, "running", Writer.DEFAULT))
    assert not is_default(RunFacts(True, "running", Writer.SHARED))
    assert not is_default(RunFacts(True, "finished", Writer.DEFAULT))
    assert not is_default(RunFacts(exists=False))
    assert not is_default(None)
