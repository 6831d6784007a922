"""A layout: all that uimon knows of a trainer's way to leave checkpoints, as one object.

It goes from the settings to the search for directories, and from there with each of them to the judgment whether it is
whole. `watch`, `eval` and `doctor` ask the same one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from watcher.checkpoints.layouts.completeness import CommitCheck

# At most 18 digits, so that a step fits the ledger's 64-bit integers; no leading zero, so that two names are never
# the same step.
STEP = "(?P<step>0|[1-9][0-9]{0,17})"
# Other writers pad with zeros, so that names sort.
PADDED_STEP = "0*(?P<step>0|[1-9][0-9]{0,17})"

Folders = tuple[str, ...]
"""Names of the real directories in the run's, sorted."""
Start = Callable[[Folders], str | None]
"""In which of these the checkpoints lie: empty for the run's directory itself, None where there is no such folder."""


def in_the_run(folders: Folders) -> str:  # noqa: ARG001
    """Most trainers leave checkpoints in the run's directory itself."""
    return ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a trainer names its checkpoints, and what shows that it is done with one.

    Attributes:
        pattern: Matches the whole name of a checkpoint's directory. Its group `step` is the step.
        shown: Such a name for a sentence, with N for the step.
        commit: What shows that the writer is done.
        step_in_state: The name's number counts something other than steps (epochs), so the step of a
            `trainer_state.json` goes before it.
        folder: The folder of the checkpoint in which the model lies. Empty: in the checkpoint itself, or in its only
            folder.
        start: Where in the run's directory its checkpoints lie.
    """

    pattern: re.Pattern[str]
    shown: str
    commit: CommitCheck
    step_in_state: bool = False
    folder: str = ""
    start: Start = field(default=in_the_run)

    def step_of(self, name: str) -> int | None:
        """Read the step in a directory's name.

        Args:
            name: The name of the directory, without its path.

        Returns:
            The step, or None if the name is not a checkpoint's in this layout.
        """
        matched = self.pattern.fullmatch(name)
        return None if matched is None else int(matched["step"])


def layout_of(name: str, layouts: Iterable[Layout]) -> Layout | None:
    """Find the layout of a directory by its name.

    Args:
        name: The name of the directory, without its path.
        layouts: The layouts to try, in order.

    Returns:
        The first layout by which the directory is a checkpoint, or None.
    """
    return next((layout for layout in layouts if layout.pattern.fullmatch(name)), None)
