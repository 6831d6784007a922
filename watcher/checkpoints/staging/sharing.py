"""Staged weights that still belong to the trainer, too: are they what they were when they were read?

A trainer may delete or overwrite what uimon uses in place or by a hard link. So the files are compared, by size, time
and some of their blocks, with the stamp of their inspection, right before and after the engine has read them: what was
loaded from changed files is never evaluated. How a checkpoint was staged is in its stage's name; the files themselves
no longer tell once the trainer has deleted its own.
"""

from __future__ import annotations

from pathlib import Path

from watcher.checkpoints.listing import stamp_in
from watcher.checkpoints.staging.stage import STAGE_NAME, VANISHED
from watcher.checkpoints.staging.transfer import StagingMode
from watcher.model import Reason, UimonError


def staging_mode_of(staged: Path) -> StagingMode:
    """How a checkpoint was staged; what no stage's name tells was copied."""
    named = STAGE_NAME.fullmatch(staged.name)
    return StagingMode(named["way"]) if named else StagingMode.COPY


def is_shared(staged: Path) -> bool:
    """True where a trainer may have written into the weights of a stage after they were read."""
    return staging_mode_of(staged) in (StagingMode.LINK, StagingMode.IN_PLACE)


def require_unchanged(name: str, staged: Path, stamp: str) -> None:
    """Raises UimonError where the weights of the checkpoint `name` are not those that were inspected: DELETED where
    the trainer has deleted them, WEIGHTS_CHANGED where it has written them again, UNREADABLE where that cannot be told
    now. `stamp` is `Checkpoint.stamp`.
    """
    if not is_shared(staged):
        return
    try:
        found = stamp_in(staged)
    except OSError as error:
        if error.errno not in VANISHED:
            sentence = f"{name} cannot be read where its trainer left it ({error.strerror})."
            raise UimonError(Reason.UNREADABLE, sentence) from None
        sentence = f"{name} was deleted while it was used in place; --stage copy keeps a copy of what waits."
        raise UimonError(Reason.DELETED, sentence) from None
    if found != stamp:
        raise UimonError(Reason.WEIGHTS_CHANGED, f"{name} was written again while it was used in place.")


def holds(path: Path, stamp: str) -> bool:
    """True where the weights in the directory `path` are those that were inspected: of a copy's files, whose stamp is
    their own, it is only asked whether they are there.
    """
    try:
        found = stamp_in(path)
    except OSError:
        return False
    return found == stamp or STAGE_NAME.fullmatch(path.name) is not None
