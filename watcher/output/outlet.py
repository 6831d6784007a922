"""Standard error as a channel of its own: whoever writes to it never waits for whoever reads it.

A terminal that was stopped with ^S, a pipe that nobody reads, or a full disk would otherwise hold up the thread that
logs a line, and with it the evaluation. Texts wait in a queue of `ROOM` characters, from which one thread writes. Where
the queue is full, the newest texts are left out, and their number is said in their place. At the end the queue gets
`LAST_SECONDS` to be read; what nobody has read by then is lost, at most once per line.
"""

from __future__ import annotations

import io
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, TextIO

ROOM: Final = 1_000_000
"""Most characters that wait."""
LAST_SECONDS: Final = 2.0
"""How long the end waits for a reader, in seconds."""
_AGAIN_SECONDS: Final = 1.0


class Outlet(io.TextIOBase):
    """A text stream onto another one, whose `write` never blocks. `lost` words the line for so many texts left out."""

    def __init__(self, stream: TextIO, lost: Callable[[int], str], room: int = ROOM) -> None:
        self._stream = stream
        self._lost = lost
        self._room = room
        self._texts: deque[str] = deque()
        self._waiting = 0
        self._left_out = 0
        self._ending = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="stderr", daemon=True)
        self._thread.start()

    @property
    def behind(self) -> bool:
        """True while something waits to be read."""
        return self._waiting > 0

    def write(self, text: str) -> int:
        """Take the text, or leave it out where the queue is full."""
        with self._change:
            if self._ending or self._waiting + len(text) > self._room:
                self._left_out += 1
            else:
                self._texts.append(text)
                self._waiting += len(text)
                self._change.notify_all()
        return len(text)

    def finish(self, within: float = LAST_SECONDS) -> bool:
        """Take nothing more, and wait at most so many seconds until all is written; False where it is not."""
        deadline = time.monotonic() + within
        with self._change:
            self._ending = True
            self._change.notify_all()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    def isatty(self) -> bool:
        """Whether the other stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor of the other stream."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the other stream."""
        return self._stream.encoding or "utf-8"

    def _run(self) -> None:
        while (found := self._next()) is not None:
            text, said = found
            written = self._put(text)
            with self._change:
                self._waiting -= len(text)
                if not written:
                    self._left_out += max(1, said)
                    self._change.wait_for(lambda: self._ending, _AGAIN_SECONDS)
                    if self._ending:
                        return

    def _next(self) -> tuple[str, int] | None:
        """The next text, waited for, and how many texts it says are left out; None at the end."""
        with self._change:
            while not self._texts and not self._ending and not self._left_out:
                self._change.wait()
            if self._texts:
                return self._texts.popleft(), 0
            if not self._left_out:
                return None
            # Said where they are missing: behind what was taken before, ahead of what comes now that there is room.
            count, self._left_out = self._left_out, 0
            said = self._lost(count)
            self._waiting += len(said)
            return said, count

    def _put(self, text: str) -> bool:
        """Write it, however long that takes; False where it cannot be written."""
        try:
            descriptor = self._stream.fileno()
        except (io.UnsupportedOperation, ValueError):
            return self._put_in_memory(text)
        # Not through the stream: a thread that hangs in it holds its lock, and Python's end waits for that.
        data = memoryview(text.encode(self.encoding, "backslashreplace"))
        while data:
            try:
                data = data[os.write(descriptor, data) :]
            except BlockingIOError:
                select.select([], [descriptor], [], _AGAIN_SECONDS)
            except OSError:
                return False
        return True

    def _put_in_memory(self, text: str) -> bool:
        try:
            self._stream.write(text)
        except ValueError:
            return False
        return True


def tell(sentence: str) -> None:
    """One line on standard error, for which nobody waits longer than `LAST_SECONDS`."""
    outlet = Outlet(sys.stderr, lambda count: f"{count} lines are left out here.\n")
    outlet.write(f"{sentence}\n")
    outlet.finish()


def open_missing() -> None:
    """A standard stream that was closed before the start (`>&-`) leads nowhere. Else the next file that is opened gets
    its number, and with it what others write there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode))


def nothing_more() -> None:
    """The answer on standard output is given: what a plug-in prints while the process ends goes to standard error."""
    try:
        sys.stdout.flush()
    except OSError:
        # What has found no place there has none on standard error either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stdout.flush()
    os.dup2(2, 1)
