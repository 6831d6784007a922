"""Publication: rows go from the ledger's outbox into the trainer's own W&B run, and are read back from there.

What holds, whatever dies when:

- Nothing is written next to a trainer that is not in W&B's shared mode, since that costs the trainer rows: rows
  wait until its run has ended, and are shown in a companion run of uimon's own meanwhile.
- A row counts as published only after it was read back from the run by its uid.
- A row that may have been sent is sent again only once it is proven not to be in the run (`proof`, `transmission`), so
  neither a crash nor an outage nor a W&B that shows rows late doubles it. The SDK repeats no request that holds rows.
  A proxy on the way may: `PublishResult.copies` counts rows that the run holds more than once.
- One uimon at a time publishes into a run (`claim`), and a companion is only a run that uimon made (`own_run`).
- The W&B SDK runs only in short-lived sessions of their own; this package's parent side never imports it.

What the service gets of all this is `tracker.WandbTracker`; what of a run outlives the process is in `join_state`.

Not covered: a default-mode trainer that starts within the seconds between the check and the write.
"""

from watcher.trackers.wandb.claim import Claim, ClaimedPublisher
from watcher.trackers.wandb.identity import publisher_id
from watcher.trackers.wandb.joining import Settling
from watcher.trackers.wandb.outbox import Backoff, Outbox, OutboxReport, OutboxStore
from watcher.trackers.wandb.publisher import WandbPublisher, inspect_run, logged_steps
from watcher.trackers.wandb.run import RunFacts, RunRef, missing_run
from watcher.trackers.wandb.wire import Limits, PublishPlan, PublishResult

__all__ = [
    "Backoff",
    "Claim",
    "ClaimedPublisher",
    "Limits",
    "Outbox",
    "OutboxReport",
    "OutboxStore",
    "PublishPlan",
    "PublishResult",
    "RunFacts",
    "RunRef",
    "Settling",
    "WandbPublisher",
    "inspect_run",
    "logged_steps",
    "missing_run",
    "publisher_id",
]
