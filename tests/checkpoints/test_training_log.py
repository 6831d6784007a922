"""What a trainer's log shows when it is read whole."""

from __future__ import annotations

import math

import pytest

from watcher.checkpoints.training_log import SignKind, measured, read_log, read_signs
from watcher.model import LoggedStep

NAN, INF = math.nan, math.inf


def rows(
    losses: list[float], norms: list[float | None] | float | None = None, rates: list[float] | None = None
) -> list[LoggedStep]:
    given = norms if isinstance(norms, list) else [norms] * len(losses)
    return [
        LoggedStep(step, loss, norm, rate)
        for step, (loss, norm, rate) in enumerate(zip(losses, given, rates or [1e-4] * len(losses), strict=True), 1)
    ]


def told(log: list[LoggedStep]) -> list[tuple[SignKind, int, int | None]]:
    return [(sign.kind, sign.step, sign.cleared_step) for sign in read_signs(log)]


def test_a_loss_of_zero_beside_a_gradient_that_is_no_number_is_no_loss() -> None:
    log = rows([1.0446, 0.0, 0.0, 0.0], NAN)
    assert list(measured(log)) == [(1, 1.0446)]
    assert told(log) == [(SignKind.GRADIENTS, 1, None)]
    (sign,) = read_signs(log)
    assert "gradient norm is NaN since step 1" in sign.evidence
    assert "a logged loss of 0 from step 2 on" in sign.evidence


def test_one_row_is_enough_where_the_loss_is_lost_and_a_later_gradient_ends_it() -> None:
    log = rows([1.0, 0.0, 0.9], [0.5, NAN, 0.5])
    assert told(log) == [(SignKind.GRADIENTS, 2, 3)]
    assert list(measured(log)) == [(1, 1.0), (3, 0.9)]


@pytest.mark.parametrize(("count", "signs"), [(4, []), (5, [(SignKind.GRADIENTS, 1, 6)])])
def test_the_search_for_a_loss_scale_is_ordinary_for_some_steps(
    count: int, signs: list[tuple[SignKind, int, int | None]]
) -> None:
    log = rows([2.0 - step / 10 for step in range(count + 1)], [*([INF] * count), 0.5])
    assert told(log) == signs
    assert len(list(measured(log))) == count + 1


def test_a_loss_that_is_nan_itself_is_in_the_same_stretch() -> None:
    log = rows([1.0, NAN, NAN], [0.5, NAN, NAN])
    assert told(log) == [(SignKind.GRADIENTS, 2, None)]
    assert [step for step, _ in read_log(log).non_finite] == [2, 3]


def test_a_loss_of_rewards_and_a_negative_one_are_no_perplexity() -> None:
    log = [LoggedStep(1, 0.6931, 2.0, rewarded=True), LoggedStep(2, 0.0, 0.3, rewarded=True), LoggedStep(3, -0.02, 0.3)]
    assert list(measured([*log, LoggedStep(4, 0.5, 0.3)])) == [(4, 0.5)]


@pytest.mark.parametrize("norm", [None, 0.0])
def test_a_loss_of_exactly_zero_again_and_again_is_said_and_is_no_perplexity_of_one(norm: float | None) -> None:
    log = rows([1.0, 0.0, 0.0, 0.0, 0.5], norm)
    assert told(log) == [(SignKind.ZERO_LOSS, 2, 5)]
    assert [step for step, _ in measured(log)] == [1, 5]
    assert told(rows([1.0, 0.0, 0.5], norm)) == []


def test_a_tiny_loss_that_was_rounded_is_a_loss() -> None:
    log = rows([0.1, 0.0, 0.0, 0.0], 0.002)
    assert told(log) == []
    assert len(list(measured(log))) == 4


@pytest.mark.parametrize(
    ("rates", "signs"),
    [
        ([0.0, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4], []),
        ([0.0] * 6, [(SignKind.ZERO_RATE, 1, None)]),
        ([1e-4] + [0.0] * 5, [(SignKind.ZERO_RATE, 2, None)]),
        ([1e-4] * 5 + [0.0], []),
        ([0.0] * 3 + [1e-4] * 3, [(SignKind.ZERO_RATE, 1, 4)]),
    ],
)
def test_a_learning_rate_of_zero_is_said_but_not_at_the_ends_of_a_schedule(
    rates: list[float], signs: list[tuple[SignKind, int, int | None]]
) -> None:
    assert told(rows([2.0, 1.9, 1.8, 1.7, 1.6, 1.5], 0.5, rates)) == signs


def test_steps_that_the_search_for_a_loss_scale_leaves_out_do_not_step_the_schedule() -> None:
    log = rows([2.0, 1.9, 1.8, 1.7, 1.6, 1.5], [INF, NAN, INF, INF, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0, 0.0, 1e-5])
    assert told(log) == told(log[:4]) == []
    stuck = rows([2.0, 1.9, 1.8, 1.7, 1.6, 1.5], [INF, 0.5, 0.5, INF, 0.5, 0.5], [0.0] * 6)
    assert told(stuck) == [(SignKind.ZERO_RATE, 2, None)]


def test_a_loss_that_is_the_same_while_the_rate_still_rises_is_a_slow_beginning() -> None:
    rising = [step * 1e-7 for step in range(1, 26)]
    assert told(rows([0.6931] * 5, 0.5, rising[:5])) == []
    assert told(rows([1.5] * 19, 0.5, rising[:19])) == []
    assert told(rows([1.5] * 25, 0.5, rising)) == [(SignKind.SAME_LOSS, 1, None)]
    risen = [1e-5, 2e-5, 3e-5]
    assert told(rows([1.5] * 7, 0.5, [*risen, *[3e-5] * 4])) == []
    assert told(rows([1.5] * 8, 0.5, [*risen, *[3e-5] * 5])) == [(SignKind.SAME_LOSS, 1, None)]
    assert told(rows([1.5] * 5, 0.5)) == [(SignKind.SAME_LOSS, 1, None)]


def test_preference_training_begins_undecided() -> None:
    assert told(rows([0.6931] * 5 + [0.69] * 3, 1.4)) == []
    assert told(rows([0.6931] * 20, 1.4)) == [(SignKind.SAME_LOSS, 1, None)]
    assert told(rows([0.6931] * 5, 0.0)) == [(SignKind.SAME_LOSS, 1, None)]


def test_a_loss_that_never_changes_is_said() -> None:
    assert told(rows([0.6931] * 8, 0.0)) == [(SignKind.SAME_LOSS, 1, None)]
    assert told(rows([0.6931] * 4, 0.0)) == []
    assert told(rows([0.7, *[0.0001] * 8], 0.1)) == []
    assert told([]) == []
