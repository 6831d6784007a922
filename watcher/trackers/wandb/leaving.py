"""Leaving a run without waiting for ever. Nothing outside a session imports this module: it imports the SDK."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import wandb

from watcher.trackers.wandb.reading import FAILURES
from watcher.trackers.wandb.transmission import Transmission, transmission

_PAUSE = 0.1


def leave(run: wandb.Run, exit_code: int = 0) -> Transmission:
    """Finish the run, and say what became of its requests.

    `finish()` does not return while the SDK waits to repeat a request, which it would do blindly (`environment`): then
    the session goes on without it, and ends with all that it has started.
    """
    log = Path(run.settings.log_internal)
    failed: list[Exception] = []

    def finish() -> None:
        try:
            run.finish(exit_code=exit_code)
        except FAILURES as error:
            failed.append(error)

    finishing = threading.Thread(target=finish, daemon=True)
    finishing.start()
    while finishing.is_alive() and not transmission(log).stuck:
        finishing.join(_PAUSE)
    if failed:
        # Rows may be on their way: what became of them is for the reading to say.
        print(f"uimon: leaving the run failed ({failed[0]})", file=sys.stderr)
    return transmission(log)
