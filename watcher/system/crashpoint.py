"""Named points at which a test can kill the process: `UIMON_CRASH_AT=evaluation.generating uimon watch …`.

A crash there is `SIGKILL`, so nothing gets a chance to tidy up. Without the variable a point costs one
comparison of two strings.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "intake.noted",
    "intake.copied",
    "evaluation.loading",
    "evaluation.generating",
    "evaluation.before_commit",
    "evaluation.held",
    "evaluation.committed",
    "followup.before_run",
    "followup.before_commit",
    "followup.committed",
    "rescore.before_commit",
    "rescore.committed",
    "publish.before_log",
    "publish.logged",
    "publish.before_commit",
    "publish.committed",
)
"""Every point, in the order in which a checkpoint passes them."""

_armed = os.environ.get("UIMON_CRASH_AT", "")


def crash_point(name: str) -> None:
    """Kill this process with SIGKILL if the environment armed the point `name`."""
    if name == _armed:
        os.kill(os.getpid(), signal.SIGKILL)
