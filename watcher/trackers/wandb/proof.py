"""Whether a row that was sent is lost: decided on what several readings of the run have shown, never on one. Pure.

W&B takes a row at once and shows it later: mostly within a second, now and then after a minute or more, each row for
itself and in no order. So a row has one of these states from the moment at which it may have been sent:

| what is known                                                            | the row is    | what follows       |
|--------------------------------------------------------------------------|---------------|--------------------|
| a reading shows it                                                       | *seen*        | it is delivered    |
| it is not shown, and not for long enough                                 | *unconfirmed* | it is looked for   |
| two ways of reading agree that it is not there, after all the pauses     | *lost*        | it is sent again   |
| the session reports that W&B was never given it, or has refused it       | not sent      | it is sent again   |

The two ways: a scan by the row's own key, and the pages of the history without keys. They agree only where W&B's last
step contradicts neither: it may not tell of lines after the row's mark while the pages show none.

Looks come after growing pauses (`Patience`), by default 15, 30, 60, 120, 240 and 300 s after one another, which is
12 min 45 s in all, counted from the end of the session that may have sent it: so long takes a row that really was lost
until it is sent again. What is assumed: W&B shows within
that time what it has taken. A row that it shows later still is in the run twice, and is named then.

No order is made use of. That a later row of the same session is there proves nothing where each row is shown at its own
time; and a session whose request fails sends nothing after it, so that no later row of it would ever show.

Times are seconds since the epoch, counted by the machine's clock since its boot (`watcher.system.clock`): a clock that
is set shortens no pause, also where it is set between two processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from watcher.model import Row, Sending


class RowStatus(StrEnum):
    """What is known of a row that may have been sent."""

    SEEN = "seen"
    UNCONFIRMED = "unconfirmed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long W&B may take to show a row: it is looked for after each of `pauses` (seconds, one after the other), and
    is lost where it is still absent after the last. `looks`: so many must have been made, whatever time has passed:
    a process that was down for an hour has looked not once.
    """

    pauses: tuple[float, ...] = (15.0, 30.0, 60.0, 120.0, 240.0, 300.0)
    looks: int = 2

    @property
    def seconds(self) -> float:
        """The sum of the pauses.

        >>> Patience().seconds
        765.0
        """
        return sum(self.pauses)

    def is_over(self, sent: Sending, now: float) -> bool:
        """True where a look at `now` may prove that the row is lost."""
        return now - sent.last_at >= self.seconds and sent.looks + 1 >= self.looks

    def next_look(self, last_sent: float, now: float) -> float:
        """When a row that was absent at `now` is looked for again.

        >>> Patience((10.0, 20.0)).next_look(100.0, 104.0), Patience((10.0, 20.0)).next_look(100.0, 110.0)
        (110.0, 130.0)
        >>> Patience((10.0, 20.0)).next_look(100.0, 500.0)
        510.0
        """
        moments = (last_sent + passed for passed in accumulate(self.pauses))
        return next((moment for moment in moments if moment > now), now + self.pauses[0])


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a run has shown of its history from `start` on, `at` a time.

    `keyed`: how often a scan by key shows each uid. `paged`: the same by the pages without keys, and `lines` how many
    lines they hold; None where they were not read. `last_step` is W&B's word for the last step (-1: none).
    """

    at: float
    start: int
    keyed: Mapping[str, int]
    paged: Mapping[str, int] | None = None
    lines: int = 0
    last_step: int = -1

    @property
    def agrees(self) -> bool:
        """True where both ways were read, and what W&B tells of the run contradicts neither."""
        return self.paged is not None and (self.lines > 0 or self.last_step < self.start)

    @property
    def seen(self) -> Counter[str]:
        """How often the run holds each row, as far as either way shows it."""
        return Counter(self.keyed) | Counter(self.paged or {})


def judge(row: Row, look: Look, patience: Patience) -> RowStatus:
    """What this look makes of a row, by the table above; one that cannot be on its way is lost at once."""
    if look.seen[row.uid]:
        return RowStatus.SEEN
    if row.sent is None or (look.agrees and patience.is_over(row.sent, look.at)):
        return RowStatus.LOST
    return RowStatus.UNCONFIRMED
