"""The notes on the join, as every ledger has them."""

from __future__ import annotations

from tests.trackers.wandb.test_run_end import Memory
from watcher.trackers.wandb.join_state import JoinState


def test_the_notes_are_kept_under_the_names_and_in_the_words_that_every_ledger_has() -> None:
    memory = Memory()
    state = JoinState(memory)
    state.note_ended_as("crashed")
    state.note_opened(0.0)
    state.note_first_rows(kept=False)
    state.note_made(100.5)
    assert memory.kept == {"ended as": "crashed", "opened": "0.0", "first rows": "lost", "run made": "100.5"}
    again = JoinState(memory)
    assert (again.ended_as, again.opened, again.first_rows_kept) == ("crashed", 0.0, False)
    again.note_settled()
    again.note_first_rows(kept=True)
    assert memory.kept == {"ended as": "", "opened": "", "first rows": "kept", "run made": "100.5"}
    assert (again.ended_as, again.opened, again.first_rows_kept) == ("", None, True)


def test_of_a_fresh_ledger_nothing_is_known() -> None:
    state = JoinState(Memory())
    assert (state.ended_as, state.opened, state.first_rows_kept) == ("", None, None)


def test_a_run_that_is_made_anew_is_another_one_once() -> None:
    state = JoinState(Memory())
    assert [state.note_made(begun) for begun in (1.0, 1.0, 2.0, 2.0, 1.0)] == [False, False, True, False, True]
