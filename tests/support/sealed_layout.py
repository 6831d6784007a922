"""A trainer that exists nowhere: all that uimon has to be told of it stands in this file.

It leaves `round-1`, `round-2`, … in the folder `takes`, with the policy in a folder of its own, and seals each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from watcher.checkpoints.layouts import Layout
from watcher.checkpoints.layouts.completeness import Files, NotComplete
from watcher.checkpoints.layouts.layout import STEP, Folders
from watcher.model import Checkpoint, Condition, Reason


@dataclass(frozen=True, slots=True)
class SealCheck:
    """Silence shows nothing; the seal does, whatever its time."""

    def is_settled(self, files: Files, quiet: float) -> bool:
        return "SEAL" in files

    def is_over(self, found: Checkpoint, quiet: float) -> bool:
        return False

    def is_settling(self, found: Checkpoint) -> bool:
        return False

    def check(self, found: Checkpoint, files: Files, quiet: float) -> None:
        if "SEAL" not in files:
            raise NotComplete(Condition.PARTIAL, Reason.STILL_CHANGING, f"{found.name} is not sealed.")


def _takes(folders: Folders) -> str | None:
    return "takes" if "takes" in folders else None


SEALED = Layout(re.compile(f"round-{STEP}"), "round-N", SealCheck(), folder="policy", start=_takes)
