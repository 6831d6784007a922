"""When a checkpoint whose writer leaves no `trainer_state.json` counts as whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.checkpoint_files import Maker
from tests.support.looking import inspect
from watcher.checkpoints.layouts.completeness import MARKERS, QUIET_S
from watcher.checkpoints.layouts.custom import custom_layout
from watcher.checkpoints.layouts.exported import FINAL
from watcher.checkpoints.layouts.huggingface import HUGGING_FACE
from watcher.checkpoints.layouts.step_directories import EPOCHS, STEPS
from watcher.model import CheckpointKind, Condition, Reason


@pytest.fixture
def plain(run_dir: Path, make: Maker) -> Path:
    """A whole checkpoint of a writer without a state."""
    return make.put(run_dir / "step_5", {n: c for n, c in make.full(5).items() if n != "trainer_state.json"})


def test_silence_is_enough_and_less_is_not(plain: Path) -> None:
    waiting = inspect(plain, 5, STEPS, quiet=QUIET_S - 1)
    assert (waiting.condition, waiting.reason) == (Condition.PARTIAL, Reason.STILL_CHANGING)
    assert "nothing in it has changed for 60 s" in waiting.detail
    found = inspect(plain, 5, STEPS, quiet=QUIET_S)
    assert (found.condition, found.step, found.kind) == (Condition.COMPLETE, 5, CheckpointKind.FULL)


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_tells_at_once_unless_it_is_of_an_earlier_save(plain: Path, marker: str) -> None:
    (plain / marker).write_text("done")
    assert inspect(plain, 5, STEPS).condition is Condition.COMPLETE
    os.utime(plain / marker, (1000, 1000))
    assert inspect(plain, 5, STEPS).reason is Reason.STILL_CHANGING


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_tells_nothing_where_no_writer_leaves_one(plain: Path, marker: str) -> None:
    (plain / marker).write_text("the job is over")
    waiting = inspect(plain, 5, FINAL)
    assert (waiting.condition, waiting.reason) == (Condition.PARTIAL, Reason.STILL_CHANGING)
    assert waiting.detail.startswith("step_5 has no trainer_state.json; it counts as complete once")
    assert inspect(plain, 5, FINAL, quiet=QUIET_S).condition is Condition.COMPLETE
    assert inspect(plain, 5, HUGGING_FACE, quiet=QUIET_S).reason is Reason.TRAINER_STATE_MISSING
    assert inspect(plain, 5, custom_layout("step_{step}")).condition is Condition.COMPLETE


def test_a_trainer_state_tells_at_once(plain: Path, make: Maker) -> None:
    (plain / "trainer_state.json").write_bytes(make.state(5))
    assert inspect(plain, 5, STEPS).condition is Condition.COMPLETE
    (plain / "trainer_state.json").write_bytes(make.state(5)[:-9])
    assert inspect(plain, 5, STEPS, quiet=QUIET_S).reason is Reason.TRAINER_STATE_MISSING


def test_an_epochs_step_is_the_one_its_state_states(plain: Path, make: Maker) -> None:
    assert inspect(plain, 3, EPOCHS, quiet=QUIET_S).step == 3
    (plain / "trainer_state.json").write_bytes(make.state(210))
    assert inspect(plain, 3, EPOCHS).step == 210


def test_neither_silence_nor_a_marker_makes_a_torn_file_whole(plain: Path) -> None:
    (plain / "COMPLETED").write_text("done")
    weights = plain / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert inspect(plain, 5, STEPS, quiet=9e9).reason is Reason.WEIGHTS_INCOMPLETE


def test_silence_does_not_stand_for_the_state_that_hugging_face_writes(plain: Path) -> None:
    assert inspect(plain, 5, quiet=9e9).reason is Reason.TRAINER_STATE_MISSING
