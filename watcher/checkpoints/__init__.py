"""What trainers write: finding checkpoints, telling whole ones from partial ones, and copying them out of reach."""

from watcher.checkpoints.discovery import NAMINGS, Found, Naming, discover, naming_of, step_of
from watcher.checkpoints.inspection import inspect
from watcher.checkpoints.sources.waker import DirectoryWaker
from watcher.checkpoints.staging.stage import clear_stale, free_bytes, stage, unstage

__all__ = [
    "NAMINGS",
    "DirectoryWaker",
    "Found",
    "Naming",
    "clear_stale",
    "discover",
    "free_bytes",
    "inspect",
    "naming_of",
    "stage",
    "step_of",
    "unstage",
]
