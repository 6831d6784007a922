"""The child's side of dying with its parent. It loads nothing, so that a process that is asked for often starts fast."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal


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
