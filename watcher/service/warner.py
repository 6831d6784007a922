"""Early warnings while the service runs: looked for after each evaluation, kept in the ledger, and passed on.

A warning goes to the log, to W&B (once in a run's life), and where they are configured to a webhook and a command.
Nothing here ends the service: what cannot be passed on is said, and tried again where that may help.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from watcher.alerts import Alarm, AlertSettings, History, Replay, Rule
from watcher.alerts.delivery import Command, Webhook
from watcher.board import Board
from watcher.ledger import Ledger
from watcher.ledger_alarms import CLEARED, RAISED, Notice
from watcher.model import Alert, AlertLevel
from watcher.service.history import Hurried, LedgerHistory
from watcher.service.signals import log

_LEAST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 8.0
"""Longest pause, in seconds, between the last attempts at a webhook."""
_PAUSE: Final = 30.0
"""Longest time, in seconds, between two looks: what time alone shows (a silent trainer) needs no more."""
TIMED: Final = (Rule.FALLING_BEHIND, Rule.TRAINER_SILENT)
_WEBHOOK, _COMMAND = "webhook", "command"
_HEARD_SECONDS: Final = 10.0
"""How long a command waits for W&B to take the alert of what it may act on: it may end this very process."""
_TICK: Final = 0.1
_LEVELS: Final = {AlertLevel.INFO: logging.INFO, AlertLevel.WARN: logging.WARNING, AlertLevel.ERROR: logging.ERROR}
_RETRY_SECONDS = (1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Channels:
    """Where warnings go besides the log and W&B. `retries`: pauses in seconds between attempts at a webhook."""

    webhook: Webhook | None = None
    command: Command | None = None
    retries: tuple[float, ...] = field(default=_RETRY_SECONDS)

    @property
    def events(self) -> dict[str, frozenset[str]]:
        """Which events each channel passes on. A command may stop a training, so it hears of nothing that is over."""
        both = frozenset({RAISED, CLEARED})
        named = ((_WEBHOOK, self.webhook, both), (_COMMAND, self.command, frozenset({RAISED})))
        return {name: events for name, channel, events in named if channel is not None}


class Warner:
    """Looks for warnings. `ended` tells that no further checkpoint will come; `publish` wakes whoever brings what is
    due to W&B, and is None where nobody does.
    """

    def __init__(
        self,
        ledger: Ledger,
        history: LedgerHistory,
        settings: AlertSettings,
        channels: Channels,
        board: Board,
        *,
        run: str,
        ended: Callable[[], bool],
        publish: Callable[[], None] | None = None,
    ) -> None:
        self._ledger = ledger
        self._history = history
        self._silence = settings.silence
        self._replay = Replay(settings)
        self._channels = channels
        self._board = board
        self._run = run
        self._ended = ended
        self._publish = publish
        self._wake = threading.Event()
        self._finishing = threading.Event()
        self._deadline = math.inf
        self._broken: set[str] = set()

    def wake(self) -> None:
        """Something was evaluated."""
        self._wake.set()

    def finish(self, within: float) -> None:
        """Nothing more will be evaluated: `run()` looks once more, passes on what it can `within` so many seconds, and
        returns.
        """
        self._deadline = time.monotonic() + within
        self._finishing.set()
        self._wake.set()

    def run(self) -> None:
        """Look now and then, and after each evaluation, until `finish()`."""
        self._try(self._forget_commands, "passed on")
        while True:
            last = self._finishing.is_set()
            self.step()
            if last:
                self._try(self._drain, "passed on")
                return
            # Evaluations that follow each other within a second are looked at together.
            self._finishing.wait(_LEAST_PAUSE)
            self._wake.wait(_PAUSE)
            self._wake.clear()

    def step(self) -> None:
        """One look, and whatever is due to be passed on."""
        self._try(self._look, "worked out")
        self._try(self._pass_on, "passed on")

    def _try(self, part: Callable[[], None], purpose: str) -> None:
        """Do it; what goes wrong is said when it begins, and when it is over."""
        try:
            part()
        except Exception as error:  # noqa: BLE001 (a rule that fails must not end what it is to warn of)
            if purpose not in self._broken:
                log.error("Early warnings cannot be %s (%s: %s).", purpose, type(error).__name__, error)
            log.debug("Early warnings could not be %s.", purpose, exc_info=error)
            self._broken.add(purpose)
        else:
            if purpose in self._broken:
                log.info("Early warnings are %s again.", purpose)
            self._broken.discard(purpose)

    def _look(self) -> None:
        ended = self._ended()
        try:
            history = self._history.read(ended=ended, hurry=self._is_over)
        except Hurried:
            return
        found = {alarm.key: alarm for alarm in self._replay.evaluate(history)}
        with self._ledger.change():
            known = self._known()
            if ended:
                # That nothing more will come does not mean that it came.
                found = {key: alarm for key, alarm in known.items() if alarm.active and alarm.rule in TIMED} | found
            unwatched = self._unwatched(history, known.values())
            quiet = self._quiet(found.values())
            changes = self._ledger.alarms().settle(found.values(), self._channels.events, unwatched, quiet)
            for key in changes.begun:
                self._ledger.outbox().add_alert(found[key].alert())
            known = self._known()
            for key in changes.over:
                self._ledger.outbox().add_alert(_over(known[key]))
        for key in changes.begun:
            _say(found[key])
        for key in changes.over:
            log.info("Over: %s.", _named(known[key]))
        for key in changes.unwatched:
            why = (
                "its rule is silenced"
                if known[key].rule in self._silence
                else "samples are drawn or scored another way now"
            )
            log.info("No longer watched, because %s: %s.", why, _named(known[key]))
        self._board.update(warnings=tuple(f"{a.rule} (step {a.step}): {a.title}" for a in known.values() if a.active))

    def _is_over(self) -> bool:
        """There is no time left: whoever stops the service waits for it."""
        return self._finishing.is_set() and time.monotonic() >= self._deadline

    def _known(self) -> dict[str, Alarm]:
        return {alarm["key"]: Alarm.from_dict(alarm) for alarm in self._ledger.alarms().all()}

    def _unwatched(self, history: History, known: Iterable[Alarm]) -> set[str]:
        """Keys of what this history cannot show: the rule is silenced, or the samples were of another suite."""
        watched = {entry.uid for entry in history.entries}
        return {a.key for a in known if a.rule in self._silence or (a.uid and a.uid not in watched)}

    def _quiet(self, alarms: Iterable[Alarm]) -> set[str]:
        """Keys of what began at an evaluation whose samples were scored anew: it tells of the past, of which people
        heard then, as it was scored then.
        """
        rescored = self._ledger.rescored()
        return {alarm.key for alarm in alarms if alarm.uid in rescored}

    def _pass_on(self) -> None:
        if self._channels.webhook is not None:
            for notice in self._ledger.alarms().due(_WEBHOOK):
                self._post(self._channels.webhook, notice)
        if self._channels.command is not None:
            self._act(self._channels.command)

    def _act(self, command: Command) -> None:
        """Run the command for what is new, once everybody else has heard of it."""
        notices = self._ledger.alarms().due(_COMMAND)
        self._let_wandb_hear({notice.key for notice in notices})
        # All are done before one runs: a command that ends this very process must not do it again at the next start,
        # where the trainer is well again.
        self._done_with_commands(notices)
        for notice in notices:
            if trouble := command.run(Alarm.from_dict(notice.alarm), self._run):
                log.error("%s", trouble)

    def _let_wandb_hear(self, keys: set[str]) -> None:
        if self._publish is None or not keys:
            return
        self._publish()
        patience = time.monotonic() + _HEARD_SECONDS
        while any(alert.key in keys for alert in self._ledger.outbox().due_alerts()):
            # A stop may bring the deadline nearer at any time.
            if time.monotonic() >= min(patience, self._deadline):
                return
            time.sleep(_TICK)

    def _forget_commands(self) -> None:
        """What an earlier process did not come to is past: the trainer that it was about may have been repaired."""
        notices = self._ledger.alarms().due(_COMMAND)
        for notice in notices:
            log.warning("The command is not run for alarm %s, which an earlier start raised.", notice.key)
        self._done_with_commands(notices)

    def _done_with_commands(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            self._ledger.alarms().passed_on(notice, _COMMAND)

    def _post(self, webhook: Webhook, notice: Notice, *, last: bool = False) -> None:
        """One attempt. The `last` ones, close to each other, do not count: the next start has all of its own."""
        refusal = webhook.send(_as_told(notice), self._run)
        retries, alarms = self._channels.retries, self._ledger.alarms()
        if refusal is None:
            alarms.passed_on(notice, _WEBHOOK)
        elif not refusal.may_pass or notice.attempts >= len(retries):
            alarms.passed_on(notice, _WEBHOOK, refusal.sentence)
            log.error("%s It is not tried again.", refusal.sentence)
        elif not last:
            alarms.postpone(notice, _WEBHOOK, retries[notice.attempts], refusal.sentence)
            log.log(logging.DEBUG if notice.attempts else logging.WARNING, "%s It is tried again.", refusal.sentence)

    def _drain(self) -> None:
        """The last attempts at the webhook, while there is time; says what is left to the next start."""
        webhook, pause = self._channels.webhook, _LEAST_PAUSE
        if webhook is None:
            return
        while (left := self._ledger.alarms().due(_WEBHOOK, early=True)) and time.monotonic() + pause < self._deadline:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            for notice in left:
                if time.monotonic() < self._deadline:
                    self._post(webhook, notice, last=True)
        for notice in left:
            log.error(
                "The webhook was not told that alarm %s was %s; the next start tries again.", notice.key, notice.event
            )


def _as_told(notice: Notice) -> Alarm:
    """The warning as it stood at the event; it may be over by the time that its beginning is told."""
    alarm = Alarm.from_dict(notice.alarm)
    if notice.event == RAISED:
        return alarm.begun()
    return alarm.ended()


def _named(alarm: Alarm) -> str:
    return f"{alarm.title} ({alarm.rule}, since step {alarm.step})"


def _say(alarm: Alarm) -> None:
    where = f"{alarm.rule}, step {alarm.step}"
    sentence = "%s (%s): %s Likely cause: %s What to do: %s"
    log.log(_LEVELS[alarm.level], sentence, alarm.title, where, alarm.evidence, alarm.cause, alarm.fix)


def _over(alarm: Alarm) -> Alert:
    """W&B is told that a warning is over, too."""
    at = "" if alarm.cleared_step is None else f" at step {alarm.cleared_step}"
    text = f"{alarm.title}: this began at step {alarm.step} and is over{at}."
    return Alert(f"{alarm.key}/over", AlertLevel.INFO, f"Over: {alarm.rule} (step {alarm.step})", text)
