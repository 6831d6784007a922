"""What the service needs of an experiment tracker: a place for rows that is not always there, and a run that ends.

A tracker is made with a store of what is due (the ledger), takes it from there, and notes there what it has read back.
The service says when to try, and for how long. How a run is written into, and whether it may be at all, is the
tracker's own business.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from watcher.checkpoints.run_log import RunLog
from watcher.model import Reason


class Notes(Protocol):
    """A store of small facts that outlive the process. Each call is durable when it returns."""

    def recall(self, key: str) -> str | None:
        """A small fact kept earlier; None where there is none of that name."""
        ...

    def remember(self, key: str, value: str) -> None:
        """Keep a small fact under a name, in place of an earlier one."""
        ...


@dataclass(frozen=True, slots=True)
class RunLife:
    """What the tracker knew of the trainer's run when it was last asked.

    `running`: it has the run for a running one, and knows of no silence that contradicts it; `lively`: something of it
    was heard lately, too. `ended`: the tracker's word for how the run ended (None: it has not, as far as is known),
    `ended_seconds`: since when that is known. `begun`: when the run began, in seconds since the epoch (None: not
    known). `missing`: there is no such run (yet). `url`: its page.
    """

    running: bool = False
    lively: bool = False
    ended: str | None = None
    ended_seconds: float = 0.0
    begun: float | None = None
    missing: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one batch of rows and alerts.

    `delivered`: the uids of the rows that were read back. `waiting`: why others wait (None: none does), `detail` says
    it in a sentence. `moved`: a row has got further, also one that is on its way for the first time.
    """

    delivered: tuple[str, ...] = ()
    waiting: Reason | None = None
    detail: str = ""
    url: str | None = None
    moved: bool = False


class Tracker(Protocol):
    """One run at an experiment tracker. One thread publishes; `life`, `asked`, `waits_for_end` and `sending` may be
    read from others. No method raises for what the tracker does or how the network is.
    """

    @property
    def asked(self) -> threading.Event:
        """Set once the tracker was asked for the run, whatever it knew."""
        ...

    @property
    def life(self) -> RunLife:
        """What was known of the run when the tracker was last asked."""
        ...

    def look(self, *, now: bool = False) -> None:
        """Ask for the run, where the last time is long enough ago, or `now`."""
        ...

    def logged(self) -> RunLog | None:
        """What the trainer has logged into the run; None where that is not to be had now."""
        ...

    def ready(self) -> bool:
        """True where `publish` would do something now."""
        ...

    def publish(self) -> Delivery:
        """Bring one batch of what is due into the run, alerts included, and say what was read back from there."""
        ...

    def tend(self) -> None:
        """What is to be done now and then, whether something is due or not."""
        ...

    def hurry(self) -> None:
        """Nothing more will become due: nothing is gathered any longer."""
        ...

    def retry_now(self) -> None:
        """Forget the pause after the last failure."""
        ...

    def leave(self, *, hasty: bool) -> None:
        """This process publishes no more; `hasty`: it will be killed within seconds."""
        ...

    @property
    def empty(self) -> bool:
        """True where nothing is due."""
        ...

    @property
    def sending(self) -> bool:
        """True while rows are on their way, so that nobody would know whether they are there if that was cut off."""
        ...

    @property
    def waits_for_end(self) -> bool:
        """True while rows wait for the end of the run, and go into it only then."""
        ...

    @property
    def retry_in(self) -> float | None:
        """Seconds until the next attempt may help; None where waiting does not."""
        ...
