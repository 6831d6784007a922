"""How early warnings reach a webhook and a command: each by a notifier with a thread, a queue and a deadline of its
own.

| channel | its queue | it is full | one attempt takes at most | how often a warning arrives |
|---|---|---|---|---|
| log, display | an `Outlet` of 1 MB | the newest lines are left out and counted | – | at most once |
| W&B | rows, deliveries in the ledger | never | one session of its tracker | rows once, alerts at least once |
| webhook | deliveries in the ledger | given up after 8 retries in 3 hours | 10 s | at least once |
| command | deliveries in the ledger | never | 60 s | at most once |

None waits for another, but that a command, which may end this very process, lets the others hear of its warning first,
for `_HEARD_SECONDS` at most. The exit waits `drain_timeout` for all of them at once, after a signal 1 s; then it says
what is left. A webhook hears of that at the next start. A command does not: the trainer may have been repaired.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from watcher.alerts import Episode
from watcher.alerts.delivery import Command, Webhook
from watcher.ledger.deliveries import WANDB, Delivery
from watcher.ledger.ledger import Ledger
from watcher.model import Event
from watcher.service.signals import log

_PAUSE: Final = 1.0
"""Seconds between two looks for what was postponed."""
_LONGEST_PAUSE: Final = 8.0
"""Longest pause, in seconds, between the last attempts at a webhook."""
_WEBHOOK, _COMMAND = "webhook", "command"
_HEARD_SECONDS: Final = 10.0
"""How long a command lets the other channels hear of a warning first: it may end this very process."""
_TICK: Final = 0.1
_RETRY_SECONDS = (1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Channels:
    """Where warnings go besides log, display, and W&B, to which its tracker brings them. `retries`: pauses in seconds
    between attempts at a webhook.
    """

    webhook: Webhook | None = None
    command: Command | None = None
    retries: tuple[float, ...] = field(default=_RETRY_SECONDS)

    def events(self, *, wandb: bool) -> dict[str, frozenset[Event]]:
        """Which events each channel passes on, W&B where somebody brings them there. A command may stop a training, so
        it hears of nothing that is over.
        """
        every = frozenset(Event)
        used = {
            WANDB: every if wandb else None,
            _WEBHOOK: every if self.webhook is not None else None,
            _COMMAND: every - {Event.CLEARED} if self.command is not None else None,
        }
        return {channel: events for channel, events in used.items() if events is not None}


class Attempts:
    """At something that may go wrong any number of times: it is said when that begins, and when it is over."""

    def __init__(self, what: str, done: str) -> None:
        self._what = what
        self._done = done
        self._broken = False

    def make(self, part: Callable[[], None]) -> None:
        """Do it; what it raises is said."""
        try:
            part()
        except Exception as error:  # noqa: BLE001 (a rule or channel that fails must not end what it is to warn of)
            if not self._broken:
                log.error("%s cannot be %s (%s: %s).", self._what, self._done, type(error).__name__, error)
            log.debug("%s could not be %s.", self._what, self._done, exc_info=error)
            self._broken = True
        else:
            if self._broken:
                log.info("%s are %s again.", self._what, self._done)
            self._broken = False


class Notifier:
    """Passes on what is due to one channel. `start()` once; `finish()` and `join()` at the end."""

    channel: str

    def __init__(self, ledger: Ledger, run: str) -> None:
        self._ledger = ledger
        self._run = run
        self._attempts = Attempts(f"Early warnings for the {self.channel}", "passed on")
        self._wake = threading.Event()
        self._finishing = threading.Event()
        self._deadline = math.inf
        self._pending = False
        self._thread = threading.Thread(target=self._live, name=self.channel, daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._attempts.make(self._begin)
        self._thread.start()

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    def finish(self, deadline: float) -> None:
        """Nothing more becomes due: pass on what there is until then, by `time.monotonic`."""
        self._deadline = deadline
        self._finishing.set()
        self._wake.set()

    def join(self, seconds: float) -> None:
        """Wait for its end."""
        self._thread.join(seconds)

    def step(self) -> None:
        """Pass on what is due now."""
        self._attempts.make(self._round)

    def leave(self) -> None:
        """Say what was not passed on."""
        self._attempts.make(self._say_left)

    def _round(self) -> None:
        # Also where this fails there is something to come back for.
        self._pending = True
        self._pass_on()
        self._pending = bool(self._due(early=True))

    def _say_left(self) -> None:
        raise NotImplementedError

    def _begin(self) -> None:
        """What comes before all else."""

    def _pass_on(self) -> None:
        raise NotImplementedError

    def _drain(self) -> None:
        """The last attempts."""

    def _live(self) -> None:
        while True:
            last = self._finishing.is_set()
            self.step()
            if last:
                self._attempts.make(self._drain)
                return
            self._wake.wait(_PAUSE if self._pending else None)
            self._wake.clear()

    def _due(self, *, early: bool = False) -> list[Delivery]:
        return self._ledger.deliveries().due(self.channel, early=early)


class WebhookNotifier(Notifier):
    """Tells a webhook, again and again where it may take the warning later."""

    channel = _WEBHOOK

    def __init__(self, ledger: Ledger, run: str, webhook: Webhook, retries: tuple[float, ...]) -> None:
        super().__init__(ledger, run)
        self._webhook = webhook
        self._retries = retries

    def _say_left(self) -> None:
        sentence = "The webhook could not be told that warning %s was %s; the next start retries."
        for delivery in self._due(early=True):
            log.error(sentence, delivery.key, delivery.event)

    def _pass_on(self) -> None:
        for place, delivery in enumerate(self._due()):
            # One attempt is made also where there is no time for more.
            if place and self._over:
                return
            self._post(delivery)

    def _drain(self) -> None:
        pause = _PAUSE
        while (left := self._due(early=True)) and time.monotonic() + pause < self._deadline:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            for delivery in left:
                if not self._over:
                    self._post(delivery, last=True)

    @property
    def _over(self) -> bool:
        return time.monotonic() >= self._deadline

    def _post(self, delivery: Delivery, *, last: bool = False) -> None:
        """One attempt. The `last` ones, close to each other, do not count: the next start has all of its own."""
        refusal = self._webhook.send(Episode.from_dict(delivery.told), self._run)
        retries, deliveries = self._retries, self._ledger.deliveries()
        if refusal is None:
            deliveries.passed_on(delivery, _WEBHOOK)
        elif not refusal.may_pass or delivery.attempts >= len(retries):
            deliveries.passed_on(delivery, _WEBHOOK, refusal.sentence)
            log.error("%s uimon does not retry.", refusal.sentence)
        elif not last:
            deliveries.postpone(delivery, _WEBHOOK, retries[delivery.attempts], refusal.sentence)
            log.log(logging.DEBUG if delivery.attempts else logging.WARNING, "%s uimon retries.", refusal.sentence)


class CommandNotifier(Notifier):
    """Runs a command for what is new. `publish` wakes whoever brings alerts to W&B, and is None where nobody does."""

    channel = _COMMAND

    def __init__(self, ledger: Ledger, run: str, command: Command, publish: Callable[[], None] | None) -> None:
        super().__init__(ledger, run)
        self._command = command
        self._publish = publish
        self._running = ""

    def _say_left(self) -> None:
        if running := self._running:
            log.error("The command for warning %s still runs; uimon leaves it running.", running)

    def _begin(self) -> None:
        """What an earlier process did not come to is past: the trainer that it was about may have been repaired."""
        # What happened to one episode is due one after the other.
        while deliveries := self._due():
            for delivery in deliveries:
                log.warning(
                    "uimon does not run the command for warning %s, which an earlier start raised.", delivery.key
                )
            self._done_with(deliveries)

    def _pass_on(self) -> None:
        deliveries = self._due()
        self._let_others_hear({(delivery.key, delivery.event) for delivery in deliveries})
        # All are done before one runs: a command that ends this very process must not do it again at the next start,
        # where the trainer is well again.
        self._done_with(deliveries)
        for delivery in deliveries:
            self._running = delivery.key
            if trouble := self._command.run(Episode.from_dict(delivery.told), self._run):
                log.error("%s", trouble)
            self._running = ""

    def _done_with(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._ledger.deliveries().passed_on(delivery, _COMMAND)

    def _let_others_hear(self, news: set[tuple[str, Event]]) -> None:
        if self._publish is not None and news:
            self._publish()
        patience = time.monotonic() + _HEARD_SECONDS
        # A stop may bring the deadline nearer at any time.
        while self._unheard(news) and time.monotonic() < min(patience, self._deadline):
            time.sleep(_TICK)

    def _unheard(self, news: set[tuple[str, Event]]) -> bool:
        """True while W&B, or the webhook at its first attempt, has still to hear of one."""
        due = self._due_to(WANDB) if self._publish is not None else []
        return any((d.key, d.event) in news and not d.attempts for d in (*due, *self._due_to(_WEBHOOK)))

    def _due_to(self, channel: str) -> list[Delivery]:
        return self._ledger.deliveries().due(channel)
