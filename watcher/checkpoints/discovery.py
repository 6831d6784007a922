"""Finds the checkpoints directly inside a run directory. A rescan is the truth; file events only make it early."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from watcher.model import Reason, UimonError

# At most 18 digits, so that a step fits the ledger's 64-bit integers; no leading zero, so that two names are never
# the same step.
CHECKPOINT_NAME = re.compile(r"checkpoint-(0|[1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class Found:
    """A directory whose name says that it is the checkpoint of `step`; nothing in it has been read yet."""

    step: int
    name: str
    path: Path


def step_of(name: str) -> int | None:
    """The step that a directory's name states; None where it is not the name of a checkpoint.

    >>> step_of("checkpoint-500"), step_of("tmp-checkpoint-500"), step_of("checkpoint-abc"), step_of("checkpoint-007")
    (500, None, None, None)
    """
    match = CHECKPOINT_NAME.fullmatch(name)
    return int(match[1]) if match else None


def discover(root: Path) -> tuple[Found, ...]:
    """The `checkpoint-N` directories directly in `root`, by ascending step; nothing where `root` does not exist (yet).

    Files and symbolic links are left out: a link such as `latest` is a second name, and the trainer writes none.
    Raises UimonError(UNREADABLE) where `root` is no directory or may not be listed.
    """
    root = Path(os.path.abspath(root))  # noqa: PTH100 - `resolve` would give the directory another name than the user's
    try:
        with os.scandir(root) as entries:
            found = [_found(root, entry) for entry in entries]
    except FileNotFoundError:
        return ()
    except NotADirectoryError:
        raise UimonError(Reason.UNREADABLE, f"{root} is not a directory; name the run's output directory.") from None
    except OSError as error:
        raise UimonError(
            Reason.UNREADABLE, f"{root} cannot be listed ({error.strerror}); check its permissions and the mount."
        ) from None
    return tuple(sorted((item for item in found if item), key=lambda item: item.step))


def _found(root: Path, entry: os.DirEntry[str]) -> Found | None:
    step = step_of(entry.name)
    if step is None or not entry.is_dir(follow_symlinks=False):
        return None
    return Found(step, entry.name, root / entry.name)
