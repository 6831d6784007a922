"""The rule that tells this run's checkpoints from another's, on logs alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from watcher.checkpoints.belonging import Clues, Ruling, rule
from watcher.checkpoints.lineage import Relation, Trainings
from watcher.checkpoints.run_log import RunLog
from watcher.model import LoggedStep

HOUR = 3600.0
NOW = 1.8e9
Loss = Callable[[int], float]


def old(step: int) -> float:
    return 0.9 / step


def new(step: int) -> float:
    return 2.5 / step


def log(steps: Iterable[int], loss: Loss, rate: float = 1e-4, pace: float = 100) -> list[LoggedStep]:
    """What a trainer logs at these steps, with so many steps an epoch."""
    return [LoggedStep(step, loss(step), 0.5, rate, step / pace) for step in steps]


def shown(steps: Iterable[int], loss: Loss, rate: float | None = None) -> RunLog:
    """What W&B shows of that."""
    return RunLog({step: [LoggedStep(step, loss(step), None, rate)] for step in steps})


def note(trainings: Trainings, step: int, rows: list[LoggedStep], at: float, name: str = "") -> None:
    trainings.note(name or f"checkpoint-{step}", step, rows, NOW + at)


def foreign(trainings: Trainings, evidence: Clues | None = None) -> set[str]:
    return set(rule(trainings, evidence or Clues()).foreign)


def test_the_first_losses_of_one_seed_do_not_make_an_old_training_this_runs() -> None:
    trainings = Trainings()
    note(trainings, 6, log(range(1, 7), old), -48 * HOUR)
    begun = NOW - 60
    assert foreign(trainings, Clues(begun=begun, logged=shown([1, 2], old))) == {"checkpoint-6"}
    # All that it has, and a rate that differs.
    assert foreign(trainings, Clues(begun=begun, logged=shown(range(1, 7), old, 3e-4))) == {"checkpoint-6"}
    # That of a run that was synced later.
    assert foreign(trainings, Clues(begun=begun, logged=shown(range(1, 7), old, 1e-4))) == set()
    assert foreign(trainings, Clues(begun=begun, logged=RunLog(shown([1, 2], old).rows, cut=True))) == set()


def test_a_run_that_is_on_its_way_has_not_written_before_what_it_has_not_reached() -> None:
    trainings = Trainings()
    note(trainings, 30, log(range(1, 31), new), -48 * HOUR)
    note(trainings, 10, log(range(1, 11), new), -60)
    begun = NOW - 600
    assert rule(trainings, Clues(begun=begun)).asks
    assert foreign(trainings, Clues(begun=begun, logged=shown(range(1, 12), new))) == {"checkpoint-30"}
    # One that was resumed there under a new id has logged nothing of what was before.
    note(trainings, 40, log(range(1, 41), new), -30)
    assert foreign(trainings, Clues(begun=begun, logged=shown(range(31, 41), new))) == set()


@pytest.mark.parametrize(
    ("before", "since"),
    [
        (log((63, 126, 189), old, pace=63), log([50], new, pace=50)),
        (log((25, 50, 75, 100), old), log((10, 20), new)),
        (log(range(26, 31), old), log(range(1, 11), new)),
        (log([30], old), log([10], new)),
        (log([30], old), log([50], new)),
    ],
)
def test_logs_without_a_common_step_are_not_one_training_where_the_old_one_is_older_than_the_run(
    before: list[LoggedStep], since: list[LoggedStep]
) -> None:
    trainings = Trainings()
    note(trainings, before[-1].step, before, -48 * HOUR)
    note(trainings, since[-1].step, since, -60)
    evidence = Clues(begun=NOW - 600, logged=shown([since[-1].step], new))
    assert foreign(trainings, evidence) == {f"checkpoint-{before[-1].step}"}


def test_nor_where_a_smaller_step_was_written_later_or_an_epoch_has_other_steps() -> None:
    trainings = Trainings()
    note(trainings, 100, log((25, 50, 75, 100), old), -48 * HOUR)
    note(trainings, 20, log((10, 20), new), -60)
    assert foreign(trainings) == {"checkpoint-100"}
    trainings = Trainings()
    note(trainings, 63, log([63], old, pace=63), -48 * HOUR)
    note(trainings, 100, log([100], new, pace=50), -60)
    assert foreign(trainings) == {"checkpoint-63"}


def test_a_log_of_which_only_the_last_lines_are_kept_is_of_the_same_training() -> None:
    trainings = Trainings()
    for step in (10, 20, 30):
        note(trainings, step, log(range(step - 4, step + 1), new), step - 600)
    assert foreign(trainings, Clues(begun=NOW - 700)) == set()
    assert foreign(trainings) == set()


def test_two_logs_are_compared_on_the_stretch_that_both_cover() -> None:
    def relation(first: list[LoggedStep], second: list[LoggedStep]) -> Relation:
        trainings = Trainings()
        note(trainings, 1, first, 0, "first")
        note(trainings, 2, second, 0, "second")
        one, other = (trainings.members[name].training for name in ("first", "second"))
        assert one is not None
        assert other is not None
        return Relation(None, shared=True) if one == other else trainings.relation(one, other)

    assert relation(log((5, 10), new), log((5, 10, 20, 30), new)) == Relation(None, shared=True)
    assert relation(log((5, 10), new), log((10, 15), new)) == Relation(None, shared=True)
    # Taken up again at 10, with more or fewer rows from there on.
    assert relation(log((5, 10, 20), new), log((5, 10, 15, 20), new)) == Relation(15, shared=True)
    assert relation(log((5, 10, 20), new), log((5, 10, 30), new)) == Relation(20, shared=True)
    assert relation(log((1, 100), new), log([50], new)) == Relation(50, shared=False)
    assert relation(log([10], new), log([20], new)) == Relation(None, shared=False)
    assert relation(log([10], new), log([20], new, pace=50)) == Relation(10, shared=False)


def evaluated(trainings: Trainings, *steps: int) -> Clues:
    """A ledger that has evaluated these, which are still there; what else there is was seen first after that."""
    names = {f"checkpoint-{step}" for step in steps}
    seen = {name: NOW if name in names else NOW + 1 for name in trainings.members}
    return Clues(taken=names, steps=steps, seen=seen)


@pytest.mark.parametrize("back_to", [0, 5])
def test_what_comes_last_is_of_the_trainer_that_began_anew_or_went_back_behind_all_that_was_seen(back_to: int) -> None:
    def other(step: int) -> float:
        return new(step) if step <= back_to else 7.0 / step

    trainings = Trainings()
    for step in (10, 20, 30):
        note(trainings, step, log(range(1, step + 1), new), step - 600)
    note(trainings, 50, log(range(1, 51), other), -100)
    evidence = evaluated(trainings, 10, 20, 30)
    ruling = rule(trainings, evidence)
    assert ruling.foreign == {}
    assert "checkpoint-50 belongs to another training" in ruling.guess
    assert "assumes that the trainer has started over" in ruling.guess
    # Not where W&B has other losses, nor where the training before has gone on.
    told = Clues(evidence.taken, evidence.steps, seen=evidence.seen, logged=shown(range(1, 31), new))
    assert foreign(trainings, told) == {"checkpoint-50"}
    note(trainings, 40, log(range(1, 41), new), -200)
    assert foreign(trainings, evaluated(trainings, 10, 20, 30)) == {"checkpoint-50"}


def test_of_two_rows_of_one_step_the_first_counts() -> None:
    trainings = Trainings()
    note(trainings, 10, log(range(1, 11), new), -100)
    rows = log(range(1, 21), new)
    note(trainings, 20, [*rows[:10], LoggedStep(10, 9.9, epoch=1.0), *rows[10:]], -50)
    assert foreign(trainings) == set()
    training = trainings.members["checkpoint-20"].training
    assert training is not None
    assert dict(trainings.measured(training, 20))[10] == new(10)


def test_losses_that_are_rounded_are_the_same() -> None:
    def full(step: int) -> float:
        return 2.5 / (step + 0.12345678)

    trainings = Trainings()
    note(trainings, 30, log(range(1, 31), old), -HOUR)
    note(trainings, 10, log(range(1, 11), full), -100)
    rounded = shown(range(1, 12), lambda step: round(full(step), 4))
    assert foreign(trainings, Clues(begun=NOW - 600, logged=rounded)) == {"checkpoint-30"}


def test_one_step_that_differs_refutes_nothing_where_the_one_before_it_does_not() -> None:
    trainings = Trainings()
    note(trainings, 10, log(range(1, 11), new), -100)
    odd = shown(range(1, 11), lambda step: 9.9 if step == 10 else new(step))
    assert foreign(trainings, Clues(begun=NOW - 600, logged=odd)) == set()
    assert foreign(trainings, Clues(begun=NOW - 600, logged=shown([10], old))) == {"checkpoint-10"}


def test_nan_is_like_nan() -> None:
    trainings = Trainings()
    note(trainings, 10, log(range(1, 11), lambda step: new(step) if step < 8 else float("nan")), -48 * HOUR)
    logged = shown(range(1, 11), lambda step: new(step) if step < 8 else float("nan"))
    assert foreign(trainings, Clues(begun=NOW - 600, logged=logged)) == set()


def ruling_with_final(trainings: Trainings, *finals: str, logged: RunLog | None = None) -> Ruling:
    return rule(trainings, Clues(finals=finals, logged=logged or RunLog()))


def test_a_final_checkpoint_is_not_the_end_where_its_run_went_on_or_began_anew() -> None:
    trainings = Trainings()
    note(trainings, 30, log(range(1, 31), new), -500)
    assert ruling_with_final(trainings, "checkpoint-30").outlived == frozenset()
    note(trainings, 20, log(range(1, 21), new), -100)
    assert ruling_with_final(trainings, "checkpoint-30").outlived == frozenset()
    note(trainings, 40, log(range(1, 41), new), -600)
    assert ruling_with_final(trainings, "checkpoint-30").outlived == {"checkpoint-30"}
    trainings = Trainings()
    note(trainings, 30, log(range(1, 31), new), -500)
    note(trainings, 10, log(range(1, 11), old), -100)
    both = RunLog(
        {at: [LoggedStep(at, new(at)), *([LoggedStep(at, old(at))] if at < 11 else [])] for at in range(31)[1:]}
    )
    ruling = ruling_with_final(trainings, "checkpoint-30", logged=both)
    assert (ruling.foreign, ruling.outlived) == ({}, {"checkpoint-30"})
