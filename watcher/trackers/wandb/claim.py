"""Which uimon publishes into a run: one at a time, wherever it runs and whatever state directory it has.

Two uimons on one run give the same rows the same uids, so whichever finds a row in the run takes it for delivered.
What is left is the moment in which both look, neither sees, and both send. W&B is all that they share, and it offers
two things that do not lag behind: whether a request has made a run (`inserted`), and what a run's configuration is. So
the claim is a mark in the configuration of a run of uimon's own beside the trainer's (`own_run`):

| the mark                   | who may publish                                                                    |
|----------------------------|------------------------------------------------------------------------------------|
| no such run                | who makes it, if its mark is there within `Pauses.write`                           |
| made, not marked           | nobody; unmarked for `Pauses.short`, it may be taken                               |
| a writer's, confirmed      | that writer; unchanged for `Pauses.quiet`, it may be taken                         |
| given back                 | nobody; it may be taken at once                                                    |
| a writer's, not confirmed  | nobody; confirmed where it stays that writer's for as long as was to be waited     |

A mark that was given back is taken as in Fischer's algorithm for mutual exclusion: read it, write one's own within
`Pauses.write`, wait `Pauses.short`, and read it again: of several that write, the last one stays, and the others see
it. A silent writer's mark is taken the same way, and the wait is `Pauses.long`: a session of its may have begun just
before, and what that sends may be shown late.

Every session that writes rows reads the mark first, and is dead after `Pauses.session`; so no two of different writers
overlap. No two machines' clocks are compared: each measures how long it has seen a mark unchanged.

What is assumed: W&B makes a run of a given id once; a run's configuration is read as it was written
`Pauses.lag_of_marks` before; a row is shown at the latest `Pauses.lag` after it was sent; what a process that is dead
had sent takes effect within `Pauses.lag_of_marks` or never. Not covered: an older uimon, which makes no claims.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from watcher.model import Alert, JsonObject, Reason, Row, Target, UimonError
from watcher.settings.durations import format_duration
from watcher.trackers.wandb.proof import Patience
from watcher.trackers.wandb.wire import Message, PublishPlan, PublishResult

OnMark = Callable[[Sequence[str], int], None]


@dataclass(frozen=True, slots=True)
class Mark:
    """What the run of uimon's own says: `writer` is the id of one uimon (empty: nobody's), `host` the name of its
    machine, `beats` counts its signs of life (0: not confirmed). `free`: nobody held it when it was taken.
    """

    writer: str = ""
    host: str = ""
    beats: int = 0
    free: bool = True

    def held_by(self, writer: str) -> bool:
        """Whether this writer may publish."""
        return self.writer == writer and self.beats > 0


@dataclass(frozen=True, slots=True)
class Pauses:
    """Times in seconds. `write`: from reading a mark to having written one; `lag_of_marks`: how late a mark may be
    read, `lag`: how late a row; `session`: the life of a session; `beat`: pause between signs of life.
    """

    write: float = 10.0
    lag_of_marks: float = 5.0
    lag: float = Patience().seconds
    session: float = 240.0
    beat: float = 120.0

    @property
    def short(self) -> float:
        """Until a mark that nobody held counts as one's own."""
        return self.write + self.lag_of_marks

    @property
    def long(self) -> float:
        """Until the mark of a silent writer counts as one's own."""
        return self.session + self.lag + self.lag_of_marks

    @property
    def quiet(self) -> float:
        """For how long a writer has to be silent."""
        return 3 * self.beat + self.short

    def before_taking(self, mark: Mark) -> float:
        """For how long a mark has to be seen unchanged before it may be taken."""
        if mark.writer:
            return self.quiet
        return self.short if not mark.beats else 0.0


@dataclass(frozen=True, slots=True)
class Move:
    """What a session is to do with the mark: put `me`'s in the place of `expected`, if that is what it is (None: only
    look, and show a sign of life where it is `me`'s), or give it back.
    """

    me: str
    write: float
    expected: Mark | None = None
    release: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """The mark after a move. `late`: it was written too late to count."""

    mark: Mark
    late: bool = False


def next_mark(mark: Mark, move: Move, host: str) -> Mark | None:
    """What to write in the place of `mark`, None: nothing.

    >>> next_mark(Mark("a", "h", 3, free=False), Move("a", 10), "h").beats
    4
    >>> next_mark(Mark("b", "h", 3), Move("a", 10), "h") is None
    True
    """
    if move.release:
        return Mark(beats=mark.beats + 1) if mark.writer == move.me else None
    if mark.held_by(move.me):
        return Mark(move.me, host, mark.beats + 1, free=False)
    if mark != move.expected:
        return None
    if mark.writer == move.me:
        return Mark(move.me, host, 1, free=False)
    return Mark(move.me, host, 0, free=not mark.writer)


class Claim:
    """One uimon's claim on a run. `move` makes a session of it and answers what is there, None where there is no run or
    W&B is not to be had.
    """

    def __init__(
        self,
        me: str,
        move: Callable[[Move], Seen | None],
        pauses: Pauses | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.me = me
        self._move = move
        self._pauses = pauses or Pauses()
        self._clock = clock
        self._mark: Mark | None = None
        self._since = 0.0
        self._late = False
        self._beaten = 0.0
        self._not_before = clock()
        self._looked = False
        self.held = True
        """Until a session was told otherwise: the first one makes the claim."""
        self.waited = False
        """True from a claim that was waited for until `surveyed()`: somebody else's rows may be in the run."""

    @property
    def write(self) -> float:
        """Seconds in which a mark has to be written."""
        return self._pauses.write

    def lost(self) -> None:
        """A session was told that the mark is not this uimon's."""
        self.held = False
        self._not_before = self._clock()

    def beaten(self) -> None:
        """A session has shown a sign of life."""
        self._mark, self._beaten = self._mark or Mark(self.me), self._clock()

    def surveyed(self) -> None:
        """It is known which rows are in the run."""
        self.waited = False

    def tend(self) -> None:
        """Show a sign of life where it is time to. At the start, take the mark where nobody has it: until the first row
        is due it is this uimon's then.
        """
        if self._mark is None:
            if not self._looked:
                self.pursue()
        elif not self.held and self._mark.writer in ("", self.me):
            self.pursue()
        elif self.held and self._clock() - self._beaten >= self._pauses.beat:
            self._note(self._move(Move(self.me, self.write)))

    def pursue(self) -> None:
        """One step towards the mark, where the last one was long enough ago."""
        if self._clock() < self._not_before:
            return
        self._looked = True
        self._not_before = self._clock() + self.contend()

    def contend(self) -> float:
        """One step towards the mark; the seconds until the next one may help, 0 where it is this uimon's."""
        self._note(self._move(Move(self.me, self.write)))
        if self.held or self._mark is None:
            return 0.0 if self.held else self.write
        if (left := self._left()) > 0:
            # Whoever gives the mark back is to be heard soon.
            return min(left, self._pauses.beat / 2)
        self._note(self._move(Move(self.me, self.write, expected=self._mark)))
        return 0.0 if self.held else min(self._left(), self._pauses.beat / 2)

    def release(self) -> None:
        """Give the mark back: nothing that was sent is unseen, and this uimon ends."""
        if self.held and self._mark is not None:
            self._move(Move(self.me, self.write, release=True))

    def sentence(self) -> str:
        """Who has the mark, for a person."""
        mark = self._mark or Mark()
        if mark.writer in ("", self.me):
            return (
                f"This uimon takes over publishing into the run in {format_duration(self._left())}, once no other "
                "uimon can still publish; evaluation goes on."
            )
        silence = format_duration(self._pauses.quiet + self._pauses.long)
        return (
            f"Another uimon ({mark.writer} on host {mark.host}) publishes into this run: this one evaluates, and sends "
            "no row that the other sends; stop one of the two. If the other one was killed, this one takes over after "
            f"{silence} of its silence, if it still runs then (`--drain-timeout 30m` waits for that)."
        )

    def _left(self) -> float:
        """Seconds until the mark that is there may be replaced."""
        mark = self._mark or Mark()
        needed = self._pauses.before_taking(mark)
        if mark.writer == self.me:
            needed = self._pauses.short if mark.free and not self._late else self._pauses.long
        return max(0.0, needed - (self._clock() - self._since))

    def _note(self, seen: Seen | None) -> None:
        if seen is None:
            return
        now = self._clock()
        if seen.mark != self._mark:
            self._late = seen.late
            self._mark, self._since = seen.mark, now
        held = seen.mark.held_by(self.me)
        if held:
            self._beaten = now
            self.waited = self.waited or not self.held
        self.held = held


class Publishing(Protocol):
    """What is guarded: `WandbPublisher`."""

    def publish(
        self, rows: Sequence[Row], alerts: Sequence[Alert], order: PublishPlan, on_mark: OnMark
    ) -> PublishResult:
        """Bring the rows where the order says."""
        ...


@dataclass
class ClaimedPublisher:
    """Publishes while the claim is this uimon's; otherwise only looks which rows another one has sent."""

    publisher: Publishing
    claim: Claim

    def publish(
        self, rows: Sequence[Row], alerts: Sequence[Alert], order: PublishPlan, on_mark: OnMark
    ) -> PublishResult:
        """As `WandbPublisher.publish`; `other_publisher` is why rows wait that another uimon has to send."""
        if not self.claim.held:
            self.claim.pursue()
        if not self.claim.held:
            return self._look(rows, order, on_mark)
        order = replace(order, claim=self.claim.me, claim_within=self.claim.write)
        if self.claim.waited and order.target is Target.RUN:
            # What an earlier one has sent has shown by then: a mark is given back when it has, or waited for so long.
            order = replace(order, survey=True, hold=False)
        result = self.publisher.publish(rows, alerts, order, on_mark)
        if result.waiting is Reason.OTHER_PUBLISHER:
            self.claim.lost()
            self.claim.pursue()
            return replace(result, detail=self.claim.sentence())
        if result.claimed:
            self.claim.beaten()
        if result.found is not None:
            self.claim.surveyed()
        return result

    def _look(self, rows: Sequence[Row], order: PublishPlan, on_mark: OnMark) -> PublishResult:
        if order.target is Target.COMPANION or not rows:
            return PublishResult((), Reason.OTHER_PUBLISHER, self.claim.sentence())
        result = self.publisher.publish(rows, (), replace(order, look=True), on_mark)
        return replace(result, detail=self.claim.sentence()) if result.waiting is Reason.OTHER_PUBLISHER else result


def encode_mark(mark: Mark) -> dict[str, object]:
    """The mark as plain JSON data."""
    return {"writer": mark.writer, "host": mark.host, "beats": mark.beats, "free": mark.free}


def decode_mark(data: object) -> Mark:
    """The mark that `encode_mark` made plain; nobody's where it is none."""
    try:
        return Mark(str(data["writer"]), str(data["host"]), int(data["beats"]), bool(data["free"]))  # type: ignore[index]
    except (TypeError, KeyError, ValueError):
        return Mark()


def decode_move(data: JsonObject) -> Move:
    """The move that `asdict` made plain."""
    expected = data["expected"]
    return Move(data["me"], data["write"], None if expected is None else decode_mark(expected), data["release"])


def encode_seen(seen: Seen | None) -> Message:
    """The session's last line after a move."""
    return {
        "event": "claim",
        "mark": None if seen is None else encode_mark(seen.mark),
        "late": bool(seen and seen.late),
    }


def decode_seen(message: Message) -> Seen | None:
    """What `encode_seen` made plain."""
    return None if message["mark"] is None else Seen(decode_mark(message["mark"]), message["late"])


def not_yours(mark: Mark) -> UimonError:
    """What a session says that must not write."""
    host = f" on host {mark.host}" if mark.host else ""
    who = f"uimon {mark.writer}{host}" if mark.writer else "no uimon yet"
    return UimonError(Reason.OTHER_PUBLISHER, f"The one that publishes into this run is {who}.")
