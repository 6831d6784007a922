"""Ending processes with everything that they started."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable

import psutil


def descendants(pid: int) -> list[psutil.Process]:
    """All living descendants of a process; none where it is gone."""
    try:
        found: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


def kill_all(processes: Iterable[psutil.Process]) -> None:
    """Kill those of the processes that live; an id that went to another process meanwhile is left alone."""
    for process in processes:
        with contextlib.suppress(psutil.Error):  # it has ended, or is another user's, as what sudo starts
            process.kill()


def kill_family(pid: int) -> None:
    """Kill a child of this process that was not reaped, all its descendants, those included that moved to a process
    group of their own, and whoever is in the group that it leads.
    """
    try:
        head = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    with contextlib.suppress(psutil.Error):
        # Stopped first, it cannot start anything while its descendants are listed.
        head.suspend()
    family = (head, *descendants(pid))
    with contextlib.suppress(ProcessLookupError):
        # Those of the group that have lost their parent are nobody's descendants.
        os.killpg(pid, signal.SIGKILL)
    kill_all(family)


def group_members(group: int) -> list[int]:
    """Processes of a process group that have not ended; one that ended and was not reaped counts as ended."""
    return [pid for pid in psutil.pids() if _is_member(pid, group)]


def await_group_end(group: int, seconds: float) -> bool:
    """Wait until nothing of a killed process group is left; False where something is after `seconds`."""
    deadline = time.monotonic() + seconds
    while group_members(group):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _is_member(pid: int, group: int) -> bool:
    ended = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    try:
        # psutil does not tell a process's group.
        return os.getpgid(pid) == group and psutil.Process(pid).status() not in ended
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
