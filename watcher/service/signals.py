"""How the service's threads wake and stop each other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger("uimon")


class Signals:
    """`stop`: take nothing new and come to an end. `work`: something is staged. `due`: a row is due.

    `looked` is set once the directory was looked at in full. `news()` notes that something happened, which is
    what the idle exit is measured from. `swapped` is set once the engine has taken a second checkpoint.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.stop = threading.Event()
        self.work = threading.Event()
        self.due = threading.Event()
        self.looked = threading.Event()
        self.swapped = threading.Event()
        self.clock = clock
        self._news_at = clock()

    def news(self) -> None:
        """Something happened: a checkpoint moved on."""
        self._news_at = self.clock()

    @property
    def quiet_seconds(self) -> float:
        """Seconds since something last happened."""
        return self.clock() - self._news_at
