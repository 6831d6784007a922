from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.looking import inspect
from watcher.checkpoints import stage, unstage
from watcher.checkpoints.staging import transfer as module
from watcher.checkpoints.staging.sharing import is_shared, require_unchanged, staging_mode_of
from watcher.checkpoints.staging.stage import digest_of, held_bytes
from watcher.checkpoints.staging.transfer import SharingRefused, StagingMode
from watcher.model import Reason, UimonError

Make = Any
WEIGHTS = "model.safetensors"


@pytest.fixture
def checkpoint(make: Make, run_dir: Path) -> Path:
    path: Path = make.put(run_dir / "checkpoint-5", make.full(5))
    return path


@pytest.fixture
def stage_dir(tmp_path: Path) -> Path:
    return tmp_path / "stage"


@pytest.mark.parametrize("way", [StagingMode.COPY, StagingMode.LINK, StagingMode.IN_PLACE])
def test_every_way_brings_the_same_bytes_and_the_same_digest(
    checkpoint: Path, stage_dir: Path, way: StagingMode
) -> None:
    copied = stage(inspect(checkpoint, 5), stage_dir)
    staged = stage(inspect(checkpoint, 5), stage_dir, ways=(way,))
    assert staged.digest == copied.digest == digest_of(staged.path)
    assert {p.name: p.read_bytes() for p in staged.path.iterdir()} == {
        p.name: p.read_bytes() for p in copied.path.iterdir()
    }
    assert is_shared(staged.path) == (way is not StagingMode.COPY)
    assert staging_mode_of(staged.path) is way
    # Only weights are worth sharing: a configuration that changes under the engine would be one more way to go wrong.
    assert not (staged.path / "config.json").is_symlink()
    assert (staged.path / "config.json").stat().st_nlink == 1


@pytest.mark.parametrize("way", list(StagingMode))
def test_unstaging_leaves_the_trainers_files_alone(
    checkpoint: Path, stage_dir: Path, way: StagingMode, snapshot: Any
) -> None:
    ways = (way, StagingMode.COPY) if way is StagingMode.REFLINK else (way,)
    before = {p.name: p.read_bytes() for p in checkpoint.iterdir()}
    unstage(stage(inspect(checkpoint, 5), stage_dir, ways=ways).path)
    assert list(stage_dir.iterdir()) == []
    assert {p.name: p.read_bytes() for p in checkpoint.iterdir()} == before


def test_in_place_changes_nothing_at_all_in_the_trainers_directory(
    checkpoint: Path, stage_dir: Path, snapshot: Any
) -> None:
    before = snapshot(checkpoint.parent)
    unstage(stage(inspect(checkpoint, 5), stage_dir, ways=(StagingMode.IN_PLACE,)).path)
    assert snapshot(checkpoint.parent) == before


@pytest.mark.parametrize("way", [StagingMode.LINK, StagingMode.IN_PLACE])
def test_weights_written_again_in_place_are_noticed(
    make: Make, checkpoint: Path, stage_dir: Path, way: StagingMode
) -> None:
    found = inspect(checkpoint, 5)
    staged = stage(found, stage_dir, ways=(way,)).path
    require_unchanged("checkpoint-5", staged, found.stamp)
    (checkpoint / WEIGHTS).write_bytes(make.full(5, fill=b"\x40")[WEIGHTS])
    with pytest.raises(UimonError) as caught:
        require_unchanged("checkpoint-5", staged, found.stamp)
    assert caught.value.reason is Reason.WEIGHTS_CHANGED


def test_weights_replaced_by_other_files_are_noticed_in_place(make: Make, checkpoint: Path, stage_dir: Path) -> None:
    found = inspect(checkpoint, 5)
    staged = stage(found, stage_dir, ways=(StagingMode.IN_PLACE,)).path
    status = (checkpoint / WEIGHTS).stat()
    (checkpoint / "new").write_bytes(make.full(5, fill=b"\x40")[WEIGHTS])
    os.utime(checkpoint / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (checkpoint / "new").rename(checkpoint / WEIGHTS)
    with pytest.raises(UimonError) as caught:
        require_unchanged("checkpoint-5", staged, found.stamp)
    assert caught.value.reason is Reason.WEIGHTS_CHANGED


def test_rotation_takes_what_is_in_place_and_nothing_that_is_linked_or_copied(
    checkpoint: Path, stage_dir: Path
) -> None:
    found = inspect(checkpoint, 5)
    staged = {
        way: stage(found, stage_dir, ways=(way,)) for way in (StagingMode.COPY, StagingMode.LINK, StagingMode.IN_PLACE)
    }
    shutil.rmtree(checkpoint)
    for way in (StagingMode.COPY, StagingMode.LINK):
        require_unchanged("checkpoint-5", staged[way].path, found.stamp)
        assert digest_of(staged[way].path) == staged[way].digest
    with pytest.raises(UimonError) as caught:
        require_unchanged("checkpoint-5", staged[StagingMode.IN_PLACE].path, found.stamp)
    assert caught.value.reason is Reason.DELETED


def test_a_link_rewritten_and_then_deleted_by_the_trainer_is_noticed(
    make: Make, checkpoint: Path, stage_dir: Path
) -> None:
    found = inspect(checkpoint, 5)
    staged = stage(found, stage_dir, ways=(StagingMode.LINK,)).path
    (checkpoint / WEIGHTS).write_bytes(make.full(5, fill=b"\x40")[WEIGHTS])
    shutil.rmtree(checkpoint)
    assert (staged / WEIGHTS).stat().st_nlink == 1
    with pytest.raises(UimonError) as caught:
        require_unchanged("checkpoint-5", staged, found.stamp)
    assert caught.value.reason is Reason.WEIGHTS_CHANGED


def test_a_file_system_that_does_not_answer_is_no_verdict_on_the_checkpoint(
    checkpoint: Path, stage_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = inspect(checkpoint, 5)
    staged = stage(found, stage_dir, ways=(StagingMode.IN_PLACE,)).path
    for number, reason in ((errno.ESTALE, Reason.DELETED), (errno.EIO, Reason.UNREADABLE)):

        def fail(*_: object, number: int = number, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(Path, "stat", fail)
            with pytest.raises(UimonError) as caught:
                require_unchanged("checkpoint-5", staged, found.stamp)
        assert caught.value.reason is reason


def test_what_is_unstaged_while_it_is_counted_counts_nothing(
    checkpoint: Path, stage_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = stage(inspect(checkpoint, 5), stage_dir)
    listed = list(staged.path.rglob("*"))
    unstage(staged.path)
    staged.path.mkdir()
    monkeypatch.setattr(Path, "rglob", lambda *_: iter(listed))
    assert held_bytes(stage_dir) == 0


def test_the_next_way_is_tried_where_the_file_system_refuses_one(
    checkpoint: Path, stage_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(way: StagingMode, *_: object) -> None:
        raise SharingRefused("Invalid cross-device link")

    monkeypatch.setattr("watcher.checkpoints.staging.stage.share", refuse)
    staged = stage(inspect(checkpoint, 5), stage_dir, ways=(StagingMode.REFLINK, StagingMode.COPY))
    assert not is_shared(staged.path)
    assert [p.name for p in stage_dir.iterdir()] == [staged.path.name]
    with pytest.raises(UimonError, match="--stage link") as caught:
        stage(inspect(checkpoint, 5), stage_dir, ways=(StagingMode.LINK,))
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert [p.name for p in stage_dir.iterdir()] == [staged.path.name]


def test_a_real_file_system_clones_or_refuses_in_a_word(checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "clone"
    refused = ""
    with (checkpoint / WEIGHTS).open("rb") as source:
        try:
            module.share(StagingMode.REFLINK, source, checkpoint / WEIGHTS, target)
        except SharingRefused as error:
            refused = str(error)
    assert refused or target.read_bytes() == (checkpoint / WEIGHTS).read_bytes()


def test_a_hard_link_across_file_systems_is_refused(checkpoint: Path) -> None:
    elsewhere = Path("/dev/shm") / f"uimon-test-{os.getpid()}"
    if Path("/dev/shm").stat().st_dev == checkpoint.stat().st_dev:
        pytest.skip("there is only one file system here")
    with (checkpoint / WEIGHTS).open("rb") as source, pytest.raises(SharingRefused, match="cross-device"):
        module.share(StagingMode.LINK, source, checkpoint / WEIGHTS, elsewhere)


def test_a_budget_counts_copies_and_links_and_not_what_is_in_place(checkpoint: Path, stage_dir: Path) -> None:
    found = inspect(checkpoint, 5)
    budget = int(2.5 * found.bytes)
    stage(found, stage_dir, ways=(StagingMode.IN_PLACE,), budget_bytes=budget)
    assert held_bytes(stage_dir) < found.bytes
    held = [stage(found, stage_dir, ways=(way,), budget_bytes=budget) for way in (StagingMode.COPY, StagingMode.LINK)]
    with pytest.raises(UimonError, match="--stage-budget-gb") as caught:
        stage(found, stage_dir, budget_bytes=budget)
    assert caught.value.reason is Reason.DISK_FULL
    unstage(held[0].path)
    stage(found, stage_dir, budget_bytes=budget)


def test_what_is_in_place_needs_no_free_disk(checkpoint: Path, stage_dir: Path) -> None:
    def full(_: Path) -> int:
        return 0

    stage(inspect(checkpoint, 5), stage_dir, ways=(StagingMode.IN_PLACE,), floor_bytes=10, free=full)
    with pytest.raises(UimonError) as caught:
        stage(inspect(checkpoint, 5), stage_dir, ways=(StagingMode.LINK,), floor_bytes=10, free=full)
    assert caught.value.reason is Reason.DISK_FULL
