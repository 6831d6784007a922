"""Faults that a test asks the stand-in to commit: a bad status, a dropped connection, an answer that is
lost, late or doubled, a request that is applied twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class FaultKind(StrEnum):
    """What goes wrong.

    `STATUS` refuses the request and `DROP` closes the connection, both without applying it. `DELAY` serves it late.
    The others apply it: `LOSE` closes the connection instead of answering, `LATE` answers late, `ECHO` sends the answer
    twice, and `REPEAT` applies the request twice, as a proxy does that got no answer and tries again, and answers once.
    """

    STATUS = "status"
    DROP = "drop"
    LOSE = "lose"
    DELAY = "delay"
    LATE = "late"
    ECHO = "echo"
    REPEAT = "repeat"

    @property
    def applies(self) -> bool:
        """Whether the request is applied."""
        return self not in (FaultKind.STATUS, FaultKind.DROP)

    @property
    def answers(self) -> bool:
        """Whether its own answer is sent."""
        return self.applies and self is not FaultKind.LOSE


@dataclass(slots=True)
class Fault:
    """One fault, active for `times` matching requests or `seconds` from its first use, or for ever.

    `match` is a substring of `METHOD /path Operation` (the GraphQL operation's name, empty elsewhere), such as
    `UpsertBucket` or `/file_stream`; empty matches everything but the admin endpoints. `status` is the HTTP
    status that `STATUS` answers, `delay` the seconds that `DELAY` and `LATE` wait, to which up to `spread` more are
    added at random. `body`, where given, must occur in the request's body too, such as a column of a history line.
    `chance`: the share of the matching requests that are hit, drawn with `seed`.
    """

    match: str = ""
    kind: FaultKind = FaultKind.STATUS
    status: int = 500
    times: int | None = None
    seconds: float | None = None
    delay: float = 0.0
    spread: float = 0.0
    body: str = ""
    chance: float = 1.0
    seed: int = 0
    used: int = 0
    started: float | None = None
    _random: random.Random = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    @property
    def wait(self) -> float:
        """The seconds that this request waits; drawn anew each time."""
        return self.delay + self.spread * self._random.random()

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
        if self.chance < 1 and self._random.random() >= self.chance:
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
