"""Early warnings while the service runs: looked for after each evaluation, kept in the ledger, and passed on.

A warning goes to the log, to W&B (once in a run's life), and where they are configured to a webhook and a command.
Nothing here ends the service: what cannot be passed on is said, and tried again where that may help.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from watcher.alerts import Alarm, AlertSettings, Replay, Rule
from watcher.alerts.delivery import Command, Webhook
from watcher.board import Board
from watcher.ledger import Ledger
from watcher.ledger_alarms import CLEARED, RAISED, Notice
from watcher.model import Alert, AlertLevel
from watcher.service.history import LedgerHistory
from watcher.service.signals import log

_LEAST_PAUSE: Final = 1.0
_PAUSE: Final = 30.0
"""Longest time, in seconds, between two looks: what time alone shows (a silent trainer) needs no more."""
TIMED: Final = (Rule.FALLING_BEHIND, Rule.TRAINER_SILENT)
_WEBHOOK, _COMMAND = "webhook", "command"
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
    """Looks for warnings. `ended` tells that no further checkpoint will come."""

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
    ) -> None:
        self._ledger = ledger
        self._history = history
        self._replay = Replay(settings)
        self._channels = channels
        self._board = board
        self._run = run
        self._ended = ended
        self._wake = threading.Event()
        self._finishing = threading.Event()
        self._broken = False

    def wake(self) -> None:
        """Something was evaluated."""
        self._wake.set()

    def finish(self) -> None:
        """Nothing more will be evaluated: `run()` looks once more and returns."""
        self._finishing.set()
        self._wake.set()

    def run(self) -> None:
        """Look now and then, and after each evaluation, until `finish()`."""
        while True:
            last = self._finishing.is_set()
            self.step()
            if last:
                return
            # Evaluations that follow each other within a second are looked at together.
            self._finishing.wait(_LEAST_PAUSE)
            self._wake.wait(_PAUSE)
            self._wake.clear()

    def step(self) -> None:
        """One look, and whatever is due to be passed on."""
        try:
            self._look()
            self._pass_on()
        except Exception as error:  # noqa: BLE001 (a rule that fails must not end what it is to warn of)
            if not self._broken:
                log.error("Early warnings cannot be worked out (%s: %s).", type(error).__name__, error)
            log.debug("The look for early warnings ended unexpectedly.", exc_info=error)
            self._broken = True

    def _look(self) -> None:
        ended = self._ended()
        found = {alarm.key: alarm for alarm in self._replay.evaluate(self._history.read(ended=ended))}
        if ended:
            # That nothing more will come does not mean that it came.
            found = {alarm.key: alarm for alarm in self._lasting() if alarm.rule in TIMED} | found
        with self._ledger.change():
            changes = self._ledger.alarms().settle(found.values(), self._channels.events)
            for key in changes.begun:
                self._ledger.outbox().add_alert(found[key].alert())
            known = {alarm["key"]: Alarm.from_dict(alarm) for alarm in self._ledger.alarms().all()}
            for key in changes.over:
                self._ledger.outbox().add_alert(_over(known[key]))
        for key in changes.begun:
            _say(found[key])
        for key in changes.over:
            log.info("Over: %s (%s, since step %d).", known[key].title, known[key].rule, known[key].step)
        self._board.update(warnings=tuple(f"{a.rule} (step {a.step}): {a.title}" for a in known.values() if a.active))

    def _lasting(self) -> list[Alarm]:
        return [Alarm.from_dict(alarm) for alarm in self._ledger.alarms().all() if alarm["active"]]

    def _pass_on(self) -> None:
        alarms = self._ledger.alarms()
        if self._channels.command is not None:
            for notice in alarms.due(_COMMAND):
                # Done before it runs: a command that ends this very process must not run again at the next start.
                alarms.passed_on(notice, _COMMAND)
                if trouble := self._channels.command.run(Alarm.from_dict(notice.alarm), self._run):
                    log.error("%s", trouble)
        if self._channels.webhook is not None:
            for notice in alarms.due(_WEBHOOK):
                self._post(self._channels.webhook, notice)

    def _post(self, webhook: Webhook, notice: Notice) -> None:
        refusal = webhook.send(_as_told(notice), self._run)
        retries, alarms = self._channels.retries, self._ledger.alarms()
        if refusal is None:
            alarms.passed_on(notice, _WEBHOOK)
        elif refusal.may_pass and notice.attempts < len(retries):
            alarms.postpone(notice, _WEBHOOK, retries[notice.attempts], refusal.sentence)
            log.log(logging.DEBUG if notice.attempts else logging.WARNING, "%s It is tried again.", refusal.sentence)
        else:
            alarms.passed_on(notice, _WEBHOOK, refusal.sentence)
            log.error("%s It is not tried again.", refusal.sentence)


def _as_told(notice: Notice) -> Alarm:
    """The warning as it stood at the event; it may be over by the time that its beginning is told."""
    alarm = Alarm.from_dict(notice.alarm)
    if notice.event == RAISED:
        return alarm.begun()
    return alarm.ended()


def _say(alarm: Alarm) -> None:
    where = f"{alarm.rule}, step {alarm.step}"
    log.log(_LEVELS[alarm.level], "%s (%s): %s What to do: %s", alarm.title, where, alarm.evidence, alarm.fix)


def _over(alarm: Alarm) -> Alert:
    """W&B is told that a warning is over, too."""
    at = "" if alarm.cleared_step is None else f" at step {alarm.cleared_step}"
    text = f"{alarm.title}: this began at step {alarm.step} and is over{at}."
    return Alert(f"{alarm.key}/over", AlertLevel.INFO, f"Over: {alarm.rule} (step {alarm.step})", text)
