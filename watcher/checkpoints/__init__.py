"""What trainers write: finding checkpoints, telling whole ones from partial ones, and copying them out of reach."""

from watcher.checkpoints.discovery import StepMetadata, base_model, discover, named, writers_directory
from watcher.checkpoints.inspection import inspect
from watcher.checkpoints.layouts import KNOWN, Layout, layouts_for
from watcher.checkpoints.sources.waker import DirectoryWaker
from watcher.checkpoints.staging.stage import clear_stale, free_bytes, stage, unstage

__all__ = [
    "KNOWN",
    "DirectoryWaker",
    "Layout",
    "StepMetadata",
    "base_model",
    "clear_stale",
    "discover",
    "free_bytes",
    "inspect",
    "layouts_for",
    "named",
    "stage",
    "unstage",
    "writers_directory",
]
