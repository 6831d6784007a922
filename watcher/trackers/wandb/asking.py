"""The run at W&B, asked again and again; what keeps it from being known is said once, not each time."""

from __future__ import annotations

import logging

from watcher.checkpoints.run_log import RunLog
from watcher.model import LoggedStep, Reason, UimonError
from watcher.trackers.wandb.publisher import inspect_run, logged_steps
from watcher.trackers.wandb.run import RunFacts, RunRef, missing_run
from watcher.trackers.wandb.wire import LOGGED_STEPS

log = logging.getLogger("uimon")

_TIMEOUT = 60.0


class RunAtWandb:
    """What W&B says of one run."""

    def __init__(self, run: RunRef) -> None:
        self._run = run
        self._said: tuple[Reason, str] | None = None
        self._missed = 0

    def facts(self) -> RunFacts | None:
        """What W&B says of the run, also that there is none (yet); None where it cannot be known now, which never ends
        a service.
        """
        try:
            # Looking through all projects takes many requests, and a trainer that starts later is mostly in this one.
            search = self._missed & (self._missed - 1) == 0
            facts = inspect_run(self._run, _TIMEOUT, search=search)
        except UimonError as error:
            self._say(error.reason, error.sentence)
            return None
        except OSError as error:
            self._say(Reason.WANDB_UNREACHABLE, f"W&B could not be asked for the run ({error.strerror}).")
            return None
        if not facts.exists:
            self._missed += 1
            if search:
                found = ", ".join((*facts.elsewhere, *facts.titled))
                self._say(Reason.RUN_NOT_FOUND, missing_run(self._run, facts), found)
            return facts
        self._said, self._missed = None, 0
        return facts

    def logged(self) -> RunLog | None:
        """What the run itself has logged; None where W&B does not answer now."""
        try:
            steps = logged_steps(self._run, _TIMEOUT)
        except (UimonError, OSError) as error:
            log.debug("W&B did not say what the run has logged.", exc_info=error)
            return None
        rows: dict[int, list[LoggedStep]] = {}
        for step in steps:
            rows.setdefault(step.step, []).append(step)
        return RunLog(rows, cut=len(steps) >= LOGGED_STEPS)

    def _say(self, reason: Reason, sentence: str, news: str = "") -> None:
        """Say it where the reason, or what is `news` about it, is another than before."""
        if self._said != (reason, news):
            log.warning("%s (%s)", sentence, reason)
        self._said = reason, news
