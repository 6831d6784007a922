"""Copies a checkpoint out of the trainer's reach, and proves that the copy is what was inspected.

All files are opened before the first byte is copied: a trainer that deletes the checkpoint meanwhile (its
`save_total_limit`) then cannot take it away. Every open file must be the very one that was inspected, before and
after it was read (size, mtime, inode); one that a trainer writes again is refused. Hard links would be free, but they
share their bytes with a trainer that writes in place, and bind mounts forbid them.

The stage directory holds copies named `<step>-<8 hex digits>`, and `.partial-…` ones while they are being made.
Copies are not synced to the disk: after a crash of the machine they are read again and compared with their digest.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from watcher.checkpoints.discovery import step_of
from watcher.checkpoints.safetensors_header import SafetensorsError, read_header
from watcher.model import Checkpoint, Condition, FileStamp, Reason, Staged, UimonError

CHUNK = 2**20
"""Bytes copied between two questions of `should_stop`."""
CACHE_WINDOW = 64 * 2**20
"""Bytes after which what was read is dropped from the page cache, and the free space is looked at again."""
STAGE_NAME = re.compile(r"(\.partial-)?[0-9]+-[0-9a-f]{8}")

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...


@dataclass(slots=True)
class _Job:
    """One staging: what is copied, where to, and what may end it."""

    checkpoint: Checkpoint
    target: Path
    floor_bytes: int
    should_stop: Callable[[], bool]
    free_bytes: Callable[[Path], int]
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)


def free_bytes(path: Path) -> int:
    """Bytes that an ordinary user may still write on the file system of `path`."""
    return shutil.disk_usage(path).free


def stage(
    checkpoint: Checkpoint,
    stage_dir: Path,
    *,
    floor_bytes: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
    free: Callable[[Path], int] = free_bytes,
) -> Staged:
    """Copies the files of a complete `checkpoint` into a new directory below `stage_dir`, reading each byte once.

    The digest is SHA-256 over the weight files in the order of their names: name, size, and every byte. `floor_bytes`
    is the free space that must remain on the stage's file system. `should_stop` is asked after every MiB.

    Raises UimonError: DELETED where a file was gone before it could be opened; WEIGHTS_CHANGED where one is not, or
    is no longer, the file that was inspected; DISK_FULL; INTERRUPTED; UNREADABLE where it cannot be read. Nothing is
    left behind then. STATE_DIR_UNUSABLE where `stage_dir` lies in the trainer's directory, in which uimon never
    writes. Raises ValueError for a checkpoint that is not complete.
    """
    if checkpoint.condition is not Condition.COMPLETE:
        raise ValueError(f"{checkpoint.name} is {checkpoint.condition}, not complete")
    _require_outside(checkpoint, stage_dir)
    name = f"{checkpoint.step}-{secrets.token_hex(4)}"
    job = _Job(checkpoint, stage_dir / f".partial-{name}", floor_bytes, should_stop, free)
    with _clean(job), _named_failures(job):
        job.target.mkdir(parents=True)
        _require_space(job, checkpoint.bytes)
        _copy_all(job)
        _check_copy(job)
        return Staged(job.target.rename(stage_dir / name), job.digest.hexdigest())


def digest_of(copy: Path) -> str:
    """The digest of a copy's weights, as `stage` has it; reads each byte."""
    digest = hashlib.sha256()
    for file in sorted(copy.glob("*.safetensors")):
        digest.update(_weights_head(file.name, file.stat().st_size))
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _weights_head(name: str, size: int) -> bytes:
    """What of a weight file besides its bytes is part of the digest."""
    return f"{name}\0{size}\0".encode(errors="surrogateescape")


def unstage(path: Path) -> None:
    """Removes one copy; a copy that is gone already, or was never made, is fine."""
    if not STAGE_NAME.fullmatch(path.name):
        raise ValueError(f"{path} is not a staged copy")
    shutil.rmtree(path, ignore_errors=True)


def clear_stale(stage_dir: Path, keep: set[Path]) -> list[Path]:
    """Removes the copies that no checkpoint of the ledger owns, as a crash leaves them; says which.

    Only names that `stage` gives are touched: whatever else lies there is not uimon's.
    """
    with contextlib.suppress(FileNotFoundError):
        stale = [p for p in stage_dir.iterdir() if STAGE_NAME.fullmatch(p.name) and p not in keep]
        for path in stale:
            unstage(path)
        return sorted(stale)
    return []


def _require_outside(checkpoint: Checkpoint, stage_dir: Path) -> None:
    # An exported model's parent is anybody's directory; that of a `checkpoint-N` is the trainer's.
    trainers = checkpoint.path.parent if step_of(checkpoint.path.name) is not None else checkpoint.path
    if stage_dir.resolve().is_relative_to(trainers.resolve()):
        raise UimonError(
            Reason.STATE_DIR_UNUSABLE,
            f"{stage_dir} lies in the trainer's directory {trainers}, where uimon writes nothing; name a place outside "
            f"of it with --state-dir or --stage-dir.",
        )


@contextlib.contextmanager
def _clean(job: _Job) -> Iterator[None]:
    """Leaves no unfinished copy, whatever ends it; a finished one has another name by then."""
    try:
        yield
    finally:
        shutil.rmtree(job.target, ignore_errors=True)


@contextlib.contextmanager
def _named_failures(job: _Job) -> Iterator[None]:
    """Failures of the stage's own file system, in one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise _disk_full(job, "the disk is full") from None
        where = error.filename or job.target
        raise UimonError(
            Reason.UNREADABLE, f"{job.checkpoint.name} cannot be copied: {where}: {error.strerror}."
        ) from error


def _disk_full(job: _Job, what: str) -> UimonError:
    return UimonError(
        Reason.DISK_FULL,
        f"{job.checkpoint.name} ({job.checkpoint.bytes / 1e9:.2f} GB) cannot be copied to {job.target.parent}: {what}; "
        f"free some space or name another place with --stage-dir.",
    )


def _require_space(job: _Job, due: int) -> None:
    """`due` bytes are still to be written."""
    free = job.free_bytes(job.target)
    if free - due < job.floor_bytes:
        raise _disk_full(job, f"{free / 1e9:.2f} GB are free, of which {job.floor_bytes / 1e9:.2f} GB must stay free")


def _copy_all(job: _Job) -> None:
    files = sorted(job.checkpoint.files, key=lambda stamp: stamp.name)
    with ExitStack() as stack:
        sources = [stack.enter_context(_open_source(job, stamp)) for stamp in files]
        for stamp, source in zip(files, sources, strict=True):
            _require_same(job, stamp, os.fstat(source.fileno()))
        due = job.checkpoint.bytes
        for stamp, source in zip(files, sources, strict=True):
            _copy(job, stamp, source, due)
            due -= stamp.size
        _check_sources(job, files)


def _open_source(job: _Job, stamp: FileStamp) -> BinaryIO:
    path = job.checkpoint.path / stamp.name
    try:
        # Unbuffered: the copy reads whole MiBs by itself.
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0)
    except OSError as error:
        if error.errno in VANISHED:
            raise UimonError(
                Reason.DELETED, f"{job.checkpoint.name} was deleted before it was copied: {stamp.name} is gone."
            ) from None
        raise


def _require_same(job: _Job, stamp: FileStamp, status: os.stat_result) -> None:
    if (status.st_size, status.st_mtime_ns, status.st_ino) != (stamp.size, stamp.mtime_ns, stamp.inode):
        raise UimonError(
            Reason.WEIGHTS_CHANGED,
            f"{stamp.name} in {job.checkpoint.name} changed after it was inspected: the trainer writes it again.",
        )


def _copy(job: _Job, stamp: FileStamp, source: BinaryIO, due: int) -> None:
    """Copies one open file and, for weights, takes its bytes into the digest. `due`: bytes still to be written."""
    digest: _Hash | None = job.digest if stamp.name.endswith(".safetensors") else None
    if digest:
        digest.update(_weights_head(stamp.name, stamp.size))
    target = job.target / stamp.name
    target.parent.mkdir(exist_ok=True)
    buffer = memoryview(bytearray(CHUNK))
    copied = dropped = 0
    with target.open("xb", buffering=0) as sink:
        while count := source.readinto(buffer):  # type: ignore[attr-defined]
            if digest:
                digest.update(buffer[:count])
            _write(sink, buffer[:count])
            copied += count
            if job.should_stop():
                raise UimonError(Reason.INTERRUPTED, f"Copying {job.checkpoint.name} was interrupted.")
            if copied - dropped >= CACHE_WINDOW:
                _drop_cache(source, dropped, copied)
                dropped = copied
                _require_space(job, due - copied)
    _drop_cache(source, dropped, copied)
    if copied != stamp.size:
        raise UimonError(Reason.WEIGHTS_CHANGED, f"{stamp.name} in {job.checkpoint.name} changed while it was copied.")
    _require_same(job, stamp, os.fstat(source.fileno()))


def _write(sink: BinaryIO, data: memoryview) -> None:
    while data:
        data = data[sink.write(data) :]


def _drop_cache(source: BinaryIO, begin: int, end: int) -> None:
    """Gives pages that uimon alone has read back at once, so that the trainer's data stays cached."""
    with contextlib.suppress(OSError):  # some file systems take no advice
        os.posix_fadvise(source.fileno(), begin, end - begin, os.POSIX_FADV_DONTNEED)


def _check_sources(job: _Job, files: list[FileStamp]) -> None:
    """A step written again under new files, while the old ones were open here, is another checkpoint by now; one
    that is gone meanwhile was copied whole from the open files."""
    for stamp in files:
        try:
            status = (job.checkpoint.path / stamp.name).stat()
        except OSError as error:
            if error.errno in VANISHED:
                continue
            raise
        _require_same(job, stamp, status)


def _check_copy(job: _Job) -> None:
    for stamp in job.checkpoint.files:
        if stamp.name.endswith(".safetensors"):
            try:
                read_header(job.target / stamp.name)
            except SafetensorsError as error:
                raise UimonError(
                    Reason.WEIGHTS_CHANGED, f"The copy of {stamp.name} in {job.checkpoint.name} {error}."
                ) from None
