"""A checkpoint that is what it was is known again, whatever its file system calls it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from tests.support.looking import inspect
from watcher.model import Checkpoint

STEPS = (50, 100)


def renumber(root: Path) -> None:
    """Give every file another inode, and leave its bytes, its size and its times as they are."""
    for file in [path for path in root.rglob("*") if path.is_file()]:
        before = file.stat()
        shutil.copy2(file, file.with_name("copy"))
        file.with_name("copy").rename(file)
        assert file.stat().st_ino != before.st_ino
        assert file.stat().st_mtime_ns == before.st_mtime_ns


def staged_again(house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The checkpoints that one more start reads in full."""
    read: list[str] = []

    def refuse(checkpoint: Checkpoint, *_: object, **__: object) -> None:
        read.append(checkpoint.name)
        raise AssertionError(checkpoint.name)

    monkeypatch.setattr("watcher.service.stager.stage", refuse)
    house.service(once=True).run()
    return read


def test_evaluated_checkpoints_with_other_inodes_are_not_read_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in STEPS:
        write_checkpoint(house.root, step)
    house.service(once=True).run()
    renumber(house.root)
    assert staged_again(house, monkeypatch) == []
    assert house.states() == [(step, "published", None) for step in STEPS]


def test_evaluated_checkpoints_of_an_earlier_version_are_not_read_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in STEPS:
        write_checkpoint(house.root, step)
    house.service(once=True).run()
    with house.ledger.change() as db:
        for step in STEPS:
            former = inspect(house.root / f"checkpoint-{step}").former_stamp
            db.execute("UPDATE checkpoint SET stamp = ? WHERE step = ?", (former, step))
    assert staged_again(house, monkeypatch) == []


def test_other_weights_of_one_size_and_time_are_another_checkpoint(house: House) -> None:
    path = write_checkpoint(house.root, 50) / "model.safetensors"
    before, status = inspect(path.parent).stamp, path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert inspect(path.parent).stamp != before
