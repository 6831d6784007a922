"""What a person sees of a running service: a live display in a terminal, plain log lines anywhere else.

Each line of the log passes the printable gate, and both leave through an `Outlet`, for which nobody waits.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from textwrap import indent
from typing import Any

from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from watcher.ledger.checkpoint_status import CheckpointStatus
from watcher.ledger.ledger import Ledger
from watcher.ledger.rows import Standing
from watcher.output.outlet import Outlet
from watcher.output.printable import printable, printable_block
from watcher.output.terminal import Terminal
from watcher.report.terminal import live_panel
from watcher.service.board import Board

_REFRESH_SECONDS = 0.5
_LINE = "%(asctime)s %(levelname)s %(message)s"
_TIME = "%Y-%m-%d %H:%M:%S"
_LEVELS = {logging.WARNING: "yellow", logging.ERROR: "bold red"}


class Display:
    """The live display; without a terminal it shows nothing, and the log lines say it all. Safe to use from several
    threads.
    """

    def __init__(self, run: str, place: Path, console: Terminal) -> None:
        self._run = run
        self._place = place
        self._console = console
        self._lock = threading.Lock()
        self._followed: tuple[Ledger, Board] | None = None
        self._read: tuple[object, Sequence[CheckpointStatus], Standing] | None = None
        self._last: RenderableType = Text("starting", style="dim")

    @contextmanager
    def following(self, ledger: Ledger, board: Board) -> Iterator[None]:
        """Show this service for as long as its ledger is open; what was shown last stays on the screen."""
        self._followed = ledger, board
        try:
            yield
        finally:
            last = self.render()
            with self._lock:
                self._last, self._followed = last, None

    def render(self) -> RenderableType:
        """The display as it is now."""
        with self._lock:
            if self._followed is None:
                return self._last
            ledger, board = self._followed
            rows, standing = self._rows(ledger)
            height = self._console.height
            return live_panel(self._run, str(self._place), rows, standing, board.snapshot, time.monotonic(), height)

    @property
    def moment(self) -> object:
        """Equal to an earlier one where the display is still the same."""
        with self._lock:
            if self._followed is None:
                return None
            ledger, board = self._followed
            now = board.snapshot
            clock = 0 if now.progress is None else int(time.monotonic() - now.since)
            return ledger.changes, now, clock, self._console.size

    def _rows(self, ledger: Ledger) -> tuple[Sequence[CheckpointStatus], Standing]:
        """The newest checkpoints, read again only where the ledger has changed."""
        now = ledger.changes, self._console.height
        if self._read is None or self._read[0] != now:
            self._read = now, ledger.status(self._console.height), ledger.standing()
        return self._read[1:]


class _ConsoleHandler(logging.Handler):
    """Log lines above the live display."""

    def __init__(self, console: Terminal) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        stamp = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = Text.assemble((stamp, "dim"), " ", (printable(record.getMessage()), _LEVELS.get(record.levelno, "")))
        self._console.print(line, soft_wrap=True)


class _TextFormatter(logging.Formatter):
    """A line that nothing in its message can end, and a traceback whose lines look like none of the log's."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return indent(printable_block(super().formatException(ei)), "    ")


class _JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (ISO 8601, UTC), `level`, `message`, and `traceback` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": record.levelname.lower(), "message": printable(record.getMessage())}
        if record.exc_info:
            line["traceback"] = printable_block(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class _Live(Live):
    """A live display that shows nothing while the terminal takes nothing, rather than all of it later."""

    def __init__(self, outlet: Outlet, console: Terminal, renderable: Callable[[], RenderableType]) -> None:
        self._outlet = outlet
        super().__init__(get_renderable=renderable, console=console, auto_refresh=False)

    def refresh(self) -> None:
        if not self._outlet.behind:
            super().refresh()


@contextmanager
def _drawn(screen: Live, display: Display) -> Iterator[None]:
    """Draw the display whenever it has changed: to draw the same twice a second takes a part of a core for good."""
    over = threading.Event()

    def draw() -> None:
        drawn: object = None
        while not over.wait(_REFRESH_SECONDS):
            if (now := display.moment) != drawn:
                screen.refresh()
                drawn = now

    thread = threading.Thread(target=draw, name="display", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def showing(run: str, place: Path, *, debug: bool = False, as_json: bool = False) -> Iterator[Display]:
    """Send uimon's log to standard error, below it a live display where that is a terminal and takes text.

    What nobody reads holds up nobody; the end waits `watcher.output.outlet.LAST_SECONDS` for it.
    """
    formatter = _JsonFormatter() if as_json else _TextFormatter(_LINE, _TIME)
    with _outlet(formatter) as outlet:
        console = Terminal(file=outlet)
        display = Display(run, place, console)
        if not console.is_terminal or not outlet.isatty() or as_json:
            with _logged(logging.StreamHandler(outlet), formatter, debug=debug):
                yield display
            return
        with (
            _logged(_ConsoleHandler(console), formatter, debug=debug),
            _Live(outlet, console, display.render) as screen,
            _drawn(screen, display),
        ):
            yield display


@contextmanager
def log_lines() -> Iterator[None]:
    """Send uimon's log to standard error, as `showing` does, without a display."""
    formatter = _TextFormatter(_LINE, _TIME)
    with _outlet(formatter) as outlet, _logged(logging.StreamHandler(outlet), formatter):
        yield


@contextmanager
def _outlet(formatter: logging.Formatter) -> Iterator[Outlet]:
    outlet = Outlet(sys.stderr, lambda count: f"{formatter.format(_left_out(count))}\n")
    try:
        yield outlet
    finally:
        outlet.finish()


@contextmanager
def _logged(handler: logging.Handler, formatter: logging.Formatter, *, debug: bool = False) -> Iterator[None]:
    handler.setFormatter(formatter)
    logger = logging.getLogger("uimon")
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _left_out(count: int) -> logging.LogRecord:
    """The line of the log in the place of those that it could not take."""
    what = "One part of the log is" if count == 1 else f"{count} parts of the log are"
    sentence = f"{what} left out here: standard error was blocked for too long."
    return logging.LogRecord("uimon", logging.WARNING, __file__, 0, sentence, (), None)
