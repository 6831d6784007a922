from __future__ import annotations

from pathlib import Path

import pytest

from watcher.checkpoints import discover
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
