"""Early warnings while the service runs: looked for after each evaluation, kept in the ledger, and passed on.

A warning goes to the log, to W&B (once in a run's life), and where they are configured to a webhook and a command
(`watcher.service.notifiers`), each of which goes its own way. Nothing here ends the service: what cannot be passed on
is said, and tried again where that may help.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from watcher.alerts import AlertSettings, Episode, History, Replay, Rule
from watcher.alerts.episodes import Rise
from watcher.ledger.deliveries import WANDB
from watcher.ledger.episodes import Changes
from watcher.ledger.ledger import Ledger
from watcher.model import AlertLevel, Event
from watcher.service.board import Board
from watcher.service.history import Hurried, LedgerHistory
from watcher.service.notifiers import Attempts, Channels, CommandNotifier, Notifier, WebhookNotifier
from watcher.service.signals import log

_LEAST_PAUSE: Final = 1.0
_PAUSE: Final = 60.0
"""Longest time, in seconds, between two looks: what time alone shows (a silent trainer) needs no more."""
TIMED: Final = (Rule.FALLING_BEHIND, Rule.TRAINER_SILENT)
_LEVELS: Final = {AlertLevel.INFO: logging.INFO, AlertLevel.WARN: logging.WARNING, AlertLevel.ERROR: logging.ERROR}
_TICK: Final = 0.2
_LEAVE_SECONDS: Final = 1.0
"""How long, in seconds, the end waits for a channel that is amidst something when there is no time to try again."""


class AlertMonitor:
    """Looks for warnings. `ended` tells that no further checkpoint will come; `publish` wakes whoever brings what is
    due to W&B, and is None where nobody does. `looked` is set once the directory was looked at.
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
        looked: threading.Event | None = None,
    ) -> None:
        self._ledger = ledger
        self._history = history
        self._looked = looked
        self._silence = settings.silence
        self._replay = Replay(settings)
        self._events = channels.events(wandb=publish is not None)
        self._board = board
        self._ended = ended
        self._notifiers = _notifiers(ledger, channels, run, publish)
        self._attempts = Attempts("Early warnings", "worked out")
        self.looked_last = threading.Event()
        """Set once nothing more can become due."""
        self._wake = threading.Event()
        self._finishing = threading.Event()
        self._deadline = math.inf

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
        """Look now and then, and after each evaluation, until `finish()`; meanwhile each channel passes on what is due
        to it, in a thread of its own.
        """
        for notifier in self._notifiers:
            notifier.start()
        self._await_look()
        while True:
            last = self._finishing.is_set()
            self._attempts.make(self._look)
            for notifier in self._notifiers:
                notifier.wake()
            if last:
                break
            # Evaluations that follow each other within a second are looked at together.
            self._finishing.wait(_LEAST_PAUSE)
            self._wake.wait(_PAUSE)
            self._wake.clear()
        self.looked_last.set()
        self._part()

    def _await_look(self) -> None:
        """Let the first checkpoint go first: to read a long history takes a second of a core. A directory that is not
        there, or takes minutes to read, holds up no warning.
        """
        until = time.monotonic() + _PAUSE
        while self._looked is not None and not self._finishing.is_set() and time.monotonic() < until:
            if self._looked.wait(_TICK):
                return

    def _part(self) -> None:
        """Give each channel the same time to end, and say what it leaves."""
        for notifier in self._notifiers:
            notifier.finish(self._deadline)
        until = max(self._deadline, time.monotonic() + _LEAVE_SECONDS)
        for notifier in self._notifiers:
            notifier.join(max(0.0, until - time.monotonic()))
            notifier.leave()

    def step(self) -> None:
        """One look, and whatever is due to be passed on, one channel after the other."""
        self._attempts.make(self._look)
        for notifier in self._notifiers:
            notifier.step()

    def _look(self) -> None:
        ended = self._ended()
        try:
            history = self._history.read(ended=ended, hurry=self._is_over)
        except Hurried:
            return
        found = {episode.key: episode for episode in self._replay.evaluate(history)}
        with self._ledger.change():
            known = self._known()
            if ended:
                # That nothing more will come does not mean that it came.
                found = {key: one for key, one in known.items() if one.active and one.rule in TIMED} | found
            found = {key: episode.no_milder_than(known.get(key)) for key, episode in found.items()}
            unwatched = self._unwatched(history, known.values())
            past = self._ledger.of_the_past()
            quiet = self._quiet(found.values(), past)
            brief = {key for key, episode in found.items() if episode.rule is Rule.CHECKPOINT_FAILED}
            changes = self._ledger.episodes().settle(found.values(), unwatched, quiet, brief)
            known = self._known()
            risen = [key for key in changes.risen if (rise := known[key].risen) is not None and rise.uid not in past]
            changes = replace(changes, risen=tuple(risen))
            self._tell_all(changes, known)
        self._say_all(changes, known)
        self._board.update(warnings=tuple(f"{a.rule} (step {a.step}): {a.title}" for a in known.values() if a.active))

    def _say_all(self, changes: Changes, known: Mapping[str, Episode]) -> None:
        """A line of the log for each change."""
        for key in changes.begun:
            _say(known[key].told(Event.RAISED))
        for key in changes.risen:
            _say(known[key], "Worse: ")
        for key in changes.over:
            log.info("Over: %s.", _named(known[key]))
        for key in changes.unwatched:
            why = "its rule is silenced" if known[key].rule in self._silence else "sampling or scoring has changed"
            log.info("uimon watches these warnings no longer, because %s: %s.", why, _named(known[key]))

    def _tell_all(self, changes: Changes, known: Mapping[str, Episode]) -> None:
        """Have the channels pass on each change. W&B keeps what an earlier ledger has told there."""
        for key in changes.past:
            self._ledger.deliveries().note_told(WANDB, key)
        news = ((Event.RAISED, changes.begun), (Event.RISEN, changes.risen), (Event.CLEARED, changes.over))
        for event, keys in news:
            for key in keys:
                self._tell(known[key].told(event), event)

    def _tell(self, episode: Episode, event: Event) -> None:
        """Have each channel pass on this event of the episode, which is the last one that it shows."""
        deliveries = self._ledger.deliveries()
        for channel, events in self._events.items():
            if event in events and channel == WANDB:
                deliveries.add_alert(episode.key, event, episode.alert())
            elif event in events:
                deliveries.add(channel, episode.key, event, episode.to_dict())

    def _is_over(self) -> bool:
        """There is no time left: whoever stops the service waits for it."""
        return self._finishing.is_set() and time.monotonic() >= self._deadline

    def _known(self) -> dict[str, Episode]:
        return {episode["key"]: Episode.from_dict(episode) for episode in self._ledger.episodes().all()}

    def _unwatched(self, history: History, known: Iterable[Episode]) -> set[str]:
        """Keys of what this history cannot show: the rule is silenced, or the samples were of another suite."""
        watched = {entry.uid for entry in history.entries}
        return {a.key for a in known if a.rule in self._silence or (a.uid and a.uid not in watched)}

    def _quiet(self, episodes: Iterable[Episode], past: Collection[str]) -> set[str]:
        """Keys of what tells of the past, of which people have heard: it began at an evaluation whose samples were
        scored anew, or within what an earlier ledger had. What time alone shows is told as of now.
        """
        step = self._ledger.restored_step()
        return {
            episode.key
            for episode in episodes
            if episode.uid in past or (not episode.uid and episode.step <= step and episode.rule not in TIMED)
        }


def _notifiers(
    ledger: Ledger, channels: Channels, run: str, publish: Callable[[], None] | None
) -> tuple[Notifier, ...]:
    found: list[Notifier] = []
    if channels.webhook is not None:
        found.append(WebhookNotifier(ledger, run, channels.webhook, channels.retries))
    if channels.command is not None:
        found.append(CommandNotifier(ledger, run, channels.command, publish))
    return tuple(found)


def _named(episode: Episode) -> str:
    return f"{episode.title} ({episode.rule}, since step {episode.step})"


def _say(episode: Episode, how: str = "") -> None:
    """One line; of an episode that is worse than it was, what shows that, and not what it began with."""
    told: Episode | Rise = episode.risen or episode
    what = f"{how}{episode.title} ({episode.rule}, step {told.step})"
    sentence, level = "%s: %s Likely cause: %s What to do: %s", _LEVELS[episode.level]
    log.log(level, sentence, what, told.evidence, episode.cause, episode.fix)
