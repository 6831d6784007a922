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
        """Read a small fact.

        Args:
            key: The name under which it was kept.

        Returns:
            Its value, or None if nothing was kept under that name.
        """
        ...

    def remember(self, key: str, value: str) -> None:
        """Keep a small fact, in place of an earlier one of that name.

        Args:
            key: Its name.
            value: Its value. It is durable when the call returns.
        """
        ...


@dataclass(frozen=True, slots=True)
class RunLife:
    """What the tracker knew of the trainer's run when it was last asked.

    Attributes:
        running: The tracker lists the run as running, and no missing heartbeat contradicts that.
        lively: The run is `running`, and the tracker heard from it lately.
        ended: The tracker's word for how the run ended. None: it has not ended, as far as is known.
        ended_seconds: For how many seconds that is known.
        begun: When the run began, in seconds since the epoch. None: not known.
        missing: There is no such run (yet).
        url: The run's page. None: not known.
    """

    running: bool = False
    lively: bool = False
    ended: str | None = None
    ended_seconds: float = 0.0
    begun: float | None = None
    missing: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PublishOutcome:
    """What became of one batch of rows and alerts.

    Attributes:
        delivered: The uids of the rows that were read back from the run.
        waiting: Why other rows wait. None: none waits.
        detail: The same in a sentence for people; empty where none waits.
        url: The run's page. None: not known.
        moved: Some row made progress, even if that is only its first sending.
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
        """Ask the tracker for the run.

        Args:
            now: Ask at once. Otherwise the call does nothing until the last answer is old enough.
        """
        ...

    def logged(self) -> RunLog | None:
        """Read what the trainer has logged into the run.

        Returns:
            Its losses, learning rates and gradient norms by step. None if the tracker does not answer now.
        """
        ...

    def ready(self) -> bool:
        """True where `publish` would do something now."""
        ...

    def publish(self) -> PublishOutcome:
        """Bring one batch of what is due into the run, alerts included.

        Returns:
            What was read back from the run, and why the rest waits. A failure is an answer here and no exception.
        """
        ...

    def tend(self) -> None:
        """Do what is to be done now and then, whether something is due or not. The service calls it in each round."""
        ...

    def hurry(self) -> None:
        """Stop gathering rows into batches: nothing more will become due."""
        ...

    def retry_now(self) -> None:
        """Forget the pause after the last failure."""
        ...

    def leave(self, *, hasty: bool) -> None:
        """Give the run back: this process publishes no more.

        Args:
            hasty: The process will be killed within seconds, so only what is quick may be done.
        """
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
