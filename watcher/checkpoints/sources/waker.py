"""Wakes the service early when something happens in the run directory. Only a hint: the rescan is the truth.

inotify drops events silently when its queue runs over, sees nothing that another machine writes over NFS, and has
limits that other programs use up. So every failure here costs at most one `timeout` of delay, never a checkpoint.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from watcher.checkpoints.discovery import discover
from watcher.checkpoints.layouts import KNOWN, Layout
from watcher.model import UimonError
from watcher.system.mounts import network_file_system

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver, ObservedWatch

logger = logging.getLogger(__name__)

# What ends a step of writing. Opening and reading are left out: uimon's own reading would wake it, for ever. So is
# every single write: a checkpoint of 16 GB has thousands.
EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent, DirMovedEvent, DirDeletedEvent, FileClosedEvent, FileCreatedEvent, FileMovedEvent,
]  # fmt: skip
NEWEST = 2
"""How many of the newest checkpoints are watched inside: the one being written, and the one before it."""
SETTLE_S = 0.05
"""Events come in bursts; what follows within this time, in seconds, belongs to the same look."""

Identity = tuple[int, int]


class _Waker(FileSystemEventHandler):
    def __init__(self, flag: threading.Event) -> None:
        self._flag = flag

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002 - the kind does not matter
        self._flag.set()


class DirectoryWaker:
    """Sleeps until something happens in `root` or its newest checkpoints, or until the time is up.

    `root` need not exist, and may vanish and come back. Where events cannot be had, `on_degraded` is called once with
    a sentence, and `wait` becomes a plain sleep; each `wait` tries again. On a network file system events tell only of
    this machine's own writing, so that is said once, too. Used by one thread, except for `wake`.
    """

    def __init__(
        self,
        root: Path,
        on_degraded: Callable[[str], None] = logger.warning,
        layouts: Sequence[Layout] = KNOWN,
    ) -> None:
        self._root = root
        self._layouts = layouts
        self._on_degraded = on_degraded
        self._flag = threading.Event()
        self._observer: BaseObserver | None = None
        self._watches: dict[Path, tuple[Identity, ObservedWatch]] = {}
        self._degraded = False

    def wait(self, timeout: float, places: Sequence[Path] | None = None) -> bool:
        """True where something woke it, False where `timeout` seconds passed. `places` are the checkpoints that are
        there, by step, where the caller has just listed them.
        """
        self._follow(places)
        if not self._flag.wait(timeout):
            return False
        time.sleep(SETTLE_S)
        # Cleared before the caller looks, so that what happens while it looks wakes it again.
        self._flag.clear()
        return True

    def wake(self) -> None:
        """Ends the current or next `wait` at once; for signal handlers and other threads."""
        self._flag.set()

    def close(self) -> None:
        """Gives the watches and their threads back."""
        observer, self._observer = self._observer, None
        self._watches.clear()
        if observer is not None:
            observer.stop()
            observer.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _follow(self, places: Sequence[Path] | None) -> None:
        """Brings the watches in line with the directories that are there now."""
        if not self._degraded and (kind := network_file_system(self._root)):
            self._say(
                f"{self._root} lies on a network file system ({kind}), which sends no events for what another machine "
                "writes; uimon looks at the directory at each poll."
            )
        try:
            listed = self._listed() if places is None else places
            targets = {} if listed is None else self._targets(listed)
            self._drop(targets)
            for path, identity in targets.items():
                if path not in self._watches:
                    self._watches[path] = identity, self._start(path)
                    # What was written between the caller's look and this watch has sent no event.
                    self._flag.set()
        except FileNotFoundError:
            return  # vanished in between: the next wait looks again
        except OSError as error:
            self._say_degraded(error)

    def _listed(self) -> list[Path] | None:
        try:
            return [found.path for found in discover(self._root, self._layouts)]
        except UimonError:
            return None  # the service's own look says what is wrong with the directory

    def _targets(self, places: Sequence[Path]) -> dict[Path, Identity]:
        targets: dict[Path, Identity] = {}
        for path in (self._root, *places[-NEWEST:]):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            targets[path] = (status.st_dev, status.st_ino)
        return targets

    def _drop(self, targets: dict[Path, Identity]) -> None:
        """Forgets watches whose directory is gone, was replaced by another, or whose thread has ended with it."""
        if self._observer is None:
            return
        alive = {emitter.watch for emitter in self._observer.emitters if emitter.is_alive()}
        for path, (identity, watch) in list(self._watches.items()):
            if targets.get(path) != identity or watch not in alive:
                del self._watches[path]
                self._observer.unschedule(watch)
                self._flag.set()

    def _start(self, path: Path) -> ObservedWatch:
        if self._observer is None:
            observer = Observer()
            observer.start()
            self._observer = observer
        return self._observer.schedule(_Waker(self._flag), str(path), recursive=False, event_filter=EVENTS)

    def _say_degraded(self, error: OSError) -> None:
        self._say(
            f"File events are unavailable for {self._root} ({error.strerror}); uimon falls back to polling. "
            f"Raise fs.inotify.max_user_watches and max_user_instances to get them back."
        )

    def _say(self, sentence: str) -> None:
        if not self._degraded:
            self._degraded = True
            self._on_degraded(sentence)
