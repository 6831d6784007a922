"""The parts of a ledger that stand by themselves: what is due where, warnings, failures, losses, what was seen."""

from __future__ import annotations

from watcher.ledger.deliveries import LedgerDeliveries
from watcher.ledger.episodes import LedgerEpisodes
from watcher.ledger.failures import LedgerFailures
from watcher.ledger.followups import LedgerFollowups
from watcher.ledger.losses import LedgerLosses
from watcher.ledger.outbox import LedgerOutbox
from watcher.ledger.reading import LedgerReading
from watcher.ledger.sightings import LedgerSightings
from watcher.ledger.summaries import LedgerSummaries
from watcher.model import Target


class LedgerSubjects(LedgerReading):
    """The way to each of them. What they change together is one transaction within `change()`."""

    def outbox(self, target: Target = Target.RUN) -> LedgerOutbox:
        """What is due in the trainer's run, or in the other target."""
        return LedgerOutbox(self, target, self._clock)

    def episodes(self) -> LedgerEpisodes:
        """The early warnings of this run."""
        return LedgerEpisodes(self, self._clock)

    def deliveries(self) -> LedgerDeliveries:
        """Who is still to hear of the early warnings."""
        return LedgerDeliveries(self, self._clock)

    def failures(self) -> LedgerFailures:
        """The checkpoints that were given up."""
        return LedgerFailures(self)

    def followups(self) -> LedgerFollowups:
        """The work that follows evaluations."""
        return LedgerFollowups(self, self._clock)

    def losses(self) -> LedgerLosses:
        """What the trainer has logged of its loss."""
        return LedgerLosses(self)

    def summaries(self) -> LedgerSummaries:
        """What the early warnings keep of each evaluation."""
        return LedgerSummaries(self)

    def sightings(self) -> LedgerSightings:
        """What was read of each complete checkpoint."""
        return LedgerSightings(self)

    def keep_suite(self, request: str, digest: str, body: str) -> None:
        """Remember a suite, so that a restart evaluates with the very same token ids."""
        with self.change() as db:
            db.execute("INSERT OR REPLACE INTO suite VALUES (?, ?, ?)", (request, digest, body))
