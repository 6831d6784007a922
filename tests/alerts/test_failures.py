"""Checkpoints that could not be evaluated: one episode for each stretch of one reason."""

from __future__ import annotations

import itertools

from watcher.alerts import MEANINGS, AlertSettings, Arrival, Episode, History, Rule, evaluate
from watcher.alerts.catalog import failure_meaning
from watcher.model import AlertLevel, Failure, Reason

PICKLE, MEMORY = Reason.PICKLE_WEIGHTS, Reason.OUT_OF_MEMORY


def failed(step: int, reason: Reason = PICKLE, at: float | None = None, seen_at: float | None = None) -> Failure:
    """Seen at its step's time, unless told otherwise, and given up one second later."""
    seen = float(step) if seen_at is None else seen_at
    when = seen + 1 if at is None else at
    return Failure(f"failed/{step}/{reason}", f"checkpoint-{step}", step, reason, "It is broken.", seen, when)


def good(step: int, at: float | None = None, seen_at: float | None = None) -> Arrival:
    seen = float(step) if seen_at is None else seen_at
    return Arrival(step, seen, seen + 1 if at is None else at)


def episodes(*happened: Failure | Arrival, settings: AlertSettings | None = None) -> list[tuple[str, int | None]]:
    """The keys, and where they were over."""
    return [(episode.key, episode.cleared_step) for episode in raised(*happened, settings=settings)]


def raised(*happened: Failure | Arrival, settings: AlertSettings | None = None) -> tuple[Episode, ...]:
    failures = tuple(one for one in happened if isinstance(one, Failure))
    evaluated = tuple(one for one in happened if isinstance(one, Arrival))
    return evaluate(History((), failures=failures, evaluated=evaluated), settings or AlertSettings())


def test_failures_of_one_reason_are_one_episode_until_a_later_checkpoint_is_evaluated() -> None:
    assert episodes(good(10), failed(20), failed(30)) == [("failed/20/pickle_weights", None)]
    assert episodes(good(10), failed(20), failed(30), good(40), failed(50)) == [
        ("failed/20/pickle_weights", 40),
        ("failed/50/pickle_weights", None),
    ]


def test_each_reason_is_an_episode_of_its_own() -> None:
    assert episodes(failed(20), failed(30, MEMORY), failed(40), failed(50, MEMORY), good(60)) == [
        ("failed/20/pickle_weights", 60),
        ("failed/30/out_of_memory", 60),
    ]


def test_an_earlier_checkpoint_that_is_evaluated_later_ends_nothing() -> None:
    assert episodes(failed(100), good(50, at=200), good(0, at=300, seen_at=250)) == [
        ("failed/100/pickle_weights", None)
    ]


def test_the_very_checkpoint_evaluated_at_last_ends_it() -> None:
    assert episodes(failed(100), good(100, at=200)) == [("failed/100/pickle_weights", 100)]
    assert episodes(failed(0), good(0, at=200)) == [("failed/0/pickle_weights", 0)]


def test_one_that_was_written_after_the_trainer_went_back_is_a_later_one() -> None:
    assert episodes(failed(100), good(30, seen_at=200)) == [("failed/100/pickle_weights", 30)]


def test_of_one_that_nobody_knows_when_it_was_seen_the_step_tells() -> None:
    assert episodes(failed(100), good(90, seen_at=0, at=200)) == [("failed/100/pickle_weights", None)]
    assert episodes(failed(100), good(110, seen_at=0, at=200)) == [("failed/100/pickle_weights", 110)]


def test_nothing_that_happens_later_changes_the_key_with_which_an_episode_began() -> None:
    course: list[Failure | Arrival] = [
        failed(60),
        failed(50, at=70),
        good(40, at=80),
        good(80),
        failed(70, at=90),
        failed(90),
        good(100),
    ]
    for earlier, later in itertools.pairwise(range(1, len(course) + 1)):
        before, after = episodes(*course[:earlier]), episodes(*course[:later])
        assert {key for key, _ in before} <= {key for key, _ in after}
        over = {key: step for key, step in before if step is not None}
        assert over.items() <= dict(after).items()


def test_it_names_the_checkpoint_and_has_its_reasons_words() -> None:
    [episode] = raised(failed(20, MEMORY))
    assert (episode.rule, episode.level, episode.step) == (Rule.CHECKPOINT_FAILED, AlertLevel.WARN, 20)
    assert episode.alert().title == episode.title == "Not evaluated (out_of_memory): checkpoint-20"
    assert episode.evidence == "It is broken."
    assert "--max-model-len" in episode.fix
    assert raised(failed(20))[0].fix != episode.fix
    assert failure_meaning("a", Reason.GPU_MISSING).fix == MEANINGS[Rule.CHECKPOINT_FAILED].fix


def test_it_is_silenced_as_every_rule() -> None:
    assert episodes(failed(20), settings=AlertSettings(silence=(Rule.CHECKPOINT_FAILED,))) == []
