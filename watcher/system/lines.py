"""What processes of uimon's own say to each other: whole lines over a socket pair, with a deadline for each."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from typing import Any

_CHUNK = 1 << 16


class LineSocket:
    """One end of the socket pair. A line is bytes without a line feed.

    Use each direction from one thread at a time, and with deadlines both from the same: a socket has one of them.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._whole: list[bytes] = []
        self._rest = bytearray()

    def send(self, line: bytes, seconds: float | None = None) -> None:
        """Send one line. Raises TimeoutError after `seconds`, OSError where the other side is gone."""
        self._socket.settimeout(seconds)
        self._socket.sendall(line + b"\n")

    def receive(self, seconds: float | None = None, longest: int | None = None) -> bytes:
        """The next line. Raises TimeoutError after `seconds`, EOFError at the other side's end, which cuts a last line
        off, and ValueError for a line of more than `longest` bytes.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self._whole:
            self._fill(deadline)
            if longest is not None and len(self._rest) > longest:
                raise ValueError(f"a line of more than {longest} bytes")
        return self._whole.pop(0)

    def send_object(self, said: Mapping[str, Any], seconds: float | None = None) -> None:
        """Send a JSON object as one line; raises as `send`."""
        self.send(json.dumps(said).encode(), seconds)

    def receive_object(self, seconds: float | None = None, longest: int | None = None) -> dict[str, Any]:
        """The JSON object of the next line. Raises as `receive`, and ValueError for a line that is none."""
        said = json.loads(self.receive(seconds, longest))
        if not isinstance(said, dict):
            raise ValueError("no JSON object")  # noqa: TRY004 - a line of another process, not a programmer's wrong type
        return said

    def close(self) -> None:
        """Close this end; the other side reads an end of file."""
        self._socket.close()

    def _fill(self, deadline: float | None) -> None:
        """Read once from the socket and split off the complete lines."""
        # A timeout of 0 would mean "do not block" to the socket, and raise something other than TimeoutError.
        self._socket.settimeout(None if deadline is None else max(deadline - time.monotonic(), 1e-3))
        try:
            data = self._socket.recv(_CHUNK)
        except ConnectionError as error:
            raise EOFError("the other side is gone") from error
        if not data:
            raise EOFError("the other side is gone")
        first, *others = data.split(b"\n")
        self._rest += first
        for piece in others:
            self._whole.append(bytes(self._rest))
            self._rest = bytearray(piece)
