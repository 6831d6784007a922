from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.checkpoint_files import Maker
from watcher.checkpoints import Layout, discover, layouts_for
from watcher.checkpoints.layouts.custom import custom_layout
from watcher.checkpoints.layouts.exported import FINAL
from watcher.checkpoints.layouts.huggingface import HUGGING_FACE
from watcher.checkpoints.layouts.step_directories import EPOCHS, STEPS
from watcher.model import Reason, UimonError


def test_checkpoints_are_sorted_by_number_and_foreign_entries_left_out(run_dir: Path) -> None:
    names = ("checkpoint-10000", "checkpoint-9900", "checkpoint-0", "checkpoint-500")
    foreign = ("tmp-checkpoint-7", "checkpoint-abc", "checkpoint-", "checkpoint-007", "checkpoint-1²", "Checkpoint-3")
    for name in (*names, *foreign, "checkpoint-5-old", "runs", "checkpoint-" + "9" * 30):
        (run_dir / name).mkdir()
    (run_dir / "checkpoint-8").write_text("a file")
    (run_dir / "latest").symlink_to("checkpoint-500")
    (run_dir / "checkpoint-600").symlink_to("checkpoint-500")
    found = discover(run_dir)
    assert [item.step for item in found] == [0, 500, 9900, 10000]
    assert found[1].name == "checkpoint-500"
    assert found[1].path == run_dir / "checkpoint-500"


def test_a_directory_that_does_not_exist_yet_holds_nothing(tmp_path: Path) -> None:
    assert discover(tmp_path / "later") == ()


def test_a_file_in_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(UimonError, match="is not a directory") as caught:
        discover(tmp_path / "f")
    assert caught.value.reason is Reason.UNREADABLE


def test_checkpoints_nested_deeper_are_not_this_run(run_dir: Path) -> None:
    (run_dir / "v0" / "checkpoint-5").mkdir(parents=True)
    assert discover(run_dir) == ()


@pytest.mark.parametrize(
    ("name", "step", "layout"),
    [
        ("checkpoint-500", 500, HUGGING_FACE),
        ("step_500", 500, STEPS),
        ("step-0500", 500, STEPS),
        ("global_step500", 500, STEPS),
        ("epoch_3", 3, EPOCHS),
        ("step_", None, None),
        ("my_step_5", None, None),
        ("step_5.tmp", None, None),
        ("iter_5", None, None),
    ],
)
def test_the_usual_names_are_known(run_dir: Path, name: str, step: int | None, layout: Layout | None) -> None:
    (run_dir / name).mkdir()
    found = [(item.step, item.layout) for item in discover(run_dir)]
    assert found == ([] if step is None else [(step, layout)])


def test_of_ms_swifts_starts_the_newest_one_is_the_run(run_dir: Path) -> None:
    for start in ("v0-20261120-090000", "v9-20261121-090000", "v10-20261124-101500"):
        (run_dir / start / f"checkpoint-{len(start)}").mkdir(parents=True)
    (run_dir / "v10-20261124-101500" / "runs").mkdir()
    (found,) = discover(run_dir)
    assert (found.name, found.step, found.layout.commit) == (
        "v10-20261124-101500/checkpoint-19",
        19,
        HUGGING_FACE.commit,
    )
    assert found.path == run_dir / found.name


def test_own_names_are_told_by_a_pattern(run_dir: Path) -> None:
    for name in ("model.5.hf", "model.0010.hf", "checkpoint-7", "modelx5xhf"):
        (run_dir / name).mkdir()
    assert [(f.step, f.name) for f in discover(run_dir, layouts_for("model.{step}.hf"))] == [
        (5, "model.5.hf"),
        (10, "model.0010.hf"),
    ]


@pytest.mark.parametrize("pattern", ["model", "{step}-{step}", "a/{step}", ""])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(UimonError, match="cannot be used") as caught:
        custom_layout(pattern)
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_the_model_in_the_run_directory_is_the_last_one(run_dir: Path, make: Maker) -> None:
    make.put(run_dir, {n: c for n, c in make.full(5).items() if n != "trainer_state.json"})
    assert discover(run_dir) == ()
    (run_dir / "checkpoint-50").mkdir()
    (run_dir / "checkpoint-100").mkdir()
    assert [(f.step, f.name, f.layout) for f in discover(run_dir)][-1] == (100, "final", FINAL)
    (run_dir / "model.safetensors").unlink()
    assert [f.name for f in discover(run_dir)] == ["checkpoint-50", "checkpoint-100"]
