"""Ending processes by their ids, with everything that they started."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import time
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


def tie_group_to(lifeline: int) -> None:
    """Have the kernel kill this process's group once nobody can write into the pipe `lifeline` any more.

    A thread that waits for the end of file would need the interpreter, which a step in C may hold for minutes. The
    pipe's signal (`O_ASYNC`) needs nobody. It is lost where the other end was closed before; then it ends here.
    """
    with contextlib.suppress(OSError):  # a system without signals for pipes
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(lifeline, 0)
    if any(event & select.POLLHUP for _, event in poll.poll(0)):
        os.killpg(0, signal.SIGKILL)


def group_members(group: int) -> list[int]:
    """Processes of a process group that have not ended; one that ended and was not reaped counts as ended."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The command's name comes before, in parentheses, and may hold anything.
            state, _, its_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_group) == group and state not in "ZX":
            found.append(int(entry.name))
    return found


def await_group_end(group: int, seconds: float) -> bool:
    """Wait until nothing of a killed process group is left; False where something is after `seconds`."""
    deadline = time.monotonic() + seconds
    while group_members(group):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True
