"""The child's side of `watcher.system.child`: its line to the parent, and its end with the parent's.

It loads little, so that a process that is asked for often starts fast.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import select
import signal
import socket
import threading

from watcher.system.lines import LineSocket


def child_arguments() -> argparse.ArgumentParser:
    """A parser of what `Child` gives to every program that it starts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    return parser


def join_parent(options: argparse.Namespace) -> LineSocket:
    """The line to the process that has started this one, with which this one's group ends from here on."""
    tie_group_to(options.lifeline)
    sock = socket.socket(fileno=options.socket)
    # Otherwise what this process starts would hold them open when it is gone.
    sock.set_inheritable(False)
    os.set_inheritable(options.lifeline, False)
    return LineSocket(sock)


def tie_group_to(lifeline: int) -> None:
    """Have the kernel kill this process's group once nobody can write into the pipe `lifeline` any more.

    A thread that waits for the end of file would need the interpreter, which a step in C may hold for minutes. The
    pipe's signal (`O_ASYNC`) needs nobody. It is lost where the other end was closed before; then it ends here. The
    kernel's own "die with your parent" (`PR_SET_PDEATHSIG`) reaches one process, and comes when a thread ends.
    """
    try:
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:  # a system without signals for pipes
        threading.Thread(target=end_group_with, args=(lifeline,), daemon=True).start()
    poll = select.poll()
    poll.register(lifeline, 0)
    if any(event & select.POLLHUP for _, event in poll.poll(0)):
        os.killpg(0, signal.SIGKILL)


def end_group_with(lifeline: int) -> None:
    """Wait until nobody can write into `lifeline` any more, and kill this process's group."""
    while os.read(lifeline, 1):
        pass
    os.killpg(0, signal.SIGKILL)
