"""Staged weights that still belong to the trainer, too: are they what they were when they were read?

A trainer may delete or overwrite what uimon uses in place or by a hard link. So the files are compared, by size, time
and inode, with the stamp of their inspection, right before and after the engine has read them: what was loaded from
changed files is never evaluated.
"""

from __future__ import annotations

from pathlib import Path

from watcher.model import FileStamp, Reason, UimonError, weights_stamp


def is_shared(staged: Path) -> bool:
    """True where a trainer can still change the weights in a stage: they are links, or have another name elsewhere."""
    return any(file.is_symlink() or file.stat().st_nlink > 1 for file in staged.glob("*.safetensors"))


def is_in_place(staged: Path) -> bool:
    """True where the weights lie in the trainer's directory alone."""
    return any(file.is_symlink() for file in staged.glob("*.safetensors"))


def require_unchanged(name: str, staged: Path, stamp: str) -> None:
    """Raises UimonError where the weights of the checkpoint `name` are not those that were inspected: DELETED where
    the trainer has deleted them, WEIGHTS_CHANGED where it has written them again. `stamp` is `Checkpoint.stamp`.
    """
    try:
        if not is_shared(staged):
            return
        found = weights_stamp(
            FileStamp(file.name, status.st_size, status.st_mtime_ns, status.st_ino)
            for file in staged.glob("*.safetensors")
            for status in (file.stat(),)
        )
    except FileNotFoundError:
        raise UimonError(
            Reason.DELETED, f"{name} was deleted while it was used in place; --stage copy keeps what waits."
        ) from None
    if found != stamp:
        raise UimonError(Reason.WEIGHTS_CHANGED, f"{name} was written again while it was used in place.")
