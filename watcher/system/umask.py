"""The umask of this process: what uimon writes is for its own user alone, and what it starts for that user writes as
the user's shell would.
"""

from __future__ import annotations

import os
from typing import Final

OWNER_ONLY: Final = 0o077
"""What nobody else may do."""

_started_with: int | None = None


def close_to_others() -> None:
    """Whatever this process, and those that it starts, write from now on is for this user alone."""
    global _started_with
    before = os.umask(OWNER_ONLY)
    _started_with = before if _started_with is None else _started_with


def users() -> int:
    """The umask that the user has started this process with, as `subprocess.Popen` takes it (-1: it was left alone)."""
    return -1 if _started_with is None else _started_with
