"""What a demo showed, and whether it is what it should be: pure functions over what was read back from the run."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from watcher.alerts import Episode, Rule
from watcher.demo.dataset import Collapse
from watcher.ledger.checkpoint_status import CheckpointStatus
from watcher.model import JsonObject, State

STEP: Final = "train/global_step"
VALIDITY: Final = "eval/syntax_validity_rate"

# What each collapse has to raise one of.
SIGNS: Final = {
    Collapse.BLUE: (Rule.COLORS_COLLAPSED, Rule.BLUE_PURPLE_TAKEOVER),
    Collapse.LAYOUT: (Rule.SAMPLES_ALIKE,),
    Collapse.LR: (Rule.VALIDITY_DROPPED, Rule.VALIDITY_LOW, Rule.DIVERGING, Rule.NON_FINITE),
}

# The first steps of a process allocate and warm up, whoever else is running.
WARM_UP_STEPS: Final = 5

_LISTED = 5


class DemoFailure(StrEnum):
    """Why a demo did not show what it was to show; the value is printed."""

    TRAINER_FAILED = "trainer_failed"
    WATCHER_FAILED = "watcher_failed"
    RUN_UNREADABLE = "run_unreadable"
    TRAINER_ROWS_MISSING = "trainer_rows_missing"
    TRAINER_ROWS_REPEATED = "trainer_rows_repeated"
    EVAL_ROWS_MISSING = "eval_rows_missing"
    EVAL_ROWS_REPEATED = "eval_rows_repeated"
    CHECKPOINT_LOST = "checkpoint_lost"
    VALIDITY_LOW = "validity_low"
    WARNING_MISSING = "warning_missing"
    FALSE_ALARM = "false_alarm"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the demo trains and asks of it.

    `min_validity` is for the last checkpoint, 0 asks nothing. `collapse` is what goes wrong after half of the steps: it
    has to be warned of within two checkpoints. Without one nothing may be warned of, unless `healthy` is false: a
    training that is too short to end well.
    """

    steps: int = 300
    save_steps: int = 50
    batch: int = 24
    samples: int = 64
    baseline_steps: int = 40
    min_validity: float = 0.95
    collapse: Collapse | None = None
    healthy: bool = True

    @property
    def collapse_step(self) -> int:
        """The last step before the collapse; the trainer's own half of the steps."""
        return self.steps // 2

    @property
    def checkpoints(self) -> list[int]:
        """The steps at which the trainer saves; Hugging Face's Trainer always saves the last one."""
        return sorted({*range(self.save_steps, self.steps + 1, self.save_steps), self.steps})


@dataclass(frozen=True, slots=True)
class StepTime:
    """One training step: how many seconds it took, and when (Unix time) it ended."""

    step: int
    seconds: float
    ended: float


@dataclass(frozen=True, slots=True)
class TrainerPace:
    """The trainer's median seconds a step, over `alone_steps` before uimon started and `beside_steps` while it ran.

    A median is None where there were no such steps.
    """

    alone: float | None
    alone_steps: int
    beside: float | None
    beside_steps: int


def pace(times: Sequence[StepTime], watcher_started: float, watcher_ended: float) -> TrainerPace:
    """Compare the trainer's steps before and beside uimon; steps outside both are left out."""
    warm = [time for time in times if time.step > WARM_UP_STEPS]
    alone = [time.seconds for time in warm if time.ended < watcher_started]
    beside = [time.seconds for time in warm if watcher_started <= time.ended <= watcher_ended]
    return TrainerPace(_median(alone), len(alone), _median(beside), len(beside))


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def trainer_rows(history: Sequence[JsonObject]) -> list[JsonObject]:
    """The rows in which the trainer logged a step's loss."""
    return [row for row in history if row.get("train/loss") is not None]


def eval_rows(history: Sequence[JsonObject]) -> list[JsonObject]:
    """uimon's evaluations, by step."""
    rows = [row for row in history if row.get("eval/uid") is not None]
    return sorted(rows, key=lambda row: int(row[STEP]))


def judge(
    plan: Plan,
    history: Sequence[JsonObject],
    checkpoints: Sequence[CheckpointStatus],
    warnings: Sequence[Episode],
) -> list[tuple[DemoFailure, str]]:
    """Everything that is not as it should be, each with its sentence; an empty list is a good demo.

    `history` is what was read from the run, `checkpoints` and `warnings` are what the ledger lists.
    """
    return [
        *_judge_trainer_rows(plan, history),
        *_judge_checkpoints(plan, checkpoints),
        *_judge_eval_rows(history, checkpoints),
        *_judge_validity(plan, history),
        *_judge_warnings(plan, warnings),
    ]


def _judge_trainer_rows(plan: Plan, history: Sequence[JsonObject]) -> list[tuple[DemoFailure, str]]:
    logged = Counter(int(row[STEP]) for row in trainer_rows(history))
    missing = [step for step in range(1, plan.steps + 1) if step not in logged]
    repeated = [step for step, times in logged.items() if times > 1]
    found: list[tuple[DemoFailure, str]] = []
    if missing:
        sentence = f"{len(missing)} of the trainer's {plan.steps} rows are not in the run: {_some('step', missing)}."
        found.append((DemoFailure.TRAINER_ROWS_MISSING, sentence))
    if repeated:
        sentence = f"The run has more than one of the trainer's rows for {_some('step', repeated)}."
        found.append((DemoFailure.TRAINER_ROWS_REPEATED, sentence))
    return found


def _judge_checkpoints(plan: Plan, checkpoints: Sequence[CheckpointStatus]) -> list[tuple[DemoFailure, str]]:
    settled = {
        row.step
        for row in checkpoints
        if row.state in (State.EVALUATED, State.PUBLISHED) or (row.state is State.SKIPPED and row.reason)
    }
    lost = [step for step in plan.checkpoints if step not in settled]
    if not lost:
        return []
    states = {row.step: f"{row.state} {row.reason or ''}".strip() for row in checkpoints}
    named = ", ".join(f"{step} ({states.get(step, 'never seen')})" for step in lost)
    return [(DemoFailure.CHECKPOINT_LOST, f"Neither evaluated nor skipped with a reason: step {named}.")]


def _judge_eval_rows(
    history: Sequence[JsonObject], checkpoints: Sequence[CheckpointStatus]
) -> list[tuple[DemoFailure, str]]:
    logged = Counter(int(row[STEP]) for row in eval_rows(history))
    evaluated = [row.step for row in checkpoints if row.state in (State.EVALUATED, State.PUBLISHED)]
    missing = [step for step in evaluated if step not in logged]
    repeated = [step for step, times in logged.items() if times > 1]
    found: list[tuple[DemoFailure, str]] = []
    if missing:
        sentence = f"Evaluated, but not in the run: {_some('step', missing)}."
        found.append((DemoFailure.EVAL_ROWS_MISSING, sentence))
    if repeated:
        sentence = f"The run has more than one evaluation of {_some('step', repeated)}."
        found.append((DemoFailure.EVAL_ROWS_REPEATED, sentence))
    return found


def _judge_validity(plan: Plan, history: Sequence[JsonObject]) -> list[tuple[DemoFailure, str]]:
    last = [row for row in eval_rows(history) if int(row[STEP]) == plan.steps]
    value = last[-1].get(VALIDITY) if last else None
    if plan.min_validity <= 0 or plan.collapse or (value is not None and value >= plan.min_validity):
        return []
    shown = "has no value in the run" if value is None else f"is {value:.3f}"
    sentence = f"{VALIDITY} of the last checkpoint {shown}; at least {plan.min_validity} was expected."
    return [(DemoFailure.VALIDITY_LOW, sentence)]


def _judge_warnings(plan: Plan, warnings: Sequence[Episode]) -> list[tuple[DemoFailure, str]]:
    raised = [(warning.step, warning.rule) for warning in warnings]
    named = ", ".join(f"{rule} at step {step}" for step, rule in raised) or "none"
    if plan.collapse is None:
        sentence = f"Nothing was wrong with this training, and there were early warnings: {named}."
        return [(DemoFailure.FALSE_ALARM, sentence)] if plan.healthy and raised else []
    after = [step for step in plan.checkpoints if step > plan.collapse_step][:2]
    signs = SIGNS[plan.collapse]
    if any(rule in signs and plan.collapse_step < step <= after[-1] for step, rule in raised):
        return []
    sentence = (
        f"No {' or '.join(signs)} was among the warnings at steps {' or '.join(map(str, after))}; there were: {named}."
    )
    return [(DemoFailure.WARNING_MISSING, sentence)]


def _some(what: str, numbers: Sequence[int]) -> str:
    """A few of the numbers, and how many more there are.

    >>> _some("step", [1, 2, 3, 4, 5, 6, 7])
    'step 1, 2, 3, 4, 5 and 2 more'
    """
    shown = ", ".join(str(number) for number in numbers[:_LISTED])
    more = len(numbers) - _LISTED
    return f"{what} {shown}" + (f" and {more} more" if more > 0 else "")
