"""How one file of a checkpoint gets into the stage directory: its own bytes, or bytes that it shares with the trainer.

| way | takes | when the trainer deletes the file | when the trainer writes into it |
|---|---|---|---|
| copy | its size in disk and writing | stays | stays |
| reflink | nothing until either side is written (btrfs, XFS, bcachefs; same file system) | stays | stays |
| link | nothing, but holds what rotation frees (same file system and mount) | stays | changes |
| in place | nothing | is gone | changes |

Only weights are shared, everything else is copied. What can change is compared with what was inspected once it is
loaded (`sharing.require_unchanged`). Whatever the way, each byte of the weights is read once, for the digest.
"""

from __future__ import annotations

import errno
import fcntl
import os
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

FICLONE = 0x40049409
"""The ioctl that makes a file share another one's blocks (linux/fs.h)."""
# What file systems, mounts and the kernel's hard link protection answer where sharing is not to be had.
_REFUSALS = (
    errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOSYS,
)  # fmt: skip


class StagingMode(StrEnum):
    """How the weights are brought under the stage directory."""

    COPY = "copy"
    REFLINK = "reflink"
    LINK = "link"
    IN_PLACE = "none"

    @property
    def holds_disk(self) -> bool:
        """True where the bytes stay on the disk after the trainer has deleted them."""
        return self is not StagingMode.IN_PLACE


class SharingRefused(Exception):
    """The file system does not share these bytes in this way; the text is its own word for it."""


def share(way: StagingMode, source: BinaryIO, path: Path, target: Path) -> None:
    """Make `target` have the bytes of the open file `source`, which is at `path`, without copying them.

    Raises SharingRefused where that cannot be had here, OSError for everything else.
    """
    try:
        if way is StagingMode.IN_PLACE:
            target.symlink_to(path)
        elif way is StagingMode.LINK:
            os.link(path.resolve(), target)
        else:
            with target.open("xb") as clone:
                fcntl.ioctl(clone.fileno(), FICLONE, source.fileno())
    except OSError as error:
        if error.errno in _REFUSALS:
            raise SharingRefused(error.strerror) from None
        raise
