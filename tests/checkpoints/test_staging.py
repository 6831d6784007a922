from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.looking import inspect
from watcher.checkpoints import clear_stale, stage, unstage
from watcher.checkpoints.listing import stamp_of
from watcher.checkpoints.staging import stage as module
from watcher.model import Condition, Reason, UimonError

Make = Any


def plenty(_: Path) -> int:
    return 10**15


@pytest.fixture
def stage_dir(tmp_path: Path) -> Path:
    return tmp_path / "stage"


@pytest.fixture
def big(make: Make, run_dir: Path) -> Path:
    """A checkpoint whose weights take many chunks to copy."""
    files = make.full(5) | {"model.safetensors": make.tensors({"a": 40 * 2**20})}
    path: Path = make.put(run_dir / "checkpoint-5", files)
    return path


def test_the_copy_holds_the_engines_files_byte_for_byte_and_no_others(
    make: Make, run_dir: Path, stage_dir: Path
) -> None:
    path = make.put(run_dir / "checkpoint-5", make.full(5, shards=2) | {"additional_chat_templates/t.jinja": b"x"})
    checkpoint = inspect(path, 5)
    staged = stage(checkpoint, stage_dir)
    copied = {str(p.relative_to(staged.path)): p for p in staged.path.rglob("*") if p.is_file()}
    assert sorted(copied) == [f.name for f in checkpoint.files]
    assert "optimizer.pt" not in copied
    assert all(file.read_bytes() == (path / name).read_bytes() for name, file in copied.items())
    assert staged.path.parent == stage_dir
    assert staged.path.name.startswith("uimon-copy-5-")
    assert inspect(staged.path).condition is Condition.COMPLETE


def test_the_digest_is_over_name_size_and_every_byte_of_the_sorted_weights(
    make: Make, run_dir: Path, stage_dir: Path
) -> None:
    path = make.put(run_dir / "checkpoint-5", make.full(5, shards=2))
    digest = hashlib.sha256()
    for name in ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"):
        content = (path / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    assert stage(inspect(path, 5), stage_dir).digest == digest.hexdigest()


def test_the_digest_is_of_the_weights_alone_and_sees_one_byte_in_the_middle(
    make: Make, run_dir: Path, stage_dir: Path
) -> None:
    path = make.put(run_dir / "checkpoint-5", make.full(5))
    first = stage(inspect(path, 5), stage_dir).digest
    (path / "tokenizer.json").write_bytes(b'{"other": 1}')
    assert stage(inspect(path, 5), stage_dir).digest == first
    content = bytearray((path / "model.safetensors").read_bytes())
    content[len(content) - 2500] ^= 1
    (path / "model.safetensors").write_bytes(content)
    assert stage(inspect(path, 5), stage_dir).digest != first


def refused(checkpoint: Any, stage_dir: Path, **options: Any) -> UimonError:
    """The error of a staging that must fail and leave nothing behind."""
    with pytest.raises(UimonError) as caught:
        stage(checkpoint, stage_dir, **options)
    assert list(stage_dir.iterdir()) == []
    return caught.value


def test_deleted_before_the_copy_is_deleted(big: Path, stage_dir: Path) -> None:
    checkpoint = inspect(big, 5)
    (big / "tokenizer.json").unlink()
    assert refused(checkpoint, stage_dir).reason is Reason.DELETED
    shutil.rmtree(big)
    assert refused(checkpoint, stage_dir).reason is Reason.DELETED


def test_rotation_in_the_middle_of_the_copy_loses_nothing(big: Path, stage_dir: Path) -> None:
    checkpoint = inspect(big, 5)
    weights = (big / "model.safetensors").read_bytes()
    asked = []

    def rotate() -> bool:
        asked.append(1)
        shutil.rmtree(big, ignore_errors=True)
        return False

    staged = stage(checkpoint, stage_dir, should_stop=rotate)
    assert len(asked) > 10
    assert not big.exists()
    assert (staged.path / "model.safetensors").read_bytes() == weights
    assert inspect(staged.path).condition is Condition.COMPLETE


@pytest.mark.parametrize(
    "how", ["in place", "in place, then deleted", "appended", "shortened", "new file", "new directory"]
)
def test_a_step_written_again_during_the_copy_is_refused(big: Path, stage_dir: Path, how: str) -> None:
    checkpoint = inspect(big, 5)
    weights = big / "model.safetensors"
    content = weights.read_bytes()
    done: list[int] = []

    def rewrite() -> bool:
        if done:
            return False
        done.append(1)
        if how.startswith("in place"):
            with weights.open("r+b") as file:
                file.seek(30 * 2**20)
                file.write(b"other")
            if how.endswith("deleted"):
                shutil.rmtree(big)
        elif how == "appended":
            with weights.open("ab") as file:
                file.write(b"more")
        elif how == "shortened":
            os.truncate(weights, 20 * 2**20)
        elif how == "new file":
            weights.unlink()
            weights.write_bytes(content)
        else:
            big.rename(big.with_name("old"))
            shutil.copytree(big.with_name("old"), big, copy_function=shutil.copyfile)
        return False

    assert refused(checkpoint, stage_dir, should_stop=rewrite).reason is Reason.WEIGHTS_CHANGED


def test_changed_between_inspection_and_copy_is_refused(big: Path, stage_dir: Path) -> None:
    checkpoint = inspect(big, 5)
    os.utime(big / "model.safetensors")
    asked: list[int] = []
    error = refused(checkpoint, stage_dir, should_stop=lambda: bool(asked.append(1)))  # type: ignore[func-returns-value]
    assert error.reason is Reason.WEIGHTS_CHANGED
    assert not asked  # nothing was copied to find it out
    assert "model.safetensors in checkpoint-5" in error.sentence


def test_a_copy_is_checked_by_its_own_header(make: Make, run_dir: Path, stage_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", make.full(5))
    checkpoint = inspect(path, 5)
    (path / "model.safetensors").write_bytes(b"\0" * 5000)
    stat = (path / "model.safetensors").stat()
    files = tuple(
        replace(f, size=stat.st_size, mtime_ns=stat.st_mtime_ns, inode=stat.st_ino) if "model" in f.name else f
        for f in checkpoint.files
    )
    assert refused(replace(checkpoint, files=files), stage_dir).reason is Reason.WEIGHTS_CHANGED


def test_no_copy_is_begun_that_would_leave_less_than_the_floor(big: Path, stage_dir: Path) -> None:
    checkpoint = inspect(big, 5)
    error = refused(checkpoint, stage_dir, floor_bytes=10**9, free=lambda _: 10**9 + checkpoint.bytes - 1)
    assert error.reason is Reason.DISK_FULL
    assert "1.00 GB must stay free" in error.sentence
    assert stage(checkpoint, stage_dir, floor_bytes=10**9, free=lambda _: 10**9 + checkpoint.bytes).path.is_dir()


def test_a_disk_that_others_fill_during_the_copy_ends_it(
    big: Path, stage_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHE_WINDOW", 2**20)
    answers = iter([10**9, 10**9])
    error = refused(inspect(big, 5), stage_dir, floor_bytes=10**6, free=lambda _: next(answers, 0))
    assert error.reason is Reason.DISK_FULL


def test_a_full_disk_is_one_sentence(big: Path) -> None:
    """/dev/full would do for one file; a file system that is really full needs a mount, where that is allowed."""
    small = big.parent.parent / "small"
    small.mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=8m tmpfs {small} 2>/dev/null") != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        error = refused(inspect(big, 5), small, free=plenty)
    finally:
        assert os.system(f"umount {small}") == 0
    assert error.reason is Reason.DISK_FULL
    assert "--stage-dir" in error.sentence


def test_any_no_space_error_is_disk_full(big: Path, stage_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_write", full)
    assert refused(inspect(big, 5), stage_dir).reason is Reason.DISK_FULL


def test_a_stop_is_noticed_within_a_chunk(big: Path, stage_dir: Path) -> None:
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) == 3

    weights_first = replace(inspect(big, 5), files=tuple(f for f in inspect(big, 5).files if "model" in f.name))
    assert refused(weights_first, stage_dir, should_stop=stop).reason is Reason.INTERRUPTED
    assert len(asked) == 3


def test_a_killed_copy_never_looks_like_a_finished_one(big: Path, stage_dir: Path) -> None:
    names: list[list[str]] = []

    def look() -> bool:
        names.append([p.name for p in stage_dir.iterdir()])
        return False

    staged = stage(inspect(big, 5), stage_dir, should_stop=look)
    assert len(names) > 10
    assert all(name.startswith(".partial-uimon-copy-5-") for seen in names for name in seen)
    assert [p.name for p in stage_dir.iterdir()] == [staged.path.name]


def test_two_copies_of_one_step_do_not_meet(big: Path, stage_dir: Path) -> None:
    checkpoint = inspect(big, 5)
    first, second = stage(checkpoint, stage_dir), stage(checkpoint, stage_dir)
    assert first.path != second.path
    assert first.digest == second.digest


def test_only_complete_checkpoints_are_staged(make: Make, run_dir: Path, stage_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", {"config.json": b"{}"})
    with pytest.raises(ValueError, match="not complete"):
        stage(inspect(path, 5), stage_dir)


def test_a_stage_inside_the_trainers_directory_is_refused(make: Make, big: Path, tmp_path: Path) -> None:
    model = make.put(tmp_path / "home" / "exported", make.full(5))
    inside = [(big, p) for p in (big / "stage", big.parent / "stage", big.parent / "x" / ".." / "stage")]
    for path, place in [*inside, (model, model / "stage")]:
        with pytest.raises(UimonError, match="lies in the trainer's directory") as caught:
            stage(inspect(path), place)
        assert caught.value.reason is Reason.STATE_DIR_UNUSABLE
        assert not place.exists()
    assert stage(inspect(model), tmp_path / "home" / "stage").path.is_dir()


def test_the_trainers_directory_is_left_as_it_was(
    big: Path, stage_dir: Path, snapshot: Callable[[Path], object]
) -> None:
    before = snapshot(big.parent)
    stage(inspect(big, 5), stage_dir)
    assert snapshot(big.parent) == before


def test_stale_copies_go_and_foreign_files_stay(big: Path, stage_dir: Path) -> None:
    kept = stage(inspect(big, 5), stage_dir).path
    stale = stage(inspect(big, 5), stage_dir).path
    partial = stage_dir / ".partial-uimon-copy-5-0123abcd"
    partial.mkdir()
    foreign = [stage_dir / "notes", stage_dir / "20261124-0123abcd", stage_dir / "checkpoint-5"]
    for path in foreign:
        path.mkdir()
    assert clear_stale(stage_dir, {kept}) == sorted([stale, partial])
    assert sorted(stage_dir.iterdir()) == sorted([kept, *foreign])
    assert clear_stale(stage_dir / "none", set()) == []


def test_unstage_removes_a_copy_once_and_nothing_else(big: Path, stage_dir: Path) -> None:
    path = stage(inspect(big, 5), stage_dir).path
    unstage(path)
    unstage(path)
    assert not path.exists()
    with pytest.raises(ValueError, match="not a staged checkpoint"):
        unstage(big)
    assert big.is_dir()


def test_a_writer_racing_with_the_copy_changes_nothing_in_it(make: Make, run_dir: Path, stage_dir: Path) -> None:
    """Two whole versions of one step are written in turn; each copy must be what was inspected, or be refused."""
    versions = [make.full(5, shards=2, fill=fill) for fill in (b"A", b"B")]
    path = make.put(run_dir / "checkpoint-5", versions[0])
    stop = threading.Event()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            for name, content in versions[turn % 2].items():
                (path / name).write_bytes(content)
            time.sleep(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    outcomes = set()
    try:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            checkpoint = inspect(path, 5)
            if checkpoint.condition is not Condition.COMPLETE:
                continue
            try:
                staged = stage(checkpoint, stage_dir)
            except UimonError as error:
                outcomes.add(str(error.reason))
                continue
            outcomes.add("copied")
            for seen in checkpoint.files:
                copied = staged.path / seen.name
                assert stamp_of(copied, seen.name, copied.stat()).sample == seen.sample
                assert not seen.sample or copied.read_bytes() in [version[seen.name] for version in versions]
            unstage(staged.path)
    finally:
        stop.set()
        writer.join()
    assert "copied" in outcomes


def test_what_is_no_stage_directory_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file/below", Path("/sys/none/stage")):
        with pytest.raises(UimonError, match=r"cannot be used .*choose another --stage-dir"):
            clear_stale(place, set())
    assert clear_stale(tmp_path / "none/stage", set()) == []
