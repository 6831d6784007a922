"""Faults that a test asks the stand-in to commit: a bad status, a dropped connection, a lost answer, a delay."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What goes wrong. `LOSE` applies the request and then drops the answer; `DROP` applies nothing."""

    STATUS = "status"
    DROP = "drop"
    LOSE = "lose"
    DELAY = "delay"


@dataclass(slots=True)
class Fault:
    """One fault, active for `times` matching requests or `seconds` from its first use, or for ever.

    `match` is a substring of `METHOD /path Operation` (the GraphQL operation's name, empty elsewhere), such as
    `UpsertBucket` or `/file_stream`; empty matches everything but the admin endpoints. `status` is the HTTP
    status that `STATUS` answers, `delay` the seconds that `DELAY` waits before it serves the request.
    `body`, where given, must occur in the request's body too, such as a column of a history line.
    """

    match: str = ""
    kind: FaultKind = FaultKind.STATUS
    status: int = 500
    times: int | None = None
    seconds: float | None = None
    delay: float = 0.0
    body: str = ""
    used: int = 0
    started: float | None = None

    def takes(self, request: str, body: bytes, now: float) -> bool:
        """Whether this fault hits the request; counts it if so."""
        if self.match not in request or self.body.encode() not in body:
            return False
        if self.times is not None and self.used >= self.times:
            return False
        if self.started is None:
            self.started = now
        if self.seconds is not None and now - self.started > self.seconds:
            return False
        self.used += 1
        return True


class Faults:
    """The faults that are set, in the order in which they were set: the first that matches hits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Set one more fault."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Take all faults back: the stand-in is healthy again."""
        self._faults.clear()

    def pick(self, request: str, body: bytes = b"") -> Fault | None:
        """The fault that hits `request`, if any."""
        now = self._clock()
        return next((fault for fault in self._faults if fault.takes(request, body, now)), None)
