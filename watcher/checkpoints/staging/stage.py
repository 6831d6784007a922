"""Brings a checkpoint out of the trainer's reach, and proves that what is staged is what was inspected.

All files are opened before the first byte is copied: a trainer that deletes the checkpoint meanwhile (its
`save_total_limit`) then cannot take it away. Every open file must be the very one that was inspected, before and
after it was read (size, mtime, inode); one that a trainer writes again is refused. Weights need not be copied: see
`transfer` for what may be shared with the trainer instead, and `sharing` for what guards that.

The stage directory holds directories named `uimon-<way>-<step>-<8 hex digits>`, and `.partial-…` ones while they are
being made.
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
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from watcher.checkpoints.layouts import step_of
from watcher.checkpoints.layouts.files import is_weights, weights_in
from watcher.checkpoints.safetensors_header import SafetensorsError, read_header
from watcher.checkpoints.staging.transfer import SharingRefused, StagingMode, share
from watcher.model import Checkpoint, Condition, FileStamp, Reason, Staged, UimonError
from watcher.system.mounts import renumbers_files

CHUNK = 2**20
"""Bytes copied between two questions of `should_stop`."""
CACHE_WINDOW = 64 * 2**20
"""Bytes after which what was read is dropped from the page cache, and the free space is looked at again."""
STAGE_NAME = re.compile(rf"(\.partial-)?uimon-(?P<way>{'|'.join(StagingMode)})-[0-9]+-[0-9a-f]{{8}}")

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...


@dataclass(slots=True)
class _Job:
    """One staging: what is copied, where to, and what may end it."""

    checkpoint: Checkpoint
    target: Path
    way: StagingMode
    floor_bytes: int
    budget_bytes: int | None
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
    ways: Sequence[StagingMode] = (StagingMode.COPY,),
    floor_bytes: int = 0,
    budget_bytes: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    free: Callable[[Path], int] = free_bytes,
) -> Staged:
    """Brings the files of a complete or early `checkpoint` into a new directory below `stage_dir`.

    `ways`: how its weights get there, each tried where the file system refuses the one before. Each of their bytes is
    read once: the digest is SHA-256 over the weight files in the order of their names: name, size, and every byte.
    `floor_bytes` is the free space that must remain on the stage's file system, `budget_bytes` the most that all that
    is staged there may take. `should_stop` is asked after every MiB.

    Raises UimonError: DELETED where a file was gone before it could be opened; WEIGHTS_CHANGED where one is not, or
    is no longer, the file that was inspected; DISK_FULL; INTERRUPTED; UNREADABLE where it cannot be read. Nothing is
    left behind then. CONFIG_INVALID where the file system refuses all the `ways`. STATE_DIR_UNUSABLE where `stage_dir`
    lies in the trainer's directory, in which uimon never writes. Raises ValueError for a checkpoint that is neither
    complete nor early.
    """
    if checkpoint.condition is not Condition.COMPLETE and not checkpoint.early:
        raise ValueError(f"{checkpoint.name} is {checkpoint.condition}, not complete")
    _require_outside(checkpoint, stage_dir)
    for way in ways:
        name = f"uimon-{way}-{checkpoint.step}-{secrets.token_hex(4)}"
        target = stage_dir / f".partial-{name}"
        job = _Job(checkpoint, target, way, floor_bytes, budget_bytes, should_stop, free)
        with _clean(job), _named_failures(job), contextlib.suppress(SharingRefused):
            job.target.mkdir(parents=True)
            _require_budget(job)
            if job.way.holds_disk:
                _require_space(job, _due_bytes(job))
            _bring_all(job)
            _check_staged(job)
            return Staged(job.target.rename(stage_dir / name), job.digest.hexdigest())
    raise UimonError(
        Reason.CONFIG_INVALID,
        f"The weights of {checkpoint.name} cannot be brought to {stage_dir} by --stage {ways[-1]}: the file system of "
        f"the two does not allow it. Use --stage auto, or a --stage-dir on the checkpoints' file system and mount.",
    )


def digest_of(copy: Path) -> str:
    """The digest of a copy's weights, as `stage` has it; reads each byte."""
    digest = hashlib.sha256()
    for file in weights_in(copy):
        digest.update(_weights_head(file.name, file.stat().st_size))
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _weights_head(name: str, size: int) -> bytes:
    """What of a weight file besides its bytes is part of the digest."""
    return f"{name}\0{size}\0".encode(errors="surrogateescape")


def held_bytes(stage_dir: Path) -> int:
    """Bytes that what is staged keeps on the disk; what lies in the trainer's directory alone is not counted."""
    return sum(
        _held(file) for place in stage_dir.glob("*") if STAGE_NAME.fullmatch(place.name) for file in _files(place)
    )


def _files(place: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):  # unstaged by another thread meanwhile
        return list(place.rglob("*"))
    return []


def _held(file: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        status = file.lstat()
        return status.st_size if stat.S_ISREG(status.st_mode) else 0
    return 0


def unstage(path: Path) -> None:
    """Removes one staged checkpoint, links and not what they lead to; one that is gone already is fine."""
    if not STAGE_NAME.fullmatch(path.name):
        raise ValueError(f"{path} is not a staged checkpoint")
    shutil.rmtree(path, ignore_errors=True)


def clear_stale(stage_dir: Path, keep: set[Path]) -> list[Path]:
    """Removes the copies that no checkpoint of the ledger owns, as a crash leaves them; says which.

    Only names that `stage` gives are touched: whatever else lies there is not uimon's. Raises
    UimonError(STATE_DIR_UNUSABLE) where the directory can be neither made nor used: later each checkpoint would be
    failed for that.
    """
    try:
        stage_dir.mkdir(parents=True, exist_ok=True)
        if not os.access(stage_dir, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        stale = [p for p in stage_dir.iterdir() if STAGE_NAME.fullmatch(p.name) and p not in keep]
    except OSError as error:
        sentence = f"The stage directory {stage_dir} cannot be used ({error.strerror}); choose another --stage-dir."
        raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence) from None
    for path in stale:
        unstage(path)
    return sorted(stale)


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


def _due_bytes(job: _Job) -> int:
    """Bytes that will be written; the weights' own only where they are copied."""
    return sum(f.size for f in job.checkpoint.files if job.way is StagingMode.COPY or not is_weights(f.name))


def _require_space(job: _Job, due: int) -> None:
    """`due` bytes are still to be written."""
    free = job.free_bytes(job.target)
    if free - due < job.floor_bytes:
        raise _disk_full(job, f"{free / 1e9:.2f} GB are free, of which {job.floor_bytes / 1e9:.2f} GB must stay free")


def _require_budget(job: _Job) -> None:
    if job.budget_bytes is None or not job.way.holds_disk:
        return
    held = held_bytes(job.target.parent)
    if held + job.checkpoint.bytes > job.budget_bytes:
        budget = f"--stage-budget-gb allows {job.budget_bytes / 1e9:.2f} GB"
        raise _disk_full(job, f"{budget}, of which {held / 1e9:.2f} GB are already taken by waiting checkpoints")


def _bring_all(job: _Job) -> None:
    files = sorted(job.checkpoint.files, key=lambda stamp: stamp.name)
    with ExitStack() as stack:
        sources = [stack.enter_context(_open_source(job, stamp)) for stamp in files]
        for stamp, source in zip(files, sources, strict=True):
            _require_same(job, stamp, os.fstat(source.fileno()))
        due = _due_bytes(job)
        for stamp, source in zip(files, sources, strict=True):
            _bring(job, stamp, source, due)
            due -= stamp.size if job.way is StagingMode.COPY or not is_weights(stamp.name) else 0
        _check_sources(job, files)


def _open_source(job: _Job, stamp: FileStamp) -> BinaryIO:
    path = job.checkpoint.path / stamp.source
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
    same_file = status.st_ino == stamp.inode or renumbers_files((job.checkpoint.path / stamp.source).resolve())
    if (status.st_size, status.st_mtime_ns) != (stamp.size, stamp.mtime_ns) or not same_file:
        raise UimonError(
            Reason.WEIGHTS_CHANGED,
            f"{stamp.name} in {job.checkpoint.name} changed after it was inspected: the trainer writes it again.",
        )


def _bring(job: _Job, stamp: FileStamp, source: BinaryIO, due: int) -> None:
    """Copies or shares one open file and, for weights, takes its bytes into the digest. `due`: bytes still to be
    written."""
    target = job.target / stamp.name
    target.parent.mkdir(exist_ok=True)
    if not is_weights(stamp.name):
        with target.open("xb", buffering=0) as sink:
            _read(job, stamp, source, due, sink=sink)
        return
    job.digest.update(_weights_head(stamp.name, stamp.size))
    if job.way is StagingMode.COPY:
        with target.open("xb", buffering=0) as sink:
            _read(job, stamp, source, due, job.digest, sink)
    else:
        share(job.way, source, job.checkpoint.path / stamp.source, target)
        if job.way is not StagingMode.REFLINK:
            # The path may have got another file since the source was opened.
            _require_same(job, stamp, target.stat())
        _read(job, stamp, source, due, job.digest)


def _read(
    job: _Job,
    stamp: FileStamp,
    source: BinaryIO,
    due: int,
    digest: _Hash | None = None,
    sink: BinaryIO | None = None,
) -> None:
    """Reads one open file to its end, into the digest and the copy, where there are any."""
    buffer = memoryview(bytearray(CHUNK))
    done = dropped = 0
    while count := source.readinto(buffer):  # type: ignore[attr-defined]
        if digest is not None:
            digest.update(buffer[:count])
        if sink is not None:
            _write(sink, buffer[:count])
        done += count
        if job.should_stop():
            raise UimonError(Reason.INTERRUPTED, f"Copying {job.checkpoint.name} was interrupted.")
        if sink is not None and done - dropped >= CACHE_WINDOW:
            _drop_cache(source, dropped, done)
            dropped = done
            _require_space(job, due - done)
    if sink is not None:
        # Of shared weights the engine reads these very pages next.
        _drop_cache(source, dropped, done)
    if done != stamp.size:
        raise UimonError(Reason.WEIGHTS_CHANGED, f"{stamp.name} in {job.checkpoint.name} changed while it was read.")
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
            status = (job.checkpoint.path / stamp.source).stat()
        except OSError as error:
            if error.errno in VANISHED:
                continue
            raise
        _require_same(job, stamp, status)


def _check_staged(job: _Job) -> None:
    for stamp in job.checkpoint.files:
        if is_weights(stamp.name):
            try:
                read_header(job.target / stamp.name)
            except SafetensorsError as error:
                raise UimonError(
                    Reason.WEIGHTS_CHANGED, f"The copy of {stamp.name} in {job.checkpoint.name} {error}."
                ) from None
