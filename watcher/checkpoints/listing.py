"""One look into a checkpoint directory: its files as they are at this moment, and what its folders hold, by name."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from watcher.checkpoints.layouts.files import TEMPLATES, TRAINER_STATE, is_weights, weights_in
from watcher.model import FileStamp, weights_stamp

_BLOCK: Final = 4096
"""Bytes that a file system reads at once."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One look at the directory: its regular files, its folders' file names, and links that lead out of it."""

    files: dict[str, FileStamp]
    folders: dict[str, frozenset[str]]
    escaping: frozenset[str]


def read_listing(path: Path) -> Listing:
    """What is in `path` now. Raises OSError where it cannot be listed."""
    return _read(path, path, _homes(path))


def with_model_of(path: Path, listing: Listing, folder: str) -> Listing:
    """The directory `path` with the files of its `folder`, in which the model lies, before its own.

    What lies above the model belongs to it where the folder has no such file: the tokenizer. The trainer's state is
    that of the whole checkpoint. Raises OSError where the folder cannot be listed.
    """
    inner = _read(path / folder, path, _homes(path))
    moved = {name: replace(stamp, place=folder) for name, stamp in inner.files.items()}
    state = {name: stamp for name, stamp in listing.files.items() if name == TRAINER_STATE}
    return Listing(listing.files | moved | state, listing.folders, listing.escaping | inner.escaping)


def _read(folder: Path, root: Path, homes: tuple[Path, ...]) -> Listing:
    files: dict[str, FileStamp] = {}
    folders: dict[str, frozenset[str]] = {}
    escaping: set[str] = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                names = _names_in(folder / entry.name)
                folders[entry.name] = names
                if entry.name == TEMPLATES:
                    inner = (f"{entry.name}/{name}" for name in names)
                    files.update((name, s) for name in inner if (s := _stamp(folder, name, homes)))
            elif stamp := _stamp(folder, entry.name, homes):
                files[entry.name] = stamp
            elif entry.is_symlink():
                escaping.add(os.path.relpath(folder / entry.name, root))
    return Listing(files, folders, frozenset(escaping))


def _homes(path: Path) -> tuple[Path, ...]:
    """Where a file of this checkpoint may really lie: the directory itself, or the blobs of its hub cache."""
    real = path.resolve()
    return (real, real.parent.parent / "blobs") if real.parent.name == "snapshots" else (real,)


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return frozenset()  # a folder that vanishes or is closed is none of the engine's files


def _stamp(path: Path, name: str, homes: tuple[Path, ...]) -> FileStamp | None:
    """The file as it is now; None where it is gone, is no regular file, or is a link that leads elsewhere."""
    file = path / name
    try:
        status = file.stat()
    except (FileNotFoundError, RuntimeError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    if file.is_symlink() and not any(file.resolve().is_relative_to(home) for home in homes):
        return None
    return stamp_of(file, name, status)


def stamp_in(path: Path) -> str:
    """The stamp of the weights that lie in the directory `path`, as `Checkpoint.stamp` has it. Raises OSError."""
    return weights_stamp(stamp_of(file, file.name, file.stat()) for file in weights_in(path))


def stamp_of(file: Path, name: str, status: os.stat_result) -> FileStamp:
    """The stamp of the regular file `file`, which the engine gets as `name`; `status` is its own. Of weights some
    blocks are read: two files of one size and time are told apart by what is in them.
    """
    sample = _sample(file, status.st_size) if is_weights(name) else ""
    return FileStamp(name, status.st_size, status.st_mtime_ns, status.st_ino, sample=sample)


def _sample(file: Path, size: int) -> str:
    """A digest of blocks in the middle and at the end; empty where they cannot be read, as while the file is deleted.
    Training changes nearly every block of a weight file.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        places = (size // 3, 2 * size // 3, max(size - _BLOCK, 0))
        blocks = b"".join(os.pread(descriptor, _BLOCK, place) for place in places)
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return hashlib.sha256(blocks).hexdigest()[:16]
