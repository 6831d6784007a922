"""The demo's verdict names everything that is not as it should be, and nothing else."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from watcher.alerts import Episode, Rule
from watcher.demo.dataset import Collapse
from watcher.demo.summary import metrics_table, pace_lines, rows_line
from watcher.demo.verdict import DemoFailure, Plan, StepTime, TrainerPace, judge, pace
from watcher.ledger.checkpoint_status import CheckpointStatus
from watcher.model import AlertLevel, Reason, State

PLAN = Plan(steps=4, save_steps=2)


def trainer_row(step: int) -> dict[str, Any]:
    return {"train/global_step": step, "train/loss": 1.0}


def eval_row(step: int, validity: float | None = 1.0) -> dict[str, Any]:
    return {"train/global_step": step, "eval/uid": f"u{step}", "eval/syntax_validity_rate": validity}


def checkpoint(step: int, state: State = State.PUBLISHED, reason: Reason | None = None) -> CheckpointStatus:
    return CheckpointStatus(step, f"checkpoint-{step}", state, reason)


HISTORY = [trainer_row(1), trainer_row(2), eval_row(2, 0.1), trainer_row(3), trainer_row(4), eval_row(4)]
CHECKPOINTS = [checkpoint(2), checkpoint(4)]


def names(history: list[dict[str, Any]], checkpoints: list[CheckpointStatus]) -> list[DemoFailure]:
    return [name for name, _ in judge(PLAN, history, checkpoints, [])]


def test_a_complete_run_is_a_good_demo() -> None:
    assert judge(PLAN, HISTORY, CHECKPOINTS, []) == []


def test_the_trainers_closing_row_and_perplexity_rows_are_no_rows_of_steps() -> None:
    others: list[dict[str, Any]] = [
        {"train/global_step": 4, "train/train_runtime": 3.0},
        {"train/global_step": 4, "train/uid": "p"},
    ]
    assert names([*HISTORY, *others], CHECKPOINTS) == []


def test_a_lost_trainer_row_is_named_with_its_step() -> None:
    [(name, sentence)] = judge(PLAN, [row for row in HISTORY if row != trainer_row(3)], CHECKPOINTS, [])
    assert name is DemoFailure.TRAINER_ROWS_MISSING
    assert "step 3" in sentence


def test_a_repeated_row_of_either_writer_is_named() -> None:
    assert names([*HISTORY, trainer_row(1)], CHECKPOINTS) == [DemoFailure.TRAINER_ROWS_REPEATED]
    assert names([*HISTORY, eval_row(4)], CHECKPOINTS) == [DemoFailure.EVAL_ROWS_REPEATED]


@pytest.mark.parametrize("lost", [None, checkpoint(2, State.FAILED, Reason.UNREADABLE), checkpoint(2, State.STAGED)])
def test_a_checkpoint_that_was_not_settled_is_named(lost: CheckpointStatus | None) -> None:
    checkpoints = [checkpoint(4)] if lost is None else [lost, checkpoint(4)]
    [(name, sentence)] = judge(PLAN, HISTORY, checkpoints, [])
    assert name is DemoFailure.CHECKPOINT_LOST
    assert "step 2 (" in sentence


def test_a_checkpoint_skipped_with_a_reason_needs_no_row() -> None:
    history = [row for row in HISTORY if row != eval_row(2, 0.1)]
    assert names(history, [checkpoint(2, State.SKIPPED, Reason.DELETED), checkpoint(4)]) == []
    assert names(history, [checkpoint(2, State.SKIPPED), checkpoint(4)]) == [DemoFailure.CHECKPOINT_LOST]


def test_an_evaluation_that_is_not_in_the_run_is_named() -> None:
    assert names([row for row in HISTORY if row != eval_row(2, 0.1)], CHECKPOINTS) == [DemoFailure.EVAL_ROWS_MISSING]


@pytest.mark.parametrize(
    ("validity", "found"), [(0.95, []), (0.949, [DemoFailure.VALIDITY_LOW]), (None, [DemoFailure.VALIDITY_LOW])]
)
def test_the_last_checkpoint_must_write_valid_code(validity: float | None, found: list[DemoFailure]) -> None:
    assert names([*HISTORY[:-1], eval_row(4, validity)], CHECKPOINTS) == found


def test_the_step_at_the_end_is_a_checkpoint_even_off_the_interval() -> None:
    assert Plan(steps=5, save_steps=2).checkpoints == [2, 4, 5]
    assert Plan(steps=4, save_steps=2).checkpoints == [2, 4]


def test_step_times_are_split_by_when_the_watcher_ran() -> None:
    times = [StepTime(step, seconds=0.1 * step, ended=float(step)) for step in range(1, 21)]
    # Steps 1 to 5 warm up; 6 to 9 are alone, 10 to 15 beside, later ones after the watcher's end.
    measured = pace(times, 10.0, 15.0)
    assert measured.alone == pytest.approx(0.75)
    assert measured.alone_steps == 4
    assert measured.beside == pytest.approx(1.25)
    assert measured.beside_steps == 6
    assert pace(times, 100.0, 200.0).beside is None


def test_the_comparison_says_what_machine_it_was_made_on() -> None:
    lines = pace_lines(TrainerPace(0.4, 30, 0.42, 200), pinned=True)
    assert "+5.0 %" in lines[0]
    assert "one shared machine" in lines[1]
    assert len(pace_lines(TrainerPace(None, 0, 0.4, 3), pinned=True)) == 1


def test_row_counts_are_shown_beside_what_was_expected() -> None:
    checkpoints = [checkpoint(2, State.SKIPPED, Reason.DELETED), checkpoint(4)]
    assert rows_line(PLAN, HISTORY[3:], checkpoints) == (
        "In the run: 2 of 4 rows of the trainer; 1 of 1 evaluations (2 checkpoints, 1 skipped with a reason); "
        "0 of train/perplexity."
    )


def test_the_metrics_fit_a_terminal_of_80_columns() -> None:
    text = io.StringIO()
    Console(file=text, width=80).print(metrics_table([eval_row(300, 0.984375)]))
    assert "0.984" in text.getvalue()
    assert "blue" in text.getvalue()
    assert "…" not in text.getvalue()


def warned(rule: str, step: int) -> Episode:
    return Episode("key", Rule(rule), AlertLevel.WARN, step, "title", "evidence", "", "", "cause", "fix")


def test_a_healthy_training_raises_no_warning_unless_it_is_too_short_to_end_well() -> None:
    [(name, sentence)] = judge(PLAN, HISTORY, CHECKPOINTS, [warned("samples_alike", 4)])
    assert name is DemoFailure.FALSE_ALARM
    assert "samples_alike at step 4" in sentence
    assert judge(replace(PLAN, healthy=False), HISTORY, CHECKPOINTS, [warned("samples_alike", 4)]) == []


@pytest.mark.parametrize(
    ("warnings", "seen"),
    [
        ([("blue_purple_takeover", 4)], True),
        ([("colors_collapsed", 4), ("perplexity_high", 4)], True),
        ([("perplexity_high", 4)], False),
        ([("blue_purple_takeover", 2)], False),
        ([], False),
    ],
)
def test_a_collapse_is_warned_of_by_its_own_sign_within_two_checkpoints_after_it(
    warnings: list[tuple[str, int]], seen: bool
) -> None:
    plan = replace(PLAN, collapse=Collapse.BLUE)
    found = judge(plan, HISTORY, CHECKPOINTS, [warned(rule, step) for rule, step in warnings])
    assert [name for name, _ in found] == ([] if seen else [DemoFailure.WARNING_MISSING])
