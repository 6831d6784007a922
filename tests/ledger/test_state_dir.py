"""The state directory: on a local disk, for its user alone, outside the trainer's."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.ledger.test_rebuild import DONE, evaluate
from watcher.doctor.checks import Status, check_state_dir
from watcher.ledger.export import Exporter
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import STAYS, Lease, StateDir, set_aside
from watcher.model import Reason, UimonError
from watcher.system import mounts


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """A user whose files are readable by all, and writable."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(root: Path) -> set[int]:
    """What others may do with anything in it."""
    return {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (root, *root.rglob("*"))}


def test_nobody_else_may_read_what_is_stored(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "deep" / "state")
    state.create()
    lease = Lease(state)
    with closing(Ledger(state.ledger)) as ledger:
        ledger.remember("run", "run")
        evaluate(ledger, *DONE[0])
        Exporter(ledger, state).export()
        (state.engine / "logs").mkdir()
        (state.engine / "logs" / "engine.log").touch()
        names = {path.name for path in state.root.iterdir()}
        assert names >= {"ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm", "evaluations.jsonl", "lock"}
        assert modes(state.root) == {0}
    lease.release()


def test_what_was_left_open_is_closed(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    state.engine.mkdir(parents=True)
    for file in (state.ledger, state.evaluations, state.samples, state.lock):
        file.touch()
    assert modes(state.root) != {0}
    state.create()
    assert modes(state.root) == {0}


def test_a_directory_that_is_more_than_a_state_directory_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "theirs.txt").touch()
    tmp_path.chmod(0o755)
    StateDir(tmp_path).create()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "theirs.txt").stat().st_mode) == 0o666
    assert stat.S_IMODE((tmp_path / "engine").stat().st_mode) == 0o700


KINDS = ("nfs4", "lustre", "fuse.gcsfuse", "fuse", "ceph", "gpfs", "beegfs", "wekafs", "cifs", "9p", "virtiofs")


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_directory_on_other_machines_disks_is_refused_with_a_local_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    table = tmp_path / "mounts"
    table.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path}/mnt {kind} rw 0 0\n")
    read = mounts._mount_of
    monkeypatch.setattr(mounts, "_mount_of", lambda path, _: read(path, table))
    (tmp_path / "mnt").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "mnt")
    place = tmp_path / "link" / "state"
    with pytest.raises(UimonError, match=rf"{place} lies on .* \({kind}\).*--state-dir /") as caught:
        StateDir(place).create()
    assert caught.value.reason is Reason.STATE_DIR_UNUSABLE
    assert STAYS in caught.value.sentence
    assert not place.exists()
    check = check_state_dir(place, None)
    assert check.status is Status.PROBLEM
    assert " ".join(filter(None, (check.sentence, check.next_step))) == caught.value.sentence
    StateDir(tmp_path / "here").create()


def test_doctor_says_that_a_place_in_memory_does_not_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "_mount_of", lambda *_: ("tmpfs", "rw"))
    said = check_state_dir(tmp_path / "state", None)
    assert said.status is Status.NOTE
    assert "is lost when this machine restarts" in said.sentence


def test_what_is_set_aside_never_replaces_what_was(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite3"
    for content in ("a", "b", "c"):
        file.write_text(content)
        set_aside(file)
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["a", "b", "c"]
