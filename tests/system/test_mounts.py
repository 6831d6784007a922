"""What lies on a network file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from watcher.system.mounts import network_file_system


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/home/x", ""), ("/mnt/lustre/run", "lustre"), ("/mnt/lustre/scratch/run", ""), ("/mnt/my disk/x", "fuse.sshfs")],
)
def test_network_file_systems_are_told_by_the_table_of_mounts(tmp_path: Path, path: str, expected: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\n10.0.0.1@tcp:/fs /mnt/lustre lustre rw 0 0\n"
        "tmpfs /mnt/lustre/scratch tmpfs rw 0 0\nsshfs#host: /mnt/my\\040disk fuse.sshfs rw 0 0\n"
    )
    assert network_file_system(Path(path), mounts) == expected


def test_without_a_table_of_mounts_nothing_is_a_network(tmp_path: Path) -> None:
    assert network_file_system(tmp_path, tmp_path / "none") == ""
