"""Which checkpoints are due, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from watcher.checkpoints.policy import Policy, parse_policy
from watcher.model import Reason, UimonError


@dataclass(frozen=True, slots=True)
class Saved:
    step: int
    final: bool = False
    asked: bool = False


def due(policy: Policy, *saved: Saved) -> list[int]:
    """The steps that are taken where each is judged when it has come about."""
    taken: list[int] = []
    for candidate in saved:
        if policy.is_due(candidate, taken):
            taken.append(candidate.step)
    return taken


def test_one_in_so_many_steps_is_taken_whatever_the_trainers_interval() -> None:
    every = parse_policy("every:100")
    assert due(every, *(Saved(step) for step in range(50, 400, 50))) == [50, 150, 250, 350]
    assert due(every, *(Saved(step) for step in (100, 200, 300))) == [100, 200, 300]
    assert due(every, *(Saved(step) for step in (70, 140, 210, 280))) == [70, 210]


def test_the_base_the_final_one_and_what_was_asked_for_are_always_due() -> None:
    every = parse_policy("every:1000")
    assert due(every, Saved(0), Saved(50), Saved(100, asked=True), Saved(150), Saved(160, final=True)) == [
        0,
        50,
        100,
        160,
    ]


def test_a_step_written_again_is_due_if_it_was_before() -> None:
    assert due(parse_policy("every:100"), Saved(50), Saved(150), Saved(100), Saved(150)) == [50, 150, 150]


def test_latest_takes_all_and_the_newest_first() -> None:
    saved = [Saved(50), Saved(100), Saved(150)]
    assert due(parse_policy("latest"), *saved) == [50, 100, 150]
    assert [s.step for s in parse_policy("latest").in_order(saved)] == [150, 100, 50]
    assert [s.step for s in parse_policy("all").in_order(saved)] == [50, 100, 150]


@pytest.mark.parametrize("text", ["", "newest", "every", "every:", "every:0", "every:-5", "every:x", "latest:3"])
def test_an_unknown_policy_is_refused(text: str) -> None:
    with pytest.raises(UimonError, match="is not known") as caught:
        parse_policy(text)
    assert caught.value.reason is Reason.CONFIG_INVALID
