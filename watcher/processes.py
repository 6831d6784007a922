"""Ending processes by their ids, with everything that they started."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """All living descendants of a process, as Linux lists them under each of its threads."""
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in listing.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def kill_family(pid: int) -> None:
    """Kill a process and all its descendants, those included that moved to a process group of their own."""
    # Stopped first, it cannot start anything while its descendants are listed.
    send_signal(pid, signal.SIGSTOP)
    family = descendants(pid)
    for member in (pid, *family):
        send_signal(member, signal.SIGKILL)


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
