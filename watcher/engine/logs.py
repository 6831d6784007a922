"""What the engine's processes and their libraries print: one file for each process."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from watcher.system.files import read_tail

_LOGS_KEPT = 8
_TAIL_BYTES = 4096
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def new_log(directory: Path, program: str) -> Path:
    """A new log file for a `program`; only its newest few are kept."""
    directory.mkdir(parents=True, exist_ok=True)
    for old in sorted(directory.glob(f"{program}-*.log"))[: -(_LOGS_KEPT - 1)]:
        old.unlink(missing_ok=True)
    return directory / f"{program}-{time.time_ns()}-{os.getpid()}.log"


def end_of_log(log: Path, size: int = _TAIL_BYTES) -> str:
    """The last bytes of a log; empty where it cannot be read."""
    try:
        return read_tail(log, size).decode("utf-8", "replace")
    except OSError:
        return ""


def last_words(log: Path) -> str:
    """The last lines of a log, as one line."""
    lines = [" ".join(_ANSI.sub("", line).split()) for line in end_of_log(log).splitlines()]
    return " | ".join([line for line in lines if line][-3:])[-600:] or "none"
