"""The trainer's directory is the trainer's: nothing in it changes, and nothing that happens to it is uimon's doing."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.e2e.trainer_variants import SAVES
from tests.support.uimon_command import UIMON
from tests.support.uimon_processes import StartTraining, UimonProcesses

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

QUICK = ("--wandb", "off", "--samples", "2", "--max-tokens", "8")

STATUS = ("st_mode", "st_ino", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks", "st_mtime_ns", "st_ctime_ns")
Listing: TypeAlias = dict[str, tuple[int, ...]]


def listing(root: Path) -> Listing:
    """Everything that a change of a file or directory would show in, for the directory and all below it.

    The time of the inode's last change also tells of links, of modes that were changed and changed back, and of
    modification times that were put back. Access times are left out: reading is what uimon is there for.
    """
    status = {str(path): path.lstat() for path in (root, *root.rglob("*"))}
    return {name: tuple(getattr(found, field) for field in STATUS) for name, found in status.items()}


def held(root: Path) -> list[str]:
    """What any living process holds below `root`: open or mapped files, working directories, locks."""
    inodes = tuple(f":{path.lstat().st_ino}" for path in (root, *root.rglob("*")))
    lines = Path("/proc/locks").read_text().splitlines()
    locks = [line for line in lines if any(part.endswith(inodes) for part in line.split())]
    return [*locks, *(f"{link} -> {target}" for link, target in _links() if target.is_relative_to(root))]


def _links() -> Iterator[tuple[Path, Path]]:
    for pattern in ("[0-9]*/fd/*", "[0-9]*/map_files/*", "[0-9]*/cwd"):
        for link in Path("/proc").glob(pattern):
            try:
                yield link, link.readlink()
            except OSError:
                continue  # it was closed meanwhile, or is another user's


@pytest.fixture
def finished(runs: Path, tmp_path: Path) -> Path:
    """The directory of a trainer that is done, with one checkpoint, which one engine is enough for."""
    shutil.copytree(runs / "full" / "checkpoint-20", tmp_path / "ckpts" / "checkpoint-20")
    return tmp_path / "ckpts"


def commands(uimon: UimonProcesses, root: Path, val: Path) -> Iterator[tuple[str | Path, ...]]:
    """Every command that takes a run directory or a checkpoint, as somebody would use them after a training."""
    asked = (*QUICK, "--val", val)
    yield ("doctor", root, "--val", val, "--state-dir", uimon.state)
    yield ("watch", root, *asked, "--once", "--state-dir", uimon.state)
    yield ("status", "--state-dir", uimon.state)
    yield ("eval", root / "checkpoint-20", *asked)


def test_no_command_changes_anything_in_a_finished_directory(uimon: UimonProcesses, finished: Path, val: Path) -> None:
    before = listing(finished)
    for command in commands(uimon, finished, val):
        code, out, log = uimon.run(*command)
        assert code == 0, out + log
        assert listing(finished) == before, command
        assert held(finished) == [], command
        uimon.assert_alone()
    assert [c["state"] for c in uimon.status()] == ["evaluated"]


@pytest.mark.soak
def test_a_directory_that_cannot_be_written_to_is_watched_as_any_other(
    uimon: UimonProcesses, finished: Path, val: Path
) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount anything")
    # Modes do not stop root; a read-only mount stops everybody, and is seen by uimon alone.
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && ! touch "$1/x" 2>&- && shift && exec "$@"'
    uimon.command = (unshare, "-m", "sh", "-c", script, "sh", str(finished), *UIMON)
    before = listing(finished)
    for command in commands(uimon, finished, val):
        code, out, log = uimon.run(*command)
        assert code == 0, out + log
    assert [c["state"] for c in uimon.status()] == ["evaluated"]
    assert listing(finished) == before


@pytest.mark.soak
def test_rotation_deletes_what_it_deletes_without_uimon(
    uimon: UimonProcesses, train: StartTraining, val: Path, tmp_path: Path
) -> None:
    program = ("tests.e2e.trainer_variants", "normal", "0", "--steps=48", "--save-steps=8", "--batch=4")
    alone, beside = tmp_path / "alone", tmp_path / "beside"
    assert train(*program, out=alone).wait(200) == 0
    watcher = uimon.start(
        *("watch", beside / "checkpoints", *QUICK, "--val", val, "--state-dir", uimon.state, "--until-final")
    )
    assert train(*program, out=beside).wait(200) == 0
    _, log = watcher.communicate(timeout=200)

    assert watcher.returncode == 0, log
    # Rotation did happen, and uimon did have its hands on what it took.
    assert saves(alone) == [
        [f"checkpoint-{s}" for s in sorted((step - 8, step), key=str) if s] for step in range(8, 49, 8)
    ]
    assert saves(beside) == saves(alone)
    assert {c["name"] for c in uimon.status() if c["state"] == "evaluated"} - set(saves(alone)[-1]), log
    assert weights(beside) == weights(alone)


def saves(out: Path) -> list[list[str]]:
    """After each save, the names that rotation has left."""
    return [json.loads(line) for line in (out / SAVES).read_text().splitlines()]


def weights(out: Path) -> dict[str, str]:
    """The digest of each weight file that the training leaves."""
    files = (out / "checkpoints").rglob("*.safetensors")
    return {str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
